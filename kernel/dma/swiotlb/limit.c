// SPDX-License-Identifier: GPL-2.0-only
/* How much memory an allocator may have. */

#include "mem.h"

/*
 * Added pools may take 1/SWIOTLB_LIMIT_SHARE of the memory that they may lie in, unless
 * "swiotlb=max=" sets another limit. Beyond this share, the rest of the system needs the memory
 * more: fail maps, so that drivers throttle.
 */
#define SWIOTLB_LIMIT_SHARE	4

/**
 * swiotlb_limit_nslots() - maximum number of slots of an allocator
 * @mem:	Allocator that may grow.
 *
 * Context: Any.
 * Return: Slots, including the boot pool and the pools of the narrower allocator. Without
 * "swiotlb=max=": the larger of the boot pool and the size that the architecture asks for, plus
 * a share of the rest of memory.
 */
unsigned long swiotlb_limit_nslots(const struct swiotlb_mem *mem)
{
	const struct swiotlb_mem *low = mem->narrower ?: mem;
	unsigned long end = PFN_UP(mem->last);
	unsigned long most = totalram_pages() << (PAGE_SHIFT - IO_TLB_SHIFT);
	unsigned long granted, all;

	if (READ_ONCE(mem->growth.max_nslots))
		return READ_ONCE(mem->growth.max_nslots);

	/* The architecture gets at most a quarter of memory, as in swiotlb_boot_nslots(). */
	granted = min(low->growth.arch_nslots, most / 4);
	granted = max(low->boot_pool.nslots, granted);
	/* Estimate the memory up to @mem->last: only the hole at the start is known. */
	all = min(totalram_pages(), end - min(end, min_low_pfn));
	all <<= PAGE_SHIFT - IO_TLB_SHIFT;
	return granted + (all - min(all, granted)) / SWIOTLB_LIMIT_SHARE;
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

/*
 * An own allocator may hold at most as much as it leaves to all others, but it may always use the
 * room that the common limit keeps for its first pool.
 */
static long swiotlb_limit_room_of_own(const struct swiotlb_mem *mem)
{
	long held = READ_ONCE(mem->pools.held);
	long unused = swiotlb_own_counted(mem, held) - held;
	long left = swiotlb_limit_room(mem->common) + unused - held;

	if (!swiotlb_growth_is_enabled(mem->common))
		return 0;
	return min(swiotlb_limit_room_of(mem), max(left / 2, unused));
}

/**
 * swiotlb_limit_room() - number of slots that an allocator may still add
 * @mem:	Allocator that may grow.
 *
 * These count: all pools, even while they are being made or freed, transient pools, lost memory,
 * and room kept for the first pools of own allocators. The limit of a wider allocator covers both.
 *
 * Context: Any.
 * Return: Slots; negative if the limit is exceeded.
 */
long swiotlb_limit_room(const struct swiotlb_mem *mem)
{
	long room = LONG_MAX;

	if (mem->common)
		return swiotlb_limit_room_of_own(mem);
	for (; mem; mem = mem->wider)
		room = min(room, swiotlb_limit_room_of(mem));
	return room;
}
