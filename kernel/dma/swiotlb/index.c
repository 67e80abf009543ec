// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a physical address to the pool that holds it, and so also from nothing to
 * a pool that is in use: publishing.
 *
 * Pools made at run time begin and end on a multiple of their alignment, which is
 * at least SWIOTLB_INDEX_SIZE. For each piece of memory of that size the index has
 * the number of the pool in it, and the table has the pool of each number: two
 * loads, whatever the number of pools, without a lock. An xarray over addresses
 * needs three to four dependent ones, and twice the time. The index takes 2 bytes
 * for each MiB that pools may have: 8 KiB below 4 GiB. The boot pool is aligned to
 * a page only; it is found by comparison, in swiotlb_find_pool(). Transient pools
 * are a list.
 */

#include "internal.h"

#define SWIOTLB_INDEX_SHIFT	20
#define SWIOTLB_INDEX_SIZE	BIT_ULL(SWIOTLB_INDEX_SHIFT)

static_assert(SWIOTLB_INDEX_SIZE <=
	      (u64)SWIOTLB_MIN_POOL_SLOTS << IO_TLB_SHIFT);
static_assert(SWIOTLB_MAX_POOLS <= U16_MAX);

/**
 * swiotlb_index_prepare() - make the index, before the first pool at run time
 * @mem:	Allocator that may grow, to which nobody else adds a pool meanwhile.
 *
 * Memory that is plugged in later, above all that there is now, is not covered:
 * the allocator's limit is lowered to what is.
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int swiotlb_index_prepare(struct swiotlb_mem *mem)
{
	u64 last = min(mem->phys_limit, ((u64)max_pfn << PAGE_SHIFT) - 1);
	unsigned long n = (last >> SWIOTLB_INDEX_SHIFT) + 1;
	struct io_tlb_pool **table;
	u16 *index;

	if (mem->index)
		return 0;

	index = kvcalloc(n, sizeof(*index), GFP_KERNEL);
	table = kvcalloc(SWIOTLB_MAX_POOLS, sizeof(*table), GFP_KERNEL);
	if (!index || !table) {
		kvfree(index);
		kvfree(table);
		return -ENOMEM;
	}

	mem->phys_limit = last;
	mem->table = table;
	mem->nindex = n;
	/* [10] Pairs with the address dependency in __swiotlb_find_pool(). */
	smp_store_release(&mem->index, index);
	return 0;
}

static int swiotlb_index_insert(struct swiotlb_mem *mem,
				struct io_tlb_pool *pool)
{
	unsigned long i, end = pool->end >> SWIOTLB_INDEX_SHIFT;

	if (WARN_ON_ONCE((pool->start | pool->end) & (SWIOTLB_INDEX_SIZE - 1)) ||
	    WARN_ON_ONCE(end > mem->nindex))
		return -EINVAL;
	if (mem->npools == SWIOTLB_MAX_POOLS)
		return -ENOSPC;

	pool->id = mem->npools;
	WRITE_ONCE(mem->table[pool->id], pool);
	for (i = pool->start >> SWIOTLB_INDEX_SHIFT; i < end; i++)
		/* [11] Pairs with the address dependency, as above. */
		smp_store_release(&mem->index[i], pool->id);
	return 0;
}

/*
 * Most addresses that are asked for were never bounced. The range tells that of
 * most of them, without a look at the index; it only ever grows.
 */
static void swiotlb_index_widen_locked(struct swiotlb_mem *mem,
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

static void swiotlb_index_widen(struct swiotlb_mem *mem,
				const struct io_tlb_pool *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&mem->transient_lock, flags);
	swiotlb_index_widen_locked(mem, pool);
	spin_unlock_irqrestore(&mem->transient_lock, flags);
}

/**
 * swiotlb_mem_add_pool() - publish a pool
 * @mem:	Allocator, to which nobody else adds a pool meanwhile.
 * @pool:	The boot pool, or one whose memory begins and ends on a multiple
 *		of its size, after swiotlb_index_prepare().
 *
 * It becomes known to the index before anything can be mapped in it, see
 * "Barriers". It goes to the end of the list: older pools are used first, so
 * that the youngest are the ones that fall idle.
 *
 * Context: Process context, takes mem->transient_lock; boot, for the boot pool.
 * Return: 0, -ENOSPC for too many pools, or -EINVAL for one that is not aligned, or
 * lies where the index does not reach.
 */
int swiotlb_mem_add_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	int ret;

	if (pool != &mem->boot_pool) {
		ret = swiotlb_index_insert(mem, pool);
		if (ret)
			return ret;
		swiotlb_index_widen(mem, pool);
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
	swiotlb_index_widen_locked(mem, pool);
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
	unsigned long i = paddr >> SWIOTLB_INDEX_SHIFT;
	const u16 *index = READ_ONCE(mem->index);
	struct io_tlb_pool *pool;
	u16 id;

	if (index && i < mem->nindex) {
		id = READ_ONCE(index[i]);
		if (id)
			return READ_ONCE(mem->table[id]);
	}

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
