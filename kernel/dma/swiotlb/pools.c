// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of pools that are made at run time, and how they are found by a physical
 * address.
 */

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
 * A large pool is in the list, but not open, until it is closed.
 *
 * No search finds a closed pool. Its buffers are drained from magazines and depots,
 * and a buffer that is unmapped goes to its area.
 *
 * When may a pool be freed? Its buffers are in use, in a magazine or in a depot, and
 * then its areas count them; or they are free, and then only a search can find them.
 * So, with @used the sum of the counts of its areas::
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
 * After (a) no CPU takes slots from an area of the pool: @used can only fall, and once it
 * was 0 it stays so, though the areas are looked at one by one. The locks also order the
 * cell: without them the new count could become visible before the empty cell, and a
 * reader that begins after (b) has begun could still follow the buffer from the cell into
 * a pool that is freed.
 *
 * After (b) U has left the area, and walks of the pool list have ended, as have drains
 * that look from a cell at the pool, see swiotlb_magazine_empty(). The owner of a buffer
 * needs no RCU: @used is not 0.
 *
 * __swiotlb_find_pool() reads the index without RCU. Its caller asks for an address
 * that it has mapped, which keeps the pool, or for one that is in no bounce buffer:
 * then the answer is %NULL, since the index is cleared long before the memory has a new
 * owner.
 */

/**
 * DOC: Index
 *
 * Pools made at run time begin and end on a multiple of 2 MiB. For each piece of memory
 * of that size the index has the number of its pool, and swiotlb_pool_table has the
 * pool: two loads, whatever the number of pools, without a lock. An xarray of such
 * pieces has three to four dependent loads below 64 GiB.
 *
 * Boot pools are aligned to a page only: swiotlb_find_pool() compares their addresses.
 * Transient pools may begin anywhere, too, and are not larger than a piece: a hash table
 * has them by the piece in which they begin.
 */
#define SWIOTLB_INDEX_SHIFT	21
#define SWIOTLB_INDEX_SIZE	BIT_ULL(SWIOTLB_INDEX_SHIFT)

/* Buckets for transient pools, as a power of two. */
#define SWIOTLB_TRANSIENT_BITS	6

static_assert(SWIOTLB_INDEX_SIZE <= (u64)SWIOTLB_MIN_GROW_SLOTS << IO_TLB_SHIFT);
/* A transient pool may have twice the slots of its mapping, for the alignment. */
static_assert(2 * SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT <= SWIOTLB_INDEX_SIZE);

/* For each piece of memory the number of its pool, 0 for none. */
struct swiotlb_index {
	unsigned long npieces;
	u16 id[] __counted_by(npieces);
};

struct swiotlb_range swiotlb_range __read_mostly;
static struct swiotlb_index *swiotlb_index __read_mostly;
static DEFINE_HASHTABLE(swiotlb_transients, SWIOTLB_TRANSIENT_BITS);
/* Protects changes to swiotlb_transients and to swiotlb_range; see "Lock order". */
static DEFINE_SPINLOCK(swiotlb_range_lock);

static unsigned long swiotlb_index_piece(phys_addr_t paddr)
{
	return paddr >> SWIOTLB_INDEX_SHIFT;
}

/**
 * swiotlb_index_prepare() - make the index, before the first pool at run time
 *
 * It has 2 bytes for each 2 MiB of memory. Memory that is plugged in later above all
 * other memory is not covered: swiotlb_growth_enable() does not let pools lie there.
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int swiotlb_index_prepare(void)
{
	unsigned long n = swiotlb_index_piece(virt_to_phys(high_memory - 1)) + 1;
	struct swiotlb_index *index;

	guard(mutex)(&swiotlb_pools_lock);
	if (swiotlb_index)
		return 0;

	index = kvzalloc(struct_size(index, id, n), GFP_KERNEL | __GFP_NOWARN);
	if (!index)
		return -ENOMEM;
	index->npieces = n;
	/* [9] Pairs with the address dependency in __swiotlb_find_pool(). */
	smp_store_release(&swiotlb_index, index);
	return 0;
}

static void swiotlb_index_set(const struct io_tlb_pool *pool, u16 id)
{
	unsigned long i, end = swiotlb_index_piece(pool->end);

	for (i = swiotlb_index_piece(pool->start); i < end; i++)
		/* [9] as above, for the pool of that number. */
		smp_store_release(&swiotlb_index->id[i], id);
}

/* Most addresses that are asked for were never bounced: the range tells, and only grows. */
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

/* The atomic coherent pools are decrypted already. */
static void swiotlb_pool_count_change(struct swiotlb_mem *mem,
				      const struct swiotlb_pages *pages)
{
	if (pages->shared && pages->source != SWIOTLB_FROM_ATOMIC)
		swiotlb_count(mem, SWIOTLB_SET_MEMORY, 1);
}

/* Slots that could not be encrypted again use up the limit for good. */
static void swiotlb_pool_count_lost(struct swiotlb_mem *mem,
				    const struct swiotlb_pages *pages)
{
	atomic_long_add(pages->bytes >> IO_TLB_SHIFT, &mem->growth.apart);
	swiotlb_count(mem, SWIOTLB_LEAKED, pages->bytes);
}

/**
 * swiotlb_pool_create() - make a pool
 * @mem:	Allocator that it is made for.
 * @pages:	Memory that it needs.
 * @nareas:	Number of its areas.
 *
 * Context: As @pages->gfp says.
 * Return: The pool, which no other code knows of; -ENOMEM; or another error of
 * swiotlb_pages_alloc().
 */
struct io_tlb_pool *swiotlb_pool_create(struct swiotlb_mem *mem,
					struct swiotlb_pages *pages,
					unsigned int nareas)
{
	size_t head = ALIGN(sizeof(struct io_tlb_pool), SMP_CACHE_BYTES);
	unsigned long nslots = pages->bytes >> IO_TLB_SHIFT;
	size_t bytes = head + swiotlb_pool_meta_bytes(nslots, nareas);
	struct io_tlb_pool *pool;
	int ret;

	/* vmalloc() is not for interrupts, whatever the flags. */
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
	if (ret) {
		kvfree(pool);
		return ERR_PTR(ret);
	}

	pool->mem = mem;
	pool->source = pages->source;
	swiotlb_pool_init(pool, (void *)pool + head, pages->start, pages->vaddr,
			  nslots, nareas);
	return pool;
}

/**
 * swiotlb_pool_destroy() - free a pool
 * @pool:	A pool of swiotlb_pool_create() that no other code knows of.
 *
 * Context: Process context if the memory is decrypted.
 * Return: %false if its memory is lost, see swiotlb_pages_free(). It is counted then.
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
 * swiotlb_pools_add() - publish a pool
 * @mem:	Allocator that it was made for.
 * @pool:	A pool whose memory begins and ends on a multiple of 2 MiB.
 *
 * It goes to the end of the list: older pools are used first, so the youngest fall idle.
 *
 * Context: Process context, swiotlb_pools_lock is held; after swiotlb_index_prepare().
 * Return: 0; -ENOSPC for too many pools; or -EINVAL for one that is not aligned, or lies
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
 * @pool:	An open pool other than the boot pool, or an unused large pool. A search
 *		that has already begun may still find room in it.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_pools_close(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	if (swiotlb_pool_is_open(pool))
		swiotlb_pools_count(mem, -(long)pool->nslots);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_CLOSED);
	swiotlb_count(mem, SWIOTLB_CLOSED, 1);
}

/**
 * swiotlb_pools_reopen() - let a pool be used again
 * @mem:	Allocator.
 * @pool:	A pool that is closed.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_pools_reopen(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	swiotlb_pools_count(mem, pool->nslots);
	WRITE_ONCE(pool->state, SWIOTLB_POOL_OPEN);
	swiotlb_count(mem, SWIOTLB_REOPENED, 1);
	swiotlb_mem_made_room(mem);
}

/**
 * swiotlb_pools_remove() - take a pool from its allocator
 * @mem:	Allocator.
 * @pool:	A pool that was closed a grace period ago, with no slot in use. After
 *		another one it may be destroyed.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 */
void swiotlb_pools_remove(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	swiotlb_index_set(pool, 0);
	list_del_rcu(&pool->node);
	WRITE_ONCE(mem->pools.held, mem->pools.held - pool->nslots);
}

/**
 * swiotlb_transient_add() - let a transient pool be found
 * @pool:	The pool, in which the caller has mapped something.
 *
 * Context: Any, takes swiotlb_range_lock.
 */
void swiotlb_transient_add(struct io_tlb_pool *pool)
{
	scoped_guard(spinlock_irqsave, &swiotlb_range_lock) {
		hash_add_rcu(swiotlb_transients, &pool->hash,
			     swiotlb_index_piece(pool->start));
		swiotlb_range_widen(pool);
	}
	/* [3] Pairs with smp_rmb() in swiotlb_find_pool(). */
	smp_mb();
}

/**
 * swiotlb_transient_del() - let a transient pool no longer be found
 * @pool:	The pool. Readers may still see it until a grace period has ended.
 *
 * Context: Any, takes swiotlb_range_lock.
 */
void swiotlb_transient_del(struct io_tlb_pool *pool)
{
	guard(spinlock_irqsave)(&swiotlb_range_lock);
	hash_del_rcu(&pool->hash);
}

static struct io_tlb_pool *swiotlb_transient_find(unsigned long piece,
						  phys_addr_t paddr)
{
	struct io_tlb_pool *pool;

	hash_for_each_possible_rcu(swiotlb_transients, pool, hash, piece)
		if (paddr >= pool->start && paddr < pool->end)
			return pool;
	return NULL;
}

/**
 * __swiotlb_find_pool() - find a pool by an address that is not in a boot pool
 * @paddr:	Physical address. For swiotlb_find_pool() only.
 *
 * Context: Any. The pool stays as long as the mapping at @paddr does.
 * Return: The pool, or %NULL if @paddr is in none.
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
