// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pool: its layout, and the positions at which a mapping may lie.
 */

#include "../pool.h"
#include "fixture.h"

static struct io_tlb_pool *swiotlb_test_pool(struct kunit *test,
					     unsigned long nslots,
					     unsigned int nareas)
{
	struct io_tlb_pool *pool = kunit_kzalloc(test, sizeof(*pool), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	swiotlb_test_init_pool(test, pool, nslots, nareas);
	return pool;
}

/* ------------------------------------------------------------- shape --- */

struct swiotlb_test_shape {
	unsigned int nslots;
	unsigned int nareas;
	unsigned int area_nslots;
	unsigned int areas_made;
};

static const struct swiotlb_test_shape swiotlb_shapes[] = {
	{ 1, 1, 1, 1 },		{ 100, 1, 128, 1 },	{ 128, 1, 128, 1 },
	{ 512, 1, 512, 1 },	{ 512, 4, 128, 4 },	{ 640, 4, 256, 3 },
	{ 513, 2, 512, 2 },	{ 1000, 8, 128, 8 },	{ 1152, 8, 256, 5 },
	{ 2048, 16, 128, 16 },
};

static void swiotlb_test_shape_desc(const struct swiotlb_test_shape *shape,
				    char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u slots in %u areas",
		 shape->nslots, shape->nareas);
}

KUNIT_ARRAY_PARAM(swiotlb_shape, swiotlb_shapes, swiotlb_test_shape_desc);

static void swiotlb_pool_shape_test(struct kunit *test)
{
	const struct swiotlb_test_shape *shape = test->param_value;
	struct io_tlb_pool *pool = swiotlb_test_pool(test, shape->nslots,
						     shape->nareas);
	size_t bytes = (size_t)shape->nslots << IO_TLB_SHIFT;
	void *end = pool->records + pool->nslots;

	KUNIT_EXPECT_EQ(test, pool->nslots, shape->nslots);
	KUNIT_EXPECT_EQ(test, pool->end - pool->start, bytes);
	KUNIT_EXPECT_EQ(test, 1U << pool->area_shift, shape->area_nslots);
	KUNIT_EXPECT_EQ(test, pool->nareas, shape->areas_made);
	KUNIT_EXPECT_EQ(test, ALIGN(end - pool->areas, SMP_CACHE_BYTES),
			swiotlb_pool_meta_bytes(shape->nslots, shape->nareas));
	KUNIT_EXPECT_EQ(test, pool->segment_mask, SWIOTLB_NO_BOUNDARY);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 0);
}

/* Allocate slot by slot: each slot of the pool is allocated once. */
static void swiotlb_pool_all_slots_test(struct kunit *test)
{
	const struct swiotlb_test_shape *shape = test->param_value;
	struct io_tlb_pool *pool = swiotlb_test_pool(test, shape->nslots,
						     shape->nareas);
	struct swiotlb_request req = swiotlb_test_request(1);
	unsigned long *seen = kunit_kcalloc(test, BITS_TO_LONGS(shape->nslots),
					    sizeof(long), GFP_KERNEL);
	unsigned int i, n = 0;
	phys_addr_t addr;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < pool->nareas; i++) {
		while ((addr = swiotlb_pool_map(pool, i, &req, pool->start)) != SWIOTLB_MAP_FULL) {
			unsigned int index = (addr - pool->start) >> IO_TLB_SHIFT;

			KUNIT_ASSERT_LT(test, index, shape->nslots);
			KUNIT_ASSERT_EQ(test, index >> pool->area_shift, i);
			KUNIT_ASSERT_FALSE(test, __test_and_set_bit(index, seen));
			n++;
		}
	}
	KUNIT_EXPECT_EQ(test, n, shape->nslots);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), shape->nslots);

	for (i = 0; i < shape->nslots; i++)
		swiotlb_pool_release(pool, i, 1, NULL, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 0);
}

struct swiotlb_test_limit {
	unsigned int nareas;
	unsigned long nslots;
	unsigned int expected;
};

static void swiotlb_pool_limit_test(struct kunit *test)
{
	static const struct swiotlb_test_limit limits[] = {
		{ 0, 32768, 1 },	{ 1, 1, 1 },		{ 8, 127, 1 },
		{ 8, 255, 1 },		{ 8, 256, 2 },		{ 8, 1023, 4 },
		{ 8, 1024, 8 },		{ 8, 32768, 8 },	{ 6, 32768, 8 },
		{ 1024, 32768, 256 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++)
		KUNIT_EXPECT_EQ(test, swiotlb_limit_nareas(limits[i].nareas,
							   limits[i].nslots),
				limits[i].expected);
}

/* ------------------------------------------------------------- place --- */

/**
 * struct swiotlb_test_place - requirements of a mapping, in slots
 * @nslots:	Its length.
 * @align_mask:	Alignment mask; all values of @align within it are tried.
 * @boundary:	Segment boundary mask, 0 for none.
 */
struct swiotlb_test_place {
	unsigned int nslots;
	unsigned int align_mask;
	unsigned int boundary;
};

static const struct swiotlb_test_place swiotlb_places[] = {
	{ 1, 0, 0 },	{ 1, 1, 0 },	{ 1, 31, 0 },	{ 1, 0, 1 },
	{ 2, 0, 0 },	{ 2, 1, 0 },	{ 2, 1, 1 },	{ 2, 3, 3 },
	{ 2, 15, 7 },	{ 3, 1, 3 },	{ 3, 7, 7 },	{ 5, 1, 3 },	{ 5, 3, 7 },
	{ 8, 7, 0 },	{ 8, 1, 7 },	{ 8, 15, 15 },	{ 17, 1, 31 },
	{ 32, 31, 31 },	{ 33, 7, 63 },	{ 100, 0, 127 }, { 128, 0, 0 },
	{ 128, 1, 0 },	{ 128, 31, 0 },	{ 128, 0, 63 },	{ 128, 0, 127 },
	{ 129, 0, 0 },
};

static void swiotlb_test_place_desc(const struct swiotlb_test_place *place,
				    char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u slots, align 0x%x, boundary 0x%x",
		 place->nslots, place->align_mask, place->boundary);
}

KUNIT_ARRAY_PARAM(swiotlb_place, swiotlb_places, swiotlb_test_place_desc);

/* The definition of a valid position, without the arithmetic of the engine. */
static bool swiotlb_test_may_lie_at(const struct swiotlb_request *req,
				    unsigned long slot)
{
	unsigned int i;

	if ((slot & req->align_mask) != req->align)
		return false;
	for (i = 1; i < req->nslots; i++)
		if (((slot + i) & ~req->boundary_mask) !=
		    (slot & ~req->boundary_mask))
			return false;
	return true;
}

static bool swiotlb_test_may_lie_in(const struct swiotlb_request *req,
				    unsigned long slot, unsigned int nslots)
{
	unsigned int i;

	for (i = 0; i + req->nslots <= nslots; i++)
		if (swiotlb_test_may_lie_at(req, slot + i))
			return true;
	return false;
}

/* An empty area has room if and only if the slow search finds room. */
static void swiotlb_test_place_at(struct kunit *test, struct io_tlb_pool *pool,
				  const struct swiotlb_request *req,
				  unsigned long dma_slot)
{
	phys_addr_t addr = swiotlb_pool_map(pool, 0, req,
					    (dma_addr_t)dma_slot << IO_TLB_SHIFT);
	unsigned int index = (addr - pool->start) >> IO_TLB_SHIFT;

	KUNIT_ASSERT_EQ_MSG(test, addr != SWIOTLB_MAP_FULL,
			    swiotlb_test_may_lie_in(req, dma_slot, pool->nslots),
			    "at %u of a pool at slot %lu", req->align, dma_slot);
	if (addr == SWIOTLB_MAP_FULL)
		return;

	KUNIT_EXPECT_TRUE(test, swiotlb_test_may_lie_at(req, dma_slot + index));
	KUNIT_EXPECT_TRUE(test, swiotlb_request_fits(req, dma_slot + index));
	KUNIT_EXPECT_LE(test, index + req->nslots, pool->nslots);
	swiotlb_pool_release(pool, index, req->nslots, NULL, 0);
}

static void swiotlb_pool_place_test(struct kunit *test)
{
	static const unsigned long dma_slots[] = { 0, 1, 6, 4096, 4096 + 127, 77777 };
	const struct swiotlb_test_place *place = test->param_value;
	struct io_tlb_pool *pool = swiotlb_test_pool(test, 192, 1);
	struct swiotlb_request req = swiotlb_test_request(place->nslots);
	unsigned int i;

	req.align_mask = place->align_mask;
	if (place->boundary)
		req.boundary_mask = place->boundary;
	for (req.align = 0; req.align <= place->align_mask; req.align++)
		for (i = 0; i < ARRAY_SIZE(dma_slots); i++)
			swiotlb_test_place_at(test, pool, &req, dma_slots[i]);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 0);
}

/* An impossible request fits nowhere; any other request fits in a pool large enough. */
static void swiotlb_pool_possible_test(struct kunit *test)
{
	const struct swiotlb_test_place *place = test->param_value;
	struct swiotlb_request req = swiotlb_test_request(place->nslots);

	req.align_mask = place->align_mask;
	if (place->boundary)
		req.boundary_mask = place->boundary;
	for (req.align = 0; req.align <= place->align_mask; req.align++)
		KUNIT_EXPECT_EQ_MSG(test, swiotlb_request_possible(&req),
				    swiotlb_test_may_lie_in(&req, 0, 512),
				    "at %u", req.align);
}

/* ---------------------------------------------------------- segments --- */

/**
 * struct swiotlb_test_segments - a pool that is contiguous in segments only
 * @nslots:	Slots of the pool.
 * @nareas:	Areas.
 * @segment:	Slots of a segment, a power of two.
 * @boundary:	Segment boundary mask of the device, 0 for none.
 */
struct swiotlb_test_segments {
	unsigned int nslots;
	unsigned int nareas;
	unsigned int segment;
	unsigned int boundary;
};

static const struct swiotlb_test_segments swiotlb_segments[] = {
	{ 512, 1, 128, 0 },	{ 512, 4, 128, 0 },	{ 640, 4, 128, 0 },
	{ 1000, 3, 128, 0 },	{ 512, 1, 32, 0 },	{ 512, 4, 32, 0 },
	{ 512, 1, 128, 63 },	{ 640, 4, 64, 127 },	{ 512, 2, 128, 127 },
	{ 512, 4, 128, 127 },	{ 512, 4, 128, 255 },
};

static void swiotlb_test_segments_desc(const struct swiotlb_test_segments *segments,
				       char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE,
		 "%u slots in %u areas, segments of %u, boundary 0x%x",
		 segments->nslots, segments->nareas, segments->segment,
		 segments->boundary);
}

KUNIT_ARRAY_PARAM(swiotlb_segment, swiotlb_segments, swiotlb_test_segments_desc);

static bool swiotlb_test_may_lie_in_segment(const struct io_tlb_pool *pool,
					    const struct swiotlb_request *req,
					    unsigned long dma_slot,
					    unsigned int index, unsigned int segment)
{
	return index + req->nslots <= pool->nslots &&
	       index / segment == (index + req->nslots - 1) / segment &&
	       index >> pool->area_shift ==
	       (index + req->nslots - 1) >> pool->area_shift &&
	       swiotlb_test_may_lie_at(req, dma_slot + index);
}

/* Fill all areas, then check that no further run fits. */
static void swiotlb_test_fill_segments(struct kunit *test, struct io_tlb_pool *pool,
				       const struct swiotlb_request *req,
				       unsigned long dma_slot)
{
	const struct swiotlb_test_segments *segments = test->param_value;
	unsigned int i, index, left, *runs, n = 0;
	phys_addr_t addr;

	runs = kunit_kcalloc(test, pool->nslots, sizeof(*runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	for (i = 0; i < pool->nareas; i++) {
		while ((addr = swiotlb_pool_map(pool, i, req, (dma_addr_t)dma_slot <<
						IO_TLB_SHIFT)) != SWIOTLB_MAP_FULL) {
			index = (addr - pool->start) >> IO_TLB_SHIFT;
			KUNIT_ASSERT_TRUE_MSG(test,
					      swiotlb_test_may_lie_in_segment(pool, req,
									      dma_slot,
									      index,
									      segments->segment),
					      "%u slots at %u", req->nslots, index);
			runs[n++] = index;
		}
	}

	/* No run fits between the runs that are mapped. */
	for (left = 0; left + req->nslots <= pool->nslots; left++) {
		if (!swiotlb_test_may_lie_in_segment(pool, req, dma_slot, left,
						     segments->segment))
			continue;
		for (i = 0; i < n; i++)
			if (runs[i] < left + req->nslots && left < runs[i] + req->nslots)
				break;
		KUNIT_EXPECT_LT_MSG(test, i, n, "%u slots fit at %u", req->nslots, left);
	}
	while (n--)
		swiotlb_pool_release(pool, runs[n], req->nslots, NULL, 0);
	kunit_kfree(test, runs);
}

static void swiotlb_pool_segment_test(struct kunit *test)
{
	static const unsigned int nslots[] = { 1, 2, 3, 8, 17, 32, 33, 64, 65, 128 };
	static const unsigned long dma_slots[] = { 0, 1, 4096 + 100, 77777 };
	const struct swiotlb_test_segments *segments = test->param_value;
	struct io_tlb_pool *pool = swiotlb_test_pool(test, segments->nslots,
						     segments->nareas);
	struct swiotlb_request req;
	unsigned int i, j;

	pool->segment_mask = segments->segment - 1;
	for (i = 0; i < ARRAY_SIZE(nslots) && nslots[i] <= segments->segment; i++) {
		req = swiotlb_test_request(nslots[i]);
		if (segments->boundary)
			req.boundary_mask = segments->boundary;
		if (!swiotlb_request_possible(&req))
			continue;
		for (j = 0; j < ARRAY_SIZE(dma_slots); j++) {
			swiotlb_test_fill_segments(test, pool, &req, dma_slots[j]);
			KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 0);
		}
	}
}

/* ----------------------------------------------------------- lookup --- */

static void swiotlb_pool_lookup_test(struct kunit *test)
{
	struct io_tlb_pool *pool = swiotlb_test_pool(test, SWIOTLB_TEST_NSLOTS, 4);
	struct swiotlb_request req = swiotlb_test_request(70);
	unsigned int i, first = SWIOTLB_MAX_SLOTS;
	struct swiotlb_mapping map;
	phys_addr_t addr, slot;

	req.pad_slots = 3;
	req.bytes = (66 << IO_TLB_SHIFT) + 5;
	req.offset = 100;
	addr = swiotlb_pool_map(pool, 1, &req, pool->start);
	KUNIT_ASSERT_EQ(test, addr,
			swiotlb_slot_addr(pool, first + req.pad_slots) + 100);

	for (i = 0; i < pool->nslots; i++) {
		slot = swiotlb_slot_addr(pool, i) + 7;
		KUNIT_ASSERT_EQ(test, swiotlb_pool_lookup(pool, slot, &map),
				i >= first && i < first + 70);
		if (i < first || i >= first + 70)
			continue;
		KUNIT_EXPECT_EQ(test, map.head, first);
		KUNIT_EXPECT_EQ(test, map.nslots, req.nslots);
		KUNIT_EXPECT_EQ(test, map.pad_slots, req.pad_slots);
		KUNIT_EXPECT_EQ(test, map.bytes, req.bytes);
		KUNIT_EXPECT_EQ(test, map.orig_addr, req.orig_addr);
	}

	KUNIT_ASSERT_TRUE(test, swiotlb_pool_lookup(pool, addr, &map));
	KUNIT_EXPECT_TRUE(test, swiotlb_record_take(&pool->records[first], map.word));
	/* The mapping has ended, but its slots are not free yet. */
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 70);
	KUNIT_EXPECT_FALSE(test, swiotlb_pool_lookup(pool, addr, &map));
	swiotlb_pool_release(pool, first, 70, NULL, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(pool), 0);
}

/* ----------------------------------------------------------- numbers --- */

static void swiotlb_pool_number_test(struct kunit *test)
{
	struct io_tlb_pool *one = swiotlb_test_pool(test, 1, 1);
	struct io_tlb_pool *two = swiotlb_test_pool(test, 1, 1);
	unsigned int id;

	KUNIT_ASSERT_EQ(test, swiotlb_pool_number(one), 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_number(two), 0);
	id = one->id;
	KUNIT_EXPECT_NE(test, id, 0);
	KUNIT_EXPECT_NE(test, id, two->id);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_pool_by_number(id), one);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_pool_by_number(two->id), two);

	swiotlb_pool_unnumber(one);
	KUNIT_EXPECT_EQ(test, one->id, 0);
	KUNIT_EXPECT_PTR_NE(test, swiotlb_pool_by_number(id), one);
	swiotlb_pool_unnumber(two);
	KUNIT_EXPECT_NULL(test, swiotlb_pool_by_number(0));
}

static struct kunit_case swiotlb_pool_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_pool_shape_test, swiotlb_shape_gen_params),
	KUNIT_CASE_PARAM(swiotlb_pool_all_slots_test, swiotlb_shape_gen_params),
	KUNIT_CASE(swiotlb_pool_limit_test),
	KUNIT_CASE_PARAM(swiotlb_pool_place_test, swiotlb_place_gen_params),
	KUNIT_CASE_PARAM(swiotlb_pool_possible_test, swiotlb_place_gen_params),
	KUNIT_CASE_PARAM(swiotlb_pool_segment_test, swiotlb_segment_gen_params),
	KUNIT_CASE(swiotlb_pool_lookup_test),
	KUNIT_CASE(swiotlb_pool_number_test),
	{}
};

static struct kunit_suite swiotlb_pool_suite = {
	.name = "swiotlb_pool",
	.test_cases = swiotlb_pool_cases,
};

kunit_test_suite(swiotlb_pool_suite);
