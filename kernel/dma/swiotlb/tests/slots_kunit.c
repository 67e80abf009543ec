// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots of one area, against a search that looks at one bit after the other.
 */

#include "fixture.h"

/* Four words, the last of which is not used up. */
#define SWIOTLB_TEST_AREA	200

struct swiotlb_test_slots {
	struct swiotlb_slots slots;
	DECLARE_BITMAP(used, SWIOTLB_TEST_AREA);
	DECLARE_BITMAP(head, SWIOTLB_TEST_AREA);
};

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

static bool swiotlb_test_run_fits(const struct swiotlb_slots *slots,
				  const struct swiotlb_fit *fit,
				  unsigned int align_mask, unsigned int index)
{
	unsigned long segment = (fit->boundary_off + index) & ~fit->boundary_mask;
	unsigned int i;

	if (index + fit->nslots > slots->nslots ||
	    ((fit->align_off + index) & align_mask))
		return false;
	for (i = index; i < index + fit->nslots; i++)
		if (test_bit(i, slots->used) ||
		    ((fit->boundary_off + i) & ~fit->boundary_mask) != segment)
			return false;
	return true;
}

static unsigned int swiotlb_test_lowest(const struct swiotlb_slots *slots,
					const struct swiotlb_fit *fit,
					unsigned int align_mask)
{
	unsigned int i;

	for (i = 0; i < slots->nslots; i++)
		if (swiotlb_test_run_fits(slots, fit, align_mask, i))
			return i;
	return SWIOTLB_NO_SLOT;
}

static void swiotlb_test_claim(struct swiotlb_slots *slots, unsigned int index,
			       unsigned int nslots)
{
	if (index + nslots <= slots->nslots)
		swiotlb_slots_claim(slots, index, nslots);
}

/**
 * struct swiotlb_test_fill - what is in use before a search
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

	bitmap_zero(slots->used, slots->nslots);
	bitmap_zero(slots->head, slots->nslots);
	swiotlb_slots_init(slots, slots->used, slots->head, slots->nslots);
	if (!fill->gap)
		return;
	for (i = 0; i < slots->nslots; i += fill->nslots + fill->gap)
		swiotlb_test_claim(slots, i, fill->nslots);
}

static void swiotlb_test_fit_desc(const struct swiotlb_fit *fit, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE,
		 "slots %u align 0x%x+%u wish 0x%x boundary 0x%lx+%lu",
		 fit->nslots, fit->align_mask, fit->align_off, fit->wish_mask,
		 fit->boundary_mask == SWIOTLB_NO_BOUNDARY ? 0 : fit->boundary_mask,
		 fit->boundary_off);
}

#define SWIOTLB_FIT(_nslots, _align, _off, _wish) {	\
	.nslots = _nslots,				\
	.align_mask = _align,				\
	.align_off = _off,				\
	.wish_mask = _wish,				\
	.boundary_mask = SWIOTLB_NO_BOUNDARY,		\
}

#define SWIOTLB_FIT_BOUNDED(_nslots, _align, _wish, _mask, _off) {	\
	.nslots = _nslots,						\
	.align_mask = _align,						\
	.wish_mask = _wish,						\
	.boundary_mask = _mask,						\
	.boundary_off = _off,						\
}

static const struct swiotlb_fit swiotlb_fits[] = {
	SWIOTLB_FIT(1, 0, 0, 0), SWIOTLB_FIT(1, 1, 0, 1),
	SWIOTLB_FIT(1, 1, 1, 1), SWIOTLB_FIT(1, 15, 3, 15),
	SWIOTLB_FIT(1, 63, 70, 63), SWIOTLB_FIT(2, 0, 0, 0),
	SWIOTLB_FIT(2, 1, 0, 1), SWIOTLB_FIT(2, 0, 0, 1),
	SWIOTLB_FIT(2, 7, 5, 7), SWIOTLB_FIT(3, 0, 0, 0),
	SWIOTLB_FIT(3, 1, 1, 1), SWIOTLB_FIT(3, 3, 0, 3),
	SWIOTLB_FIT(4, 0, 0, 3), SWIOTLB_FIT(4, 3, 0, 3),
	SWIOTLB_FIT(4, 1, 0, 3), SWIOTLB_FIT(4, 3, 2, 3),
	SWIOTLB_FIT(7, 0, 0, 0), SWIOTLB_FIT(8, 0, 0, 7),
	SWIOTLB_FIT(8, 7, 0, 7), SWIOTLB_FIT(8, 31, 8, 31),
	SWIOTLB_FIT(9, 0, 0, 0), SWIOTLB_FIT(12, 31, 0, 31),
	SWIOTLB_FIT(16, 0, 0, 15), SWIOTLB_FIT(16, 15, 0, 15),
	SWIOTLB_FIT(32, 1, 0, 31), SWIOTLB_FIT(33, 1, 1, 1),
	SWIOTLB_FIT(64, 63, 0, 63), SWIOTLB_FIT(64, 63, 5, 63),
	SWIOTLB_FIT(128, 0, 0, 0), SWIOTLB_FIT(128, 127, 100, 127),
	SWIOTLB_FIT_BOUNDED(1, 0, 0, 0, 0), SWIOTLB_FIT_BOUNDED(2, 0, 1, 1, 1),
	SWIOTLB_FIT_BOUNDED(4, 3, 3, 3, 0), SWIOTLB_FIT_BOUNDED(5, 0, 0, 7, 3),
	SWIOTLB_FIT_BOUNDED(8, 0, 7, 15, 9), SWIOTLB_FIT_BOUNDED(9, 1, 1, 31, 30),
	SWIOTLB_FIT_BOUNDED(17, 0, 0, 31, 1),
	SWIOTLB_FIT_BOUNDED(64, 0, 63, 127, 65),
};

KUNIT_ARRAY_PARAM(swiotlb_fit, swiotlb_fits, swiotlb_test_fit_desc);

/* A run is what the slow search would allow, and there is one if it finds one. */
static void swiotlb_test_check_find(struct kunit *test, struct swiotlb_slots *slots,
				    const struct swiotlb_fit *fit,
				    unsigned int index)
{
	unsigned int wish = swiotlb_test_lowest(slots, fit, fit->wish_mask);
	unsigned int lowest = swiotlb_test_lowest(slots, fit, fit->align_mask);
	unsigned int best = wish != SWIOTLB_NO_SLOT ? wish : lowest;
	unsigned int mask = wish != SWIOTLB_NO_SLOT ? fit->wish_mask :
						      fit->align_mask;

	if (best == SWIOTLB_NO_SLOT || fit->nslots <= 1U << SWIOTLB_MAX_HINT_ORDER)
		KUNIT_EXPECT_EQ(test, index, best);
	else
		KUNIT_EXPECT_TRUE_MSG(test,
				      swiotlb_test_run_fits(slots, fit, mask, index),
				      "slot %u of a run of %u", index, fit->nslots);
}

/* Until the area is full: each answer is on top of those before. */
static void swiotlb_slots_find_test(struct kunit *test)
{
	const struct swiotlb_fit *fit = test->param_value;
	struct swiotlb_slots *slots = test->priv;
	unsigned int i, index;

	for (i = 0; i < ARRAY_SIZE(swiotlb_test_fills); i++) {
		swiotlb_test_fill(slots, &swiotlb_test_fills[i]);
		do {
			index = swiotlb_slots_find(slots, fit);
			swiotlb_test_check_find(test, slots, fit, index);
			if (index != SWIOTLB_NO_SLOT)
				swiotlb_slots_claim(slots, index, fit->nslots);
			KUNIT_ASSERT_EQ(test, slots->nused,
					bitmap_weight(slots->used, slots->nslots));
		} while (index != SWIOTLB_NO_SLOT);
	}
}

/* A hole is found again, whatever the hints have learned while it was none. */
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
		index = swiotlb_slots_find(slots, fit);
		swiotlb_test_check_find(test, slots, fit, index);
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

/* Only what was claimed can be released, and only once. */
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

/* From any slot of a run to its first one, across words. */
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

/* A small buffer is handed out again at once, a large one is not. */
static void swiotlb_slots_warm_test(struct kunit *test)
{
	static const struct swiotlb_fit small = SWIOTLB_FIT(2, 1, 0, 1);
	static const struct swiotlb_fit large = SWIOTLB_FIT(32, 31, 0, 31);
	struct swiotlb_slots *slots = test->priv;

	KUNIT_ASSERT_EQ(test, swiotlb_slots_find(slots, &small), 0);
	swiotlb_slots_claim(slots, 0, 2);
	swiotlb_slots_release(slots, 0, 2);
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &small), 0);

	KUNIT_ASSERT_EQ(test, swiotlb_slots_find(slots, &large), 0);
	swiotlb_slots_claim(slots, 0, 32);
	swiotlb_slots_release(slots, 0, 32);
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &large), 32);
}

static void swiotlb_slots_disable_test(struct kunit *test)
{
	static const struct swiotlb_fit one = SWIOTLB_FIT(1, 0, 0, 0);
	struct swiotlb_slots *slots = test->priv;

	swiotlb_slots_disable(slots);
	KUNIT_EXPECT_EQ(test, slots->nused, SWIOTLB_TEST_AREA);
	KUNIT_EXPECT_EQ(test, swiotlb_slots_find(slots, &one), SWIOTLB_NO_SLOT);
}

static struct kunit_case swiotlb_slots_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_slots_find_test, swiotlb_fit_gen_params),
	KUNIT_CASE_PARAM(swiotlb_slots_reuse_test, swiotlb_fit_gen_params),
	KUNIT_CASE(swiotlb_slots_release_test),
	KUNIT_CASE(swiotlb_slots_head_test),
	KUNIT_CASE(swiotlb_slots_warm_test),
	KUNIT_CASE(swiotlb_slots_disable_test),
	{}
};

static struct kunit_suite swiotlb_slots_suite = {
	.name = "swiotlb_slots",
	.init = swiotlb_slots_test_init,
	.test_cases = swiotlb_slots_cases,
};

kunit_test_suite(swiotlb_slots_suite);
