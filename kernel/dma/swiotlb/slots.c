// SPDX-License-Identifier: GPL-2.0-only
/* Slots of one area: find, claim and release a run. */

#include "slots.h"

/**
 * DOC: First fit, with hints
 *
 * A search takes the lowest run that fits. This packs the area, and often reuses buffers that
 * are still in a cache. To skip words without room, each area has a hint for each order o up to
 * %SWIOTLB_MAX_HINT_ORDER: no free, naturally aligned block of 2^o slots begins below hint[o].
 *
 * Claiming slots raises the hints, releasing slots lowers them, and a search for a block sets the
 * hint of its order. Drivers mostly map 1, 2, 4 or 8 slots: these take an aligned block if
 * possible. A run of 2^(o+1) - 1 or more slots contains an aligned block of 2^o slots, and begins
 * less than 2^o slots before that block. So all other searches begin 2^o - 1 slots before the
 * lowest free block.
 *
 * A search that finds no run of n slots at all sets @longest to n - 1. Requests of n or more
 * slots then skip the area until a longer run becomes free.
 */

/* Find the lowest free aligned block of 1 << @order slots, or return the end of the area. */
static unsigned int swiotlb_slots_find_block(struct swiotlb_slots *slots, unsigned int order)
{
	/* Masks of the first bit of each block. */
	static const unsigned long firsts[SWIOTLB_MAX_HINT_ORDER + 1] = {
		~0UL, ~0UL / 0x3, ~0UL / 0xf, ~0UL / 0xff,
	};
	unsigned int step, index = slots->hint[order];
	unsigned long blocks, from = BITMAP_FIRST_WORD_MASK(index);

	for (index = round_down(index, BITS_PER_LONG); index < slots->nslots;
	     index += BITS_PER_LONG, from = ~0UL) {
		/* Check all blocks of a word at once. */
		blocks = ~slots->used[BIT_WORD(index)] & from;
		for (step = 1; step < 1U << order; step *= 2)
			blocks &= blocks >> step;
		blocks &= firsts[order];
		if (blocks) {
			index += __ffs(blocks);
			break;
		}
	}
	slots->hint[order] = min(index, slots->nslots);
	return slots->hint[order];
}

/* Return @index, or the first slot after the boundary that a run at @index crosses. */
static unsigned int swiotlb_fit_skip(const struct swiotlb_fit *fit, unsigned int index)
{
	unsigned long behind;
	unsigned int i;

	for (i = 0; i < SWIOTLB_NR_BOUNDARIES; i++) {
		behind = ~(fit->boundary[i].off + index) & fit->boundary[i].mask;
		if (behind < fit->nslots - 1)
			return index + behind + 1;
	}
	return index;
}

static unsigned int swiotlb_slots_scan(const struct swiotlb_slots *slots,
				       const struct swiotlb_fit *fit, unsigned int index)
{
	unsigned int next = index;

	do {
		index = bitmap_find_next_zero_area_off(slots->used, slots->nslots, next,
						       fit->nslots, fit->align_mask,
						       fit->align_off);
		if (index >= slots->nslots)
			return SWIOTLB_NO_SLOT;
		next = swiotlb_fit_skip(fit, index);
	} while (next != index);
	return index;
}

/**
 * swiotlb_slots_init() - initialize the slots of an area, all free
 * @slots:	Slots of one area.
 * @used:	Bitmap of at least @nslots bits, all zero.
 * @head:	Bitmap of at least @nslots bits, all zero.
 * @nslots:	Number of slots.
 *
 * Context: @slots is not shared yet.
 */
void swiotlb_slots_init(struct swiotlb_slots *slots, unsigned long *used,
			unsigned long *head, unsigned int nslots)
{
	*slots = (struct swiotlb_slots) {
		.used = used,
		.head = head,
		.nslots = nslots,
		.longest = UINT_MAX,
	};
	/* A search for a block reads whole words, so set the bits after the last slot. */
	bitmap_set(used, nslots, -nslots % BITS_PER_LONG);
}

/**
 * swiotlb_slots_find() - find a free run that fits
 * @slots:	Slots of one area.
 * @fit:	Constraints on the run.
 *
 * Context: The area's lock is held.
 * Return: Index of the run's first slot, or %SWIOTLB_NO_SLOT if there is none.
 */
unsigned int swiotlb_slots_find(struct swiotlb_slots *slots, const struct swiotlb_fit *fit)
{
	unsigned int index, first, order, block_mask = fit->nslots - 1;

	if (!swiotlb_slots_may_fit(slots, fit->nslots))
		return SWIOTLB_NO_SLOT;

	if (is_power_of_2(fit->nslots) && fit->nslots <= 1U << SWIOTLB_MAX_HINT_ORDER &&
	    fit->align_mask <= block_mask && !(fit->align_off & fit->align_mask)) {
		index = swiotlb_slots_find_block(slots, ilog2(fit->nslots));
		if (index < slots->nslots && swiotlb_fit_skip(fit, index) == index)
			return index;
		if (index == slots->nslots && fit->align_mask == block_mask)
			return SWIOTLB_NO_SLOT;
	}

	order = min(ilog2(fit->nslots + 1) - 1, SWIOTLB_MAX_HINT_ORDER);
	first = swiotlb_slots_find_block(slots, order);
	first -= min(first, (1U << order) - 1);
	index = swiotlb_slots_scan(slots, fit, first);
	if (index == SWIOTLB_NO_SLOT && fit->nslots <= SWIOTLB_MAX_SLOTS &&
	    bitmap_find_next_zero_area(slots->used, slots->nslots, first,
				       fit->nslots, 0) >= slots->nslots)
		WRITE_ONCE(slots->longest, fit->nslots - 1);
	return index;
}

/**
 * swiotlb_slots_claim() - allocate a run that swiotlb_slots_find() has found
 * @slots:	Slots of one area.
 * @index:	First slot of the run.
 * @nslots:	Length of the run.
 *
 * Context: The area's lock has been held since swiotlb_slots_find().
 */
void swiotlb_slots_claim(struct swiotlb_slots *slots, unsigned int index, unsigned int nslots)
{
	unsigned long *head = &slots->head[BIT_WORD(index)];
	unsigned int order;

	bitmap_set(slots->used, index, nslots);
	WRITE_ONCE(*head, *head | BIT_MASK(index));
	WRITE_ONCE(slots->nused, slots->nused + nslots);
	for (order = 0; order <= SWIOTLB_MAX_HINT_ORDER; order++)
		if (slots->hint[order] - index < nslots)
			slots->hint[order] = index + nslots;
}

/* The free run that contains the slots just freed may now be the longest. */
static void swiotlb_slots_raise_longest(struct swiotlb_slots *slots,
					unsigned int index, unsigned int nslots)
{
	unsigned int end = min(index + SWIOTLB_MAX_SLOTS, slots->nslots);

	if (likely(slots->longest >= SWIOTLB_MAX_SLOTS))
		return;

	end = find_next_bit(slots->used, end, index + nslots);
	while (index && end - index < SWIOTLB_MAX_SLOTS && !test_bit(index - 1, slots->used))
		index--;
	if (end - index > slots->longest)
		WRITE_ONCE(slots->longest, end - index);
}

/**
 * swiotlb_slots_release() - free a run
 * @slots:	Slots of one area.
 * @index:	First slot of the run.
 * @nslots:	Length of the run.
 *
 * Context: The area's lock is held.
 * Return: %false if no run begins at @index.
 */
bool swiotlb_slots_release(struct swiotlb_slots *slots, unsigned int index, unsigned int nslots)
{
	unsigned long *head = &slots->head[BIT_WORD(index)];
	unsigned int order;

	if (!(*head & BIT_MASK(index)))
		return false;

	WRITE_ONCE(*head, *head & ~BIT_MASK(index));
	bitmap_clear(slots->used, index, nslots);
	WRITE_ONCE(slots->nused, slots->nused - nslots);
	for (order = 0; order <= SWIOTLB_MAX_HINT_ORDER; order++)
		slots->hint[order] = min(slots->hint[order], round_down(index, 1U << order));
	swiotlb_slots_raise_longest(slots, index, nslots);
	return true;
}

/**
 * swiotlb_slots_head() - find the first slot of the run that holds a slot
 * @slots:	Slots of one area.
 * @index:	Any slot.
 *
 * The caller owns the run, so the head bits from the first slot of the run to @index do not
 * change. Other head bits may.
 *
 * Context: Any, without the area's lock.
 * Return: The nearest head at or below @index, or %SWIOTLB_NO_SLOT. If @index is free, that head
 * belongs to another run.
 */
unsigned int swiotlb_slots_head(const struct swiotlb_slots *slots, unsigned int index)
{
	unsigned int word = BIT_WORD(index);
	unsigned long bits = READ_ONCE(slots->head[word]) & BITMAP_LAST_WORD_MASK(index + 1);

	while (!bits && word)
		bits = READ_ONCE(slots->head[--word]);
	return bits ? word * BITS_PER_LONG + __fls(bits) : SWIOTLB_NO_SLOT;
}
