// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers that wait for room: DMA_ATTR_MAY_SLEEP. One thread acts as the task that waits,
 * and meanwhile as other tasks. If the order of tasks matters, each task has a thread.
 */
#include <pthread.h>
#include "pieces.h"

#ifdef ENGINE_ours

#include <engine/mem.h>

/* The longest time that a caller waits */
#define MOST (5 * HZ)
#define NEVER ULONG_MAX

static unsigned long began, when;
static void (*what)(void);

/* Advance time and run workers. At @when after the start, call what() as another task */
static void time_passes(void)
{
	void (*fn)(void) = what;

	shim_advance(1);
	shim_run_work();
	if (fn && jiffies - began >= when) {
		what = NULL;
		fn();
	}
}

static phys_addr_t map_sleeping(size_t size)
{
	return map_full(dev, orig, size, 0, DMA_TO_DEVICE, DMA_ATTR_MAY_SLEEP);
}

/* Map a piece, and wait if necessary. After @after jiffies, call @fn as another task */
static phys_addr_t map_while(unsigned long after, void (*fn)(void))
{
	phys_addr_t tlb;

	began = jiffies;
	when = after;
	what = fn;
	shim_meanwhile = time_passes;
	tlb = map_sleeping(PIECE);
	shim_meanwhile = NULL;
	return tlb;
}

static void check_events(long waited, long timed_out)
{
	if (!IS_ENABLED(CONFIG_DEBUG_FS))
		return;
	CHECK_EQ(slots_event("waited"), waited);
	CHECK_EQ(slots_event("wait_timed_out"), timed_out);
}

/* The allocator is not crowded after the wait: a magazine keeps an unmapped buffer */
static void check_magazines(void)
{
	long kept = 0;
	unsigned int id;

	shim_advance(HZ);
	unmap(dev, map_block(dev), BLOCK, DMA_FROM_DEVICE);
#ifdef CONFIG_DEBUG_FS
	for (id = 1; id < 8; id++)
		kept += max(slots_of_pool(id), 0L);
	CHECK_EQ(kept - slots_used(), BLOCK / IO_TLB_SIZE);
#endif
	(void)kept;
	(void)id;
}

/* A pool of 16 pieces that cannot grow, all of which are mapped */
static void boot_full(void)
{
	boot_fixed("512,1", NULL);
	start_with(new_device(0, 0));
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 16);
}

static void unmap_three(void)
{
	unmap(dev, tlbs[3], PIECE, DMA_TO_DEVICE);
}

TEST(waiting_ends_with_an_unmap)
{
	boot_full();
	CHECK_EQ(map_while(HZ, unmap_three), tlbs[3]);
	CHECK_EQ(jiffies - began, HZ);
	check_events(1, 0);
	check_used(512);
	unmap_pieces(0, 16);
	check_used(0);
}

TEST(waiting_does_not_begin_while_there_is_room)
{
	boot_full();
	unmap_three();
	CHECK_EQ(map_while(NEVER, NULL), tlbs[3]);
	CHECK_EQ(jiffies, began);
	check_events(0, 0);
}

static phys_addr_t odd;

static void unmap_odd(void)
{
	unmap(dev, odd, 3 * IO_TLB_SIZE, DMA_TO_DEVICE);
}

/* A buffer of a size without magazines is freed to its area, crowded or not */
TEST(waiting_ends_with_an_unmap_of_an_odd_size)
{
	boot_full();
	unmap_three();
	odd = map(dev, orig, 3 * IO_TLB_SIZE, DMA_TO_DEVICE);
	CHECK(map_until_full(dev, orig, IO_TLB_SIZE, tlbs + 16, 99) > 0);
	began = jiffies;
	when = HZ;
	what = unmap_odd;
	shim_meanwhile = time_passes;
	CHECK_EQ(map_sleeping(3 * IO_TLB_SIZE), odd);
	CHECK_EQ(jiffies - began, HZ);
}

/* If the driver itself holds all buffers, the map fails after one wait */
TEST(waiting_ends_when_the_driver_holds_all)
{
	boot_full();
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, MOST);
	CHECK(shim_log_has("swiotlb buffer is full (sz: 65536 bytes), total 512 (slots), used 512 (slots)"));
	check_events(1, 1);
	unmap_pieces(0, 16);
	check_magazines();
}

static void die(void)
{
	shim_killed = true;
}

TEST(waiting_ends_with_a_fatal_signal)
{
	boot_full();
	CHECK_EQ(map_while(HZ, die), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, HZ);
	check_events(1, 0);
}

TEST(waiting_does_not_begin_with_a_fatal_signal)
{
	boot_full();
	die();
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies, began);
	check_events(1, 0);
}

/* A map that cannot sleep takes the buffer that was freed for the waiter */
static void unmap_and_map(void)
{
	unmap_three();
	tlbs[3] = map(dev, orig, PIECE, DMA_TO_DEVICE);
	CHECK(tlbs[3] != MAP_FAILED_ADDR);
	when = 2 * HZ;
	what = unmap_three;
}

TEST(waiting_does_not_hold_up_callers_that_cannot)
{
	boot_full();
	CHECK_EQ(map_while(HZ, unmap_and_map), tlbs[3]);
	CHECK_EQ(jiffies - began, 2 * HZ);
	check_events(1, 0);
}

/* A second caller is queued behind the waiter, and does not take the freed buffer */
static void unmap_and_queue(void)
{
	phys_addr_t tlb;

	unmap_three();
	what = die;
	when = 0;
	tlb = map_sleeping(BLOCK);
	CHECK_EQ(tlb, MAP_FAILED_ADDR);
	shim_killed = false;
}

TEST(waiting_is_in_order_before_a_search)
{
	boot_full();
	CHECK_EQ(map_while(HZ, unmap_and_queue), tlbs[3]);
	CHECK_EQ(jiffies - began, HZ + 1);
	check_events(2, 0);
}

static void map_in_interrupt(void)
{
	shim_hardirq_enter();
	CHECK(map_sleeping(BLOCK) != MAP_FAILED_ADDR);
	shim_hardirq_exit();
}

/* A map that may sleep is reported in an interrupt, even if an area or a magazine has room */
TEST(waiting_in_an_interrupt_is_reported)
{
	phys_addr_t tlb;

	boot("512,1");
	start_with(new_device(0, 0));
	map_in_interrupt();
	tlb = map_block(dev);
	unmap(dev, tlb, BLOCK, DMA_FROM_DEVICE);
	map_in_interrupt();
	expect_misuse(2);
}

/* ---- tasks with a thread each */

struct task {
	pthread_t thread;
	unsigned int cpu;
	size_t size;
	unsigned long attrs;
	phys_addr_t orig, tlb;
	bool ended;
};

static void *task_fn(void *arg)
{
	struct task *t = arg;

	shim_set_cpu(t->cpu);
	t->tlb = map_full(dev, t->orig, t->size, 0, DMA_TO_DEVICE, t->attrs);
	__atomic_store_n(&t->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static void start_task(struct task *t, unsigned int cpu, size_t size, unsigned long attrs)
{
	*t = (struct task){ .cpu = cpu, .size = size, .attrs = attrs };
	t->orig = new_buffer(size, 0);
	BUG_ON(pthread_create(&t->thread, NULL, task_fn, t));
}

static bool has_ended(const struct task *t)
{
	return __atomic_load_n(&t->ended, __ATOMIC_ACQUIRE);
}

static bool tasks_wait(unsigned int n)
{
	return __atomic_load_n(&shim_waiting, __ATOMIC_RELAXED) == n;
}

/* Start a task, and return when it sleeps as waiter number @n */
static void start_waiter(struct task *t, unsigned int n, size_t size)
{
	start_task(t, n, size, DMA_ATTR_MAY_SLEEP);
	while (!tasks_wait(n) && !has_ended(t))
		usleep(100);
	CHECK(tasks_wait(n));
}

/* Wait until the task has ended. If it is not woken, let its wait time out */
static phys_addr_t end_task(struct task *t)
{
	unsigned int i;

	for (i = 0; i < 5000 && !has_ended(t); i++)
		usleep(1000);
	if (!CHECK(has_ended(t)))
		shim_advance(MOST);
	pthread_join(t->thread, NULL);
	return t->tlb;
}

TEST(waiting_is_in_order_of_arrival)
{
	struct task task[4];
	unsigned int i, j;

	boot_full();
	for (i = 0; i < 4; i++)
		start_waiter(&task[i], i + 1, PIECE);
	for (i = 0; i < 4; i++) {
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
		CHECK_EQ(end_task(&task[i]), tlbs[i]);
		for (j = i + 1; j < 4; j++)
			CHECK(!has_ended(&task[j]));
	}
	check_events(4, 0);
}

/* The second waiter gets no room, either, while there is too little for the first one */
TEST(waiting_is_in_order_whatever_the_size)
{
	struct task large, small;
	unsigned int i;

	boot_full();
	start_waiter(&large, 1, SZ_256K);
	start_waiter(&small, 2, BLOCK);
	for (i = 0; i < 3; i++) {
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
		usleep(2000);
		CHECK(!has_ended(&large) && !has_ended(&small));
	}
	unmap(dev, tlbs[3], PIECE, DMA_TO_DEVICE);
	CHECK_EQ(end_task(&large), tlbs[0]);
	CHECK(!has_ended(&small));
	unmap(dev, tlbs[5], PIECE, DMA_TO_DEVICE);
	CHECK_EQ(end_task(&small), tlbs[5]);
}

/* The first waiter times out. The room that was too small for it is enough for the second */
TEST(waiting_goes_on_when_the_first_one_leaves)
{
	struct task large, small;

	boot_full();
	start_waiter(&large, 1, SZ_256K);
	shim_advance(HZ);
	start_waiter(&small, 2, BLOCK);
	unmap_three();
	usleep(2000);
	CHECK(!has_ended(&small));
	shim_advance(4 * HZ);
	CHECK_EQ(end_task(&large), MAP_FAILED_ADDR);
	CHECK_EQ(end_task(&small), tlbs[3]);
	check_events(2, 1);
}

/* ---- a caller begins to wait while a buffer is moved: the caller must be woken */

static struct task other;

static void begin_to_wait(void)
{
	start_waiter(&other, 1, other.size);
}

static void check_woken(void)
{
	CHECK(end_task(&other) != MAP_FAILED_ADDR);
}

/* The whole pool is mapped, block by block, and the allocator is no longer crowded */
static void boot_full_of_blocks(void)
{
	boot_fixed("8192,1", NULL);
	start_with(new_device(0, 0));
	CHECK_EQ(map_until_full(dev, orig, BLOCK, tlbs, MAX_PIECES), 4096);
	shim_advance(HZ);
	other.size = BLOCK;
}

static void unmap_block(unsigned int i)
{
	unmap(dev, tlbs[i], BLOCK, DMA_TO_DEVICE);
}

/* The unmap has read that no caller waits; then a caller finds no room, and sleeps */
TEST(waiting_begins_before_a_buffer_is_in_a_magazine)
{
	boot_full_of_blocks();
	shim_before_cmpxchg = begin_to_wait;
	unmap_block(0);
	check_woken();
}

TEST(waiting_begins_before_a_buffer_is_in_its_area)
{
	boot_full();
	shim_advance(HZ);
	other.size = PIECE;
	shim_before_lock = begin_to_wait;
	unmap_three();
	check_woken();
}

/* Buffers have left the depot, and are in a magazine that no drain visits yet */
TEST(waiting_begins_during_a_refill)
{
	unsigned int n;

	boot_full_of_blocks();
	/* The last unmap moves 28 of 32 buffers to the depot; the other five are mapped again */
	for (n = 0; n < 33; n++)
		unmap_block(n);
	for (n = 0; n < 5; n++)
		CHECK(map_block(dev) != MAP_FAILED_ADDR);
	shim_set_cpu(3);
	shim_after_unlock = begin_to_wait;
	CHECK(map_block(dev) != MAP_FAILED_ADDR);
	check_woken();
}

/* Another CPU has taken the magazine from the list, and is about to free the buffers */
TEST(waiting_begins_during_a_drain)
{
	boot_full_of_blocks();
	unmap_block(0);
	unmap_block(2);
	shim_set_cpu(3);
	shim_before_lock = begin_to_wait;
	/* There is no buffer of that size, so the map drains the magazines */
	CHECK_EQ(map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
		 MAP_FAILED_ADDR);
	check_woken();
}

/* A map has taken a buffer from its magazine that does not fit its alignment */
TEST(waiting_begins_before_a_misfit_is_in_its_area)
{
	struct device *nvme;

	boot_fixed("512,1", NULL);
	start_with(new_device(0, 0));
	nvme = new_device(PAGE_SIZE - 1, 0);
	CHECK_EQ(map_until_full(dev, orig, IO_TLB_SIZE, tlbs, 999), 512);
	shim_advance(HZ);
	unmap(dev, tlbs[4], IO_TLB_SIZE, DMA_TO_DEVICE);
	other.size = IO_TLB_SIZE;
	shim_set_cpu(0);
	shim_after_take = begin_to_wait;
	CHECK_EQ(map_full(nvme, orig + IO_TLB_SIZE, IO_TLB_SIZE, 0, DMA_TO_DEVICE,
			  DMA_ATTR_NO_WARN), MAP_FAILED_ADDR);
	check_woken();
}

static u64 locks;

static void count_locks(void)
{
	locks = shim_current()->taken - locks;
}

static void unmap_too_little(void)
{
	unmap_block(0);
	locks = shim_current()->taken;
	when = 0;
	what = count_locks;
}

/* A waiter must lock even areas that look full: only the lock orders it after an unmap */
TEST(waiting_takes_the_lock_of_each_area)
{
	boot_fixed("512,4", NULL);
	start_with(new_device(0, 0));
	CHECK_EQ(map_until_full(dev, orig, BLOCK, tlbs, MAX_PIECES), 256);
	CHECK_EQ(map_while(HZ, unmap_too_little), MAP_FAILED_ADDR);
	/* One lock of the queue, eight of depots, four of areas */
	CHECK_EQ(locks, 1 + 8 + 4);
}

#ifdef CONFIG_DMA_RESTRICTED_POOL
/* A restricted pool has a queue of its own */
TEST(waiting_for_a_restricted_pool)
{
	phys_addr_t base;

	shim_init();
	base = shim_take_ram(SZ_1M);
	start_with(restricted_device(base, SZ_1M, "one"));
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 16);
	CHECK_EQ(map_while(HZ, unmap_three), tlbs[3]);
	CHECK_EQ(jiffies - began, HZ);
}

/* The mapping is larger than the pool, which never grows: no unmap helps */
TEST(waiting_does_not_begin_for_more_than_the_pool)
{
	shim_init();
	start_with(restricted_device(shim_take_ram(SZ_128K), SZ_128K, "one"));
	began = jiffies;
	shim_meanwhile = time_passes;
	CHECK_EQ(map_sleeping(SZ_256K), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies, began);
}
#endif

#ifdef CONFIG_SWIOTLB_DYNAMIC

/* A pool of 16 pieces that may grow, all of which are mapped */
static void boot_growing(const char *arg)
{
	boot(arg);
	start_with(new_device(0, 0));
	map_pieces(7);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs + 7, 99), 9);
}

/* No transient pool is made if a pool is added meanwhile */
TEST(waiting_ends_with_a_new_pool)
{
	boot_growing("512,1");
	shim_fail_none();
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, 1);
	check_events(1, 0);
#ifdef CONFIG_DEBUG_FS
	CHECK_EQ(slots_event("grown"), 1);
	CHECK_EQ(slots_event("transient"), 0);
#endif
}

/* A large mapping gets a large pool, and does not wait for room in other pools */
TEST(waiting_fails_no_large_mapping)
{
	struct task small, large;

	boot_growing("512,1");
	start_waiter(&small, 1, PIECE);
	shim_fail_none();
	start_task(&large, 2, SZ_1M, DMA_ATTR_MAY_SLEEP);
	while (!tasks_wait(2) && !has_ended(&large))
		usleep(100);
	unmap_three();
	CHECK_EQ(end_task(&small), tlbs[3]);
	CHECK(end_task(&large) != MAP_FAILED_ADDR);
}

/* Only the limit of the narrower of two allocators is reached: the cause is lack of memory */
TEST(full_is_reported_by_the_limit_that_is_printed)
{
	needs_pools_above();
	boot("512,1");
	start_with(device_below(~0ULL));
	swiotlb_default_mem.growth.max_nslots = 512;
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 16);
	CHECK_EQ(atomic_long_read(&swiotlb_default_mem.events[SWIOTLB_AT_LIMIT]), 0);
	CHECK_EQ(atomic_long_read(&swiotlb_default_mem.events[SWIOTLB_NO_MEMORY]), 1);
}

static void begin_at_next_lock(void)
{
	shim_before_lock = begin_to_wait;
}

/*
 * The worker has closed a pool, which is not empty yet, and drains. In the boot pool, the first
 * of each 64 blocks is mapped, except in the first 64, some of which are in the magazine.
 */
TEST(waiting_begins_while_the_worker_drains)
{
	unsigned int i, n;

	boot("4096,1");
	start_with(new_device(0, 0));
	map_pieces(70);
	unmap_pieces(0, 70);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	n = map_until_full(dev, orig, BLOCK, tlbs, MAX_PIECES);
	for (i = 0; i < n; i++)
		if (!i || i % 64)
			unmap(dev, tlbs[i], BLOCK, DMA_TO_DEVICE);
	shim_run_work();
	other.size = SZ_256K;
	shim_after_grace_period = begin_at_next_lock;
	/* Stop when the wait has begun, or it would time out */
	for (i = 0; i < 12 && shim_after_grace_period; i++)
		ticks(1);
	CHECK(!shim_after_grace_period && !shim_before_lock);
	CHECK_EQ(slots_event("freed"), 0);
	CHECK_EQ(end_task(&other), tlbs[0]);
}

static unsigned int above;

static void unmap_above(void)
{
	unmap(dev, tlbs[above], PIECE, DMA_TO_DEVICE);
}

/* A device that uses two allocators waits for room in either */
TEST(waiting_ends_with_an_unmap_above_4_GiB)
{
	unsigned int n;

	needs_pools_above();
	boot("512,1");
	start_with(device_below(~0ULL));
	map_pieces(20);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	n = 20 + map_until_full(dev, orig, PIECE, tlbs + 20, MAX_PIECES - 20);
	while (tlbs[above] < SZ_4G && above < n)
		above++;
	if (!CHECK(above < n))
		return;
	shim_advance(HZ);
	CHECK_EQ(map_while(HZ, unmap_above), tlbs[above]);
	CHECK_EQ(jiffies - began, HZ);
	unmap_pieces(0, n);
	check_magazines();
}

/* No free memory is large enough to add a pool, but there is some for transient pools */
static void only_small_runs(void)
{
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_2M);
}

TEST(waiting_ends_with_a_pool_for_the_request)
{
	phys_addr_t tlb;
	long pages;

	boot_growing("512,1");
	only_small_runs();
	pages = shim_usage().pages;
	tlb = map_while(NEVER, NULL);
	CHECK(tlb != MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, MOST);
	check_events(1, 1);
#ifdef CONFIG_DEBUG_FS
	CHECK_EQ(slots_transient(), 32);
	CHECK_EQ(slots_event("transient"), 1);
#endif
	unmap(dev, tlb, PIECE, DMA_TO_DEVICE);
	shim_run_work();
	CHECK_EQ(shim_usage().pages, pages);
}

/* A task waits once for several maps, as for a scatterlist, even if each needs a transient pool */
TEST(waiting_is_not_repeated_at_once)
{
	unsigned int i;

	boot_growing("512,1");
	only_small_runs();
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, MOST);
	for (i = 0; i < 4; i++) {
		shim_advance(HZ);
		CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
		CHECK_EQ(jiffies, began);
	}
	check_events(1, 1);

	shim_advance(HZ);
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, MOST);
	check_events(2, 2);
}

TEST(waiting_goes_on_for_others_after_a_timeout)
{
	struct task task[6];
	unsigned int i;

	boot_full();
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	for (i = 0; i < 6; i++)
		start_waiter(&task[i], i + 1, PIECE);
	for (i = 0; i < 6; i++) {
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
		CHECK_EQ(end_task(&task[i]), tlbs[i]);
	}
	check_events(7, 1);
}

/* For each hash, another task has timed out: this task must still wait */
TEST(waiting_goes_on_after_the_timeout_of_a_task_with_the_same_hash)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	unsigned int i;

	boot_full();
	for (i = 0; i < ARRAY_SIZE(mem->timeouts); i++) {
		mem->timeouts[i].until = jiffies + MOST;
		mem->timeouts[i].task = (void *)mem;
	}
	CHECK_EQ(map_while(HZ, unmap_three), tlbs[3]);
	CHECK_EQ(jiffies - began, HZ);
	check_events(1, 0);
}

/*
 * The caller has timed out. Another task waits for four adjacent pieces, of which one is free.
 * The caller must not get that piece:
 *
 *	| 0 | 1 | 2 | free | 4 ...
 */
TEST(waiting_that_is_over_does_not_overtake)
{
	struct task large;

	boot_full();
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	start_waiter(&large, 1, SZ_256K);
	unmap_three();
	CHECK_EQ(map_sleeping(PIECE), MAP_FAILED_ADDR);
	CHECK(!has_ended(&large));
	unmap_pieces(0, 3);
	CHECK_EQ(end_task(&large), tlbs[0]);
	check_events(2, 1);
}

/* The whole pool is mapped. After a timeout, a map still finds room that is freed later */
TEST(waiting_that_is_over_does_not_end_searches)
{
	boot_full();
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	unmap_three();
	CHECK_EQ(map_while(NEVER, NULL), tlbs[3]);
	CHECK_EQ(jiffies, began);
	check_events(1, 1);
}

static void map_frame(void)
{
	phys_addr_t frame = new_buffer(34 << 20, 0);

	CHECK(map_full(dev, frame, 34 << 20, 0, DMA_TO_DEVICE, DMA_ATTR_MAY_SLEEP) !=
	      MAP_FAILED_ADDR);
	when = 2 * HZ;
	what = unmap_three;
}

/* A large map uses an idle large pool while another caller waits for slots */
TEST(waiting_does_not_hold_up_large_mappings)
{
	phys_addr_t frame, tlb;

	boot("512,1,max=36M");
	start_with(new_device(0, 0));
	frame = new_buffer(34 << 20, 0);
	tlb = map_full(dev, frame, 34 << 20, 0, DMA_TO_DEVICE, DMA_ATTR_MAY_SLEEP);
	CHECK(tlb != MAP_FAILED_ADDR);
	unmap(dev, tlb, 34 << 20, DMA_TO_DEVICE);
	CHECK(map_until_full(dev, orig, PIECE, tlbs, 99) >= 16);
	CHECK_EQ(map_while(HZ, map_frame), tlbs[3]);
	CHECK_EQ(jiffies - began, 2 * HZ);
}

/* A pool for three pages needs five, so that address bits of the buffer can be preserved */
TEST(waiting_ends_with_a_pool_of_moved_memory_that_is_aligned)
{
	phys_addr_t buffer, tlb;
	unsigned int i;

	boot_growing("512,1");
	dev = new_device(4 * PAGE_SIZE - 1, 0);
	buffer = new_buffer(4 * PAGE_SIZE, 2 * PAGE_SIZE);
	shim_fail(SHIM_FAULT_CONTIG, 0, 0);
	shim_no_kworkers = true;
	shim_meanwhile = time_passes;
	for (i = 0; i < 8; i++) {
		tlb = map_full(dev, buffer, 3 * PAGE_SIZE, 0, DMA_TO_DEVICE, DMA_ATTR_MAY_SLEEP);
		if (CHECK(tlb != MAP_FAILED_ADDR))
			CHECK_EQ(tlb & (4 * PAGE_SIZE - 1), buffer & (4 * PAGE_SIZE - 1));
	}
}

/* A caller that must not start I/O migrates no pages: that may wait for I/O of this caller */
TEST(waiting_moves_no_memory_without_io)
{
	unsigned long calls;

	boot_growing("512,1");
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, 0);
	shim_no_kworkers = true;
	shim_noio = __GFP_IO | __GFP_FS;
	calls = shim_faults[SHIM_FAULT_CONTIG].calls;
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	CHECK_EQ(shim_faults[SHIM_FAULT_CONTIG].calls, calls);
	shim_noio = 0;
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	CHECK(shim_faults[SHIM_FAULT_CONTIG].calls > calls);
}

/* Pages are migrated for the pool, which is not possible in atomic context */
TEST(waiting_ends_with_a_pool_of_moved_memory)
{
	boot_growing("512,1");
	shim_fail(SHIM_FAULT_CONTIG, 0, 0);
	shim_contig_takes = 0;
	/* The worker adds no pool */
	shim_no_kworkers = true;
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, MOST);
	check_events(1, 1);
}

/* The boot pool is full, and a mapping keeps a closed pool: the worker reopens that pool */
TEST(waiting_ends_with_a_pool_that_is_reopened)
{
	boot("512,1");
	start_with(new_device(0, 0));
	map_pieces(17);
	unmap_pieces(0, 16);
	ticks(8);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 16);
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, 1);
	check_events(1, 0);
#ifdef CONFIG_DEBUG_FS
	CHECK_EQ(slots_event("reopened"), 1);
#endif
}

/* If transient pools have used up the limit, a caller waits until one of them is freed */
TEST(waiting_ends_with_room_within_the_limit)
{
	boot("512,1,max=1280K");
	start_with(device_below(DMA_BIT_MASK(24)));
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 4);
	CHECK(map_while(HZ, unmap_three) != MAP_FAILED_ADDR);
	CHECK(jiffies - began <= HZ + 1);
	check_events(1, 0);
}

/* The boot pool is full, no pool can be added, but memory for transient pools is free */
static void boot_growing_encrypted(void)
{
	boot_encrypted("512,1");
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 16);
	only_small_runs();
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, 0);
}

/* The caller decrypts the pools, which together are larger than the atomic pools allow */
TEST(waiting_ends_with_a_decrypted_pool)
{
	long pages, decrypted, changes = 0;
	unsigned int i;

	boot_growing_encrypted();
	pages = shim_usage().pages;
	decrypted = shim_usage().decrypted_pages;
	if (IS_ENABLED(CONFIG_DEBUG_FS))
		changes = slots_event("set_memory");
	for (i = 20; i < 40; i++) {
		tlbs[i] = map_while(NEVER, NULL);
		if (!CHECK(tlbs[i] != MAP_FAILED_ADDR))
			return;
		CHECK(shim_page_decrypted(tlbs[i]));
	}
	CHECK_EQ(shim_faults[SHIM_FAULT_ATOMIC_POOL].calls, 0);
	CHECK_EQ(shim_usage().decrypted_pages - decrypted, 20 * PIECE >> PAGE_SHIFT);

	/* The atomic pools are unused, so a caller in atomic context gets its memory there */
	tlbs[19] = map(dev, orig, PIECE, DMA_TO_DEVICE);
	CHECK(tlbs[19] != MAP_FAILED_ADDR);
	CHECK_EQ(shim_faults[SHIM_FAULT_ATOMIC_POOL].calls, 1);
	unmap_pieces(19, 40);
	shim_run_work();
	CHECK_EQ(shim_usage().decrypted_pages, decrypted);
	CHECK_EQ(shim_usage().pages, pages);
#ifdef CONFIG_DEBUG_FS
	CHECK_EQ(slots_transient(), 0);
	CHECK_EQ(slots_event("set_memory") - changes, 40);
#endif
}

static unsigned int shared, stale;

static void look_for_stale(const void *vaddr, size_t bytes)
{
	shared++;
	stale += !all_bytes(vaddr, bytes, 0);
}

/* A page is shared as a whole, even if the mapping has only one slot of it */
TEST(waiting_shares_only_clear_memory)
{
	boot_growing_encrypted();
	/* After this timeout, the next map of the task does not wait */
	CHECK(map_while(NEVER, NULL) != MAP_FAILED_ADDR);
	shim_on_decrypt = look_for_stale;
	CHECK(map_sleeping(512) != MAP_FAILED_ADDR);
	CHECK_EQ(shared, 1);
	CHECK_EQ(stale, 0);
}

/* Memory that cannot be encrypted again is lost, and counts towards the limit */
TEST(waiting_ends_with_a_pool_that_is_lost)
{
	phys_addr_t tlb;

	boot_growing_encrypted();
	tlb = map_while(NEVER, NULL);
	CHECK(tlb != MAP_FAILED_ADDR);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, -1);
	unmap(dev, tlb, PIECE, DMA_TO_DEVICE);
	shim_run_work();
	CHECK(shim_page_allocated(tlb));
#ifdef CONFIG_DEBUG_FS
	CHECK_EQ(slots_event("leaked_bytes"), PIECE);
	CHECK_EQ(slots_transient(), 0);
	/* Now decryption fails, too */
	shim_fail(SHIM_FAULT_DECRYPT, 0, -1);
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("leaked_bytes"), 2 * PIECE);
	CHECK_EQ(slots_transient(), 0);
	CHECK_EQ(slots_event("no_memory"), 2);
#endif
}

TEST(waiting_ends_at_the_limit)
{
	boot("512,1,max=1M");
	start_with(new_device(0, 0));
	CHECK_EQ(map_until_full(dev, orig, PIECE, tlbs, 99), 16);
	CHECK_EQ(map_while(NEVER, NULL), MAP_FAILED_ADDR);
	CHECK_EQ(jiffies - began, MOST);
	CHECK(shim_log_has("swiotlb buffer is full (sz: 65536 bytes), total 512 (slots), used 512 (slots): its limit is reached"));
	check_events(1, 1);
#ifdef CONFIG_DEBUG_FS
	/* The first event is from the map that could not wait */
	CHECK_EQ(slots_event("at_limit"), 2);
	CHECK_EQ(slots_event("full"), 2);
#endif
}

#endif

#endif
