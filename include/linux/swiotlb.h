/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __LINUX_SWIOTLB_H
#define __LINUX_SWIOTLB_H

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/dma-direction.h>
#include <linux/init.h>
#include <linux/limits.h>
#include <linux/types.h>

struct io_tlb_mem;
struct io_tlb_pool;
struct page;

/* Flags of swiotlb_init() and swiotlb_init_remap() */
#define SWIOTLB_VERBOSE	BIT(0) /* print where the pool is */
#define SWIOTLB_ANY	BIT(1) /* the pool may lie anywhere in memory */
#define SWIOTLB_FIXED	BIT(2) /* devices can use no other memory: never grow */

/* The unit of space, a slot (slab in the older names): 2 KiB */
#define IO_TLB_SHIFT	11
#define IO_TLB_SIZE	(1 << IO_TLB_SHIFT)

/* Slots of the largest mapping if the caller cannot sleep, a power of two */
#define IO_TLB_SEGSIZE	128

/* Default size of the boot pool in bytes, without "swiotlb=" */
#ifdef CONFIG_SWIOTLB
#define IO_TLB_DEFAULT_SIZE ((unsigned long)CONFIG_SWIOTLB_DEFAULT_SIZE_MB << 20)
#else
#define IO_TLB_DEFAULT_SIZE (64UL << 20)
#endif

unsigned long swiotlb_size_or_default(void);
void __init swiotlb_init_remap(bool addressing_limit, unsigned int flags,
			       int (*remap)(void *tlb, unsigned long nslabs));
int swiotlb_init_late(size_t size, gfp_t gfp_mask,
		      int (*remap)(void *tlb, unsigned long nslabs));
void __init swiotlb_update_mem_attributes(void);

#ifdef CONFIG_SWIOTLB

/**
 * struct io_tlb_mem - the part of an allocator that inline functions use
 * @start:	Physical address of the pool made at boot.
 * @size:	Its size in bytes, 0 if there is none.
 * @pool:	The pool made at boot.
 * @nslabs:	Number of slots in open pools. If this is 0, maps fail, or fall back from a
 *		device's own allocator to the default one.
 * @force_bounce: Every mapping of its devices is bounced.
 * @for_alloc:	Coherent memory of its devices also comes from the allocator.
 * @cc_shared:	The memory is shared with the hypervisor (decrypted).
 *
 * Not for drivers. Maps and unmaps do not write to it.
 */
struct io_tlb_mem {
	phys_addr_t start;
	phys_addr_t size;
	struct io_tlb_pool *pool;
	unsigned int nslabs;
	bool force_bounce;
	bool for_alloc;
	bool cc_shared;
};

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* Contains all pools made at run time so far. @end_pfn is exclusive, 0 if there was no pool. */
struct swiotlb_range {
	unsigned long first_pfn;
	unsigned long end_pfn;
};

extern struct swiotlb_range swiotlb_range;
#endif

struct io_tlb_pool *__swiotlb_find_pool(phys_addr_t paddr);

/**
 * swiotlb_find_pool() - find the pool that holds a physical address
 * @dev:	Device that the address was mapped for.
 * @paddr:	Physical address.
 *
 * Also used to check if @paddr is in a bounce buffer.
 *
 * Context: Any.
 * Return: The pool, or %NULL if @paddr is not in a bounce buffer of @dev.
 */
static inline struct io_tlb_pool *swiotlb_find_pool(struct device *dev,
						    phys_addr_t paddr)
{
	struct io_tlb_mem *mem = READ_ONCE(dev->dma_io_tlb_mem);
	unsigned long __maybe_unused pfn = paddr >> PAGE_SHIFT;

	if (!mem)
		return NULL;

	if (paddr - mem->start < mem->size)
		return mem->pool;

#ifdef CONFIG_SWIOTLB_DYNAMIC
	/*
	 * [2] Pairs with swiotlb_pools_add(): read @paddr from data of the driver
	 * before the range and the index. See kernel/dma/swiotlb/internal.h.
	 */
	smp_rmb();
	if (unlikely(pfn < READ_ONCE(swiotlb_range.end_pfn) &&
		     pfn >= READ_ONCE(swiotlb_range.first_pfn)))
		return __swiotlb_find_pool(paddr);
#endif
	return NULL;
}

static inline bool is_swiotlb_force_bounce(struct device *dev)
{
	struct io_tlb_mem *mem = READ_ONCE(dev->dma_io_tlb_mem);

	return mem && mem->force_bounce;
}

void swiotlb_init(bool addressing_limited, unsigned int flags);
void __init swiotlb_exit(void);
void swiotlb_dev_init(struct device *dev);
size_t swiotlb_max_mapping_size(struct device *dev);
bool is_swiotlb_allocated(void);
bool is_swiotlb_active(struct device *dev);
void __init swiotlb_adjust_size(unsigned long size);
phys_addr_t default_swiotlb_base(void);
phys_addr_t default_swiotlb_limit(void);

#ifdef CONFIG_SYSFS
void swiotlb_dev_add(struct device *dev);
void swiotlb_dev_release(struct device *dev);
#else
static inline void swiotlb_dev_add(struct device *dev)
{
}

static inline void swiotlb_dev_release(struct device *dev)
{
}
#endif
#else /* !CONFIG_SWIOTLB */
static inline struct io_tlb_pool *swiotlb_find_pool(struct device *dev,
						    phys_addr_t paddr)
{
	return NULL;
}

static inline bool is_swiotlb_force_bounce(struct device *dev)
{
	return false;
}

static inline void swiotlb_init(bool addressing_limited, unsigned int flags)
{
}

static inline void swiotlb_exit(void)
{
}

static inline void swiotlb_dev_init(struct device *dev)
{
}

static inline void swiotlb_dev_add(struct device *dev)
{
}

static inline void swiotlb_dev_release(struct device *dev)
{
}

static inline size_t swiotlb_max_mapping_size(struct device *dev)
{
	return SIZE_MAX;
}

static inline bool is_swiotlb_allocated(void)
{
	return false;
}

static inline bool is_swiotlb_active(struct device *dev)
{
	return false;
}

static inline void swiotlb_adjust_size(unsigned long size)
{
}

static inline phys_addr_t default_swiotlb_base(void)
{
	return 0;
}

static inline phys_addr_t default_swiotlb_limit(void)
{
	return 0;
}
#endif /* CONFIG_SWIOTLB */

#ifdef CONFIG_SWIOTLB_DYNAMIC
bool swiotlb_device_allocate(struct device *dev, unsigned int nqueues, size_t bytes);
void swiotlb_device_reduce(struct device *dev, unsigned int nqueues, size_t bytes);
void swiotlb_mem_release(struct io_tlb_mem *pub);

static inline struct io_tlb_mem *swiotlb_dev_mem(struct device *dev)
{
	return dev->dma_io_tlb_mem;
}
#else
static inline bool swiotlb_device_allocate(struct device *dev, unsigned int nqueues,
					   size_t bytes)
{
	return false;
}

static inline void swiotlb_device_reduce(struct device *dev, unsigned int nqueues,
					 size_t bytes)
{
}

static inline void swiotlb_mem_release(struct io_tlb_mem *pub)
{
}

static inline struct io_tlb_mem *swiotlb_dev_mem(struct device *dev)
{
	return NULL;
}
#endif

phys_addr_t swiotlb_tbl_map_single(struct device *dev, phys_addr_t orig_addr,
				   size_t mapping_size,
				   unsigned int alloc_align_mask,
				   enum dma_data_direction dir,
				   unsigned long *attrs);
dma_addr_t swiotlb_map(struct device *dev, phys_addr_t paddr, size_t size,
		       enum dma_data_direction dir, unsigned long attrs);

void __swiotlb_tbl_unmap_single(struct device *dev, phys_addr_t tlb_addr,
				size_t mapping_size,
				enum dma_data_direction dir,
				unsigned long attrs, struct io_tlb_pool *pool);
void __swiotlb_sync_single_for_device(struct device *dev, phys_addr_t tlb_addr,
				      size_t size, enum dma_data_direction dir,
				      struct io_tlb_pool *pool);
void __swiotlb_sync_single_for_cpu(struct device *dev, phys_addr_t tlb_addr,
				   size_t size, enum dma_data_direction dir,
				   struct io_tlb_pool *pool);

/* The following functions do nothing if @addr is not in a bounce buffer. */

static inline void swiotlb_tbl_unmap_single(struct device *dev, phys_addr_t addr,
					    size_t size,
					    enum dma_data_direction dir,
					    unsigned long attrs)
{
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, addr);

	if (unlikely(pool))
		__swiotlb_tbl_unmap_single(dev, addr, size, dir, attrs, pool);
}

static inline void swiotlb_sync_single_for_device(struct device *dev,
						  phys_addr_t addr, size_t size,
						  enum dma_data_direction dir)
{
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, addr);

	if (unlikely(pool))
		__swiotlb_sync_single_for_device(dev, addr, size, dir, pool);
}

static inline void swiotlb_sync_single_for_cpu(struct device *dev,
					       phys_addr_t addr, size_t size,
					       enum dma_data_direction dir)
{
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, addr);

	if (unlikely(pool))
		__swiotlb_sync_single_for_cpu(dev, addr, size, dir, pool);
}

void swiotlb_print_info(void);

#ifdef CONFIG_DMA_RESTRICTED_POOL
struct page *swiotlb_alloc(struct device *dev, size_t size,
			   unsigned long attrs);
bool swiotlb_free(struct device *dev, struct page *page, size_t size);
void swiotlb_free_from_pool(struct device *dev, phys_addr_t tlb_addr,
			    struct io_tlb_pool *pool);

static inline bool is_swiotlb_for_alloc(struct device *dev)
{
	return dev->dma_io_tlb_mem->for_alloc;
}
#else
static inline struct page *swiotlb_alloc(struct device *dev, size_t size,
					 unsigned long attrs)
{
	return NULL;
}

static inline bool swiotlb_free(struct device *dev, struct page *page,
				size_t size)
{
	return false;
}

static inline void swiotlb_free_from_pool(struct device *dev,
					  phys_addr_t tlb_addr,
					  struct io_tlb_pool *pool)
{
}

static inline bool is_swiotlb_for_alloc(struct device *dev)
{
	return false;
}
#endif /* CONFIG_DMA_RESTRICTED_POOL */

#endif /* __LINUX_SWIOTLB_H */
