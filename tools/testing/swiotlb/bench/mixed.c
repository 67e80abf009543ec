// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes from 4 to 256 KiB with random lifetimes: the time of a map by
 * occupancy, and the occupancy at which the first map fails.
 */
#include <stdlib.h>
#include "bench.h"

/* A map that takes longer was interrupted, and is not timed */
#define INTERRUPTED_NS 500000

struct mix {
	struct mappings live;
	struct rng rng;
	unsigned long used;	/* slots */
	size_t (*size)(struct rng *rng);
	u64 spent;
	unsigned long tries, timed, failed;
};

static size_t power_of_two(struct rng *rng)
{
	return SZ_4K << rng_below(rng, 7);
}

static size_t uniform(struct rng *rng)
{
	return SZ_4K * (1 + rng_below(rng, 64));
}

static const struct mix_kind {
	const char *name;
	size_t (*size)(struct rng *rng);
} kinds[] = { { "pow2", power_of_two }, { "uniform", uniform } };

static unsigned long slots_of(size_t size)
{
	return size / IO_TLB_SIZE;
}

static bool mix_map(struct mix *m)
{
	size_t size = m->size(&m->rng);
	u64 from = cycles();
	phys_addr_t tlb = try_map(bench_dev, bench_src, size, DMA_TO_DEVICE);

	from = cycles() - from - cycles_overhead;
	m->tries++;
	if (from * ns_per_cycle < INTERRUPTED_NS) {
		m->spent += from;
		m->timed++;
	}
	if (tlb == MAP_FAILED_ADDR) {
		m->failed++;
		return false;
	}
	m->live.at[m->live.n++] = (struct mapping){ tlb, size };
	m->used += slots_of(size);
	return true;
}

static void mix_unmap(struct mix *m)
{
	struct mapping *victim = &m->live.at[rng_below(&m->rng, m->live.n)];

	do_unmap(bench_dev, victim->tlb, victim->size, DMA_TO_DEVICE);
	m->used -= slots_of(victim->size);
	*victim = m->live.at[--m->live.n];
}

static void mix_start(struct mix *m, const struct mix_kind *kind, u64 seed)
{
	*m = (struct mix){ .size = kind->size, .rng = { seed } };
	m->live.at = calloc(bench_nslots, sizeof(*m->live.at));
}

/* After a failure unmap one mapping, and continue the load */
static void mix_run(struct mix *m, unsigned long target, unsigned long steps)
{
	while (steps--)
		if (m->used >= target || !mix_map(m))
			mix_unmap(m);
}

static void mix_time(const struct mix_kind *kind, unsigned int percent)
{
	unsigned long steps = bench_tiny ? 100 : 20000;
	struct mix m;

	mix_start(&m, kind, percent);
	mix_run(&m, bench_nslots * percent / 100, steps / 2);
	m.spent = 0;
	m.tries = 0;
	m.timed = 0;
	m.failed = 0;
	mix_run(&m, bench_nslots * percent / 100, steps);
	emit(m.spent * ns_per_cycle / m.timed, "mixed/%s/%u", kind->name, percent);
	emit(100.0 * m.failed / m.tries, "mixed/%s/%u/failed", kind->name, percent);
	drop_all(&m.live);
	between_reps();
}

BENCH_GROUP(mixed, NULL, 2)
{
	static const u8 percents[] = { 30, 50, 80, 90 };
	unsigned int i, k;

	ticker_start();
	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		for (i = 0; i < ARRAY_SIZE(percents); i++)
			mix_time(&kinds[k], percents[i]);
	ticker_stop();
}

/*
 * Fill the pool to a quarter, then by another 1/200 after every 200 steps of churn, until
 * a map fails. Returns the occupancy in percent.
 */
static double first_failure(const struct mix_kind *kind, u64 seed)
{
	unsigned long target = bench_nslots / 4, step = bench_nslots / 200;
	unsigned int left;
	struct mix m;
	double full;

	mix_start(&m, kind, seed);
	for (;; target = min(target + step, bench_nslots)) {
		for (left = 200; left; left--) {
			if (m.used >= target)
				mix_unmap(&m);
			else if (!mix_map(&m))
				goto failed;
		}
	}
failed:
	full = 100.0 * m.used / bench_nslots;
	drop_all(&m.live);
	between_reps();
	return full;
}

BENCH_GROUP(first, NULL, 2)
{
	unsigned int seeds = bench_tiny ? 1 : 16, k;
	u64 seed;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		double sum = 0;

		for (seed = 1; seed <= seeds; seed++)
			sum += first_failure(&kinds[k], seed);
		emit(sum / seeds, "first/%s", kinds[k].name);
	}
}
