// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads, each a CPU: pairs of their own, and mappings that one makes and
 * another ends. With fewer cores than threads, nothing is learned but whether
 * the rate keeps up.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench.h"

#define MAX_THREADS 8
#define REPS 7
#define RUN_US 30000

struct worker {
	pthread_t thread;
	unsigned int cpu;
	struct device *dev;
	phys_addr_t src;
	unsigned long done;
} __aligned(128);

static struct worker workers[MAX_THREADS];
static pthread_barrier_t start __aligned(128);
static bool stop __aligned(128);

static void *map_and_unmap(void *arg)
{
	struct worker *w = arg;
	struct device *dev = w->dev;
	phys_addr_t src = w->src, tlb;
	unsigned long done = 0, i;

	pin_to_core(w->cpu);
	shim_set_cpu(w->cpu);
	pthread_barrier_wait(&start);
	while (!READ_ONCE(stop)) {
		for (i = 0; i < 32; i++) {
			tlb = must_map(dev, src, SZ_4K, DMA_TO_DEVICE);
			do_unmap(dev, tlb, SZ_4K, DMA_TO_DEVICE);
		}
		done += 32;
	}
	w->done = done;
	return NULL;
}

/* Run for a while: things done in a microsecond, by all threads */
static double rate(unsigned int n, void *(*fn)(void *))
{
	unsigned long done = 0;
	unsigned int i;
	u64 from, spent;

	between_reps();
	shim_oversubscribed = n > ncores();
	stop = false;
	pthread_barrier_init(&start, NULL, n + 1);
	for (i = 0; i < n; i++)
		pthread_create(&workers[i].thread, NULL, fn, &workers[i]);
	pthread_barrier_wait(&start);
	from = now_ns();
	usleep(bench_tiny ? 500 : RUN_US);
	WRITE_ONCE(stop, true);
	spent = now_ns() - from;
	for (i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
	}
	return done * 1000.0 / spent;
}

static void init_workers(void)
{
	unsigned int i;

	for (i = 0; i < MAX_THREADS; i++) {
		workers[i].cpu = i;
		workers[i].dev = bench_dev;
		workers[i].src = shim_take_ram(SZ_64K);
		memset(phys_to_virt(workers[i].src), i, SZ_64K);
	}
}

static void own_devices(void)
{
	unsigned int i;

	for (i = 0; i < MAX_THREADS; i++)
		workers[i].dev = new_device(0, 0);
}

/* Rates of each number of threads, one after the other, so that noise hits all */
static void compare(const char *name, const u8 *counts, unsigned int n,
		    unsigned int of, unsigned int over)
{
	unsigned int reps = bench_tiny ? 1 : REPS, i, rep;
	double rates[4][REPS], ratios[REPS];

	for (rep = 0; rep < reps; rep++) {
		for (i = 0; i < n; i++)
			rates[i][rep] = rate(counts[i], map_and_unmap);
		ratios[rep] = rates[of][rep] / rates[over][rep];
	}
	emit(median_of(ratios, reps), "threads/%s/%u-over-%u", name, counts[of],
	     counts[over]);
	for (i = 0; i < n; i++)
		emit(median_of(rates[i], reps), "threads/%s/%u", name, counts[i]);
}

BENCH_GROUP(threads2, NULL, 2)
{
	static const u8 counts[] = { 1, 2 };

	if (ncores() < 2)
		return;
	init_workers();
	ticker_start();
	compare("shared", counts, 2, 1, 0);
	own_devices();
	compare("own", counts, 2, 1, 0);
	ticker_stop();
}

BENCH_GROUP(threads8, NULL, 8)
{
	static const u8 counts[] = { 1, 2, 4, 8 };

	if (ncores() < 2)
		return;
	init_workers();
	ticker_start();
	compare("many", counts, 4, 3, 1);
	ticker_stop();
}

/* ---- map here, unmap there */

#define RING 256

static struct {
	unsigned long made __aligned(128);
	unsigned long ended __aligned(128);
	unsigned int deep __aligned(128);
	bool alone;		/* without an allocator: what the ring costs */
	phys_addr_t item[RING];
} ring;

static void produce(struct worker *w)
{
	unsigned long made = 0, ended = 0;
	phys_addr_t tlb;

	while (!READ_ONCE(stop)) {
		tlb = ring.alone ? w->src :
		      must_map(w->dev, w->src, SZ_4K, DMA_TO_DEVICE);
		ring.item[made % RING] = tlb;
		smp_store_release(&ring.made, ++made);
		while (made - ended >= ring.deep) {
			ended = smp_load_acquire(&ring.ended);
			if (made - ended >= ring.deep)
				cpu_relax();
		}
	}
	w->done = made;
}

/* Goes on until it has ended all that were made */
static void consume(struct worker *w)
{
	unsigned long made = 0, ended = 0;

	while (!READ_ONCE(stop) || ended != smp_load_acquire(&ring.made)) {
		if (made == ended)
			made = smp_load_acquire(&ring.made);
		if (made == ended) {
			cpu_relax();
			continue;
		}
		if (!ring.alone)
			do_unmap(w->dev, ring.item[ended % RING], SZ_4K,
				 DMA_TO_DEVICE);
		smp_store_release(&ring.ended, ++ended);
	}
	w->done = 0;
}

static void *hand_over(void *arg)
{
	struct worker *w = arg;

	pin_to_core(w->cpu);
	shim_set_cpu(w->cpu);
	pthread_barrier_wait(&start);
	if (w->cpu)
		consume(w);
	else
		produce(w);
	return NULL;
}

static double ring_ns(unsigned int deep, bool alone)
{
	unsigned int reps = bench_tiny ? 1 : REPS, i;
	double ns[REPS];

	ring.deep = deep;
	ring.alone = alone;
	for (i = 0; i < reps; i++) {
		ring.made = 0;
		ring.ended = 0;
		ns[i] = 1000 / rate(2, hand_over);
	}
	return median_of(ns, reps);
}

BENCH_GROUP(ring, NULL, 2)
{
	if (ncores() < 2)
		return;
	init_workers();
	ticker_start();
	emit(ring_ns(256, true), "ring/256/alone");
	emit(ring_ns(16, false), "ring/16");
	emit(ring_ns(256, false), "ring/256");
	ticker_stop();
}
