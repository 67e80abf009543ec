// SPDX-License-Identifier: GPL-2.0-only
/*
 * Defects of the base that patches/fixes-7.3 fixes and that no other file tests.
 */
#include "harness.h"

/* Fill a pool of @n slots; tlbs[i] is the mapping in slot i */
static void fill_slots(struct device *dev, phys_addr_t pool, phys_addr_t *tlbs,
		       unsigned int n)
{
	phys_addr_t orig = new_buffer(IO_TLB_SIZE, 0), tlb;
	unsigned int i;

	for (i = 0; i < n; i++) {
		tlb = map(dev, orig, IO_TLB_SIZE, DMA_TO_DEVICE);
		if (!CHECK(tlb >= pool && tlb < pool + n * IO_TLB_SIZE))
			return;
		tlbs[(tlb - pool) / IO_TLB_SIZE] = tlb;
	}
}

/*
 * The only free slot, just before the cursor of the search, is found, although the search
 * skips every other slot because of the alignment of the device.
 */
TEST_BASE_FAILS(slot_behind_the_cursor_is_found,
		"L4: it counts slots behind the end of the area as looked at")
{
	static phys_addr_t tlbs[512];
	phys_addr_t pool, orig, tlb;
	struct device *dev, *nvme;

	pool = boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	nvme = new_device(0xfff, 0);
	orig = new_buffer(PAGE_SIZE, 0);
	fill_slots(dev, pool, tlbs, 512);
	/* After this map, the search of the base begins at slot 4 */
	unmap(dev, tlbs[3], IO_TLB_SIZE, DMA_TO_DEVICE);
	tlb = map(dev, orig, IO_TLB_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(tlb, tlbs[3]);
	unmap(dev, tlb, IO_TLB_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(map(nvme, orig + 0x800, 512, DMA_TO_DEVICE), tlbs[3]);
}

TEST_BASE_FAILS(torn_down_pool_is_gone,
		"it stays in the list of pools, and its slots in the sum")
{
	struct device *dev;
	phys_addr_t tlb;

	shim_init();
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	swiotlb_exit();
	shim_initcalls_run();
	dev = new_device(0, 0);
	CHECK(!is_swiotlb_allocated());
	CHECK(!is_swiotlb_active(dev));
	CHECK(slots_used() <= 0);
	CHECK(map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE) == MAP_FAILED_ADDR);

	/* A late pool can replace the boot pool */
	CHECK_EQ(swiotlb_init_late(SZ_2M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK(is_swiotlb_active(dev));
	tlb = map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE);
	CHECK(tlb != MAP_FAILED_ADDR);
	unmap(dev, tlb, 64, DMA_TO_DEVICE);
}

/* Let all allocations after the first @arg fail. The first one is that of the pool */
static void early_metadata_fails(const void *arg)
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_MEMBLOCK, *(const long *)arg, -1);
	boot("512,1");
	if (is_swiotlb_allocated())
		return;
	CHECK_EQ(shim_usage().memblock_pages, before.memblock_pages);
	CHECK_EQ(shim_usage().memblock_bytes, before.memblock_bytes);
}

TEST_BASE_FAILS(early_pool_gives_back_all_that_it_took,
		"it keeps the memory of the pool and of the slots")
{
	char name[32];
	long nth;

	for (nth = 1; nth < 6; nth++) {
		snprintf(name, sizeof(name), "allocation %ld", nth);
		in_child(early_metadata_fails, &nth, name);
	}
}

/* Bits of min_align_mask above the boundary are kept, even in a pool aligned only to a page */
TEST_BASE_FAILS(min_align_mask_above_the_boundary,
		"it forgets the bits of the pool's address above the boundary")
{
	const unsigned int mask = 16 * PAGE_SIZE - 1;
	phys_addr_t pool, orig, tlb;
	struct device *dev;

	shim_init();
	memblock_alloc_low(PAGE_SIZE, PAGE_SIZE);
	pool = boot_fixed("512,1", NULL);
	if (!CHECK(pool & mask))
		return;
	dev = new_device(mask, PAGE_SIZE - 1);
	orig = new_buffer(32 * PAGE_SIZE, 0x1234);
	tlb = map(dev, orig, 512, DMA_TO_DEVICE);
	if (CHECK(tlb != MAP_FAILED_ADDR))
		CHECK_EQ(tlb & mask, orig & mask);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC

/* The base adds pools of the size of the boot pool, which has to shrink here */
TEST_BASE_FAILS(pools_after_a_short_boot_pool_have_whole_areas,
		"as many areas as CPUs, however few slots there are")
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int n = 0;

	shim_init();
	shim_nr_cpus = 64;
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, 6);
	boot(NULL);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);	/* no transient pools */
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	while (n < 100 && map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE,
				   DMA_ATTR_NO_WARN) != MAP_FAILED_ADDR)
		n++;
	CHECK_EQ(n, 4);
	shim_fail_none();
	shim_run_work();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK(map(dev, orig, SZ_256K, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
}

/* End the grace period, release the memory, and let others allocate it */
static void another_cpu_frees(void)
{
	size_t size;

	shim_run_work();
	for (size = 64; size <= 512; size += 16)
		kmalloc(size, GFP_KERNEL);
}

TEST_BASE_FAILS(transient_pool_is_left_alone_once_released,
		"it reads the size of the pool after it has let go of it")
{
	static phys_addr_t tlbs[512];
	phys_addr_t pool, tlb;
	struct device *dev;

#ifndef CONFIG_DEBUG_FS
	skip_test("built without DEBUG_FS: nothing is counted");
#endif
	boot("512,1");
	dev = new_device(0, 0);
	tlb = map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE);
	pool = tlb;
	unmap(dev, tlb, 64, DMA_TO_DEVICE);
	fill_slots(dev, pool, tlbs, 512);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	tlb = map(dev, new_buffer(PAGE_SIZE, 0), PAGE_SIZE, DMA_TO_DEVICE);
	if (!CHECK(tlb != MAP_FAILED_ADDR) || !CHECK(slots_transient() > 0))
		return;
	shim_after_queue_rcu_work = another_cpu_frees;
	unmap(dev, tlb, PAGE_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(slots_transient(), 0);
}

/* Only slots of the mapping count as used, even if its transient pool has more */
TEST_BASE_FAILS(slots_of_transient_pools_add_up, "L1: a pool of the exact size has no odd slot to begin at")
{
	static phys_addr_t tlbs[512];
	struct device *dev, *nvme;
	phys_addr_t pool, tlb;
	unsigned int i;

#ifndef CONFIG_DEBUG_FS
	skip_test("built without DEBUG_FS: nothing is counted");
#endif
	boot("512,1,force,track_hiwater");
	dev = new_device(0, 0);
	nvme = new_device(0xfff, 0);
	pool = map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE);
	unmap(dev, pool, 64, DMA_TO_DEVICE);
	fill_slots(dev, pool, tlbs, 512);
	tlb = map(nvme, new_buffer(PAGE_SIZE, 0x800), PAGE_SIZE, DMA_TO_DEVICE);
	if (!CHECK(tlb != MAP_FAILED_ADDR))
		return;
	CHECK_EQ(slots_used(), 512 + PAGE_SLOTS);
	CHECK(slots_transient() >= PAGE_SLOTS);
	unmap(nvme, tlb, PAGE_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(slots_used(), 512);
	/* The pool counts until its memory is freed */
	shim_run_work();
	CHECK_EQ(slots_transient(), 0);
	for (i = 0; i < 512; i++)
		unmap(dev, tlbs[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(slots_used(), 0);
}

#ifdef ENGINE_base
/*
 * Returns a mask of the cache lines in the array of areas that a map on @cpu writes. Compares
 * 1,024 bytes: 16 areas of a cache line each.
 */
static unsigned long lines_written(struct device *dev, struct io_tlb_pool *pool,
				   phys_addr_t orig, unsigned int cpu)
{
	static unsigned char before[1024];
	const unsigned char *areas = (const void *)pool->areas;
	unsigned long lines = 0;
	phys_addr_t tlb;
	size_t i;

	memcpy(before, areas, sizeof(before));
	shim_set_cpu(cpu);
	tlb = map(dev, orig, 64, DMA_TO_DEVICE);
	shim_set_cpu(0);
	CHECK(tlb >= pool->start && tlb < pool->end);
	for (i = 0; i < sizeof(before); i++)
		if (areas[i] != before[i])
			lines |= 1UL << (((uintptr_t)(areas + i) / 64 -
					  (uintptr_t)areas / 64));
	return lines;
}

static void check_lines(struct device *dev, struct io_tlb_pool *pool,
			phys_addr_t orig)
{
	unsigned long lines, seen = 0;
	unsigned int cpu;

	for (cpu = 0; cpu < 16; cpu++) {
		lines = lines_written(dev, pool, orig, cpu);
		CHECK_MSG(lines, "CPU %u: nothing is written", cpu);
		CHECK_MSG(!(lines & seen),
			  "CPU %u writes to lines %lx that others write to", cpu,
			  lines & seen);
		seen |= lines;
	}
}

TEST_BASE_FAILS(areas_do_not_share_cache_lines,
		"L5: four of them lie in 64 bytes")
{
	struct io_tlb_pool *pool;
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	shim_init();
	shim_nr_cpus = 64;
	boot("8192,64");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	pool = swiotlb_find_pool(dev, map(dev, orig, 64, DMA_TO_DEVICE));
	check_lines(dev, pool, orig);

	/* Check an added pool, while the first one is full */
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	for (i = 0; i < 64; i++)
		map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	shim_fail_none();
	shim_run_work();
	shim_set_cpu(63);
	pool = swiotlb_find_pool(dev, map(dev, orig, 64, DMA_TO_DEVICE));
	if (CHECK(pool) && CHECK_EQ(pool->nareas, 16))
		check_lines(dev, pool, orig);
}
#endif /* ENGINE_base */
#endif /* CONFIG_SWIOTLB_DYNAMIC */
