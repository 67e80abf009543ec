// SPDX-License-Identifier: GPL-2.0-only
/* One allocator: its reach, the order of search, and the number of slots in use. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"

/* See "Lock order" in internal.h. */
DEFINE_MUTEX(swiotlb_pools_lock);

/**
 * swiotlb_pools_count() - change the number of open slots
 * @mem:	Allocator. Its magazines get new limits.
 * @nslots:	Slots of a pool that is opened; negative if a pool is closed.
 *
 * Context: swiotlb_pools_lock is held, except for a boot pool.
 */
void swiotlb_pools_count(struct swiotlb_mem *mem, long nslots)
{
	WRITE_ONCE(mem->pub.nslabs, mem->pub.nslabs + nslots);
	if (mem->narrower)
		WRITE_ONCE(mem->narrower->first, mem->pub.nslabs ? mem : mem->narrower);
	swiotlb_magazines_resize(&mem->cache, mem->pub.nslabs);
}

/**
 * swiotlb_pools_list() - add a pool to the list of its allocator
 * @mem:	Allocator.
 * @pool:	The pool, which can be found by its address, and counts as held. If it is open,
 *		maps can now search it.
 *
 * Context: As for swiotlb_pools_count().
 */
void swiotlb_pools_list(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	list_add_tail_rcu(&pool->node, &mem->pools.list);
	if (swiotlb_pool_is_open(pool))
		swiotlb_pools_count(mem, pool->nslots);
}

static void swiotlb_queue_init(struct swiotlb_queue *queue)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->waiters);
}

/**
 * swiotlb_mem_init() - initialize an allocator without pools
 * @mem:	Allocator. It does not grow until swiotlb_growth_enable().
 *
 * Context: @mem is not shared yet.
 */
void swiotlb_mem_init(struct swiotlb_mem *mem)
{
	mem->first = mem;
	INIT_LIST_HEAD(&mem->pools.list);
	mem->pools.held = 0;
	init_llist_head(&mem->cache.filled);
	swiotlb_queue_init(&mem->queue);
	swiotlb_queue_init(&mem->limit_queue);
	INIT_LIST_HEAD(&mem->own_waiters);
	if (IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		swiotlb_growth_init(&mem->growth);
}

/**
 * swiotlb_mem_set_boot_pool() - publish the boot pool
 * @mem:	Allocator, with an initialized @mem->boot_pool.
 *
 * Context: Before the first map.
 */
void swiotlb_mem_set_boot_pool(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool = &mem->boot_pool;

	pool->mem = mem;
	mem->pub.start = pool->start;
	mem->pub.size = pool->end - pool->start;
	mem->pub.pool = pool;
	if (!mem->last && pool->segment_mask == SWIOTLB_NO_BOUNDARY)
		mem->last = pool->end - 1;
	swiotlb_mem_hold(mem, pool->nslots);
	swiotlb_pools_list(mem, pool);
}

/**
 * swiotlb_mem_start_magazines() - give an allocator magazines
 * @mem:	Allocator. Does nothing if it has no open pool, or already has magazines. On
 *		failure, it works without them.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_mem_start_magazines(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *boot = &mem->boot_pool;

	lockdep_assert_held(&swiotlb_pools_lock);
	if (mem->pub.nslabs &&
	    ((boot->nslots && !boot->id && swiotlb_pool_number(boot)) ||
	     swiotlb_magazines_start(&mem->cache, mem->pub.nslabs)))
		pr_warn_once("no memory for magazines\n");
}

/**
 * swiotlb_mem_used() - number of slots in use
 * @mem:	Allocator. Transient and large pools, and buffers in magazines, are not counted.
 *
 * Context: Process context, since this walks over all CPUs.
 * Return: Slots; an estimate if buffers are mapped or unmapped meanwhile.
 */
unsigned long swiotlb_mem_used(const struct swiotlb_mem *mem)
{
	struct swiotlb_cpu_cache __percpu *cache = swiotlb_cache_cpu(&mem->cache);
	long used = atomic_long_read(&mem->early_used);
	unsigned int cpu;

	if (cache)
		for_each_possible_cpu(cpu)
			used += READ_ONCE(per_cpu_ptr(cache, cpu)->used);
	return max(used, 0L);
}

/**
 * swiotlb_mem_bounced() - number of bytes that were copied
 * @mem:	Allocator. Copies to and from transient and large pools also count.
 *
 * Context: Process context, since this walks over all CPUs.
 * Return: Bytes since boot, modulo %ULONG_MAX + 1.
 */
unsigned long swiotlb_mem_bounced(const struct swiotlb_mem *mem)
{
	struct swiotlb_cpu_cache __percpu *cache = swiotlb_cache_cpu(&mem->cache);
	unsigned long bytes = atomic_long_read(&mem->early_bounced);
	unsigned int cpu;

	if (cache)
		for_each_possible_cpu(cpu)
			bytes += READ_ONCE(per_cpu_ptr(cache, cpu)->bounced);
	return bytes;
}

/**
 * swiotlb_dev_last() - highest address of memory that a device can use
 * @dev:	Device. If its bus has windows, it may not reach all memory below that address.
 *
 * Context: Any.
 * Return: Physical address, 0 if the device reaches no memory; %U64_MAX behind an IOMMU,
 * which maps any memory.
 */
u64 swiotlb_dev_last(struct device *dev)
{
	const struct bus_dma_region *m = dev->dma_range_map;
	u64 limit = swiotlb_dev_limit(dev);
	u64 size, last = 0;

	if (use_dma_iommu(dev))
		return U64_MAX;
	if (!m)
		return limit == U64_MAX ? U64_MAX : dma_to_phys(dev, limit);

	for (; m->size; m++) {
		if (m->dma_start > limit)
			continue;
		size = min(m->size - 1, limit - m->dma_start);
		last = max(last, m->cpu_start + size);
	}
	return last;
}

/**
 * swiotlb_dev_reaches() - can a device use all of a range of memory?
 * @mem:	Allocator that the range is for.
 * @dev:	Device.
 * @first:	Physical address of the first byte.
 * @last:	Physical address of the last byte.
 *
 * Context: Any.
 * Return: %true if it can. The bus may have windows: they must map all of the range contiguously.
 */
bool swiotlb_dev_reaches(const struct swiotlb_mem *mem, struct device *dev,
			 phys_addr_t first, phys_addr_t last)
{
	u64 dma_first = swiotlb_dma_addr(mem, dev, first);
	u64 dma_last = swiotlb_dma_addr(mem, dev, last);

	if (use_dma_iommu(dev))
		return true;
	return dma_last >= dma_first && dma_last <= swiotlb_dev_limit(dev) &&
	       (!dev->dma_range_map || dma_last - dma_first == last - first);
}

static bool swiotlb_mem_is_reached(const struct swiotlb_mem *mem, struct device *dev)
{
	/* If no pool can be added, the device must only reach the boot pool. */
	phys_addr_t first = swiotlb_growth_is_enabled(mem) ?
			    PFN_PHYS(min_low_pfn) : mem->boot_pool.start;

	return !mem->last || swiotlb_dev_reaches(mem, dev, first, mem->last);
}

/**
 * swiotlb_mem_reach() - which pools can a device use now?
 * @mem:	Allocator of the device.
 * @dev:	Device.
 *
 * Context: Any.
 * Return: &enum swiotlb_reach.
 */
enum swiotlb_reach swiotlb_mem_reach(struct swiotlb_mem *mem, struct device *dev)
{
	const struct io_tlb_pool *boot = &mem->boot_pool;
	phys_addr_t last;

	if (mem->wider && swiotlb_mem_is_reached(mem->wider, dev))
		return SWIOTLB_REACH_WIDER;
	if (swiotlb_mem_is_reached(mem, dev))
		return SWIOTLB_REACH_MEM;
	/* Without transient pools, use a boot pool even if only its start is in reach. */
	last = swiotlb_growth_is_enabled(mem) ? boot->end - 1 : boot->start + IO_TLB_SIZE - 1;
	if (swiotlb_dev_reaches(mem, dev, boot->start, last))
		return SWIOTLB_REACH_BOOT;
	return SWIOTLB_REACH_NONE;
}

/* With @surely, lock and search the area even if it looks full. */
static phys_addr_t swiotlb_mem_try(struct swiotlb_mem *mem, struct device *dev,
				   const struct swiotlb_request *req, struct io_tlb_pool *pool,
				   unsigned int n, bool surely, struct swiotlb_hit *hit)
{
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;
	struct io_tlb_area *area;

	/* Avoid a division: in most pools the number of areas is a power of two. */
	n = is_power_of_2(pool->nareas) ? n & (pool->nareas - 1) : n % pool->nareas;
	area = swiotlb_pool_area(pool, n);
	if (surely || swiotlb_slots_may_fit(&area->slots, req->nslots))
		tlb_addr = swiotlb_pool_map(pool, n, req, swiotlb_dma_addr(mem, dev, pool->start));
	hit->pool = pool;
	hit->tight |= tlb_addr == SWIOTLB_MAP_FULL ||
		      READ_ONCE(area->slots.nused) > area->slots.nslots / 2;
	return tlb_addr;
}

/*
 * Try this CPU's area of each pool before other areas: otherwise all CPUs would contend for the
 * areas of the oldest pool.
 */
static phys_addr_t swiotlb_mem_search(struct swiotlb_mem *mem, struct device *dev,
				      const struct swiotlb_request *req, enum swiotlb_reach reach,
				      bool surely, struct swiotlb_hit *hit)
{
	unsigned int i, cpu = raw_smp_processor_id();
	struct io_tlb_pool *pool;
	phys_addr_t tlb_addr;

	guard(rcu)();
	swiotlb_for_each_pool(pool, mem) {
		if (!swiotlb_mem_may_use(mem, pool, reach))
			continue;
		tlb_addr = swiotlb_mem_try(mem, dev, req, pool, cpu, surely, hit);
		if (tlb_addr != SWIOTLB_MAP_FULL)
			return tlb_addr;
	}
	swiotlb_for_each_pool(pool, mem) {
		for (i = 1; i < pool->nareas && swiotlb_mem_may_use(mem, pool, reach); i++) {
			tlb_addr = swiotlb_mem_try(mem, dev, req, pool, cpu + i, surely, hit);
			if (tlb_addr != SWIOTLB_MAP_FULL)
				return tlb_addr;
		}
	}
	return SWIOTLB_MAP_FULL;
}

/**
 * swiotlb_mem_map() - allocate and record a mapping
 * @mem:	Allocator.
 * @dev:	Device that will use the mapping.
 * @req:	The request; swiotlb_request_possible() is %true for it.
 * @reach:	Pools that the device can use.
 * @waits:	The caller waits: drain the magazines, and lock each area. If slots are freed too
 *		late to be found here, the CPU that frees them wakes the waiter.
 * @hit:	Filled in on success.
 *
 * Context: Any, takes locks of areas and depots.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_mem_map(struct swiotlb_mem *mem, struct device *dev,
			    const struct swiotlb_request *req,
			    enum swiotlb_reach reach, bool waits, struct swiotlb_hit *hit)
{
	phys_addr_t tlb_addr;

	hit->tight = false;
	if (waits) {
		swiotlb_magazines_drain(&mem->cache);
	} else if (reach > SWIOTLB_REACH_BOOT) {
		tlb_addr = swiotlb_mem_map_cached(mem, dev, req, &hit->pool);
		if (tlb_addr != SWIOTLB_MAP_FULL)
			return tlb_addr;
	}

	tlb_addr = swiotlb_mem_search(mem, dev, req, reach, waits, hit);
	if (tlb_addr == SWIOTLB_MAP_FULL && swiotlb_cache_crowd(&mem->cache)) {
		swiotlb_magazines_drain(&mem->cache);
		tlb_addr = swiotlb_mem_search(mem, dev, req, reach, false, hit);
		/* A waiter that searched before this drain may have missed these buffers. */
		swiotlb_mem_freed(mem);
	}
	if (tlb_addr != SWIOTLB_MAP_FULL)
		swiotlb_mem_account(mem, dev, swiotlb_cache_cpu(&mem->cache), req->nslots);
	return tlb_addr;
}

/**
 * swiotlb_queue_wake() - wake the first caller that waits
 * @queue:	Queue of an allocator that may have room.
 *
 * Context: Any, takes the lock of the queue.
 */
void swiotlb_queue_wake(struct swiotlb_queue *queue)
{
	struct swiotlb_waiter *first;

	guard(spinlock_irqsave)(&queue->lock);
	first = list_first_entry_or_null(&queue->waiters, struct swiotlb_waiter, node);
	if (first)
		complete(&first->room);
}

/**
 * swiotlb_own_first() - find the first waiter of a device
 * @own:	The device's own allocator.
 *
 * Context: The lock of the common queue is held.
 * Return: The waiter, which may be behind waiters of other devices; %NULL for none.
 */
struct swiotlb_waiter *swiotlb_own_first(struct swiotlb_mem *own)
{
	lockdep_assert_held(&swiotlb_mem_shared(own)->queue.lock);
	return list_first_entry_or_null(&own->own_waiters, struct swiotlb_waiter, own_node);
}

/**
 * swiotlb_own_wake() - wake the first waiter of a device
 * @own:	The device's own allocator, which may have room for this device only.
 *
 * Context: Any, takes the lock of the common queue.
 */
void swiotlb_own_wake(struct swiotlb_mem *own)
{
	struct swiotlb_waiter *first;

	guard(spinlock_irqsave)(&swiotlb_mem_shared(own)->queue.lock);
	first = swiotlb_own_first(own);
	if (first)
		complete(&first->room);
}
