// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker of an allocator: it adds pools, and frees them.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "limit.h"
#include "pages.h"

/**
 * DOC: Growth
 *
 * One rule: at most half of the slots of open pools are in use.
 *
 *  - When more are, the worker opens a closed pool, or adds one: as much as makes the
 *    whole a power of two and twice what is in use, within the limit. Pools double, so
 *    there are few. When memory is short, it adds a smaller pool; when there is none, it
 *    tries again after a time that doubles.
 *  - When the other pools alone would hold twice what is in use, and have for a quiet
 *    time, the youngest pool is closed, and freed once it is empty. Nothing is closed and
 *    opened in turn, since growth begins where this ends. When memory is short, there is
 *    no quiet time.
 *
 * A map only says that the worker should look: ahead of need when it took a slot of an
 * area that is half full, and at once when it found no room. It does not count.
 *
 * Devices with more reach fall back to the narrower allocator. So for the wider one, the
 * slots of both count, in use and open: low memory made at boot is used before pools are
 * added above it, but only the wider one grows for these devices.
 */

/* How often the worker looks while there are pools to free, in jiffies. */
#define SWIOTLB_TICK		HZ
/* How soon it looks again because an area is half full. */
#define SWIOTLB_LOOK		(HZ / 16 ?: 1)
/* How long a pool must not have been needed before it is closed. */
#define SWIOTLB_QUIET		(5 * HZ)
/* How long it waits after memory was short; doubles up to 64 times. */
#define SWIOTLB_BACKOFF		HZ
#define SWIOTLB_MAX_FAILURES	6

/* The first pool to be added: smaller ones would be many. */
#define SWIOTLB_FIRST_SLOTS	(SZ_4M >> IO_TLB_SHIFT)
/* A cell of a magazine cannot name slots beyond. */
#define SWIOTLB_LAST_SLOTS	BIT(SWIOTLB_CELL_INDEX_BITS)

/**
 * swiotlb_growth_is_enabled() - may an allocator have pools made at run time?
 * @mem:	Allocator.
 *
 * Context: Any.
 * Return: %true if it may.
 */
bool swiotlb_growth_is_enabled(const struct swiotlb_mem *mem)
{
	return READ_ONCE(mem->growth.enabled);
}

static unsigned long swiotlb_growth_demand(const struct swiotlb_mem *mem)
{
	unsigned long nslots = 0;

	for (; mem; mem = mem->narrower)
		nslots += swiotlb_mem_used(mem) +
			  atomic_long_read(&mem->growth.transient);
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

/*
 * Maps may fail while less than half is in use: no run is long enough, or a burst is over
 * already. But not for want of slots while a pool is empty.
 */
static bool swiotlb_growth_must(struct swiotlb_mem *mem, unsigned long demand,
				bool failed)
{
	struct io_tlb_pool *pool;

	if (demand > swiotlb_growth_open(mem) / 2)
		return true;
	pool = swiotlb_growth_find(mem, SWIOTLB_POOL_OPEN);
	return failed && !(pool && !swiotlb_pool_used(pool));
}

static void swiotlb_growth_resized(struct swiotlb_mem *mem)
{
	lockdep_assert_held(&swiotlb_pools_lock);
	swiotlb_magazines_resize(&mem->cache, mem->pub.nslabs);
}

static bool swiotlb_growth_reopen(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool = swiotlb_growth_find(mem, SWIOTLB_POOL_CLOSED);

	if (!pool)
		return false;
	swiotlb_pools_reopen(mem, pool);
	swiotlb_growth_resized(mem);
	swiotlb_count(mem, SWIOTLB_REOPENED, 1);
	return true;
}

/* How large a pool to add, in slots; 0 for none. */
static unsigned long swiotlb_growth_size(struct swiotlb_mem *mem,
					 unsigned long demand)
{
	unsigned long nslots, open = swiotlb_growth_open(mem);
	long room = swiotlb_limit_room(mem);

	if (room < (long)SWIOTLB_MIN_GROW_SLOTS) {
		pr_warn_once("%lu KiB is all that swiotlb may have, \"swiotlb=max=\" can change that\n",
			     swiotlb_kib(swiotlb_limit_nslots(mem)));
		return 0;
	}
	nslots = roundup_pow_of_two(2 * max(demand, open / 2 + 1)) - open;
	nslots = roundup_pow_of_two(max(nslots, SWIOTLB_FIRST_SLOTS));
	return min3(nslots, rounddown_pow_of_two(room), SWIOTLB_LAST_SLOTS);
}

/*
 * Twice as many areas would fit: an area of the size of the largest mapping can
 * hold it only at one position, which a device's alignment may exclude.
 */
static unsigned int swiotlb_growth_nareas(const struct swiotlb_mem *mem,
					  unsigned long nslots)
{
	return swiotlb_limit_nareas(mem->growth.nareas, nslots / 2);
}

static void swiotlb_growth_lose(struct swiotlb_mem *mem, size_t bytes)
{
	atomic_long_add(bytes >> IO_TLB_SHIFT, &mem->growth.lost);
	swiotlb_count(mem, SWIOTLB_LEAKED, bytes);
}

/* As much as can be had in one piece. The lock is not held: it may take seconds. */
static struct io_tlb_pool *swiotlb_growth_create(struct swiotlb_mem *mem,
						 unsigned long nslots)
{
	struct swiotlb_pages_want want = {
		.last = mem->last,
		.nid = READ_ONCE(mem->growth.nid),
		.gfp = GFP_KERNEL | __GFP_NOWARN,
		.shared = mem->pub.cc_shared,
	};
	struct io_tlb_pool *pool = ERR_PTR(-ENOMEM);
	size_t lost;

	if (swiotlb_index_prepare())
		return pool;

	for (; nslots >= SWIOTLB_MIN_GROW_SLOTS; nslots /= 2) {
		want.bytes = nslots << IO_TLB_SHIFT;
		pool = swiotlb_pool_create(mem, &want,
					   swiotlb_growth_nareas(mem, nslots),
					   &lost);
		if (want.shared && PTR_ERR_OR_ZERO(pool) != -ENOMEM)
			swiotlb_count(mem, SWIOTLB_SET_MEMORY, 1);
		if (lost)
			swiotlb_growth_lose(mem, lost);
		/* If this memory cannot be decrypted, other memory cannot, either. */
		if (pool != ERR_PTR(-ENOMEM))
			break;
	}
	return pool;
}

static void swiotlb_growth_destroy(struct swiotlb_mem *mem,
				   struct io_tlb_pool *pool)
{
	phys_addr_t start = pool->start, bytes = pool->end - pool->start;

	if (mem->pub.cc_shared)
		swiotlb_count(mem, SWIOTLB_SET_MEMORY, 1);
	if (!swiotlb_pool_destroy(pool)) {
		swiotlb_growth_lose(mem, bytes);
		return;
	}
	swiotlb_count(mem, SWIOTLB_FREED, 1);
	trace_swiotlb_shrink(start, bytes, READ_ONCE(mem->pools.held));
	pr_info_ratelimited("pool of %lu KiB freed, %lu KiB are left\n",
			    (unsigned long)(bytes >> 10),
			    swiotlb_kib(READ_ONCE(mem->pools.held)));
}

static int swiotlb_growth_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	int ret;

	guard(mutex)(&swiotlb_pools_lock);
	if (!mem->growth.enabled)
		return -EBUSY;
	ret = swiotlb_pools_add(mem, pool);
	if (ret)
		return ret;

	if (swiotlb_mem_start_magazines(mem))
		pr_warn_once("no memory for magazines\n");
	swiotlb_growth_resized(mem);
	swiotlb_count(mem, SWIOTLB_GROWN, 1);
	trace_swiotlb_grow(pool->start, pool->end - pool->start, mem->pools.held);
	pr_info_ratelimited("pool %u of %lu KiB added, %lu KiB in all\n", pool->id,
			    swiotlb_kib(pool->nslots), swiotlb_kib(mem->pools.held));
	return 0;
}

static void swiotlb_growth_failed(struct swiotlb_mem *mem, bool crypt)
{
	struct swiotlb_growth *growth = &mem->growth;

	/* Decrypting that failed is likely to fail again: take the longest time. */
	if (crypt)
		growth->failures = SWIOTLB_MAX_FAILURES;
	growth->next_try = jiffies + (SWIOTLB_BACKOFF << growth->failures);
	if (growth->failures < SWIOTLB_MAX_FAILURES)
		growth->failures++;
	swiotlb_count(mem, SWIOTLB_GROW_FAILED, 1);
	pr_warn_ratelimited("Failed to allocate new pool\n");
}

static bool swiotlb_growth_is_too_early(const struct swiotlb_mem *mem)
{
	unsigned long next = mem->growth.next_try;

	/* A range: it may lie so far back that jiffies have wrapped. */
	return mem->growth.failures &&
	       time_in_range_open(jiffies, next - (SWIOTLB_BACKOFF << SWIOTLB_MAX_FAILURES),
				  next);
}

/* The worker alone adds pools: the size that was planned stays within the limit. */
static void swiotlb_growth_grow(struct swiotlb_mem *mem, unsigned long demand,
				bool failed)
{
	struct io_tlb_pool *pool;
	unsigned long nslots;

	scoped_guard(mutex, &swiotlb_pools_lock) {
		if (!swiotlb_growth_must(mem, demand, failed) ||
		    swiotlb_growth_reopen(mem) || !mem->growth.enabled ||
		    swiotlb_growth_is_too_early(mem))
			return;
		nslots = swiotlb_growth_size(mem, demand);
		if (!nslots)
			return;
	}

	pool = swiotlb_growth_create(mem, nslots);
	if (IS_ERR(pool)) {
		swiotlb_growth_failed(mem, pool != ERR_PTR(-ENOMEM));
	} else if (swiotlb_growth_add(mem, pool)) {
		swiotlb_growth_destroy(mem, pool);
	} else {
		mem->growth.failures = 0;
		mem->growth.busy = jiffies;
	}
}

static bool swiotlb_growth_is_quiet(const struct swiotlb_growth *growth)
{
	return !time_in_range(jiffies, growth->busy, growth->busy + SWIOTLB_QUIET);
}

/* The youngest first: older ones are searched first, so long-lived buffers are there. */
static bool swiotlb_growth_close(struct swiotlb_mem *mem, unsigned long demand,
				 bool pressed)
{
	struct swiotlb_growth *growth = &mem->growth;
	struct io_tlb_pool *pool;
	bool closed = false;

	lockdep_assert_held(&swiotlb_pools_lock);
	while ((pool = swiotlb_growth_find(mem, SWIOTLB_POOL_OPEN))) {
		if (demand > (swiotlb_growth_open(mem) - pool->nslots) / 2) {
			growth->busy = jiffies;
			break;
		}
		if (growth->enabled && !pressed && !swiotlb_growth_is_quiet(growth))
			break;
		swiotlb_pools_close(mem, pool);
		swiotlb_count(mem, SWIOTLB_CLOSED, 1);
		closed = true;
	}
	return closed;
}

/* Closed pools that are empty move to @empty. */
static void swiotlb_growth_remove(struct swiotlb_mem *mem, struct list_head *empty)
{
	struct io_tlb_pool *pool, *next;

	lockdep_assert_held(&swiotlb_pools_lock);
	list_for_each_entry_safe(pool, next, &mem->pools.list, node) {
		if (pool->state != SWIOTLB_POOL_CLOSED)
			continue;
		swiotlb_magazines_drain_pool(&mem->cache, pool);
		if (!swiotlb_pool_is_empty(pool))
			continue;
		swiotlb_pools_remove(mem, pool);
		list_add_tail(&pool->node, empty);
	}
}

static void swiotlb_growth_shrink(struct swiotlb_mem *mem, unsigned long demand,
				  bool pressed)
{
	struct io_tlb_pool *pool, *next;
	LIST_HEAD(empty);

	scoped_guard(mutex, &swiotlb_pools_lock) {
		if (swiotlb_growth_close(mem, demand, pressed)) {
			swiotlb_growth_resized(mem);
			/* (a) in "Life of a pool" */
			synchronize_rcu();
		}
		swiotlb_growth_remove(mem, &empty);
	}
	if (list_empty(&empty))
		return;

	/* (b) */
	synchronize_rcu();
	list_for_each_entry_safe(pool, next, &empty, node) {
		swiotlb_pool_unnumber(pool);
		swiotlb_growth_destroy(mem, pool);
	}
}

static void swiotlb_growth_work(struct work_struct *work)
{
	struct swiotlb_growth *growth = container_of(to_delayed_work(work),
						     struct swiotlb_growth, work);
	struct swiotlb_mem *mem = container_of(growth, struct swiotlb_mem, growth);
	bool failed = xchg(&growth->failed, false);
	bool pressed = xchg(&growth->pressed, false);
	unsigned long demand = swiotlb_growth_demand(mem);

	WRITE_ONCE(growth->demand, demand);
	WRITE_ONCE(growth->looked, jiffies);
	swiotlb_growth_grow(mem, demand, failed);
	swiotlb_growth_shrink(mem, demand, pressed);
	if (READ_ONCE(mem->pools.held) > mem->boot_pool.nslots)
		queue_delayed_work(system_dfl_wq, &growth->work, SWIOTLB_TICK);
}

/* At most once in a jiffy. */
static void swiotlb_growth_kick(struct swiotlb_mem *mem, struct device *dev)
{
	bool again = READ_ONCE(mem->growth.looked) == jiffies;

	WRITE_ONCE(mem->growth.nid, swiotlb_dev_node(dev));
	mod_delayed_work(system_dfl_wq, &mem->growth.work, again);
}

/**
 * swiotlb_growth_look() - look whether an allocator should grow
 * @mem:	Allocator in which a map has found little room.
 * @dev:	Device that mapped.
 *
 * Context: Any.
 */
void swiotlb_growth_look(struct swiotlb_mem *mem, struct device *dev)
{
	unsigned long looked = READ_ONCE(mem->growth.looked);

	if (swiotlb_growth_is_enabled(mem) &&
	    !time_in_range_open(jiffies, looked, looked + SWIOTLB_LOOK))
		swiotlb_growth_kick(mem, dev);
}

/**
 * swiotlb_growth_want() - ask for another pool
 * @mem:	Allocator in which a map has found no room.
 * @dev:	Device that wanted to map.
 *
 * Context: Any.
 */
void swiotlb_growth_want(struct swiotlb_mem *mem, struct device *dev)
{
	if (!swiotlb_growth_is_enabled(mem) || READ_ONCE(mem->growth.failed))
		return;
	WRITE_ONCE(mem->growth.failed, true);
	swiotlb_growth_kick(mem, dev);
}

/* In pages: pools that are not needed now. */
static unsigned long swiotlb_growth_count(struct shrinker *shrinker,
					  struct shrink_control *sc)
{
	struct swiotlb_mem *mem = shrinker->private_data;
	unsigned long held = READ_ONCE(mem->pools.held);
	unsigned long keep = max(mem->boot_pool.nslots,
				 2 * READ_ONCE(mem->growth.demand));

	return held > keep ? (held - keep) >> (PAGE_SHIFT - IO_TLB_SHIFT) : 0;
}

/* The worker waits for grace periods, and encrypts: reclaim does not wait for it. */
static unsigned long swiotlb_growth_scan(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	struct swiotlb_mem *mem = shrinker->private_data;

	if (!READ_ONCE(mem->growth.pressed)) {
		WRITE_ONCE(mem->growth.pressed, true);
		mod_delayed_work(system_dfl_wq, &mem->growth.work, 0);
	}
	return SHRINK_STOP;
}

static int __init swiotlb_growth_shrinker_init(void)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;

	for (; mem; mem = mem->wider) {
		if (!swiotlb_growth_is_enabled(mem))
			continue;
		mem->growth.shrinker = shrinker_alloc(0, "swiotlb");
		if (!mem->growth.shrinker)
			return -ENOMEM;
		mem->growth.shrinker->count_objects = swiotlb_growth_count;
		mem->growth.shrinker->scan_objects = swiotlb_growth_scan;
		mem->growth.shrinker->private_data = mem;
		shrinker_register(mem->growth.shrinker);
	}
	return 0;
}
device_initcall(swiotlb_growth_shrinker_init);

/**
 * swiotlb_growth_init() - initialize the growth of an allocator
 * @mem:	Allocator. It does not grow until swiotlb_growth_enable().
 *
 * Context: @mem is not shared yet.
 */
void swiotlb_growth_init(struct swiotlb_mem *mem)
{
	struct swiotlb_growth *growth = &mem->growth;

	growth->enabled = false;
	growth->failed = false;
	growth->failures = 0;
	growth->demand = 0;
	growth->looked = jiffies - SWIOTLB_LOOK;
	growth->busy = jiffies;
	growth->nid = NUMA_NO_NODE;
	atomic_long_set(&growth->lost, 0);
	atomic_long_set(&growth->transient, 0);
	INIT_DELAYED_WORK(&growth->work, swiotlb_growth_work);
}

/**
 * swiotlb_growth_enable() - let an allocator grow
 * @mem:	Allocator.
 * @last:	Highest physical address of new pools.
 * @nareas:	Areas that they should have.
 * @max_nslots:	The most slots in all pools together; 0 for a share of memory.
 *
 * Memory that is plugged in later above all other memory is not used.
 *
 * Context: Before the first map.
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
 * swiotlb_growth_disable() - let an allocator no longer grow
 * @mem:	Allocator, and so those that are wider.
 *
 * Pools that it has are freed once they are not needed.
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
