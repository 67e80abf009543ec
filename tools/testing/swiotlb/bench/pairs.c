// SPDX-License-Identifier: GPL-2.0-only
/*
 * One mapping at a time, by size and direction, its copies alone, and a sync. The source is
 * warm (always the same buffer) or cold (a rotation through more than fits in the caches).
 */
#include "bench.h"

#define COLD_BYTES SZ_64M

struct pair {
	size_t size;
	enum dma_data_direction dir;
	size_t stride;		/* from one source to the next; 0 for one source */
	phys_addr_t src;
	unsigned long at;
};

static const u32 sizes[] = { 512, SZ_2K, SZ_4K, SZ_16K, SZ_64K, SZ_256K };

static __always_inline phys_addr_t next_source(struct pair *p)
{
	phys_addr_t src = p->src + p->at;

	p->at = (p->at + p->stride) & (COLD_BYTES - 1);
	return src;
}

static void pair(void *ctx, unsigned long n)
{
	struct pair *p = ctx;
	size_t size = p->size;
	phys_addr_t tlb;

	while (n--) {
		tlb = must_map(bench_dev, next_source(p), size, p->dir);
		do_unmap(bench_dev, tlb, size, p->dir);
	}
}

#ifdef SHIM_NO_COPY

BENCH_GROUP(pairs, NULL, 2)
{
	struct pair p = { .src = bench_src, .dir = DMA_TO_DEVICE };
	unsigned int i;

	ticker_start();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p.size = sizes[i];
		emit(measure(pair, &p), "pair/%zu/none", p.size);
	}
	ticker_stop();
}

#else

/* The copies of a pair, without map and unmap */
struct copies {
	char *to, *from;
	size_t size;
	bool back;
	unsigned long stride, at, bytes;
};

static void copies(void *ctx, unsigned long n)
{
	struct copies *c = ctx;

	while (n--) {
		shim_copy(c->to + c->at, c->from, c->size);
		if (c->back)
			shim_copy(c->from, c->to + c->at, c->size);
		c->at = (c->at + c->stride) & (c->bytes - 1);
	}
}

static double bare_copies(size_t size, bool back, bool cold)
{
	static phys_addr_t buffers;
	struct copies c = { .size = size, .back = back };

	if (!buffers) {
		buffers = shim_take_ram(COLD_BYTES);
		/* Touch the memory: cold does not mean never touched */
		memset(phys_to_virt(buffers), 0x5a, COLD_BYTES);
	}
	c.bytes = cold ? COLD_BYTES / 2 : size;
	c.stride = cold ? max_t(size_t, size, SZ_4K) : 0;
	c.to = phys_to_virt(buffers);
	c.from = phys_to_virt(bench_src);
	return measure(copies, &c);
}

static void size_with_copies(size_t size)
{
	struct pair p = { .src = bench_src, .size = size };
	double once = bare_copies(size, false, false);
	double twice = bare_copies(size, true, false);
	double ns;

	emit(once, "copy/%zu/warm", size);
	emit(twice, "copy/%zu/warm-and-back", size);
	emit(bare_copies(size, false, true), "copy/%zu/cold", size);

	p.dir = DMA_TO_DEVICE;
	ns = measure(pair, &p);
	emit(ns, "pair/%zu/to", size);
	emit(ns / once, "pair/%zu/to-over-copy", size);

	p.dir = DMA_FROM_DEVICE;
	ns = measure(pair, &p);
	emit(ns, "pair/%zu/from", size);
	emit(ns / twice, "pair/%zu/from-over-copy", size);
}

struct syncs { phys_addr_t tlb; };

static void syncs(void *ctx, unsigned long n)
{
	struct syncs *s = ctx;

	while (n--)
		swiotlb_sync_single_for_cpu(bench_dev, s->tlb, 64, DMA_FROM_DEVICE);
}

BENCH_GROUP(pairs, NULL, 2)
{
	struct pair cold = { .size = SZ_4K, .stride = SZ_4K };
	struct syncs s;
	unsigned int i;

	ticker_start();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		size_with_copies(sizes[i]);

	cold.src = shim_take_ram(COLD_BYTES);
	memset(phys_to_virt(cold.src), 0x5a, COLD_BYTES);
	cold.dir = DMA_TO_DEVICE;
	emit(measure(pair, &cold), "pair/4096/to-cold-source");
	cold.dir = DMA_FROM_DEVICE;
	emit(measure(pair, &cold), "pair/4096/from-cold-source");

	s.tlb = must_map(bench_dev, bench_src, SZ_4K, DMA_FROM_DEVICE);
	emit(measure(syncs, &s), "sync/64");
	ticker_stop();
}

#endif
