// SPDX-License-Identifier: GPL-2.0-only
/* The boot pool: early and late set-up, and tear-down. */
#include "harness.h"

TEST(early_pool_and_exit_leave_nothing)
{
	struct shim_usage before, after;

	shim_init();
	before = shim_usage();
	swiotlb_init(true, SWIOTLB_VERBOSE);
	CHECK(is_swiotlb_allocated());
	swiotlb_exit();
	after = shim_usage();
	CHECK_EQ(after.memblock_pages, before.memblock_pages);
	CHECK_EQ(after.kmallocs, before.kmallocs);
	CHECK(shim_log_has("MB)"));
}

/* If no device needs a pool, none is made, and none is freed later */
TEST(no_pool_if_devices_reach_all_memory)
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	swiotlb_init(false, SWIOTLB_VERBOSE);
	CHECK(!is_swiotlb_allocated());
	swiotlb_exit();
	CHECK_EQ(shim_usage().memblock_pages, before.memblock_pages);
	CHECK(!shim_log_has("tearing down"));
}

TEST(forced_pool_is_made_and_kept_though_no_device_needs_it)
{
	shim_init();
	shim_boot_param("swiotlb", "force");
	swiotlb_init(false, 0);
	CHECK(is_swiotlb_allocated());
	swiotlb_exit();
	CHECK(is_swiotlb_allocated());
}

TEST(noforce_makes_no_late_pool)
{
	shim_init();
	shim_boot_param("swiotlb", "noforce");
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL, NULL), 0);
	CHECK(!is_swiotlb_allocated());
}

TEST(late_pool_and_exit_leave_nothing)
{
	struct shim_usage before, after;

	shim_init();
	before = shim_usage();
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK(is_swiotlb_allocated());
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL, NULL), 0);
	swiotlb_exit();
	after = shim_usage();
	CHECK_EQ(after.pages, before.pages);
	CHECK_EQ(after.kmallocs, before.kmallocs);
}

/* A late pool works like an early one, and is in the requested zone */
TEST(late_pool_is_used)
{
	phys_addr_t start;
	struct device *dev;
	size_t bytes;

	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_2M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	shim_initcalls_run();
	dev = new_device(0, 0);
	start = default_swiotlb_base();
	bytes = default_swiotlb_limit() + 1 - start;
	CHECK_EQ(bytes, SZ_2M);
	/* A device must not read the old contents of that memory */
	CHECK(all_bytes(phys_to_virt(start), bytes, 0));
	CHECK(start + bytes <= SHIM_HIGH_START);
	CHECK_EQ(fill_and_drain(dev, start, bytes, IO_TLB_SIZE), SZ_2M / IO_TLB_SIZE);
}

TEST(late_pool_shrinks_when_memory_is_short)
{
	shim_init();
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_4M);
	shim_faults[SHIM_FAULT_PAGES].times = -1;
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	shim_fail_none();
	shim_initcalls_run();
	CHECK_EQ(fill_and_drain(new_device(0, 0), default_swiotlb_base(), SZ_2M,
				IO_TLB_SIZE), SZ_2M / IO_TLB_SIZE);
	CHECK(shim_log_has("only able to allocate 2 MB"));
}

TEST_BASE_FAILS(late_pool_of_the_smallest_size,
		"the loop that allocates ends before the size that it allows")
{
	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_1M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK(is_swiotlb_allocated());
}

TEST(late_pool_without_memory_fails)
{
	struct shim_usage before;
	unsigned int i;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL, NULL), -ENOMEM);
	/* Nothing leaks, whichever allocation fails */
	for (i = 0; i < 3; i++) {
		shim_fail_none();
		shim_faults[SHIM_FAULT_KMALLOC] =
			(struct shim_fault){ .skip = i, .times = 1 };
		shim_faults[SHIM_FAULT_PAGES] =
			(struct shim_fault){ .skip = i + 1, .times = 1 };
		if (!swiotlb_init_late(SZ_2M, GFP_KERNEL, NULL))
			break;
		CHECK_EQ(shim_usage().pages, before.pages);
		CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	}
}

static int remap_calls, remap_fails;

static int fake_remap(void *tlb, unsigned long nslabs)
{
	remap_calls++;
	return remap_fails-- > 0 ? -EIO : 0;
}

TEST(remap_failure_halves_the_pool)
{
	shim_init();
	remap_fails = 2;
	swiotlb_init_remap(true, 0, fake_remap);
	swiotlb_update_mem_attributes();
	CHECK_EQ(remap_calls, 3);
	CHECK_EQ(default_swiotlb_limit() + 1 - default_swiotlb_base(), SZ_16M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_16M);
}

TEST_BASE_FAILS(late_remap_failure_halves_the_pool,
		"it remaps and frees again what it has freed already")
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	remap_fails = 1;
	CHECK_EQ(swiotlb_init_late(SZ_2M, GFP_KERNEL, fake_remap), 0);
	CHECK_EQ(default_swiotlb_limit() + 1 - default_swiotlb_base(), SZ_1M);
	swiotlb_exit();
	CHECK_EQ(shim_usage().pages, before.pages);

	remap_fails = 1000;
	CHECK(swiotlb_init_late(SZ_2M, GFP_KERNEL, fake_remap) < 0);
	CHECK_EQ(shim_usage().pages, before.pages);
}

/* With fewer slots than requested, the areas must still divide the pool */
TEST(early_pool_shrinks_when_memory_is_short)
{
	size_t bytes;
	phys_addr_t pool;

	shim_init();
	shim_nr_cpus = 64;
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, 6);
	pool = boot_fixed(NULL, &bytes);
	CHECK_EQ(bytes, SZ_1M);
	CHECK_EQ(fill_and_drain(new_device(0, 0), pool, bytes, IO_TLB_SIZE),
		 SZ_1M / IO_TLB_SIZE);
	CHECK_EQ(fill_and_drain(new_device(0, 0), pool, bytes, 262144), 4);
}

TEST(early_pool_without_memory)
{
	struct device *dev;

	shim_init();
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, -1);
	boot(NULL);
	dev = new_device(0, 0);
	CHECK(!is_swiotlb_active(dev));
	CHECK(map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
}

TEST_BASE_FAILS(early_pool_without_metadata_frees_its_memory,
		"it keeps the memory of the pool for nothing")
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_MEMBLOCK, 1, -1);
	boot("512,1");
	CHECK(!is_swiotlb_allocated());
	CHECK_EQ(shim_usage().memblock_pages, before.memblock_pages);
}

/* ---- encryption */

TEST(early_pool_is_decrypted_and_encrypted_again)
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	boot_encrypted("1024,2");
	CHECK_EQ(shim_usage().decrypted_pages, SZ_2M / PAGE_SIZE);
	CHECK(shim_page_decrypted(default_swiotlb_base()));
	swiotlb_exit();
	CHECK_EQ(shim_usage().decrypted_pages, 0);
	CHECK_EQ(shim_usage().memblock_pages, before.memblock_pages);
}

/* A pool that is not decrypted must not count as in use: growth depends on that count */
TEST_BASE_FAILS(pool_that_is_not_decrypted_is_none, "it counts as used for ever")
{
	struct shim_usage before, after;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	boot_encrypted("512,1,force");
	after = shim_usage();
	CHECK(!is_swiotlb_allocated());
	CHECK(!is_swiotlb_active(new_device(0, 0)));
	CHECK_EQ(after.memblock_pages, before.memblock_pages);
	CHECK_EQ(after.decrypted_pages, 0);
	CHECK_EQ(shim_work_queued(), 0);
	/* A late pool can replace the boot pool */
	shim_fail_none();
	CHECK_EQ(swiotlb_init_late(SZ_1M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK(map(new_device(0, 0), new_buffer(64, 0), 64, DMA_TO_DEVICE) !=
	      MAP_FAILED_ADDR);
}

TEST(pool_in_an_unknown_state_is_lost)
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, 1);
	boot_encrypted("512,1");
	CHECK(shim_usage().memblock_pages >= before.memblock_pages + SZ_1M / PAGE_SIZE);
}

TEST(failed_decrypt_disables_the_pool)
{
	struct device *dev;
	phys_addr_t orig;

	shim_init();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	boot_encrypted("512,1");
	default_swiotlb_base();
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	CHECK(map(dev, orig, 2048, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(map(dev, orig, 1, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("Failed to decrypt default memory pool, disabling it"));
}

TEST(failed_encrypt_leaks_the_early_pool)
{
	long pages;

	boot_encrypted("512,1");
	pages = shim_usage().memblock_pages;
	shim_fail(SHIM_FAULT_ENCRYPT, 0, 1);
	swiotlb_exit();
	CHECK(shim_usage().memblock_pages >= pages - 10);
	CHECK(shim_usage().memblock_pages >= SZ_1M / PAGE_SIZE);
}

TEST(failed_decrypt_leaks_the_late_pool)
{
	shim_init();
	shim_cc[CC_ATTR_MEM_ENCRYPT] = shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	swiotlb_update_mem_attributes();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	CHECK(swiotlb_init_late(SZ_2M, GFP_KERNEL, NULL) < 0);
	CHECK(!is_swiotlb_allocated());
	CHECK_EQ(shim_usage().pages, SZ_2M / PAGE_SIZE);
}
