// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of pools made at run time: its address and its encryption state. Stubs that
 * count replace the functions that decrypt and encrypt.
 */

#include <linux/page_ref.h>

#include "../pages.h"
#include "fixture.h"

#define SWIOTLB_TEST_POOL_BYTES	SZ_64K

static int swiotlb_test_alloc(struct swiotlb_pages *pages, size_t bytes, u64 last,
			      bool shared)
{
	*pages = (struct swiotlb_pages) {
		.bytes = bytes,
		.shared = shared,
		.last = last,
		.nid = numa_mem_id(),
		.gfp = GFP_KERNEL | __GFP_NOWARN,
	};
	return swiotlb_pages_alloc(pages);
}

static void swiotlb_test_expect_clear(struct kunit *test,
				      const struct swiotlb_pages *pages)
{
	KUNIT_EXPECT_NULL(test, memchr_inv(pages->vaddr, 0, pages->bytes));
}

static void swiotlb_pages_private_test(struct kunit *test)
{
	struct swiotlb_pages pages;

	swiotlb_test_start_crypt(test, 0, 0);
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_alloc(&pages, SWIOTLB_TEST_POOL_BYTES,
						    U64_MAX, false));
	KUNIT_EXPECT_EQ(test, pages.start, virt_to_phys(pages.vaddr));
	KUNIT_EXPECT_EQ(test, pages.bytes, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_EQ(test, pages.source, SWIOTLB_FROM_BUDDY);
	KUNIT_EXPECT_FALSE(test, pages.shared);
	swiotlb_test_expect_clear(test, &pages);
	KUNIT_EXPECT_TRUE(test, swiotlb_pages_free(&pages));
	swiotlb_test_expect_crypt(test, 0, 0, SWIOTLB_TEST_POOL_BYTES);
}

static void swiotlb_pages_shared_test(struct kunit *test)
{
	struct swiotlb_pages pages;

	swiotlb_test_start_crypt(test, 0, 0);
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_alloc(&pages, SWIOTLB_TEST_POOL_BYTES,
						    U64_MAX, true));
	KUNIT_EXPECT_TRUE(test, pages.shared);
	swiotlb_test_expect_clear(test, &pages);
	swiotlb_test_expect_crypt(test, 1, 0, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_TRUE(test, swiotlb_pages_free(&pages));
	swiotlb_test_expect_crypt(test, 1, 1, SWIOTLB_TEST_POOL_BYTES);
}

/* Memory is cleared before it is decrypted: the hypervisor must not see old contents. */
static void swiotlb_pages_prepare_test(struct kunit *test)
{
	void *vaddr = swiotlb_test_pages(test, SWIOTLB_TEST_POOL_BYTES);

	swiotlb_test_start_crypt(test, 0, 0);
	memset(vaddr, 0xa5, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_EQ(test, 0, swiotlb_pages_prepare(vaddr, SWIOTLB_TEST_POOL_BYTES,
						       true));
	swiotlb_test_expect_crypt(test, 1, 0, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_test_crypt.vaddr, vaddr);

	memset(vaddr, 0xa5, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_EQ(test, 0, swiotlb_pages_prepare(vaddr, SWIOTLB_TEST_POOL_BYTES,
						       false));
	swiotlb_test_expect_crypt(test, 1, 0, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_EXPECT_NULL(test, memchr_inv(vaddr, 0, SWIOTLB_TEST_POOL_BYTES));
}

static void swiotlb_pages_prepare_fails_test(struct kunit *test)
{
	void *vaddr = swiotlb_test_pages(test, SWIOTLB_TEST_POOL_BYTES);

	swiotlb_test_start_crypt(test, -EIO, 0);
	KUNIT_EXPECT_EQ(test, -EIO, swiotlb_pages_prepare(vaddr, SWIOTLB_TEST_POOL_BYTES,
							  true));
	KUNIT_EXPECT_EQ(test, 0, swiotlb_pages_prepare(vaddr, SWIOTLB_TEST_POOL_BYTES,
						       false));
}

/* If decryption fails, all pages are encrypted again, and freed. */
static void swiotlb_pages_decrypt_fails_test(struct kunit *test)
{
	struct swiotlb_pages pages;

	swiotlb_test_start_crypt(test, -EIO, 0);
	KUNIT_EXPECT_EQ(test, -EIO, swiotlb_test_alloc(&pages, SWIOTLB_TEST_POOL_BYTES,
						       U64_MAX, true));
	swiotlb_test_expect_crypt(test, 1, 1, SWIOTLB_TEST_POOL_BYTES);
}

/* Expect that lost memory is still allocated, and free it: the stubs did not decrypt it. */
static void swiotlb_test_free_lost(struct kunit *test)
{
	void *vaddr = swiotlb_test_crypt.vaddr;

	swiotlb_test_expect_crypt(test, 1, 1, SWIOTLB_TEST_POOL_BYTES);
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	KUNIT_ASSERT_EQ(test, page_count(virt_to_page(vaddr)), 1);
	free_pages((unsigned long)vaddr, get_order(SWIOTLB_TEST_POOL_BYTES));
}

/* Pages that may still be decrypted are never freed. */
static void swiotlb_pages_undo_fails_test(struct kunit *test)
{
	struct swiotlb_pages pages;

	swiotlb_test_start_crypt(test, -EIO, -EIO);
	KUNIT_EXPECT_EQ(test, -ENOTRECOVERABLE,
			swiotlb_test_alloc(&pages, SWIOTLB_TEST_POOL_BYTES, U64_MAX, true));
	swiotlb_test_free_lost(test);
}

static void swiotlb_pages_encrypt_fails_test(struct kunit *test)
{
	struct swiotlb_pages pages;

	swiotlb_test_start_crypt(test, 0, -EIO);
	KUNIT_ASSERT_EQ(test, 0, swiotlb_test_alloc(&pages, SWIOTLB_TEST_POOL_BYTES,
						    U64_MAX, true));
	KUNIT_EXPECT_FALSE(test, swiotlb_pages_free(&pages));
	swiotlb_test_free_lost(test);
}

/* A zone may also have pages above these limits, which must not be used. */
static void swiotlb_pages_limit_test(struct kunit *test)
{
	static const u64 limits[] = {
		DMA_BIT_MASK(16), DMA_BIT_MASK(24), DMA_BIT_MASK(28), DMA_BIT_MASK(32),
	};
	struct swiotlb_pages pages;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		/* There may be no zone for such a low limit, or no memory in it. */
		if (swiotlb_test_alloc(&pages, SWIOTLB_TEST_POOL_BYTES, limits[i], false))
			continue;
		n++;
		KUNIT_EXPECT_LE(test, (u64)pages.start + pages.bytes - 1, limits[i]);
		KUNIT_EXPECT_TRUE(test, swiotlb_pages_free(&pages));
	}
	if (!n)
		kunit_skip(test, "no memory below any of the limits");
}

/* Memory larger than any block of the page allocator must not be freed as one block. */
static void swiotlb_pages_large_test(struct kunit *test)
{
	struct swiotlb_pages pages = {
		.bytes = 2 * PAGE_SIZE << MAX_PAGE_ORDER,
		.last = U64_MAX,
		.nid = numa_mem_id(),
		.gfp = GFP_NOWAIT | __GFP_NOWARN,
	};
	size_t bytes = pages.bytes;
	struct page *page;

	/* Such memory needs page migration, and therefore a caller that can sleep. */
	KUNIT_EXPECT_EQ(test, -ENOMEM, swiotlb_pages_alloc(&pages));
	if (swiotlb_test_alloc(&pages, bytes, U64_MAX, false))
		kunit_skip(test, "no contiguous memory");
	page = virt_to_page(pages.vaddr);
	KUNIT_EXPECT_EQ(test, pages.bytes, bytes);
	if (pages.source != SWIOTLB_FROM_CMA)
		KUNIT_ASSERT_EQ(test, pages.source, SWIOTLB_FROM_CONTIG);
	KUNIT_EXPECT_EQ(test, page_count(page + (bytes >> PAGE_SHIFT) - 1), 1);
	KUNIT_EXPECT_TRUE(test, swiotlb_pages_free(&pages));
}

/* In atomic context nothing is decrypted: shared memory comes from the coherent pools. */
static void swiotlb_pages_atomic_test(struct kunit *test)
{
	struct swiotlb_pages pages = {
		.bytes = PAGE_SIZE,
		.shared = true,
		.last = U64_MAX,
		.nid = numa_mem_id(),
		.gfp = GFP_NOWAIT | __GFP_NOWARN,
	};
	struct io_tlb_mem mem = { };

	swiotlb_test_start_crypt(test, 0, 0);
	pages.dev = swiotlb_test_device(test, &mem, 0);
	if (!swiotlb_pages_alloc(&pages)) {
		KUNIT_EXPECT_EQ(test, pages.source, SWIOTLB_FROM_ATOMIC);
		swiotlb_test_expect_clear(test, &pages);
		KUNIT_EXPECT_TRUE(test, swiotlb_pages_free(&pages));
	}
	swiotlb_test_expect_crypt(test, 0, 0, PAGE_SIZE);

	pages.shared = false;
	KUNIT_ASSERT_EQ(test, 0, swiotlb_pages_alloc(&pages));
	KUNIT_EXPECT_EQ(test, pages.source, SWIOTLB_FROM_BUDDY);
	KUNIT_EXPECT_TRUE(test, swiotlb_pages_free(&pages));
	swiotlb_test_expect_crypt(test, 0, 0, PAGE_SIZE);
}

static struct kunit_case swiotlb_pages_cases[] = {
	KUNIT_CASE(swiotlb_pages_private_test),
	KUNIT_CASE(swiotlb_pages_shared_test),
	KUNIT_CASE(swiotlb_pages_prepare_test),
	KUNIT_CASE(swiotlb_pages_prepare_fails_test),
	KUNIT_CASE(swiotlb_pages_decrypt_fails_test),
	KUNIT_CASE(swiotlb_pages_undo_fails_test),
	KUNIT_CASE(swiotlb_pages_encrypt_fails_test),
	KUNIT_CASE(swiotlb_pages_limit_test),
	KUNIT_CASE(swiotlb_pages_large_test),
	KUNIT_CASE(swiotlb_pages_atomic_test),
	{}
};

static struct kunit_suite swiotlb_pages_suite = {
	.name = "swiotlb_pages",
	.test_cases = swiotlb_pages_cases,
};

kunit_test_suite(swiotlb_pages_suite);
