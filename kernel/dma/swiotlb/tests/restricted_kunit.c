// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coherent memory from restricted pools: whole pages, aligned to their size. Pools
 * described by a device tree are tested in guests that have one.
 */

#include "../mem.h"
#include "fixture.h"

struct swiotlb_test_restricted {
	struct swiotlb_mem *mem;
	struct device *dev;
};

static int swiotlb_restricted_test_init(struct kunit *test)
{
	struct swiotlb_test_restricted *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 1);
	t->mem->pub.for_alloc = true;
	t->dev = swiotlb_test_device(test, &t->mem->pub, 0);
	test->priv = t;
	return 0;
}

/* Number of slots that an allocation takes: it is rounded up to whole pages. */
static unsigned long swiotlb_test_whole(size_t bytes)
{
	return PAGE_ALIGN(bytes) >> IO_TLB_SHIFT;
}

static void swiotlb_restricted_pages_test(struct kunit *test)
{
	static const size_t sizes[] = {
		1, IO_TLB_SIZE, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 8 * PAGE_SIZE,
	};
	struct swiotlb_test_restricted *t = test->priv;
	struct page *pages[ARRAY_SIZE(sizes)];
	unsigned long nslots = 0;
	unsigned int i;
	u8 *vaddr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		pages[i] = swiotlb_alloc(t->dev, sizes[i], 0);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		KUNIT_EXPECT_PTR_EQ(test, &t->mem->boot_pool,
				    swiotlb_find_pool(t->dev, page_to_phys(pages[i])));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(page_to_phys(pages[i]),
						   PAGE_SIZE << get_order(sizes[i])));
		memset(page_address(pages[i]), i + 1, PAGE_ALIGN(sizes[i]));
		nslots += swiotlb_test_whole(sizes[i]);
		swiotlb_test_expect_used(test, t->mem, nslots);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		vaddr = page_address(pages[i]);
		KUNIT_EXPECT_NULL(test, memchr_inv(vaddr, i + 1, PAGE_ALIGN(sizes[i])));
		KUNIT_EXPECT_TRUE(test, swiotlb_free(t->dev, pages[i], sizes[i]));
		nslots -= swiotlb_test_whole(sizes[i]);
		swiotlb_test_expect_used(test, t->mem, nslots);
	}
}

static void swiotlb_restricted_full_test(struct kunit *test)
{
	unsigned int i, n = SWIOTLB_TEST_NSLOTS / SWIOTLB_MAX_SLOTS;
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	struct swiotlb_test_restricted *t = test->priv;
	struct page *pages[SWIOTLB_TEST_NSLOTS / SWIOTLB_MAX_SLOTS];

	for (i = 0; i < n; i++) {
		pages[i] = swiotlb_alloc(t->dev, bytes, 0);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	KUNIT_EXPECT_NULL(test, swiotlb_alloc(t->dev, PAGE_SIZE, 0));
	KUNIT_EXPECT_NULL(test, swiotlb_alloc(t->dev, PAGE_SIZE, DMA_ATTR_NO_WARN));
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_FULL, 2);
	KUNIT_EXPECT_TRUE(test, swiotlb_free(t->dev, pages[1], bytes));
	KUNIT_EXPECT_PTR_EQ(test, pages[1], swiotlb_alloc(t->dev, bytes, 0));
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, swiotlb_free(t->dev, pages[i], bytes));
}

/* Refuse 0 bytes, more than the largest mapping, and another encryption state than the pool's. */
static void swiotlb_restricted_refused_test(struct kunit *test)
{
	size_t most = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	struct swiotlb_test_restricted *t = test->priv;

	KUNIT_EXPECT_NULL(test, swiotlb_alloc(t->dev, 0, 0));
	KUNIT_EXPECT_NULL(test, swiotlb_alloc(t->dev, most + 1, 0));
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_TOO_LARGE, 1);
	KUNIT_EXPECT_NULL(test, swiotlb_alloc(t->dev, PAGE_SIZE,
					      __DMA_ATTR_ALLOC_CC_SHARED));
	t->mem->pub.cc_shared = true;
	KUNIT_EXPECT_NULL(test, swiotlb_alloc(t->dev, PAGE_SIZE, 0));
	t->mem->pub.cc_shared = false;
	swiotlb_test_expect_used(test, t->mem, 0);
}

static void swiotlb_restricted_foreign_test(struct kunit *test)
{
	struct swiotlb_test_restricted *t = test->priv;
	struct page *page = virt_to_page(swiotlb_test_buffer(test, PAGE_SIZE));

	KUNIT_EXPECT_FALSE(test, swiotlb_free(t->dev, page, PAGE_SIZE));
}

static void swiotlb_restricted_free_twice_test(struct kunit *test)
{
	struct swiotlb_test_restricted *t = test->priv;
	struct page *page = swiotlb_alloc(t->dev, PAGE_SIZE, 0);
	struct page *other = swiotlb_alloc(t->dev, PAGE_SIZE, 0);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_TRUE(test, swiotlb_free(t->dev, page, PAGE_SIZE));
	kunit_warning_suppress(test) {
		swiotlb_free(t->dev, page, PAGE_SIZE);
		SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, 1);
	}
	swiotlb_test_expect_used(test, t->mem, swiotlb_test_whole(PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, swiotlb_free(t->dev, other, PAGE_SIZE));
}

/* Coherent memory and mappings of a driver share the pool. */
static void swiotlb_restricted_coherent_test(struct kunit *test)
{
	struct swiotlb_test_restricted *t = test->priv;
	struct io_tlb_pool *pool = &t->mem->boot_pool;
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	size_t bytes = 3 * PAGE_SIZE;
	dma_addr_t dma, mapped;
	void *vaddr;

	vaddr = dma_alloc_coherent(t->dev, bytes, &dma, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	KUNIT_EXPECT_GE(test, dma_to_phys(t->dev, dma), pool->start);
	KUNIT_EXPECT_LE(test, dma_to_phys(t->dev, dma) + bytes, pool->end);
	KUNIT_EXPECT_NULL(test, memchr_inv(vaddr, 0, bytes));

	mapped = dma_map_single(t->dev, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(t->dev, mapped));
	swiotlb_test_expect_used(test, t->mem, swiotlb_test_whole(bytes + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, memcmp(phys_to_virt(dma_to_phys(t->dev, mapped)),
					buffer, PAGE_SIZE));
	dma_unmap_single(t->dev, mapped, PAGE_SIZE, DMA_TO_DEVICE);
	dma_free_coherent(t->dev, bytes, vaddr, dma);
}

static struct kunit_case swiotlb_restricted_cases[] = {
	KUNIT_CASE(swiotlb_restricted_pages_test),
	KUNIT_CASE(swiotlb_restricted_full_test),
	KUNIT_CASE(swiotlb_restricted_refused_test),
	KUNIT_CASE(swiotlb_restricted_foreign_test),
	KUNIT_CASE(swiotlb_restricted_free_twice_test),
	KUNIT_CASE(swiotlb_restricted_coherent_test),
	{}
};

static struct kunit_suite swiotlb_restricted_suite = {
	.name = "swiotlb_restricted",
	.init = swiotlb_restricted_test_init,
	.test_cases = swiotlb_restricted_cases,
};

kunit_test_suite(swiotlb_restricted_suite);
