// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restricted pools: a device tree assigns a range of memory to a device, and all DMA of the
 * device must be in this range, including coherent allocations.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "pages.h"
#include "param.h"
#include "report.h"

/**
 * swiotlb_free_from_pool() - free pages of a restricted pool
 * @dev:	Device that the pages were allocated for.
 * @tlb_addr:	Physical address of the pages.
 * @pool:	The pool, from swiotlb_find_pool().
 *
 * Context: Any.
 */
void swiotlb_free_from_pool(struct device *dev, phys_addr_t tlb_addr, struct io_tlb_pool *pool)
{
	struct swiotlb_mapping map;

	if (!swiotlb_pool_lookup(pool, tlb_addr, &map) ||
	    !swiotlb_record_take(&pool->records[map.head], map.word))
		swiotlb_driver_error(dev, "%pa is free already\n", tlb_addr);
	else
		swiotlb_mem_unmap(dev, pool, &map);
}

/**
 * swiotlb_alloc() - allocate pages of a device's restricted pool
 * @dev:	Device.
 * @size:	Bytes. The pages are aligned to this size, rounded up to 2^n pages.
 * @attrs:	__DMA_ATTR_ALLOC_CC_SHARED for decrypted memory.
 *
 * Context: Any.
 * Return: The first page; %NULL if the pool is full, the request can never fit, or the encryption
 * of the pool differs from @attrs. A failure is reported as by swiotlb_tbl_map_single().
 */
struct page *swiotlb_alloc(struct device *dev, size_t size, unsigned long attrs)
{
	struct io_tlb_mem *pub = dev->dma_io_tlb_mem;
	unsigned int most = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	struct swiotlb_request req = {
		.orig_addr = SWIOTLB_NO_ORIG_ADDR,
		.bytes = size,
		.nslots = swiotlb_nslots(PAGE_ALIGN(size)),
		.align_mask = (PAGE_SIZE << get_order(size) >> IO_TLB_SHIFT) - 1,
		.boundary_mask = dma_get_seg_boundary(dev) >> IO_TLB_SHIFT,
	};
	struct swiotlb_hit hit;
	phys_addr_t tlb_addr;

	if (!pub)
		return NULL;
	if (pub->cc_shared != !!(attrs & __DMA_ATTR_ALLOC_CC_SHARED)) {
		if (swiotlb_failed(dev, SWIOTLB_WRONG_ENCRYPTION, size, attrs))
			dev_warn(dev, "restricted pool does not have the encryption that coherent memory needs\n");
		return NULL;
	}
	if (!size || size > most || !swiotlb_request_possible(&req)) {
		if (swiotlb_failed(dev, size > most ? SWIOTLB_TOO_LARGE :
				   SWIOTLB_MISALIGNED, size, attrs))
			dev_warn(dev, "swiotlb can never allocate %zu bytes of coherent memory: at most %u, segment boundary 0x%lx\n",
				 size, most, dma_get_seg_boundary(dev));
		return NULL;
	}

	tlb_addr = swiotlb_mem_map(to_swiotlb_mem(pub), dev, &req, SWIOTLB_REACH_MEM, false, &hit);
	if (tlb_addr == SWIOTLB_MAP_FULL) {
		swiotlb_failed_full(dev, &req, SWIOTLB_REACH_MEM, attrs);
		return NULL;
	}

	/* The DMA address is page-aligned, but the bus offset may not be a multiple of a page. */
	if (!PAGE_ALIGNED(tlb_addr)) {
		swiotlb_failed(dev, SWIOTLB_MISALIGNED, size, DMA_ATTR_NO_WARN);
		dev_WARN_ONCE(dev, 1, "Cannot allocate pages from non page-aligned swiotlb addr 0x%pa.\n",
			      &tlb_addr);
		swiotlb_free_from_pool(dev, tlb_addr, hit.pool);
		return NULL;
	}

	/* [4] As in swiotlb_tbl_map_single(). */
	smp_wmb();
	return pfn_to_page(PFN_DOWN(tlb_addr));
}

/**
 * swiotlb_free() - free pages if they are from a restricted pool
 * @dev:	Device that the pages were allocated for.
 * @page:	First page.
 * @size:	Bytes.
 *
 * Context: Any.
 * Return: %false if the pages are not from a restricted pool.
 */
bool swiotlb_free(struct device *dev, struct page *page, size_t size)
{
	phys_addr_t tlb_addr = page_to_phys(page);
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, tlb_addr);

	if (pool)
		swiotlb_free_from_pool(dev, tlb_addr, pool);
	return pool;
}

/*
 * Use several areas, of 1 MiB or more, only if the pool, and so each area, begins on a multiple of
 * the largest mapping. Coherent memory is aligned to its size, and never crosses such a multiple,
 * so no room is lost at the ends of areas.
 */
static unsigned int swiotlb_rmem_nareas(phys_addr_t start, unsigned long nslots)
{
	if (!IS_ALIGNED(start, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT))
		return 1;
	return swiotlb_limit_nareas(swiotlb_param.nareas ?: num_possible_cpus(),
				    nslots / (SWIOTLB_MIN_POOL_SLOTS / SWIOTLB_MAX_SLOTS));
}

static int swiotlb_rmem_create(struct reserved_mem *rmem, struct device *dev)
{
	struct swiotlb_mem *mem __free(kfree) = kzalloc_obj(*mem);
	/* Pages are decrypted as a whole: leave out partial pages, which may hold other data. */
	phys_addr_t start = PAGE_ALIGN(rmem->base);
	phys_addr_t end = max(PAGE_ALIGN_DOWN(rmem->base + rmem->size), start);
	size_t bytes = end - start;
	unsigned long nslots = bytes >> IO_TLB_SHIFT;
	unsigned int nareas = swiotlb_rmem_nareas(start, nslots);
	void *meta __free(kvfree) = kvzalloc(swiotlb_pool_meta_bytes(nslots, nareas), GFP_KERNEL);
	void *vaddr = phys_to_virt(start);
	int ret;

	if (!mem || !meta)
		return -ENOMEM;

	if (!nslots) {
		dev_err(dev, "Restricted DMA pool has no whole page\n");
		return -EINVAL;
	}

	mem->pub.cc_shared = cc_platform_has(CC_ATTR_MEM_ENCRYPT);
	ret = swiotlb_pages_prepare(vaddr, bytes, mem->pub.cc_shared);
	if (ret) {
		dev_err(dev, "Failed to decrypt restricted DMA pool\n");
		return ret;
	}

	swiotlb_mem_init(mem);
	swiotlb_pool_init(&mem->boot_pool, no_free_ptr(meta), start, vaddr, nslots, nareas);
	mem->pub.force_bounce = true;
	mem->pub.for_alloc = true;
	swiotlb_mem_set_boot_pool(mem);
	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_mem_start_magazines(mem);
	swiotlb_debugfs_add(mem, rmem->name);
	swiotlb_sysfs_add(mem, rmem->name);
	rmem->priv = no_free_ptr(mem);
	return 0;
}

/* Protects @priv of all ranges. Taken before swiotlb_pools_lock. */
static DEFINE_MUTEX(swiotlb_rmem_lock);

static int swiotlb_rmem_device_init(struct reserved_mem *rmem, struct device *dev)
{
	struct swiotlb_mem *mem;
	int ret;

	if (PageHighMem(pfn_to_page(PHYS_PFN(rmem->base)))) {
		dev_err(dev, "Restricted DMA pool must be accessible within the linear mapping.\n");
		return -EINVAL;
	}

	/* Devices may share the range, and probe at the same time. */
	guard(mutex)(&swiotlb_rmem_lock);
	ret = rmem->priv ? 0 : swiotlb_rmem_create(rmem, dev);
	if (ret)
		return ret;

	mem = rmem->priv;
	dev->dma_io_tlb_mem = &mem->pub;
	return 0;
}

static void swiotlb_rmem_device_release(struct reserved_mem *rmem, struct device *dev)
{
	dev->dma_io_tlb_mem = &swiotlb_default_mem.pub;
}

/* Properties of memory that has other users, or that the kernel does not map */
static const char * const swiotlb_rmem_excluded[] __initconst = {
	"reusable", "no-map", "linux,cma-default", "linux,dma-default",
};

static int __init swiotlb_rmem_setup(unsigned long node, struct reserved_mem *rmem)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(swiotlb_rmem_excluded); i++)
		if (of_get_flat_dt_prop(node, swiotlb_rmem_excluded[i], NULL))
			return -EINVAL;

	pr_info("Reserved memory: created restricted DMA pool at %pa, size %lu %s\n",
		&rmem->base, swiotlb_log_size(rmem->size), rmem->size < SZ_1M ? "KiB" : "MiB");
	return 0;
}

static const struct reserved_mem_ops swiotlb_rmem_ops = {
	.node_init = swiotlb_rmem_setup,
	.device_init = swiotlb_rmem_device_init,
	.device_release = swiotlb_rmem_device_release,
};

RESERVEDMEM_OF_DECLARE(dma, "restricted-dma-pool", &swiotlb_rmem_ops);
