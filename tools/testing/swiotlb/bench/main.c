// SPDX-License-Identifier: GPL-2.0-only
/* One group of rows: boot, measure, print. */
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"

extern const struct bench_group __start_bench_groups[];
extern const struct bench_group __stop_bench_groups[];

bool bench_tiny;

void emit(double value, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" %.6g\n", value);
	fflush(stdout);
}

static int explain(const char *prog)
{
	const struct bench_group *g;

	printf("usage: %s [-t] group\n"
	       "  -t  only an instant each: is everything there?\n"
	       "Groups:", prog);
	for (g = __start_bench_groups; g < __stop_bench_groups; g++)
		printf(" %s", g->name);
	printf("\n");
	return 2;
}

static const struct bench_group *find_group(const char *name)
{
	const struct bench_group *g;

	for (g = __start_bench_groups; g < __stop_bench_groups; g++)
		if (!strcmp(g->name, name))
			return g;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct bench_group *g;
	int opt;

	while ((opt = getopt(argc, argv, "t")) != -1) {
		if (opt != 't')
			return explain(argv[0]);
		bench_tiny = true;
	}
	g = optind + 1 == argc ? find_group(argv[optind]) : NULL;
	if (!g)
		return explain(argv[0]);

	ncores();
	pin_to_core(0);
	shim_nr_cpus = g->ncpus;
	shim_init();
	timing_init();
	if (g->grows)
		boot(g->swiotlb);
	else
		boot_fixed(g->swiotlb, NULL);
	load_init();
	g->run();
	return 0;
}
