// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory an allocator may have.
 */

#include "mem.h"

/*
 * Added pools may take 1/SWIOTLB_LIMIT_SHARE of the memory that they may lie in. Beyond this
 * share, it is better to fail maps, so that drivers throttle: the rest of the system needs the
 * memory more. "swiotlb=max=" sets another limit.
 */
#define SWIOTLB_LIMIT_SHARE	4

/**
 * swiotlb_limit_nslots() - maximum number of slots of an allocator
 * @mem:	Allocator that may grow.
 *
 * Context: Any.
 * Return: Slots, including the boot pool and the pools of the narrower allocator. Without
 * "swiotlb=max=", the maximum is the boot pool, or the size that the architecture asks for if
 * that is more, and a share of the rest of memory.
 */
unsigned long swiotlb_limit_nslots(const struct swiotlb_mem *mem)
{
	const struct swiotlb_mem *low = mem->narrower ?: mem;
	unsigned long end = PFN_UP(mem->last);
	unsigned long most = totalram_pages() << (PAGE_SHIFT - IO_TLB_SHIFT);
	unsigned long granted, all;

	if (READ_ONCE(mem->growth.max_nslots))
		return READ_ONCE(mem->growth.max_nslots);

	/* Allow the architecture at most a quarter of memory, as swiotlb_boot_nslots() does. */
	granted = min(low->growth.arch_nslots, most / 4);
	granted = max(low->boot_pool.nslots, granted);
	/* Memory up to @mem->last, without the hole at the start. Other holes are not known. */
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
 * A device's own allocator may hold at most as much as it leaves to all others. But it may
 * always use the room that the common limit keeps for its first pool.
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
 * All pools count, also those that are being made or freed, transient pools, lost memory, and room
 * kept for the first pools of devices. The limit of a wider allocator is for the slots of both.
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
