// SPDX-License-Identifier: GPL-2.0-only
/*
 * One area: its layout, and its lock, taken on all CPUs and in interrupts.
 */

#include "../area.h"
#include "fixture.h"

#define SWIOTLB_TEST_AREA	256

/**
 * struct swiotlb_test_area - an area, and the slots that callers own
 * @area:	The area.
 * @owned:	One bit per slot, set while a caller owns it.
 */
struct swiotlb_test_area {
	struct io_tlb_area *area;
	DECLARE_BITMAP(owned, SWIOTLB_TEST_AREA);
};

#define SWIOTLB_TEST_FIT(_nslots) {						\
	.nslots = _nslots,							\
	.boundary = { { SWIOTLB_NO_BOUNDARY }, { SWIOTLB_NO_BOUNDARY } },	\
}

static const struct swiotlb_fit swiotlb_test_three_slots = SWIOTLB_TEST_FIT(3);

static int swiotlb_area_test_init(struct kunit *test)
{
	struct swiotlb_test_area *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	t->area = kunit_kzalloc(test, swiotlb_area_bytes(SWIOTLB_TEST_AREA),
				GFP_KERNEL);
	if (!t->area)
		return -ENOMEM;

	swiotlb_area_init(t->area, SWIOTLB_TEST_AREA);
	test->priv = t;
	return 0;
}

/* The bitmaps follow the area, within swiotlb_area_bytes(). */
static void swiotlb_area_bytes_test(struct kunit *test)
{
	struct swiotlb_test_area *t = test->priv;
	unsigned int i;

	for (i = 1; i <= 4096; i++) {
		size_t bytes = swiotlb_area_bytes(i);

		KUNIT_EXPECT_EQ(test, bytes % SMP_CACHE_BYTES, 0);
		KUNIT_EXPECT_GE(test, bytes, sizeof(struct io_tlb_area) +
				2 * BITS_TO_LONGS(i) * sizeof(long));
	}
	KUNIT_EXPECT_PTR_EQ(test, (void *)t->area->slots.used,
			    (void *)(t->area + 1));
	KUNIT_EXPECT_PTR_EQ(test, t->area->slots.head,
			    t->area->slots.used + BITS_TO_LONGS(SWIOTLB_TEST_AREA));
}

/* swiotlb_slots_may_fit() compares with the number of free slots: two are left. */
static void swiotlb_area_full_test(struct kunit *test)
{
	static const struct swiotlb_fit most = SWIOTLB_TEST_FIT(SWIOTLB_TEST_AREA - 2);
	struct swiotlb_test_area *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, swiotlb_area_alloc(t->area, &most));
	KUNIT_EXPECT_TRUE(test, swiotlb_slots_may_fit(&t->area->slots, 2));
	KUNIT_EXPECT_FALSE(test, swiotlb_slots_may_fit(&t->area->slots, 3));
	KUNIT_EXPECT_EQ(test, SWIOTLB_NO_SLOT,
			swiotlb_area_alloc(t->area, &swiotlb_test_three_slots));
}

/* A buffer is not freed if its cell has changed: the buffer has a new owner. */
static void swiotlb_area_cell_test(struct kunit *test)
{
	struct swiotlb_test_area *t = test->priv;
	atomic_t cell = ATOMIC_INIT(7);

	KUNIT_ASSERT_EQ(test, 0,
			swiotlb_area_alloc(t->area, &swiotlb_test_three_slots));
	swiotlb_area_free(t->area, 0, 3, &cell, 8);
	KUNIT_EXPECT_EQ(test, atomic_read(&cell), 7);
	KUNIT_EXPECT_EQ(test, t->area->slots.nused, 3);

	swiotlb_area_free(t->area, 0, 3, &cell, 7);
	KUNIT_EXPECT_EQ(test, atomic_read(&cell), 0);
	KUNIT_EXPECT_EQ(test, t->area->slots.nused, 0);
}

static void swiotlb_area_double_free_test(struct kunit *test)
{
	struct swiotlb_test_area *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0,
			swiotlb_area_alloc(t->area, &swiotlb_test_three_slots));
	swiotlb_area_free(t->area, 0, 3, NULL, 0);
	kunit_warning_suppress(test) {
		swiotlb_area_free(t->area, 0, 3, NULL, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, t->area->slots.nused, 0);
}

/* Returns false if another caller owns any of the three slots. */
static bool swiotlb_test_own(struct swiotlb_test_area *t, unsigned int index)
{
	return !test_and_set_bit(index, t->owned) &&
	       !test_and_set_bit(index + 1, t->owned) &&
	       !test_and_set_bit(index + 2, t->owned);
}

static void swiotlb_test_disown(struct swiotlb_test_area *t, unsigned int index)
{
	clear_bit(index, t->owned);
	clear_bit(index + 1, t->owned);
	clear_bit(index + 2, t->owned);
}

static bool swiotlb_test_area_use(void *arg)
{
	struct swiotlb_test_area *t = arg;
	unsigned int index;
	bool alone;

	index = swiotlb_area_alloc(t->area, &swiotlb_test_three_slots);
	/* The area has room for 85 runs, so up to 64 CPUs never find it full. */
	if (index >= SWIOTLB_TEST_AREA)
		return num_online_cpus() > 64;

	alone = swiotlb_test_own(t, index);
	swiotlb_test_disown(t, index);
	swiotlb_area_free(t->area, index, 3, NULL, 0);
	return alone;
}

static void swiotlb_area_cpus_test(struct kunit *test)
{
	struct swiotlb_test_area *t = test->priv;

	swiotlb_test_on_all_cpus(test, swiotlb_test_area_use, t);
	KUNIT_EXPECT_EQ(test, t->area->slots.nused, 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(t->area->slots.used, SWIOTLB_TEST_AREA));
}

static void swiotlb_area_irq_test(struct kunit *test)
{
	struct swiotlb_test_area *t = test->priv;

	swiotlb_test_in_irq(test, swiotlb_test_area_use, SWIOTLB_TEST_IRQ_CALLS, t);
	KUNIT_EXPECT_EQ(test, t->area->slots.nused, 0);
}

static struct kunit_case swiotlb_area_cases[] = {
	KUNIT_CASE(swiotlb_area_bytes_test),
	KUNIT_CASE(swiotlb_area_full_test),
	KUNIT_CASE(swiotlb_area_cell_test),
	KUNIT_CASE(swiotlb_area_double_free_test),
	KUNIT_CASE(swiotlb_area_cpus_test),
	KUNIT_CASE(swiotlb_area_irq_test),
	{}
};

static struct kunit_suite swiotlb_area_suite = {
	.name = "swiotlb_area",
	.init = swiotlb_area_test_init,
	.test_cases = swiotlb_area_cases,
};

kunit_test_suite(swiotlb_area_suite);
