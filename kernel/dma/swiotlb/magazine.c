// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines and depots: what happens when one is full or empty, how large they
 * may be, and how they are emptied. "Magazines" in magazine.h is the overview.
 */

#include "internal.h"
#include "magazine.h"

/* What has not moved for this long is given back to the areas, in jiffies. */
#define SWIOTLB_TRIM_DELAY	HZ

/*
 * Of all slots, what is for cells of CPUs, for those that they borrow, and for depots,
 * in parts of 48: a quarter in all. A CPU that is idle wastes its share, and whoever
 * maps or unmaps many buffers at once has more use of a depot than of all cells.
 */
#define SWIOTLB_SHARES_PARTS	3
#define SWIOTLB_LOANS_PARTS	4
#define SWIOTLB_DEPOTS_PARTS	5

/* So many slots are borrowed at once, more if a buffer has more. */
#define SWIOTLB_LOAN_SLOTS	16

/* No depot holds more than this many slots. */
#define SWIOTLB_DEPOT_SLOTS	4096

/*
 * A magazine that holds less does not give to its depot, nor get from it: the lock
 * would be taken all the time. Who maps what others unmap has nothing but the depot.
 */
#define SWIOTLB_UNLOAD_MIN_LIMIT	4
#define SWIOTLB_REFILL_MIN_LIMIT	2

/*
 * One to eight cache lines each, most for a page and less, which is what drivers
 * map most.
 */
const u16 swiotlb_magazine_offset[SWIOTLB_NR_CLASSES + 1] = {
	0, 512, 1024, 1280, 1408, 1472, 1536, 1600, 1664,
};

#define SWIOTLB_MAGAZINES_BYTES	1664

static unsigned int swiotlb_magazine_cells(unsigned int class)
{
	unsigned int bytes = swiotlb_magazine_offset[class + 1] -
			     swiotlb_magazine_offset[class];

	return (bytes - sizeof(struct swiotlb_magazine)) / sizeof(atomic_t);
}

static unsigned int swiotlb_depot_cells(unsigned int class)
{
	return SWIOTLB_DEPOT_SLOTS >> class;
}

/* @from: the cell that it is in, %NULL if it is the caller's or in a depot. */
static void swiotlb_cell_release(struct swiotlb_mem *mem, u32 cell,
				 unsigned int class, atomic_t *from)
{
	swiotlb_pool_release(swiotlb_cell_pool(mem, cell),
			     swiotlb_cell_index(cell), 1U << class, from, cell);
}

/*
 * Set how many cells a magazine has: @own of its own, and what it has borrowed, but no
 * more than @lent of that. The rest goes back.
 */
static void swiotlb_magazine_set_room(struct swiotlb_cache *cache,
				      struct swiotlb_magazine *mag,
				      unsigned int class, unsigned int own,
				      unsigned int lent)
{
	union swiotlb_room new, old = swiotlb_magazine_room(mag);

	lent = min(lent, swiotlb_magazine_cells(class) - own);
	do {
		new.word = old.word;
		new.lent = min(lent, old.lent);
		new.limit = own + new.lent;
		new.most = max(new.limit, old.most);
	} while (!atomic_try_cmpxchg(&mag->room, &old.word, new.word));
	if (old.lent > new.lent)
		atomic_long_add((old.lent - new.lent) << class, &cache->spare);
}

/* How many cells may be borrowed now. The last @reserve slots are for others. */
static unsigned int swiotlb_loan_cells(const struct swiotlb_cache *cache,
				       unsigned int class, unsigned int limit,
				       long reserve)
{
	long nslots = min(atomic_long_read(&cache->spare) - reserve,
			  max(SWIOTLB_LOAN_SLOTS, 1L << class));

	if (nslots <= 0)
		return 0;
	return min((unsigned int)nslots >> class,
		   swiotlb_magazine_cells(class) - limit);
}

/* Whoever loses a race for the room may ask again, as one who got nothing. */
static bool swiotlb_magazine_borrow(struct swiotlb_cache *cache,
				    struct swiotlb_magazine *mag,
				    unsigned int class, long reserve)
{
	union swiotlb_room new, old = swiotlb_magazine_room(mag);
	unsigned int cells = swiotlb_loan_cells(cache, class, old.limit, reserve);
	long nslots = (long)cells << class;

	if (!cells)
		return false;
	if (atomic_long_sub_return(nslots, &cache->spare) >= 0) {
		new.word = old.word;
		new.lent += cells;
		new.limit += cells;
		new.most = max(new.limit, old.most);
		if (atomic_try_cmpxchg(&mag->room, &old.word, new.word))
			return true;
	}
	atomic_long_add(nslots, &cache->spare);
	return false;
}

/* For a while after a failed map, nothing is kept. */
static bool swiotlb_cache_is_crowded(const struct swiotlb_cache *cache)
{
	unsigned long until = READ_ONCE(cache->crowded_until);

	/* A range: @until may lie so far back that jiffies have wrapped. */
	return time_in_range(jiffies, until - 1, until);
}

/* %false if there is nothing to be had. Who was closed gets back its own cells first. */
static bool swiotlb_magazine_widen(struct swiotlb_cache *cache,
				   struct swiotlb_magazine *mag,
				   unsigned int class, long reserve)
{
	union swiotlb_room room = swiotlb_magazine_room(mag);
	unsigned int own = READ_ONCE(cache->limit[class]);

	if (room.limit >= own + room.lent)
		return swiotlb_magazine_borrow(cache, mag, class, reserve);
	swiotlb_magazine_set_room(cache, mag, class, own, U8_MAX);
	return true;
}

/*
 * Seven eighths move between a magazine and the depot at once: few enough that the
 * next buffers to come or to go do not move them back, as many as can share the
 * cost of its lock.
 */
static unsigned int swiotlb_magazine_rest(unsigned int limit)
{
	return DIV_ROUND_UP(limit, 8);
}

/**
 * __swiotlb_magazine_refill() - get buffers from the depot
 * @mem:	Allocator.
 * @mag:	A magazine that is empty.
 * @class:	Its class.
 *
 * For swiotlb_magazine_refill() only, which has seen that there are some. The larger
 * the magazine, the rarer the next time: so it borrows cells first, if it can.
 *
 * A buffer is in its new cell before it is out of the depot: who drains the
 * magazines does not miss it.
 *
 * Context: Any, takes the depot's lock if nobody else has it.
 * Return: %true if there was one.
 */
bool __swiotlb_magazine_refill(struct swiotlb_mem *mem,
			       struct swiotlb_magazine *mag, unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int n, limit;
	unsigned long flags;
	bool found;

	if (!swiotlb_cache_is_crowded(mem->cache))
		swiotlb_magazine_widen(mem->cache, mag, class, 0);
	limit = swiotlb_magazine_room(mag).limit;
	if (limit < SWIOTLB_REFILL_MIN_LIMIT ||
	    !spin_trylock_irqsave(&depot->lock, flags))
		return false;

	n = limit - swiotlb_magazine_rest(limit);
	found = depot->count;
	while (n-- && depot->count &&
	       swiotlb_magazine_push(mag, depot->cells[depot->count - 1]))
		/* [11] Pairs with swiotlb_depots_empty(). */
		smp_store_release(&depot->count, depot->count - 1);
	WRITE_ONCE(depot->moves, depot->moves + 1);
	spin_unlock_irqrestore(&depot->lock, flags);
	return found;
}

/* From the top, as much as the depot takes. */
static void swiotlb_magazine_unload(struct swiotlb_magazine *mag,
				    struct swiotlb_depot *depot)
{
	unsigned int limit, i = swiotlb_magazine_room(mag).limit;
	unsigned int rest = swiotlb_magazine_rest(i);
	unsigned long flags;
	int cell;

	if (i < SWIOTLB_UNLOAD_MIN_LIMIT)
		return;
	limit = READ_ONCE(depot->limit);
	if (READ_ONCE(depot->count) >= limit ||
	    !spin_trylock_irqsave(&depot->lock, flags))
		return;

	for (; i > rest && depot->count < limit; i--) {
		cell = atomic_read(&mag->cell[i - 1]);
		if (!cell)
			continue;
		/* First in the depot, then out of the cell, as above. */
		depot->cells[depot->count] = cell;
		WRITE_ONCE(depot->count, depot->count + 1);
		if (!atomic_try_cmpxchg(&mag->cell[i - 1], &cell, 0))
			WRITE_ONCE(depot->count, depot->count - 1);
	}
	WRITE_ONCE(depot->moves, depot->moves + 1);
	WRITE_ONCE(mag->top, i);
	spin_unlock_irqrestore(&depot->lock, flags);
}

/* %false if nothing is to be kept now. */
static bool swiotlb_magazine_make_room(struct swiotlb_mem *mem,
				       struct swiotlb_magazine *mag,
				       unsigned int class)
{
	struct swiotlb_cache *cache = mem->cache;

	if (swiotlb_cache_is_crowded(cache))
		return false;
	/* Half of all loans are for those who map what is unmapped here. */
	if (!swiotlb_magazine_widen(cache, mag, class, READ_ONCE(cache->loans) / 2))
		swiotlb_magazine_unload(mag, &cache->depot[class]);
	return true;
}

/**
 * swiotlb_magazine_overflow() - put a buffer into a magazine that takes no more
 * @mem:	Allocator.
 * @mag:	The magazine.
 * @class:	Its class.
 * @cell:	The buffer.
 *
 * It borrows more cells. Where there are none to be had, most of the magazine goes to
 * the depot. If that is full, or busy, or if a map has failed a moment ago, the buffer
 * goes back to its area.
 *
 * Context: Any, takes the depot's lock if nobody else has it, or the area's.
 */
void swiotlb_magazine_overflow(struct swiotlb_mem *mem,
			       struct swiotlb_magazine *mag,
			       unsigned int class, u32 cell)
{
	if (!swiotlb_magazine_make_room(mem, mag, class) ||
	    !swiotlb_magazine_push(mag, cell))
		swiotlb_cell_release(mem, cell, class, NULL);
}

/**
 * swiotlb_magazine_return() - put back a buffer that was of no use
 * @mem:	Allocator.
 * @mag:	The magazine that it came from.
 * @class:	Its class.
 * @cell:	The buffer.
 *
 * Context: Any, takes the lock of an area if the magazine was filled meanwhile.
 */
void swiotlb_magazine_return(struct swiotlb_mem *mem,
			     struct swiotlb_magazine *mag, unsigned int class,
			     u32 cell)
{
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_cell_release(mem, cell, class, NULL);
}

/* Of one pool, or of all if @pool is %NULL. */
static bool swiotlb_cell_is_of(u32 cell, const struct io_tlb_pool *pool)
{
	return cell && (!pool || swiotlb_cell_id(cell) == pool->id);
}

static void swiotlb_magazine_empty(struct swiotlb_mem *mem,
				   struct swiotlb_magazine *mag,
				   unsigned int class,
				   const struct io_tlb_pool *pool)
{
	unsigned int i, most = swiotlb_magazine_room(mag).most;
	u32 cell;

	for (i = 0; i < most; i++) {
		/* Others empty the cell, too: only RCU keeps its pool. */
		rcu_read_lock();
		cell = atomic_read(&mag->cell[i]);
		if (swiotlb_cell_is_of(cell, pool))
			swiotlb_cell_release(mem, cell, class, &mag->cell[i]);
		rcu_read_unlock();
	}
}

/*
 * What it holds now: others may go on to fill it. A few at a time, from the end, so
 * that what takes the place of a buffer has been looked at.
 */
static void swiotlb_depot_empty(struct swiotlb_mem *mem, unsigned int class,
				const struct io_tlb_pool *pool)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int i, left = READ_ONCE(depot->count);
	unsigned long flags;
	u32 cell;

	while (left) {
		spin_lock_irqsave(&depot->lock, flags);
		left = min(left, depot->count);
		for (i = 0; i < 16 && left; i++, left--) {
			cell = depot->cells[left - 1];
			if (!swiotlb_cell_is_of(cell, pool))
				continue;
			swiotlb_cell_release(mem, cell, class, NULL);
			depot->cells[left - 1] = depot->cells[depot->count - 1];
			WRITE_ONCE(depot->count, depot->count - 1);
		}
		spin_unlock_irqrestore(&depot->lock, flags);
	}
}

/*
 * A depot that looks empty is not locked: so what was seen of cells comes before that,
 * and what will be seen of them after it.
 */
static void swiotlb_depots_empty(struct swiotlb_mem *mem,
				 const struct io_tlb_pool *pool)
{
	unsigned int class;

	/* [12] Pairs with the exchange in swiotlb_magazine_unload(). */
	smp_rmb();
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_depot_empty(mem, class, pool);
	/* [13] Pairs with __swiotlb_magazine_refill(). */
	smp_rmb();
}

static void swiotlb_magazines_empty_cpu(struct swiotlb_mem *mem, unsigned int cpu,
					const struct io_tlb_pool *pool)
{
	struct swiotlb_magazine *mag;
	unsigned int class;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		mag = swiotlb_cpu_magazine(mem->magazines, cpu, class);
		swiotlb_magazine_empty(mem, mag, class, pool);
	}
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
	if (swiotlb_mem_magazines(mem))
		swiotlb_magazines_empty_cpu(mem, cpu, NULL);
}

/**
 * swiotlb_magazines_drain_pool() - give buffers back to their areas
 * @mem:	Allocator, with magazines or without.
 * @pool:	Whose buffers, %NULL for all.
 *
 * The depots are emptied twice: buffers may have gone there from a magazine while
 * the first ones were looked at.
 *
 * Context: Any, takes locks of depots, and of areas within them.
 */
void swiotlb_magazines_drain_pool(struct swiotlb_mem *mem,
				  const struct io_tlb_pool *pool)
{
	unsigned int cpu;

	if (!swiotlb_mem_magazines(mem))
		return;

	swiotlb_depots_empty(mem, pool);
	for_each_possible_cpu(cpu)
		swiotlb_magazines_empty_cpu(mem, cpu, pool);
	swiotlb_depots_empty(mem, pool);
}

/**
 * swiotlb_magazines_set_crowded() - a map has failed, keep nothing for a while
 * @mem:	Allocator with magazines.
 *
 * Context: Any.
 */
void swiotlb_magazines_set_crowded(struct swiotlb_mem *mem)
{
	struct swiotlb_magazine *mag;
	unsigned int cpu, class;

	WRITE_ONCE(mem->cache->crowded_until, jiffies + 1);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		for_each_possible_cpu(cpu) {
			mag = swiotlb_cpu_magazine(mem->magazines, cpu, class);
			if (swiotlb_magazine_room(mag).limit)
				swiotlb_magazine_set_room(mem->cache, mag, class, 0, 0);
		}
	}
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
	unsigned int cpu, class, i, most;
	struct swiotlb_magazine *mag;
	unsigned long nslots = 0;

	if (!swiotlb_mem_magazines(mem))
		return 0;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		nslots += READ_ONCE(mem->cache->depot[class].count) << class;
		for_each_possible_cpu(cpu) {
			mag = swiotlb_cpu_magazine(mem->magazines, cpu, class);
			most = swiotlb_magazine_room(mag).most;
			for (i = 0; i < most; i++)
				if (atomic_read(&mag->cell[i]))
					nslots += 1U << class;
		}
	}
	return nslots;
}

/**
 * swiotlb_trim_arm() - let idle buffers be given back in a while
 * @mem:	Allocator with magazines.
 * @mag:	One of them, which is not armed.
 *
 * Context: Any.
 */
void swiotlb_trim_arm(struct swiotlb_mem *mem, struct swiotlb_magazine *mag)
{
	WRITE_ONCE(mag->armed, true);
	schedule_delayed_work(&mem->cache->trim_work, SWIOTLB_TRIM_DELAY);
}

static void swiotlb_trim_magazine(struct swiotlb_mem *mem,
				  struct swiotlb_magazine *mag,
				  unsigned int class)
{
	u8 moves = READ_ONCE(mag->moves);

	if (moves == mag->seen) {
		if (swiotlb_magazine_room(mag).lent)
			swiotlb_magazine_set_room(mem->cache, mag, class,
						  mem->cache->limit[class], 0);
		swiotlb_magazine_empty(mem, mag, class, NULL);
	}
	mag->seen = moves;
}

static void swiotlb_trim_depot(struct swiotlb_mem *mem, unsigned int class)
{
	struct swiotlb_depot *depot = &mem->cache->depot[class];
	unsigned int moves = READ_ONCE(depot->moves);

	if (moves == depot->seen)
		swiotlb_depot_empty(mem, class, NULL);
	depot->seen = moves;
}

static void swiotlb_trim_all(struct swiotlb_mem *mem)
{
	unsigned int cpu, class;

	guard(mutex)(&mem->cache->resize_lock);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		for_each_possible_cpu(cpu)
			swiotlb_trim_magazine(mem,
					      swiotlb_cpu_magazine(mem->magazines, cpu, class),
					      class);
		swiotlb_trim_depot(mem, class);
	}
}

static void swiotlb_trim_disarm(struct swiotlb_mem *mem)
{
	unsigned int cpu, class;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		for_each_possible_cpu(cpu)
			WRITE_ONCE(swiotlb_cpu_magazine(mem->magazines, cpu, class)->armed,
				   false);
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
	bool rested = cache->rested;

	swiotlb_trim_all(cache->mem);
	cache->rested = !swiotlb_magazines_nslots(cache->mem);
	if (rested && cache->rested)
		swiotlb_trim_disarm(cache->mem);
	else
		schedule_delayed_work(&cache->trim_work, SWIOTLB_TRIM_DELAY);
}

/*
 * What a class gets of all slots in magazines, and in depots, in parts of 24. Pages
 * and smaller pieces are most of what is mapped. Large I/O to memory that is not
 * contiguous is many pages at once, more than a magazine can hold.
 */
static const u8 swiotlb_magazine_parts[SWIOTLB_NR_CLASSES] = {
	6, 6, 2, 2, 2, 2, 2, 2,
};

static const u8 swiotlb_depot_parts[SWIOTLB_NR_CLASSES] = {
	10, 8, 1, 1, 1, 1, 1, 1,
};

/*
 * Share out @nslots slots: to each class its part, then what that leaves over, a
 * cell to each class in turn.
 */
static void swiotlb_share_out(unsigned long nslots, const u8 *parts,
			      unsigned int (*max_cells)(unsigned int class),
			      unsigned int limit[SWIOTLB_NR_CLASSES])
{
	unsigned long each, total = nslots;
	unsigned int class;
	bool more;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		each = total * parts[class] / 24;
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

static void swiotlb_resize_class(struct swiotlb_mem *mem, unsigned int class,
				 unsigned int limit, unsigned int lent,
				 unsigned int depot_limit)
{
	struct swiotlb_cache *cache = mem->cache;
	struct swiotlb_magazine *mag;
	unsigned int cpu;

	lockdep_assert_held(&cache->resize_lock);
	WRITE_ONCE(cache->limit[class], limit);
	for_each_possible_cpu(cpu) {
		mag = swiotlb_cpu_magazine(mem->magazines, cpu, class);
		swiotlb_magazine_set_room(cache, mag, class, limit, lent);
	}
	WRITE_ONCE(cache->depot[class].limit, depot_limit);
}

/* When it gets smaller, all loans end. Otherwise they stay where they are. */
static unsigned int swiotlb_resize_loans(struct swiotlb_cache *cache, long nslots)
{
	unsigned int lent = nslots < cache->loans ? 0 : U8_MAX;

	lockdep_assert_held(&cache->resize_lock);
	atomic_long_add(nslots - cache->loans, &cache->spare);
	WRITE_ONCE(cache->loans, nslots);
	return lent;
}

/**
 * swiotlb_magazines_resize() - set how much magazines and depots may hold
 * @mem:	Allocator, with magazines or without.
 *
 * All CPUs together hold a quarter of the slots at most, see
 * %SWIOTLB_SHARES_PARTS. With many CPUs and a small pool that may be a few
 * buffers each, and none of the large classes, but for what the busy ones borrow.
 * When there are fewer slots than before, the caller drains the magazines: there may
 * be more in them than fits.
 *
 * Context: Process context, when the number of slots has changed.
 */
void swiotlb_magazines_resize(struct swiotlb_mem *mem)
{
	unsigned int class, limit[SWIOTLB_NR_CLASSES];
	unsigned int depot_limit[SWIOTLB_NR_CLASSES];
	struct swiotlb_cache *cache = mem->cache;
	unsigned long nslots;
	unsigned int lent;

	if (!swiotlb_mem_magazines(mem))
		return;

	mutex_lock(&cache->resize_lock);
	nslots = READ_ONCE(mem->pub.nslabs);
	lent = swiotlb_resize_loans(cache, nslots * SWIOTLB_LOANS_PARTS / 48);
	swiotlb_share_out(nslots * SWIOTLB_SHARES_PARTS / 48 / num_possible_cpus(),
			  swiotlb_magazine_parts, swiotlb_magazine_cells,
			  limit);
	swiotlb_share_out(nslots * SWIOTLB_DEPOTS_PARTS / 48, swiotlb_depot_parts,
			  swiotlb_depot_cells, depot_limit);
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		swiotlb_resize_class(mem, class, limit[class], lent,
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
	swiotlb_cache_free(mem->cache);
	mem->cache = NULL;
}
