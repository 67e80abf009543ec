/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_MAGAZINE_H
#define _KERNEL_DMA_SWIOTLB_MAGAZINE_H

#include "pool.h"

/**
 * DOC: Magazines
 *
 * Each CPU keeps buffers that were unmapped on it, in one magazine for each size class: 1,
 * 2, 4 ... slots. The next mapping of that size takes the last one, which is still in the caches
 * of the CPU. This is the magazine layer of J. Bonwick and J. Adams, "Magazines and Vmem",
 * USENIX 2001, but a magazine has no lock, and interrupts stay on.
 *
 * A magazine is an array of cells. A cell is 0, or holds one free buffer. Only an atomic
 * exchange takes a buffer out of a cell, or puts one into an empty cell. So a buffer has one
 * owner at any time: a cell, a depot, an area, or the code that maps or unmaps it. Cells may be
 * shared with an interrupt, a task that was migrated to another CPU, or a CPU that drains them.
 *
 * @top, the end of the stack, is a hint: a wrong value costs time, but no buffer is lost. A take
 * skips empty cells below @top, and a push skips full cells at or above it.
 *
 * States of a buffer, and their transitions::
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
 * While a buffer is in a cell or a depot, its record is free, so a second unmap is detected. Its
 * slots stay in use, so its pool is not freed. But other CPUs may empty a cell at any time: take
 * the buffer out of the cell, or hold RCU, before using its pool.
 *
 * Magazines and depots together hold at most a quarter of the slots. When a magazine is full or
 * empty, up to seven eighths of it move to or from its depot under one lock.
 *
 * When no area has room for a map, the allocator is crowded for a short time: magazines keep
 * nothing. The map drains the magazines, and searches again; other maps that fail in this time do
 * not drain. A drain visits only magazines that got a buffer since the last drain, not all CPUs.
 * It may miss a buffer that is moved meanwhile, or that another CPU is about to free.
 */

/* Classes of 1, 2, 4 ... 128 slots: 2 to 256 KiB */
#define SWIOTLB_NR_CLASSES	8

static_assert(1 << (SWIOTLB_NR_CLASSES - 1) == SWIOTLB_MAX_SLOTS);

/**
 * struct swiotlb_magazine - free buffers of one class, for one CPU
 * @filled:	Member of the list of magazines to drain.
 * @listed:	The magazine is on that list.
 * @limit:	Number of cells that may be filled, from the first one on.
 * @top:	Index of the lowest cell that may be empty: a hint.
 * @class:	Binary logarithm of the slots of each buffer.
 * @cell:	Free buffers, see swiotlb_cell(); 0 if empty.
 */
struct swiotlb_magazine {
	struct llist_node filled;
	int listed;
	u8 limit;
	u8 top;
	u8 class;
	atomic_t cell[];
};

/*
 * Per-CPU part of an allocator: slots mapped less slots unmapped on this CPU, bytes copied, and
 * the magazines, see swiotlb_magazine_offset.
 */
struct swiotlb_cpu_cache {
	long used;
	unsigned long bounced;
	char magazine[] __aligned(sizeof(void *));
};

/*
 * Free buffers of one class, for all CPUs. @count is also read, and its maximum @limit is set,
 * without the lock.
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
 * @cpu:	The per-CPU magazines; %NULL before they are started.
 * @crowded:	Time in jiffies until which magazines keep nothing; 0 if not crowded;
 *		%SWIOTLB_CROWDED_WAITED while callers wait.
 * @depot:	One for each class; valid once @cpu is set.
 * @filled:	Magazines that may hold buffers.
 *
 * Most maps and unmaps use only @cpu and @crowded.
 */
struct swiotlb_cache {
	struct swiotlb_cpu_cache __percpu *cpu;
	unsigned long crowded;
	struct swiotlb_depot *depot;
	struct llist_head filled;
};

/* Value of @crowded while callers wait. Deadlines are odd, so none has this value. */
#define SWIOTLB_CROWDED_WAITED	2UL

/*
 * A full cell holds a mark, so that it is not 0, the number of a pool, and the index of the first
 * slot. A buffer beyond the first 4 GiB of a pool does not fit, and is always freed to its area.
 */
#define SWIOTLB_CELL_MARK	BIT(31)
#define SWIOTLB_CELL_INDEX_BITS	21
#define SWIOTLB_CELL_INDEX_MASK	(BIT(SWIOTLB_CELL_INDEX_BITS) - 1)

static_assert(SWIOTLB_CELL_MARK >> SWIOTLB_CELL_INDEX_BITS >= SWIOTLB_MAX_POOLS);

static inline u32 swiotlb_cell(const struct io_tlb_pool *pool, unsigned int index)
{
	return SWIOTLB_CELL_MARK | (u32)pool->id << SWIOTLB_CELL_INDEX_BITS | index;
}

static inline unsigned int swiotlb_cell_index(u32 cell)
{
	return cell & SWIOTLB_CELL_INDEX_MASK;
}

static inline struct io_tlb_pool *swiotlb_cell_pool(u32 cell)
{
	return swiotlb_pool_by_number((cell & ~SWIOTLB_CELL_MARK) >> SWIOTLB_CELL_INDEX_BITS);
}

/* Returns %SWIOTLB_NR_CLASSES if no class has this size. */
static inline unsigned int swiotlb_class(unsigned int nslots)
{
	return is_power_of_2(nslots) ? ilog2(nslots) : SWIOTLB_NR_CLASSES;
}

/* Offset of the magazine of each class in &struct swiotlb_cpu_cache, in bytes */
extern const u16 swiotlb_magazine_offset[SWIOTLB_NR_CLASSES];
/* Size of &struct swiotlb_cpu_cache, including the magazines */
#define SWIOTLB_CPU_CACHE_BYTES	2176

/* Preemption may be enabled: cells may be accessed from any CPU. */
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

/* Take the buffer that was pushed last, which the caller then owns. Returns 0 if there is none. */
static inline u32 swiotlb_magazine_take(struct swiotlb_magazine *mag)
{
	unsigned int top = READ_ONCE(mag->top);
	int cell;

	for (; top; top--) {
		cell = atomic_read(&mag->cell[top - 1]);
		/* [6] Pairs with swiotlb_magazine_push(). */
		if (likely(cell) &&
		    likely(atomic_try_cmpxchg_acquire(&mag->cell[top - 1], &cell, 0))) {
			WRITE_ONCE(mag->top, top - 1);
			return cell;
		}
	}

	WRITE_ONCE(mag->top, 0);
	return 0;
}

/* On success, the caller must call swiotlb_magazine_list(). */
static inline bool swiotlb_magazine_push(struct swiotlb_magazine *mag, u32 cell)
{
	unsigned int limit = READ_ONCE(mag->limit);
	unsigned int top = READ_ONCE(mag->top);
	int empty;

	for (; top < limit; top++) {
		empty = atomic_read(&mag->cell[top]);
		if (unlikely(empty))
			continue;
		/*
		 * [5] Pairs with swiotlb_magazine_take(), [10] with
		 * swiotlb_magazines_drain(), [11] with swiotlb_wait_begin().
		 */
		if (atomic_try_cmpxchg(&mag->cell[top], &empty, cell)) {
			WRITE_ONCE(mag->top, top + 1);
			return true;
		}
	}
	WRITE_ONCE(mag->top, top);
	return false;
}

/* Put a magazine that has just got a buffer on the list for the next drain. */
static inline void swiotlb_magazine_list(struct swiotlb_cache *cache, struct swiotlb_magazine *mag)
{
	if (unlikely(!READ_ONCE(mag->listed)) && !xchg(&mag->listed, 1))
		llist_add(&mag->filled, &cache->filled);
}

int swiotlb_magazines_start(struct swiotlb_cache *cache, unsigned long nslots);
void swiotlb_magazines_stop(struct swiotlb_cache *cache);
void swiotlb_magazines_resize(struct swiotlb_cache *cache, unsigned long nslots);
void swiotlb_magazines_drain(struct swiotlb_cache *cache);
bool swiotlb_cache_crowd(struct swiotlb_cache *cache);
bool __swiotlb_cache_is_crowded(struct swiotlb_cache *cache);
bool swiotlb_magazine_refill(struct swiotlb_cache *cache, struct swiotlb_magazine *mag);
void swiotlb_magazine_overflow(struct swiotlb_cache *cache, struct swiotlb_magazine *mag, u32 cell);

static inline bool swiotlb_cache_is_crowded(struct swiotlb_cache *cache)
{
	return unlikely(READ_ONCE(cache->crowded)) && __swiotlb_cache_is_crowded(cache);
}

static inline bool swiotlb_cache_is_waited(const struct swiotlb_cache *cache)
{
	return READ_ONCE(cache->crowded) == SWIOTLB_CROWDED_WAITED;
}

#endif /* _KERNEL_DMA_SWIOTLB_MAGAZINE_H */
