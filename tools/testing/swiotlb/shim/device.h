/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: the parts of struct device that the DMA layer uses. The swiotlb fields have the
 * same neighbours as in the kernel: dma_uses_io_tlb shares a cache line with the fields
 * that every map reads.
 */
#ifndef SHIM_DEVICE_H
#define SHIM_DEVICE_H

struct device_node { const char *name; };

struct device_dma_parameters {
	unsigned int max_segment_size;
	unsigned int min_align_mask;
	unsigned long segment_boundary_mask;
};

struct bus_dma_region;
struct dma_map_ops;
struct io_tlb_mem;
struct swiotlb_dev_stats;

struct device {
#ifdef SHIM_BENCH
	/* The same size as in struct device of x86-64, so that later offsets match */
	const char *name;
	char shim_head[296];
#else
	const char *name;
	int shim_node_plus_one;
#endif
	u64 *dma_mask;
	u64 coherent_dma_mask;
	u64 bus_dma_limit;
	const struct bus_dma_region *dma_range_map;
	struct device_dma_parameters *dma_parms;
#ifdef SHIM_BENCH
	char shim_dma_pools[24];
#endif
	struct io_tlb_mem *dma_io_tlb_mem;
#ifndef ENGINE_base
	struct swiotlb_dev_stats *dma_io_tlb_stats;
#endif
#if defined(CONFIG_SWIOTLB_DYNAMIC) && (!defined(SHIM_BENCH) || defined(ENGINE_base))
	struct list_head dma_io_tlb_pools;
	spinlock_t dma_io_tlb_lock;
	bool dma_uses_io_tlb;
#endif
	struct device_node *of_node;
#ifdef SHIM_BENCH
	char shim_middle[80];
#endif
	bool dma_coherent;
	bool dma_skip_sync;
	bool shim_unencrypted;	/* returned by force_dma_unencrypted() */
	bool dma_iommu;
	const struct dma_map_ops *dma_ops;
} __attribute__((aligned(64)));

#ifdef SHIM_BENCH
_Static_assert(offsetof(struct device, dma_parms) == 336, "struct device");
_Static_assert(offsetof(struct device, dma_io_tlb_mem) == 368, "struct device");
#ifdef ENGINE_base
_Static_assert(offsetof(struct device, dma_io_tlb_pools) == 376, "struct device");
_Static_assert(offsetof(struct device, dma_uses_io_tlb) == 396, "struct device");
_Static_assert(offsetof(struct device, of_node) == 400, "struct device");
_Static_assert(sizeof(struct device) == 512, "struct device");
#else
_Static_assert(offsetof(struct device, of_node) == 384, "struct device");
#endif
#endif

static inline const char *dev_name(const struct device *dev)
{
	return dev && dev->name ? dev->name : "(null)";
}

#define DMA_BIT_MASK(n) (((n) == 64) ? ~0ULL : ((1ULL << ((n) & 63)) - 1))
#define DMA_MAPPING_ERROR (~(dma_addr_t)0)
#define DMA_ATTR_WEAK_ORDERING (1UL << 1)
#define DMA_ATTR_WRITE_COMBINE (1UL << 2)
#define DMA_ATTR_NO_KERNEL_MAPPING (1UL << 4)
#define DMA_ATTR_SKIP_CPU_SYNC (1UL << 5)
#define DMA_ATTR_FORCE_CONTIGUOUS (1UL << 6)
#define DMA_ATTR_ALLOC_SINGLE_PAGES (1UL << 7)
#define DMA_ATTR_NO_WARN (1UL << 8)
#define DMA_ATTR_PRIVILEGED (1UL << 9)
#define DMA_ATTR_MMIO (1UL << 10)
#define DMA_ATTR_REQUIRE_COHERENT (1UL << 12)
#define DMA_ATTR_CC_SHARED (1UL << 13)
#define __DMA_ATTR_ALLOC_CC_SHARED (1UL << 14)
#define DMA_ATTR_MAY_SLEEP (1UL << 15)

static inline unsigned int dma_get_min_align_mask(struct device *dev)
{
	return dev->dma_parms ? dev->dma_parms->min_align_mask : 0;
}

static inline unsigned long dma_get_seg_boundary(struct device *dev)
{
	if (dev->dma_parms && dev->dma_parms->segment_boundary_mask)
		return dev->dma_parms->segment_boundary_mask;
	return ULONG_MAX;
}

static inline unsigned int dma_get_max_seg_size(struct device *dev)
{
	if (dev->dma_parms && dev->dma_parms->max_segment_size)
		return dev->dma_parms->max_segment_size;
	return 0x10000;
}

extern unsigned long shim_arch_syncs, shim_arch_flushes;
extern unsigned long shim_traced;	/* swiotlb_bounced events */
extern const char *shim_cause;		/* of the last swiotlb_failed event */
/* Events of pools, and the slots that the allocator held at the last one */
struct shim_pool_events {
	unsigned long grown, freed, transient, held;
};
extern struct shim_pool_events shim_pool_events;
bool force_dma_unencrypted(struct device *dev);
#define CONFIG_ARCH_HAS_FORCE_DMA_UNENCRYPTED 1

/* The C bit of a fake machine, set in encrypted DMA addresses */
extern u64 shim_c_bit;
#define dma_addr_encrypted(x) ((x) | shim_c_bit)
#define dma_addr_unencrypted(x) (x)
#define dma_addr_canonical(x) ((x) & ~shim_c_bit)
/* Names in <linux/dma-direct.h> of 6.12 */
#define __sme_set(x) dma_addr_encrypted(x)
#define __sme_clr(x) dma_addr_canonical(x)

static inline bool dev_is_dma_coherent(struct device *dev)
{
	return dev->dma_coherent;
}

#define dev_dma_skip_sync(dev) READ_ONCE((dev)->dma_skip_sync)
static inline void dma_reset_need_sync(struct device *dev)
{
	if (unlikely(dev_dma_skip_sync(dev)))
		WRITE_ONCE(dev->dma_skip_sync, false);
}

#ifdef SHIM_BENCH
#define arch_sync_dma_for_device(p, s, d) do { } while (0)
#define arch_sync_dma_for_cpu(p, s, d) do { } while (0)
#define arch_sync_dma_flush() do { } while (0)
#else
#define arch_sync_dma_for_device(p, s, d) ((void)shim_arch_syncs++)
#define arch_sync_dma_for_cpu(p, s, d) ((void)shim_arch_syncs++)
#define arch_sync_dma_flush() ((void)shim_arch_flushes++)
#endif
#define arch_dma_prep_coherent(p, s) do { } while (0)
#ifdef SHIM_BENCH
#define dev_to_node(dev) ((void)(dev), NUMA_NO_NODE)
#else
#define dev_to_node(dev) ((dev)->shim_node_plus_one - 1)
#endif

/* Only lib/bitmap.c calls this: the engine has no device-managed resources */
#define devm_add_action_or_reset(dev, action, data) (-ENOTSUPP)

enum cc_attr {
	CC_ATTR_MEM_ENCRYPT,
	CC_ATTR_HOST_MEM_ENCRYPT,
	CC_ATTR_GUEST_MEM_ENCRYPT,
	CC_ATTR_GUEST_STATE_ENCRYPT,
	SHIM_NR_CC_ATTRS,
};
extern bool shim_cc[SHIM_NR_CC_ATTRS];
#define cc_platform_has(attr) (shim_cc[attr])

struct scatterlist { unsigned long page_link; unsigned int offset, length; };
struct dma_map_ops { const char *name; };

/* A device maps through its dma_ops, through dma-iommu, or else through dma-direct */
static inline const struct dma_map_ops *get_dma_ops(struct device *dev)
{
	return dev->dma_ops;
}

static inline bool use_dma_iommu(struct device *dev)
{
	return dev->dma_iommu;
}

#endif
