// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network card whose driver takes its receive buffers from a page_pool: 8 queues of 256
 * pages stay mapped for good, and are only synced. Disks map beside it.
 */
#include <stdlib.h>
#include "pieces.h"

#define QUEUES 8
#define RING 256
#define PINNED (QUEUES * RING)
/* Slots of all pages that stay mapped */
#define PINNED_SLOTS ((long)PINNED * PAGE_SLOTS)
#define PIECE_SLOTS (PIECE >> IO_TLB_SHIFT)
#define MAX_MAPS 65536

#if PAGE_SHIFT == 12

static struct device *nic;
static phys_addr_t ring[PINNED], pages[MAX_MAPS], pieces[MAX_PIECES];

/* The driver of each queue runs on its own CPU */
static void pin(unsigned int i)
{
	shim_set_cpu(i / RING);
	ring[i] = map(nic, orig, PAGE_SIZE, DMA_FROM_DEVICE);
	CHECK(ring[i] != MAP_FAILED_ADDR);
}

/* The device writes to all pages */
static void arrive_all(void)
{
	unsigned int i;

	for (i = 0; i < PINNED; i++)
		fill_pattern(phys_to_virt(ring[i]), PAGE_SIZE, i);
}

/* The driver syncs and reads the bytes of a packet in each page */
static void receive_all(void)
{
	unsigned int i;

	for (i = 0; i < PINNED; i++) {
		shim_set_cpu(i / RING);
		swiotlb_sync_single_for_cpu(nic, ring[i], 1500, DMA_FROM_DEVICE);
		CHECK(has_pattern(phys_to_virt(orig), 1500, i));
		swiotlb_sync_single_for_device(nic, ring[i], 1500, DMA_FROM_DEVICE);
	}
	shim_set_cpu(0);
}

static void unpin_all(void)
{
	unsigned int i;

	for (i = 0; i < PINNED; i++) {
		shim_set_cpu(i / RING);
		unmap(nic, ring[i], PAGE_SIZE, DMA_FROM_DEVICE);
	}
}

static void add_devices(void)
{
	start_with(new_device(0, 0));
	nic = new_device(0, 0);
}

static void start_fixed(const char *arg, size_t bytes)
{
	size_t got;

	shim_nr_cpus = QUEUES;
	boot_fixed(arg, &got);
	CHECK_EQ(got, bytes);
	add_devices();
}

/* Map and unmap @each buffers on each CPU, so that magazines keep buffers */
static void disks_on_all_cpus(size_t size, unsigned int each)
{
	unsigned int cpu, i;

	for (cpu = 0; cpu < QUEUES; cpu++) {
		shim_set_cpu(cpu);
		for (i = 0; i < each; i++) {
			pages[i] = map(dev, orig, size, DMA_TO_DEVICE);
			CHECK(pages[i] != MAP_FAILED_ADDR);
		}
		unmap_all(dev, size, pages, each);
	}
}

/*
 * A ring has half of the slots of a pool that cannot grow. One CPU can map all other slots, even
 * those in the magazines of other CPUs, and again after a load of large buffers.
 */
TEST(ring_leaves_all_else_to_any_cpu)
{
	long rest = PINNED_SLOTS;
	unsigned int i, n, left, cpu;

	start_fixed("8192", 2 * PINNED_SLOTS << IO_TLB_SHIFT);
	for (i = 0; i < PINNED; i++)
		pin(i);
	arrive_all();
	for (cpu = 0; cpu < QUEUES; cpu++) {
		disks_on_all_cpus(PAGE_SIZE, 64);
		disks_on_all_cpus(IO_TLB_SIZE, 64);
		shim_set_cpu(cpu);
		n = map_until_full(dev, orig, PAGE_SIZE, pages, MAX_MAPS);
		CHECK_EQ(n * PAGE_SLOTS, rest);
		unmap_all(dev, PAGE_SIZE, pages, n);
		shim_advance(2);
	}
	/* Large pieces leave gaps, which pages fill */
	disks_on_all_cpus(PAGE_SIZE, 64);
	n = map_until_full(dev, orig, PIECE, pieces, MAX_PIECES);
	CHECK(n * PIECE_SLOTS > rest / 8 * 7);
	shim_advance(2);
	left = map_until_full(dev, orig, PAGE_SIZE, pages, MAX_MAPS);
	CHECK_EQ(n * PIECE_SLOTS + left * PAGE_SLOTS, rest);
	unmap_all(dev, PAGE_SIZE, pages, left);
	unmap_all(dev, PIECE, pieces, n);
	receive_all();
	check_used(PINNED_SLOTS);
	unpin_all();
	check_used(0);
}

/* The ring is filled and disks map in turn: neighbours must not get data of each other */
TEST(ring_between_other_maps_keeps_its_pages_alone)
{
	unsigned int i, n = 0, round;

	start_fixed("32768", SZ_64M);
	for (i = 0; i < PINNED; i++) {
		pin(i);
		shim_set_cpu((i + 1) % QUEUES);
		pages[n++] = map(dev, orig, PAGE_SIZE, DMA_TO_DEVICE);
	}
	for (round = 0; round < 8; round++) {
		shim_set_cpu(round);
		unmap_all(dev, PAGE_SIZE, pages, n);
		arrive_all();
		for (i = 0; i < n; i++) {
			shim_set_cpu((i + round) % QUEUES);
			pages[i] = map(dev, orig, PAGE_SIZE, DMA_TO_DEVICE);
			CHECK(pages[i] != MAP_FAILED_ADDR);
		}
		receive_all();
	}
	unmap_all(dev, PAGE_SIZE, pages, n);
	unpin_all();
	check_used(0);
}

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/* In ticks: longer than all delays together */
#define LONG 120
/* Pieces of a burst: 64 MiB */
#define BURST 1024

static void start(void)
{
	shim_nr_cpus = QUEUES;
	boot("dynamic");
	add_devices();
}

static void pin_all_slowly(void)
{
	unsigned int i;

	for (i = 0; i < PINNED; i++) {
		shim_advance(1);
		pin(i);
		shim_run_work();
	}
	shim_set_cpu(0);
}

/* Pools grow for a burst beside the ring, and all that the burst needed is freed */
TEST(grows_and_shrinks_beside_a_ring)
{
	unsigned int round;
	long nslots;

	start();
	pin_all_slowly();
	ticks(LONG);
	nslots = slots_total();
	CHECK(nslots >= PINNED_SLOTS);
	CHECK_MSG(nslots <= 4 * PINNED_SLOTS, "%ld slots for a ring of %ld", nslots, PINNED_SLOTS);
	for (round = 0; round < 4; round++) {
		arrive_all();
		map_pieces(BURST);
		CHECK(slots_total() > BURST * PIECE_SLOTS);
		receive_all();
		unmap_pieces(0, BURST);
		ticks(LONG);
		CHECK_EQ(pools_that_are("closed"), 0);
		CHECK_MSG(slots_total() <= nslots, "%ld slots in round %u, %ld before", slots_total(),
			  round, nslots);
	}
	unpin_all();
	ticks(LONG);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	check_used(0);
}

/*
 * The ring is filled during a burst, so each pool has pages of it and none can be freed.
 * Closed pools serve the next burst: no round needs more memory than the first.
 */
TEST(pools_that_a_ring_holds_serve_the_next_burst)
{
	unsigned int i, round, n = 0;
	long nslots, grown;

	start();
	for (i = 0; i < BURST; i++) {
		map_piece(i);
		for (; n < (i + 1) * PINNED / BURST; n++)
			pin(n);
		shim_set_cpu(0);
	}
	nslots = shim_pool_events.held;
	grown = slots_event("grown");
	for (round = 0; round < 4; round++) {
		unmap_pieces(0, BURST);
		ticks(LONG);
		arrive_all();
		map_pieces(BURST);
		receive_all();
		CHECK_MSG(shim_pool_events.held <= nslots, "%ld slots in round %u, %ld before",
			  (long)shim_pool_events.held, round, nslots);
		CHECK_EQ(slots_event("grown") - slots_event("freed"), grown);
	}
	unmap_pieces(0, BURST);
	unpin_all();
	ticks(LONG);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	check_used(0);
}

#endif
#endif
