// SPDX-License-Identifier: GPL-2.0-only
/*
 * When an allocator asks for another pool, and when it has enough.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"

/**
 * swiotlb_end_pfn() - the first page above a limit
 * @limit:	Physical address, %U64_MAX for any.
 *
 * Context: Any.
 * Return: The page, %ULONG_MAX if no page lies above it.
 */
unsigned long swiotlb_end_pfn(u64 limit)
{
	return limit == U64_MAX ? ULONG_MAX :
				  min(limit >> PAGE_SHIFT, (u64)ULONG_MAX - 1) + 1;
}

/*
 * Pools are for I/O in flight. Once they hold this share (one in ...) of the memory
 * that they may lie in, the load is better told to wait than fed: below 4 GiB, others
 * need what is left more than they do. swiotlb=max= has another limit.
 */
#define SWIOTLB_LIMIT_SHARE	4

/* Holes are not known of, but for the one in front of all memory. */
static unsigned long swiotlb_reachable_pages(const struct swiotlb_mem *mem)
{
	unsigned long end_pfn = swiotlb_end_pfn(swiotlb_mem_phys_limit(mem));

	return min(totalram_pages(), end_pfn - min(end_pfn, min_low_pfn));
}

static unsigned long swiotlb_max_nslots(const struct swiotlb_mem *mem)
{
	if (mem->max_nslots)
		return mem->max_nslots;
	return swiotlb_reachable_pages(mem) / SWIOTLB_LIMIT_SHARE <<
	       (PAGE_SHIFT - IO_TLB_SHIFT);
}

/**
 * swiotlb_room() - how much an allocator may still add
 * @mem:	Allocator.
 *
 * Memory that has not come back yet is not to be had a second time, nor what is lost.
 *
 * Context: Any.
 * Return: Slots.
 */
unsigned long swiotlb_room(const struct swiotlb_mem *mem)
{
	unsigned long gone = atomic_long_read(&mem->gone_nslots);
	unsigned long held = gone + READ_ONCE(mem->held_nslots);
	unsigned long max = swiotlb_max_nslots(mem);

	return max > held ? max - held : 0;
}

/**
 * swiotlb_at_limit() - has an allocator as much as it may have?
 * @mem:	Allocator.
 *
 * Context: Any.
 * Return: %true if no pool must be added.
 */
bool swiotlb_at_limit(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->npools) >= SWIOTLB_MAX_POOLS ||
	       swiotlb_room(mem) < SWIOTLB_MIN_POOL_SLOTS;
}

/**
 * swiotlb_is_too_early() - was there no memory for a pool a short while ago?
 * @mem:	Allocator.
 * @end_pfn:	Below which page the pool must lie.
 *
 * Where memory was short, it still is: below that page. A device that needs a scarce
 * zone must not hold up all others.
 *
 * Context: Any.
 * Return: %true if it is too early to try again.
 */
bool swiotlb_is_too_early(const struct swiotlb_mem *mem, unsigned long end_pfn)
{
	unsigned long next_try = READ_ONCE(mem->next_try);

	/* A range: it may lie so far back that jiffies have wrapped. */
	return time_in_range_open(jiffies, next_try - SWIOTLB_CRYPT_BACKOFF,
				  next_try) &&
	       end_pfn <= READ_ONCE(mem->short_end_pfn);
}

/**
 * swiotlb_room_is_kept() - is there room that must be left for somebody else?
 * @mem:	Allocator.
 * @limit:	Of the pool that is to take it.
 *
 * He asks for lower memory. After some seconds, others may have it.
 *
 * Context: Any.
 * Return: %true if there is.
 */
bool swiotlb_room_is_kept(const struct swiotlb_mem *mem, u64 limit)
{
	unsigned long end_pfn = READ_ONCE(mem->room_end_pfn);
	unsigned long since = READ_ONCE(mem->room_since);

	return end_pfn && end_pfn < swiotlb_end_pfn(limit) &&
	       time_in_range(jiffies, since, since + SWIOTLB_KEEP_ROOM);
}

static void swiotlb_warn_limit(const struct swiotlb_mem *mem)
{
	pr_warn_once("%lu KiB is all that swiotlb may have, \"swiotlb=max=\" can change that\n",
		     swiotlb_kib(swiotlb_max_nslots(mem)));
}

/* At the limit, who needs low memory is still to be given room; see grow.c. */
static bool swiotlb_may_grow(const struct swiotlb_mem *mem, u64 limit)
{
	if (!swiotlb_mem_can_grow(mem))
		return false;
	if (swiotlb_at_limit(mem)) {
		swiotlb_warn_limit(mem);
		if (limit >= swiotlb_mem_phys_limit(mem))
			return false;
	}
	return !swiotlb_is_too_early(mem, swiotlb_end_pfn(limit)) &&
	       !swiotlb_room_is_kept(mem, limit);
}

/**
 * swiotlb_has_unused() - is there an open pool below a limit that nobody uses?
 * @mem:	Allocator.
 * @limit:	Physical address, %U64_MAX for any.
 *
 * Then another one is not what is missing. Who asks has not looked yet, or cannot reach
 * it though it lies below his limit: he would have one pool after the other opened, and
 * keep all of them.
 *
 * Context: Any.
 * Return: %true if there is one, besides the boot pool.
 */
bool swiotlb_has_unused(struct swiotlb_mem *mem, u64 limit)
{
	struct io_tlb_pool *pool;

	guard(rcu)();
	swiotlb_for_each_pool(pool, mem)
		if (pool != &mem->boot_pool && pool->end - 1 <= limit &&
		    swiotlb_pool_is_open(pool) && !swiotlb_pool_used(pool))
			return true;
	return false;
}

/**
 * swiotlb_is_vain() - was there no memory below a limit, whatever room was made?
 * @mem:	Allocator.
 * @limit:	Physical address.
 *
 * Context: Any.
 * Return: %true if that is known, and has not been for long.
 */
bool swiotlb_is_vain(const struct swiotlb_mem *mem, u64 limit)
{
	unsigned long since = READ_ONCE(mem->vain_since);

	return swiotlb_end_pfn(limit) <= READ_ONCE(mem->vain_end_pfn) &&
	       time_in_range(jiffies, since, since + SWIOTLB_VAIN);
}

/* A pool that is closed or idle can be opened again, whatever the limit. */
static bool swiotlb_may_reopen(const struct swiotlb_mem *mem, u64 limit)
{
	unsigned long spare_end_pfn = READ_ONCE(mem->spare_end_pfn);

	return spare_end_pfn && spare_end_pfn <= swiotlb_end_pfn(limit);
}

/**
 * swiotlb_want_pool() - ask for another pool
 * @mem:	Allocator.
 * @limit:	Highest physical address that it may have, %U64_MAX for any.
 * @nid:	Node that is preferred.
 *
 * Nothing happens if the allocator may not grow, has reached its limit, or has tried
 * a moment ago and memory was short. Pools that were closed open again all the same;
 * at the limit others give way to one who cannot reach them. None of that while a pool
 * is unused.
 *
 * Context: Any.
 */
void swiotlb_want_pool(struct swiotlb_mem *mem, u64 limit, int nid)
{
	unsigned long end_pfn;

	/* One who reaches all memory is like the next. */
	if (limit >= swiotlb_mem_phys_limit(mem))
		limit = U64_MAX;
	end_pfn = swiotlb_end_pfn(limit);
	if (!swiotlb_may_reopen(mem, limit) && !swiotlb_may_grow(mem, limit))
		return;
	if (swiotlb_has_unused(mem, limit))
		return;

	/* Who was not served the last time must not keep what others had. */
	if (end_pfn > READ_ONCE(mem->short_end_pfn))
		WRITE_ONCE(mem->last_want, jiffies);

	/* Whoever loses this race will ask again. */
	if (end_pfn != ULONG_MAX)
		WRITE_ONCE(mem->want_end_pfn, end_pfn);
	WRITE_ONCE(mem->want_nid, nid);
	queue_work(system_dfl_wq, &mem->grow_work);
}

/* By three quarters: what is left must last until the worker has run. */
static bool swiotlb_is_nearly_full(unsigned long used, unsigned long nslots)
{
	return used > nslots - nslots / 4;
}

/* Nobody gives way before a map has failed, nor is tried again what was in vain. */
static bool swiotlb_may_have_ahead(const struct swiotlb_mem *mem, u64 limit)
{
	return swiotlb_may_reopen(mem, limit) ||
	       (!swiotlb_at_limit(mem) && !swiotlb_is_vain(mem, limit));
}

/*
 * Pools double: for speed alone none is added to more than half of the default size, nor
 * where what there is exceeds a quarter of the room that is left: who needs lower memory
 * may need that. Nor are pools of any size kept that are about to go.
 */
static bool swiotlb_is_above_watermark(const struct swiotlb_mem *mem, unsigned long used)
{
	unsigned long nslots = READ_ONCE(mem->pub.nslabs);

	return swiotlb_is_nearly_full(used, nslots) ||
	       (used > nslots / 4 &&
		swiotlb_wants_quarter(mem, nslots, SWIOTLB_DEFAULT_SLOTS / 2) &&
		!READ_ONCE(mem->spare_end_pfn) && swiotlb_room(mem) / 4 >= nslots);
}

/*
 * What a device reaches may be nearly full while there is a lot of room above. What
 * lies in magazines counts as used: it may be in any pool.
 */
static bool swiotlb_needs_lower_pool(struct swiotlb_mem *mem, struct device *dev)
{
	u64 limit = swiotlb_dev_phys_limit(dev);
	unsigned long used = 0, nslots = 0;
	struct io_tlb_pool *pool;

	if (limit >= swiotlb_mem_phys_limit(mem) ||
	    !swiotlb_may_have_ahead(mem, limit))
		return false;

	rcu_read_lock();
	swiotlb_for_each_pool(pool, mem) {
		if (!swiotlb_pool_is_open(pool) ||
		    !swiotlb_pool_reached(pool, dev,
					  swiotlb_dma_start(mem, dev, pool)))
			continue;
		used += swiotlb_pool_used(pool);
		nslots += pool->nslots;
	}
	rcu_read_unlock();
	return nslots < READ_ONCE(mem->pub.nslabs) &&
	       swiotlb_is_nearly_full(used, nslots);
}

/**
 * swiotlb_watermark_check() - ask for another pool ahead of need
 * @mem:	Allocator.
 * @dev:	Device for which something was mapped just now.
 * @used:	Slots in use in @mem, counted after swiotlb_watermark_due().
 *
 * Peaks below the watermark are for the worker that gives back: bursts are over when
 * that looks.
 *
 * Context: Any.
 */
void swiotlb_watermark_check(struct swiotlb_mem *mem, struct device *dev,
			     unsigned long used)
{
	/* Whoever loses this race has seen about the same. */
	if (used > READ_ONCE(mem->peak))
		WRITE_ONCE(mem->peak, used);
	if (swiotlb_needs_lower_pool(mem, dev))
		swiotlb_want_pool(mem, swiotlb_dev_phys_limit(dev),
				  swiotlb_dev_node(dev));
	else if (swiotlb_is_above_watermark(mem, used))
		swiotlb_want_pool(mem, U64_MAX, swiotlb_dev_node(dev));
}
