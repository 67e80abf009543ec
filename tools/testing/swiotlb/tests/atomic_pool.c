// SPDX-License-Identifier: GPL-2.0-only
/* Memory of the atomic coherent pools: atomic_pool_expand() of the tree under test. */
#include "harness.h"

#ifdef ATOMIC_EXPAND

#define pgprot_t unsigned long
#define page_to_virt(page) phys_to_virt(page_to_phys(page))

struct gen_pool {
};

#ifdef SHIM_LINUX_6_12_H
/* Before 7.3 all these pools are shared in a guest whose memory is encrypted */
#define SHARED_POOL(name) struct gen_pool name
#else
struct dma_gen_pool {
	bool cc_shared;
	struct gen_pool *pool;
};

#define SHARED_POOL(name) struct dma_gen_pool name = { .cc_shared = true }
#endif

/* Stubs: there is no CMA, and the pool accepts any memory */
static bool cma_in_zone(gfp_t gfp)
{
	return false;
}

static struct page *dma_alloc_from_contiguous(struct device *dev, size_t n,
					      unsigned int order, bool no_warn)
{
	return NULL;
}

static int gen_pool_add_virt(struct gen_pool *pool, unsigned long virt,
			     phys_addr_t phys, size_t size, int nid)
{
	return 0;
}

static void dma_atomic_pool_size_add(gfp_t gfp, size_t size)
{
}

#include ATOMIC_EXPAND

#define POOL_BYTES SZ_1M

static unsigned int shared, stale;

static void look_for_stale(const void *vaddr, size_t bytes)
{
	shared++;
	stale += !all_bytes(vaddr, bytes, 0);
}

/* Leave stale data in the free blocks that are allocated next */
static void soil(void)
{
	unsigned int i, n = 64, order = get_order(POOL_BYTES);
	struct page *pages[64];

	for (i = 0; i < n; i++) {
		pages[i] = alloc_pages(GFP_KERNEL, order);
		memset(page_to_virt(pages[i]), 0xa5, POOL_BYTES);
	}
	while (n--)
		__free_pages(pages[n], order);
}

TEST_BASE_FAILS(atomic_pool_is_cleared_before_it_is_shared, "it is never cleared as a whole")
{
	SHARED_POOL(pool);

	shim_cc[CC_ATTR_MEM_ENCRYPT] = true;
	shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	shim_init();
	soil();
	shim_on_decrypt = look_for_stale;
	CHECK_EQ(atomic_pool_expand(&pool, POOL_BYTES, GFP_KERNEL), 0);
	CHECK_EQ(shared, 1);
	CHECK_EQ(stale, 0);
}

#endif /* ATOMIC_EXPAND */
