// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that the DMA API calls, on a device with a private allocator: addresses,
 * copies, reports.
 */

#include "../mem.h"
#include "fixture.h"

#define SWIOTLB_TEST_MAX_BYTES	(SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT)

/* ------------------------------------------------- where a buffer lies --- */

/**
 * struct swiotlb_test_layout - a kind of mapping
 * @bytes:	Size.
 * @min_align_mask: Alignment mask of the device.
 * @alloc_align_mask: Alignment mask of the allocation.
 * @boundary:	Segment boundary of the device, 0 for none.
 */
struct swiotlb_test_layout {
	size_t bytes;
	unsigned int min_align_mask;
	unsigned int alloc_align_mask;
	unsigned long boundary;
};

static const struct swiotlb_test_layout swiotlb_layouts[] = {
	{ 1, 0, 0, 0 },			{ 64, 0, 0, 0 },
	{ 4096, 0, 0, 0 },		{ 5000, 0, 0, 0 },
	{ SWIOTLB_TEST_MAX_BYTES, 0, 0, 0 },
	{ 64, 0x1ff, 0, 0 },		{ 2048, 0x1ff, 0, 0 },
	{ 64, 0x7ff, 0, 0 },		{ 512, 0xfff, 0, 0 },
	{ 4096, 0xfff, 0, 0 },		{ 65536, 0xfff, 0, 0 },
	{ 700, 0, 0xfff, 0 },		{ 8192, 0x1ff, 0xfff, 0 },
	{ 512, 0xfff, 0xfff, 0 },	{ 1500, 0x1ff, 0, 0xfff },
	{ 4096, 0, 0, 0xffff },		{ 4096, 0xfff, 0, 0xffff },
	{ 60000, 0, 0xfff, 0xffff },
};

static void swiotlb_test_layout_desc(const struct swiotlb_test_layout *layout,
				     char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE,
		 "%zu bytes, masks 0x%x and 0x%x, boundary 0x%lx", layout->bytes,
		 layout->min_align_mask, layout->alloc_align_mask,
		 layout->boundary);
}

KUNIT_ARRAY_PARAM(swiotlb_layout, swiotlb_layouts, swiotlb_test_layout_desc);

static void swiotlb_test_check_layout(struct kunit *test,
				      const struct swiotlb_test_layout *layout,
				      phys_addr_t orig, phys_addr_t addr)
{
	phys_addr_t last = addr + layout->bytes - 1;
	unsigned int offset = orig & layout->min_align_mask &
			      (layout->alloc_align_mask | (IO_TLB_SIZE - 1));

	KUNIT_EXPECT_EQ(test, addr & layout->min_align_mask,
			orig & layout->min_align_mask);
	if (layout->alloc_align_mask)
		KUNIT_EXPECT_EQ(test, (addr - offset) & layout->alloc_align_mask, 0);
	else if (!layout->min_align_mask && layout->bytes >= PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, offset_in_page(addr), 0);
	if (layout->boundary)
		KUNIT_EXPECT_EQ(test, addr & ~layout->boundary,
				last & ~layout->boundary);
}

static void swiotlb_dma_layout_test(struct kunit *test)
{
	static const unsigned int offsets[] = {
		0, 1, 511, 512, 0x7ff, 0x800, 0xabc, 0xfff,
	};
	const struct swiotlb_test_layout *layout = test->param_value;
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 2);
	struct device *dev = swiotlb_test_device(test, &mem->pub,
						 layout->min_align_mask);
	u8 *buffer = swiotlb_test_buffer(test, 2 * SWIOTLB_TEST_MAX_BYTES);
	unsigned long attrs = 0;
	phys_addr_t orig, addr;
	unsigned int i;

	if (layout->boundary)
		dma_set_seg_boundary(dev, layout->boundary);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		orig = virt_to_phys(buffer) + offsets[i];
		addr = swiotlb_tbl_map_single(dev, orig, layout->bytes,
					      layout->alloc_align_mask,
					      DMA_TO_DEVICE, &attrs);
		KUNIT_ASSERT_NE_MSG(test, addr, (phys_addr_t)DMA_MAPPING_ERROR,
				    "offset 0x%x", offsets[i]);
		swiotlb_test_check_layout(test, layout, orig, addr);
		KUNIT_EXPECT_EQ(test, 0, memcmp(swiotlb_test_bounce(dev, addr),
						buffer + offsets[i],
						layout->bytes));
		swiotlb_tbl_unmap_single(dev, addr, layout->bytes, DMA_TO_DEVICE, 0);
	}
}

/* The largest mapping fits at every offset. One byte more is refused, and so are 0 bytes. */
static void swiotlb_dma_largest_test(struct kunit *test)
{
	static const unsigned int masks[] = { 0, 0x1ff, 0x7ff, 0xfff, 0x3fff };
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 1);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, 2 * SWIOTLB_TEST_MAX_BYTES);
	unsigned int i, offset;
	phys_addr_t addr;
	size_t most;

	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		dma_set_min_align_mask(dev, masks[i]);
		most = dma_max_mapping_size(dev);
		for (offset = 0; offset <= masks[i]; offset += 509) {
			addr = swiotlb_test_map(dev, buffer + offset, most,
						DMA_TO_DEVICE);
			KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
			swiotlb_tbl_unmap_single(dev, addr, most, DMA_TO_DEVICE, 0);
		}
	}
	dma_set_min_align_mask(dev, 0);
	KUNIT_EXPECT_EQ(test, dma_max_mapping_size(dev), SWIOTLB_TEST_MAX_BYTES);
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(dev, buffer, SWIOTLB_TEST_MAX_BYTES + 1,
					 DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(dev, buffer, 0, DMA_TO_DEVICE));
}

/* ------------------------------------------------------- truth table --- */

/**
 * struct swiotlb_test_way - a direction, and the calls that copy
 * @name:	Name of the test case.
 * @dir:	Direction.
 * @attrs:	Attributes of the unmap.
 * @to_device:	A sync for the device copies.
 * @to_cpu:	A sync for the CPU copies.
 * @unmap:	The unmap copies.
 */
struct swiotlb_test_way {
	const char *name;
	enum dma_data_direction dir;
	unsigned long attrs;
	bool to_device;
	bool to_cpu;
	bool unmap;
};

static const struct swiotlb_test_way swiotlb_ways[] = {
	{ "to device", DMA_TO_DEVICE, 0, true, false, false },
	{ "from device", DMA_FROM_DEVICE, 0, false, true, true },
	{ "both", DMA_BIDIRECTIONAL, 0, true, true, true },
	{ "to device, no sync", DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC,
	  true, false, false },
	{ "from device, no sync", DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC,
	  false, true, false },
	{ "both, no sync", DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC,
	  true, true, false },
};

KUNIT_ARRAY_PARAM_DESC(swiotlb_way, swiotlb_ways, name);

#define SWIOTLB_TEST_BYTES	3000
#define SWIOTLB_TEST_PART	1000
#define SWIOTLB_TEST_GUARD	64

static void swiotlb_test_expect_fill(struct kunit *test, const u8 *bytes,
				     bool changed, u8 new, u8 old)
{
	KUNIT_EXPECT_NULL(test, memchr_inv(bytes, changed ? new : old,
					   SWIOTLB_TEST_PART));
}

/* Use the DMA API. Each sync covers a third of the buffer. */
static void swiotlb_dma_copies_test(struct kunit *test)
{
	const struct swiotlb_test_way *way = test->param_value;
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, 4 * PAGE_SIZE) + PAGE_SIZE + 100;
	dma_addr_t addr;
	u8 *bounce;

	memset(buffer - SWIOTLB_TEST_GUARD, 0x5a,
	       SWIOTLB_TEST_BYTES + 2 * SWIOTLB_TEST_GUARD);
	memset(buffer, 0x11, SWIOTLB_TEST_BYTES);
	addr = dma_map_single(dev, buffer, SWIOTLB_TEST_BYTES, way->dir);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, addr));
	bounce = swiotlb_test_bounce(dev, dma_to_phys(dev, addr));
	KUNIT_ASSERT_NOT_NULL(test, bounce);
	/* A map copies in all directions: the device may write only a part of the buffer. */
	KUNIT_EXPECT_NULL(test, memchr_inv(bounce, 0x11, SWIOTLB_TEST_BYTES));

	memset(buffer, 0x22, SWIOTLB_TEST_BYTES);
	dma_sync_single_for_device(dev, addr + SWIOTLB_TEST_PART,
				   SWIOTLB_TEST_PART, way->dir);
	swiotlb_test_expect_fill(test, bounce, false, 0x22, 0x11);
	swiotlb_test_expect_fill(test, bounce + SWIOTLB_TEST_PART, way->to_device,
				 0x22, 0x11);
	swiotlb_test_expect_fill(test, bounce + 2 * SWIOTLB_TEST_PART, false,
				 0x22, 0x11);

	memset(bounce, 0x33, SWIOTLB_TEST_BYTES);
	dma_sync_single_for_cpu(dev, addr + 2 * SWIOTLB_TEST_PART,
				SWIOTLB_TEST_PART, way->dir);
	swiotlb_test_expect_fill(test, buffer, false, 0x33, 0x22);
	swiotlb_test_expect_fill(test, buffer + SWIOTLB_TEST_PART, false, 0x33, 0x22);
	swiotlb_test_expect_fill(test, buffer + 2 * SWIOTLB_TEST_PART, way->to_cpu,
				 0x33, 0x22);

	memset(bounce, 0x44, SWIOTLB_TEST_PART);
	dma_unmap_single_attrs(dev, addr, SWIOTLB_TEST_BYTES, way->dir, way->attrs);
	swiotlb_test_expect_fill(test, buffer, way->unmap, 0x44, 0x22);
	swiotlb_test_expect_fill(test, buffer + SWIOTLB_TEST_PART, way->unmap,
				 0x33, 0x22);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer - SWIOTLB_TEST_GUARD, 0x5a,
					   SWIOTLB_TEST_GUARD));
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + SWIOTLB_TEST_BYTES, 0x5a,
					   SWIOTLB_TEST_GUARD));
}

/* ------------------------------------------------------------ misuse --- */

static void swiotlb_dma_unmap_twice_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	phys_addr_t addr = swiotlb_test_map(dev, buffer, 3000, DMA_FROM_DEVICE);
	phys_addr_t other = swiotlb_test_map(dev, buffer, 3000, DMA_FROM_DEVICE);
	u8 *bounce = swiotlb_test_bounce(dev, addr);

	KUNIT_ASSERT_NOT_NULL(test, bounce);
	memset(bounce, 0x77, 3000);
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
	memset(buffer, 0x11, 3000);
	kunit_warning_suppress(test) {
		swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
		SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, 1);
		swiotlb_sync_single_for_cpu(dev, addr, 3000, DMA_FROM_DEVICE);
		SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, 2);
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0x11, 3000));
	swiotlb_test_expect_used(test, mem, 2);
	swiotlb_tbl_unmap_single(dev, other, 3000, DMA_FROM_DEVICE, 0);
}

/* An unmap at an address inside a mapping is rejected. */
static void swiotlb_dma_unmap_inside_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, 2 * PAGE_SIZE);
	phys_addr_t addr = swiotlb_test_map(dev, buffer, 8000, DMA_TO_DEVICE);

	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	kunit_warning_suppress(test) {
		swiotlb_tbl_unmap_single(dev, addr + IO_TLB_SIZE, 100,
					 DMA_TO_DEVICE, 0);
		SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, 1);
	}
	swiotlb_test_expect_used(test, mem, 4);
	swiotlb_tbl_unmap_single(dev, addr, 8000, DMA_TO_DEVICE, 0);
}

/* Addresses next to the pool are not in it. */
static void swiotlb_dma_foreign_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	struct io_tlb_pool *pool = &mem->boot_pool;

	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, pool->start), pool);
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_find_pool(dev, pool->end - 1), pool);
	/* These addresses may be in a pool of the machine. */
	KUNIT_EXPECT_PTR_NE(test, swiotlb_find_pool(dev, pool->start - 1), pool);
	KUNIT_EXPECT_PTR_NE(test, swiotlb_find_pool(dev, pool->end), pool);
	KUNIT_EXPECT_TRUE(test, is_swiotlb_active(dev));
	KUNIT_EXPECT_TRUE(test, is_swiotlb_force_bounce(dev));
}

/* Fill the pool, free all of it, and fill it again. */
static void swiotlb_dma_full_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	unsigned int i, round, n = SWIOTLB_TEST_NSLOTS / 2;
	phys_addr_t *addrs = kunit_kcalloc(test, n, sizeof(*addrs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addrs);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < n; i++) {
			addrs[i] = swiotlb_test_map(dev, buffer, PAGE_SIZE,
						    DMA_TO_DEVICE);
			KUNIT_ASSERT_NE(test, addrs[i],
					(phys_addr_t)DMA_MAPPING_ERROR);
		}
		KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
				swiotlb_test_map(dev, buffer, 1, DMA_TO_DEVICE));
		for (i = 0; i < n; i++)
			swiotlb_tbl_unmap_single(dev, addrs[i], PAGE_SIZE,
						 DMA_TO_DEVICE, 0);
		swiotlb_test_expect_used(test, mem, 0);
	}
}

/* For a device that reaches no pool, the map fails as out of reach, not as full. */
static void swiotlb_dma_out_of_reach_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);

	*dev->dma_mask = mem->boot_pool.start - 1;
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(dev, buffer, 100, DMA_TO_DEVICE));
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_OUT_OF_REACH, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_FULL, 0);
}

/* Each map that fails is counted by its cause, even if it is not logged. */
static void swiotlb_dma_events_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, SWIOTLB_MAX_SLOTS, 1);
	struct device *dev = swiotlb_test_device(test, &mem->pub, 0);
	u8 *buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_MAX_BYTES);
	phys_addr_t addr;

	swiotlb_test_map(dev, buffer, SWIOTLB_TEST_MAX_BYTES + 1, DMA_TO_DEVICE);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_TOO_LARGE, 1);
	dma_set_seg_boundary(dev, SZ_4K - 1);
	swiotlb_test_map(dev, buffer, SZ_8K, DMA_TO_DEVICE);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_MISALIGNED, 1);
	dma_set_seg_boundary(dev, ULONG_MAX);

	addr = swiotlb_test_map(dev, buffer, SWIOTLB_TEST_MAX_BYTES, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(dev, buffer, 1, DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(dev, buffer, 1, DMA_TO_DEVICE));
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_FULL, 2);
	SWIOTLB_TEST_EXPECT_EVENT(test, mem, SWIOTLB_OUT_OF_REACH, 0);
	swiotlb_tbl_unmap_single(dev, addr, SWIOTLB_TEST_MAX_BYTES, DMA_TO_DEVICE, 0);
}

static struct kunit_case swiotlb_dma_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_dma_layout_test, swiotlb_layout_gen_params),
	KUNIT_CASE(swiotlb_dma_largest_test),
	KUNIT_CASE_PARAM(swiotlb_dma_copies_test, swiotlb_way_gen_params),
	KUNIT_CASE(swiotlb_dma_unmap_twice_test),
	KUNIT_CASE(swiotlb_dma_unmap_inside_test),
	KUNIT_CASE(swiotlb_dma_foreign_test),
	KUNIT_CASE(swiotlb_dma_full_test),
	KUNIT_CASE(swiotlb_dma_out_of_reach_test),
	KUNIT_CASE(swiotlb_dma_events_test),
	{}
};

static struct kunit_suite swiotlb_dma_suite = {
	.name = "swiotlb_dma",
	.test_cases = swiotlb_dma_cases,
};

kunit_test_suite(swiotlb_dma_suite);
