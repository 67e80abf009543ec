// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen PV, a platform whose pool is contiguous for devices only within segments. The
 * remap callback makes each IO_TLB_SEGSIZE slots machine-contiguous, counted from the
 * first slot of the pool. Adjacent segments may have any machine addresses:
 *
 *	pool		| segment 0 | segment 1 | segment 2 | ...
 *	machine		| frame 17  | frame 903 | frame 4   | ...
 */
#include <stdio.h>
#include "harness.h"

#define SEGMENT ((u64)IO_TLB_SEGSIZE << IO_TLB_SHIFT)
#define MOST 4096

static const struct dma_map_ops xen_ops = { "xen" };
static phys_addr_t pool;
static size_t pool_bytes;
static phys_addr_t tlbs[MOST];

static int remap(void *tlb, unsigned long nslabs)
{
	pool = virt_to_phys(tlb);
	pool_bytes = nslabs << IO_TLB_SHIFT;
	return 0;
}

static void boot_xen(const char *arg)
{
	shim_init();
	if (arg)
		shim_boot_param("swiotlb", arg);
	swiotlb_init_remap(true, 0, remap);
	swiotlb_update_mem_attributes();
	shim_initcalls_run();
}

/*
 * The pool begins @pages after a multiple of 256 KiB. That needs a size below 2 MiB: larger
 * pools are aligned to 2 MiB.
 */
static void boot_xen_at(unsigned int pages, const char *arg)
{
	phys_addr_t next;

	shim_init();
	next = __pa(memblock_alloc_low(SZ_256K, SZ_256K)) + SZ_256K;
	if (pages)
		CHECK_EQ(__pa(memblock_alloc_low(pages * PAGE_SIZE, PAGE_SIZE)), next);
	boot_xen(arg);
	CHECK_EQ(pool % SZ_256K, pages * PAGE_SIZE);
}

static struct device *xen_device(unsigned int min_align_mask)
{
	struct device *dev = new_device(min_align_mask, 0);

	dev->dma_ops = &xen_ops;
	return dev;
}

static bool in_one_segment(phys_addr_t tlb, size_t size)
{
	return tlb >= pool && tlb + size <= pool + pool_bytes &&
	       (tlb - pool) / SEGMENT == (tlb + size - 1 - pool) / SEGMENT;
}

static bool segment_holds(struct device *dev, phys_addr_t tlb, size_t size)
{
	return CHECK_MSG(in_one_segment(tlb, size),
			 "%zu bytes at slot %llu of the pool cross a segment", size,
			 (tlb - pool) >> IO_TLB_SHIFT);
}

/* Map up to @most buffers of one size into tlbs[]; returns the number of mappings */
static unsigned int map_some(struct device *dev, size_t size, unsigned int most)
{
	phys_addr_t orig = new_buffer(size, 0);
	unsigned int n;

	for (n = 0; n < min(most, MOST); n++) {
		tlbs[n] = map_full(dev, orig, size, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		if (tlbs[n] == MAP_FAILED_ADDR || !segment_holds(dev, tlbs[n], size))
			break;
	}
	return n;
}

static const size_t odd_sizes[] = {
	SZ_4K * 3, SZ_64K + SZ_4K, SZ_128K + SZ_4K, SZ_256K - SZ_4K, SZ_256K,
};

static void check_sizes(const size_t *sizes, unsigned int n)
{
	struct device *dev = xen_device(0);
	unsigned int i, got;

	for (i = 0; i < n; i++) {
		got = map_some(dev, sizes[i], 20 * SZ_256K / sizes[i]);
		CHECK(got > 0);
		unmap_all(dev, sizes[i], tlbs, got);
	}
}

TEST(xen_run_stays_in_its_segment)
{
	boot_xen(NULL);
	check_sizes(odd_sizes, ARRAY_SIZE(odd_sizes));
}

/* The pool may be aligned only to a page: segments count from its start */
TEST(xen_segments_begin_where_the_pool_begins)
{
	static const size_t sizes[] = { SZ_8K, SZ_64K, SZ_128K, SZ_256K };

	boot_xen_at(1, "512,1");
	check_sizes(sizes, ARRAY_SIZE(sizes));
	check_sizes(odd_sizes, ARRAY_SIZE(odd_sizes));
}

/* CPUs search their own area first, and the other areas when that is full */
TEST(xen_run_stays_in_its_segment_in_each_area)
{
	struct device *dev;
	unsigned int cpu;

	shim_init();
	shim_nr_cpus = 4;
	boot_xen_at(3, "512,4");
	dev = xen_device(0);
	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		CHECK(map_some(dev, SZ_4K * 5, 8) == 8);
	}
	map_some(dev, SZ_4K * 3, MOST);
}

/* Slots of freed buffers, reused for the same or another size, cross no segment, either */
TEST(xen_buffer_that_is_used_again_stays_in_its_segment)
{
	struct device *dev;
	unsigned int n, round;

	boot_xen_at(1, "512,1");
	dev = xen_device(0);
	for (round = 0; round < 8; round++) {
		size_t size = (size_t)IO_TLB_SIZE << round;

		n = map_some(dev, size, 60);
		unmap_all(dev, size, tlbs, n);
		n = map_some(dev, size, 60);
		unmap_all(dev, size, tlbs, n);
	}
	check_used(0);
}

TEST(xen_late_pool_has_segments)
{
	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, remap), 0);
	shim_initcalls_run();
	check_sizes(odd_sizes, ARRAY_SIZE(odd_sizes));
}

/* The largest mapping fits in one segment, at every offset of the buffer in a page */
TEST(xen_largest_mapping_fits_in_a_segment)
{
	struct device *plain, *nvme;
	phys_addr_t orig, tlb;
	unsigned int offset;
	size_t size;

	boot_xen_at(1, "512,1");
	plain = xen_device(0);
	nvme = xen_device(PAGE_SIZE - 1);
	for (offset = 0; offset < PAGE_SIZE; offset += 512) {
		size = swiotlb_max_mapping_size(nvme);
		orig = new_buffer(size, offset);
		tlb = map(nvme, orig, size, DMA_TO_DEVICE);
		CHECK(tlb != MAP_FAILED_ADDR && (tlb & ~PAGE_MASK) == offset);
		segment_holds(nvme, tlb, size);
		unmap(nvme, tlb, size, DMA_TO_DEVICE);
		size = swiotlb_max_mapping_size(plain);
		tlb = map(plain, orig, size, DMA_TO_DEVICE);
		CHECK(tlb != MAP_FAILED_ADDR);
		segment_holds(plain, tlb, size);
		unmap(plain, tlb, size, DMA_TO_DEVICE);
	}
	check_used(0);
}

/* The whole pool can be used, by runs that divide a segment and by others */
TEST(xen_pool_can_be_filled)
{
	struct device *dev;

	boot_xen_at(1, "512,1");
	dev = xen_device(0);
	CHECK_EQ(map_some(dev, SZ_64K, MOST), 16);
	unmap_all(dev, SZ_64K, tlbs, 16);
	/* A segment of 128 slots holds two runs of 48 */
	CHECK_EQ(map_some(dev, 48 * IO_TLB_SIZE, MOST), 8);
	unmap_all(dev, 48 * IO_TLB_SIZE, tlbs, 8);
	check_used(0);
}

/* Memory that was not remapped cannot be used, so there are no added or transient pools */
TEST(xen_pool_is_all_there_is)
{
	struct device *dev;
	unsigned int n;

	boot_xen("512,1,dynamic");
	dev = xen_device(0);
	n = map_some(dev, SZ_64K, MOST);
	CHECK_EQ(n, 16);
	ticks(2);
	CHECK_EQ(map_some(dev, SZ_64K, MOST), 0);
	CHECK_EQ(default_swiotlb_limit(), pool + pool_bytes - 1);
}

/* The mask limits machine addresses, which do not depend on the address of the pool */
TEST(xen_device_is_served_whatever_its_mask)
{
	struct device *dev;

	boot_xen(NULL);
	dev = xen_device(0);
	*dev->dma_mask = DMA_BIT_MASK(24);
	CHECK_EQ(map_some(dev, SZ_4K, 4), 4);
	CHECK(!shim_log_has("out of reach"));
}
