// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool is freed while another CPU is about to use it: the worker must wait for that
 * CPU, or drain the buffer that it leaves.
 *
 * The other CPU is a thread, which stops in a read-side section, just before it gets the
 * lock of the area. It continues when the worker waits for a grace period or, if it does
 * not wait, when the worker has finished.
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

/* Called in the reader, before it gets the lock */
static void stop_reader(void)
{
	set(&reader_stopped);
	while (!is_set(&worker_waits) && !is_set(&worker_done))
		sched_yield();
}

/* Called in the worker, at the start of a grace period */
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

/* Memory is short: the worker closes, drains and frees pools in one run */
static void run_worker(void)
{
	unsigned long freed;

	/* The quiet time under pressure passes */
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
	/* Let the worker see the load */
	ticks(1);
}

/* Map from the youngest pool, then unmap all other buffers */
static void leave_one_in_the_youngest(void)
{
	big = map(dev, orig, BLOCK, DMA_TO_DEVICE);
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

/* A map has seen the pool open, which has no mapping: the worker must wait for the map */
TEST(closing_waits_for_a_map_that_has_begun)
{
	pthread_t reader;
	unsigned int i;

	fill_older_pools();
	/* The remaining mappings keep free runs too short for the map below */
	for (i = 0; i < OLDER; i++)
		if (i % 3)
			unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
	/*
	 * This search fails in the older pools, and sets @longest of their areas: the next map
	 * does not lock them.
	 */
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

/* The memory of the pool must exist while a reader may use it */
static void stop_reader_of_pool(void)
{
	phys_addr_t start = youngest->start;

	stop_reader();
	if (!CHECK(shim_page_allocated(start)))
		end_process(1);
}

static void *drain_on_cpu1(void *unused)
{
	shim_set_cpu(1);
	shim_before_lock = stop_reader_of_pool;
	drain_magazines();
	set(&reader_done);
	return unused;
}

static pthread_t drainer;

/* Called in the worker: the pool is closed, and a grace period has ended since */
static void another_cpu_drains(void)
{
	drainer = start_reader(drain_on_cpu1);
	/* The map empties the cell, and the pool is closed, so the buffer is freed to its area */
	unmap(dev, map(dev, orig, BLOCK, DMA_TO_DEVICE), BLOCK, DMA_TO_DEVICE);
	shim_before_grace_period = worker_begins_to_wait;
}

/* A drain has found a buffer, but a map takes it first: the worker must wait for the drain */
TEST(freeing_waits_for_a_drain_that_has_begun)
{
	fill_older_pools();
	leave_one_in_the_youngest();
	unmap(dev, big, BLOCK, DMA_TO_DEVICE);
	/* The buffer is kept in a magazine */
	CHECK_EQ(slots_of_pool(youngest->id), BLOCK / IO_TLB_SIZE);

	shim_after_grace_period = another_cpu_drains;
	run_worker();
	CHECK(is_set(&reader_stopped));
	pthread_join(drainer, NULL);
	CHECK_EQ(slots_event("freed"), 2);
	check_used(0);
}

/* Acts as the worker on CPU 0: closes and drains the pools */
static void pools_are_closed(void)
{
	shim_set_cpu(0);
	ticks(8);
	CHECK(slots_event("closed") > 0);
	CHECK(shim_page_allocated(youngest->start));
	shim_set_cpu(1);
}

/* An unmap saw the pool open, but pushes its buffer after the drain: the pool must be freed */
TEST(buffer_that_comes_late_to_a_magazine_does_not_hold_its_pool)
{
	fill_older_pools();
	leave_one_in_the_youngest();
	shim_set_cpu(1);
	shim_before_cmpxchg = pools_are_closed;
	unmap(dev, big, BLOCK, DMA_TO_DEVICE);
	shim_set_cpu(0);
	CHECK(!shim_before_cmpxchg);
	ticks(3);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	check_used(0);
}

/* Walk the list of pools; wait at @stop_at for the worker, then continue */
static unsigned int walk(struct io_tlb_pool *stop_at)
{
	struct io_tlb_pool *pool;
	unsigned int n = 0;

	rcu_read_lock();
	swiotlb_for_each_pool(pool, youngest->mem) {
		if (pool == stop_at)
			stop_reader();
		/* With a bug the walk may not end, so limit it */
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

/* Called in the worker: the pools are closed, and a grace period has ended since */
static void another_cpu_walks(void)
{
	walker = start_reader(walk_on_cpu1);
	shim_before_grace_period = worker_begins_to_wait;
}

/* A removed pool keeps its link in the list, so that a search that has reached it can go on */
TEST(removed_pool_leads_on_until_searches_have_left)
{
	unsigned int nr_pools;

	fill_older_pools();
	leave_one_in_the_youngest();
	nr_pools = walk(NULL);
	unmap(dev, big, BLOCK, DMA_TO_DEVICE);

	shim_after_grace_period = another_cpu_walks;
	run_worker();
	CHECK(is_set(&worker_waits));
	pthread_join(walker, NULL);
	CHECK_EQ(nr_walked, nr_pools);
	CHECK_EQ(slots_event("freed"), 2);
	check_used(0);
}

#endif
