// SPDX-License-Identifier: GPL-2.0-only
/* Magazines and depots: refill, overflow, size and drain. See "Magazines" in magazine.h. */

#include "magazine.h"

/* Maximum number of slots in a depot. */
#define SWIOTLB_DEPOT_SLOTS	4096U
/* How long an allocator is crowded after no area had room, in jiffies */
#define SWIOTLB_CROWDED		1

/*
 * Magazines take one to sixteen cache lines. Buffers of 4 KiB (class 1) are mapped most: their
 * magazine has the most cells, and shares its first line with the counters.
 */
const u16 swiotlb_magazine_offset[SWIOTLB_NR_CLASSES] = {
	1024, sizeof(struct swiotlb_cpu_cache), 1536, 1792, 1920, 1984, 2048, 2112,
};

static const u8 swiotlb_magazine_ncells[SWIOTLB_NR_CLASSES] = {
	124, 248, 60, 28, 12, 12, 12, 12,
};

static_assert(offsetof(struct swiotlb_magazine, cell) <= 4 * sizeof(atomic_t));
/* The magazine of class 1 must end before that of class 0 begins. */
static_assert(sizeof(struct swiotlb_cpu_cache) + (4 + 248) * sizeof(atomic_t) <= 1024);

static struct swiotlb_magazine *swiotlb_cpu_magazine(struct swiotlb_cpu_cache __percpu *cache,
						     unsigned int cpu, unsigned int class)
{
	return (void *)per_cpu_ptr(cache, cpu) + swiotlb_magazine_offset[class];
}

/* @from is the cell that holds the buffer; %NULL if the caller owns the buffer. */
static void swiotlb_cell_release(u32 cell, unsigned int class, atomic_t *from)
{
	swiotlb_pool_release(swiotlb_cell_pool(cell), swiotlb_cell_index(cell),
			     1U << class, from, cell);
}

/**
 * swiotlb_cache_crowd() - mark an allocator as crowded: no area has room
 * @cache:	The magazines of an allocator.
 *
 * Context: Any.
 * Return: %true if the allocator was not crowded before: the caller should drain the magazines.
 */
bool swiotlb_cache_crowd(struct swiotlb_cache *cache)
{
	if (!swiotlb_cache_cpu(cache) || swiotlb_cache_is_crowded(cache))
		return false;
	/* Do not overwrite %SWIOTLB_CROWDED_WAITED if a caller has just begun to wait. */
	return !cmpxchg(&cache->crowded, 0, (jiffies + SWIOTLB_CROWDED) | 1);
}

/**
 * __swiotlb_cache_is_crowded() - slow path of swiotlb_cache_is_crowded()
 * @cache:	The magazines of an allocator that was crowded.
 *
 * Context: Any.
 * Return: %false if the deadline has passed.
 */
bool __swiotlb_cache_is_crowded(struct swiotlb_cache *cache)
{
	unsigned long until = READ_ONCE(cache->crowded);

	/* Compare with a range: jiffies may have wrapped since @until. */
	if (until == SWIOTLB_CROWDED_WAITED ||
	    time_in_range(jiffies, until - SWIOTLB_CROWDED - 1, until))
		return true;
	cmpxchg(&cache->crowded, until, 0);
	return false;
}

/* An eighth of a magazine stays, so that the next map or unmap does not move buffers back. */
static unsigned int swiotlb_magazine_rest(unsigned int limit)
{
	return DIV_ROUND_UP(limit, 8);
}

/**
 * swiotlb_magazine_refill() - get buffers from the depot, if there are any
 * @cache:	The magazines of the allocator.
 * @mag:	An empty magazine of the allocator.
 *
 * Context: Any, takes the depot's lock if it is free.
 * Return: %true if @mag got a buffer.
 */
bool swiotlb_magazine_refill(struct swiotlb_cache *cache, struct swiotlb_magazine *mag)
{
	struct swiotlb_depot *depot = &cache->depot[mag->class];
	unsigned int limit = READ_ONCE(mag->limit);
	unsigned int n = limit - swiotlb_magazine_rest(limit);
	unsigned long flags;
	bool found = false;

	if (!READ_ONCE(depot->count) || !spin_trylock_irqsave(&depot->lock, flags))
		return false;

	for (; n && depot->count; n--) {
		if (!swiotlb_magazine_push(mag, depot->cells[depot->count - 1]))
			break;
		WRITE_ONCE(depot->count, depot->count - 1);
		found = true;
	}
	spin_unlock_irqrestore(&depot->lock, flags);
	if (found)
		swiotlb_magazine_list(cache, mag);
	return found;
}

/**
 * swiotlb_magazine_overflow() - put a buffer into a magazine that is full
 * @cache:	The magazines of the allocator.
 * @mag:	A magazine of the allocator. Buffers from its top move to the depot, as long as
 *		the depot has room.
 * @cell:	The buffer, which is freed to its area if the depot is full or locked.
 *
 * Context: Any, takes the lock of the area, and that of the depot if it is free.
 */
void swiotlb_magazine_overflow(struct swiotlb_cache *cache, struct swiotlb_magazine *mag, u32 cell)
{
	struct swiotlb_depot *depot = &cache->depot[mag->class];
	unsigned int i = READ_ONCE(mag->limit), rest = swiotlb_magazine_rest(i);
	unsigned int room = READ_ONCE(depot->limit);
	unsigned long flags;
	int moved;

	if (i > rest && READ_ONCE(depot->count) < room &&
	    spin_trylock_irqsave(&depot->lock, flags)) {
		for (; i > rest && depot->count < room; i--) {
			moved = atomic_read(&mag->cell[i - 1]);
			if (!moved || !atomic_try_cmpxchg(&mag->cell[i - 1], &moved, 0))
				continue;
			depot->cells[depot->count] = moved;
			WRITE_ONCE(depot->count, depot->count + 1);
		}
		WRITE_ONCE(mag->top, i);
		spin_unlock_irqrestore(&depot->lock, flags);
	}
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_cell_release(cell, mag->class, NULL);
}

static void swiotlb_magazine_empty(struct swiotlb_magazine *mag)
{
	unsigned int i;
	u32 cell;

	for (i = 0; i < swiotlb_magazine_ncells[mag->class]; i++) {
		/* If another CPU empties the cell, RCU keeps the pool from being freed. */
		guard(rcu)();
		cell = atomic_read(&mag->cell[i]);
		if (cell)
			swiotlb_cell_release(cell, mag->class, &mag->cell[i]);
	}
}

/* Free at most 16 buffers at a time, to limit how long interrupts are off. */
static void swiotlb_depot_empty(struct swiotlb_depot *depot, unsigned int class)
{
	unsigned int i, left = UINT_MAX;

	/* A buffer that is added meanwhile lies above @left: it moves down, and stays. */
	while (left) {
		guard(spinlock_irqsave)(&depot->lock);
		left = min(left, depot->count);
		for (i = 0; i < 16 && left; i++, left--) {
			WRITE_ONCE(depot->count, depot->count - 1);
			swiotlb_cell_release(depot->cells[left - 1], class, NULL);
			depot->cells[left - 1] = depot->cells[depot->count];
		}
	}
}

/**
 * swiotlb_magazines_drain() - free the buffers in all magazines and depots
 * @cache:	The magazines of an allocator, started or not.
 *
 * Context: Any, takes locks of depots, and of areas within them.
 */
void swiotlb_magazines_drain(struct swiotlb_cache *cache)
{
	struct swiotlb_magazine *mag, *next;
	unsigned int class;

	if (!swiotlb_cache_cpu(cache))
		return;

	llist_for_each_entry_safe(mag, next, llist_del_all(&cache->filled), filled) {
		/* [10] Pairs with swiotlb_magazine_push(). */
		xchg(&mag->listed, 0);
		swiotlb_magazine_empty(mag);
	}
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_depot_empty(&cache->depot[class], class);
}

/**
 * swiotlb_magazines_resize() - set the limits of magazines and depots
 * @cache:	The magazines of an allocator, started or not.
 * @nslots:	Slots of the allocator. All magazines together may hold an eighth of them, all
 *		depots another eighth. With many CPUs, magazines of large classes may hold none.
 *
 * Context: Process context.
 */
void swiotlb_magazines_resize(struct swiotlb_cache *cache, unsigned long nslots)
{
	unsigned int cpu, class, limit;
	unsigned long share;

	if (!swiotlb_cache_cpu(cache))
		return;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		/* Half of the share is for buffers of up to 4 KiB, which are mapped most. */
		share = nslots / 8 / (class < 2 ? 4 : 12) >> class;
		limit = min(share / num_possible_cpus(), swiotlb_magazine_ncells[class]);
		for_each_possible_cpu(cpu)
			WRITE_ONCE(swiotlb_cpu_magazine(cache->cpu, cpu, class)->limit, limit);
		WRITE_ONCE(cache->depot[class].limit, min(share, SWIOTLB_DEPOT_SLOTS >> class));
	}
}

/**
 * swiotlb_magazines_start() - give an allocator magazines
 * @cache:	Magazines to start. Does nothing if they are started already.
 * @nslots:	Slots of the allocator.
 *
 * Context: Process context, swiotlb_pools_lock is held.
 * Return: 0, or -ENOMEM. The allocator also works without magazines.
 */
int swiotlb_magazines_start(struct swiotlb_cache *cache, unsigned long nslots)
{
	struct swiotlb_cpu_cache __percpu *cpu_cache;
	struct swiotlb_depot *depot;
	unsigned int cpu, class;
	u32 *cells;

	if (cache->cpu)
		return 0;

	depot = kzalloc_objs(*depot, SWIOTLB_NR_CLASSES);
	/* One allocation for all depots: kmalloc() does not have to round up this size. */
	cells = kvzalloc_objs(*cells, 2 * SWIOTLB_DEPOT_SLOTS);
	cpu_cache = (void __percpu *)__alloc_percpu(SWIOTLB_CPU_CACHE_BYTES, SMP_CACHE_BYTES);
	if (!depot || !cells || !cpu_cache) {
		free_percpu(cpu_cache);
		kvfree(cells);
		kfree(depot);
		return -ENOMEM;
	}

	cache->depot = depot;
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++, depot++) {
		spin_lock_init(&depot->lock);
		depot->cells = cells;
		cells += SWIOTLB_DEPOT_SLOTS >> class;
	}
	for_each_possible_cpu(cpu)
		for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
			swiotlb_cpu_magazine(cpu_cache, cpu, class)->class = class;
	/* [7] Pairs with swiotlb_cache_cpu(). */
	smp_store_release(&cache->cpu, cpu_cache);
	swiotlb_magazines_resize(cache, nslots);
	return 0;
}

/**
 * swiotlb_magazines_stop() - free the magazines of an allocator
 * @cache:	The magazines of the allocator, started or not.
 *
 * Context: Process context. No buffer is mapped or unmapped any more.
 */
void swiotlb_magazines_stop(struct swiotlb_cache *cache)
{
	if (!cache->cpu)
		return;

	swiotlb_magazines_drain(cache);
	free_percpu(cache->cpu);
	kvfree(cache->depot->cells);
	kfree(cache->depot);
	cache->cpu = NULL;
	cache->depot = NULL;
}
