// SPDX-License-Identifier: GPL-2.0-only
/*
 * The default allocator: its set-up, early or late, and its end.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"
#include "pages.h"
#include "param.h"

struct swiotlb_mem swiotlb_default_mem;
struct swiotlb_mem swiotlb_any_mem;

static void swiotlb_default_init(void)
{
	swiotlb_mem_init(&swiotlb_default_mem);
	swiotlb_default_mem.pub.force_bounce = swiotlb_param.force;
}

/* Where there is memory above @last, devices that reach it get pools there. */
static void swiotlb_default_enable_growth(u64 last)
{
	struct swiotlb_mem *low = &swiotlb_default_mem, *any = &swiotlb_any_mem;
	u64 highest = virt_to_phys(high_memory - 1);
	unsigned int nareas = swiotlb_param_nareas();

	swiotlb_growth_enable(low, last, nareas, swiotlb_param.max_nslots);
	if (!swiotlb_growth_is_enabled(low) || highest <= last)
		return;

	swiotlb_mem_init(any);
	any->pub.cc_shared = low->pub.cc_shared;
	any->narrower = low;
	low->wider = any;
	swiotlb_growth_enable(any, highest, nareas, swiotlb_param.max_nslots);
}

static void swiotlb_announce_size(unsigned long nslots)
{
	if (nslots == swiotlb_param.nslots)
		return;

	pr_info("SWIOTLB bounce buffer size adjusted %lu -> %lu slabs\n",
		swiotlb_param.nslots, nslots);
	swiotlb_param.nslots = nslots;
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

static void __init swiotlb_free_boot_pool(struct io_tlb_pool *pool,
					  bool cc_shared)
{
	size_t meta_bytes = swiotlb_pool_meta_bytes(pool->nslots, pool->nareas);
	size_t bytes = PAGE_ALIGN(pool->end - pool->start);
	void *vaddr = phys_to_virt(pool->start);
	bool lost = cc_shared && swiotlb_encrypt(vaddr, bytes);

	if (lost)
		pr_warn("%zu bytes stay decrypted and are lost\n", bytes);

	if (pool->late_alloc) {
		if (!lost)
			free_pages((unsigned long)vaddr, get_order(bytes));
		kvfree(pool->areas);
	} else {
		if (!lost)
			memblock_phys_free(pool->start, bytes);
		memblock_free(pool->areas, meta_bytes);
	}
}

/* Everything is as before it was made: swiotlb_init_late() may follow. */
static void __init swiotlb_drop_boot_pool(struct swiotlb_mem *mem)
{
	swiotlb_growth_disable(mem);
	swiotlb_magazines_stop(&mem->cache);
	if (mem->boot_pool.id)
		swiotlb_pool_unnumber(&mem->boot_pool);
	swiotlb_free_boot_pool(&mem->boot_pool, mem->pub.cc_shared);
	memset(&mem->boot_pool, 0, sizeof(mem->boot_pool));
	mem->pub.start = 0;
	mem->pub.size = 0;
	mem->pub.pool = NULL;
	mem->pub.nslabs = 0;
	mem->last = 0;
	mem->wider = NULL;
	swiotlb_mem_init(mem);
}

/**
 * swiotlb_update_mem_attributes() - decrypt the boot pool where devices need it
 *
 * The pool is made before an architecture can do that. If it fails there is no pool:
 * an unusable one would count as in use for ever.
 *
 * Context: Boot, before the first map. For a pool of swiotlb_init_late(), this
 * only tells whether to decrypt.
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
		swiotlb_drop_boot_pool(mem);
	}
}

/*
 * A platform that remaps memory makes each %IO_TLB_SEGSIZE slots contiguous for devices,
 * from the first slot on, but not neighbours.
 */
static void swiotlb_set_segments(struct io_tlb_pool *pool,
				 int (*remap)(void *tlb, unsigned long nslabs))
{
	if (remap)
		pool->segment_mask = IO_TLB_SEGSIZE - 1;
}

static void __init *swiotlb_memblock_alloc(unsigned long nslots,
					   unsigned int flags,
					   int (*remap)(void *tlb, unsigned long nslabs))
{
	size_t bytes = PAGE_ALIGN(nslots << IO_TLB_SHIFT);
	void *tlb = flags & SWIOTLB_ANY ? memblock_alloc(bytes, PAGE_SIZE) :
					  memblock_alloc_low(bytes, PAGE_SIZE);

	if (!tlb) {
		pr_warn("%s: Failed to allocate %zu bytes tlb structure\n",
			__func__, bytes);
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
 * Not more than a quarter of memory. Firmware may have taken some: a machine of
 * 256 MiB has a little less, and still gets 64 MiB.
 */
static unsigned long __init swiotlb_boot_nslots(unsigned long nslots)
{
	u64 most = ALIGN((u64)memblock_phys_mem_size(), SZ_64M) >>
		   (IO_TLB_SHIFT + 2);

	if (nslots <= most)
		return nslots;
	pr_warn("%luMB are more than a quarter of memory, using %luMB\n",
		nslots >> (20 - IO_TLB_SHIFT),
		(unsigned long)most >> (20 - IO_TLB_SHIFT));
	return most;
}

/**
 * swiotlb_init_remap() - make the boot pool, early
 * @addressing_limit: Some device may not reach all memory.
 * @flags:	%SWIOTLB_VERBOSE, %SWIOTLB_ANY, %SWIOTLB_FIXED.
 * @remap:	Called for the memory, to make it fit for devices; may be %NULL. With
 *		it, the pool is fixed.
 *
 * Does nothing if no device needs it. The pool gets a quarter of memory at most.
 * When memory is short, it gets half the size, and so on down to 1 MiB.
 *
 * Context: Boot, memblock.
 */
void __init swiotlb_init_remap(bool addressing_limit, unsigned int flags,
			       int (*remap)(void *tlb, unsigned long nslabs))
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	bool fixed = remap || (flags & SWIOTLB_FIXED);
	unsigned int nareas, limited;
	unsigned long nslots;
	size_t meta_bytes;
	void *tlb, *meta;

	if (!addressing_limit && !swiotlb_param.force)
		return;
	if (swiotlb_param.noforce)
		return;

	swiotlb_default_init();
	if (fixed)
		swiotlb_param_fixed_size();
	nareas = swiotlb_param_nareas();
	nslots = swiotlb_boot_nslots(swiotlb_param.nslots);
	while (!(tlb = swiotlb_memblock_alloc(nslots, flags, remap))) {
		if (nslots <= SWIOTLB_MIN_POOL_SLOTS)
			return;
		nslots = ALIGN(nslots / 2, SWIOTLB_MAX_SLOTS);
	}
	swiotlb_announce_size(nslots);

	limited = swiotlb_limit_nareas(nareas, nslots);
	meta_bytes = swiotlb_pool_meta_bytes(nslots, limited);
	meta = memblock_alloc(meta_bytes, PAGE_SIZE);
	if (!meta) {
		pr_warn("%s: Failed to allocate %zu bytes align=0x%lx\n",
			__func__, meta_bytes, PAGE_SIZE);
		memblock_free(tlb, PAGE_ALIGN(nslots << IO_TLB_SHIFT));
		return;
	}

	if (!fixed)
		swiotlb_default_enable_growth(flags & SWIOTLB_ANY ?
					      virt_to_phys(high_memory - 1) :
					      ARCH_LOW_ADDRESS_LIMIT);
	memset(tlb, 0, nslots << IO_TLB_SHIFT);
	swiotlb_pool_init(&mem->boot_pool, meta, __pa(tlb), tlb, nslots, limited);
	swiotlb_set_segments(&mem->boot_pool, remap);
	swiotlb_mem_set_boot_pool(mem);

	if (flags & SWIOTLB_VERBOSE)
		swiotlb_print_info();
}

/**
 * swiotlb_init() - make the boot pool, early
 * @addressing_limit: As for swiotlb_init_remap().
 * @flags:	As for swiotlb_init_remap().
 *
 * Context: Boot, memblock.
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

/*
 * Halve until the page allocator has a piece that @remap takes. *@order is what
 * was wanted, then what was had.
 */
static void *swiotlb_late_pages(gfp_t gfp_mask, unsigned int *order,
				int (*remap)(void *tlb, unsigned long nslabs),
				int *err)
{
	unsigned int min_order = get_order(SZ_1M);

	*err = -ENOMEM;
	for (;;) {
		unsigned long nslots = PAGE_SIZE << *order >> IO_TLB_SHIFT;
		unsigned long tlb = 0;

		if (*order <= MAX_PAGE_ORDER)
			tlb = __get_free_pages(gfp_mask | __GFP_NOWARN, *order);
		if (tlb) {
			*err = remap ? remap((void *)tlb, nslots) : 0;
			if (!*err)
				return (void *)tlb;
			free_pages(tlb, *order);
		}

		if (*order <= min_order)
			return NULL;
		(*order)--;
	}
}

static int swiotlb_late_pool(struct swiotlb_mem *mem, void *tlb,
			     unsigned int order)
{
	unsigned long nslots = PAGE_SIZE << order >> IO_TLB_SHIFT;
	unsigned int nareas = swiotlb_limit_nareas(swiotlb_param_nareas(),
						   nslots);
	void *meta;
	int ret;

	meta = kvzalloc(swiotlb_pool_meta_bytes(nslots, nareas), GFP_KERNEL);
	if (!meta) {
		free_pages((unsigned long)tlb, order);
		return -ENOMEM;
	}

	ret = swiotlb_pages_prepare(tlb, PAGE_SIZE << order, mem->pub.cc_shared);
	if (ret) {
		pr_warn("failed to decrypt %lu bytes, they are lost\n",
			PAGE_SIZE << order);
		kvfree(meta);
		return ret;
	}

	mem->boot_pool.late_alloc = true;
	swiotlb_pool_init(&mem->boot_pool, meta, virt_to_phys(tlb), tlb, nslots,
			  nareas);
	return 0;
}

/**
 * swiotlb_init_late() - make the boot pool, when the page allocator is up
 * @size:	Bytes wanted.
 * @gfp_mask:	As for __get_free_pages().
 * @remap:	As for swiotlb_init_remap().
 *
 * Context: Boot, process context, before the first map.
 * Return: 0, also if there is a pool already or there must be none; -ENOMEM; or
 * what @remap or the decryption returned.
 */
int swiotlb_init_late(size_t size, gfp_t gfp_mask,
		      int (*remap)(void *tlb, unsigned long nslabs))
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	unsigned int order, wanted;
	void *tlb;
	int ret;

	if (mem->pub.nslabs || swiotlb_param.noforce)
		return 0;

	swiotlb_default_init();
	wanted = get_order(max_t(size_t, size, SZ_1M));
	order = wanted;
	tlb = swiotlb_late_pages(gfp_mask, &order, remap, &ret);
	if (!tlb)
		return ret;
	if (order != wanted)
		pr_warn("only able to allocate %lu %s\n",
			swiotlb_log_size(PAGE_SIZE << order),
			swiotlb_log_unit(PAGE_SIZE << order));

	ret = swiotlb_late_pool(mem, tlb, order);
	if (ret)
		return ret;

	swiotlb_set_segments(&mem->boot_pool, remap);
	if (!remap)
		swiotlb_default_enable_growth(swiotlb_gfp_limit(gfp_mask));
	swiotlb_mem_set_boot_pool(mem);
	swiotlb_print_info();
	scoped_guard(mutex, &swiotlb_pools_lock)
		if (swiotlb_mem_start_magazines(mem))
			pr_warn("no memory for magazines\n");
	return 0;
}

static int swiotlb_cpu_dead(unsigned int cpu)
{
	swiotlb_magazines_drain_cpu(&swiotlb_default_mem.cache, cpu, NULL);
	swiotlb_magazines_drain_cpu(&swiotlb_any_mem.cache, cpu, NULL);
	return 0;
}

/* Before the first driver, and where swiotlb_exit() has been. */
static int __init swiotlb_magazines_init(void)
{
	int ret;

	ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "swiotlb:dead",
					NULL, swiotlb_cpu_dead);
	if (ret < 0)
		return ret;

	guard(mutex)(&swiotlb_pools_lock);
	return swiotlb_mem_start_magazines(&swiotlb_default_mem);
}
device_initcall(swiotlb_magazines_init);

/**
 * swiotlb_exit() - free the boot pool again
 *
 * For architectures that find out late that no device needs it. With
 * swiotlb=force it stays.
 *
 * Context: Boot, before the first map.
 */
void __init swiotlb_exit(void)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;

	if (swiotlb_param.force || !mem->boot_pool.nslots)
		return;

	pr_info("tearing down default memory pool\n");
	swiotlb_drop_boot_pool(mem);
}

/**
 * default_swiotlb_base() - lowest address of the boot pool
 *
 * A platform that asks has windows for this range only: growth ends. It should pass
 * %SWIOTLB_FIXED to swiotlb_init() as well, or swiotlb=dynamic leaves it a small pool.
 *
 * Context: Process context.
 * Return: Physical address, 0 without a pool.
 */
phys_addr_t default_swiotlb_base(void)
{
	if (is_swiotlb_allocated())
		swiotlb_growth_disable(&swiotlb_default_mem);
	return swiotlb_default_mem.boot_pool.start;
}

/**
 * default_swiotlb_limit() - highest address that a bounce buffer can have
 *
 * Context: Any.
 * Return: Physical address: of the boot pool's last byte, or the limit of pools
 * that may yet be added.
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
