// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of pools comes from at run time.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "pages.h"

/* Large pages of the linear mapping, and of the host, stay whole. */
#define SWIOTLB_PAGES_ALIGN	SZ_2M

/* The CPU copies through the linear mapping; an area of CMA may lie outside of it. */
static bool swiotlb_pages_suit(struct page *page, size_t bytes, u64 last)
{
	return !PageHighMem(page) && page_to_phys(page) + bytes - 1 <= last;
}

/* The widest zone whose pages may all be used, given the limit. */
static gfp_t swiotlb_zone(u64 last)
{
	if (last <= zone_dma_limit)
		return __GFP_DMA;
	if (last <= DMA_BIT_MASK(32))
		return __GFP_DMA32;
	return 0;
}

/* Try a narrower zone when one gave a page above the limit. */
static bool swiotlb_narrow_zone(gfp_t *zone)
{
	if (IS_ENABLED(CONFIG_ZONE_DMA32) && !*zone)
		*zone = __GFP_DMA32;
	else if (IS_ENABLED(CONFIG_ZONE_DMA) && *zone != __GFP_DMA)
		*zone = __GFP_DMA;
	else
		return false;
	return true;
}

static struct page *swiotlb_pages_take(enum swiotlb_source source,
				       const struct swiotlb_pages_want *want,
				       gfp_t gfp)
{
	unsigned int order = get_order(want->bytes);

	switch (source) {
	case SWIOTLB_FROM_BUDDY:
		if (order > MAX_PAGE_ORDER)
			return NULL;
		return alloc_pages_node(want->nid, gfp | __GFP_NORETRY, order);
	case SWIOTLB_FROM_CONTIG:
		return swiotlb_contig_alloc(PFN_UP(want->bytes), gfp, want->nid);
	case SWIOTLB_FROM_CMA:
		return swiotlb_cma_alloc(PFN_UP(want->bytes),
					 min_t(unsigned int, order,
					       get_order(SWIOTLB_PAGES_ALIGN)),
					 want->last);
	default:
		return NULL;
	}
}

static void swiotlb_pages_put(enum swiotlb_source source, struct page *page,
			      size_t bytes)
{
	switch (source) {
	case SWIOTLB_FROM_CMA:
		swiotlb_cma_free(page, PFN_UP(bytes));
		break;
	case SWIOTLB_FROM_CONTIG:
		swiotlb_contig_free(page, PFN_UP(bytes));
		break;
	default:
		__free_pages(page, get_order(bytes));
	}
}

static struct page *swiotlb_pages_below(enum swiotlb_source source,
					const struct swiotlb_pages_want *want)
{
	gfp_t zone = swiotlb_zone(want->last);
	struct page *page;

	do {
		page = swiotlb_pages_take(source, want,
					  (want->gfp & ~GFP_ZONEMASK) | zone);
		if (!page || swiotlb_pages_suit(page, want->bytes, want->last))
			return page;
		swiotlb_pages_put(source, page, want->bytes);
	} while (source != SWIOTLB_FROM_CMA && swiotlb_narrow_zone(&zone));

	return NULL;
}

/*
 * CMA comes last: displays, cameras and coherent allocations have nothing else. Only
 * the page allocator can be asked in atomic context, the others migrate pages.
 */
static struct page *swiotlb_pages_find(const struct swiotlb_pages_want *want,
				       enum swiotlb_source *source)
{
	bool may_sleep = gfpflags_allow_blocking(want->gfp);
	struct page *page;

	for (*source = SWIOTLB_FROM_BUDDY; *source <= SWIOTLB_FROM_CMA;
	     (*source)++) {
		page = swiotlb_pages_below(*source, want);
		if (page || !may_sleep)
			return page;
	}
	return NULL;
}

static int swiotlb_pages_alloc_atomic(const struct swiotlb_pages_want *want,
				      struct swiotlb_pages *pages)
{
	struct page *page;

	if (!IS_ENABLED(CONFIG_DMA_COHERENT_POOL))
		return -ENOMEM;

	page = dma_alloc_from_pool(want->dev, want->bytes, &pages->vaddr,
				   want->gfp, __DMA_ATTR_ALLOC_CC_SHARED,
				   dma_coherent_ok);
	if (!page)
		return -ENOMEM;

	pages->start = page_to_phys(page);
	pages->source = SWIOTLB_FROM_ATOMIC;
	memset(pages->vaddr, 0, want->bytes);
	return 0;
}

/**
 * swiotlb_pages_alloc() - allocate memory for a pool
 * @want:	What is wanted.
 * @pages:	Receives the memory, cleared, and decrypted if that is wanted.
 * @lost:	Receives the bytes that could be neither decrypted nor encrypted again, 0
 *		if there are none.
 *
 * Decrypting sleeps. Where @want forbids that, decrypted memory comes from the atomic
 * coherent pools.
 *
 * Context: As @want->gfp says.
 * Return: 0; -ENOMEM; or -EIO if memory could not be decrypted.
 */
int swiotlb_pages_alloc(const struct swiotlb_pages_want *want,
			struct swiotlb_pages *pages, size_t *lost)
{
	struct page *page;

	KUNIT_STATIC_STUB_REDIRECT(swiotlb_pages_alloc, want, pages, lost);
	*lost = 0;
	pages->bytes = want->bytes;
	pages->shared = want->shared;
	if (want->shared && !gfpflags_allow_blocking(want->gfp))
		return swiotlb_pages_alloc_atomic(want, pages);

	page = swiotlb_pages_find(want, &pages->source);
	if (!page)
		return -ENOMEM;

	pages->start = page_to_phys(page);
	pages->vaddr = phys_to_virt(pages->start);
	if (!swiotlb_pages_prepare(pages->vaddr, pages->bytes, want->shared))
		return 0;

	/* Some of the pages may have been decrypted before it failed. */
	if (!swiotlb_pages_free(pages))
		*lost = pages->bytes;
	return -EIO;
}

/**
 * swiotlb_pages_free() - free memory of a pool
 * @pages:	As swiotlb_pages_alloc() has filled it in.
 *
 * Pages that cannot be encrypted again must not be used for anything else: they
 * are lost, and the log says so.
 *
 * Context: Process context if @pages->shared.
 * Return: %false if they are lost.
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
	swiotlb_pages_put(pages->source, virt_to_page(pages->vaddr), pages->bytes);
	return true;
}
