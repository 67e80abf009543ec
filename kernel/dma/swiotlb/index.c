// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a physical address to the pool that holds it, and so also from nothing to
 * a pool that is in use: publishing.
 *
 * Pools made at run time begin and end on a multiple of their alignment, which
 * is at least SWIOTLB_INDEX_SIZE: an xarray over addresses in that unit answers
 * in constant time, without a lock. The boot pool is aligned to a page only; it
 * is found by comparison, in swiotlb_find_pool(). Transient pools are a list.
 */

#include "internal.h"

#define SWIOTLB_INDEX_SHIFT	20
#define SWIOTLB_INDEX_SIZE	BIT_ULL(SWIOTLB_INDEX_SHIFT)

static_assert(SWIOTLB_INDEX_SIZE <=
	      (u64)SWIOTLB_MIN_POOL_SLOTS << IO_TLB_SHIFT);

static void swiotlb_index_erase(struct swiotlb_mem *mem,
				const struct io_tlb_pool *pool, u64 end)
{
	u64 addr;

	for (addr = pool->start; addr < end; addr += SWIOTLB_INDEX_SIZE)
		xa_erase(&mem->index, addr >> SWIOTLB_INDEX_SHIFT);
}

static int swiotlb_index_insert(struct swiotlb_mem *mem,
				struct io_tlb_pool *pool)
{
	u64 addr;
	int ret;

	if (WARN_ON_ONCE((pool->start | pool->end) & (SWIOTLB_INDEX_SIZE - 1)))
		return -EINVAL;

	for (addr = pool->start; addr < pool->end; addr += SWIOTLB_INDEX_SIZE) {
		ret = xa_err(xa_store(&mem->index, addr >> SWIOTLB_INDEX_SHIFT,
				      pool, GFP_KERNEL));
		if (ret) {
			swiotlb_index_erase(mem, pool, addr);
			return ret;
		}
	}
	return 0;
}

/*
 * Most addresses that are asked for were never bounced. The range tells that of
 * most of them, without a look at the index; it only ever grows.
 */
static void swiotlb_index_widen(struct swiotlb_mem *mem,
				const struct io_tlb_pool *pool)
{
	unsigned long first = PHYS_PFN(pool->start);
	unsigned long end = PFN_UP(pool->end);

	lockdep_assert_held(&mem->transient_lock);
	if (!mem->pub.end_pfn || first < mem->pub.first_pfn)
		WRITE_ONCE(mem->pub.first_pfn, first);
	if (end > mem->pub.end_pfn)
		WRITE_ONCE(mem->pub.end_pfn, end);
}

static void swiotlb_index_widen_locked(struct swiotlb_mem *mem,
				       const struct io_tlb_pool *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&mem->transient_lock, flags);
	swiotlb_index_widen(mem, pool);
	spin_unlock_irqrestore(&mem->transient_lock, flags);
}

/* The first pool made at run time brings the table. */
static int swiotlb_index_number(struct swiotlb_mem *mem,
				struct io_tlb_pool *pool)
{
	struct io_tlb_pool **table = mem->table;

	if (mem->npools == SWIOTLB_MAX_POOLS)
		return -ENOSPC;
	if (!table) {
		table = kvcalloc(SWIOTLB_MAX_POOLS, sizeof(*table), GFP_KERNEL);
		if (!table)
			return -ENOMEM;
		mem->table = table;
	}
	pool->id = mem->npools;
	table[pool->id] = pool;
	return 0;
}

/**
 * swiotlb_mem_add_pool() - publish a pool
 * @mem:	Allocator, to which nobody else adds a pool meanwhile.
 * @pool:	The boot pool, or one whose memory begins and ends on a multiple
 *		of its size.
 *
 * It becomes known to the index before anything can be mapped in it, see
 * "Barriers". It goes to the end of the list: older pools are used first, so
 * that the youngest are the ones that fall idle.
 *
 * Context: Process context, takes mem->transient_lock; boot, for the boot pool.
 * Return: 0, -ENOMEM, -ENOSPC for too many pools, or -EINVAL for one that is not
 * aligned.
 */
int swiotlb_mem_add_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	int ret;

	if (pool != &mem->boot_pool) {
		ret = swiotlb_index_number(mem, pool);
		if (!ret)
			ret = swiotlb_index_insert(mem, pool);
		if (ret)
			return ret;
		swiotlb_index_widen_locked(mem, pool);
		/* [1] Pairs with smp_rmb() in swiotlb_find_pool(). */
		smp_mb();
	}

	if (mem->max_nareas < pool->nareas)
		WRITE_ONCE(mem->max_nareas, pool->nareas);
	WRITE_ONCE(mem->npools, mem->npools + 1);
	list_add_tail_rcu(&pool->node, &mem->pools);
	WRITE_ONCE(mem->pub.nslabs, mem->pub.nslabs + pool->nslots);
	return 0;
}

/**
 * swiotlb_index_add_transient() - let a transient pool be found
 * @mem:	Allocator that it stands in for.
 * @pool:	The pool, in which the caller has mapped something.
 *
 * Context: Any, takes mem->transient_lock.
 */
void swiotlb_index_add_transient(struct swiotlb_mem *mem,
				 struct io_tlb_pool *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&mem->transient_lock, flags);
	list_add_rcu(&pool->node, &mem->transients);
	swiotlb_index_widen(mem, pool);
	spin_unlock_irqrestore(&mem->transient_lock, flags);
	/* [3] Pairs with smp_rmb() in swiotlb_find_pool(). */
	smp_mb();
}

/**
 * swiotlb_index_del_transient() - let a transient pool be found no more
 * @mem:	Allocator.
 * @pool:	The pool. Others may still read it until a grace period has ended.
 *
 * Context: Any, takes mem->transient_lock.
 */
void swiotlb_index_del_transient(struct swiotlb_mem *mem,
				 struct io_tlb_pool *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&mem->transient_lock, flags);
	list_del_rcu(&pool->node);
	spin_unlock_irqrestore(&mem->transient_lock, flags);
}

/**
 * __swiotlb_find_pool() - find a pool that is not the boot pool
 * @dev:	Device that the address was mapped for.
 * @paddr:	Physical address.
 *
 * For swiotlb_find_pool() only, which has looked at the boot pool.
 *
 * Context: Any. The pool stays as long as the mapping at @paddr does.
 * Return: The pool, or %NULL if @paddr is in none.
 */
struct io_tlb_pool *__swiotlb_find_pool(struct device *dev, phys_addr_t paddr)
{
	struct swiotlb_mem *mem = to_swiotlb_mem(dev->dma_io_tlb_mem);
	struct io_tlb_pool *pool;

	pool = xa_load(&mem->index, paddr >> SWIOTLB_INDEX_SHIFT);
	if (pool)
		return pool;

	rcu_read_lock();
	list_for_each_entry_rcu(pool, &mem->transients, node) {
		if (paddr >= pool->start && paddr < pool->end) {
			rcu_read_unlock();
			return pool;
		}
	}
	rcu_read_unlock();
	return NULL;
}
