// SPDX-License-Identifier: GPL-2.0-only
/* The counts as a table, and their limits. */
#include <stdio.h>
#include <stdlib.h>
#include "harness.h"
#include "load.h"

/* Limit of locks, and of lines taken from other CPUs, per mapping */
#define MOST_ACROSS_CPUS 0.1
/* Cells that a magazine needs for this limit: two locks move 7/8 of them, a line holds 16 */
#define LEAST_ROOM 80
/* Lines of metadata for a map and an unmap: allocator, table of pools, pool, record, magazine */
#define MOST_LINES 5
/* The magazine of this class shares a line with the count of the CPU */
#define PAGES_CLASS 1
/* Limit in slots, so that the warm-up ends */
#define MOST_IN_FLIGHT 32768UL
#define STEPS 32768U

static const char *const kind_names[NR_KINDS] = {
	"mem", "pool", "record", "area", "magazine", "depot", "other",
	"device",
};

struct shape {
	unsigned int ncpus;
	unsigned long mib;
	unsigned int mix;
	enum way way;
	unsigned int depth;
	bool shuffled;
};

static unsigned long sum(const unsigned long *of_kind)
{
	unsigned long n = 0;
	unsigned int kind;

	for (kind = 0; kind < NR_KINDS; kind++)
		n += of_kind[kind];
	return n;
}

static void print_head(void)
{
	printf("# CPUs   pool  size          depth magazine | locks  taken record | fetched record\n");
}

/* Print values per mapping, that is, per map and unmap */
static void print_row(const struct load *l, const struct count *c,
		      unsigned long n)
{
	unsigned int class = ilog2(DIV_ROUND_UP(l->mix->size[0], IO_TLB_SIZE));
	unsigned long taken = c->taken[KIND_RECORD];
	unsigned long fetched = c->fetched[KIND_RECORD];

	printf("# %4u %4lu M  %-13s %5u %8u | %5.2f  %5.2f %6.2f | %7.2f %6.2f\n",
	       l->ncpus, load_total() * IO_TLB_SIZE / SZ_1M, l->mix->name, l->depth, load_limit(class),
	       (double)c->locks / n, (double)(sum(c->taken) - taken) / n,
	       (double)taken / n, (double)(sum(c->fetched) - fetched) / n,
	       (double)fetched / n);
}

static void print_fields(const struct count *c, unsigned long n)
{
	const struct field_count *f;

	printf("#      taken at:");
	for (f = c->fields; f->name; f++)
		printf(" %s %.3f%s", f->name, (double)f->n / n,
		       f[1].name ? "," : "\n");
}

/*
 * @moved counts a line once per step, even a record, which an unmap first reads and then
 * writes. With as many nodes as CPUs, each other CPU is far.
 */
static void check_moved(const struct load *l, const struct count *c)
{
	unsigned long most = sum(c->taken) + sum(c->fetched);
	unsigned int i;

	if (c->fetched[KIND_RECORD])
		most--;
	CHECK_MSG(c->moved <= most && !c->moved == !most, "%lu lines moved, %lu at most",
		  c->moved, most);
	for (i = 0; i < NR_NODES; i++) {
		CHECK(c->far[i] <= c->moved);
		if (l->ncpus == count_nodes[i])
			CHECK_EQ(c->far[i], c->moved);
	}
}

static unsigned long measure(const struct load *l, struct count *c,
			     unsigned long n)
{
	/* A queue that other CPUs empty must be full first */
	load_run(l, l->way == WAY_OWN ? 4 * n : l->depth + n);
	count_into(c);
	n = load_run(l, n);
	count_into(NULL);
	print_row(l, c, n);
	check_moved(l, c);
	load_end(l);
	return n;
}

/* Mix the buffers, so that CPUs have buffers from areas of other CPUs */
static void shuffle(const struct load *l)
{
	struct load any = *l;

	any.way = WAY_RANDOM;
	any.depth = min(l->depth * l->ncpus, 256U);
	load_run(&any, 16 * any.depth);
	load_end(&any);
}

/* Check the locks, and the lines taken except for those of records */
static void check_shared_out(const struct load *l, const struct count *c,
			     unsigned long n)
{
	unsigned long taken = sum(c->taken) - c->taken[KIND_RECORD];

	CHECK_MSG(c->locks < n * MOST_ACROSS_CPUS, "%s: %.3f locks a mapping",
		  l->mix->name, (double)c->locks / n);
	CHECK_MSG(taken < n * MOST_ACROSS_CPUS,
		  "%s: %.3f lines taken a mapping, and those of records",
		  l->mix->name, (double)taken / n);
}

/*
 * Mappings that a CPU maps and unmaps itself, and that fit in its magazine, cost other
 * CPUs nothing. Once buffers have migrated, the eight records in a line may belong to
 * several CPUs: these lines are printed, but not checked. Also, a magazine that was left
 * half full may sometimes need the depot, if more than half of its size is in flight.
 */
static void one_own(const void *arg)
{
	const struct shape *s = arg;
	struct load l = {
		.way = WAY_OWN, .mix = &mixes[s->mix], .ncpus = s->ncpus,
		.depth = s->depth,
	};
	struct count c;
	unsigned long n;

	load_boot(s->ncpus, s->mib, 0);
	if (load_slots(&l) > load_total() / 2)
		return;
	if (s->shuffled)
		shuffle(&l);
	n = measure(&l, &c, max(l.depth, 8U));
	if (sum(c.taken))
		print_fields(&c, n);
	if (!load_is_cached(&l))
		return;
	if (s->shuffled) {
		check_shared_out(&l, &c, n);
		return;
	}
	CHECK_EQ(c.locks, 0);
	CHECK_EQ(sum(c.taken), 0);
}

static void own(unsigned int ncpus, unsigned long mib, bool shuffled)
{
	static const unsigned int depths[] = { 1, 16, 64 };
	struct shape s = { .ncpus = ncpus, .mib = mib, .shuffled = shuffled };
	unsigned int d;

	print_head();
	for (s.mix = 0; s.mix < NR_MIXES; s.mix++) {
		for (d = 0; d < ARRAY_SIZE(depths); d++) {
			s.depth = depths[d];
			in_child(one_own, &s, mixes[s.mix].name);
		}
	}
}

/* Queues of a device with its own allocator share no cache line, and take no lock */
static void one_queues(const void *arg)
{
	const struct shape *s = arg;
	struct load l = {
		.way = WAY_OWN, .mix = &mixes[s->mix], .ncpus = s->ncpus,
		.depth = s->depth,
	};
	struct count c;

	load_boot_own(s->ncpus);
	if (!CHECK(load_is_cached(&l)))
		return;
	measure(&l, &c, max(l.depth, 8U));
	CHECK(sum(c.lines) > 0);
	CHECK_EQ(c.locks, 0);
	CHECK_EQ(sum(c.taken), 0);
	CHECK_EQ(c.moved, 0);
}

static void queues(unsigned int ncpus)
{
	struct shape s = { .ncpus = ncpus };

	print_head();
	for (s.mix = 0; s.mix < 2; s.mix++)
		for (s.depth = 1; s.depth <= 8; s.depth *= 8)
			in_child(one_queues, &s, mixes[s.mix].name);
}

TEST(queues_of_a_device_2_cpus) { queues(2); }
TEST(queues_of_a_device_4_cpus) { queues(4); }

/*
 * One CPU maps, another one unmaps. Both write the record of the mapping, so its line is
 * taken from the other CPU once per mapping. All other costs must be spread over many
 * mappings, if magazines hold that many. All magazines together hold an eighth of the
 * pool, so with many CPUs and a small pool, each holds only a few buffers, and needs the
 * depot or its area more often. Such counts are printed, but not checked.
 */
static void one_across(const void *arg)
{
	const struct shape *s = arg;
	struct load l = {
		.way = s->way, .mix = &mixes[s->mix], .ncpus = s->ncpus,
		.depth = 256,
	};
	struct count c;
	unsigned long n;

	load_boot(s->ncpus, s->mib, 0);
	while (l.depth > 1 && load_slots(&l) > min(load_total() / 2, MOST_IN_FLIGHT))
		l.depth /= 2;
	/* Enough to fill and empty each magazine several times */
	if (s->way == WAY_PAIRS)
		n = clamp(STEPS / (s->ncpus / 2), 128U, 1024U);
	else
		n = max(256 * s->ncpus, 4096U);
	n = measure(&l, &c, n);
	if (sum(c.taken))
		print_fields(&c, n);
	if (!load_has_room(&l, LEAST_ROOM))
		return;
	check_shared_out(&l, &c, n);
}

static void across(enum way way, unsigned int ncpus, unsigned long mib, bool large)
{
	struct shape s = { .ncpus = ncpus, .mib = mib, .way = way };

	print_head();
	for (s.mix = 0; s.mix < NR_MIXES; s.mix++)
		if (large == (mixes[s.mix].size[0] > SZ_4K))
			in_child(one_across, &s, mixes[s.mix].name);
}

/* The magazine holds @depth buffers before the map, and again after the unmap */
static void one_lines(const void *arg)
{
	const struct shape *s = arg;
	struct load deep = {
		.way = WAY_OWN, .mix = &mixes[s->mix], .ncpus = s->ncpus,
		.depth = s->depth,
	};
	struct load l = deep;
	unsigned int class = ilog2(DIV_ROUND_UP(l.mix->size[0], IO_TLB_SIZE));
	unsigned int kind, most = MOST_LINES;
	struct count c;

	load_boot(s->ncpus, s->mib, 0);
	load_run(&deep, deep.depth);
	load_end(&deep);
	l.depth = 1;
	l.at_once = true;
	load_run(&l, 1);
	count_into(&c);
	load_run(&l, 1);
	count_into(NULL);
	printf("# %-6s %2u in the magazine: %lu lines of metadata:",
	       l.mix->name, deep.depth, c.most_lines);
	for (kind = 0; kind < NR_KINDS; kind++)
		if (c.lines[kind])
			printf("%s %lu %s", kind == KIND_DEVICE ? "; also" : "",
			       c.lines[kind] / s->ncpus, kind_names[kind]);
	printf("\n");
	most += (class != PAGES_CLASS) + (deep.depth > load_first_cells(class));
	CHECK_MSG(c.most_lines <= most,
		  "%s, %u in the magazine: %lu lines",
		  l.mix->name, deep.depth, c.most_lines);
}

TEST(lines_of_a_map_and_unmap)
{
	static const unsigned int filled[] = { 1, 7, 10, 12, 32, 60 };
	struct shape s = { .ncpus = 8, .mib = 64 };
	unsigned int i;

	for (s.mix = 0; s.mix < 2; s.mix++) {
		for (i = 0; i < ARRAY_SIZE(filled); i++) {
			s.depth = filled[i];
			in_child(one_lines, &s, mixes[s.mix].name);
		}
	}
}

static void one_quarter(const void *arg)
{
	const struct shape *s = arg;
	unsigned long total = s->mib * (SZ_1M / IO_TLB_SIZE), most, left;
	/* The smallest pools are too small for one area per CPU */
	unsigned int nareas = min(s->ncpus, total / IO_TLB_SEGSIZE);

	load_boot(s->ncpus, s->mib, nareas);
	CHECK_EQ(load_total(), total);
	most = load_fill(s->ncpus);
	left = load_cached();
	printf("# %4u CPUs, pool of %4lu MiB: %6lu slots of %6lu cached, %4.1f%%\n",
	       s->ncpus, s->mib, most, total, 100.0 * most / total);
	CHECK_MSG(most <= total / 4, "%lu slots of %lu are cached", most, total);
	CHECK_EQ(load_drain(), left);
	CHECK_EQ(load_cached(), 0);
	check_used(0);
}

static void quarter(unsigned int ncpus)
{
	static const unsigned int sizes[] = { 1, 4, 16, 64, 256, 512 };
	struct shape s = { .ncpus = ncpus };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		s.mib = sizes[i];
		in_child(one_quarter, &s, "quarter");
	}
}

#define ACROSS(name, way, ncpus, mib)					\
	TEST(name##_##ncpus##_cpus_##mib##_mib)				\
	{ across(way, ncpus, mib, false); }				\
	TEST(name##_64_kib_##ncpus##_cpus_##mib##_mib)			\
	{ across(way, ncpus, mib, true); }
#define COUNTS(ncpus, mib)						\
	TEST(own_##ncpus##_cpus_##mib##_mib) { own(ncpus, mib, false); } \
	TEST(own_shuffled_##ncpus##_cpus_##mib##_mib) { own(ncpus, mib, true); } \
	ACROSS(pairs, WAY_PAIRS, ncpus, mib)				\
	ACROSS(to_one, WAY_TO_ONE, ncpus, mib)				\
	ACROSS(migrating, WAY_RANDOM, ncpus, mib)

COUNTS(8, 64)
COUNTS(64, 64)
COUNTS(512, 64)
COUNTS(8, 512)
COUNTS(64, 512)
COUNTS(512, 512)

TEST(cached_at_most_a_quarter_8_cpus) { quarter(8); }
TEST(cached_at_most_a_quarter_64_cpus) { quarter(64); }
TEST(cached_at_most_a_quarter_512_cpus) { quarter(512); }

int main(int argc, char **argv)
{
	return harness_main(argc, argv);
}
