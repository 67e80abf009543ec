// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages in the log that guides, monitors and tools search for. They must be the same as in
 * the base, except for sizes below 1 MiB.
 */
#include "harness.h"

#define MODULE "software IO TLB: "

static void says(const char *words)
{
	CHECK_MSG(shim_log_has(words), "the log does not have: %s", words);
}

static int refuse_once(void *tlb, unsigned long nslabs)
{
	static unsigned int calls;

	return calls++ ? 0 : -EIO;
}

TEST(words_of_the_boot_pool)
{
	shim_init();
	shim_boot_param("swiotlb", "512,8");
	says(MODULE "area num 8.");
	says(MODULE "SWIOTLB bounce buffer size roundup to 2MB");
	swiotlb_init(true, SWIOTLB_VERBOSE);
	says(MODULE "mapped [mem 0x");
	says("] (2MB)");
	swiotlb_exit();
	says(MODULE "tearing down default memory pool");
}

TEST(words_of_the_platform)
{
	shim_init();
	swiotlb_adjust_size(SZ_32M);
	says(MODULE "SWIOTLB bounce buffer size adjusted to 32MB");
}

TEST(words_of_short_memory)
{
	shim_init();
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, 1);
	swiotlb_init(true, 0);
	says(MODULE "swiotlb_memblock_alloc: Failed to allocate 67108864 bytes tlb structure");
	says(MODULE "SWIOTLB bounce buffer size adjusted 32768 -> 16384 slabs");
}

TEST(words_of_no_memory)
{
	shim_init();
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, -1);
	swiotlb_init(true, 0);
	swiotlb_print_info();
	says(MODULE "No low mem");
}

TEST(words_of_no_metadata)
{
	shim_init();
	shim_fail(SHIM_FAULT_MEMBLOCK, 1, 1);
	swiotlb_init(true, 0);
	says(MODULE "swiotlb_init_remap: Failed to allocate ");
	says(" bytes align=0x");
}

TEST(words_of_a_failed_remap)
{
	shim_init();
	swiotlb_init_remap(true, 0, refuse_once);
	says(MODULE "swiotlb_memblock_alloc: Failed to remap 67108864 bytes");
}

TEST(words_of_a_late_pool)
{
	shim_init();
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_4M);
	shim_faults[SHIM_FAULT_PAGES].times = -1;
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	says(MODULE "only able to allocate 2 MB");
}

TEST(words_of_encryption)
{
	boot_encrypted("512,1");
	map(new_device(0, 0), new_buffer(64, 0), 64, DMA_TO_DEVICE);
	says(MODULE "Memory encryption is active and system is using DMA bounce buffers");
}

TEST(words_of_a_failed_decrypt)
{
	shim_init();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	boot_encrypted("512,1");
	says(MODULE "Failed to decrypt default memory pool, disabling it");
}

#ifdef CONFIG_DMA_RESTRICTED_POOL
TEST(words_of_a_restricted_pool)
{
	char at[64];
	phys_addr_t base;

	boot("512,1");
	base = shim_take_ram(SZ_2M);
	restricted_device(base, SZ_2M, "rmem");
	says(MODULE "Reserved memory: created restricted DMA pool at 0x");
	snprintf(at, sizeof(at), " at 0x%016llx, size 2 MiB", base);
	says(at);
}

TEST(words_of_a_bad_restricted_pool)
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	struct reserved_mem rmem = { .name = "bad", .base = SHIM_HIGH_START,
				     .size = SZ_1M };

	boot_encrypted("512,1");
	shim_highmem_start = SHIM_HIGH_START;
	CHECK(ops->device_init(&rmem, new_device(0, 0)));
	says("test: Restricted DMA pool must be accessible within the linear mapping.");
	shim_highmem_start = SHIM_HIGHMEM;
	rmem.base = shim_take_ram(SZ_1M);
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	CHECK(ops->device_init(&rmem, new_device(0, 0)));
	says("test: Failed to decrypt restricted DMA pool");
}

TEST(words_of_an_odd_bus_offset)
{
	static const struct bus_dma_region range[] = {
		{ .cpu_start = 0, .dma_start = 0x1800, .size = SHIM_LOW_END }, { }
	};
	struct device *dev;

	boot("512,1");
	dev = restricted_device(shim_take_ram(SZ_256K), SZ_256K, "rmem");
	map(dev, new_buffer(512, 0), 512, DMA_TO_DEVICE);
	dev->dma_range_map = range;
	CHECK(!swiotlb_alloc(dev, 8192, 0));
	says("test: Cannot allocate pages from non page-aligned swiotlb addr 0x0x");
	expect_warns(1);
}
#endif

/* For sizes below 1 MiB the base prints 0 */
TEST_BASE_FAILS(sizes_below_a_mebibyte_are_in_kib, "it says 0 MB")
{
	shim_init();
	shim_boot_param("swiotlb", "256,1");
	swiotlb_init(true, SWIOTLB_VERBOSE);
	says("] (512KiB)");
	shim_log_clear();
	if (IS_ENABLED(CONFIG_DMA_RESTRICTED_POOL)) {
		restricted_device(shim_take_ram(SZ_256K), SZ_256K, "rmem");
		says(", size 256 KiB");
	}
}

TEST_BASE_FAILS(rounded_size_below_a_mebibyte_is_in_kib, "it says 0 MB")
{
	shim_init();
	shim_boot_param("swiotlb", "1,2");
	says("SWIOTLB bounce buffer size roundup to 512KiB");
}

TEST_BASE_FAILS(platform_size_below_a_mebibyte_is_in_kib, "it says 0 MB")
{
	shim_init();
	swiotlb_adjust_size(SZ_512K);
	says("SWIOTLB bounce buffer size adjusted to 512KiB");
}
