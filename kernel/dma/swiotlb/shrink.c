// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker that gives pools back when they are not needed any more, and the
 * shrinker that hurries it.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"
#include "magazine.h"

/**
 * DOC: Giving back
 *
 * A pool made at run time goes through these states::
 *
 *	          close             remove, retire             free
 *	  open ----------> closed ------------------> idle ----------> gone
 *	   ^                 |                          |
 *	   +-----------------+--------------------------+
 *	                        reopen
 *
 * closed
 *	No search finds it. What lies in magazines and depots is drained at each
 *	tick, and a buffer that is unmapped goes to its area.
 * idle
 *	No slot is in use, and nobody can come by any more. It keeps its memory, still
 *	decrypted, for a while: a load that comes back finds it at once.
 *
 * Pools are closed when nobody has asked for one for a while, and when what would be
 * left is twice what was in use in the last periods, six times as long as all that there
 * is has no more than the default size: growth begins at three quarters, or, for speed,
 * at one quarter, so that what was given back is not asked for again at once. If a device
 * that reaches few pools has asked for one, that goes for these, too. A pool that turns
 * out to be in use by mappings that stay is opened again, and left alone for some time.
 *
 * When may a pool go? Buffers of it are in use, in a magazine or in a depot, and then
 * its areas count them; or they are free, and then only a search can find them. So,
 * with @used the sum of what areas count::
 *
 *	W (this worker)              M (map)                 U (unmap, drain)
 *	--------------------------   ---------------------   -----------------------
 *	state = CLOSED               rcu_read_lock()
 *	synchronize_rcu()     (a)    state? search
 *	                             rcu_read_unlock()
 *	drain magazines                                      cell = 0
 *	                                                     rcu_read_lock()
 *	area lock, used == 0?                                area lock, used -= n
 *	index, list: remove                                  area unlock
 *	synchronize_rcu()     (b)                            rcu_read_unlock()
 *	number can be used again
 *
 * After (a) nobody takes slots from an area of the pool: used can only fall, and once
 * it was 0 it stays so, though the areas are looked at one by one. The locks order
 * more than used: that a buffer has left its cell may become visible later than the
 * new count, where an exchange does not order what comes after it. Without the lock,
 * a reader that begins after (b) has begun, and so is not waited for, could still find
 * the buffer there, and follow it into a pool that has gone.
 *
 * After (b) U has left the area, and its reads of the buffer, which came before, are
 * over; so have those who walk through the list of pools, and those who look from a
 * cell of a magazine at the pool, see swiotlb_magazine_empty(). Who owns a buffer
 * needs no RCU: used is not 0.
 *
 * __swiotlb_find_pool() follows the index without RCU. It is asked for addresses that
 * the caller has mapped, which keeps their pool, or that never were in a bounce
 * buffer as far as he knows: then it may only answer that there is none, and it
 * does, since the index is cleared long before the memory has a new owner.
 */

/* How often what can be given back is looked for, in jiffies. */
#define SWIOTLB_TICK		HZ
/* No pool is closed if somebody has asked for one so recently, in jiffies. */
#define SWIOTLB_QUIET		(5 * HZ)
/* Reclaim is answered no more often than this, in jiffies. */
#define SWIOTLB_HURRY		(HZ / 2)
/* How long an idle pool is kept. */
#define SWIOTLB_KEEP		(10 * HZ)
/* How long a closed pool may be in use before it is opened again. */
#define SWIOTLB_PATIENCE	(3 * HZ)
/* How long it is then left alone, without and with memory being short. */
#define SWIOTLB_PAUSE		(30 * HZ)
#define SWIOTLB_SHORT_PAUSE	HZ

/*
 * All times may lie so far back that jiffies have wrapped: ask for a range, never for
 * what is later. Others set @since while we look: it may be a moment ahead of us.
 */
static bool swiotlb_is_within(unsigned long since, unsigned long span)
{
	return time_in_range(jiffies, since - HZ, since + span);
}

static unsigned long swiotlb_demand(const struct swiotlb_mem *mem)
{
	return max(mem->demand, mem->demand_before);
}

/*
 * The most in this period and in the one before, as far as it is seen: now, or by maps
 * that found an area tight. In a hurry only what is in use now counts.
 */
static void swiotlb_demand_sample(struct swiotlb_mem *mem, bool hurry)
{
	unsigned long used = swiotlb_mem_used(mem) +
			     swiotlb_mem_transient_nslots(mem);
	unsigned long peak = xchg(&mem->peak, 0);

	if (hurry || !swiotlb_is_within(mem->period, SWIOTLB_QUIET)) {
		mem->demand_before = hurry ? 0 : mem->demand;
		mem->demand = 0;
		mem->period = jiffies;
	}
	mem->demand = max3(mem->demand, used, hurry ? 0 : peak);
	WRITE_ONCE(mem->last_used, used);
}

static bool swiotlb_is_quiet(const struct swiotlb_mem *mem)
{
	return !swiotlb_is_within(READ_ONCE(mem->last_want), SWIOTLB_QUIET);
}

/*
 * A device may reach few pools: there must be as much room in these, as in all. Who has
 * asked for the pool is forgotten only when it goes: a device that has enough does not
 * ask, and to find out whether it still maps would cost each map. So a pool may stay
 * longer than is needed, but only while those below that limit are in use by half.
 */
static bool swiotlb_pool_is_missed(const struct swiotlb_mem *mem,
				   const struct io_tlb_pool *pool)
{
	const struct io_tlb_pool *other;
	unsigned long used = 0, rest = 0;

	if (pool->asked_limit == U64_MAX)
		return false;

	list_for_each_entry(other, &mem->pools, node) {
		if (!swiotlb_pool_is_open(other) ||
		    other->end - 1 > pool->asked_limit)
			continue;
		used += swiotlb_pool_used(other);
		rest += other == pool ? 0 : other->nslots;
	}
	return used > rest / 2;
}

/*
 * Two thirds of the watermark, so that nothing is closed and opened in turn. What was
 * added for speed stays for speed.
 */
static unsigned long swiotlb_enough_for(const struct swiotlb_mem *mem,
					unsigned long nslots)
{
	if (mem->pub.nslabs <= SWIOTLB_DEFAULT_SLOTS &&
	    swiotlb_wants_quarter(mem, nslots, SWIOTLB_DEFAULT_SLOTS))
		return nslots / 6;
	return nslots / 2;
}

/* Can it be done without? */
static bool swiotlb_pool_is_spare(const struct swiotlb_mem *mem,
				  const struct io_tlb_pool *pool)
{
	return swiotlb_demand(mem) <=
	       swiotlb_enough_for(mem, mem->pub.nslabs - pool->nslots);
}

static bool swiotlb_pool_may_close(const struct swiotlb_mem *mem,
				   const struct io_tlb_pool *pool, bool hurry)
{
	unsigned long pause = hurry ? SWIOTLB_SHORT_PAUSE : SWIOTLB_PAUSE;

	if (pool == &mem->boot_pool || !swiotlb_pool_is_open(pool))
		return false;
	if (pool->stuck && swiotlb_is_within(pool->since, pause))
		return false;
	return !swiotlb_pool_is_missed(mem, pool);
}

/*
 * The youngest first: older ones are searched first, and buffers that stay are in those.
 * So they are left alone if a younger one is needed, though there may be one that is not;
 * but not in a hurry.
 */
static bool swiotlb_close_surplus(struct swiotlb_mem *mem, bool hurry)
{
	struct io_tlb_pool *pool;
	bool closed = false;

	list_for_each_entry_reverse(pool, &mem->pools, node) {
		if (!swiotlb_pool_may_close(mem, pool, hurry))
			continue;
		if (!swiotlb_pool_is_spare(mem, pool)) {
			if (hurry)
				continue;
			break;
		}
		swiotlb_mem_close_pool(mem, pool);
		swiotlb_count(mem, SWIOTLB_CLOSED, 1);
		closed = true;
	}
	return closed;
}

static void swiotlb_pool_give_up(struct swiotlb_mem *mem,
				 struct io_tlb_pool *pool)
{
	swiotlb_mem_reopen_pool(mem, pool);
	swiotlb_magazines_resize(mem);
	swiotlb_count(mem, SWIOTLB_REOPENED, 1);
	pool->stuck = true;
	pool->since = jiffies;
}

/*
 * Nobody takes slots from it any more. Whoever has given some back, or has emptied a
 * cell of a magazine before that, has done so for us, too: that is what the locks of
 * the areas are for, which are taken one after the other if it looks empty.
 */
static bool swiotlb_pool_is_empty(const struct io_tlb_pool *pool)
{
	unsigned int i;

	if (swiotlb_pool_used(pool))
		return false;

	for (i = 0; i < pool->nareas; i++)
		if (!swiotlb_area_is_empty(swiotlb_pool_area(pool, i)))
			return false;
	return true;
}

static bool swiotlb_remove_empty(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool, *next;
	bool removed = false;

	list_for_each_entry_safe(pool, next, &mem->pools, node) {
		if (pool->state != SWIOTLB_POOL_CLOSED)
			continue;
		swiotlb_magazines_drain_pool(mem, pool);
		if (swiotlb_pool_is_empty(pool)) {
			swiotlb_mem_remove_pool(mem, pool);
			pool->stuck = false;
			pool->asked_limit = U64_MAX;
			removed = true;
		} else if (!swiotlb_is_within(pool->since, SWIOTLB_PATIENCE)) {
			swiotlb_pool_give_up(mem, pool);
		}
	}
	return removed;
}

/* Those that were removed have their number still, until nobody has it. */
static void swiotlb_retire_removed(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool;
	unsigned int id;

	for (id = 1; id < SWIOTLB_MAX_POOLS; id++) {
		pool = mem->table[id];
		if (pool && pool->state == SWIOTLB_POOL_IDLE)
			swiotlb_mem_retire_pool(mem, pool);
	}
}

/* From here on it is known to nobody, and opens no more. */
static void swiotlb_take_idle(struct swiotlb_mem *mem, struct io_tlb_pool *pool,
			      struct list_head *gone)
{
	list_move_tail(&pool->node, gone);
	swiotlb_mem_count_spare(mem);
	/* swiotlb_room() reads them the other way round, lest one sees the pool twice. */
	WRITE_ONCE(mem->held_nslots, mem->held_nslots - pool->nslots);
	atomic_long_add(pool->nslots, &mem->gone_nslots);
}

/* If its memory is lost, the log has said so, and it is counted a second time. */
static void swiotlb_free_pool(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	phys_addr_t start = pool->start, bytes = pool->end - pool->start;
	bool freed = swiotlb_pool_destroy(pool);

	atomic_long_sub(bytes >> IO_TLB_SHIFT, &mem->gone_nslots);
	if (!freed)
		return;

	swiotlb_count(mem, SWIOTLB_FREED, 1);
	trace_swiotlb_shrink(start, bytes, READ_ONCE(mem->held_nslots));
	pr_info_ratelimited("pool of %lu KiB freed, %lu KiB are left\n",
			    (unsigned long)(bytes >> 10),
			    swiotlb_kib(READ_ONCE(mem->held_nslots)));
}

/**
 * swiotlb_free_pools() - free the memory of pools
 * @mem:	Allocator.
 * @gone:	What swiotlb_shrink_idle() has taken from it.
 *
 * Encrypting goes through all of the memory.
 *
 * Context: Process context, mem->pools_lock is not held: who adds or shows pools must
 * not wait for that.
 */
void swiotlb_free_pools(struct swiotlb_mem *mem, struct list_head *gone)
{
	struct io_tlb_pool *pool, *next;

	list_for_each_entry_safe(pool, next, gone, node)
		swiotlb_free_pool(mem, pool);
}

/**
 * swiotlb_shrink_idle() - take away idle pools, where they take the room of others
 * @mem:	Allocator.
 * @nslots:	How much room there should be.
 * @gone:	Receives them, for swiotlb_free_pools().
 *
 * Those that have been idle for longest go first.
 *
 * Context: Process context, mem->pools_lock is held.
 */
void swiotlb_shrink_idle(struct swiotlb_mem *mem, unsigned long nslots,
			 struct list_head *gone)
{
	unsigned long room = swiotlb_room(mem);
	struct io_tlb_pool *pool, *next;

	lockdep_assert_held(&mem->pools_lock);
	list_for_each_entry_safe(pool, next, &mem->idle, node) {
		if (room >= nslots)
			break;
		room += pool->nslots;
		swiotlb_take_idle(mem, pool, gone);
	}
}

static void swiotlb_take_all_idle(struct swiotlb_mem *mem, bool hurry,
				  struct list_head *gone)
{
	struct io_tlb_pool *pool, *next;

	list_for_each_entry_safe(pool, next, &mem->idle, node)
		if (hurry || !swiotlb_is_within(pool->since, SWIOTLB_KEEP))
			swiotlb_take_idle(mem, pool, gone);
}

/* He was told to wait for it. */
static void swiotlb_offer_room(struct swiotlb_mem *mem)
{
	unsigned long end_pfn = READ_ONCE(mem->room_end_pfn);

	if (!end_pfn || !swiotlb_room_is_kept(mem, U64_MAX) ||
	    swiotlb_at_limit(mem))
		return;

	if (READ_ONCE(mem->short_end_pfn) == end_pfn)
		WRITE_ONCE(mem->next_try, jiffies);
	WRITE_ONCE(mem->want_end_pfn, end_pfn);
	queue_work(system_dfl_wq, &mem->grow_work);
}

/*
 * Reclaim asks as long as memory is short. What a load takes back a moment later costs
 * more than it brings: pools are closed, drained and opened again, or freed and made
 * anew. So this is done twice a second at most.
 */
static bool swiotlb_hurry_is_due(const struct swiotlb_mem *mem)
{
	return !swiotlb_is_within(READ_ONCE(mem->last_hurry), SWIOTLB_HURRY);
}

static bool swiotlb_take_hurry(struct swiotlb_mem *mem)
{
	if (!READ_ONCE(mem->hurry) &&
	    !(READ_ONCE(mem->pressed) && swiotlb_hurry_is_due(mem)))
		return false;

	/* Who asks from now on sees all that follows done again. */
	WRITE_ONCE(mem->hurry, false);
	WRITE_ONCE(mem->pressed, false);
	WRITE_ONCE(mem->last_hurry, jiffies);
	swiotlb_be_lean(mem, SWIOTLB_LEAN);
	return true;
}

/* Returns, by @gone, pools whose memory is to be freed without the lock. */
static void swiotlb_tick(struct swiotlb_mem *mem, struct list_head *gone)
{
	bool hurry = swiotlb_take_hurry(mem);

	swiotlb_demand_sample(mem, hurry);
	if ((hurry || swiotlb_is_quiet(mem)) &&
	    swiotlb_close_surplus(mem, hurry)) {
		swiotlb_magazines_resize(mem);
		/* (a) in "Giving back" */
		synchronize_rcu();
		/* Nobody takes what lies above the new limits */
		swiotlb_magazines_drain(mem);
	}
	if (swiotlb_remove_empty(mem)) {
		/* (b) */
		synchronize_rcu();
		swiotlb_retire_removed(mem);
	}
	swiotlb_take_all_idle(mem, hurry || !swiotlb_mem_can_grow(mem), gone);
}

/*
 * Giving back is part of reclaim: where no memory is left to make a kworker of, there
 * is a rescuer. Growing, which allocates, stays with the others. Encrypting may have to
 * split pages of the direct map; a pool of 2 MiB and more has whole ones.
 */
static struct workqueue_struct *swiotlb_shrink_wq(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->shrink_wq) ?: system_dfl_wq;
}

/**
 * swiotlb_shrink_later() - look from time to time for what can be given back
 * @mem:	Allocator.
 *
 * Context: Any.
 */
void swiotlb_shrink_later(struct swiotlb_mem *mem)
{
	queue_delayed_work(swiotlb_shrink_wq(mem), &mem->tick_work, SWIOTLB_TICK);
}

/**
 * swiotlb_shrink_hurry() - give back at once what is not needed now
 * @mem:	Allocator.
 *
 * Context: Any.
 */
void swiotlb_shrink_hurry(struct swiotlb_mem *mem)
{
	WRITE_ONCE(mem->hurry, true);
	mod_delayed_work(swiotlb_shrink_wq(mem), &mem->tick_work, 0);
}

/*
 * In pages: all that is not needed now, whatever its state. Reclaim asks often: this
 * is no time to add up all areas and magazines.
 */
static unsigned long swiotlb_shrink_count(struct shrinker *shrinker,
					  struct shrink_control *sc)
{
	struct swiotlb_mem *mem = shrinker->private_data;
	unsigned long held = READ_ONCE(mem->held_nslots);
	unsigned long keep = max(mem->boot_pool.nslots,
				 2 * READ_ONCE(mem->last_used));

	return held > keep ? (held - keep) >> (PAGE_SHIFT - IO_TLB_SHIFT) : 0;
}

/*
 * Grace periods, and encrypting, are for the worker. It holds the lock during the
 * former, and reclaim must not wait for these.
 */
static unsigned long swiotlb_shrink_scan(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	struct swiotlb_mem *mem = shrinker->private_data;
	unsigned long before, freed = 0;
	LIST_HEAD(gone);

	if (!mem->pub.cc_shared && mutex_trylock(&mem->pools_lock)) {
		before = mem->held_nslots;
		swiotlb_take_all_idle(mem, true, &gone);
		freed = before - mem->held_nslots;
		mutex_unlock(&mem->pools_lock);
		swiotlb_free_pools(mem, &gone);
	}
	/* Or else at a tick, as soon as it is due. */
	WRITE_ONCE(mem->pressed, true);
	if (swiotlb_hurry_is_due(mem))
		mod_delayed_work(swiotlb_shrink_wq(mem), &mem->tick_work, 0);
	return freed ? freed >> (PAGE_SHIFT - IO_TLB_SHIFT) : SHRINK_STOP;
}

static void swiotlb_shrinker_add(struct swiotlb_mem *mem)
{
	mem->shrinker = shrinker_alloc(0, "swiotlb");
	if (!mem->shrinker)
		return;

	mem->shrinker->count_objects = swiotlb_shrink_count;
	mem->shrinker->scan_objects = swiotlb_shrink_scan;
	mem->shrinker->private_data = mem;
	shrinker_register(mem->shrinker);
}

/**
 * swiotlb_shrink_start() - make what giving back needs
 * @mem:	Allocator, to which the first pool is about to be added.
 *
 * Without that, pools are given back all the same, in their time. The next growth
 * tries again.
 *
 * Context: Process context, nobody else adds a pool meanwhile.
 */
void swiotlb_shrink_start(struct swiotlb_mem *mem)
{
	struct workqueue_struct *wq = mem->shrink_wq;

	/* What was asked for before there was anything to give back is over. */
	if (READ_ONCE(mem->held_nslots) == mem->boot_pool.nslots)
		WRITE_ONCE(mem->pressed, false);
	if (!wq) {
		wq = alloc_workqueue("swiotlb", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
		if (!wq)
			return;
		/* The tick looks at it under the lock, the shrinker is made after it. */
		guard(mutex)(&mem->pools_lock);
		WRITE_ONCE(mem->shrink_wq, wq);
	}
	if (!mem->shrinker)
		swiotlb_shrinker_add(mem);
}

/* There is nothing to look for once all is as it was after boot. */
static void swiotlb_tick_work(struct work_struct *work)
{
	struct swiotlb_mem *mem = container_of(to_delayed_work(work),
					       struct swiotlb_mem, tick_work);
	LIST_HEAD(gone);

	mutex_lock(&mem->pools_lock);
	swiotlb_tick(mem, &gone);
	if (mem->held_nslots > mem->boot_pool.nslots)
		swiotlb_shrink_later(mem);
	mutex_unlock(&mem->pools_lock);

	swiotlb_free_pools(mem, &gone);
	swiotlb_offer_room(mem);
}

/**
 * swiotlb_shrink_init() - initialize what giving back needs in an allocator
 * @mem:	Allocator.
 *
 * Context: Nobody else knows @mem yet.
 */
void swiotlb_shrink_init(struct swiotlb_mem *mem)
{
	INIT_DELAYED_WORK(&mem->tick_work, swiotlb_tick_work);
	mem->period = jiffies;
	/* The first one is due. */
	mem->last_hurry = jiffies - SWIOTLB_HURRY - 1;
}
