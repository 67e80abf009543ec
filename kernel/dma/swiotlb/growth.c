// SPDX-License-Identifier: GPL-2.0-only
/* The worker of an allocator, which adds pools and frees them. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"
#include "pages.h"

/**
 * DOC: Growth
 *
 * One rule: at most half of the slots of open pools should be in use.
 *
 *  - If more are in use, the worker reopens a closed pool, or adds one. The open slots should
 *    reach the power of two that holds twice the slots in use, as far as the limit allows. So
 *    pools double in size, and there are few. If memory is short, the worker adds a smaller pool.
 *    After a failure, it tries again after a delay, which doubles each time.
 *  - If the other pools have had twice the slots in use for the quiet time, the worker closes the
 *    youngest pool, and frees it once it is empty. If memory is short, the quiet time is shorter,
 *    but not 0: pools must not be freed after each burst of a load.
 *
 * If pools have to be decrypted, the worker keeps a reserve while any slots are in use: a burst
 * in atomic context cannot wait for decryption, and the atomic coherent pools are for drivers.
 * Between two passes of the worker, a burst can take as many slots as the reserve has, or as were
 * in use before the burst if that is more. A boot pool that starts small is twice as large as the
 * reserve, for the first burst.
 *
 * A map asks the worker to check if its area is half full, if another area was full, if fewer
 * slots than the reserve are open, or if it finds no room.
 *
 * Devices with more reach fall back to the narrower allocator. So the worker of the wider
 * allocator counts the slots of both, and only the wider allocator grows for these devices.
 */

/* Quiet time before a pool is closed, in jiffies; if memory is short, a tenth of it */
#define SWIOTLB_QUIET		(5 * SWIOTLB_TICK)

/* Slots of the largest pool to add: a cell of a magazine cannot hold a larger index. */
#define SWIOTLB_LAST_SLOTS	BIT(SWIOTLB_CELL_INDEX_BITS)

/* Compare with a range: jiffies may have wrapped since @since. */
static bool swiotlb_is_recent(unsigned long since, unsigned long time)
{
	return time_in_range_open(jiffies, since, since + time);
}

static unsigned long swiotlb_growth_demand(const struct swiotlb_mem *mem)
{
	unsigned long nslots = 0;

	for (; mem; mem = mem->narrower)
		nslots += swiotlb_mem_used(mem) + atomic_long_read(&mem->growth.transient);
	return nslots;
}

static unsigned long swiotlb_growth_open(const struct swiotlb_mem *mem)
{
	unsigned long nslots = 0;

	for (; mem; mem = mem->narrower)
		nslots += READ_ONCE(mem->pub.nslabs);
	return nslots;
}

static struct io_tlb_pool *swiotlb_growth_find(struct swiotlb_mem *mem,
					       enum swiotlb_pool_state state)
{
	struct io_tlb_pool *pool;

	list_for_each_entry_reverse(pool, &mem->pools.list, node)
		if (pool->state == state && pool != &mem->boot_pool)
			return pool;
	return NULL;
}

static unsigned long swiotlb_growth_reserve(const struct swiotlb_mem *mem)
{
	if (!mem->pub.cc_shared)
		return 0;
	return min(SWIOTLB_RESERVE_SLOTS, swiotlb_limit_nslots(mem) / SWIOTLB_RESERVE_SHARE);
}

/* Open slots needed for @demand slots in use. An idle allocator needs no reserve. */
static unsigned long swiotlb_growth_enough(const struct swiotlb_mem *mem, unsigned long demand)
{
	return demand + max(demand, demand ? swiotlb_growth_reserve(mem) : 0UL);
}

/*
 * If the youngest pool is empty, a failed map is no reason to grow: the burst has ended, or an
 * empty pool does not fit the request either.
 */
static bool swiotlb_growth_must(struct swiotlb_mem *mem, unsigned long demand, bool failed)
{
	struct io_tlb_pool *pool;

	if (swiotlb_growth_open(mem) < swiotlb_growth_enough(mem, demand))
		return true;
	pool = swiotlb_growth_find(mem, SWIOTLB_POOL_OPEN);
	return failed && !(pool && !swiotlb_pool_used(pool));
}

/* Returns the slots of the pool to add; 0 if the limit allows none. */
static unsigned long swiotlb_growth_size(struct swiotlb_mem *mem, unsigned long demand)
{
	unsigned long nslots, open = swiotlb_growth_open(mem);
	long room = swiotlb_limit_room(mem);

	if (room < (long)SWIOTLB_MIN_GROW_SLOTS)
		return 0;
	nslots = max(swiotlb_growth_enough(mem, demand), open + 1);
	nslots = roundup_pow_of_two(nslots) - open;
	nslots = roundup_pow_of_two(max(nslots, SWIOTLB_FIRST_SLOTS));
	return min3(nslots, rounddown_pow_of_two(room), SWIOTLB_LAST_SLOTS);
}

/* Halve the size until contiguous memory can be allocated. */
static struct io_tlb_pool *swiotlb_growth_try(struct swiotlb_mem *mem, unsigned long nslots)
{
	struct swiotlb_pages pages = {
		.shared = mem->pub.cc_shared,
		.last = mem->last,
		.nid = READ_ONCE(mem->growth.nid),
		.gfp = GFP_KERNEL | __GFP_NOWARN,
	};
	struct io_tlb_pool *pool = ERR_PTR(-ENOMEM);
	unsigned int nareas;

	/* Do not retry if decryption fails: it is likely to fail again. */
	for (; nslots >= SWIOTLB_MIN_GROW_SLOTS && pool == ERR_PTR(-ENOMEM); nslots /= 2) {
		/* Areas hold two largest mappings: alignment may exclude the first slots. */
		nareas = swiotlb_limit_nareas(READ_ONCE(mem->growth.nareas), nslots / 2);
		pages.bytes = nslots << IO_TLB_SHIFT;
		pool = swiotlb_pool_create(mem, &pages, nareas);
	}
	return pool;
}

/**
 * swiotlb_growth_unhold() - stop counting slots of a pool that was not made, or was freed
 * @mem:	Allocator.
 * @nslots:	Slots that no longer count as held.
 *
 * Context: Process context, takes swiotlb_pools_lock.
 */
void swiotlb_growth_unhold(struct swiotlb_mem *mem, unsigned long nslots)
{
	guard(mutex)(&swiotlb_pools_lock);
	swiotlb_mem_hold(mem, -(long)nslots);
}

/**
 * swiotlb_growth_destroy() - free a pool, and update the counters
 * @mem:	Allocator.
 * @pool:	A pool that no other code can find. It counts as held until the memory is freed.
 *
 * Context: Process context, takes swiotlb_pools_lock.
 */
void swiotlb_growth_destroy(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	unsigned long nslots = pool->nslots;
	phys_addr_t start = pool->start, bytes = pool->end - pool->start;
	bool lost = !swiotlb_pool_destroy(pool);

	swiotlb_growth_unhold(mem, nslots);
	/* There is room even if the memory is lost: until now, lost memory was counted twice. */
	swiotlb_mem_made_room(mem);
	if (lost)
		return;

	swiotlb_count(mem, SWIOTLB_FREED, 1);
	trace_swiotlb_shrink(start, bytes, READ_ONCE(mem->pools.held));
}

/**
 * swiotlb_growth_add() - publish a pool, and count it
 * @mem:	Allocator.
 * @pool:	A pool of swiotlb_pool_create() that counts as held.
 *
 * Context: Process context, takes swiotlb_pools_lock.
 * Return: 0; -EBUSY if the allocator may no longer grow; or an error of swiotlb_pools_add().
 */
int swiotlb_growth_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	int ret;

	guard(mutex)(&swiotlb_pools_lock);
	ret = mem->growth.enabled ? swiotlb_pools_add(mem, pool) : -EBUSY;
	if (ret)
		return ret;

	swiotlb_mem_start_magazines(mem);
	swiotlb_count(mem, SWIOTLB_GROWN, 1);
	trace_swiotlb_grow(pool->start, pool->end - pool->start, mem->pools.held);
	queue_delayed_work(system_dfl_wq, &mem->growth.work, SWIOTLB_TICK);
	return 0;
}

static void swiotlb_growth_failed(struct swiotlb_mem *mem, bool crypt)
{
	const unsigned long shortest = SWIOTLB_TICK, longest = 64 * shortest;
	struct swiotlb_growth *growth = &mem->growth;

	growth->tried = jiffies;
	/* If decryption has failed, it is likely to fail again. */
	growth->backoff = crypt ? longest : clamp(2 * growth->backoff, shortest, longest);
	swiotlb_count(mem, SWIOTLB_GROW_FAILED, 1);
	pr_warn_ratelimited("Failed to allocate new pool\n");
}

/* Count planned slots before they are allocated: workers of several allocators share a limit. */
static void swiotlb_growth_grow(struct swiotlb_mem *mem, unsigned long demand, bool failed)
{
	struct swiotlb_growth *growth = &mem->growth;
	unsigned long planned, unused;
	struct io_tlb_pool *pool;
	int ret;

	scoped_guard(mutex, &swiotlb_pools_lock) {
		if (!swiotlb_growth_must(mem, demand, failed))
			return;
		pool = swiotlb_growth_find(mem, SWIOTLB_POOL_CLOSED);
		if (pool) {
			swiotlb_pools_reopen(mem, pool);
			return;
		}
		if (!growth->enabled || swiotlb_is_recent(growth->tried, growth->backoff))
			return;
		planned = swiotlb_growth_size(mem, demand);
		if (!planned)
			return;
		if (swiotlb_pools_prepare()) {
			swiotlb_growth_failed(mem, false);
			return;
		}
		swiotlb_mem_hold(mem, planned);
	}

	pool = swiotlb_growth_try(mem, planned);
	unused = IS_ERR(pool) ? planned : planned - pool->nslots;
	swiotlb_growth_unhold(mem, unused);
	ret = IS_ERR(pool) ? PTR_ERR(pool) : swiotlb_growth_add(mem, pool);
	if (!ret) {
		growth->backoff = 0;
		WRITE_ONCE(growth->busy, jiffies);
	} else if (ret != -EBUSY) {
		swiotlb_growth_failed(mem, IS_ERR(pool) && ret != -ENOMEM);
	}
	if (ret && !IS_ERR(pool))
		swiotlb_growth_destroy(mem, pool);
	/* The pool has room, or the limit if less was added than planned. */
	swiotlb_mem_made_room(mem);
}

/* Close the youngest pool first: older pools are searched first, and hold long-lived mappings. */
static bool swiotlb_growth_close(struct swiotlb_mem *mem, unsigned long demand, unsigned long quiet)
{
	struct swiotlb_growth *growth = &mem->growth;
	struct io_tlb_pool *pool;
	bool closed = false;

	while ((pool = swiotlb_growth_find(mem, SWIOTLB_POOL_OPEN))) {
		if (swiotlb_growth_open(mem) - pool->nslots < swiotlb_growth_enough(mem, demand)) {
			WRITE_ONCE(growth->busy, jiffies);
			break;
		}
		if (growth->enabled && swiotlb_is_recent(growth->busy, quiet))
			break;
		swiotlb_pools_close(mem, pool);
		closed = true;
	}
	return closed;
}

/* Keep unused large pools for the quiet time: the next large mapping may use them. */
static void swiotlb_growth_close_large(struct swiotlb_mem *mem, unsigned long quiet)
{
	struct io_tlb_pool *pool;

	swiotlb_for_each_pool_locked(pool, mem) {
		if (!swiotlb_pool_is_large(pool) || swiotlb_pool_used(pool) ||
		    (mem->growth.enabled && swiotlb_is_recent(READ_ONCE(pool->idle), quiet)))
			continue;
		swiotlb_pools_close(mem, pool);
	}
}

/* Move empty closed pools to @empty, linked by @hash: readers may still follow @node. */
static void swiotlb_growth_remove(struct swiotlb_mem *mem, struct hlist_head *empty)
{
	struct io_tlb_pool *pool, *next;

	list_for_each_entry_safe(pool, next, &mem->pools.list, node) {
		if (pool->state != SWIOTLB_POOL_CLOSED || swiotlb_pool_used(pool))
			continue;
		swiotlb_pools_remove(mem, pool);
		hlist_add_head(&pool->hash, empty);
	}
}

/* Freeing memory may take seconds: the caller does not hold swiotlb_pools_lock. */
static void swiotlb_growth_free(struct swiotlb_mem *mem, struct hlist_head *empty)
{
	struct io_tlb_pool *pool;
	struct hlist_node *next;

	if (hlist_empty(empty))
		return;

	/* (b) in "Life of a pool" */
	synchronize_rcu();
	hlist_for_each_entry_safe(pool, next, empty, hash) {
		swiotlb_pool_unnumber(pool);
		swiotlb_growth_destroy(mem, pool);
	}
}

static void swiotlb_growth_shrink(struct swiotlb_mem *mem, unsigned long demand,
				  unsigned long quiet)
{
	HLIST_HEAD(empty);

	scoped_guard(mutex, &swiotlb_pools_lock) {
		swiotlb_growth_close_large(mem, quiet);
		/* (a) in "Life of a pool" */
		if (swiotlb_growth_close(mem, demand, quiet))
			synchronize_rcu();
		/* Repeat the drain, since it may miss buffers that are moved meanwhile. */
		if (mem->pools.closed && !swiotlb_is_recent(mem->growth.drained, SWIOTLB_TICK)) {
			mem->growth.drained = jiffies;
			swiotlb_magazines_drain(&mem->cache);
			swiotlb_mem_freed(mem);
		}
		swiotlb_growth_remove(mem, &empty);
	}
	swiotlb_growth_free(mem, &empty);
}

/**
 * swiotlb_growth_trim() - free unused large pools without waiting for the quiet time
 * @mem:	Allocator.
 *
 * Context: Process context, takes swiotlb_pools_lock.
 */
void swiotlb_growth_trim(struct swiotlb_mem *mem)
{
	HLIST_HEAD(empty);

	scoped_guard(mutex, &swiotlb_pools_lock) {
		swiotlb_growth_close_large(mem, 0);
		swiotlb_growth_remove(mem, &empty);
	}
	swiotlb_growth_free(mem, &empty);
}

/**
 * swiotlb_growth_work() - the worker: add and free pools
 * @work:	Member of &struct swiotlb_growth.
 *
 * Context: Process context, takes swiotlb_pools_lock.
 */
void swiotlb_growth_work(struct work_struct *work)
{
	struct swiotlb_growth *growth = container_of(to_delayed_work(work),
						     struct swiotlb_growth, work);
	struct swiotlb_mem *mem = container_of(growth, struct swiotlb_mem, growth);
	bool failed = xchg(&growth->failed, false);
	bool pressed = xchg(&growth->pressed, false);
	unsigned long demand = swiotlb_growth_demand(mem);
	unsigned long copied = swiotlb_mem_bounced(mem);

	WRITE_ONCE(growth->looked, jiffies);
	swiotlb_growth_grow(mem, demand, failed);
	/* If data was copied since the last pass, keep a pool open, even if no mapping is left. */
	if (copied != growth->copied)
		demand = max(demand, 1UL);
	growth->copied = copied;
	swiotlb_growth_shrink(mem, demand, pressed ? SWIOTLB_QUIET / 10 : SWIOTLB_QUIET);
	if (READ_ONCE(mem->pools.held) > mem->boot_pool.nslots)
		queue_delayed_work(system_dfl_wq, &growth->work, SWIOTLB_TICK);
}

/* Run the worker now, or in the next jiffy if it has already run in this one. */
static void swiotlb_growth_kick(struct swiotlb_mem *mem, struct device *dev)
{
	bool again = READ_ONCE(mem->growth.looked) == jiffies;

	WRITE_ONCE(mem->growth.nid, swiotlb_dev_node(dev));
	mod_delayed_work(system_dfl_wq, &mem->growth.work, again);
}

/**
 * swiotlb_growth_look() - ask the worker to check if an allocator should grow
 * @mem:	Allocator that may grow, in which a map has found room.
 * @dev:	Device of the map.
 * @tight:	Little room is left. Otherwise ask only if fewer slots than the reserve are open.
 *
 * Context: Any.
 */
void swiotlb_growth_look(struct swiotlb_mem *mem, struct device *dev, bool tight)
{
	/* If pools have to be decrypted, ask more often: a burst must not use up the reserve. */
	unsigned long pause = mem->pub.cc_shared ? max(SWIOTLB_LOOK / 8, 1) : SWIOTLB_LOOK;

	if (!tight && swiotlb_growth_open(mem) >= swiotlb_growth_reserve(mem))
		return;
	/* The worker may be busy for seconds: not every map should ask again meanwhile. */
	if (swiotlb_is_recent(READ_ONCE(mem->growth.looked), pause) ||
	    swiotlb_is_recent(READ_ONCE(mem->growth.asked), pause))
		return;
	WRITE_ONCE(mem->growth.asked, jiffies);
	swiotlb_growth_kick(mem, dev);
}

/**
 * swiotlb_growth_want() - ask for another pool
 * @mem:	Allocator that may grow, in which a map has found no room.
 * @dev:	Device of the map.
 *
 * Context: Any.
 */
void swiotlb_growth_want(struct swiotlb_mem *mem, struct device *dev)
{
	if (READ_ONCE(mem->growth.failed))
		return;
	/* At the limit, the worker can only reopen a closed pool. */
	if (!READ_ONCE(mem->pools.closed) && swiotlb_mem_is_at_limit(mem))
		return;
	WRITE_ONCE(mem->growth.failed, true);
	swiotlb_growth_kick(mem, dev);
}

/* Estimate how many pages can be freed: those of added open pools that are not needed. */
static unsigned long swiotlb_growth_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct swiotlb_mem *mem = shrinker->private_data;
	long added = (long)READ_ONCE(mem->pub.nslabs) - mem->boot_pool.nslots;
	long unneeded;

	if (added <= 0)
		return 0;
	unneeded = swiotlb_growth_open(mem) - swiotlb_growth_enough(mem, swiotlb_growth_demand(mem));
	return max(min(added, unneeded), 0L) >> (PAGE_SHIFT - IO_TLB_SHIFT);
}

/* Let the worker free pools: that needs grace periods, and memory must be encrypted. */
static unsigned long swiotlb_growth_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct swiotlb_mem *mem = shrinker->private_data;

	if (!READ_ONCE(mem->growth.pressed)) {
		WRITE_ONCE(mem->growth.pressed, true);
		/* If all pools were needed recently, none can be closed: wait for the next tick. */
		if (!swiotlb_is_recent(READ_ONCE(mem->growth.busy), SWIOTLB_QUIET / 10))
			mod_delayed_work(system_dfl_wq, &mem->growth.work, 0);
	}
	return SHRINK_STOP;
}

/**
 * swiotlb_growth_shrinker() - register a shrinker for an allocator
 * @mem:	Allocator that may grow.
 *
 * Context: Process context.
 * Return: The shrinker, or %NULL if it cannot be allocated.
 */
struct shrinker *swiotlb_growth_shrinker(struct swiotlb_mem *mem)
{
	struct shrinker *shrinker = shrinker_alloc(0, "swiotlb");

	if (!shrinker)
		return NULL;
	shrinker->count_objects = swiotlb_growth_count;
	shrinker->scan_objects = swiotlb_growth_scan;
	shrinker->private_data = mem;
	shrinker_register(shrinker);
	return shrinker;
}

static int __init swiotlb_growth_initcall(void)
{
	struct swiotlb_mem *mem;

	for (mem = &swiotlb_default_mem; mem; mem = mem->wider)
		if (swiotlb_growth_is_enabled(mem) && !swiotlb_growth_shrinker(mem))
			return -ENOMEM;
	return 0;
}
device_initcall(swiotlb_growth_initcall);

/**
 * swiotlb_growth_enable() - let an allocator grow
 * @mem:	Allocator.
 * @last:	Highest physical address of new pools.
 * @nareas:	Number of areas that new pools should have.
 * @max_nslots:	Maximum number of slots in all pools; 0 for a share of memory.
 *
 * Memory that is hot-plugged above all other memory is not used.
 *
 * Context: Before the first map in @mem.
 */
void swiotlb_growth_enable(struct swiotlb_mem *mem, u64 last, unsigned int nareas,
			   unsigned long max_nslots)
{
	mem->last = min_t(u64, last, virt_to_phys(high_memory - 1));
	mem->growth.nareas = nareas;
	mem->growth.max_nslots = max_nslots;
	mem->growth.enabled = true;
}

/**
 * swiotlb_growth_disable() - stop an allocator from growing
 * @mem:	Allocator; also stops the wider one.
 *
 * Added pools are freed when they are no longer needed.
 *
 * Context: Process context, or boot.
 */
void swiotlb_growth_disable(struct swiotlb_mem *mem)
{
	for (; mem; mem = mem->wider) {
		scoped_guard(mutex, &swiotlb_pools_lock)
			WRITE_ONCE(mem->growth.enabled, false);
		cancel_delayed_work_sync(&mem->growth.work);
		if (mem->pools.held > mem->boot_pool.nslots)
			mod_delayed_work(system_dfl_wq, &mem->growth.work, 0);
		else if (mem->boot_pool.nslots)
			mem->last = mem->boot_pool.end - 1;
	}
}
