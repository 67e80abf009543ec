// SPDX-License-Identifier: GPL-2.0-only
/* Growth and transient pools. Work is stepped: nothing runs concurrently with a test. */
#include "harness.h"

#ifdef CONFIG_SWIOTLB_DYNAMIC

TEST(grows_when_full)
{
	static phys_addr_t tlbs[4096];
	struct shim_usage before;
	struct device *dev;
	phys_addr_t orig;
	unsigned int n;
	long total;

	boot("512,1");
	before = shim_usage();
	dev = new_device(0, 0);
	orig = new_buffer(65536, 0);
	total = slots_total();

	shim_fail(SHIM_FAULT_PAGES, 0, -1);	/* no transient pools */
	n = map_until_full(dev, orig, 65536, tlbs, 4096);
	CHECK_EQ(n, 16);
	CHECK_EQ(shim_work_queued(), 1);
	shim_fail_none();
	CHECK(shim_run_work() > 0);
	if (IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK(slots_total() >= total + 512);

	tlbs[n] = map(dev, orig, 65536, DMA_TO_DEVICE);
	CHECK(tlbs[n] != MAP_FAILED_ADDR);
	CHECK(swiotlb_find_pool(dev, tlbs[n] + 65535) ==
	      swiotlb_find_pool(dev, tlbs[n]));
	CHECK(slots_transient() <= 0);
	unmap_all(dev, 65536, tlbs, n + 1);
	check_used(0);
	CHECK(shim_usage().pages > before.pages);
}

/* Check data and syncs, in an added pool or in a transient one */
static void check_bounce(struct device *dev, size_t size, unsigned int offset)
{
	phys_addr_t orig = new_buffer(size, offset), tlb;
	u8 *slot, *buf = phys_to_virt(orig);

	fill_pattern(buf, size, 1);
	tlb = map(dev, orig, size, DMA_BIDIRECTIONAL);
	if (!CHECK(tlb != MAP_FAILED_ADDR))
		return;
	slot = phys_to_virt(tlb);
	CHECK(has_pattern(slot, size, 1));
	fill_pattern(slot, size, 2);
	swiotlb_sync_single_for_cpu(dev, tlb + size / 2, size - size / 2,
				    DMA_BIDIRECTIONAL);
	CHECK(!memcmp(buf + size / 2, slot + size / 2, size - size / 2));
	CHECK(memcmp(buf, slot, size / 2));
	unmap(dev, tlb, size, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(buf, size, 2));
}

TEST_BASE_FAILS(bounces_through_grown_and_transient_pools, "L1, as below")
{
	phys_addr_t tlbs[17], orig;
	struct device *dev;
	unsigned int i;

	boot("512,1");
	dev = new_device(0xfff, 0);
	orig = new_buffer(65536, 0);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	map_until_full(dev, orig, 65536, tlbs, ARRAY_SIZE(tlbs));
	shim_fail_none();
	for (i = 0; i < 8; i++)		/* no work has run: transient */
		check_bounce(dev, 5000 + i * 700, 0x10 + i * 0x210);
	shim_run_work();
	for (i = 0; i < 8; i++)
		check_bounce(dev, 5000 + i * 700, 0x10 + i * 0x210);
}

/* Grow from 1 MiB until 256 MiB are mapped: each address must find its pool */
TEST(many_pools)
{
	static phys_addr_t tlbs[8192];
	struct device *dev;
	unsigned int n, i;
	phys_addr_t orig;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(65536, 0);
	fill_pattern(phys_to_virt(orig), 65536, 3);
	for (n = 0; n < 4096; n++) {
		tlbs[n] = map(dev, orig, 65536, DMA_TO_DEVICE);
		if (!CHECK(tlbs[n] != MAP_FAILED_ADDR))
			break;
		shim_run_work();
		shim_advance(1);
	}
	for (i = 0; i < n; i++)
		if (!CHECK(has_pattern(phys_to_virt(tlbs[i]), 65536, 3)) ||
		    !CHECK(swiotlb_find_pool(dev, tlbs[i] + 65535)))
			break;
	unmap_all(dev, 65536, tlbs, n);
	check_used(0);
	shim_run_work();
	if (IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK_EQ(slots_transient(), 0);
}

/*
 * A transient pool, too, must have room for a buffer at any offset that min_align_mask
 * preserves.
 */
TEST_BASE_FAILS(transient_pool_keeps_min_align_mask,
		"L1: a pool of the exact size has no odd slot to begin at")
{
	static const unsigned int masks[] = { 0x1ff, 0x7ff, 0xfff, 0x3fff };
	static const size_t sizes[] = { 512, 2048, 4096, 20000, 65536, 0 };
	static phys_addr_t tlbs[512];
	unsigned int off, i, j;
	struct device *dev;
	phys_addr_t buf, tlb;
	size_t size;

	boot("512,1");
	buf = new_buffer(262144 + 16384, 0);
	CHECK_EQ(map_until_full(new_device(0, 0), buf, 2048, tlbs, 512), 512);
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		dev = new_device(masks[i], 0);
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			size = sizes[j] ?: swiotlb_max_mapping_size(dev);
			for (off = 0; off <= masks[i]; off += 512) {
				tlb = map(dev, buf + off, size, DMA_TO_DEVICE);
				if (!CHECK_MSG(tlb != MAP_FAILED_ADDR,
					       "mask 0x%x: %zu bytes at 0x%x",
					       masks[i], size, off))
					continue;
				CHECK_EQ((tlb ^ (buf + off)) & masks[i], 0);
				unmap(dev, tlb, size, DMA_TO_DEVICE);
			}
		}
	}
}

/* A transient pool respects the allocation alignment and the segment boundary */
TEST(transient_pool_keeps_other_masks)
{
	static phys_addr_t tlbs[512];
	struct device *dev;
	phys_addr_t buf, tlb;
	size_t size;

	boot("512,1");
	buf = new_buffer(65536, 0);
	CHECK_EQ(map_until_full(new_device(0, 0), buf, 2048, tlbs, 512), 512);
	dev = new_device(0, 0xffff);
	for (size = 512; size <= 65536; size *= 2) {
		tlb = map_full(dev, buf, size, 0xfff, DMA_TO_DEVICE, 0);
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			continue;
		CHECK_EQ(tlb & 0xfff, 0);
		CHECK_EQ(tlb & ~0xffffUL, (tlb + size - 1) & ~0xffffUL);
		unmap(dev, tlb, size, DMA_TO_DEVICE);
	}
}

/* The unmap may be in an interrupt; operations that sleep are left to a worker */
static void transient_round_trip(void)
{
	struct shim_usage before, after;
	static phys_addr_t tlbs[512];
	struct device *dev;
	phys_addr_t buf, tlb = 0;

	dev = new_device(0, 0);
	buf = new_buffer(4096, 0);
	CHECK_EQ(map_until_full(dev, buf, 2048, tlbs, 512), 512);
	shim_run_work();		/* adds the pool that was just requested */
	while (slots_transient() <= 0) {
		tlb = map(dev, buf, 4096, DMA_TO_DEVICE);
		if (!CHECK(tlb != MAP_FAILED_ADDR) || !IS_ENABLED(CONFIG_DEBUG_FS))
			return;
	}
	/* From here on, only the memory of the transient pool may be freed */
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_run_work();
	before = shim_usage();
	shim_hardirq_enter();
	unmap(dev, tlb, 4096, DMA_TO_DEVICE);
	shim_hardirq_exit();
	/* Readers may still use the pool, so it is not freed before a grace period */
	CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	shim_run_work();
	CHECK(slots_transient() <= 0);
	after = shim_usage();
	CHECK(after.pages + after.kmallocs < before.pages + before.kmallocs);
	/* Later calls with the address of the freed pool must be harmless */
	unmap(dev, tlb, 4096, DMA_TO_DEVICE);
	swiotlb_sync_single_for_cpu(dev, tlb, 4096, DMA_FROM_DEVICE);
}

TEST(transient_pool_is_freed_in_process_context)
{
	boot("512,1");
	transient_round_trip();
}

TEST(transient_pool_comes_from_the_atomic_pool_when_encrypted)
{
	shim_init();
	boot_encrypted("512,1");
	transient_round_trip();
	CHECK(shim_faults[SHIM_FAULT_ATOMIC_POOL].calls > 0 ||
	      !IS_ENABLED(CONFIG_DEBUG_FS));
}

#ifdef ENGINE_ours
/* Another device may read the whole page, so it must be clear */
TEST(transient_pool_from_the_atomic_pool_is_clear)
{
	static phys_addr_t tlbs[512];
	struct device *dev;
	phys_addr_t buf, before, tlb;

	shim_init();
	boot_encrypted("512,1");
	dev = new_device(0, 0);
	buf = new_buffer(PAGE_SIZE, 0);
	CHECK_EQ(map_until_full(dev, buf, 2048, tlbs, 512), 512);
	memset(phys_to_virt(buf), 0x55, PAGE_SIZE);
	before = map(dev, buf, PAGE_SIZE, DMA_TO_DEVICE);
	if (!CHECK(before != MAP_FAILED_ADDR))
		return;
	unmap(dev, before, PAGE_SIZE, DMA_TO_DEVICE);
	/* No pool is added, so the same page is used again */
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_run_work();
	tlb = map(dev, buf, 64, DMA_TO_DEVICE);
	CHECK_EQ(tlb, before);
	CHECK(all_bytes(phys_to_virt(tlb) + 64, PAGE_SIZE - 64, 0));
}
#endif

TEST(transient_pool_is_within_the_device_mask)
{
	static phys_addr_t tlbs[512];
	phys_addr_t buf, tlb;
	struct device *dev;

	boot("512,1");
	dev = new_device(0, 0);
	buf = new_buffer(4096, 0);
	CHECK_EQ(map_until_full(dev, buf, 2048, tlbs, 512), 512);
	dev = new_device(0, 0);
	*dev->dma_mask = DMA_BIT_MASK(24);
	tlb = map(dev, buf, 4096, DMA_TO_DEVICE);
	if (CHECK(tlb != MAP_FAILED_ADDR))
		CHECK(tlb + 4095 <= DMA_BIT_MASK(24));
	dev = new_device(0, 0);
	dev->bus_dma_limit = DMA_BIT_MASK(23);
	tlb = map(dev, buf, 4096, DMA_TO_DEVICE);
	if (CHECK(tlb != MAP_FAILED_ADDR))
		CHECK(tlb + 4095 <= DMA_BIT_MASK(23));
}

/* Memory is requested once, not at each map that fails for lack of memory */
TEST_BASE_FAILS(no_storm_when_memory_is_short, "it tries again at each failure")
{
	static phys_addr_t tlbs[512];
	struct device *dev;
	unsigned int i;
	phys_addr_t buf;

	boot("512,1");
	dev = new_device(0, 0);
	buf = new_buffer(4096, 0);
	CHECK_EQ(map_until_full(dev, buf, 2048, tlbs, 512), 512);
	shim_run_work();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_KMALLOC, 0, -1);
	/* Fill all pools again, including those that were added before */
	for (i = 0; i < 1000000; i++)
		if (map_full(dev, buf, 4096, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
		    MAP_FAILED_ADDR)
			break;
	for (i = 0; i < 100; i++) {
		CHECK(map_full(dev, buf, 4096, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
		      MAP_FAILED_ADDR);
		shim_run_work();
	}
	CHECK_MSG(shim_log_count("pool") < 5, "%u complaints",
		  shim_log_count("pool"));
}

TEST_BASE_FAILS(impossible_request_grows_nothing,
		"L2: it asks for a pool that cannot help, at every attempt")
{
	struct device *dev;
	phys_addr_t buf;
	long total;

	boot("512,1");
	dev = new_device(0xfff, 0xffff);
	buf = new_buffer(300000, 0);
	total = slots_total();
	/* All of these would cross a boundary of 64 KiB */
	CHECK(map(dev, buf + 0x800, 65536, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(map(dev, buf, 65537, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(map(dev, buf, 262145, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK_EQ(shim_work_queued(), 0);
	shim_run_work();
	CHECK_EQ(slots_total(), total);
}

TEST(growth_decrypts_once_a_pool)
{
	static phys_addr_t tlbs[4096];
	struct device *dev;
	phys_addr_t buf;
	unsigned int n;
	long pages;

	boot_encrypted("512,1");
	pages = shim_usage().decrypted_pages;
	dev = new_device(0, 0);
	buf = new_buffer(262144, 0);
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	/* While nothing is mapped, no pool is added, not even as a reserve */
	shim_run_work();
	n = map_until_full(dev, buf, 262144, tlbs, 4096);
	shim_faults[SHIM_FAULT_DECRYPT].calls = 0;
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(shim_faults[SHIM_FAULT_DECRYPT].calls, 1);
	CHECK(shim_usage().decrypted_pages > pages);
	tlbs[n] = map(dev, buf, 262144, DMA_TO_DEVICE);
	if (CHECK(tlbs[n] != MAP_FAILED_ADDR))
		CHECK(shim_page_decrypted(tlbs[n]));
}

/* The first growth allocates the index, which is never freed */
static void check_nothing_leaked(const struct shim_usage *before)
{
	long kept = shim_usage().kmallocs - before->kmallocs;

	CHECK_MSG(!kept || (IS_ENABLED(ENGINE_ours) && kept == 1),
		  "%ld allocations stay", kept);
}

/* @arg: not NULL if encryption also fails */
static void growth_decrypt_fails(const void *arg)
{
	bool lost = arg;
	static phys_addr_t tlbs[4096];
	struct shim_usage before;
	struct device *dev;
	phys_addr_t buf;
	long total;

	boot_encrypted("512,1");
	total = slots_total();
	dev = new_device(0, 0);
	buf = new_buffer(262144, 0);
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	map_until_full(dev, buf, 262144, tlbs, 4096);
	before = shim_usage();
	shim_fail(SHIM_FAULT_DECRYPT, 0, -1);
	if (lost)
		shim_fail(SHIM_FAULT_ENCRYPT, 0, -1);
	shim_run_work();
	CHECK_EQ(slots_total(), total);
	check_nothing_leaked(&before);
	if (lost)
		CHECK(shim_usage().pages > before.pages);
	else
		CHECK_EQ(shim_usage().pages, before.pages);
	CHECK(map_full(dev, buf, 262144, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
	      MAP_FAILED_ADDR);
}

TEST(failed_decrypt_while_growing)
{
	in_child(growth_decrypt_fails, NULL, "pages come back");
	in_child(growth_decrypt_fails, "lost", "pages are lost");
}

/* Nothing leaks if an allocation fails while a pool is added */
static void growth_allocation_fails(const void *arg)
{
	static phys_addr_t tlbs[4096];
	struct shim_usage before;
	struct device *dev;
	phys_addr_t buf;
	long total;

	boot("512,1");
	total = slots_total();
	dev = new_device(0, 0);
	buf = new_buffer(262144, 0);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	map_until_full(dev, buf, 262144, tlbs, 4096);
	shim_fail_none();
	before = shim_usage();
	shim_fail(SHIM_FAULT_KMALLOC, *(const long *)arg, 1);
	shim_run_work();
	/* Without debugfs, the test cannot see whether a pool was added */
	if (!IS_ENABLED(CONFIG_DEBUG_FS) || slots_total() != total)
		return;
	CHECK_EQ(shim_usage().pages, before.pages);
	check_nothing_leaked(&before);
}

TEST(growth_survives_any_failed_allocation)
{
	char name[40];
	long nth;

	for (nth = 0; nth < 12; nth++) {
		snprintf(name, sizeof(name), "allocation %ld", nth);
		in_child(growth_allocation_fails, &nth, name);
	}
}

/* A platform that asks for the base sets up bus windows for this pool only: add no other */
TEST(base_address_ends_growth)
{
	static phys_addr_t tlbs[4096];
	struct device *dev;
	phys_addr_t buf;

	boot("512,1");
	dev = new_device(0, 0);
	buf = new_buffer(262144, 0);
	CHECK(default_swiotlb_limit() >=
	      min_t(u64, ARCH_LOW_ADDRESS_LIMIT, virt_to_phys(high_memory - 1)));
	default_swiotlb_base();
	CHECK_EQ(default_swiotlb_limit(), default_swiotlb_base() + SZ_1M - 1);
	CHECK_EQ(map_until_full(dev, buf, 262144, tlbs, 4096), 4);
	shim_run_work();
	CHECK(map_full(dev, buf, 262144, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
	      MAP_FAILED_ADDR);
}

static int no_remap(void *tlb, unsigned long nslabs)
{
	return 0;
}

TEST(remapped_pool_does_not_grow)
{
	static phys_addr_t tlbs[4096];
	struct device *dev;
	phys_addr_t buf;

	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init_remap(true, 0, no_remap);
	swiotlb_update_mem_attributes();
	dev = new_device(0, 0);
	buf = new_buffer(262144, 0);
	CHECK_EQ(map_until_full(dev, buf, 262144, tlbs, 4096), 4);
	CHECK_EQ(shim_run_work(), 0);
}

#ifdef SWIOTLB_FIXED
/* A platform whose devices can use only one pool, and that sets its size */
static void fixed_pool(const void *arg)
{
	static phys_addr_t tlbs[4096];
	int (*remap)(void *, unsigned long) = arg;
	struct device *dev;

	shim_init();
	shim_boot_param("swiotlb", "dynamic");
	swiotlb_adjust_size(SZ_16M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_1M);
	swiotlb_init_remap(true, remap ? 0 : SWIOTLB_FIXED, remap);
	swiotlb_update_mem_attributes();
	CHECK_EQ(default_swiotlb_limit() + 1, default_swiotlb_base() + SZ_16M);
	CHECK(shim_log_has("\"dynamic\" is ignored"));
	dev = new_device(0, 0);
	CHECK_EQ(map_until_full(dev, new_buffer(262144, 0), 262144, tlbs, 4096), 64);
	CHECK_EQ(shim_run_work(), 0);
}

TEST(fixed_pool_has_the_size_that_the_platform_needs)
{
	in_child(fixed_pool, NULL, "flag");
	in_child(fixed_pool, no_remap, "remap");
}

TEST(fixed_pool_does_not_grow)
{
	static phys_addr_t tlbs[4096];

	shim_init();
	shim_boot_param("swiotlb", "512,1,dynamic");
	swiotlb_init(true, SWIOTLB_FIXED);
	CHECK_EQ(map_until_full(new_device(0, 0), new_buffer(262144, 0), 262144, tlbs,
				4096), 4);
	CHECK_EQ(shim_run_work(), 0);
	CHECK(!shim_log_has("is ignored"));
}
#endif

/* An early map has requested a pool: this work must not run after swiotlb_exit() */
TEST_BASE_FAILS(exit_cancels_growth, "it leaves the work queued")
{
	phys_addr_t tlbs[16], orig;
	struct device *dev;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	CHECK_EQ(map_until_full(dev, orig, SZ_64K, tlbs, 15), 15);
	shim_advance(HZ);
	tlbs[15] = map(dev, orig, SZ_64K, DMA_TO_DEVICE);
	unmap_all(dev, SZ_64K, tlbs, 16);
	CHECK(shim_work_queued());
	swiotlb_exit();
	CHECK_EQ(shim_work_queued(), 0);
	shim_run_work();
	CHECK(!is_swiotlb_allocated());
}

/* Pools are added below the address limit of the boot pool, even if memory above is free */
TEST(growth_respects_the_address_limit)
{
	struct device *dev;
	phys_addr_t buf;
	unsigned int i;

	boot("512,1");
	dev = new_device(0, 0);
	buf = new_buffer(262144, 0);
	for (i = 0; i < 64; i++) {
		CHECK(map(dev, buf, 262144, DMA_TO_DEVICE) <= ARCH_LOW_ADDRESS_LIMIT);
		shim_run_work();
		shim_advance(1);
	}
}
#endif
