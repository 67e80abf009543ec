/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_REQUEST_H
#define _KERNEL_DMA_SWIOTLB_REQUEST_H

#include "slots.h"

/* @orig_addr of coherent memory, which is never copied */
#define SWIOTLB_NO_ORIG_ADDR	((phys_addr_t)-1)

/**
 * struct swiotlb_request - a mapping that a caller asks for
 * @orig_addr:	Physical address of the original buffer, or %SWIOTLB_NO_ORIG_ADDR.
 * @bytes:	Size of the buffer.
 * @offset:	Offset of the data in the first slot with data, in bytes.
 * @pad_slots:	Slots before the first slot with data, for alignment.
 * @nslots:	Length of the run: padding, @offset and the buffer, rounded up.
 * @align_mask:	2^n - 1. Bits of the DMA address of the first slot, in slots, that must equal
 *		@align.
 * @align:	See @align_mask.
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

/* Does a run that begins at DMA address @dma_slot, in slots, satisfy alignment and boundary? */
static inline bool swiotlb_request_fits(const struct swiotlb_request *req, unsigned long dma_slot)
{
	unsigned long pos = dma_slot & req->boundary_mask;

	return !((dma_slot - req->align) & req->align_mask) &&
	       req->nslots - 1 <= req->boundary_mask - pos;
}

/*
 * Can a pool of any size have room for the request? @align is the lowest aligned position in a
 * segment. If a run from there crosses the boundary, all others do.
 */
static inline bool swiotlb_request_possible(const struct swiotlb_request *req)
{
	return swiotlb_request_fits(req, req->align);
}

static inline bool swiotlb_request_is_large(const struct swiotlb_request *req)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && unlikely(req->nslots > SWIOTLB_MAX_SLOTS);
}

static inline unsigned int swiotlb_nslots(u64 bytes)
{
	return DIV_ROUND_UP_ULL(bytes, IO_TLB_SIZE);
}

/* Messages and debugfs show KiB: the size of a pool in bytes may exceed 32 bits. */
static inline unsigned long swiotlb_kib(unsigned long nslots)
{
	return nslots << (IO_TLB_SHIFT - 10);
}

/* Offset in bytes of a buffer with original address @addr from the start of its allocation. */
static inline unsigned int swiotlb_align_offset(struct device *dev, unsigned int alloc_align_mask,
						u64 addr)
{
	return addr & dma_get_min_align_mask(dev) & (alloc_align_mask | (IO_TLB_SIZE - 1));
}

#endif /* _KERNEL_DMA_SWIOTLB_REQUEST_H */
