// SPDX-License-Identifier: GPL-2.0-only
/*
 * Growing for speed: until caches can hold all that is in use, as far as what swiotlb
 * has by default, not while memory is short, and not from room that others need.
 */
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#define MIB_SLOTS 512
#define MIB_PIECES 16

static void start(const char *arg)
{
	boot(arg);
	start_with(new_device(0, 0));
}

/* So late that with the last one somebody looks at how much is in use */
static void map_and_look(unsigned int n)
{
	map_pieces(n - 1);
	shim_advance(HZ / 16);
	map_piece(n - 1);
}

/* Over whenever the worker that gives back looks */
static void load(unsigned int n, unsigned int times)
{
	while (times--) {
		map_and_look(n);
		unmap_pieces(0, n);
		ticks(1);
	}
}

TEST(buffers_of_idle_devices_add_no_pool)
{
	start("512,1");
	map_and_look(MIB_PIECES / 2);
	CHECK_EQ(slots_total(), MIB_SLOTS);
	unmap_pieces(0, MIB_PIECES / 2);
}

/* 1, 4 and 8 MiB */
TEST(growth_goes_on_until_a_quarter_is_in_use)
{
	start("512,1");
	map_and_look(MIB_PIECES + MIB_PIECES / 4);
	CHECK_EQ(slots_total(), 5 * MIB_SLOTS);
	unmap_pieces(0, MIB_PIECES + MIB_PIECES / 4);
	map_and_look(MIB_PIECES + MIB_PIECES / 2);
	CHECK_EQ(slots_total(), 13 * MIB_SLOTS);
	unmap_pieces(0, MIB_PIECES + MIB_PIECES / 2);
}

/* 1 + 4 + 8 + 16 + 32: another doubling would go beyond 64 */
TEST(growth_for_speed_ends_at_the_default_size)
{
	start("512,1");
	map_pieces(40 * MIB_PIECES);
	CHECK_EQ(slots_total(), 61 * MIB_SLOTS);
	unmap_pieces(0, 40 * MIB_PIECES);
}

/* Nor is anybody told that there is no more to be had: it is not nearly full */
TEST(growth_for_speed_wants_nothing_at_the_limit)
{
	start("512,1,max=5M");
	map_and_look(2 * MIB_PIECES);
	CHECK_EQ(slots_total(), 5 * MIB_SLOTS);
	CHECK(!shim_log_has("is all that swiotlb may have"));
	unmap_pieces(0, 2 * MIB_PIECES);
}

/* 13 MiB hold it, 16 more are for speed */
TEST(what_was_added_for_speed_stays_while_it_is_used)
{
	start("512,1");
	load(10 * MIB_PIECES, 60);
	CHECK_EQ(slots_total(), 29 * MIB_SLOTS);
	CHECK_EQ(slots_event("closed"), 0);
	ticks(60);
	CHECK_EQ(slots_total(), MIB_SLOTS);
}

/* It would be given back and taken again for as long as memory is short */
TEST(nothing_is_added_for_speed_after_memory_was_short)
{
	unsigned long freed;
	unsigned int i;

	start("512,1");
	map_and_look(MIB_PIECES + MIB_PIECES / 2);
	CHECK_EQ(slots_total(), 13 * MIB_SLOTS);
	shim_shrink(&freed);
	shim_run_work();
	ticks(3);
	CHECK_EQ(slots_total(), 5 * MIB_SLOTS);
	for (i = 0; i < 25; i++) {
		unmap_pieces(0, MIB_PIECES + MIB_PIECES / 2);
		map_and_look(MIB_PIECES + MIB_PIECES / 2);
		CHECK_EQ(slots_total(), 5 * MIB_SLOTS);
		ticks(1);
	}
	ticks(5);
	unmap_pieces(0, MIB_PIECES + MIB_PIECES / 2);
	map_and_look(MIB_PIECES + MIB_PIECES / 2);
	CHECK_EQ(slots_total(), 13 * MIB_SLOTS);
	unmap_pieces(0, MIB_PIECES + MIB_PIECES / 2);
}

/* Many small pools would take the places of those that are needed later */
TEST(memory_in_pieces_is_not_taken_for_speed)
{
	unsigned int n = 5 * MIB_PIECES + MIB_PIECES / 2;

	start("512,1");
	/* What the buddy allocator has at most is 4 MiB */
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	map_pieces(n);
	CHECK_EQ(slots_event("grown"), 2);
	CHECK_EQ(slots_total(), 9 * MIB_SLOTS);
	shim_fail_none();
	ticks(500);
	unmap_pieces(0, 1);
	map_pieces(1);
	CHECK_EQ(slots_event("grown"), 2);
	ticks(100);
	unmap_pieces(0, 1);
	map_pieces(1);
	CHECK_EQ(slots_event("grown"), 3);
	unmap_pieces(0, n);
}

/* Of 5 MiB, more than a quarter: eight more are sought */
static void load_a_quarter(unsigned int times)
{
	load(MIB_PIECES + MIB_PIECES / 2, times);
}

static void grow_once(void)
{
	boot_encrypted("512,1");
	start_with(new_device(0, 0));
	map_pieces(MIB_PIECES);
	CHECK_EQ(slots_event("grown"), 1);
	unmap_pieces(0, MIB_PIECES);
}

/* There was no need: nobody is told every minute that there is none */
TEST(memory_that_is_short_is_not_sought_for_speed)
{
	grow_once();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	load_a_quarter(500);
	CHECK_EQ(slots_event("grow_failed"), 1);
	load_a_quarter(100);
	CHECK_EQ(slots_event("grow_failed"), 2);
	shim_fail_none();
	load_a_quarter(600);
	CHECK_EQ(slots_event("grown"), 2);
}

/* What can be neither decrypted nor encrypted is lost */
TEST(memory_is_not_lost_for_speed)
{
	long lost;

	grow_once();
	shim_fail(SHIM_FAULT_DECRYPT, 0, -1);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, -1);
	load_a_quarter(5);
	lost = slots_event("leaked_bytes");
	CHECK_EQ(lost, SZ_8M);
	load_a_quarter(1300);
	CHECK_EQ(slots_event("leaked_bytes"), lost);
	/* There is need */
	shim_fail_none();
	map_pieces(5 * MIB_PIECES);
	CHECK_EQ(slots_event("grown"), 2);
	unmap_pieces(0, 5 * MIB_PIECES);
}

/* They are in the oldest pools, which are small: closing those brings nothing */
TEST(buffers_that_stay_do_not_have_pools_closed_and_opened)
{
	start("512,1");
	map_pieces(20 * MIB_PIECES);
	CHECK_EQ(slots_total(), 61 * MIB_SLOTS);
	ticks(120);
	CHECK_EQ(slots_event("closed"), 0);
	unmap_pieces(6 * MIB_PIECES, 20 * MIB_PIECES);
	ticks(120);
	CHECK_EQ(slots_event("closed"), 0);
	unmap_pieces(0, 6 * MIB_PIECES);
}

/* Of more than that, half is enough */
TEST(nothing_is_kept_for_speed_beyond_the_default_size)
{
	start("512,1");
	map_pieces(50 * MIB_PIECES);
	CHECK_EQ(slots_total(), 125 * MIB_SLOTS);
	unmap_pieces(12 * MIB_PIECES, 50 * MIB_PIECES);
	ticks(60);
	CHECK_EQ(slots_total(), 61 * MIB_SLOTS);
	unmap_pieces(0, 12 * MIB_PIECES);
}

/* A load that needs the youngest pool, which is half of all */
TEST(old_pools_go_if_memory_is_short)
{
	unsigned long freed;

	start("512,1,max=512M");
	map_pieces(115 * MIB_PIECES);
	CHECK_EQ(slots_total(), 253 * MIB_SLOTS);
	unmap_pieces(0, 45 * MIB_PIECES);
	ticks(20);
	CHECK_EQ(slots_total(), 253 * MIB_SLOTS);
	shim_shrink(&freed);
	shim_run_work();
	ticks(5);
	CHECK(slots_total() < 253 * MIB_SLOTS);
	unmap_pieces(45 * MIB_PIECES, 115 * MIB_PIECES);
}

/* What a burst has left behind is too large to be kept for speed */
TEST(pool_of_a_burst_is_not_opened_again_for_speed)
{
	unsigned int i, n = 40 * MIB_PIECES;

	start("512,1");
	map_and_look(MIB_PIECES + MIB_PIECES / 2);
	/* No worker meanwhile: transient pools */
	for (i = MIB_PIECES + MIB_PIECES / 2; i < n; i++)
		tlbs[i] = map(dev, orig, PIECE, DMA_TO_DEVICE);
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(slots_total(), 77 * MIB_SLOTS);
	unmap_pieces(0, n);
	load(6 * MIB_PIECES, 60);
	CHECK_EQ(slots_event("reopened"), 0);
	CHECK_EQ(slots_total(), 29 * MIB_SLOTS);
}

/* Other areas than those of the CPU, where it lies, are looked at last */
TEST(room_for_lower_memory_is_not_taken_for_speed)
{
	struct device *narrow;
	unsigned int i, n = 3 * MIB_PIECES, failed = 0;

	shim_nr_cpus = 8;
	boot_high("512,8,max=16M");
	start_with(device_below(~0ULL));
	map_pieces(n);
	narrow = device_below(DMA_BIT_MASK(32));
	for (i = n; i < n + 70; i++) {
		while (!map_from_pools(narrow, i)) {
			if (++failed == 100) {
				CHECK_MSG(0, "not served, piece %u", i - n);
				return;
			}
			shim_advance(10);
			shim_run_work();
		}
		shim_advance(10);
		shim_run_work();
	}
	unmap_all(narrow, PIECE, tlbs + n, 70);
	unmap_pieces(0, n);
}

#endif
