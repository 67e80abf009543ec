// SPDX-License-Identifier: GPL-2.0-only
/* One pool: areas, and the records of the mappings in them. */

#include "pool.h"

/* Pools by number: a pointer does not fit in a cell of a magazine. Number 0 is not used. */
struct io_tlb_pool *swiotlb_pool_table[SWIOTLB_MAX_POOLS] __read_mostly;

/**
 * swiotlb_pool_number() - give a pool a number
 * @pool:	An initialized pool without a number.
 *
 * Context: Any.
 * Return: 0, or -ENOSPC if there are too many pools.
 */
int swiotlb_pool_number(struct io_tlb_pool *pool)
{
	unsigned int id;

	for (id = 1; id < SWIOTLB_MAX_POOLS; id++) {
		if (cmpxchg(&swiotlb_pool_table[id], NULL, pool))
			continue;
		pool->id = id;
		return 0;
	}
	return -ENOSPC;
}

/**
 * swiotlb_limit_nareas() - reduce the number of areas so that each holds the largest mapping
 * @nareas:	Number of areas wanted; 0 counts as 1.
 * @nslots:	Slots of the pool.
 *
 * Context: Any.
 * Return: A power of two, at most @nareas rounded up.
 */
unsigned int swiotlb_limit_nareas(unsigned int nareas, unsigned long nslots)
{
	unsigned long limit = max(nslots / SWIOTLB_MAX_SLOTS, 1UL);

	nareas = roundup_pow_of_two(max(nareas, 1U));
	return min(nareas, rounddown_pow_of_two(limit));
}

static unsigned int swiotlb_area_shift(unsigned long nslots, unsigned int nareas)
{
	return order_base_2(DIV_ROUND_UP(nslots, nareas));
}

/**
 * swiotlb_pool_meta_bytes() - size of the areas and records of a pool
 * @nslots:	Slots of the pool.
 * @nareas:	Areas wanted.
 *
 * Context: Any.
 * Return: Bytes, in whole cache lines.
 */
size_t swiotlb_pool_meta_bytes(unsigned long nslots, unsigned int nareas)
{
	unsigned int shift = swiotlb_area_shift(nslots, nareas);
	size_t stride = swiotlb_area_bytes(1U << shift);

	/* Round up: kmalloc() aligns memory to the largest power of two that divides the size. */
	return ALIGN(stride * DIV_ROUND_UP(nslots, 1UL << shift) +
		     array_size(sizeof(atomic64_t), nslots), SMP_CACHE_BYTES);
}

/**
 * swiotlb_pool_init() - initialize a pool for a range of memory
 * @pool:	The pool. Members that are not set here are 0, or set by the caller.
 * @meta:	swiotlb_pool_meta_bytes() zeroed bytes, aligned to a cache line.
 * @start:	Physical address of the range, page-aligned.
 * @vaddr:	Virtual address of the range.
 * @nslots:	Number of slots in the range.
 * @nareas:	Areas wanted, a power of two. Since areas have 2^n slots, a pool of another size
 *		may have fewer areas, and a smaller last one.
 *
 * Context: @pool is not shared yet. The caller has cleared the range: a device must not read its
 * former contents.
 */
void swiotlb_pool_init(struct io_tlb_pool *pool, void *meta, phys_addr_t start,
		       void *vaddr, unsigned long nslots, unsigned int nareas)
{
	unsigned long i, area_nslots;

	pool->start = start;
	pool->end = start + ((phys_addr_t)nslots << IO_TLB_SHIFT);
	pool->vaddr = vaddr;
	pool->nslots = nslots;
	pool->segment_mask = SWIOTLB_NO_BOUNDARY;
	pool->area_shift = swiotlb_area_shift(nslots, nareas);
	area_nslots = 1UL << pool->area_shift;
	pool->nareas = DIV_ROUND_UP(nslots, area_nslots);
	pool->area_stride = swiotlb_area_bytes(area_nslots);
	pool->areas = meta;
	pool->records = meta + (size_t)pool->nareas * pool->area_stride;

	for (i = 0; i < pool->nareas; i++)
		swiotlb_area_init(swiotlb_pool_area(pool, i),
				  min(nslots - i * area_nslots, area_nslots));
	for (i = 0; i < nslots; i++)
		atomic64_set(&pool->records[i], SWIOTLB_RECORD_FREE);
}

/**
 * swiotlb_pool_used() - number of slots in use in a pool
 * @pool:	A pool.
 *
 * Context: Any, takes locks of areas, one after the other.
 * Return: Slots; an estimate if slots are allocated or freed meanwhile. If no slots can be
 * allocated any more, 0 means that the caller sees all accesses of other CPUs to the buffers.
 */
unsigned long swiotlb_pool_used(const struct io_tlb_pool *pool)
{
	struct io_tlb_area *area;
	unsigned long used = 0;
	unsigned int i;

	for (i = 0; i < pool->nareas; i++) {
		area = swiotlb_pool_area(pool, i);
		guard(spinlock_irqsave)(&area->lock);
		used += area->slots.nused;
	}
	return used;
}

/**
 * swiotlb_pool_map() - allocate and record a mapping in one area
 * @pool:	The pool.
 * @area_index:	The area, less than @pool->nareas.
 * @req:	The request.
 * @dma_start:	Address of @pool->start as the device sees it.
 *
 * Context: Any, takes the area's lock.
 * Return: Physical address of the bounce buffer, after the padding, or %SWIOTLB_MAP_FULL if
 * the area has no room.
 */
phys_addr_t swiotlb_pool_map(struct io_tlb_pool *pool, unsigned int area_index,
			     const struct swiotlb_request *req, dma_addr_t dma_start)
{
	unsigned int first = area_index << pool->area_shift;
	unsigned long dma_slot = (dma_start >> IO_TLB_SHIFT) + first;
	struct swiotlb_fit fit = {
		.nslots = req->nslots,
		.align_mask = req->align_mask,
		.align_off = dma_slot - req->align,
		.boundary = {
			{ .mask = req->boundary_mask, .off = dma_slot },
			{ .mask = pool->segment_mask, .off = first },
		},
	};
	unsigned int index;

	index = swiotlb_area_alloc(swiotlb_pool_area(pool, area_index), &fit);
	if (index == SWIOTLB_NO_SLOT)
		return SWIOTLB_MAP_FULL;

	index += first;
	swiotlb_record_write(&pool->records[index], req);
	return swiotlb_slot_addr(pool, index + req->pad_slots) + req->offset;
}

/**
 * swiotlb_pool_lookup_inside() - find the mapping that a slot belongs to
 * @pool:	The pool.
 * @index:	A slot at which no mapping begins.
 * @map:	Filled in on success.
 *
 * Context: Any. The caller owns the mapping.
 * Return: %false if there is no such mapping.
 */
bool swiotlb_pool_lookup_inside(const struct io_tlb_pool *pool, unsigned int index,
				struct swiotlb_mapping *map)
{
	unsigned int area_index = index >> pool->area_shift;
	unsigned int first = area_index << pool->area_shift;
	unsigned int head;

	head = swiotlb_slots_head(&swiotlb_pool_area(pool, area_index)->slots, index - first);
	return head != SWIOTLB_NO_SLOT &&
	       swiotlb_pool_lookup_head(pool, first + head, map) &&
	       index - map->head < map->nslots;
}

/**
 * swiotlb_pool_release() - free the slots of a mapping
 * @pool:	The pool.
 * @index:	First slot. The caller has freed its record.
 * @nslots:	Number of slots.
 * @cell:	As for swiotlb_area_free().
 * @value:	As for swiotlb_area_free().
 *
 * Context: Any, takes the area's lock.
 */
void swiotlb_pool_release(struct io_tlb_pool *pool, unsigned int index,
			  unsigned int nslots, atomic_t *cell, int value)
{
	unsigned int area_index = index >> pool->area_shift;
	unsigned int first = area_index << pool->area_shift;

	/* Once the last slot is free, only RCU keeps the pool from being freed. */
	guard(rcu)();
	swiotlb_area_free(swiotlb_pool_area(pool, area_index), index - first, nslots, cell, value);
}
