// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocator that a device uses, depending on its reach, the allocator that grows for
 * it, and the limit that both share.
 */
#include <linux/dma-direct.h>
#include <stdio.h>
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#define MIB_SLOTS 512
#define MIB_PIECES 16
#define LOW_END ((u64)ARCH_LOW_ADDRESS_LIMIT + 1)

static bool is_low(phys_addr_t tlb)
{
	return tlb < LOW_END;
}

/* Number of pools that begin below @end, including the boot pool */
static unsigned int pools_below(u64 end)
{
	const char *line = shim_debugfs_read(stats_dir, "pools");
	unsigned long long start;
	unsigned int n = 0;

	for (; (line = strchr(line, '\n')); line++)
		if (sscanf(line, " %*u %llx", &start) == 1)
			n += start < end;
	return n;
}

static unsigned int low_pools(void)
{
	return pools_below(LOW_END);
}

static unsigned int high_pools(void)
{
	return pools_below(~0ULL) - low_pools();
}

static bool reaches(struct device *device, phys_addr_t tlb)
{
	return dma_capable(device, phys_to_dma_unencrypted(device, tlb), BLOCK, true, 0);
}

/* ---- LOW and ANY */

/* The boot pool is used first, then pools above it: low memory is left to others */
TEST(device_that_reaches_all_makes_pools_above_grow)
{
	unsigned int i;

	needs_pools_above();
	boot("512,1");
	start_with(device_below(~0ULL));
	map_slowly(0, 400);
	CHECK(is_low(tlbs[0]));
	CHECK_EQ(low_pools(), 1);
	CHECK(high_pools() >= 3);
	/* From piece 20 on, pools above exist */
	for (i = 20; i < 400; i++)
		CHECK(!is_low(tlbs[i]));
	CHECK_EQ(slots_event("transient"), 0);
	unmap_pieces(0, 400);
	ticks(60);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	CHECK_EQ(slots_total(), MIB_SLOTS);
}

/* The boot pool in low memory is used before pools are added above */
TEST(room_below_counts_for_a_device_that_reaches_all)
{
	needs_pools_above();
	boot("4096,1");
	start_with(device_below(~0ULL));
	map_slowly(0, 4 * MIB_PIECES);
	CHECK_EQ(slots_event("grown"), 0);
	map_slowly(4 * MIB_PIECES, 4 * MIB_PIECES + 1);
	CHECK_EQ(high_pools(), 1);
}

TEST(device_of_32_bits_makes_low_pools_grow)
{
	unsigned int i;

	boot("512,1");
	start_with(device_below(DMA_BIT_MASK(32)));
	map_slowly(0, 400);
	CHECK_EQ(high_pools(), 0);
	CHECK(low_pools() >= 4);
	for (i = 0; i < 400; i++)
		CHECK(is_low(tlbs[i]));
	CHECK_EQ(slots_event("transient"), 0);
}

/* Free slots above 4 GiB do not help a 32-bit device */
TEST(each_device_has_room_where_it_reaches)
{
	struct device *wide, *narrow;
	unsigned int i, n = 20 * MIB_PIECES;

	needs_pools_above();
	boot("512,1");
	wide = device_below(~0ULL);
	narrow = device_below(DMA_BIT_MASK(32));
	start_with(wide);
	map_slowly(0, n);
	CHECK_EQ(low_pools(), 1);
	dev = narrow;
	map_slowly(n, n + 3 * MIB_PIECES);
	CHECK(low_pools() > 1);
	for (i = n; i < n + 3 * MIB_PIECES; i++)
		CHECK(is_low(tlbs[i]));
	CHECK_EQ(slots_event("transient"), 0);
	check_used((n + 3 * MIB_PIECES) * 32L);
	dev = wide;
	unmap_pieces(0, n);
	ticks(60);
	/* Low pools are kept while at least half of their slots are in use */
	CHECK_EQ(high_pools(), 0);
	CHECK(low_pools() > 1);
	unmap_pieces(n, n + 3 * MIB_PIECES);
	ticks(60);
	CHECK_EQ(slots_total(), MIB_SLOTS);
	check_used(0);
}

static unsigned int map_all(unsigned int from)
{
	unsigned int n = from;

	while (map_from_pools(dev, n))
		n++;
	return n;
}

/* If the pools above 4 GiB are full and none can be added, low pools are used */
TEST(device_that_reaches_all_falls_back_to_low_pools)
{
	unsigned int i, n, low = 0;

	needs_pools_above();
	boot("4096,1");
	start_with(device_below(~0ULL));
	map_slowly(0, 5 * MIB_PIECES);
	CHECK_EQ(high_pools(), 1);
	n = map_all(5 * MIB_PIECES);
	CHECK_EQ(n * 32L, slots_total());
	for (i = 0; i < n; i++)
		low += is_low(tlbs[i]);
	CHECK_EQ(low, 8 * MIB_PIECES);
	unmap_pieces(0, n);
	check_used(0);
}

TEST(device_that_reaches_all_leaves_kept_low_buffers_to_others)
{
	struct device *narrow;
	phys_addr_t low;

	needs_pools_above();
	boot("4096,1");
	start_with(device_below(~0ULL));
	narrow = device_below(DMA_BIT_MASK(32));
	map_slowly(0, 5 * MIB_PIECES);
	CHECK_EQ(high_pools(), 1);
	low = map_block(narrow);
	CHECK(is_low(low));
	unmap(narrow, low, BLOCK, DMA_FROM_DEVICE);
	CHECK(!is_low(map_block(dev)));
	CHECK_EQ(map_block(narrow), low);
}

/* The message of a failed map counts only the slots of pools in reach */
static void check_total(struct device *device, long nslots)
{
	char total[40];

	shim_log_clear();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK(map(device, orig, PIECE, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	shim_fail_none();
	snprintf(total, sizeof(total), "total %ld (slots)", nslots);
	CHECK_MSG(shim_log_has(total), "the log has no \"%s\"", total);
	CHECK(!shim_log_has("fragmented"));
}

TEST(shortage_is_of_pools_in_reach)
{
	needs_pools_above();
	boot("512,1");
	start_with(device_below(~0ULL));
	map_slowly(0, 3 * MIB_PIECES);
	CHECK(high_pools() > 0);
	map_all(3 * MIB_PIECES);
	check_total(dev, slots_total());
	check_total(device_below(DMA_BIT_MASK(32)), MIB_SLOTS);
}

/* Each map checks the mask, which may change between a map and its unmap, and between maps */
TEST(reach_is_looked_at_for_each_map)
{
	needs_pools_above();
	boot("512,1");
	start_with(device_below(~0ULL));
	map_slowly(0, 2 * MIB_PIECES);
	CHECK(!is_low(tlbs[2 * MIB_PIECES - 1]));
	*dev->dma_mask = DMA_BIT_MASK(32);
	map_slowly(2 * MIB_PIECES, 3 * MIB_PIECES);
	CHECK(is_low(tlbs[3 * MIB_PIECES - 1]));
	*dev->dma_mask = ~0ULL;
	dev->bus_dma_limit = DMA_BIT_MASK(32);
	map_slowly(3 * MIB_PIECES, 4 * MIB_PIECES);
	CHECK(is_low(tlbs[4 * MIB_PIECES - 1]));
	unmap_pieces(0, 4 * MIB_PIECES);
	check_used(0);
	ticks(60);
	CHECK_EQ(slots_total(), MIB_SLOTS);
}

/* All memory is low: one allocator is enough, and one set of magazines */
TEST(machine_without_memory_above_has_one_allocator)
{
	struct shim_usage before;

	shim_highmem_start = SHIM_LOW_END;
	boot("512,1");
	before = shim_usage();
	start_with(device_below(~0ULL));
	map_slowly(0, 2 * MIB_PIECES);
	CHECK(slots_event("grown") > 0);
	CHECK_EQ(high_pools(), 0);
	CHECK_EQ(shim_usage().pcpu_allocs, before.pcpu_allocs);
}

/* A device below the boot pool uses transient pools: no allocator is narrower than the first */
TEST(device_below_the_boot_pool_has_pools_of_its_own)
{
	unsigned int i;
	phys_addr_t tlb;

	needs_pools_above();
	boot_high("4096,2");
	dev = device_below(DMA_BIT_MASK(32));
	CHECK(default_swiotlb_limit() > DMA_BIT_MASK(32));
	for (i = 0; i < 100; i++) {
		shim_advance(1);
		tlb = map_block(dev);
		CHECK(tlb != MAP_FAILED_ADDR && reaches(dev, tlb));
		unmap(dev, tlb, BLOCK, DMA_FROM_DEVICE);
		shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_event("transient"), 100);
	check_used(0);
}

/* Memory ends at 2 GiB, so a device with a mask of 31 bits reaches all of it */
TEST(device_that_reaches_all_memory_that_there_is_makes_pools_grow)
{
	shim_highmem_start = SZ_2G;
	boot("512,1");
	start_with(device_below(DMA_BIT_MASK(31)));
	map_slowly(0, 2 * MIB_PIECES);
	CHECK(slots_event("grown") > 0);
	CHECK_EQ(slots_event("transient"), 0);
}

/* ---- a part of LOW */

/* Map more than the boot pool holds; counts the mappings from the boot pool */
static void load_beyond_the_boot_pool(unsigned int *from_boot)
{
	unsigned int i;
	phys_addr_t tlb;

	*from_boot = 0;
	for (i = 0; i < 3 * MIB_SLOTS / 2; i++) {
		shim_advance(HZ / 16);
		tlb = map_block(dev);
		if (tlb == MAP_FAILED_ADDR)
			continue;
		CHECK(reaches(dev, tlb));
		*from_boot += !slots_transient();
		shim_run_work();
	}
}

/* A device that reaches only a part of LOW adds no pool: the pool could be out of its reach */
TEST(device_that_reaches_the_boot_pool_makes_nothing_grow)
{
	unsigned int from_boot;

	boot("512,1");
	start_with(device_below(DMA_BIT_MASK(30)));
	load_beyond_the_boot_pool(&from_boot);
	CHECK_EQ(from_boot, MIB_SLOTS / 2);
	CHECK_EQ(slots_event("transient"), MIB_SLOTS);
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_event("full"), 0);
}

TEST(device_of_24_bits_makes_nothing_grow)
{
	unsigned int from_boot;

	boot("512,1");
	start_with(device_below(DMA_BIT_MASK(24)));
	load_beyond_the_boot_pool(&from_boot);
	CHECK_EQ(from_boot, 0);
	CHECK(slots_event("transient") > 0);
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(shim_work_queued(), 0);
}

/* The bus window covers the boot pool and some memory after it: added pools could lie outside */
TEST(device_with_a_window_makes_nothing_grow)
{
	static struct bus_dma_region window[2];
	unsigned int from_boot;

	boot("512,1");
	start_with(device_below(DMA_BIT_MASK(32)));
	window[0].cpu_start = map_block(dev);
	window[0].size = SZ_64M;
	dev->dma_range_map = window;
	load_beyond_the_boot_pool(&from_boot);
	CHECK_EQ(from_boot, MIB_SLOTS / 2 - 1);
	CHECK_EQ(slots_event("grown"), 0);
}

TEST(device_with_a_window_gets_nothing_of_other_pools)
{
	static struct bus_dma_region window[2] = { { .size = SZ_1M } };
	struct device *wide, *narrow;
	unsigned int i;
	phys_addr_t tlb;

	boot("512,1");
	wide = device_below(DMA_BIT_MASK(32));
	narrow = device_below(DMA_BIT_MASK(32));
	start_with(wide);
	map_slowly(0, 3 * MIB_PIECES);
	CHECK(slots_event("grown") > 0);
	window[0].cpu_start = default_swiotlb_base();
	narrow->dma_range_map = window;
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	for (i = 0; i < 8; i++) {
		tlb = map_full(narrow, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		CHECK(tlb == MAP_FAILED_ADDR || reaches(narrow, tlb));
	}
	CHECK(slots_event("full") > 0);
	check_total(narrow, MIB_SLOTS);
}

/*
 * The end of LOW is in the window, the boot pool is not. The buffer in the magazine has one
 * slot, which suits any alignment, so only the window excludes it:
 *
 *	RAM		----[ boot pool ]------------------------| 4 GiB
 *	window				     [-------------------|
 */
TEST(device_with_a_window_gets_no_kept_buffer_outside)
{
	static struct bus_dma_region window[2];
	struct device *plain, *narrow;
	phys_addr_t tlb;

	boot("4096,1");
	plain = device_below(DMA_BIT_MASK(32));
	narrow = device_below(DMA_BIT_MASK(32));
	orig = new_buffer(IO_TLB_SIZE, 0);
	tlb = map(plain, orig, IO_TLB_SIZE, DMA_TO_DEVICE);
	window[0].cpu_start = window[0].dma_start = tlb + SZ_64M;
	window[0].size = LOW_END - window[0].cpu_start;
	narrow->dma_range_map = window;
	unmap(plain, tlb, IO_TLB_SIZE, DMA_TO_DEVICE);
	tlb = map_full(narrow, orig, IO_TLB_SIZE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	CHECK(tlb == MAP_FAILED_ADDR || reaches(narrow, tlb));
}

/*
 * Both ends of LOW are in windows, the boot pool is in none, and must not be used. On the bus,
 * the two windows are adjacent:
 *
 *	RAM	| 16 MiB |----[ boot pool ]----| 2 GiB    | 4 GiB
 *	bus	[        ][          ]
 */
TEST(device_with_two_windows_gets_nothing_between_them)
{
	static const struct bus_dma_region windows[] = {
		{ .size = SZ_16M },
		{ .cpu_start = SZ_2G, .dma_start = SZ_16M, .size = SZ_2G },
		{ }
	};
	unsigned int i;
	phys_addr_t tlb;

	boot("4096,1");
	dev = device_below(DMA_BIT_MASK(32));
	dev->dma_range_map = windows;
	for (i = 0; i < 8; i++) {
		tlb = map_block(dev);
		CHECK(tlb == MAP_FAILED_ADDR || reaches(dev, tlb));
		shim_run_work();
	}
}

/*
 * A window that ends within the boot pool, after its first MiB. For an address outside of the
 * window the translation returns all ones, which a mask of 64 bits allows.
 */
static void check_part_of_pool(const void *mask)
{
	static struct bus_dma_region window[2] = { { .size = SZ_1M } };
	struct device *wide, *narrow;
	unsigned int i;
	phys_addr_t tlb;

	boot("4096,1");
	wide = device_below(~0ULL);
	narrow = device_below(*(const u64 *)mask);
	window[0].cpu_start = map_block(wide);
	narrow->dma_range_map = window;
	for (i = 0; i < 512; i++)
		map_block(wide);
	for (i = 0; i < 8; i++) {
		tlb = map_block(narrow);
		CHECK(tlb == MAP_FAILED_ADDR || reaches(narrow, tlb));
		shim_run_work();
	}
}

TEST(pool_must_be_in_the_window_as_a_whole)
{
	static const u64 masks[] = { DMA_BIT_MASK(32), DMA_BIT_MASK(64) };

	in_child(check_part_of_pool, &masks[0], "32 bits");
	in_child(check_part_of_pool, &masks[1], "64 bits");
}

/*
 * The lowest 15 MiB have DMA addresses from 3 GiB on, so the mask is no physical limit.
 * Memory with DMA addresses above the mask cannot be used.
 */
static const struct bus_dma_region shifted[] = {
	{ .cpu_start = SZ_1M, .dma_start = 0xc0000000, .size = 15 * SZ_1M },
	{ .cpu_start = SZ_16M, .dma_start = 0x100000000ULL, .size = SZ_1G },
	{ }
};

TEST(pool_is_where_a_bus_sees_it)
{
	unsigned int i;
	phys_addr_t tlb;

	boot("512,1");
	dev = device_below(DMA_BIT_MASK(32));
	dev->dma_range_map = shifted;
	for (i = 0; i < 10; i++) {
		shim_advance(1);
		tlb = map_block(dev);
		CHECK(tlb != MAP_FAILED_ADDR && reaches(dev, tlb));
		shim_run_work();
	}
	CHECK_EQ(slots_event("transient"), 10);
	CHECK_EQ(slots_event("grown"), 0);
}

/*
 * DMA addresses have an offset that is smaller than the alignment of the device. So the first
 * slot of a pool for one mapping is not aligned for the device:
 *
 *	RAM	| 64 KiB        | 64 KiB        |
 *	bus	    | 64 KiB        | 64 KiB        |
 */
TEST(transient_pool_is_aligned_as_a_bus_sees_it)
{
	static const struct bus_dma_region moved[] = {
		{ .dma_start = SZ_4K, .size = LOW_END - SZ_4K },
		{ }
	};
	unsigned int n;
	phys_addr_t tlb;

	boot("512,1");
	start_with(new_device(0, 0));
	for (n = 0; map_from_pools(dev, n); n++)
		;
	dev = new_device(SZ_64K - 1, 0);
	dev->dma_range_map = moved;
	shim_fail_none();
	tlb = map(dev, orig, PIECE, DMA_TO_DEVICE);
	CHECK(tlb != MAP_FAILED_ADDR && reaches(dev, tlb));
	CHECK_EQ((phys_to_dma_unencrypted(dev, tlb) - orig) & (SZ_64K - 1), 0);
	CHECK_EQ(slots_event("transient"), 1);
}

/* The highest address that a device can use may lie in any window, not only in the last one */
TEST(transient_pool_may_lie_in_any_window)
{
	static const struct bus_dma_region windows[] = {
		{ .cpu_start = SZ_16M, .dma_start = SZ_16M, .size = SZ_1G },
		{ .size = SZ_1M },
		{ }
	};
	unsigned int n;
	phys_addr_t tlb;

	boot("512,1");
	start_with(device_below(DMA_BIT_MASK(32)));
	dev->dma_range_map = windows;
	for (n = 0; map_from_pools(dev, n); n++)
		;
	CHECK_EQ(n, MIB_PIECES);
	shim_fail_none();
	tlb = map(dev, orig, PIECE, DMA_TO_DEVICE);
	CHECK(tlb != MAP_FAILED_ADDR && reaches(dev, tlb));
	CHECK_EQ(slots_event("transient"), 1);
}

TEST(device_that_sees_nothing_is_told_so)
{
	unsigned int i;

	boot("512,1");
	dev = device_that_sees_nothing();
	for (i = 0; i < 50; i++) {
		shim_advance(1);
		CHECK(map_block(dev) == MAP_FAILED_ADDR);
		shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_event("full") + slots_event("out_of_reach"), 50);
	CHECK_EQ(slots_transient(), 0);
	check_used(0);
}

/* A device that reaches only the first MiB, where no memory is, must not delay growth for others */
TEST(device_that_reaches_no_memory_does_not_hold_up_others)
{
	struct device *wide, *never;
	unsigned int i;

	boot("512,1");
	wide = device_below(~0ULL);
	never = device_below(SZ_1M - 1);
	start_with(wide);
	for (i = 0; i < 512; i++) {
		CHECK(map_block(never) == MAP_FAILED_ADDR);
		map_slowly(i, i + 1);
	}
	CHECK_EQ(slots_event("transient"), 0);
	CHECK_EQ(slots_event("grow_failed"), 0);
	CHECK_EQ(slots_event("out_of_reach"), 512);
}

/* ---- boot pools of two allocators */

#ifdef CONFIG_DMA_RESTRICTED_POOL
TEST(boot_pools_of_two_allocators_are_told_apart)
{
	struct device *restricted, *plain;
	phys_addr_t base, a, b;

	boot("512,1");
	base = shim_take_ram(SZ_1M);
	restricted = restricted_device(base, SZ_1M, "restricted");
	plain = new_device(0, 0);
	a = map_block(restricted);
	b = map_block(plain);
	CHECK(a >= base && a < base + SZ_1M);
	CHECK(b < base || b >= base + SZ_1M);
	CHECK(swiotlb_find_pool(restricted, a) != swiotlb_find_pool(plain, b));
	CHECK(!swiotlb_find_pool(plain, a));
	CHECK(!swiotlb_find_pool(restricted, b));
	CHECK_EQ(slots_used(), 2);
	unmap(plain, b, BLOCK, DMA_FROM_DEVICE);
	CHECK_EQ(slots_used(), 0);
	stats_dir = "restricted";
	CHECK_EQ(slots_used(), 2);
	unmap(restricted, a, BLOCK, DMA_FROM_DEVICE);
	CHECK_EQ(slots_used(), 0);
}
#endif

/* ---- limits */

TEST(growth_ends_at_max)
{
	boot("dynamic,max=24M");
	start_with(new_device(0, 0));
	CHECK_EQ(slots_total(), MIB_SLOTS);
	CHECK_EQ(fill_pools() * 32L, slots_total());
	/* Sizes of added pools are powers of two, at least 2 MiB: 1 MiB of the limit is left */
	CHECK_EQ(slots_total(), 23 * MIB_SLOTS);
	CHECK(slots_event("at_limit") > 0);
	CHECK_EQ(shim_log_count("max="), 0);
	map_until_full(dev, orig, PIECE, tlbs, MAX_PIECES);
	CHECK_EQ(shim_log_count("max="), 0);
	CHECK_EQ(map(dev, orig, PIECE, DMA_TO_DEVICE), MAP_FAILED_ADDR);
	CHECK_EQ(shim_log_count("max="), 1);
	CHECK_EQ(slots_event("grow_failed"), 0);
}

/* Without "max=", the limit is the boot pool and a quarter of other memory */
TEST(growth_ends_at_a_quarter_of_memory)
{
	shim_totalram = PHYS_PFN(SZ_64M);
	boot("dynamic");
	start_with(new_device(0, 0));
	CHECK_EQ(fill_pools() * 32L, slots_total());
	CHECK(slots_total() <= 17 * MIB_SLOTS);
	CHECK(slots_total() >= 15 * MIB_SLOTS);
}

static const char *const bad_max[] = {
	"max=", "max=x", "max=512K", "max=-1", "max=1MB", "max=99999999G",
};

static void check_bad_max(const void *arg)
{
	const char *const *s = arg;

	shim_totalram = PHYS_PFN(SZ_64M);
	boot(*s);
	CHECK_MSG(shim_log_has(*s), "the log does not have %s", *s);
	CHECK(shim_log_has("using a quarter of memory"));
	CHECK_EQ(slots_total(), 4 * 512);
}

TEST(max_must_be_a_size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_max); i++)
		in_child(check_bad_max, &bad_max[i], bad_max[i]);
}

static long held(void)
{
	return slots_total() + slots_transient();
}

TEST(limit_is_for_both_allocators_together)
{
	unsigned int i, n = 0;

	needs_pools_above();
	boot("512,1,max=16M");
	start_with(device_below(~0ULL));
	for (i = 0; i < 2000; i++) {
		dev = i % 2 ? device_below(DMA_BIT_MASK(32)) : device_below(~0ULL);
		shim_advance(1);
		if (map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) !=
		    MAP_FAILED_ADDR)
			n++;
		shim_run_work();
		if (!CHECK(held() <= 16 * MIB_SLOTS))
			return;
	}
	CHECK(n <= 16 * MIB_PIECES);
	CHECK(high_pools() && low_pools() > 1);
	CHECK(slots_event("at_limit") > 0);
}

static struct device *wide;

/* Acts as another CPU that runs the work of the other allocator */
static void the_other_grows(void)
{
	shim_run_work();
}

/* Each worker counts the pool that the other worker is about to add */
TEST(limit_is_kept_while_both_grow_at_once)
{
	unsigned int i;

	needs_pools_above();
	boot("512,1,max=5M");
	wide = device_below(~0ULL);
	start_with(device_below(DMA_BIT_MASK(32)));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	for (i = 0; i < 2 * MIB_PIECES; i++) {
		map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		map_full(wide, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	}
	shim_fail_none();
	CHECK_EQ(shim_work_queued(), 2);
	/* Called when memory for a pool is allocated */
	shim_before_pages = the_other_grows;
	shim_run_work();
	CHECK(!shim_before_pages);
	CHECK(slots_event("grown") > 0);
	CHECK(slots_total() <= 5 * MIB_SLOTS);
	/* The whole limit can still be used */
	fill_pools();
	CHECK_EQ(slots_total(), 5 * MIB_SLOTS);
}

#endif
