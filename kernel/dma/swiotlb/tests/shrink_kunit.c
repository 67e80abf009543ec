// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving back: what is not needed goes, what is in use stays.
 */

#include "../magazine.h"
#include "fixture.h"

/* Grow by a pool, and say which. */
static struct io_tlb_pool *swiotlb_test_add_pool(struct kunit *test,
						 struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool;

	swiotlb_test_grow(mem);
	pool = list_last_entry(&mem->pools, struct io_tlb_pool, node);
	KUNIT_ASSERT_PTR_NE(test, pool, &mem->boot_pool);
	return pool;
}

static void swiotlb_shrink_idle_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	struct io_tlb_pool *pool = swiotlb_test_add_pool(test, mem);
	phys_addr_t start = pool->start;

	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, start), pool);
	swiotlb_test_tick(mem, true);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_EQ(test, mem->held_nslots, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_EQ(test, mem->npools, 1);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(dev, start));
}

/* Somebody has asked for it a moment ago: it is kept. */
static void swiotlb_shrink_quiet_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned long grown;

	swiotlb_test_add_pool(test, mem);
	grown = mem->pub.nslabs;
	mem->last_want = jiffies;
	swiotlb_test_tick(mem, false);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, grown);
}

/* More than half of what would be left is in use: it is kept, in a hurry, too. */
static void swiotlb_shrink_needed_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	size_t bytes = (SWIOTLB_MAX_SLOTS / 2 + 4) << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	unsigned long grown;
	phys_addr_t addr;

	addr = swiotlb_test_map(dev, buffer, bytes, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	swiotlb_test_add_pool(test, mem);
	grown = mem->pub.nslabs;
	swiotlb_test_tick(mem, true);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, grown);
	swiotlb_tbl_unmap_single(dev, addr, bytes, DMA_TO_DEVICE, 0);
	swiotlb_test_tick(mem, true);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_MAX_SLOTS);
}

/* Encrypted as a whole, once, and before the memory is somebody else's. */
static void swiotlb_shrink_crypt_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct io_tlb_pool *pool;
	size_t bytes;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, 0, 0);
	pool = swiotlb_test_add_pool(test, mem);
	bytes = pool->end - pool->start;
	swiotlb_test_expect_crypt(test, 1, 0, bytes);
	swiotlb_test_tick(mem, true);
	swiotlb_test_expect_crypt(test, 1, 1, bytes);
	KUNIT_EXPECT_EQ(test, mem->held_nslots, SWIOTLB_TEST_NSLOTS);
}

/* A pool with a mapping stays until that is gone, whatever the hurry. */
static void swiotlb_shrink_used_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	struct io_tlb_pool *pool;
	phys_addr_t all, addr;

	pool = swiotlb_test_add_pool(test, mem);
	all = swiotlb_test_map(dev, buffer, bytes, DMA_TO_DEVICE);
	addr = swiotlb_test_map(dev, buffer, 3000, DMA_FROM_DEVICE);
	KUNIT_ASSERT_PTR_EQ(test, swiotlb_find_pool(dev, addr), pool);
	swiotlb_tbl_unmap_single(dev, all, bytes, DMA_TO_DEVICE, 0);

	swiotlb_test_tick(mem, true);
	swiotlb_test_tick(mem, true);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, addr), pool);
	memset(swiotlb_test_bounce(dev, addr), 0x66, 3000);
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0x66, 3000));

	swiotlb_test_tick(mem, true);
	KUNIT_EXPECT_EQ(test, mem->held_nslots, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(dev, addr));
}

/* What lies in a magazine is drained, on whichever CPU that is. */
static void swiotlb_shrink_magazine_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	struct io_tlb_pool *pool;
	phys_addr_t all, addr;

	swiotlb_test_start_magazines(test, mem);
	pool = swiotlb_test_add_pool(test, mem);
	swiotlb_test_pin(test, cpumask_last(cpu_online_mask));
	all = swiotlb_test_map(dev, buffer, bytes, DMA_TO_DEVICE);
	addr = swiotlb_test_map(dev, buffer, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_ASSERT_PTR_EQ(test, swiotlb_find_pool(dev, addr), pool);
	swiotlb_tbl_unmap_single(dev, addr, PAGE_SIZE, DMA_FROM_DEVICE, 0);
	swiotlb_tbl_unmap_single(dev, all, bytes, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_GT(test, swiotlb_pool_used(pool), 0);

	swiotlb_test_pin(test, cpumask_first(cpu_online_mask));
	swiotlb_test_tick(mem, true);
	KUNIT_EXPECT_EQ(test, mem->held_nslots, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(mem), 0);
}

#define SWIOTLB_TEST_AT_ONCE	24

/**
 * struct swiotlb_test_churn - a load that swells and ebbs
 * @mem:	Allocator.
 * @dev:	Device.
 * @buffer:	Buffer.
 * @rounds:	Of all CPUs.
 */
struct swiotlb_test_churn {
	struct swiotlb_mem *mem;
	struct device *dev;
	u8 *buffer;
	atomic_t rounds;
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
	/* The real worker, in a hurry, in the middle of it. */
	if (!(round % 8)) {
		WRITE_ONCE(t->mem->hurry, true);
		mod_delayed_work(system_dfl_wq, &t->mem->tick_work, 0);
	}
	while (i--) {
		if (addr[i] == (phys_addr_t)DMA_MAPPING_ERROR)
			continue;
		ours &= *(u64 *)swiotlb_test_bounce(t->dev, addr[i]) == addr[i];
		swiotlb_tbl_unmap_single(t->dev, addr[i], SZ_16K, DMA_FROM_DEVICE,
					 DMA_ATTR_SKIP_CPU_SYNC);
	}
	return ours;
}

/* Pools come and go beneath threads that map from them on all CPUs. */
static void swiotlb_shrink_load_test(struct kunit *test)
{
	struct swiotlb_test_churn t = {
		.mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS),
	};

	t.dev = swiotlb_test_device(test, t.mem, 0);
	t.buffer = swiotlb_test_buffer(test, SZ_16K);
	swiotlb_test_start_magazines(test, t.mem);
	swiotlb_test_on_all_cpus(test, swiotlb_test_churn, &t);
	swiotlb_test_expect_used(test, t.mem, 0);

	flush_work(&t.mem->grow_work);
	swiotlb_test_tick(t.mem, true);
	swiotlb_test_tick(t.mem, true);
	KUNIT_EXPECT_EQ(test, t.mem->held_nslots, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(t.mem), 0);
}

static struct kunit_case swiotlb_shrink_cases[] = {
	KUNIT_CASE(swiotlb_shrink_idle_test),
	KUNIT_CASE(swiotlb_shrink_quiet_test),
	KUNIT_CASE(swiotlb_shrink_needed_test),
	KUNIT_CASE(swiotlb_shrink_crypt_test),
	KUNIT_CASE(swiotlb_shrink_used_test),
	KUNIT_CASE(swiotlb_shrink_magazine_test),
	KUNIT_CASE(swiotlb_shrink_load_test),
	{}
};

static struct kunit_suite swiotlb_shrink_suite = {
	.name = "swiotlb_shrink",
	.test_cases = swiotlb_shrink_cases,
};

kunit_test_suite(swiotlb_shrink_suite);
