// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that are made at run time: by a worker for everybody, and on the spot
 * for one mapping when nothing else is left.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"
#include "magazine.h"

/* What the page allocator can give in one piece. */
#define SWIOTLB_MAX_GROW_SLOTS \
	((unsigned long)MAX_ORDER_NR_PAGES << (PAGE_SHIFT - IO_TLB_SHIFT))

static void swiotlb_pool_destroy(struct io_tlb_pool *pool)
{
	swiotlb_pages_free(pool->vaddr, pool->end - pool->start,
			   pool->cc_shared);
	kvfree(pool);
}

/* vmalloc() is not for interrupts, whatever the flags. */
static void *swiotlb_meta_alloc(size_t bytes, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return kvzalloc(bytes, gfp);
	return kzalloc(bytes, gfp);
}

static struct io_tlb_pool *swiotlb_pool_create(struct device *dev,
					       struct swiotlb_mem *mem,
					       unsigned long nslots,
					       unsigned int nareas,
					       u64 phys_limit, gfp_t gfp)
{
	size_t head = ALIGN(sizeof(struct io_tlb_pool), SMP_CACHE_BYTES);
	size_t bytes = nslots << IO_TLB_SHIFT;
	struct io_tlb_pool *pool;
	phys_addr_t start;
	void *vaddr;

	pool = swiotlb_meta_alloc(head + swiotlb_pool_meta_bytes(nslots, nareas),
				  gfp);
	if (!pool)
		return NULL;

	vaddr = swiotlb_pages_alloc(dev, bytes, phys_limit, mem->pub.cc_shared,
				    gfp, &start);
	if (!vaddr) {
		kvfree(pool);
		return NULL;
	}

	pool->cc_shared = mem->pub.cc_shared;
	pool->late_alloc = true;
	swiotlb_pool_init(pool, (void *)pool + head, start, vaddr, nslots,
			  nareas);
	return pool;
}

/*
 * Twice as many areas would fit: an area of the size of the largest mapping can
 * hold it only at one position, which a device's alignment may exclude.
 */
static unsigned int swiotlb_grow_nareas(const struct swiotlb_mem *mem,
					unsigned long nslots)
{
	return swiotlb_limit_nareas(mem->want_nareas, nslots / 2);
}

/* Double what there is, or add as much of that as can be had in one piece. */
static struct io_tlb_pool *swiotlb_grow_create(struct swiotlb_mem *mem)
{
	unsigned long nslots = roundup_pow_of_two(mem->pub.nslabs);
	struct io_tlb_pool *pool;

	nslots = clamp(nslots, SWIOTLB_MIN_POOL_SLOTS, SWIOTLB_MAX_GROW_SLOTS);
	for (; nslots >= SWIOTLB_MIN_POOL_SLOTS; nslots /= 2) {
		pool = swiotlb_pool_create(NULL, mem, nslots,
					   swiotlb_grow_nareas(mem, nslots),
					   mem->phys_limit,
					   GFP_KERNEL | __GFP_NOWARN |
					   __GFP_NORETRY);
		if (pool)
			return pool;
	}
	return NULL;
}

static void swiotlb_grow_work(struct work_struct *work)
{
	struct swiotlb_mem *mem = container_of(work, struct swiotlb_mem,
					       grow_work);
	struct io_tlb_pool *pool = NULL;

	if (!swiotlb_mem_can_grow(mem) || swiotlb_at_limit(mem))
		return;

	if (!swiotlb_index_prepare(mem))
		pool = swiotlb_grow_create(mem);
	if (pool && swiotlb_mem_add_pool(mem, pool)) {
		swiotlb_pool_destroy(pool);
		pool = NULL;
	}
	if (pool) {
		swiotlb_magazines_resize(mem);
	} else {
		WRITE_ONCE(mem->next_try, jiffies + SWIOTLB_GROW_BACKOFF);
		pr_warn_ratelimited("no memory for another pool\n");
	}
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
	INIT_LIST_HEAD(&mem->pools);
	mem->npools = 0;
	INIT_LIST_HEAD(&mem->transients);
	spin_lock_init(&mem->transient_lock);
	atomic_long_set(&mem->transient_nslots, 0);
	INIT_WORK(&mem->grow_work, swiotlb_grow_work);
	mem->last_check = jiffies;
	mem->next_try = jiffies;
}

/**
 * swiotlb_grow_enable() - let an allocator grow
 * @mem:	Allocator.
 * @phys_limit:	Highest physical address of new pools.
 * @nareas:	Areas that they should have.
 *
 * Context: Before the first map.
 */
void swiotlb_grow_enable(struct swiotlb_mem *mem, u64 phys_limit,
			 unsigned int nareas)
{
	mem->phys_limit = phys_limit;
	mem->want_nareas = nareas;
	mem->can_grow = true;
}

/**
 * swiotlb_grow_disable() - let an allocator grow no more
 * @mem:	Allocator.
 *
 * Context: Any. A pool that is being added now may still appear.
 */
void swiotlb_grow_disable(struct swiotlb_mem *mem)
{
	WRITE_ONCE(mem->can_grow, false);
}

static void swiotlb_transient_free_work(struct work_struct *work)
{
	swiotlb_pool_destroy(container_of(to_rcu_work(work), struct io_tlb_pool,
					  free_work));
}

/* Others may still look at the pool while they walk through the list. */
static void swiotlb_transient_queue_free(struct io_tlb_pool *pool)
{
	INIT_RCU_WORK(&pool->free_work, swiotlb_transient_free_work);
	queue_rcu_work(system_dfl_wq, &pool->free_work);
}

/*
 * A pool begins on a multiple of its size. Once that is not less than the
 * alignment, the slot to begin with is number req->align, and there must be
 * slots from there on. Where the device sees memory at another address, its
 * alignment may begin anywhere.
 */
static unsigned long swiotlb_transient_nslots(struct device *dev,
					      const struct swiotlb_request *req)
{
	if (IS_ENABLED(CONFIG_ARCH_HAS_PHYS_TO_DMA) || dev->dma_range_map)
		return req->nslots + req->align_mask;
	return max(req->nslots + req->align, req->align_mask + 1);
}

/**
 * swiotlb_transient_map() - map in a pool of its own
 * @mem:	Allocator that is full.
 * @dev:	Device that will use the mapping.
 * @req:	What to map, swiotlb_request_possible().
 * @pool:	Filled in on success.
 *
 * Context: Any. The pool is freed in process context, after the unmap.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req,
				  struct io_tlb_pool **pool)
{
	unsigned long nslots = swiotlb_transient_nslots(dev, req);
	struct io_tlb_pool *new;
	phys_addr_t tlb_addr;

	if (!swiotlb_mem_can_grow(mem))
		return SWIOTLB_MAP_FULL;

	new = swiotlb_pool_create(dev, mem, nslots, 1,
				  min_not_zero(*dev->dma_mask,
					       dev->bus_dma_limit),
				  GFP_NOWAIT | __GFP_NOWARN);
	if (!new)
		return SWIOTLB_MAP_FULL;
	new->transient = true;

	tlb_addr = swiotlb_pool_map(new, 0, req, swiotlb_dma_start(mem, dev, new),
				    SWIOTLB_SPIN);
	if (swiotlb_map_failed(tlb_addr)) {
		swiotlb_transient_queue_free(new);
		return SWIOTLB_MAP_FULL;
	}

	swiotlb_index_add_transient(mem, new);
	atomic_long_add(nslots, &mem->transient_nslots);
	swiotlb_account(mem, req->nslots);
	*pool = new;
	return tlb_addr;
}

/**
 * swiotlb_transient_free() - free a transient pool
 * @mem:	Allocator that it stood in for.
 * @pool:	The pool, after the mapping in it was freed.
 *
 * Context: Any. The memory is freed in process context.
 */
void swiotlb_transient_free(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	atomic_long_sub(pool->nslots, &mem->transient_nslots);
	swiotlb_index_del_transient(mem, pool);
	swiotlb_transient_queue_free(pool);
}
