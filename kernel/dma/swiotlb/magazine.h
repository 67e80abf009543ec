/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Magazines: free buffers that each CPU keeps.
 */
#ifndef _KERNEL_DMA_SWIOTLB_MAGAZINE_H
#define _KERNEL_DMA_SWIOTLB_MAGAZINE_H

#include "pool.h"

/**
 * DOC: Magazines
 *
 * Each CPU keeps buffers that were unmapped on it, one magazine for each size
 * class: 1, 2, 4 ... slots. They are still in its caches, and the next mapping
 * of that size takes the last one. This is the magazine layer of J. Bonwick and
 * J. Adams, "Magazines and Vmem", USENIX 2001, but a magazine has no lock, and
 * interrupts stay on.
 *
 * A magazine is an array of cells. A cell is 0, or holds one free buffer, and
 * only an atomic exchange takes a buffer out or puts one into an empty cell. So
 * a buffer has one owner at any time: a cell, a depot, an area, or the code that maps
 * or unmaps it. An interrupt may work on the same cells, a task that was moved to
 * another CPU half way, or a CPU that drains the magazines of others.
 *
 * @top says where the stack ends. It is a hint: a wrong one costs time, but loses
 * nothing. A map passes over an empty cell below @top, and a push over a buffer at or
 * above it.
 *
 * States of a free buffer, and what leads from one to another::
 *
 *	           refill                  take
 *	   depot ----------> magazine ------------------> mapped
 *	     ^   <----------    |    <------------------    ^ |
 *	     |     unload       |           push            | |
 *	     |                  | drain                     | | overflow of
 *	     | drain            v            map            | | the depot
 *	     +--------------> area -------------------------+ |
 *	                        ^-----------------------------+
 *
 * Outside of an area a buffer keeps its bits in the area's bitmaps, and its
 * record says free: unmapping it once more is noticed as ever.
 *
 * A magazine has a fixed size, as in drivers/iommu/iova.c; so has a depot. Together they
 * hold a quarter of the slots at most. When a magazine is full or empty, seven eighths
 * of it move to or from its depot under one lock.
 *
 * Crowded: when no area has room for a map, the allocator is crowded for a moment.
 * Magazines keep nothing then, and the map that noticed it drains them, and looks
 * again. The maps that fail after it have nothing to drain. Each magazine that got a
 * buffer since the last drain is on a list, so a drain does not walk over CPUs. A buffer
 * that moves meanwhile, or that another CPU is about to free, counts as in use.
 *
 * A buffer keeps its pool: while it is in a cell, in a depot or owned by a caller,
 * its slots are in use, and such a pool is not freed. But other CPUs may empty a cell at
 * any time: code that looks from it at the pool takes the buffer out first, or is in an
 * RCU read section.
 *
 * A map and an unmap read the allocator, the table of pools and the pool, and write only
 * the record and one to three lines of the CPU's own cache.
 *
 * Restricted pools have no magazines: coherent allocations need long runs there.
 */

/* Classes of 1, 2, 4 ... 128 slots: 2 to 256 KiB */
#define SWIOTLB_NR_CLASSES	8

static_assert(1 << (SWIOTLB_NR_CLASSES - 1) == SWIOTLB_MAX_SLOTS);

/**
 * struct swiotlb_magazine - free buffers of one class, for one CPU
 * @filled:	Member of the list of magazines to drain.
 * @listed:	It is on that list.
 * @limit:	No cell is filled from this one on.
 * @top:	Number of the lowest cell that may be empty: a hint.
 * @class:	Binary logarithm of the slots of each buffer.
 * @cell:	Each is 0 or a buffer, see swiotlb_cell().
 */
struct swiotlb_magazine {
	struct llist_node filled;
	int listed;
	u8 limit;
	u8 top;
	u8 class;
	atomic_t cell[];
};

/**
 * struct swiotlb_cpu_cache - what a CPU has of an allocator
 * @used:	Slots that were mapped on this CPU, less those that were unmapped.
 * @magazine:	The magazines, see swiotlb_magazine_offset.
 */
struct swiotlb_cpu_cache {
	long used;
	char magazine[] __aligned(sizeof(void *));
};

/**
 * struct swiotlb_depot - free buffers of one class, for all CPUs
 * @lock:	Protects @count and @cells.
 * @count:	Number of buffers; read without the lock as an estimate.
 * @limit:	The most there may be; set without the lock.
 * @cells:	The buffers.
 */
struct swiotlb_depot {
	/* protects @count and @cells */
	spinlock_t lock;
	unsigned int count;
	unsigned int limit;
	u32 *cells;
} ____cacheline_aligned_in_smp;

/**
 * struct swiotlb_cache - the magazines of an allocator
 * @cpu:	For each CPU, %NULL before they are started.
 * @crowded:	Time in jiffies until which magazines keep nothing; 0 if not crowded;
 *		%SWIOTLB_CROWDED_WAITED while callers wait.
 * @depot:	One for each class, %NULL before @cpu is set.
 * @filled:	Magazines that may hold buffers.
 *
 * A map and an unmap that meet neither end of a magazine use the first two only.
 */
struct swiotlb_cache {
	struct swiotlb_cpu_cache __percpu *cpu;
	unsigned long crowded;
	struct swiotlb_depot *depot;
	struct llist_head filled;
};

/* Callers wait for room: crowded until the last of them has left. Deadlines are odd. */
#define SWIOTLB_CROWDED_WAITED	2UL

/*
 * A buffer in one word that is not 0: a mark, the pool's number, the slot's. Small
 * words mean fewer cache lines when buffers go from CPU to CPU. What lies beyond
 * the first 4 GiB of a pool does not fit, and always goes to its area.
 */
#define SWIOTLB_CELL_MARK	BIT(31)
#define SWIOTLB_CELL_INDEX_BITS	21
#define SWIOTLB_CELL_INDEX_MASK	(BIT(SWIOTLB_CELL_INDEX_BITS) - 1)

static_assert(SWIOTLB_MAX_POOLS <=
	      SWIOTLB_CELL_MARK >> SWIOTLB_CELL_INDEX_BITS);

static inline u32 swiotlb_cell(const struct io_tlb_pool *pool,
			       unsigned int index)
{
	return SWIOTLB_CELL_MARK |
	       (u32)pool->id << SWIOTLB_CELL_INDEX_BITS | index;
}

static inline unsigned int swiotlb_cell_index(u32 cell)
{
	return cell & SWIOTLB_CELL_INDEX_MASK;
}

static inline struct io_tlb_pool *swiotlb_cell_pool(u32 cell)
{
	return swiotlb_pool_by_number((cell & ~SWIOTLB_CELL_MARK) >>
				      SWIOTLB_CELL_INDEX_BITS);
}

/* The class of buffers with @nslots slots, %SWIOTLB_NR_CLASSES if there is none. */
static inline unsigned int swiotlb_class(unsigned int nslots)
{
	return is_power_of_2(nslots) ? ilog2(nslots) : SWIOTLB_NR_CLASSES;
}

/* Where the magazine of a class begins in &struct swiotlb_cpu_cache, in bytes, ... */
extern const u16 swiotlb_magazine_offset[SWIOTLB_NR_CLASSES];
/* ... and where the last one ends. */
#define SWIOTLB_CPU_CACHE_BYTES	2176

/* Any CPU's would be right: a task that is moved to another one does no harm. */
static inline struct swiotlb_magazine *
swiotlb_this_magazine(struct swiotlb_cpu_cache __percpu *cpu, unsigned int class)
{
	return (void *)raw_cpu_ptr(cpu) + swiotlb_magazine_offset[class];
}

/* %NULL before the magazines are started. */
static inline struct swiotlb_cpu_cache __percpu *
swiotlb_cache_cpu(const struct swiotlb_cache *cache)
{
	/* [8] Pairs with swiotlb_magazines_start(). */
	return smp_load_acquire(&cache->cpu);
}

/* Take out the buffer that was put in last: the caller owns it then. 0 for none. */
static inline u32 swiotlb_magazine_take(struct swiotlb_magazine *mag)
{
	unsigned int top = READ_ONCE(mag->top);
	int cell;

	for (; top; top--) {
		cell = atomic_read(&mag->cell[top - 1]);
		/* [6] Pairs with swiotlb_magazine_push(). */
		if (likely(cell) &&
		    likely(atomic_try_cmpxchg_acquire(&mag->cell[top - 1],
						      &cell, 0))) {
			WRITE_ONCE(mag->top, top - 1);
			return cell;
		}
	}

	WRITE_ONCE(mag->top, 0);
	return 0;
}

/* Put a buffer in, if there is room. The caller must then call swiotlb_magazine_list(). */
static inline bool swiotlb_magazine_push(struct swiotlb_magazine *mag,
					 u32 cell)
{
	unsigned int limit = READ_ONCE(mag->limit);
	unsigned int top = READ_ONCE(mag->top);
	int empty;

	for (; top < limit; top++) {
		empty = atomic_read(&mag->cell[top]);
		if (unlikely(empty))
			continue;
		/*
		 * [5] Pairs with swiotlb_magazine_take(), [10] with a drain, [11] with
		 * a caller that begins to wait.
		 */
		if (atomic_try_cmpxchg(&mag->cell[top], &empty, cell)) {
			WRITE_ONCE(mag->top, top + 1);
			return true;
		}
	}
	WRITE_ONCE(mag->top, top);
	return false;
}

/* Let a drain visit a magazine, into which a buffer was put just now. */
static inline void swiotlb_magazine_list(struct swiotlb_cache *cache,
					 struct swiotlb_magazine *mag)
{
	if (unlikely(!READ_ONCE(mag->listed)) && !xchg(&mag->listed, 1))
		llist_add(&mag->filled, &cache->filled);
}

int swiotlb_magazines_start(struct swiotlb_cache *cache, unsigned long nslots);
void swiotlb_magazines_stop(struct swiotlb_cache *cache);
void swiotlb_magazines_resize(struct swiotlb_cache *cache, unsigned long nslots);
void swiotlb_magazines_drain(struct swiotlb_cache *cache);
void swiotlb_magazines_drain_cpu(struct swiotlb_cache *cache, unsigned int cpu,
				 const struct io_tlb_pool *pool);
void swiotlb_magazines_drain_pool(struct swiotlb_cache *cache,
				  const struct io_tlb_pool *pool);
bool swiotlb_cache_crowd(struct swiotlb_cache *cache);
bool __swiotlb_cache_is_crowded(struct swiotlb_cache *cache);
bool swiotlb_magazine_refill(struct swiotlb_cache *cache,
			     struct swiotlb_magazine *mag);
void swiotlb_magazine_overflow(struct swiotlb_cache *cache,
			       struct swiotlb_magazine *mag, u32 cell);

/* Has a map found no room a moment ago? Then magazines keep nothing. */
static inline bool swiotlb_cache_is_crowded(struct swiotlb_cache *cache)
{
	return unlikely(READ_ONCE(cache->crowded)) &&
	       __swiotlb_cache_is_crowded(cache);
}

/* Do callers wait for room? */
static inline bool swiotlb_cache_is_waited(const struct swiotlb_cache *cache)
{
	return READ_ONCE(cache->crowded) == SWIOTLB_CROWDED_WAITED;
}

#endif /* _KERNEL_DMA_SWIOTLB_MAGAZINE_H */
