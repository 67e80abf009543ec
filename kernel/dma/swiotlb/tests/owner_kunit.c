// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocators of single devices. Two of the tests need a kernel booted with swiotlb=own,
 * and a default allocator that grows.
 */

#include "../mem.h"
#include "../param.h"
#include "fixture.h"

static struct device *swiotlb_test_plain_device(struct kunit *test, const char *name)
{
	struct device *dev = kunit_device_register(test, name);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)));
	return dev;
}

static struct device *swiotlb_test_owner(struct kunit *test)
{
	if (!swiotlb_param.own || !swiotlb_growth_is_enabled(&swiotlb_default_mem))
		kunit_skip(test, "not booted with swiotlb=own, or pools cannot grow");
	return swiotlb_test_plain_device(test, "swiotlb-owner");
}

static unsigned long swiotlb_test_max_bytes(struct device *dev)
{
	return to_swiotlb_mem(dev->dma_io_tlb_mem)->growth.max_nslots << IO_TLB_SHIFT;
}

static void swiotlb_owner_unwanted_test(struct kunit *test)
{
	struct device *dev = swiotlb_test_plain_device(test, "swiotlb-owner");
	struct io_tlb_mem *pub = dev->dma_io_tlb_mem;

	if (swiotlb_param.own)
		kunit_skip(test, "booted with swiotlb=own");
	KUNIT_EXPECT_FALSE(test, swiotlb_device_allocate(dev, 1, SZ_1M));
	KUNIT_EXPECT_PTR_EQ(test, dev->dma_io_tlb_mem, pub);
}

/* The limit is the sum for all users of a device, until a user ends. */
static void swiotlb_owner_sum_test(struct kunit *test)
{
	struct device *dev = swiotlb_test_owner(test);
	struct device *user = swiotlb_test_plain_device(test, "swiotlb-user");

	dmam_set_in_flight(dev, dev, 1, SZ_2M);
	KUNIT_ASSERT_TRUE(test, swiotlb_mem_is_own(to_swiotlb_mem(dev->dma_io_tlb_mem)));
	KUNIT_EXPECT_EQ(test, swiotlb_test_max_bytes(dev), SZ_4M);
	dmam_set_in_flight(user, dev, 1, SZ_2M);
	KUNIT_EXPECT_EQ(test, swiotlb_test_max_bytes(dev), SZ_8M);
	kunit_device_unregister(test, user);
	KUNIT_EXPECT_EQ(test, swiotlb_test_max_bytes(dev), SZ_4M);
}

/* The first map asks for a pool, the second one uses it. */
static void swiotlb_owner_map_test(struct kunit *test)
{
	struct device *dev = swiotlb_test_owner(test);
	phys_addr_t orig = virt_to_phys(swiotlb_test_buffer(test, SZ_4K)), tlb_addr;
	struct io_tlb_pool *pool;
	struct swiotlb_mem *own;
	unsigned long attrs = 0;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, swiotlb_device_allocate(dev, 1, SZ_2M));
	own = to_swiotlb_mem(dev->dma_io_tlb_mem);
	for (i = 0; i < 2; i++) {
		tlb_addr = swiotlb_tbl_map_single(dev, orig, SZ_4K, 0, DMA_TO_DEVICE, &attrs);
		KUNIT_ASSERT_NE(test, tlb_addr, (phys_addr_t)DMA_MAPPING_ERROR);
		pool = swiotlb_find_pool(dev, tlb_addr);
		KUNIT_EXPECT_EQ(test, pool->mem == own, i && own->pools.held);
		swiotlb_tbl_unmap_single(dev, tlb_addr, SZ_4K, DMA_TO_DEVICE, attrs);
		flush_delayed_work(&own->growth.work);
	}
	if (!own->pools.held)
		kunit_skip(test, "no memory for a pool");
	KUNIT_EXPECT_EQ(test, swiotlb_mem_used(own), 0);
}

static struct kunit_case swiotlb_owner_cases[] = {
	KUNIT_CASE(swiotlb_owner_unwanted_test),
	KUNIT_CASE(swiotlb_owner_sum_test),
	KUNIT_CASE(swiotlb_owner_map_test),
	{}
};

static struct kunit_suite swiotlb_owner_suite = {
	.name = "swiotlb_owner",
	.test_cases = swiotlb_owner_cases,
};

kunit_test_suite(swiotlb_owner_suite);
