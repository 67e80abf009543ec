// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of a map that fails, and of all maps until the pool is full. Map, unmap and
 * sync access only the data of their own CPU. They never iterate over CPUs, with or
 * without a message, for any number of pools and any reach of the device.
 */
#include <stdio.h>
#include <time.h>
#include "harness.h"

#define MOST 131072

/* The smallest pool that is added */
#ifdef ENGINE_ours
#define SMALL ((long)SZ_2M)
#else
#define SMALL ((long)SZ_1M)
#endif

static phys_addr_t tlbs[MOST];
static unsigned int ntlbs;

/* Number of accesses of this thread to per-CPU data by CPU number */
static u64 visits(void)
{
	return shim_current()->visits;
}

static phys_addr_t map_with(struct device *dev, phys_addr_t orig, unsigned long attrs)
{
	return map_full(dev, orig, SZ_4K, 0, DMA_FROM_DEVICE, attrs);
}

/* Failing maps, some in the same jiffy and some later, most of them quiet */
static void fail_maps(struct device *dev, phys_addr_t orig)
{
	unsigned int i;

	for (i = 0; i < 32; i++) {
		CHECK(map_with(dev, orig, i % 4 ? DMA_ATTR_NO_WARN : 0) ==
		      MAP_FAILED_ADDR);
		if (i % 8 > 4)
			shim_advance(i % 8);
	}
}

static void check_failing(struct device *dev, phys_addr_t orig, const char *what)
{
	u64 before;

	/* In a storm of failures, only the first map may search all CPUs */
	map_with(dev, orig, DMA_ATTR_NO_WARN);
	before = visits();
	fail_maps(dev, orig);
	CHECK_MSG(visits() == before, "%s: %llu CPUs looked at in a map", what,
		  (visits() - before) / 32);
}

/* Map and unmap on each CPU, so that the per-CPU data of each is in use */
static void use_all_cpus(struct device *dev, phys_addr_t orig)
{
	phys_addr_t mine[40];
	unsigned int cpu, i, n;

	for (cpu = 0; cpu < shim_nr_cpus; cpu++) {
		shim_set_cpu(cpu);
		for (n = 0; n < ARRAY_SIZE(mine); n++) {
			mine[n] = map_with(dev, orig, DMA_ATTR_NO_WARN);
			if (mine[n] == MAP_FAILED_ADDR)
				break;
		}
		for (i = 0; i < n; i++)
			unmap(dev, mine[i], SZ_4K, DMA_FROM_DEVICE);
	}
	shim_set_cpu(0);
}

static void fail_with_cpus(const void *arg)
{
	struct device *dev;
	phys_addr_t orig;

	shim_init();
	shim_nr_cpus = *(const unsigned int *)arg;
	boot_fixed("16384", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	use_all_cpus(dev, orig);
	ntlbs = map_until_full(dev, orig, SZ_4K, tlbs, MOST);
	check_failing(dev, orig, "full pool");
}

TEST(failing_map_looks_at_no_other_cpu)
{
	static const unsigned int ncpus[] = { 2, 8, 64 };
	unsigned int i;
	char what[32];

	for (i = 0; i < ARRAY_SIZE(ncpus); i++) {
		snprintf(what, sizeof(what), "%u CPUs", ncpus[i]);
		in_child(fail_with_cpus, &ncpus[i], what);
	}
}

/* Fill @arg pools, and leave no memory for another one */
static void fail_with_pools(const void *arg)
{
	unsigned int want = *(const unsigned int *)arg;
	phys_addr_t orig, end = 0;
	struct device *dev, *low;

	shim_init();
	shim_nr_cpus = 64;
	boot("512,64,max=2G");
	/* Only small pools, and no transient ones */
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SMALL) + 1;
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	while (slots_total() < want * (SMALL >> IO_TLB_SHIFT)) {
		tlbs[ntlbs] = map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE,
				       DMA_ATTR_NO_WARN);
		if (tlbs[ntlbs] != MAP_FAILED_ADDR)
			end = max(end, tlbs[ntlbs++]);
		shim_advance(1);
		shim_run_work();
		if (!CHECK(ntlbs < MOST))
			return;
	}
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_full(dev, orig, SZ_4K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) !=
	       MAP_FAILED_ADDR)
		;
	check_failing(dev, orig, "a device that reaches all");
	low = new_device(0, 0);
	*low->dma_mask = want > 1 ? end - SMALL : SZ_1G - 1;
	check_failing(low, orig, "a device that reaches all but some");
}

TEST(failing_map_looks_at_no_other_cpu_for_any_pool)
{
	static const unsigned int npools[] = { 1, 8, 64 };
	unsigned int i;
	char what[32];

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) || !IS_ENABLED(CONFIG_DEBUG_FS))
		skip_test("built without SWIOTLB_DYNAMIC or DEBUG_FS");
	for (i = 0; i < ARRAY_SIZE(npools); i++) {
		snprintf(what, sizeof(what), "%u pools", npools[i]);
		in_child(fail_with_pools, &npools[i], what);
	}
}

/* Only the worker, not a map, sums up the slots in use to decide on growth */
TEST(map_and_unmap_look_at_no_other_cpu_at_any_level)
{
	struct device *dev;
	unsigned int level, i;
	phys_addr_t orig, tlb;
	u64 before;

	shim_init();
	shim_nr_cpus = 64;
	boot("16384");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	use_all_cpus(dev, orig);
	for (level = 0; level < 10; level++) {
		before = visits();
		for (i = 0; i < 100; i++) {
			shim_advance(i % 3);
			tlb = map_full(dev, orig, i % 2 ? SZ_4K : SZ_64K, 0,
				       DMA_FROM_DEVICE, DMA_ATTR_NO_WARN);
			if (!CHECK(tlb != MAP_FAILED_ADDR))
				return;
			swiotlb_sync_single_for_cpu(dev, tlb, 64, DMA_FROM_DEVICE);
			unmap(dev, tlb, i % 2 ? SZ_4K : SZ_64K, DMA_FROM_DEVICE);
		}
		CHECK_MSG(visits() == before, "%u %% in use: %llu CPUs looked at in 100 maps",
			  level * 10, visits() - before);
		/* Use another tenth of 32 MiB */
		for (i = 0; i < 819; i++)
			map_with(dev, orig, DMA_ATTR_NO_WARN);
		shim_run_work();
	}
}

TEST(quiet_failures_are_counted)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;
	long before;

	if (IS_ENABLED(ENGINE_base))
		skip_test("the base has no such count");
	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	map_until_full(dev, orig, SZ_4K, tlbs, MOST);
	before = slots_event("full");
	for (i = 0; i < 20; i++) {
		shim_cause = NULL;
		map_with(dev, orig, DMA_ATTR_NO_WARN);
		CHECK(shim_cause);
		shim_advance(i % 2);
	}
	if (IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK_EQ(slots_event("full") - before, 20);
	CHECK(!shim_log_has("full"));
}

/* ---- a small segment boundary */

static double ns_of(struct device *dev, phys_addr_t orig, size_t size, unsigned int n)
{
	struct timespec from, to;
	phys_addr_t tlb;
	unsigned int i;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (i = 0; i < n; i++) {
		tlb = map_full(dev, orig, size, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		CHECK(tlb != MAP_FAILED_ADDR);
		unmap(dev, tlb, size, DMA_TO_DEVICE);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((to.tv_sec - from.tv_sec) * 1e9 + to.tv_nsec - from.tv_nsec) / n;
}

static double best_ns(struct device *dev, phys_addr_t orig, size_t size)
{
	double best = 1e18;
	unsigned int i;

	for (i = 0; i < 5; i++)
		best = min(best, ns_of(dev, orig, size, 20));
	return best;
}

/* The factor is about 1 or in the thousands, so a rough measurement is enough */
#define BOUNDARY_COSTS 20

static void search_with_boundary(const void *arg)
{
	unsigned long boundary = *(const unsigned long *)arg;
	struct device *dev, *plain;
	double ns, plain_ns;
	unsigned int i, n;
	phys_addr_t orig;

	boot_fixed("32768,1", NULL);
	plain = new_device(0, 0);
	orig = new_buffer(SZ_8K, 0);
	/* Use every other slot of the first three quarters, as the rings of a network card do */
	for (n = 0; n < 24576; n++)
		tlbs[n] = map(plain, orig, IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < n; i++)
		if ((tlbs[i] >> IO_TLB_SHIFT) & 1)
			unmap(plain, tlbs[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	dev = new_device(0, boundary);
	plain_ns = best_ns(plain, orig, 2 * IO_TLB_SIZE);
	ns = best_ns(dev, orig, 2 * IO_TLB_SIZE);
	CHECK_MSG(ns < BOUNDARY_COSTS * plain_ns + 1000,
		  "boundary 0x%lx: %.0f ns, without %.0f", boundary, ns, plain_ns);
	if (boundary >= SZ_64K - 1) {
		plain_ns = best_ns(plain, orig, 3 * IO_TLB_SIZE);
		ns = best_ns(dev, orig, 3 * IO_TLB_SIZE);
		CHECK_MSG(ns < BOUNDARY_COSTS * plain_ns + 1000,
			  "boundary 0x%lx: %.0f ns for 6 KiB, without %.0f", boundary,
			  ns, plain_ns);
	}
}

/* Boundaries of 4 KiB: uas, mvumi, stex; 64 KiB: ATA; 1 MiB: ism; 16 MiB: sound cards */
TEST(small_boundary_costs_no_search_from_the_start)
{
	static const unsigned long boundaries[] = {
		SZ_4K - 1, SZ_64K - 1, SZ_1M - 1, SZ_16M - 1,
	};
	unsigned int i;
	char what[32];

	for (i = 0; i < ARRAY_SIZE(boundaries); i++) {
		snprintf(what, sizeof(what), "0x%lx", boundaries[i]);
		in_child(search_with_boundary, &boundaries[i], what);
	}
}
