// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory pressure: how much is freed, how often, and which operations need not wait.
 */
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/*
 * Start with unused pools, whose memory is encrypted when they are freed. The boot pool is
 * as large as the reserve.
 */
static void start_encrypted(const char *arg)
{
	boot_encrypted(arg);
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	map_pieces(400);
	unmap_pieces(0, 400);
}

static unsigned int seen;

static void read_pools(void)
{
	CHECK(pools_that_are("open"));
	seen++;
}

/* Encryption may take seconds: a reader of "pools" does not wait for it */
TEST(pools_are_shown_while_one_is_encrypted)
{
	start_encrypted("8192,1");
	shim_before_encrypt = read_pools;
	ticks(60);
	CHECK_EQ(seen, 1);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

TEST(shrinker_encrypts_nothing)
{
	unsigned long freed;
	long calls;

	start_encrypted("8192,1");
	ticks(1);
	calls = slots_event("set_memory");
	CHECK(shim_shrink(&freed) > 0);
	CHECK_EQ(freed, 0);
	CHECK_EQ(slots_event("set_memory"), calls);
	shim_run_work();
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

/* Pools above 4 GiB can be freed even if low pools are in use */
TEST(shrinker_sees_pools_above)
{
	unsigned long freed;

	needs_pools_above();
	boot("32768,1");
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	start_with(device_below(DMA_BIT_MASK(32)));
	map_pieces(400);
	dev = device_below(~0ULL);
	map_slowly(400, 520);
	CHECK_EQ(slots_event("grown"), 1);
	unmap_pieces(400, 520);
	ticks(1);
	CHECK(shim_shrink(&freed) > 0);
	shim_run_work();
	CHECK_EQ(slots_event("freed"), 1);
}

static long pages_at_boot, most;

/* A device that uses the other allocator maps until the limit is reached */
static void load_meanwhile(void)
{
	struct device *wide = device_below(~0ULL);
	unsigned int n;

	for (n = 0; n < 1000; n++) {
		map_full(wide, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		shim_advance(1);
		shim_run_work();
		most = max(most, shim_usage().pages - pages_at_boot);
	}
	seen++;
}

TEST(memory_counts_against_the_limit_until_it_is_free)
{
	shim_init();
	start_encrypted("8192,1,max=48M");
	pages_at_boot = shim_usage().pages - (slots_total() - 8192) / PAGE_SLOTS;
	shim_before_encrypt = load_meanwhile;
	ticks(60);
	CHECK_EQ(seen, 1);
	CHECK_MSG(most <= SZ_32M >> PAGE_SHIFT, "%ld pages", most);
	/* Freed memory no longer counts: the same amount can be added again */
	load_meanwhile();
	CHECK_EQ(slots_total(), 48 * 512);
}

/* Map and unmap 10 MiB within one jiffy, without copies */
static void burst(void)
{
	unsigned int i;

	for (i = 0; i < 40; i++) {
		tlbs[i] = map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE,
				   DMA_ATTR_SKIP_CPU_SYNC);
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
		shim_run_work();
	}
	for (i = 0; i < 40; i++)
		unmap(dev, tlbs[i], SZ_256K, DMA_TO_DEVICE);
}

/*
 * Run the shrinkers in each of @ms milliseconds, and @load in every tenth. Returns how
 * often workers ran.
 */
static unsigned int press(unsigned int ms, void (*load)(void))
{
	unsigned int n = 0;
	unsigned long freed;

	while (ms--) {
		if (load && ms % 10 == 0)
			load();
		shim_shrink(&freed);
		n += shim_run_work();
		shim_advance(1);
	}
	return n;
}

/* Under pressure, pools that a load needs again soon are not freed after each burst */
TEST(lasting_pressure_under_load_is_no_storm)
{
	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	burst();
	ticks(2);
	press(20 * HZ, burst);
	/* At most three pools are closed and added twice a second */
	CHECK_MSG(slots_event("closed") <= 41 * 3, "%ld times closed",
		  slots_event("closed"));
	CHECK_MSG(slots_event("grown") <= 41 * 3, "%ld times grown",
		  slots_event("grown"));
}

/* Some pools are freed under load, and all of them once the load has ended */
TEST(lasting_pressure_gets_what_is_not_used)
{
	long nslots;

	boot("512,1");
	nslots = slots_total();
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	burst();
	ticks(2);
	press(20 * HZ, burst);
	CHECK(slots_event("freed") > 0);
	press(6 * HZ, NULL);
	CHECK_EQ(slots_total(), nslots);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

/* If all pools are in use, the worker does not run for each call of reclaim */
TEST(lasting_pressure_does_not_keep_the_worker_busy)
{
	unsigned int works;

	boot("512,1");
	start_with(new_device(0, 0));
	map_pieces(64);
	ticks(2);
	unmap_pieces(0, 32);
	works = press(5 * HZ, NULL);
	CHECK_MSG(works <= 17, "%u works in 5 seconds", works);
}

/* Called after the worker has checked the slots in use */
static void unmap_and_press(void)
{
	unsigned long freed;

	unmap_pieces(0, 60);
	shim_shrink(&freed);
	seen++;
}

/* Reclaim may not call again, so the worker must check again when it is done */
TEST(pressure_during_the_work_is_not_lost)
{
	unsigned long freed;
	unsigned int i;

	boot("512,1");
	start_with(new_device(0, 0));
	map_pieces(500);
	ticks(6);
	for (i = 60; i < 500; i++)
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	ticks(1);
	CHECK_EQ(slots_event("closed"), 0);
	shim_after_grace_period = unmap_and_press;
	shim_shrink(&freed);
	shim_run_work();
	CHECK_EQ(seen, 1);
	CHECK(slots_event("freed") < slots_event("grown"));
	/* Without pressure, pools would be kept for the quiet time */
	ticks(1);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

/* Reclaim calls while the last pool is freed */
static void press_once(void)
{
	unsigned long freed;

	shim_shrink(&freed);
	seen++;
}

/* Pressure ends when the last pool is freed: pools added later are not closed */
TEST(pressure_ends_with_the_last_pool)
{
	unsigned long freed;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	burst();
	ticks(2);
	shim_after_grace_period = press_once;
	shim_shrink(&freed);
	shim_run_work();
	CHECK_EQ(seen, 1);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	ticks(60);
	seen = slots_event("closed");
	burst();
	ticks(3);
	CHECK_EQ(slots_event("closed"), seen);
}

#endif
