// SPDX-License-Identifier: GPL-2.0-only
/* Pools above what some devices reach, and limits of growth. */
#include <stdio.h>
#include "harness.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/* The boot pool lies above 4 GiB: a pool below comes, and is used from then on */
TEST(device_gets_a_pool_that_it_reaches)
{
	struct device *dev;
	unsigned int i;
	phys_addr_t tlb;

	boot_high("4096,2");
	dev = device_below(DMA_BIT_MASK(32));
	CHECK(default_swiotlb_limit() > DMA_BIT_MASK(32));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK(map_page(dev) == MAP_FAILED_ADDR);
	shim_fail_none();
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	for (i = 0; i < 100; i++) {
		tlb = map_page(dev);
		CHECK(tlb != MAP_FAILED_ADDR && tlb < DMA_BIT_MASK(32));
		unmap(dev, tlb, 4096, DMA_FROM_DEVICE);
		shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(slots_event("transient"), 0);
	check_used(0);
}

/* What a magazine has for one device may be of no use to another one */
TEST(magazine_keeps_what_a_device_cannot_reach)
{
	struct device *wide, *narrow;
	phys_addr_t high, low;
	unsigned int i, above = 0;

	boot_high("4096,1");
	wide = device_below(~0ULL);
	narrow = device_below(DMA_BIT_MASK(32));
	map_page(narrow);
	shim_run_work();
	for (i = 0; i < 50; i++) {
		high = map_page(wide);
		low = map_page(narrow);
		above += high > DMA_BIT_MASK(32);
		CHECK(low < DMA_BIT_MASK(32));
		unmap(narrow, low, 4096, DMA_FROM_DEVICE);
		unmap(wide, high, 4096, DMA_FROM_DEVICE);
		/* The other one's is on top now */
		low = map_page(narrow);
		CHECK(low < DMA_BIT_MASK(32));
		unmap(narrow, low, 4096, DMA_FROM_DEVICE);
	}
	CHECK(above > 0);
}

/* A bus limit counts like a mask */
TEST(bus_limit_counts)
{
	struct device *dev;
	phys_addr_t tlb;

	boot_high("4096,2");
	dev = device_below(~0ULL);
	dev->bus_dma_limit = DMA_BIT_MASK(31);
	map_page(dev);
	shim_run_work();
	tlb = map_page(dev);
	CHECK(tlb + 4095 <= DMA_BIT_MASK(31));
	CHECK_EQ(slots_event("grown"), 1);
}

/* Fill with 64 KiB, and let the worker run after each: how many? */
static unsigned int fill(struct device *dev, unsigned int most)
{
	phys_addr_t orig = new_buffer(65536, 0);
	unsigned int n;

	shim_fail(SHIM_FAULT_PAGES, 0, -1);	/* no transient pools */
	for (n = 0; n < most; n++) {
		if (map_full(dev, orig, 65536, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
		    MAP_FAILED_ADDR)
			break;
		shim_faults[SHIM_FAULT_PAGES].times = 0;
		shim_run_work();
		shim_advance(1);
		shim_faults[SHIM_FAULT_PAGES].times = -1;
	}
	shim_fail_none();
	return n;
}

TEST(growth_ends_at_max)
{
	struct device *dev;

	boot("dynamic,max=24M");
	dev = new_device(0, 0);
	CHECK_EQ(slots_total(), 512);
	CHECK_EQ(fill(dev, 4000), 24 * 16);
	CHECK_EQ(slots_total(), 24 * 512);
	CHECK(slots_event("at_limit") > 0);
	CHECK_EQ(shim_log_count("max="), 1);
	CHECK_EQ(slots_event("grow_failed"), 0);
}

/* Without it, a quarter of memory */
TEST(growth_ends_at_a_quarter_of_memory)
{
	shim_totalram = PHYS_PFN(SZ_64M);
	boot("dynamic");
	CHECK_EQ(fill(new_device(0, 0), 4000), 256);
	CHECK_EQ(slots_total(), 16 * 512);
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
	CHECK(slots_total() >= 32768);
}

TEST(max_must_be_a_size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_max); i++)
		in_child(check_bad_max, &bad_max[i], bad_max[i]);
}

/* A GiB in few pieces, each on a multiple of 2 MiB */
TEST(pools_are_few_and_aligned)
{
	const char *line;
	unsigned long long start;
	unsigned int id, kib;

	shim_totalram = PHYS_PFN(8ULL << 30);
	boot("dynamic");
	fill(new_device(0, 0), 16000);
	CHECK(slots_total() >= 1000 * 512);
	CHECK(slots_event("grown") <= 9);
	line = strchr(shim_debugfs_read("swiotlb", "pools"), '\n') + 1;
	for (line = strchr(line, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
		if (!CHECK(sscanf(line, "%u %llx %u", &id, &start, &kib) == 3))
			break;
		CHECK_EQ(start & (SZ_2M - 1), 0);
		CHECK_EQ(start & ((u64)kib * 1024 - 1), 0);
	}
}

/* A burst of 16 MiB into 1 MiB: the first pool is large enough for the next burst */
TEST(growth_follows_a_burst)
{
	static phys_addr_t tlbs[256];
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	boot("dynamic");
	dev = new_device(0, 0);
	orig = new_buffer(65536, 0);
	for (i = 0; i < 256; i++) {
		tlbs[i] = map(dev, orig, 65536, DMA_FROM_DEVICE);
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
	}
	CHECK(slots_transient() >= 15 * 512);
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	CHECK(slots_total() >= 16 * 512);
	for (i = 0; i < 256; i++)
		unmap(dev, tlbs[i], 65536, DMA_FROM_DEVICE);
	shim_run_work();
	CHECK_EQ(slots_transient(), 0);
	for (i = 0; i < 256; i++)
		map(dev, orig, 65536, DMA_FROM_DEVICE);
	CHECK_EQ(slots_transient(), 0);
}

/* Memory in small pieces only: smaller pools, as many as it takes */
TEST(grows_in_smaller_pieces)
{
	boot("dynamic");
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK(fill(new_device(0, 0), 400) >= 400);
	CHECK(slots_total() >= 400 * 32);
}
#endif
