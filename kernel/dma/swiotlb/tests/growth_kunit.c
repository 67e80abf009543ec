// SPDX-License-Identifier: GPL-2.0-only
/*
 * Growth: when a pool is added, how large it is, when it is closed and freed. Except in
 * tests of the worker itself and of a load, the test runs the function of the worker.
 *
 * Some kernels cannot allocate a pool larger than the largest block of the page
 * allocator. Tests of sizes therefore look at the requests that a source refuses.
 */

#include "../mem.h"
#include "../pages.h"
#include "fixture.h"

#define SWIOTLB_TEST_ALL	(SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT)

/* Size of the smallest pool that is added, in bytes. */
#define SWIOTLB_TEST_POOL	SZ_2M
#define SWIOTLB_TEST_POOL_SLOTS	(SWIOTLB_TEST_POOL >> IO_TLB_SHIFT)
/* Size that the worker tries first for a small load, in bytes. */
#define SWIOTLB_TEST_FIRST	SZ_4M

/* Pretend that a number of slots is in use. */
static void swiotlb_test_set_used(struct swiotlb_mem *mem, long nslots)
{
	atomic_long_add(nslots - (long)swiotlb_mem_used(mem), &mem->early_used);
}

static struct io_tlb_pool *swiotlb_test_youngest(struct swiotlb_mem *mem)
{
	return list_last_entry(&mem->pools.list, struct io_tlb_pool, node);
}

static void swiotlb_test_allow(struct swiotlb_mem *mem)
{
	mem->growth.tried = jiffies - mem->growth.backoff;
}

/* Grow by a pool of SWIOTLB_TEST_POOL bytes, and return that pool. */
static struct io_tlb_pool *swiotlb_test_add_pool(struct kunit *test,
						 struct swiotlb_mem *mem)
{
	unsigned long used = swiotlb_mem_used(mem), held = mem->pools.held;

	swiotlb_test_start_source(test, SWIOTLB_TEST_POOL, -ENOMEM);
	swiotlb_test_set_used(mem, mem->pub.nslabs / 2 + 1);
	swiotlb_test_tick(mem);
	swiotlb_test_set_used(mem, used);
	kunit_deactivate_static_stub(test, swiotlb_pages_alloc);
	if (mem->pools.held == held)
		kunit_skip(test, "no memory for a pool");
	KUNIT_ASSERT_EQ(test, mem->pools.held, held + SWIOTLB_TEST_POOL_SLOTS);
	return swiotlb_test_youngest(mem);
}

/* -------------------------------------------------------------- size --- */

/**
 * struct swiotlb_test_size - a load, and the pool that is added for it
 * @open:	Slots of open pools.
 * @used:	Slots in use.
 * @limit:	Limit of the allocator, in slots.
 * @want:	Size of the pool in MiB, 0 for none.
 */
struct swiotlb_test_size {
	unsigned long open;
	unsigned long used;
	unsigned long limit;
	unsigned int want;
};

#define SWIOTLB_MIB(n)	((unsigned long)(n) << (20 - IO_TLB_SHIFT))

static const struct swiotlb_test_size swiotlb_sizes[] = {
	/* No pool is added until more than half of the slots are in use. */
	{ SWIOTLB_MIB(1), SWIOTLB_MIB(1) / 2, SWIOTLB_MIB(4096), 0 },
	{ SWIOTLB_MIB(1), SWIOTLB_MIB(1) / 2 + 1, SWIOTLB_MIB(4096), 4 },
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(32), SWIOTLB_MIB(4096), 0 },
	/* The open slots grow to at least the power of two that holds twice the slots in use. */
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(32) + 1, SWIOTLB_MIB(4096), 64 },
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(64), SWIOTLB_MIB(4096), 64 },
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(64) + 1, SWIOTLB_MIB(4096), 256 },
	{ SWIOTLB_MIB(4), SWIOTLB_MIB(30), SWIOTLB_MIB(4096), 64 },
	{ SWIOTLB_MIB(8), SWIOTLB_MIB(5), SWIOTLB_MIB(4096), 8 },
	/* The size of a pool itself is also a power of two. */
	{ SWIOTLB_MIB(5), SWIOTLB_MIB(3), SWIOTLB_MIB(4096), 4 },
	{ SWIOTLB_MIB(6), SWIOTLB_MIB(7), SWIOTLB_MIB(4096), 16 },
	/* The limit is not exceeded, and no pool is added below the smallest size. */
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(50), SWIOTLB_MIB(127), 32 },
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(50), SWIOTLB_MIB(66), 2 },
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(50), SWIOTLB_MIB(66) - 1, 0 },
	{ SWIOTLB_MIB(64), SWIOTLB_MIB(50), SWIOTLB_MIB(32), 0 },
	/* No pool exceeds 4 GiB: a cell of a magazine cannot hold the index of a later slot. */
	{ SWIOTLB_MIB(8192), SWIOTLB_MIB(8000), SWIOTLB_MIB(100000), 4096 },
};

static void swiotlb_test_size_desc(const struct swiotlb_test_size *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%lu of %lu slots, at most %lu", size->used,
		 size->open, size->limit);
}

KUNIT_ARRAY_PARAM(swiotlb_size, swiotlb_sizes, swiotlb_test_size_desc);

static void swiotlb_growth_size_test(struct kunit *test)
{
	const struct swiotlb_test_size *size = test->param_value;
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	if (size->want > 2048 && !IS_ENABLED(CONFIG_64BIT))
		kunit_skip(test, "no memory is so large");
	swiotlb_test_start_source(test, 0, -ENOMEM);
	mem->growth.max_nslots = size->limit;
	mem->pub.nslabs = size->open;
	mem->pools.held = size->open;
	swiotlb_test_set_used(mem, size->used);
	swiotlb_test_tick(mem);
	if (size->want)
		KUNIT_EXPECT_EQ(test, swiotlb_test_source.bytes[0] >> 20, size->want);
	else
		KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	mem->pub.nslabs = SWIOTLB_TEST_NSLOTS;
	mem->pools.held = SWIOTLB_TEST_NSLOTS;
	swiotlb_test_set_used(mem, 0);
}

/* After each failure half of the size is tried, down to 2 MiB. */
static void swiotlb_growth_halves_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned int i;

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_set_used(mem, SWIOTLB_MIB(5));
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, swiotlb_test_source.bytes[i], SZ_16M >> i);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_GROW_FAILED, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_GROWN, 0);
	swiotlb_test_set_used(mem, 0);
}

/* A smaller pool is added if no larger one can be allocated. */
static void swiotlb_growth_smaller_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);

	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 2);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.bytes[0], SWIOTLB_TEST_FIRST);
	KUNIT_EXPECT_EQ(test, pool->end - pool->start, SWIOTLB_TEST_POOL);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(pool->start, SWIOTLB_TEST_POOL));
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs,
			SWIOTLB_TEST_NSLOTS + SWIOTLB_TEST_POOL_SLOTS);
	KUNIT_EXPECT_EQ(test, mem->growth.backoff, 0);
	KUNIT_EXPECT_NE(test, pool->id, 0);
	KUNIT_EXPECT_NE(test, mem->boot_pool.id, 0);
	KUNIT_EXPECT_NOT_NULL(test, (void __force *)mem->cache.cpu);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_GROWN, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_GROW_FAILED, 0);
}

/* Slots of transient pools count as in use when growth is decided. */
static void swiotlb_growth_transient_demand_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS / 4);
	atomic_long_set(&mem->growth.transient, SWIOTLB_TEST_NSLOTS / 4);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	atomic_long_inc(&mem->growth.transient);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_GT(test, swiotlb_test_source.asked, 0);
	atomic_long_set(&mem->growth.transient, 0);
	swiotlb_test_set_used(mem, 0);
}

/* ---------------------------------------------------------- failed map --- */

/* A failed map adds a pool even if few slots are in use, unless the youngest pool is empty. */
static void swiotlb_growth_failed_map_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct swiotlb_request req = swiotlb_test_request(1);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	mem->growth.busy = jiffies;
	mem->growth.failed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	KUNIT_EXPECT_FALSE(test, mem->growth.failed);

	swiotlb_pool_map(pool, 0, &req, pool->start);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	mem->growth.failed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_GT(test, swiotlb_test_source.asked, 0);
	swiotlb_pool_release(pool, 0, 1, NULL, 0);
}

/* A pool added for a failed map is not closed at once: the next map needs it. */
static void swiotlb_growth_failed_map_stays_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_test_start_source(test, SWIOTLB_TEST_POOL, -ENOMEM);
	mem->growth.busy = jiffies - SWIOTLB_TEST_LONG_AGO;
	mem->growth.failed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_GT(test, swiotlb_test_source.asked, 0);
	if (mem->growth.backoff)
		kunit_skip(test, "no memory for a pool");
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs,
			SWIOTLB_TEST_NSLOTS + SWIOTLB_TEST_POOL_SLOTS);
}

static void swiotlb_growth_disabled_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_growth_disable(mem);
	KUNIT_EXPECT_FALSE(test, swiotlb_growth_is_enabled(mem));
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&mem->growth.work));
	mem->growth.failed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	/* Without other pools, a device only has to reach the boot pool. */
	KUNIT_EXPECT_EQ(test, mem->last, mem->boot_pool.end - 1);
}

/* When growth is disabled, added pools are freed even if the load was recent. */
static void swiotlb_growth_disabled_frees_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned int i;

	swiotlb_test_add_pool(test, mem);
	mem->growth.busy = jiffies;
	swiotlb_growth_disable(mem);
	for (i = 0; i < 100 && READ_ONCE(mem->pools.held) > SWIOTLB_TEST_NSLOTS; i++) {
		flush_delayed_work(&mem->growth.work);
		schedule_timeout_uninterruptible(1);
	}
	KUNIT_EXPECT_EQ(test, mem->pools.held, SWIOTLB_TEST_NSLOTS);
}

/* Maps request a check at a limited rate. Of several failed maps, only one requests it. */
static void swiotlb_growth_ask_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);

	/* The worker has just looked, so no check is due. */
	mem->growth.looked = jiffies;
	swiotlb_growth_look(mem, dev, true);
	if (time_before(jiffies, mem->growth.looked + HZ / 32))
		KUNIT_EXPECT_FALSE(test, delayed_work_pending(&mem->growth.work));
	mem->growth.failed = true;
	swiotlb_growth_want(mem, dev);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&mem->growth.work));

	mem->growth.failed = false;
	mem->growth.looked = jiffies - HZ;
	swiotlb_growth_look(mem, dev, true);
	flush_delayed_work(&mem->growth.work);
	KUNIT_EXPECT_TRUE(test, time_in_range(mem->growth.looked, jiffies - HZ / 2, jiffies));
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
}

/* ----------------------------------------------------------- back-off --- */

static void swiotlb_test_expect_wait(struct kunit *test, struct swiotlb_mem *mem,
				     unsigned long before, unsigned long delay)
{
	KUNIT_EXPECT_TRUE(test, time_in_range(mem->growth.tried, before, jiffies));
	KUNIT_EXPECT_EQ(test, mem->growth.backoff, delay);
}

/* Each further failure doubles the time to the next try, up to 64 seconds. */
static void swiotlb_growth_backoff_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned int i, asked;
	unsigned long before;

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS);
	for (i = 0; i < 10; i++) {
		asked = swiotlb_test_source.asked;
		before = jiffies;
		swiotlb_test_tick(mem);
		KUNIT_EXPECT_GT(test, swiotlb_test_source.asked, asked);
		swiotlb_test_expect_wait(test, mem, before, HZ << min(i, 6U));

		/* The back-off has not expired. */
		asked = swiotlb_test_source.asked;
		mem->growth.tried = jiffies;
		mem->growth.failed = true;
		swiotlb_test_tick(mem);
		KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, asked);
		swiotlb_test_allow(mem);
	}
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_GROW_FAILED, 10);

	/* A success ends the back-off. */
	swiotlb_test_source.most = SWIOTLB_TEST_POOL;
	swiotlb_test_tick(mem);
	if (mem->pools.held > SWIOTLB_TEST_NSLOTS)
		KUNIT_EXPECT_EQ(test, mem->growth.backoff, 0);
	swiotlb_test_set_used(mem, 0);
}

/* After jiffies have wrapped, an old back-off must not seem to be in the future. */
static void swiotlb_growth_backoff_wrap_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS);
	mem->growth.backoff = HZ << 6;
	mem->growth.tried = jiffies + LONG_MAX / 2;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_GT(test, swiotlb_test_source.asked, 0);
	swiotlb_test_set_used(mem, 0);
}

/* If decryption fails, do not try smaller pools, and use the longest back-off. */
static void swiotlb_growth_crypt_fails_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned long before = jiffies;

	swiotlb_test_start_source(test, 0, -EIO);
	mem->pub.cc_shared = true;
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 1);
	swiotlb_test_expect_wait(test, mem, before, HZ << 6);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_GROW_FAILED, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_SET_MEMORY, 1);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	swiotlb_test_set_used(mem, 0);
	mem->pub.cc_shared = false;
}

/* ------------------------------------------------------ close and free --- */

static void swiotlb_growth_quiet_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);
	phys_addr_t start = pool->start;
	unsigned long grown = mem->pub.nslabs;
	unsigned int id = pool->id;

	mem->growth.busy = jiffies;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, grown);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, start), pool);

	mem->growth.busy = jiffies - SWIOTLB_TEST_LONG_AGO;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_EQ(test, mem->pools.held, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(dev, start));
	KUNIT_EXPECT_PTR_NE(test, swiotlb_pool_by_number(id), pool);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_CLOSED, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_FREED, 1);
}

/* When memory is short, a pool is closed after a short quiet time. */
static void swiotlb_growth_pressed_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_test_add_pool(test, mem);
	mem->growth.busy = jiffies;
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pools.held, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_FALSE(test, mem->growth.pressed);
}

/* A pool is needed unless the others hold twice the slots in use. */
static void swiotlb_growth_needed_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned long grown, before;

	swiotlb_test_add_pool(test, mem);
	grown = mem->pub.nslabs;
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS / 2 + 1);
	mem->growth.busy = jiffies - SWIOTLB_TEST_LONG_AGO;
	before = jiffies;
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, grown);
	/* The quiet time starts again while the pool is needed. */
	KUNIT_EXPECT_TRUE(test, time_in_range(mem->growth.busy, before, jiffies));
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS / 2);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, grown);
	mem->growth.busy = jiffies - SWIOTLB_TEST_LONG_AGO;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	swiotlb_test_set_used(mem, 0);
}

/* All pools that are not needed are closed, the youngest first. */
static void swiotlb_growth_order_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct io_tlb_pool *old = swiotlb_test_add_pool(test, mem);

	mem->growth.busy = jiffies;
	swiotlb_test_add_pool(test, mem);
	mem->growth.busy = jiffies;
	swiotlb_test_add_pool(test, mem);
	KUNIT_EXPECT_EQ(test, mem->pools.held,
			SWIOTLB_TEST_NSLOTS + 3 * SWIOTLB_TEST_POOL_SLOTS);

	swiotlb_test_set_used(mem, SWIOTLB_TEST_POOL_SLOTS / 2);
	mem->growth.busy = jiffies - SWIOTLB_TEST_LONG_AGO;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_test_youngest(mem), old);
	KUNIT_EXPECT_EQ(test, mem->pools.held,
			SWIOTLB_TEST_NSLOTS + SWIOTLB_TEST_POOL_SLOTS);
	swiotlb_test_set_used(mem, 0);
}

/* Map in an added pool, while other mappings fill the boot pool. */
static phys_addr_t swiotlb_test_map_beside(struct kunit *test, struct swiotlb_mem *mem,
					   struct device *dev, u8 *buffer,
					   struct io_tlb_pool *pool, size_t bytes)
{
	unsigned int n = mem->boot_pool.nslots / SWIOTLB_MAX_SLOTS, i;
	phys_addr_t addr, *all = kunit_kcalloc(test, n, sizeof(*all), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, all);
	for (i = 0; i < n; i++)
		all[i] = swiotlb_test_map(dev, buffer, SWIOTLB_TEST_ALL, DMA_TO_DEVICE);
	addr = swiotlb_test_map(dev, buffer, bytes, DMA_FROM_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, addr), pool);
	while (i--)
		swiotlb_tbl_unmap_single(dev, all[i], SWIOTLB_TEST_ALL, DMA_TO_DEVICE, 0);
	swiotlb_test_stop_growth(mem);
	return addr;
}

/* A pool with a mapping is closed, but not freed until the mapping ends. */
static void swiotlb_growth_used_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_ALL);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);
	phys_addr_t addr;

	addr = swiotlb_test_map_beside(test, mem, dev, buffer, pool, 3000);
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_MAX_SLOTS);
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, addr), pool);
	memset(swiotlb_test_bounce(dev, addr), 0x66, 3000);
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0x66, 3000));

	/* Buffers of a closed pool are not kept in magazines. */
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 0);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pools.held, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(dev, addr));
}

/* A closed pool gets no mapping; it is reopened before another pool is added. */
static void swiotlb_growth_reopen_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_ALL);
	struct swiotlb_request req = swiotlb_test_request(SWIOTLB_MAX_SLOTS);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);
	struct swiotlb_hit hit;
	phys_addr_t addr, all;

	addr = swiotlb_test_map_beside(test, mem, dev, buffer, pool, 3000);
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_FALSE(test, swiotlb_pool_is_open(pool));
	all = swiotlb_mem_map(mem, dev, &req, SWIOTLB_REACH_MEM, false, &hit);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, all), &mem->boot_pool);
	KUNIT_EXPECT_EQ(test, SWIOTLB_MAP_FULL,
			swiotlb_mem_map(mem, dev, &req, SWIOTLB_REACH_MEM, false, &hit));
	swiotlb_tbl_unmap_single(dev, all, 1, DMA_TO_DEVICE, 0);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_set_used(mem, SWIOTLB_MAX_SLOTS / 2 + 1);
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_TRUE(test, swiotlb_pool_is_open(pool));
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_MAX_SLOTS + SWIOTLB_TEST_POOL_SLOTS);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_REOPENED, 1);
	swiotlb_test_set_used(mem, 2);
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
}

/* Buffers of a closed pool are drained from the magazines of all CPUs. */
static void swiotlb_growth_magazine_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_ALL);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);
	phys_addr_t addr;

	swiotlb_test_pin(test, cpumask_last(cpu_online_mask));
	addr = swiotlb_test_map_beside(test, mem, dev, buffer, pool, PAGE_SIZE);
	schedule_timeout_uninterruptible(4);
	swiotlb_tbl_unmap_single(dev, addr, PAGE_SIZE, DMA_FROM_DEVICE, 0);
	if (!swiotlb_pool_used(pool))
		kunit_skip(test, "too many CPUs for so small a pool");

	swiotlb_test_pin(test, cpumask_first(cpu_online_mask));
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pools.held, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_test_kept(mem), 0);
}

/* The worker queues itself again while there are added pools, but not without them. */
static void swiotlb_growth_rest_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct delayed_work *work = &mem->growth.work;

	swiotlb_test_add_pool(test, mem);
	mem->growth.busy = jiffies;
	work->work.func(&work->work);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(work));
	swiotlb_test_stop_growth(mem);
	mem->growth.pressed = true;
	mem->growth.busy = jiffies - HZ;
	work->work.func(&work->work);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(work));
}

/* --------------------------------------------------------- encryption --- */

/* A pool is decrypted when it is added and encrypted when it is freed, not at each map. */
static void swiotlb_growth_crypt_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	unsigned long before = mem->pub.nslabs;
	phys_addr_t addr;
	size_t bytes;

	mem->pub.cc_shared = true;
	mem->growth.max_nslots = before + SWIOTLB_TEST_POOL_SLOTS;
	swiotlb_test_start_crypt(test, 0, 0);
	swiotlb_test_set_used(mem, SWIOTLB_TEST_NSLOTS);
	swiotlb_test_tick(mem);
	swiotlb_test_set_used(mem, 0);
	bytes = (mem->pub.nslabs - before) << IO_TLB_SHIFT;
	if (!bytes)
		kunit_skip(test, "no memory for a pool");
	swiotlb_test_expect_crypt(test, 1, 0, bytes);

	addr = swiotlb_test_map(dev, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	swiotlb_tbl_unmap_single(dev, addr, PAGE_SIZE, DMA_TO_DEVICE, 0);
	swiotlb_test_expect_crypt(test, 1, 0, bytes);

	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pools.held, before);
	swiotlb_test_expect_crypt(test, 1, 1, bytes);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_SET_MEMORY, 2);
	mem->pub.cc_shared = false;
}

/* Memory that cannot be encrypted is lost, and counts against the limit. */
static void swiotlb_growth_lost_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	long room = swiotlb_limit_room(mem);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);
	void *vaddr = pool->vaddr;

	swiotlb_test_start_crypt(test, 0, -EIO);
	mem->pub.cc_shared = true;
	mem->growth.pressed = true;
	swiotlb_test_tick(mem);
	mem->pub.cc_shared = false;
	KUNIT_EXPECT_EQ(test, mem->pools.held, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->growth.apart), SWIOTLB_TEST_POOL_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), room - SWIOTLB_TEST_POOL_SLOTS);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_LEAKED, SWIOTLB_TEST_POOL);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_FREED, 0);
	/* The stubs have not decrypted the memory, so it can be freed. */
	free_pages((unsigned long)vaddr, get_order(SWIOTLB_TEST_POOL));
}

/* -------------------------------------------------------------- wider --- */

/*
 * The wider allocator counts the used and the open slots of both, so that the boot pool in
 * low memory is used before pools are added above it.
 */
static void swiotlb_growth_wider_test(struct kunit *test)
{
	struct swiotlb_mem *low = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct swiotlb_mem *any = swiotlb_test_wider_mem(test, low);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_set_used(low, SWIOTLB_TEST_NSLOTS / 2);
	swiotlb_test_tick(any);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	swiotlb_test_set_used(any, 1);
	swiotlb_test_tick(any);
	KUNIT_EXPECT_GT(test, swiotlb_test_source.asked, 0);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	swiotlb_test_tick(low);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 0);
	swiotlb_test_set_used(low, 0);
	swiotlb_test_set_used(any, 0);
}

/*
 * A map that falls back to the narrower allocator does not make that one grow. Later maps use a
 * pool of the wider one first.
 */
static void swiotlb_growth_fall_back_test(struct kunit *test)
{
	struct swiotlb_mem *low = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct swiotlb_mem *any = swiotlb_test_wider_mem(test, low);
	struct device *dev = swiotlb_test_device(test, &low->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_ALL);
	struct io_tlb_pool *pool;
	phys_addr_t all, addr;

	any->growth.backoff = HZ << 6;
	any->growth.tried = jiffies;
	all = swiotlb_test_map(dev, buffer, SWIOTLB_TEST_ALL, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, all, (phys_addr_t)DMA_MAPPING_ERROR);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, all), &low->boot_pool);
	addr = swiotlb_test_map(dev, buffer, 3000, DMA_TO_DEVICE);
	if (addr != (phys_addr_t)DMA_MAPPING_ERROR)
		swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_FALSE(test, low->growth.failed);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&low->growth.work));
	swiotlb_test_stop_growth(any);
	swiotlb_test_wait_for_transients(test, low);
	swiotlb_tbl_unmap_single(dev, all, SWIOTLB_TEST_ALL, DMA_TO_DEVICE, 0);

	any->growth.backoff = 0;
	any->growth.failed = false;
	swiotlb_test_set_used(low, SWIOTLB_MAX_SLOTS);
	pool = swiotlb_test_add_pool(test, any);
	swiotlb_test_set_used(low, 0);
	addr = swiotlb_test_map(dev, buffer, 3000, DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, addr), pool);
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_TO_DEVICE, 0);
}

/* A device that reaches only the boot pool gets no slots of other pools. */
static void swiotlb_growth_boot_only_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	struct swiotlb_request req = swiotlb_test_request(SWIOTLB_MAX_SLOTS);
	struct swiotlb_hit hit = { };
	phys_addr_t one, two;

	swiotlb_test_add_pool(test, mem);
	swiotlb_test_pin(test, raw_smp_processor_id());
	one = swiotlb_mem_map(mem, dev, &req, SWIOTLB_REACH_BOOT, false, &hit);
	KUNIT_ASSERT_NE(test, one, SWIOTLB_MAP_FULL);
	KUNIT_EXPECT_PTR_EQ(test, hit.pool, &mem->boot_pool);
	req = swiotlb_test_request(1);
	two = swiotlb_mem_map(mem, dev, &req, SWIOTLB_REACH_BOOT, false, &hit);
	KUNIT_EXPECT_EQ(test, two, SWIOTLB_MAP_FULL);
	two = swiotlb_mem_map(mem, dev, &req, SWIOTLB_REACH_MEM, false, &hit);
	KUNIT_EXPECT_NE(test, two, SWIOTLB_MAP_FULL);
	KUNIT_EXPECT_PTR_NE(test, hit.pool, &mem->boot_pool);
	/* The device gets no buffer from a magazine, either. */
	mem->cache.crowded = 0;
	swiotlb_tbl_unmap_single(dev, two, 1, DMA_TO_DEVICE, 0);
	mem->cache.crowded = (jiffies + 1) | 1;
	two = swiotlb_mem_map(mem, dev, &req, SWIOTLB_REACH_BOOT, false, &hit);
	KUNIT_EXPECT_EQ(test, two, SWIOTLB_MAP_FULL);
	swiotlb_tbl_unmap_single(dev, one, 1, DMA_TO_DEVICE, 0);
}

/* ----------------------------------------------------------- the worker --- */

static void swiotlb_growth_worker_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	unsigned int i, n = SWIOTLB_TEST_NSLOTS / SWIOTLB_MAX_SLOTS + 1;
	u8 *buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_ALL);
	phys_addr_t *addr = kunit_kcalloc(test, n, sizeof(*addr), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < n; i++) {
		addr[i] = swiotlb_test_map(dev, buffer, SWIOTLB_TEST_ALL, DMA_TO_DEVICE);
		schedule_timeout_uninterruptible(HZ / 8);
		flush_delayed_work(&mem->growth.work);
	}
	if (mem->pub.nslabs == SWIOTLB_TEST_NSLOTS && mem->growth.backoff)
		kunit_mark_skipped(test, "no memory for a pool");
	else
		/* The pool was added before it was needed: no map has failed. */
		KUNIT_EXPECT_PTR_NE(test, swiotlb_find_pool(dev, addr[n - 1]),
				    &mem->boot_pool);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_FULL, 0);
	for (i = 0; i < n; i++)
		if (addr[i] != (phys_addr_t)DMA_MAPPING_ERROR)
			swiotlb_tbl_unmap_single(dev, addr[i], SWIOTLB_TEST_ALL,
						 DMA_TO_DEVICE, 0);
}

#define SWIOTLB_TEST_AT_ONCE	24

/**
 * struct swiotlb_test_churn - a load that rises and falls
 * @mem:	Allocator.
 * @dev:	Device.
 * @buffer:	Buffer.
 * @rounds:	Number of rounds on all CPUs.
 * @made:	Number of mappings made.
 */
struct swiotlb_test_churn {
	struct swiotlb_mem *mem;
	struct device *dev;
	u8 *buffer;
	atomic_t rounds;
	atomic_t made;
};

static bool swiotlb_test_churn(void *arg)
{
	struct swiotlb_test_churn *t = arg;
	unsigned int i, round = atomic_inc_return(&t->rounds);
	phys_addr_t addr[SWIOTLB_TEST_AT_ONCE];
	bool ours = true;

	for (i = 0; i < SWIOTLB_TEST_AT_ONCE; i++) {
		addr[i] = swiotlb_test_map(t->dev, t->buffer, SZ_16K, DMA_FROM_DEVICE);
		if (addr[i] != (phys_addr_t)DMA_MAPPING_ERROR)
			*(u64 *)swiotlb_test_bounce(t->dev, addr[i]) = addr[i];
	}
	/* Let the worker close pools while they are in use. */
	if (!(round % 8)) {
		WRITE_ONCE(t->mem->growth.pressed, true);
		mod_delayed_work(system_dfl_wq, &t->mem->growth.work, 0);
	}
	while (i--) {
		if (addr[i] == (phys_addr_t)DMA_MAPPING_ERROR)
			continue;
		ours &= *(u64 *)swiotlb_test_bounce(t->dev, addr[i]) == addr[i];
		atomic_inc(&t->made);
		swiotlb_tbl_unmap_single(t->dev, addr[i], SZ_16K, DMA_FROM_DEVICE,
					 DMA_ATTR_SKIP_CPU_SYNC);
	}
	return ours;
}

/* Pools are added and freed while threads on all CPUs map from them. */
static void swiotlb_growth_load_test(struct kunit *test)
{
	struct swiotlb_test_churn t = {
		.mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS),
	};

	t.dev = swiotlb_test_device(test, &t.mem->pub, 0);
	t.buffer = swiotlb_test_buffer(test, SZ_16K);
	swiotlb_test_start_magazines(test, t.mem);
	swiotlb_test_on_all_cpus(test, swiotlb_test_churn, &t);
	KUNIT_EXPECT_GT(test, atomic_read(&t.made), 0);
	swiotlb_test_expect_used(test, t.mem, 0);
	swiotlb_test_wait_for_transients(test, t.mem);

	t.mem->growth.failed = false;
	t.mem->growth.pressed = true;
	swiotlb_test_tick(t.mem);
	KUNIT_EXPECT_EQ(test, t.mem->pools.held, SWIOTLB_MAX_SLOTS);
}

static struct kunit_case swiotlb_growth_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_growth_size_test, swiotlb_size_gen_params),
	KUNIT_CASE(swiotlb_growth_halves_test),
	KUNIT_CASE(swiotlb_growth_smaller_test),
	KUNIT_CASE(swiotlb_growth_transient_demand_test),
	KUNIT_CASE(swiotlb_growth_failed_map_test),
	KUNIT_CASE(swiotlb_growth_failed_map_stays_test),
	KUNIT_CASE(swiotlb_growth_disabled_test),
	KUNIT_CASE(swiotlb_growth_disabled_frees_test),
	KUNIT_CASE(swiotlb_growth_ask_test),
	KUNIT_CASE(swiotlb_growth_backoff_test),
	KUNIT_CASE(swiotlb_growth_backoff_wrap_test),
	KUNIT_CASE(swiotlb_growth_crypt_fails_test),
	KUNIT_CASE(swiotlb_growth_quiet_test),
	KUNIT_CASE(swiotlb_growth_pressed_test),
	KUNIT_CASE(swiotlb_growth_needed_test),
	KUNIT_CASE(swiotlb_growth_order_test),
	KUNIT_CASE(swiotlb_growth_used_test),
	KUNIT_CASE(swiotlb_growth_reopen_test),
	KUNIT_CASE(swiotlb_growth_magazine_test),
	KUNIT_CASE(swiotlb_growth_rest_test),
	KUNIT_CASE(swiotlb_growth_crypt_test),
	KUNIT_CASE(swiotlb_growth_lost_test),
	KUNIT_CASE(swiotlb_growth_wider_test),
	KUNIT_CASE(swiotlb_growth_fall_back_test),
	KUNIT_CASE(swiotlb_growth_boot_only_test),
	KUNIT_CASE(swiotlb_growth_worker_test),
	KUNIT_CASE(swiotlb_growth_load_test),
	{}
};

static struct kunit_suite swiotlb_growth_suite = {
	.name = "swiotlb_growth",
	.test_cases = swiotlb_growth_cases,
};

kunit_test_suite(swiotlb_growth_suite);
