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
 * Runs of more than 2^%SWIOTLB_MAX_HINT_ORDER slots are next fit. Copying one costs
 * much more than finding it, and what a device has just read from it is in the
 * caches of whoever plays the device, on another CPU of a virtual machine's host:
 * writing there at once is slower than writing where nobody was for a while.
 */

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
				      unsigned int index, unsigned int end)
{
	unsigned int order;

	for (order = 0; order <= SWIOTLB_MAX_HINT_ORDER; order++)
		if (slots->hint[order] >= index && slots->hint[order] < end)
			slots->hint[order] = end;
}

/* The order of the aligned block that @fit asks for, or -1 if it is no such. */
static int swiotlb_fit_block_order(const struct swiotlb_fit *fit,
				   unsigned int align_mask)
{
	unsigned int order = ilog2(fit->nslots);

	if (order > SWIOTLB_MAX_HINT_ORDER || fit->nslots != 1U << order)
		return -1;
	if (align_mask != fit->nslots - 1 || (fit->align_off & align_mask))
		return -1;
	return order;
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

/* Every (1 << order)th bit of a word, from bit 0 on. */
#define SWIOTLB_EVERY(order)	(~0UL / GENMASK((1 << (order)) - 1, 0))

static const unsigned long swiotlb_every[] = {
	SWIOTLB_EVERY(0), SWIOTLB_EVERY(1), SWIOTLB_EVERY(2),
	SWIOTLB_EVERY(3), SWIOTLB_EVERY(4), SWIOTLB_EVERY(5),
};

/* A run that lies in two words at most, and positions that repeat in each. */
static bool swiotlb_fits_in_words(const struct swiotlb_fit *fit,
				  unsigned int align_mask)
{
	return fit->nslots <= BITS_PER_LONG / 2 &&
	       fls(align_mask) < ARRAY_SIZE(swiotlb_every) &&
	       fit->boundary_mask == SWIOTLB_NO_BOUNDARY;
}

/*
 * The bits of @low at which @nslots free slots begin; @high is the word behind. A
 * run of a + b begins where one of a does, and one of b after those.
 */
static unsigned long swiotlb_run_starts(unsigned long low, unsigned long high,
					unsigned int nslots)
{
	unsigned int have, step;

	for (have = 1; have < nslots; have += step) {
		step = min(have, nslots - have);
		low &= low >> step | high << (BITS_PER_LONG - step);
		high &= high >> step;
	}
	return low;
}

static unsigned int swiotlb_slots_search_words(const struct swiotlb_slots *slots,
					       const struct swiotlb_fit *fit,
					       unsigned int align_mask,
					       unsigned int index)
{
	unsigned int word, nwords = BITS_TO_LONGS(slots->nslots);
	unsigned long low, high, starts, allowed;

	allowed = swiotlb_every[fls(align_mask)] <<
		  (-fit->align_off & align_mask);
	starts = allowed & (~0UL << (index % BITS_PER_LONG));
	for (word = BIT_WORD(index); word < nwords; word++) {
		low = ~slots->used[word];
		high = word + 1 < nwords ? ~slots->used[word + 1] : 0;
		starts &= swiotlb_run_starts(low, high, fit->nslots);
		if (starts) {
			index = word * BITS_PER_LONG + __ffs(starts);
			/* Bits behind the last slot look free, too. */
			return index + fit->nslots <= slots->nslots ?
			       index : SWIOTLB_NO_SLOT;
		}
		starts = allowed;
	}
	return SWIOTLB_NO_SLOT;
}

static unsigned int swiotlb_slots_search(const struct swiotlb_slots *slots,
					 const struct swiotlb_fit *fit,
					 unsigned int align_mask,
					 unsigned int index)
{
	unsigned long pos;

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
	slots->next = 0;
	memset(slots->hint, 0, sizeof(slots->hint));
}

static unsigned int swiotlb_slots_search_from(const struct swiotlb_slots *slots,
					      const struct swiotlb_fit *fit,
					      unsigned int align_mask,
					      unsigned int index)
{
	if (swiotlb_fits_in_words(fit, align_mask))
		return swiotlb_slots_search_words(slots, fit, align_mask, index);
	return swiotlb_slots_search(slots, fit, align_mask, index);
}

/* Any but the blocks that hints are exact for: see "First fit, with hints". */
static unsigned int swiotlb_slots_find_run(struct swiotlb_slots *slots,
					   const struct swiotlb_fit *fit,
					   unsigned int align_mask)
{
	unsigned int first = swiotlb_slots_first_candidate(slots, fit);
	unsigned int index = SWIOTLB_NO_SLOT;
	bool large = fit->nslots > 1U << SWIOTLB_MAX_HINT_ORDER;

	if (large && slots->next > first)
		index = swiotlb_slots_search_from(slots, fit, align_mask,
						  slots->next);
	if (index == SWIOTLB_NO_SLOT)
		index = swiotlb_slots_search_from(slots, fit, align_mask, first);
	if (large && index != SWIOTLB_NO_SLOT)
		slots->next = index + fit->nslots;
	return index;
}

static unsigned int swiotlb_slots_find_aligned(struct swiotlb_slots *slots,
					       const struct swiotlb_fit *fit,
					       unsigned int align_mask)
{
	int order = swiotlb_fit_block_order(fit, align_mask);
	unsigned int index;

	if (order < 0 || !swiotlb_fits_in_words(fit, align_mask))
		return swiotlb_slots_find_run(slots, fit, align_mask);

	index = swiotlb_slots_search_words(slots, fit, align_mask,
					   slots->hint[order]);
	slots->hint[order] = min(index, slots->nslots);
	return index;
}

/**
 * swiotlb_slots_find() - find a free run that fits
 * @slots:	Slots of one area.
 * @fit:	What the run must satisfy.
 *
 * Nothing is claimed yet. Above the hint, see "First fit, with hints", the search
 * goes from word to word, for large runs and across boundaries from hole to hole.
 *
 * Context: The area's lock is held.
 * Return: Index of the run's first slot, or %SWIOTLB_NO_SLOT.
 */
unsigned int swiotlb_slots_find(struct swiotlb_slots *slots,
				const struct swiotlb_fit *fit)
{
	unsigned int index;

	if (fit->nslots > slots->nslots - slots->nused)
		return SWIOTLB_NO_SLOT;

	index = swiotlb_slots_find_aligned(slots, fit, fit->wish_mask);
	if (index == SWIOTLB_NO_SLOT && fit->wish_mask != fit->align_mask)
		index = swiotlb_slots_find_aligned(slots, fit, fit->align_mask);
	return index;
}

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
	swiotlb_slots_raise_hints(slots, index, index + nslots);
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
