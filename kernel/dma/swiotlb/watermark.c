// SPDX-License-Identifier: GPL-2.0-only
/*
 * When an allocator asks for another pool, and when it has enough.
 */

#include "internal.h"

/*
 * Pools are for I/O in flight. Once they hold this share (one in ...) of all
 * memory, the load is better told to wait than fed.
 */
#define SWIOTLB_LIMIT_SHARE	4

/**
 * swiotlb_at_limit() - has an allocator as much as it may have?
 * @mem:	Allocator.
 *
 * Context: Any.
 * Return: %true if no pool must be added.
 */
bool swiotlb_at_limit(const struct swiotlb_mem *mem)
{
	unsigned long limit = totalram_pages() / SWIOTLB_LIMIT_SHARE;

	return READ_ONCE(mem->npools) >= SWIOTLB_MAX_POOLS ||
	       READ_ONCE(mem->pub.nslabs) >=
	       limit << (PAGE_SHIFT - IO_TLB_SHIFT);
}

/**
 * swiotlb_want_pool() - ask for another pool
 * @mem:	Allocator.
 *
 * Nothing happens if it may not grow, has reached its limit, or has tried a
 * moment ago and memory was short.
 *
 * Context: Any.
 */
void swiotlb_want_pool(struct swiotlb_mem *mem)
{
	unsigned long next_try = READ_ONCE(mem->next_try);

	if (!swiotlb_mem_can_grow(mem) || swiotlb_at_limit(mem))
		return;
	/* A range: next_try may lie so far back that jiffies have wrapped. */
	if (time_in_range_open(jiffies, next_try - SWIOTLB_GROW_BACKOFF, next_try))
		return;

	schedule_work(&mem->grow_work);
}

/**
 * swiotlb_watermark_check() - ask for another pool ahead of need
 * @mem:	Allocator.
 * @used:	Its slots in use, counted after swiotlb_watermark_due().
 *
 * The watermark is three quarters: what is left must last until the worker has
 * run.
 *
 * Context: Any.
 */
void swiotlb_watermark_check(struct swiotlb_mem *mem, unsigned long used)
{
	unsigned long nslots = READ_ONCE(mem->pub.nslabs);

	if (used > nslots - nslots / 4)
		swiotlb_want_pool(mem);
}
