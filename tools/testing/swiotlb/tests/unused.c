// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that nobody uses yet: nothing is added or opened meanwhile, and that ends with
 * the first map there. Memory comes in pieces of 4 MiB.
 */
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/* Pieces in the boot pool, and in each of the others */
#define BOOT 1024
#define EACH 64
#define MOST (BOOT + 16 * EACH)
/* At that many, the boot pool is above the watermark, and so are all with one more */
#define TIGHT (BOOT * 13 / 16)

static void start_small(struct device *device)
{
	start_with(device);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
}

/* With the worker, who fails once has what he needs */
static bool map_soon(struct device *device, unsigned int i)
{
	if (map_from_pools(device, i))
		return true;
	shim_run_work();
	return map_from_pools(device, i);
}

/* One in each jiffy, the worker keeps pace; returns how many */
static unsigned int map_in_time(unsigned int from, unsigned int to)
{
	for (; from < to && map_soon(dev, from); from++) {
		shim_advance(1);
		shim_run_work();
	}
	return from;
}

/* Nothing is mapped for a while, but pools are not freed yet */
static void leave_idle(unsigned int n)
{
	unsigned int seconds;

	unmap_pieces(0, n);
	for (seconds = 0; seconds < 30 && pools_that_are("open") > 1; seconds++)
		ticks(1);
	CHECK_EQ(pools_that_are("idle"), slots_event("grown"));
}

/* Who has seen that the first one is unused need not wait when it is not, any more */
TEST(idle_pools_open_in_the_middle_of_a_burst)
{
	unsigned int i, n = BOOT + 3 * EACH;

	boot("32768,1");
	start_small(new_device(0, 0));
	CHECK_EQ(map_in_time(0, n), n);
	CHECK(slots_event("grown") >= 3);
	leave_idle(n);
	CHECK_EQ(map_in_time(0, TIGHT), TIGHT);
	CHECK_EQ(pools_that_are("open"), 2);
	for (i = TIGHT; i < n; i++)
		if (!CHECK(map_soon(dev, i)))
			break;
}

/* That pools are unused now and then does not make memory decrypt any sooner */
TEST(unused_pools_do_not_end_a_back_off)
{
	unsigned int n;

	boot_encrypted("32768,1");
	start_small(new_device(0, 0));
	n = map_in_time(0, BOOT + 2 * EACH);
	shim_fail(SHIM_FAULT_DECRYPT, 0, -1);
	n = map_in_time(n, MOST);
	CHECK(n < MOST);
	CHECK_EQ(slots_event("grow_failed"), 1);
	leave_idle(n);
	CHECK_EQ(map_in_time(0, n), n);
	CHECK(!map_soon(dev, n));
	CHECK_EQ(slots_event("grow_failed"), 1);
}

/* What is unused above is no reason to leave a device without what it can reach */
TEST(pool_unused_out_of_reach_holds_up_nobody)
{
	struct device *narrow;

	boot_high("32768,1");
	start_small(device_below(~0ULL));
	narrow = device_below(DMA_BIT_MASK(32));
	CHECK_EQ(map_in_time(0, TIGHT), TIGHT);
	CHECK_EQ(slots_event("grown"), 1);
	CHECK(map_soon(narrow, TIGHT));
	CHECK(tlbs[TIGHT] <= DMA_BIT_MASK(32));
}

static void ask(void)
{
	CHECK(!map_from_pools(dev, 0));
}

/* What he asks for is about to be there */
TEST(who_asks_while_a_pool_is_added_has_that_one)
{
	boot("512,1");
	start_small(new_device(0, 0));
	while (map_from_pools(dev, 0))
		;
	shim_before_pages = ask;
	shim_run_work();
	CHECK(!shim_before_pages);
	CHECK_EQ(slots_event("grown"), 1);
}

/* It would add one after the other */
TEST(one_unused_pool_is_enough)
{
	unsigned int i, works = 0;

	boot("32768,1");
	start_small(new_device(0, 0));
	CHECK_EQ(map_in_time(0, TIGHT), TIGHT);
	CHECK_EQ(slots_event("grown"), 1);
	/* Above the watermark in each jiffy */
	for (i = 0; i < 500; i++) {
		CHECK(map_from_pools(dev, TIGHT));
		unmap(dev, tlbs[TIGHT], PIECE, DMA_TO_DEVICE);
		shim_advance(1);
		works += shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 1);
	/* The one that gives back looks once a second, as do magazines */
	CHECK_MSG(works <= 10, "%u works in half a second", works);
}

#endif
