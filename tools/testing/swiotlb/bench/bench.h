/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the parts of the bench. There is one program per engine and one process per
 * measurement; each value is printed as a line, "name value".
 */
#ifndef SWIOTLB_BENCH_H
#define SWIOTLB_BENCH_H

#include "harness.h"

/**
 * struct bench_group - rows that one process measures
 * @name:	Name on the command line.
 * @run:	Measures and prints the values.
 * @swiotlb:	Boot parameter.
 * @ncpus:	CPUs of the machine that boots.
 * @grows:	True if pools may be added.
 */
struct bench_group {
	const char *name;
	void (*run)(void);
	const char *swiotlb;
	unsigned int ncpus;
	bool grows;
};

#define BENCH_GROUP(id, ...)						\
	static void bench_##id(void);					\
	SHIM_ENTRY(bench_groups, struct bench_group, group_##id,	\
		   { #id, bench_##id, __VA_ARGS__ });			\
	static void bench_##id(void)

#ifdef SHIM_NO_COPY
#define BENCH_COPIES false
#else
#define BENCH_COPIES true
#endif

/* Run everything, but only for an instant each; the values are meaningless */
extern bool bench_tiny;

__printf(2, 3) void emit(double value, const char *fmt, ...);

/* ---- timing.c */

typedef void (*bench_fn)(void *ctx, unsigned long n);

u64 now_ns(void);
/* CPU time of this thread, without the time of other tasks on its core */
u64 cpu_ns(void);
static __always_inline u64 cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* Factor from cycles to nanoseconds, and the cost of two reads in a row, in cycles */
extern double ns_per_cycle;
extern u64 cycles_overhead;
void timing_init(void);
double median_of(double *values, unsigned int n);
/* Returns nanoseconds for each of the @n operations of @fn, as median of repetitions */
double measure(bench_fn fn, void *ctx);
unsigned int bench_reps(void);
/* If set, work that is due runs between repetitions */
extern bool bench_steps_work;
void between_reps(void);
/* Jiffies advance as in a kernel with HZ=250 */
#define TICK_MS 4
void ticker_start(void);
void ticker_stop(void);
void pin_to_core(unsigned int nth);
unsigned int ncores(void);

/**
 * struct latencies - times of single operations, for percentiles
 * @at:		Times in cycles.
 * @n:		Number of times.
 * @max:	Size of @at.
 */
struct latencies {
	u32 *at;
	unsigned long n, max;
};

void latencies_init(struct latencies *l, unsigned long max);
static inline void latencies_add(struct latencies *l, u64 spent)
{
	if (likely(l->n < l->max))
		l->at[l->n++] = min_t(u64, spent, UINT_MAX);
}

/* Returns a percentile in nanoseconds */
double latencies_percentile(struct latencies *l, double percent);

/* ---- load.c */

struct mapping {
	phys_addr_t tlb;
	u32 size;
};

extern struct device *bench_dev;
extern phys_addr_t bench_src;
extern unsigned long bench_nslots;

void load_init(void);
void map_failed(size_t size) __attribute__((noreturn));

/* Map as a driver does */
static __always_inline phys_addr_t try_map(struct device *dev, phys_addr_t src,
					   size_t size, enum dma_data_direction dir)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	return swiotlb_tbl_map_single(dev, src, size, 0, dir, &attrs);
}

static __always_inline phys_addr_t must_map(struct device *dev, phys_addr_t src,
					    size_t size, enum dma_data_direction dir)
{
	phys_addr_t tlb = try_map(dev, src, size, dir);

	if (unlikely(tlb == MAP_FAILED_ADDR))
		map_failed(size);
	return tlb;
}

static __always_inline void do_unmap(struct device *dev, phys_addr_t tlb,
				     size_t size, enum dma_data_direction dir)
{
	swiotlb_tbl_unmap_single(dev, tlb, size, dir, 0);
}

/* A set of live mappings */
struct mappings {
	struct mapping *at;
	unsigned long n;
};

unsigned long fill_4k(struct mappings *m);
void drop_random(struct mappings *m, struct rng *rng, unsigned long n);
void drop_all(struct mappings *m);

#endif
