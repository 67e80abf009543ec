// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots of one area: find a free run, claim it, give it back.
 *
 * Pure bookkeeping on two bitmaps. Whoever calls holds the area's lock, except
 * for swiotlb_slots_head(), which only looks at bits that its caller owns.
 */

#include "internal.h"

/**
 * DOC: First fit, with hints
 *
 * A search takes the lowest run that fits as well as is wished for, or else the
 * lowest that fits. That packs the area, and it hands a buffer that was just freed
 * out again while it is still in a cache: a next-fit cursor walks through the whole
 * area instead and makes each copy go to the page that was used longest ago.
 *
 * First fit alone would pass over the same full words again and again. So each
 * area keeps, for each order o up to %SWIOTLB_MAX_HINT_ORDER, a lower bound::
 *
 *	no free, naturally aligned block of 2^o slots begins below hint[o]
 *
 * Releasing slots lowers the bounds, claiming the slots that a bound points at
 * raises it, and a search for just such a block sets it to what it found, or to
 * the end of the area: the next request of this size fails without a search.
 * That is so for 1 to 8 slots, which is what drivers map most. Other sizes need,
 * or get, less alignment than that of a block, and any run of theirs may do.
 * Any run of n slots holds an aligned block of 2^o slots if n >= 2^(o+1) - 1,
 * and begins less than 2^o slots before it: that bounds all other searches.
 *
 * A search that has found no run of n slots leaves n - 1, and what the alignment may
 * have cost, as @longest: nobody looks for more before slots are released next to
 * so many free ones. So an area that has room, but no hole that is large enough,
 * is searched once and not at every map.
 *
 * Runs of more than 2^%SWIOTLB_MAX_HINT_ORDER slots are next fit. Copying one costs
 * much more than finding it, and what a device has just read from it is in the
 * caches of whoever plays the device, on another CPU of a virtual machine's host:
 * writing there at once is slower than writing where nobody was for a while. A cursor
 * that begins anew after some MiB was twice as fast at best, and else several times
 * slower, depending on where the two CPUs are. So it goes through all of the area.
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

static bool swiotlb_slots_is_free(const struct swiotlb_slots *slots,
				  unsigned int index, unsigned int nslots)
{
	unsigned int end = index + nslots;

	if (end > slots->nslots)
		return false;
	if (swiotlb_run_in_word(index, nslots))
		return !(slots->used[BIT_WORD(index)] &
			 swiotlb_run_mask(index, nslots));
	return find_next_bit(slots->used, end, index) == end;
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

static bool swiotlb_fit_is_large(const struct swiotlb_fit *fit)
{
	return fit->nslots > 1U << SWIOTLB_MAX_HINT_ORDER;
}

/* The order of the aligned block that @fit, not large, wishes for; or -1. */
static int swiotlb_fit_block_order(const struct swiotlb_fit *fit)
{
	unsigned int order = ilog2(fit->nslots);

	if (fit->nslots != 1U << order)
		return -1;
	if (fit->wish_mask != fit->nslots - 1 ||
	    (fit->align_off & fit->wish_mask))
		return -1;
	return order;
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
 * The bits of @low at which @nslots free slots begin, less than a word of them; @high
 * is the word behind. A run of a + b begins where one of a does, and one of b after
 * those.
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

/* The same for a run of a word or more: it goes on up to the end of its first one. */
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

/* The bits of the word that begins with slot @index that have an alignment. */
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

/* A block of 1 << @order slots, for which the hint is exact. It lies in one word. */
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
 * The first run from @index on that is as @fit wishes. @second is set, unless it
 * is already, to the first one that will do.
 */
static unsigned int swiotlb_slots_scan(const struct swiotlb_slots *slots,
				       const struct swiotlb_fit *fit,
				       unsigned int index, unsigned int end,
				       unsigned int *second)
{
	unsigned long starts, wished, from = ~0UL << (index % BITS_PER_LONG);

	for (index -= index % BITS_PER_LONG; index < end; index += BITS_PER_LONG) {
		starts = swiotlb_slots_starts(slots, BIT_WORD(index), fit->nslots) &
			 from;
		from = ~0UL;
		if (!starts)
			continue;

		wished = starts & swiotlb_aligned_bits(index, fit->wish_mask,
						       fit->align_off);
		if (wished)
			return index + __ffs(wished);
		starts &= swiotlb_aligned_bits(index, fit->align_mask,
					       fit->align_off);
		if (starts && *second == SWIOTLB_NO_SLOT)
			*second = index + __ffs(starts);
	}
	return SWIOTLB_NO_SLOT;
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

/* Where the last large run ended, there most often is room for the next one. */
static unsigned int swiotlb_slots_find_next(struct swiotlb_slots *slots,
					    const struct swiotlb_fit *fit)
{
	unsigned int index = slots->next;

	index += -(fit->align_off + index) & fit->wish_mask;
	if (!swiotlb_slots_is_free(slots, index, fit->nslots))
		return SWIOTLB_NO_SLOT;
	slots->next = index + fit->nslots;
	return index;
}

/* Any but the blocks that hints are exact for: see "First fit, with hints". */
static unsigned int swiotlb_slots_find_run(struct swiotlb_slots *slots,
					   const struct swiotlb_fit *fit)
{
	unsigned int index, stop, second = SWIOTLB_NO_SLOT;
	unsigned int left = fit->max_words ? fit->max_words * BITS_PER_LONG : UINT_MAX;
	unsigned int first = swiotlb_slots_first_candidate(slots, fit);
	bool large = swiotlb_fit_is_large(fit);
	unsigned int start = large ? max(slots->next, first) : first;
	bool all = false;

	stop = start + min(left, slots->nslots - start);
	index = swiotlb_slots_scan(slots, fit, start, stop, &second);
	if (index == SWIOTLB_NO_SLOT && stop == slots->nslots) {
		left -= stop - start;
		stop = first + min(left, start - first);
		index = swiotlb_slots_scan(slots, fit, first, stop, &second);
		all = stop == start;
	}
	if (index == SWIOTLB_NO_SLOT)
		index = second;

	if (index != SWIOTLB_NO_SLOT)
		stop = index + fit->nslots;
	else if (all)
		WRITE_ONCE(slots->longest, fit->nslots + fit->align_mask - 1);
	else
		index = SWIOTLB_BUSY;
	if (large)
		slots->next = stop;
	return index;
}

/* Few areas ever cross a boundary: this need not be fast. */
static unsigned int swiotlb_slots_find_within(const struct swiotlb_slots *slots,
					      const struct swiotlb_fit *fit,
					      unsigned int align_mask)
{
	unsigned long pos;
	unsigned int index = 0;

	for (;;) {
		index = bitmap_find_next_zero_area_off(slots->used,
						       slots->nslots, index,
						       fit->nslots,
						       align_mask,
						       fit->align_off);
		if (index >= slots->nslots)
			return SWIOTLB_NO_SLOT;

		pos = (fit->boundary_off + index) & fit->boundary_mask;
		if (fit->nslots - 1 <= fit->boundary_mask - pos)
			return index;
		if (fit->boundary_mask - pos >= slots->nslots - index)
			return SWIOTLB_NO_SLOT;
		index += fit->boundary_mask - pos + 1;
	}
}

/**
 * swiotlb_slots_init() - all slots of an area are free
 * @slots:	To be initialized.
 * @used:	Bitmap of at least @nslots bits, all zero.
 * @head:	Bitmap of at least @nslots bits, all zero.
 * @nslots:	Number of slots.
 *
 * Context: Nobody else knows @slots yet.
 */
void swiotlb_slots_init(struct swiotlb_slots *slots, unsigned long *used,
			unsigned long *head, unsigned int nslots)
{
	slots->used = used;
	slots->head = head;
	slots->nslots = nslots;
	slots->nused = 0;
	slots->longest = UINT_MAX;
	slots->next = 0;
	memset(slots->hint, 0, sizeof(slots->hint));
	/* A search sees whole words: nothing is free behind the last slot. */
	bitmap_set(used, nslots, -nslots % BITS_PER_LONG);
}

/**
 * swiotlb_slots_find() - find a free run that fits
 * @slots:	Slots of one area.
 * @fit:	What the run must satisfy.
 *
 * Nothing is claimed yet. Above the hint, see "First fit, with hints", the search
 * goes from word to word, across boundaries from hole to hole.
 *
 * Context: The area's lock is held.
 * Return: Index of the run's first slot, %SWIOTLB_NO_SLOT if there is none, or
 * %SWIOTLB_BUSY if @fit->max_words are not enough to tell.
 */
unsigned int swiotlb_slots_find(struct swiotlb_slots *slots,
				const struct swiotlb_fit *fit)
{
	unsigned int index;
	int order;

	if (!swiotlb_slots_may_fit(slots, fit->nslots))
		return SWIOTLB_NO_SLOT;

	if (unlikely(fit->boundary_mask != SWIOTLB_NO_BOUNDARY)) {
		index = swiotlb_slots_find_within(slots, fit, fit->wish_mask);
		if (index == SWIOTLB_NO_SLOT)
			index = swiotlb_slots_find_within(slots, fit,
							  fit->align_mask);
		return index;
	}

	if (swiotlb_fit_is_large(fit)) {
		index = swiotlb_slots_find_next(slots, fit);
		if (index != SWIOTLB_NO_SLOT)
			return index;
		return swiotlb_slots_find_run(slots, fit);
	}

	order = swiotlb_fit_block_order(fit);
	if (order >= 0) {
		index = swiotlb_slots_find_block(slots, order);
		if (index != SWIOTLB_NO_SLOT ||
		    fit->align_mask == fit->wish_mask)
			return index;
	}
	return swiotlb_slots_find_run(slots, fit);
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

/* How far it is free around a run that has got free, a maximal mapping at most. */
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
 * swiotlb_slots_release() - give a run back
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
 * Other runs come and go in the same words meanwhile, but the bits from the
 * head of the caller's own run up to @index stand still.
 *
 * Context: Any; the area's lock is not needed by the owner of the run.
 * Return: The nearest head at or below @index, or %SWIOTLB_NO_SLOT. If @index
 * is free, what is returned is the head of another run, or of none.
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

/**
 * swiotlb_slots_disable() - hand out no slot any more
 * @slots:	Slots of one area, none of which is in use.
 *
 * Context: The area's lock is held, or nobody else knows @slots.
 */
void swiotlb_slots_disable(struct swiotlb_slots *slots)
{
	bitmap_fill(slots->used, slots->nslots);
	WRITE_ONCE(slots->nused, slots->nslots);
}
