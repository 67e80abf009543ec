// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reach depends on the path of the DMA. dma-direct passes the address of a bounce buffer
 * to the device, through swiotlb_map(): mask, bus limit and range map decide. dma-iommu
 * bounces partial granules of untrusted devices, and small buffers of devices that are
 * not coherent, through swiotlb_tbl_map_single(), and maps the bounce buffer at an IOVA:
 * the mask limits the IOVA, and every pool is in reach.
 *
 *	       mask 32 bits |
 *	memory	   holes    |    4 GiB [ boot pool ]   RAM
 */
#include <stdio.h>
#include "harness.h"

static struct device *behind_iommu(struct device *dev)
{
	dev->dma_iommu = true;
	return dev;
}

/* All free memory is above 4 GiB */
static void boot_all_high(const char *arg)
{
	shim_init();
	while (shim_take_ram_below(SZ_256M, SHIM_LOW_END))
		;
	while (shim_take_ram_below(SZ_1M, SHIM_LOW_END))
		;
	boot_high(arg);
}

static phys_addr_t high_buffer(size_t size)
{
	struct page *page = alloc_pages(GFP_KERNEL, get_order(size));

	return page_to_phys(page);
}

static phys_addr_t map_granule(struct device *dev, phys_addr_t orig, size_t size)
{
	return map_full(dev, orig, size, PAGE_SIZE - 1, DMA_BIDIRECTIONAL, 0);
}

static unsigned long page_requests(void)
{
	return shim_faults[SHIM_FAULT_PAGES].calls + shim_faults[SHIM_FAULT_CONTIG].calls;
}

/* Check that no memory is requested, at once or later */
static void check_no_hunt(unsigned long before)
{
	ticks(3);
	CHECK_MSG(page_requests() == before, "%lu requests for pages",
		  page_requests() - before);
}

/* An untrusted disk with a 32-bit mask uses a pool above 4 GiB; no memory is requested */
TEST(iommu_device_bounces_above_its_mask)
{
	struct device *dev;
	phys_addr_t orig, tlb;
	unsigned long calls;

	needs_pools_above();
	boot_high("32768");
	dev = behind_iommu(device_below(DMA_BIT_MASK(32)));
	orig = new_buffer(SZ_4K, 512);
	fill_pattern(phys_to_virt(orig), 1024, 1);
	calls = page_requests();
	tlb = map_granule(dev, orig, 1024);
	if (!CHECK(tlb != MAP_FAILED_ADDR && tlb > DMA_BIT_MASK(32)))
		return;
	CHECK(has_pattern(phys_to_virt(tlb), 1024, 1));
	check_no_hunt(calls);
	unmap(dev, tlb, 1024, DMA_BIDIRECTIONAL);
	check_used(0);
	CHECK_EQ(shim_reports[SHIM_NOTE], 0);
}

/* An untrusted 32-bit disk can map although no memory below its mask is free */
TEST(iommu_device_bounces_where_all_memory_lies_above_its_mask)
{
	struct device *dev;
	unsigned int i, failed = 0;
	phys_addr_t orig;

	needs_pools_above();
	boot_all_high("4096");
	dev = behind_iommu(device_below(DMA_BIT_MASK(32)));
	orig = high_buffer(SZ_4K);
	for (i = 0; i < 100; i++)
		failed += map_granule(dev, orig, 1024) == MAP_FAILED_ADDR;
	CHECK_EQ(failed, 0);
	CHECK_EQ(shim_reports[SHIM_NOTE], 0);
}

/* In a burst beyond the boot pool of 1 MiB, transient pools may lie above the mask, too */
TEST_BASE_FAILS(iommu_device_has_transient_pools_above_its_mask,
		"transient pools are sought below the mask")
{
	unsigned int i, failed = 0;
	struct device *dev;
	phys_addr_t orig;

	needs_pools_above();
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	boot_all_high("512,1");
	dev = behind_iommu(device_below(DMA_BIT_MASK(32)));
	orig = high_buffer(SZ_4K);
	for (i = 0; i < 300; i++)
		failed += map_granule(dev, orig, 4096) == MAP_FAILED_ADDR;
	CHECK_EQ(failed, 0);
}

/* For a load beyond the boot pool of 1 MiB, pools may be added above the mask */
TEST_BASE_FAILS(iommu_device_makes_any_memory_grow,
		"transient pools are sought below the mask")
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i, failed = 0;

	needs_pools_above();
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	boot_all_high("512,1");
	dev = behind_iommu(device_below(DMA_BIT_MASK(32)));
	orig = high_buffer(SZ_4K);
	for (i = 0; i < 1000; i++) {
		failed += map_granule(dev, orig, 4096) == MAP_FAILED_ADDR;
		shim_advance(1);
		shim_run_work();
	}
	CHECK_EQ(failed, 0);
	CHECK(!shim_log_has("out of reach"));
}

/* The bus limit is for the IOVA, so the bounce buffer may lie above it */
TEST(iommu_device_bounces_above_the_limit_of_its_bus)
{
	struct device *dev;
	phys_addr_t tlb;

	needs_pools_above();
	boot_high("4096");
	dev = behind_iommu(device_below(~0ULL));
	dev->bus_dma_limit = DMA_BIT_MASK(30);
	tlb = map_granule(dev, new_buffer(SZ_4K, 0), 512);
	CHECK(tlb != MAP_FAILED_ADDR && tlb > DMA_BIT_MASK(32));
}

/* The range map is for the IOVA, so it need not contain the bounce buffer */
TEST_BASE_FAILS(iommu_device_bounces_outside_of_its_range_map,
		"it takes the error for an address, and looks for a boundary there")
{
	struct device *dev;
	phys_addr_t orig;

	boot_high("4096");
	dev = behind_iommu(device_that_sees_nothing());
	orig = new_buffer(SZ_4K, 0);
	CHECK(map_granule(dev, orig, 512) != MAP_FAILED_ADDR);
	CHECK(map_granule(dev, orig, SZ_4K) != MAP_FAILED_ADDR);
}

/* A full pool is reported as full, although it is above the mask */
TEST(iommu_device_is_told_full_and_not_out_of_reach)
{
	static phys_addr_t tlbs[512];
	struct device *dev;

	needs_pools_above();
	boot_high("512,1");
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	dev = behind_iommu(device_below(DMA_BIT_MASK(32)));
	CHECK_EQ(map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, 512), 256);
	CHECK(map_granule(dev, new_buffer(SZ_4K, 0), 512) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("swiotlb buffer is full"));
	CHECK(!shim_log_has("out of reach"));
}

/* ---- under dma-direct */

/*
 * The host bridge of a Raspberry Pi: memory begins at DMA address 16 GiB, and the mask of
 * the device ends at 4 GiB.
 */
static struct device *behind_high_window(u64 mask)
{
	static const struct bus_dma_region window[] = {
		{ .cpu_start = 0, .dma_start = 0x400000000ULL, .size = SZ_2G },
		{ }
	};
	struct device *dev = device_below(mask);

	dev->dma_range_map = window;
	return dev;
}

static dma_addr_t map_direct(struct device *dev, phys_addr_t orig, size_t size)
{
	return swiotlb_map(dev, orig, size, DMA_TO_DEVICE, 0);
}

static void map_out_of_reach(struct device *dev, phys_addr_t orig, size_t size)
{
	CHECK(map_direct(dev, orig, size) == DMA_MAPPING_ERROR);
	/* This test checks only the message, not whether there is a stack trace */
	expect_warns(shim_reports[SHIM_WARN]);
}

static void check_is_told(const char *mask, const char *limit)
{
	/* The first message is that of the engine, the second that of the base */
	CHECK(shim_log_has("out of reach") || shim_log_has("overflow"));
	CHECK_MSG(shim_log_has(mask), "the log has no \"%s\"", mask);
	CHECK_MSG(shim_log_has(limit), "the log has no \"%s\"", limit);
	CHECK(!shim_log_has("full"));
	CHECK(!shim_log_has("fragmented"));
}

TEST(device_out_of_reach_is_told_so_at_once)
{
	struct device *xhci;

	boot(NULL);
	xhci = behind_high_window(DMA_BIT_MASK(32));
	map_out_of_reach(xhci, new_buffer(8, 0), 8);
	check_is_told("mask ffffffff", "bus limit 0");
	check_used(0);
}

TEST(device_with_a_bus_limit_below_its_window_is_told_so)
{
	struct device *nic;

	boot(NULL);
	nic = behind_high_window(~0ULL);
	nic->bus_dma_limit = DMA_BIT_MASK(33);
	map_out_of_reach(nic, new_buffer(8, 0), 8);
	check_is_told("mask ffffffffffffffff", "bus limit 1ffffffff");
	check_used(0);
}

/*
 * A fixed pool below the window has no address on the bus. The translation returns all
 * ones, which the mask allows, but the map must fail as out of reach.
 *
 *	RAM	----[ pool ]------------------
 *	window			| 2 GiB | 1 GiB ]
 */
TEST_BASE_FAILS(device_of_64_bits_that_does_not_see_the_pool_is_told_so,
		"it maps where the device does not reach")
{
	static const struct bus_dma_region window[] = {
		{ .cpu_start = SZ_2G, .dma_start = SZ_2G, .size = SZ_1G },
		{ }
	};
	struct device *nic;

	boot_fixed("512,1", NULL);
	nic = device_below(~0ULL);
	nic->dma_range_map = window;
	CHECK_EQ(map_full(nic, new_buffer(8, 0), 8, 0, DMA_TO_DEVICE, 0),
		 MAP_FAILED_ADDR);
	check_is_told("mask ffffffffffffffff", "bus limit 0");
	check_used(0);
}

/* No memory would help the device: none is requested, now or later, and no slot is used */
TEST(device_out_of_reach_makes_nothing_grow)
{
	struct device *xhci;
	phys_addr_t orig;
	unsigned int i;

	boot("512,1");
	xhci = behind_high_window(DMA_BIT_MASK(32));
	orig = new_buffer(8, 0);
	shim_fail_none();
	for (i = 0; i < 10; i++) {
		map_out_of_reach(xhci, orig, 8);
		check_no_hunt(0);
	}
	check_used(0);
}

/* Only the pools in reach are full: the report does not count the pool out of reach */
TEST_BASE_FAILS(shortage_counts_reachable_pools_only,
		"it maps where the device does not reach")
{
	struct device *narrow;
	char total[64];
	phys_addr_t orig;

	needs_pools_above();
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	boot_high("4096,1");
	narrow = device_below(DMA_BIT_MASK(32));
	orig = new_buffer(SZ_4K, 0);
	map_direct(narrow, orig, SZ_4K);
	shim_run_work();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	while (map_direct(narrow, orig, SZ_4K) != DMA_MAPPING_ERROR)
		;
	shim_log_clear();
	CHECK(map_direct(narrow, orig, SZ_4K) == DMA_MAPPING_ERROR);
	CHECK(shim_log_has("swiotlb buffer is full"));
	CHECK(!shim_log_has("out of reach"));
	snprintf(total, sizeof(total), "total %ld (slots)", slots_total());
	CHECK(!shim_log_has(total));
}

TEST(device_out_of_reach_costs_others_nothing)
{
	struct device *xhci, *dev;
	phys_addr_t orig, tlb;
	unsigned int i;

	boot("512,1");
	xhci = behind_high_window(DMA_BIT_MASK(32));
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	for (i = 0; i < 100; i++) {
		map_out_of_reach(xhci, orig, 8);
		CHECK(!shim_cause || !strcmp(shim_cause, "out of reach"));
		tlb = map(dev, orig, SZ_4K, DMA_TO_DEVICE);
		CHECK(tlb != MAP_FAILED_ADDR);
		unmap(dev, tlb, SZ_4K, DMA_TO_DEVICE);
	}
	CHECK(slots_event("full") <= 0);
	CHECK(slots_event("fragmented") <= 0);
}
