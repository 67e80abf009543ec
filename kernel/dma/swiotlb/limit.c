// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory an allocator may have.
 */

#include "mem.h"

/*
 * Pools are for I/O in flight. Once the pools made at run time hold this share (one in
 * ...) of the memory that they may lie in, it is better to let the load wait: others
 * need the rest more. "swiotlb=max=" sets another limit.
 */
#define SWIOTLB_LIMIT_SHARE	4

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
	unsigned long end = PFN_UP(mem->last);
	unsigned long boot = low->boot_pool.nslots, all;

	if (mem->growth.max_nslots)
		return mem->growth.max_nslots;

	/* Holes are not known, but for the one in front of all memory. */
	all = min(totalram_pages(), end - min(end, min_low_pfn));
	all <<= PAGE_SHIFT - IO_TLB_SHIFT;
	return boot + (all - min(all, boot)) / SWIOTLB_LIMIT_SHARE;
}

static long swiotlb_limit_room_of(const struct swiotlb_mem *mem)
{
	long room = swiotlb_limit_nslots(mem);

	for (; mem; mem = mem->narrower)
		room -= READ_ONCE(mem->pools.held) +
			atomic_long_read(&mem->growth.transient) +
			atomic_long_read(&mem->growth.apart);
	return room;
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
	long room = LONG_MAX;

	for (; mem; mem = mem->wider)
		room = min(room, swiotlb_limit_room_of(mem));
	return room;
}
