// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping records: packed, unpacked, and ended by only one of several callers.
 */

#include "../pool.h"
#include "fixture.h"

/* Addresses at the limits of the short and the long form of a record. */
static const struct swiotlb_request swiotlb_records[] = {
	{ .orig_addr = 0, .bytes = 1, .nslots = 1 },
	{ .orig_addr = 0x12345678, .bytes = IO_TLB_SIZE, .nslots = 1 },
	{ .orig_addr = (phys_addr_t)(BIT_ULL(52) - 1), .bytes = 7, .nslots = 1 },
	{ .orig_addr = 0, .bytes = 1, .nslots = 2 },
	{ .orig_addr = 0x7ff, .bytes = 4096, .nslots = 3, .pad_slots = 1 },
	{ .orig_addr = (phys_addr_t)BIT_ULL(52), .bytes = 7, .nslots = 2 },
	{ .orig_addr = SZ_1G + 1, .bytes = 5, .nslots = SWIOTLB_MAX_SLOTS,
	  .pad_slots = SWIOTLB_MAX_SLOTS - 1 },
	{ .orig_addr = SZ_1G - 1, .bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT,
	  .nslots = SWIOTLB_MAX_SLOTS },
	{ .orig_addr = SWIOTLB_NO_ORIG_ADDR, .bytes = PAGE_SIZE, .nslots = 2 },
};

static void swiotlb_test_record_desc(const struct swiotlb_request *req, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "0x%llx+%zu, %u slots, padding %u",
		 (u64)req->orig_addr, req->bytes, req->nslots, req->pad_slots);
}

KUNIT_ARRAY_PARAM(swiotlb_record, swiotlb_records, swiotlb_test_record_desc);

static void swiotlb_test_fill_records(atomic64_t *records, unsigned int n)
{
	while (n--)
		atomic64_set(&records[n], SWIOTLB_RECORD_FREE);
}

static void swiotlb_record_round_trip_test(struct kunit *test)
{
	const struct swiotlb_request *req = test->param_value;
	struct swiotlb_mapping map = { };
	atomic64_t records[3];

	swiotlb_test_fill_records(records, ARRAY_SIZE(records));
	swiotlb_record_write(records, req);
	KUNIT_EXPECT_FALSE(test, swiotlb_record_read(&records[1], &map));
	/* A mapping of one slot uses one word. */
	KUNIT_EXPECT_EQ(test, req->nslots == 1,
			(u64)atomic64_read(&records[1]) == SWIOTLB_RECORD_FREE);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&records[2]), SWIOTLB_RECORD_FREE);

	KUNIT_ASSERT_TRUE(test, swiotlb_record_read(records, &map));
	KUNIT_EXPECT_EQ(test, map.orig_addr, req->orig_addr);
	KUNIT_EXPECT_EQ(test, map.bytes, req->bytes);
	KUNIT_EXPECT_EQ(test, map.nslots, req->nslots);
	KUNIT_EXPECT_EQ(test, map.pad_slots, req->pad_slots);
	KUNIT_EXPECT_EQ(test, map.word, (u64)atomic64_read(&records[0]));
}

/* A mapping ends only once; afterwards it cannot be read, nor can the tail of its record. */
static void swiotlb_record_take_test(struct kunit *test)
{
	const struct swiotlb_request *req = test->param_value;
	struct swiotlb_mapping map;
	atomic64_t records[3];
	u64 word;

	swiotlb_test_fill_records(records, ARRAY_SIZE(records));
	swiotlb_record_write(records, req);
	word = atomic64_read(&records[0]);
	KUNIT_EXPECT_FALSE(test, swiotlb_record_take(records, word ^ 1));
	KUNIT_EXPECT_TRUE(test, swiotlb_record_take(records, word));
	KUNIT_EXPECT_FALSE(test, swiotlb_record_take(records, word));
	KUNIT_EXPECT_FALSE(test, swiotlb_record_read(&records[0], &map));
	KUNIT_EXPECT_FALSE(test, swiotlb_record_read(&records[1], &map));
}

/* The short form has 52 bits for the address. */
static void swiotlb_record_long_addr_test(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, swiotlb_addr_is_long(0));
	KUNIT_EXPECT_FALSE(test, swiotlb_addr_is_long(SZ_2G - 1));
	if (sizeof(phys_addr_t) == sizeof(u32))
		return;
	KUNIT_EXPECT_FALSE(test, swiotlb_addr_is_long((phys_addr_t)(BIT_ULL(52) - 1)));
	KUNIT_EXPECT_TRUE(test, swiotlb_addr_is_long((phys_addr_t)BIT_ULL(52)));
}

struct swiotlb_test_race {
	atomic64_t records[2];
	atomic_t owners;
	atomic_t taken;
};

/* Only one caller ends a mapping, and owns the slots until it writes the next record. */
static bool swiotlb_test_race_for(void *arg)
{
	static const struct swiotlb_request req = {
		.orig_addr = SZ_1M, .bytes = 3000, .nslots = 2,
	};
	struct swiotlb_test_race *race = arg;
	struct swiotlb_mapping map;
	bool alone;

	if (!swiotlb_record_read(race->records, &map) ||
	    !swiotlb_record_take(race->records, map.word))
		return true;

	alone = atomic_inc_return(&race->owners) == 1;
	atomic_inc(&race->taken);
	alone &= !swiotlb_record_take(race->records, map.word);
	atomic_dec(&race->owners);
	swiotlb_record_write(race->records, &req);
	return alone;
}

static void swiotlb_record_race_test(struct kunit *test)
{
	struct swiotlb_test_race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, race);
	swiotlb_test_on_all_cpus(test, swiotlb_test_race_for, race);
	KUNIT_EXPECT_GT(test, atomic_read(&race->taken), SWIOTLB_TEST_ROUNDS / 2);
	swiotlb_test_in_irq(test, swiotlb_test_race_for, SWIOTLB_TEST_IRQ_CALLS, race);
}

static struct kunit_case swiotlb_record_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_record_round_trip_test, swiotlb_record_gen_params),
	KUNIT_CASE_PARAM(swiotlb_record_take_test, swiotlb_record_gen_params),
	KUNIT_CASE(swiotlb_record_long_addr_test),
	KUNIT_CASE(swiotlb_record_race_test),
	{}
};

static struct kunit_suite swiotlb_record_suite = {
	.name = "swiotlb_record",
	.test_cases = swiotlb_record_cases,
};

kunit_test_suite(swiotlb_record_suite);
