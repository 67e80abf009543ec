// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who makes room, and for whom: what happens between one work and the next, and
 * what is left to a worker.
 */
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/* More pieces than there is ever room for */
#define MOST 512

static bool map_after_work(unsigned int i)
{
	if (map_from_pools(dev, i))
		return true;
	shim_advance(1);
	shim_run_work();
	return map_from_pools(dev, i);
}

/* As much as there can be, at once, and then nothing */
static void burst(void)
{
	unsigned int n = 0;

	while (n < MOST && map_after_work(n))
		n++;
	CHECK(n > 0 && n < MOST);
	unmap_pieces(0, n);
}

static struct device *narrow;

/* At the limit he asks for room. The work that grows has asked the one that gives back */
static void ask_for_room(void)
{
	boot_high("512,1,max=16M");
	start_with(device_below(~0ULL));
	narrow = device_below(DMA_BIT_MASK(32));
	burst();
	CHECK_EQ(slots_total(), 16 * 512);
	CHECK(!map_from_pools(narrow, 0));
	CHECK(shim_run_one_work());
	CHECK_EQ(slots_event("freed"), 0);
}

/* A moment goes by until room is made: it is for him all the same */
TEST(room_that_comes_later_is_for_whom_it_was_made)
{
	unsigned int n = 0;

	ask_for_room();
	shim_advance(HZ / 5);
	while (!slots_event("freed") && shim_run_one_work())
		;
	CHECK(slots_event("freed") > 0);
	/* Others ask before he is served */
	while (n < MOST && map_from_pools(dev, n))
		n++;
	unmap_pieces(0, n);
	shim_run_work();
	burst();
	CHECK(map_from_pools(narrow, 0));
	CHECK(slots_total() <= 16 * 512);
}

TEST(room_is_not_kept_for_ever)
{
	ask_for_room();
	shim_advance(6 * HZ);
	shim_run_work();
	burst();
	CHECK_EQ(slots_total(), 16 * 512);
	CHECK(!map_from_pools(narrow, 0));
}

/* In pages; what the machine has booted with is not to be had */
TEST(shrinker_counts_what_was_added)
{
	unsigned long freed;
	unsigned int i;

	boot("512,1");
	start_with(new_device(0, 0));
	for (i = 0; i < 64; i++)
		CHECK(map_after_work(i));
	unmap_pieces(0, 64);
	ticks(1);
	CHECK(slots_total() > 512);
	CHECK_EQ(shim_shrink(&freed), (slots_total() - 512) * IO_TLB_SIZE / PAGE_SIZE);
}

#endif
