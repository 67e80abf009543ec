/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_POOL_H
#define _KERNEL_DMA_SWIOTLB_POOL_H

#include "area.h"
#include "record.h"

/* Maximum number of pools in all allocators. Transient pools do not count. */
#define SWIOTLB_MAX_POOLS	1024

struct swiotlb_mem;

/*
 * No search takes slots from a closed pool, but a map may take its buffers from a magazine until
 * the magazine is drained. A large pool holds one or more large mappings.
 */
enum swiotlb_pool_state {
	SWIOTLB_POOL_OPEN,
	SWIOTLB_POOL_CLOSED,
	SWIOTLB_POOL_TRANSIENT,
	SWIOTLB_POOL_LARGE,
};

/**
 * struct io_tlb_pool - a physically contiguous range of slots
 * @start:	Physical address of the first byte.
 * @vaddr:	Virtual address of the first byte.
 * @records:	One word for each slot; see record.h.
 * @mem:	Allocator that the pool belongs to.
 * @areas:	The areas, each @area_stride bytes.
 * @area_stride: Bytes from one area to the next, their bitmaps included.
 * @area_shift:	Binary logarithm of the slots in each area but the last.
 * @nareas:	Number of areas.
 * @nslots:	Number of slots, in all areas.
 * @id:		Number of the pool in swiotlb_pool_table, 0 for none.
 * @state:	&enum swiotlb_pool_state. Changed under swiotlb_pools_lock, read without it.
 * @source:	&enum swiotlb_source, for a pool made at run time.
 * @late_alloc:	The memory of a boot pool came from the page allocator.
 * @end:	Physical address after the last byte.
 * @segment_mask: 2^n - 1 if devices see contiguous memory only within segments of 2^n slots,
 *		counted from the start of the pool; otherwise %SWIOTLB_NO_BOUNDARY.
 * @node:	Member of the list of its mem's pools.
 * @hash:	Member of the table of transient pools, or of a list of pools to free.
 * @idle:	When the last large mapping in the pool ended, in jiffies.
 * @free_work:	Frees a transient pool after a grace period.
 *
 * Constant once the pool is published, except @state, @node, @hash, @idle and @free_work.
 */
struct io_tlb_pool {
	phys_addr_t start;
	void *vaddr;
	atomic64_t *records;
	struct swiotlb_mem *mem;
	void *areas;
	unsigned int area_stride;
	unsigned int area_shift;
	unsigned int nareas;
	unsigned int nslots;
	u16 id;
	u8 state;
	u8 source;
	bool late_alloc;
	phys_addr_t end;
	unsigned long segment_mask;
	struct list_head node;
	struct hlist_node hash;
	unsigned long idle;
	struct rcu_work free_work;
};

/* Returned instead of an address if there is no room. */
#define SWIOTLB_MAP_FULL	((phys_addr_t)-1)

extern struct io_tlb_pool *swiotlb_pool_table[SWIOTLB_MAX_POOLS];

int swiotlb_pool_number(struct io_tlb_pool *pool);
unsigned int swiotlb_limit_nareas(unsigned int nareas, unsigned long nslots);
size_t swiotlb_pool_meta_bytes(unsigned long nslots, unsigned int nareas);
void swiotlb_pool_init(struct io_tlb_pool *pool, void *meta, phys_addr_t start,
		       void *vaddr, unsigned long nslots, unsigned int nareas);
unsigned long swiotlb_pool_used(const struct io_tlb_pool *pool);
phys_addr_t swiotlb_pool_map(struct io_tlb_pool *pool, unsigned int area_index,
			     const struct swiotlb_request *req, dma_addr_t dma_start);
bool swiotlb_pool_lookup_inside(const struct io_tlb_pool *pool, unsigned int index,
				struct swiotlb_mapping *map);
void swiotlb_pool_release(struct io_tlb_pool *pool, unsigned int index,
			  unsigned int nslots, atomic_t *cell, int value);

/* The number must not have been in a magazine, a depot or the index for a grace period. */
static inline void swiotlb_pool_unnumber(struct io_tlb_pool *pool)
{
	WRITE_ONCE(swiotlb_pool_table[pool->id], NULL);
	pool->id = 0;
}

/* A pool keeps its number while any of its slots is in use: see "Magazines". */
static inline struct io_tlb_pool *swiotlb_pool_by_number(unsigned int id)
{
	return READ_ONCE(swiotlb_pool_table[id]);
}

static inline bool swiotlb_pool_is_open(const struct io_tlb_pool *pool)
{
	return READ_ONCE(pool->state) == SWIOTLB_POOL_OPEN;
}

/* Is the pool transient or large? Searches for smaller mappings skip such pools. */
static inline bool swiotlb_pool_is_apart(const struct io_tlb_pool *pool)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) &&
	       READ_ONCE(pool->state) >= SWIOTLB_POOL_TRANSIENT;
}

static inline bool swiotlb_pool_is_large(const struct io_tlb_pool *pool)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && READ_ONCE(pool->state) == SWIOTLB_POOL_LARGE;
}

static inline struct io_tlb_area *
swiotlb_pool_area(const struct io_tlb_pool *pool, unsigned int area_index)
{
	return pool->areas + (size_t)area_index * pool->area_stride;
}

static inline phys_addr_t swiotlb_slot_addr(const struct io_tlb_pool *pool, unsigned int index)
{
	return pool->start + ((phys_addr_t)index << IO_TLB_SHIFT);
}

static inline unsigned int swiotlb_pool_index(const struct io_tlb_pool *pool, phys_addr_t tlb_addr)
{
	return (tlb_addr - pool->start) >> IO_TLB_SHIFT;
}

/* Returns %false if no mapping begins at slot @head. */
static inline bool swiotlb_pool_lookup_head(const struct io_tlb_pool *pool, unsigned int head,
					    struct swiotlb_mapping *map)
{
	map->head = head;
	return swiotlb_record_read(&pool->records[head], map);
}

/*
 * Find the mapping that contains @tlb_addr. Returns %false if there is none. The caller owns the
 * mapping and needs no lock: no other code may unmap it meanwhile.
 */
static inline bool swiotlb_pool_lookup(const struct io_tlb_pool *pool, phys_addr_t tlb_addr,
				       struct swiotlb_mapping *map)
{
	unsigned int index = swiotlb_pool_index(pool, tlb_addr);

	return likely(swiotlb_pool_lookup_head(pool, index, map)) ||
	       swiotlb_pool_lookup_inside(pool, index, map);
}

#endif /* _KERNEL_DMA_SWIOTLB_POOL_H */
