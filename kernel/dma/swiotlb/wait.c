// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a map gets room: it searches; it waits, if the caller can sleep; it makes a pool
 * of its own.
 */

#include "large.h"
#include "transient.h"
#include "wait.h"

/**
 * DOC: Waiting
 *
 * A map with %DMA_ATTR_MAY_SLEEP that finds no room waits for it, once, for a bounded
 * time. Then it looks once more, makes a pool for its request, or fails. So it ends even
 * if the driver itself holds all that there is. Entries of a scatterlist are maps of their
 * own: for a moment after a caller has waited for the whole time, no map begins to wait.
 *
 * Callers wait in order of arrival, in one queue for an allocator and the wider one. Only
 * the first one searches; a map that may sleep and finds others waiting queues behind
 * them before it searches. Maps that cannot sleep take no notice of the queue.
 *
 * Large mappings, and devices that reach no pool, have a queue of their own, as no search
 * of pools finds room for them: they wait until there is room within the limit.
 *
 * While callers wait for slots, the allocator is crowded: what is unmapped goes to its
 * area, and the unmap wakes the first caller. If no caller waits, the only cost to an unmap
 * is a second read of @crowded, which is in a cache line that maps do not write.
 *
 * No wake-up is lost. What was freed before @crowded was set is found by the search of
 * the waiter; what is freed later is freed by code that reads @crowded afterwards, and
 * wakes: [11] in "Barriers". A buffer that changes its place meanwhile may be missed by
 * the search, so code that moves buffers for itself (a drain, a refill) wakes, too.
 */

/* How long a caller waits for room at most, in jiffies. */
#define SWIOTLB_WAIT		(5 * HZ)

/* How long after a caller gave up no other one begins to wait, in jiffies. */
#define SWIOTLB_WAIT_OVER	HZ

/*
 * The calling task allocates this pool, not a worker: the task may be in a
 * memalloc_noio_save() section, which a worker would not inherit.
 */
#define SWIOTLB_WAIT_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/* The wider allocator first, if it is reached: low memory is for devices that need it. */
static phys_addr_t swiotlb_search(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req,
				  enum swiotlb_reach reach, bool waits,
				  struct io_tlb_pool **pool)
{
	struct swiotlb_mem *widest = swiotlb_mem_widest(mem, reach);
	/* More of it would not help a device that reaches a part only. */
	bool may_grow = reach > SWIOTLB_REACH_BOOT && swiotlb_growth_is_enabled(widest);
	struct swiotlb_hit hit;
	phys_addr_t tlb_addr;

	if (reach == SWIOTLB_REACH_NONE)
		return SWIOTLB_MAP_FULL;
	for (mem = widest; mem; mem = mem->narrower) {
		tlb_addr = waits ? swiotlb_mem_map_waiter(mem, dev, req, reach, &hit) :
				   swiotlb_mem_map(mem, dev, req, reach, &hit);
		if (tlb_addr == SWIOTLB_MAP_FULL)
			continue;
		if (hit.tight && may_grow)
			swiotlb_growth_look(widest, dev);
		*pool = hit.pool;
		return tlb_addr;
	}
	if (may_grow)
		swiotlb_growth_want(widest, dev);
	return SWIOTLB_MAP_FULL;
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
 * swiotlb_map_atomic() - map from areas, or in a pool of its own
 * @mem:	Allocator of the device.
 * @dev:	Device.
 * @req:	The request, swiotlb_request_possible().
 * @reach:	Pools that the device can use. If none, it can reach memory for a transient
 *		pool.
 * @pool:	Filled in on success.
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
		tlb_addr = swiotlb_map_own(mem, dev, req, GFP_NOWAIT | __GFP_NOWARN,
					   pool);
	return tlb_addr;
}

/* Is there room for the map in no pool that a search could find? */
static bool swiotlb_wait_is_for_limit(const struct swiotlb_request *req,
				      enum swiotlb_reach reach)
{
	return swiotlb_request_is_large(req) || reach == SWIOTLB_REACH_NONE;
}

/* From here on, code that makes room sees that a caller waits. */
static void swiotlb_wait_begin(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
			       struct swiotlb_waiter *waiter)
{
	init_completion(&waiter->room);
	scoped_guard(spinlock_irqsave, &queue->lock) {
		list_add_tail(&waiter->node, &queue->waiters);
		for (; mem && queue == &swiotlb_mem_low(mem)->queue; mem = mem->wider)
			WRITE_ONCE(mem->cache.crowded, SWIOTLB_CROWDED_WAITED);
	}
	/* [11] Pairs with swiotlb_magazine_push(), and swiotlb_mem_made_room(). */
	smp_mb();
}

/* May it search? Then what is freed from here on wakes it once more. */
static bool swiotlb_wait_is_first(struct swiotlb_queue *queue,
				  struct swiotlb_waiter *waiter)
{
	guard(spinlock_irqsave)(&queue->lock);
	reinit_completion(&waiter->room);
	return list_is_first(&waiter->node, &queue->waiters);
}

/* The next one has its turn: there may be room that was too small for this one. */
static void swiotlb_wait_end(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
			     struct swiotlb_waiter *waiter, bool gave_up)
{
	guard(spinlock_irqsave)(&queue->lock);
	if (gave_up) {
		queue->gave_up = true;
		queue->gave_up_at = jiffies;
	}
	list_del(&waiter->node);
	if (!list_empty(&queue->waiters)) {
		waiter = list_first_entry(&queue->waiters, struct swiotlb_waiter, node);
		complete(&waiter->room);
		return;
	}
	for (; mem && queue == &swiotlb_mem_low(mem)->queue; mem = mem->wider)
		WRITE_ONCE(mem->cache.crowded, 0);
}

static bool swiotlb_wait_is_over(struct swiotlb_queue *queue)
{
	guard(spinlock_irqsave)(&queue->lock);
	if (queue->gave_up)
		queue->gave_up = time_in_range(jiffies, queue->gave_up_at,
					       queue->gave_up_at + SWIOTLB_WAIT_OVER);
	return queue->gave_up;
}

static phys_addr_t swiotlb_wait_try(struct swiotlb_mem *mem, struct device *dev,
				    const struct swiotlb_request *req,
				    enum swiotlb_reach reach, bool waits,
				    struct io_tlb_pool **pool)
{
	if (swiotlb_request_is_large(req))
		return swiotlb_large_map(mem, dev, req, reach, pool);
	if (reach == SWIOTLB_REACH_NONE)
		return swiotlb_map_own(mem, dev, req, SWIOTLB_WAIT_GFP, pool);
	return swiotlb_search(mem, dev, req, reach, waits, pool);
}

/*
 * Can another caller make room for it? No unmap makes memory contiguous, and none makes an
 * area larger.
 */
static bool swiotlb_wait_helps(struct swiotlb_mem *mem, struct device *dev,
			       const struct swiotlb_request *req,
			       enum swiotlb_reach reach)
{
	if (swiotlb_request_is_large(req) &&
	    !swiotlb_large_is_allowed(mem, dev, req, reach))
		return false;
	if (swiotlb_wait_is_for_limit(req, reach))
		return swiotlb_growth_is_enabled(mem) &&
		       swiotlb_mem_is_limited(mem, dev, req, reach);
	return swiotlb_growth_is_enabled(mem) ||
	       req->nslots <= 1U << mem->boot_pool.area_shift;
}

/* %SWIOTLB_MAP_FULL if there is no room in time, or a fatal signal ends the wait. */
static phys_addr_t swiotlb_wait(struct swiotlb_mem *mem, struct swiotlb_queue *queue,
				struct device *dev, const struct swiotlb_request *req,
				enum swiotlb_reach reach, struct io_tlb_pool **pool)
{
	unsigned long end = jiffies + SWIOTLB_WAIT;
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;
	struct swiotlb_waiter waiter;
	bool first, again = false, gave_up = false;
	long left, ret;

	swiotlb_count(mem, SWIOTLB_WAITED, 1);
	swiotlb_wait_begin(mem, queue, &waiter);
	do {
		first = swiotlb_wait_is_first(queue, &waiter);
		if (first)
			tlb_addr = swiotlb_wait_try(mem, dev, req, reach, true, pool);
		if (tlb_addr != SWIOTLB_MAP_FULL ||
		    (first && !swiotlb_wait_helps(mem, dev, req, reach)))
			break;
		gave_up = time_after_eq(jiffies, end);
		if (gave_up)
			break;
		/* Each unmap wakes it: do not search for each of them. */
		if (first && again)
			schedule_timeout_killable(1);
		again = first;
		left = end - jiffies;
		ret = wait_for_completion_killable_timeout(&waiter.room, max(left, 0L));
	} while (ret >= 0);
	swiotlb_wait_end(mem, queue, &waiter, gave_up);
	if (gave_up)
		swiotlb_count(mem, SWIOTLB_WAIT_TIMED_OUT, 1);
	return tlb_addr;
}

/**
 * swiotlb_map_sleeping() - map when there is room, or in a pool of its own
 * @mem:	Allocator of the device.
 * @dev:	Device.
 * @req:	The request, swiotlb_request_possible().
 * @reach:	As for swiotlb_map_atomic().
 * @pool:	Filled in on success.
 *
 * Context: Process context. It may wait for %SWIOTLB_WAIT, and then allocate memory as the
 * task may. A fatal signal ends the wait.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_map_sleeping(struct swiotlb_mem *mem, struct device *dev,
				 const struct swiotlb_request *req,
				 enum swiotlb_reach reach, struct io_tlb_pool **pool)
{
	struct swiotlb_queue *queue = swiotlb_wait_is_for_limit(req, reach) ?
				      &mem->limit_queue : &mem->queue;
	bool waited = !list_empty(&queue->waiters);
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;

	might_sleep();
	if (!waited)
		tlb_addr = swiotlb_wait_try(mem, dev, req, reach, false, pool);
	if (tlb_addr == SWIOTLB_MAP_FULL && !swiotlb_wait_is_over(queue) &&
	    (waited || swiotlb_wait_helps(mem, dev, req, reach)))
		tlb_addr = swiotlb_wait(mem, queue, dev, req, reach, pool);
	/* Others were in front of it all the time: there may be room for this one. */
	if (tlb_addr == SWIOTLB_MAP_FULL && waited && !fatal_signal_pending(current))
		tlb_addr = swiotlb_wait_try(mem, dev, req, reach, false, pool);
	if (tlb_addr == SWIOTLB_MAP_FULL)
		tlb_addr = swiotlb_map_own(mem, dev, req,
					   fatal_signal_pending(current) ?
					   GFP_NOWAIT | __GFP_NOWARN : SWIOTLB_WAIT_GFP,
					   pool);
	return tlb_addr;
}
