// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy: which bytes it copies and counts, and which it leaves unchanged.
 */

#include "../bounce.h"
#include "fixture.h"

#define SWIOTLB_TEST_BYTES	(IO_TLB_SIZE + 40)
#define SWIOTLB_TEST_GUARD	64
#define SWIOTLB_TEST_POISON	0xee

/**
 * struct swiotlb_test_copy - a mapping made without the DMA API
 * @dev:	Device of the mapping.
 * @mem:	Allocator of @dev and @pool. The pool is not in its list.
 * @pool:	Pool with the bounce buffer.
 * @map:	The mapping: SWIOTLB_TEST_BYTES bytes of @orig.
 * @tlb_addr:	Physical address of the first mapped byte in the bounce buffer.
 * @orig:	The original, between guard bytes.
 * @bounce:	Virtual address of @tlb_addr.
 */
struct swiotlb_test_copy {
	struct device *dev;
	struct swiotlb_mem *mem;
	struct io_tlb_pool pool;
	struct swiotlb_mapping map;
	phys_addr_t tlb_addr;
	u8 *orig;
	u8 *bounce;
};

/* @offset is that of the original in its page, @min_align_mask that of the device. */
static struct swiotlb_test_copy *
swiotlb_test_copy(struct kunit *test, unsigned int offset,
		  unsigned int min_align_mask)
{
	struct swiotlb_test_copy *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct swiotlb_request req = swiotlb_test_request(3);
	struct io_tlb_pool *pool;

	KUNIT_ASSERT_NOT_NULL(test, t);
	swiotlb_test_init_pool(test, &t->pool, SWIOTLB_MAX_SLOTS, 1);
	t->mem = swiotlb_test_mem(test, 0, 1);
	t->pool.mem = t->mem;
	t->dev = swiotlb_test_device(test, &t->mem->pub, min_align_mask);
	t->orig = swiotlb_test_buffer(test, 4 * PAGE_SIZE) + PAGE_SIZE + offset;
	pool = &t->pool;

	req.orig_addr = virt_to_phys(t->orig);
	req.bytes = SWIOTLB_TEST_BYTES;
	req.offset = swiotlb_align_offset(t->dev, 0, req.orig_addr);
	req.pad_slots = 1;
	t->tlb_addr = swiotlb_pool_map(pool, 0, &req, pool->start);
	KUNIT_ASSERT_NE(test, t->tlb_addr, SWIOTLB_MAP_FULL);
	KUNIT_ASSERT_TRUE(test, swiotlb_pool_lookup(pool, t->tlb_addr, &t->map));
	t->bounce = pool->vaddr + (t->tlb_addr - pool->start);
	return t;
}

static void swiotlb_test_copy_end(struct swiotlb_test_copy *t)
{
	struct io_tlb_pool *pool = &t->pool;

	swiotlb_record_take(&pool->records[t->map.head], t->map.word);
	swiotlb_pool_release(pool, t->map.head, t->map.nslots, NULL, 0);
}

/* Returns true if @bytes bytes at @skip were copied, and all others are still poison. */
static bool swiotlb_test_copied(const u8 *to, const u8 *from, size_t skip,
				size_t bytes)
{
	return !memcmp(to + skip, from + skip, bytes) &&
	       !memchr_inv(to - SWIOTLB_TEST_GUARD, SWIOTLB_TEST_POISON,
			   SWIOTLB_TEST_GUARD + skip) &&
	       !memchr_inv(to + skip + bytes, SWIOTLB_TEST_POISON,
			   SWIOTLB_TEST_BYTES - skip - bytes + SWIOTLB_TEST_GUARD);
}

static bool swiotlb_test_copy_part(struct swiotlb_test_copy *t, size_t skip,
				   size_t bytes, enum dma_data_direction dir)
{
	u8 *from = dir == DMA_TO_DEVICE ? t->orig : t->bounce;
	u8 *to = dir == DMA_TO_DEVICE ? t->bounce : t->orig;
	unsigned long bounced = swiotlb_mem_bounced(t->mem);
	size_t i;

	memset(to - SWIOTLB_TEST_GUARD, SWIOTLB_TEST_POISON,
	       SWIOTLB_TEST_BYTES + 2 * SWIOTLB_TEST_GUARD);
	for (i = 0; i < SWIOTLB_TEST_BYTES; i++)
		from[i] = i * 5 + (i >> 8) + 1;
	swiotlb_bounce(t->dev, &t->pool, &t->map, t->tlb_addr + skip,
		       bytes, dir);
	return swiotlb_test_copied(to, from, skip, bytes) &&
	       swiotlb_mem_bounced(t->mem) - bounced == bytes;
}

struct swiotlb_test_place_of {
	unsigned int offset;
	unsigned int min_align_mask;
};

static const struct swiotlb_test_place_of swiotlb_offsets[] = {
	{ 0, 0 }, { 1, 0 }, { 2047, 0 }, { 300, 0x1ff }, { 300, 0xfff },
	{ 2049, 0x7ff }, { 4095, 0xfff },
};

static void swiotlb_test_offset_desc(const struct swiotlb_test_place_of *place,
				     char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "offset %u, min_align_mask 0x%x",
		 place->offset, place->min_align_mask);
}

KUNIT_ARRAY_PARAM(swiotlb_offset, swiotlb_offsets, swiotlb_test_offset_desc);

/* Copy parts of various sizes, at both ends and in the middle. */
static void swiotlb_bounce_part_test(struct kunit *test)
{
	static const size_t skips[] = {
		0, 1, 63, 64, IO_TLB_SIZE - 1, IO_TLB_SIZE, SWIOTLB_TEST_BYTES - 1,
	};
	static const size_t sizes[] = { 1, 2, 40, 64, IO_TLB_SIZE, SWIOTLB_TEST_BYTES };
	const struct swiotlb_test_place_of *place = test->param_value;
	struct swiotlb_test_copy *t = swiotlb_test_copy(test, place->offset,
							place->min_align_mask);
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(skips); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			size_t bytes = min(sizes[j], SWIOTLB_TEST_BYTES - skips[i]);

			KUNIT_EXPECT_TRUE_MSG(test,
					      swiotlb_test_copy_part(t, skips[i],
								     bytes,
								     DMA_TO_DEVICE),
					      "%zu at %zu to the device", bytes,
					      skips[i]);
			KUNIT_EXPECT_TRUE_MSG(test,
					      swiotlb_test_copy_part(t, skips[i],
								     bytes,
								     DMA_FROM_DEVICE),
					      "%zu at %zu from the device", bytes,
					      skips[i]);
		}
	}
	swiotlb_test_copy_end(t);
}

/* Bytes outside of the mapping are reported, and not copied. */
static void swiotlb_bounce_clamp_test(struct kunit *test)
{
	struct swiotlb_test_copy *t = swiotlb_test_copy(test, 0, 0);
	struct io_tlb_pool *pool = &t->pool;

	memset(t->bounce, SWIOTLB_TEST_POISON, SWIOTLB_TEST_BYTES + 64);
	kunit_warning_suppress(test) {
		swiotlb_bounce(t->dev, pool, &t->map,
			       t->tlb_addr + SWIOTLB_TEST_BYTES - 8, 24,
			       DMA_TO_DEVICE);
		SWIOTLB_TEST_EXPECT_WARNED(test, 1);
		swiotlb_bounce(t->dev, pool, &t->map,
			       t->tlb_addr + SWIOTLB_TEST_BYTES, 1, DMA_TO_DEVICE);
		swiotlb_bounce(t->dev, pool, &t->map, t->tlb_addr - 1, 4,
			       DMA_TO_DEVICE);
		SWIOTLB_TEST_EXPECT_WARNED(test, 3);
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(t->bounce, SWIOTLB_TEST_POISON,
					   SWIOTLB_TEST_BYTES - 8));
	KUNIT_EXPECT_MEMEQ(test, t->bounce + SWIOTLB_TEST_BYTES - 8,
			   t->orig + SWIOTLB_TEST_BYTES - 8, 8);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->bounce + SWIOTLB_TEST_BYTES,
					   SWIOTLB_TEST_POISON, 64));
	KUNIT_EXPECT_EQ(test, swiotlb_mem_bounced(t->mem), 8);
	swiotlb_test_copy_end(t);
}

/* An allocation has no original, so the copy reads and writes nothing. */
static void swiotlb_bounce_no_original_test(struct kunit *test)
{
	struct swiotlb_test_copy *t = swiotlb_test_copy(test, 0, 0);
	struct swiotlb_mapping map = t->map;

	map.orig_addr = SWIOTLB_NO_ORIG_ADDR;
	memset(t->bounce, SWIOTLB_TEST_POISON, SWIOTLB_TEST_BYTES);
	swiotlb_bounce(t->dev, &t->pool, &map, t->tlb_addr,
		       SWIOTLB_TEST_BYTES, DMA_TO_DEVICE);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->bounce, SWIOTLB_TEST_POISON,
					   SWIOTLB_TEST_BYTES));
	KUNIT_EXPECT_EQ(test, swiotlb_mem_bounced(t->mem), 0);
	swiotlb_test_copy_end(t);
}

static struct kunit_case swiotlb_bounce_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_bounce_part_test, swiotlb_offset_gen_params),
	KUNIT_CASE(swiotlb_bounce_clamp_test),
	KUNIT_CASE(swiotlb_bounce_no_original_test),
	{}
};

static struct kunit_suite swiotlb_bounce_suite = {
	.name = "swiotlb_bounce",
	.test_cases = swiotlb_bounce_cases,
};

kunit_test_suite(swiotlb_bounce_suite);
