// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps that fail in a full pool, maps from an allocator that may grow, and searches with
 * a small segment boundary.
 */
#include <stdlib.h>
#include "bench.h"

#ifdef SHIM_NO_COPY

static void failing(void *attrs, unsigned long n)
{
	while (n--) {
		unsigned long a = (unsigned long)attrs;

		if (swiotlb_tbl_map_single(bench_dev, bench_src, SZ_4K, 0,
					   DMA_TO_DEVICE, &a) != MAP_FAILED_ADDR)
			abort();
	}
}

/* Map and unmap on each CPU, so that the per-CPU data of each is in use */
static void use_all_cpus(void)
{
	phys_addr_t tlb[16];
	unsigned int cpu, i;

	for (cpu = 0; cpu < shim_nr_cpus; cpu++) {
		shim_set_cpu(cpu);
		for (i = 0; i < ARRAY_SIZE(tlb); i++)
			tlb[i] = must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
		for (i = 0; i < ARRAY_SIZE(tlb); i++)
			do_unmap(bench_dev, tlb[i], SZ_4K, DMA_TO_DEVICE);
	}
	shim_set_cpu(0);
}

/* Let each CPU fill its own area: searching for the last free slots would take minutes */
static void fill(size_t size)
{
	unsigned long n, each = bench_nslots / shim_nr_cpus / (size >> IO_TLB_SHIFT);
	unsigned int cpu;

	for (cpu = 0; cpu < shim_nr_cpus; cpu++) {
		shim_set_cpu(cpu);
		for (n = 0; n < each; n++)
			must_map(bench_dev, bench_src, size, DMA_TO_DEVICE);
	}
	shim_set_cpu(0);
}

static void full(void)
{
	use_all_cpus();
	fill(SZ_4K);
	ticker_start();
	emit(measure(failing, (void *)DMA_ATTR_NO_WARN), "failing/%u/quiet", shim_nr_cpus);
	emit(measure(failing, NULL), "failing/%u/loud", shim_nr_cpus);
	ticker_stop();
}

BENCH_GROUP(failing_2, "32768", 2) { full(); }
BENCH_GROUP(failing_8, "32768", 8) { full(); }
BENCH_GROUP(failing_64, "32768", 64) { full(); }
BENCH_GROUP(failing_512, "524288", 512) { full(); }

/*
 * Half of the pool is in use, and it may grow, so the slots in use must be summed up from
 * time to time. This must not happen in each map, even with a jiffy between two pairs. The
 * largest size is used so that each map searches an area.
 */
static void pairs_apart(void *jiffies_between, unsigned long n)
{
	phys_addr_t tlb;

	while (n--) {
		shim_advance((unsigned long)jiffies_between);
		tlb = must_map(bench_dev, bench_src, SZ_256K, DMA_TO_DEVICE);
		do_unmap(bench_dev, tlb, SZ_256K, DMA_TO_DEVICE);
	}
}

static void apart(void)
{
	unsigned long i;

	use_all_cpus();
	for (i = 0; i < bench_nslots / 256; i++)
		must_map(bench_dev, bench_src, SZ_256K, DMA_TO_DEVICE);
	bench_steps_work = false;
	emit(measure(pairs_apart, (void *)0UL), "apart/%u/0", shim_nr_cpus);
	emit(measure(pairs_apart, (void *)1UL), "apart/%u/1", shim_nr_cpus);
}

BENCH_GROUP(apart_2, "32768,2", 2, true) { apart(); }
BENCH_GROUP(apart_64, "524288,64", 64, true) { apart(); }
BENCH_GROUP(apart_512, "524288,512", 512, true) { apart(); }

/*
 * Every other slot of three quarters of the pool stays in use, as by the rings of a network
 * card. Only the last quarter has room for 4 KiB and more: a disk maps and unmaps there.
 */
static struct device *bounded;

static void bounded_pair(void *bytes, unsigned long n)
{
	size_t size = (unsigned long)bytes;
	phys_addr_t tlb;

	while (n--) {
		tlb = must_map(bounded, bench_src, size, DMA_TO_DEVICE);
		do_unmap(bounded, tlb, size, DMA_TO_DEVICE);
	}
}

BENCH_GROUP(boundary, "524288", 1)
{
	unsigned long i, n = bench_nslots / 4 * 3;
	phys_addr_t *all = calloc(n, sizeof(*all));

	for (i = 0; i < n; i++)
		all[i] = must_map(bench_dev, bench_src, IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < n; i++)
		if ((all[i] >> IO_TLB_SHIFT) & 1)
			do_unmap(bench_dev, all[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	free(all);
	ticker_start();
	bounded = new_device(0, SZ_4K - 1);
	emit(measure(bounded_pair, (void *)(2UL * IO_TLB_SIZE)), "boundary/4096");
	bounded = new_device(0, SZ_64K - 1);
	emit(measure(bounded_pair, (void *)(3UL * IO_TLB_SIZE)), "boundary/65536");
	bounded = new_device(0, SZ_1M - 1);
	emit(measure(bounded_pair, (void *)(3UL * IO_TLB_SIZE)), "boundary/1048576");
	bounded = new_device(0, 0);
	emit(measure(bounded_pair, (void *)(3UL * IO_TLB_SIZE)), "boundary/none");
	ticker_stop();
}

#endif
