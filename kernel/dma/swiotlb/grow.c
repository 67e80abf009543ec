// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker that adds pools to an allocator.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"
#include "magazine.h"

/* A smaller pool would be the first of many. */
#define SWIOTLB_MIN_GROW_SLOTS	(SZ_4M >> IO_TLB_SHIFT)
/* What the word of a magazine's cell can count to. */
#define SWIOTLB_MAX_GROW_SLOTS	BIT(SWIOTLB_CELL_INDEX_BITS)

/*
 * Twice as many areas would fit: an area of the size of the largest mapping can
 * hold it only at one position, which a device's alignment may exclude.
 */
static unsigned int swiotlb_grow_nareas(const struct swiotlb_mem *mem,
					unsigned long nslots)
{
	return swiotlb_limit_nareas(mem->want_nareas, nslots / 2);
}

/* Slots of the pools below an address: all of them, for most who ask. */
static unsigned long swiotlb_grow_below(struct swiotlb_mem *mem, u64 limit)
{
	unsigned long nslots = 0;
	struct io_tlb_pool *pool;

	list_for_each_entry(pool, &mem->pools, node)
		if (pool->end - 1 <= limit)
			nslots += pool->nslots;
	return nslots;
}

static bool swiotlb_grow_may_open(const struct io_tlb_pool *pool, u64 limit)
{
	return !swiotlb_pool_is_open(pool) && pool->end - 1 <= limit;
}

static struct io_tlb_pool *swiotlb_grow_find_spare(struct swiotlb_mem *mem, u64 limit)
{
	struct io_tlb_pool *pool;

	list_for_each_entry(pool, &mem->pools, node)
		if (swiotlb_grow_may_open(pool, limit))
			return pool;
	if (!swiotlb_mem_can_grow(mem))
		return NULL;
	/* Those that have been idle for long go, also if one is wanted now and then. */
	list_for_each_entry_reverse(pool, &mem->idle, node)
		if (swiotlb_grow_may_open(pool, limit))
			return pool;
	return NULL;
}

/* What is still there costs neither memory nor time. */
static bool swiotlb_grow_reopen(struct swiotlb_mem *mem, u64 limit)
{
	struct io_tlb_pool *pool = swiotlb_grow_find_spare(mem, limit);

	if (!pool || swiotlb_mem_reopen_pool(mem, pool))
		return false;
	pool->asked_limit = min(pool->asked_limit, limit);
	WRITE_ONCE(mem->last_want, jiffies);
	swiotlb_magazines_resize(mem);
	swiotlb_count(mem, SWIOTLB_REOPENED, 1);
	return true;
}

/* What holds for more memory, and has not ended yet, goes on to. */
static void swiotlb_grow_backoff(struct swiotlb_mem *mem, u64 limit,
				 unsigned long span)
{
	unsigned long end_pfn = swiotlb_end_pfn(limit);

	if (swiotlb_is_too_early(mem, 0))
		end_pfn = max(end_pfn, mem->short_end_pfn);
	WRITE_ONCE(mem->short_end_pfn, end_pfn);
	WRITE_ONCE(mem->next_try, jiffies + span);
}

/* Double what there is. Transient pools tell how much was missing. */
static unsigned long swiotlb_grow_wanted(struct swiotlb_mem *mem, u64 limit)
{
	unsigned long nslots = max(swiotlb_grow_below(mem, limit),
				   2 * swiotlb_mem_transient_nslots(mem));

	return roundup_pow_of_two(max(nslots, SWIOTLB_MIN_GROW_SLOTS));
}

/*
 * Pools that who asks cannot reach must not keep him from one that he can. Idle ones
 * have gone. What else is too much goes as if memory were short, and the worker that
 * gives it back calls us again.
 */
static void swiotlb_grow_make_room(struct swiotlb_mem *mem, u64 limit, bool vain)
{
	if (!swiotlb_at_limit(mem) || limit >= mem->phys_limit)
		return;
	swiotlb_grow_backoff(mem, limit, SWIOTLB_GROW_BACKOFF);
	if (vain)
		return;
	WRITE_ONCE(mem->room_since, jiffies);
	WRITE_ONCE(mem->room_end_pfn, swiotlb_end_pfn(limit));
	swiotlb_shrink_hurry(mem);
}

/* What is wanted, as far as the limit allows. */
static unsigned long swiotlb_grow_nslots(struct swiotlb_mem *mem, u64 limit,
					 unsigned long nslots, bool vain)
{
	unsigned long room;

	guard(mutex)(&mem->pools_lock);
	swiotlb_grow_make_room(mem, limit, vain);
	room = swiotlb_room(mem);
	if (swiotlb_at_limit(mem) || room < SWIOTLB_MIN_POOL_SLOTS)
		return 0;
	return min3(nslots, rounddown_pow_of_two(room), SWIOTLB_MAX_GROW_SLOTS);
}

/*
 * Who has asked during an attempt that failed does not get another one at once. What
 * one with a window of addresses cannot use is opened all the same: only its limit is
 * known here.
 */
static bool swiotlb_grow_is_due(struct swiotlb_mem *mem, u64 limit)
{
	return !swiotlb_has_unused(mem, limit) &&
	       !swiotlb_grow_reopen(mem, limit) && swiotlb_mem_can_grow(mem) &&
	       !swiotlb_is_too_early(mem, swiotlb_end_pfn(limit)) &&
	       !swiotlb_room_is_kept(mem, limit);
}

/*
 * How large a pool to add, in slots; 0 for none, or if one could be opened again. Room
 * that idle pools leave is there once their memory is free.
 */
static unsigned long swiotlb_grow_plan(struct swiotlb_mem *mem, u64 limit)
{
	bool vain = swiotlb_is_vain(mem, limit);
	unsigned long nslots;
	LIST_HEAD(gone);

	scoped_guard(mutex, &mem->pools_lock) {
		if (!swiotlb_grow_is_due(mem, limit))
			return 0;
		nslots = swiotlb_grow_wanted(mem, limit);
		if (!vain)
			swiotlb_shrink_idle(mem, nslots, &gone);
	}
	swiotlb_free_pools(mem, &gone);
	return swiotlb_grow_nslots(mem, limit, nslots, vain);
}

/*
 * As much of it as can be had in one piece. If that cannot be decrypted, no other will
 * be, either.
 */
static struct io_tlb_pool *swiotlb_grow_create(struct swiotlb_mem *mem,
					       unsigned long nslots, u64 limit)
{
	struct io_tlb_pool *pool;

	if (swiotlb_index_prepare(mem))
		return NULL;

	WRITE_ONCE(mem->crypt_failed, false);
	for (; nslots >= SWIOTLB_MIN_POOL_SLOTS && !mem->crypt_failed; nslots /= 2) {
		pool = swiotlb_pool_create(NULL, mem, nslots,
					   swiotlb_grow_nareas(mem, nslots),
					   min(limit, mem->phys_limit),
					   READ_ONCE(mem->want_nid),
					   GFP_KERNEL | __GFP_NOWARN);
		if (pool) {
			pool->asked_limit = limit;
			return pool;
		}
		if (limit >= mem->phys_limit)
			swiotlb_be_lean(mem, SWIOTLB_LEAN_FAILED);
	}
	return NULL;
}

static void swiotlb_grow_failed(struct swiotlb_mem *mem, u64 limit)
{
	WRITE_ONCE(mem->room_end_pfn, 0);
	if (limit < mem->phys_limit) {
		WRITE_ONCE(mem->vain_end_pfn, swiotlb_end_pfn(limit));
		WRITE_ONCE(mem->vain_since, jiffies);
	}
	if (mem->crypt_failed)
		swiotlb_grow_backoff(mem, U64_MAX, SWIOTLB_CRYPT_BACKOFF);
	else
		swiotlb_grow_backoff(mem, limit, SWIOTLB_GROW_BACKOFF);
	swiotlb_count(mem, SWIOTLB_GROW_FAILED, 1);
	pr_warn_ratelimited("no memory for another pool\n");
}

static void swiotlb_grow_served(struct swiotlb_mem *mem, u64 limit)
{
	WRITE_ONCE(mem->last_want, jiffies);
	if (swiotlb_end_pfn(limit) <= mem->short_end_pfn)
		WRITE_ONCE(mem->short_end_pfn, 0);
	if (swiotlb_end_pfn(limit) <= mem->room_end_pfn)
		WRITE_ONCE(mem->room_end_pfn, 0);
	if (swiotlb_end_pfn(limit) <= mem->vain_end_pfn)
		WRITE_ONCE(mem->vain_end_pfn, 0);
}

/* Once the lock is free, the pool may be given back at any time. */
static bool swiotlb_grow_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	guard(mutex)(&mem->pools_lock);
	if (!swiotlb_mem_can_grow(mem) || swiotlb_mem_add_pool(mem, pool))
		return false;

	swiotlb_magazines_resize(mem);
	swiotlb_count(mem, SWIOTLB_GROWN, 1);
	trace_swiotlb_grow(pool->start, pool->end - pool->start,
			   mem->held_nslots);
	pr_info_ratelimited("pool %u of %lu KiB added, %lu KiB in all\n",
			    pool->id, swiotlb_kib(pool->nslots),
			    swiotlb_kib(mem->held_nslots));
	swiotlb_shrink_later(mem);
	return true;
}

/*
 * Nobody else adds pools: what was planned is within the limit still, after the
 * seconds that the memory may take. The lock is free meanwhile.
 */
static void swiotlb_grow_work(struct work_struct *work)
{
	struct swiotlb_mem *mem = container_of(work, struct swiotlb_mem,
					       grow_work);
	unsigned long end_pfn = xchg(&mem->want_end_pfn, ULONG_MAX);
	u64 limit = end_pfn == ULONG_MAX ? U64_MAX : ((u64)end_pfn << PAGE_SHIFT) - 1;
	unsigned long nslots = swiotlb_grow_plan(mem, limit);
	struct io_tlb_pool *pool;

	if (!nslots)
		return;
	pool = swiotlb_grow_create(mem, nslots, limit);
	if (pool)
		swiotlb_shrink_start(mem);
	if (pool && swiotlb_grow_add(mem, pool)) {
		swiotlb_grow_served(mem, limit);
		return;
	}
	if (pool)
		swiotlb_pool_destroy(pool);
	if (swiotlb_mem_can_grow(mem))
		swiotlb_grow_failed(mem, limit);
}

/**
 * swiotlb_grow_init() - initialize what growing needs in an allocator
 * @mem:	Allocator. It does not grow until swiotlb_grow_enable().
 *
 * Context: Nobody else knows @mem yet.
 */
void swiotlb_grow_init(struct swiotlb_mem *mem)
{
	mem->can_grow = false;
	mutex_init(&mem->pools_lock);
	INIT_LIST_HEAD(&mem->pools);
	INIT_LIST_HEAD(&mem->idle);
	mem->npools = 0;
	mem->held_nslots = 0;
	mem->spare_end_pfn = 0;
	atomic_long_set(&mem->gone_nslots, 0);
	hash_init(mem->transients);
	spin_lock_init(&mem->transient_lock);
	atomic_long_set(&mem->transient_nslots, 0);
	INIT_WORK(&mem->grow_work, swiotlb_grow_work);
	mem->want_end_pfn = ULONG_MAX;
	mem->last_check = jiffies;
	mem->last_want = jiffies;
	mem->next_try = jiffies;
	mem->short_end_pfn = 0;
	mem->room_end_pfn = 0;
	mem->room_since = jiffies;
	mem->vain_end_pfn = 0;
	mem->vain_since = jiffies;
	mem->lean_until = jiffies - 1;
	mem->crypt_failed = false;
	swiotlb_shrink_init(mem);
}

/**
 * swiotlb_grow_enable() - let an allocator grow
 * @mem:	Allocator.
 * @phys_limit:	Highest physical address of new pools.
 * @nareas:	Areas that they should have.
 * @max_nslots:	The most slots in all pools together; 0 for a share of memory.
 *
 * Context: Before the first map.
 */
void swiotlb_grow_enable(struct swiotlb_mem *mem, u64 phys_limit,
			 unsigned int nareas, unsigned long max_nslots)
{
	mem->phys_limit = phys_limit;
	mem->want_nareas = nareas;
	mem->max_nslots = max_nslots;
	mem->boot_pool.by_reach = true;
	mem->can_grow = true;
}

/**
 * swiotlb_grow_disable() - let an allocator grow no more
 * @mem:	Allocator.
 *
 * Idle pools go, since who has asked for that may know of those in use only.
 *
 * Context: Process context, takes mem->pools_lock.
 */
void swiotlb_grow_disable(struct swiotlb_mem *mem)
{
	LIST_HEAD(gone);

	scoped_guard(mutex, &mem->pools_lock) {
		WRITE_ONCE(mem->can_grow, false);
		swiotlb_shrink_idle(mem, ULONG_MAX, &gone);
		if (READ_ONCE(mem->npools) == 1)
			WRITE_ONCE(mem->boot_pool.by_reach, false);
	}
	swiotlb_free_pools(mem, &gone);
}
