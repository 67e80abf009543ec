// SPDX-License-Identifier: GPL-2.0-only
/*
 * One load on a number of CPUs, on the base and on ours. One thread acts as each CPU in
 * turn, for one map or unmap, with one device.
 *
 * Built with SAN=count, it counts locks and cache lines; see count.h. Built with BENCH, it
 * only runs, for callgrind to count the instructions of counted_map() and counted_unmap().
 */
#include <stdio.h>
#include <stdlib.h>
#include "harness.h"
#include "count.h"

/* Mappings of a CPU in flight */
#define DEPTH 16
/* Mappings counted: at least that many in all, and on each CPU */
#define LEAST 16384
#define LEAST_EACH 64

#ifndef SHIM_COUNT

void count_init(void) { }
void count_into(struct count *to) { }
void step_begin(unsigned int cpu) { shim_set_cpu(cpu); }
void step_end(void) { }
void where_pool(unsigned long start, unsigned long end) { }
void where_device(const struct device *d) { }

#endif

static struct device *dev;
static phys_addr_t orig;
static unsigned int ncpus;
static phys_addr_t (*ring)[DEPTH];
static struct rng rng = { 1 };

typedef phys_addr_t (*map_fn)(struct device *dev, phys_addr_t orig, size_t size);
typedef void (*unmap_fn)(struct device *dev, phys_addr_t tlb, size_t size);
/* The CPU that unmaps the mappings of @cpu */
typedef unsigned int (*unmapping_fn)(unsigned int cpu);

static unsigned int same_cpu(unsigned int cpu)
{
	return cpu;
}

static unsigned int next_cpu(unsigned int cpu)
{
	return (cpu + 1) % ncpus;
}

static unsigned int any_cpu(unsigned int cpu)
{
	return rng_below(&rng, ncpus);
}

static const struct way {
	const char *name;
	unmapping_fn unmapping;
} ways[] = {
	{ "same", same_cpu }, { "next", next_cpu }, { "any", any_cpu },
};

/* Each CPU replaces its oldest mapping, @n times */
static void run(unmapping_fn unmapping, map_fn map, unmap_fn unmap, unsigned int n)
{
	unsigned int cpu, i;
	phys_addr_t *tlb;

	for (i = 0; i < n; i++) {
		for (cpu = 0; cpu < ncpus; cpu++) {
			tlb = &ring[cpu][i % DEPTH];
			if (*tlb) {
				step_begin(unmapping(cpu));
				unmap(dev, *tlb, SZ_4K);
				step_end();
			}
			step_begin(cpu);
			*tlb = map(dev, orig, SZ_4K);
			step_end();
			BUG_ON(*tlb == MAP_FAILED_ADDR);
		}
	}
}

static void start(void)
{
	phys_addr_t base;
	size_t bytes;

	shim_nr_cpus = ncpus;
	count_init();
	shim_init();
	base = boot_fixed(NULL, &bytes);
	where_pool((unsigned long)phys_to_virt(base), (unsigned long)phys_to_virt(base) + bytes);
	dev = new_device(0, 0);
	where_device(dev);
	orig = new_buffer(SZ_4K, 0);
	ring = calloc(ncpus, sizeof(*ring));
	BUG_ON(!ring);
}

static int measure(const struct way *way)
{
	unsigned int n = max(LEAST / ncpus, LEAST_EACH);
	struct count c = { };
	unsigned int i;

	start();
	run(way->unmapping, warm_map, warm_unmap, 2 * n);
	count_into(&c);
	run(way->unmapping, counted_map, counted_unmap, n);
	count_into(NULL);
	printf("mappings %lu\n", (unsigned long)n * ncpus);
	if (!c.steps)
		return 0;
	printf("locks %lu\nlines %lu\n", c.locks, c.moved);
	for (i = 0; i < NR_NODES; i++)
		printf("lines/%u %lu\n", count_nodes[i], c.far[i]);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int i;

	ncpus = argc == 3 ? atoi(argv[2]) : 0;
	for (i = 0; i < ARRAY_SIZE(ways) && ncpus && ncpus <= NR_CPUS; i++)
		if (!strcmp(ways[i].name, argv[1]))
			return measure(&ways[i]);
	fprintf(stderr, "usage: %s same|next|any CPUs (1 to %u)\n", argv[0], NR_CPUS);
	return 2;
}
