/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a caller wants to have mapped, in slots.
 */
#ifndef _KERNEL_DMA_SWIOTLB_REQUEST_H
#define _KERNEL_DMA_SWIOTLB_REQUEST_H

#include "slots.h"

/* The mapping is an allocation: it has no original, nothing is ever copied. */
#define SWIOTLB_NO_ORIG_ADDR	((phys_addr_t)-1)

/**
 * struct swiotlb_request - a mapping that a caller asks for
 * @orig_addr:	Physical address of the original buffer, or %SWIOTLB_NO_ORIG_ADDR.
 * @bytes:	Size of the buffer.
 * @offset:	Bytes from the start of the first slot that holds data to the data.
 * @pad_slots:	Slots in front of that one, for the alignment of the allocation.
 * @nslots:	Length of the run: padding, @offset, the buffer, and the
 *		rounding of the end.
 * @align_mask:	2^n - 1, in slots: mask of the bits of the first slot's DMA slot number
 *		that are prescribed, ...
 * @align:	... and their values.
 * @boundary_mask: Segment boundary in slots, 2^n - 1.
 */
struct swiotlb_request {
	phys_addr_t orig_addr;
	size_t bytes;
	unsigned int offset;
	unsigned int pad_slots;
	unsigned int nslots;
	unsigned int align_mask;
	unsigned int align;
	unsigned long boundary_mask;
};

/*
 * Does any pool, however large and empty, have room for it? The lowest position inside a
 * segment that has the alignment is the one that has no higher bits set; if the run
 * crosses the boundary there, it does so everywhere.
 */
static inline bool swiotlb_request_possible(const struct swiotlb_request *req)
{
	unsigned long lowest = req->align & req->boundary_mask;

	return req->nslots - 1 <= req->boundary_mask - lowest;
}

/* Are alignment and boundary right for a run from @dma_slot on, as the device counts? */
static inline bool swiotlb_request_fits(const struct swiotlb_request *req,
					unsigned long dma_slot)
{
	unsigned long pos = dma_slot & req->boundary_mask;

	return !((dma_slot - req->align) & req->align_mask) &&
	       req->nslots - 1 <= req->boundary_mask - pos;
}

/* Larger than any area: such a mapping needs a large pool. */
static inline bool swiotlb_request_is_large(const struct swiotlb_request *req)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) &&
	       unlikely(req->nslots > SWIOTLB_MAX_SLOTS);
}

static inline unsigned int swiotlb_nslots(u64 bytes)
{
	return DIV_ROUND_UP_ULL(bytes, IO_TLB_SIZE);
}

/* For people who read it: the bytes of some pools exceed 32 bits. */
static inline unsigned long swiotlb_kib(unsigned long nslots)
{
	return nslots << (IO_TLB_SHIFT - 10);
}

/* Bytes from the start of an allocation to a buffer that came from @addr. */
static inline unsigned int swiotlb_align_offset(struct device *dev,
						unsigned int alloc_align_mask,
						u64 addr)
{
	return addr & dma_get_min_align_mask(dev) &
	       (alloc_align_mask | (IO_TLB_SIZE - 1));
}

#endif /* _KERNEL_DMA_SWIOTLB_REQUEST_H */
