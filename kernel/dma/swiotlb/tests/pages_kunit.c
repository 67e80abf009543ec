// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that are made at run time: where their memory lies, and in which state it
 * is. What decrypts and encrypts is replaced by what counts.
 */

#include <linux/page_ref.h>

#include "fixture.h"

#define SWIOTLB_TEST_POOL_BYTES	SZ_64K

static struct io_tlb_pool *swiotlb_test_create_of(struct swiotlb_mem *mem,
						  size_t bytes, u64 limit)
{
	return swiotlb_pool_create(NULL, mem, bytes >> IO_TLB_SHIFT, 1, limit,
				   numa_mem_id(), GFP_KERNEL | __GFP_NOWARN);
}

static struct io_tlb_pool *swiotlb_test_create(struct swiotlb_mem *mem, u64 limit)
{
	return swiotlb_test_create_of(mem, SWIOTLB_TEST_POOL_BYTES, limit);
}

static int swiotlb_pages_test_init(struct kunit *test)
{
	struct swiotlb_mem *mem = kunit_kzalloc(test, sizeof(*mem), GFP_KERNEL);

	if (!mem)
		return -ENOMEM;
	mem->phys_limit = virt_to_phys(high_memory - 1);
	test->priv = mem;
	return 0;
}

static void swiotlb_pages_private_test(struct kunit *test)
{
	struct swiotlb_mem *mem = test->priv;
	struct io_tlb_pool *pool;

	swiotlb_test_start_crypt(test, 0, 0);
	pool = swiotlb_test_create(mem, mem->phys_limit);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, pool->start, virt_to_phys(pool->vaddr));
	KUNIT_EXPECT_EQ(test, pool->end - pool->start, SWIOTLB_TEST_POOL_BYTES);
	swiotlb_pool_destroy(pool);
	swiotlb_test_expect_crypt(test, 0, 0, SWIOTLB_TEST_POOL_BYTES);
}

static void swiotlb_pages_shared_test(struct kunit *test)
{
	struct swiotlb_mem *mem = test->priv;
	struct io_tlb_pool *pool;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, 0, 0);
	pool = swiotlb_test_create(mem, mem->phys_limit);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	swiotlb_test_expect_crypt(test, 1, 0, SWIOTLB_TEST_POOL_BYTES);
	swiotlb_pool_destroy(pool);
	swiotlb_test_expect_crypt(test, 1, 1, SWIOTLB_TEST_POOL_BYTES);
}

/* What it did before it failed is undone; the pages may be used again. */
static void swiotlb_pages_decrypt_fails_test(struct kunit *test)
{
	struct swiotlb_mem *mem = test->priv;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, -EIO, 0);
	KUNIT_EXPECT_NULL(test, swiotlb_test_create(mem, mem->phys_limit));
	swiotlb_test_expect_crypt(test, 1, 1, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_TRUE(test, mem->crypt_failed);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mem->gone_nslots), 0);
}

/* Nobody else must ever get them; the test has only played that they are lost. */
static void swiotlb_test_expect_lost(struct kunit *test)
{
	struct swiotlb_mem *mem = test->priv;
	void *vaddr = swiotlb_test_crypt.vaddr;

	swiotlb_test_expect_crypt(test, 1, 1, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_EQ(test, SWIOTLB_TEST_POOL_BYTES >> IO_TLB_SHIFT,
			atomic_long_read(&mem->gone_nslots));
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	KUNIT_ASSERT_EQ(test, page_count(virt_to_page(vaddr)), 1);
	free_pages((unsigned long)vaddr, get_order(SWIOTLB_TEST_POOL_BYTES));
}

/* Pages in an unknown state are nobody's any more. */
static void swiotlb_pages_undo_fails_test(struct kunit *test)
{
	struct swiotlb_mem *mem = test->priv;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, -EIO, -EIO);
	KUNIT_EXPECT_NULL(test, swiotlb_test_create(mem, mem->phys_limit));
	swiotlb_test_expect_lost(test);
}

static void swiotlb_pages_encrypt_fails_test(struct kunit *test)
{
	struct swiotlb_mem *mem = test->priv;
	struct io_tlb_pool *pool;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, 0, -EIO);
	pool = swiotlb_test_create(mem, mem->phys_limit);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	swiotlb_pool_destroy(pool);
	swiotlb_test_expect_lost(test);
}

/* No zone ends at the first of these limits: what its zone gives lies above it. */
static void swiotlb_pages_limit_test(struct kunit *test)
{
	static const u64 limits[] = {
		DMA_BIT_MASK(16), DMA_BIT_MASK(24), DMA_BIT_MASK(28), DMA_BIT_MASK(32),
	};
	struct io_tlb_pool *pool;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		pool = swiotlb_test_create(test->priv, limits[i]);
		/* There may be no zone for so narrow a limit, or nothing in it. */
		if (!pool)
			continue;
		n++;
		KUNIT_EXPECT_LE(test, (u64)pool->end - 1, limits[i]);
		swiotlb_pool_destroy(pool);
	}
	if (!n)
		kunit_skip(test, "no memory below any of the limits");
}

/* The page allocator has none so large, and must not get it back. */
static void swiotlb_pages_large_test(struct kunit *test)
{
	size_t bytes = 2 * PAGE_SIZE << MAX_PAGE_ORDER;
	struct swiotlb_mem *mem = test->priv;
	struct io_tlb_pool *pool;
	struct page *page;

	pool = swiotlb_test_create_of(mem, bytes, mem->phys_limit);
	if (!pool)
		kunit_skip(test, "no contiguous memory");
	page = virt_to_page(pool->vaddr);
	KUNIT_EXPECT_EQ(test, pool->end - pool->start, bytes);
	if (pool->source != SWIOTLB_FROM_CMA)
		KUNIT_ASSERT_EQ(test, pool->source, SWIOTLB_FROM_CONTIG);
	KUNIT_EXPECT_EQ(test, page_count(page + (bytes >> PAGE_SHIFT) - 1), 1);
	swiotlb_pool_destroy(pool);
}

static struct kunit_case swiotlb_pages_cases[] = {
	KUNIT_CASE(swiotlb_pages_private_test),
	KUNIT_CASE(swiotlb_pages_shared_test),
	KUNIT_CASE(swiotlb_pages_decrypt_fails_test),
	KUNIT_CASE(swiotlb_pages_undo_fails_test),
	KUNIT_CASE(swiotlb_pages_encrypt_fails_test),
	KUNIT_CASE(swiotlb_pages_limit_test),
	KUNIT_CASE(swiotlb_pages_large_test),
	{}
};

static struct kunit_suite swiotlb_pages_suite = {
	.name = "swiotlb_pages",
	.init = swiotlb_pages_test_init,
	.test_cases = swiotlb_pages_cases,
};

kunit_test_suite(swiotlb_pages_suite);
