// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads that keep the pool filled: some mappings in flight above a constant background,
 * and mappings of random lifetime, all from one CPU.
 */
#include <stdlib.h>
#include "bench.h"

#define DEPTH 256
#define BATCH 8
#define BATCHES 60000

struct churn {
	struct mappings live;
	struct rng rng;
};

static __always_inline void replace_one(struct churn *c)
{
	struct mapping *m = &c->live.at[rng_below(&c->rng, c->live.n)];

	do_unmap(bench_dev, m->tlb, SZ_4K, DMA_TO_DEVICE);
	m->tlb = must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE);
}

static void replace(void *ctx, unsigned long n)
{
	while (n--)
		replace_one(ctx);
}

/* Percentiles of a pair, from times of batches: interrupts hit less than one in 1,000 */
static void emit_percentiles(struct churn *c, const char *what, unsigned int percent)
{
	struct latencies l;
	unsigned long i, n = bench_tiny ? 100 : BATCHES;
	u64 start = now_ns(), from;

	latencies_init(&l, n);
	for (i = 0; i < n; i++) {
		from = cycles();
		replace(c, BATCH);
		latencies_add(&l, cycles() - from);
		/* Stop after 0.4 seconds: even with 50 us per batch, that is 8,000 batches */
		if (!(i & 255) && i >= 4096 && now_ns() - start > 400000000)
			break;
	}
	emit(latencies_percentile(&l, 50) / BATCH, "%s/%u/p50", what, percent);
	emit(latencies_percentile(&l, 99) / BATCH, "%s/%u/p99", what, percent);
	emit(latencies_percentile(&l, 99.9) / BATCH, "%s/%u/p99.9", what, percent);
	free(l.at);
}

static unsigned long part_of_pool(unsigned int percent)
{
	return bench_nslots / 2 * percent / 100;
}

static void in_flight(unsigned int percent, bool percentiles)
{
	struct churn c = { .rng = { percent } };
	struct mappings background;
	unsigned long i;

	fill_4k(&background);
	drop_random(&background, &c.rng,
		    background.n - (part_of_pool(percent) - DEPTH));
	c.live.at = calloc(DEPTH, sizeof(*c.live.at));
	for (i = 0; i < DEPTH; i++)
		c.live.at[i] = (struct mapping){
			must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE), SZ_4K };
	c.live.n = DEPTH;
	replace(&c, bench_tiny ? 10 : 4 * DEPTH);

	emit(measure(replace, &c), "flight/%u", percent);
	if (percentiles)
		emit_percentiles(&c, "flight", percent);
	drop_all(&c.live);
	drop_all(&background);
}

BENCH_GROUP(flight, NULL, 2)
{
	static const u8 percents[] = { 10, 25, 50, 75, 90, 99 };
	unsigned int i;

	ticker_start();
	for (i = 0; i < ARRAY_SIZE(percents); i++)
		in_flight(percents[i], percents[i] == 50);
	ticker_stop();
}

static void random_churn(unsigned int percent)
{
	struct churn c = { .rng = { percent } };
	unsigned long n = part_of_pool(percent);

	c.live.at = calloc(n, sizeof(*c.live.at));
	while (c.live.n < n)
		c.live.at[c.live.n++] = (struct mapping){
			must_map(bench_dev, bench_src, SZ_4K, DMA_TO_DEVICE), SZ_4K };
	/* Replace until the lifetimes are random */
	replace(&c, bench_tiny ? 100 : percent > 50 ? n / 2 : 2 * n);

	emit(measure(replace, &c), "churn/%u", percent);
	emit_percentiles(&c, "churn", percent);
	drop_all(&c.live);
}

BENCH_GROUP(churn, NULL, 2)
{
	static const u8 percents[] = { 10, 30, 45, 54, 70, 90, 99 };
	unsigned int i;

	ticker_start();
	for (i = 0; i < ARRAY_SIZE(percents); i++)
		random_churn(percents[i]);
	ticker_stop();
}
