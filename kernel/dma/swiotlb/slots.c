// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots of one area: find a free run, claim it, release it.
 *
 * Pure bookkeeping on two bitmaps. The caller holds the area's lock, except for
 * swiotlb_slots_head(), which only looks at bits that the caller owns.
 */

#include "slots.h"

/**
 * DOC: First fit, with hints
 *
 * A search takes the lowest run that fits. That packs the area, and it reuses a
 * buffer that was just freed while it is still in a cache: a next-fit cursor walks
 * through the whole area instead, and makes each copy go to the page that was used
 * longest ago.
 *
 * First fit alone would pass over the same full words again and again. So each
 * area keeps, for each order o up to %SWIOTLB_MAX_HINT_ORDER, a lower bound::
 *
 *	no free, naturally aligned block of 2^o slots begins below hint[o]
 *
 * Releasing slots lowers the bounds, claiming the slots that a bound points at
 * raises it, and a search for such a block sets it to the block that it found, or to
 * the end of the area: the next request of this size fails without a search. So a
 * request of 1, 2, 4 or 8 slots, which is what drivers map most, first looks for an
 * aligned block. All other requests scan the bitmap word by word. Any run of n slots
 * holds an aligned block of 2^o slots if n >= 2^(o+1) - 1, and begins less than 2^o
 * slots before it: that bounds the scan from below.
 *
 * A scan that found no run of n slots sets @longest to n - 1, and a scan that found
 * none with the alignment to n - 1 plus what the alignment can cost: later requests of
 * that length pass over the area until a longer run gets free. So an area that has
 * room, but no hole that is large enough, is scanned once and not at every map.
 */

/* Nearly all runs lie in one word, and need no loop. */
static bool swiotlb_run_in_word(unsigned int index, unsigned int nslots)
{
	return index % BITS_PER_LONG + nslots <= BITS_PER_LONG;
}

static unsigned long swiotlb_run_mask(unsigned int index, unsigned int nslots)
{
	unsigned int bit = index % BITS_PER_LONG;

	return GENMASK(bit + nslots - 1, bit);
}

static void swiotlb_slots_lower_hints(struct swiotlb_slots *slots,
				      unsigned int index)
{
	unsigned int order;

	for (order = 0; order <= SWIOTLB_MAX_HINT_ORDER; order++) {
		index &= ~0U << order;
		if (slots->hint[order] > index)
			slots->hint[order] = index;
	}
}

static void swiotlb_slots_raise_hints(struct swiotlb_slots *slots,
				      unsigned int index, unsigned int nslots)
{
	unsigned int order;

	for (order = 0; order <= SWIOTLB_MAX_HINT_ORDER; order++)
		if (slots->hint[order] - index < nslots)
			slots->hint[order] = index + nslots;
}

/* The order of the aligned block that satisfies @fit, or -1 if there is none. */
static int swiotlb_fit_block_order(const struct swiotlb_fit *fit)
{
	unsigned int i, mask = fit->nslots - 1;

	if (!is_power_of_2(fit->nslots) ||
	    fit->nslots > 1U << SWIOTLB_MAX_HINT_ORDER ||
	    fit->align_mask > mask || (fit->align_off & fit->align_mask))
		return -1;
	for (i = 0; i < SWIOTLB_NR_BOUNDARIES; i++)
		if (fit->boundary[i].mask != SWIOTLB_NO_BOUNDARY &&
		    (fit->boundary[i].off & mask))
			return -1;
	return ilog2(fit->nslots);
}

/* Every (1 << order)th bit of a word, from bit 0 on. */
#define SWIOTLB_EVERY(order)	(~0UL / GENMASK((1 << (order)) - 1, 0))

static const unsigned long swiotlb_every[] = {
	SWIOTLB_EVERY(0), SWIOTLB_EVERY(1), SWIOTLB_EVERY(2),
	SWIOTLB_EVERY(3), SWIOTLB_EVERY(4), SWIOTLB_EVERY(5),
};

static_assert(ARRAY_SIZE(swiotlb_every) > SWIOTLB_MAX_HINT_ORDER);

static unsigned long swiotlb_slots_free_bits(const struct swiotlb_slots *slots,
					     unsigned int word)
{
	return word < BITS_TO_LONGS(slots->nslots) ? ~slots->used[word] : 0;
}

/*
 * The bits of @low at which @nslots free slots begin, fewer than a word has; @high is
 * the next word. A run of a + b slots begins where a run of a slots does that has a
 * run of b slots behind it.
 */
static unsigned long swiotlb_run_starts(unsigned long low, unsigned long high,
					unsigned int nslots)
{
	unsigned int have, step;

	for (have = 1; low && have < nslots; have += step) {
		step = min(have, nslots - have);
		low &= low >> step | high << (BITS_PER_LONG - step);
		high &= high >> step;
	}
	return low;
}

/* The same for a run of a word or more: it reaches the end of its first word. */
static unsigned long swiotlb_slots_long_starts(const struct swiotlb_slots *slots,
					       unsigned int word,
					       unsigned int nslots)
{
	unsigned long used = ~swiotlb_slots_free_bits(slots, word);
	unsigned int first = used ? __fls(used) + 1 : 0;
	unsigned int last, behind = 0;

	if (first == BITS_PER_LONG)
		return 0;

	do {
		used = ~swiotlb_slots_free_bits(slots, ++word);
		behind += used ? __ffs(used) : BITS_PER_LONG;
	} while (!used && behind < nslots);

	if (BITS_PER_LONG - first + behind < nslots)
		return 0;
	last = min(behind + BITS_PER_LONG - nslots, BITS_PER_LONG - 1);
	return GENMASK(last, first);
}

static unsigned long swiotlb_slots_starts(const struct swiotlb_slots *slots,
					  unsigned int word, unsigned int nslots)
{
	if (nslots >= BITS_PER_LONG)
		return swiotlb_slots_long_starts(slots, word, nslots);
	return swiotlb_run_starts(swiotlb_slots_free_bits(slots, word),
				  swiotlb_slots_free_bits(slots, word + 1),
				  nslots);
}

/* In the word that begins with slot @index: the bits of slots that are aligned. */
static unsigned long swiotlb_aligned_bits(unsigned int index,
					  unsigned int align_mask,
					  unsigned int align_off)
{
	unsigned int order = fls(align_mask);
	unsigned int skip = -(align_off + index) & align_mask;

	if (order < ARRAY_SIZE(swiotlb_every))
		return swiotlb_every[order] << skip;
	return skip < BITS_PER_LONG ? BIT(skip) : 0;
}

/* A block of 1 << @order slots lies in one word, and the hint for it is exact. */
static unsigned int swiotlb_slots_find_block(struct swiotlb_slots *slots,
					     unsigned int order)
{
	unsigned int nwords = BITS_TO_LONGS(slots->nslots);
	unsigned int word, index = slots->hint[order];
	unsigned long starts, from = ~0UL << (index % BITS_PER_LONG);

	for (word = BIT_WORD(index); word < nwords; word++, from = ~0UL) {
		starts = swiotlb_run_starts(~slots->used[word] & from, 0,
					    1U << order) & swiotlb_every[order];
		if (starts) {
			index = word * BITS_PER_LONG + __ffs(starts);
			slots->hint[order] = index;
			return index;
		}
	}
	slots->hint[order] = slots->nslots;
	return SWIOTLB_NO_SLOT;
}

/*
 * In the word that begins with slot @index: the bits at which a run of @nslots must not
 * begin, since a boundary lies inside of it. With a boundary in front of slot @next,
 * these are the @nslots - 1 bits before @next.
 */
static unsigned long swiotlb_crossing_bits(const struct swiotlb_boundary *boundary,
					   unsigned int index,
					   unsigned int nslots)
{
	unsigned long next = -(boundary->off + index) & boundary->mask;
	unsigned long bits = 0, first, last;

	for (; next < BITS_PER_LONG + nslots - 1; next += boundary->mask + 1) {
		if (!next || nslots == 1)
			continue;
		first = next - min_t(unsigned long, next, nslots - 1);
		last = min_t(unsigned long, next, BITS_PER_LONG) - 1;
		bits |= GENMASK(last, first);
	}
	return bits;
}

/* In the word that begins with slot @index: where @fit lets a run begin. */
static unsigned long swiotlb_fit_bits(const struct swiotlb_fit *fit,
				      unsigned int index)
{
	unsigned long bits = swiotlb_aligned_bits(index, fit->align_mask,
						  fit->align_off);
	unsigned int i;

	for (i = 0; i < SWIOTLB_NR_BOUNDARIES; i++)
		if (fit->boundary[i].mask != SWIOTLB_NO_BOUNDARY)
			bits &= ~swiotlb_crossing_bits(&fit->boundary[i], index,
						       fit->nslots);
	return bits;
}

static bool swiotlb_fit_has_boundary(const struct swiotlb_fit *fit)
{
	unsigned int i;

	for (i = 0; i < SWIOTLB_NR_BOUNDARIES; i++)
		if (fit->boundary[i].mask != SWIOTLB_NO_BOUNDARY)
			return true;
	return false;
}

static unsigned int swiotlb_slots_first_candidate(const struct swiotlb_slots *slots,
						  const struct swiotlb_fit *fit)
{
	unsigned int order = min_t(unsigned int, ilog2(fit->nslots + 1) - 1,
				   SWIOTLB_MAX_HINT_ORDER);
	unsigned int before = (1U << order) - 1;
	unsigned int hint = slots->hint[order];

	return hint > before ? hint - before : 0;
}

static unsigned int swiotlb_slots_scan(struct swiotlb_slots *slots,
				       const struct swiotlb_fit *fit)
{
	unsigned int index = swiotlb_slots_first_candidate(slots, fit);
	unsigned long starts, from = ~0UL << (index % BITS_PER_LONG);
	bool long_enough = false;

	for (index -= index % BITS_PER_LONG; index < slots->nslots;
	     index += BITS_PER_LONG, from = ~0UL) {
		starts = swiotlb_slots_starts(slots, BIT_WORD(index), fit->nslots) &
			 from;
		if (!starts)
			continue;
		long_enough = true;
		starts &= swiotlb_fit_bits(fit, index);
		if (starts)
			return index + __ffs(starts);
	}

	if (!long_enough)
		WRITE_ONCE(slots->longest, fit->nslots - 1);
	else if (!swiotlb_fit_has_boundary(fit))
		WRITE_ONCE(slots->longest, fit->nslots + fit->align_mask - 1);
	return SWIOTLB_NO_SLOT;
}

/**
 * swiotlb_slots_init() - all slots of an area are free
 * @slots:	To be initialized.
 * @used:	Bitmap of at least @nslots bits, all zero.
 * @head:	Bitmap of at least @nslots bits, all zero.
 * @nslots:	Number of slots.
 *
 * Context: @slots is not shared yet.
 */
void swiotlb_slots_init(struct swiotlb_slots *slots, unsigned long *used,
			unsigned long *head, unsigned int nslots)
{
	slots->used = used;
	slots->head = head;
	slots->nslots = nslots;
	slots->nused = 0;
	slots->longest = UINT_MAX;
	memset(slots->hint, 0, sizeof(slots->hint));
	/* A search looks at whole words: the bits behind the last slot are not free. */
	bitmap_set(used, nslots, -nslots % BITS_PER_LONG);
}

/**
 * swiotlb_slots_find() - find a free run that fits
 * @slots:	Slots of one area.
 * @fit:	What the run must satisfy.
 *
 * Nothing is claimed yet.
 *
 * Context: The area's lock is held.
 * Return: Index of the run's first slot, or %SWIOTLB_NO_SLOT if there is none.
 */
unsigned int swiotlb_slots_find(struct swiotlb_slots *slots,
				const struct swiotlb_fit *fit)
{
	unsigned int index;
	int order;

	if (!swiotlb_slots_may_fit(slots, fit->nslots))
		return SWIOTLB_NO_SLOT;

	order = swiotlb_fit_block_order(fit);
	if (order >= 0) {
		index = swiotlb_slots_find_block(slots, order);
		if (index != SWIOTLB_NO_SLOT || fit->align_mask == fit->nslots - 1)
			return index;
	}
	return swiotlb_slots_scan(slots, fit);
}

/**
 * swiotlb_slots_claim() - take a run that swiotlb_slots_find() has found
 * @slots:	Slots of one area.
 * @index:	First slot of the run.
 * @nslots:	Length of the run.
 *
 * Context: The area's lock is held, and was since the run was found.
 */
void swiotlb_slots_claim(struct swiotlb_slots *slots, unsigned int index,
			 unsigned int nslots)
{
	unsigned long *head = &slots->head[BIT_WORD(index)];

	if (swiotlb_run_in_word(index, nslots))
		slots->used[BIT_WORD(index)] |= swiotlb_run_mask(index, nslots);
	else
		bitmap_set(slots->used, index, nslots);
	WRITE_ONCE(*head, *head | BIT_MASK(index));
	WRITE_ONCE(slots->nused, slots->nused + nslots);
	swiotlb_slots_raise_hints(slots, index, nslots);
}

/* Length of the free run around slots just freed, as far as a mapping can be long. */
static unsigned int swiotlb_slots_free_around(const struct swiotlb_slots *slots,
					      unsigned int index,
					      unsigned int nslots)
{
	unsigned int floor = index - min(index, SWIOTLB_MAX_SLOTS);
	unsigned int end = min(index + nslots + SWIOTLB_MAX_SLOTS, slots->nslots);

	end = find_next_bit(slots->used, end, index + nslots);
	while (index > floor && !test_bit(index - 1, slots->used))
		index--;
	return end - index;
}

static void swiotlb_slots_raise_longest(struct swiotlb_slots *slots,
					unsigned int index, unsigned int nslots)
{
	unsigned int n;

	if (likely(slots->longest >= SWIOTLB_MAX_SLOTS))
		return;

	n = swiotlb_slots_free_around(slots, index, nslots);
	if (n > slots->longest)
		WRITE_ONCE(slots->longest, n);
}

/**
 * swiotlb_slots_release() - free a run
 * @slots:	Slots of one area.
 * @index:	First slot of a run that was claimed.
 * @nslots:	Length of that run.
 *
 * Context: The area's lock is held.
 * Return: %false, and nothing is changed, if no run begins at @index.
 */
bool swiotlb_slots_release(struct swiotlb_slots *slots, unsigned int index,
			   unsigned int nslots)
{
	unsigned long *head = &slots->head[BIT_WORD(index)];

	if (!(*head & BIT_MASK(index)))
		return false;

	WRITE_ONCE(*head, *head & ~BIT_MASK(index));
	if (swiotlb_run_in_word(index, nslots))
		slots->used[BIT_WORD(index)] &= ~swiotlb_run_mask(index, nslots);
	else
		bitmap_clear(slots->used, index, nslots);
	WRITE_ONCE(slots->nused, slots->nused - nslots);
	swiotlb_slots_lower_hints(slots, index);
	swiotlb_slots_raise_longest(slots, index, nslots);
	return true;
}

/**
 * swiotlb_slots_head() - find the first slot of the run that holds a slot
 * @slots:	Slots of one area.
 * @index:	Any slot.
 *
 * Bits of other runs in the same words may change meanwhile, but those from the head
 * of the caller's own run up to @index do not.
 *
 * Context: Any. The owner of the run does not need the area's lock.
 * Return: The nearest head at or below @index, or %SWIOTLB_NO_SLOT. If @index is free,
 * that is the head of another run.
 */
unsigned int swiotlb_slots_head(const struct swiotlb_slots *slots,
				unsigned int index)
{
	unsigned int word = BIT_WORD(index);
	unsigned long bits;

	bits = READ_ONCE(slots->head[word]) &
	       (~0UL >> (BITS_PER_LONG - 1 - index % BITS_PER_LONG));
	while (!bits) {
		if (!word)
			return SWIOTLB_NO_SLOT;
		bits = READ_ONCE(slots->head[--word]);
	}
	return word * BITS_PER_LONG + __fls(bits);
}
