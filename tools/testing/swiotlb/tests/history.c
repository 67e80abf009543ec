// SPDX-License-Identifier: GPL-2.0-only
/*
 * Past bugs of this subsystem that no test of a layer covers: see the file ledger.
 */
#include "harness.h"

/* Number of locks taken by this thread, which is the only one */
static u64 locks_taken(void)
{
	return shim_current()->taken;
}

/* The search must end if all free slots have the wrong alignment */
TEST_FULL(search_in_a_nearly_full_area_ends, NULL, 10)
{
	static phys_addr_t tlbs[512];
	struct device *dev, *page, *bounded;
	phys_addr_t orig;
	unsigned int i, n;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	page = new_device(0xfff, 0);
	bounded = new_device(0xfff, 0x1ffff);
	orig = new_buffer(SZ_64K, 0);
	n = map_until_full(dev, orig, IO_TLB_SIZE, tlbs, 512);
	CHECK_EQ(n, 512);
	/* Free only odd slots, so that no page begins at a free slot */
	for (i = 0; i < n; i++)
		if (tlbs[i] & IO_TLB_SIZE)
			unmap(dev, tlbs[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 512; i <= SZ_64K; i *= 2) {
		CHECK(map_full(page, orig, i, 0, DMA_TO_DEVICE,
			       DMA_ATTR_NO_WARN) == MAP_FAILED_ADDR);
		CHECK(map_full(bounded, orig, i, 0xfff, DMA_TO_DEVICE,
			       DMA_ATTR_NO_WARN) == MAP_FAILED_ADDR);
	}
	CHECK(map(page, orig + IO_TLB_SIZE, IO_TLB_SIZE, DMA_TO_DEVICE) !=
	      MAP_FAILED_ADDR);
}

/* The search must end if all free runs cross the segment boundary of the device */
TEST_FULL(search_at_a_boundary_ends, NULL, 10)
{
	static phys_addr_t tlbs[512];
	phys_addr_t pool, orig;
	struct device *dev;
	unsigned int i;

	pool = boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(8192, 0);
	CHECK_EQ(map_until_full(dev, orig, IO_TLB_SIZE, tlbs, 512), 512);
	for (i = 0; i < 512; i++)
		if ((tlbs[i] - pool + 4096) % SZ_128K < 8192)
			unmap(dev, tlbs[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	dev = new_device(0, 0x1ffff);
	CHECK(map_full(dev, orig, 8192, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
	      MAP_FAILED_ADDR || !(pool & 0x1ffff));
	CHECK(map(dev, orig, 4096, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
}

TEST(debugfs_does_not_reset_counters)
{
	phys_addr_t orig, tlb;
	struct device *dev;

#ifndef CONFIG_DEBUG_FS
	skip_test("built without DEBUG_FS");
#endif
	shim_init();
	shim_boot_param("swiotlb", "512,1,force,track_hiwater");
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_early_initcalls_run();
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	tlb = map(dev, orig, SZ_64K, DMA_TO_DEVICE);
	shim_initcalls_run();
	CHECK_EQ(slots_used(), 32);
	CHECK_EQ(atol(shim_debugfs_read("swiotlb", "io_tlb_used_hiwater")), 32);
	unmap(dev, tlb, SZ_64K, DMA_TO_DEVICE);
	CHECK_EQ(slots_used(), 0);
}

/* The locks of areas of different CPUs are in different cache lines */
TEST_BASE_FAILS(locks_of_areas_lie_apart,
		"L5: four areas lie in one line")
{
	unsigned long last = 0, at;
	struct device *dev;
	phys_addr_t orig;
	unsigned int cpu;

	boot_fixed("4096,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(512, 0);
	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		CHECK(map(dev, orig, 512, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
		at = (unsigned long)shim_current()->last;
		CHECK_MSG(!last || at / SMP_CACHE_BYTES != last / SMP_CACHE_BYTES,
			  "the locks of areas %u and %u are %lu bytes apart",
			  cpu - 1, cpu, at - last);
		last = at;
	}
}

TEST_BASE_FAILS(too_large_is_said_to_be_too_large, "L6: it says that the buffer is full")
{
	boot_fixed("512,1", NULL);
	CHECK(map(new_device(0, 0), new_buffer(SZ_512K, 0), SZ_256K + 1,
		  DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("(sz: 262145 bytes): it can never map more than 262144"));
}

TEST_BASE_FAILS(full_pool_costs_no_lock_for_each_area,
		"L7: it takes the lock of each area, at each attempt")
{
	static phys_addr_t tlbs[8192];
	struct device *dev;
	phys_addr_t orig;
	u64 before;

	shim_init();
	shim_nr_cpus = 64;
	boot_fixed("8192,64", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(IO_TLB_SIZE, 0);
	CHECK_EQ(map_until_full(dev, orig, IO_TLB_SIZE, tlbs, 8192), 8192);
	map_full(dev, orig, 512, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	before = locks_taken();
	CHECK(map_full(dev, orig, 512, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
	      MAP_FAILED_ADDR);
	CHECK_MSG(locks_taken() - before < 8, "%llu locks taken",
		  locks_taken() - before);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC

/*
 * An unmap of a buffer that was never bounced searches no list of pools, even if the
 * device has bounced other buffers before.
 */
TEST_BASE_FAILS(unbounced_address_is_not_searched_for,
		"L8: a device that has bounced once searches all pools for ever")
{
	static phys_addr_t tlbs[2048];
	struct device *dev;
	phys_addr_t orig;
	unsigned int n;
	u64 before;

	boot("512,1");
	dev = new_device(0, 0);
	n = map_until_full(dev, new_buffer(IO_TLB_SIZE, 0), IO_TLB_SIZE, tlbs, 600);
	shim_run_work();
	unmap_all(dev, IO_TLB_SIZE, tlbs, n);
	shim_run_work();
	orig = SHIM_HIGH_START;
	before = shim_current()->sections;
	unmap(dev, orig, 4096, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_cpu(dev, orig, 4096, DMA_BIDIRECTIONAL);
	CHECK_EQ(shim_current()->sections - before, 0);
}

#endif
