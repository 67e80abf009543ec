/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Magazines: what is on the way of every mapping.
 */
#ifndef _KERNEL_DMA_SWIOTLB_MAGAZINE_H
#define _KERNEL_DMA_SWIOTLB_MAGAZINE_H

#include "internal.h"

/**
 * DOC: Magazines
 *
 * Each CPU keeps buffers that were unmapped on it, one magazine for each size
 * class: 1, 2, 4 ... slots. They are still in its caches, and the next mapping
 * of that size takes the last one. This is the magazine layer of J. Bonwick and
 * J. Adams, "Magazines and Vmem", USENIX 2001, with one change: a magazine has
 * no lock, and interrupts stay on.
 *
 * A magazine is an array of cells. A cell is 0, or holds one free buffer, and
 * only an atomic exchange takes a buffer out or puts one into an empty cell. So
 * a buffer has one owner at any time: a cell, a depot, an area, or who uses it.
 * It does not matter who else works on the same cells: an interrupt, a task that
 * was moved to another CPU half way, a CPU that drains the magazines of others.
 *
 * @top says where the stack ends. It is a hint, written without care; a wrong one
 * costs time, but loses nothing::
 *
 *	an empty cell below @top	a map passes over it
 *	a buffer at or above @top	push passes over it, and so finds it again
 *
 * States of a free buffer, and what leads from one to another::
 *
 *	           refill                  take
 *	   depot ----------> magazine ------------------> mapped
 *	     ^   <----------    |    <------------------    ^ |
 *	     |    overflow      |           push            | |
 *	     |                  | trim, drain               | | overflow of
 *	     | trim, drain      v                map        | | the depot
 *	     +--------------> area -------------------------+ |
 *	                        ^-----------------------------+
 *
 * Outside of an area a buffer keeps its bits in the area's bitmaps, and its
 * record says free: unmapping it once more is noticed as ever.
 *
 * A map that finds nothing in its magazine and in no area empties all magazines
 * and depots, and searches all areas once more. That finds each buffer that was
 * free all the time, since none is ever out of sight: it is in its new cell, or in
 * the depot, before it is out of the old one, and it leaves a cell for its area
 * under the area's lock. A while after a map has failed all the same, nothing is
 * put into magazines: single buffers there are what keeps runs apart.
 *
 * A buffer keeps its pool: while it is in a cell, in a depot or in somebody's hands,
 * its slots are in use, and such a pool does not go. A cell that may be emptied by
 * others at any time does not keep anything: who looks from it at the pool takes the
 * buffer out first, or is in an RCU read section.
 *
 * Cells of all CPUs and depots together hold a quarter of the slots at most. Each
 * magazine has a share of that, which with many CPUs or a small pool is a few cells.
 * One that overflows or runs empty borrows more, from what is set apart for those that
 * are busy. (Those of the paper grow with the contention for their depot.)
 *
 * Magazines are also emptied when their CPU goes, and when nothing has moved for a
 * while. Then a loan is over, too.
 *
 * A map and an unmap touch four cache lines of metadata: allocator, pool, record and
 * magazine, and one more if more than 14 buffers lie in the magazine.
 *
 * Records are small: eight share a cache line. Buffers that have been mapped on
 * one CPU and unmapped on another get mixed, and so the CPUs then share lines of
 * records, in steady state one for each mapping.
 *
 * Large buffers that the device was the last to read are not kept: "First fit, with
 * hints" in slots.c says why.
 *
 * Restricted pools have no magazines: coherent allocations need long runs there.
 */

/* Classes of 1, 2, 4 ... 128 slots: 2 to 256 KiB */
#define SWIOTLB_NR_CLASSES	8

static_assert(1 << (SWIOTLB_NR_CLASSES - 1) == SWIOTLB_MAX_SLOTS);

/**
 * union swiotlb_room - how many cells of a magazine may be filled
 * @limit:	No cell is filled from this one on. 0 for a while after a failed map, and
 *		where there is no share, until some are borrowed.
 * @lent:	How many of these are on loan.
 * @most:	The highest limit that there ever was: no cell above was ever filled.
 * @unused:	Nothing.
 * @word:	All of them, to be changed at once: whoever knows of a cell finds it
 *		below @most.
 */
union swiotlb_room {
	struct {
		u8 limit;
		u8 lent;
		u8 most;
		u8 unused;
	};
	int word;
};

/**
 * struct swiotlb_magazine - free buffers of one class, for one CPU
 * @room:	A &union swiotlb_room.
 * @top:	Number of the lowest cell that may be empty: a hint.
 * @armed:	The trim worker comes by.
 * @moves:	Counts what goes in and out, roughly, and wraps: one magazine in 256 that
 *		are busy looks idle, and is emptied, which costs little.
 * @seen:	What @moves was when the trim worker came by.
 * @cell:	Each is 0 or a buffer, see swiotlb_cell().
 */
struct swiotlb_magazine {
	atomic_t room;
	u8 top;
	u8 armed;
	u8 moves;
	u8 seen;
	atomic_t cell[];
};

static inline union swiotlb_room
swiotlb_magazine_room(const struct swiotlb_magazine *mag)
{
	return (union swiotlb_room){ .word = atomic_read(&mag->room) };
}

/* Where the magazines of a CPU begin, in bytes, and their end. */
extern const u16 swiotlb_magazine_offset[SWIOTLB_NR_CLASSES + 1];

static inline struct swiotlb_magazine *
swiotlb_cpu_magazine(void __percpu *magazines, unsigned int cpu,
		     unsigned int class)
{
	return per_cpu_ptr(magazines, cpu) + swiotlb_magazine_offset[class];
}

/* Any CPU's would be right: whoever is moved to another one does no harm. */
static inline struct swiotlb_magazine *
swiotlb_this_magazine(void __percpu *magazines, unsigned int class)
{
	return raw_cpu_ptr(magazines) + swiotlb_magazine_offset[class];
}

/**
 * struct swiotlb_depot - free buffers of one class, for all CPUs
 * @lock:	Protects @count and @cells.
 * @count:	Number of buffers; read without the lock as an estimate.
 * @limit:	The most there may be; set without the lock.
 * @moves:	Counts what goes in and out, roughly.
 * @seen:	What @moves was when the trim worker came by; its own.
 * @cells:	The buffers.
 */
struct swiotlb_depot {
	/* protects @count and @cells */
	spinlock_t lock;
	unsigned int count;
	unsigned int limit;
	unsigned int moves;
	unsigned int seen;
	u32 *cells;
} ____cacheline_aligned_in_smp;

/**
 * struct swiotlb_cache - what the magazines of an allocator have in common
 * @mem:	The allocator.
 * @trim_work:	Gives back what has not moved for a while.
 * @rested:	It has found nothing the last time; its own.
 * @crowded_until: End of the time after a failed map, in jiffies.
 * @spare:	Slots that magazines may still borrow. Below 0 for a moment, while more
 *		of them ask than can be served.
 * @resize_lock: Shares are set by one at a time.
 * @loans:	Slots that all may borrow together.
 * @limit:	Share of the magazines of a class, without what they have borrowed.
 * @depot:	One for each class.
 */
struct swiotlb_cache {
	struct swiotlb_mem *mem;
	struct delayed_work trim_work;
	bool rested;
	unsigned long crowded_until;
	atomic_long_t spare ____cacheline_aligned_in_smp;
	/* protects @loans, @limit, and the limits of depots */
	struct mutex resize_lock;
	long loans;
	unsigned int limit[SWIOTLB_NR_CLASSES];
	struct swiotlb_depot depot[SWIOTLB_NR_CLASSES];
};

/*
 * A buffer in one word that is not 0: a mark, the pool's number, the slot's. Small
 * words mean fewer cache lines when buffers go from CPU to CPU. What lies beyond
 * the first 4 GiB of a pool does not fit, and always goes back to its area.
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

static inline unsigned int swiotlb_cell_id(u32 cell)
{
	return (cell & ~SWIOTLB_CELL_MARK) >> SWIOTLB_CELL_INDEX_BITS;
}

static inline struct io_tlb_pool *
swiotlb_cell_pool(const struct swiotlb_mem *mem, u32 cell)
{
	return swiotlb_mem_pool(mem, swiotlb_cell_id(cell));
}

/**
 * swiotlb_magazine_take() - take out the buffer that was put in last
 * @mag:	A magazine.
 *
 * Context: Any.
 * Return: The buffer, which is the caller's now, or 0 if there is none.
 */
static inline u32 swiotlb_magazine_take(struct swiotlb_magazine *mag)
{
	unsigned int top = READ_ONCE(mag->top);
	int cell;

	if (!top)
		return 0;
	do {
		cell = atomic_read(&mag->cell[top - 1]);
		/* [6] Pairs with swiotlb_magazine_push(). */
		if (likely(cell) &&
		    likely(atomic_try_cmpxchg_acquire(&mag->cell[top - 1],
						      &cell, 0))) {
			WRITE_ONCE(mag->top, top - 1);
			WRITE_ONCE(mag->moves, READ_ONCE(mag->moves) + 1);
			return cell;
		}
	} while (--top);

	WRITE_ONCE(mag->top, 0);
	return 0;
}

/**
 * swiotlb_magazine_push() - put a buffer in
 * @mag:	A magazine.
 * @cell:	The buffer.
 *
 * Context: Any.
 * Return: %false if there is no room.
 */
static inline bool swiotlb_magazine_push(struct swiotlb_magazine *mag,
					 u32 cell)
{
	unsigned int limit = swiotlb_magazine_room(mag).limit;
	unsigned int top = READ_ONCE(mag->top);
	int empty;

	for (; top < limit; top++) {
		empty = atomic_read(&mag->cell[top]);
		if (unlikely(empty))
			continue;
		/* [5] Pairs with swiotlb_magazine_take(). */
		if (atomic_try_cmpxchg_release(&mag->cell[top], &empty,
					       cell)) {
			WRITE_ONCE(mag->top, top + 1);
			WRITE_ONCE(mag->moves, READ_ONCE(mag->moves) + 1);
			return true;
		}
	}
	WRITE_ONCE(mag->top, limit);
	return false;
}

/* Of an allocator; %NULL without. */
static inline void __percpu *
swiotlb_mem_magazines(const struct swiotlb_mem *mem)
{
	/* [8] Pairs with swiotlb_magazines_start(). */
	return smp_load_acquire(&mem->magazines);
}

/* The class of buffers with @nslots slots, %SWIOTLB_NR_CLASSES if there is none. */
static inline unsigned int swiotlb_class(unsigned int nslots)
{
	return is_power_of_2(nslots) ? ilog2(nslots) : SWIOTLB_NR_CLASSES;
}

int swiotlb_magazines_start(struct swiotlb_mem *mem);
void swiotlb_magazines_stop(struct swiotlb_mem *mem);
void swiotlb_magazines_resize(struct swiotlb_mem *mem);
void swiotlb_magazines_drain_cpu(struct swiotlb_mem *mem, unsigned int cpu);
void swiotlb_magazines_drain_pool(struct swiotlb_mem *mem,
				  const struct io_tlb_pool *pool);
void swiotlb_magazines_set_crowded(struct swiotlb_mem *mem);
unsigned long swiotlb_magazines_nslots(struct swiotlb_mem *mem);
bool __swiotlb_magazine_refill(struct swiotlb_mem *mem,
			       struct swiotlb_magazine *mag, unsigned int class);
void swiotlb_magazine_return(struct swiotlb_mem *mem,
			     struct swiotlb_magazine *mag, unsigned int class,
			     u32 cell);
void swiotlb_magazine_overflow(struct swiotlb_mem *mem,
			       struct swiotlb_magazine *mag,
			       unsigned int class, u32 cell);
void swiotlb_trim_arm(struct swiotlb_mem *mem, struct swiotlb_magazine *mag);

/**
 * swiotlb_magazine_refill() - get buffers from the depot, if there are any
 * @mem:	Allocator.
 * @mag:	A magazine that is empty.
 * @class:	Its class.
 *
 * Context: Any, takes the depot's lock if nobody else has it.
 * Return: %true if there was one.
 */
static inline bool swiotlb_magazine_refill(struct swiotlb_mem *mem,
					   struct swiotlb_magazine *mag,
					   unsigned int class)
{
	return READ_ONCE(mem->cache->depot[class].count) &&
	       __swiotlb_magazine_refill(mem, mag, class);
}

/* All buffers. */
static inline void swiotlb_magazines_drain(struct swiotlb_mem *mem)
{
	swiotlb_magazines_drain_pool(mem, NULL);
}

#endif /* _KERNEL_DMA_SWIOTLB_MAGAZINE_H */
