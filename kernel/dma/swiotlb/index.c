// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a physical address to the pool that holds it, and so also how a pool comes
 * into use, and out of it.
 *
 * Pools made at run time begin and end on a multiple of their alignment, which is
 * at least SWIOTLB_INDEX_SIZE. For each piece of memory of that size the index has
 * the number of the pool in it, and the table has the pool of each number: two
 * loads, whatever the number of pools, without a lock. An xarray over addresses
 * needs three to four dependent ones, and twice the time. The index takes 2 bytes
 * for each MiB that pools may have: 8 KiB below 4 GiB. The boot pool is aligned to
 * a page only; it is found by comparison, in swiotlb_find_pool(). Transient pools
 * begin anywhere, but lie within one such piece: they are hashed by its number.
 */

#include "internal.h"

#define SWIOTLB_INDEX_SHIFT	20
#define SWIOTLB_INDEX_SIZE	BIT_ULL(SWIOTLB_INDEX_SHIFT)

static unsigned long swiotlb_index_piece(phys_addr_t paddr)
{
	return paddr >> SWIOTLB_INDEX_SHIFT;
}

static_assert(SWIOTLB_INDEX_SIZE <=
	      (u64)SWIOTLB_MIN_POOL_SLOTS << IO_TLB_SHIFT);
static_assert(SWIOTLB_MAX_POOLS <= U16_MAX);
/* The alignment mask of a transient pool may double it. */
static_assert(2 * SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT <= SWIOTLB_INDEX_SIZE);

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

	index = kvcalloc(n, sizeof(*index), GFP_KERNEL | __GFP_NOWARN);
	table = kvcalloc(SWIOTLB_MAX_POOLS, sizeof(*table),
			 GFP_KERNEL | __GFP_NOWARN);
	if (!index || !table) {
		kvfree(index);
		kvfree(table);
		return -ENOMEM;
	}

	WRITE_ONCE(mem->phys_limit, last);
	mem->table = table;
	mem->nindex = n;
	/* [9] Pairs with the address dependency in __swiotlb_find_pool(). */
	smp_store_release(&mem->index, index);
	return 0;
}

static int swiotlb_index_insert(struct swiotlb_mem *mem,
				struct io_tlb_pool *pool)
{
	unsigned long i, end = pool->end >> SWIOTLB_INDEX_SHIFT;
	unsigned int id;

	if (WARN_ON_ONCE((pool->start | pool->end) & (SWIOTLB_INDEX_SIZE - 1)) ||
	    WARN_ON_ONCE(end > mem->nindex))
		return -EINVAL;

	lockdep_assert_held(&mem->pools_lock);
	for (id = 1; id < SWIOTLB_MAX_POOLS && mem->table[id]; id++)
		;
	if (id == SWIOTLB_MAX_POOLS)
		return -ENOSPC;

	pool->id = id;
	WRITE_ONCE(mem->table[id], pool);
	for (i = pool->start >> SWIOTLB_INDEX_SHIFT; i < end; i++)
		/* [10] Pairs with the address dependency, as above. */
		smp_store_release(&mem->index[i], id);
	return 0;
}

static void swiotlb_index_erase(struct swiotlb_mem *mem,
				const struct io_tlb_pool *pool)
{
	unsigned long i, end = pool->end >> SWIOTLB_INDEX_SHIFT;

	for (i = pool->start >> SWIOTLB_INDEX_SHIFT; i < end; i++)
		WRITE_ONCE(mem->index[i], 0);
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
 *		of 1 MiB, after swiotlb_index_prepare().
 *
 * It becomes known to the index before anything can be mapped in it, see
 * "Barriers". It goes to the end of the list: older pools are used first, so
 * that the youngest are the ones that fall idle.
 *
 * Context: Process context, mem->pools_lock is held, takes mem->transient_lock; boot,
 * for the boot pool.
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
	WRITE_ONCE(mem->held_nslots, mem->held_nslots + pool->nslots);
	list_add_tail_rcu(&pool->node, &mem->pools);
	WRITE_ONCE(mem->pub.nslabs, mem->pub.nslabs + pool->nslots);
	return 0;
}

static void swiotlb_mem_add_spare(struct swiotlb_mem *mem,
				  const struct io_tlb_pool *pool)
{
	WRITE_ONCE(mem->spare_end_pfn,
		   min_not_zero(mem->spare_end_pfn,
				(unsigned long)PHYS_PFN(pool->end)));
}

/**
 * swiotlb_mem_count_spare() - see anew which pools can be opened again
 * @mem:	Allocator, with one less than before.
 *
 * Context: Process context, mem->pools_lock is held.
 */
void swiotlb_mem_count_spare(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool;

	lockdep_assert_held(&mem->pools_lock);
	WRITE_ONCE(mem->spare_end_pfn, 0);
	list_for_each_entry(pool, &mem->pools, node)
		if (!swiotlb_pool_is_open(pool))
			swiotlb_mem_add_spare(mem, pool);
	list_for_each_entry(pool, &mem->idle, node)
		swiotlb_mem_add_spare(mem, pool);
}

/**
 * swiotlb_mem_close_pool() - let nothing new be mapped in a pool
 * @mem:	Allocator.
 * @pool:	A pool that is open, but not the boot pool.
 *
 * Who searches it now may still find room, until a grace period has ended. What
 * lies in magazines is mapped from, until it is drained.
 *
 * Context: Process context, mem->pools_lock is held.
 */
void swiotlb_mem_close_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&mem->pools_lock);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_CLOSED);
	WRITE_ONCE(mem->pub.nslabs, mem->pub.nslabs - pool->nslots);
	swiotlb_mem_add_spare(mem, pool);
	pool->since = jiffies;
}

/**
 * swiotlb_mem_reopen_pool() - let a pool be used again
 * @mem:	Allocator.
 * @pool:	A pool that is closed or idle.
 *
 * Context: Process context, mem->pools_lock is held, takes mem->transient_lock.
 * Return: 0, or -ENOSPC if an idle pool finds no number.
 */
int swiotlb_mem_reopen_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	int ret;

	lockdep_assert_held(&mem->pools_lock);
	if (pool->state == SWIOTLB_POOL_CLOSED) {
		WRITE_ONCE(mem->pub.nslabs, mem->pub.nslabs + pool->nslots);
		WRITE_ONCE(pool->state, SWIOTLB_POOL_OPEN);
		swiotlb_mem_count_spare(mem);
		return 0;
	}

	list_del(&pool->node);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_OPEN);
	WRITE_ONCE(mem->held_nslots, mem->held_nslots - pool->nslots);
	ret = swiotlb_mem_add_pool(mem, pool);
	if (ret) {
		WRITE_ONCE(mem->held_nslots, mem->held_nslots + pool->nslots);
		WRITE_ONCE(pool->state, SWIOTLB_POOL_IDLE);
		list_add(&pool->node, &mem->idle);
	}
	swiotlb_mem_count_spare(mem);
	return ret;
}

/**
 * swiotlb_mem_remove_pool() - let a pool be found no more
 * @mem:	Allocator.
 * @pool:	A pool that is closed, and in which no slot is in use.
 *
 * Context: Process context, mem->pools_lock is held. At least one grace period has
 * ended since the pool was closed. After another one comes
 * swiotlb_mem_retire_pool().
 */
void swiotlb_mem_remove_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&mem->pools_lock);
	swiotlb_index_erase(mem, pool);
	list_del_rcu(&pool->node);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_IDLE);
}

/**
 * swiotlb_mem_retire_pool() - keep a pool that nobody knows of
 * @mem:	Allocator.
 * @pool:	The pool, a grace period after swiotlb_mem_remove_pool().
 *
 * Its number may now be that of another pool.
 *
 * Context: Process context, mem->pools_lock is held.
 */
void swiotlb_mem_retire_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&mem->pools_lock);
	WRITE_ONCE(mem->table[pool->id], NULL);
	WRITE_ONCE(mem->npools, mem->npools - 1);
	list_add_tail(&pool->node, &mem->idle);
	swiotlb_mem_add_spare(mem, pool);
	pool->since = jiffies;
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
	hash_add_rcu(mem->transients, &pool->hash,
		     swiotlb_index_piece(pool->start));
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
	hash_del_rcu(&pool->hash);
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
	unsigned long i = swiotlb_index_piece(paddr);
	const u16 *index = READ_ONCE(mem->index);
	struct io_tlb_pool *pool;
	u16 id;

	if (index && i < mem->nindex) {
		id = READ_ONCE(index[i]);
		if (id)
			return READ_ONCE(mem->table[id]);
	}

	rcu_read_lock();
	hash_for_each_possible_rcu(mem->transients, pool, hash, i) {
		if (paddr >= pool->start && paddr < pool->end) {
			rcu_read_unlock();
			return pool;
		}
	}
	rcu_read_unlock();
	return NULL;
}
