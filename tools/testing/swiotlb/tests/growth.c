// SPDX-License-Identifier: GPL-2.0-only
/*
 * When pools are added, their sizes, and the source of their memory. Work and time are
 * stepped.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#include <engine/pool.h>

#define MIB_SLOTS 512
#define MIB_PIECES 16
/* Ratio of the longest pause after failures to the shortest one */
#define LONGEST 64

static void start(const char *arg)
{
	boot(arg);
	start_with(new_device(0, 0));
}

static bool map_one(unsigned int i)
{
	tlbs[i] = map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	return tlbs[i] != MAP_FAILED_ADDR;
}

static void no_memory(void)
{
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
}

/*
 * Fill all pools, without transient ones, until a map fails, so that the next work adds a
 * pool. Returns the number of pieces.
 */
static unsigned int start_full(const char *arg)
{
	unsigned int n = 0;

	start(arg);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(n))
		n++;
	shim_fail_none();
	return n;
}

/* ---- when, and how much */

TEST(grows_when_more_than_half_is_in_use)
{
	start("512,1");
	map_slowly(0, MIB_PIECES / 2);
	CHECK_EQ(slots_event("grown"), 0);
	map_slowly(MIB_PIECES / 2, MIB_PIECES / 2 + 1);
	CHECK_EQ(slots_event("grown"), 1);
}

static long largest_pool(void)
{
	const char *line = shim_debugfs_read(stats_dir, "pools");
	long kib, largest = 0;

	for (; (line = strchr(line, '\n')); line++) {
		if (sscanf(line, " %*u %*s %ld", &kib) != 1)
			break;
		CHECK(is_power_of_2(kib));
		largest = max(largest, kib);
	}
	return largest * 1024 / IO_TLB_SIZE;
}

/* Sizes of pools are powers of two, and at most half of the slots are in use */
TEST(pools_hold_twice_what_is_in_use)
{
	long used, total;
	unsigned int i;

	start("512,1");
	for (i = 0; i < 1000; i++) {
		map_slowly(i, i + 1);
		used = slots_used();
		total = slots_total();
		if (!CHECK_MSG(2 * used <= total, "%ld of %ld are in use", used, total))
			return;
		/* The first added pool has 4 MiB */
		CHECK_MSG(total <= 4 * used + 5 * MIB_SLOTS, "%ld for %ld", total, used);
		CHECK(2 * largest_pool() <= max(total, 4L * 2 * MIB_SLOTS));
	}
	CHECK_EQ(slots_event("transient"), 0);
	unmap_pieces(0, i);
}

/* Growth from 1 MiB to 1 GiB adds few pools, which are aligned */
TEST(pools_are_few_and_aligned)
{
	unsigned long long start;
	unsigned int id, kib, n;
	const char *line;
	phys_addr_t buf;

	shim_totalram = PHYS_PFN(8ULL << 30);
	boot("dynamic,max=2G");
	dev = new_device(0, 0);
	buf = new_buffer(SZ_256K, 0);
	for (n = 0; n < 4096 && slots_total() < 1024 * MIB_SLOTS; n++) {
		shim_advance(8);
		CHECK(map_full(dev, buf, SZ_256K, 0, DMA_TO_DEVICE,
			       DMA_ATTR_SKIP_CPU_SYNC) != MAP_FAILED_ADDR);
		shim_run_work();
	}
	CHECK(slots_total() >= 1024 * MIB_SLOTS);
	CHECK(pools_that_are("open") <= 10);
	line = strchr(shim_debugfs_read("swiotlb", "pools"), '\n') + 1;
	for (line = strchr(line, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
		if (!CHECK(sscanf(line, "%u %llx %u", &id, &start, &kib) == 3))
			break;
		CHECK_EQ(start & ((u64)kib * 1024 - 1), 0);
		CHECK(kib >= SZ_2M / 1024);
	}
}

/* After a burst of 16 MiB with a pool of 1 MiB, the added pool can hold the next burst */
TEST(growth_follows_a_burst)
{
	unsigned int i;

	start("dynamic");
	for (i = 0; i < 16 * MIB_PIECES; i++)
		CHECK(map_one(i));
	CHECK(slots_transient() >= 15 * MIB_SLOTS);
	CHECK_EQ(shim_pool_events.transient, 15 * MIB_PIECES);
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	CHECK(slots_total() >= 2 * 16 * MIB_SLOTS);
	unmap_pieces(0, 16 * MIB_PIECES);
	shim_run_work();
	CHECK_EQ(slots_transient(), 0);
	for (i = 0; i < 16 * MIB_PIECES; i++)
		map_one(i);
	CHECK_EQ(slots_transient(), 0);
}

/*
 * The alignment may exclude the first slot of an area, so a pool that is added has areas
 * larger than any mapping, however many areas it should have:
 *
 *	area	| 0 | 1 | 2 |  ...  | 127 | 128 | ...
 *	mapping	    [ 128 slots                 ]
 */
TEST(pool_that_is_added_has_room_from_an_odd_slot_on)
{
	bool mapped;

	boot("dynamic,512,64");
	dev = new_device(PAGE_SIZE - 1, 0);
	orig = new_buffer(SZ_256K, IO_TLB_SIZE);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK_EQ(map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
		 MAP_FAILED_ADDR);
	shim_fail_none();
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	mapped = map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) !=
		 MAP_FAILED_ADDR;
	CHECK(mapped);
}

/* If pools have to be decrypted, 16 MiB are kept free while any slot is in use */
TEST(reserve_is_for_the_time_of_use)
{
	boot_encrypted("512,1");
	start_with(new_device(0, 0));
	map_pieces(MIB_PIECES / 2 + 1);
	CHECK(slots_total() - slots_used() >= 16 * MIB_SLOTS);
	unmap_pieces(1, MIB_PIECES / 2 + 1);
	ticks(60);
	CHECK(slots_total() - slots_used() >= 16 * MIB_SLOTS);
	unmap_pieces(0, 1);
	ticks(60);
	CHECK_EQ(slots_total(), MIB_SLOTS);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

/* A search covers all areas of each pool, even if another pool has fewer */
TEST(pool_with_fewer_areas_hides_none_of_others)
{
	unsigned int n;

	start("8192,64");
	map_slowly(0, 8 * MIB_PIECES + 1);
	CHECK_EQ(slots_event("grown"), 1);
	for (n = 8 * MIB_PIECES + 1; map_from_pools(dev, n); n++)
		;
	CHECK_EQ(n * (PIECE / IO_TLB_SIZE), slots_total());
}

/* A pool is added if enough slots are free, but no run is long enough */
TEST(grows_where_free_slots_are_fragmented)
{
	unsigned int i;

	start("512,1");
	for (i = 0; i < 512; i++)
		tlbs[i] = map(dev, orig, IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < 512; i++)
		if (i % 8)
			unmap(dev, tlbs[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	ticks(2);
	CHECK_EQ(slots_used(), 64);
	no_memory();
	CHECK(!map_one(0));
	shim_fail_none();
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	CHECK(map_one(0));
	CHECK_EQ(slots_transient(), 0);
}

/* A map that fails below the limit reports that there is no memory in its context */
TEST(shortage_of_memory_is_not_the_limit)
{
	start_full("512,1");
	CHECK_EQ(slots_event("no_memory"), 1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK(map(dev, orig, PIECE, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("no memory for more"));
	CHECK_EQ(slots_event("full"), 2);
	CHECK_EQ(slots_event("no_memory"), 2);
	CHECK_EQ(slots_event("at_limit"), 0);
}

static void fail_another_map(void)
{
	shim_fail(SHIM_FAULT_PAGES, 0, 1);
	CHECK(!map_one(0));
	shim_fail_none();
}

/* A map that fails while the worker adds a pool does not cause another pool */
TEST(map_that_fails_while_a_pool_is_made_has_that_pool)
{
	start_full("512,1");
	shim_before_pages = fail_another_map;
	shim_run_work();
	shim_advance(2);
	shim_run_work();
	CHECK(!shim_before_pages);
	CHECK_EQ(slots_event("grown"), 1);
}

/* Number of times that the worker runs in a second in which areas are tight */
static unsigned int looks_in_a_second(void)
{
	unsigned int i, works = 0;

	map_pieces(MIB_PIECES / 2);
	ticks(2);
	for (i = 0; i < HZ; i++) {
		unmap(dev, map(dev, orig, 3 * IO_TLB_SIZE, DMA_TO_DEVICE),
		      3 * IO_TLB_SIZE, DMA_TO_DEVICE);
		shim_advance(1);
		works += shim_run_work();
	}
	CHECK_EQ(slots_event("grown"), 0);
	/* Without maps the worker does not run at all */
	ticks(1);
	CHECK_EQ(shim_work_queued(), 0);
	return works;
}

/* While areas are tight, the worker runs at most 18 times a second */
TEST(worker_looks_rarely)
{
	unsigned int works;

	start("512,1");
	works = looks_in_a_second();
	CHECK_MSG(works && works <= 18, "%u works in a second", works);
}

/* A burst must not use up decrypted memory between two runs of the worker */
TEST(worker_looks_a_little_more_often_where_memory_is_encrypted)
{
	unsigned int works;

	boot_encrypted("512,1,max=1M");
	start_with(new_device(0, 0));
	works = looks_in_a_second();
	CHECK_MSG(works > 66 && works <= 130, "%u works in a second", works);
}

TEST(worker_looks_once_in_a_jiffy)
{
	unsigned int i;

	start_full("512,1");
	no_memory();
	CHECK_EQ(shim_run_work(), 1);
	for (i = 0; i < 50; i++) {
		CHECK(!map_one(MAX_PIECES - 1));
		CHECK_EQ(shim_run_work(), 0);
	}
	shim_advance(1);
	CHECK_EQ(shim_run_work(), 1);
}

/* ---- events while a pool is added */

/* Fill all pools, then grow: @hook is called when the worker allocates memory */
static void grow_with(void (*hook)(void))
{
	start_full("512,1");
	shim_before_pages = hook;
	shim_run_work();
	CHECK(!shim_before_pages);
}

static void read_pools(void)
{
	CHECK(pools_that_are("open"));
}

/* An allocation may take seconds: a reader of "pools" does not wait for it */
TEST(pools_are_shown_while_one_is_made)
{
	grow_with(read_pools);
	CHECK_EQ(slots_event("grown"), 1);
}

static pthread_t platform;
static long pages_before;

/* default_swiotlb_base() waits for the worker */
static void *ask_for_base(void *unused)
{
	shim_set_cpu(1);
	default_swiotlb_base();
	return unused;
}

static void end_growth(void)
{
	phys_addr_t limit = default_swiotlb_limit();

	pages_before = shim_usage().pages;
	BUG_ON(pthread_create(&platform, NULL, ask_for_base, NULL));
	/* Wait until growth is disabled, before the worker continues */
	while (default_swiotlb_limit() == limit)
		sched_yield();
}

TEST(pool_that_comes_too_late_is_not_added)
{
	grow_with(end_growth);
	pthread_join(platform, NULL);
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_total(), 512);
	CHECK_EQ(shim_usage().pages, pages_before);
	CHECK_EQ(slots_event("grow_failed"), 0);
	ticks(3);
	CHECK_EQ(shim_work_queued(), 0);
}

/* All pool numbers are taken: no pool is made, and nothing counts towards the limit */
TEST(pools_without_a_number_do_not_widen_the_limit)
{
	static struct io_tlb_pool taken;
	unsigned int i;
	long failed;

	start("512,1,max=5M");
	for (i = 1; i < SWIOTLB_MAX_POOLS; i++)
		if (!swiotlb_pool_table[i])
			swiotlb_pool_table[i] = &taken;
	pages_before = shim_usage().pages;
	CHECK_EQ(fill_pools(), MIB_PIECES);
	CHECK_EQ(slots_total(), MIB_SLOTS);
	CHECK_EQ(shim_usage().pages, pages_before);
	/* The worker does not try again at each check */
	failed = slots_event("grow_failed");
	CHECK(failed > 0);
	for (i = 0; i < 20; i++)
		fill_pools();
	CHECK(slots_event("grow_failed") <= failed + 1);
	for (i = 1; i < SWIOTLB_MAX_POOLS; i++)
		if (swiotlb_pool_table[i] == &taken)
			swiotlb_pool_table[i] = NULL;
	ticks(10);
	fill_pools();
	CHECK_EQ(slots_total(), 5 * MIB_SLOTS);
}

/* A requested pool is not added if the platform disables growth before the worker runs */
TEST(growth_that_has_ended_adds_nothing)
{
	start_full("512,1");
	CHECK(shim_work_queued() > 0);
	default_swiotlb_base();
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_total(), 512);
}

/* Without a pool, the base is 0, and no pool needs to be freed */
TEST(without_a_pool_there_is_no_base)
{
	CHECK_EQ(default_swiotlb_base(), 0);
}

/* When the platform asks for the base, other pools are freed once they are empty */
static void check_end_of_growth(const void *arg)
{
	const u64 *mask = arg;
	unsigned int n = 20 * MIB_PIECES;

	boot("512,1");
	start_with(device_below(*mask));
	map_pieces(n);
	CHECK(slots_event("grown") > 1);
	default_swiotlb_base();
	CHECK_EQ(default_swiotlb_limit(), default_swiotlb_base() + SZ_1M - 1);
	ticks(10);
	CHECK_EQ(slots_event("freed"), 0);
	/* Pools are freed at once, not after 5 seconds */
	unmap_pieces(0, n);
	ticks(2);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	n = fill_pools();
	CHECK_EQ(n, MIB_PIECES);
	CHECK(tlbs[n - 1] <= default_swiotlb_limit());
	ticks(2);
	CHECK_EQ(shim_work_queued(), 0);
}

TEST(pools_are_freed_after_growth_has_ended)
{
	static const u64 low = DMA_BIT_MASK(32), any = ~0ULL;

	in_child(check_end_of_growth, &low, "low pools");
	if (BITS_PER_LONG == 64)
		in_child(check_end_of_growth, &any, "pools above");
}

/*
 * The limit leaves 2 MiB, less than needed, and nothing from the @arg-th call of
 * totalram_pages() on.
 */
static void check_room(const void *arg)
{
	shim_totalram = PHYS_PFN(4 * 3 * SZ_1M);
	start_full("512,1");
	shim_totalram_ends = *(const unsigned int *)arg;
	shim_run_work();
	CHECK(slots_total() <= 3 * MIB_SLOTS);
}

TEST(memory_that_goes_while_growth_is_planned_is_not_planned_with)
{
	unsigned int reading;
	char name[20];

	for (reading = 1; reading <= 12; reading++) {
		snprintf(name, sizeof(name), "reading %u", reading);
		in_child(check_room, &reading, name);
	}
}

/* The limit is checked again after a transient pool is counted: another CPU may be faster */
static void check_transient_room(const void *arg)
{
	unsigned int n;

	boot_high("512,1");
	start_with(device_below(~0ULL));
	for (n = 0; map_from_pools(dev, n); n++)
		;
	shim_fail_none();
	shim_totalram_ends = *(const unsigned int *)arg;
	CHECK(!map_one(n));
	CHECK_EQ(slots_transient(), 0);
}

TEST(transient_pool_is_made_after_a_second_look)
{
	static const unsigned int readings[] = { 1, 2 };

	in_child(check_transient_room, &readings[0], "first look");
	in_child(check_transient_room, &readings[1], "second look");
}

/* ---- after a failure */

/* Fail a map every tenth of a second; stores in @when the seconds at which growth fails */
static unsigned int failures_until(unsigned int seconds, unsigned int *when,
				   unsigned int most)
{
	unsigned int i, n = 0;
	long before = slots_event("grow_failed");

	for (i = 0; i < seconds * 10; i++) {
		map_one(MAX_PIECES - 1);
		/* Run work in the jiffy after the map */
		shim_advance(1);
		shim_run_work();
		if (slots_event("grow_failed") != before && n < most) {
			before = slots_event("grow_failed");
			when[n++] = i / 10;
		}
		shim_advance(HZ / 10 - 1);
		shim_run_work();
	}
	return n;
}

static void check_pauses(const unsigned int *when, unsigned int n)
{
	unsigned int i, pause = 1;

	for (i = 1; i < n; i++) {
		CHECK_MSG(when[i] - when[i - 1] >= pause &&
			  when[i] - when[i - 1] <= pause + 1,
			  "pause %u is %u seconds, not %u", i, when[i] - when[i - 1],
			  pause);
		pause = min(2 * pause, (unsigned int)LONGEST);
	}
}

TEST(pauses_after_failures_double_and_begin_anew_after_a_success)
{
	unsigned int when[16], n;

	start_full("512,1");
	no_memory();
	n = failures_until(300, when, ARRAY_SIZE(when));
	/* Growth fails after 0, 1, 3, 7, 15, 31, 63, 127, 191, 255 seconds */
	CHECK(n >= 9 && n <= 10);
	check_pauses(when, n);

	shim_fail_none();
	shim_advance(2 * LONGEST * HZ);
	shim_run_work();
	map_pieces(2);
	CHECK_EQ(slots_event("grown"), 1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(0))
		;
	no_memory();
	n = failures_until(40, when, ARRAY_SIZE(when));
	CHECK(n >= 5);
	check_pauses(when, n);
}

/* A failure of long ago delays nothing, although wrapped jiffies put it in the future */
TEST(failure_of_long_ago_is_no_pause)
{
	start_full("512,1");
	no_memory();
	map_one(MAX_PIECES - 1);
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(slots_event("grow_failed"), 1);
	shim_fail_none();
	shim_jiffies += LONG_MAX + 10UL * HZ;
	shim_fail(SHIM_FAULT_PAGES, 0, 1);
	map_one(MAX_PIECES - 1);
	shim_advance(2);
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
}

/* After a failed decryption, other memory would fail, too: use the longest back-off */
TEST(pause_after_a_failed_decryption_is_the_longest)
{
	unsigned int when[16], n;

	boot_encrypted("512,1");
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	while (map_one(0))
		;
	shim_fail(SHIM_FAULT_DECRYPT, 0, -1);
	n = failures_until(150, when, ARRAY_SIZE(when));
	CHECK_EQ(n, 3);
	CHECK(when[1] - when[0] >= LONGEST);
	CHECK(when[2] - when[1] >= LONGEST);
}

TEST(closed_pool_opens_though_memory_is_short)
{
	unsigned long freed;
	unsigned int n = 5 * MIB_PIECES;

	start("512,1");
	map_pieces(n);
	ticks(1);
	unmap_pieces(0, n - 1);
	ticks(1);
	shim_shrink(&freed);
	shim_run_work();
	CHECK_EQ(pools_that_are("closed"), 1);
	no_memory();
	tlbs[MAX_PIECES - 1] = tlbs[n - 1];
	for (n = 0; map_one(n); n++)
		shim_advance(1);
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(pools_that_are("closed"), 0);
	CHECK(map_one(n));
	CHECK_EQ(slots_event("reopened"), 1);
}

/* ---- source of memory */

static void check_cma(const void *arg)
{
	bool above = arg;
	static struct cma area;
	unsigned int n, i;

	area.base = above ? SHIM_HIGH_START : SZ_1G;
	area.end = area.base + SZ_64M;
	shim_cma = &area;
	n = start_full("512,1");
	no_memory();
	shim_run_work();
	CHECK_EQ(slots_event("grown"), above ? 0 : 1);
	if (above) {
		CHECK_EQ(area.calls, 0);
		return;
	}
	for (i = n; i < n + 10; i++)
		CHECK(map_one(i));
	CHECK(tlbs[n] >= area.base && tlbs[n] < area.end);
	unmap_pieces(0, n + 10);
	ticks(60);
	CHECK_EQ(slots_event("freed"), 1);
}

/* No pages are migrated in an area in which no pool may lie */
TEST(contiguous_area_is_used_where_it_is_in_reach)
{
	in_child(check_cma, NULL, "below the limit");
	in_child(check_cma, "above", "above it");
}

/* Map from a pool, then run the worker: no free block is larger than 4 MiB */
static bool map_if_blocks_are_small(unsigned int i)
{
	bool mapped = map_from_pools(dev, i);

	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_4M) + 1;
	shim_advance(1);
	shim_run_work();
	return mapped;
}

TEST(grows_in_smaller_pieces)
{
	unsigned int i;

	start("dynamic");
	for (i = 0; i < 400; i++)
		CHECK(map_if_blocks_are_small(i) || map_if_blocks_are_small(i));
	CHECK(slots_total() >= 400 * 32);
	CHECK_EQ(largest_pool(), 4 * MIB_SLOTS);
}

static void check_node(const void *arg)
{
	int device_node = *(const int *)arg;

	shim_mem_node = 2;
	boot("512,1");
	start_with(new_device(0, 0));
	dev->shim_node_plus_one = device_node + 1;
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(0))
		;
	shim_fail_none();
	/* The worker may run on any node */
	shim_mem_node = 1;
	shim_asked_node = NUMA_NO_NODE;
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(shim_asked_node, device_node < 0 ? 2 : device_node);
}

TEST(pool_is_near_the_device)
{
	static const int nodes[] = { NUMA_NO_NODE, 3 };

	in_child(check_node, &nodes[0], "node of the CPU");
	in_child(check_node, &nodes[1], "node of the device");
}

static int node_of_last_transient(int device_node)
{
	dev->shim_node_plus_one = device_node + 1;
	CHECK(map_one(0));
	CHECK(slots_transient() > 0);
	return shim_asked_node;
}

TEST(transient_pool_is_near_the_device)
{
	shim_mem_node = 2;
	start_full("512,1");
	CHECK_EQ(node_of_last_transient(NUMA_NO_NODE), 2);
	CHECK_EQ(node_of_last_transient(3), 3);
}

#endif
