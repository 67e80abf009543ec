// SPDX-License-Identifier: GPL-2.0-only
/*
 * One allocator: in which order areas are searched, and what is counted.
 */

#include "../magazine.h"
#include "../mem.h"
#include "../record.h"
#include "fixture.h"

#define SWIOTLB_TEST_NAREAS	4

struct swiotlb_test_search {
	struct swiotlb_mem *mem;
	struct device *dev;
};

static int swiotlb_mem_test_init(struct kunit *test)
{
	struct swiotlb_test_search *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, SWIOTLB_TEST_NAREAS);
	t->dev = swiotlb_test_device(test, t->mem, 0);
	test->priv = t;
	return 0;
}

static unsigned int swiotlb_test_own_area(void)
{
	return raw_smp_processor_id() % SWIOTLB_TEST_NAREAS;
}

/* Returns the first slot of what was mapped, or %SWIOTLB_NO_SLOT. */
static unsigned int swiotlb_test_mem_map(struct swiotlb_test_search *t,
					 unsigned int nslots)
{
	struct swiotlb_request req = swiotlb_test_request(nslots);
	struct io_tlb_pool *pool;
	phys_addr_t addr;

	addr = swiotlb_mem_map(t->mem, t->dev, &req, &pool);
	if (addr == SWIOTLB_MAP_FULL)
		return SWIOTLB_NO_SLOT;
	return (addr - pool->start) >> IO_TLB_SHIFT;
}

static void swiotlb_test_mem_unmap(struct kunit *test, unsigned int index)
{
	struct swiotlb_test_search *t = test->priv;
	struct io_tlb_pool *pool = &t->mem->boot_pool;
	struct swiotlb_mapping map;

	KUNIT_ASSERT_TRUE(test, swiotlb_pool_lookup(pool,
						    swiotlb_slot_addr(pool, index),
						    &map));
	KUNIT_ASSERT_TRUE(test, swiotlb_record_take(&pool->records[index], map.word));
	swiotlb_mem_unmap(t->mem, pool, &map, DMA_FROM_DEVICE);
}

static void swiotlb_test_mem_unmap_all(struct kunit *test, unsigned int nslots)
{
	unsigned int i;

	for (i = 0; i < SWIOTLB_TEST_NSLOTS; i += nslots)
		swiotlb_test_mem_unmap(test, i);
}

/* Each CPU begins with its own area, and takes the next when that is full. */
static void swiotlb_mem_own_area_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int cpu, i, index;

	for_each_online_cpu(cpu) {
		swiotlb_test_pin(test, cpu);
		for (i = 0; i < SWIOTLB_TEST_NAREAS; i++) {
			index = swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS);
			KUNIT_EXPECT_EQ(test, index / SWIOTLB_MAX_SLOTS,
					(swiotlb_test_own_area() + i) %
					SWIOTLB_TEST_NAREAS);
		}
		KUNIT_EXPECT_EQ(test, swiotlb_test_mem_map(t, 1), SWIOTLB_NO_SLOT);
		swiotlb_test_expect_used(test, t->mem, SWIOTLB_TEST_NSLOTS);
		swiotlb_test_mem_unmap_all(test, SWIOTLB_MAX_SLOTS);
		swiotlb_test_expect_used(test, t->mem, 0);
	}
}

/* An area whose lock is taken is left for one that is free. */
static void swiotlb_mem_busy_area_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	struct io_tlb_area *area;
	unsigned int own, index;

	swiotlb_test_pin(test, raw_smp_processor_id());
	own = swiotlb_test_own_area();
	area = swiotlb_pool_area(&t->mem->boot_pool, own);
	spin_lock_irq(&area->lock);
	index = swiotlb_test_mem_map(t, 1);
	spin_unlock_irq(&area->lock);

	KUNIT_ASSERT_NE(test, index, SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_EQ(test, index / SWIOTLB_MAX_SLOTS,
			(own + 1) % SWIOTLB_TEST_NAREAS);
	swiotlb_test_mem_unmap(test, index);
}

static bool swiotlb_test_map_one(void *arg)
{
	struct swiotlb_test_search *t = arg;
	struct io_tlb_pool *pool = &t->mem->boot_pool;
	unsigned int index = swiotlb_test_mem_map(t, 1);
	struct swiotlb_mapping map;

	if (index == SWIOTLB_NO_SLOT)
		return false;
	if (!swiotlb_pool_lookup(pool, swiotlb_slot_addr(pool, index), &map) ||
	    !swiotlb_record_take(&pool->records[index], map.word))
		return false;
	swiotlb_mem_unmap(t->mem, pool, &map, DMA_FROM_DEVICE);
	return true;
}

/*
 * All CPUs want the one area that has room for all of them: a lock that is taken
 * must not look like an area that is full.
 */
static void swiotlb_mem_wait_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int i, left = SWIOTLB_MAX_SLOTS;

	if (num_online_cpus() > left)
		kunit_skip(test, "more CPUs than slots in an area");
	for (i = 1; i < SWIOTLB_TEST_NAREAS; i++)
		KUNIT_ASSERT_NE(test, swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS),
				SWIOTLB_NO_SLOT);
	swiotlb_test_on_all_cpus(test, swiotlb_test_map_one, t);
	swiotlb_test_expect_used(test, t->mem, SWIOTLB_TEST_NSLOTS - left);

	KUNIT_ASSERT_NE(test, swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS),
			SWIOTLB_NO_SLOT);
	swiotlb_test_mem_unmap_all(test, SWIOTLB_MAX_SLOTS);
}

/* What magazines keep is given back before a map fails. */
static void swiotlb_mem_drain_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int i;

	swiotlb_test_start_magazines(test, t->mem);
	for (i = 0; i < SWIOTLB_TEST_NSLOTS; i++)
		KUNIT_ASSERT_NE(test, swiotlb_test_mem_map(t, 1), SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_EQ(test, swiotlb_test_mem_map(t, 1), SWIOTLB_NO_SLOT);
	swiotlb_test_expect_used(test, t->mem, SWIOTLB_TEST_NSLOTS);

	/* A while after a failed map, nothing is kept. */
	schedule_timeout_uninterruptible(3);
	swiotlb_test_mem_unmap_all(test, 1);
	swiotlb_test_expect_used(test, t->mem, 0);
	KUNIT_EXPECT_GT(test, swiotlb_magazines_nslots(t->mem), 0);

	for (i = 0; i < SWIOTLB_TEST_NAREAS; i++)
		KUNIT_EXPECT_NE(test, swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS),
				SWIOTLB_NO_SLOT);
	swiotlb_test_mem_unmap_all(test, SWIOTLB_MAX_SLOTS);
}

static struct kunit_case swiotlb_mem_cases[] = {
	KUNIT_CASE(swiotlb_mem_own_area_test),
	KUNIT_CASE(swiotlb_mem_busy_area_test),
	KUNIT_CASE(swiotlb_mem_wait_test),
	KUNIT_CASE(swiotlb_mem_drain_test),
	{}
};

static struct kunit_suite swiotlb_mem_suite = {
	.name = "swiotlb_mem",
	.init = swiotlb_mem_test_init,
	.test_cases = swiotlb_mem_cases,
};

kunit_test_suite(swiotlb_mem_suite);
