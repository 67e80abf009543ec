// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads on one allocator: each maps, checks, syncs and unmaps. Some mappings are passed
 * to another thread, which unmaps them, as the interrupt of a driver does. Workers and RCU
 * callbacks run in separate threads.
 *
 * Each thread must read back the data that it wrote: mappings that overlap, and pools that
 * are freed too early, cause wrong data (or reports of a sanitizer).
 */
#include <pthread.h>
#include <stdlib.h>
#include "harness.h"
#ifdef ENGINE_ours
#include <engine/mem.h>
#endif

#define MAX_THREADS 16
#define SLOTS_PER_THREAD 256
#define BUFFER 65536
/* A run with fewer maps proves nothing */
#define ENOUGH_MAPS 100

struct item {
	struct device *dev;
	phys_addr_t orig, tlb;
	size_t size;
	enum dma_data_direction dir;
	u32 seed;
	u32 busy;
};

/* A mailbox per thread: other threads fill free places, the owner empties them */
struct mailbox { struct item *items[64]; };

struct worker {
	pthread_t thread;
	unsigned int id;
	struct rng rng;
	phys_addr_t buffers;
	struct item items[SLOTS_PER_THREAD], *live[SLOTS_PER_THREAD];
	struct mailbox box;
	unsigned long maps, unmaps, failed;
};

struct scenario {
	const char *name;
	const char *arg;
	unsigned int threads, pressure;	/* pressure: live mappings per thread */
	size_t max_size;
	bool growing, encrypted, faults;
	bool shrinking;		/* waves of load, memory pressure, drains of magazines */
	bool high;		/* pools above 4 GiB, which one device cannot reach */
	bool must_fit;		/* no map may fail */
	bool own;		/* two devices have pools of their own, others come and go */
};

static struct worker *workers;
static const struct scenario *scn;
static struct device *shared_dev[3];
static bool stop;
static unsigned int pressure_now;
static pthread_barrier_t all_stopped;

static void fill_item(struct item *it, void *p)
{
	u32 *w = p;
	size_t i;

	for (i = 0; i < it->size / 4; i++)
		w[i] = it->seed + i;
	memset((u8 *)p + (it->size & ~3UL), it->seed, it->size & 3);
}

static bool check_item(const struct item *it, const void *p)
{
	const u32 *w = p;
	size_t i;

	for (i = 0; i < it->size / 4; i++)
		if (w[i] != it->seed + (u32)i)
			return false;
	return true;
}

static void finish(struct worker *w, struct item *it)
{
	bool ok = check_item(it, phys_to_virt(it->tlb));

	CHECK_MSG(ok, "%s: bounce buffer %llx of %zu bytes was changed", scn->name,
		  it->tlb, it->size);
	if (it->dir != DMA_TO_DEVICE) {
		it->seed = rng_next(&w->rng);
		fill_item(it, phys_to_virt(it->tlb));
	}
	unmap(it->dev, it->tlb, it->size, it->dir);
	CHECK_MSG(check_item(it, phys_to_virt(it->orig)),
		  "%s: original %llx of %zu bytes is wrong after unmap", scn->name,
		  it->orig, it->size);
	w->unmaps++;
	/* This must be last: the thread that owns the item may then reuse it */
	__atomic_store_n(&it->busy, 0, __ATOMIC_RELEASE);
}

static struct item *begin(struct worker *w, struct item *it)
{
	u32 offset = rng_below(&w->rng, 8) * 512;

	it->dev = shared_dev[rng_below(&w->rng, ARRAY_SIZE(shared_dev))];
	it->dir = rng_below(&w->rng, 3);
	it->size = 4 + rng_below(&w->rng, rng_below(&w->rng, 4) ? 4096 : scn->max_size);
	it->seed = rng_next(&w->rng);
	it->orig = (it->orig & ~(phys_addr_t)(2 * BUFFER - 1)) + offset;
	fill_item(it, phys_to_virt(it->orig));
	it->tlb = map_full(it->dev, it->orig, it->size, 0, it->dir, DMA_ATTR_NO_WARN);
	if (it->tlb == MAP_FAILED_ADDR) {
		w->failed++;
		return NULL;
	}
	WRITE_ONCE(w->maps, w->maps + 1);
	__atomic_store_n(&it->busy, 1, __ATOMIC_RELAXED);
	return it;
}

static void sync_item(struct worker *w, struct item *it)
{
	if (it->dir != DMA_TO_DEVICE)
		swiotlb_sync_single_for_cpu(it->dev, it->tlb, it->size / 2, it->dir);
	else
		swiotlb_sync_single_for_device(it->dev, it->tlb, it->size / 2, it->dir);
}

static bool hand_over(struct worker *w, struct item *it)
{
	struct worker *to = &workers[rng_below(&w->rng, scn->threads)];
	struct item **place = &to->box.items[rng_below(&w->rng, 64)], *none = NULL;

	return __atomic_compare_exchange_n(place, &none, it, false,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static void empty_mailbox(struct worker *w)
{
	unsigned int i;
	struct item *it;

	for (i = 0; i < 64; i++) {
		if (!__atomic_load_n(&w->box.items[i], __ATOMIC_RELAXED))
			continue;
		it = __atomic_exchange_n(&w->box.items[i], NULL, __ATOMIC_ACQUIRE);
		if (it)
			finish(w, it);
	}
}

static void *churn(void *arg)
{
	struct worker *w = arg;
	struct item *items = w->items;
	unsigned int i, steps = 0;

	shim_set_cpu(w->id);
	for (i = 0; i < SLOTS_PER_THREAD; i++)
		items[i].orig = w->buffers + i * 2 * BUFFER;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !check_failures()) {
		i = rng_below(&w->rng, scn->pressure);
		if (!__atomic_load_n(&items[i].busy, __ATOMIC_ACQUIRE)) {
			if (i < READ_ONCE(pressure_now) && begin(w, &items[i]))
				w->live[i] = &items[i];
		} else if (w->live[i] && !rng_below(&w->rng, 3)) {
			sync_item(w, w->live[i]);
		} else if (w->live[i]) {
			if (rng_below(&w->rng, 2) || !hand_over(w, w->live[i]))
				finish(w, w->live[i]);
			w->live[i] = NULL;
		}
		if (!(++steps & 15))
			empty_mailbox(w);
	}
	for (i = 0; i < SLOTS_PER_THREAD; i++)
		if (w->live[i])
			finish(w, w->live[i]);
	/* From here on, no thread passes mappings to others: empty the mailbox a last time */
	pthread_barrier_wait(&all_stopped);
	empty_mailbox(w);
	return NULL;
}

static void *faults(void *arg)
{
	struct rng rng = { 7 };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		WRITE_ONCE(shim_faults[SHIM_FAULT_PAGES].rate, rng_below(&rng, 4));
		WRITE_ONCE(shim_faults[SHIM_FAULT_KMALLOC].rate, rng_below(&rng, 6));
		usleep(2000);
	}
	return NULL;
}

/*
 * In one half of each 40 ms there are few mappings, so that pools can be freed. Also drain
 * magazines, and advance the time.
 */
static void *reclaim(void *arg)
{
	unsigned long freed, *asked = arg;
	unsigned int turn;

	shim_set_cpu(NR_CPUS - 4);
	for (turn = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); turn++) {
		WRITE_ONCE(pressure_now, turn / 10 % 2 ? scn->pressure : 3);
		*asked += !!shim_shrink(&freed);
		if (!(turn % 4))
			drain_magazines();
		/* Let the quiet time pass: the worker then frees pools when memory is short */
		shim_advance(HZ);
		usleep(2000);
	}
	return NULL;
}

/* No pool must be found for memory of other code, even if the memory was part of a pool */
static void *neighbour(void *arg)
{
	struct rng rng = { 11 };
	unsigned int order, i;
	struct page *page;
	phys_addr_t paddr;

	shim_set_cpu(NR_CPUS - 5);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !check_failures()) {
		order = rng_below(&rng, MAX_PAGE_ORDER + 1);
		page = alloc_pages(GFP_KERNEL | __GFP_DMA32, order);
		if (!page)
			continue;
		paddr = page_to_phys(page);
		for (i = 0; i < 64; i++)
			CHECK(!swiotlb_find_pool(shared_dev[0], paddr +
						 rng_below(&rng, PAGE_SIZE << order)));
		__free_pages(page, order);
		usleep(50);
	}
	return NULL;
}

/* Let the worker of each allocator close and free its unused pools */
static void shrink_to(long total)
{
	unsigned long freed;
	unsigned int i;

	for (i = 0; i < 12; i++) {
		shim_advance(6 * HZ);
		shim_shrink(&freed);
		shim_run_work();
	}
	CHECK_EQ(slots_total(), total);
}

/* Only the observer may read statistics, as the shim has one buffer for them */
static long pools_closed;

static void *observer(void *arg)
{
	shim_set_cpu(NR_CPUS - 3);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		slots_used();
		slots_transient();
		WRITE_ONCE(pools_closed, slots_event("closed"));
		usleep(300);
	}
	return NULL;
}

#if defined(ENGINE_ours) && defined(CONFIG_SWIOTLB_DYNAMIC)
/* Devices with pools of their own, which end while the worker may be adding some */
static void *plug(void *arg)
{
	phys_addr_t orig = new_buffer(PAGE_SIZE, 0), tlb;
	unsigned long *ended = arg;
	struct device *dev;
	unsigned int i;

	/* A possible CPU, so that draining a pool includes its magazines */
	shim_set_cpu(scn->threads);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		dev = new_device(0, 0);
		swiotlb_device_allocate(dev, 1 + *ended % 4, SZ_2M);
		for (i = 0; i < *ended % 32; i++) {
			tlb = map_full(dev, orig, PAGE_SIZE, 0, DMA_TO_DEVICE,
				       DMA_ATTR_NO_WARN);
			unmap(dev, tlb, PAGE_SIZE, DMA_TO_DEVICE);
			usleep(20);
		}
		end_device(dev);
		free(dev);
		++*ended;
	}
	return NULL;
}

static void give_own(void)
{
	swiotlb_device_allocate(shared_dev[0], 2, SZ_16M);
	swiotlb_device_allocate(shared_dev[1], 4, SZ_4M);
	CHECK(shared_dev[0]->dma_io_tlb_mem != shared_dev[2]->dma_io_tlb_mem);
}

/* After the devices have ended, the limit counts no slots for them any more */
static void end_own(unsigned long ended)
{
	unsigned int i;

	printf("# %lu devices ended\n", ended);
	CHECK(ended > 0);
	for (i = 0; i < 2; i++)
		end_device(shared_dev[i]);
	ticks(10);
	CHECK_EQ(atomic_long_read(&swiotlb_default_mem.growth.apart), 0);
	CHECK_EQ(atomic_long_read(&swiotlb_any_mem.growth.apart), 0);
}
#else
static void *plug(void *arg) { return NULL; }
static void give_own(void) { }
static void end_own(unsigned long ended) { }
#endif

static useconds_t time_of_run(void)
{
	const char *s = getenv("SECONDS_EACH");
	double seconds = s ? atof(s) : 0;

	return 1000000 * (seconds > 0 ? seconds : 2);
}

static unsigned long maps_of_all(void)
{
	unsigned long maps = 0;
	unsigned int i;

	for (i = 0; i < scn->threads; i++)
		maps += READ_ONCE(workers[i].maps);
	return maps;
}

/* On a busy machine it may take long to get enough maps and a closed pool */
static void wait_for_enough(void)
{
	useconds_t run = time_of_run();
	unsigned int i;

	/* The time limit of tests is for short runs, so extend it */
	if (run > 10 * 1000000)
		alarm(60 + run / 500000);
	usleep(run);
	for (i = 0; i < 300 && (maps_of_all() <= ENOUGH_MAPS ||
				(scn->shrinking && READ_ONCE(pools_closed) < 1)); i++)
		usleep(100000);
}

static void stress(const struct scenario *s)
{
	unsigned long maps = 0, unmaps = 0, failed = 0;
	pthread_t fault_thread, observer_thread, reclaim_thread, neighbour_thread, plug_thread;
	unsigned long asked = 0, ended = 0;
	unsigned int i;
	long total;

	scn = s;
	shim_nr_cpus = s->threads + s->own;
	if (s->encrypted)
		boot_encrypted(s->arg);
	else if (s->high)
		boot_high(s->arg);
	else
		boot(s->arg);
	if (!s->growing)
		default_swiotlb_base();
	total = slots_total();
	pressure_now = s->pressure;
	shared_dev[0] = new_device(0, 0);
	shared_dev[1] = new_device(0xfff, 0);
	shared_dev[2] = new_device(0x1ff, 0xffffffff);
	for (i = 0; s->high && i < 2; i++)
		*shared_dev[i]->dma_mask = ~0ULL;
	if (s->own)
		give_own();
	workers = calloc(s->threads, sizeof(*workers));
	pthread_barrier_init(&all_stopped, NULL, s->threads);
	shim_threads_start();
	for (i = 0; i < s->threads; i++) {
		workers[i].id = i;
		workers[i].rng.s = i + 1;
		workers[i].buffers = shim_take_ram(SLOTS_PER_THREAD * 2 * BUFFER);
	}
	for (i = 0; i < s->threads; i++)
		pthread_create(&workers[i].thread, NULL, churn, &workers[i]);
	pthread_create(&observer_thread, NULL, observer, NULL);
	if (s->faults)
		pthread_create(&fault_thread, NULL, faults, NULL);
	if (s->shrinking) {
		pthread_create(&reclaim_thread, NULL, reclaim, &asked);
		pthread_create(&neighbour_thread, NULL, neighbour, NULL);
	}
	if (s->own)
		pthread_create(&plug_thread, NULL, plug, &ended);
	wait_for_enough();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < s->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		maps += workers[i].maps;
		unmaps += workers[i].unmaps;
		failed += workers[i].failed;
	}
	pthread_join(observer_thread, NULL);
	if (s->faults)
		pthread_join(fault_thread, NULL);
	if (s->shrinking) {
		pthread_join(reclaim_thread, NULL);
		pthread_join(neighbour_thread, NULL);
	}
	if (s->own)
		pthread_join(plug_thread, NULL);
	shim_fail_none();
	shim_flush_all();
	shim_threads_stop();
	printf("# %lu maps, %lu unmaps, %lu found no room\n", maps, unmaps, failed);
	CHECK(maps > ENOUGH_MAPS);
	CHECK_EQ(maps, unmaps);
	if (s->must_fit)
		CHECK_EQ(failed, 0);
	check_used(0);
	if (IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK_EQ(slots_transient(), 0);
	if (s->own)
		end_own(ended);
	if (s->shrinking) {
		printf("# memory was short %lu times; pools: %ld grown, %ld closed, %ld reopened, %ld freed\n",
		       asked, slots_event("grown"), slots_event("closed"),
		       slots_event("reopened"), slots_event("freed"));
		CHECK(slots_event("closed") > 0);
		shrink_to(total);
		CHECK_EQ(slots_event("freed"), slots_event("grown"));
	}
}

#define STRESS(id, ...)							\
	TEST(id)							\
	{								\
		static const struct scenario s = { .name = #id, __VA_ARGS__ }; \
									\
		stress(&s);						\
	}

STRESS(stress_own_areas, .arg = "8192,4", .threads = 4, .pressure = 100,
       .max_size = 30000, .must_fit = true)
STRESS(stress_one_area, .arg = "2048,1", .threads = 4, .pressure = 60,
       .max_size = 30000, .must_fit = true)
STRESS(stress_full_pool, .arg = "512,2", .threads = 4, .pressure = 200, .max_size = 30000)
STRESS(stress_many_threads, .arg = "4096,8", .threads = 12, .pressure = 100,
       .max_size = 8192, .must_fit = true)
STRESS(stress_hiwater, .arg = "2048,4,track_hiwater", .threads = 4, .pressure = 80,
       .max_size = 30000)
#ifdef CONFIG_SWIOTLB_DYNAMIC
STRESS(stress_growing, .arg = "512,2", .threads = 4, .pressure = 250,
       .max_size = 60000, .growing = true)
STRESS(stress_growing_with_faults, .arg = "512,2", .threads = 4, .pressure = 250,
       .max_size = 60000, .growing = true, .faults = true)
STRESS(stress_growing_encrypted, .arg = "512,2", .threads = 4, .pressure = 250,
       .max_size = 60000, .growing = true, .encrypted = true)
#if defined(ENGINE_ours) && defined(CONFIG_DEBUG_FS)
STRESS(stress_shrinking, .arg = "512,2", .threads = 4, .pressure = 250,
       .max_size = 60000, .growing = true, .shrinking = true)
STRESS(stress_shrinking_at_the_limit, .arg = "512,2,max=12M", .threads = 4,
       .pressure = 250, .max_size = 60000, .growing = true, .shrinking = true,
       .high = true)
STRESS(stress_shrinking_with_faults, .arg = "512,2", .threads = 4, .pressure = 250,
       .max_size = 60000, .growing = true, .shrinking = true, .faults = true)
STRESS(stress_pools_of_devices, .arg = "512,2,own,max=64M", .threads = 4,
       .pressure = 250, .max_size = 60000, .growing = true, .shrinking = true, .own = true)
STRESS(stress_pools_of_devices_encrypted, .arg = "512,2,own", .threads = 4,
       .pressure = 250, .max_size = 60000, .growing = true, .own = true,
       .encrypted = true)
/* 12 threads use more slots than the reserve has, so pools are added and closed */
STRESS(stress_shrinking_encrypted, .arg = "4608,2", .threads = 12, .pressure = 250,
       .max_size = 60000, .growing = true, .shrinking = true, .encrypted = true)
#endif
#endif

#ifdef ENGINE_ours

/*
 * Threads that may sleep, and room for one mapping: each unmap has to wake the next thread.
 * After a lost wake-up, no other unmap would follow. Two sizes: a page, which magazines
 * keep, and a page and a slot, which they do not keep.
 */
#define SLEEPERS 4

static unsigned long sleeps[SLEEPERS];
static size_t wanted;
static phys_addr_t wanted_orig;

static void *sleeper(void *arg)
{
	unsigned long n = (unsigned long)arg;
	phys_addr_t tlb;

	shim_set_cpu(n);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !check_failures()) {
		tlb = map_full(shared_dev[0], wanted_orig, wanted, 0, DMA_TO_DEVICE,
			       DMA_ATTR_MAY_SLEEP | DMA_ATTR_SKIP_CPU_SYNC);
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			break;
		unmap(shared_dev[0], tlb, wanted, DMA_TO_DEVICE);
		WRITE_ONCE(sleeps[n], sleeps[n] + 1);
	}
	return NULL;
}

static void sleepers(size_t size)
{
	pthread_t thread[SLEEPERS];
	unsigned long n;

	wanted = size;
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (n = 0; n < SLEEPERS; n++)
		pthread_create(&thread[n], NULL, sleeper, (void *)n);
	usleep(time_of_run() / 2);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (n = 0; n < SLEEPERS; n++) {
		pthread_join(thread[n], NULL);
		printf("# %zu bytes: %lu maps of thread %lu\n", size, sleeps[n], n);
		CHECK(sleeps[n] > ENOUGH_MAPS / 10);
		sleeps[n] = 0;
	}
}

TEST(stress_waiting)
{
	static phys_addr_t tlbs[2048];
	unsigned int n;

	shim_nr_cpus = SLEEPERS;
	boot_fixed("4096,1", NULL);
	shared_dev[0] = new_device(0, 0);
	wanted_orig = new_buffer(2 * PAGE_SIZE, 0);
	n = map_until_full(shared_dev[0], wanted_orig, PAGE_SIZE, tlbs, ARRAY_SIZE(tlbs));
	unmap(shared_dev[0], tlbs[--n], PAGE_SIZE, DMA_TO_DEVICE);
	shim_threads_start();
	sleepers(PAGE_SIZE);
	unmap(shared_dev[0], tlbs[--n], PAGE_SIZE, DMA_TO_DEVICE);
	sleepers(PAGE_SIZE + IO_TLB_SIZE);
	shim_threads_stop();
	check_used(n * PAGE_SIZE / IO_TLB_SIZE);
	if (IS_ENABLED(CONFIG_DEBUG_FS)) {
		printf("# %ld waited\n", slots_event("waited"));
		CHECK(slots_event("waited") > ENOUGH_MAPS);
		CHECK_EQ(slots_event("wait_timed_out"), 0);
	}
}

#endif

int main(int argc, char **argv)
{
	return harness_main(argc, argv);
}
