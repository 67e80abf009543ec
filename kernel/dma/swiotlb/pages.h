/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of pools.
 */
#ifndef _KERNEL_DMA_SWIOTLB_PAGES_H
#define _KERNEL_DMA_SWIOTLB_PAGES_H

#include "internal.h"

/**
 * enum swiotlb_source - where the memory of a pool came from
 * @SWIOTLB_FROM_BUDDY:	The page allocator.
 * @SWIOTLB_FROM_CONTIG: alloc_contig_pages().
 * @SWIOTLB_FROM_CMA:	The default contiguous memory area.
 * @SWIOTLB_FROM_ATOMIC: The atomic coherent pools.
 * @SWIOTLB_NR_SOURCES:	Number of all these.
 */
enum swiotlb_source {
	SWIOTLB_FROM_BUDDY,
	SWIOTLB_FROM_CONTIG,
	SWIOTLB_FROM_CMA,
	SWIOTLB_FROM_ATOMIC,
	SWIOTLB_NR_SOURCES,
};

/**
 * struct swiotlb_pages - memory of a pool made at run time
 * @start:	Physical address.
 * @vaddr:	Virtual address.
 * @bytes:	Size.
 * @source:	Where it came from.
 * @shared:	It is decrypted.
 */
struct swiotlb_pages {
	phys_addr_t start;
	void *vaddr;
	size_t bytes;
	enum swiotlb_source source;
	bool shared;
};

/**
 * struct swiotlb_pages_want - what memory is wanted
 * @bytes:	Size.
 * @last:	Highest physical address that it may have.
 * @nid:	Node that is preferred.
 * @gfp:	As for alloc_pages(), but for the zone.
 * @shared:	It is to be decrypted.
 * @dev:	Device that needs it at once, in any context; %NULL if the caller can
 *		sleep.
 */
struct swiotlb_pages_want {
	size_t bytes;
	u64 last;
	int nid;
	gfp_t gfp;
	bool shared;
	struct device *dev;
};

int swiotlb_decrypt(void *vaddr, size_t bytes);
int swiotlb_encrypt(void *vaddr, size_t bytes);
int swiotlb_pages_prepare(void *vaddr, size_t bytes, bool shared);
int swiotlb_pages_alloc(const struct swiotlb_pages_want *want,
			struct swiotlb_pages *pages, size_t *lost);
bool swiotlb_pages_free(const struct swiotlb_pages *pages);

#ifdef CONFIG_DMA_CMA
/* Migrating pages away from an area above the limit would be useless. */
static inline struct page *swiotlb_cma_alloc(unsigned long npages,
					     unsigned int order, u64 last)
{
	struct cma *cma = dev_get_cma_area(NULL);

	if (!cma || !cma_intersects(cma, 0, min_t(u64, last, ULONG_MAX)))
		return NULL;
	return cma_alloc(cma, npages, order, true);
}

static inline void swiotlb_cma_free(struct page *page, unsigned long npages)
{
	cma_release(dev_get_cma_area(NULL), page, npages);
}
#else
static inline struct page *swiotlb_cma_alloc(unsigned long npages,
					     unsigned int order, u64 last)
{
	return NULL;
}

static inline void swiotlb_cma_free(struct page *page, unsigned long npages)
{
}
#endif

#ifdef CONFIG_CONTIG_ALLOC
static inline struct page *swiotlb_contig_alloc(unsigned long npages, gfp_t gfp,
						int nid)
{
	return alloc_contig_pages(npages, gfp, nid, NULL);
}

static inline void swiotlb_contig_free(struct page *page, unsigned long npages)
{
	free_contig_range(page_to_pfn(page), npages);
}
#else
static inline struct page *swiotlb_contig_alloc(unsigned long npages, gfp_t gfp,
						int nid)
{
	return NULL;
}

static inline void swiotlb_contig_free(struct page *page, unsigned long npages)
{
}
#endif

#endif /* _KERNEL_DMA_SWIOTLB_PAGES_H */
