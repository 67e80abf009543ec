// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network card whose driver takes its receive buffers from a page_pool: each of 8 CPUs
 * keeps 256 pages mapped, half of the pool. Disks map and unmap beside them.
 */
#include <stdlib.h>
#include "bench.h"

#ifdef SHIM_NO_COPY

#define QUEUES 8
#define RING 256

static void pin_rings(void)
{
	unsigned int cpu, i;

	for (cpu = 0; cpu < QUEUES; cpu++) {
		shim_set_cpu(cpu);
		for (i = 0; i < RING; i++)
			must_map(bench_dev, bench_src, SZ_4K, DMA_FROM_DEVICE);
	}
	shim_set_cpu(0);
}

static void pairs_beside(void *bytes, unsigned long n)
{
	size_t size = (unsigned long)bytes;
	phys_addr_t tlb;

	while (n--) {
		tlb = must_map(bench_dev, bench_src, size, DMA_TO_DEVICE);
		do_unmap(bench_dev, tlb, size, DMA_TO_DEVICE);
	}
}

/* One CPU maps all free slots, from the areas of other CPUs as well */
static void fill_beside(void *unused, unsigned long n)
{
	unsigned long i, each = (bench_nslots - QUEUES * RING * 2) / 2;
	static phys_addr_t *tlb;

	if (!tlb)
		tlb = calloc(each, sizeof(*tlb));
	for (; n; n -= min(n, each)) {
		for (i = 0; i < min(n, each); i++)
			tlb[i] = must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
		while (i--)
			do_unmap(bench_dev, tlb[i], SZ_4K, DMA_TO_DEVICE);
	}
}

static noinline __used void counted_pinned(void)
{
	pairs_beside((void *)(unsigned long)SZ_4K, 1000);
}

BENCH_GROUP(pinned, "8192", QUEUES)
{
	pin_rings();
	ticker_start();
	emit(measure(pairs_beside, (void *)(unsigned long)SZ_4K), "pinned/4096");
	emit(measure(pairs_beside, (void *)(unsigned long)SZ_64K), "pinned/65536");
	emit(measure(fill_beside, NULL), "pinned/fill");
	ticker_stop();
}

BENCH_GROUP(count_pinned, "8192", QUEUES)
{
	pin_rings();
	pairs_beside((void *)(unsigned long)SZ_4K, 64);
	counted_pinned();
	emit(1000, "count/pairs");
}

#endif
