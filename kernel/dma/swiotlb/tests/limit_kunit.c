// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory an allocator may have.
 */

#include "../mem.h"
#include "fixture.h"

/* Pretend that the boot pool has another size. */
static void swiotlb_test_set_boot(struct swiotlb_mem *mem, unsigned long nslots)
{
	mem->boot_pool.nslots = nslots;
	mem->pools.held = nslots;
}

/* The room is a quarter of the memory that the boot pool leaves. */
static void swiotlb_limit_boot_pool_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	unsigned long limit, boot = SWIOTLB_MAX_SLOTS, k;
	unsigned int i;
	long room;

	mem->growth.max_nslots = 0;
	room = swiotlb_limit_room(mem);
	limit = swiotlb_limit_nslots(mem);
	KUNIT_EXPECT_GT(test, room, 0);
	KUNIT_EXPECT_LE(test, room * 4,
			totalram_pages() << (PAGE_SHIFT - IO_TLB_SHIFT));
	for (i = 1; i < 8; i++) {
		k = room / 8 * i;
		swiotlb_test_set_boot(mem, boot + 4 * k);
		KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), room - k);
		KUNIT_EXPECT_EQ(test, swiotlb_limit_nslots(mem), limit + 3 * k);
	}
	/* A boot pool of all memory or more leaves no room. */
	swiotlb_test_set_boot(mem, boot + 4 * room);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), 0);
	swiotlb_test_set_boot(mem, boot + 4 * room + 4096);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), 0);
	swiotlb_test_set_boot(mem, boot);
}

/* Only memory in which pools of the allocator may lie counts. */
static void swiotlb_limit_last_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	u64 highest = mem->last;

	mem->growth.max_nslots = 0;
	swiotlb_test_set_boot(mem, 0);
	mem->last = PFN_PHYS(min_low_pfn) + SZ_16M - 1;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_nslots(mem), SZ_4M >> IO_TLB_SHIFT);
	mem->last = PFN_PHYS(min_low_pfn) + SZ_32M - 1;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_nslots(mem), SZ_8M >> IO_TLB_SHIFT);
	mem->last = 0;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_nslots(mem), 0);
	mem->last = highest;
	swiotlb_test_set_boot(mem, SWIOTLB_MAX_SLOTS);
}

/* "swiotlb=max=" limits the sum of all pools. */
static void swiotlb_limit_max_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	KUNIT_EXPECT_EQ(test, swiotlb_limit_nslots(mem), SWIOTLB_TEST_MAX_NSLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem),
			SWIOTLB_TEST_MAX_NSLOTS - SWIOTLB_TEST_NSLOTS);
	mem->growth.max_nslots = SWIOTLB_TEST_NSLOTS / 2;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), -(long)SWIOTLB_TEST_NSLOTS / 2);
}

/* Each slot of transient pools and of lost memory counts against the limit. */
static void swiotlb_limit_counts_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	long room = swiotlb_limit_room(mem);

	atomic_long_set(&mem->growth.transient, 100);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), room - 100);
	KUNIT_EXPECT_EQ(test, swiotlb_transient_nslots(mem), 100);
	atomic_long_set(&mem->growth.apart, 1000);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), room - 1100);

	atomic_long_set(&mem->growth.transient, room - 1000 - SWIOTLB_MIN_GROW_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), SWIOTLB_MIN_GROW_SLOTS);
	atomic_long_set(&mem->growth.transient, room);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(mem), -1000);
	atomic_long_set(&mem->growth.transient, 0);
	atomic_long_set(&mem->growth.apart, 0);
}

/* The limit of the wider allocator is for the slots of both. */
static void swiotlb_limit_wider_test(struct kunit *test)
{
	struct swiotlb_mem *low = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct swiotlb_mem *any = swiotlb_test_wider_mem(test, low);
	const long max = 10000, boot = SWIOTLB_TEST_NSLOTS;

	low->growth.max_nslots = max / 2;
	any->growth.max_nslots = max;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(low), max / 2 - boot);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(any), max - boot);

	any->pools.held = 3000;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(low), max / 2 - boot);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(any), max - boot - 3000);
	any->pools.held = 6000;
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(low), max - boot - 6000);
	atomic_long_set(&low->growth.transient, 500);
	atomic_long_set(&low->growth.apart, 50);
	atomic_long_set(&any->growth.apart, 5);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(any), max - boot - 6555);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(low), max - boot - 6555);
	atomic_long_set(&low->growth.transient, 0);
	atomic_long_set(&low->growth.apart, 0);
	atomic_long_set(&any->growth.apart, 0);
	any->pools.held = 0;
}

/*
 * A larger boot pool of the narrower allocator takes only a quarter of its size from the
 * room of the wider one: the limit rises by the other three quarters.
 */
static void swiotlb_limit_wider_share_test(struct kunit *test)
{
	struct swiotlb_mem *low = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct swiotlb_mem *any = swiotlb_test_wider_mem(test, low);
	long room;

	low->growth.max_nslots = 0;
	any->growth.max_nslots = 0;
	room = swiotlb_limit_room(any);
	KUNIT_EXPECT_GT(test, room, 0);
	swiotlb_test_set_boot(low, SWIOTLB_TEST_NSLOTS + 4000);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(any), room - 1000);
	swiotlb_test_set_boot(low, SWIOTLB_TEST_NSLOTS);
}

static struct kunit_case swiotlb_limit_cases[] = {
	KUNIT_CASE(swiotlb_limit_boot_pool_test),
	KUNIT_CASE(swiotlb_limit_last_test),
	KUNIT_CASE(swiotlb_limit_max_test),
	KUNIT_CASE(swiotlb_limit_counts_test),
	KUNIT_CASE(swiotlb_limit_wider_test),
	KUNIT_CASE(swiotlb_limit_wider_share_test),
	{}
};

static struct kunit_suite swiotlb_limit_suite = {
	.name = "swiotlb_limit",
	.test_cases = swiotlb_limit_cases,
};

kunit_test_suite(swiotlb_limit_suite);
