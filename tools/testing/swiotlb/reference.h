/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slow and obvious model of valid mappings: one entry per slot of physical memory, no
 * hints, no bitmaps, each rule written out once.
 */
#ifndef SWIOTLB_REFERENCE_H
#define SWIOTLB_REFERENCE_H

#include "harness.h"

/**
 * struct ref_request - a request for a mapping or an allocation
 * @dev:	Device whose masks apply.
 * @orig:	Original address; 0 for an allocation.
 * @size:	Size in bytes.
 * @alloc_mask:	As for swiotlb_tbl_map_single().
 * @coherent:	Set for an allocation by swiotlb_alloc().
 * @mem:	Number of the allocator that @dev uses.
 */
struct ref_request {
	struct device *dev;
	phys_addr_t orig;
	size_t size;
	unsigned int alloc_mask;
	bool coherent;
	unsigned int mem;
};

/* Size and alignment of a request, filled in by ref_shape() */
struct ref_shape {
	unsigned int offset;	/* from the start of the run to the buffer */
	size_t nslots;
	unsigned long start_mask;	/* DMA address bits that must be 0 */
	unsigned long keep_mask;	/* and those that must equal the original */
};

/**
 * struct ref_pool - a known pool
 * @start:	Its first byte.
 * @nslots:	Its slots.
 * @nareas:	Its areas: no run crosses into another area.
 * @segment:	Slots of a segment that the platform has made contiguous, counted from
 *		@start, 0 for all: no run crosses into another segment.
 * @mem:	Number of its allocator.
 */
struct ref_pool {
	phys_addr_t start;
	size_t nslots;
	unsigned int nareas;
	size_t segment;
	unsigned int mem;
};

struct ref_area {
	phys_addr_t start;
	size_t nslots;
	const struct ref_pool *pool;
};

#define REF_MAX_AREAS 512
#define REF_MAX_POOLS 64
#define REF_MAX_MEMS 4
struct reference {
	struct ref_pool pools[REF_MAX_POOLS];
	unsigned int npools;
	struct ref_area areas[REF_MAX_AREAS];
	unsigned int nareas;
	size_t used[REF_MAX_MEMS];
	u16 *owner;		/* by physical slot number; 0 if free */
};

void ref_init(struct reference *ref);
void ref_add_pool(struct reference *ref, const struct ref_pool *pool);
bool ref_shape(const struct ref_request *req, struct ref_shape *shape);
/* Returns NULL if a run at @start obeys all rules, otherwise the name of the broken rule */
const char *ref_breaks(const struct reference *ref, const struct ref_request *req,
		       const struct ref_shape *shape, phys_addr_t start);
const char *ref_take(struct reference *ref, phys_addr_t start, size_t nslots,
		     unsigned int mem);
void ref_give(struct reference *ref, phys_addr_t start, size_t nslots,
	      unsigned int mem);
/* Returns the first place in the known areas where a request fits, 0 if none */
phys_addr_t ref_room(const struct reference *ref, const struct ref_request *req);

#endif
