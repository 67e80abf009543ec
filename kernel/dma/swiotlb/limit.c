// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory an allocator may have.
 */

#include "limit.h"

/*
 * Pools are for I/O in flight. Once the pools made at run time hold this share (one in
 * ...) of the memory that they may lie in, it is better to let the load wait: others
 * need the rest more. "swiotlb=max=" sets another limit.
 */
#define SWIOTLB_LIMIT_SHARE	4

/* Holes are not known, but for the one in front of all memory. */
static unsigned long swiotlb_limit_pages(const struct swiotlb_mem *mem)
{
	unsigned long end = PFN_UP(mem->last);

	return min(totalram_pages(), end - min(end, min_low_pfn));
}

/**
 * swiotlb_limit_nslots() - the most slots that an allocator may have
 * @mem:	Allocator that may grow.
 *
 * Context: Any.
 * Return: Slots, those of its boot pool and of the allocator that its devices fall back
 * to included. The boot pool does not use up the share of memory.
 */
unsigned long swiotlb_limit_nslots(const struct swiotlb_mem *mem)
{
	const struct swiotlb_mem *low = mem->narrower ?: mem;
	unsigned long boot = low->boot_pool.nslots;
	unsigned long all = swiotlb_limit_pages(mem) << (PAGE_SHIFT - IO_TLB_SHIFT);

	if (mem->growth.max_nslots)
		return mem->growth.max_nslots;
	return boot + (all - min(all, boot)) / SWIOTLB_LIMIT_SHARE;
}

static long swiotlb_limit_held(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->pools.held) +
	       atomic_long_read(&mem->growth.transient) +
	       atomic_long_read(&mem->growth.apart);
}

static long swiotlb_limit_room_of(const struct swiotlb_mem *mem)
{
	long held = swiotlb_limit_held(mem);

	if (mem->narrower)
		held += swiotlb_limit_held(mem->narrower);
	return (long)swiotlb_limit_nslots(mem) - held;
}

/**
 * swiotlb_limit_room() - how much an allocator may still add
 * @mem:	Allocator that may grow.
 *
 * Pools, transient pools and lost memory count, and memory that is about to be added, or
 * freed. The limit of a wider allocator is for both.
 *
 * Context: Any.
 * Return: Slots, negative if it has more than it may.
 */
long swiotlb_limit_room(const struct swiotlb_mem *mem)
{
	long room = swiotlb_limit_room_of(mem);

	return mem->wider ? min(room, swiotlb_limit_room_of(mem->wider)) : room;
}

/**
 * swiotlb_limit_is_reached() - has an allocator as much as it may have?
 * @mem:	Allocator.
 *
 * Context: Any.
 * Return: %true if no pool can be added.
 */
bool swiotlb_limit_is_reached(const struct swiotlb_mem *mem)
{
	return swiotlb_limit_room(mem) < (long)SWIOTLB_MIN_GROW_SLOTS;
}

/**
 * swiotlb_transient_nslots() - slots of transient pools
 * @mem:	Allocator.
 *
 * Context: Any.
 * Return: Slots.
 */
unsigned long swiotlb_transient_nslots(struct swiotlb_mem *mem)
{
	return atomic_long_read(&mem->growth.transient);
}
