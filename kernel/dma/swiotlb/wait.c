// SPDX-License-Identifier: GPL-2.0-only
/* Maps that find no buffer in a magazine: search areas, wait, or make a transient pool. */

#include "large.h"
#include "wait.h"

/**
 * DOC: Waiting
 *
 * A map with %DMA_ATTR_MAY_SLEEP that finds no room waits once, for a bounded time. Then it
 * searches again, makes a transient pool, or fails. So the wait ends even if the driver itself
 * holds all buffers. Since each entry of a scatterlist is a map, a task whose wait has timed out
 * does not wait again for the same time, unless another task with the same hash times out
 * meanwhile. While other callers wait, the maps of this task do not overtake them, but try only a
 * transient pool, or the device's own allocator.
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
 * and wakes the first caller. No wake-up is lost: see [11] in "Barriers". The search may miss a
 * buffer that is moved meanwhile, so drains and refills by other callers also wake the waiter.
 */

/* Longest time that a caller waits for room, in jiffies */
#define SWIOTLB_WAIT		(5 * HZ)

/* The task allocates its transient pool itself: a worker would ignore its memalloc_noio_save(). */
#define SWIOTLB_WAIT_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/*
 * Search the wider allocator first if it is in reach, to save low memory for devices that need
 * it. If there is no room, ask for another pool.
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

/* Returns %NULL if the device has no own allocator, or no longer reaches it with a new mask. */
static struct swiotlb_mem *swiotlb_dev_own(struct device *dev)
{
	struct io_tlb_mem *pub = READ_ONCE(dev->dma_io_tlb_mem);

	if (!pub || !swiotlb_mem_is_own(to_swiotlb_mem(pub)) ||
	    swiotlb_mem_reach(to_swiotlb_mem(pub), dev) != SWIOTLB_REACH_MEM)
		return NULL;
	return to_swiotlb_mem(pub);
}

/* Has a map of this size or less just found no room? Slots freed since then may be missed. */
static bool swiotlb_own_is_full(struct swiotlb_mem *own, const struct swiotlb_request *req)
{
	unsigned int full = READ_ONCE(own->full);

	return full && req->nslots >= full && swiotlb_cache_is_crowded(&own->cache);
}

/* Search the device's own allocator first, if there is one, then the common one. */
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

/* Free slots do not help such a map: its caller waits until the limit allows another pool. */
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
 * Returns the allocator that the waiter may search: @mem, only the device's own, or %NULL for
 * none. Room that is made after this call completes @room again.
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

/* Wake the next waiter: there may be room that this one has left, or that was too small for it. */
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

/* If two tasks with the same hash write at once, their @until is about the same. */
static void swiotlb_wait_time_out(struct swiotlb_mem *mem)
{
	struct swiotlb_timeout *timeout = swiotlb_wait_timeout(mem);

	WRITE_ONCE(timeout->until, jiffies + SWIOTLB_WAIT);
	WRITE_ONCE(timeout->task, current);
	swiotlb_count(mem, SWIOTLB_WAIT_TIMED_OUT, 1);
}

/* Compare with a range: jiffies may have wrapped since the timeout. */
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
	/* Clear the reason for the failure of an earlier try. */
	*pool = NULL;
	if (swiotlb_request_is_large(req))
		return swiotlb_large_map(mem, dev, req, reach, pool);
	if (reach == SWIOTLB_REACH_NONE)
		return swiotlb_map_own(mem, dev, req, SWIOTLB_WAIT_GFP, pool);
	return swiotlb_search(mem, dev, req, reach, waits, pool);
}

/*
 * Can unmaps by other callers make room for the request? They do not make memory contiguous, or
 * areas larger. For a map that waits for the limit, @reason is the error of the last try: do not
 * check the limit again, since it may allow the pool by now.
 */
static bool swiotlb_wait_helps(struct swiotlb_mem *mem, const struct swiotlb_request *req,
			       enum swiotlb_reach reach, const struct io_tlb_pool *reason)
{
	if (swiotlb_wait_is_for_limit(req, reach))
		return reason == ERR_PTR(-ENOSPC);
	return swiotlb_growth_is_enabled(mem) || req->nslots <= 1U << mem->boot_pool.area_shift;
}

/* Returns %SWIOTLB_MAP_FULL if the wait cannot help, times out, or the task is killed. */
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
		/* Each unmap may wake the waiter: do not search more than once per jiffy. */
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
