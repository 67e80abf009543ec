// SPDX-License-Identifier: GPL-2.0-only
/*
 * From an address to its pool. The pools here are ranges of addresses only:
 * nothing is ever mapped in them.
 */

#include "fixture.h"

#define SWIOTLB_TEST_POOLS	24
#define SWIOTLB_TEST_FIRST	SZ_16M
/* All of them lie below. */
#define SWIOTLB_TEST_LIMIT	(SZ_256M - 1)

/**
 * struct swiotlb_test_index - an allocator that consists of addresses
 * @mem:	The allocator.
 * @dev:	A device that uses it.
 * @pools:	Pools of 1 to 4 MiB, some with room between them.
 * @published:	How many of them have been added.
 * @busy:	Somebody adds one.
 */
struct swiotlb_test_index {
	struct swiotlb_mem mem;
	struct device *dev;
	struct io_tlb_pool pools[SWIOTLB_TEST_POOLS];
	atomic_t published;
	atomic_t busy;
};

static void swiotlb_test_free_index(void *arg)
{
	struct swiotlb_test_index *t = arg;

	kvfree(t->mem.index);
	kvfree(t->mem.table);
}

static int swiotlb_index_test_init(struct kunit *test)
{
	struct swiotlb_test_index *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	phys_addr_t start = SWIOTLB_TEST_FIRST;
	struct io_tlb_pool *pool;
	unsigned int i;
	int ret;

	if (!t)
		return -ENOMEM;
	swiotlb_grow_init(&t->mem);
	swiotlb_grow_enable(&t->mem, SWIOTLB_TEST_LIMIT, 1, 0);
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++) {
		pool = &t->pools[i];
		pool->nareas = 1;
		pool->start = start;
		pool->end = start + SZ_1M * (1 + i % 4);
		pool->nslots = (pool->end - start) >> IO_TLB_SHIFT;
		start = pool->end + SZ_1M * (i % 3);
	}
	t->dev = swiotlb_test_device(test, &t->mem, 0);
	test->priv = t;
	ret = swiotlb_index_prepare(&t->mem);
	return ret ? ret : kunit_add_action_or_reset(test, swiotlb_test_free_index, t);
}

static int swiotlb_test_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	guard(mutex)(&mem->pools_lock);
	return swiotlb_mem_add_pool(mem, pool);
}

/* Its first and its last byte, and what is next to it if that is nobody's. */
static void swiotlb_test_expect_found(struct kunit *test, unsigned int i)
{
	struct swiotlb_test_index *t = test->priv;
	struct io_tlb_pool *pool = &t->pools[i];

	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, pool->start), pool);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, pool->end - 1), pool);
	if (i % 3)
		KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, pool->end));
}

static void swiotlb_index_find_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;
	unsigned long nslots = 0;
	unsigned int i;

	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, SWIOTLB_TEST_FIRST));
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++) {
		KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(&t->mem, &t->pools[i]));
		nslots += t->pools[i].nslots;
		swiotlb_test_expect_found(test, i);
	}
	KUNIT_EXPECT_EQ(test, t->mem.pub.nslabs, nslots);
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++)
		swiotlb_test_expect_found(test, i);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, SWIOTLB_TEST_FIRST - 1));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, SWIOTLB_TEST_LIMIT));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, SWIOTLB_TEST_LIMIT + 1));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, 0));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, (phys_addr_t)-1));
}

/* What the index cannot hold is refused, and changes nothing. */
static void swiotlb_index_refuse_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;
	struct io_tlb_pool *pool = &t->pools[0];

	kunit_warning_suppress(test) {
		pool->start += PAGE_SIZE;
		KUNIT_EXPECT_EQ(test, -EINVAL, swiotlb_test_add(&t->mem, pool));
		pool->start = SWIOTLB_TEST_LIMIT + 1;
		pool->end = pool->start + SZ_1M;
		KUNIT_EXPECT_EQ(test, -EINVAL, swiotlb_test_add(&t->mem, pool));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	KUNIT_EXPECT_EQ(test, t->mem.pub.nslabs, 0);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, pool->start));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->mem.pools));
}

/* Closed: found by who has mapped from it. Removed: by nobody. Idle: forgotten. */
static void swiotlb_index_remove_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;
	struct io_tlb_pool *one = &t->pools[0], *two = &t->pools[1];
	struct swiotlb_mem *mem = &t->mem;

	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(mem, one));
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(mem, two));
	mutex_lock(&mem->pools_lock);
	swiotlb_mem_close_pool(mem, one);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, two->nslots);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, one->start), one);

	synchronize_rcu();
	swiotlb_mem_remove_pool(mem, one);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, one->start));
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, two->start), two);
	/* Cells of magazines may still have its number. */
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_mem_pool(mem, one->id), one);

	synchronize_rcu();
	swiotlb_mem_retire_pool(mem, one);
	KUNIT_EXPECT_NULL(test, swiotlb_mem_pool(mem, one->id));
	KUNIT_EXPECT_EQ(test, mem->held_nslots, one->nslots + two->nslots);

	swiotlb_mem_reopen_pool(mem, one);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, one->nslots + two->nslots);
	KUNIT_EXPECT_EQ(test, mem->held_nslots, one->nslots + two->nslots);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, one->end - 1), one);
	mutex_unlock(&mem->pools_lock);
}

/* Transient pools need no alignment, and go again. */
static void swiotlb_index_transient_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;
	struct io_tlb_pool *one = &t->pools[0], *two = &t->pools[1];

	one->end = one->start + 3 * PAGE_SIZE;
	two->start = one->end;
	two->end = two->start + PAGE_SIZE;
	swiotlb_index_add_transient(&t->mem, one);
	swiotlb_index_add_transient(&t->mem, two);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, one->end - 1), one);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, two->start), two);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, two->end));

	swiotlb_index_del_transient(&t->mem, one);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, one->start));
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, two->start), two);
	swiotlb_index_del_transient(&t->mem, two);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, two->start));
	KUNIT_EXPECT_EQ(test, t->mem.pub.nslabs, 0);
}

/* One adds a pool now and then, all find those that they have heard of. */
static bool swiotlb_test_publish_and_find(void *arg)
{
	struct swiotlb_test_index *t = arg;
	unsigned int i, n = atomic_read_acquire(&t->published);
	bool found = true;

	for (i = 0; i < n; i++) {
		struct io_tlb_pool *pool = &t->pools[i];

		found &= swiotlb_find_pool(t->dev, pool->start) == pool &&
			 swiotlb_find_pool(t->dev, pool->end - 1) == pool;
	}
	if (n < SWIOTLB_TEST_POOLS && !atomic_xchg(&t->busy, 1)) {
		n = atomic_read(&t->published);
		if (n < SWIOTLB_TEST_POOLS &&
		    !swiotlb_test_add(&t->mem, &t->pools[n]))
			atomic_set_release(&t->published, n + 1);
		atomic_set_release(&t->busy, 0);
	}
	return found;
}

static void swiotlb_index_race_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;

	swiotlb_test_on_all_cpus(test, swiotlb_test_publish_and_find, t);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->published), SWIOTLB_TEST_POOLS);
}

/* As the worker does it, but that it goes at once. */
static void swiotlb_test_remove(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	scoped_guard(mutex, &mem->pools_lock) {
		swiotlb_mem_close_pool(mem, pool);
		swiotlb_mem_remove_pool(mem, pool);
	}
	synchronize_rcu_expedited();
	scoped_guard(mutex, &mem->pools_lock) {
		swiotlb_mem_retire_pool(mem, pool);
		list_del(&pool->node);
		mem->held_nslots -= pool->nslots;
		pool->state = SWIOTLB_POOL_OPEN;
	}
}

/*
 * Pools come and go, and numbers change hands. One that stays is always found; of
 * others, whoever is in a read section finds the right one or none.
 */
static bool swiotlb_test_add_and_remove(void *arg)
{
	struct swiotlb_test_index *t = arg;
	unsigned int i = raw_smp_processor_id() % (SWIOTLB_TEST_POOLS - 1) + 1;
	struct io_tlb_pool *mine = &t->pools[i], *pool;
	bool right;

	right = !swiotlb_find_pool(t->dev, mine->start) &&
		!swiotlb_test_add(&t->mem, mine) &&
		swiotlb_find_pool(t->dev, mine->start) == mine &&
		swiotlb_find_pool(t->dev, mine->end - 1) == mine;
	for (i = 0; i < SWIOTLB_TEST_POOLS; i++) {
		guard(rcu)();
		pool = swiotlb_find_pool(t->dev, t->pools[i].start);
		right &= pool == &t->pools[i] || (i && !pool);
	}
	swiotlb_test_remove(&t->mem, mine);
	return right && !swiotlb_find_pool(t->dev, mine->end - 1);
}

static void swiotlb_index_remove_race_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;

	if (num_online_cpus() >= SWIOTLB_TEST_POOLS)
		kunit_skip(test, "more CPUs than pools");
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_add(&t->mem, &t->pools[0]));
	swiotlb_test_on_all_cpus(test, swiotlb_test_add_and_remove, t);
	KUNIT_EXPECT_EQ(test, t->mem.npools, 1);
	KUNIT_EXPECT_EQ(test, t->mem.pub.nslabs, t->pools[0].nslots);
}

/* Transient pools come and go beneath those who look for others. */
static bool swiotlb_test_come_and_go(void *arg)
{
	struct swiotlb_test_index *t = arg;
	unsigned int i = raw_smp_processor_id() % (SWIOTLB_TEST_POOLS - 1) + 1;
	struct io_tlb_pool *mine = &t->pools[i];
	bool found;

	found = swiotlb_find_pool(t->dev, t->pools[0].start) == &t->pools[0];
	swiotlb_index_add_transient(&t->mem, mine);
	found &= swiotlb_find_pool(t->dev, mine->start) == mine;
	swiotlb_index_del_transient(&t->mem, mine);
	/* Real pools are made anew each time, and freed when all have left. */
	synchronize_rcu_expedited();
	return found;
}

static void swiotlb_index_transient_race_test(struct kunit *test)
{
	struct swiotlb_test_index *t = test->priv;

	if (num_online_cpus() >= SWIOTLB_TEST_POOLS)
		kunit_skip(test, "more CPUs than pools");
	swiotlb_index_add_transient(&t->mem, &t->pools[0]);
	swiotlb_test_on_all_cpus(test, swiotlb_test_come_and_go, t);
	swiotlb_index_del_transient(&t->mem, &t->pools[0]);
	KUNIT_EXPECT_TRUE(test, hash_empty(t->mem.transients));
}

static struct kunit_case swiotlb_index_cases[] = {
	KUNIT_CASE(swiotlb_index_find_test),
	KUNIT_CASE(swiotlb_index_refuse_test),
	KUNIT_CASE(swiotlb_index_remove_test),
	KUNIT_CASE(swiotlb_index_transient_test),
	KUNIT_CASE(swiotlb_index_race_test),
	KUNIT_CASE(swiotlb_index_remove_race_test),
	KUNIT_CASE(swiotlb_index_transient_race_test),
	{}
};

static struct kunit_suite swiotlb_index_suite = {
	.name = "swiotlb_index",
	.init = swiotlb_index_test_init,
	.test_cases = swiotlb_index_cases,
};

kunit_test_suite(swiotlb_index_suite);
