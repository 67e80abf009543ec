// SPDX-License-Identifier: GPL-2.0-only
/* Devices, buffers and sets of mappings with which rows begin. */
#include <stdlib.h>
#include <sys/mman.h>
#include "bench.h"

struct device *bench_dev;
phys_addr_t bench_src;
unsigned long bench_nslots;

void load_init(void)
{
	bench_dev = new_device(0, 0);
	bench_src = shim_take_ram(SZ_1M);
	memset(phys_to_virt(bench_src), 0x5a, SZ_1M);
	bench_nslots = slots_total();
}

void map_failed(size_t size)
{
	printf("# no room for %zu bytes, %ld of %ld slots in use\n", size,
	       slots_used(), slots_total());
	fflush(stdout);
	abort();
}

/* Map as many as fit, in order: only drop_random() makes the order random */
unsigned long fill_4k(struct mappings *m)
{
	phys_addr_t tlb;

	m->at = calloc(bench_nslots, sizeof(*m->at));
	m->n = 0;
	while (m->n < bench_nslots) {
		tlb = try_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
		if (tlb == MAP_FAILED_ADDR)
			break;
		m->at[m->n++] = (struct mapping){ tlb, SZ_4K };
	}
	/* The failed map has crowded the allocator: end that, since jiffies may not advance */
	shim_advance(2);
	return m->n;
}

void drop_random(struct mappings *m, struct rng *rng, unsigned long n)
{
	struct mapping *victim;

	while (n-- && m->n) {
		victim = &m->at[rng_below(rng, m->n)];
		do_unmap(bench_dev, victim->tlb, victim->size, DMA_TO_DEVICE);
		*victim = m->at[--m->n];
	}
}

void drop_all(struct mappings *m)
{
	while (m->n) {
		m->n--;
		do_unmap(bench_dev, m->at[m->n].tlb, m->at[m->n].size,
			 DMA_TO_DEVICE);
	}
	free(m->at);
	m->at = NULL;
}
