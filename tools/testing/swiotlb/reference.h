/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slow and obvious model of what a pool may hand out: one entry a slot of
 * physical memory, no hints, no bitmaps, every rule written out once.
 */
#ifndef SWIOTLB_REFERENCE_H
#define SWIOTLB_REFERENCE_H

#include "harness.h"

/**
 * struct ref_request - what was asked for
 * @dev:	Whose masks hold.
 * @orig:	Original address; 0 and @coherent for an allocation.
 * @size:	Bytes.
 * @alloc_mask:	As swiotlb_tbl_map_single() has it.
 * @coherent:	By swiotlb_alloc().
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

/* What a request takes: filled in by ref_shape() */
struct ref_shape {
	unsigned int offset;	/* from the start of the run to the buffer */
	size_t nslots;
	unsigned long start_mask;	/* DMA address bits that must be 0 ... */
	unsigned long keep_mask;	/* ... and those of the original */
};

/**
 * struct ref_pool - a pool that is known
 * @start:	Its first byte.
 * @nslots:	Its slots.
 * @nareas:	Its areas: no run crosses from one to the next.
 * @segment:	Slots of what the platform has made contiguous, counted from @start,
 *		0 for all: nor from one of these to the next.
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

#define REF_MAX_AREAS 64
#define REF_MAX_POOLS 4
#define REF_MAX_MEMS 4
struct reference {
	struct ref_pool pools[REF_MAX_POOLS];
	unsigned int npools;
	struct ref_area areas[REF_MAX_AREAS];
	unsigned int nareas;
	size_t used[REF_MAX_MEMS];
	u16 *owner;		/* by physical slot number; 0: free */
};

void ref_init(struct reference *ref);
void ref_add_pool(struct reference *ref, const struct ref_pool *pool);
bool ref_shape(const struct ref_request *req, struct ref_shape *shape);
/* NULL if a run at @start obeys every rule, otherwise the rule's name */
const char *ref_breaks(const struct reference *ref, const struct ref_request *req,
		       const struct ref_shape *shape, phys_addr_t start);
const char *ref_take(struct reference *ref, phys_addr_t start, size_t nslots,
		     unsigned int mem);
void ref_give(struct reference *ref, phys_addr_t start, size_t nslots,
	      unsigned int mem);
/* The first place in the known areas where a request fits, 0 if none */
phys_addr_t ref_room(const struct reference *ref, const struct ref_request *req);

#endif
