// SPDX-License-Identifier: GPL-2.0-only
/*
 * One allocator: in which order its pools and areas are searched, how many
 * slots are in use, and why a map failed.
 */

#include "internal.h"
#include "magazine.h"
#include "record.h"

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

	for (i = 0; i < nareas; i++) {
		swiotlb_for_each_pool(pool, mem) {
			if (i >= pool->nareas)
				continue;

			area_index = swiotlb_area_of(pool, cpu + i);
			tlb_addr = swiotlb_pool_map(pool, area_index, req,
						    swiotlb_dma_start(mem, dev, pool),
						    wait);
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

static phys_addr_t swiotlb_mem_map_cached(struct swiotlb_mem *mem,
					  struct device *dev,
					  const struct swiotlb_request *req,
					  struct io_tlb_pool **found)
{
	void __percpu *magazines = swiotlb_mem_magazines(mem);
	unsigned int index, top, class = swiotlb_class(req->nslots);
	struct swiotlb_magazine *mag;
	struct io_tlb_pool *pool;
	dma_addr_t dma_start;
	u32 cell;

	if (!magazines || class == SWIOTLB_NR_CLASSES)
		return SWIOTLB_MAP_FULL;

	mag = swiotlb_this_magazine(magazines, class);
	top = swiotlb_magazine_peek(mag, &cell);
	if (!top && swiotlb_magazine_refill(mem, mag, class))
		top = swiotlb_magazine_peek(mag, &cell);
	if (!top)
		return SWIOTLB_MAP_FULL;

	pool = swiotlb_cell_pool(mem, cell);
	index = swiotlb_cell_index(cell);
	dma_start = swiotlb_dma_start(mem, dev, pool);
	if (unlikely(!swiotlb_request_fits(req, (dma_start >> IO_TLB_SHIFT) +
						index)))
		return SWIOTLB_MAP_FULL;
	/* An interrupt was faster? Then there may be more, but an area will do. */
	if (unlikely(!swiotlb_magazine_take(mag, top, cell)))
		return SWIOTLB_MAP_FULL;

	swiotlb_record_write(&pool->records[index], req);
	*found = pool;
	return swiotlb_slot_addr(pool, index + req->pad_slots) + req->offset;
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

static noinline phys_addr_t swiotlb_mem_map_slow(struct swiotlb_mem *mem,
						 struct device *dev,
						 const struct swiotlb_request *req,
						 struct io_tlb_pool **pool)
{
	struct swiotlb_hit hit;
	phys_addr_t tlb_addr;

	tlb_addr = swiotlb_mem_map_area(mem, dev, req, &hit);
	if (tlb_addr == SWIOTLB_MAP_FULL && swiotlb_mem_magazines(mem)) {
		/* Others may do the same, and leave nothing for us to drain. */
		swiotlb_magazines_drain(mem);
		tlb_addr = swiotlb_mem_map_area(mem, dev, req, &hit);
		if (tlb_addr == SWIOTLB_MAP_FULL)
			swiotlb_magazines_set_crowded(mem);
	}
	if (tlb_addr == SWIOTLB_MAP_FULL) {
		swiotlb_want_pool(mem);
		return tlb_addr;
	}

	if (hit.tight && swiotlb_watermark_due(mem))
		swiotlb_watermark_check(mem, swiotlb_mem_used(mem));
	*pool = hit.pool;
	return tlb_addr;
}

/**
 * swiotlb_mem_map() - allocate and record a mapping
 * @mem:	Allocator.
 * @dev:	Device that will use it.
 * @req:	What to map, swiotlb_request_possible().
 * @pool:	Filled in on success.
 *
 * From the CPU's own magazine, or the areas. Asks for another pool when nothing
 * is found, and before that when it gets tight. What magazines hold counts as
 * found: it goes back to the areas before a map fails.
 *
 * Context: Any, takes locks of areas or of a depot, one after the other.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_mem_map(struct swiotlb_mem *mem, struct device *dev,
			    const struct swiotlb_request *req,
			    struct io_tlb_pool **pool)
{
	phys_addr_t tlb_addr;

	tlb_addr = swiotlb_mem_map_cached(mem, dev, req, pool);
	if (tlb_addr == SWIOTLB_MAP_FULL) {
		tlb_addr = swiotlb_mem_map_slow(mem, dev, req, pool);
		if (tlb_addr == SWIOTLB_MAP_FULL)
			return tlb_addr;
	}
	swiotlb_account(mem, req->nslots);
	return tlb_addr;
}

/*
 * Only naturally aligned buffers are kept: they serve whatever comes next. (Where
 * a device sees memory shifted by less, that is for its alignment to decide: such
 * devices get few from magazines.)
 */
static bool swiotlb_mem_keep(struct swiotlb_mem *mem, struct io_tlb_pool *pool,
			     const struct swiotlb_mapping *map)
{
	void __percpu *magazines = swiotlb_mem_magazines(mem);
	unsigned int class = swiotlb_class(map->nslots);
	unsigned long slot = (pool->start >> IO_TLB_SHIFT) + map->head;
	struct swiotlb_magazine *mag;
	u32 cell;

	if (!magazines || class == SWIOTLB_NR_CLASSES ||
	    (slot & (map->nslots - 1)) || map->head > SWIOTLB_CELL_INDEX_MASK ||
	    swiotlb_pool_is_transient(pool))
		return false;

	mag = swiotlb_this_magazine(magazines, class);
	cell = swiotlb_cell(pool, map->head);
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_magazine_overflow(mem, mag, class, cell);
	if (unlikely(!READ_ONCE(mag->armed)))
		swiotlb_trim_arm(mem, mag);
	return true;
}

/**
 * swiotlb_mem_unmap() - free the slots of a mapping
 * @mem:	Allocator.
 * @pool:	A pool of it.
 * @map:	What swiotlb_pool_lookup() has found there, and the caller has ended by
 *		swiotlb_record_take().
 *
 * Context: Any, takes the lock of an area or of a depot if the CPU's own magazine
 * is full.
 */
void swiotlb_mem_unmap(struct swiotlb_mem *mem, struct io_tlb_pool *pool,
		       const struct swiotlb_mapping *map)
{
	swiotlb_account(mem, -(long)map->nslots);
	if (!swiotlb_mem_keep(mem, pool, map))
		swiotlb_pool_release(pool, map->head, map->nslots, NULL, 0);
}
