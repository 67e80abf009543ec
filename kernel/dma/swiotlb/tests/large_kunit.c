// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that are larger than any area.
 */

#include "../large.h"
#include "fixture.h"

/**
 * struct swiotlb_test_large - an allocator, and a buffer larger than its areas
 * @mem:	The allocator.
 * @dev:	A device.
 * @buffer:	Its buffer, of %SWIOTLB_TEST_LARGE bytes.
 */
struct swiotlb_test_large {
	struct swiotlb_mem *mem;
	struct device *dev;
	u8 *buffer;
};

#define SWIOTLB_TEST_LARGE	((size_t)SZ_1M)

static int swiotlb_large_test_init(struct kunit *test)
{
	struct swiotlb_test_large *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	t->dev = swiotlb_test_device(test, &t->mem->pub, 0xfff);
	t->buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_LARGE);
	test->priv = t;
	return 0;
}

static phys_addr_t swiotlb_test_map_large(struct swiotlb_test_large *t)
{
	unsigned long attrs = DMA_ATTR_MAY_SLEEP;

	return swiotlb_tbl_map_single(t->dev, virt_to_phys(t->buffer),
				      SWIOTLB_TEST_LARGE, 0, DMA_BIDIRECTIONAL, &attrs);
}

static void swiotlb_test_unmap_large(struct swiotlb_test_large *t, phys_addr_t addr)
{
	swiotlb_tbl_unmap_single(t->dev, addr, SWIOTLB_TEST_LARGE, DMA_BIDIRECTIONAL, 0);
}

/* Every byte is copied, a sync can copy any part, and the next mapping reuses the pool. */
static void swiotlb_large_bytes_test(struct kunit *test)
{
	struct swiotlb_test_large *t = test->priv;
	size_t at = SWIOTLB_TEST_LARGE / 2 + 1234;
	phys_addr_t addr, again;
	u8 *bounce;

	memset(t->buffer, 0x11, SWIOTLB_TEST_LARGE);
	addr = swiotlb_test_map_large(t);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	bounce = swiotlb_test_bounce(t->dev, addr);
	KUNIT_EXPECT_NULL(test, memchr_inv(bounce, 0x11, SWIOTLB_TEST_LARGE));

	memset(bounce + at, 0x22, 5000);
	swiotlb_sync_single_for_cpu(t->dev, addr + at, 5000, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->buffer + at, 0x22, 5000));
	KUNIT_EXPECT_EQ(test, t->buffer[at - 1], 0x11);
	KUNIT_EXPECT_EQ(test, t->buffer[at + 5000], 0x11);

	memset(bounce, 0x33, SWIOTLB_TEST_LARGE);
	swiotlb_test_unmap_large(t, addr);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->buffer, 0x33, SWIOTLB_TEST_LARGE));

	again = swiotlb_test_map_large(t);
	KUNIT_EXPECT_EQ(test, again, addr);
	swiotlb_test_unmap_large(t, again);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_LARGE, 2);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_GROWN, 1);
	swiotlb_test_end_growth(test, t->mem);
}

/* Slots of a large pool do not count as demand. The pool is not freed while it is in use. */
static void swiotlb_large_in_use_test(struct kunit *test)
{
	struct swiotlb_test_large *t = test->priv;
	phys_addr_t addr = swiotlb_test_map_large(t);
	struct io_tlb_pool *pool;

	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	pool = swiotlb_find_pool(t->dev, addr);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_TRUE(test, swiotlb_pool_is_large(pool));
	pool->idle = jiffies - SWIOTLB_TEST_LONG_AGO;
	swiotlb_test_tick(t->mem);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, addr), pool);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_used(t->mem), 0);
	KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);

	swiotlb_test_unmap_large(t, addr);
	swiotlb_test_tick(t->mem);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(t->dev, addr), pool);
	pool->idle = jiffies - SWIOTLB_TEST_LONG_AGO;
	swiotlb_test_tick(t->mem);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, addr));
	swiotlb_test_end_growth(test, t->mem);
}

static void swiotlb_large_cannot_sleep_test(struct kunit *test)
{
	struct swiotlb_test_large *t = test->priv;

	KUNIT_EXPECT_EQ(test, swiotlb_test_map(t->dev, t->buffer, SWIOTLB_TEST_LARGE,
					       DMA_TO_DEVICE),
			(phys_addr_t)DMA_MAPPING_ERROR);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_TOO_LARGE, 1);
	swiotlb_test_end_growth(test, t->mem);
}

static struct kunit_case swiotlb_large_cases[] = {
	KUNIT_CASE(swiotlb_large_bytes_test),
	KUNIT_CASE(swiotlb_large_in_use_test),
	KUNIT_CASE(swiotlb_large_cannot_sleep_test),
	{}
};

static struct kunit_suite swiotlb_large_suite = {
	.name = "swiotlb_large",
	.init = swiotlb_large_test_init,
	.test_cases = swiotlb_large_cases,
};

kunit_test_suite(swiotlb_large_suite);
