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

static unsigned int swiotlb_depot_cells(unsigned int class)
{
	return SWIOTLB_DEPOT_SLOTS >> class;
}

static void swiotlb_cell_release(struct swiotlb_mem *mem, unsigned long cell,
				 unsigned int class)
{
	swiotlb_pool_release(swiotlb_cell_pool(mem, cell),
			     swiotlb_cell_index(cell), 1U << class);
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
 * magazines does not miss it. The depot's lock is held all that time.
 *
 * Context: Any, takes the depot's lock.
 * Return: A buffer that is in neither, or 0 if the depot is empty.
 */
unsigned long swiotlb_magazine_refill(struct swiotlb_mem *mem,
				      struct swiotlb_magazine *mag,
				      unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int i, n = swiotlb_magazine_half(mag);
	unsigned long flags, cell = 0;

	if (!READ_ONCE(depot->count))
		return 0;

	spin_lock_irqsave(&depot->lock, flags);
	for (i = 0; i < n && depot->count > 1; i++) {
		if (!swiotlb_magazine_push(mag, depot->cells[depot->count - 1]))
			break;
		WRITE_ONCE(depot->count, depot->count - 1);
	}
	if (depot->count) {
		WRITE_ONCE(depot->count, depot->count - 1);
		cell = depot->cells[depot->count];
	}
	WRITE_ONCE(depot->moves, depot->moves + 1);
	spin_unlock_irqrestore(&depot->lock, flags);
	return cell;
}

/* Of the upper half, as much as the depot takes. */
static void swiotlb_magazine_unload(struct swiotlb_magazine *mag,
				    struct swiotlb_depot *depot)
{
	unsigned int i, half = swiotlb_magazine_half(mag);
	unsigned long flags;
	long cell;

	if (!READ_ONCE(mag->limit) ||
	    READ_ONCE(depot->count) >= READ_ONCE(depot->limit))
		return;

	spin_lock_irqsave(&depot->lock, flags);
	for (i = READ_ONCE(mag->limit); i-- > half; ) {
		if (depot->count >= depot->limit)
			break;
		cell = atomic_long_read(&mag->cell[i]);
		if (!cell)
			continue;
		/* First in the depot, then out of the cell, as above. */
		depot->cells[depot->count] = cell;
		if (atomic_long_try_cmpxchg(&mag->cell[i], &cell, 0))
			WRITE_ONCE(depot->count, depot->count + 1);
	}
	WRITE_ONCE(depot->moves, depot->moves + 1);
	spin_unlock_irqrestore(&depot->lock, flags);
	WRITE_ONCE(mag->top, i + 1);
}

/**
 * swiotlb_magazine_overflow() - put a buffer into a full magazine
 * @mem:	Allocator.
 * @mag:	The magazine.
 * @class:	Its class.
 * @cell:	The buffer.
 *
 * Half of the magazine goes to the depot. If that is full, the buffer goes back
 * to its area.
 *
 * Context: Any, takes the depot's lock or the area's.
 */
void swiotlb_magazine_overflow(struct swiotlb_mem *mem,
			       struct swiotlb_magazine *mag,
			       unsigned int class, unsigned long cell)
{
	swiotlb_magazine_unload(mag, &mem->cache->depot[class]);
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_cell_release(mem, cell, class);
}

static unsigned int swiotlb_magazine_empty(struct swiotlb_mem *mem,
					   struct swiotlb_magazine *mag,
					   unsigned int class)
{
	unsigned int i, n = 0;
	unsigned long cell;

	for (i = 0; i < swiotlb_magazine_cells(class); i++) {
		if (!atomic_long_read(&mag->cell[i]))
			continue;
		cell = atomic_long_xchg(&mag->cell[i], 0);
		if (cell) {
			swiotlb_cell_release(mem, cell, class);
			n++;
		}
	}
	return n << class;
}

/* A few at a time: no lock of an area nests in that of a depot. */
static unsigned int swiotlb_depot_empty(struct swiotlb_mem *mem,
					unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int i, n, total = 0;
	unsigned long cells[16];
	unsigned long flags;

	while (READ_ONCE(depot->count)) {
		spin_lock_irqsave(&depot->lock, flags);
		n = min_t(unsigned int, depot->count, ARRAY_SIZE(cells));
		WRITE_ONCE(depot->count, depot->count - n);
		for (i = 0; i < n; i++)
			cells[i] = depot->cells[depot->count + i];
		spin_unlock_irqrestore(&depot->lock, flags);

		for (i = 0; i < n; i++)
			swiotlb_cell_release(mem, cells[i], class);
		total += n;
	}
	return total << class;
}

static unsigned int swiotlb_depots_empty(struct swiotlb_mem *mem)
{
	unsigned int class, n = 0;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		n += swiotlb_depot_empty(mem, class);
	return n;
}

/**
 * swiotlb_magazines_drain_cpu() - give the buffers of a CPU back to their areas
 * @mem:	Allocator, with magazines or without.
 * @cpu:	The CPU, which need not be online.
 *
 * Context: Any, takes locks of areas.
 * Return: Number of slots.
 */
unsigned long swiotlb_magazines_drain_cpu(struct swiotlb_mem *mem,
					  unsigned int cpu)
{
	unsigned int class;
	unsigned long n = 0;

	if (!swiotlb_mem_magazines(mem))
		return 0;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		n += swiotlb_magazine_empty(mem,
					    swiotlb_cpu_magazine(mem->magazines, cpu, class),
					    class);
	return n;
}

/**
 * swiotlb_magazines_drain() - give all buffers back to their areas
 * @mem:	Allocator, with magazines or without.
 *
 * The depots are emptied twice: buffers may have gone there from a magazine while
 * the first ones were looked at.
 *
 * Context: Any, takes locks of depots and areas, one after the other.
 * Return: Number of slots.
 */
unsigned long swiotlb_magazines_drain(struct swiotlb_mem *mem)
{
	unsigned long n;
	unsigned int cpu;

	if (!swiotlb_mem_magazines(mem))
		return 0;

	n = swiotlb_depots_empty(mem);
	for_each_possible_cpu(cpu)
		n += swiotlb_magazines_drain_cpu(mem, cpu);
	return n + swiotlb_depots_empty(mem);
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
			for (i = 0; i < swiotlb_magazine_cells(class); i++)
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
 * Whoever puts the first buffer into a magazine arms the trim again. One that
 * does so just now, and still reads true, leaves it to the next one: that much
 * may stay in a magazine of an idle system.
 */
static void swiotlb_trim_work(struct work_struct *work)
{
	struct swiotlb_cache *cache = container_of(to_delayed_work(work),
						   struct swiotlb_cache,
						   trim_work);
	struct swiotlb_mem *mem = cache->mem;
	unsigned int cpu, class;

	for_each_possible_cpu(cpu)
		for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
			swiotlb_trim_magazine(mem,
					      swiotlb_cpu_magazine(mem->magazines, cpu, class),
					      class);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_trim_depot(mem, class);

	WRITE_ONCE(mem->trim_armed, false);
	if (swiotlb_magazines_nslots(mem))
		swiotlb_trim_arm(mem);
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
	unsigned int cpu, class, limit[SWIOTLB_NR_CLASSES];
	unsigned long nslots = READ_ONCE(mem->pub.nslabs);

	if (!swiotlb_mem_magazines(mem))
		return;

	swiotlb_share_out(nslots / SWIOTLB_MAGAZINES_SHARE / num_possible_cpus(),
			  swiotlb_magazine_cells, limit);
	for_each_possible_cpu(cpu)
		for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
			WRITE_ONCE(swiotlb_cpu_magazine(mem->magazines, cpu, class)->limit,
				   limit[class]);

	swiotlb_share_out(nslots / SWIOTLB_DEPOTS_SHARE, swiotlb_depot_cells,
			  limit);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		WRITE_ONCE(mem->cache->depot[class].limit, limit[class]);
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

