/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Software IO TLB: words, contracts and structures of the engine.
 */
#ifndef _KERNEL_DMA_SWIOTLB_INTERNAL_H
#define _KERNEL_DMA_SWIOTLB_INTERNAL_H

#include "deps.h"

/**
 * DOC: Glossary
 *
 * slot
 *	%IO_TLB_SIZE (2 KiB) bytes, the unit of space. Public names that come from
 *	the time before say slab.
 * area
 *	A run of slots of one pool behind one lock, on cache lines of its own.
 * pool
 *	One physically contiguous range, cut into areas.
 * mem
 *	An allocator: the pools of one kind (default or restricted), and what
 *	feeds them.
 * mapping
 *	One bounce buffer in use: its slots, its original address, its size and
 *	its padding.
 * magazine
 *	A small per-CPU stack of free buffers of one size class.
 * depot
 *	Where magazines of all CPUs leave what they have too much of.
 * loan
 *	Cells that a busy magazine has beyond its share.
 * transient pool
 *	A pool made for one mapping, in a context that cannot sleep, when all
 *	else is full.
 */

/**
 * DOC: Layers
 *
 * From the ground up; a file calls only files above it in this list::
 *
 *	slots.c		bitmaps of one area: find, claim, release
 *	area.c		lock, slots and occupancy of one area
 *	pool.c		areas and mapping records of one range
 *	pages.c		memory of pools made at run time	(SWIOTLB_DYNAMIC)
 *	index.c		physical address to pool		(SWIOTLB_DYNAMIC)
 *	watermark.c	when to ask for another pool		(SWIOTLB_DYNAMIC)
 *	magazine.c	per-CPU caches and the depot
 *	mem.c		the order of search, why a map failed
 *	transient.c	pools for one mapping			(SWIOTLB_DYNAMIC)
 *	shrink.c	the worker that gives pools back	(SWIOTLB_DYNAMIC)
 *	grow.c		the worker that adds pools		(SWIOTLB_DYNAMIC)
 *	bounce.c	the copy
 *	stats.c		debugfs
 *	param.c		swiotlb=
 *	boot.c		set-up and tear-down of the default mem
 *	restricted.c	device-tree pools			(DMA_RESTRICTED_POOL)
 *	../swiotlb.c	what the DMA API calls, the tracepoint
 *
 * watermark.c asks for growth by queueing mem->grow_work, whose function is in
 * grow.c; that starts mem->tick_work, whose function is in shrink.c. record.h,
 * magazine.h and mem.h hold what is short and on the way of every mapping.
 *
 * One call goes up: with track_hiwater, swiotlb_account() below, which mem.h and
 * transient.c use, calls __swiotlb_account() in stats.c. That only counts.
 */

/**
 * DOC: Lock order
 *
 * 1. mem->pools_lock: which pools there are, and their states. A mutex, not held while
 *    memory of a pool is allocated and decrypted, or encrypted and freed: that may
 *    take seconds. The shrinker only tries it.
 * 2. cache->resize_lock: shares of magazines and limits of depots. A mutex.
 * 3. mem->transient_lock: the table of transient pools, and the range of addresses
 *    of all pools but the boot pool. Interrupts off.
 * 4. depot->lock: the buffers in one depot. Interrupts off.
 * 5. area->lock: bitmaps, hints and occupancy of one area. Interrupts off.
 *
 * Area locks nest in that of a depot, but not in each other. Nothing sleeps or
 * allocates under 3 to 5. A magazine has no lock. mem->pools is read under RCU,
 * mem->index by whoever has a mapping in the pool that it leads to. When a pool may
 * be taken out of both is said in "Giving back", in shrink.c.
 */

/**
 * DOC: Barriers
 *
 * A pool must be found by the CPU that unmaps or syncs an address, however that
 * CPU learned the address. C publishes the pool, A maps from it and hands the
 * address to B through data of its driver::
 *
 *	C (grow worker)           A (map)                B (unmap, sync)
 *	-----------------------   --------------------   ---------------------
 *	index[pool] = pool        p = pools (RCU)        addr = driver data
 *	range of mem->pub includes pool
 *	smp_mb()            [1]   driver data = f(p)     smp_rmb()         [2]
 *	pools += pool (RCU)                              range, index[addr]
 *
 * A's store depends on the pointer that it read from the list. [1] pairs with
 * [2] in swiotlb_find_pool(): B cannot see the address and miss the index. [1]
 * is a full barrier since the order must hold through A (cumulativity).
 *
 * What A writes about the mapping itself must not come after the address either:
 * B would find nothing there, and never free it::
 *
 *	A (map)                          B (unmap, sync)
 *	------------------------------   -----------------------------------
 *	head bit, record, content        addr = driver data
 *	smp_wmb()                  [4]   head[f(addr)], record[f(addr)]
 *	driver data = addr
 *
 * [4] pairs with the address dependency in swiotlb_pool_lookup(). If the buffer
 * came from a magazine, the head bit was set by another CPU, before [5], and A has
 * seen that by [6]: for that one store [4] has to hold through A, too. It does
 * where stores become visible to all CPUs at once, and on powerpc, whose smp_wmb()
 * is cumulative.
 *
 * A free buffer goes from CPU to CPU through a cell of a magazine, which B fills
 * and A empties::
 *
 *	B (unmap)                          A (map)
 *	--------------------------------   -------------------------------
 *	cmpxchg(record, FREE)              try_cmpxchg_acquire(cell)  [6]
 *	copy from the buffer               record, copy to the buffer
 *	try_cmpxchg_release(cell)   [5]
 *
 * [5] pairs with [6]: A's writes cannot overtake B's reads. On the way through
 * the depot, its lock does the same.
 *
 * [7] publishes magazines that are complete, [8] in swiotlb_mem_magazines() is its
 * partner: mem->cache is read after it. No barrier is needed for what is the most
 * cells that a magazine ever had: it is in the same word as their present number.
 *
 * Whoever drains looks into depots, then into cells, then into depots again, without
 * their locks where they look empty. A buffer that moves is not missed: it fills its
 * cell before the depot counts less, [11] and [13], or is counted in the depot before
 * its cell is empty, by the exchange that empties it and [12].
 *
 * [9] and [10] publish the index and a pool in it to __swiotlb_find_pool(), which
 * follows pointers and numbers; they are for those who ask for an address that was
 * never bounced. For all others [1] and [2] do.
 *
 * For a transient pool C and A are the same CPU, [3] in swiotlb_index_add_transient()
 * stands for [1], and the driver's own store for the list.
 */

#define SWIOTLB_NO_SLOT		UINT_MAX
/* Returned, instead of a slot, by a search that was cut short. */
#define SWIOTLB_BUSY		(UINT_MAX - 1)
#define SWIOTLB_NO_BOUNDARY	(ULONG_MAX >> IO_TLB_SHIFT)
/* Hints are kept for blocks of 1, 2, 4 and 8 slots (16 KiB). */
#define SWIOTLB_MAX_HINT_ORDER	3
/* The largest mapping, and so the smallest area that can serve all of them. */
#define SWIOTLB_MAX_SLOTS	IO_TLB_SEGSIZE
/* Numbers of pools of an allocator; transient pools have none. */
#define SWIOTLB_MAX_POOLS	1024
/* Buckets for transient pools, as a power of two. */
#define SWIOTLB_TRANSIENT_BITS	6
/* Nothing smaller is worth to be booted with, or to grow by. */
#define SWIOTLB_MIN_POOL_SLOTS	(SZ_1M >> IO_TLB_SHIFT)

/* ------------------------------------------------------------- slots.c --- */

/**
 * struct swiotlb_slots - which slots of an area are in use
 * @used:	One bit a slot: in use. Protected by the area's lock.
 * @head:	One bit a slot: first of a mapping. Written under the area's lock,
 *		read without it.
 * @nslots:	Number of slots, constant.
 * @nused:	Number of bits set in @used. Written under the area's lock, read
 *		without it as an estimate.
 * @longest:	No free run is longer than this. Written under the area's lock, read
 *		without it as an estimate.
 * @hint:	For each order o, no free aligned block of 2^o slots begins below
 *		@hint[o]. Protected by the area's lock.
 * @next:	Where the last large run ended. Protected by the area's lock.
 */
struct swiotlb_slots {
	unsigned long *used;
	unsigned long *head;
	unsigned int nslots;
	unsigned int nused;
	unsigned int longest;
	unsigned int hint[SWIOTLB_MAX_HINT_ORDER + 1];
	unsigned int next;
};

/**
 * struct swiotlb_fit - what a run of slots must satisfy
 * @nslots:	Length of the run, not 0.
 * @align_mask:	2^n - 1. For the index i of the first slot, (@align_off + i) &
 *		@align_mask is 0.
 * @align_off:	See @align_mask.
 * @wish_mask:	2^n - 1, not less than @align_mask: the same with more bits, if
 *		such a run is free.
 * @boundary_mask: 2^n - 1, or %SWIOTLB_NO_BOUNDARY. (@boundary_off + i) with its
 *		bits above @boundary_mask is the same for all slots of the run.
 * @boundary_off: See @boundary_mask.
 * @max_words:	Give up after a look at so many words, 0 for never. Not for what hints
 *		are exact for, nor across boundaries.
 *
 * All but the last in slots, relative to the first slot of the area.
 */
struct swiotlb_fit {
	unsigned int nslots;
	unsigned int align_mask;
	unsigned int align_off;
	unsigned int wish_mask;
	unsigned long boundary_mask;
	unsigned long boundary_off;
	unsigned int max_words;
};

/**
 * swiotlb_slots_may_fit() - is it worth to look for a run?
 * @slots:	Slots of one area.
 * @nslots:	Length of the run.
 *
 * Context: Any.
 * Return: %false if there is none; an estimate unless the area's lock is held.
 */
static inline bool swiotlb_slots_may_fit(const struct swiotlb_slots *slots,
					 unsigned int nslots)
{
	return nslots <= slots->nslots - READ_ONCE(slots->nused) &&
	       nslots <= READ_ONCE(slots->longest);
}

void swiotlb_slots_init(struct swiotlb_slots *slots, unsigned long *used,
			unsigned long *head, unsigned int nslots);
unsigned int swiotlb_slots_find(struct swiotlb_slots *slots,
				const struct swiotlb_fit *fit);
void swiotlb_slots_claim(struct swiotlb_slots *slots, unsigned int index,
			 unsigned int nslots);
bool swiotlb_slots_release(struct swiotlb_slots *slots, unsigned int index,
			   unsigned int nslots);
unsigned int swiotlb_slots_head(const struct swiotlb_slots *slots,
				unsigned int index);
void swiotlb_slots_disable(struct swiotlb_slots *slots);

/* -------------------------------------------------------------- area.c --- */

/**
 * struct io_tlb_area - a run of slots behind one lock
 * @lock:	See "Lock order".
 * @slots:	What it protects.
 *
 * Two areas in one cache line would make their CPUs share it at every map.
 */
struct io_tlb_area {
	/* protects @slots */
	spinlock_t lock;
	struct swiotlb_slots slots;
} ____cacheline_aligned_in_smp;

/**
 * enum swiotlb_wait - what to do when an area is busy
 * @SWIOTLB_TRY:	Leave it, another area may be free. The same after a short search.
 * @SWIOTLB_SPIN:	Wait for its lock, and search all of it.
 */
enum swiotlb_wait {
	SWIOTLB_TRY,
	SWIOTLB_SPIN,
};

/**
 * swiotlb_area_may_fit() - is an area worth locking?
 * @area:	The area.
 * @nslots:	Length of the run that is looked for.
 *
 * Context: Any.
 * Return: %false if it has too few free slots, or none in a row; an estimate.
 */
static inline bool swiotlb_area_may_fit(const struct io_tlb_area *area,
					unsigned int nslots)
{
	return swiotlb_slots_may_fit(&area->slots, nslots);
}

size_t swiotlb_area_bytes(unsigned int nslots);
void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots);
unsigned int swiotlb_area_alloc(struct io_tlb_area *area,
				const struct swiotlb_fit *fit,
				enum swiotlb_wait wait);
void swiotlb_area_free(struct io_tlb_area *area, unsigned int index,
		       unsigned int nslots, atomic_t *cell, int value);

/**
 * swiotlb_area_used() - number of slots in use in an area
 * @area:	An area.
 *
 * Context: Any.
 * Return: An estimate unless the area stands still.
 */
static inline unsigned int swiotlb_area_used(const struct io_tlb_area *area)
{
	return READ_ONCE(area->slots.nused);
}

/**
 * swiotlb_area_is_empty() - is no slot in use?
 * @area:	The area.
 *
 * Context: Any, takes the area's lock.
 * Return: %true if there is none; then all that was done before the last one was given
 * back has been done for the caller, too.
 */
static inline bool swiotlb_area_is_empty(struct io_tlb_area *area)
{
	unsigned long flags;
	bool empty;

	spin_lock_irqsave(&area->lock, flags);
	empty = !swiotlb_area_used(area);
	spin_unlock_irqrestore(&area->lock, flags);
	return empty;
}

/* -------------------------------------------------------------- pool.c --- */

/**
 * struct io_tlb_pool - a physically contiguous range of slots
 * @start:	Physical address of the first byte.
 * @end:	Physical address behind the last byte.
 * @vaddr:	Where the CPU sees @start.
 * @records:	What the slots are used for, one word a slot; see record.h.
 * @areas:	The areas, each @area_stride bytes.
 * @area_stride: Bytes from one area to the next, their bitmaps included.
 * @area_shift:	Binary logarithm of the slots in each area but the last.
 * @nareas:	Number of areas.
 * @nslots:	Number of slots, in all areas.
 * @id:		Number of the pool in its allocator, 0 for the boot pool.
 * @late_alloc:	The memory came from the page allocator.
 * @mem:	Allocator, of a pool made at run time.
 * @state:	&enum swiotlb_pool_state.
 * @by_reach:	There may be other pools: not for a device that cannot reach all
 *		of this one.
 * @cc_shared:	The memory was decrypted when the pool was made.
 * @source:	&enum swiotlb_source of the memory.
 * @asked_limit: Highest physical address of a device that asked for it, U64_MAX
 *		for any.
 * @stuck:	When the pool was last closed, it did not become empty.
 * @since:	When it was closed, became idle, or was opened again, in jiffies.
 * @node:	Member of mem->pools or mem->idle.
 * @hash:	Member of mem->transients.
 * @free_work:	Frees a transient pool from process context, after readers of
 *		the table have gone.
 *
 * Constant once the pool is published, but for what pools made at run time have.
 */
struct io_tlb_pool {
	phys_addr_t start;
	phys_addr_t end;
	void *vaddr;
	atomic64_t *records;
	void *areas;
	unsigned int area_stride;
	unsigned int area_shift;
	unsigned int nareas;
	unsigned int nslots;
	u16 id;
	bool late_alloc;
#ifdef CONFIG_SWIOTLB_DYNAMIC
	u8 state;
	bool by_reach;
	bool cc_shared;
	u8 source;
	struct swiotlb_mem *mem;
	u64 asked_limit;
	bool stuck;
	unsigned long since;
	struct list_head node;
	struct hlist_node hash;
	struct rcu_work free_work;
#endif
};

/**
 * enum swiotlb_pool_state - what a pool is there for
 * @SWIOTLB_POOL_OPEN:	Anything may be mapped.
 * @SWIOTLB_POOL_CLOSED: Nothing is mapped any more but what lies in magazines.
 * @SWIOTLB_POOL_IDLE:	Empty, and known to nobody but its allocator.
 * @SWIOTLB_POOL_TRANSIENT: Made for one mapping.
 *
 * Changed under mem->pools_lock, read without it.
 */
enum swiotlb_pool_state {
	SWIOTLB_POOL_OPEN,
	SWIOTLB_POOL_CLOSED,
	SWIOTLB_POOL_IDLE,
	SWIOTLB_POOL_TRANSIENT,
};

/**
 * struct swiotlb_request - what a caller wants to have mapped
 * @orig_addr:	Physical address of the original buffer, or
 *		%SWIOTLB_NO_ORIG_ADDR when there is none.
 * @bytes:	Size of the buffer.
 * @offset:	Bytes from the start of the first slot that holds data to the data.
 * @pad_slots:	Slots in front of that one, for the alignment of the allocation.
 * @nslots:	Length of the run: padding, @offset, the buffer, and the
 *		rounding of the end.
 * @align_mask:	2^n - 1, in slots: these bits of the number of the run's first
 *		slot, as the device counts, ...
 * @align:	... are these.
 * @boundary_mask: Segment boundary in slots, 2^n - 1 or %SWIOTLB_NO_BOUNDARY.
 */
struct swiotlb_request {
	phys_addr_t orig_addr;
	size_t bytes;
	unsigned int offset;
	unsigned int pad_slots;
	unsigned int nslots;
	unsigned int align_mask;
	unsigned int align;
	unsigned long boundary_mask;
};

/**
 * swiotlb_request_possible() - can a request ever be served?
 * @req:	What to map.
 *
 * The lowest position inside a segment that has the alignment is the one that
 * has no higher bits set; if the run crosses the boundary there, it does so
 * everywhere.
 *
 * Return: %false if no pool, however large and empty, has room for it.
 */
static inline bool swiotlb_request_possible(const struct swiotlb_request *req)
{
	unsigned long lowest = req->align & req->boundary_mask;

	return req->nslots <= SWIOTLB_MAX_SLOTS &&
	       req->nslots - 1 <= req->boundary_mask - lowest;
}

/**
 * swiotlb_request_fits() - can a run serve a request?
 * @req:	What to map, in as many slots as the run has.
 * @dma_slot:	Where the device sees the first slot, in slots.
 *
 * Return: %true if alignment and boundary are right.
 */
static inline bool swiotlb_request_fits(const struct swiotlb_request *req,
					unsigned long dma_slot)
{
	unsigned long pos = dma_slot & req->boundary_mask;

	return !((dma_slot - req->align) & req->align_mask) &&
	       req->nslots - 1 <= req->boundary_mask - pos;
}

/* The mapping is an allocation: it has no original, nothing is ever copied. */
#define SWIOTLB_NO_ORIG_ADDR	((phys_addr_t)-1)

/**
 * struct swiotlb_mapping - a mapping record, unpacked
 * @orig_addr:	As in &struct swiotlb_request.
 * @bytes:	As in &struct swiotlb_request.
 * @head:	Index in the pool of the first slot, padding included.
 * @nslots:	As in &struct swiotlb_request.
 * @pad_slots:	As in &struct swiotlb_request.
 * @word:	First word of the packed record, to notice that it changed.
 */
struct swiotlb_mapping {
	phys_addr_t orig_addr;
	size_t bytes;
	unsigned int head;
	unsigned int nslots;
	unsigned int pad_slots;
	u64 word;
};

static inline struct io_tlb_area *
swiotlb_pool_area(const struct io_tlb_pool *pool, unsigned int area_index)
{
	return pool->areas + (size_t)area_index * pool->area_stride;
}

/**
 * swiotlb_pool_tight() - are more than three quarters of an area in use?
 * @pool:	A pool.
 * @area_index:	The area, less than @pool->nareas.
 *
 * Context: Any.
 * Return: An estimate.
 */
static inline bool swiotlb_pool_tight(const struct io_tlb_pool *pool,
				      unsigned int area_index)
{
	const struct io_tlb_area *area = swiotlb_pool_area(pool, area_index);

	return swiotlb_area_used(area) > area->slots.nslots / 4 * 3;
}

unsigned int swiotlb_limit_nareas(unsigned int nareas, unsigned long nslots);
size_t swiotlb_pool_meta_bytes(unsigned long nslots, unsigned int nareas);
void swiotlb_pool_init(struct io_tlb_pool *pool, void *meta, phys_addr_t start,
		       void *vaddr, unsigned long nslots, unsigned int nareas);
int swiotlb_decrypt(void *vaddr, size_t bytes);
int swiotlb_encrypt(void *vaddr, size_t bytes);
void swiotlb_pool_disable(struct io_tlb_pool *pool);
unsigned long swiotlb_pool_used(const struct io_tlb_pool *pool);
phys_addr_t swiotlb_pool_map(struct io_tlb_pool *pool, unsigned int area_index,
			     const struct swiotlb_request *req,
			     dma_addr_t dma_start, enum swiotlb_wait wait);
bool swiotlb_pool_lookup_inside(const struct io_tlb_pool *pool,
				unsigned int index, struct swiotlb_mapping *map);
void swiotlb_pool_release(struct io_tlb_pool *pool, unsigned int index,
			  unsigned int nslots, atomic_t *cell, int value);

/* Returned by swiotlb_pool_map() instead of an address. */
#define SWIOTLB_MAP_FULL	((phys_addr_t)-1)
#define SWIOTLB_MAP_BUSY	((phys_addr_t)-2)

static inline bool swiotlb_map_failed(phys_addr_t tlb_addr)
{
	return tlb_addr >= SWIOTLB_MAP_BUSY;
}

static inline phys_addr_t swiotlb_slot_addr(const struct io_tlb_pool *pool,
					    unsigned int index)
{
	return pool->start + ((phys_addr_t)index << IO_TLB_SHIFT);
}

/* For who reads it: the bytes of some pools, and of all, exceed 32 bits. */
static inline unsigned long swiotlb_kib(unsigned long nslots)
{
	return nslots << (IO_TLB_SHIFT - 10);
}

static inline unsigned int swiotlb_nslots(u64 bytes)
{
	return DIV_ROUND_UP_ULL(bytes, IO_TLB_SIZE);
}

/* --------------------------------------------------------------- mem.c --- */

/**
 * enum swiotlb_event - what is counted of an allocator
 * @SWIOTLB_GROWN:	Pools that were added.
 * @SWIOTLB_GROW_FAILED: Times that there was no memory for one.
 * @SWIOTLB_CLOSED:	Pools that were closed, ...
 * @SWIOTLB_REOPENED:	... opened again, ...
 * @SWIOTLB_FREED:	... and given back.
 * @SWIOTLB_TRANSIENT:	Mappings in a pool of their own.
 * @SWIOTLB_TOO_LARGE:	Requests that no pool can serve: for their size, ...
 * @SWIOTLB_MISALIGNED:	... or for their alignment and boundary.
 * @SWIOTLB_FULL:	Maps that failed: with fewer slots free than they need, ...
 * @SWIOTLB_FRAGMENTED:	... or with enough, apart.
 * @SWIOTLB_AT_LIMIT:	Of these, with as many pools as there may be, ...
 * @SWIOTLB_NO_MEMORY:	... or without memory for more, in this context.
 * @SWIOTLB_LEAKED:	Bytes that could not be encrypted again, and are lost.
 * @SWIOTLB_SET_MEMORY:	Changes of encryption, of a pool each.
 * @SWIOTLB_NR_EVENTS:	Number of all these.
 */
enum swiotlb_event {
	SWIOTLB_GROWN,
	SWIOTLB_GROW_FAILED,
	SWIOTLB_CLOSED,
	SWIOTLB_REOPENED,
	SWIOTLB_FREED,
	SWIOTLB_TRANSIENT,
	SWIOTLB_TOO_LARGE,
	SWIOTLB_MISALIGNED,
	SWIOTLB_FULL,
	SWIOTLB_FRAGMENTED,
	SWIOTLB_AT_LIMIT,
	SWIOTLB_NO_MEMORY,
	SWIOTLB_LEAKED,
	SWIOTLB_SET_MEMORY,
	SWIOTLB_NR_EVENTS,
};

/**
 * struct swiotlb_mem - an allocator
 * @pub:	What the inline functions of <linux/swiotlb.h> and the rest of the
 *		kernel know of it.
 * @magazines:	Buffers for each CPU, %NULL without; see magazine.h.
 * @boot_pool:	The pool made at boot, or the range of a restricted pool.
 * @cache:	What magazines have in common, %NULL without.
 * @debugfs:	Its directory.
 * @total_used:	Slots in use in all pools, kept only with track_hiwater.
 * @used_hiwater: Highest value of @total_used.
 * @events:	Counters, &enum swiotlb_event.
 * @can_grow:	More pools may be added.
 * @phys_limit:	Highest address that they may have.
 * @want_nareas: Areas that a new pool should have.
 * @max_nslots:	The most slots in all pools; 0 for a share of memory.
 * @max_nareas:	Highest number of areas of any pool.
 * @pools_lock:	Protects @pools, @idle, states, @index, @table and all counts.
 * @pools:	Pools that are open or closed; see "Lock order".
 * @idle:	Pools that are empty, and wait to be opened again or freed.
 * @index:	Numbers of pools in @pools but @boot_pool, by address; see index.c.
 * @nindex:	Elements of @index.
 * @table:	Those pools by their number.
 * @npools:	Number of pools in @pools.
 * @held_nslots: Slots of all pools, those that are closed or idle too.
 * @spare_end_pfn: First page above the lowest of those, 0 for none.
 * @gone_nslots: Slots of pools that are no more, but whose memory has not come back:
 *		not yet, or never, as it could not be encrypted again.
 * @transient_lock: Protects @transients, @pub.first_pfn and @pub.end_pfn.
 * @transients:	Transient pools by address, read under RCU.
 * @transient_nslots: Their slots.
 * @grow_work:	Adds a pool.
 * @want_end_pfn: It must lie below this page, %ULONG_MAX if nobody asked for that.
 * @want_nid:	Node that is preferred for it.
 * @last_check:	When the occupancy was looked at, in jiffies.
 * @last_want:	When somebody asked for a pool who may get one, in jiffies.
 * @next_try:	When to try again after memory was short, in jiffies, ...
 * @short_end_pfn: ... below this page, or a lower one; 0 once there was some.
 * @room_end_pfn: At the limit, room is made for a pool below this page, ...
 * @room_since:	... as was asked for then, in jiffies.
 * @vain_end_pfn: Room does not help who asks for pools below this page, ...
 * @vain_since:	... as was seen then, in jiffies.
 * @lean_until:	Until when nothing is added or kept for speed alone, in jiffies.
 * @crypt_failed: Memory could not be decrypted for the last pool that was to be added.
 * @slow_end:	When to migrate pages again after that took long, in jiffies, ...
 * @slow_pause:	... which is so long after it; both are the worker's own.
 * @tick_work:	Looks for what can be given back.
 * @hurry:	Give back at once what is not in use.
 * @pressed:	Reclaim asks for that.
 * @last_hurry:	When it was done, in jiffies.
 * @last_used:	Slots in use at the last tick.
 * @peak:	The most that maps have seen since then.
 * @demand:	The most in this period, ...
 * @demand_before: ... and in the one before.
 * @period:	When this one began, in jiffies.
 * @shrinker:	Through which memory management asks for pools, %NULL before the
 *		first one was added.
 * @shrink_wq:	Where @tick_work is queued, %NULL before that.
 */
struct swiotlb_mem {
	struct io_tlb_mem pub;
	void __percpu *magazines;
	struct io_tlb_pool boot_pool ____cacheline_aligned_in_smp;
	struct swiotlb_cache *cache;
	struct dentry *debugfs;
#ifdef CONFIG_DEBUG_FS
	atomic_long_t total_used;
	atomic_long_t used_hiwater;
	atomic_long_t events[SWIOTLB_NR_EVENTS];
#endif
#ifdef CONFIG_SWIOTLB_DYNAMIC
	bool can_grow;
	u64 phys_limit;
	unsigned int want_nareas;
	unsigned long max_nslots;
	unsigned int max_nareas;
	/* protects changes to all that follows, up to @spare_end_pfn */
	struct mutex pools_lock;
	struct list_head pools;
	struct list_head idle;
	u16 *index;
	unsigned long nindex;
	struct io_tlb_pool **table;
	unsigned int npools;
	unsigned long held_nslots;
	unsigned long spare_end_pfn;
	atomic_long_t gone_nslots;
	/* protects changes to @transients and to the range in @pub */
	spinlock_t transient_lock;
	DECLARE_HASHTABLE(transients, SWIOTLB_TRANSIENT_BITS);
	atomic_long_t transient_nslots;
	struct work_struct grow_work;
	unsigned long want_end_pfn;
	int want_nid;
	unsigned long last_check;
	unsigned long last_want;
	unsigned long next_try;
	unsigned long short_end_pfn;
	unsigned long room_end_pfn;
	unsigned long room_since;
	unsigned long vain_end_pfn;
	unsigned long vain_since;
	unsigned long lean_until;
	bool crypt_failed;
	unsigned long slow_end;
	unsigned long slow_pause;
	struct delayed_work tick_work;
	bool hurry;
	bool pressed;
	unsigned long last_hurry;
	unsigned long last_used;
	unsigned long peak;
	unsigned long demand;
	unsigned long demand_before;
	unsigned long period;
	struct shrinker *shrinker;
	struct workqueue_struct *shrink_wq;
#endif
};

extern struct swiotlb_mem swiotlb_default_mem;

static inline struct swiotlb_mem *to_swiotlb_mem(struct io_tlb_mem *pub)
{
	return container_of(pub, struct swiotlb_mem, pub);
}

/* Where @dev sees the start of @pool. */
static inline dma_addr_t swiotlb_dma_start(const struct swiotlb_mem *mem,
					   struct device *dev,
					   const struct io_tlb_pool *pool)
{
	if (mem->pub.cc_shared)
		return phys_to_dma_unencrypted(dev, pool->start);
	return phys_to_dma_encrypted(dev, pool->start);
}

void swiotlb_mem_set_boot_pool(struct swiotlb_mem *mem);
unsigned long swiotlb_mem_used(struct swiotlb_mem *mem);
phys_addr_t swiotlb_mem_map_slow(struct swiotlb_mem *mem, struct device *dev,
				 const struct swiotlb_request *req,
				 struct io_tlb_pool **pool);

#ifdef CONFIG_DEBUG_FS
DECLARE_STATIC_KEY_FALSE(swiotlb_track_hiwater);

void __swiotlb_account(struct swiotlb_mem *mem, long nslots);

/* Count something that is rare; read in debugfs only. */
static inline void swiotlb_count(struct swiotlb_mem *mem,
				 enum swiotlb_event event, long n)
{
	atomic_long_add(n, &mem->events[event]);
}

/**
 * swiotlb_account() - keep the exact number of slots in use
 * @mem:	Allocator.
 * @nslots:	Slots that were allocated, negative for freed.
 *
 * Only with swiotlb=track_hiwater: the sum is one cache line that all CPUs
 * write. Otherwise swiotlb_mem_used() adds up the areas when somebody reads.
 */
static inline void swiotlb_account(struct swiotlb_mem *mem, long nslots)
{
	if (static_branch_unlikely(&swiotlb_track_hiwater))
		__swiotlb_account(mem, nslots);
}
#else
static inline void swiotlb_account(struct swiotlb_mem *mem, long nslots)
{
}

static inline void swiotlb_count(struct swiotlb_mem *mem,
				 enum swiotlb_event event, long n)
{
}
#endif

#ifdef CONFIG_SWIOTLB_DYNAMIC

#define swiotlb_for_each_pool(pool, mem) \
	list_for_each_entry_rcu(pool, &(mem)->pools, node)
#define swiotlb_for_each_pool_locked(pool, mem) \
	list_for_each_entry(pool, &(mem)->pools, node)
#define swiotlb_for_each_idle_pool(pool, mem) \
	list_for_each_entry(pool, &(mem)->idle, node)

static inline void swiotlb_pools_lock(struct swiotlb_mem *mem)
{
	mutex_lock(&mem->pools_lock);
}

static inline void swiotlb_pools_unlock(struct swiotlb_mem *mem)
{
	mutex_unlock(&mem->pools_lock);
}

static inline unsigned int swiotlb_mem_max_nareas(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->max_nareas);
}

static inline bool swiotlb_mem_can_grow(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->can_grow);
}

static inline u64 swiotlb_mem_phys_limit(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->phys_limit);
}

static inline unsigned long swiotlb_mem_transient_nslots(struct swiotlb_mem *mem)
{
	return atomic_long_read(&mem->transient_nslots);
}

static inline bool swiotlb_pool_is_transient(const struct io_tlb_pool *pool)
{
	return READ_ONCE(pool->state) == SWIOTLB_POOL_TRANSIENT;
}

static inline bool swiotlb_pool_is_open(const struct io_tlb_pool *pool)
{
	return READ_ONCE(pool->state) == SWIOTLB_POOL_OPEN;
}

/* The highest address that a device can use, as the device counts. */
static inline u64 swiotlb_dev_limit(struct device *dev)
{
	return min_not_zero(*dev->dma_mask, dev->bus_dma_limit);
}

u64 swiotlb_dev_phys_limit(struct device *dev);

/* Where its memory should be: near the device, or near the CPU, which copies. */
static inline int swiotlb_dev_node(struct device *dev)
{
	int nid = dev_to_node(dev);

	return nid == NUMA_NO_NODE ? numa_mem_id() : nid;
}

/*
 * Where there is one pool only, dma_capable() is who complains. An address that the
 * device's bus does not have is DMA_MAPPING_ERROR, and so the sum below @dma_start.
 */
static inline bool swiotlb_pool_reached(const struct io_tlb_pool *pool,
					struct device *dev, dma_addr_t dma_start)
{
	u64 last = (u64)dma_start + (pool->end - pool->start) - 1;

	if (!READ_ONCE(pool->by_reach))
		return true;
	return last >= dma_start && last <= swiotlb_dev_limit(dev) &&
	       (likely(!dev->dma_range_map) ||
		phys_to_dma_unencrypted(dev, pool->end - 1) ==
		phys_to_dma_unencrypted(dev, pool->start) + (last - dma_start));
}

static inline struct io_tlb_pool *swiotlb_mem_pool(const struct swiotlb_mem *mem,
						   unsigned int id)
{
	return id ? READ_ONCE(mem->table)[id] : mem->pub.pool;
}

/* ------------------------------------------------------------- pages.c --- */

/**
 * enum swiotlb_source - where the memory of a pool came from
 * @SWIOTLB_FROM_CMA:	The default contiguous memory area.
 * @SWIOTLB_FROM_BUDDY:	The page allocator.
 * @SWIOTLB_FROM_CONTIG: alloc_contig_pages().
 * @SWIOTLB_FROM_ATOMIC: The atomic coherent pools.
 */
enum swiotlb_source {
	SWIOTLB_FROM_CMA,
	SWIOTLB_FROM_BUDDY,
	SWIOTLB_FROM_CONTIG,
	SWIOTLB_FROM_ATOMIC,
};

#ifdef CONFIG_DMA_CMA
/* What lies above the limit would be moved away for nothing. */
static inline bool swiotlb_cma_in_reach(u64 phys_limit)
{
	struct cma *cma = dev_get_cma_area(NULL);

	return cma && cma_intersects(cma, 0, min_t(u64, phys_limit, ULONG_MAX));
}

static inline struct page *swiotlb_cma_alloc(unsigned long npages,
					     unsigned int order)
{
	return cma_alloc(dev_get_cma_area(NULL), npages, order, true);
}

static inline void swiotlb_cma_free(struct page *page, unsigned long npages)
{
	cma_release(dev_get_cma_area(NULL), page, npages);
}
#else
static inline bool swiotlb_cma_in_reach(u64 phys_limit)
{
	return false;
}

static inline struct page *swiotlb_cma_alloc(unsigned long npages,
					     unsigned int order)
{
	return NULL;
}

static inline void swiotlb_cma_free(struct page *page, unsigned long npages)
{
}
#endif

#ifdef CONFIG_CONTIG_ALLOC
static inline struct page *swiotlb_contig_alloc(unsigned long npages, gfp_t gfp,
						int nid)
{
	return alloc_contig_pages(npages, gfp, nid, NULL);
}

static inline void swiotlb_contig_free(struct page *page, unsigned long npages)
{
	free_contig_range(page_to_pfn(page), npages);
}
#else
static inline struct page *swiotlb_contig_alloc(unsigned long npages, gfp_t gfp,
						int nid)
{
	return NULL;
}

static inline void swiotlb_contig_free(struct page *page, unsigned long npages)
{
}
#endif

bool swiotlb_pages_alloc(struct io_tlb_pool *pool, struct device *dev,
			 size_t bytes, u64 phys_limit, int nid, gfp_t gfp);
bool swiotlb_pages_free(struct io_tlb_pool *pool);
struct io_tlb_pool *swiotlb_pool_create(struct device *dev,
					struct swiotlb_mem *mem,
					unsigned long nslots,
					unsigned int nareas, u64 phys_limit,
					int nid, gfp_t gfp);
bool swiotlb_pool_destroy(struct io_tlb_pool *pool);

/* ------------------------------------------------------------- index.c --- */

int swiotlb_index_prepare(struct swiotlb_mem *mem);
int swiotlb_mem_add_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_mem_close_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
int swiotlb_mem_reopen_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_mem_remove_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_mem_retire_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_mem_count_spare(struct swiotlb_mem *mem);
void swiotlb_index_add_transient(struct swiotlb_mem *mem,
				 struct io_tlb_pool *pool);
void swiotlb_index_del_transient(struct swiotlb_mem *mem,
				 struct io_tlb_pool *pool);

/* --------------------------------------------------------- watermark.c --- */

/* No growth is tried for this long after memory was short, in jiffies, ... */
#define SWIOTLB_GROW_BACKOFF	HZ
/* ... or could not be decrypted: that takes long, and may cost the memory. */
#define SWIOTLB_CRYPT_BACKOFF	(60 * HZ)
/* No room is made for whom that was in vain, for this long, in jiffies. */
#define SWIOTLB_VAIN		(60 * HZ)
/* How long room is kept for whom it was made, in jiffies. */
#define SWIOTLB_KEEP_ROOM	(5 * HZ)

unsigned long swiotlb_end_pfn(u64 limit);
bool swiotlb_is_too_early(const struct swiotlb_mem *mem, unsigned long end_pfn);
bool swiotlb_room_is_kept(const struct swiotlb_mem *mem, u64 limit);
unsigned long swiotlb_room(const struct swiotlb_mem *mem);
bool swiotlb_at_limit(const struct swiotlb_mem *mem);
bool swiotlb_has_unused(struct swiotlb_mem *mem, u64 limit);
bool swiotlb_is_vain(const struct swiotlb_mem *mem, u64 limit);
void swiotlb_want_pool(struct swiotlb_mem *mem, u64 limit, int nid);
void swiotlb_watermark_check(struct swiotlb_mem *mem, struct device *dev,
			     unsigned long used);

/*
 * How long nothing is added or kept for speed alone, in jiffies: after others have asked
 * for memory, and after there was none for a pool, or not in one piece. The latter is
 * dear to find out.
 */
#define SWIOTLB_LEAN		(30 * HZ)
#define SWIOTLB_LEAN_FAILED	(600 * HZ)

/*
 * What could not be decrypted is lost: nothing more of that unless there is need. When
 * jiffies wrap, times that are long over look as if they were not, once.
 */
static inline bool swiotlb_is_lean(const struct swiotlb_mem *mem)
{
	unsigned long until = READ_ONCE(mem->lean_until);

	return time_in_range(jiffies, until - SWIOTLB_LEAN_FAILED, until) ||
	       READ_ONCE(mem->crypt_failed);
}

/* The shorter time may win a race: then it is found out once more. */
static inline void swiotlb_be_lean(struct swiotlb_mem *mem, unsigned long span)
{
	unsigned long until = jiffies + span;

	if (!swiotlb_is_lean(mem) || time_after(until, READ_ONCE(mem->lean_until)))
		WRITE_ONCE(mem->lean_until, until);
}

#define SWIOTLB_DEFAULT_SLOTS	(IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT)

/**
 * swiotlb_wants_quarter() - should no more than a quarter be in use?
 * @mem:	Allocator.
 * @nslots:	Slots that it has, or might have.
 * @most:	Up to how many slots that is wanted.
 *
 * Magazines and depots may hold a quarter of all slots. While no more than that is in
 * use, whatever is unmapped at once can stay there. That is worth as much memory as
 * swiotlb has by default, but not that of an allocator that has not begun to grow:
 * idle devices keep buffers mapped, too.
 *
 * Context: Any.
 * Return: %false if three quarters may be.
 */
static inline bool swiotlb_wants_quarter(const struct swiotlb_mem *mem,
					 unsigned long nslots, unsigned long most)
{
	return nslots > mem->boot_pool.nslots && nslots <= most &&
	       !swiotlb_is_lean(mem);
}

/* How often it is looked for a quarter alone, in jiffies. */
#define SWIOTLB_QUARTER_SPAN	(HZ / 16 ?: 1)

/**
 * swiotlb_watermark_due() - is it time to look at how much is in use?
 * @mem:	Allocator.
 * @tight:	Where something was found just now, there is not much left.
 *
 * That takes a look at every area and magazine: by one CPU, once in a jiffy. It may be a
 * quarter of all that is in use when no area is tight: for that, it is more rarely.
 *
 * Context: Any.
 * Return: %true if the caller is to do it.
 */
static inline bool swiotlb_watermark_due(struct swiotlb_mem *mem, bool tight)
{
	unsigned long now = jiffies, last = READ_ONCE(mem->last_check);

	if (last == now || !swiotlb_mem_can_grow(mem))
		return false;
	if (!tight &&
	    (time_in_range_open(now, last, last + SWIOTLB_QUARTER_SPAN) ||
	     !swiotlb_wants_quarter(mem, READ_ONCE(mem->pub.nslabs),
				    SWIOTLB_DEFAULT_SLOTS)))
		return false;
	return try_cmpxchg(&mem->last_check, &last, now);
}

/* --------------------------------------------------------- transient.c --- */

phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req,
				  struct io_tlb_pool **pool);
void swiotlb_transient_free(struct swiotlb_mem *mem, struct io_tlb_pool *pool);

/* -------------------------------------------------------------- grow.c --- */

void swiotlb_grow_init(struct swiotlb_mem *mem);
void swiotlb_grow_enable(struct swiotlb_mem *mem, u64 phys_limit,
			 unsigned int nareas, unsigned long max_nslots);
void swiotlb_grow_disable(struct swiotlb_mem *mem);

/* ------------------------------------------------------------ shrink.c --- */

void swiotlb_shrink_init(struct swiotlb_mem *mem);
void swiotlb_shrink_start(struct swiotlb_mem *mem);
void swiotlb_shrink_later(struct swiotlb_mem *mem);
void swiotlb_shrink_idle(struct swiotlb_mem *mem, unsigned long nslots,
			 struct list_head *gone);
void swiotlb_free_pools(struct swiotlb_mem *mem, struct list_head *gone);
void swiotlb_shrink_hurry(struct swiotlb_mem *mem);

#else /* !CONFIG_SWIOTLB_DYNAMIC */

static inline struct io_tlb_pool *swiotlb_mem_pool(const struct swiotlb_mem *mem,
						   unsigned int id)
{
	return mem->pub.pool;
}

static inline int swiotlb_mem_add_pool(struct swiotlb_mem *mem,
				       struct io_tlb_pool *pool)
{
	mem->pub.nslabs = pool->nslots;
	return 0;
}

static inline bool swiotlb_at_limit(const struct swiotlb_mem *mem)
{
	return true;
}

static inline u64 swiotlb_dev_phys_limit(struct device *dev)
{
	return U64_MAX;
}

static inline int swiotlb_dev_node(struct device *dev)
{
	return NUMA_NO_NODE;
}

static inline void swiotlb_want_pool(struct swiotlb_mem *mem, u64 limit, int nid)
{
}

static inline bool swiotlb_watermark_due(struct swiotlb_mem *mem, bool tight)
{
	return false;
}

static inline void swiotlb_watermark_check(struct swiotlb_mem *mem,
					   struct device *dev,
					   unsigned long used)
{
}

#define swiotlb_for_each_pool(pool, mem) \
	for (pool = (mem)->pub.pool; pool; pool = NULL)
#define swiotlb_for_each_pool_locked swiotlb_for_each_pool
#define swiotlb_for_each_idle_pool(pool, mem) \
	for (pool = NULL; pool; )

static inline void swiotlb_pools_lock(struct swiotlb_mem *mem)
{
}

static inline void swiotlb_pools_unlock(struct swiotlb_mem *mem)
{
}

static inline unsigned int swiotlb_mem_max_nareas(const struct swiotlb_mem *mem)
{
	return mem->boot_pool.nareas;
}

static inline bool swiotlb_mem_can_grow(const struct swiotlb_mem *mem)
{
	return false;
}

static inline u64 swiotlb_mem_phys_limit(const struct swiotlb_mem *mem)
{
	return 0;
}

static inline unsigned long swiotlb_mem_transient_nslots(struct swiotlb_mem *mem)
{
	return 0;
}

static inline bool swiotlb_pool_is_transient(const struct io_tlb_pool *pool)
{
	return false;
}

static inline bool swiotlb_pool_is_open(const struct io_tlb_pool *pool)
{
	return true;
}

static inline bool swiotlb_pool_reached(const struct io_tlb_pool *pool,
					struct device *dev, dma_addr_t dma_start)
{
	return true;
}

static inline void swiotlb_grow_init(struct swiotlb_mem *mem)
{
}

static inline void swiotlb_grow_enable(struct swiotlb_mem *mem, u64 phys_limit,
				       unsigned int nareas,
				       unsigned long max_nslots)
{
}

static inline void swiotlb_grow_disable(struct swiotlb_mem *mem)
{
}

static inline phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem,
						struct device *dev,
						const struct swiotlb_request *req,
						struct io_tlb_pool **pool)
{
	return SWIOTLB_MAP_FULL;
}

static inline void swiotlb_transient_free(struct swiotlb_mem *mem,
					  struct io_tlb_pool *pool)
{
}

#endif /* CONFIG_SWIOTLB_DYNAMIC */

/* ------------------------------------------------------------ bounce.c --- */

void swiotlb_copy(struct device *dev, const struct io_tlb_pool *pool,
		  phys_addr_t tlb_addr, phys_addr_t orig_addr, size_t bytes,
		  enum dma_data_direction dir);
void swiotlb_bounce(struct device *dev, const struct io_tlb_pool *pool,
		    const struct swiotlb_mapping *map, phys_addr_t tlb_addr,
		    size_t bytes, enum dma_data_direction dir);

/* ------------------------------------------------------------- param.c --- */

/**
 * struct swiotlb_param - what swiotlb= asks for
 * @nslots:	Slots of the boot pool, which follow from the rest.
 * @given_nslots: Slots that the command line asks for, 0 for none, ...
 * @arch_nslots: ... and that the architecture asks for.
 * @nareas:	Areas of a pool, a power of two; 0 for one a CPU.
 * @force:	Bounce all DMA.
 * @noforce:	Bounce none.
 * @dynamic:	Boot with a small pool.
 * @max_nslots:	The most slots in all pools; 0 for a share of memory.
 * @track_hiwater: Keep the peak of slots in use.
 *
 * Written at boot, by the parser and by who makes the boot pool.
 */
struct swiotlb_param {
	unsigned long nslots;
	unsigned long given_nslots;
	unsigned long arch_nslots;
	unsigned int nareas;
	unsigned long max_nslots;
	bool force;
	bool noforce;
	bool dynamic;
	bool track_hiwater;
};

extern struct swiotlb_param swiotlb_param;

#if IS_ENABLED(CONFIG_KUNIT)
int swiotlb_setup(char *str);
#endif
unsigned int swiotlb_param_nareas(void);
void swiotlb_param_fixed_size(void);

/* For lines of the log that end in MB: below 1 MiB they would say 0. */
static inline unsigned long swiotlb_log_size(u64 bytes)
{
	return bytes >> (bytes < SZ_1M ? 10 : 20);
}

static inline const char *swiotlb_log_unit(u64 bytes)
{
	return bytes < SZ_1M ? "K" : "M";
}

/* -------------------------------------------------------------- boot.c --- */

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* After swiotlb_grow_disable(), which lets nobody queue the first any more. */
static inline void swiotlb_cancel_workers(struct swiotlb_mem *mem)
{
	cancel_work_sync(&mem->grow_work);
	cancel_delayed_work_sync(&mem->tick_work);
}
#else
static inline void swiotlb_cancel_workers(struct swiotlb_mem *mem)
{
}
#endif

/* ------------------------------------------------------------- stats.c --- */

#ifdef CONFIG_DEBUG_FS
void swiotlb_debugfs_add(struct swiotlb_mem *mem, const char *name);
#else
static inline void swiotlb_debugfs_add(struct swiotlb_mem *mem,
				       const char *name)
{
}
#endif

/* ---------------------------------------------------------- swiotlb.c --- */

/*
 * A driver has unmapped, synced or freed an address that is not its own. Nothing is
 * harmed: a machine with panic_on_warn must not die of it, unless it is there to find
 * such drivers.
 */
#define swiotlb_driver_error(dev, fmt, ...)				\
do {									\
	struct device *__dev = (dev);					\
									\
	if (IS_ENABLED(CONFIG_DMA_API_DEBUG))				\
		dev_WARN_ONCE(__dev, 1, fmt, ##__VA_ARGS__);		\
	else								\
		dev_err_ratelimited(__dev, fmt, ##__VA_ARGS__);		\
} while (0)

/* Bytes from the start of an allocation to a buffer that came from @addr. */
static inline unsigned int swiotlb_align_offset(struct device *dev,
						unsigned int alloc_align_mask,
						u64 addr)
{
	return addr & dma_get_min_align_mask(dev) &
	       (alloc_align_mask | (IO_TLB_SIZE - 1));
}

#endif /* _KERNEL_DMA_SWIOTLB_INTERNAL_H */
