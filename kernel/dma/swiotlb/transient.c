// SPDX-License-Identifier: GPL-2.0-only
/* Transient pools: a map makes a pool for one mapping if no other pool has room. */

#include "mem.h"
#include "pages.h"

/*
 * Maximum number of slots from the atomic coherent pools, for maps that need decrypted memory and
 * cannot sleep. Leave the rest of the atomic pools to drivers. Atomic pools never shrink.
 */
#define SWIOTLB_ATOMIC_SLOTS	(SZ_1M >> IO_TLB_SHIFT)

static void swiotlb_transient_count(struct swiotlb_mem *mem, long nslots, bool atomic)
{
	atomic_long_add(nslots, &mem->growth.transient);
	if (atomic)
		atomic_long_add(nslots, &mem->growth.atomic);
}

static void swiotlb_transient_free_work(struct work_struct *work)
{
	struct io_tlb_pool *pool = container_of(to_rcu_work(work), struct io_tlb_pool, free_work);
	bool atomic = pool->source == SWIOTLB_FROM_ATOMIC;
	struct swiotlb_mem *mem = pool->mem;
	long nslots = pool->nslots;

	swiotlb_pool_destroy(pool);
	swiotlb_transient_count(mem, -nslots, atomic);
	swiotlb_mem_made_room(mem);
}

/* Wait for a grace period: readers of the hash table may still use the pool. */
static void swiotlb_transient_free(struct io_tlb_pool *pool)
{
	INIT_RCU_WORK(&pool->free_work, swiotlb_transient_free_work);
	queue_rcu_work(system_dfl_wq, &pool->free_work);
}

static bool swiotlb_transient_has_room(const struct swiotlb_mem *mem,
				       unsigned long nslots, bool atomic)
{
	long room = swiotlb_limit_room(mem);

	if (atomic)
		room = min(room, (long)SWIOTLB_ATOMIC_SLOTS -
				 atomic_long_read(&mem->growth.atomic));
	return room >= (long)nslots;
}

static struct io_tlb_pool *swiotlb_transient_create(struct swiotlb_mem *mem, struct device *dev,
						    unsigned long nslots, gfp_t gfp, bool atomic)
{
	struct swiotlb_pages pages = {
		.bytes = nslots << IO_TLB_SHIFT,
		.shared = mem->pub.cc_shared,
		.last = swiotlb_dev_last(dev),
		.nid = swiotlb_dev_node(dev),
		.gfp = gfp,
		.dev = dev,
	};
	struct io_tlb_pool *pool = ERR_PTR(-ENOSPC);

	/* Other CPUs may use the same room at once: count first, then check again. */
	swiotlb_transient_count(mem, nslots, atomic);
	if (swiotlb_transient_has_room(mem, 0, atomic))
		pool = swiotlb_pool_create(mem, &pages, 1);
	if (IS_ERR(pool)) {
		swiotlb_transient_count(mem, -(long)nslots, atomic);
		swiotlb_mem_made_room(mem);
	} else {
		pool->state = SWIOTLB_POOL_TRANSIENT;
	}
	return pool;
}

/**
 * swiotlb_transient_map() - map in a transient pool
 * @mem:	Allocator that is full, and may grow.
 * @dev:	Device that will use the mapping; swiotlb_transient_is_reached() is %true for it.
 * @req:	The request; swiotlb_request_possible() is %true for it.
 * @gfp:	As for swiotlb_pages_alloc().
 * @pool:	Receives the pool, or the reason for a failure: -ENOSPC if the limit does not
 *		allow a pool.
 *
 * Context: As for @gfp. The pool is freed in process context, after the unmap.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req, gfp_t gfp,
				  struct io_tlb_pool **pool)
{
	bool atomic = mem->pub.cc_shared && !gfpflags_allow_blocking(gfp);
	/* Memory is aligned to its size, so the size must not be less than the alignment. */
	unsigned long nslots = max(swiotlb_own_nslots(dev, req), req->align_mask + 1UL);
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;
	struct io_tlb_pool *new = ERR_PTR(-ENOSPC);

	/* Pages are cleared and decrypted as a whole, so they count as a whole. */
	nslots = ALIGN(nslots, PAGE_SIZE >> IO_TLB_SHIFT);
	if (swiotlb_transient_has_room(mem, nslots, atomic))
		new = swiotlb_transient_create(mem, dev, nslots, gfp, atomic);
	*pool = new;
	if (IS_ERR(new))
		return SWIOTLB_MAP_FULL;

	if (swiotlb_dev_reaches(mem, dev, new->start, new->end - 1))
		tlb_addr = swiotlb_pool_map(new, 0, req, swiotlb_dma_addr(mem, dev, new->start));
	if (tlb_addr == SWIOTLB_MAP_FULL) {
		swiotlb_transient_free(new);
		*pool = ERR_PTR(-ERANGE);
		return SWIOTLB_MAP_FULL;
	}

	swiotlb_transient_add(new);
	swiotlb_count(mem, SWIOTLB_TRANSIENT, 1);
	trace_swiotlb_transient(dev, req->bytes, tlb_addr);
	swiotlb_track(mem, dev, req->nslots);
	return tlb_addr;
}

/**
 * swiotlb_transient_unmap() - end the mapping of a transient pool
 * @dev:	Device that it was mapped for.
 * @pool:	The pool, whose record the caller has taken.
 * @nslots:	Number of slots of the mapping.
 *
 * Context: Any. The memory is freed in process context.
 */
void swiotlb_transient_unmap(struct device *dev, struct io_tlb_pool *pool, unsigned int nslots)
{
	swiotlb_track(pool->mem, dev, -(long)nslots);
	swiotlb_transient_del(pool);
	swiotlb_transient_free(pool);
}
