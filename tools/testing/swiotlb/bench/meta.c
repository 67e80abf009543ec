// SPDX-License-Identifier: GPL-2.0-only
/* Values that are counted, not timed: bytes of metadata, instructions. */
#include <stdlib.h>
#include "bench.h"

/* Map and unmap on each CPU, so that data set up at first use exists */
static void use_all_cpus(void)
{
	static const u32 sizes[] = { SZ_2K, SZ_4K, SZ_16K, SZ_64K };
	phys_addr_t tlb[32];
	unsigned int cpu, i, k;

	for (cpu = 0; cpu < shim_nr_cpus; cpu++) {
		shim_set_cpu(cpu);
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (k = 0; k < ARRAY_SIZE(tlb); k++)
				tlb[k] = must_map(bench_dev, bench_src, sizes[i],
						  DMA_TO_DEVICE);
			for (k = 0; k < ARRAY_SIZE(tlb); k++)
				do_unmap(bench_dev, tlb[k], sizes[i], DMA_TO_DEVICE);
		}
	}
	shim_set_cpu(0);
}

/* All allocations except for the slots themselves, and the pages of the source buffer */
BENCH_GROUP(meta, "32768,8", 8)
{
	struct shim_usage usage;
	double bytes;

	use_all_cpus();
	between_reps();
	usage = shim_usage();
	bytes = usage.memblock_bytes - (double)bench_nslots * IO_TLB_SIZE;
	bytes += usage.kmalloc_bytes + usage.pcpu_bytes;
	bytes += usage.pages * (double)PAGE_SIZE - SZ_1M;
	emit(bytes / bench_nslots, "meta/slot");
}

/*
 * Callgrind collects while counted_pairs(), counted_flight() or counted_ring() runs. It
 * also counts their own code, a few instructions per pair.
 */
#define COUNTED 4096
static u16 victims[COUNTED];
static struct mapping flight[256];

static noinline __used void counted_pairs(size_t size, enum dma_data_direction dir)
{
	unsigned int n = COUNTED;
	phys_addr_t tlb;

	while (n--) {
		tlb = must_map(bench_dev, bench_src, size, dir);
		do_unmap(bench_dev, tlb, size, dir);
	}
}

static void count_pairs(size_t size, enum dma_data_direction dir)
{
	counted_pairs(size, dir);
	emit(COUNTED, "count/pairs");
}

static noinline __used void counted_flight(void)
{
	unsigned int n = COUNTED;
	struct mapping *m;

	while (n--) {
		m = &flight[victims[n]];
		do_unmap(bench_dev, m->tlb, SZ_4K, DMA_TO_DEVICE);
		m->tlb = must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
	}
}

BENCH_GROUP(count_empty, NULL, 2)
{
	count_pairs(SZ_4K, DMA_TO_DEVICE);
}

BENCH_GROUP(count_from, NULL, 2)
{
	count_pairs(SZ_4K, DMA_FROM_DEVICE);
}

BENCH_GROUP(count_64k, NULL, 2)
{
	count_pairs(SZ_64K, DMA_TO_DEVICE);
}

BENCH_GROUP(count_256k, NULL, 2)
{
	count_pairs(SZ_256K, DMA_TO_DEVICE);
}

/* Like a ring of 256 between two CPUs, but one CPU maps all before the other one unmaps */
static noinline __used void counted_ring(void)
{
	unsigned int i, rounds = COUNTED / ARRAY_SIZE(flight);

	while (rounds--) {
		shim_set_cpu(0);
		for (i = 0; i < ARRAY_SIZE(flight); i++)
			flight[i].tlb = must_map(bench_dev, bench_src, SZ_4K,
						 DMA_TO_DEVICE);
		shim_set_cpu(1);
		for (i = 0; i < ARRAY_SIZE(flight); i++)
			do_unmap(bench_dev, flight[i].tlb, SZ_4K, DMA_TO_DEVICE);
	}
}

BENCH_GROUP(count_ring, NULL, 2)
{
	counted_ring();
	emit(COUNTED, "count/pairs");
}

BENCH_GROUP(count_half, NULL, 2)
{
	struct mappings background;
	struct rng rng = { 1 };
	unsigned int i;

	fill_4k(&background);
	drop_random(&background, &rng,
		    background.n / 2 + ARRAY_SIZE(flight));
	for (i = 0; i < ARRAY_SIZE(flight); i++)
		flight[i].tlb = must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
	for (i = 0; i < COUNTED; i++)
		victims[i] = rng_below(&rng, ARRAY_SIZE(flight));
	counted_flight();
	emit(COUNTED, "count/pairs");
}
