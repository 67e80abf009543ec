// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of operations on the engine and, in parallel, on the reference.
 *
 * A case is a seed, which determines the layout of the pool, the devices and a list of
 * operations. The meaning of an operation depends on the state ("unmap the n-th live
 * mapping"), so any part of a list is a valid list, and a failing list can be shortened.
 * Each list runs in a separate process.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "oracle.h"

#define OPS_PER_CASE 40000

static const char *const family_names[] = {
	"plain", "restricted", "growing", "segments", "reach", "mems", "waiting", "large",
	"own",
};

/* Cost of an operation of the slower families, as a multiple of that of others */
static const unsigned int family_costs[ORACLE_NFAMILIES] = {
	[ORACLE_WAITING] = 4, [ORACLE_LARGE] = 20, [ORACLE_OWN] = 8,
};

static unsigned int ops_per_case(enum oracle_family family)
{
	return OPS_PER_CASE / max(family_costs[family], 1U);
}

struct run {
	struct oracle_case c;
	struct op *ops;
	unsigned int nops;
};

/* Shared with the child that runs a list */
struct progress {
	unsigned int at;	/* current operation */
	struct oracle_stats stats;
	char what[512];
};
static struct progress *progress;
static bool no_shrink;

static void list_ops(const struct run *r)
{
	unsigned int i;

	for (i = 0; i < r->nops; i++)
		oracle_print_op(&r->ops[i]);
}

/* Run in a child: all operations, then the final checks */
static void run_list(const struct run *r)
{
	unsigned int i;

	oracle_begin(&r->c);
	for (i = 0; i < r->nops && !check_failures(); i++) {
		progress->at = i;
		oracle_step(&r->ops[i]);
	}
	progress->at = i;
	if (!check_failures())
		oracle_end();
	progress->stats = oracle_stats;
}

/* Returns true if the list passes. @quiet: discard the output of the child. */
static bool passes(const struct run *r, bool quiet)
{
	int status;
	pid_t pid;

	fflush(stdout);
	memset(progress, 0, sizeof(*progress));
	pid = fork();
	BUG_ON(pid < 0);
	if (!pid) {
		if (quiet) {
			freopen("/dev/null", "w", stdout);
			freopen("/dev/null", "w", stderr);
		}
		alarm(120);
		run_list(r);
		end_process(check_failures() != 0);
	}
	BUG_ON(waitpid(pid, &status, 0) != pid);
	if (status && !quiet)
		printf("# operation %u of %u; status 0x%x\n", progress->at, r->nops,
		       status);
	return !status;
}

static void without(const struct run *r, unsigned int from, unsigned int n,
		    struct run *out)
{
	out->c = r->c;
	out->nops = r->nops - n;
	memcpy(out->ops, r->ops, from * sizeof(*r->ops));
	memcpy(out->ops + from, r->ops + from + n,
	       (r->nops - from - n) * sizeof(*r->ops));
}

/* Remove operations that the failure does not need: half of the list at once, then less */
static void shrink(struct run *r)
{
	struct run less = { .ops = malloc(r->nops * sizeof(*r->ops)) };
	unsigned int piece, from, tries = 0;

	if (progress->at + 1 < r->nops)
		r->nops = progress->at + 1;
	for (piece = r->nops / 2; piece; piece = piece > 1 ? piece / 2 : 0) {
		for (from = 0; from + piece <= r->nops && tries < 2000; tries++) {
			without(r, from, piece, &less);
			if (passes(&less, true)) {
				from += piece;
				continue;
			}
			r->nops = less.nops;
			memcpy(r->ops, less.ops, r->nops * sizeof(*r->ops));
		}
	}
	free(less.ops);
}

static void show_short_list(struct run *r)
{
	shrink(r);
	printf("# the shortest list that still fails, %u operations:\n", r->nops);
	if (r->nops <= 60)
		list_ops(r);
	passes(r, false);
}

static const char *known_fault(enum oracle_family family)
{
	char name[32];

	snprintf(name, sizeof(name), "oracle_%s", family_names[family]);
	return harness_known_fault(name);
}

static bool run_case(enum oracle_family family, u64 seed, unsigned int nops,
		     struct oracle_stats *sum)
{
	struct run r = { .ops = malloc(nops * sizeof(struct op)), .nops = nops };
	bool ok;

	oracle_make_case(&r.c, family, seed);
	oracle_make_ops(&r.c, r.ops, nops);
	ok = passes(&r, false);
	oracle_add_stats(sum, &progress->stats);
	if (!ok) {
		printf("# FAILED: seed %llu of family %s: %s\n", seed,
		       family_names[family], r.c.describe);
		printf("# replay: make oracle SEED=%llu FAMILY=%s OPS=%u\n", seed,
		       family_names[family], nops);
		if (!no_shrink && !known_fault(family))
			show_short_list(&r);
	}
	free(r.ops);
	return ok;
}

struct worker { pid_t pid; int from; };

/* Run cases @first, @first + @step, ... until one fails */
static bool run_cases(enum oracle_family family, u64 seed, unsigned long ncases,
		      unsigned int first, unsigned int step,
		      struct oracle_stats *sum)
{
	unsigned long i;

	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = first; i < ncases; i += step)
		if (!run_case(family, seed + i, ops_per_case(family), sum))
			return false;
	return true;
}

static bool run_family(enum oracle_family family, u64 seed, unsigned long ops,
		       unsigned int jobs)
{
	unsigned long ncases = DIV_ROUND_UP(ops, OPS_PER_CASE);
	struct oracle_stats *sums, sum = { 0 };
	bool ok = true;
	unsigned int i;
	int status;

	sums = mmap(NULL, jobs * sizeof(*sums), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	for (i = 0; i < jobs; i++) {
		pid_t pid = fork();

		BUG_ON(pid < 0);
		if (!pid) {
			ok = run_cases(family, seed, ncases, i, jobs, &sums[i]);
			end_process(!ok);
		}
	}
	while (wait(&status) > 0)
		ok = ok && !status;
	for (i = 0; i < jobs; i++)
		oracle_add_stats(&sum, &sums[i]);
	munmap(sums, jobs * sizeof(*sums));
	printf("# %s: seeds %llu to %llu\n", family_names[family], seed,
	       seed + ncases - 1);
	oracle_print_stats(&sum);
	if (ok && !sum.maps)
		printf("# nothing was mapped\n");
	return ok && sum.maps;
}

/* With -q, skip families that are known to fail */
static bool is_selected(enum oracle_family family, int only)
{
	return oracle_has_family(family) && (only < 0 || only == (int)family) &&
	       !(no_shrink && known_fault(family));
}

static void usage(const char *prog)
{
	printf("usage: %s [-n operations] [-s seed] [-j jobs] [-f family]\n"
	       "       %s -r seed -f family [-n operations]\n"
	       "  -n  operations in all families together (default: 2000000)\n"
	       "  -s  first seed (default: 1); each case has the next\n"
	       "  -j  processes (default: 2)\n"
	       "  -f  one of plain, restricted, growing, segments, reach, mems, waiting, large,\n"
	       "      own (default: all)\n"
	       "  -q  do not make a failing list short, and stop at the first\n"
	       "  -r  replay one case\n", prog, prog);
}

int main(int argc, char **argv)
{
	unsigned long ops = 2000000;
	unsigned int jobs = 2, nr = 0, passed = 0, families = 0;
	struct oracle_stats sum = { 0 };
	int opt, f, only = -1;
	u64 seed = 1, replay = 0;

#ifdef KNOWN_FAULTS
	harness_known_faults = KNOWN_FAULTS;
#endif
	while ((opt = getopt(argc, argv, "n:s:j:f:r:qh")) != -1) {
		switch (opt) {
		case 'n': ops = strtoul(optarg, NULL, 0); break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'j': jobs = max_t(int, atoi(optarg), 1); break;
		case 'q': no_shrink = true; break;
		case 'r': replay = strtoull(optarg, NULL, 0); break;
		case 'f':
			only = match_string(family_names, ORACLE_NFAMILIES, optarg);
			if (only >= 0)
				break;
			fallthrough;
		default: usage(argv[0]); return opt == 'h' ? 0 : 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	shim_init();
	if (replay) {
		if (only < 0) {
			usage(argv[0]);
			return 2;
		}
		progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		return !run_case(only, replay,
				 ops == 2000000 ? ops_per_case(only) : ops, &sum);
	}

	for (f = 0; f < ORACLE_NFAMILIES; f++)
		families += is_selected(f, only);
	printf("KTAP version 1\n1..%u\n", families);
	/* With -q, stop after the first family that fails */
	for (f = 0; f < ORACLE_NFAMILIES && (passed == nr || !no_shrink); f++) {
		const char *fault = known_fault(f);
		bool ok;

		if (!is_selected(f, only))
			continue;
		ok = run_family(f, seed, ops / families, jobs);
		if (ok && fault)
			printf("# oracle_%s: passes, remove it from %s\n", family_names[f],
			       harness_known_faults);
		passed += ok == !fault;
		printf("%sok %u oracle_%s%s%s\n", ok && !fault ? "" : "not ", ++nr,
		       family_names[f], ok || !fault ? "" : " # TODO ",
		       ok || !fault ? "" : fault);
	}
	printf("# %u passed, %u failed\n", passed, nr - passed);
	return passed != nr;
}
