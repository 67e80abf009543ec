// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which bytes are copied, when, and which must not change:
 *
 *	pool   | poison | bounce buffer        | poison |
 *	                  ^ map, sync_for_device: from the original
 *	                  v unmap, sync_for_cpu: to the original
 *	buffer | guard  | original             | guard  |
 */
#include "harness.h"

#define GUARD 64
#define POISON 0x5a

struct bounce {
	struct device *dev;
	phys_addr_t pool, orig, tlb;
	size_t pool_bytes, size;
	u8 *pool_image, *orig_image;	/* expected contents */
};

static void expect_memory(struct bounce *b, const char *when)
{
	u8 *pool = phys_to_virt(b->pool);
	u8 *orig = (u8 *)phys_to_virt(b->orig) - GUARD;
	size_t i;

	for (i = 0; i < b->pool_bytes && pool[i] == b->pool_image[i]; i++)
		;
	CHECK_MSG(i == b->pool_bytes,
		  "%s: pool byte %zd of the bounce buffer (%zu) is %02x, not %02x",
		  when, (ssize_t)(b->pool + i - b->tlb), b->size, pool[i],
		  b->pool_image[i]);
	for (i = 0; i < b->size + 2 * GUARD && orig[i] == b->orig_image[i]; i++)
		;
	CHECK_MSG(i == b->size + 2 * GUARD,
		  "%s: byte %zd of the original (%zu) is %02x, not %02x", when,
		  (ssize_t)i - GUARD, b->size, orig[i], b->orig_image[i]);
}

static u8 *image_of_slot(struct bounce *b, size_t off)
{
	return b->pool_image + (b->tlb - b->pool) + off;
}

/* Write as the CPU, or as the device, both to memory and to its image */
static void cpu_writes(struct bounce *b, u32 seed)
{
	fill_pattern(b->orig_image + GUARD, b->size, seed);
	memcpy(phys_to_virt(b->orig), b->orig_image + GUARD, b->size);
}

static void device_writes(struct bounce *b, size_t off, size_t n, u32 seed)
{
	fill_pattern(image_of_slot(b, off), n, seed);
	memcpy((u8 *)phys_to_virt(b->tlb) + off, image_of_slot(b, off), n);
}

static void copied_to_device(struct bounce *b, size_t off, size_t n)
{
	memcpy(image_of_slot(b, off), b->orig_image + GUARD + off, n);
}

static void copied_from_device(struct bounce *b, size_t off, size_t n)
{
	memcpy(b->orig_image + GUARD + off, image_of_slot(b, off), n);
}

static void bounce_begin(struct bounce *b, struct device *dev, phys_addr_t pool,
			 size_t pool_bytes, size_t size, unsigned int offset)
{
	*b = (struct bounce){ .dev = dev, .pool = pool, .size = size,
			      .pool_bytes = pool_bytes };
	b->orig = new_buffer(size + 2 * GUARD, offset);
	b->pool_image = malloc(pool_bytes);
	b->orig_image = malloc(size + 2 * GUARD);
	memset(b->pool_image, POISON, pool_bytes);
	memset(phys_to_virt(pool), POISON, pool_bytes);
	memset(b->orig_image, 0xc3, size + 2 * GUARD);
	memcpy((u8 *)phys_to_virt(b->orig) - GUARD, b->orig_image, size + 2 * GUARD);
	cpu_writes(b, 1);
}

static bool bounce_map(struct bounce *b, unsigned int alloc_mask,
		       enum dma_data_direction dir, unsigned long attrs)
{
	b->tlb = map_full(b->dev, b->orig, b->size, alloc_mask, dir, attrs);
	if (!CHECK(b->tlb != MAP_FAILED_ADDR) ||
	    !CHECK(b->tlb >= b->pool &&
		   b->tlb + b->size <= b->pool + b->pool_bytes))
		return false;
	copied_to_device(b, 0, b->size);
	return true;
}

static void bounce_end(struct bounce *b, enum dma_data_direction dir,
		       unsigned long attrs)
{
	swiotlb_tbl_unmap_single(b->dev, b->tlb, b->size, dir, attrs);
	free(b->pool_image);
	free(b->orig_image);
}

/* Whether each step copies. A map always copies: see CVE-2022-0854. */
static const struct truth {
	enum dma_data_direction dir;
	unsigned long attrs;
	bool sync_device, sync_cpu, unmap;
} truths[] = {
	{ DMA_TO_DEVICE,	0,			true,	false,	false },
	{ DMA_TO_DEVICE,	DMA_ATTR_SKIP_CPU_SYNC,	true,	false,	false },
	{ DMA_FROM_DEVICE,	0,			false,	true,	true },
	{ DMA_FROM_DEVICE,	DMA_ATTR_SKIP_CPU_SYNC,	false,	true,	false },
	{ DMA_BIDIRECTIONAL,	0,			true,	true,	true },
	{ DMA_BIDIRECTIONAL,	DMA_ATTR_SKIP_CPU_SYNC,	true,	true,	false },
};

static void check_truth(struct bounce *b, const struct truth *t)
{
	if (!bounce_map(b, 0, t->dir, t->attrs))
		return;
	expect_memory(b, "map");

	cpu_writes(b, 2);
	swiotlb_sync_single_for_device(b->dev, b->tlb, b->size, t->dir);
	if (t->sync_device)
		copied_to_device(b, 0, b->size);
	expect_memory(b, "sync for device");

	device_writes(b, b->size / 3, b->size - b->size / 3, 3);
	swiotlb_sync_single_for_cpu(b->dev, b->tlb, b->size, t->dir);
	if (t->sync_cpu)
		copied_from_device(b, 0, b->size);
	expect_memory(b, "sync for CPU");

	device_writes(b, 0, b->size / 2 + 1, 4);
	swiotlb_tbl_unmap_single(b->dev, b->tlb, b->size, t->dir, t->attrs);
	if (t->unmap)
		copied_from_device(b, 0, b->size);
	expect_memory(b, "unmap");
	check_used(0);
}

TEST(copy_truth_table)
{
	static const size_t sizes[] = { 1, 17, 512, 2047, 2048, 2049, 4096,
					5000, 65536, 262144 };
	size_t pool_bytes, i, j;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);
	struct device *dev = new_device(0, 0);
	struct bounce b;

	for (i = 0; i < ARRAY_SIZE(truths); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			bounce_begin(&b, dev, pool, pool_bytes, sizes[j], 100 + j);
			check_truth(&b, &truths[i]);
			free(b.pool_image);
			free(b.orig_image);
		}
	}
}

/* CVE-2022-0854: a tail that the device did not write keeps the original data */
TEST(unwritten_tail_keeps_original)
{
	size_t pool_bytes, k;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);
	struct device *dev = new_device(0, 0);
	struct bounce b;

	for (k = 0; k <= 700; k += 50) {
		bounce_begin(&b, dev, pool, pool_bytes, 700, 16);
		if (!bounce_map(&b, 0, DMA_FROM_DEVICE, 0))
			return;
		device_writes(&b, 0, k, 9);
		copied_from_device(&b, 0, k);
		swiotlb_tbl_unmap_single(dev, b.tlb, 700, DMA_FROM_DEVICE, 0);
		expect_memory(&b, "unmap");
		free(b.pool_image);
		free(b.orig_image);
	}
}

/* Map with swiotlb_map(), which the DMA API calls */
TEST(map_by_dma_address)
{
	size_t pool_bytes;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);
	struct device *dev = new_device(0, 0);
	phys_addr_t orig = new_buffer(3000, 10);
	dma_addr_t dma;

	fill_pattern(phys_to_virt(orig), 3000, 5);
	dma = swiotlb_map(dev, orig, 3000, DMA_TO_DEVICE, 0);
	if (!CHECK(dma != DMA_MAPPING_ERROR))
		return;
	CHECK(dma >= pool && dma + 3000 <= pool + pool_bytes);
	CHECK(has_pattern(phys_to_virt(dma_to_phys(dev, dma)), 3000, 5));
	CHECK_EQ(shim_traced, 1);
	unmap(dev, dma_to_phys(dev, dma), 3000, DMA_TO_DEVICE);
	check_used(0);
}

/* For a device whose mask does not reach the pool, the map fails without a leak */
TEST(map_beyond_device_mask)
{
	struct device *dev;
	phys_addr_t orig;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	*dev->dma_mask = DMA_BIT_MASK(20);
	orig = new_buffer(512, 0);
	CHECK(swiotlb_map(dev, orig, 512, DMA_TO_DEVICE, 0) == DMA_MAPPING_ERROR);
	check_used(0);
#ifdef ENGINE_base
	expect_warns(1);
#else
	CHECK(shim_log_has("swiotlb is out of reach"));
#endif
}

struct sync_case {
	size_t size;
	unsigned int offset, min_align_mask, alloc_mask;
};

static void sync_range(struct bounce *b, size_t off, size_t n)
{
	cpu_writes(b, off * 7 + n);
	swiotlb_sync_single_for_device(b->dev, b->tlb + off, n, DMA_BIDIRECTIONAL);
	copied_to_device(b, off, n);
	expect_memory(b, "partial sync for device");

	device_writes(b, 0, b->size, off * 5 + n);
	swiotlb_sync_single_for_cpu(b->dev, b->tlb + off, n, DMA_BIDIRECTIONAL);
	copied_from_device(b, off, n);
	expect_memory(b, "partial sync for CPU");
}

static bool sync_case_begin(struct bounce *b, const struct sync_case *c)
{
	size_t pool_bytes;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);

	/* Compare only slots around the mapping: comparing the whole pool takes too long */
	bounce_begin(b, new_device(c->min_align_mask, 0), pool, pool_bytes,
		     c->size, c->offset);
	if (!bounce_map(b, c->alloc_mask, DMA_BIDIRECTIONAL, 0))
		return false;
	b->pool_image += round_down(b->tlb, 4096) - b->pool;
	b->pool = round_down(b->tlb, 4096);
	b->pool_bytes = min_t(size_t, pool + pool_bytes - b->pool,
			      c->size + 3 * 4096);
	return true;
}

static void sync_every_range(const void *arg)
{
	const struct sync_case *c = arg;
	struct bounce b;
	size_t off, n;

	if (!sync_case_begin(&b, c))
		return;
	for (off = 0; off < c->size; off++)
		for (n = 0; n <= c->size - off && !check_failures(); n++)
			sync_range(&b, off, n);
	swiotlb_tbl_unmap_single(b.dev, b.tlb, c->size, DMA_BIDIRECTIONAL, 0);
	check_used(0);
}

/* Offsets on both sides of each slot boundary, and lengths around the size of a slot */
static void sync_slot_edges(const void *arg)
{
	static const int around[] = { -2, -1, 0, 1, 2, 600 };
	static const size_t lengths[] = { 1, 2, 63, 2046, 2047, 2048, 2049, 4096 };
	const struct sync_case *c = arg;
	size_t edge, i, j;
	struct bounce b;

	if (!sync_case_begin(&b, c))
		return;
	for (edge = 0; edge < c->size + IO_TLB_SIZE; edge += IO_TLB_SIZE) {
		for (i = 0; i < ARRAY_SIZE(around); i++) {
			/* The boundaries of slots in the pool, not in the buffer */
			long off = (long)(edge - (b.tlb & (IO_TLB_SIZE - 1))) +
				   around[i];

			for (j = 0; j < ARRAY_SIZE(lengths); j++)
				if (off >= 0 && off + lengths[j] <= c->size &&
				    !check_failures())
					sync_range(&b, off, lengths[j]);
		}
	}
	sync_range(&b, 0, c->size);
	swiotlb_tbl_unmap_single(b.dev, b.tlb, c->size, DMA_BIDIRECTIONAL, 0);
	check_used(0);
}

static const struct sync_case small_syncs[] = {
	{ 33, 0, 0, 0 },
	{ 33, 0x7f0, 0xfff, 0 },
	{ 33, 0x7e0, 0x7ff, 0 },
	{ 33, 0xff0, 0xfff, 0 },
	{ 33, 0xa10, 0xfff, 0xfff },
	{ 33, 0x0f0, 0x1ff, 0 },
};

static const struct sync_case large_syncs[] = {
	{ 5000, 0, 0, 0 },
	{ 5000, 100, 0, 0 },
	{ 5000, 0x7f3, 0xfff, 0 },
	{ 5000, 0xff3, 0xfff, 0 },
	{ 5000, 0xff3, 0xfff, 0xfff },
	{ 5000, 0x9f3, 0xfff, 0xfff },
	{ 5000, 0x3ff3, 0x3fff, 0xfff },
	{ 2048, 0x7ff, 0x7ff, 0 },
	{ 40000, 0x7ff, 0xffff, 0 },
	{ 40000, 0x1801, 0x1fff, 0xfff },
};

static const char *sync_case_name(const struct sync_case *c)
{
	static char buf[96];

	snprintf(buf, sizeof(buf), "size %zu offset 0x%x min_align 0x%x alloc_align 0x%x",
		 c->size, c->offset, c->min_align_mask, c->alloc_mask);
	return buf;
}

TEST(partial_sync_every_range_of_small)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(small_syncs); i++)
		in_child(sync_every_range, &small_syncs[i],
			 sync_case_name(&small_syncs[i]));
}

TEST(partial_sync_at_slot_edges)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(large_syncs); i++)
		in_child(sync_slot_edges, &large_syncs[i],
			 sync_case_name(&large_syncs[i]));
}

/* A sync beyond the mapping is reported, and copies nothing after its end */
static void sync_too_long(unsigned int min_align_mask, unsigned int alloc_mask,
			  unsigned int offset)
{
	size_t pool_bytes;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);
	struct bounce b;

	bounce_begin(&b, new_device(min_align_mask, 0), pool, pool_bytes, 1500,
		     offset);
	if (!bounce_map(&b, alloc_mask, DMA_BIDIRECTIONAL, 0))
		return;
	device_writes(&b, 0, 1500, 8);
	swiotlb_sync_single_for_cpu(b.dev, b.tlb + 1000, 510, DMA_BIDIRECTIONAL);
	copied_from_device(&b, 1000, 500);
	expect_memory(&b, "sync that is too long");
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	bounce_end(&b, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
	check_used(0);
	expect_warns(1);
}

TEST(sync_beyond_the_end)
{
	sync_too_long(0, 0, 64);
}

TEST_BASE_FAILS(sync_beyond_the_end_padded,
		"the rounding of the allocation counts as part of the mapping")
{
	sync_too_long(0xfff, 0xfff, 0x340);
}

/* A sync after the buffer, in slots to which the allocation was rounded up, copies nothing */
TEST_BASE_FAILS(sync_behind_the_end,
		"the rounding of the allocation counts as part of the mapping")
{
	size_t pool_bytes;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);
	struct bounce b;

	bounce_begin(&b, new_device(0, 0), pool, pool_bytes, 1500, 0);
	if (!bounce_map(&b, 0xfff, DMA_BIDIRECTIONAL, 0))
		return;
	swiotlb_sync_single_for_cpu(b.dev, b.tlb + 2100, 64, DMA_BIDIRECTIONAL);
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	swiotlb_sync_single_for_device(b.dev, b.tlb + 1500, 64, DMA_BIDIRECTIONAL);
	expect_memory(&b, "sync behind the end");
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	bounce_end(&b, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
	check_used(0);
	expect_warns(1);
}

/*
 * A sync copies no bytes before the buffer, which the alignment keeps free:
 *
 *	slot	| 0x340 bytes | bounce buffer ...
 *	sync	      [ 64 ]
 */
TEST_BASE_FAILS(sync_before_the_start, "it copies what is before the buffer")
{
	size_t pool_bytes;
	phys_addr_t pool = boot_fixed("512,1", &pool_bytes);
	struct bounce b;

	bounce_begin(&b, new_device(0xfff, 0), pool, pool_bytes, 1000, 0x340);
	if (!bounce_map(&b, 0, DMA_BIDIRECTIONAL, 0))
		return;
	swiotlb_sync_single_for_cpu(b.dev, b.tlb - 64, 64, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_device(b.dev, b.tlb - 64, 64, DMA_BIDIRECTIONAL);
	expect_memory(&b, "sync before the start");
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	bounce_end(&b, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
	check_used(0);
	expect_warns(1);
}

/* Originals that have no linear mapping are copied a page at a time */
TEST(highmem_originals)
{
	static const struct { size_t size; unsigned int offset; } cases[] = {
		{ 1, PAGE_SIZE - 1 }, { 512, 0 }, { PAGE_SIZE, 0 }, { PAGE_SIZE, 1 },
		{ 2 * PAGE_SIZE + 1808, 3000 }, { 262144, 0 },
	};
	phys_addr_t orig, tlb;
	struct device *dev;
	size_t i, n;

	boot_fixed("512,1", NULL);
	dev = new_device(0xfff, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		n = cases[i].size;
		if (n > swiotlb_max_mapping_size(dev))
			n = swiotlb_max_mapping_size(dev);
		orig = PFN_PHYS(page_to_pfn(alloc_contig_pages(128, GFP_HIGHUSER, 0, NULL))) +
		       PAGE_SIZE + cases[i].offset;
		if (!CHECK(orig >= SHIM_HIGH_START))
			return;
		shim_highmem_start = SHIM_HIGH_START;
		fill_pattern(shim_at(orig), n, 1);
		tlb = map(dev, orig, n, DMA_BIDIRECTIONAL);
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			return;
		CHECK(has_pattern(phys_to_virt(tlb), n, 1));
		fill_pattern(phys_to_virt(tlb), n, 2);
		memset(shim_at(orig + n), 0xee, 32);
		unmap(dev, tlb, n, DMA_BIDIRECTIONAL);
		CHECK(has_pattern(shim_at(orig), n, 2));
		CHECK(all_bytes(shim_at(orig + n), 32, 0xee));
		shim_highmem_start = SHIM_HIGHMEM;
	}
	check_used(0);
}

/*
 * The linear mapping ends within the buffer:
 *
 *	linear mapping   | none
 *	          |  buffer  |
 */
TEST(highmem_begins_within_a_buffer)
{
	struct device *dev;
	phys_addr_t orig, tlb;
	size_t size;

	boot_fixed("512,1", NULL);
	dev = new_device(0xfff, 0);
	size = min(6 * PAGE_SIZE, swiotlb_max_mapping_size(dev));
	orig = PFN_PHYS(page_to_pfn(alloc_contig_pages(128, GFP_KERNEL, 0, NULL)));
	shim_highmem_start = orig + 3 * PAGE_SIZE;
	fill_pattern(shim_at(orig), size, 1);
	tlb = map(dev, orig, size, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(tlb), size, 1));
	fill_pattern(phys_to_virt(tlb), size, 2);
	unmap(dev, tlb, size, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(shim_at(orig), size, 2));
	shim_highmem_start = SHIM_HIGHMEM;
}

TEST(noncoherent_device_syncs_caches)
{
	phys_addr_t orig;
	struct device *dev;
	dma_addr_t dma;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(256, 0);

	dma = swiotlb_map(dev, orig, 256, DMA_TO_DEVICE, 0);
	CHECK_EQ(shim_arch_syncs, 0);
	unmap(dev, dma, 256, DMA_TO_DEVICE);

	dev->dma_coherent = false;
	dma = swiotlb_map(dev, orig, 256, DMA_FROM_DEVICE, 0);
	CHECK_EQ(shim_arch_syncs, 1);
	CHECK_EQ(shim_arch_flushes, 1);
	unmap(dev, dma, 256, DMA_FROM_DEVICE);
	CHECK_EQ(shim_arch_flushes, 2);

	dma = swiotlb_map(dev, orig, 256, DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	CHECK_EQ(shim_arch_syncs, 1);
	unmap(dev, dma, 256, DMA_TO_DEVICE);
}

/* Once a device has bounced, its syncs must no longer be skipped */
TEST(map_ends_sync_skipping)
{
	phys_addr_t tlb;
	struct device *dev;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	dev->dma_skip_sync = true;
	tlb = map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE);
	CHECK(!dev->dma_skip_sync);
	unmap(dev, tlb, 64, DMA_TO_DEVICE);
}
