// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers that wait for room: threads that sleep, and an allocator that is full.
 */

#include <linux/kthread.h>

#include "../wait.h"
#include "fixture.h"

#define SWIOTLB_TEST_NTASKS	3

/**
 * struct swiotlb_test_task - a thread that maps once
 * @mem:	Allocator.
 * @dev:	Device.
 * @pool:	Pool of its mapping.
 * @tlb_addr:	Address of its mapping.
 * @done:	Completed when the thread has ended.
 */
struct swiotlb_test_task {
	struct swiotlb_mem *mem;
	struct device *dev;
	struct io_tlb_pool *pool;
	phys_addr_t tlb_addr;
	struct completion done;
};

/* Map the largest size, so that an area holds only one mapping. */
static phys_addr_t swiotlb_test_map_sleeping(struct swiotlb_mem *mem,
					     struct device *dev,
					     struct io_tlb_pool **pool)
{
	struct swiotlb_request req = swiotlb_test_request(SWIOTLB_MAX_SLOTS);

	return swiotlb_map_sleeping(mem, dev, &req, SWIOTLB_REACH_MEM, pool);
}

static void swiotlb_test_unmap_from(struct device *dev, struct io_tlb_pool *pool,
				    phys_addr_t tlb_addr)
{
	struct swiotlb_mapping map;

	if (swiotlb_pool_lookup(pool, tlb_addr, &map) &&
	    swiotlb_record_take(&pool->records[map.head], map.word))
		swiotlb_mem_unmap(dev, pool, &map);
}

static int swiotlb_test_task_fn(void *arg)
{
	struct swiotlb_test_task *t = arg;

	t->tlb_addr = swiotlb_test_map_sleeping(t->mem, t->dev, &t->pool);
	complete(&t->done);
	return 0;
}

static struct swiotlb_test_task *swiotlb_test_tasks(struct kunit *test,
						    struct swiotlb_mem *mem,
						    struct device *dev)
{
	struct swiotlb_test_task *tasks;
	unsigned int i;

	tasks = kunit_kcalloc(test, SWIOTLB_TEST_NTASKS, sizeof(*tasks), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tasks);
	for (i = 0; i < SWIOTLB_TEST_NTASKS; i++) {
		tasks[i].mem = mem;
		tasks[i].dev = dev;
		init_completion(&tasks[i].done);
	}
	return tasks;
}

static void swiotlb_test_start(struct kunit *test, struct swiotlb_test_task *t,
			       int (*fn)(void *arg))
{
	struct task_struct *task = kthread_run(fn, t, "swiotlb-test");

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
}

static unsigned int swiotlb_test_waiters(struct swiotlb_mem *mem)
{
	guard(spinlock_irqsave)(&mem->queue.lock);
	return list_count_nodes(&mem->queue.waiters);
}

static long swiotlb_test_event(struct swiotlb_mem *mem, enum swiotlb_event event)
{
	return atomic_long_read(&mem->events[event]);
}

/* Tasks begin to wait one after the other. Each unmap makes room for the first waiter. */
static void swiotlb_wait_order_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	struct swiotlb_test_task *tasks = swiotlb_test_tasks(test, mem, dev), *t;
	struct io_tlb_pool *pool = NULL;
	phys_addr_t tlb_addrs[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tlb_addrs); i++) {
		tlb_addrs[i] = swiotlb_test_map_sleeping(mem, dev, &pool);
		KUNIT_ASSERT_NE(test, tlb_addrs[i], SWIOTLB_MAP_FULL);
	}
	KUNIT_EXPECT_EQ(test, swiotlb_test_event(mem, SWIOTLB_WAITED), 0);

	for (i = 0; i < SWIOTLB_TEST_NTASKS; i++) {
		t = &tasks[i];
		swiotlb_test_start(test, t, swiotlb_test_task_fn);
		while (swiotlb_test_waiters(mem) <= i && !completion_done(&t->done))
			schedule_timeout_uninterruptible(1);
	}
	for (i = 0; i < SWIOTLB_TEST_NTASKS; i++) {
		t = &tasks[i];
		KUNIT_EXPECT_EQ(test, swiotlb_test_waiters(mem), SWIOTLB_TEST_NTASKS - i);
		swiotlb_test_unmap_from(dev, pool, tlb_addrs[i]);
		wait_for_completion(&t->done);
		KUNIT_EXPECT_EQ(test, t->tlb_addr, tlb_addrs[i]);
	}

	for (i = 0; i < SWIOTLB_TEST_NTASKS; i++)
		if (tasks[i].tlb_addr != SWIOTLB_MAP_FULL)
			swiotlb_test_unmap_from(dev, tasks[i].pool,
						tasks[i].tlb_addr);
	swiotlb_test_unmap_from(dev, pool, tlb_addrs[i]);
	KUNIT_EXPECT_EQ(test, swiotlb_test_event(mem, SWIOTLB_WAITED), SWIOTLB_TEST_NTASKS);
	KUNIT_EXPECT_EQ(test, swiotlb_test_event(mem, SWIOTLB_WAIT_TIMED_OUT), 0);
}

/* If a mapping of the caller fills the pool, its next map fails after one wait. */
static void swiotlb_wait_bounded_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_MAX_SLOTS, 1);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	unsigned long began = jiffies;
	struct io_tlb_pool *pool, *none;
	phys_addr_t tlb_addr;

	tlb_addr = swiotlb_test_map_sleeping(mem, dev, &pool);
	KUNIT_ASSERT_NE(test, tlb_addr, SWIOTLB_MAP_FULL);
	KUNIT_EXPECT_EQ(test, swiotlb_test_map_sleeping(mem, dev, &none), SWIOTLB_MAP_FULL);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, began + 4 * HZ));
	KUNIT_EXPECT_EQ(test, swiotlb_test_waiters(mem), 0);
	KUNIT_EXPECT_FALSE(test, swiotlb_cache_is_waited(&mem->cache));
	KUNIT_EXPECT_EQ(test, swiotlb_test_event(mem, SWIOTLB_WAIT_TIMED_OUT), 1);
	swiotlb_test_unmap_from(dev, pool, tlb_addr);
}

static int swiotlb_test_rounds_fn(void *arg)
{
	struct swiotlb_test_task *t = arg;
	struct io_tlb_pool *pool;
	unsigned int i;

	for (i = 0; i < SWIOTLB_TEST_ROUNDS; i++) {
		if (swiotlb_test_event(t->mem, SWIOTLB_WAIT_TIMED_OUT))
			break;
		t->tlb_addr = swiotlb_test_map_sleeping(t->mem, t->dev, &pool);
		if (t->tlb_addr == SWIOTLB_MAP_FULL)
			break;
		/* Meanwhile the other tasks find no room, and wait. */
		schedule_timeout_uninterruptible(i % 64 ? 0 : 1);
		swiotlb_test_unmap_from(t->dev, pool, t->tlb_addr);
	}
	complete(&t->done);
	return 0;
}

/* There is room for one mapping, so all tasks end only if each unmap wakes the next one. */
static void swiotlb_wait_rounds_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_MAX_SLOTS, 1);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	struct swiotlb_test_task *tasks = swiotlb_test_tasks(test, mem, dev);
	unsigned int i;

	for (i = 0; i < SWIOTLB_TEST_NTASKS; i++)
		swiotlb_test_start(test, &tasks[i], swiotlb_test_rounds_fn);
	for (i = 0; i < SWIOTLB_TEST_NTASKS; i++) {
		wait_for_completion(&tasks[i].done);
		KUNIT_EXPECT_NE(test, tasks[i].tlb_addr, SWIOTLB_MAP_FULL);
	}
	KUNIT_EXPECT_GT(test, swiotlb_test_event(mem, SWIOTLB_WAITED), 0);
	KUNIT_EXPECT_EQ(test, swiotlb_test_event(mem, SWIOTLB_WAIT_TIMED_OUT), 0);
}

static struct kunit_case swiotlb_wait_test_cases[] = {
	KUNIT_CASE(swiotlb_wait_order_test),
	KUNIT_CASE_SLOW(swiotlb_wait_bounded_test),
	KUNIT_CASE(swiotlb_wait_rounds_test),
	{ }
};

static struct kunit_suite swiotlb_wait_test_suite = {
	.name = "swiotlb_wait",
	.test_cases = swiotlb_wait_test_cases,
};

kunit_test_suite(swiotlb_wait_test_suite);
