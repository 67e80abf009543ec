// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that are made at run time: their memory, from a zone that the devices can
 * reach, decrypted if they need that, and the pool around it.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"

/* Large pages of the linear mapping stay whole. */
#define SWIOTLB_PAGES_ALIGN	SZ_2M
/* Migrating that takes so long is not done again for a while, in jiffies. */
#define SWIOTLB_SLOW		HZ

/**
 * swiotlb_dev_phys_limit() - the highest address that a device can use
 * @dev:	Device.
 *
 * What it sees begins above 0 on some buses: whoever has memory must still look
 * whether the device reaches it.
 *
 * Context: Any.
 * Return: Physical address, %U64_MAX for any.
 */
u64 swiotlb_dev_phys_limit(struct device *dev)
{
	const struct bus_dma_region *m = dev->dma_range_map;
	u64 size, last = 0, limit = swiotlb_dev_limit(dev);

	if (!m)
		return limit == U64_MAX ? limit : dma_to_phys(dev, limit);

	for (; m->size; m++) {
		if (m->dma_start > limit)
			continue;
		size = min(m->size - 1, limit - m->dma_start);
		last = max(last, m->cpu_start + size);
	}
	return last;
}

/* The linear mapping is where the CPU copies; an area of CMA may lie outside. */
static bool swiotlb_pages_suit(struct page *page, size_t bytes, u64 phys_limit)
{
	return !PageHighMem(page) &&
	       page_to_phys(page) + bytes - 1 <= phys_limit;
}

/* The widest zone whose pages may all be used, given the limit. */
static gfp_t swiotlb_zone(u64 phys_limit)
{
	if (phys_limit <= zone_dma_limit)
		return __GFP_DMA;
	if (phys_limit <= DMA_BIT_MASK(32))
		return __GFP_DMA32;
	return 0;
}

/* Try a narrower zone when one gave a page above the limit. */
static bool swiotlb_narrow_zone(gfp_t *zone)
{
	if (IS_ENABLED(CONFIG_ZONE_DMA32) && !*zone)
		*zone = __GFP_DMA32;
	else if (IS_ENABLED(CONFIG_ZONE_DMA) && *zone != __GFP_DMA)
		*zone = __GFP_DMA;
	else
		return false;
	return true;
}

static struct page *swiotlb_pages_take(enum swiotlb_source source, size_t bytes,
				       int nid, gfp_t gfp)
{
	switch (source) {
	case SWIOTLB_FROM_CMA:
		return swiotlb_cma_alloc(PFN_UP(bytes),
					 get_order(min_t(size_t, bytes,
							 SWIOTLB_PAGES_ALIGN)));
	case SWIOTLB_FROM_BUDDY:
		if (get_order(bytes) > MAX_PAGE_ORDER)
			return NULL;
		return alloc_pages_node(nid, gfp | __GFP_NORETRY,
					get_order(bytes));
	case SWIOTLB_FROM_CONTIG:
		return swiotlb_contig_alloc(PFN_UP(bytes), gfp, nid);
	default:
		return NULL;
	}
}

static void swiotlb_pages_put(enum swiotlb_source source, struct page *page,
			      size_t bytes)
{
	switch (source) {
	case SWIOTLB_FROM_CMA:
		swiotlb_cma_free(page, PFN_UP(bytes));
		break;
	case SWIOTLB_FROM_CONTIG:
		swiotlb_contig_free(page, PFN_UP(bytes));
		break;
	default:
		__free_pages(page, get_order(bytes));
	}
}

static struct page *swiotlb_pages_below(enum swiotlb_source source, size_t bytes,
					u64 phys_limit, int nid, gfp_t gfp)
{
	gfp_t zone = swiotlb_zone(phys_limit);
	struct page *page;

	do {
		page = swiotlb_pages_take(source, bytes, nid,
					  (gfp & ~GFP_ZONEMASK) | zone);
		if (!page || swiotlb_pages_suit(page, bytes, phys_limit))
			return page;
		swiotlb_pages_put(source, page, bytes);
	} while (source != SWIOTLB_FROM_CMA && swiotlb_narrow_zone(&zone));

	return NULL;
}

static bool swiotlb_pages_may_migrate(const struct swiotlb_mem *mem, gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) &&
	       !time_in_range_open(jiffies, mem->slow_end - mem->slow_pause,
				   mem->slow_end);
}

/*
 * CMA and alloc_contig_pages() move away what lies in a range, and try one range after
 * the other. Where much of memory is under I/O, that waits for it. No more than a tenth
 * of the time goes by that way if it was for nothing, and half if it was not: what is
 * wanted next is larger, and the worker does nothing else for so long. Meanwhile there
 * are the smaller pieces of the page allocator.
 */
static struct page *swiotlb_pages_migrate(struct swiotlb_mem *mem,
					  enum swiotlb_source source, size_t bytes,
					  u64 phys_limit, int nid, gfp_t gfp)
{
	unsigned long start = jiffies, took;
	struct page *page;

	page = swiotlb_pages_below(source, bytes, phys_limit, nid, gfp);
	took = jiffies - start;
	mem->slow_pause = took < SWIOTLB_SLOW ? 0 : page ? took : 9 * took;
	mem->slow_end = jiffies + mem->slow_pause;
	return page;
}

/* In atomic context there is only the page allocator. */
static struct page *swiotlb_pages_find(struct swiotlb_mem *mem, size_t bytes,
				       u64 phys_limit, int nid, gfp_t gfp,
				       enum swiotlb_source *source)
{
	static const enum swiotlb_source order[] = {
		SWIOTLB_FROM_CMA, SWIOTLB_FROM_BUDDY, SWIOTLB_FROM_CONTIG,
	};
	struct page *page = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order) && !page; i++) {
		*source = order[i];
		if (*source == SWIOTLB_FROM_BUDDY)
			page = swiotlb_pages_below(*source, bytes, phys_limit,
						   nid, gfp);
		else if (swiotlb_pages_may_migrate(mem, gfp) &&
			 (*source != SWIOTLB_FROM_CMA ||
			  swiotlb_cma_in_reach(phys_limit)))
			page = swiotlb_pages_migrate(mem, *source, bytes,
						     phys_limit, nid, gfp);
	}
	return page;
}

static bool swiotlb_pages_encrypt(struct io_tlb_pool *pool, size_t bytes)
{
	swiotlb_count(pool->mem, SWIOTLB_SET_MEMORY, 1);
	if (!swiotlb_encrypt(pool->vaddr, bytes))
		return true;

	atomic_long_add(bytes >> IO_TLB_SHIFT, &pool->mem->gone_nslots);
	swiotlb_count(pool->mem, SWIOTLB_LEAKED, bytes);
	pr_warn_ratelimited("%zu bytes at %pa stay decrypted and are lost\n",
			    bytes, &pool->start);
	return false;
}

/*
 * Decrypting runs over all pages, so does undoing what it did before it failed.
 * *@lost tells whether that has failed, too.
 */
static bool swiotlb_pages_decrypt(struct io_tlb_pool *pool, size_t bytes,
				  bool *lost)
{
	swiotlb_count(pool->mem, SWIOTLB_SET_MEMORY, 1);
	if (!swiotlb_decrypt(pool->vaddr, bytes))
		return true;

	WRITE_ONCE(pool->mem->crypt_failed, true);
	*lost = !swiotlb_pages_encrypt(pool, bytes);
	return false;
}

static bool swiotlb_pages_alloc_atomic(struct io_tlb_pool *pool,
				       struct device *dev, size_t bytes,
				       gfp_t gfp)
{
	struct page *page;

	if (!IS_ENABLED(CONFIG_DMA_COHERENT_POOL))
		return false;

	page = dma_alloc_from_pool(dev, bytes, &pool->vaddr, gfp,
				   __DMA_ATTR_ALLOC_CC_SHARED, dma_coherent_ok);
	if (!page)
		return false;

	pool->source = SWIOTLB_FROM_ATOMIC;
	pool->start = page_to_phys(page);
	return true;
}

/**
 * swiotlb_pages_alloc() - allocate memory for a pool
 * @pool:	Receives the memory and where it came from.
 * @dev:	Device that will use it, or %NULL for any.
 * @bytes:	Size.
 * @phys_limit:	Highest physical address.
 * @nid:	Node that is preferred.
 * @gfp:	As for alloc_pages(), but for the zone.
 *
 * Decrypting sleeps. Where @gfp forbids that, decrypted memory comes from the
 * atomic coherent pools, for @dev.
 *
 * Context: As @gfp says.
 * Return: %false if there is none.
 */
bool swiotlb_pages_alloc(struct io_tlb_pool *pool, struct device *dev,
			 size_t bytes, u64 phys_limit, int nid, gfp_t gfp)
{
	enum swiotlb_source source;
	struct page *page;
	bool lost;

	if (pool->cc_shared && dev && !gfpflags_allow_blocking(gfp))
		return swiotlb_pages_alloc_atomic(pool, dev, bytes, gfp);

	page = swiotlb_pages_find(pool->mem, bytes, phys_limit, nid, gfp, &source);
	if (!page)
		return false;

	pool->source = source;
	pool->start = page_to_phys(page);
	pool->vaddr = phys_to_virt(pool->start);
	if (!pool->cc_shared ||
	    swiotlb_pages_decrypt(pool, bytes, &lost))
		return true;
	if (!lost)
		swiotlb_pages_put(source, page, bytes);
	return false;
}

/**
 * swiotlb_pages_free() - free what swiotlb_pages_alloc() has allocated
 * @pool:	Has the memory.
 *
 * Pages that cannot be encrypted again must not be used for anything else: they
 * are lost, and the log says so.
 *
 * Context: Process context if @pool->cc_shared.
 * Return: %false if they are lost.
 */
bool swiotlb_pages_free(struct io_tlb_pool *pool)
{
	size_t bytes = pool->end - pool->start;

	if (pool->source == SWIOTLB_FROM_ATOMIC) {
		if (IS_ENABLED(CONFIG_DMA_COHERENT_POOL))
			dma_free_from_pool(NULL, pool->vaddr, bytes);
		return true;
	}
	if (pool->cc_shared && !swiotlb_pages_encrypt(pool, bytes))
		return false;
	swiotlb_pages_put(pool->source, virt_to_page(pool->vaddr), bytes);
	return true;
}

/* vmalloc() is not for interrupts, whatever the flags. */
static void *swiotlb_meta_alloc(size_t bytes, int nid, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return kvzalloc_node(bytes, gfp, nid);
	return kzalloc_node(bytes, gfp, nid);
}

/**
 * swiotlb_pool_create() - make a pool
 * @dev:	Device that will use it, or %NULL for any.
 * @mem:	Allocator, which does not know of it yet.
 * @nslots:	Its slots.
 * @nareas:	Its areas.
 * @phys_limit:	Highest physical address.
 * @nid:	Node that is preferred.
 * @gfp:	As for alloc_pages(), but for the zone.
 *
 * Context: As @gfp says.
 * Return: The pool, or %NULL if there is no memory for it.
 */
struct io_tlb_pool *swiotlb_pool_create(struct device *dev,
					struct swiotlb_mem *mem,
					unsigned long nslots,
					unsigned int nareas, u64 phys_limit,
					int nid, gfp_t gfp)
{
	size_t head = ALIGN(sizeof(struct io_tlb_pool), SMP_CACHE_BYTES);
	struct io_tlb_pool *pool;

	pool = swiotlb_meta_alloc(head + swiotlb_pool_meta_bytes(nslots, nareas),
				  nid, gfp);
	if (!pool)
		return NULL;

	pool->mem = mem;
	pool->by_reach = true;
	pool->cc_shared = mem->pub.cc_shared;
	pool->late_alloc = true;
	if (!swiotlb_pages_alloc(pool, dev, nslots << IO_TLB_SHIFT, phys_limit,
				 nid, gfp)) {
		kvfree(pool);
		return NULL;
	}

	swiotlb_pool_init(pool, (void *)pool + head, pool->start, pool->vaddr,
			  nslots, nareas);
	return pool;
}

/**
 * swiotlb_pool_destroy() - free a pool
 * @pool:	What swiotlb_pool_create() returned. Nobody else knows of it any more.
 *
 * Context: Process context if @pool->cc_shared.
 * Return: %false if its memory is lost, see swiotlb_pages_free().
 */
bool swiotlb_pool_destroy(struct io_tlb_pool *pool)
{
	bool freed = swiotlb_pages_free(pool);

	kvfree(pool);
	return freed;
}
