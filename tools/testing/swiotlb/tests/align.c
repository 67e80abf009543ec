// SPDX-License-Identifier: GPL-2.0-only
/* The start of a mapping in a pool: masks, boundaries, page alignment. */
#include "harness.h"

static const unsigned int min_align_masks[] = {
	0, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0x1fff, 0x3fff, 0xffff,
};

/* Fill a pool with mappings of one kind, check each with look(), then unmap all */
struct fill {
	struct device *dev;
	phys_addr_t orig, pool;
	size_t size, pool_bytes;
	unsigned int alloc_mask;
	void (*look)(const struct fill *f, phys_addr_t tlb);
};

static unsigned int fill_pool(const struct fill *f)
{
	static phys_addr_t tlbs[4096];
	unsigned int n, i;

	for (n = 0; n < ARRAY_SIZE(tlbs); n++) {
		tlbs[n] = map_full(f->dev, f->orig, f->size, f->alloc_mask,
				   DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		if (tlbs[n] == MAP_FAILED_ADDR)
			break;
		if (!CHECK(tlbs[n] >= f->pool &&
			   tlbs[n] + f->size <= f->pool + f->pool_bytes))
			return n;
		f->look(f, tlbs[n]);
	}
	/* Every other mapping first: unmap must not depend on the order */
	for (i = 0; i < n; i += 2)
		unmap(f->dev, tlbs[i], f->size, DMA_TO_DEVICE);
	for (i = 1; i < n; i += 2)
		unmap(f->dev, tlbs[i], f->size, DMA_TO_DEVICE);
	check_used(0);
	return n;
}

static void look_at_low_bits(const struct fill *f, phys_addr_t tlb)
{
	CHECK_EQ(tlb & dma_get_min_align_mask(f->dev),
		 f->orig & dma_get_min_align_mask(f->dev));
}

TEST(min_align_mask_bits_are_kept)
{
	static const unsigned int offsets[] = {
		0, 1, 511, 512, 0x7ff, 0x800, 0x801, 0xabc, 0xfff, 0x1800, 0xf800,
	};
	static const size_t sizes[] = { 1, 512, 2048, 4096, 10000 };
	struct fill f = { .look = look_at_low_bits };
	size_t i, j, k;

	f.pool = boot_fixed("512,2", &f.pool_bytes);
	for (i = 0; i < ARRAY_SIZE(min_align_masks); i++) {
		f.dev = new_device(min_align_masks[i], 0);
		for (j = 0; j < ARRAY_SIZE(offsets); j++) {
			f.orig = new_buffer(10000, offsets[j]);
			for (k = 0; k < ARRAY_SIZE(sizes); k++) {
				f.size = sizes[k];
				CHECK(fill_pool(&f) > 0);
			}
		}
	}
}

static unsigned int alloc_offset(const struct fill *f)
{
	return f->orig & dma_get_min_align_mask(f->dev) &
	       (f->alloc_mask | (IO_TLB_SIZE - 1));
}

static void look_at_alloc_start(const struct fill *f, phys_addr_t tlb)
{
	CHECK_EQ((tlb - alloc_offset(f)) & f->alloc_mask, 0);
	look_at_low_bits(f, tlb);
}

/* The addresses show the alignment, the number of mappings shows the rounded size */
TEST(alloc_align_mask_start_and_size)
{
	static const unsigned int masks[] = { 0xfff, 0x1fff, 0x3fff, 0xffff,
					      2 * PAGE_SIZE - 1 };
	static const unsigned int mins[] = { 0, 0x1ff, 0xfff, 0x3fff };
	static const unsigned int offsets[] = { 0, 0x200, 0x801, 0xfff, 0x3801 };
	struct fill f = { .look = look_at_alloc_start, .size = 700 };
	size_t i, j, k;

	f.pool = boot_fixed("512,2", &f.pool_bytes);
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		f.alloc_mask = masks[i];
		for (j = 0; j < ARRAY_SIZE(mins); j++) {
			f.dev = new_device(mins[j], 0);
			for (k = 0; k < ARRAY_SIZE(offsets); k++) {
				size_t bytes;
				unsigned int n, most;

				f.orig = new_buffer(f.size, offsets[k]);
				bytes = ALIGN(f.size + alloc_offset(&f),
					      f.alloc_mask + 1);
				most = f.pool_bytes / bytes;
				n = fill_pool(&f);
				CHECK_MSG(n && n <= most,
					  "%u allocations of %zu bytes in %zu",
					  n, bytes, f.pool_bytes);
			}
		}
	}
	/* An alignment above a page is reported, but respected */
	expect_warns(1);
}

static void look_at_page(const struct fill *f, phys_addr_t tlb)
{
	if (f->size >= PAGE_SIZE)
		CHECK_EQ(tlb & ~PAGE_MASK, 0);
	else
		CHECK_EQ(tlb & (IO_TLB_SIZE - 1), 0);
}

TEST(pages_stay_pages_without_masks)
{
	static const size_t sizes[] = { PAGE_SIZE, 2048, PAGE_SIZE + 1, 3 * PAGE_SIZE / 2,
					65536, 100, PAGE_SIZE - 1 };
	struct fill f = { .look = look_at_page };
	phys_addr_t odd;
	size_t i;

	f.pool = boot_fixed("512,1", &f.pool_bytes);
	f.dev = new_device(0, 0);
	f.orig = new_buffer(SZ_128K, 0x123);
	/* With one slot in use, the next free run begins at an odd slot */
	odd = map(f.dev, f.orig, 1, DMA_TO_DEVICE);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int n = 0;
		phys_addr_t tlbs[512];

		f.size = sizes[i];
		while (n < 512) {
			tlbs[n] = map_full(f.dev, f.orig, f.size, 0,
					   DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
			if (tlbs[n] == MAP_FAILED_ADDR)
				break;
			look_at_page(&f, tlbs[n++]);
		}
		CHECK(n > 0);
		while (n--)
			unmap(f.dev, tlbs[n], f.size, DMA_TO_DEVICE);
	}
	unmap(f.dev, odd, 1, DMA_TO_DEVICE);
	check_used(0);
}

static void look_at_boundary(const struct fill *f, phys_addr_t tlb)
{
	phys_addr_t first = tlb - (f->orig & dma_get_min_align_mask(f->dev) &
				   (IO_TLB_SIZE - 1));
	unsigned long mask = dma_get_seg_boundary(f->dev);

	CHECK_EQ(first & ~mask, (tlb + f->size - 1) & ~mask);
}

TEST(segment_boundary_is_not_crossed)
{
	static const unsigned long masks[] = {
		0x7ff, 0xfff, 0x3fff, 0xffff, 0x1ffff, 0x3ffff, 0xfffff, 0xffffffff,
	};
	static const size_t sizes[] = { 512, 2048, 3000, 4096, 12288, 65536, 200000 };
	static const unsigned int mins[] = { 0, 0xfff };
	struct fill f = { .look = look_at_boundary };
	size_t i, j, k;

	f.pool = boot_fixed("1024,1", &f.pool_bytes);
	f.orig = new_buffer(200000, 0);
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			for (k = 0; k < ARRAY_SIZE(mins); k++) {
				f.dev = new_device(mins[k], masks[i]);
				f.size = sizes[j];
				/* Mappings that cannot fit must fail, all others must succeed */
				CHECK_MSG(!fill_pool(&f) == (f.size - 1 > masks[i]),
					  "size %zu, boundary 0x%lx", f.size, masks[i]);
			}
		}
	}
}

static bool fits(struct device *dev, phys_addr_t buf, size_t size,
		 unsigned int off)
{
	phys_addr_t tlb = map(dev, buf + off, size, DMA_TO_DEVICE);

	if (!CHECK_MSG(tlb != MAP_FAILED_ADDR,
		       "min_align 0x%x: %zu bytes at offset 0x%x fail",
		       dma_get_min_align_mask(dev), size, off))
		return false;
	unmap(dev, tlb, size, DMA_TO_DEVICE);
	return true;
}

static void map_max_everywhere(struct device *dev)
{
	unsigned int mask = dma_get_min_align_mask(dev);
	size_t max_size = swiotlb_max_mapping_size(dev);
	phys_addr_t buf;
	unsigned int off;

	CHECK(max_size > 65536);
	buf = new_buffer(max_size + 0x20000, 0);
	for (off = 0; off <= max_t(unsigned int, mask, 0xfff); off += 256) {
		unsigned int odd = off ? off - 1 : mask;

		if (!fits(dev, buf, max_size, off) ||
		    !fits(dev, buf, max_size, odd))
			return;
	}
}

static void max_mapping_in(const void *arg)
{
	unsigned int i, cpu;

	boot_fixed(arg, NULL);
	for (i = 0; i < ARRAY_SIZE(min_align_masks); i++) {
		for (cpu = 0; cpu < 4; cpu++) {
			shim_set_cpu(cpu);
			map_max_everywhere(new_device(min_align_masks[i], 0));
		}
	}
	check_used(0);
}

TEST(max_mapping_at_every_offset)
{
	static const char *const pools[] = {
		"512,1", "512,2", "512,4", "640,1", "4096,4", "32768,64",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pools); i++)
		in_child(max_mapping_in, pools[i], pools[i]);
}

/* Mappings above the largest size fail at once, without a WARN */
TEST(too_large_fails)
{
	struct device *dev;
	phys_addr_t orig;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(1 << 20, 0);
	CHECK(map(dev, orig, (256 << 10) + 1, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(map(dev, orig, 1 << 20, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(map_full(dev, orig, 253 << 10, 0xffff, DMA_TO_DEVICE, 0) != MAP_FAILED_ADDR);
	/* The only WARN is that for an alignment above a page */
	expect_warns(0xffff > ~PAGE_MASK);
}

/* With a bus offset, boundary and alignment apply to DMA addresses */
TEST(boundary_and_alignment_are_the_devices)
{
	static struct bus_dma_region range[2];
	phys_addr_t pool, orig, tlb;
	struct device *dev;
	unsigned int i;
	dma_addr_t dma;

	pool = boot_fixed("1024,1", NULL);
	dev = new_device(0xffff, 0x1ffff);
	range[0] = (struct bus_dma_region){
		.cpu_start = 0, .dma_start = 0x3000, .size = 0xf0000000,
	};
	dev->dma_range_map = range;
	orig = new_buffer(60000, 0x1000);
	for (i = 0; i < 8; i++) {
		dma = swiotlb_map(dev, orig, 40000, DMA_TO_DEVICE, 0);
		if (dma == DMA_MAPPING_ERROR)
			break;
		tlb = dma_to_phys(dev, dma);
		CHECK(tlb >= pool);
		CHECK_EQ(dma & 0xffff, orig & 0xffff);
		CHECK_EQ(dma & ~0x1ffffUL, (dma + 39999) & ~0x1ffffUL);
	}
	CHECK(i > 2);
}
