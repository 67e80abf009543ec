// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads, each a CPU: pairs on the same thread, and mappings that one thread makes and
 * another ends. With fewer cores than threads, the result only shows whether the rate
 * drops.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "bench.h"

#define MAX_THREADS 8
#define REPS 7
/*
 * With at most as many threads as cores: short runs, of which only uninterrupted ones
 * count. With more threads: one longer run, in which the threads share the cores.
 */
#define SHORT_NS 2000000
#define LONG_NS 40000000
#define TRIES 60

struct worker {
	pthread_t thread;
	unsigned int cpu;
	struct device *dev;
	phys_addr_t src;
	unsigned long done;
	u64 cpu_ns;
	u64 spent;		/* cycles, see send_one() */
	long interrupted;
	spinlock_t lock;	/* protects nothing, see lock_and_unlock() */
} __aligned(128);

/* The first worker ends a run: another thread would need a core to do that */
static struct {
	u64 start __aligned(128);
	u64 end;
	u64 next_tick;
	u64 stopped;
	bool stop __aligned(128);
	unsigned int missing __aligned(128);
	unsigned long length;
	void (*fn)(struct worker *w);
} run;

/* Mappings on their way from one thread to the other */
#define RING 256

static struct {
	unsigned long made __aligned(128);
	unsigned long ended __aligned(128);
	unsigned int deep __aligned(128);
	bool alone;		/* without an allocator: cost of the ring */
	size_t size;		/* of the mappings, see send_one() */
	phys_addr_t item[RING];
} ring;

static struct worker workers[MAX_THREADS];

static __always_inline bool go_on(struct worker *w)
{
	u64 now;

	if (w->cpu)
		return !READ_ONCE(run.stop);
	now = cycles();
	if (now > run.next_tick) {
		shim_advance(TICK_MS);
		run.next_tick += TICK_MS * 1000000 / ns_per_cycle;
	}
	if (now < run.end)
		return true;
	run.stopped = now;
	WRITE_ONCE(run.stop, true);
	return false;
}

static __always_inline void pairs(struct worker *w, size_t size)
{
	struct device *dev = w->dev;
	phys_addr_t src = w->src, tlb;
	unsigned long done = 0, i;

	while (go_on(w)) {
		for (i = 0; i < 32; i++) {
			tlb = must_map(dev, src, size, DMA_TO_DEVICE);
			do_unmap(dev, tlb, size, DMA_TO_DEVICE);
		}
		done += 32;
	}
	w->done = done;
}

static void map_and_unmap(struct worker *w)
{
	pairs(w, SZ_4K);
}

/* Three slots: no magazine has such buffers, they come from the area of the CPU */
static void map_and_unmap_odd(struct worker *w)
{
	pairs(w, 3 * IO_TLB_SIZE);
}

/* Take only private locks, to measure the best possible scaling on this machine */
static void lock_and_unlock(struct worker *w)
{
	unsigned long done = 0, i, flags;

	while (go_on(w)) {
		for (i = 0; i < 64; i++) {
			spin_lock_irqsave(&w->lock, flags);
			spin_unlock_irqrestore(&w->lock, flags);
		}
		done += 32;
	}
	w->done = done;
}

/* Spin rather than sleep: a thread that must be woken up begins late */
static void wait_for_all(void)
{
	__atomic_fetch_sub(&run.missing, 1, __ATOMIC_SEQ_CST);
	while (READ_ONCE(run.missing)) {
		cpu_relax();
		if (shim_oversubscribed)
			sched_yield();
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct rusage before, after;

	pin_to_core(w->cpu);
	shim_set_cpu(w->cpu);
	wait_for_all();
	getrusage(RUSAGE_THREAD, &before);
	w->cpu_ns = cpu_ns();
	if (!w->cpu) {
		run.start = cycles();
		run.next_tick = run.start;
		run.end = run.start + run.length;
	}
	run.fn(w);
	w->cpu_ns = cpu_ns() - w->cpu_ns;
	getrusage(RUSAGE_THREAD, &after);
	w->interrupted = after.ru_nivcsw - before.ru_nivcsw;
	return NULL;
}

/* The CPU time of a thread that lost its core, or began early, differs from the run time */
static bool undisturbed(const struct worker *w, double wall_ns)
{
	return !w->interrupted && w->cpu_ns > 0.95 * wall_ns &&
	       w->cpu_ns < 1.05 * wall_ns;
}

/* Returns operations per microsecond of all threads; @quiet: set if undisturbed */
static double run_once(unsigned int n, void (*fn)(struct worker *w), bool *quiet)
{
	unsigned long done = 0;
	double wall_ns;
	unsigned int i;
	u64 cpu = 0;

	between_reps();
	shim_oversubscribed = n > ncores();
	run.stop = false;
	run.fn = fn;
	run.missing = n;
	ring.made = 0;
	ring.ended = 0;
	run.length = (bench_tiny ? 50000 : shim_oversubscribed ? LONG_NS : SHORT_NS) /
		     ns_per_cycle;
	for (i = 0; i < n; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	wall_ns = (run.stopped - run.start) * ns_per_cycle;
	*quiet = true;
	for (i = 0; i < n; i++) {
		done += workers[i].done;
		cpu += workers[i].cpu_ns;
		*quiet &= undisturbed(&workers[i], wall_ns);
	}
	/* The threads did not have all cores if other processes ran */
	if (shim_oversubscribed)
		return done * 1000.0 / cpu * ncores();
	return done * 1000.0 / wall_ns;
}

/* Returns the rate of the first quiet run, or of the last run if none is quiet */
static double rate(unsigned int n, void (*fn)(struct worker *w))
{
	unsigned int tries = n > ncores() ? 1 : TRIES;
	bool quiet = false;
	double one = 0;

	/* On a busy machine, one of two threads may not even begin in an instant */
	while (bench_tiny && !one)
		one = run_once(n, fn, &quiet);
	while (!bench_tiny && tries-- && !quiet)
		one = run_once(n, fn, &quiet);
	return one;
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

/* Measure each number of threads in turn, so that noise affects all */
static void compare(const char *name, void (*fn)(struct worker *w),
		    const u8 *counts, unsigned int n, unsigned int of,
		    unsigned int over)
{
	unsigned int reps = bench_tiny ? 1 : REPS, i, rep;
	double rates[4][REPS], ratios[REPS];

	for (rep = 0; rep < reps; rep++) {
		for (i = 0; i < n; i++)
			rates[i][rep] = rate(counts[i], fn);
		ratios[rep] = rates[of][rep] / rates[over][rep];
	}
	emit(median_of(ratios, reps), "threads/%s/%u-over-%u", name, counts[of],
	     counts[over]);
	for (i = 0; i < n; i++)
		emit(median_of(rates[i], reps), "threads/%s/%u", name, counts[i]);
}

static void restricted_device_for_all(void)
{
	phys_addr_t base = shim_take_ram(SZ_64M);
	struct device *dev = restricted_device(base, SZ_64M, "bench");
	unsigned int i;

	for (i = 0; i < MAX_THREADS; i++)
		workers[i].dev = dev;
}

BENCH_GROUP(threads2, NULL, 2)
{
	static const u8 counts[] = { 1, 2 };

	if (ncores() < 2)
		return;
	init_workers();
	compare("alone", lock_and_unlock, counts, 2, 1, 0);
	compare("shared", map_and_unmap, counts, 2, 1, 0);
	compare("areas", map_and_unmap_odd, counts, 2, 1, 0);
	own_devices();
	compare("own", map_and_unmap, counts, 2, 1, 0);
	restricted_device_for_all();
	compare("restricted", map_and_unmap, counts, 2, 1, 0);
}

BENCH_GROUP(threads8, NULL, 8)
{
	static const u8 counts[] = { 1, 2, 4, 8 };

	if (ncores() < 2)
		return;
	init_workers();
	compare("many", map_and_unmap, counts, 4, 3, 1);
}

/* ---- map on one thread, unmap on another */

static void produce_one(struct worker *w, unsigned long *made,
			unsigned long *ended)
{
	phys_addr_t tlb = ring.alone ? w->src :
			  must_map(w->dev, w->src, SZ_4K, DMA_TO_DEVICE);

	ring.item[*made % RING] = tlb;
	/* Write the item before counting it as made */
	smp_store_release(&ring.made, ++*made);
	while (*made - *ended >= ring.deep) {
		/* The other thread has read the item that is overwritten next */
		*ended = smp_load_acquire(&ring.ended);
		if (*made - *ended >= ring.deep)
			cpu_relax();
	}
}

static void produce(struct worker *w)
{
	unsigned long made = 0, ended = 0, i;

	while (go_on(w))
		for (i = 0; i < 16; i++)
			produce_one(w, &made, &ended);
	w->done = READ_ONCE(ring.ended);
}

/* Call @end for each item, until all items that were made have ended */
static __always_inline void end_all(struct worker *w,
				    void (*end)(struct worker *w, unsigned long item))
{
	unsigned long made = 0, ended = 0;

	while (!READ_ONCE(run.stop) || ended != READ_ONCE(ring.made)) {
		if (made == ended)
			/* Pairs with the release in produce_one(): the items that are counted can be read */
			made = smp_load_acquire(&ring.made);
		if (made == ended) {
			cpu_relax();
			continue;
		}
		end(w, ended);
		/* Read the item before its place is reused */
		smp_store_release(&ring.ended, ++ended);
	}
	w->done = 0;
}

static void unmap_item(struct worker *w, unsigned long item)
{
	if (!ring.alone)
		do_unmap(w->dev, ring.item[item % RING], SZ_4K, DMA_TO_DEVICE);
}

static void consume(struct worker *w)
{
	end_all(w, unmap_item);
}

static void hand_over(struct worker *w)
{
	if (w->cpu)
		consume(w);
	else
		produce(w);
}

static double ring_ns(unsigned int deep, bool alone)
{
	unsigned int reps = bench_tiny ? 1 : REPS, i;
	double ns[REPS];

	ring.deep = deep;
	ring.alone = alone;
	for (i = 0; i < reps; i++)
		ns[i] = 1000 / rate(2, hand_over);
	return median_of(ns, reps);
}

BENCH_GROUP(ring, NULL, 2)
{
	if (ncores() < 2)
		return;
	init_workers();
	emit(ring_ns(1, true), "ring/1/alone");
	emit(ring_ns(256, true), "ring/256/alone");
	emit(ring_ns(16, false), "ring/16");
	emit(ring_ns(256, false), "ring/256");
}

#ifndef SHIM_NO_COPY

/* ---- one thread maps, another one plays the device and reads the data */

static void unmap_oldest(struct worker *w, unsigned long *ended)
{
	u64 from;

	/* The other thread has read the data before it is unmapped */
	while (*ended == smp_load_acquire(&ring.ended))
		cpu_relax();
	from = cycles();
	do_unmap(w->dev, ring.item[(*ended)++ % RING], ring.size, DMA_TO_DEVICE);
	w->spent += cycles() - from;
}

static void send_one(struct worker *w, unsigned long *made, unsigned long *ended)
{
	u64 from = cycles();
	phys_addr_t tlb = must_map(w->dev, w->src, ring.size, DMA_TO_DEVICE);

	w->spent += cycles() - from;
	ring.item[*made % RING] = tlb;
	/* Write the item before counting it as made */
	smp_store_release(&ring.made, ++*made);
	if (*made - *ended >= ring.deep)
		unmap_oldest(w, ended);
}

static void send_all(struct worker *w)
{
	unsigned long made = 0, ended = 0;

	w->spent = 0;
	while (go_on(w))
		send_one(w, &made, &ended);
	while (ended != made)
		unmap_oldest(w, &ended);
	w->done = made;
}

static void read_item(struct worker *w, unsigned long item)
{
	const char *at = phys_to_virt(ring.item[item % RING]);
	size_t i;

	for (i = 0; i < ring.size; i += SMP_CACHE_BYTES)
		(void)READ_ONCE(at[i]);
}

/* Read all items; an item that was read may be unmapped */
static void read_all(struct worker *w)
{
	end_all(w, read_item);
}

static void send_and_read(struct worker *w)
{
	if (w->cpu)
		read_all(w);
	else
		send_all(w);
}

/* Time of a map and unmap, without waiting for the other thread */
static double read_ns(size_t size, unsigned int deep)
{
	unsigned int reps = bench_tiny ? 1 : REPS, i;
	double ns[REPS];

	ring.size = size;
	ring.deep = deep;
	for (i = 0; i < reps; i++) {
		rate(2, send_and_read);
		ns[i] = workers[0].spent * ns_per_cycle / workers[0].done -
			2 * cycles_overhead * ns_per_cycle;
	}
	return median_of(ns, reps);
}

BENCH_GROUP(read, NULL, 2)
{
	static const u32 sizes[] = { SZ_4K, SZ_64K };
	static const u8 depths[] = { 1, 64 };
	unsigned int i, j;

	if (ncores() < 2)
		return;
	init_workers();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < ARRAY_SIZE(depths); j++)
			emit(read_ns(sizes[i], depths[j]), "read/%u/%u", sizes[i],
			     depths[j]);
}

#endif
