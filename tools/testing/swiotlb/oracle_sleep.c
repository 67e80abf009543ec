// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers that sleep, the limit of all allocators, and allocators of devices.
 *
 * One thread acts as all tasks. While a caller sleeps, others_run() lets time pass, runs
 * workers, and does an operation of another task, which may sleep as well. The first caller
 * in a queue must not sleep while there is room for it.
 */
#include "oracle.h"

#ifdef ENGINE_ours

#include <engine/large.h>

/* The longest time that a caller waits */
#define MOST (5 * HZ)
/* The most time that passes in one call of others_run() */
#define STEP (HZ + HZ / 4)

/**
 * struct sleeper - a map that may sleep
 * @req:	Its request.
 * @large:	Free slots do not help it: it waits for the limit.
 * @alone:	No other task does anything meanwhile.
 * @rng:	Random numbers for the operations of other tasks.
 * @outer:	The caller that sleeps while this one maps, NULL for none.
 */
struct sleeper {
	const struct ref_request *req;
	bool large, alone;
	struct rng rng;
	struct sleeper *outer;
};

static const struct oracle_case *the_case;
static const struct reference *the_ref;
static struct sleeper *sleeper;
/* Jiffies from which this task may wait again, in any queue; time-outs counted so far */
static unsigned long over_until;
static long timeouts;

static size_t nslots_of(const struct ref_request *req)
{
	struct ref_shape shape;

	ref_shape(req, &shape);
	return shape.nslots;
}

static bool is_large(const struct ref_request *req)
{
	return nslots_of(req) > SWIOTLB_MAX_SLOTS;
}

/* With a boundary or a bus offset, a pool may have to be larger: these requests are not simple */
static bool is_simple(const struct ref_request *req)
{
	return !req->dev->dma_parms->segment_boundary_mask && !req->dev->dma_range_map;
}

/* Can a pool of any size have room for the request? Try each slot of a pool of 4 MiB */
static bool is_possible(const struct ref_request *req)
{
	static struct reference empty;

	if (!empty.owner) {
		empty.owner = calloc(SHIM_PHYS_END >> IO_TLB_SHIFT, sizeof(*empty.owner));
		ref_add_pool(&empty, &(struct ref_pool){ .start = SZ_1G,
			     .nslots = SZ_4M >> IO_TLB_SHIFT, .nareas = 1, .mem = req->mem });
	}
	empty.pools[0].mem = req->mem;
	return is_large(req) ? is_simple(req) : ref_room(&empty, req) != 0;
}

/* ---- the limit */

#ifdef CONFIG_SWIOTLB_DYNAMIC

static struct shim_usage usage;

static struct swiotlb_mem *own_of(struct device *dev)
{
	struct swiotlb_mem *mem = to_swiotlb_mem(dev->dma_io_tlb_mem);

	return mem->common ? mem : NULL;
}

static void add_open_pools(struct reference *view, const struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool;

	list_for_each_entry(pool, &mem->pools.list, node)
		if (pool->state == SWIOTLB_POOL_OPEN)
			ref_add_pool(view, &(struct ref_pool){ .start = pool->start,
				     .nslots = pool->nslots, .nareas = pool->nareas });
}

/* The slots of all open pools that a device may use */
static const struct reference *pools_of(struct device *dev, bool common, bool own)
{
	static struct reference view;

	if (!oracle_has_limit(the_case))
		return the_ref;
	view.npools = 0;
	view.nareas = 0;
	view.owner = the_ref->owner;
	if (common) {
		add_open_pools(&view, &swiotlb_default_mem);
		add_open_pools(&view, &swiotlb_any_mem);
	}
	if (own && own_of(dev))
		add_open_pools(&view, own_of(dev));
	return &view;
}

static long slots_of_own_pools(void)
{
	struct io_tlb_pool *pool;
	unsigned int id;
	long n = 0;

	for (id = 1; id < SWIOTLB_MAX_POOLS; id++) {
		pool = swiotlb_pool_table[id];
		if (pool && pool->mem->common)
			n += pool->nslots;
	}
	return n;
}

/* Slots that the limit keeps for first pools of devices, see oracle_check_limit() */
static long slots_kept(void)
{
	return atomic_long_read(&swiotlb_default_mem.growth.apart) +
	       atomic_long_read(&swiotlb_any_mem.growth.apart) - slots_of_own_pools();
}

/* Slots that count towards the limit. A large map may free idle large pools first */
static long slots_held(bool idle_too)
{
	long n = swiotlb_default_mem.boot_pool.nslots +
		 swiotlb_transient_nslots(&swiotlb_default_mem) +
		 swiotlb_transient_nslots(&swiotlb_any_mem) + slots_kept();
	struct io_tlb_pool *pool;
	unsigned int id;

	for (id = 1; id < SWIOTLB_MAX_POOLS; id++) {
		pool = swiotlb_pool_table[id];
		if (pool && pool != &swiotlb_default_mem.boot_pool &&
		    (idle_too || pool->state != SWIOTLB_POOL_LARGE ||
		     swiotlb_pool_used(pool)))
			n += pool->nslots;
	}
	return n;
}

static long limit(void)
{
	return (long)the_case->max_mib * (SZ_1M >> IO_TLB_SHIFT);
}

/* The most slots that a pool for the request can need, with any alignment */
static long slots_for(const struct ref_request *req)
{
	unsigned long align = (req->alloc_mask | dma_get_min_align_mask(req->dev)) /
			      IO_TLB_SIZE + 1;

	if (is_large(req))
		return ALIGN(nslots_of(req) + align, SZ_2M >> IO_TLB_SHIFT);
	return 2 * (nslots_of(req) + align + PAGE_SLOTS);
}

static bool large_fits(const struct ref_request *req)
{
	return !the_case->faults && is_simple(req) &&
	       slots_held(false) + slots_for(req) <= limit();
}

/* Would the request fit if only the boot pool counted? */
static bool large_is_allowed(const struct ref_request *req)
{
	return !the_case->faults && is_simple(req) &&
	       swiotlb_default_mem.boot_pool.nslots + slots_for(req) <= limit();
}

/*
 * Check that a map which failed did not fit below the limit. In an encrypted guest, a map that
 * cannot sleep may also fail for lack of decrypted memory.
 */
static void expect_limit(const struct ref_request *req, bool may_sleep)
{
	if (!oracle_has_limit(the_case) || the_case->faults || is_large(req) ||
	    (the_case->encrypted && !may_sleep) || !is_possible(req))
		return;
	CHECK_MSG(slots_held(true) + slots_for(req) > limit(),
		  "%zu bytes fail, with %ld of %ld slots", req->size, slots_held(true),
		  limit());
}

void oracle_check_limit(struct device *const *devs)
{
	long kept = slots_kept();
	const struct swiotlb_mem *own;
	unsigned int i;

	if (!oracle_has_limit(the_case))
		return;
	/* The limit keeps room for the first pool of each device */
	for (i = 0; i < ORACLE_NDEVS; i++) {
		own = own_of(devs[i]);
		if (own && own->pools.held < own->growth.kept)
			kept -= own->growth.kept - own->pools.held;
	}
	CHECK_MSG(slots_held(true) <= limit(), "%ld slots, and the limit is %ld",
		  slots_held(true), limit());
	/* Room for devices that have ended counts until a worker has freed their allocators */
	CHECK_MSG(kept >= 0 && kept % SWIOTLB_MIN_GROW_SLOTS == 0 &&
		  (!kept || shim_work_queued()), "%ld slots count without a reason", kept);
	CHECK_EQ(swiotlb_mem_used(&swiotlb_default_mem), oracle_used_in(&swiotlb_default_mem));
	CHECK_EQ(swiotlb_mem_used(&swiotlb_any_mem), oracle_used_in(&swiotlb_any_mem));
	for (i = 0; i < ORACLE_NDEVS; i++) {
		own = own_of(devs[i]);
		if (!own)
			continue;
		CHECK_EQ(swiotlb_mem_used(own), oracle_used_in(own));
		CHECK_EQ(atomic_long_read(&own->growth.apart), 0);
	}
}

const void *oracle_home(struct device *dev, phys_addr_t tlb, size_t nslots)
{
	struct io_tlb_pool *pool;

	if (!oracle_has_limit(the_case))
		return NULL;
	pool = swiotlb_find_pool(dev, tlb);
	if (!CHECK(pool))
		return NULL;
	CHECK_EQ(swiotlb_pool_is_large(pool), nslots > SWIOTLB_MAX_SLOTS);
	CHECK(!pool->mem->common || pool->mem == own_of(dev));
	return swiotlb_pool_is_apart(pool) ? NULL : pool->mem;
}

/* Give some of the devices an allocator */
void oracle_give_own(struct device *dev, u32 pick)
{
	u32 nslots = 32 << (pick >> 4) % 8;

	if (the_case->family != ORACLE_OWN || !(pick % 4))
		return;
	if (!swiotlb_device_allocate(dev, 1 + (pick >> 2) % 4, nslots << IO_TLB_SHIFT)) {
		CHECK(the_case->faults);
		return;
	}
	CHECK_EQ(own_of(dev)->growth.max_nslots,
		 max(2 * min((long)nslots, limit()), (long)SZ_2M >> IO_TLB_SHIFT));
}

/* Add a pool to both allocators: their data that is never freed is then allocated */
static void warm_up(u64 mask)
{
	static phys_addr_t tlbs[1024];
	struct device *dev = device_below(mask);
	unsigned int n = the_case->nslots * 3 / 4 / (SZ_64K / IO_TLB_SIZE);

	n = map_until_full(dev, new_buffer(SZ_64K, 0), SZ_64K, tlbs, n);
	shim_run_work();
	unmap_all(dev, SZ_64K, tlbs, n);
	ticks(30);
}

void oracle_sleep_begin(const struct oracle_case *c, const struct reference *ref)
{
	the_case = c;
	the_ref = ref;
	if (!oracle_has_limit(c))
		return;
	warm_up(DMA_BIT_MASK(32));
	warm_up(~0ULL);
	usage = shim_usage();
}

/* All devices have ended, and nothing is mapped: only the boot pool is left */
void oracle_sleep_end(void)
{
	struct shim_usage now;

	if (!oracle_has_limit(the_case))
		return;
	ticks(40);
	now = shim_usage();
	CHECK_EQ(slots_held(true), swiotlb_default_mem.boot_pool.nslots);
	CHECK_EQ(swiotlb_default_mem.growth.apart.counter, 0);
	CHECK_EQ(swiotlb_any_mem.growth.apart.counter, 0);
	CHECK_EQ(now.pages, usage.pages);
	CHECK_EQ(now.decrypted_pages, usage.decrypted_pages);
	CHECK_EQ(now.kmallocs, usage.kmallocs);
	CHECK_EQ(now.pcpu_allocs, usage.pcpu_allocs);
	CHECK_EQ(shim_work_queued(), 0);
}

/* No caller waits, so no allocator may be marked as waited for */
static void expect_no_mark(struct device *dev)
{
	CHECK(!swiotlb_cache_is_waited(&swiotlb_default_mem.cache));
	CHECK(!swiotlb_cache_is_waited(&swiotlb_any_mem.cache));
	CHECK(!own_of(dev) || !swiotlb_cache_is_waited(&own_of(dev)->cache));
}

/* Behind a caller of another device, the first caller of a device searches its own pools */
static bool first_of_own(const struct sleeper *s)
{
	return !s->large && own_of(s->req->dev) &&
	       own_of(s->req->dev) != own_of(s->outer->req->dev);
}

#else

static const struct reference *pools_of(struct device *dev, bool common, bool own)
{
	return the_ref;
}

static bool large_fits(const struct ref_request *req)
{
	return false;
}

static bool large_is_allowed(const struct ref_request *req)
{
	return false;
}

static void expect_limit(const struct ref_request *req, bool may_sleep)
{
}

static bool first_of_own(const struct sleeper *s)
{
	return false;
}

static void expect_no_mark(struct device *dev)
{
	CHECK(!swiotlb_cache_is_waited(&swiotlb_default_mem.cache));
}

void oracle_check_limit(struct device *const *devs)
{
}

const void *oracle_home(struct device *dev, phys_addr_t tlb, size_t nslots)
{
	return NULL;
}

void oracle_give_own(struct device *dev, u32 pick)
{
}

void oracle_sleep_begin(const struct oracle_case *c, const struct reference *ref)
{
	the_case = c;
	the_ref = ref;
}

void oracle_sleep_end(void)
{
}
#endif

/* ---- callers that sleep */

static void expect_full(const struct ref_request *req, const struct reference *pools,
			bool may_sleep, const char *when)
{
	phys_addr_t room = ref_room(pools, req);

	CHECK_MSG(!room && !(may_sleep && is_large(req) && large_fits(req)),
		  "%s: %zu bytes of %llx (alloc_mask 0x%x, min_align 0x%x, boundary 0x%lx) fit at %llx",
		  when, req->size, req->orig, req->alloc_mask, dma_get_min_align_mask(req->dev),
		  dma_get_seg_boundary(req->dev), room);
}

void oracle_expect_full(const struct ref_request *req, bool may_sleep)
{
	/* Maps that cannot sleep may miss slots of the device's own allocator */
	expect_full(req, pools_of(req->dev, true, false), may_sleep, "failed");
	expect_limit(req, may_sleep);
}

/* Would the request fit if nothing else were mapped? */
static bool others_can_help(const struct ref_request *req)
{
	struct reference empty = *pools_of(req->dev, true, true);
	static u16 *none;

	if (is_large(req))
		return large_is_allowed(req);
	none = none ?: calloc(SHIM_PHYS_END >> IO_TLB_SHIFT, sizeof(*none));
	empty.owner = none;
	return ref_room(&empty, req);
}

/* Before a caller sleeps again, its search must have found no room */
static void expect_sleep(const struct sleeper *s)
{
	if (!s->outer)
		expect_full(s->req, pools_of(s->req->dev, true, true), true, "asleep");
	else if (first_of_own(s))
		expect_full(s->req, pools_of(s->req->dev, false, true), true,
			    "asleep behind others");
}

static void others_run(void)
{
	struct sleeper *s = sleeper;
	unsigned int cpu = raw_smp_processor_id();
	u32 r = rng_below(&s->rng, 64);
	struct op op;

	expect_sleep(s);
	shim_advance(s->alone ? STEP : 1 + (r % 16 ? 0 : rng_below(&s->rng, HZ)));
	shim_run_work();
	if (!r || check_failures()) {
		shim_killed = true;
	} else if (!s->alone) {
		oracle_draw_ops(the_case, &op, 1, &s->rng);
		op.kind = r < 48 ? OP_UNMAP : OP_MAP;
		op.may_sleep = op.may_sleep && !s->outer;
		oracle_other(&op);
	}
	shim_set_cpu(cpu);
}

static long timeouts_counted(void)
{
	return atomic_long_read(&swiotlb_default_mem.events[SWIOTLB_WAIT_TIMED_OUT]);
}

/* Check the time that a failed map has waited. With @over, it must not have waited */
static void expect_patience(const struct sleeper *s, unsigned long elapsed, bool over)
{
	bool queued = s->outer && s->outer->large == s->large;

	if (over)
		CHECK_EQ(elapsed, 0);
	else if (queued ? is_possible(s->req) : others_can_help(s->req))
		CHECK_MSG(elapsed >= MOST,
			  "%zu bytes (%zu slots, alloc_mask 0x%x) wait %lu jiffies only%s",
			  s->req->size, nslots_of(s->req), s->req->alloc_mask, elapsed,
			  queued ? ", behind others" : "");
	/* A caller that may neither wait nor overtake others does not search */
	if (!over || !queued)
		oracle_expect_full(s->req, true);
}

phys_addr_t oracle_map_sleeping(const struct op *op, const struct ref_request *req,
				enum dma_data_direction dir, unsigned long attrs)
{
	struct sleeper s = {
		.req = req, .large = is_large(req), .alone = !(op->pick >> 23 & 63),
		.rng = { op->pick + 1ULL }, .outer = sleeper,
	};
	unsigned long began = jiffies, elapsed;
	bool over = time_before(jiffies, over_until), killed;
	phys_addr_t tlb;

	sleeper = &s;
	shim_meanwhile = others_run;
	tlb = map_full(req->dev, req->orig, req->size, req->alloc_mask, dir,
		       attrs | DMA_ATTR_MAY_SLEEP);
	sleeper = s.outer;
	shim_meanwhile = sleeper ? others_run : NULL;
	killed = shim_killed;
	shim_killed = false;
	elapsed = jiffies - began;
	oracle_stats.waits += !!elapsed;
	if (timeouts_counted() > timeouts) {
		oracle_stats.timeouts++;
		over_until = jiffies + MOST;
	}
	timeouts = timeouts_counted();
	/* The wait of another task may be nested in that of the outermost one */
	CHECK(elapsed < (s.outer ? 1 : 2) * (MOST + STEP));
	if (!s.outer)
		expect_no_mark(req->dev);
	if (tlb == MAP_FAILED_ADDR && !killed)
		expect_patience(&s, elapsed, over);
	return tlb;
}
#endif
