// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look up the pool of an address while pools are added and removed. Nothing is mapped in
 * these pools. Their memory is real because all allocators share the index.
 */

#include "../mem.h"
#include "../pages.h"
#include "fixture.h"

#define SWIOTLB_TEST_POOLS	6
#define SWIOTLB_TEST_PIECE	SZ_2M

/**
 * struct swiotlb_test_pools - an allocator without a boot pool
 * @mem:	The allocator.
 * @dev:	A device that uses it.
 * @pools:	Pools of one and of two pieces, alternately.
 * @published:	Number of pools that have been added.
 * @busy:	Set while a thread adds a pool.
 */
struct swiotlb_test_pools {
	struct swiotlb_mem *mem;
	struct device *dev;
	struct io_tlb_pool *pools[SWIOTLB_TEST_POOLS];
	atomic_t published;
	atomic_t busy;
};

static void swiotlb_test_destroy_pool(void *pool)
{
	swiotlb_pool_destroy(pool);
}

static struct io_tlb_pool *swiotlb_test_create_pool(struct kunit *test,
						    struct swiotlb_mem *mem, size_t bytes)
{
	struct swiotlb_pages pages = {
		.bytes = bytes,
		.last = U64_MAX,
		.nid = numa_mem_id(),
		.gfp = GFP_KERNEL | __GFP_NOWARN,
	};
	struct io_tlb_pool *pool;

	pool = swiotlb_pool_create(mem, &pages, 1);
	if (IS_ERR(pool))
		kunit_skip(test, "no contiguous memory");
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_destroy_pool, pool));
	return pool;
}

static struct swiotlb_test_pools *swiotlb_test_pools(struct kunit *test)
{
	struct swiotlb_test_pools *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->mem = kunit_kzalloc(test, sizeof(*t->mem), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->mem);
	swiotlb_mem_init(t->mem);
	t->dev = swiotlb_test_device(test, &t->mem->pub, 0);
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++)
		t->pools[i] = swiotlb_test_create_pool(test, t->mem,
						       SWIOTLB_TEST_PIECE << i % 2);
	return t;
}

static int swiotlb_test_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	guard(mutex)(&swiotlb_pools_lock);
	if (swiotlb_pools_prepare())
		return -ENOMEM;
	swiotlb_mem_hold(mem, pool->nslots);
	return swiotlb_pools_add(mem, pool);
}

/* Close and remove a pool as the worker does, but at once. */
static void swiotlb_test_remove(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	scoped_guard(mutex, &swiotlb_pools_lock) {
		swiotlb_pools_close(mem, pool);
		swiotlb_pools_remove(mem, pool);
		swiotlb_mem_hold(mem, -(long)pool->nslots);
	}
	synchronize_rcu_expedited();
	swiotlb_pool_unnumber(pool);
	pool->state = SWIOTLB_POOL_OPEN;
}

static bool swiotlb_test_is_found(struct swiotlb_test_pools *t, unsigned int i)
{
	struct io_tlb_pool *pool = t->pools[i];

	return swiotlb_find_pool(t->dev, pool->start) == pool &&
	       swiotlb_find_pool(t->dev, pool->start + (pool->end - pool->start) / 2) == pool &&
	       swiotlb_find_pool(t->dev, pool->end - 1) == pool;
}

static bool swiotlb_test_is_unknown(struct swiotlb_test_pools *t, unsigned int i)
{
	struct io_tlb_pool *pool = t->pools[i];

	return !swiotlb_find_pool(t->dev, pool->start) &&
	       !swiotlb_find_pool(t->dev, pool->end - 1);
}

/* Look up the first and the last byte of a pool, and the bytes next to it. */
static void swiotlb_pools_find_test(struct kunit *test)
{
	struct swiotlb_test_pools *t = swiotlb_test_pools(test);
	unsigned long nslots = 0;
	unsigned int i, j;

	for (i = 0; i < SWIOTLB_TEST_POOLS; i++) {
		struct io_tlb_pool *pool = t->pools[i];

		KUNIT_EXPECT_TRUE(test, swiotlb_test_is_unknown(t, i));
		KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(t->mem, pool));
		nslots += pool->nslots;
		KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, nslots);
		KUNIT_EXPECT_EQ(test, t->mem->pools.held, nslots);
		for (j = 0; j <= i; j++)
			KUNIT_EXPECT_TRUE(test, swiotlb_test_is_found(t, j));
		KUNIT_EXPECT_PTR_NE(test, pool, swiotlb_find_pool(t->dev, pool->end));
		KUNIT_EXPECT_PTR_NE(test, pool,
				    swiotlb_find_pool(t->dev, pool->start - 1));
	}
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, 0));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, (phys_addr_t)-1));

	for (i = 0; i < SWIOTLB_TEST_POOLS; i++) {
		swiotlb_test_remove(t->mem, t->pools[i]);
		KUNIT_EXPECT_TRUE(test, swiotlb_test_is_unknown(t, i));
		for (j = i + 1; j < SWIOTLB_TEST_POOLS; j++)
			KUNIT_EXPECT_TRUE(test, swiotlb_test_is_found(t, j));
	}
	KUNIT_EXPECT_EQ(test, t->mem->pools.held, 0);
	KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, 0);
}

/* A pool that the index cannot hold is refused and changes nothing. */
static void swiotlb_pools_refuse_test(struct kunit *test)
{
	struct swiotlb_test_pools *t = swiotlb_test_pools(test);
	struct io_tlb_pool pool = *t->pools[0];

	kunit_warning_suppress(test) {
		pool.start += PAGE_SIZE;
		KUNIT_EXPECT_EQ(test, -EINVAL, swiotlb_test_add(t->mem, &pool));
		pool.start = ALIGN(virt_to_phys(high_memory - 1) + 1, SWIOTLB_TEST_PIECE);
		pool.end = pool.start + SWIOTLB_TEST_PIECE;
		KUNIT_EXPECT_EQ(test, -EINVAL, swiotlb_test_add(t->mem, &pool));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	KUNIT_EXPECT_EQ(test, pool.id, 0);
	KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->mem->pools.list));
	KUNIT_EXPECT_TRUE(test, swiotlb_test_is_unknown(t, 0));
}

/* A pool is closed, reopened, closed and removed; its number is released last. */
static void swiotlb_pools_life_test(struct kunit *test)
{
	struct swiotlb_test_pools *t = swiotlb_test_pools(test);
	struct io_tlb_pool *one = t->pools[0], *two = t->pools[1];
	struct swiotlb_mem *mem = t->mem;

	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(mem, one));
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(mem, two));
	KUNIT_EXPECT_NE(test, one->id, two->id);
	mutex_lock(&swiotlb_pools_lock);
	swiotlb_pools_close(mem, one);
	KUNIT_EXPECT_FALSE(test, swiotlb_pool_is_open(one));
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, two->nslots);
	KUNIT_EXPECT_EQ(test, mem->pools.held, one->nslots + two->nslots);
	/* A closed pool is still found by address. */
	KUNIT_EXPECT_TRUE(test, swiotlb_test_is_found(t, 0));

	swiotlb_pools_reopen(mem, one);
	KUNIT_EXPECT_TRUE(test, swiotlb_pool_is_open(one));
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, one->nslots + two->nslots);

	swiotlb_pools_close(mem, one);
	synchronize_rcu();
	swiotlb_pools_remove(mem, one);
	KUNIT_EXPECT_TRUE(test, swiotlb_test_is_unknown(t, 0));
	KUNIT_EXPECT_TRUE(test, swiotlb_test_is_found(t, 1));
	/* The pool counts as held until its memory is free. */
	KUNIT_EXPECT_EQ(test, mem->pools.held, one->nslots + two->nslots);
	swiotlb_mem_hold(mem, -(long)one->nslots);
	/* Cells of magazines may still hold the number of the pool. */
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_pool_by_number(one->id), one);
	mutex_unlock(&swiotlb_pools_lock);

	synchronize_rcu();
	swiotlb_pool_unnumber(one);
	swiotlb_test_remove(mem, two);
}

/* ---------------------------------------------------- transient pools --- */

/* Use a range of @pool as a transient pool, which needs no alignment. */
static void swiotlb_test_transient(struct io_tlb_pool *transient,
				   const struct io_tlb_pool *pool,
				   size_t offset, size_t bytes)
{
	transient->start = pool->start + offset;
	transient->end = transient->start + bytes;
}

static void swiotlb_pools_transient_test(struct kunit *test)
{
	struct swiotlb_test_pools *t = swiotlb_test_pools(test);
	struct io_tlb_pool one = { }, two = { }, *pool = t->pools[1];

	/* The second pool crosses a multiple of 2 MiB. */
	swiotlb_test_transient(&one, pool, SZ_1M, 3 * PAGE_SIZE);
	swiotlb_test_transient(&two, pool, SZ_2M - PAGE_SIZE, 2 * PAGE_SIZE);
	swiotlb_transient_add(&one);
	swiotlb_transient_add(&two);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, one.start), &one);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, one.end - 1), &one);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, one.start - 1));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, one.end));
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, two.start), &two);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, two.end - 1), &two);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, two.end));

	swiotlb_transient_del(&one);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, one.start));
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, two.end - 1), &two);
	swiotlb_transient_del(&two);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, two.start));
	KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, 0);
	synchronize_rcu();
}

/* --------------------------------------------------------------- races --- */

/* One CPU at a time adds a pool; all CPUs find all pools that were published before. */
static bool swiotlb_test_publish_and_find(void *arg)
{
	struct swiotlb_test_pools *t = arg;
	unsigned int i, n = atomic_read_acquire(&t->published);
	bool found = true;

	for (i = 0; i < n; i++)
		found &= swiotlb_test_is_found(t, i);
	if (n < SWIOTLB_TEST_POOLS && !atomic_xchg(&t->busy, 1)) {
		n = atomic_read(&t->published);
		if (n < SWIOTLB_TEST_POOLS && !swiotlb_test_add(t->mem, t->pools[n]))
			atomic_set_release(&t->published, n + 1);
		atomic_set_release(&t->busy, 0);
	}
	return found;
}

static void swiotlb_pools_race_test(struct kunit *test)
{
	struct swiotlb_test_pools *t = swiotlb_test_pools(test);
	unsigned int i;

	swiotlb_test_on_all_cpus(test, swiotlb_test_publish_and_find, t);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->published), SWIOTLB_TEST_POOLS);
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++)
		swiotlb_test_remove(t->mem, t->pools[i]);
}

/* Index of the pool that this CPU adds and removes. No CPU removes the first pool. */
static unsigned int swiotlb_test_own_pool(void)
{
	return raw_smp_processor_id() % (SWIOTLB_TEST_POOLS - 1) + 1;
}

/*
 * Pool numbers are reused. The first pool is always found. For an address of another pool,
 * a caller in a read-side section finds that pool or none.
 */
static bool swiotlb_test_add_and_remove(void *arg)
{
	struct swiotlb_test_pools *t = arg;
	unsigned int i, own = swiotlb_test_own_pool();
	struct io_tlb_pool *pool;
	bool right;

	right = swiotlb_test_is_unknown(t, own) &&
		!swiotlb_test_add(t->mem, t->pools[own]) &&
		swiotlb_test_is_found(t, own);
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++) {
		guard(rcu)();
		pool = swiotlb_find_pool(t->dev, t->pools[i]->start);
		right &= pool == t->pools[i] || (i && !pool);
	}
	swiotlb_test_remove(t->mem, t->pools[own]);
	return right && swiotlb_test_is_unknown(t, own);
}

static void swiotlb_pools_remove_race_test(struct kunit *test)
{
	struct swiotlb_test_pools *t;

	if (nr_cpu_ids >= SWIOTLB_TEST_POOLS)
		kunit_skip(test, "more CPUs than pools");
	t = swiotlb_test_pools(test);
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(t->mem, t->pools[0]));
	swiotlb_test_on_all_cpus(test, swiotlb_test_add_and_remove, t);
	KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, t->pools[0]->nslots);
	KUNIT_EXPECT_EQ(test, t->mem->pools.held, t->pools[0]->nslots);
	swiotlb_test_remove(t->mem, t->pools[0]);
}

/* Transient pools are added and removed during lookups of other pools. */
static bool swiotlb_test_come_and_go(void *arg)
{
	struct swiotlb_test_pools *t = arg;
	struct io_tlb_pool *own = t->pools[swiotlb_test_own_pool()];
	bool found;

	found = swiotlb_find_pool(t->dev, t->pools[0]->start) == t->pools[0];
	swiotlb_transient_add(own);
	found &= swiotlb_find_pool(t->dev, own->start) == own;
	swiotlb_transient_del(own);
	/* The memory of a transient pool is also freed only after a grace period. */
	synchronize_rcu_expedited();
	return found;
}

static void swiotlb_pools_transient_race_test(struct kunit *test)
{
	struct swiotlb_test_pools *t;
	unsigned int i;

	if (nr_cpu_ids >= SWIOTLB_TEST_POOLS)
		kunit_skip(test, "more CPUs than pools");
	t = swiotlb_test_pools(test);
	swiotlb_transient_add(t->pools[0]);
	swiotlb_test_on_all_cpus(test, swiotlb_test_come_and_go, t);
	swiotlb_transient_del(t->pools[0]);
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++)
		KUNIT_EXPECT_TRUE(test, swiotlb_test_is_unknown(t, i));
	synchronize_rcu();
}

static struct kunit_case swiotlb_pools_cases[] = {
	KUNIT_CASE(swiotlb_pools_find_test),
	KUNIT_CASE(swiotlb_pools_refuse_test),
	KUNIT_CASE(swiotlb_pools_life_test),
	KUNIT_CASE(swiotlb_pools_transient_test),
	KUNIT_CASE(swiotlb_pools_race_test),
	KUNIT_CASE(swiotlb_pools_remove_race_test),
	KUNIT_CASE(swiotlb_pools_transient_race_test),
	{}
};

static struct kunit_suite swiotlb_pools_suite = {
	.name = "swiotlb_pools",
	.test_cases = swiotlb_pools_cases,
};

kunit_test_suite(swiotlb_pools_suite);
