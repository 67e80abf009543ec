/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_PAGES_H
#define _KERNEL_DMA_SWIOTLB_PAGES_H

#include "internal.h"

/* The page allocator, alloc_contig_pages(), the default CMA area, the atomic coherent pools */
enum swiotlb_source {
	SWIOTLB_FROM_BUDDY,
	SWIOTLB_FROM_CONTIG,
	SWIOTLB_FROM_CMA,
	SWIOTLB_FROM_ATOMIC,
};

/**
 * struct swiotlb_pages - memory of a pool made at run time
 * @bytes:	Size, in whole pages.
 * @shared:	The memory is decrypted while the pool exists.
 * @last:	Highest physical address that the memory may have.
 * @nid:	Preferred node.
 * @gfp:	As for alloc_pages(), without a zone.
 * @dev:	Device, for memory from the atomic pools. May be %NULL if the caller can sleep.
 * @start:	Physical address.
 * @vaddr:	Virtual address.
 * @source:	Where the memory came from.
 *
 * swiotlb_pages_alloc() sets @start, @vaddr and @source.
 */
struct swiotlb_pages {
	size_t bytes;
	bool shared;
	u64 last;
	int nid;
	gfp_t gfp;
	struct device *dev;
	phys_addr_t start;
	void *vaddr;
	enum swiotlb_source source;
};

int swiotlb_decrypt(void *vaddr, size_t bytes);
int swiotlb_encrypt(void *vaddr, size_t bytes);
int swiotlb_pages_alloc(struct swiotlb_pages *pages);
bool swiotlb_pages_free(const struct swiotlb_pages *pages);

/*
 * Clear pages before they are decrypted: neither a device nor the hypervisor may read their former
 * contents, which decryption preserves on some platforms.
 */
static inline int swiotlb_pages_prepare(void *vaddr, size_t bytes, bool shared)
{
	memset(vaddr, 0, bytes);
	return shared ? swiotlb_decrypt(vaddr, bytes) : 0;
}

#ifndef CONFIG_CONTIG_ALLOC
/* <linux/gfp.h> declares these only with CONFIG_CONTIG_ALLOC. */
static inline struct page *alloc_contig_pages(unsigned long npages, gfp_t gfp,
					      int nid, nodemask_t *mask)
{
	return NULL;
}

static inline void free_contig_range(unsigned long pfn, unsigned long npages)
{
}
#endif

#endif /* _KERNEL_DMA_SWIOTLB_PAGES_H */
