// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure how long a cache line takes from one CPU to another: handover CPU CPU.
 *
 * Two threads, bound to these CPUs, increment a counter in turn. Prints the nanoseconds
 * of one turn, as the median of short rounds, so that rounds in which the host ran
 * another task hardly matter.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS	21
#define TURNS	2000

static unsigned int counter __attribute__((aligned(128)));

static int bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* Take the odd turns if @odd is 1 or the even ones if it is 0, until the end of @turns. */
static void play(unsigned int odd, unsigned int turns)
{
	unsigned int now;

	do {
		now = __atomic_load_n(&counter, __ATOMIC_ACQUIRE);
		if (now < turns && now % 2 == odd)
			__atomic_store_n(&counter, now + 1, __ATOMIC_RELEASE);
	} while (now < turns);
}

static void *partner(void *cpu)
{
	if (bind_to(*(int *)cpu))
		exit(2);
	play(1, ROUNDS * TURNS);
	return NULL;
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	double ns[ROUNDS];
	pthread_t thread;
	int i, other;

	if (argc != 3) {
		fprintf(stderr, "usage: %s CPU CPU\n", argv[0]);
		return 1;
	}
	other = atoi(argv[2]);
	if (bind_to(atoi(argv[1])) || pthread_create(&thread, NULL, partner, &other)) {
		perror("handover");
		return 2;
	}
	for (i = 0; i < ROUNDS; i++) {
		double start = now_ns();

		play(0, (i + 1) * TURNS);
		ns[i] = (now_ns() - start) / TURNS;
	}
	pthread_join(thread, NULL);
	qsort(ns, ROUNDS, sizeof(*ns), compare);
	printf("%.1f\n", ns[ROUNDS / 2]);
	return 0;
}
