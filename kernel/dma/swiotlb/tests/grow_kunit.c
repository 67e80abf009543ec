// SPDX-License-Identifier: GPL-2.0-only
/*
 * Growing: by the real worker, by the test in its place, and under load.
 */

#include "fixture.h"

static void swiotlb_grow_worker_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	unsigned int i, n = SWIOTLB_TEST_NSLOTS / SWIOTLB_MAX_SLOTS + 1;
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	phys_addr_t *addr = kunit_kcalloc(test, n, sizeof(*addr), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < n; i++) {
		addr[i] = swiotlb_test_map(dev, buffer, bytes, DMA_TO_DEVICE);
		/* At three quarters it asks for more: what is left would do. */
		KUNIT_ASSERT_NE(test, addr[i], (phys_addr_t)DMA_MAPPING_ERROR);
		schedule_timeout_uninterruptible(1);
		flush_work(&mem->grow_work);
	}
	KUNIT_EXPECT_GT(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	KUNIT_EXPECT_PTR_NE(test, swiotlb_find_pool(dev, addr[n - 1]),
			    &mem->boot_pool);
	for (i = 0; i < n; i++)
		swiotlb_tbl_unmap_single(dev, addr[i], bytes, DMA_TO_DEVICE, 0);
	swiotlb_test_expect_used(test, mem, 0);
}

static void swiotlb_grow_disabled_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_grow_disable(mem);
	swiotlb_want_pool(mem, U64_MAX, NUMA_NO_NODE);
	flush_work(&mem->grow_work);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
}

/* Nobody uses what was added: that is not what is missing. */
static void swiotlb_grow_unused_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	unsigned long grown;

	swiotlb_test_grow(mem);
	grown = mem->pub.nslabs;
	KUNIT_EXPECT_GT(test, grown, SWIOTLB_TEST_NSLOTS);
	swiotlb_test_grow(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, grown);
}

/* Each pool is as large as all before it: few are enough. */
static void swiotlb_grow_doubles_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct swiotlb_request req = swiotlb_test_request(1);
	struct io_tlb_pool *pool;
	unsigned long before;

	swiotlb_test_grow(mem);
	pool = list_last_entry(&mem->pools, struct io_tlb_pool, node);
	KUNIT_ASSERT_PTR_NE(test, pool, &mem->boot_pool);
	swiotlb_pool_map(pool, 0, &req, pool->start, SWIOTLB_SPIN);
	before = mem->pub.nslabs;
	swiotlb_test_grow(mem);
	KUNIT_EXPECT_GE(test, mem->pub.nslabs, 2 * before);
	swiotlb_pool_release(pool, 0, 1, NULL, 0);
}

/* As much as the limit allows, and not a slot more. */
static void swiotlb_grow_limit_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct swiotlb_request req = swiotlb_test_request(1);
	struct io_tlb_pool *pool;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		swiotlb_test_grow(mem);
		KUNIT_EXPECT_LE(test, mem->pub.nslabs, SWIOTLB_TEST_MAX_NSLOTS);
		/* There is no growing as long as a pool is not used at all. */
		pool = list_last_entry(&mem->pools, struct io_tlb_pool, node);
		if (!swiotlb_pool_used(pool))
			swiotlb_pool_map(pool, 0, &req, pool->start, SWIOTLB_SPIN);
	}
	KUNIT_EXPECT_GT(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_TRUE(test, swiotlb_at_limit(mem));
	list_for_each_entry(pool, &mem->pools, node)
		if (swiotlb_pool_used(pool))
			swiotlb_pool_release(pool, 0, 1, NULL, 0);
}

static void swiotlb_grow_pool_crypt_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	unsigned long before = mem->pub.nslabs;
	phys_addr_t addr;
	size_t bytes;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, 0, 0);
	swiotlb_test_grow(mem);
	bytes = (mem->pub.nslabs - before) << IO_TLB_SHIFT;
	KUNIT_ASSERT_GT(test, bytes, 0);
	swiotlb_test_expect_crypt(test, 1, 0, bytes);

	/* Not at a mapping, and not at its end. */
	addr = swiotlb_test_map(dev, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	swiotlb_tbl_unmap_single(dev, addr, PAGE_SIZE, DMA_TO_DEVICE, 0);
	swiotlb_test_expect_crypt(test, 1, 0, bytes);

	swiotlb_test_stop_workers(mem);
	swiotlb_test_free_pools(mem);
	swiotlb_test_expect_crypt(test, 1, 1, bytes);
}

/* What was done is undone, and nothing is added. */
static void swiotlb_grow_pool_decrypt_fails_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, -EIO, 0);
	swiotlb_test_grow(mem);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_GT(test, swiotlb_test_crypt.decrypted, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.encrypted,
			swiotlb_test_crypt.decrypted);
}

/* On a 32-bit machine, too, no mask wraps to a low page. */
static void swiotlb_grow_end_pfn_test(struct kunit *test)
{
	unsigned int bits;

	for (bits = PAGE_SHIFT; bits < 64; bits++)
		KUNIT_EXPECT_EQ(test, (u64)swiotlb_end_pfn(DMA_BIT_MASK(bits)),
				min(BIT_ULL(bits - PAGE_SHIFT), (u64)ULONG_MAX));
	KUNIT_EXPECT_EQ(test, swiotlb_end_pfn(U64_MAX), ULONG_MAX);
}

#define SWIOTLB_TEST_AT_ONCE	24

/**
 * struct swiotlb_test_load - what all CPUs map
 * @dev:	Device.
 * @buffer:	Buffer.
 * @made:	How many mappings there were.
 */
struct swiotlb_test_load {
	struct device *dev;
	u8 *buffer;
	atomic_t made;
};

static bool swiotlb_test_map_many(void *arg)
{
	struct swiotlb_test_load *t = arg;
	phys_addr_t addr[SWIOTLB_TEST_AT_ONCE];
	unsigned int i;
	bool ours = true;

	for (i = 0; i < SWIOTLB_TEST_AT_ONCE; i++) {
		addr[i] = swiotlb_test_map(t->dev, t->buffer, SZ_16K, DMA_TO_DEVICE);
		if (addr[i] != (phys_addr_t)DMA_MAPPING_ERROR)
			*(u64 *)swiotlb_test_bounce(t->dev, addr[i]) = addr[i];
	}
	while (i--) {
		if (addr[i] == (phys_addr_t)DMA_MAPPING_ERROR)
			continue;
		ours &= *(u64 *)swiotlb_test_bounce(t->dev, addr[i]) == addr[i];
		atomic_inc(&t->made);
		swiotlb_tbl_unmap_single(t->dev, addr[i], SZ_16K, DMA_TO_DEVICE, 0);
	}
	return ours;
}

/* Threads on all CPUs map from pools that come while they do. */
static void swiotlb_grow_load_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct swiotlb_test_load t = {
		.dev = swiotlb_test_device(test, mem, 0),
		.buffer = swiotlb_test_buffer(test, SZ_16K),
	};

	swiotlb_test_start_magazines(test, mem);
	swiotlb_test_on_all_cpus(test, swiotlb_test_map_many, &t);
	flush_work(&mem->grow_work);
	KUNIT_EXPECT_GT(test, atomic_read(&t.made), 0);
	KUNIT_EXPECT_GT(test, mem->pub.nslabs, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	swiotlb_test_expect_used(test, mem, 0);
}

static struct kunit_case swiotlb_grow_cases[] = {
	KUNIT_CASE(swiotlb_grow_worker_test),
	KUNIT_CASE(swiotlb_grow_disabled_test),
	KUNIT_CASE(swiotlb_grow_unused_test),
	KUNIT_CASE(swiotlb_grow_doubles_test),
	KUNIT_CASE(swiotlb_grow_limit_test),
	KUNIT_CASE(swiotlb_grow_pool_crypt_test),
	KUNIT_CASE(swiotlb_grow_pool_decrypt_fails_test),
	KUNIT_CASE(swiotlb_grow_end_pfn_test),
	KUNIT_CASE(swiotlb_grow_load_test),
	{}
};

static struct kunit_suite swiotlb_grow_suite = {
	.name = "swiotlb_grow",
	.test_cases = swiotlb_grow_cases,
};

kunit_test_suite(swiotlb_grow_suite);
