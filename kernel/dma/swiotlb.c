// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software IO TLB: the functions that the DMA API calls.
 *
 * If a device cannot reach a buffer, or must not access it, the device uses a bounce buffer, and
 * the CPU copies the data. See swiotlb/internal.h for the layers that allocate it.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "swiotlb/bounce.h"
#include "swiotlb/large.h"
#include "swiotlb/report.h"
#include "swiotlb/wait.h"

#define CREATE_TRACE_POINTS
#include <trace/events/swiotlb.h>

/**
 * swiotlb_dev_init() - make a device use the default allocator
 * @dev:	Device that is being initialized.
 *
 * Context: Any.
 */
void swiotlb_dev_init(struct device *dev)
{
	dev->dma_io_tlb_mem = &swiotlb_default_mem.pub;
}

/**
 * is_swiotlb_active() - can anything be bounced for a device?
 * @dev:	Device.
 *
 * Context: Any.
 * Return: %true if its allocator has a pool, or its maps can fall back to a common allocator.
 */
bool is_swiotlb_active(struct device *dev)
{
	return swiotlb_mem_is_active(READ_ONCE(dev->dma_io_tlb_mem));
}

/**
 * swiotlb_max_mapping_size() - largest size that a device can map in any context
 * @dev:	Device.
 *
 * A mapping of this size fits in an empty area for any original address: alignment may exclude
 * up to min_align_mask bytes at the start of the area.
 *
 * Context: Any.
 * Return: Bytes.
 */
size_t swiotlb_max_mapping_size(struct device *dev)
{
	size_t skip = roundup(dma_get_min_align_mask(dev), IO_TLB_SIZE);

	return (SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT) - skip;
}

/*
 * A device must not use a pool whose encryption differs from what it needs. On a host that
 * encrypts its memory (SME), all pools are decrypted, and all devices can use them.
 */
static bool swiotlb_mem_suits(const struct io_tlb_mem *mem, struct device *dev)
{
	if (!cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return true;

	pr_warn_once("Memory encryption is active and system is using DMA bounce buffers\n");
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return mem->cc_shared == force_dma_unencrypted(dev);
	return mem->cc_shared;
}

/* The engine needs masks of 2^n - 1: fill the holes in a driver's mask. */
static inline unsigned int swiotlb_slot_mask(unsigned int byte_mask)
{
	unsigned int mask = byte_mask >> IO_TLB_SHIFT;

	if (likely(!(mask & (mask + 1))))
		return mask;
	return roundup_pow_of_two((unsigned long)mask + 1) - 1;
}

/*
 * Convert bytes and masks to slots::
 *
 *	|<------------------- nslots ------------------->|
 *	| pad_slots |offset| buffer            | rounding|
 *	^           ^
 *	first slot  first slot with data
 *
 * In the DMA address of the first slot, the bits of @alloc_align_mask are 0, and higher bits of
 * the device's min_align_mask equal those of the original address. The distance from the first
 * slot to the buffer has the lower bits of min_align_mask.
 */
static bool swiotlb_make_request(struct device *dev, phys_addr_t orig_addr,
				 size_t bytes, unsigned int alloc_align_mask,
				 unsigned long attrs, struct swiotlb_request *req)
{
	unsigned int min_align_mask = dma_get_min_align_mask(dev);
	unsigned int offset = swiotlb_align_offset(dev, alloc_align_mask, orig_addr);
	unsigned int alloc_mask, keep_mask;
	u64 total;

	total = ALIGN((u64)bytes + offset, (u64)alloc_align_mask + 1);
	if (!bytes || (total > SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT &&
		       total > (u64)swiotlb_most_slots(dev, attrs) << IO_TLB_SHIFT))
		return false;

	/* Drivers rely on a buffer of a page or more being page-aligned. */
	if (!alloc_align_mask && !min_align_mask && bytes >= PAGE_SIZE)
		alloc_align_mask = PAGE_SIZE - 1;

	alloc_mask = swiotlb_slot_mask(alloc_align_mask);
	keep_mask = swiotlb_slot_mask(min_align_mask) & ~alloc_mask;

	req->orig_addr = orig_addr;
	req->bytes = bytes;
	req->offset = offset & (IO_TLB_SIZE - 1);
	req->pad_slots = offset >> IO_TLB_SHIFT;
	req->nslots = swiotlb_nslots(total);
	req->align_mask = alloc_mask | keep_mask;
	req->align = (orig_addr >> IO_TLB_SHIFT) & keep_mask;
	req->boundary_mask = dma_get_seg_boundary(dev) >> IO_TLB_SHIFT;

	/* A long address needs a record of two words: see "Mapping records" in record.h. */
	if (req->nslots == 1 && swiotlb_addr_is_long(orig_addr))
		req->nslots = 2;

	return swiotlb_request_possible(req);
}

/* Report a request that no pool can ever serve. */
static void swiotlb_map_impossible(struct device *dev, size_t bytes,
				   unsigned int alloc_align_mask, unsigned long attrs)
{
	unsigned int most_slots = swiotlb_most_slots(dev, attrs);
	size_t most = most_slots > SWIOTLB_MAX_SLOTS ? (size_t)most_slots << IO_TLB_SHIFT :
						       swiotlb_max_mapping_size(dev);

	if (swiotlb_failed(dev, bytes > most ? SWIOTLB_TOO_LARGE :
					       SWIOTLB_MISALIGNED, bytes, attrs))
		dev_warn(dev, "swiotlb buffer is full (sz: %zu bytes): it can never map more than %zu, with alignment mask 0x%x of the device and 0x%x of the allocation, segment boundary 0x%lx\n",
			 bytes, most, dma_get_min_align_mask(dev),
			 alloc_align_mask, dma_get_seg_boundary(dev));
}

static noinline phys_addr_t swiotlb_map_slow(struct swiotlb_mem *mem, struct device *dev,
					     const struct swiotlb_request *req, unsigned long attrs,
					     struct io_tlb_pool **pool)
{
	struct swiotlb_mem *shared = swiotlb_mem_shared(mem);
	enum swiotlb_reach reach = swiotlb_mem_reach(shared, dev);
	phys_addr_t tlb_addr;

	if (reach == SWIOTLB_REACH_NONE && !swiotlb_transient_is_reached(shared, dev)) {
		if (swiotlb_failed(dev, SWIOTLB_OUT_OF_REACH, req->bytes, attrs))
			dev_warn(dev, "swiotlb is out of reach, overflow (sz: %zu bytes, mask %llx, bus limit %llx)\n",
				 req->bytes, *dev->dma_mask, dev->bus_dma_limit);
		return SWIOTLB_MAP_FULL;
	}

	if (attrs & DMA_ATTR_MAY_SLEEP)
		tlb_addr = swiotlb_map_sleeping(shared, dev, req, reach, pool);
	else
		tlb_addr = swiotlb_map_atomic(shared, dev, req, reach, pool);
	if (tlb_addr == SWIOTLB_MAP_FULL)
		swiotlb_failed_full(dev, req, reach, attrs);
	return tlb_addr;
}

/**
 * swiotlb_tbl_map_single() - map a buffer to a bounce buffer
 * @dev:	Device.
 * @orig_addr:	Physical address of the buffer.
 * @mapping_size: Size of the buffer in bytes.
 * @alloc_align_mask: 2^n - 1. The start and the size of the allocation are multiples of 2^n
 *		bytes: padding may precede and follow the buffer.
 * @dir:	Direction of the DMA.
 * @attrs:	DMA attributes. %DMA_ATTR_CC_SHARED is set if the pool is decrypted, and
 *		otherwise cleared.
 *
 * The bounce buffer has the address bits of @orig_addr in the device's min_align_mask, and does
 * not cross the device's segment boundary. If min_align_mask and @alloc_align_mask are 0, a
 * buffer of a page or more begins on a page.
 *
 * The buffer is copied even if the device only writes: the device may write only a part, and the
 * unmap must not change the rest of the original. Padding around the buffer is not initialized.
 *
 * Context: Any. With %DMA_ATTR_MAY_SLEEP process context: the map may wait for room.
 * Return: Physical address of the bounce buffer, or DMA_MAPPING_ERROR. A failure is traced
 * as swiotlb_failed, and logged at a limited rate unless %DMA_ATTR_NO_WARN is set.
 */
phys_addr_t swiotlb_tbl_map_single(struct device *dev, phys_addr_t orig_addr,
				   size_t mapping_size, unsigned int alloc_align_mask,
				   enum dma_data_direction dir, unsigned long *attrs)
{
	/* Read once: the device may get its own allocator meanwhile. */
	struct io_tlb_mem *pub = READ_ONCE(dev->dma_io_tlb_mem);
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;
	struct swiotlb_request req;
	struct swiotlb_mem *first;
	struct io_tlb_pool *pool;

	if (unlikely(!swiotlb_mem_is_active(pub))) {
		if (swiotlb_failed(dev, SWIOTLB_NO_POOL, mapping_size, *attrs))
			dev_warn(dev, "Can not allocate SWIOTLB buffer earlier and can't now provide you with the DMA bounce buffer\n");
		return (phys_addr_t)DMA_MAPPING_ERROR;
	}
	if (unlikely(!swiotlb_mem_suits(pub, dev))) {
		if (swiotlb_failed(dev, SWIOTLB_WRONG_ENCRYPTION, mapping_size, *attrs))
			dev_warn(dev, "swiotlb has no pool with the encryption that the device needs\n");
		return (phys_addr_t)DMA_MAPPING_ERROR;
	}

	if (pub->cc_shared)
		*attrs |= DMA_ATTR_CC_SHARED;
	else
		*attrs &= ~DMA_ATTR_CC_SHARED;

	/* Some pools are only page-aligned: larger alignment may exclude their first slots. */
	dev_WARN_ONCE(dev, alloc_align_mask > ~PAGE_MASK,
		      "Alloc alignment may prevent fulfilling requests with max mapping_size\n");

	if (!swiotlb_make_request(dev, orig_addr, mapping_size, alloc_align_mask, *attrs, &req)) {
		swiotlb_map_impossible(dev, mapping_size, alloc_align_mask, *attrs);
		return (phys_addr_t)DMA_MAPPING_ERROR;
	}

	first = swiotlb_mem_first(to_swiotlb_mem(pub), dev);
	/* A caller that can sleep must not overtake callers that already wait. */
	if (likely(first && !(*attrs & DMA_ATTR_MAY_SLEEP)))
		tlb_addr = swiotlb_mem_map_cached(first, dev, &req, &pool);
	if (unlikely(tlb_addr == SWIOTLB_MAP_FULL))
		tlb_addr = swiotlb_map_slow(to_swiotlb_mem(pub), dev, &req, *attrs, &pool);
	if (unlikely(tlb_addr == SWIOTLB_MAP_FULL))
		return (phys_addr_t)DMA_MAPPING_ERROR;

	/* Syncs of this device must no longer be skipped. */
	dma_reset_need_sync(dev);

	swiotlb_copy(dev, pool, tlb_addr, orig_addr, mapping_size, DMA_TO_DEVICE);
	/* [4] Pairs with the address dependency in swiotlb_pool_lookup(). */
	smp_wmb();
	return tlb_addr;
}

static inline bool swiotlb_find_mapping(struct device *dev, const struct io_tlb_pool *pool,
					phys_addr_t tlb_addr, struct swiotlb_mapping *map)
{
	bool found = swiotlb_pool_lookup(pool, tlb_addr, map);

	if (unlikely(!found))
		swiotlb_driver_error(dev, "nothing is mapped at %pa\n", tlb_addr);
	return found;
}

/**
 * __swiotlb_tbl_unmap_single() - unmap a bounce buffer
 * @dev:	Device of the mapping.
 * @tlb_addr:	Address that swiotlb_tbl_map_single() returned.
 * @mapping_size: Size of the mapping in bytes.
 * @dir:	Direction of the DMA. Data from the device is copied back before the buffer is
 *		freed.
 * @attrs:	DMA attributes. With %DMA_ATTR_SKIP_CPU_SYNC nothing is copied back.
 * @pool:	The pool, from swiotlb_find_pool().
 *
 * Context: Any.
 */
void __swiotlb_tbl_unmap_single(struct device *dev, phys_addr_t tlb_addr,
				size_t mapping_size, enum dma_data_direction dir,
				unsigned long attrs, struct io_tlb_pool *pool)
{
	struct swiotlb_mapping map;
	phys_addr_t first;

	if (!swiotlb_find_mapping(dev, pool, tlb_addr, &map))
		return;

	/* A mapping can only be unmapped as a whole: @tlb_addr must lie in its first data slot. */
	first = swiotlb_slot_addr(pool, map.head + map.pad_slots);
	if (unlikely(tlb_addr - first >= IO_TLB_SIZE)) {
		swiotlb_driver_error(dev, "%pa is not the start of a mapping\n", tlb_addr);
		return;
	}

	/* The loser of a racing unmap must not copy: the buffer may have a new owner. */
	if (!swiotlb_record_take(&pool->records[map.head], map.word)) {
		swiotlb_driver_error(dev, "%pa was unmapped twice at once\n", tlb_addr);
		return;
	}

	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC) &&
	    (dir == DMA_FROM_DEVICE || dir == DMA_BIDIRECTIONAL))
		swiotlb_bounce(dev, pool, &map, tlb_addr, mapping_size, DMA_FROM_DEVICE);

	/* The next call frees the slots: @pool may be freed from then on. */
	if (likely(!swiotlb_pool_is_apart(pool)))
		swiotlb_mem_unmap(dev, pool, &map);
	else if (swiotlb_pool_is_large(pool))
		swiotlb_large_unmap(pool, &map);
	else
		swiotlb_transient_unmap(dev, pool, map.nslots);
}

/* Uncommon syncs. Not inline: otherwise all syncs would save the registers that are needed here. */
static noinline void swiotlb_sync_part(struct device *dev, phys_addr_t tlb_addr, size_t size,
				       enum dma_data_direction dir, const struct io_tlb_pool *pool)
{
	struct swiotlb_mapping map;

	if (swiotlb_find_mapping(dev, pool, tlb_addr, &map))
		swiotlb_bounce(dev, pool, &map, tlb_addr, size, dir);
}

static __always_inline void swiotlb_sync(struct device *dev, phys_addr_t tlb_addr,
					 size_t size, enum dma_data_direction dir,
					 const struct io_tlb_pool *pool)
{
	struct swiotlb_mapping map;
	phys_addr_t skip;

	if (likely(swiotlb_pool_lookup_head(pool, swiotlb_pool_index(pool, tlb_addr), &map) &&
		   map.orig_addr != SWIOTLB_NO_ORIG_ADDR)) {
		skip = swiotlb_bounce_skip(dev, pool, &map, tlb_addr);
		if (likely(swiotlb_bounce_is_inside(&map, skip, size))) {
			swiotlb_copy(dev, pool, tlb_addr, map.orig_addr + skip, size, dir);
			return;
		}
	}
	swiotlb_sync_part(dev, tlb_addr, size, dir, pool);
}

/**
 * __swiotlb_sync_single_for_device() - copy a part of a mapping to the bounce buffer
 * @dev:	Device of the mapping.
 * @tlb_addr:	Physical address of the part in the bounce buffer.
 * @size:	Size of the part in bytes.
 * @dir:	Direction of the DMA. %DMA_FROM_DEVICE copies nothing.
 * @pool:	The pool, from swiotlb_find_pool().
 *
 * Context: Any.
 */
void __swiotlb_sync_single_for_device(struct device *dev, phys_addr_t tlb_addr, size_t size,
				      enum dma_data_direction dir, struct io_tlb_pool *pool)
{
	if (dir == DMA_TO_DEVICE || dir == DMA_BIDIRECTIONAL)
		swiotlb_sync(dev, tlb_addr, size, DMA_TO_DEVICE, pool);
}

/**
 * __swiotlb_sync_single_for_cpu() - copy a part of a mapping from the bounce buffer
 * @dev:	Device of the mapping.
 * @tlb_addr:	Physical address of the part in the bounce buffer.
 * @size:	Size of the part in bytes.
 * @dir:	Direction of the DMA. %DMA_TO_DEVICE copies nothing.
 * @pool:	The pool, from swiotlb_find_pool().
 *
 * Context: Any.
 */
void __swiotlb_sync_single_for_cpu(struct device *dev, phys_addr_t tlb_addr, size_t size,
				   enum dma_data_direction dir, struct io_tlb_pool *pool)
{
	if (dir == DMA_FROM_DEVICE || dir == DMA_BIDIRECTIONAL)
		swiotlb_sync(dev, tlb_addr, size, DMA_FROM_DEVICE, pool);
}

/**
 * swiotlb_map() - map a buffer to a bounce buffer that the device can reach
 * @dev:	Device.
 * @paddr:	Physical address of the buffer.
 * @size:	Size of the buffer in bytes.
 * @dir:	Direction of the DMA.
 * @attrs:	DMA attributes.
 *
 * Context: Any. With %DMA_ATTR_MAY_SLEEP process context: the map may wait for room.
 * Return: DMA address of the bounce buffer, or DMA_MAPPING_ERROR.
 */
dma_addr_t swiotlb_map(struct device *dev, phys_addr_t paddr, size_t size,
		       enum dma_data_direction dir, unsigned long attrs)
{
	phys_addr_t tlb_addr;
	dma_addr_t dma_addr;

	trace_swiotlb_bounced(dev, phys_to_dma(dev, paddr), size);

	tlb_addr = swiotlb_tbl_map_single(dev, paddr, size, 0, dir, &attrs);
	if (tlb_addr == (phys_addr_t)DMA_MAPPING_ERROR)
		return DMA_MAPPING_ERROR;

	dma_addr = attrs & DMA_ATTR_CC_SHARED ?
		   phys_to_dma_unencrypted(dev, tlb_addr) :
		   phys_to_dma_encrypted(dev, tlb_addr);
	if (unlikely(!dma_capable(dev, dma_addr, size, true, attrs))) {
		trace_swiotlb_failed(dev, size, "out of reach");
		dev_WARN_ONCE(dev, 1, "swiotlb addr %pad+%zu overflow (mask %llx, bus limit %llx).\n",
			      &dma_addr, size, *dev->dma_mask, dev->bus_dma_limit);
		attrs |= DMA_ATTR_SKIP_CPU_SYNC;
		swiotlb_tbl_unmap_single(dev, tlb_addr, size, dir, attrs);
		return DMA_MAPPING_ERROR;
	}

	if (!dev_is_dma_coherent(dev) && !(attrs & DMA_ATTR_SKIP_CPU_SYNC)) {
		arch_sync_dma_for_device(tlb_addr, size, dir);
		arch_sync_dma_flush();
	}
	return dma_addr;
}
