// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who makes room, and for whom: what happens between one work and the next, and
 * what is left to a worker.
 */
#include "harness.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#define PIECE 65536
#define MOST 512

static phys_addr_t tlbs[MOST];
static phys_addr_t orig;

/* From pools alone */
static bool map_one(struct device *dev, unsigned int i)
{
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	tlbs[i] = map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	shim_faults[SHIM_FAULT_PAGES].times = 0;
	return tlbs[i] != MAP_FAILED_ADDR;
}

static bool map_after_work(struct device *dev, unsigned int i)
{
	if (map_one(dev, i))
		return true;
	shim_advance(1);
	shim_run_work();
	return map_one(dev, i);
}

/* As much as there can be, at once, and then nothing */
static void burst(struct device *dev)
{
	unsigned int n = 0;

	while (n < MOST && map_after_work(dev, n))
		n++;
	CHECK(n > 0 && n < MOST);
	while (n--)
		unmap(dev, tlbs[n], PIECE, DMA_TO_DEVICE);
}

static struct device *wide, *narrow;

/* At the limit he asks for room. The work that grows has asked the one that gives back */
static void ask_for_room(void)
{
	boot_high("512,1,max=16M");
	wide = device_below(~0ULL);
	narrow = device_below(DMA_BIT_MASK(32));
	orig = new_buffer(PIECE, 0);
	burst(wide);
	CHECK_EQ(slots_total(), 16 * 512);
	CHECK(!map_one(narrow, 0));
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
	while (n < MOST && map_one(wide, n))
		n++;
	while (n--)
		unmap(wide, tlbs[n], PIECE, DMA_TO_DEVICE);
	shim_run_work();
	burst(wide);
	CHECK(map_one(narrow, 0));
	CHECK(slots_total() <= 16 * 512);
}

TEST(room_is_not_kept_for_ever)
{
	ask_for_room();
	shim_advance(6 * HZ);
	shim_run_work();
	burst(wide);
	CHECK_EQ(slots_total(), 16 * 512);
	CHECK(!map_one(narrow, 0));
}

/* In pages; what the machine has booted with is not to be had */
TEST(shrinker_counts_what_was_added)
{
	struct device *dev;
	unsigned long freed;
	unsigned int i;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(PIECE, 0);
	for (i = 0; i < 64; i++)
		CHECK(map_after_work(dev, i));
	while (i--)
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	ticks(1);
	CHECK(slots_total() > 512);
	CHECK_EQ(shim_shrink(&freed), (slots_total() - 512) * IO_TLB_SIZE / PAGE_SIZE);
}

#endif
