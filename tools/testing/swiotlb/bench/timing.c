// SPDX-License-Identifier: GPL-2.0-only
/* Clocks, repetitions, percentiles, cores. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

#define REPS 9
#define REP_NS 2000000

double ns_per_cycle;
u64 cycles_overhead;

bool bench_steps_work = true;

static pthread_t ticker;
static bool ticking;

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median_of(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void timing_init(void)
{
	u64 start = now_ns(), from = cycles(), overhead = UINT_MAX;
	unsigned int i;

	while (now_ns() - start < (bench_tiny ? 1000000 : 20000000))
		;
	ns_per_cycle = (double)(now_ns() - start) / (cycles() - from);
	for (i = 0; i < 1000; i++) {
		from = cycles();
		overhead = min(overhead, cycles() - from);
	}
	cycles_overhead = overhead;
}

unsigned int bench_reps(void)
{
	return bench_tiny ? 1 : REPS;
}

/* Run the work that a kernel would run beside the load */
void between_reps(void)
{
	if (bench_steps_work)
		shim_run_work();
}

double measure(bench_fn fn, void *ctx)
{
	u64 enough = bench_tiny ? 4000 : REP_NS, spent;
	double ns[REPS];
	unsigned long n = 1;
	unsigned int i;

	for (;;) {
		spent = cpu_ns();
		fn(ctx, n);
		spent = cpu_ns() - spent;
		if (spent >= enough / 2)
			break;
		n *= 2;
	}
	n = max(1UL, (unsigned long)((double)n * enough / spent));
	for (i = 0; i < bench_reps(); i++) {
		between_reps();
		spent = cpu_ns();
		fn(ctx, n);
		ns[i] = (double)(cpu_ns() - spent) / n;
	}
	return median_of(ns, bench_reps());
}

static void *tick(void *unused)
{
	struct timespec ts = { .tv_nsec = TICK_MS * 1000000 };

	while (READ_ONCE(ticking)) {
		nanosleep(&ts, NULL);
		shim_advance(TICK_MS);
	}
	return NULL;
}

void ticker_start(void)
{
	ticking = true;
	BUG_ON(pthread_create(&ticker, NULL, tick, NULL));
}

void ticker_stop(void)
{
	WRITE_ONCE(ticking, false);
	pthread_join(ticker, NULL);
}

/* The cores that this process was allowed to use when it started */
static const cpu_set_t *allowed(void)
{
	static cpu_set_t set;
	static bool known;

	if (!known)
		sched_getaffinity(0, sizeof(set), &set);
	known = true;
	return &set;
}

unsigned int ncores(void)
{
	return CPU_COUNT(allowed());
}

void pin_to_core(unsigned int nth)
{
	unsigned int cpu;
	cpu_set_t one;

	nth %= ncores();
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, allowed()) && !nth--)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

void latencies_init(struct latencies *l, unsigned long max)
{
	l->at = calloc(max, sizeof(*l->at));
	/* Touch all pages now, not during a measurement */
	memset(l->at, 1, max * sizeof(*l->at));
	l->max = max;
	l->n = 0;
}

static int by_cycles(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

double latencies_percentile(struct latencies *l, double percent)
{
	unsigned long i = l->n * percent / 100;
	u64 spent;

	qsort(l->at, l->n, sizeof(*l->at), by_cycles);
	spent = l->at[min(i, l->n - 1)];
	return (spent - min(spent, cycles_overhead)) * ns_per_cycle;
}
