// SPDX-License-Identifier: GPL-2.0-only
/*
 * One allocator: in which order its pools and areas are searched, how many
 * slots are in use, and why a map failed.
 */

#include "internal.h"
#include "magazine.h"
#include "mem.h"

/**
 * swiotlb_mem_used() - number of slots in use
 * @mem:	Allocator.
 *
 * Transient pools are not counted, nor is what lies in magazines.
 *
 * Context: Any.
 * Return: An estimate unless nothing is mapped or unmapped meanwhile.
 */
unsigned long swiotlb_mem_used(struct swiotlb_mem *mem)
{
	unsigned long used = 0, spare = swiotlb_magazines_nslots(mem);
	struct io_tlb_pool *pool;

	rcu_read_lock();
	swiotlb_for_each_pool(pool, mem)
		used += swiotlb_pool_used(pool);
	rcu_read_unlock();
	return used - min(used, spare);
}

/**
 * swiotlb_mem_set_boot_pool() - publish the pool made at boot
 * @mem:	Allocator, with an initialized @mem->boot_pool.
 *
 * Context: Before the first map.
 */
void swiotlb_mem_set_boot_pool(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool = &mem->boot_pool;

	mem->pub.start = pool->start;
	mem->pub.size = pool->end - pool->start;
	mem->pub.pool = pool;
	swiotlb_mem_add_pool(mem, pool);
}

/**
 * struct swiotlb_hit - where a search found room
 * @pool:	The pool.
 * @tight:	Not in the CPU's own area, or there was not much left there.
 */
struct swiotlb_hit {
	struct io_tlb_pool *pool;
	bool tight;
};

/* Nearly all pools have a power of two of areas, and a division is slow. */
static unsigned int swiotlb_area_of(const struct io_tlb_pool *pool,
				    unsigned int number)
{
	if (is_power_of_2(pool->nareas))
		return number & (pool->nareas - 1);
	return number % pool->nareas;
}

/*
 * The CPU's own area of each pool comes first, the oldest pool in front, then
 * the next area of each: going through one pool after the other would send all
 * CPUs to the areas of the first.
 */
static phys_addr_t swiotlb_mem_search(struct swiotlb_mem *mem,
				      struct device *dev,
				      const struct swiotlb_request *req,
				      enum swiotlb_wait wait,
				      struct swiotlb_hit *hit)
{
	unsigned int i, area_index, nareas = swiotlb_mem_max_nareas(mem);
	unsigned int cpu = raw_smp_processor_id();
	phys_addr_t tlb_addr, ret = SWIOTLB_MAP_FULL;
	struct io_tlb_pool *pool;
	dma_addr_t dma_start;

	for (i = 0; i < nareas; i++) {
		swiotlb_for_each_pool(pool, mem) {
			area_index = swiotlb_area_of(pool, cpu + i);
			if (i >= pool->nareas || !swiotlb_pool_is_open(pool) ||
			    !swiotlb_area_may_fit(swiotlb_pool_area(pool, area_index),
						  req->nslots))
				continue;

			dma_start = swiotlb_dma_start(mem, dev, pool);
			if (!swiotlb_pool_reached(pool, dev, dma_start))
				continue;

			tlb_addr = swiotlb_pool_map(pool, area_index, req,
						    dma_start, wait);
			if (!swiotlb_map_failed(tlb_addr)) {
				hit->pool = pool;
				hit->tight = i || swiotlb_pool_tight(pool, area_index);
				return tlb_addr;
			}
			if (tlb_addr == SWIOTLB_MAP_BUSY)
				ret = SWIOTLB_MAP_BUSY;
		}
	}
	return ret;
}

/* All areas whose lock is free, then all. */
static phys_addr_t swiotlb_mem_map_area(struct swiotlb_mem *mem,
					struct device *dev,
					const struct swiotlb_request *req,
					struct swiotlb_hit *hit)
{
	phys_addr_t tlb_addr;

	rcu_read_lock();
	tlb_addr = swiotlb_mem_search(mem, dev, req, SWIOTLB_TRY, hit);
	if (tlb_addr == SWIOTLB_MAP_BUSY)
		tlb_addr = swiotlb_mem_search(mem, dev, req, SWIOTLB_SPIN, hit);
	rcu_read_unlock();
	return tlb_addr;
}

static bool swiotlb_mem_reaches_all(struct swiotlb_mem *mem, struct device *dev)
{
	struct io_tlb_pool *pool;

	swiotlb_for_each_pool(pool, mem)
		if (swiotlb_pool_is_open(pool) &&
		    !swiotlb_pool_reached(pool, dev,
					  swiotlb_dma_start(mem, dev, pool)))
			return false;
	return true;
}

static void swiotlb_mem_drain_reached(struct swiotlb_mem *mem, struct device *dev)
{
	struct io_tlb_pool *pool;

	swiotlb_for_each_pool(pool, mem)
		if (swiotlb_pool_is_open(pool) &&
		    swiotlb_pool_reached(pool, dev,
					 swiotlb_dma_start(mem, dev, pool)))
			swiotlb_magazines_drain_pool(mem, pool);
}

/*
 * What magazines hold goes back to the areas; others may do the same, and leave
 * nothing for us to drain. If a device reaches few pools, that is no reason to take
 * the magazines from all others, for whom there may be a lot of room.
 */
static phys_addr_t swiotlb_mem_map_drained(struct swiotlb_mem *mem,
					   struct device *dev,
					   const struct swiotlb_request *req,
					   struct swiotlb_hit *hit)
{
	phys_addr_t tlb_addr;
	bool all;

	rcu_read_lock();
	all = swiotlb_mem_reaches_all(mem, dev);
	if (!all)
		swiotlb_mem_drain_reached(mem, dev);
	rcu_read_unlock();
	if (all)
		swiotlb_magazines_drain(mem);

	tlb_addr = swiotlb_mem_map_area(mem, dev, req, hit);
	if (tlb_addr == SWIOTLB_MAP_FULL && all)
		swiotlb_magazines_set_crowded(mem);
	return tlb_addr;
}

/**
 * swiotlb_mem_map_slow() - allocate and record a mapping in an area
 * @mem:	Allocator.
 * @dev:	Device that will use it.
 * @req:	What to map.
 * @pool:	Filled in on success.
 *
 * For swiotlb_mem_map() only, which has looked at the CPU's magazine. Asks for
 * another pool when nothing is found, or ahead of that. What magazines hold counts as
 * found: it goes back to the areas before a map fails.
 *
 * Context: Any, takes locks of areas and depots.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_mem_map_slow(struct swiotlb_mem *mem, struct device *dev,
				 const struct swiotlb_request *req,
				 struct io_tlb_pool **pool)
{
	struct swiotlb_hit hit;
	phys_addr_t tlb_addr;

	tlb_addr = swiotlb_mem_map_area(mem, dev, req, &hit);
	if (tlb_addr == SWIOTLB_MAP_FULL && swiotlb_mem_magazines(mem))
		tlb_addr = swiotlb_mem_map_drained(mem, dev, req, &hit);
	if (tlb_addr == SWIOTLB_MAP_FULL) {
		swiotlb_want_pool(mem, swiotlb_dev_phys_limit(dev),
				  swiotlb_dev_node(dev));
		return tlb_addr;
	}

	if (swiotlb_watermark_due(mem, hit.tight))
		swiotlb_watermark_check(mem, dev, swiotlb_mem_used(mem));
	*pool = hit.pool;
	return tlb_addr;
}
