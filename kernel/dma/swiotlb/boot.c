// SPDX-License-Identifier: GPL-2.0-only
/* The default allocators: early and late set-up, and tear-down. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"
#include "pages.h"
#include "param.h"

struct swiotlb_mem swiotlb_default_mem;
struct swiotlb_mem swiotlb_any_mem;

/* Let the default allocator grow up to @last. For memory above, enable swiotlb_any_mem. */
static void swiotlb_default_enable_growth(u64 last)
{
	struct swiotlb_mem *low = &swiotlb_default_mem, *any = &swiotlb_any_mem;
	u64 highest = virt_to_phys(high_memory - 1);
	unsigned int nareas = swiotlb_param_nareas();

	low->growth.arch_nslots = swiotlb_param.arch_nslots;
	swiotlb_growth_enable(low, last, nareas, swiotlb_param.max_nslots);
	if (highest <= last)
		return;

	swiotlb_mem_init(any);
	any->pub.cc_shared = low->pub.cc_shared;
	any->narrower = low;
	low->wider = any;
	swiotlb_growth_enable(any, highest, nareas, swiotlb_param.max_nslots);
}

/**
 * swiotlb_print_info() - log where the boot pool is
 *
 * Context: Any.
 */
void swiotlb_print_info(void)
{
	const struct io_tlb_pool *pool = &swiotlb_default_mem.boot_pool;
	u64 bytes = pool->end - pool->start;

	if (pool->nslots)
		pr_info("mapped [mem %pa-%pa] (%lu%s)\n", &pool->start, &pool->end,
			swiotlb_log_size(bytes), swiotlb_log_unit(bytes));
	else
		pr_warn("No low mem\n");
}

/* Restore the state before the boot pool was made: swiotlb_init_late() may follow. */
static void __init swiotlb_drop_boot_pool(void)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	struct io_tlb_pool *pool = &mem->boot_pool;
	size_t meta_bytes = swiotlb_pool_meta_bytes(pool->nslots, pool->nareas);
	size_t bytes = PAGE_ALIGN(pool->end - pool->start);
	bool lost;

	if (swiotlb_growth_is_enabled(mem))
		swiotlb_growth_disable(mem);
	swiotlb_magazines_stop(&mem->cache);
	if (pool->id)
		swiotlb_pool_unnumber(pool);

	lost = mem->pub.cc_shared && swiotlb_encrypt(pool->vaddr, bytes);
	if (lost)
		pr_warn("%zu bytes stay decrypted and are lost\n", bytes);
	else if (pool->late_alloc)
		free_pages((unsigned long)pool->vaddr, get_order(bytes));
	else
		memblock_phys_free(pool->start, bytes);
	if (pool->late_alloc)
		kvfree(pool->areas);
	else
		memblock_free(pool->areas, meta_bytes);

	memset(pool, 0, sizeof(*pool));
	mem->pub.size = 0;
	mem->pub.nslabs = 0;
	mem->last = 0;
	mem->wider = NULL;
	swiotlb_mem_init(mem);
}

/**
 * swiotlb_update_mem_attributes() - decrypt the boot pool if memory is encrypted
 *
 * The boot pool is made before an architecture can decrypt memory. If decryption fails, the pool
 * is freed: devices cannot use it. swiotlb_init_late() decrypts its pool itself.
 *
 * Context: Boot, before the first map.
 */
void __init swiotlb_update_mem_attributes(void)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	struct io_tlb_pool *pool = &mem->boot_pool;

	mem->pub.cc_shared = cc_platform_has(CC_ATTR_MEM_ENCRYPT);
	swiotlb_any_mem.pub.cc_shared = mem->pub.cc_shared;
	if (!mem->pub.cc_shared || !pool->nslots || pool->late_alloc)
		return;

	if (swiotlb_decrypt(pool->vaddr, pool->end - pool->start)) {
		pr_warn("Failed to decrypt default memory pool, disabling it\n");
		swiotlb_drop_boot_pool();
	}
}

/* @last is the highest address of pools that may be added, 0 if none may. */
static void swiotlb_set_boot_pool(void *tlb, void *meta, unsigned long nslots,
				  unsigned int nareas, bool remapped, u64 last)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	struct io_tlb_pool *pool = &mem->boot_pool;

	if (IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && last)
		swiotlb_default_enable_growth(last);
	swiotlb_pool_init(pool, meta, virt_to_phys(tlb), tlb, nslots, nareas);
	/* After remapping, memory is contiguous for devices only within segments of this size. */
	if (remapped)
		pool->segment_mask = IO_TLB_SEGSIZE - 1;
	swiotlb_mem_set_boot_pool(mem);
}

/* Align to 2 MiB: decrypting a part of 2 MiB would split a large page of the host. */
static void __init *swiotlb_memblock_alloc(unsigned long nslots, unsigned int flags,
					   int (*remap)(void *tlb, unsigned long nslabs))
{
	size_t bytes = PAGE_ALIGN(nslots << IO_TLB_SHIFT);
	size_t align = bytes < SZ_2M ? PAGE_SIZE : SZ_2M;
	void *tlb = flags & SWIOTLB_ANY ? memblock_alloc(bytes, align) :
					  memblock_alloc_low(bytes, align);

	if (!tlb) {
		pr_warn("%s: Failed to allocate %zu bytes tlb structure\n", __func__, bytes);
		return NULL;
	}
	if (remap && remap(tlb, nslots) < 0) {
		memblock_free(tlb, bytes);
		pr_warn("%s: Failed to remap %zu bytes\n", __func__, bytes);
		return NULL;
	}
	return tlb;
}

/*
 * If pools have to be decrypted, a boot pool that starts small has twice the reserve: the first
 * burst must find room before the worker has added a pool.
 */
static unsigned long __init swiotlb_boot_reserve(void)
{
	if (!cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return 0;
	return 2 * min_not_zero(SWIOTLB_RESERVE_SLOTS,
				ALIGN_DOWN(swiotlb_param.max_nslots / SWIOTLB_RESERVE_SHARE,
					   SWIOTLB_MAX_SLOTS / 2));
}

/*
 * Limit the boot pool to a quarter of memory, or to a sixteenth if it starts small: a crash kernel
 * of 256 MiB needs its memory for other things. Round memory, since firmware may reserve a part,
 * and a crash kernel also has the memory below 640 KiB: 256 MiB allow 64 MiB or 16 MiB.
 */
static unsigned long __init swiotlb_boot_nslots(void)
{
	u64 bytes = round_down((u64)memblock_phys_mem_size() + SZ_32M, SZ_64M);
	u64 memory = max_t(u64, bytes, SZ_64M) >> IO_TLB_SHIFT;
	unsigned long most = memory / 4, nslots = swiotlb_param.nslots;

	if (swiotlb_param_starts_small())
		return min_t(u64, max(nslots, swiotlb_boot_reserve()), memory / 16);
	if (nslots <= most)
		return nslots;
	pr_warn("%luMB are more than a quarter of memory, using %luMB\n",
		nslots >> (20 - IO_TLB_SHIFT), most >> (20 - IO_TLB_SHIFT));
	return most;
}

/**
 * swiotlb_init_remap() - make the boot pool from memblock
 * @addressing_limit: %true if some device may not reach all memory.
 * @flags:	%SWIOTLB_VERBOSE, %SWIOTLB_ANY, %SWIOTLB_FIXED.
 * @remap:	Makes the memory accessible to devices; may be %NULL. If set, no pool is added.
 *
 * Does nothing if no device needs a pool. If memory cannot be allocated or remapped, this tries
 * half of the size, down to 1 MiB.
 *
 * Context: Boot, while memblock allocates memory.
 */
void __init swiotlb_init_remap(bool addressing_limit, unsigned int flags,
			       int (*remap)(void *tlb, unsigned long nslabs))
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	bool fixed = remap || (flags & SWIOTLB_FIXED);
	unsigned int nareas;
	unsigned long nslots;
	size_t meta_bytes;
	void *tlb, *meta;
	u64 last = 0;

	if ((!addressing_limit && !swiotlb_param.force) || swiotlb_param.noforce)
		return;

	swiotlb_mem_init(mem);
	mem->pub.force_bounce = swiotlb_param.force;
	if (fixed)
		swiotlb_param_fixed_size();
	else
		last = flags & SWIOTLB_ANY ? virt_to_phys(high_memory - 1) : ARCH_LOW_ADDRESS_LIMIT;
	nareas = swiotlb_param_nareas();
	nslots = swiotlb_boot_nslots();
	while (!(tlb = swiotlb_memblock_alloc(nslots, flags, remap))) {
		if (nslots <= SWIOTLB_MIN_POOL_SLOTS)
			return;
		nslots = ALIGN(nslots / 2, SWIOTLB_MAX_SLOTS);
	}
	if (nslots < swiotlb_param.nslots)
		pr_info("SWIOTLB bounce buffer size adjusted %lu -> %lu slabs\n",
			swiotlb_param.nslots, nslots);
	swiotlb_param.nslots = nslots;

	nareas = swiotlb_limit_nareas(nareas, nslots);
	meta_bytes = swiotlb_pool_meta_bytes(nslots, nareas);
	meta = memblock_alloc(meta_bytes, PAGE_SIZE);
	if (!meta) {
		pr_warn("%s: Failed to allocate %zu bytes align=0x%lx\n",
			__func__, meta_bytes, PAGE_SIZE);
		memblock_free(tlb, PAGE_ALIGN(nslots << IO_TLB_SHIFT));
		return;
	}

	memset(tlb, 0, nslots << IO_TLB_SHIFT);
	swiotlb_set_boot_pool(tlb, meta, nslots, nareas, remap, last);
	if (flags & SWIOTLB_VERBOSE)
		swiotlb_print_info();
	if (swiotlb_growth_is_enabled(mem) && swiotlb_param.arch_nslots > nslots)
		pr_info("the %luMB of this platform are for growth, not all are taken at boot\n",
			swiotlb_param.arch_nslots >> (20 - IO_TLB_SHIFT));
}

/**
 * swiotlb_init() - make the boot pool from memblock
 * @addressing_limit: As for swiotlb_init_remap().
 * @flags:	As for swiotlb_init_remap().
 *
 * Context: Boot, while memblock allocates memory.
 */
void __init swiotlb_init(bool addressing_limit, unsigned int flags)
{
	swiotlb_init_remap(addressing_limit, flags, NULL);
}

static u64 swiotlb_gfp_limit(gfp_t gfp_mask)
{
	if (IS_ENABLED(CONFIG_ZONE_DMA) && (gfp_mask & __GFP_DMA))
		return zone_dma_limit;
	if (IS_ENABLED(CONFIG_ZONE_DMA32) && (gfp_mask & __GFP_DMA32))
		return max(DMA_BIT_MASK(32), zone_dma_limit);
	return virt_to_phys(high_memory - 1);
}

static void *swiotlb_late_pages(gfp_t gfp_mask, size_t *bytes,
				int (*remap)(void *tlb, unsigned long nslabs))
{
	int err = -ENOMEM;
	void *tlb;

	for (*bytes = min_t(size_t, *bytes, PAGE_SIZE << MAX_PAGE_ORDER);; *bytes /= 2) {
		tlb = (void *)__get_free_pages(gfp_mask | __GFP_NOWARN, get_order(*bytes));
		if (tlb) {
			err = remap ? remap(tlb, *bytes >> IO_TLB_SHIFT) : 0;
			if (!err)
				return tlb;
			free_pages((unsigned long)tlb, get_order(*bytes));
		}
		if (*bytes <= SZ_1M)
			return ERR_PTR(err);
	}
}

/**
 * swiotlb_init_late() - make the boot pool from the page allocator
 * @size:	Bytes wanted.
 * @gfp_mask:	As for __get_free_pages().
 * @remap:	As for swiotlb_init_remap().
 *
 * Context: Boot, process context, before the first map.
 * Return: 0, also if there already is a pool or swiotlb=noforce is set; -ENOMEM; or an
 * error of @remap or of the decryption.
 */
int swiotlb_init_late(size_t size, gfp_t gfp_mask, int (*remap)(void *tlb, unsigned long nslabs))
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	unsigned int nareas;
	unsigned long nslots;
	void *tlb, *meta;
	size_t wanted;
	int ret;

	if (mem->pub.nslabs || swiotlb_param.noforce)
		return 0;

	swiotlb_mem_init(mem);
	mem->pub.force_bounce = swiotlb_param.force;
	size = PAGE_SIZE << get_order(max_t(size_t, size, SZ_1M));
	wanted = size;
	tlb = swiotlb_late_pages(gfp_mask, &size, remap);
	if (IS_ERR(tlb))
		return PTR_ERR(tlb);
	if (size != wanted)
		pr_warn("only able to allocate %lu %s\n", swiotlb_log_size(size),
			swiotlb_log_unit(size));

	nslots = size >> IO_TLB_SHIFT;
	nareas = swiotlb_limit_nareas(swiotlb_param_nareas(), nslots);
	meta = kvzalloc(swiotlb_pool_meta_bytes(nslots, nareas), GFP_KERNEL);
	if (!meta) {
		free_pages((unsigned long)tlb, get_order(size));
		return -ENOMEM;
	}

	ret = swiotlb_pages_prepare(tlb, size, mem->pub.cc_shared);
	if (ret) {
		pr_warn("failed to decrypt %zu bytes, they are lost\n", size);
		kvfree(meta);
		return ret;
	}

	mem->boot_pool.late_alloc = true;
	swiotlb_set_boot_pool(tlb, meta, nslots, nareas, remap,
			      remap ? 0 : swiotlb_gfp_limit(gfp_mask));
	swiotlb_print_info();
	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_mem_start_magazines(mem);
	return 0;
}

/*
 * This runs after an architecture may have called swiotlb_exit(), but before most drivers probe.
 * Earlier maps use areas only.
 */
static int __init swiotlb_magazines_init(void)
{
	guard(mutex)(&swiotlb_pools_lock);
	swiotlb_mem_start_magazines(&swiotlb_default_mem);
	return 0;
}
device_initcall(swiotlb_magazines_init);

/**
 * swiotlb_exit() - free the boot pool
 *
 * An architecture may find out late that no device needs the pool. With swiotlb=force, the pool
 * is kept.
 *
 * Context: Boot, before the first map.
 */
void __init swiotlb_exit(void)
{
	if (swiotlb_param.force || !swiotlb_default_mem.boot_pool.nslots)
		return;

	pr_info("tearing down default memory pool\n");
	swiotlb_drop_boot_pool();
}

/**
 * default_swiotlb_base() - lowest address of the boot pool
 *
 * A platform that calls this lets devices access the boot pool only, so the allocator stops
 * growing. The platform should also pass %SWIOTLB_FIXED to swiotlb_init(): otherwise the boot
 * pool may be small.
 *
 * Context: Process context.
 * Return: Physical address, 0 without a pool.
 */
phys_addr_t default_swiotlb_base(void)
{
	if (is_swiotlb_allocated() && swiotlb_growth_is_enabled(&swiotlb_default_mem))
		swiotlb_growth_disable(&swiotlb_default_mem);
	return swiotlb_default_mem.boot_pool.start;
}

/**
 * default_swiotlb_limit() - highest address that a bounce buffer can have
 *
 * Context: Any.
 * Return: Physical address; %PHYS_ADDR_MAX if there are no pools, and none can be added.
 */
phys_addr_t default_swiotlb_limit(void)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;

	if (!swiotlb_growth_is_enabled(mem))
		return mem->boot_pool.end - 1;
	return mem->wider ? mem->wider->last : mem->last;
}

/**
 * is_swiotlb_allocated() - is there a default pool?
 *
 * Context: Any.
 * Return: %true if there is.
 */
bool is_swiotlb_allocated(void)
{
	return swiotlb_default_mem.pub.nslabs;
}
