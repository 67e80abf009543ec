// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools are freed when they are not needed. Work and time are stepped: a tick is a
 * second. The state of the pools is read from debugfs.
 */
#include <stdio.h>
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

/* In ticks: much longer than all delays together */
#define LONG 120

/* Tick until a pool is in @state, at most LONG ticks */
static bool ticks_until(const char *state)
{
	unsigned int n;

	for (n = 0; n < LONG && !pools_that_are(state); n++)
		ticks(1);
	return CHECK_MSG(pools_that_are(state), "no pool is ever %s", state);
}

static void start(const char *arg)
{
	boot(arg);
	start_with(new_device(0, 0));
	fill_pattern(phys_to_virt(orig), PIECE, 1);
}

static void check_as_after_boot(long nslots)
{
	CHECK_EQ(slots_total(), nslots);
	CHECK_EQ(pools_that_are("open"), 1);
	CHECK_EQ(pools_that_are("closed"), 0);
	CHECK_EQ(slots_event("grown"), slots_event("freed"));
	CHECK_EQ(shim_pool_events.grown, slots_event("grown"));
	CHECK_EQ(shim_pool_events.freed, slots_event("freed"));
	check_used(0);
}

/* After a load of 250 MiB, all added pools are freed within half a minute, without a leak */
TEST(frees_what_it_has_added)
{
	struct shim_usage before;

	start("512,4,max=1G");
	before = shim_usage();
	map_pieces(4000);
	CHECK(slots_total() >= 4000 * 32);
	CHECK(slots_event("grown") <= 9);
	CHECK_EQ(shim_pool_events.held, slots_total());
	ticks(30);
	CHECK(slots_total() >= 4000 * 32);
	CHECK_EQ(slots_event("freed"), 0);
	unmap_pieces(0, 4000);
	ticks(30);
	check_as_after_boot(512);
	CHECK_EQ(shim_pool_events.held, 512);
	CHECK_EQ(shim_usage().pages, before.pages);
}

TEST(shrinks_to_the_boot_size)
{
	struct shim_usage before;
	long nslots;

	start("512,1");
	nslots = slots_total();
	CHECK(nslots <= SZ_1M >> IO_TLB_SHIFT);
	/* The index and other data are allocated only once */
	map_pieces(24);
	unmap_pieces(0, 24);
	ticks(LONG);
	before = shim_usage();
	map_pieces(512);
	CHECK(slots_total() >= 512 * (PIECE >> IO_TLB_SHIFT));
	unmap_pieces(0, 512);
	ticks(60);
	check_as_after_boot(nslots);
	CHECK_EQ(shim_usage().pages, before.pages);
	CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	/* The worker stops when there are no pools to free */
	ticks(1);
	CHECK_EQ(shim_work_queued(), 0);
}

/* Buffers in magazines and depots must not prevent freeing a pool */
TEST(magazines_of_a_closing_pool_are_drained)
{
	unsigned int i, cpu;
	long nslots;

	shim_nr_cpus = 4;
	start("dynamic");
	nslots = slots_total();
	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		for (i = cpu * 256; i < cpu * 256 + 256; i++) {
			shim_advance(1);
			tlbs[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
			CHECK(tlbs[i] != MAP_FAILED_ADDR);
			shim_run_work();
		}
	}
	CHECK(slots_event("grown") > 0);
	/* Each CPU unmaps the mappings of another one */
	for (i = 0; i < 1024; i++) {
		shim_set_cpu((i / 256 + 1) % 4);
		unmap(dev, tlbs[i], 4096, DMA_TO_DEVICE);
	}
	ticks(60);
	check_as_after_boot(nslots);
}

/* Map and unmap the buffer on top of the magazine of each CPU */
static void touch_magazines(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		unmap(dev, map(dev, orig, 4096, DMA_TO_DEVICE), 4096, DMA_TO_DEVICE);
	}
}

TEST(magazines_in_use_do_not_hold_a_pool)
{
	unsigned int i;
	long nslots;

	shim_nr_cpus = 4;
	start("dynamic");
	nslots = slots_total();
	for (i = 0; i < 2048; i++) {
		shim_set_cpu(i / 512);
		shim_advance(1);
		tlbs[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
		shim_run_work();
	}
	CHECK(slots_event("grown") > 0);
	for (i = 0; i < 2048; i++) {
		shim_set_cpu(i / 512);
		unmap(dev, tlbs[i], 4096, DMA_TO_DEVICE);
	}
	for (i = 0; i < 600; i++) {
		touch_magazines();
		shim_advance(HZ / 10);
		shim_run_work();
		/* A pool is drained completely when it is closed, and freed at once */
		CHECK_EQ(pools_that_are("closed"), 0);
	}
	check_as_after_boot(nslots);
	CHECK_EQ(slots_event("reopened"), 0);
}

static void close_pools(void)
{
	unsigned long freed;

	shim_shrink(&freed);
	shim_run_work();
	CHECK_EQ(pools_that_are("closed"), 1);
}

/*
 * An unmap sees the pool open, but the pool is closed and drained before the buffer
 * reaches the magazine. Then the buffer is below another one, which is mapped again and again:
 * it must not keep the pool.
 */
TEST(buffer_kept_late_does_not_hold_a_pool)
{
	phys_addr_t first[16], last;
	unsigned int i;

	start("4096,1");
	/* Together as large as a piece, so that pieces fill the rest of the boot pool */
	for (i = 0; i < ARRAY_SIZE(first); i++)
		first[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
	map_pieces(160);
	last = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK(swiotlb_find_pool(dev, first[0]) != swiotlb_find_pool(dev, last));
	unmap_pieces(0, 160);
	/* Let the worker see the lower use */
	ticks(1);
	for (i = 1; i < ARRAY_SIZE(first); i++)
		unmap(dev, first[i], 4096, DMA_TO_DEVICE);
	shim_before_cmpxchg = close_pools;
	unmap(dev, last, 4096, DMA_TO_DEVICE);
	CHECK(!shim_before_cmpxchg);
	unmap(dev, first[0], 4096, DMA_TO_DEVICE);
	for (i = 0; i < 60; i++) {
		CHECK_EQ(map(dev, orig, 4096, DMA_TO_DEVICE), first[0]);
		unmap(dev, first[0], 4096, DMA_TO_DEVICE);
		shim_advance(HZ / 10);
		shim_run_work();
	}
	CHECK_EQ(pools_that_are("closed"), 0);
	CHECK_EQ(slots_event("reopened"), 0);
	check_used(0);
}

/* A buffer of a closed pool is not kept: a load would take it again and again */
TEST(load_does_not_hold_a_closed_pool)
{
	phys_addr_t last, next;

	start("4096,1");
	map_pieces(160);
	last = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK(swiotlb_find_pool(dev, tlbs[0]) != swiotlb_find_pool(dev, last));
	unmap_pieces(0, 160);
	/* Let the worker see the lower use */
	ticks(1);
	close_pools();
	unmap(dev, last, 4096, DMA_TO_DEVICE);
	next = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK(next != last);
	ticks(1);
	CHECK_EQ(pools_that_are("closed"), 0);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

/* Unmap all buffers but one, which is in the youngest pool; returns its number */
static unsigned int leave_one(unsigned int n)
{
	struct io_tlb_pool *youngest = swiotlb_find_pool(dev, tlbs[n - 1]);
	unsigned int i;

	CHECK(youngest && youngest != swiotlb_find_pool(dev, tlbs[0]));
	for (i = 0; i < n - 1; i++)
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	return n - 1;
}

TEST(closed_pool_is_not_mapped_from)
{
	struct io_tlb_pool *closed;
	unsigned int kept, i;

	start("512,1");
	map_pieces(512);
	kept = leave_one(512);
	closed = swiotlb_find_pool(dev, tlbs[kept]);
	if (!ticks_until("closed"))
		return;
	/* Map until the other pools are full; the worker does not run to reopen the pool */
	for (i = 0; i < MAX_PIECES && slots_transient() < 64; i++) {
		phys_addr_t tlb = map(dev, orig, 2048 << (i % 6), DMA_TO_DEVICE);

		if (!CHECK(tlb != MAP_FAILED_ADDR))
			return;
		CHECK_MSG(swiotlb_find_pool(dev, tlb) != closed,
			  "map %u is in the closed pool", i);
	}
	CHECK(slots_transient() > 0);
	CHECK(pools_that_are("closed") > 0);
}

TEST(mapping_keeps_its_pool)
{
	unsigned int kept;
	long nslots;

	start("512,1");
	nslots = slots_total();
	map_pieces(512);
	kept = leave_one(512);
	ticks(LONG);
	CHECK_EQ(slots_total(), nslots);
	CHECK_EQ(pools_that_are("closed"), 1);
	CHECK(swiotlb_find_pool(dev, tlbs[kept] + PIECE - 1));
	CHECK(has_pattern(phys_to_virt(tlbs[kept]), PIECE, 1));
	check_used(PIECE >> IO_TLB_SHIFT);
	unmap_pieces(kept, kept + 1);
	ticks(LONG);
	check_as_after_boot(nslots);
}

/* A closed pool with one mapping waits for the unmap; it is not reopened meanwhile */
TEST(closed_pool_waits_for_its_last_mapping)
{
	unsigned int kept;
	long closed;

	start("512,1");
	map_pieces(512);
	kept = leave_one(512);
	ticks(20);
	closed = slots_event("closed");
	CHECK_EQ(closed, slots_event("grown"));
	ticks(LONG);
	CHECK_EQ(slots_event("closed"), closed);
	CHECK_EQ(slots_event("reopened"), 0);
	CHECK_EQ(pools_that_are("closed"), 1);
	unmap_pieces(kept, kept + 1);
	ticks(2);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	check_used(0);
}

/* The last unmap frees the buffer to its area, so the closed pool is empty */
TEST(closed_pool_is_freed_after_its_last_unmap)
{
	unsigned int kept;
	long nslots;

	start("512,1");
	nslots = slots_total();
	map_pieces(512);
	kept = leave_one(512);
	if (!ticks_until("closed"))
		return;
	unmap_pieces(kept, kept + 1);
	ticks(1);
	CHECK_EQ(pools_that_are("closed"), 0);
	ticks(60);
	check_as_after_boot(nslots);
}

/* A closed pool needs no allocation and no decryption, so it is reopened first */
TEST(reopens_a_closed_pool_before_it_grows)
{
	unsigned int kept;
	phys_addr_t tlb;
	long grown;

	start("512,1");
	map_pieces(512);
	kept = leave_one(512);
	tlb = tlbs[kept];
	if (!ticks_until("closed"))
		return;
	grown = slots_event("grown");
	map_slowly(0, 100);
	CHECK_EQ(slots_event("grown"), grown);
	CHECK_EQ(slots_event("reopened"), 1);
	CHECK_EQ(pools_that_are("closed"), 0);
	CHECK(has_pattern(phys_to_virt(tlb), PIECE, 1));
	unmap_pieces(0, 100);
	unmap(dev, tlb, PIECE, DMA_TO_DEVICE);
	check_used(0);
}

/* A closed pool that is empty, but not freed yet, is reopened */
TEST(reopens_a_closed_pool_that_is_empty)
{
	unsigned int kept;
	long grown;

	start("512,1");
	map_pieces(512);
	kept = leave_one(512);
	if (!ticks_until("closed"))
		return;
	grown = slots_event("grown");
	unmap_pieces(kept, kept + 1);
	shim_advance(HZ / 16);
	map_pieces(60);
	CHECK_EQ(slots_event("grown"), grown);
	CHECK_EQ(slots_event("reopened"), 1);
	CHECK_EQ(slots_transient(), 0);
	unmap_pieces(0, 60);
	check_used(0);
}

/* Pools are closed 5 seconds after they were last needed, plus at most a tick */
TEST(pools_are_closed_after_a_quiet_time)
{
	start("512,1");
	map_pieces(512);
	ticks(20);
	unmap_pieces(0, 512);
	ticks(4);
	CHECK_EQ(slots_event("closed"), 0);
	ticks(3);
	CHECK_EQ(slots_event("closed"), slots_event("grown"));
}

/* A peak between two ticks counts, too, because a map has requested a pool */
TEST(quiet_time_begins_after_the_last_pool_was_added)
{
	start("512,1");
	map_pieces(512);
	unmap_pieces(0, 512);
	ticks(4);
	CHECK_EQ(slots_event("closed"), 0);
	ticks(3);
	CHECK(slots_event("closed") > 0);
}

/* Failing maps of a device that can never be served must not keep pools of others */
TEST(device_that_is_never_served_keeps_nothing)
{
	struct device *narrow;
	unsigned int i;
	long nslots;

	start("512,1");
	nslots = slots_total();
	map_pieces(512);
	unmap_pieces(0, 512);
	narrow = device_below(DMA_BIT_MASK(20));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	for (i = 0; i < 30; i++) {
		CHECK_EQ(map_full(narrow, orig, PIECE, 0, DMA_TO_DEVICE,
				  DMA_ATTR_NO_WARN), MAP_FAILED_ADDR);
		ticks(1);
	}
	check_as_after_boot(nslots);
}

TEST(keeps_pools_between_bursts)
{
	unsigned int i;
	long grown;

	start("512,1");
	map_pieces(512);
	grown = slots_event("grown");
	for (i = 0; i < 40; i++) {
		ticks(1);
		unmap_pieces(0, 512);
		ticks(3);
		map_pieces(512);
	}
	unmap_pieces(0, 512);
	CHECK_EQ(slots_event("grown"), grown);
	CHECK_EQ(slots_event("closed"), 0);
}

/* Open pools hold twice the slots in use, and pools are not closed and reopened in turn */
static void keeps_room(const void *arg)
{
	unsigned int i, kept = *(const unsigned int *)arg;
	long total;

	start("512,1");
	map_pieces(512);
	unmap_pieces(kept, 512);
	for (i = 0; i < LONG; i++) {
		ticks(1);
		CHECK(slots_used() * 2 <= slots_total());
	}
	/* There are no more pools than needed */
	total = slots_total();
	CHECK(total <= 4 * slots_used() + 5 * 512);
	CHECK_EQ(slots_event("reopened"), 0);
	CHECK_EQ(slots_event("closed"), slots_event("freed"));
	unmap_pieces(0, kept);
}

TEST(keeps_room_for_what_is_in_use)
{
	unsigned int kept;
	char name[20];

	for (kept = 40; kept <= 320; kept += 40) {
		snprintf(name, sizeof(name), "%u kept", kept);
		in_child(keeps_room, &kept, name);
	}
}

/* Free pools under memory pressure, after a tick has seen the end of the load */
static void shrink_now(long nslots)
{
	unsigned long freed;
	unsigned int i;

	ticks(1);
	for (i = 0; i < 4 && slots_event("freed") < slots_event("grown"); i++) {
		shim_shrink(&freed);
		shim_run_work();
	}
	CHECK_EQ(slots_total(), nslots);
	check_used(0);
}

TEST(shrinker_does_not_wait)
{
	unsigned long freed;
	long nslots;

	start("512,1");
	nslots = slots_total();
	map_pieces(512);
	ticks(1);
	unmap_pieces(0, 512);
	shrink_now(nslots);
	check_as_after_boot(nslots);
	CHECK_EQ(shim_shrink(&freed), 0);
}

/* Pools are added and freed even if magazines or shrinkers were not allocated at boot */
static void check_without(const void *arg)
{
	long nslots;

	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_early_initcalls_run();
	shim_fail(SHIM_FAULT_KMALLOC, *(const long *)arg, -1);
	shim_initcalls_run();
	shim_fail_none();
	nslots = slots_total();
	start_with(new_device(0, 0));
	map_pieces(64);
	CHECK(slots_event("grown") > 0);
	unmap_pieces(0, 64);
	ticks(LONG);
	check_as_after_boot(nslots);
}

TEST(shrinks_whatever_could_not_be_allocated_at_boot)
{
	char name[40];
	long nth;

	for (nth = 0; nth < 14; nth++) {
		snprintf(name, sizeof(name), "from allocation %ld on", nth);
		in_child(check_without, &nth, name);
	}
}

TEST(shrinker_takes_nothing_that_is_in_use)
{
	unsigned long freed;
	unsigned int i;
	long nslots;

	start("512,1");
	map_pieces(512);
	nslots = slots_total();
	ticks(1);
	for (i = 0; i < 4; i++) {
		/* Open pools must keep twice the slots in use: only the rest can be freed */
		CHECK_EQ(shim_shrink(&freed) * (PAGE_SIZE / IO_TLB_SIZE),
			 nslots - 2 * slots_used());
		shim_run_work();
	}
	CHECK_EQ(slots_total(), nslots);
	CHECK_EQ(slots_event("freed"), 0);
	for (i = 0; i < 512; i++)
		CHECK(has_pattern(phys_to_virt(tlbs[i]), PIECE, 1));
	unmap_pieces(0, 512);
	check_used(0);
}

/* The memory of a freed pool has a new owner, and must not be taken for a pool */
TEST(nothing_is_found_where_a_pool_was)
{
	unsigned int i, n;

	start("512,1");
	map_pieces(512);
	unmap_pieces(0, 512);
	ticks(LONG);
	for (i = n = 0; i < 512; i++) {
		if (shim_page_allocated(tlbs[i]))
			continue;
		CHECK(!swiotlb_find_pool(dev, tlbs[i]));
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
		swiotlb_sync_single_for_cpu(dev, tlbs[i], PIECE, DMA_FROM_DEVICE);
		n++;
	}
	CHECK(n > 256);
	check_used(0);
}

/* An address of a freed pool is not found if a new pool has the number of that pool */
TEST(nothing_is_found_where_a_pool_was_before_another)
{
	phys_addr_t taken[16];
	struct page *page;
	unsigned int i;

	start("512,1");
	map_pieces(512);
	unmap_pieces(0, 512);
	ticks(LONG);
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		page = alloc_pages(GFP_KERNEL | __GFP_DMA32, get_order(SZ_4M));
		BUG_ON(!page);
		taken[i] = page_to_phys(page);
	}
	map_pieces(512);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		CHECK(!swiotlb_find_pool(dev, taken[i]));
	unmap_pieces(0, 512);
}

TEST(pools_of_a_dead_cpu_are_freed)
{
	unsigned int i;
	long nslots;

	shim_nr_cpus = 2;
	start("dynamic");
	nslots = slots_total();
	shim_set_cpu(1);
	map_pieces(256);
	unmap_pieces(0, 256);
	for (i = 0; i < 64; i++)
		unmap(dev, map(dev, orig, 4096, DMA_TO_DEVICE), 4096, DMA_TO_DEVICE);
	shim_set_cpu(0);
	ticks(60);
	check_as_after_boot(nslots);
}

/* Let jiffies advance by more than half of their range, so that comparisons wrap */
static void half_round(void)
{
	shim_advance(1UL << (BITS_PER_LONG - 2));
	shim_run_work();
	shim_advance(1UL << (BITS_PER_LONG - 2));
	shim_advance(LONG * HZ);
	shim_run_work();
}

TEST(shrinks_long_after_boot)
{
	long nslots;

	start("512,1");
	nslots = slots_total();
	half_round();
	map_pieces(512);
	ticks(2);
	unmap_pieces(0, 512);
	ticks(60);
	check_as_after_boot(nslots);
}

TEST(shrinks_after_a_long_load)
{
	long nslots;

	start("512,1");
	nslots = slots_total();
	map_pieces(512);
	ticks(LONG);
	half_round();
	unmap_pieces(0, 512);
	ticks(60);
	check_as_after_boot(nslots);
}

TEST(magazines_of_a_smaller_allocator_hold_less)
{
	static phys_addr_t small[126];
	unsigned int i;
	long nslots, used;

	start("512,1");
	nslots = slots_total();
	for (i = 0; i < ARRAY_SIZE(small); i++)
		small[i] = map(dev, orig, 4096, DMA_FROM_DEVICE);
	map_pieces(512);
	for (i = 0; i < ARRAY_SIZE(small); i++)
		unmap(dev, small[i], 4096, DMA_FROM_DEVICE);
	unmap_pieces(0, 512);
	/* Each map takes the top buffer. The limit is lower now, so the unmap frees it */
	for (i = 0; i < 2 * ARRAY_SIZE(small); i++) {
		shim_advance(HZ / 2);
		unmap(dev, map(dev, orig, 4096, DMA_FROM_DEVICE), 4096,
		      DMA_FROM_DEVICE);
		shim_run_work();
	}
	CHECK_EQ(slots_total(), nslots);
	used = slots_of_pool(1);
	CHECK(used >= 0 && used <= nslots / 4);
}

/* Bursts that fit in the pools and end before the next check still keep the pools */
TEST(bursts_between_ticks_count)
{
	unsigned int i;

	start("512,1");
	map_pieces(512);
	unmap_pieces(0, 512);
	for (i = 0; i < 40; i++) {
		ticks(2);
		map_pieces(480);
		unmap_pieces(0, 480);
	}
	CHECK_EQ(slots_event("closed"), 0);
	CHECK_EQ(slots_event("transient"), 0);
}

/* Slots of a boot pool that is as large as the largest reserve */
#define PLENTY (16 * 512)

static void start_encrypted(const char *arg)
{
	boot_encrypted(arg);
	shim_run_work();
	start_with(new_device(0, 0));
	fill_pattern(phys_to_virt(orig), PIECE, 1);
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
}

TEST(encrypts_once_before_memory_is_freed)
{
	struct shim_usage before;
	long calls;

	start_encrypted("8192,1");
	before = shim_usage();
	map_pieces(400);
	CHECK(shim_page_decrypted(tlbs[399]));
	unmap_pieces(0, 400);
	calls = slots_event("set_memory");
	CHECK_EQ(calls, slots_event("grown"));
	ticks(LONG);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	CHECK_EQ(slots_event("set_memory"), 2 * slots_event("grown"));
	CHECK_EQ(shim_usage().decrypted_pages, before.decrypted_pages);
	CHECK_EQ(shim_usage().pages, before.pages);
}

/* Memory that cannot be encrypted is lost, and counted */
TEST(keeps_what_cannot_be_encrypted)
{
	struct shim_usage before;

	start_encrypted("8192,1");
	before = shim_usage();
	map_pieces(400);
	unmap_pieces(0, 400);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, 1);
	ticks(LONG);
	CHECK_EQ(slots_event("freed"), slots_event("grown") - 1);
	CHECK(slots_event("leaked_bytes") > 0);
	CHECK_EQ((shim_usage().pages - before.pages) * PAGE_SIZE,
		 slots_event("leaked_bytes"));
	CHECK(shim_usage().decrypted_pages > before.decrypted_pages);
	check_used(0);
}

/* Memory is lost after each load: growth ends at the limit */
TEST(lost_memory_counts_against_the_limit)
{
	unsigned int i, n;

	start_encrypted("8192,1,max=32M");
	shim_fail(SHIM_FAULT_ENCRYPT, 0, -1);
	for (i = 0; i < 10; i++) {
		for (n = 0; n < 500; n++) {
			tlbs[n] = map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE,
					   DMA_ATTR_NO_WARN);
			if (tlbs[n] == MAP_FAILED_ADDR)
				break;
			shim_advance(1);
			shim_run_work();
		}
		unmap_pieces(0, n);
		ticks(40);
	}
	CHECK(slots_event("leaked_bytes") > SZ_4M);
	CHECK(slots_event("leaked_bytes") <= SZ_16M);
	CHECK_EQ(slots_event("freed"), 0);
	CHECK_EQ(slots_total(), PLENTY);
}

/* After a failed decryption, no smaller pool is tried, and no other pool soon */
TEST(failed_decrypt_is_not_repeated)
{
	unsigned int i;
	long lost;

	start_encrypted("8192,1,max=48M");
	shim_fail(SHIM_FAULT_DECRYPT, 0, -1);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, -1);
	for (i = 0; i < 300; i++) {
		map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		ticks(i >= 270);
	}
	lost = slots_event("leaked_bytes");
	CHECK(lost > 0);
	CHECK_EQ(slots_event("set_memory"), 1);
	for (i = 0; i < 15 * 60; i++) {
		map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		ticks(1);
	}
	CHECK(slots_event("leaked_bytes") > lost);
	CHECK(slots_event("leaked_bytes") <= SZ_32M);
}

/* Count the slots of the boot pool that can be mapped, in small pieces */
static unsigned int slots_that_can_be_mapped(void)
{
	default_swiotlb_base();
	return 2 * map_until_full(dev, orig, 2 * IO_TLB_SIZE, tlbs, MAX_PIECES);
}

/* Add more pools than there are numbers; prints figures for "make giveback" */
TEST(thousand_cycles)
{
	struct shim_usage before = {}, after;
	unsigned int cycles;
	long nslots, lost;

	start_encrypted("8192,1");
	/* Only small pools, two in each cycle */
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_4M) + 1;
	nslots = slots_total();
	for (cycles = 0; cycles <= 1000 && !check_failures(); cycles++) {
		if (cycles == 1)
			before = shim_usage();
		map_pieces(300);
		unmap_pieces(0, 300);
		shrink_now(nslots);
		ticks(1);
	}
	after = shim_usage();
	lost = nslots - slots_that_can_be_mapped();
	CHECK(slots_event("grown") > 1024);
	CHECK_EQ(after.kmallocs, before.kmallocs);
	CHECK_EQ(after.pages, before.pages);
	CHECK_EQ(after.decrypted_pages, before.decrypted_pages);
	CHECK_EQ(after.pcpu_allocs, before.pcpu_allocs);
	CHECK_EQ(slots_event("set_memory"), slots_event("grown") + slots_event("freed"));
	CHECK_EQ(lost, 0);
	printf("# giveback: cycles=%u\n# giveback: freed=%ld\n# giveback: set_memory=%ld\n",
	       cycles - 1, slots_event("freed"), slots_event("set_memory"));
	printf("# giveback: allocations=%ld\n# giveback: pages=%ld\n# giveback: slots=%ld\n",
	       after.kmallocs - before.kmallocs, after.pages - before.pages, lost);
}

#endif
