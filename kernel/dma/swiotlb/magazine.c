// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines and depots: what happens when one is full or empty, how large they
 * may be, and how they are emptied. "Magazines" in magazine.h is the overview.
 */

#include "internal.h"
#include "magazine.h"

/* What has not moved for this long is given back to the areas, in jiffies. */
#define SWIOTLB_TRIM_DELAY	HZ

/* Of all slots, the share (one in ...) in cells of CPUs, and in depots. */
#define SWIOTLB_MAGAZINES_SHARE	6
#define SWIOTLB_DEPOTS_SHARE	12

/* No depot holds more than this many slots. */
#define SWIOTLB_DEPOT_SLOTS	1024

/*
 * A magazine that holds less has no depot: with so many CPUs, or so few slots, its
 * lock would be taken for each second buffer.
 */
#define SWIOTLB_DEPOT_MIN_LIMIT	4

/*
 * One to eight cache lines each, most for a page and less, which is what drivers
 * map most.
 */
const u16 swiotlb_magazine_offset[SWIOTLB_NR_CLASSES + 1] = {
	0, 512, 1024, 1280, 1408, 1472, 1536, 1600, 1664,
};

#define SWIOTLB_MAGAZINES_BYTES	1664

/* As for cells of 8 bytes: where they have 4, half of the room stays empty. */
static unsigned int swiotlb_magazine_cells(unsigned int class)
{
	unsigned int bytes = swiotlb_magazine_offset[class + 1] -
			     swiotlb_magazine_offset[class];

	return (bytes - sizeof(struct swiotlb_magazine)) / sizeof(u64);
}

static unsigned int swiotlb_depot_cells(unsigned int class)
{
	return SWIOTLB_DEPOT_SLOTS >> class;
}

/* @from: the cell that it is in, %NULL if it is the caller's or in a depot. */
static bool swiotlb_cell_release(struct swiotlb_mem *mem, unsigned long cell,
				 unsigned int class, atomic_long_t *from)
{
	return swiotlb_pool_release(swiotlb_cell_pool(mem, cell),
				    swiotlb_cell_index(cell), 1U << class,
				    from, cell);
}

/* The lower half stays: what is unmapped next goes on top of it. */
static unsigned int swiotlb_magazine_half(const struct swiotlb_magazine *mag)
{
	return READ_ONCE(mag->limit) / 2;
}

/**
 * swiotlb_magazine_refill() - get buffers from the depot
 * @mem:	Allocator.
 * @mag:	A magazine that is empty.
 * @class:	Its class.
 *
 * A buffer is in its new cell before it is out of the depot: who drains the
 * magazines does not miss it.
 *
 * Context: Any, takes the depot's lock if nobody else has it.
 * Return: %true if there was one.
 */
bool swiotlb_magazine_refill(struct swiotlb_mem *mem,
			     struct swiotlb_magazine *mag, unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int n = swiotlb_magazine_half(mag);
	unsigned long flags;
	bool found;

	if (!READ_ONCE(depot->count) ||
	    !spin_trylock_irqsave(&depot->lock, flags))
		return false;

	found = depot->count;
	while (n-- && depot->count &&
	       swiotlb_magazine_push(mag, depot->cells[depot->count - 1]))
		WRITE_ONCE(depot->count, depot->count - 1);
	WRITE_ONCE(depot->moves, depot->moves + 1);
	spin_unlock_irqrestore(&depot->lock, flags);
	return found;
}

/* Of the upper half, as much as the depot takes. */
static void swiotlb_magazine_unload(struct swiotlb_magazine *mag,
				    struct swiotlb_depot *depot)
{
	unsigned int i, limit = READ_ONCE(depot->limit);
	unsigned int half = swiotlb_magazine_half(mag);
	unsigned long flags;
	long cell;

	if (READ_ONCE(depot->count) >= limit ||
	    !spin_trylock_irqsave(&depot->lock, flags))
		return;

	for (i = READ_ONCE(mag->limit); i > half && depot->count < limit; i--) {
		cell = atomic_long_read(&mag->cell[i - 1]);
		if (!cell)
			continue;
		/* First in the depot, then out of the cell, as above. */
		depot->cells[depot->count] = cell;
		if (atomic_long_try_cmpxchg(&mag->cell[i - 1], &cell, 0))
			WRITE_ONCE(depot->count, depot->count + 1);
	}
	WRITE_ONCE(depot->moves, depot->moves + 1);
	WRITE_ONCE(mag->top, i);
	spin_unlock_irqrestore(&depot->lock, flags);
}

/**
 * swiotlb_magazine_overflow() - put a buffer into a full magazine
 * @mem:	Allocator.
 * @mag:	The magazine.
 * @class:	Its class.
 * @cell:	The buffer.
 *
 * Half of the magazine goes to the depot. If that is full, or busy, the buffer
 * goes back to its area.
 *
 * Context: Any, takes the depot's lock if nobody else has it, or the area's.
 */
void swiotlb_magazine_overflow(struct swiotlb_mem *mem,
			       struct swiotlb_magazine *mag,
			       unsigned int class, unsigned long cell)
{
	swiotlb_magazine_unload(mag, &mem->cache->depot[class]);
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_cell_release(mem, cell, class, NULL);
}

static void swiotlb_magazine_empty(struct swiotlb_mem *mem,
				   struct swiotlb_magazine *mag,
				   unsigned int class)
{
	unsigned int i, most = READ_ONCE(mem->cache->most[class]);
	unsigned long cell;

	for (i = 0; i < most; i++) {
		cell = atomic_long_read(&mag->cell[i]);
		if (cell)
			swiotlb_cell_release(mem, cell, class, &mag->cell[i]);
	}
}

/* What it holds now: others may go on to fill it. A few at a time. */
static void swiotlb_depot_empty(struct swiotlb_mem *mem, unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int i, left = READ_ONCE(depot->count);
	unsigned long flags;

	while (left) {
		spin_lock_irqsave(&depot->lock, flags);
		for (i = 0; i < 16 && left && depot->count; i++, left--) {
			swiotlb_cell_release(mem, depot->cells[depot->count - 1],
					     class, NULL);
			WRITE_ONCE(depot->count, depot->count - 1);
		}
		if (!depot->count)
			left = 0;
		spin_unlock_irqrestore(&depot->lock, flags);
	}
}

static void swiotlb_depots_empty(struct swiotlb_mem *mem)
{
	unsigned int class;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_depot_empty(mem, class);
}

/**
 * swiotlb_magazines_drain_cpu() - give the buffers of a CPU back to their areas
 * @mem:	Allocator, with magazines or without.
 * @cpu:	The CPU, which need not be online.
 *
 * Context: Any, takes locks of areas.
 */
void swiotlb_magazines_drain_cpu(struct swiotlb_mem *mem, unsigned int cpu)
{
	unsigned int class;

	if (!swiotlb_mem_magazines(mem))
		return;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_magazine_empty(mem,
				       swiotlb_cpu_magazine(mem->magazines, cpu, class),
				       class);
}

/**
 * swiotlb_magazines_drain() - give all buffers back to their areas
 * @mem:	Allocator, with magazines or without.
 *
 * The depots are emptied twice: buffers may have gone there from a magazine while
 * the first ones were looked at.
 *
 * Context: Any, takes locks of depots, and of areas within them.
 */
void swiotlb_magazines_drain(struct swiotlb_mem *mem)
{
	unsigned int cpu;

	if (!swiotlb_mem_magazines(mem))
		return;

	swiotlb_depots_empty(mem);
	for_each_possible_cpu(cpu)
		swiotlb_magazines_drain_cpu(mem, cpu);
	swiotlb_depots_empty(mem);
}

/**
 * swiotlb_magazines_set_crowded() - a map has failed, keep nothing for a while
 * @mem:	Allocator with magazines.
 *
 * Context: Any.
 */
void swiotlb_magazines_set_crowded(struct swiotlb_mem *mem)
{
	WRITE_ONCE(mem->cache->crowded_until, jiffies + 1);
	WRITE_ONCE(mem->crowded, true);
}

/**
 * swiotlb_magazines_crowded() - has a map failed a moment ago?
 * @mem:	Allocator with magazines, whose @mem->crowded is set.
 *
 * Context: Any.
 * Return: %true if nothing must be put into magazines.
 */
bool swiotlb_magazines_crowded(struct swiotlb_mem *mem)
{
	unsigned long until = READ_ONCE(mem->cache->crowded_until);

	/* A range: @until may lie so far back that jiffies have wrapped. */
	if (time_in_range(jiffies, until - 1, until))
		return true;
	WRITE_ONCE(mem->crowded, false);
	return false;
}

/**
 * swiotlb_magazines_nslots() - number of free slots outside of areas
 * @mem:	Allocator, with magazines or without.
 *
 * Context: Any.
 * Return: An estimate unless nothing is mapped or unmapped meanwhile.
 */
unsigned long swiotlb_magazines_nslots(struct swiotlb_mem *mem)
{
	unsigned int cpu, class, i;
	struct swiotlb_magazine *mag;
	unsigned long nslots = 0;

	if (!swiotlb_mem_magazines(mem))
		return 0;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		nslots += READ_ONCE(mem->cache->depot[class].count) << class;
		for_each_possible_cpu(cpu) {
			mag = swiotlb_cpu_magazine(mem->magazines, cpu, class);
			for (i = 0; i < READ_ONCE(mem->cache->most[class]); i++)
				if (atomic_long_read(&mag->cell[i]))
					nslots += 1U << class;
		}
	}
	return nslots;
}

/**
 * swiotlb_trim_arm() - let idle buffers be given back in a while
 * @mem:	Allocator with magazines.
 *
 * Context: Any.
 */
void swiotlb_trim_arm(struct swiotlb_mem *mem)
{
	WRITE_ONCE(mem->trim_armed, true);
	schedule_delayed_work(&mem->cache->trim_work, SWIOTLB_TRIM_DELAY);
}

static void swiotlb_trim_magazine(struct swiotlb_mem *mem,
				  struct swiotlb_magazine *mag,
				  unsigned int class)
{
	u16 moves = READ_ONCE(mag->moves);

	if (moves == mag->seen)
		swiotlb_magazine_empty(mem, mag, class);
	mag->seen = moves;
}

static void swiotlb_trim_depot(struct swiotlb_mem *mem, unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int moves = READ_ONCE(depot->moves);

	if (moves == depot->seen)
		swiotlb_depot_empty(mem, class);
	depot->seen = moves;
}

/*
 * Whoever puts a buffer into a magazine arms the trim. One that does so just now
 * may still have read that it is armed: so it rests after two rounds only in which
 * nothing was found.
 */
static void swiotlb_trim_work(struct work_struct *work)
{
	struct swiotlb_cache *cache = container_of(to_delayed_work(work),
						   struct swiotlb_cache,
						   trim_work);
	struct swiotlb_mem *mem = cache->mem;
	unsigned int cpu, class;
	bool rested;

	for_each_possible_cpu(cpu)
		for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
			swiotlb_trim_magazine(mem,
					      swiotlb_cpu_magazine(mem->magazines, cpu, class),
					      class);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_trim_depot(mem, class);

	rested = cache->rested;
	cache->rested = !swiotlb_magazines_nslots(mem);
	if (rested && cache->rested)
		WRITE_ONCE(mem->trim_armed, false);
	else
		schedule_delayed_work(&cache->trim_work, SWIOTLB_TRIM_DELAY);
}

/*
 * Share out @nslots slots: the same to each class, then what that leaves over, a
 * cell to each class in turn.
 */
static void swiotlb_share_out(unsigned long nslots,
			      unsigned int (*max_cells)(unsigned int class),
			      unsigned int limit[SWIOTLB_NR_CLASSES])
{
	unsigned long each = nslots / SWIOTLB_NR_CLASSES;
	unsigned int class;
	bool more;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		limit[class] = min(each >> class, max_cells(class));
		nslots -= (unsigned long)limit[class] << class;
	}
	do {
		more = false;
		for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
			if (nslots < 1UL << class ||
			    limit[class] == max_cells(class))
				continue;
			nslots -= 1UL << class;
			limit[class]++;
			more = true;
		}
	} while (more);
}

/* Who drains must know of a cell before it is filled. */
static void swiotlb_resize_class(struct swiotlb_mem *mem, unsigned int class,
				 unsigned int limit, unsigned int depot_limit)
{
	struct swiotlb_cache *cache = mem->cache;
	unsigned int cpu;

	lockdep_assert_held(&cache->resize_lock);
	if (limit > cache->most[class]) {
		WRITE_ONCE(cache->most[class], limit);
		/* [9] Pairs with the cmpxchg in swiotlb_magazine_push(). */
		smp_wmb();
	}
	if (limit < SWIOTLB_DEPOT_MIN_LIMIT)
		depot_limit = 0;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(swiotlb_cpu_magazine(mem->magazines, cpu, class)->limit,
			   limit);
	WRITE_ONCE(cache->depot[class].limit, depot_limit);
}

/**
 * swiotlb_magazines_resize() - set how much magazines and depots may hold
 * @mem:	Allocator, with magazines or without.
 *
 * All CPUs together hold a quarter of the slots at most, see
 * %SWIOTLB_MAGAZINES_SHARE. With many CPUs and a small pool that may be a few
 * buffers each, and none of the large classes.
 *
 * Context: Process context, when the number of slots has changed.
 */
void swiotlb_magazines_resize(struct swiotlb_mem *mem)
{
	unsigned int class, limit[SWIOTLB_NR_CLASSES];
	unsigned int depot_limit[SWIOTLB_NR_CLASSES];
	struct swiotlb_cache *cache = mem->cache;
	unsigned long nslots;

	if (!swiotlb_mem_magazines(mem))
		return;

	mutex_lock(&cache->resize_lock);
	nslots = READ_ONCE(mem->pub.nslabs);
	swiotlb_share_out(nslots / SWIOTLB_MAGAZINES_SHARE / num_possible_cpus(),
			  swiotlb_magazine_cells, limit);
	swiotlb_share_out(nslots / SWIOTLB_DEPOTS_SHARE, swiotlb_depot_cells,
			  depot_limit);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_resize_class(mem, class, limit[class],
				     depot_limit[class]);
	mutex_unlock(&cache->resize_lock);
}

static void swiotlb_cache_free(struct swiotlb_cache *cache)
{
	unsigned int class;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		kvfree(cache->depot[class].cells);
	kfree(cache);
}

static struct swiotlb_cache *swiotlb_cache_alloc(struct swiotlb_mem *mem)
{
	struct swiotlb_cache *cache = kzalloc_obj(*cache);
	struct swiotlb_depot *depot;
	unsigned int class;

	if (!cache)
		return NULL;

	cache->mem = mem;
	mutex_init(&cache->resize_lock);
	INIT_DELAYED_WORK(&cache->trim_work, swiotlb_trim_work);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		depot = &cache->depot[class];
		spin_lock_init(&depot->lock);
		depot->cells = kvcalloc(swiotlb_depot_cells(class),
					sizeof(*depot->cells), GFP_KERNEL);
		if (!depot->cells) {
			swiotlb_cache_free(cache);
			return NULL;
		}
	}
	return cache;
}

/**
 * swiotlb_magazines_start() - give an allocator magazines
 * @mem:	Allocator with a boot pool, and magazines or none.
 *
 * Context: Process context.
 * Return: 0, or -ENOMEM: it works without, too.
 */
int swiotlb_magazines_start(struct swiotlb_mem *mem)
{
	void __percpu *magazines;

	if (mem->magazines || !mem->pub.nslabs)
		return 0;

	mem->cache = swiotlb_cache_alloc(mem);
	if (!mem->cache)
		return -ENOMEM;

	magazines = __alloc_percpu(SWIOTLB_MAGAZINES_BYTES, SMP_CACHE_BYTES);
	if (!magazines) {
		swiotlb_cache_free(mem->cache);
		mem->cache = NULL;
		return -ENOMEM;
	}

	/* [7] Pairs with swiotlb_mem_magazines(). */
	smp_store_release(&mem->magazines, magazines);
	swiotlb_magazines_resize(mem);
	return 0;
}

/**
 * swiotlb_magazines_stop() - take the magazines from an allocator
 * @mem:	Allocator, with magazines or without.
 *
 * Context: Process context, when nothing is mapped or unmapped any more.
 */
void swiotlb_magazines_stop(struct swiotlb_mem *mem)
{
	if (!mem->magazines)
		return;

	cancel_delayed_work_sync(&mem->cache->trim_work);
	swiotlb_magazines_drain(mem);
	free_percpu(mem->magazines);
	mem->magazines = NULL;
	mem->trim_armed = false;
	swiotlb_cache_free(mem->cache);
	mem->cache = NULL;
}

