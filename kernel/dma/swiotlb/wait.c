// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps that find no buffer in a magazine: search areas, wait if the caller can sleep, or make a
 * transient pool.
 */

#include "large.h"
#include "wait.h"

/**
 * DOC: Waiting
 *
 * A map with %DMA_ATTR_MAY_SLEEP that finds no room waits once, for a bounded time. Then it
 * searches again, makes a transient pool, or fails. So the wait ends even if the driver itself
 * holds all buffers. Each entry of a scatterlist is a map: after a timeout, the task does not
 * wait again for the same time, unless a task with the same hash has timed out since then. Such
 * a task does not overtake waiters: while there are any, its maps try only a transient pool, or
 * the device's own allocator.
 *
 * Callers wait in order of arrival. An allocator and its wider allocator share a queue. Only the
 * first caller in the queue searches. If the queue is not empty, a map that may sleep is queued
 * before it searches. Maps that cannot sleep ignore the queue. Callers of a device with an own
 * allocator wait in the queue of the common one: room in either wakes them. The first of them
 * searches the own allocator, even if callers of other devices are before it.
 *
 * Free slots do not help large mappings, or devices that reach no pool. These callers wait in
 * another queue, until the limit allows another pool, or a large mapping ends.
 *
 * While callers wait for slots, the allocator is crowded: an unmap frees the buffer to its area,
 * and wakes the first caller. If no caller waits, an unmap only reads @crowded a second time, in
 * a cache line that maps do not write.
 *
 * No wake-up is lost: see [11] in "Barriers". The search may miss a buffer that is moved
 * meanwhile, so code that moves buffers for other reasons (a drain, a refill) wakes it, too.
 */

/* Longest time that a caller waits for room, in jiffies. */
#define SWIOTLB_WAIT		(5 * HZ)

/* The caller makes its transient pool itself: a worker would not inherit memalloc_noio_save(). */
#define SWIOTLB_WAIT_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/*
 * Map from an allocator, or from the narrower one. A wider allocator in reach comes first, to
 * save low memory for devices that need it. If there is no room, ask for another pool.
 */
static phys_addr_t swiotlb_search_mem(struct swiotlb_mem *mem, struct device *dev,
				      const struct swiotlb_request *req, enum swiotlb_reach reach,
				      bool waits, struct io_tlb_pool **pool)
{
	struct swiotlb_mem *widest = swiotlb_mem_widest(mem, reach);
	/* Another pool would not help a device that only reaches a part of the allocator. */
	bool may_grow = reach > SWIOTLB_REACH_BOOT && swiotlb_growth_is_enabled(widest);
	struct swiotlb_hit hit;
	phys_addr_t tlb_addr;

	if (reach == SWIOTLB_REACH_NONE)
		return SWIOTLB_MAP_FULL;
	for (mem = widest; mem; mem = mem->narrower) {
		tlb_addr = swiotlb_mem_map(mem, dev, req, reach, waits, &hit);
		if (tlb_addr == SWIOTLB_MAP_FULL)
			continue;
		if (may_grow)
			swiotlb_growth_look(widest, dev, hit.tight);
		*pool = hit.pool;
		return tlb_addr;
	}
	if (may_grow)
		swiotlb_growth_want(widest, dev);
	return SWIOTLB_MAP_FULL;
}

/* The device's own allocator. %NULL if there is none, or if a new mask no longer reaches it. */
static struct swiotlb_mem *swiotlb_dev_own(struct device *dev)
{
	struct io_tlb_mem *pub = READ_ONCE(dev->dma_io_tlb_mem);

	if (!pub || !swiotlb_mem_is_own(to_swiotlb_mem(pub)) ||
	    swiotlb_mem_reach(to_swiotlb_mem(pub), dev) != SWIOTLB_REACH_MEM)
		return NULL;
	return to_swiotlb_mem(pub);
}

/* Has a map of this size or less just found no room? A hint: slots freed meanwhile are missed. */
static bool swiotlb_own_is_full(struct swiotlb_mem *own, const struct swiotlb_request *req)
{
	unsigned int full = READ_ONCE(own->full);

	return full && req->nslots >= full && swiotlb_cache_is_crowded(&own->cache);
}

/* Map from the device's own allocator, if there is one with room, or else from the common one. */
static phys_addr_t swiotlb_search(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req, enum swiotlb_reach reach,
				  bool waits, struct io_tlb_pool **pool)
{
	struct swiotlb_mem *own = swiotlb_dev_own(dev);
	phys_addr_t tlb_addr;

	if (own && (waits || !swiotlb_own_is_full(own, req))) {
		tlb_addr = swiotlb_search_mem(own, dev, req, SWIOTLB_REACH_MEM, waits, pool);
		if (tlb_addr != SWIOTLB_MAP_FULL)
			return tlb_addr;
		WRITE_ONCE(own->full, req->nslots);
	}
	return swiotlb_search_mem(mem, dev, req, reach, waits, pool);
}

static phys_addr_t swiotlb_map_own(struct swiotlb_mem *mem, struct device *dev,
				   const struct swiotlb_request *req, gfp_t gfp,
				   struct io_tlb_pool **pool)
{
	if (!swiotlb_growth_is_enabled(mem) || swiotlb_request_is_large(req))
		return SWIOTLB_MAP_FULL;
	return swiotlb_transient_map(mem, dev, req, gfp, pool);
}

/**
 * swiotlb_map_atomic() - map without sleeping, from areas or in a transient pool
 * @mem:	Allocator of the device.
 * @dev:	Device.
 * @req:	The request; swiotlb_request_possible() is %true for it.
 * @reach:	Pools that the device can use. With %SWIOTLB_REACH_NONE,
 *		swiotlb_transient_is_reached() is %true for the device.
 * @pool:	Receives the pool on success.
 *
 * Context: Any.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_map_atomic(struct swiotlb_mem *mem, struct device *dev,
			       const struct swiotlb_request *req,
			       enum swiotlb_reach reach, struct io_tlb_pool **pool)
{
	phys_addr_t tlb_addr = swiotlb_search(mem, dev, req, reach, false, pool);

	if (tlb_addr == SWIOTLB_MAP_FULL)
		tlb_addr = swiotlb_map_own(mem, dev, req, GFP_NOWAIT | __GFP_NOWARN, pool);
	return tlb_addr;
}

/* Do free slots not help the map? Then the caller waits until the limit allows another pool. */
static bool swiotlb_wait_is_for_limit(const struct swiotlb_request *req, enum swiotlb_reach reach)
{
	return swiotlb_request_is_large(req) || reach == SWIOTLB_REACH_NONE;
}

/* Queue a waiter. Afterwards, code that makes room sees that a caller waits. */
static void swiotlb_wait_begin(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
			       struct swiotlb_mem *own, struct swiotlb_waiter *waiter)
{
	waiter->own = own;
	init_completion(&waiter->room);
	scoped_guard(spinlock_irqsave, &queue->lock) {
		list_add_tail(&waiter->node, &queue->waiters);
		for (; mem && queue == &swiotlb_mem_low(mem)->queue; mem = mem->wider)
			WRITE_ONCE(mem->cache.crowded, SWIOTLB_CROWDED_WAITED);
		if (own) {
			list_add_tail(&waiter->own_node, &own->own_waiters);
			WRITE_ONCE(own->cache.crowded, SWIOTLB_CROWDED_WAITED);
		}
	}
	/* [11] Pairs with swiotlb_magazine_push(), and swiotlb_mem_made_room(). */
	smp_mb();
}

/*
 * Which allocator may the waiter search: @mem, only the device's own, or %NULL for none? Room that
 * is made after this call wakes it again.
 */
static struct swiotlb_mem *swiotlb_wait_turn(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
					     struct device *dev, struct swiotlb_waiter *waiter)
{
	struct swiotlb_mem *own = waiter->own;

	guard(spinlock_irqsave)(&queue->lock);
	reinit_completion(&waiter->room);
	if (list_is_first(&waiter->node, &queue->waiters))
		return mem;
	if (own && own == swiotlb_dev_own(dev) && swiotlb_own_first(own) == waiter)
		return own;
	return NULL;
}

/* Remove a waiter, and wake the next: room may be left, or room that was too small for this. */
static void swiotlb_wait_end(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
			     struct swiotlb_waiter *waiter)
{
	struct swiotlb_mem *own = waiter->own;

	guard(spinlock_irqsave)(&queue->lock);
	list_del(&waiter->node);
	if (own) {
		list_del(&waiter->own_node);
		waiter = swiotlb_own_first(own);
		if (waiter)
			complete(&waiter->room);
		else
			WRITE_ONCE(own->cache.crowded, 0);
	}
	waiter = list_first_entry_or_null(&queue->waiters, struct swiotlb_waiter, node);
	if (waiter) {
		complete(&waiter->room);
		return;
	}
	for (; mem && queue == &swiotlb_mem_low(mem)->queue; mem = mem->wider)
		WRITE_ONCE(mem->cache.crowded, 0);
}

static struct swiotlb_timeout *swiotlb_wait_timeout(struct swiotlb_mem *mem)
{
	return &mem->timeouts[hash_ptr(current, SWIOTLB_TASK_BITS)];
}

/* If two tasks with the same hash write at once, @until is about the same for both. */
static void swiotlb_wait_time_out(struct swiotlb_mem *mem)
{
	struct swiotlb_timeout *timeout = swiotlb_wait_timeout(mem);

	WRITE_ONCE(timeout->until, jiffies + SWIOTLB_WAIT);
	WRITE_ONCE(timeout->task, current);
	swiotlb_count(mem, SWIOTLB_WAIT_TIMED_OUT, 1);
}

/* Has a wait of this task timed out? Compare with a range: jiffies may have wrapped since then. */
static bool swiotlb_wait_is_over(struct swiotlb_mem *mem)
{
	struct swiotlb_timeout *timeout = swiotlb_wait_timeout(mem);
	unsigned long until = READ_ONCE(timeout->until);

	return READ_ONCE(timeout->task) == current &&
	       time_in_range_open(jiffies, until - SWIOTLB_WAIT, until);
}

static phys_addr_t swiotlb_wait_try(struct swiotlb_mem *mem, struct device *dev,
				    const struct swiotlb_request *req, enum swiotlb_reach reach,
				    bool waits, struct io_tlb_pool **pool)
{
	/* The reason why an earlier try failed may no longer hold. */
	*pool = NULL;
	if (swiotlb_request_is_large(req))
		return swiotlb_large_map(mem, dev, req, reach, pool);
	if (reach == SWIOTLB_REACH_NONE)
		return swiotlb_map_own(mem, dev, req, SWIOTLB_WAIT_GFP, pool);
	return swiotlb_search(mem, dev, req, reach, waits, pool);
}

/*
 * Can unmaps by other callers make room for the request? They do not make memory contiguous, or
 * areas larger. For a map that waits for the limit, @reason tells if the limit refused the last
 * try. Do not check the limit again: it may allow the pool by now.
 */
static bool swiotlb_wait_helps(struct swiotlb_mem *mem, const struct swiotlb_request *req,
			       enum swiotlb_reach reach, const struct io_tlb_pool *reason)
{
	if (swiotlb_wait_is_for_limit(req, reach))
		return reason == ERR_PTR(-ENOSPC);
	return swiotlb_growth_is_enabled(mem) || req->nslots <= 1U << mem->boot_pool.area_shift;
}

/* Wait for room. Returns %SWIOTLB_MAP_FULL if the wait cannot help, times out, or is killed. */
static phys_addr_t swiotlb_wait(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
				struct device *dev, const struct swiotlb_request *req,
				enum swiotlb_reach reach, struct io_tlb_pool **pool)
{
	struct swiotlb_mem *own = queue == &mem->queue ? swiotlb_dev_own(dev) : NULL;
	unsigned long end = jiffies + SWIOTLB_WAIT;
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;
	struct swiotlb_mem *turn;
	struct swiotlb_waiter waiter;
	bool again = false, gave_up = false;
	long left, ret;

	swiotlb_count(mem, SWIOTLB_WAITED, 1);
	swiotlb_wait_begin(mem, queue, own, &waiter);
	do {
		turn = swiotlb_wait_turn(mem, queue, dev, &waiter);
		if (turn == mem)
			tlb_addr = swiotlb_wait_try(mem, dev, req, reach, true, pool);
		else if (turn)
			tlb_addr = swiotlb_search_mem(own, dev, req, SWIOTLB_REACH_MEM, true, pool);
		if (tlb_addr != SWIOTLB_MAP_FULL ||
		    (turn == mem && !swiotlb_wait_helps(mem, req, reach, *pool)))
			break;
		gave_up = time_after_eq(jiffies, end);
		if (gave_up)
			break;
		/* Each unmap wakes the waiter: do not search more than once per jiffy. */
		if (turn && again)
			schedule_timeout_killable(1);
		again = turn;
		left = end - jiffies;
		ret = wait_for_completion_killable_timeout(&waiter.room, max(left, 0L));
	} while (ret >= 0);
	swiotlb_wait_end(mem, queue, &waiter);
	if (gave_up)
		swiotlb_wait_time_out(mem);
	return tlb_addr;
}

/**
 * swiotlb_map_sleeping() - map, after waiting for room if there is none
 * @mem:	Allocator of the device.
 * @dev:	Device.
 * @req:	The request; swiotlb_request_possible() is %true for it.
 * @reach:	As for swiotlb_map_atomic().
 * @pool:	Receives the pool on success; undefined on failure.
 *
 * Context: Process context. May wait for %SWIOTLB_WAIT jiffies, and then allocate memory with
 * %SWIOTLB_WAIT_GFP. A fatal signal ends the wait.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_map_sleeping(struct swiotlb_mem *mem, struct device *dev,
				 const struct swiotlb_request *req,
				 enum swiotlb_reach reach, struct io_tlb_pool **pool)
{
	struct swiotlb_queue *queue = swiotlb_wait_is_for_limit(req, reach) ?
				      &mem->limit_queue : &mem->queue;
	bool waited = !list_empty(&queue->waiters), over = swiotlb_wait_is_over(mem);
	struct swiotlb_mem *own = swiotlb_dev_own(dev);
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;

	might_sleep();
	if (!waited)
		tlb_addr = swiotlb_wait_try(mem, dev, req, reach, false, pool);
	else if (queue == &mem->queue && own && list_empty(&own->own_waiters))
		tlb_addr = swiotlb_search_mem(own, dev, req, SWIOTLB_REACH_MEM, false, pool);
	if (tlb_addr == SWIOTLB_MAP_FULL && !over &&
	    (waited || swiotlb_wait_helps(mem, req, reach, *pool)))
		tlb_addr = swiotlb_wait(mem, queue, dev, req, reach, pool);
	/* If other waiters were first all the time, this caller has not searched yet. */
	if (tlb_addr == SWIOTLB_MAP_FULL && waited && !over && !fatal_signal_pending(current))
		tlb_addr = swiotlb_wait_try(mem, dev, req, reach, false, pool);
	if (tlb_addr == SWIOTLB_MAP_FULL)
		tlb_addr = swiotlb_map_own(mem, dev, req,
					   fatal_signal_pending(current) ?
					   GFP_NOWAIT | __GFP_NOWARN : SWIOTLB_WAIT_GFP,
					   pool);
	return tlb_addr;
}
