// SPDX-License-Identifier: GPL-2.0-only
/* Holes in an otherwise full pool are found at every position. */
#include "harness.h"

#define NSLOTS 4096

static struct device *dev;
static phys_addr_t pool, buffer;

static phys_addr_t slot(unsigned int index)
{
	return pool + index * IO_TLB_SIZE;
}

/* Map single slots, so that each can be unmapped separately */
static void fill_slots(unsigned int n)
{
	while (n--)
		CHECK(map(dev, buffer, 512, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
}

static void free_slot(unsigned int index)
{
	unmap(dev, slot(index), 512, DMA_TO_DEVICE);
}

static phys_addr_t map_slots(struct device *for_dev, unsigned int n)
{
	return map_full(for_dev, buffer, n * IO_TLB_SIZE, 0, DMA_TO_DEVICE,
			DMA_ATTR_NO_WARN);
}

static void boot_full_pool(void)
{
	pool = boot_fixed("4096,1", NULL);
	dev = new_device(0, 0);
	buffer = new_buffer(SZ_256K, 0);
	fill_slots(NSLOTS);
	check_used(NSLOTS);
}

enum order { UP, DOWN, EVEN_FIRST };

static unsigned int nth(enum order order, unsigned int i, unsigned int n)
{
	if (order == UP)
		return i;
	if (order == DOWN)
		return n - 1 - i;
	return 2 * i < n ? 2 * i : 2 * (i - (n + 1) / 2) + 1;
}

/* Free a hole slot by slot: the run must not fit before its last slot is free */
static void open_hole(unsigned int at, unsigned int n, enum order order)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		CHECK(map_slots(dev, n) == MAP_FAILED_ADDR);
		free_slot(at + nth(order, i, n));
	}
	if (CHECK_EQ(map_slots(dev, n), slot(at)))
		unmap(dev, slot(at), n * IO_TLB_SIZE, DMA_TO_DEVICE);
	fill_slots(n);
	check_used(NSLOTS);
}

/* Lengths and places that a search by words handles differently, also at word boundaries */
TEST_BASE_FAILS(a_hole_of_the_right_size_is_found,
		"free slots on both sides of a multiple of 128 are never one run")
{
	static const u8 lengths[] = { 2, 3, 5, 8, 9, 16, 17, 31, 32, 33, 48, 63,
				      64, 65, 96, 127, 128 };
	static const u16 places[] = { 0, 2, 30, 62, 64, 100, 126, 1022, 1500, 2976 };
	unsigned int i, k;

	boot_full_pool();
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		for (k = 0; k < ARRAY_SIZE(places); k++)
			open_hole(ALIGN(places[k], PAGE_SLOTS), lengths[i], (i + k) % 3);
	/* Holes at the end of the pool */
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		open_hole(ALIGN_DOWN(NSLOTS - lengths[i], PAGE_SLOTS), lengths[i], UP);
}

/* A run that is long enough may be misaligned for one device, but not for another */
TEST_BASE_FAILS(a_hole_with_another_alignment_is_found,
		"free slots on both sides of a multiple of 128 are never one run")
{
	struct device *any = new_device(511, 0);
	unsigned int n, i;

	boot_full_pool();
	for (n = PAGE_SLOTS + 1; n < 80; n += 7) {
		for (i = 0; i < n; i++)
			free_slot(101 + i);
		/* The run begins at an odd slot, so it does not fit page-aligned mappings */
		CHECK(map_slots(dev, n) == MAP_FAILED_ADDR);
		if (CHECK_EQ(map_slots(any, n), slot(101)))
			unmap(any, slot(101), n * IO_TLB_SIZE, DMA_TO_DEVICE);
		fill_slots(n);
	}
}

/* The first hole that is large enough is found, not the next one after the last run */
TEST(a_hole_is_found_from_the_start_on)
{
	const unsigned int n = SZ_64K / IO_TLB_SIZE;
	const unsigned int at = ALIGN_DOWN(2000, PAGE_SLOTS);
	unsigned int i;

	boot_full_pool();
	for (i = 0; i < n; i++)
		free_slot(3008 + i);
	CHECK_EQ(map_slots(dev, n), slot(3008));
	/* An earlier hole, which is too short */
	for (i = 0; i < n / 2; i++)
		free_slot(i);
	for (i = 0; i < n; i++)
		free_slot(at + i);
	CHECK_EQ(map_slots(dev, n), slot(at));
}
