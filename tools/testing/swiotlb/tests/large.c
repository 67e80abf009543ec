// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings larger than any area, in large pools, for callers that can sleep.
 */
#include <stdio.h>
#include "harness.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#include <engine/mem.h>

#define MIB(n) ((size_t)(n) << 20)
#define BOTH DMA_BIDIRECTIONAL

static void (*meanwhile)(void);

static void a_jiffy_passes(void)
{
	void (*fn)(void) = meanwhile;

	shim_advance(1);
	shim_run_work();
	meanwhile = NULL;
	if (fn)
		fn();
}

static phys_addr_t map_large(struct device *dev, phys_addr_t orig, size_t size)
{
	phys_addr_t tlb;

	shim_meanwhile = a_jiffy_passes;
	tlb = map_full(dev, orig, size, 0, BOTH, DMA_ATTR_MAY_SLEEP);
	shim_meanwhile = NULL;
	return tlb;
}

/* Change a byte in each @step bytes, as device and as CPU: a sync copies it to the other side */
static void check_syncs(struct device *dev, phys_addr_t orig, phys_addr_t tlb,
			size_t size, size_t step)
{
	u8 *there = phys_to_virt(tlb), *here = phys_to_virt(orig);
	size_t at;

	for (at = 0; at < size; at += step) {
		there[at] ^= 0xff;
		swiotlb_sync_single_for_cpu(dev, tlb + at, 1, BOTH);
		if (!CHECK_EQ(here[at], there[at]))
			return;
		here[at] ^= 0x55;
		swiotlb_sync_single_for_device(dev, tlb + at, 1, BOTH);
		if (!CHECK_EQ(here[at], there[at]))
			return;
	}
}

/* Map, sync and unmap a buffer: no byte is lost, and the pool is freed later */
static void check_mapping(struct device *dev, size_t size, unsigned int offset)
{
	phys_addr_t orig = new_buffer(size, offset), tlb;

	fill_pattern(phys_to_virt(orig), size, 7);
	tlb = map_large(dev, orig, size);
	if (!CHECK(tlb != MAP_FAILED_ADDR))
		return;
	CHECK_EQ(pools_that_are("large"), 1);
	CHECK(has_pattern(phys_to_virt(tlb), size, 7));
	CHECK_EQ(tlb & dma_get_min_align_mask(dev), orig & dma_get_min_align_mask(dev));
	check_syncs(dev, orig, tlb, size, 4099);

	fill_pattern(phys_to_virt(tlb), size, 8);
	unmap(dev, tlb, size, BOTH);
	CHECK(has_pattern(phys_to_virt(orig), size, 8));
	ticks(30);
	CHECK_EQ(pools_that_are("large"), 0);
}

TEST(large_mapping_has_all_its_bytes)
{
	static const size_t sizes[] = { SZ_256K + 1, MIB(1), MIB(8), MIB(34), MIB(64) };
	struct device *dev;
	long before;
	size_t i;

	boot("2048");
	dev = new_device(0, 0);
	before = slots_total();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		check_mapping(dev, sizes[i], 0);
	CHECK_EQ(slots_event("large"), ARRAY_SIZE(sizes));
	CHECK_EQ(slots_total(), before);
	check_used(0);
}

TEST(large_mapping_keeps_the_offset_in_a_page)
{
	boot("2048");
	check_mapping(new_device(PAGE_SIZE - 1, 0), MIB(3), 0);
	check_mapping(new_device(PAGE_SIZE - 1, 0), MIB(3), 0x234);
	check_mapping(new_device(PAGE_SIZE - 1, 0), MIB(3), PAGE_SIZE - 1);
	/* The offset adds 16 slots: a pool of 2 MiB is too small */
	check_mapping(new_device(SZ_64K - 1, 0), MIB(2), SZ_32K);
	/* An alignment larger than 2 MiB, the unit in which pools are made */
	check_mapping(new_device(MIB(4) - 1, 0), MIB(3), MIB(1) + 5);
}

TEST(frames_take_turns_in_one_pool)
{
	phys_addr_t orig, tlb, first = 0;
	struct device *dev;
	unsigned int frame;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(34), 0);
	for (frame = 0; frame < 60; frame++) {
		fill_pattern(phys_to_virt(orig), MIB(34), frame);
		tlb = map_large(dev, orig, MIB(34));
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			return;
		first = first ?: tlb;
		CHECK_EQ(tlb, first);
		CHECK(has_pattern(phys_to_virt(tlb), MIB(34), frame));
		unmap(dev, tlb, MIB(34), DMA_TO_DEVICE);
		if (frame % 4 == 3)
			ticks(1);
	}
	CHECK_EQ(slots_event("grown"), 1);
}

TEST(pool_of_a_large_mapping_is_freed_when_it_is_idle)
{
	struct shim_usage before;
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(8), 0);
	ticks(10);
	before = shim_usage();
	tlb = map_large(dev, orig, MIB(8));
	ticks(60);
	CHECK_EQ(pools_that_are("large"), 1);
	fill_pattern(phys_to_virt(tlb), MIB(8), 3);
	unmap(dev, tlb, MIB(8), BOTH);
	CHECK(has_pattern(phys_to_virt(orig), MIB(8), 3));
	ticks(4);
	CHECK_EQ(pools_that_are("large"), 1);
	ticks(10);
	CHECK_EQ(pools_that_are("large"), 0);
	CHECK_EQ(slots_event("freed"), 1);
	CHECK_EQ(shim_usage().pages, before.pages);
}

/* When a platform disables growth, idle large pools are freed at once */
TEST(pool_of_large_mappings_goes_when_growth_ends)
{
	struct device *dev;
	phys_addr_t orig;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(8), 0);
	unmap(dev, map_large(dev, orig, MIB(8)), MIB(8), BOTH);
	CHECK_EQ(pools_that_are("large"), 1);
	default_swiotlb_base();
	shim_run_work();
	CHECK_EQ(pools_that_are("large"), 0);
	CHECK_EQ(map_large(dev, orig, MIB(8)), MAP_FAILED_ADDR);
}

TEST(large_mappings_do_not_overlap)
{
	phys_addr_t orig, a, b;
	struct device *dev;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(6), 0);
	a = map_large(dev, orig, MIB(6));
	b = map_large(dev, orig, MIB(6));
	CHECK(a != MAP_FAILED_ADDR && b != MAP_FAILED_ADDR);
	CHECK(a + MIB(6) <= b || b + MIB(6) <= a);
	CHECK_EQ(pools_that_are("large"), 2);
	unmap(dev, a, MIB(6), BOTH);
	unmap(dev, b, MIB(6), BOTH);
}

/*
 * Chunks of 1 MiB, as the dma-buf system heap allocates them, share pools of 2 MiB:
 *
 *	| a | b |   | c |   |
 */
TEST(chunks_of_a_buffer_share_pools)
{
	phys_addr_t orig, tlb[3];
	struct device *dev;
	unsigned int i, turn;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(1), 0);
	for (turn = 0; turn < 5; turn++) {
		for (i = 0; i < 3; i++) {
			fill_pattern(phys_to_virt(orig), MIB(1), i);
			tlb[i] = map_large(dev, orig, MIB(1));
			CHECK(tlb[i] != MAP_FAILED_ADDR);
		}
		for (i = 0; i < 3; i++)
			CHECK(has_pattern(phys_to_virt(tlb[i]), MIB(1), i));
		CHECK_EQ(pools_that_are("large"), 2);
		for (i = 0; i < 3; i++)
			unmap(dev, tlb[i], MIB(1), DMA_TO_DEVICE);
	}
	CHECK_EQ(slots_event("grown"), 2);
	/* A pool that was full for 1 MiB is searched again later */
	tlb[0] = map_large(dev, orig, MIB(2));
	CHECK(tlb[0] != MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("grown"), 2);
	unmap(dev, tlb[0], MIB(2), BOTH);
}

/*
 * With a and c unmapped, no free run has room for two chunks. The unmap of b joins the runs:
 *
 *	| a | b | c | d |
 */
TEST(large_mapping_fits_when_neighbours_end)
{
	phys_addr_t orig, tlb[4], two;
	struct device *dev;
	unsigned int i;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(1), 0);
	for (i = 0; i < 4; i++)
		tlb[i] = map_large(dev, orig, SZ_512K);
	CHECK_EQ(pools_that_are("large"), 1);
	unmap(dev, tlb[0], SZ_512K, BOTH);
	unmap(dev, tlb[2], SZ_512K, BOTH);
	two = map_large(dev, orig, MIB(1));
	CHECK_EQ(pools_that_are("large"), 2);
	unmap(dev, tlb[1], SZ_512K, BOTH);
	CHECK_EQ(map_large(dev, orig, MIB(1)), tlb[0]);
	unmap(dev, two, MIB(1), BOTH);
}

/* A small mapping, which may last, does not use a pool of more than twice its size */
TEST(chunk_leaves_pools_of_frames_alone)
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(40), 0);
	unmap(dev, map_large(dev, orig, MIB(40)), MIB(40), BOTH);
	tlb = map_large(dev, orig, MIB(1));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK_EQ(pools_that_are("large"), 2);
	unmap(dev, tlb, MIB(1), BOTH);
}

TEST(callers_that_cannot_sleep_get_no_large_mapping)
{
	phys_addr_t orig;
	struct device *dev;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(1), 0);
	CHECK_EQ(map_full(dev, orig, MIB(1), 0, BOTH, 0), MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("too_large"), 1);
	CHECK_EQ(swiotlb_max_mapping_size(dev), SZ_256K);
}

TEST(fixed_pool_gets_no_large_mapping)
{
	struct device *dev;
	size_t bytes;

	boot_fixed("2048", &bytes);
	dev = new_device(0, 0);
	CHECK_EQ(map_large(dev, new_buffer(MIB(1), 0), MIB(1)), MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("too_large"), 1);
}

/*
 *	limit 64 MiB: | boot | 40 MiB in use | 40 MiB do not fit
 */
TEST(limit_holds_for_large_mappings)
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("2048,max=64M");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(40), 0);
	tlb = map_large(dev, orig, MIB(40));
	CHECK(tlb != MAP_FAILED_ADDR);
	shim_log_clear();
	CHECK_EQ(map_large(dev, orig, MIB(40)), MAP_FAILED_ADDR);
	CHECK(shim_log_has("swiotlb buffer is full"));
	CHECK(shim_log_has("limit is reached"));
	CHECK_EQ(slots_event("grown"), 1);

	/* An idle large pool is freed at once if another size needs the room */
	unmap(dev, tlb, MIB(40), BOTH);
	tlb = map_large(dev, orig, MIB(10));
	CHECK(tlb != MAP_FAILED_ADDR);
	unmap(dev, tlb, MIB(10), BOTH);
	tlb = map_large(dev, orig, MIB(20));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK(pools_that_are("large") <= 2);
	unmap(dev, tlb, MIB(20), BOTH);
}

static struct device *other_dev;
static phys_addr_t other_tlb;

static void other_frame_ends(void)
{
	unmap(other_dev, other_tlb, MIB(40), BOTH);
}

/* A large map waits until another large mapping ends, and gets its pool */
TEST(large_mapping_waits_for_another_one)
{
	unsigned long began;
	phys_addr_t orig, tlb;

	boot("2048,max=64M");
	other_dev = new_device(0, 0);
	orig = new_buffer(MIB(40), 0);
	other_tlb = map_large(other_dev, orig, MIB(40));
	meanwhile = other_frame_ends;
	began = jiffies;
	tlb = map_large(other_dev, orig, MIB(40));
	CHECK_EQ(tlb, other_tlb);
	CHECK(jiffies - began < HZ);
	CHECK_EQ(slots_event("waited"), 1);
	CHECK_EQ(slots_event("grown"), 1);
	unmap(other_dev, tlb, MIB(40), BOTH);
}

/*
 * Another caller counts the slots of a pool of 40 MiB, and then does not make the pool. This plan
 * lasts from unlock @plan_begins to unlock @plan_ends of the map.
 */
static const unsigned long planned = MIB(40) >> IO_TLB_SHIFT;
static unsigned int unlocks, plan_begins, plan_ends;
static bool is_planned;

static void plan(bool begins)
{
	is_planned = begins;
	swiotlb_growth_unhold(&swiotlb_default_mem, begins ? -planned : planned);
	if (!begins)
		swiotlb_mem_made_room(&swiotlb_default_mem);
}

static void plan_at_an_unlock(void)
{
	bool here = !irqs_disabled() && !swiotlb_pools_lock.val;

	if (here && unlocks == plan_begins)
		plan(true);
	if (here && unlocks == plan_ends) {
		plan(false);
		return;
	}
	unlocks += here;
	shim_after_unlock = plan_at_an_unlock;
}

static void stop_planning(void)
{
	shim_after_unlock = NULL;
	if (is_planned)
		plan(false);
}

/*
 * The limit refuses a pool for a while, which begins and ends at any two unlocks of the map. The
 * map must get a pool, if necessary after a wait.
 */
TEST(large_mapping_misses_no_room_that_is_made)
{
	unsigned int tries = 0;
	phys_addr_t orig, tlb;

	boot("2048,max=64M");
	other_dev = new_device(0, 0);
	orig = new_buffer(MIB(40), 0);
	for (plan_begins = 0; plan_begins < 12; plan_begins++)
		for (plan_ends = plan_begins + 1; plan_ends < 14; plan_ends++) {
			unlocks = 0;
			/* If the map waits before @plan_ends, end the plan then */
			meanwhile = stop_planning;
			shim_after_unlock = plan_at_an_unlock;
			tlb = map_large(other_dev, orig, MIB(40));
			tries += !is_planned && !!meanwhile;
			if (!CHECK(tlb != MAP_FAILED_ADDR))
				printf("# a plan from unlock %u to %u\n", plan_begins, plan_ends);
			else
				unmap(other_dev, tlb, MIB(40), BOTH);
			stop_planning();
			meanwhile = NULL;
			swiotlb_growth_trim(&swiotlb_default_mem);
		}
	CHECK(tries > 3);
}

/* Without contiguous memory, do not try a larger pool: that would free idle pools */
TEST(large_mapping_tries_no_power_of_two_without_memory)
{
	phys_addr_t tlb;
	struct device *dev;

	boot("2048,max=64M");
	dev = new_device(0, DMA_BIT_MASK(32));
	tlb = map_large(dev, new_buffer(MIB(6), 0), MIB(6));
	unmap(dev, tlb, MIB(6), BOTH);
	CHECK_EQ(pools_that_are("large"), 1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK_EQ(map_large(dev, new_buffer(MIB(34), 0), MIB(34)), MAP_FAILED_ADDR);
	CHECK_EQ(pools_that_are("large"), 1);
	shim_fail_none();
}

/* A task whose wait for a large mapping has timed out does not wait for slots, either */
TEST(large_mapping_that_timed_out_does_not_wait_in_pieces)
{
	phys_addr_t orig, tlb;
	unsigned long began;
	struct device *dev;

	boot("2048,1,max=32M");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(20), 0);
	CHECK(map_large(dev, orig, MIB(20)) != MAP_FAILED_ADDR);
	do
		tlb = map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
	while (tlb != MAP_FAILED_ADDR);
	began = jiffies;
	CHECK_EQ(map_large(dev, orig, MIB(20)), MAP_FAILED_ADDR);
	CHECK(jiffies - began >= 5 * HZ);
	shim_run_work();
	do
		tlb = map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
	while (tlb != MAP_FAILED_ADDR);
	began = jiffies;
	CHECK_EQ(map_large(dev, orig, SZ_64K), MAP_FAILED_ADDR);
	CHECK(jiffies - began < HZ);
}

/*
 * The size of a pool is a multiple of 2 MiB, so a mapping of 19 MiB needs 20 MiB:
 *
 *	limit 63 MiB: | boot, 4 MiB | 40 MiB in use | 19 MiB are left |
 */
TEST(large_mapping_waits_for_whole_pieces)
{
	phys_addr_t tlb;

	boot("2048,max=63M");
	other_dev = new_device(0, 0);
	other_tlb = map_large(other_dev, new_buffer(MIB(40), 0), MIB(40));
	meanwhile = other_frame_ends;
	tlb = map_large(other_dev, new_buffer(MIB(19), 0), MIB(19));
	if (CHECK(tlb != MAP_FAILED_ADDR))
		unmap(other_dev, tlb, MIB(19), BOTH);
	CHECK_EQ(slots_event("waited"), 1);
}

/* A mapping above the limit never fits, so its caller does not wait */
TEST(large_mapping_above_the_limit_fails_at_once)
{
	unsigned long began;
	phys_addr_t orig;
	struct device *dev;

	boot("2048,max=64M");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(80), 0);
	began = jiffies;
	CHECK_EQ(map_large(dev, orig, MIB(80)), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies, began);
	CHECK_EQ(slots_event("waited"), 0);
}

/*
 * 4 MiB at boot, 16 MiB added for a load that has just ended, and an idle pool of 40 MiB, which
 * is too small for the large mapping that follows: only the large pool is freed.
 */
TEST(large_mapping_closes_no_other_pools)
{
	static phys_addr_t tlbs[200];
	phys_addr_t orig, tlb;
	struct device *dev;
	unsigned int i, n;

	boot("2048,max=76M");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(50), 0);
	for (n = 0; n < 32; n++) {
		tlbs[n] = map(dev, orig, SZ_256K, DMA_TO_DEVICE);
		shim_advance(HZ / 8);
		shim_run_work();
	}
	for (i = 0; i < n; i++)
		unmap(dev, tlbs[i], SZ_256K, DMA_TO_DEVICE);
	unmap(dev, map_large(dev, orig, MIB(40)), MIB(40), BOTH);
	n = pools_that_are("open");
	CHECK(n > 1);
	tlb = map_large(dev, orig, MIB(50));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK_EQ(pools_that_are("open"), n);
	CHECK_EQ(pools_that_are("large"), 1);
	unmap(dev, tlb, MIB(50), BOTH);
}

/* Large pools for a device that reaches all memory do not use up low memory */
TEST(large_mapping_lies_above_if_the_device_reaches_that)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	needs_pools_above();
	boot("2048");
	dev = device_below(~0ULL);
	orig = new_buffer(MIB(34), 0);
	tlb = map_large(dev, orig, MIB(34));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK(tlb >= SHIM_HIGH_START);
	unmap(dev, tlb, MIB(34), BOTH);
	/* A device with less reach cannot use that pool, which is idle now */
	dev = device_below(DMA_BIT_MASK(32));
	tlb = map_large(dev, orig, MIB(34));
	CHECK(tlb + MIB(34) - 1 <= DMA_BIT_MASK(32));
	unmap(dev, tlb, MIB(34), BOTH);
}

/*
 * A device with less reach needs the room of an idle pool that it does not reach:
 *
 *	limit 44 MiB   | boot, 4 MiB | idle, 34 MiB, above 4 GiB | 6 MiB are left |
 */
TEST(large_mapping_frees_idle_pools_above)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	needs_pools_above();
	boot("2048,max=44M");
	dev = device_below(~0ULL);
	orig = new_buffer(MIB(34), 0);
	tlb = map_large(dev, orig, MIB(34));
	CHECK(tlb >= SHIM_HIGH_START);
	unmap(dev, tlb, MIB(34), BOTH);
	dev = device_below(DMA_BIT_MASK(32));
	tlb = map_large(dev, orig, MIB(20));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("waited"), 0);
	CHECK_EQ(pools_that_are("large"), 1);
	unmap(dev, tlb, MIB(20), BOTH);
}

/*
 *	       64 MiB           64 MiB
 *	|..................|..................|
 *	            |  34 MiB   |                  no
 *	|  34 MiB   |                              yes
 */
TEST(large_mapping_crosses_no_boundary)
{
	struct device *dev = NULL;
	phys_addr_t orig, tlb[4];
	unsigned int i;

	boot("2048");
	dev = new_device(0, MIB(64) - 1);
	orig = new_buffer(MIB(34), 0);
	for (i = 0; i < 4; i++) {
		tlb[i] = map_large(dev, orig, MIB(34));
		CHECK(tlb[i] != MAP_FAILED_ADDR);
		CHECK_EQ(tlb[i] / MIB(64), (tlb[i] + MIB(34) - 1) / MIB(64));
	}
	for (i = 0; i < 4; i++)
		unmap(dev, tlb[i], MIB(34), BOTH);
}

/*
 * The limit allows a pool of 34 MiB, which may cross a boundary of the device, but none of 64 MiB.
 * A pool that crosses a boundary must not be made again and again.
 */
TEST(large_mapping_that_crosses_at_the_limit_fails_at_once)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	unsigned long began = jiffies;
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	boot("2048");
	dev = new_device(0, MIB(64) - 1);
	orig = new_buffer(MIB(34), 0);
	for (i = 0; i < 6; i++) {
		mem->growth.max_nslots = mem->pools.held + (MIB(40) >> IO_TLB_SHIFT);
		if (map_large(dev, orig, MIB(34)) == MAP_FAILED_ADDR)
			break;
	}
	CHECK(i < 6);
	CHECK_EQ(slots_event("freed"), 1);
	CHECK_EQ(slots_event("waited"), 0);
	CHECK(jiffies - began < HZ);
}

/* The limit leaves 19 MiB, too little for a pool of 20 MiB */
TEST(large_mapping_names_the_limit)
{
	phys_addr_t tlb;

	boot("2048,max=63M");
	other_dev = new_device(0, 0);
	tlb = map_large(other_dev, new_buffer(MIB(40), 0), MIB(40));
	shim_log_clear();
	CHECK_EQ(map_large(other_dev, new_buffer(MIB(19), 0), MIB(19)), MAP_FAILED_ADDR);
	CHECK(shim_log_has("limit is reached"));
	CHECK_EQ(slots_event("at_limit"), 1);
	unmap(other_dev, tlb, MIB(40), BOTH);
}

/* Small maps find no room in a large pool: at the limit they do not wake the worker */
TEST(large_mapping_does_not_hide_the_limit)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	unsigned int i, queued = 0;
	struct device *dev;
	phys_addr_t orig;

	boot("512,1,dynamic,max=16M");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(2), 0);
	CHECK(map_large(dev, orig, MIB(2)) != MAP_FAILED_ADDR);
	for (i = 0; i < 400; i++) {
		map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
		shim_advance(2);
		shim_run_work();
	}
	/* The limit is logged once, but not for a map with DMA_ATTR_NO_WARN */
	CHECK_EQ(map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN), MAP_FAILED_ADDR);
	CHECK_EQ(shim_log_count("is all that swiotlb may have"), 0);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(map_full(dev, orig, SZ_64K, 0, BOTH, 0), MAP_FAILED_ADDR);
		CHECK_EQ(shim_log_count("16384 KiB is all that swiotlb may have"), 1);
	}
	ticks(1);
	for (i = 0; i < HZ / 2; i++) {
		map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
		queued += READ_ONCE(mem->growth.failed);
		shim_advance(1);
		shim_run_work();
	}
	CHECK_EQ(queued, 0);
}

/*
 * Transient pools use room that the limit has left for another pool:
 *
 *	|  boot, full, 1 MiB  |  transient, 1 MiB  |  room, 1 MiB  |
 *
 * Transient pools end soon, so the next map that finds no room wakes the worker.
 */
TEST(limit_reached_by_transient_pools_is_not_the_end)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	phys_addr_t orig, tlbs[32];
	struct device *dev;
	unsigned int i;

	boot("512,1,dynamic,max=3M");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	for (i = 0; i < ARRAY_SIZE(tlbs); i++)
		tlbs[i] = map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
	CHECK_EQ(swiotlb_transient_nslots(mem), 16 * (SZ_64K >> IO_TLB_SHIFT));
	/* The worker finds no room for a pool of 2 MiB */
	shim_run_work();
	CHECK_EQ(mem->pools.held, 512);
	CHECK(!READ_ONCE(mem->growth.failed));
	CHECK(map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN) != MAP_FAILED_ADDR);
	CHECK(READ_ONCE(mem->growth.failed));
}

/*
 * The same for a device that reaches all memory. The limit of the wider allocator is for
 * both, and transient pools count in the narrower one.
 */
TEST(limit_of_both_reached_by_transient_pools_is_not_the_end)
{
	struct swiotlb_mem *low = &swiotlb_default_mem, *any = &swiotlb_any_mem;
	phys_addr_t orig, tlbs[33];
	struct device *dev;
	unsigned int i;

	needs_pools_above();
	boot("512,1,dynamic,max=3M");
	dev = device_below(~0ULL);
	orig = new_buffer(SZ_64K, 0);
	for (i = 0; i < 32; i++)
		tlbs[i] = map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
	CHECK_EQ(swiotlb_transient_nslots(low), 16 * (SZ_64K >> IO_TLB_SHIFT));
	CHECK_EQ(swiotlb_transient_nslots(any), 0);
	shim_run_work();
	CHECK_EQ(any->pools.held, 0);
	CHECK(!READ_ONCE(any->growth.failed));
	tlbs[32] = map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
	CHECK(tlbs[32] != MAP_FAILED_ADDR);
	CHECK(READ_ONCE(any->growth.failed) && !READ_ONCE(low->growth.failed));
	/* Without transient pools, pools are added until the limit is reached, and fill up */
	unmap_all(dev, SZ_64K, tlbs + 16, 17);
	shim_advance(2);
	shim_run_work();
	for (i = 0; i < 200; i++) {
		map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN);
		shim_advance(2);
		shim_run_work();
	}
	CHECK_EQ(map_full(dev, orig, SZ_64K, 0, BOTH, DMA_ATTR_NO_WARN), MAP_FAILED_ADDR);
	CHECK_EQ(any->pools.held + low->pools.held, MIB(3) >> IO_TLB_SHIFT);
	CHECK(swiotlb_limit_room(any) < (long)SWIOTLB_MIN_GROW_SLOTS);
	CHECK(swiotlb_limit_room(low) < (long)SWIOTLB_MIN_GROW_SLOTS);
	CHECK(!READ_ONCE(any->growth.failed) && !READ_ONCE(low->growth.failed));
}

/* The map does not wait, since no unmap makes memory contiguous */
TEST(large_mapping_does_not_wait_for_memory)
{
	unsigned long began;
	struct device *dev;

	boot("2048");
	dev = new_device(0, 0);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	began = jiffies;
	CHECK_EQ(map_large(dev, new_buffer(MIB(34), 0), MIB(34)), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies, began);
	CHECK_EQ(slots_event("waited"), 0);
	shim_fail_none();
}

TEST(large_mapping_lies_in_reach)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	boot("2048");
	dev = device_below(DMA_BIT_MASK(30));
	orig = new_buffer(MIB(34), 0);
	tlb = map_large(dev, orig, MIB(34));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK(tlb + MIB(34) - 1 <= DMA_BIT_MASK(30));
	unmap(dev, tlb, MIB(34), BOTH);
	dev = device_below(DMA_BIT_MASK(24));
	tlb = map_large(dev, orig, MIB(4));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK(tlb + MIB(4) - 1 <= DMA_BIT_MASK(24));
	unmap(dev, tlb, MIB(4), BOTH);
	/* An idle pool above the mask of the next device is not used for it */
	dev = new_device(0, 0);
	tlb = map_large(dev, orig, MIB(34));
	CHECK(tlb != MAP_FAILED_ADDR);
	unmap(dev, tlb, MIB(34), BOTH);
	CHECK_EQ(map_large(device_that_sees_nothing(), orig, MIB(34)), MAP_FAILED_ADDR);
}

/*
 * The bus of a Raspberry Pi 4 reaches the first GiB of memory, at other addresses:
 *
 *	memory   0 |.........| 1 GiB          bus   3 GiB |.........| 4 GiB
 */
TEST(large_mapping_lies_in_the_window_of_a_bus)
{
	static const struct bus_dma_region window[] = {
		{ .dma_start = 3ULL << 30, .size = SZ_1G }, { }
	};
	struct device *dev;
	phys_addr_t orig;
	dma_addr_t dma;

	boot("2048");
	dev = device_below(DMA_BIT_MASK(32));
	dev->dma_range_map = window;
	orig = new_buffer(MIB(34), 0);
	fill_pattern(phys_to_virt(orig), MIB(34), 5);
	dma = swiotlb_map(dev, orig, MIB(34), BOTH, DMA_ATTR_MAY_SLEEP);
	if (!CHECK(dma != DMA_MAPPING_ERROR))
		return;
	CHECK(dma >= window[0].dma_start);
	CHECK(dma + MIB(34) - 1 <= DMA_BIT_MASK(32));
	CHECK(dma_to_phys(dev, dma) + MIB(34) <= SZ_1G);
	CHECK_EQ(pools_that_are("large"), 1);
	CHECK(has_pattern(phys_to_virt(dma_to_phys(dev, dma)), MIB(34), 5));
	unmap(dev, dma_to_phys(dev, dma), MIB(34), BOTH);
}

/*
 * min_align_mask applies to the address that the device sees, which differs from the physical
 * address:
 *
 *	memory   0x0 |.........|          bus   0x3000 |.........|
 */
TEST(large_mapping_is_aligned_as_the_bus_sees_it)
{
	static const struct bus_dma_region window[] = {
		{ .dma_start = 3 * PAGE_SIZE, .size = SZ_2G }, { }
	};
	struct device *dev;
	phys_addr_t orig;
	dma_addr_t dma;

	boot("2048");
	dev = device_below(DMA_BIT_MASK(32));
	dev->dma_range_map = window;
	dev->dma_parms->min_align_mask = 16 * PAGE_SIZE - 1;
	orig = new_buffer(MIB(2), 5 * PAGE_SIZE + 0x234);
	fill_pattern(phys_to_virt(orig), MIB(2), 5);
	dma = swiotlb_map(dev, orig, MIB(2), BOTH, DMA_ATTR_MAY_SLEEP);
	if (!CHECK(dma != DMA_MAPPING_ERROR))
		return;
	CHECK_EQ(dma % (16 * PAGE_SIZE), 5 * PAGE_SIZE + 0x234);
	CHECK(has_pattern(phys_to_virt(dma_to_phys(dev, dma)), MIB(2), 5));
	unmap(dev, dma_to_phys(dev, dma), MIB(2), BOTH);
}

/*
 *	linear mapping   | none
 *	       |     8 MiB     |     a sync of a part crosses the border
 */
TEST(large_mapping_of_high_memory)
{
	const size_t size = MIB(8), at = MIB(3) - PAGE_SIZE - 100, bytes = 2 * PAGE_SIZE;
	phys_addr_t orig, tlb;
	struct device *dev;
	u8 *there, *here;
	size_t i;

	boot("2048");
	dev = new_device(PAGE_SIZE - 1, 0);
	orig = new_buffer(size, 0x234);
	here = (u8 *)shim_at(orig);
	shim_highmem_start = orig - 0x234 + MIB(3);
	fill_pattern(here, size, 1);
	tlb = map_large(dev, orig, size);
	if (!CHECK(tlb != MAP_FAILED_ADDR))
		return;
	there = phys_to_virt(tlb);
	CHECK(has_pattern(there, size, 1));

	for (i = 0; i < size; i++)
		here[i] ^= 0xff;
	swiotlb_sync_single_for_device(dev, tlb + at, bytes, BOTH);
	CHECK(!memcmp(there + at, here + at, bytes));
	for (i = 0; i < size; i++)
		here[i] ^= 0xff;
	CHECK(!memcmp(there, here, at));
	CHECK(!memcmp(there + at + bytes, here + at + bytes, size - at - bytes));

	fill_pattern(there, size, 2);
	unmap(dev, tlb, size, BOTH);
	CHECK(has_pattern(here, size, 2));
	shim_highmem_start = SHIM_HIGHMEM;
}

static void map_without_sleep(void)
{
	other_tlb = map_full(other_dev, new_buffer(SZ_64K, 0), SZ_64K, 0, BOTH,
			     DMA_ATTR_NO_WARN);
}

/* Map @bytes of the boot pool, and map 64 KiB more while the next pool is being added */
static void fill_and_watch(size_t bytes)
{
	phys_addr_t orig = new_buffer(SZ_64K, 0);

	other_dev = new_device(0, 0);
	other_tlb = MAP_FAILED_ADDR;
	for (; bytes; bytes -= SZ_64K)
		CHECK(map(other_dev, orig, SZ_64K, BOTH) != MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("transient"), 0);
	shim_on_grow = map_without_sleep;
}

/*
 * A large pool counts once towards the limit, also while it is being added:
 *
 *	limit 32 MiB   | boot, 4 MiB, full | 20 MiB for one mapping | 8 MiB are left |
 */
TEST(large_pool_counts_once)
{
	phys_addr_t tlb;

	boot("2048,1,max=32M");
	fill_and_watch(MIB(4));
	tlb = map_large(other_dev, new_buffer(MIB(20), 0), MIB(20));
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK(!shim_on_grow);
	CHECK(other_tlb != MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("transient"), 1);
}

static long room;

static void look_at_room(void)
{
	room = swiotlb_limit_room(&swiotlb_default_mem);
}

/*
 *	limit 6 MiB    | boot, 1 MiB, half full | 4 MiB are added | 1 MiB is left |
 */
TEST(pool_that_is_added_counts_once)
{
	boot("512,1,dynamic,max=6M");
	fill_and_watch(SZ_512K + SZ_64K);
	shim_on_grow = look_at_room;
	shim_run_work();
	CHECK(!shim_on_grow);
	CHECK_EQ(swiotlb_default_mem.pools.held, MIB(5) >> IO_TLB_SHIFT);
	CHECK_EQ(room, MIB(1) >> IO_TLB_SHIFT);
}

/* Planned slots no longer count if there is no memory, or only for a smaller pool */
TEST(pool_that_is_not_made_does_not_count)
{
	boot("512,1,dynamic,max=6M");
	fill_and_watch(SZ_512K + SZ_64K);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_run_work();
	CHECK_EQ(slots_event("grow_failed"), 1);
	CHECK_EQ(swiotlb_limit_room(&swiotlb_default_mem), MIB(5) >> IO_TLB_SHIFT);
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(MIB(4));
	ticks(3);
	map_without_sleep();
	shim_run_work();
	CHECK_EQ(swiotlb_limit_room(&swiotlb_default_mem), MIB(3) >> IO_TLB_SHIFT);
	CHECK_EQ(swiotlb_default_mem.pools.held, MIB(3) >> IO_TLB_SHIFT);
}

/* An entry of a scatterlist */
struct entry {
	phys_addr_t orig, tlb;
	size_t bytes;
};

#define MOST_ENTRIES 512

/*
 * Like vmalloc(): memory that is contiguous for the CPU consists of single pages, and of short and
 * long runs of pages, in another order.
 *
 *	vmalloc()   | 0 | 1 | 2   3 | 4   5   6 |
 *	memory      | 4   5   6 |   | 2   3 |   | 1 |   | 0 |
 */
static unsigned int scatter(struct entry *entries, phys_addr_t base, size_t size)
{
	static const unsigned int kib[] = { 4, 4, 4, 8, 4, 20, 4, 64, 4, 260, 4, 1200 };
	phys_addr_t at = base + size;
	unsigned int n;

	for (n = 0; n < MOST_ENTRIES; n++) {
		entries[n].bytes = PAGE_ALIGN(kib[n % ARRAY_SIZE(kib)] * SZ_1K);
		if (at < base + entries[n].bytes + PAGE_SIZE)
			break;
		at -= entries[n].bytes;
		entries[n].orig = at;
		at -= PAGE_SIZE;
	}
	return n;
}

static u8 *there_of(struct device *dev, const struct entry *e)
{
	return phys_to_virt(dma_to_phys(dev, e->tlb));
}

/* If @arg is not %NULL, memory from *@arg bytes after the start on has no linear mapping */
static void maps_a_scatterlist(const void *arg)
{
	const size_t size = MIB(24), at = PAGE_SIZE / 2 + 1;
	static struct entry entries[MOST_ENTRIES];
	unsigned int i, n, nlarge = 0;
	struct device *dev;
	phys_addr_t base;
	struct entry *e;

	boot("2048");
	dev = new_device(PAGE_SIZE - 1, 0);
	base = new_buffer(size, 0);
	if (arg)
		shim_highmem_start = base + *(const size_t *)arg;
	n = scatter(entries, base, size);
	shim_meanwhile = a_jiffy_passes;
	for (i = 0; i < n; i++) {
		e = &entries[i];
		fill_pattern(shim_at(e->orig), e->bytes, i);
		/* dma_direct_map_sg() maps each entry like this */
		e->tlb = swiotlb_map(dev, e->orig, e->bytes, BOTH, DMA_ATTR_MAY_SLEEP);
		if (!CHECK(e->tlb != DMA_MAPPING_ERROR))
			return;
		nlarge += e->bytes > SZ_256K;
	}
	shim_meanwhile = NULL;
	CHECK(nlarge > 0 && n > nlarge);
	CHECK_EQ(slots_event("large"), nlarge);

	/* Check all bytes, and then one byte of each page with a sync */
	for (i = 0; i < n; i++)
		CHECK(has_pattern(there_of(dev, &entries[i]), entries[i].bytes, i));
	for (i = 0; i < n; i++) {
		e = &entries[i];
		size_t page;

		for (page = 0; page < e->bytes; page += PAGE_SIZE) {
			there_of(dev, e)[page + at] ^= 0xff;
			swiotlb_sync_single_for_cpu(dev, dma_to_phys(dev, e->tlb) + page + at,
						    1, BOTH);
			CHECK_EQ(((u8 *)shim_at(e->orig))[page + at],
				 there_of(dev, e)[page + at]);
		}
		fill_pattern(there_of(dev, e), e->bytes, n + i);
		unmap(dev, dma_to_phys(dev, e->tlb), e->bytes, BOTH);
	}
	for (i = 0; i < n; i++)
		CHECK(has_pattern(shim_at(entries[i].orig), entries[i].bytes, n + i));
	shim_highmem_start = SHIM_HIGHMEM;
	ticks(60);
	check_used(0);
	CHECK_EQ(pools_that_are("large"), 0);
}

TEST(large_mapping_of_scattered_memory)
{
	static const size_t all, half = MIB(12) + SZ_64K;

	in_child(maps_a_scatterlist, NULL, "linear");
	in_child(maps_a_scatterlist, &all, "high");
	in_child(maps_a_scatterlist, &half, "half of it high");
}

TEST(large_mapping_cannot_cross_a_boundary)
{
	struct device *dev;

	boot("2048");
	dev = new_device(0, SZ_1M - 1);
	CHECK_EQ(map_large(dev, new_buffer(MIB(2), 0), MIB(2)), MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("misaligned"), 1);
	CHECK_EQ(slots_event("grown"), 0);
}

TEST(large_mapping_lets_no_other_pool_grow)
{
	struct device *dev;
	phys_addr_t tlb;

	boot("2048");
	dev = new_device(0, 0);
	tlb = map_large(dev, new_buffer(MIB(40), 0), MIB(40));
	unmap(dev, map_page(dev), PAGE_SIZE, BOTH);
	ticks(5);
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(slots_total(), 2048);
	check_used(0);
	unmap(dev, tlb, MIB(40), BOTH);
}

TEST(large_mapping_ends_once_and_as_a_whole)
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(8), 0);
	tlb = map_large(dev, orig, MIB(8));
	shim_log_clear();
	unmap(dev, tlb + MIB(4), SZ_4K, BOTH);
	CHECK(shim_log_has("is not the start of a mapping"));
	unmap(dev, tlb, MIB(8), BOTH);
	shim_log_clear();
	unmap(dev, tlb, MIB(8), BOTH);
	CHECK(shim_log_has("nothing is mapped at"));
	ticks(30);
	CHECK_EQ(pools_that_are("large"), 0);
}

/* Without contiguous memory a map fails with a message. A failed map does not leak */
TEST(large_mapping_without_memory_fails)
{
	struct shim_usage before;
	struct device *dev;
	phys_addr_t orig;

	boot("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(34), 0);
	ticks(10);
	before = shim_usage();
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_log_clear();
	CHECK_EQ(map_large(dev, orig, MIB(34)), MAP_FAILED_ADDR);
	CHECK(shim_log_has("swiotlb buffer is full"));
	shim_fail_none();
	shim_fail(SHIM_FAULT_KMALLOC, 0, -1);
	CHECK_EQ(map_large(dev, orig, MIB(34)), MAP_FAILED_ADDR);
	shim_fail_none();
	CHECK_EQ(shim_usage().pages, before.pages);
	CHECK_EQ(swiotlb_default_mem.pools.held, swiotlb_default_mem.boot_pool.nslots);
	unmap(dev, map_large(dev, orig, MIB(34)), MIB(34), BOTH);
	ticks(30);
	CHECK_EQ(shim_usage().pages, before.pages);
}

TEST(large_mapping_is_decrypted_once_each_way)
{
	struct shim_usage before;
	struct device *dev;
	phys_addr_t orig, tlb;
	long changes;
	int frame;

	boot_encrypted("2048");
	dev = new_device(0, 0);
	orig = new_buffer(MIB(8), 0);
	ticks(10);
	before = shim_usage();
	changes = slots_event("set_memory");
	for (frame = 0; frame < 5; frame++) {
		tlb = map_large(dev, orig, MIB(8));
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			return;
		CHECK(shim_page_decrypted(tlb) && shim_page_decrypted(tlb + MIB(8) - 1));
		unmap(dev, tlb, MIB(8), BOTH);
	}
	CHECK_EQ(slots_event("set_memory"), changes + 1);
	ticks(30);
	CHECK_EQ(slots_event("set_memory"), changes + 2);
	CHECK_EQ(shim_usage().pages, before.pages);
	CHECK_EQ(shim_usage().decrypted_pages, before.decrypted_pages);

	/* If decryption fails, and encryption after it, the memory is lost and counted */
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, 1);
	CHECK_EQ(map_large(dev, orig, MIB(8)), MAP_FAILED_ADDR);
	shim_fail_none();
	CHECK_EQ(slots_event("leaked_bytes"), MIB(8));
}

#endif
