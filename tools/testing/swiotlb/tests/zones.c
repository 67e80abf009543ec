// SPDX-License-Identifier: GPL-2.0-only
/* The zones from which pools take memory, and devices on unusual platforms. */
#include "harness.h"

/* On a host that encrypts its own memory, one pool serves all devices */
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

/* Take all free memory below @end, except for ZONE_DMA */
static void take_all_below(phys_addr_t end)
{
	size_t size;

	for (size = SZ_1G; size >= PAGE_SIZE; size /= 2)
		while (shim_take_ram_below(size, end))
			;
}

/* The first pages that the page allocator finds are out of reach of the device */
static void check_pages_below_1_gib(const void *window)
{
	struct device *dev;
	phys_addr_t orig, tlb = 0;
	unsigned int i;
	long pages;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	*dev->dma_mask = DMA_BIT_MASK(30);
	dev->dma_range_map = window;
	take_all_below(SZ_1G);
	pages = shim_usage().pages;
	for (i = 0; i < 512 + 100; i++) {
		tlb = map(dev, orig, 2048, DMA_TO_DEVICE);
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			return;
		CHECK(tlb + 2047 <= DMA_BIT_MASK(30));
		shim_run_work();
	}
	CHECK_EQ(slots_event("transient"), 100);
	CHECK(tlb < SHIM_ZONE_DMA_END);
	/* Pages out of reach were freed */
	CHECK_EQ(shim_usage().pages - pages, 100);
}

TEST(pages_below_1_gib_come_from_another_zone)
{
	/* The window is wider than the mask */
	static const struct bus_dma_region window[] = {
		{ .size = SHIM_HIGH_START }, { }
	};

	in_child(check_pages_below_1_gib, NULL, "no window");
	in_child(check_pages_below_1_gib, window, "with a window");
}

/* Map until that fails, up to 150 times, in transient pools of a page each, below @limit */
static unsigned int map_below(struct device *dev, phys_addr_t orig, u64 limit)
{
	phys_addr_t tlb;
	unsigned int i;

	*dev->dma_mask = ~0ULL;
	dev->bus_dma_limit = limit;
	for (i = 0; i < 150; i++) {
		tlb = map(dev, orig, 2048, DMA_TO_DEVICE);
		if (tlb == MAP_FAILED_ADDR)
			break;
		CHECK(tlb + 2047 <= limit);
	}
	return i;
}

#if BITS_PER_LONG == 64
/* The device reaches 64 KiB above 4 GiB: once these are in use, pages below are taken */
TEST(pages_above_4_gib_come_from_another_zone)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	boot("512,1");
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_2M);
	shim_faults[SHIM_FAULT_PAGES].times = -1;
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	for (i = 0; i < 4; i++)
		CHECK(map(dev, orig, SZ_256K, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	CHECK_EQ(map_below(dev, orig, SHIM_HIGH_START + SZ_64K - 1), 150);
}
#endif

/* The device reaches 64 KiB of the lowest zone: other pages are freed, and the map fails */
TEST(pages_of_no_zone_are_in_reach)
{
	unsigned int n, most = SZ_64K / PAGE_SIZE;
	struct device *dev;
	phys_addr_t orig;
	long pages;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	pages = shim_usage().pages;
	n = map_below(dev, orig, SHIM_RAM_START + SZ_64K - 1);
	CHECK_MSG(n && n <= most, "%u maps", n);
	CHECK_EQ(shim_usage().pages - pages, n);
	CHECK(shim_log_has("swiotlb buffer is full"));
}

/* If enough memory is free, the first pages that the worker gets are in reach */
TEST(growth_asks_for_pages_once)
{
	struct device *dev;
	unsigned long calls;
	phys_addr_t orig;
	unsigned int i;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	calls = shim_faults[SHIM_FAULT_PAGES].calls;
	for (i = 0; i < 512; i++, shim_advance(1))
		CHECK(map(dev, orig, 2048, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(shim_faults[SHIM_FAULT_PAGES].calls - calls, 1);
}

static phys_addr_t some[600];

/* Map more slots than the boot pool has; returns the device */
static struct device *grow_once(void)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	for (i = 0; i < ARRAY_SIZE(some); i++) {
		some[i] = map(dev, orig, 2048, DMA_TO_DEVICE);
		CHECK(some[i] != MAP_FAILED_ADDR);
		shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 1);
	return dev;
}

/* Pools stay open while more than half of their slots are in use, even if no device maps */
TEST(pool_that_is_needed_is_not_closed)
{
	grow_once();
	ticks(120);
	CHECK_EQ(slots_event("closed"), 0);
}

TEST(full_pools_do_not_spill_into_a_closed_one)
{
	struct device *dev = grow_once();
	phys_addr_t kept = some[ARRAY_SIZE(some) - 1], orig, tlb;
	struct io_tlb_pool *closing = swiotlb_find_pool(dev, kept);
	unsigned int i;

	unmap_all(dev, 2048, some, ARRAY_SIZE(some) - 1);
	for (i = 0; i < 60 && !slots_event("closed"); i++)
		ticks(1);
	CHECK_EQ(slots_event("closed"), 1);
	CHECK_EQ(slots_event("reopened"), 0);
	orig = new_buffer(2048, 0);
	for (i = 0; i < 530; i++) {
		tlb = map(dev, orig, 2048, DMA_TO_DEVICE);
		if (CHECK(tlb != MAP_FAILED_ADDR))
			CHECK(swiotlb_find_pool(dev, tlb) != closing);
	}
}

static void unmap_after(const void *seconds)
{
	struct device *dev = grow_once();

	ticks(20 + *(const unsigned int *)seconds);
	unmap_all(dev, 2048, some, ARRAY_SIZE(some));
	ticks(4);
	CHECK_EQ(slots_event("closed"), 0);
	ticks(20);
	CHECK_EQ(slots_event("closed"), 1);
}

/* After a load of any length, pools are kept for some seconds: the load may return */
TEST(load_is_remembered_for_a_while)
{
	unsigned int seconds;

	for (seconds = 0; seconds < 7; seconds++)
		in_child(unmap_after, &seconds, "seconds of load");
}

/* Memory for a late pool, and for pools added later, comes from the requested zone */
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
	/* The device reaches all pools of the allocator, but not those of a wider one */
	dev = device_below(DMA_BIT_MASK(30));
	orig = new_buffer(2048, 0);
	for (i = 0; i < ARRAY_SIZE(tlbs); i++) {
		shim_advance(1);
		tlbs[i] = map(dev, orig, 2048, DMA_TO_DEVICE);
		shim_run_work();
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
		elsewhere += tlbs[i] >= SHIM_ZONE_DMA_END;
	}
	CHECK(slots_event("grown") >= 1);
	/* Transient pools may be anywhere in the reach of their device */
	CHECK_EQ(elsewhere, slots_event("transient"));
}

/* Only the 15 MiB in which pools may lie count towards the default limit */
TEST(default_limit_is_a_share_of_what_is_in_reach)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_1M, GFP_KERNEL | __GFP_DMA, NULL), 0);
	shim_early_initcalls_run();
	shim_initcalls_run();
	/* The device reaches all pools of the allocator, but not those of a wider one */
	dev = device_below(DMA_BIT_MASK(30));
	orig = new_buffer(SZ_64K, 0);
	for (i = 0; i < 200; i++) {
		map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, 0);
		shim_advance(1);
		shim_run_work();
	}
	CHECK(slots_event("grown") > 0);
	CHECK(slots_total() <= (SHIM_ZONE_DMA_END - SHIM_RAM_START) / 4 / IO_TLB_SIZE);
	CHECK_EQ(shim_log_count("max="), 1);
	/* The boot pool of 1 MiB, and a quarter of the other 14 MiB */
	CHECK(shim_log_has("4608 KiB is all"));
}

static int remap_is_fine(void *tlb, unsigned long nslabs)
{
	return 0;
}

/* A remapped pool cannot grow, so "dynamic" must not reduce it to 1 MiB */
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
