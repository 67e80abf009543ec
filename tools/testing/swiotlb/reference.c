// SPDX-License-Identifier: GPL-2.0-only
/* The rules for valid mappings, one after the other; see reference.h. */
#include "reference.h"

void ref_init(struct reference *ref)
{
	memset(ref, 0, sizeof(*ref));
	ref->owner = calloc(SHIM_PHYS_END >> IO_TLB_SHIFT, sizeof(u16));
	BUG_ON(!ref->owner);
}

void ref_add_pool(struct reference *ref, const struct ref_pool *pool)
{
	struct ref_pool *known = &ref->pools[ref->npools++];
	size_t first, nslots = DIV_ROUND_UP(pool->nslots, pool->nareas);

	/* The number of slots of an area is a power of two, except in the last one */
	if (pool->nareas > 1)
		nslots = roundup_pow_of_two(nslots);
	BUG_ON(ref->npools > REF_MAX_POOLS || pool->mem >= REF_MAX_MEMS);
	*known = *pool;
	for (first = 0; first < pool->nslots; first += nslots) {
		BUG_ON(ref->nareas == REF_MAX_AREAS);
		ref->areas[ref->nareas++] = (struct ref_area){
			pool->start + first * IO_TLB_SIZE,
			min(nslots, pool->nslots - first), known };
	}
}

/* Returns the known pool at an address, NULL if there is none */
static const struct ref_pool *pool_of(const struct reference *ref, phys_addr_t addr)
{
	unsigned int i;

	for (i = 0; i < ref->npools; i++)
		if (addr - ref->pools[i].start < ref->pools[i].nslots * IO_TLB_SIZE)
			return &ref->pools[i];
	return NULL;
}

static bool crosses_segment(const struct ref_pool *pool, phys_addr_t start,
			    size_t nslots)
{
	size_t first = (start - pool->start) >> IO_TLB_SHIFT;

	return pool->segment &&
	       first / pool->segment != (first + nslots - 1) / pool->segment;
}

/* Behind an IOMMU the mask does not limit physical addresses */
static u64 limit_of(const struct device *dev)
{
	return dev->dma_iommu ? ~0ULL : min_not_zero(*dev->dma_mask, dev->bus_dma_limit);
}

/* Returns false if the request is larger than the largest mapping */
bool ref_shape(const struct ref_request *req, struct ref_shape *shape)
{
	unsigned long min_mask = req->coherent ? 0 :
				 dma_get_min_align_mask(req->dev);
	unsigned long alloc_mask = req->alloc_mask;
	size_t bytes;

	if (req->coherent)
		alloc_mask = (PAGE_SIZE << get_order(req->size)) - 1;
	shape->offset = req->orig & min_mask & (alloc_mask | (IO_TLB_SIZE - 1));
	if (req->coherent)
		bytes = PAGE_ALIGN(req->size);
	else
		bytes = DIV_ROUND_UP(req->size + shape->offset, alloc_mask + 1) *
			(alloc_mask + 1);
	shape->nslots = DIV_ROUND_UP(bytes, IO_TLB_SIZE);

	if (!alloc_mask && !min_mask && req->size >= PAGE_SIZE)
		alloc_mask = PAGE_SIZE - 1;
	shape->start_mask = alloc_mask | (IO_TLB_SIZE - 1);
	shape->keep_mask = min_mask & ~shape->start_mask;
	return bytes <= IO_TLB_SEGSIZE * IO_TLB_SIZE;
}

const char *ref_breaks(const struct reference *ref, const struct ref_request *req,
		       const struct ref_shape *shape, phys_addr_t start)
{
	const struct ref_pool *pool = pool_of(ref, start);
	dma_addr_t first = phys_to_dma(req->dev, start);
	dma_addr_t last = first + shape->nslots * IO_TLB_SIZE - 1;
	unsigned long boundary = dma_get_seg_boundary(req->dev) |
				 (IO_TLB_SIZE - 1);

	if (first & shape->start_mask)
		return "alignment of the allocation";
	if ((first ^ req->orig) & shape->keep_mask)
		return "min_align_mask";
	if ((first & ~boundary) != (last & ~boundary))
		return "segment boundary";
	if (last > limit_of(req->dev))
		return "reach of the device";
	if (pool && pool->mem != req->mem)
		return "pool of another allocator";
	if (pool && crosses_segment(pool, start, shape->nslots))
		return "segment of the platform";
	return NULL;
}

const char *ref_take(struct reference *ref, phys_addr_t start, size_t nslots,
		     unsigned int mem)
{
	u16 *owner = &ref->owner[start >> IO_TLB_SHIFT];
	size_t i;

	for (i = 0; i < nslots; i++) {
		if (owner[i])
			return "overlap with a live mapping";
		if (!shim_page_allocated(start + i * IO_TLB_SIZE))
			return "memory that is no pool's";
	}
	for (i = 0; i < nslots; i++)
		owner[i] = 1;
	ref->used[mem] += nslots;
	return NULL;
}

void ref_give(struct reference *ref, phys_addr_t start, size_t nslots,
	      unsigned int mem)
{
	memset(&ref->owner[start >> IO_TLB_SHIFT], 0, nslots * sizeof(u16));
	ref->used[mem] -= nslots;
}

static phys_addr_t room_in(const struct reference *ref,
			   const struct ref_area *area,
			   const struct ref_request *req,
			   const struct ref_shape *shape)
{
	const u16 *owner = &ref->owner[area->start >> IO_TLB_SHIFT];
	phys_addr_t start = 0, at;
	size_t i, run = 0;

	/* Backwards, so that @run is the length of the free run that begins at slot i */
	for (i = area->nslots; i--; ) {
		run = owner[i] ? 0 : run + 1;
		at = area->start + i * IO_TLB_SIZE;
		if (run >= shape->nslots && !ref_breaks(ref, req, shape, at))
			start = at;
	}
	return start;
}

phys_addr_t ref_room(const struct reference *ref, const struct ref_request *req)
{
	struct ref_shape shape;
	phys_addr_t start;
	unsigned int i;

	if (!ref_shape(req, &shape))
		return 0;
	for (i = 0; i < ref->nareas; i++) {
		start = room_in(ref, &ref->areas[i], req, &shape);
		if (start)
			return start;
	}
	return 0;
}
