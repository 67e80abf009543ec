// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool goes while another CPU is on its way to it: the worker waits for that CPU,
 * or takes away what it is about to use.
 *
 * The other CPU is a thread, which stops in a read section, just before it gets the
 * lock of the pool's area. It goes on when the worker waits for a grace period; or
 * when the worker has done its work, where it does not wait.
 */
#include <pthread.h>
#include <sched.h>
#include "pieces.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#include <engine/mem.h>

/* The boot pool, and the first one that is added: 1 MiB and 4 MiB */
#define OLDER ((SZ_1M + SZ_4M) / PIECE)

static phys_addr_t big;
static struct io_tlb_pool *youngest;
static bool reader_stopped, reader_done, worker_waits, worker_done;

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static bool is_set(bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

/* In the reader, before it gets the lock */
static void stop_reader(void)
{
	set(&reader_stopped);
	while (!is_set(&worker_waits) && !is_set(&worker_done))
		sched_yield();
}

/* In the worker, as a grace period begins */
static void worker_begins_to_wait(void)
{
	set(&worker_waits);
}

static pthread_t start_reader(void *(*fn)(void *))
{
	pthread_t thread;

	BUG_ON(pthread_create(&thread, NULL, fn, NULL));
	while (!is_set(&reader_stopped) && !is_set(&reader_done))
		sched_yield();
	return thread;
}

/* Memory is short: the worker closes, empties and frees in one go */
static void run_worker(void)
{
	unsigned long freed;

	/* Since pools were needed */
	shim_advance(HZ);
	shim_shrink(&freed);
	shim_run_work();
	set(&worker_done);
}

/*
 *	boot pool	first one added		youngest
 *	[ mapped ]	[ mapped           ]	[                 ]
 */
static void fill_older_pools(void)
{
	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	map_pieces(OLDER);
	CHECK_EQ(slots_event("grown"), 2);
	/* From here on there is a shrinker */
	ticks(1);
}

/* And a mapping in the youngest, which is all that is left then */
static void leave_one_in_the_youngest(void)
{
	big = map(dev, orig, PAGE_SIZE, DMA_TO_DEVICE);
	youngest = swiotlb_find_pool(dev, big);
	CHECK(youngest && youngest != swiotlb_find_pool(dev, tlbs[OLDER - 1]));
	unmap_pieces(0, OLDER);
}

static void *map_big(void *unused)
{
	shim_set_cpu(1);
	shim_before_lock = stop_reader;
	big = map(dev, orig, SZ_256K, DMA_TO_DEVICE);
	set(&reader_done);
	return unused;
}

/* It has seen an open pool; nobody else has anything there */
TEST(closing_waits_for_a_map_that_has_begun)
{
	pthread_t reader;
	unsigned int i;

	fill_older_pools();
	/* What stays keeps free runs shorter than what is to be mapped */
	for (i = 0; i < OLDER; i++)
		if (i % 3)
			unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	/* A whole search, after which the areas know that: no lock is taken of those */
	big = map(dev, orig, SZ_256K - PAGE_SIZE, DMA_TO_DEVICE);
	youngest = swiotlb_find_pool(dev, big);
	CHECK(youngest && youngest != swiotlb_find_pool(dev, tlbs[OLDER - 1]));
	unmap(dev, big, SZ_256K - PAGE_SIZE, DMA_TO_DEVICE);

	reader = start_reader(map_big);
	shim_before_grace_period = worker_begins_to_wait;
	run_worker();
	pthread_join(reader, NULL);
	CHECK_EQ(slots_event("closed"), 1);
	CHECK(big != MAP_FAILED_ADDR);
	CHECK(swiotlb_find_pool(dev, big) == youngest);
	CHECK_EQ(slots_event("freed"), 0);
	unmap(dev, big, SZ_256K, DMA_TO_DEVICE);
	for (i = 0; i < OLDER; i += 3)
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	ticks(120);
	CHECK_EQ(slots_event("freed"), 2);
	check_used(0);
}

/* The pool's memory is there as long as somebody may look at it */
static void stop_reader_of_pool(void)
{
	phys_addr_t start = youngest->start;

	stop_reader();
	if (!CHECK(shim_page_allocated(start)))
		end_process(1);
}

static void *drain_cpu0(void *unused)
{
	shim_set_cpu(1);
	shim_before_lock = stop_reader_of_pool;
	shim_cpu_dead(0);
	set(&reader_done);
	return unused;
}

static pthread_t drainer;

/* In the worker: the pool is closed, and a grace period has ended since */
static void another_cpu_drains(void)
{
	drainer = start_reader(drain_cpu0);
	shim_before_grace_period = worker_begins_to_wait;
}

/* It has found a buffer in a cell, which the worker empties before it does */
TEST(freeing_waits_for_a_drain_that_has_begun)
{
	fill_older_pools();
	leave_one_in_the_youngest();
	unmap(dev, big, PAGE_SIZE, DMA_TO_DEVICE);
	/* Alone in a cell */
	CHECK_EQ(slots_of_pool(youngest->id), PAGE_SIZE / IO_TLB_SIZE);

	shim_after_grace_period = another_cpu_drains;
	run_worker();
	CHECK(is_set(&reader_stopped));
	pthread_join(drainer, NULL);
	CHECK_EQ(slots_event("freed"), 2);
	check_used(0);
}

/* On CPU 0, as the worker: the pools are closed and drained */
static void pools_are_closed(void)
{
	shim_set_cpu(0);
	ticks(8);
	CHECK(slots_event("closed") > 0);
	CHECK(shim_page_allocated(youngest->start));
	shim_set_cpu(1);
}

/* It found the pool open, and was not run until its magazine had been drained */
TEST(buffer_that_comes_late_to_a_magazine_does_not_hold_its_pool)
{
	fill_older_pools();
	leave_one_in_the_youngest();
	shim_set_cpu(1);
	shim_before_cmpxchg = pools_are_closed;
	unmap(dev, big, PAGE_SIZE, DMA_TO_DEVICE);
	shim_set_cpu(0);
	CHECK(!shim_before_cmpxchg);
	ticks(3);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	check_used(0);
}

/* Stands on the youngest pool, and goes on from there */
static unsigned int walk(struct io_tlb_pool *stop_at)
{
	struct io_tlb_pool *pool;
	unsigned int n = 0;

	rcu_read_lock();
	swiotlb_for_each_pool(pool, youngest->mem) {
		if (pool == stop_at)
			stop_reader();
		/* No more than there can be: it may go round in circles */
		if (++n == 10)
			break;
	}
	rcu_read_unlock();
	return n;
}

static unsigned int nr_walked;

static void *walk_on_cpu1(void *unused)
{
	shim_set_cpu(1);
	nr_walked = walk(youngest);
	set(&reader_done);
	return unused;
}

static pthread_t walker;

/* In the worker: the pools are closed, and a grace period has ended since */
static void another_cpu_walks(void)
{
	walker = start_reader(walk_on_cpu1);
	shim_before_grace_period = worker_begins_to_wait;
}

/* Removed pools wait in a list of their own, by a link that no search follows */
TEST(removed_pool_leads_on_until_searches_have_left)
{
	unsigned int nr_pools;

	fill_older_pools();
	leave_one_in_the_youngest();
	nr_pools = walk(NULL);
	unmap(dev, big, PAGE_SIZE, DMA_TO_DEVICE);

	shim_after_grace_period = another_cpu_walks;
	run_worker();
	CHECK(is_set(&worker_waits));
	pthread_join(walker, NULL);
	CHECK_EQ(nr_walked, nr_pools);
	CHECK_EQ(slots_event("freed"), 2);
	check_used(0);
}

#endif
