// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that reach a part of memory, or see it at other addresses: what they ask
 * for must help them, and must not be to the cost of others.
 */
#include <linux/dma-direct.h>
#include "harness.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

static bool reaches(struct device *dev, phys_addr_t tlb)
{
	return dma_capable(dev, phys_to_dma_unencrypted(dev, tlb), 4096, true, 0);
}

TEST(no_pool_where_a_device_sees_nothing)
{
	struct device *dev;
	unsigned int i;

	boot("512,1");
	dev = device_that_sees_nothing();
	for (i = 0; i < 50; i++) {
		shim_advance(1);
		CHECK(map_page(dev) == MAP_FAILED_ADDR);
		shim_run_work();
	}
	/* One that nobody uses is enough to see that it does not help */
	CHECK(slots_event("grown") <= 1);
	ticks(2);
	CHECK_EQ(slots_transient(), 0);
	check_used(0);
}

/*
 * The lowest 15 MiB, seen from 3 GiB on: the mask is no physical limit. What the bus
 * has above the mask is of no use.
 */
static const struct bus_dma_region shifted[] = {
	{ .cpu_start = SZ_1M, .dma_start = 0xc0000000, .size = 15 * SZ_1M },
	{ .cpu_start = SZ_16M, .dma_start = 0x100000000ULL, .size = SZ_1G },
	{ }
};

TEST(pool_is_where_a_bus_sees_it)
{
	struct device *dev;
	unsigned int i;
	phys_addr_t tlb;

	boot_high("512,1");
	dev = device_below(DMA_BIT_MASK(32));
	dev->dma_range_map = shifted;
	tlb = map_page(dev);
	CHECK(tlb == MAP_FAILED_ADDR || reaches(dev, tlb));
	shim_run_work();
	for (i = 0; i < 10; i++) {
		shim_advance(1);
		tlb = map_page(dev);
		CHECK(tlb != MAP_FAILED_ADDR && reaches(dev, tlb));
		shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 1);
	CHECK(slots_event("transient") <= 1);
}

/* A window that ends within the boot pool, behind its first MiB */
TEST(pool_must_be_in_the_window_as_a_whole)
{
	static struct bus_dma_region window[2] = { { .size = SZ_1M } };
	struct device *wide, *narrow;
	unsigned int i;
	phys_addr_t tlb;

	boot("4096,1");
	wide = device_below(~0ULL);
	narrow = device_below(DMA_BIT_MASK(32));
	window[0].cpu_start = map_page(wide);
	narrow->dma_range_map = window;
	for (i = 0; i < 512; i++)
		map_page(wide);
	for (i = 0; i < 8; i++) {
		tlb = map_page(narrow);
		CHECK(tlb == MAP_FAILED_ADDR || reaches(narrow, tlb));
		shim_run_work();
	}
}

/* Below 1 MiB there is no memory; all others need not wait for that */
TEST(growth_for_one_device_does_not_hold_up_others)
{
	struct device *wide, *narrow;
	unsigned int i, failed = 0;
	phys_addr_t orig;

	boot("dynamic,1");
	wide = device_below(~0ULL);
	narrow = device_below(SZ_1M - 1);
	orig = new_buffer(65536, 0);
	for (i = 0; i < 512; i++) {
		shim_advance(1);
		CHECK(map_page(narrow) == MAP_FAILED_ADDR);
		shim_run_work();
		failed += map_full(wide, orig, 65536, 0, DMA_TO_DEVICE,
				   DMA_ATTR_NO_WARN) == MAP_FAILED_ADDR;
		shim_run_work();
	}
	CHECK_EQ(failed, 0);
	CHECK_EQ(slots_event("transient"), 0);
	/* Nor does it try all the time */
	CHECK(slots_event("grow_failed") <= 2);
}

/* Much is free, but above: the pool that some device needs must stay */
TEST(keeps_what_a_narrow_device_uses)
{
	struct device *narrow;
	long closed, transient;
	unsigned int i, n;
	phys_addr_t tlbs[8];

	boot_high("4096,2");
	narrow = device_below(DMA_BIT_MASK(32));
	map_page(narrow);
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	for (n = 0; n < ARRAY_SIZE(tlbs); n++)
		tlbs[n] = map_page(narrow);
	transient = slots_event("transient");
	for (i = 0; i < 90; i++) {
		ticks(1);
		n = i % ARRAY_SIZE(tlbs);
		unmap(narrow, tlbs[n], 4096, DMA_FROM_DEVICE);
		tlbs[n] = map_page(narrow);
		if (!CHECK(tlbs[n] != MAP_FAILED_ADDR))
			return;
	}
	closed = slots_event("closed");
	CHECK_EQ(closed, 0);
	CHECK_EQ(slots_event("transient"), transient);
	for (n = 0; n < ARRAY_SIZE(tlbs); n++)
		unmap(narrow, tlbs[n], 4096, DMA_FROM_DEVICE);
	ticks(60);
	CHECK_EQ(slots_event("freed"), 1);
}

static struct device *narrow, *wide;
static phys_addr_t pieces[256];

/* The worker keeps pace; returns how many maps found no room in a pool */
static long map_and_count(struct device *dev, unsigned int from, unsigned int to)
{
	phys_addr_t orig = new_buffer(SZ_64K, 0);
	long before = slots_event("transient");

	for (; from < to; from++) {
		shim_advance(1);
		pieces[from] = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE,
					DMA_ATTR_NO_WARN);
		CHECK(pieces[from] != MAP_FAILED_ADDR);
		shim_run_work();
	}
	return slots_event("transient") - before;
}

/* A lot of room above is of no use for it: there is more below before a map fails */
TEST(pool_for_a_narrow_device_comes_ahead_of_need)
{
	unsigned int i;

	boot_high("32768,1");
	narrow = device_below(DMA_BIT_MASK(32));
	/* Only the first map has nothing at all */
	CHECK_EQ(map_and_count(narrow, 0, 1), 1);
	CHECK_EQ(map_and_count(narrow, 1, 200), 0);
	for (i = 0; i < 200; i++)
		CHECK(reaches(narrow, pieces[i]));
	CHECK_EQ(slots_event("grown"), 3);
}

/* Others give way to one who fails, not to one who may */
TEST(narrow_device_makes_no_room_ahead_of_need)
{
	unsigned int i;

	boot_high("512,1,max=17M");
	narrow = device_below(DMA_BIT_MASK(32));
	wide = device_below(~0ULL);
	map_and_count(wide, 0, 80);
	map_and_count(narrow, 80, 81);
	CHECK_EQ(slots_total(), 17 * 512);
	ticks(1);
	for (i = 0; i < 80; i++)
		unmap(wide, pieces[i], SZ_64K, DMA_TO_DEVICE);
	CHECK_EQ(map_and_count(narrow, 81, 81 + 60), 0);
	CHECK_EQ(slots_event("closed"), 0);
}

/* All but a few of what a pool of 4 MiB has room for, mapped anew; there is no memory */
static void keep_busy(struct device *dev, unsigned int seconds)
{
	phys_addr_t orig = new_buffer(SZ_64K, 0);
	unsigned int i, n;

	for (i = 0; i < seconds * HZ / 4; i++) {
		shim_fail(SHIM_FAULT_PAGES, 0, -1);
		shim_fail(SHIM_FAULT_CONTIG, 0, -1);
		n = i % 60;
		if (i >= 60)
			unmap(dev, pieces[n], SZ_64K, DMA_TO_DEVICE);
		pieces[n] = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE,
				     DMA_ATTR_NO_WARN);
		if (!CHECK(pieces[n] != MAP_FAILED_ADDR))
			break;
		shim_advance(4);
		shim_run_work();
	}
}

/* Below 4 GiB there is no memory: nothing has failed, so once a minute is enough */
TEST(low_memory_that_is_short_is_not_sought_ahead_of_need)
{
	boot_high("32768,1");
	narrow = device_below(DMA_BIT_MASK(32));
	CHECK_EQ(map_and_count(narrow, 0, 1), 1);
	unmap(narrow, pieces[0], SZ_64K, DMA_TO_DEVICE);
	CHECK_EQ(slots_event("grown"), 1);
	keep_busy(narrow, 30);
	CHECK_EQ(slots_event("grow_failed"), 1);
	/* Once a map has failed, and there is some, the next one comes in time again */
	shim_fail_none();
	CHECK_EQ(map_and_count(narrow, 60, 70), 1);
	CHECK_EQ(map_and_count(narrow, 70, 200), 0);
	CHECK_EQ(slots_event("grow_failed"), 1);
}

/* Nobody has to give way for a pool that is there: at the limit, too, it opens in time */
TEST(idle_pool_opens_for_a_narrow_device_at_the_limit)
{
	unsigned int i, n = 90;

	boot_high("512,1,max=17M");
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	narrow = device_below(DMA_BIT_MASK(32));
	wide = device_below(~0ULL);
	map_and_count(narrow, 0, n);
	map_and_count(wide, n, n + 160);
	CHECK_EQ(slots_total(), 17 * 512);
	for (i = 0; i < n + 160; i++)
		unmap(i < n ? narrow : wide, pieces[i], SZ_64K, DMA_TO_DEVICE);
	for (i = 0; i < 30 && slots_total() > 512; i++)
		ticks(1);
	CHECK_EQ(slots_event("freed"), 0);
	/* Only the first map has nothing at all */
	CHECK_EQ(map_and_count(narrow, 0, 1), 1);
	CHECK_EQ(map_and_count(narrow, 1, n), 0);
	CHECK_EQ(slots_event("freed"), 0);
}

/* Whatever opens, it cannot use: pools go as if it did not ask */
TEST(who_reaches_nothing_keeps_no_pools)
{
	unsigned int i, works = 0;
	phys_addr_t orig;

	boot("dynamic,1");
	wide = device_below(DMA_BIT_MASK(32));
	map_and_count(wide, 0, 256);
	for (i = 0; i < 256; i++)
		unmap(wide, pieces[i], SZ_64K, DMA_TO_DEVICE);
	CHECK(slots_event("grown") >= 3);
	ticks(1);
	narrow = device_that_sees_nothing();
	orig = new_buffer(4096, 0);
	for (i = 0; i < 30 * HZ; i++) {
		shim_fail(SHIM_FAULT_PAGES, 0, -1);
		CHECK_EQ(map_full(narrow, orig, 4096, 0, DMA_TO_DEVICE,
				  DMA_ATTR_NO_WARN), MAP_FAILED_ADDR);
		shim_fail_none();
		shim_advance(1);
		works += shim_run_work();
	}
	/* All but what it has opened or added last, in vain */
	CHECK(slots_event("freed") >= slots_event("grown") - 1);
	CHECK(slots_event("reopened") <= 10);
	CHECK_MSG(works < 30 * HZ / 10, "%u works", works);
}

#endif
