// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restricted pools: a device tree gives a device a range of memory, and all its
 * DMA must lie there, coherent allocations too.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"
#include "mem.h"

/**
 * swiotlb_free_from_pool() - free pages of a restricted pool
 * @dev:	Device that they were allocated for.
 * @tlb_addr:	Their physical address.
 * @pool:	What swiotlb_find_pool() has found.
 *
 * Context: Any.
 */
void swiotlb_free_from_pool(struct device *dev, phys_addr_t tlb_addr,
			    struct io_tlb_pool *pool)
{
	struct swiotlb_mapping map;

	if (!swiotlb_pool_lookup(pool, tlb_addr, &map) ||
	    !swiotlb_record_take(&pool->records[map.head], map.word))
		dev_WARN_ONCE(dev, 1, "%pa is free already\n", &tlb_addr);
	else
		swiotlb_mem_unmap(to_swiotlb_mem(dev->dma_io_tlb_mem), pool, &map,
				  DMA_BIDIRECTIONAL);
}

/**
 * swiotlb_alloc() - allocate pages of a device's restricted pool
 * @dev:	Device.
 * @size:	Bytes, rounded up to a power of two of pages in alignment.
 * @attrs:	__DMA_ATTR_ALLOC_CC_SHARED for decrypted memory.
 *
 * Context: Any.
 * Return: The first page, or %NULL if the pool is full, or not decrypted as
 * @attrs asks for.
 */
struct page *swiotlb_alloc(struct device *dev, size_t size, unsigned long attrs)
{
	struct io_tlb_mem *pub = dev->dma_io_tlb_mem;
	struct swiotlb_request req = {
		.orig_addr = SWIOTLB_NO_ORIG_ADDR,
		.bytes = size,
		.boundary_mask = dma_get_seg_boundary(dev) >> IO_TLB_SHIFT,
	};
	struct io_tlb_pool *pool;
	phys_addr_t tlb_addr;

	if (!pub || pub->cc_shared != !!(attrs & __DMA_ATTR_ALLOC_CC_SHARED))
		return NULL;
	if (!size || size > SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT)
		return NULL;

	req.nslots = swiotlb_nslots(PAGE_ALIGN(size));
	req.align_mask = (PAGE_SIZE << get_order(size) >> IO_TLB_SHIFT) - 1;
	if (!swiotlb_request_possible(&req))
		return NULL;

	tlb_addr = swiotlb_mem_map(to_swiotlb_mem(pub), dev, &req, &pool);
	if (tlb_addr == SWIOTLB_MAP_FULL)
		return NULL;

	/* Alignment is as the device sees it: its bus may be offset by less. */
	if (dev_WARN_ONCE(dev, !PAGE_ALIGNED(tlb_addr),
			  "bus offset does not keep pages of a restricted pool aligned\n")) {
		swiotlb_free_from_pool(dev, tlb_addr, pool);
		return NULL;
	}

	/* [4] As in swiotlb_tbl_map_single(). */
	smp_wmb();
	return pfn_to_page(PFN_DOWN(tlb_addr));
}

/**
 * swiotlb_free() - free pages of a restricted pool, if they are such
 * @dev:	Device that they were allocated for.
 * @page:	First page.
 * @size:	Bytes.
 *
 * Context: Any.
 * Return: %false if they are from somewhere else.
 */
bool swiotlb_free(struct device *dev, struct page *page, size_t size)
{
	phys_addr_t tlb_addr = page_to_phys(page);
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, tlb_addr);

	if (pool)
		swiotlb_free_from_pool(dev, tlb_addr, pool);
	return pool;
}

static int swiotlb_rmem_decrypt(struct reserved_mem *rmem,
				struct swiotlb_mem *mem, struct device *dev)
{
	int ret;

	mem->pub.cc_shared = cc_platform_has(CC_ATTR_MEM_ENCRYPT);
	if (!mem->pub.cc_shared)
		return 0;

	ret = swiotlb_decrypt(phys_to_virt(rmem->base), rmem->size);
	if (ret)
		dev_err(dev, "restricted pool %s cannot be decrypted\n",
			rmem->name);
	return ret;
}

/* One area: coherent allocations need long runs more than CPUs need locks. */
static struct swiotlb_mem *swiotlb_rmem_create(struct reserved_mem *rmem,
					       struct device *dev)
{
	unsigned long nslots = rmem->size >> IO_TLB_SHIFT;
	struct swiotlb_mem *mem;
	void *meta;
	int ret = -ENOMEM;

	mem = kzalloc_obj(*mem);
	meta = kvzalloc(swiotlb_pool_meta_bytes(nslots, 1), GFP_KERNEL);
	if (mem && meta)
		ret = swiotlb_rmem_decrypt(rmem, mem, dev);
	if (ret) {
		kvfree(meta);
		kfree(mem);
		return ERR_PTR(ret);
	}

	swiotlb_grow_init(mem);
	swiotlb_pool_init(&mem->boot_pool, meta, rmem->base,
			  phys_to_virt(rmem->base), nslots, 1);
	mem->pub.force_bounce = true;
	mem->pub.for_alloc = true;
	swiotlb_mem_set_boot_pool(mem);
	swiotlb_debugfs_add(mem, rmem->name);
	return mem;
}

static int swiotlb_rmem_device_init(struct reserved_mem *rmem,
				    struct device *dev)
{
	struct swiotlb_mem *mem = rmem->priv;

	if (PageHighMem(pfn_to_page(PHYS_PFN(rmem->base)))) {
		dev_err(dev, "restricted pool %s lies in high memory\n", rmem->name);
		return -EINVAL;
	}

	/* Devices may share the range: the first one sets it up. */
	if (!mem) {
		mem = swiotlb_rmem_create(rmem, dev);
		if (IS_ERR(mem))
			return PTR_ERR(mem);
		rmem->priv = mem;
	}

	dev->dma_io_tlb_mem = &mem->pub;
	return 0;
}

static void swiotlb_rmem_device_release(struct reserved_mem *rmem,
					struct device *dev)
{
	dev->dma_io_tlb_mem = &swiotlb_default_mem.pub;
}

/* Memory that others may use, or that the kernel does not map, will not do. */
static const char * const swiotlb_rmem_excluded[] __initconst = {
	"reusable", "no-map", "linux,cma-default", "linux,dma-default",
};

static int __init swiotlb_rmem_setup(unsigned long node,
				     struct reserved_mem *rmem)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(swiotlb_rmem_excluded); i++)
		if (of_get_flat_dt_prop(node, swiotlb_rmem_excluded[i], NULL))
			return -EINVAL;

	pr_info("restricted pool at %pa, %llu KiB\n", &rmem->base,
		(u64)rmem->size / SZ_1K);
	return 0;
}

static const struct reserved_mem_ops swiotlb_rmem_ops = {
	.node_init = swiotlb_rmem_setup,
	.device_init = swiotlb_rmem_device_init,
	.device_release = swiotlb_rmem_device_release,
};

RESERVEDMEM_OF_DECLARE(dma, "restricted-dma-pool", &swiotlb_rmem_ops);
