// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of pools that are made at run time: from a zone that the devices can
 * reach, and decrypted if they need that.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"

/* The widest zone whose pages may all be used, given the limit. */
static gfp_t swiotlb_zone(u64 phys_limit)
{
	if (phys_limit <= zone_dma_limit)
		return __GFP_DMA;
	if (phys_limit <= DMA_BIT_MASK(32))
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

static struct page *swiotlb_pages_below(unsigned int order, u64 phys_limit,
					gfp_t gfp)
{
	gfp_t zone = swiotlb_zone(phys_limit);
	struct page *page;

	do {
		page = alloc_pages((gfp & ~GFP_ZONEMASK) | zone, order);
		if (!page ||
		    page_to_phys(page) + (PAGE_SIZE << order) - 1 <= phys_limit)
			return page;
		__free_pages(page, order);
	} while (swiotlb_narrow_zone(&zone));

	return NULL;
}

static void swiotlb_pages_leak(void *vaddr, size_t bytes)
{
	phys_addr_t start = virt_to_phys(vaddr);

	pr_warn_ratelimited("%zu bytes at %pa stay decrypted and are lost\n",
			    bytes, &start);
}

/* Decrypting runs over all pages, so does undoing what it did before it failed. */
static bool swiotlb_pages_decrypt(void *vaddr, size_t bytes, unsigned int order)
{
	if (!swiotlb_decrypt(vaddr, bytes))
		return true;
	if (swiotlb_encrypt(vaddr, bytes))
		swiotlb_pages_leak(vaddr, bytes);
	else
		free_pages((unsigned long)vaddr, order);
	return false;
}

/**
 * swiotlb_pages_alloc() - allocate memory for a pool
 * @dev:	Device that will use it, or %NULL for any.
 * @bytes:	Size.
 * @phys_limit:	Highest physical address.
 * @cc_shared:	Decrypt it.
 * @gfp:	As for alloc_pages(), but for the zone.
 * @start:	Receives the physical address.
 *
 * Decrypting sleeps. Where @gfp forbids that, decrypted memory comes from the
 * atomic coherent pools, for @dev.
 *
 * Context: As @gfp says.
 * Return: Virtual address, or %NULL.
 */
void *swiotlb_pages_alloc(struct device *dev, size_t bytes, u64 phys_limit,
			  bool cc_shared, gfp_t gfp, phys_addr_t *start)
{
	unsigned int order = get_order(bytes);
	struct page *page;
	void *vaddr;

	if (cc_shared && dev && !gfpflags_allow_blocking(gfp)) {
		if (!IS_ENABLED(CONFIG_DMA_COHERENT_POOL))
			return NULL;
		page = dma_alloc_from_pool(dev, bytes, &vaddr, gfp,
					   __DMA_ATTR_ALLOC_CC_SHARED,
					   dma_coherent_ok);
		if (!page)
			return NULL;
		*start = page_to_phys(page);
		return vaddr;
	}

	page = swiotlb_pages_below(order, phys_limit, gfp);
	if (!page)
		return NULL;
	*start = page_to_phys(page);
	vaddr = phys_to_virt(*start);
	if (cc_shared && !swiotlb_pages_decrypt(vaddr, bytes, order))
		return NULL;
	return vaddr;
}

/**
 * swiotlb_pages_free() - free what swiotlb_pages_alloc() has allocated
 * @vaddr:	What it returned.
 * @bytes:	What it was given.
 * @cc_shared:	What it was given.
 *
 * Pages that cannot be encrypted again must not be used for anything else: they
 * are lost, and the log says so.
 *
 * Context: Process context if @cc_shared.
 */
void swiotlb_pages_free(void *vaddr, size_t bytes, bool cc_shared)
{
	if (IS_ENABLED(CONFIG_DMA_COHERENT_POOL) &&
	    dma_free_from_pool(NULL, vaddr, bytes))
		return;

	if (cc_shared && swiotlb_encrypt(vaddr, bytes))
		swiotlb_pages_leak(vaddr, bytes);
	else
		free_pages((unsigned long)vaddr, get_order(bytes));
}
