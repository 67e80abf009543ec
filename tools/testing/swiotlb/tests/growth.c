// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the worker does while it adds a pool, and where that has to lie: for whom,
 * on which node, and what gives way to it at the limit.
 */
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#define MOST 1024

/* How often a worker ran */
static unsigned int works;

static bool map_one(unsigned int i)
{
	tlbs[i] = map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	return tlbs[i] != MAP_FAILED_ADDR;
}

/* From pools alone, and the worker runs */
static bool map_pooled(unsigned int i)
{
	bool mapped = map_from_pools(dev, i);

	shim_advance(1);
	works += shim_run_work();
	return mapped;
}

static unsigned int fill(void)
{
	unsigned int n;

	for (n = 0; n < MOST && (map_pooled(n) || map_pooled(n)); n++)
		;
	return n;
}

/* Full, so that the next work is growth, which calls @hook when it allocates */
static void grow_with(void (*hook)(void))
{
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(0))
		;
	shim_fail_none();
	shim_before_pages = hook;
	shim_run_work();
	CHECK(!shim_before_pages);
}

static void read_pools(void)
{
	CHECK(pools_that_are("open"));
}

/* Memory may take seconds: who looks at the pools does not wait for that */
TEST(pools_are_shown_while_one_is_made)
{
	boot("512,1");
	grow_with(read_pools);
	CHECK_EQ(slots_event("grown"), 1);
}

static long pages_before;

static void end_growth(void)
{
	pages_before = shim_usage().pages;
	default_swiotlb_base();
}

TEST(pool_that_comes_too_late_is_not_added)
{
	boot("512,1");
	grow_with(end_growth);
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_total(), 512);
	CHECK_EQ(shim_usage().pages, pages_before);
	CHECK_EQ(slots_event("grow_failed"), 0);
}

/* Asked for, but the platform ends growth before the worker runs */
TEST(growth_that_has_ended_adds_nothing)
{
	boot("512,1");
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(0))
		;
	shim_fail_none();
	CHECK(shim_work_queued() > 0);
	default_swiotlb_base();
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 0);
	CHECK_EQ(slots_total(), 512);
}

/* Pools above 4 GiB, as many as there may be, none of them in use */
static void use_up_the_limit(void)
{
	unsigned int n;

	boot_high("512,1,max=16M");
	start_with(device_below(~0ULL));
	n = fill();
	CHECK_EQ(slots_total(), 16 * 512);
	CHECK(tlbs[n - 1] > DMA_BIT_MASK(32));
	unmap_pieces(0, n);
}

/* Idle pools are kept for who can use them; here nobody can who asks */
TEST(idle_pools_out_of_reach_give_way)
{
	unsigned int i;

	use_up_the_limit();
	for (i = 0; i < 60 && !pools_that_are("idle"); i++)
		ticks(1);
	CHECK(pools_that_are("idle"));
	start_with(device_below(DMA_BIT_MASK(32)));
	CHECK(!map_pooled(0));
	CHECK(map_pooled(0));
	CHECK(tlbs[0] <= DMA_BIT_MASK(32));
	CHECK(slots_total() <= 16 * 512);
	/* No more of them than it takes */
	CHECK(pools_that_are("idle"));
}

/* Who asks all the time must not keep busy what he cannot use */
TEST(unused_pools_out_of_reach_give_way)
{
	unsigned int i;

	use_up_the_limit();
	start_with(device_below(DMA_BIT_MASK(32)));
	for (i = 0; i < 5 * HZ && !map_pooled(0); i++)
		;
	CHECK_MSG(i < 2 * HZ, "%u jiffies were not enough", i);
	CHECK(slots_total() <= 16 * 512);
}

/* In vain, but not at every attempt */
TEST(pools_in_use_do_not_give_way)
{
	unsigned int i, n;
	long closed;

	boot_high("512,1,max=16M");
	start_with(device_below(~0ULL));
	n = fill();
	start_with(device_below(DMA_BIT_MASK(32)));
	works = 0;
	for (i = 0; i < 5 * HZ; i++)
		CHECK(!map_pooled(n));
	CHECK_MSG(works < 50, "%u works in 5 seconds", works);
	closed = slots_event("closed");
	CHECK_MSG(closed <= 10, "%ld times closed", closed);
	CHECK_EQ(slots_total(), 16 * 512);
}

/* Growing has ended, but what there is may be used */
TEST(closed_pool_opens_again_after_growth_has_ended)
{
	unsigned int i, n;
	long total;

	boot("512,1");
	start_with(new_device(0, 0));
	for (n = 0; n < 600; n++) {
		CHECK(map_pooled(n) || map_pooled(n));
		shim_advance(1);
	}
	total = slots_total();
	/* One in each pool stays */
	for (i = 0; i < n; i++)
		if (i != 20 && i != 100 && i != 300 && i != n - 1)
			unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	for (i = 0; i < 60 && !pools_that_are("closed"); i++)
		ticks(1);
	CHECK(pools_that_are("closed"));
	default_swiotlb_base();
	CHECK(fill() >= 590);
	CHECK_EQ(slots_total(), total);
}

/* Memory is short, and attempts take long, during which @hook may ask */
static void fail_slowly(void (*hook)(void))
{
	boot("512,1");
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_contig_takes = HZ - HZ / 10;
	while (map_one(0))
		;
	shim_before_pages = hook;
	shim_run_work();
}

static void ask_again(void)
{
	static unsigned int n;

	map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	if (++n < 20)
		shim_before_pages = ask_again;
}

TEST(who_asks_while_memory_is_sought_waits_all_the_same)
{
	fail_slowly(ask_again);
	CHECK_EQ(slots_event("grow_failed"), 1);
}

static void ask_for_low_memory(void)
{
	map_full(device_below(DMA_BIT_MASK(32)), orig, PIECE, 0, DMA_TO_DEVICE,
		 DMA_ATTR_NO_WARN);
}

/* Low memory is short, too, but that says less */
TEST(short_low_memory_does_not_hide_that_all_is_short)
{
	fail_slowly(ask_for_low_memory);
	CHECK_EQ(slots_event("grow_failed"), 1);
	map_one(0);
	shim_run_work();
	CHECK_EQ(slots_event("grow_failed"), 1);
}

/* It is there, and needs no memory: the next map but one finds room */
TEST(closed_pool_opens_again_though_memory_is_short)
{
	unsigned long freed;
	unsigned int n;

	boot("512,1");
	start_with(device_below(~0ULL));
	for (n = 0; n < 18; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	ticks(1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(n) && ++n < MOST)
		shim_advance(1);
	shim_run_work();
	CHECK_EQ(slots_event("grow_failed"), 1);
	/* One in each pool stays */
	while (--n)
		if (n != 17)
			unmap(dev, tlbs[n], PIECE, DMA_TO_DEVICE);
	shim_shrink(&freed);
	shim_run_work();
	CHECK(pools_that_are("closed"));
	while (map_one(1))
		;
	shim_run_work();
	CHECK(map_one(1));
	CHECK(!pools_that_are("closed"));
	CHECK_EQ(slots_event("grow_failed"), 1);
}

static void map_and_unmap_20(struct device *device)
{
	phys_addr_t tlb[20];
	unsigned int i;

	for (i = 0; i < 20; i++)
		CHECK((tlb[i] = map_page(device)) != MAP_FAILED_ADDR);
	for (i = 0; i < 20; i++)
		unmap(device, tlb[i], PAGE_SIZE, DMA_FROM_DEVICE);
}

/* What others have in magazines is of no use for who does not reach it */
TEST(failing_map_leaves_magazines_of_pools_out_of_reach)
{
	struct device *wide, *narrow;
	long kept;

	boot_high("4096,1");
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	wide = device_below(~0ULL);
	narrow = device_below(DMA_BIT_MASK(32));
	map_and_unmap_20(wide);
	kept = slots_of_pool(0);
	CHECK(kept > 0);
	CHECK_EQ(map_page(narrow), MAP_FAILED_ADDR);
	CHECK_EQ(slots_of_pool(0), kept);
	map_and_unmap_20(wide);
	CHECK_EQ(slots_of_pool(0), kept);
}

/* ... but what he reaches he gets, wherever it lies, as often as he asks */
TEST(failing_map_takes_what_it_reaches_from_magazines)
{
	struct device *wide, *narrow;
	unsigned int i;
	phys_addr_t tlb;

	shim_nr_cpus = 2;
	boot_high("512,1");
	wide = device_below(~0ULL);
	narrow = device_below(DMA_BIT_MASK(32));
	start_with(narrow);
	CHECK(!map_pooled(0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK_EQ(map_until_full(narrow, orig, 8192, tlbs, MOST), 512);
	for (i = 0; i < 8; i++) {
		/* The other CPU has it in its magazine */
		shim_set_cpu(1);
		unmap(narrow, tlbs[i], 8192, DMA_TO_DEVICE);
		shim_set_cpu(0);
		tlb = map_full(narrow, orig, 8192, 0, DMA_TO_DEVICE,
			       DMA_ATTR_NO_WARN);
		CHECK(tlb != MAP_FAILED_ADDR);
		tlbs[i] = tlb;
	}
	map_and_unmap_20(wide);
}

/* All that there is, at once, and then nothing */
static void burst(struct device *device)
{
	dev = device;
	unmap_pieces(0, fill());
}

/* Others take all of the room, again and again, but not what was made for him */
TEST(room_is_kept_for_whom_it_was_made)
{
	struct device *wide, *narrow = device_below(DMA_BIT_MASK(32));
	unsigned int i, served = 0;

	use_up_the_limit();
	wide = dev;
	for (i = 0; i < 100; i++) {
		dev = narrow;
		if (map_pooled(0)) {
			unmap(dev, tlbs[0], PIECE, DMA_TO_DEVICE);
			served++;
		}
		shim_advance(HZ / 10);
		shim_run_work();
		if (i % 3 == 2)
			burst(wide);
	}
	CHECK_MSG(served >= 90, "%u of 100 maps", served);
	CHECK(slots_event("freed") < 20);
	CHECK(slots_total() <= 16 * 512);
}

/* There is no memory that low: others lose their pools once for that */
TEST(room_is_not_made_in_vain_again_and_again)
{
	struct device *wide, *never = device_below(SZ_1M - 1);
	unsigned int i;
	long freed;

	use_up_the_limit();
	wide = dev;
	freed = slots_event("freed");
	for (i = 0; i < 50; i++) {
		dev = never;
		CHECK(!map_pooled(0));
		ticks(1);
		burst(wide);
	}
	CHECK(slots_event("freed") - freed < 10);
}

/* It lies below his limit, and he does not reach it: nor will he reach the next */
TEST(who_cannot_use_a_pool_does_not_keep_the_worker_busy)
{
	unsigned int i;

	boot("512,1");
	start_with(device_that_sees_nothing());
	works = 0;
	for (i = 0; i < HZ; i++)
		CHECK(!map_pooled(0));
	CHECK_MSG(works < HZ / 10, "%u works in a second", works);
	CHECK_EQ(slots_event("grown"), 1);
}

/* More is mapped than the boot pool holds: how many pieces */
static unsigned int grown(void)
{
	unsigned int n;

	boot("512,1");
	start_with(new_device(0, 0));
	for (n = 0; n < 40; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	return n;
}

/* Nor is there anything to give back */
TEST(without_a_pool_there_is_no_base)
{
	CHECK_EQ(default_swiotlb_base(), 0);
}

/* The platform has windows for what there was when it asked */
TEST(idle_pool_does_not_open_after_growth_has_ended)
{
	unsigned int i, n = grown();

	unmap_pieces(0, n);
	for (i = 0; i < 60 && !pools_that_are("idle"); i++)
		ticks(1);
	CHECK(pools_that_are("idle"));
	default_swiotlb_base();
	CHECK(!pools_that_are("idle"));
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	n = fill();
	CHECK_EQ(n, 512 * IO_TLB_SIZE / PIECE);
	CHECK(tlbs[n - 1] <= default_swiotlb_limit());
}

/* ... nor one that was closed then, once it has gone */
TEST(pool_that_falls_idle_after_growth_has_ended_goes)
{
	unsigned int i, n = grown();

	default_swiotlb_base();
	unmap_pieces(0, n);
	for (i = 0; i < 60 && !slots_event("freed"); i++) {
		CHECK(!pools_that_are("idle"));
		ticks(1);
	}
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

/*
 * Where migrating pages takes long it is not asked for again at once: pools come in
 * pieces that the page allocator has, until a larger one can be tried.
 */
TEST(slow_migration_is_not_repeated)
{
	unsigned long calls;
	unsigned int n;

	shim_totalram = PHYS_PFN(8ULL << 30);
	boot("dynamic,1");
	start_with(new_device(0, 0));
	for (n = 0; n < MOST && !shim_faults[SHIM_FAULT_CONTIG].calls; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	shim_contig_takes = 5 * HZ;
	for (calls = shim_faults[SHIM_FAULT_CONTIG].calls;
	     n < MOST && shim_faults[SHIM_FAULT_CONTIG].calls == calls; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	calls = shim_faults[SHIM_FAULT_CONTIG].calls;
	for (; n < 800; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	CHECK_EQ(shim_faults[SHIM_FAULT_CONTIG].calls, calls);
	ticks(60);
	shim_contig_takes = 0;
	for (; n < MOST; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	CHECK(shim_faults[SHIM_FAULT_CONTIG].calls > calls);
}

/* Also where it fails: sizes that are a little smaller would take as long */
TEST(slow_migration_that_fails_is_not_repeated)
{
	unsigned long calls;
	unsigned int n;

	shim_totalram = PHYS_PFN(8ULL << 30);
	boot("32768,1");
	start_with(new_device(0, 0));
	shim_contig_takes = 5 * HZ;
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	for (n = 0; n < MOST && slots_event("grown") < 1; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	calls = shim_faults[SHIM_FAULT_CONTIG].calls;
	CHECK_EQ(calls, 1);
}

static unsigned int grow_once(unsigned int n)
{
	long before = slots_event("grown");

	for (; n < MOST && slots_event("grown") == before; n++)
		CHECK(map_pooled(n) || map_pooled(n));
	return n;
}

/* A piece for which pages must be moved takes 5 seconds: when is there another one? */
static void check_pause(const void *arg)
{
	unsigned long *calls = &shim_faults[SHIM_FAULT_CONTIG].calls, before;
	bool fails = arg;
	unsigned int n;

	shim_totalram = PHYS_PFN(8ULL << 30);
	boot("dynamic,1");
	start_with(new_device(0, 0));
	n = grow_once(0);
	shim_contig_takes = 5 * HZ;
	shim_faults[SHIM_FAULT_CONTIG].times = fails ? -1 : 0;
	n = grow_once(n);
	shim_contig_takes = 0;
	before = *calls;
	CHECK_EQ(before, 1);
	shim_advance((fails ? 40 : 4) * HZ);
	n = grow_once(n);
	CHECK_EQ(*calls, before);
	shim_advance((fails ? 8 : 2) * HZ);
	grow_once(n);
	CHECK(*calls > before);
}

TEST(slow_migration_in_vain_is_put_off_for_longer)
{
	in_child(check_pause, NULL, "it served");
	in_child(check_pause, "in vain", "in vain");
}

/* Room for 2 MiB, and then for nothing: less than is wanted, in any case */
static void check_room(const void *arg)
{
	shim_totalram = PHYS_PFN(4 * 3 * SZ_1M);
	boot("512,1");
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(0))
		;
	shim_fail_none();
	shim_totalram_ends = *(const unsigned int *)arg;
	shim_run_work();
	CHECK(slots_total() <= 3 * 512);
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

static void check_cma(const void *arg)
{
	bool above = arg;
	static struct cma area;
	unsigned int i;

	area.base = above ? SHIM_HIGH_START : SZ_1G;
	area.end = area.base + SZ_64M;
	shim_cma = &area;
	boot("512,1");
	start_with(new_device(0, 0));
	for (i = 0; i < 20; i++)
		CHECK(map_pooled(i) || map_pooled(i));
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(area.calls, above ? 0 : 1);
	CHECK_EQ(tlbs[19] >= area.base && tlbs[19] < area.end, !above);
	unmap_pieces(0, 20);
	ticks(60);
	CHECK_EQ(slots_event("freed"), 1);
}

/* Nothing is moved out of the way in an area that no pool may lie in */
TEST(contiguous_area_is_used_where_it_is_in_reach)
{
	in_child(check_cma, NULL, "below the limit");
	in_child(check_cma, "above", "above it");
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
	/* The worker may run anywhere */
	shim_mem_node = 1;
	shim_asked_node = NUMA_NO_NODE;
	shim_run_work();
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(shim_asked_node, device_node < 0 ? 2 : device_node);
}

TEST(pool_is_near_who_asks)
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

TEST(transient_pool_is_near_who_asks)
{
	shim_mem_node = 2;
	boot("512,1");
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	while (map_one(0))
		;
	shim_fail_none();
	CHECK_EQ(node_of_last_transient(NUMA_NO_NODE), 2);
	CHECK_EQ(node_of_last_transient(3), 3);
}
#endif
