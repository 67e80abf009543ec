// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one pool to many, each of 2 MiB and full: lookup of the pool of an address, sync of
 * a mapping in any pool, and a pair when only the oldest pool has room.
 *
 * Pools are added as in practice, by maps that find no room. Allocations above 2 MiB are
 * refused, so that both engines add the same pools.
 */
#include <stdlib.h>
#include "bench.h"

#define POOL_ORDER 9
#define MAX_POOLS 1000
#define MAX_LIVE (MAX_POOLS * 8)
#define LOOKUPS 4096

static struct io_tlb_pool *pools[MAX_POOLS];
static phys_addr_t in_pool[MAX_POOLS];	/* a mapping in each */
static unsigned int npools;
static struct mapping live[MAX_LIVE];
static unsigned int nlive;
static phys_addr_t lookups[LOOKUPS];

static struct io_tlb_pool *pool_of(phys_addr_t tlb)
{
	return swiotlb_find_pool(bench_dev, tlb);
}

static void note_pool(phys_addr_t tlb)
{
	struct io_tlb_pool *pool = pool_of(tlb);
	unsigned int i;

	for (i = npools; i; i--)
		if (pools[i - 1] == pool)
			return;
	in_pool[npools] = tlb;
	pools[npools++] = pool;
}

/* Fill all pools, let the worker add a pool, and repeat */
static void grow_to(unsigned int want)
{
	unsigned int failed = 0;
	phys_addr_t tlb;

	for (;;) {
		tlb = try_map(bench_dev, bench_src, SZ_256K, DMA_FROM_DEVICE);
		if (tlb != MAP_FAILED_ADDR && !slots_transient()) {
			failed = 0;
			BUG_ON(nlive == MAX_LIVE);
			live[nlive++] = (struct mapping){ tlb, SZ_256K };
			note_pool(tlb);
			continue;
		}
		if (tlb != MAP_FAILED_ADDR)
			do_unmap(bench_dev, tlb, SZ_256K, DMA_FROM_DEVICE);
		if (npools >= want)
			break;
		/* The engine no longer adds pools */
		BUG_ON(++failed > 1000);
		shim_advance(TICK_MS);
		shim_run_work();
	}
}

static void choose_lookups(void)
{
	struct rng rng = { npools };
	unsigned int i;

	for (i = 0; i < LOOKUPS; i++)
		lookups[i] = in_pool[rng_below(&rng, npools)];
}

static void syncs(void *bytes, unsigned long n)
{
	while (n--)
		swiotlb_sync_single_for_cpu(bench_dev, lookups[n % LOOKUPS],
					    (unsigned long)bytes, DMA_FROM_DEVICE);
}

static noinline __used void counted_syncs(void)
{
	syncs((void *)64UL, LOOKUPS);
}

#ifdef SHIM_NO_COPY

static unsigned long found;

static void finds(void *ctx, unsigned long n)
{
	unsigned long sum = 0;

	while (n--)
		sum += (unsigned long)pool_of(lookups[n % LOOKUPS]);
	WRITE_ONCE(found, sum);
}

static void pair(void *ctx, unsigned long n)
{
	phys_addr_t tlb;

	while (n--) {
		tlb = must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
		do_unmap(bench_dev, tlb, SZ_4K, DMA_TO_DEVICE);
	}
}

/* Make room at the start of the oldest pool, in the area that this CPU searches first */
static void make_room_in_oldest(void)
{
	struct mapping *lowest = NULL;
	unsigned int i;

	for (i = 0; i < nlive; i++)
		if (pool_of(live[i].tlb) == pools[0] &&
		    (!lowest || live[i].tlb < lowest->tlb))
			lowest = &live[i];
	BUG_ON(!lowest);
	do_unmap(bench_dev, lowest->tlb, lowest->size, DMA_FROM_DEVICE);
	*lowest = live[--nlive];
}

static void with_pools(unsigned int name)
{
	emit(measure(finds, NULL), "pools/%u/find", name);
	make_room_in_oldest();
	emit(measure(pair, NULL), "pools/%u/pair", name);
}

#else

static void with_pools(unsigned int name)
{
	static const u16 sizes[] = { 64, 1500, 4096 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		emit(measure(syncs, (void *)(unsigned long)sizes[i]), "pools/%u/sync/%u", name,
		     sizes[i]);
}

/* The same copies from the same places, without a lookup */
static void bare(void *ctx, unsigned long n)
{
	while (n--)
		shim_copy(phys_to_virt(bench_src),
			  phys_to_virt(lookups[n % LOOKUPS]), 64);
}

#endif

static void prepare(void)
{
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_faults[SHIM_FAULT_PAGES].min_order = POOL_ORDER + 1;
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	/* The worker must not add a pool during measurements */
	bench_steps_work = false;
}

BENCH_GROUP(pools, "1024,2,max=2G", 2, true)
{
	static const u16 counts[] = { 1, 16, 64, 256, 1000 };
	unsigned int i;

	prepare();
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		grow_to(bench_tiny ? 1 + counts[i] / 256 : counts[i]);
		choose_lookups();
		ticker_start();
		with_pools(counts[i]);
		ticker_stop();
	}
}

#ifndef SHIM_NO_COPY

BENCH_GROUP(count_sync, "1024,2", 2, true)
{
	prepare();
	grow_to(2);
	choose_lookups();
	counted_syncs();
	emit(LOOKUPS, "count/pairs");
}

BENCH_GROUP(parts_sync, "1024,2", 2, true)
{
	prepare();
	grow_to(bench_tiny ? 2 : 256);
	choose_lookups();
	emit(measure(bare, NULL), "part/copy-64-of-256");
	emit(measure(syncs, (void *)64UL), "part/sync-64-of-256");
}

#endif

#ifdef SHIM_NO_COPY

/* Compiled without the copy: callgrind counts a copy as one instruction per byte */
static void count_syncs(unsigned int n)
{
	prepare();
	grow_to(n);
	choose_lookups();
	counted_syncs();
	emit(LOOKUPS, "count/pairs");
}

BENCH_GROUP(count_sync_1, "1024,2,max=2G", 2, true) { count_syncs(1); }
BENCH_GROUP(count_sync_64, "1024,2,max=2G", 2, true) { count_syncs(64); }

/*
 * All pools are full, and no memory is left. Measured for a device that reaches all pools,
 * and for one that reaches all but the highest.
 */
static void failing(void *dev, unsigned long n)
{
	while (n--)
		if (try_map(dev, bench_src, SZ_4K, DMA_TO_DEVICE) != MAP_FAILED_ADDR)
			abort();
}

BENCH_GROUP(failing_pools, "512,64,max=2G", 64, true)
{
	static const u16 counts[] = { 1, 8, 64, 512 };
	struct device *low = new_device(0, 0);
	phys_addr_t highest;
	unsigned int i, j;

	prepare();
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		grow_to(bench_tiny ? 1 + counts[i] / 64 : counts[i]);
		for (j = 0, highest = 0; j < npools; j++)
			highest = max(highest, in_pool[j] & ~(SZ_1M - 1ULL));
		*low->dma_mask = highest - 1;
		/* No memory even for a transient pool */
		shim_faults[SHIM_FAULT_PAGES].min_order = 0;
		ticker_start();
		emit(measure(failing, bench_dev), "failing_pools/%u/all", counts[i]);
		if (counts[i] > 1)
			emit(measure(failing, low), "failing_pools/%u/some", counts[i]);
		ticker_stop();
		shim_faults[SHIM_FAULT_PAGES].min_order = POOL_ORDER + 1;
	}
}

#endif
