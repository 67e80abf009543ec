// SPDX-License-Identifier: GPL-2.0-only
/* Sources of memory for pools made at run time. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "pages.h"

static struct page *swiotlb_cma_take(const struct swiotlb_pages *pages)
{
	struct cma *cma = dev_get_cma_area(NULL);

	/* Do not migrate pages if the whole area lies above the limit. */
	if (!cma || !cma_intersects(cma, 0, min_t(u64, pages->last, ULONG_MAX)))
		return NULL;
	/* Align to 2 MiB, so that large pages of the linear mapping and of the host stay whole. */
	return cma_alloc(cma, PFN_UP(pages->bytes),
			 min(get_order(pages->bytes), get_order(SZ_2M)), true);
}

/*
 * Allocate memory that is aligned to its size, or at least to 2 MiB if it is larger.
 * alloc_contig_pages() aligns only powers of two: for other sizes, trim a larger allocation.
 */
static struct page *swiotlb_contig_take(const struct swiotlb_pages *pages, gfp_t gfp)
{
	unsigned long start, first, n = PFN_UP(pages->bytes);
	unsigned long align = min(roundup_pow_of_two(n), PFN_UP(SZ_2M));
	struct page *page;

	if (is_power_of_2(n))
		return alloc_contig_pages(n, gfp, pages->nid, NULL);
	page = alloc_contig_pages(n + align, gfp, pages->nid, NULL);
	if (!page)
		return NULL;

	start = page_to_pfn(page);
	first = ALIGN(start, align);
	if (first != start)
		free_contig_range(start, first - start);
	free_contig_range(first + n, start + align - first);
	return pfn_to_page(first);
}

static struct page *swiotlb_pages_take(const struct swiotlb_pages *pages, gfp_t zone)
{
	gfp_t gfp = (pages->gfp & ~GFP_ZONEMASK) | zone;
	unsigned int order = get_order(pages->bytes);

	if (pages->source == SWIOTLB_FROM_CMA)
		return swiotlb_cma_take(pages);
	/* alloc_contig_pages() fails with __GFP_NORETRY. */
	if (pages->source == SWIOTLB_FROM_CONTIG)
		return swiotlb_contig_take(pages, gfp & ~__GFP_NORETRY);
	if (order > MAX_PAGE_ORDER)
		return NULL;
	/* The rest of a large block would be wasted for as long as the pool exists. */
	if (pages->bytes > SZ_2M && pages->bytes != PAGE_SIZE << order)
		return NULL;
	return alloc_pages_node(pages->nid, gfp | __GFP_NORETRY, order);
}

static void swiotlb_pages_put(const struct swiotlb_pages *pages, struct page *page)
{
	if (pages->source == SWIOTLB_FROM_CMA)
		dma_release_from_contiguous(NULL, page, PFN_UP(pages->bytes));
	else if (pages->source == SWIOTLB_FROM_CONTIG)
		free_contig_range(page_to_pfn(page), PFN_UP(pages->bytes));
	else
		__free_pages(page, get_order(pages->bytes));
}

/*
 * Begin with the smallest zone that contains all pages up to the limit. If the allocated pages lie
 * above the limit, try the next smaller zone. Do not use a CMA area in high memory: the CPU copies
 * through the linear mapping.
 */
static struct page *swiotlb_pages_below(const struct swiotlb_pages *pages)
{
	static const gfp_t zones[] = { 0, __GFP_DMA32, __GFP_DMA };
	unsigned int i = pages->last <= zone_dma_limit ? 2 : pages->last <= DMA_BIT_MASK(32);
	struct page *page;

	for (; i < ARRAY_SIZE(zones); i++) {
		page = swiotlb_pages_take(pages, zones[i]);
		if (!page || (!PageHighMem(page) &&
			      page_to_phys(page) + pages->bytes - 1 <= pages->last))
			return page;
		swiotlb_pages_put(pages, page);
		if (pages->source == SWIOTLB_FROM_CMA)
			return NULL;
	}
	return NULL;
}

/*
 * Use CMA last: displays, cameras and coherent allocations need it more. All sources except the
 * page allocator migrate pages, which waits for I/O on these pages. CMA holds a lock meanwhile,
 * so even a caller that migrates nothing may wait for that I/O.
 */
static struct page *swiotlb_pages_find(struct swiotlb_pages *pages)
{
	bool may_migrate = (current_gfp_context(pages->gfp) & GFP_KERNEL) == GFP_KERNEL;
	struct page *page;

	for (pages->source = SWIOTLB_FROM_BUDDY; pages->source <= SWIOTLB_FROM_CMA;
	     pages->source++) {
		page = swiotlb_pages_below(pages);
		if (page || !may_migrate)
			return page;
	}
	return NULL;
}

static int swiotlb_pages_alloc_atomic(struct swiotlb_pages *pages)
{
	struct page *page = NULL;

	if (IS_ENABLED(CONFIG_DMA_COHERENT_POOL))
		page = dma_alloc_from_pool(pages->dev, pages->bytes, &pages->vaddr, pages->gfp,
					   __DMA_ATTR_ALLOC_CC_SHARED, dma_coherent_ok);
	if (!page)
		return -ENOMEM;

	pages->start = page_to_phys(page);
	pages->source = SWIOTLB_FROM_ATOMIC;
	memset(pages->vaddr, 0, pages->bytes);
	return 0;
}

/**
 * swiotlb_pages_alloc() - allocate memory for a pool
 * @pages:	The request. On success, the result is filled in.
 *
 * The memory is cleared. Decryption sleeps: if @pages->gfp forbids that, decrypted memory
 * comes from the atomic coherent pools.
 *
 * Context: As for @pages->gfp.
 * Return: 0; -ENOMEM; -EIO if decryption failed; or -ENOTRECOVERABLE if decryption failed, and
 * the memory is lost because it could not be encrypted again.
 */
int swiotlb_pages_alloc(struct swiotlb_pages *pages)
{
	struct page *page;

	KUNIT_STATIC_STUB_REDIRECT(swiotlb_pages_alloc, pages);
	if (pages->shared && !gfpflags_allow_blocking(pages->gfp))
		return swiotlb_pages_alloc_atomic(pages);

	page = swiotlb_pages_find(pages);
	if (!page)
		return -ENOMEM;

	pages->start = page_to_phys(page);
	pages->vaddr = phys_to_virt(pages->start);
	if (!swiotlb_pages_prepare(pages->vaddr, pages->bytes, pages->shared))
		return 0;
	/* Some of the pages may be decrypted: free them like decrypted memory. */
	return swiotlb_pages_free(pages) ? -EIO : -ENOTRECOVERABLE;
}

/**
 * swiotlb_pages_free() - free memory of a pool
 * @pages:	The memory, from swiotlb_pages_alloc().
 *
 * Context: Process context if @pages->shared.
 * Return: %false if the pages cannot be encrypted again. Then they are not freed, since nothing
 * else may use them.
 */
bool swiotlb_pages_free(const struct swiotlb_pages *pages)
{
	if (pages->source == SWIOTLB_FROM_ATOMIC) {
		if (IS_ENABLED(CONFIG_DMA_COHERENT_POOL))
			dma_free_from_pool(NULL, pages->vaddr, pages->bytes);
		return true;
	}
	if (pages->shared && swiotlb_encrypt(pages->vaddr, pages->bytes)) {
		pr_warn_ratelimited("%zu bytes at %pa stay decrypted and are lost\n",
				    pages->bytes, &pages->start);
		return false;
	}
	swiotlb_pages_put(pages, virt_to_page(pages->vaddr));
	return true;
}
