// SPDX-License-Identifier: GPL-2.0-only
/* Loads: a queue of mappings for each CPU, for each pair of CPUs, or for all. */
#include <stdlib.h>
#include <engine/mem.h>
#include "harness.h"
#include "load.h"

const struct mix mixes[NR_MIXES] = {
	{ "64 B", 1, { 64 } },
	{ "4 KiB", 1, { SZ_4K } },
	{ "64 KiB", 1, { SZ_64K } },
	/* A request of a block device: small parts such as header and status, then a page */
	{ "3x64 B+4 KiB", 4, { 64, 64, 64, SZ_4K } },
};

struct queue {
	phys_addr_t *tlb;
	unsigned long head, tail;	/* head: next to map, tail: next to unmap */
};

static struct swiotlb_mem *mem = &swiotlb_default_mem;
static struct device *dev;
static phys_addr_t orig;
static struct queue *queues;
static struct rng rng = { 1 };

void load_boot(unsigned int ncpus, unsigned long pool_mib, unsigned int nareas)
{
	unsigned long nslots = pool_mib * SZ_1M / IO_TLB_SIZE;
	char arg[32];

	/* Do not print the kernel log, which is the same in each test */
	shim_verbose = false;
	count_init();
	shim_nr_cpus = ncpus;
	snprintf(arg, sizeof(arg), nareas ? "%lu,%u" : "%lu", nslots, nareas);
	boot_fixed(arg, NULL);
	dev = new_device(0, 0);
	where_device(dev);
	orig = new_buffer(SZ_256K, 0);
}

void load_boot_own(unsigned int ncpus)
{
	phys_addr_t tlb;

	shim_verbose = false;
	count_init();
	shim_nr_cpus = ncpus;
	boot("2048,own");
	dev = new_device(0, 0);
	where_device(dev);
	orig = new_buffer(SZ_256K, 0);
	swiotlb_device_allocate(dev, ncpus, SZ_64M);
	tlb = counted_map(dev, orig, SZ_4K);
	counted_unmap(dev, tlb, SZ_4K);
	shim_run_work();
	mem = to_swiotlb_mem(dev->dma_io_tlb_mem);
	BUG_ON(!mem->common || mem->pools.held != mem->pub.nslabs || !mem->pools.held);
	where_allocator(mem, list_first_entry(&mem->pools.list, struct io_tlb_pool, node));
}

unsigned long load_total(void)
{
	return mem->pub.nslabs;
}

static unsigned int load_queues(const struct load *l)
{
	switch (l->way) {
	case WAY_OWN:
		return l->ncpus;
	case WAY_PAIRS:
		return l->ncpus / 2;
	default:
		return 1;
	}
}

static size_t size_of(const struct load *l, unsigned long nr)
{
	return l->mix->size[nr % l->mix->n];
}

/* Returns the largest number of slots that all queues use */
unsigned long load_slots(const struct load *l)
{
	unsigned long i, n = 0;

	for (i = 0; i < max(l->depth, l->mix->n); i++)
		n += swiotlb_nslots(size_of(l, i));
	return n * load_queues(l);
}

unsigned int load_limit(unsigned int class)
{
	return swiotlb_this_magazine(mem->cache.cpu, class)->limit;
}

unsigned int load_first_cells(unsigned int class)
{
	unsigned int at = swiotlb_magazine_offset[class] % SMP_CACHE_BYTES;

	return (SMP_CACHE_BYTES - at - offsetof(struct swiotlb_magazine, cell)) /
	       sizeof(atomic_t);
}

/* Returns true if unmapped buffers fit in the magazine of the CPU */
bool load_is_cached(const struct load *l)
{
	unsigned int n[SWIOTLB_NR_CLASSES] = { }, class, i;

	for (i = 0; i < max(l->depth, l->mix->n); i++)
		n[swiotlb_class(swiotlb_nslots(size_of(l, i)))]++;
	for (class = 0; class < SWIOTLB_NR_CLASSES; class++)
		if (min(n[class], l->depth) > load_limit(class))
			return false;
	return true;
}

/* Returns true if a magazine has room for @cells buffers of each size */
bool load_has_room(const struct load *l, unsigned int cells)
{
	unsigned int i;

	for (i = 0; i < l->mix->n; i++)
		if (load_limit(swiotlb_class(swiotlb_nslots(size_of(l, i)))) < cells)
			return false;
	return true;
}

static unsigned int mapping_cpu(const struct load *l, unsigned int nr,
				unsigned long head)
{
	switch (l->way) {
	case WAY_OWN:
		return nr;
	case WAY_PAIRS:
		return 2 * nr;
	case WAY_TO_ONE:
		return 1 + head % (l->ncpus - 1);
	default:
		return rng_below(&rng, l->ncpus);
	}
}

static unsigned int unmapping_cpu(const struct load *l, unsigned int nr)
{
	switch (l->way) {
	case WAY_OWN:
		return nr;
	case WAY_PAIRS:
		return 2 * nr + 1;
	case WAY_TO_ONE:
		return 0;
	default:
		return rng_below(&rng, l->ncpus);
	}
}

static void map_one(const struct load *l, unsigned int nr)
{
	struct queue *q = &queues[nr];
	phys_addr_t tlb;

	step_begin(mapping_cpu(l, nr, q->head));
	tlb = counted_map(dev, orig, size_of(l, q->head));
	if (!l->at_once)
		step_end();
	BUG_ON(tlb == MAP_FAILED_ADDR);
	q->tlb[q->head++ % l->depth] = tlb;
}

static void unmap_one(const struct load *l, unsigned int nr)
{
	struct queue *q = &queues[nr];

	if (!l->at_once)
		step_begin(unmapping_cpu(l, nr));
	counted_unmap(dev, q->tlb[q->tail % l->depth], size_of(l, q->tail));
	step_end();
	q->tail++;
}

/* Keep the queue full: unmap one, map one */
static void run_across(const struct load *l, unsigned int nr)
{
	if (queues[nr].head - queues[nr].tail == l->depth)
		unmap_one(l, nr);
	map_one(l, nr);
}

/* Fill the queue, then empty it */
static void run_own(const struct load *l, unsigned int nqueues)
{
	unsigned int nr, d;

	for (d = 0; d < l->depth; d++) {
		for (nr = 0; nr < nqueues; nr++) {
			map_one(l, nr);
			if (l->at_once)
				unmap_one(l, nr);
		}
	}
	for (d = 0; d < l->depth && !l->at_once; d++)
		for (nr = 0; nr < nqueues; nr++)
			unmap_one(l, nr);
}

static void make_queues(const struct load *l, unsigned int nqueues)
{
	unsigned int nr;

	queues = calloc(nqueues, sizeof(*queues));
	for (nr = 0; nr < nqueues; nr++)
		queues[nr].tlb = calloc(l->depth, sizeof(phys_addr_t));
}

/* Advance all queues by one mapping at a time */
unsigned long load_run(const struct load *l, unsigned long n)
{
	unsigned int nr, nqueues = load_queues(l);
	unsigned long i;

	if (!queues)
		make_queues(l, nqueues);
	if (l->way == WAY_OWN) {
		for (i = 0; i < n; i += l->depth)
			run_own(l, nqueues);
		return i * nqueues;
	}
	for (i = 0; i < n; i++)
		for (nr = 0; nr < nqueues; nr++)
			run_across(l, nr);
	return n * nqueues;
}

void load_end(const struct load *l)
{
	unsigned int nr;

	for (nr = 0; nr < load_queues(l); nr++) {
		while (queues[nr].tail != queues[nr].head)
			unmap_one(l, nr);
		free(queues[nr].tlb);
	}
	free(queues);
	queues = NULL;
}

/*
 * Map @n buffers on each CPU at once, then unmap them, but use at most half of the pool: a
 * map that fails would drain the magazines.
 */
static void fill_class(unsigned int ncpus, unsigned int class, unsigned int n)
{
	size_t size = (size_t)IO_TLB_SIZE << class;
	unsigned int i;
	unsigned int most = min_t(unsigned long, n * ncpus,
				  load_total() / 2 >> class);
	phys_addr_t *tlb = calloc(most, sizeof(*tlb));

	for (i = 0; i < most; i++) {
		shim_set_cpu(i / n);
		tlb[i] = counted_map(dev, orig, size);
		BUG_ON(tlb[i] == MAP_FAILED_ADDR);
	}
	for (i = 0; i < most; i++) {
		shim_set_cpu(i / n);
		counted_unmap(dev, tlb[i], size);
	}
	free(tlb);
}

unsigned long load_fill(unsigned int ncpus)
{
	unsigned int class, round;
	unsigned long most = 0;

	for (round = 0; round < 2; round++) {
		/* Large buffers first: later no run may be long enough */
		for (class = SWIOTLB_NR_CLASSES; class--; ) {
			/* More than the magazine and its part of the depot can hold */
			fill_class(ncpus, class, load_limit(class) * 3 + 2);
			most = max(most, load_cached());
		}
	}
	return most;
}

/* Returns slots that are in use in areas, but not mapped */
unsigned long load_cached(void)
{
	return swiotlb_pool_used(&swiotlb_default_mem.boot_pool) -
	       swiotlb_mem_used(&swiotlb_default_mem);
}

unsigned long load_drain(void)
{
	unsigned long before = load_cached();

	swiotlb_magazines_drain(&swiotlb_default_mem.cache);
	return before - load_cached();
}
