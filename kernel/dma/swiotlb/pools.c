// SPDX-License-Identifier: GPL-2.0-only
/* The life of pools that are made at run time, and their lookup by physical address. */

#include "mem.h"
#include "pages.h"

/**
 * DOC: Life of a pool
 *
 * A pool made at run time goes through these states::
 *
 *	  create, add         close              remove, destroy
 *	 ------------> open ----------> closed ------------------> freed
 *	                ^                 |
 *	                +-----------------+
 *	                      reopen
 *
 * A large pool is in the state large, instead of open, until it is closed.
 *
 * No search finds a closed pool. Its buffers are drained from magazines and depots, and a buffer
 * that is unmapped is freed to its area. An area counts its buffers that are mapped, in a magazine
 * or in a depot. The pool can be freed when @used, the sum of the counts of all areas, is 0::
 *
 *	W (worker)                   M (map)                 U (unmap, drain)
 *	--------------------------   ---------------------   -----------------------
 *	state = CLOSED               rcu_read_lock()
 *	synchronize_rcu()     (a)    state? search
 *	                             rcu_read_unlock()
 *	drain magazines                                      cell = 0
 *	                                                     rcu_read_lock()
 *	area lock, used == 0?                                area lock, used -= n
 *	index, list: remove                                  area unlock
 *	synchronize_rcu()     (b)                            rcu_read_unlock()
 *	number, memory: free
 *
 * After (a) no CPU takes slots from the pool. So @used can only fall, and stays 0, although the
 * areas are read one by one. The area lock also orders U's store to the cell before W's check:
 * otherwise a drain that begins after (b) has begun could still find the buffer in the cell, and
 * use its pool after it was freed.
 *
 * After (b) U has left the area. Walks of the pool list have ended, and so have drains that use
 * the pool of a buffer in a cell, see swiotlb_magazine_empty().
 *
 * __swiotlb_find_pool() reads the index without RCU. If its caller has mapped the address, the
 * pool is not freed. If the address is in no bounce buffer, the result is %NULL, since the index
 * is cleared before the memory of a pool can have a new owner.
 */

/**
 * DOC: Index
 *
 * Pools made at run time begin and end on a multiple of 2 MiB. For each piece of memory of that
 * size the index has the number of its pool, and swiotlb_pool_table has the pool. A lookup takes
 * three dependent loads for any number of pools, and no lock. With 16 pools this takes 5.9 ns; a
 * lookup in an xarray takes 7.5 ns with 4 GiB of memory, and 14.3 ns with 1 TiB
 * (tools/testing/swiotlb/bench/xarray.patch).
 *
 * Boot pools and transient pools may be only page-aligned. swiotlb_find_pool() compares the
 * addresses of the boot pool. A transient pool is not larger than a piece, and is in a hash table
 * by the piece in which it begins.
 */
#define SWIOTLB_INDEX_SHIFT	21
#define SWIOTLB_INDEX_SIZE	BIT_ULL(SWIOTLB_INDEX_SHIFT)

static_assert(SWIOTLB_INDEX_SIZE <= (u64)SWIOTLB_MIN_GROW_SLOTS << IO_TLB_SHIFT);
/* A transient pool may need twice the slots of its mapping, because of the alignment. */
static_assert(2 * SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT <= SWIOTLB_INDEX_SIZE);

/* The number of the pool of each piece of memory, 0 for none */
struct swiotlb_index {
	unsigned long npieces;
	u16 id[] __counted_by(npieces);
};

struct swiotlb_range swiotlb_range __read_mostly;
static struct swiotlb_index *swiotlb_index __read_mostly;
static DEFINE_HASHTABLE(swiotlb_transients, 6);
/* Protects changes to swiotlb_transients and to swiotlb_range; see "Lock order". */
static DEFINE_SPINLOCK(swiotlb_range_lock);

static unsigned long swiotlb_index_piece(phys_addr_t paddr)
{
	return paddr >> SWIOTLB_INDEX_SHIFT;
}

static void swiotlb_index_set(const struct io_tlb_pool *pool, u16 id)
{
	unsigned long i, end = swiotlb_index_piece(pool->end);

	for (i = swiotlb_index_piece(pool->start); i < end; i++)
		/* [9] Pairs as for the index itself, and orders the entry in swiotlb_pool_table. */
		smp_store_release(&swiotlb_index->id[i], id);
}

/* Most addresses that are looked up were never bounced: the range excludes most of them. */
static void swiotlb_range_widen(const struct io_tlb_pool *pool)
{
	unsigned long first = PHYS_PFN(pool->start);
	unsigned long end = PFN_UP(pool->end);

	lockdep_assert_held(&swiotlb_range_lock);
	if (!swiotlb_range.end_pfn || first < swiotlb_range.first_pfn)
		WRITE_ONCE(swiotlb_range.first_pfn, first);
	if (end > swiotlb_range.end_pfn)
		WRITE_ONCE(swiotlb_range.end_pfn, end);
}

/* Memory of the atomic coherent pools is always decrypted. */
static void swiotlb_pool_count_change(struct swiotlb_mem *mem, const struct swiotlb_pages *pages)
{
	if (pages->shared && pages->source != SWIOTLB_FROM_ATOMIC)
		swiotlb_count(mem, SWIOTLB_SET_MEMORY, 1);
}

/*
 * Lost memory counts towards the limit forever. That of an own allocator also counts towards the
 * common limit.
 */
static void swiotlb_pool_count_lost(struct swiotlb_mem *mem, const struct swiotlb_pages *pages)
{
	long nslots = pages->bytes >> IO_TLB_SHIFT;

	atomic_long_add(nslots, &mem->growth.apart);
	if (swiotlb_mem_is_own(mem))
		atomic_long_add(nslots, &mem->common->growth.apart);
	swiotlb_count(swiotlb_mem_shared(mem), SWIOTLB_LEAKED, pages->bytes);
}

/**
 * swiotlb_pool_create() - make a pool
 * @mem:	Allocator of the pool.
 * @pages:	Memory to allocate for the pool.
 * @nareas:	Number of its areas.
 *
 * Context: As for @pages->gfp.
 * Return: The pool, which no other code can find yet; -ENOMEM; or another error of
 * swiotlb_pages_alloc().
 */
struct io_tlb_pool *swiotlb_pool_create(struct swiotlb_mem *mem, struct swiotlb_pages *pages,
					unsigned int nareas)
{
	size_t head = ALIGN(sizeof(struct io_tlb_pool), SMP_CACHE_BYTES);
	unsigned long nslots = pages->bytes >> IO_TLB_SHIFT;
	size_t bytes = head + swiotlb_pool_meta_bytes(nslots, nareas);
	struct io_tlb_pool *pool __free(kvfree) = NULL;
	int ret;

	/* vmalloc() must not be called in an interrupt, not even with GFP_NOWAIT. */
	pool = gfpflags_allow_blocking(pages->gfp) ?
	       kvzalloc_node(bytes, pages->gfp, pages->nid) :
	       kzalloc_node(bytes, pages->gfp, pages->nid);
	if (!pool)
		return ERR_PTR(-ENOMEM);

	ret = swiotlb_pages_alloc(pages);
	if (ret != -ENOMEM)
		swiotlb_pool_count_change(mem, pages);
	if (ret == -ENOTRECOVERABLE)
		swiotlb_pool_count_lost(mem, pages);
	if (ret)
		return ERR_PTR(ret);

	pool->mem = mem;
	pool->source = pages->source;
	swiotlb_pool_init(pool, (void *)pool + head, pages->start, pages->vaddr, nslots, nareas);
	return_ptr(pool);
}

/**
 * swiotlb_pool_destroy() - free a pool
 * @pool:	A pool of swiotlb_pool_create() that no other code can find.
 *
 * Context: Process context if the memory is decrypted.
 * Return: %false if its memory is lost, see swiotlb_pages_free().
 */
bool swiotlb_pool_destroy(struct io_tlb_pool *pool)
{
	const struct swiotlb_pages pages = {
		.bytes = pool->end - pool->start,
		.shared = pool->mem->pub.cc_shared,
		.start = pool->start,
		.vaddr = pool->vaddr,
		.source = pool->source,
	};
	struct swiotlb_mem *mem = pool->mem;

	kvfree(pool);
	swiotlb_pool_count_change(mem, &pages);
	if (swiotlb_pages_free(&pages))
		return true;
	swiotlb_pool_count_lost(mem, &pages);
	return false;
}

/**
 * swiotlb_pools_prepare() - can another pool be added?
 *
 * Call this before a pool is made, since making it is expensive. The first call allocates the
 * index, with 2 bytes for each 2 MiB of memory. swiotlb_growth_enable() excludes pools in memory
 * that is hot-plugged above.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 * Return: 0; -ENOMEM if the index cannot be allocated; or -ENOSPC if there are too many pools.
 */
int swiotlb_pools_prepare(void)
{
	unsigned long n = swiotlb_index_piece(virt_to_phys(high_memory - 1)) + 1;
	struct swiotlb_index *index;
	unsigned int id;

	lockdep_assert_held(&swiotlb_pools_lock);
	if (!swiotlb_index) {
		index = kvzalloc(struct_size(index, id, n), GFP_KERNEL | __GFP_NOWARN);
		if (!index)
			return -ENOMEM;
		index->npieces = n;
		/* [9] Pairs with the address dependency in __swiotlb_find_pool(). */
		smp_store_release(&swiotlb_index, index);
	}
	for (id = 1; id < SWIOTLB_MAX_POOLS; id++)
		if (!READ_ONCE(swiotlb_pool_table[id]))
			return 0;
	return -ENOSPC;
}

/**
 * swiotlb_pools_add() - publish a pool
 * @mem:	Allocator of the pool.
 * @pool:	A pool whose memory begins and ends on a multiple of 2 MiB, and that counts as
 *		held. Older pools are searched first, so that the youngest become idle first.
 *
 * Context: Process context, swiotlb_pools_lock is held. swiotlb_pools_prepare() has returned 0.
 * Return: 0; -ENOSPC if all numbers are taken; or -EINVAL if the pool is not aligned, or lies
 * outside of the index.
 */
int swiotlb_pools_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	if (WARN_ON_ONCE((pool->start | pool->end) & (SWIOTLB_INDEX_SIZE - 1)) ||
	    WARN_ON_ONCE(swiotlb_index_piece(pool->end) > swiotlb_index->npieces))
		return -EINVAL;
	if (swiotlb_pool_number(pool))
		return -ENOSPC;

	swiotlb_index_set(pool, pool->id);
	scoped_guard(spinlock_irqsave, &swiotlb_range_lock)
		swiotlb_range_widen(pool);
	/* [1] Pairs with smp_rmb() in swiotlb_find_pool(). */
	smp_mb();
	swiotlb_pools_list(mem, pool);
	return 0;
}

/**
 * swiotlb_pools_close() - stop new mappings in a pool
 * @mem:	Allocator.
 * @pool:	An open pool other than the boot pool, or an unused large pool. A search that
 *		has already begun may still map in the pool.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_pools_close(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	if (swiotlb_pool_is_open(pool))
		swiotlb_pools_count(mem, -(long)pool->nslots);
	WRITE_ONCE(mem->pools.closed, mem->pools.closed + pool->nslots);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_CLOSED);
	swiotlb_count(mem, SWIOTLB_CLOSED, 1);
}

/**
 * swiotlb_pools_reopen() - allow new mappings in a closed pool again
 * @mem:	Allocator.
 * @pool:	A closed pool.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_pools_reopen(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	swiotlb_pools_count(mem, pool->nslots);
	WRITE_ONCE(mem->pools.closed, mem->pools.closed - pool->nslots);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_OPEN);
	swiotlb_count(mem, SWIOTLB_REOPENED, 1);
	swiotlb_mem_made_room(mem);
}

/**
 * swiotlb_pools_remove() - remove a pool from its allocator
 * @mem:	Allocator.
 * @pool:	A pool that was closed a grace period ago, with no slot in use. The caller may
 *		destroy it after another grace period.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_pools_remove(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	swiotlb_index_set(pool, 0);
	list_del_rcu(&pool->node);
	WRITE_ONCE(mem->pools.closed, mem->pools.closed - pool->nslots);
}

/**
 * swiotlb_transient_add() - make a transient pool visible to swiotlb_find_pool()
 * @pool:	The pool, in which the caller has allocated a mapping.
 *
 * Context: Any, takes swiotlb_range_lock.
 */
void swiotlb_transient_add(struct io_tlb_pool *pool)
{
	guard(spinlock_irqsave)(&swiotlb_range_lock);
	hash_add_rcu(swiotlb_transients, &pool->hash, swiotlb_index_piece(pool->start));
	swiotlb_range_widen(pool);
}

/**
 * swiotlb_transient_del() - hide a transient pool from swiotlb_find_pool()
 * @pool:	The pool. Readers may still use it until a grace period has ended.
 *
 * Context: Any, takes swiotlb_range_lock.
 */
void swiotlb_transient_del(struct io_tlb_pool *pool)
{
	guard(spinlock_irqsave)(&swiotlb_range_lock);
	hash_del_rcu(&pool->hash);
}

static struct io_tlb_pool *swiotlb_transient_find(unsigned long piece, phys_addr_t paddr)
{
	struct io_tlb_pool *pool;

	hash_for_each_possible_rcu(swiotlb_transients, pool, hash, piece)
		if (paddr >= pool->start && paddr < pool->end)
			return pool;
	return NULL;
}

/**
 * __swiotlb_find_pool() - slow path of swiotlb_find_pool()
 * @paddr:	Physical address that is not in a boot pool.
 *
 * Context: Any. The pool is not freed before the mapping at @paddr has ended.
 * Return: The pool, or %NULL if @paddr is in no pool.
 */
struct io_tlb_pool *__swiotlb_find_pool(phys_addr_t paddr)
{
	const struct swiotlb_index *index = READ_ONCE(swiotlb_index);
	unsigned long piece = swiotlb_index_piece(paddr);
	u16 id = 0;

	if (index && piece < index->npieces)
		id = READ_ONCE(index->id[piece]);
	if (id)
		return swiotlb_pool_by_number(id);

	/* A transient pool may begin in the piece before. */
	guard(rcu)();
	return swiotlb_transient_find(piece, paddr) ?:
	       swiotlb_transient_find(piece - 1, paddr);
}
