// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots of one area, compared with a search that looks at one bit at a time.
 */

#include <linux/prandom.h>

#include "fixture.h"

/* Slots of the largest area; most areas use only a part of their last word. */
#define SWIOTLB_TEST_MAX_AREA	300
#define SWIOTLB_TEST_AREA	200

#define SWIOTLB_TEST_STEPS	400

struct swiotlb_test_slots {
	struct swiotlb_slots slots;
	DECLARE_BITMAP(used, SWIOTLB_TEST_MAX_AREA);
	DECLARE_BITMAP(head, SWIOTLB_TEST_MAX_AREA);
};

static void swiotlb_test_reset(struct swiotlb_slots *slots, unsigned int nslots)
{
	bitmap_zero(slots->used, SWIOTLB_TEST_MAX_AREA);
	bitmap_zero(slots->head, SWIOTLB_TEST_MAX_AREA);
	swiotlb_slots_init(slots, slots->used, slots->head, nslots);
}

static int swiotlb_slots_test_init(struct kunit *test)
{
	struct swiotlb_test_slots *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;

	swiotlb_slots_init(&t->slots, t->used, t->head, SWIOTLB_TEST_AREA);
	test->priv = &t->slots;
	return 0;
}

/* ------------------------------------------------------- slow search --- */

static bool swiotlb_test_crosses(const struct swiotlb_boundary *boundary,
				 unsigned int index, unsigned int nslots)
{
	unsigned int i;

	if (boundary->mask == SWIOTLB_NO_BOUNDARY)
		return false;
	for (i = index + 1; i < index + nslots; i++)
		if ((boundary->off + i) / (boundary->mask + 1) !=
		    (boundary->off + index) / (boundary->mask + 1))
			return true;
	return false;
}

static bool swiotlb_test_run_fits(const struct swiotlb_slots *slots,
				  const struct swiotlb_fit *fit,
				  unsigned int index)
{
	unsigned int i;

	if (index + fit->nslots > slots->nslots ||
	    (fit->align_off + index) % (fit->align_mask + 1))
		return false;
	for (i = 0; i < SWIOTLB_NR_BOUNDARIES; i++)
		if (swiotlb_test_crosses(&fit->boundary[i], index, fit->nslots))
			return false;
	for (i = index; i < index + fit->nslots; i++)
		if (test_bit(i, slots->used))
			return false;
	return true;
}

static unsigned int swiotlb_test_lowest(const struct swiotlb_slots *slots,
					const struct swiotlb_fit *fit,
					unsigned int step)
{
	unsigned int i;

	for (i = 0; i < slots->nslots; i += step)
		if (swiotlb_test_run_fits(slots, fit, i))
			return i;
	return SWIOTLB_NO_SLOT;
}

/*
 * Returns the lowest run. For small powers of two, that is the lowest block that is
 * aligned to its size, unless @fit forbids that block.
 */
static unsigned int swiotlb_test_best(const struct swiotlb_slots *slots,
				      const struct swiotlb_fit *fit)
{
	struct swiotlb_fit block = {
		.nslots = fit->nslots,
		.boundary = { { SWIOTLB_NO_BOUNDARY }, { SWIOTLB_NO_BOUNDARY } },
	};
	unsigned int index = SWIOTLB_NO_SLOT;

	if (is_power_of_2(fit->nslots) && fit->nslots <= 1U << SWIOTLB_MAX_HINT_ORDER &&
	    fit->align_mask < fit->nslots)
		index = swiotlb_test_lowest(slots, &block, fit->nslots);
	if (index != SWIOTLB_NO_SLOT && swiotlb_test_run_fits(slots, fit, index))
		return index;
	return swiotlb_test_lowest(slots, fit, 1);
}

/* The search under test must find the same run as the slow search. */
static unsigned int swiotlb_test_find(struct kunit *test, struct swiotlb_slots *slots,
				      const struct swiotlb_fit *fit)
{
	unsigned int best = swiotlb_test_best(slots, fit);
	unsigned int index = swiotlb_slots_find(slots, fit);

	KUNIT_EXPECT_EQ_MSG(test, index, best,
			    "%u of %u slots, alignment 0x%x+%u, boundaries 0x%lx+%lu and 0x%lx+%lu",
			    fit->nslots, slots->nslots, fit->align_mask, fit->align_off,
			    fit->boundary[0].mask, fit->boundary[0].off,
			    fit->boundary[1].mask, fit->boundary[1].off);
	return index == best ? index : SWIOTLB_NO_SLOT;
}

/* ------------------------------------------------------------ tables --- */

/**
 * struct swiotlb_test_fill - slots in use before a search
 * @nslots:	Length of each run.
 * @gap:	Free slots between two runs; 0 for an empty area.
 */
struct swiotlb_test_fill {
	unsigned int nslots;
	unsigned int gap;
};

static const struct swiotlb_test_fill swiotlb_test_fills[] = {
	{ 0, 0 }, { 1, 1 }, { 1, 2 }, { 2, 3 }, { 1, 4 }, { 5, 7 }, { 3, 8 },
	{ 1, 15 }, { 9, 16 }, { 2, 31 }, { 31, 33 }, { 1, 64 }, { 65, 65 },
	{ 7, 130 },
};

static void swiotlb_test_fill(struct swiotlb_slots *slots,
			      const struct swiotlb_test_fill *fill)
{
	unsigned int i;

	swiotlb_test_reset(slots, SWIOTLB_TEST_AREA);
	if (!fill->gap)
		return;
	for (i = 0; i + fill->nslots <= slots->nslots; i += fill->nslots + fill->gap)
		swiotlb_slots_claim(slots, i, fill->nslots);
}

static void swiotlb_test_fit_desc(const struct swiotlb_fit *fit, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE,
		 "%u slots, align 0x%x+%u, boundaries 0x%lx+%lu 0x%lx+%lu",
		 fit->nslots, fit->align_mask, fit->align_off,
		 fit->boundary[0].mask, fit->boundary[0].off,
		 fit->boundary[1].mask, fit->boundary[1].off);
}

#define SWIOTLB_FIT_BOUNDED(_nslots, _align, _off, _mask0, _off0, _mask1, _off1) {	\
	.nslots = _nslots,								\
	.align_mask = _align,								\
	.align_off = _off,								\
	.boundary = { { _mask0, _off0 }, { _mask1, _off1 } },				\
}

#define SWIOTLB_FIT(_nslots, _align, _off)			\
	SWIOTLB_FIT_BOUNDED(_nslots, _align, _off,		\
			    SWIOTLB_NO_BOUNDARY, 0, SWIOTLB_NO_BOUNDARY, 0)

static const struct swiotlb_fit swiotlb_fits[] = {
	SWIOTLB_FIT(1, 0, 0), SWIOTLB_FIT(1, 1, 0), SWIOTLB_FIT(1, 1, 1),
	SWIOTLB_FIT(1, 15, 3), SWIOTLB_FIT(1, 63, 70), SWIOTLB_FIT(2, 0, 0),
	SWIOTLB_FIT(2, 1, 0), SWIOTLB_FIT(2, 7, 5), SWIOTLB_FIT(3, 0, 0),
	SWIOTLB_FIT(3, 1, 1), SWIOTLB_FIT(3, 3, 0), SWIOTLB_FIT(4, 0, 0),
	SWIOTLB_FIT(4, 3, 0), SWIOTLB_FIT(4, 1, 0), SWIOTLB_FIT(4, 3, 2),
	SWIOTLB_FIT(7, 0, 0), SWIOTLB_FIT(8, 0, 0), SWIOTLB_FIT(8, 7, 0),
	SWIOTLB_FIT(8, 31, 8), SWIOTLB_FIT(9, 0, 0), SWIOTLB_FIT(12, 31, 0),
	SWIOTLB_FIT(16, 0, 0), SWIOTLB_FIT(16, 15, 0), SWIOTLB_FIT(32, 1, 0),
	SWIOTLB_FIT(33, 1, 1), SWIOTLB_FIT(64, 63, 0), SWIOTLB_FIT(64, 63, 5),
	SWIOTLB_FIT(128, 0, 0), SWIOTLB_FIT(128, 127, 100),
	/* One boundary, that of the device or that of the pool. */
	SWIOTLB_FIT_BOUNDED(1, 0, 0, 0, 0, SWIOTLB_NO_BOUNDARY, 0),
	SWIOTLB_FIT_BOUNDED(2, 0, 0, 1, 1, SWIOTLB_NO_BOUNDARY, 0),
	SWIOTLB_FIT_BOUNDED(4, 3, 0, 3, 0, SWIOTLB_NO_BOUNDARY, 0),
	SWIOTLB_FIT_BOUNDED(5, 0, 0, 7, 3, SWIOTLB_NO_BOUNDARY, 0),
	SWIOTLB_FIT_BOUNDED(8, 0, 0, SWIOTLB_NO_BOUNDARY, 0, 15, 9),
	SWIOTLB_FIT_BOUNDED(9, 1, 0, SWIOTLB_NO_BOUNDARY, 0, 31, 30),
	SWIOTLB_FIT_BOUNDED(17, 0, 0, SWIOTLB_NO_BOUNDARY, 0, 31, 1),
	SWIOTLB_FIT_BOUNDED(64, 0, 0, SWIOTLB_NO_BOUNDARY, 0, 127, 65),
	/* Both boundaries. */
	SWIOTLB_FIT_BOUNDED(2, 0, 0, 1, 1, 7, 4),
	SWIOTLB_FIT_BOUNDED(4, 1, 0, 15, 5, 31, 19),
	SWIOTLB_FIT_BOUNDED(8, 7, 0, 63, 8, 31, 24),
	SWIOTLB_FIT_BOUNDED(9, 0, 0, 15, 3, 15, 9),
	SWIOTLB_FIT_BOUNDED(16, 0, 0, 31, 7, 127, 50),
	SWIOTLB_FIT_BOUNDED(33, 3, 2, 63, 20, 127, 100),
	SWIOTLB_FIT_BOUNDED(65, 0, 0, 127, 10, 127, 90),
};

KUNIT_ARRAY_PARAM(swiotlb_fit, swiotlb_fits, swiotlb_test_fit_desc);

/* Claim runs until none fits. swiotlb_test_find() compares each search with the reference. */
static void swiotlb_slots_find_test(struct kunit *test)
{
	const struct swiotlb_fit *fit = test->param_value;
	struct swiotlb_slots *slots = test->priv;
	unsigned int i, index;

	for (i = 0; i < ARRAY_SIZE(swiotlb_test_fills); i++) {
		swiotlb_test_fill(slots, &swiotlb_test_fills[i]);
		do {
			index = swiotlb_test_find(test, slots, fit);
			if (index != SWIOTLB_NO_SLOT)
				swiotlb_slots_claim(slots, index, fit->nslots);
			KUNIT_ASSERT_EQ(test, slots->nused,
					bitmap_weight(slots->used, slots->nslots));
		} while (index != SWIOTLB_NO_SLOT);
	}
}

/* A released run is found again, although hints were updated while it was in use. */
static void swiotlb_slots_reuse_test(struct kunit *test)
{
	const struct swiotlb_fit *fit = test->param_value;
	struct swiotlb_slots *slots = test->priv;
	unsigned int i, index, n = 0, runs[SWIOTLB_TEST_AREA];

	while ((index = swiotlb_slots_find(slots, fit)) != SWIOTLB_NO_SLOT) {
		swiotlb_slots_claim(slots, index, fit->nslots);
		runs[n++] = index;
	}
	KUNIT_ASSERT_GT(test, n, 0);

	for (i = n; i-- > 0;) {
		KUNIT_EXPECT_TRUE(test, swiotlb_slots_release(slots, runs[i],
							      fit->nslots));
		index = swiotlb_test_find(test, slots, fit);
		KUNIT_ASSERT_NE(test, index, SWIOTLB_NO_SLOT);
		swiotlb_slots_claim(slots, index, fit->nslots);
	}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, swiotlb_slots_release(slots, runs[i],
							      fit->nslots));
	KUNIT_EXPECT_EQ(test, slots->nused, 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(slots->used, slots->nslots));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(slots->head, slots->nslots));
}

/* ------------------------------------------------------------ random --- */

static void swiotlb_test_random_boundary(struct rnd_state *rnd, unsigned int nslots,
					 struct swiotlb_boundary *boundary)
{
	/* A request whose run is longer than a segment is refused before the search. */
	unsigned int order = order_base_2(nslots) + prandom_u32_state(rnd) % 4;

	if (prandom_u32_state(rnd) % 3)
		*boundary = (struct swiotlb_boundary) { SWIOTLB_NO_BOUNDARY };
	else
		*boundary = (struct swiotlb_boundary) {
			.mask = BIT(order) - 1,
			.off = prandom_u32_state(rnd) % BIT(order),
		};
}

/* Short runs are the most frequent. */
static struct swiotlb_fit swiotlb_test_random_fit(struct rnd_state *rnd)
{
	unsigned int bits = prandom_u32_state(rnd) % (ilog2(SWIOTLB_MAX_SLOTS) + 1);
	struct swiotlb_fit fit = {
		.nslots = 1 + prandom_u32_state(rnd) % BIT(bits),
	};
	unsigned int i;

	if (prandom_u32_state(rnd) % 2)
		fit.nslots = roundup_pow_of_two(fit.nslots);
	if (prandom_u32_state(rnd) % 2)
		fit.align_mask = BIT(prandom_u32_state(rnd) % 8) - 1;
	fit.align_off = prandom_u32_state(rnd) % 3 ? 0 : prandom_u32_state(rnd) % 1000;
	for (i = 0; i < SWIOTLB_NR_BOUNDARIES; i++)
		swiotlb_test_random_boundary(rnd, fit.nslots, &fit.boundary[i]);
	return fit;
}

struct swiotlb_test_run {
	unsigned int index;
	unsigned int nslots;
};

/*
 * Claim and release runs of all kinds in one area: the hints that one search leaves must
 * be correct for all others.
 */
static void swiotlb_test_random_area(struct kunit *test, struct rnd_state *rnd,
				     unsigned int nslots)
{
	struct swiotlb_test_run *runs = kunit_kcalloc(test, nslots, sizeof(*runs),
						      GFP_KERNEL);
	struct swiotlb_slots *slots = test->priv;
	unsigned int i, step, index, n = 0;
	struct swiotlb_fit fit;

	KUNIT_ASSERT_NOT_NULL(test, runs);
	swiotlb_test_reset(slots, nslots);
	for (step = 0; step < SWIOTLB_TEST_STEPS; step++) {
		fit = swiotlb_test_random_fit(rnd);
		index = swiotlb_test_find(test, slots, &fit);
		if (index != SWIOTLB_NO_SLOT) {
			swiotlb_slots_claim(slots, index, fit.nslots);
			runs[n++] = (struct swiotlb_test_run) { index, fit.nslots };
		}
		/* Alternate between a fuller and an emptier area, to find runs of all lengths. */
		while (n && prandom_u32_state(rnd) % 256 < (step & 64 ? 150 : 60)) {
			i = prandom_u32_state(rnd) % n;
			KUNIT_EXPECT_TRUE(test,
					  swiotlb_slots_release(slots, runs[i].index,
								runs[i].nslots));
			runs[i] = runs[--n];
		}
		KUNIT_ASSERT_EQ(test, slots->nused,
				bitmap_weight(slots->used, slots->nslots));
	}
	kunit_kfree(test, runs);
}

static void swiotlb_slots_random_test(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int nslots;

	prandom_seed_state(&rnd, 73);
	for (nslots = 16; nslots <= SWIOTLB_TEST_MAX_AREA; nslots++)
		swiotlb_test_random_area(test, &rnd, nslots);
}

/* ----------------------------------------------------------- longest --- */

/* Leave slots 40 to 59 free. Requests below have a boundary before slot 50. */
static void swiotlb_test_one_hole(struct swiotlb_slots *slots)
{
	swiotlb_slots_claim(slots, 0, 40);
	swiotlb_slots_claim(slots, 60, SWIOTLB_TEST_AREA - 60);
}

/* A search that fails at a boundary must not shorten the recorded longest run. */
static void swiotlb_slots_longest_boundary_test(struct kunit *test)
{
	static const struct swiotlb_fit bounded[] = {
		SWIOTLB_FIT_BOUNDED(12, 0, 0, 15, 14, SWIOTLB_NO_BOUNDARY, 0),
		SWIOTLB_FIT_BOUNDED(12, 0, 0, SWIOTLB_NO_BOUNDARY, 0, 15, 14),
		SWIOTLB_FIT_BOUNDED(12, 3, 1, 15, 14, 127, 78),
	};
	static const struct swiotlb_fit twelve = SWIOTLB_FIT(12, 0, 0);
	static const struct swiotlb_fit all = SWIOTLB_FIT(20, 0, 0);
	struct swiotlb_slots *slots = test->priv;
	unsigned int i;

	swiotlb_test_one_hole(slots);
	for (i = 0; i < ARRAY_SIZE(bounded); i++) {
		KUNIT_EXPECT_EQ(test, swiotlb_test_find(test, slots, &bounded[i]),
				SWIOTLB_NO_SLOT);
		KUNIT_EXPECT_TRUE(test, swiotlb_slots_may_fit(slots, 12));
		KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &twelve), 40);
		KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &all), 40);
	}
}

/* If no run is long enough even without the boundary, the next search ends at once. */
static void swiotlb_slots_longest_short_test(struct kunit *test)
{
	static const struct swiotlb_fit bounded =
		SWIOTLB_FIT_BOUNDED(21, 0, 0, 31, 0, 127, 78);
	static const struct swiotlb_fit aligned = SWIOTLB_FIT(16, 31, 0);
	static const struct swiotlb_fit all = SWIOTLB_FIT(20, 0, 0);
	struct swiotlb_slots *slots = test->priv;
	unsigned int i;

	swiotlb_test_one_hole(slots);
	/* After the hole, every second slot is free. */
	swiotlb_slots_release(slots, 60, SWIOTLB_TEST_AREA - 60);
	for (i = 60; i < SWIOTLB_TEST_AREA; i += 2)
		swiotlb_slots_claim(slots, i, 1);
	KUNIT_EXPECT_TRUE(test, swiotlb_slots_may_fit(slots, 21));
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &bounded), SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_FALSE(test, swiotlb_slots_may_fit(slots, 21));
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &all), 40);

	/* No run has this alignment; that must not affect requests without it. */
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &aligned), SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &all), 40);

	KUNIT_EXPECT_TRUE(test, swiotlb_slots_release(slots, 60, 1));
	KUNIT_EXPECT_TRUE(test, swiotlb_slots_may_fit(slots, 21));
}

/* ----------------------------------------------------- claim, release --- */

/* Only a claimed run can be released, and only once. */
static void swiotlb_slots_release_test(struct kunit *test)
{
	struct swiotlb_slots *slots = test->priv;

	swiotlb_slots_claim(slots, 60, 9);
	KUNIT_EXPECT_EQ(test, slots->nused, 9);
	KUNIT_EXPECT_FALSE(test, swiotlb_slots_release(slots, 61, 8));
	KUNIT_EXPECT_FALSE(test, swiotlb_slots_release(slots, 59, 1));
	KUNIT_EXPECT_EQ(test, slots->nused, 9);
	KUNIT_EXPECT_EQ(test, bitmap_weight(slots->used, slots->nslots), 9);

	KUNIT_EXPECT_TRUE(test, swiotlb_slots_release(slots, 60, 9));
	KUNIT_EXPECT_FALSE(test, swiotlb_slots_release(slots, 60, 9));
	KUNIT_EXPECT_EQ(test, slots->nused, 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(slots->used, slots->nslots));
}

/* swiotlb_slots_head() finds the first slot of a run from any slot, across words. */
static void swiotlb_slots_head_test(struct kunit *test)
{
	struct swiotlb_slots *slots = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, swiotlb_slots_head(slots, SWIOTLB_TEST_AREA - 1),
			SWIOTLB_NO_SLOT);
	swiotlb_slots_claim(slots, 3, 1);
	swiotlb_slots_claim(slots, 4, 128);
	swiotlb_slots_claim(slots, 132, SWIOTLB_TEST_AREA - 132);

	KUNIT_EXPECT_EQ(test, swiotlb_slots_head(slots, 2), SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_EQ(test, swiotlb_slots_head(slots, 3), 3);
	for (i = 4; i < 132; i++)
		KUNIT_EXPECT_EQ(test, swiotlb_slots_head(slots, i), 4);
	for (; i < SWIOTLB_TEST_AREA; i++)
		KUNIT_EXPECT_EQ(test, swiotlb_slots_head(slots, i), 132);
}

/* A freed buffer of any size is allocated next: it may still be in a CPU cache. */
static void swiotlb_slots_warm_test(struct kunit *test)
{
	static const struct swiotlb_fit fits[] = {
		SWIOTLB_FIT(2, 1, 0), SWIOTLB_FIT(5, 0, 0), SWIOTLB_FIT(32, 31, 0),
	};
	struct swiotlb_slots *slots = test->priv;
	unsigned int i, index;

	for (i = 0; i < ARRAY_SIZE(fits); i++) {
		index = swiotlb_slots_find(slots, &fits[i]);
		KUNIT_ASSERT_NE(test, index, SWIOTLB_NO_SLOT);
		swiotlb_slots_claim(slots, index, fits[i].nslots);
		swiotlb_slots_release(slots, index, fits[i].nslots);
		KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &fits[i]), index);
	}
}

static struct kunit_case swiotlb_slots_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_slots_find_test, swiotlb_fit_gen_params),
	KUNIT_CASE_PARAM(swiotlb_slots_reuse_test, swiotlb_fit_gen_params),
	KUNIT_CASE(swiotlb_slots_random_test),
	KUNIT_CASE(swiotlb_slots_longest_boundary_test),
	KUNIT_CASE(swiotlb_slots_longest_short_test),
	KUNIT_CASE(swiotlb_slots_release_test),
	KUNIT_CASE(swiotlb_slots_head_test),
	KUNIT_CASE(swiotlb_slots_warm_test),
	{}
};

static struct kunit_suite swiotlb_slots_suite = {
	.name = "swiotlb_slots",
	.init = swiotlb_slots_test_init,
	.test_cases = swiotlb_slots_cases,
};

kunit_test_suite(swiotlb_slots_suite);
