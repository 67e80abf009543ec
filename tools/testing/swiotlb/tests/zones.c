// SPDX-License-Identifier: GPL-2.0-only
/* Where the memory of pools comes from, and what devices on odd platforms get. */
#include "harness.h"

/* On a host that encrypts its own memory there is one kind of pool, for all */
TEST(encrypted_host_bounces_for_all)
{
	struct device *dev;
	phys_addr_t orig;

	shim_init();
	shim_cc[CC_ATTR_MEM_ENCRYPT] = true;
	shim_cc[CC_ATTR_HOST_MEM_ENCRYPT] = true;
	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(512, 0);
	CHECK(shim_page_decrypted(default_swiotlb_base()));
	CHECK(map(dev, orig, 512, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	dev->shim_unencrypted = true;
	CHECK(map(dev, orig, 512, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	check_used(2);
}

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/* All of the low memory that can be had, but for the zone of old DMA */
static void take_all_below(phys_addr_t end)
{
	size_t size;

	for (size = SZ_1G; size >= SZ_1M; size /= 2)
		while (shim_take_ram_below(size, end))
			;
}

/*
 * The first pages that the allocator finds lie above what the device reaches, so
 * they come from a narrower zone.
 */
TEST(growth_below_2_gib_tries_another_zone)
{
	struct device *dev;
	phys_addr_t orig, tlb = 0;
	unsigned int i;
	long pages;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	*dev->dma_mask = DMA_BIT_MASK(31);
	take_all_below(SZ_2G);
	pages = shim_usage().pages;
	for (i = 0; i < 512 + 100; i++) {
		tlb = map(dev, orig, 2048, DMA_TO_DEVICE);
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			return;
		CHECK(tlb + 2047 <= DMA_BIT_MASK(31));
		shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 1);
	CHECK(tlb < SHIM_ZONE_DMA_END);
	/* What did not suit was given back */
	CHECK_EQ(shim_usage().pages - pages,
		 PFN_UP(SZ_4M + slots_transient() * IO_TLB_SIZE));
}

/* Memory for a late pool comes from the zone that was asked for, later pools too */
TEST(late_pool_for_old_dma_grows_there)
{
	static phys_addr_t tlbs[1200];
	struct device *dev;
	phys_addr_t orig;
	unsigned int i, elsewhere = 0;

	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_1M, GFP_KERNEL | __GFP_DMA, NULL), 0);
	shim_early_initcalls_run();
	shim_initcalls_run();
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	for (i = 0; i < ARRAY_SIZE(tlbs); i++) {
		tlbs[i] = map(dev, orig, 2048, DMA_TO_DEVICE);
		shim_run_work();
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
		elsewhere += tlbs[i] >= SHIM_ZONE_DMA_END;
	}
	CHECK(slots_event("grown") >= 1);
	/* Those that are made for one device are where that can reach */
	CHECK_EQ(elsewhere, slots_event("transient"));
}

static int remap_is_fine(void *tlb, unsigned long nslabs)
{
	return 0;
}

/* Where the pool is remapped, it is all there will be: 1 MiB is not enough */
TEST(dynamic_is_ignored_where_the_pool_is_remapped)
{
	shim_init();
	shim_boot_param("swiotlb", "dynamic");
	swiotlb_init_remap(true, 0, remap_is_fine);
	swiotlb_update_mem_attributes();
	shim_initcalls_run();
	CHECK_EQ(slots_total(), IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT);
	CHECK(shim_log_has("is ignored"));
}

#endif
