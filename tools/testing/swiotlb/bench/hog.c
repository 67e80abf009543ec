// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk with 4 jobs of 256 requests of 64 KiB needs all bounce buffers. Beside it, another
 * disk has 1 job of 4 KiB, and a network card has a ring of 256 buffers. One thread acts as
 * each device in turn, on simulated CPUs of the device: they compete for bounce buffers, but
 * not for the CPUs of this host. Only their maps and unmaps are timed.
 */
#include <stdlib.h>
#include "bench.h"

#ifdef SHIM_NO_COPY

#ifndef ENGINE_ours
#define swiotlb_device_allocate(dev, nqueues, bytes) ((void)(dev))
#endif

/* Size for which the allocator of a device is made: that of the largest request */
#define MOST_BYTES SZ_64K
#define WARM_UP 1000
#define STEPS 4000
/* In each step, the hog completes up to 8 MiB */
#define STEPS_A_JIFFY 2
#define TURNS 4

/**
 * struct player - a device
 * @name:	Name of its values.
 * @size:	Bytes of a request.
 * @njobs:	Jobs, each on a CPU of its own, with a queue.
 * @depth:	Requests that a job wants in flight.
 * @each:	Requests that complete in a step, oldest first.
 * @dir:	Direction.
 * @cpu:	CPU of the first job.
 * @dev:	The device.
 * @tlbs:	Its requests in flight; MAP_FAILED_ADDR for one that waits.
 * @next:	The next to complete.
 * @mapped:	Maps that found room.
 * @failed:	Maps that found none.
 * @steps:	Time of all maps and unmaps of a step, in every other step.
 * @maps:	Times of single maps, in the steps between.
 */
struct player {
	const char *name;
	size_t size;
	unsigned int njobs, depth, each;
	enum dma_data_direction dir;
	unsigned int cpu;
	struct device *dev;
	phys_addr_t *tlbs;
	unsigned int next;
	unsigned long mapped, failed;
	struct latencies steps, maps;
};

static struct player hog = { "hog", SZ_64K, 4, 256, 128, DMA_TO_DEVICE, 0 };
static struct player victims[] = {
	{ "disk", SZ_4K, 1, 32, 32, DMA_TO_DEVICE, 4 },
	{ "ring", SZ_2K, 1, 256, 64, DMA_FROM_DEVICE, 5 },
};

static unsigned int nrequests(const struct player *p)
{
	return p->njobs * p->depth;
}

static void player_init(struct player *p)
{
	unsigned int i;

	p->dev = new_device(0, 0);
	swiotlb_device_allocate(p->dev, p->njobs, (size_t)nrequests(p) * MOST_BYTES);
	p->tlbs = calloc(nrequests(p), sizeof(*p->tlbs));
	for (i = 0; i < nrequests(p); i++)
		p->tlbs[i] = MAP_FAILED_ADDR;
	latencies_init(&p->steps, STEPS / 2);
	latencies_init(&p->maps, (unsigned long)STEPS / 2 * (p->each + p->njobs));
}

static u64 complete_some(struct player *p)
{
	u64 from = cycles();
	unsigned int i, n;

	for (n = 0; n < p->each; n++) {
		i = p->next++ % nrequests(p);
		if (p->tlbs[i] == MAP_FAILED_ADDR)
			continue;
		shim_set_cpu(p->cpu + i % p->njobs);
		do_unmap(p->dev, p->tlbs[i], p->size, p->dir);
		p->tlbs[i] = MAP_FAILED_ADDR;
	}
	return cycles() - from;
}

/* Start the waiting requests of a job, until a map fails */
static __always_inline void start_job(struct player *p, unsigned int job, bool singly)
{
	unsigned int i;
	u64 from = 0;

	shim_set_cpu(p->cpu + job);
	for (i = job; i < nrequests(p); i += p->njobs) {
		if (p->tlbs[i] != MAP_FAILED_ADDR)
			continue;
		if (singly)
			from = cycles();
		p->tlbs[i] = try_map(p->dev, bench_src, p->size, p->dir);
		if (singly)
			latencies_add(&p->maps, cycles() - from);
		if (p->tlbs[i] == MAP_FAILED_ADDR) {
			p->failed++;
			return;
		}
		p->mapped++;
	}
}

/* Reading the clock for each map would take as long as a map: time single maps separately */
static void start_all(struct player *p, u64 spent, bool singly)
{
	u64 from = cycles();
	unsigned int job;

	for (job = 0; job < p->njobs; job++) {
		if (singly)
			start_job(p, job, true);
		else
			start_job(p, job, false);
	}
	if (!singly)
		latencies_add(&p->steps, spent + cycles() - from);
}

enum who { VICTIMS, BOTH, HOG };

/* Victims complete requests before the hog does, but start new ones after the hog */
static void play(unsigned int steps, enum who who)
{
	u64 spent[ARRAY_SIZE(victims)];
	unsigned int v;
	bool singly;

	while (steps--) {
		singly = steps / STEPS_A_JIFFY % 2;
		for (v = 0; v < ARRAY_SIZE(victims); v++)
			spent[v] = complete_some(&victims[v]);
		if (who != VICTIMS)
			start_all(&hog, complete_some(&hog), singly);
		for (v = 0; v < ARRAY_SIZE(victims) && who != HOG; v++)
			start_all(&victims[v], spent[v], singly);
		if (steps % STEPS_A_JIFFY)
			continue;
		shim_advance(1);
		shim_run_work();
	}
}

static void begin(struct player *p)
{
	p->mapped = 0;
	p->failed = 0;
	p->steps.n = 0;
	p->maps.n = 0;
}

/*
 * Nanoseconds of all steps. The slowest 1% may have been interrupted: they count as the average
 * of the others.
 */
static double spent(struct latencies *l)
{
	unsigned long i, n = l->n - l->n / 100;
	double sum = 0;

	latencies_percentile(l, 50);
	for (i = 0; i < n; i++)
		sum += l->at[i];
	return sum * ns_per_cycle * l->n / n;
}

static void player_emit(struct player *p, unsigned int turn, const char *how)
{
	/* Half of the maps were in the steps that were timed as a whole */
	emit(500 * p->mapped / spent(&p->steps), "hog/%s/%s/%u/rate", p->name, how, turn);
	emit(latencies_percentile(&p->maps, 99), "hog/%s/%s/%u/p99", p->name, how, turn);
	emit(100.0 * p->failed / (p->mapped + p->failed), "hog/%s/%s/%u/failed", p->name, how,
	     turn);
}

static void complete_all(struct player *p)
{
	unsigned int i;

	for (i = 0; i < nrequests(p) / p->each; i++)
		complete_some(p);
}

/* Nothing is in flight for half a minute: memory that was added is freed */
static void rest(void)
{
	unsigned int v, i;

	complete_all(&hog);
	for (v = 0; v < ARRAY_SIZE(victims); v++)
		complete_all(&victims[v]);
	for (i = 0; i < 60; i++) {
		shim_advance(HZ / 2);
		shim_run_work();
	}
}

/* The hog, if it takes part, fills the pools before the others begin */
static void timed(unsigned int turn, bool beside)
{
	unsigned int v, warm_up = bench_tiny ? 8 : WARM_UP;

	rest();
	if (beside)
		play(warm_up, HOG);
	play(warm_up, beside ? BOTH : VICTIMS);
	begin(&hog);
	for (v = 0; v < ARRAY_SIZE(victims); v++)
		begin(&victims[v]);
	play(bench_tiny ? 8 : STEPS, beside ? BOTH : VICTIMS);
	for (v = 0; v < ARRAY_SIZE(victims); v++)
		player_emit(&victims[v], turn, beside ? "beside" : "alone");
	if (beside)
		player_emit(&hog, turn, "beside");
}

static void play_all(void)
{
	unsigned int v, turn;

	player_init(&hog);
	for (v = 0; v < ARRAY_SIZE(victims); v++)
		player_init(&victims[v]);
	for (turn = 0; turn < (bench_tiny ? 1 : TURNS); turn++) {
		timed(turn, false);
		timed(turn, true);
	}
}

/* 64 MiB as a fixed boot pool, or as the limit of growth */
BENCH_GROUP(hog_fixed, "32768", 8) { play_all(); }
BENCH_GROUP(hog_grows, "2048,max=64M", 8, true) { play_all(); }
BENCH_GROUP(hog_own, "2048,max=64M,own", 8, true) { play_all(); }

#endif
