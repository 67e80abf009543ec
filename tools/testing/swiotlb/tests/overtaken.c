// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another CPU overtakes an operation, at each place where this can matter. For each place, a
 * child process runs the operation from the same state.
 */
#include <stdio.h>
#include <sys/mman.h>
#include "harness.h"

#define MOST 20000
#define MOST_PLACES 300

static phys_addr_t tlbs[MOST], others[MOST];
static unsigned int ntlbs, nothers;
static struct device *dev;
static phys_addr_t orig;

static void *shared(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
}

/* ---- places: the hook re-arms itself until the selected place */

static void (**place)(void);
static void (*overtake)(void);
static unsigned int places_left;
static bool *no_place_left;	/* shared by all processes */

/* The other CPU would wait for the lock of pools, so places under that lock do not count. */
static bool is_locked(void)
{
#ifdef ENGINE_ours
	extern struct mutex swiotlb_pools_lock;

	return READ_ONCE(swiotlb_pools_lock.val);
#else
	return false;
#endif
}

static void at_place(void)
{
	if (is_locked() || places_left--)
		*place = at_place;
	else
		overtake();
}

static void arm(void (**hook)(void), unsigned int nth, void (*fn)(void))
{
	place = hook;
	places_left = nth;
	overtake = fn;
	*hook = at_place;
}

static void disarm(void)
{
	*no_place_left = *place == at_place;
	*place = NULL;
}

static void sweep(void (*fn)(const void *), const char *what)
{
	unsigned int nth, failures = check_failures();
	char name[64];

	no_place_left = shared(sizeof(*no_place_left));
	for (nth = 0; nth < MOST_PLACES && !*no_place_left; nth++) {
		snprintf(name, sizeof(name), "%s, place %u", what, nth);
		in_child(fn, &nth, name);
		if (check_failures() != failures)
			return;
	}
	CHECK_MSG(nth > 1, "there is no place: %s", what);
}

/*
 * ---- built-in drivers map before device_initcall(), so the worker may be adding a pool when
 * that initcall starts the per-CPU caches
 */
static void start_caches(void)
{
	shim_initcalls_run();
}

static void grow_overtaken(const void *nth)
{
	arm(&shim_before_acquire, *(const unsigned int *)nth, start_caches);
	shim_run_work();
	disarm();
	if (*no_place_left)
		start_caches();
	/* The allocator must still work */
	map_until_full(dev, orig, SZ_4K, others, 200);
	ticks(2);
	unmap_all(dev, SZ_4K, others, 200);
	unmap_all(dev, SZ_4K, tlbs, 256);
}

TEST(caches_may_start_while_a_pool_is_added)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init(true, 0);
	shim_early_initcalls_run();
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	map_until_full(dev, orig, SZ_4K, tlbs, 256);
	map_page(dev);
	sweep(grow_overtaken, "a load of what was published");
}

/*
 * ---- all buffers are in use except those that the last CPU has freed. While CPU 0 maps,
 * the buffers move: the last CPU frees one more, which may move many to the depot, and maps
 * all that its magazine still has; then some other CPUs map one each. Many buffers are free
 * at any time, so the map of CPU 0 must find one.
 */
#define FREE 126
#define LAST_CPU 7

static unsigned int nmovers;
static unsigned int *nkept;	/* shared by all processes */

static void map_other(void)
{
	others[nothers++] = map_full(dev, orig, SZ_4K, 0, DMA_FROM_DEVICE,
				     DMA_ATTR_NO_WARN);
}

/* Count the buffers that the last CPU can map without a lock, after the unmap in move() */
static void count_kept(const void *unused)
{
	u64 locks;

	shim_set_cpu(LAST_CPU);
	unmap(dev, tlbs[--ntlbs], SZ_4K, DMA_FROM_DEVICE);
	locks = shim_current()->taken;
	while (nothers < FREE) {
		map_other();
		if (shim_current()->taken != locks)
			break;
		*nkept = nothers;
	}
}

static void move(void)
{
	unsigned int cpu = raw_smp_processor_id(), i;

	shim_set_cpu(LAST_CPU);
	unmap(dev, tlbs[--ntlbs], SZ_4K, DMA_FROM_DEVICE);
	for (i = 0; i < *nkept; i++)
		map_other();
	for (i = 1; i <= nmovers; i++) {
		shim_set_cpu(i);
		map_other();
	}
	shim_set_cpu(cpu);
}

static void (**hook)(void);

static void map_overtaken(const void *nth)
{
	phys_addr_t tlb;
	unsigned int i;

	arm(hook, *(const unsigned int *)nth, move);
	tlb = map_full(dev, orig, SZ_4K, 0, DMA_FROM_DEVICE, DMA_ATTR_NO_WARN);
	disarm();
	for (i = 0; i < nothers; i++)
		CHECK_MSG(others[i] != MAP_FAILED_ADDR, "map %u of other CPUs failed", i);
	CHECK_MSG(tlb != MAP_FAILED_ADDR, "the map failed, with %u buffers free",
		  FREE + 1 - nothers);
}

TEST(map_finds_buffers_that_move)
{
	unsigned int i;

	shim_init();
	shim_nr_cpus = LAST_CPU + 1;
	boot_fixed("32768", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	ntlbs = map_until_full(dev, orig, SZ_4K, tlbs, MOST);
	ticks(2);
	shim_set_cpu(LAST_CPU);
	for (i = 0; i < FREE; i++)
		unmap(dev, tlbs[--ntlbs], SZ_4K, DMA_FROM_DEVICE);
	nkept = shared(sizeof(*nkept));
	in_child(count_kept, NULL, "count");
	shim_set_cpu(0);
	for (nmovers = 0; nmovers < LAST_CPU && !check_failures(); nmovers++) {
		hook = &shim_before_take;
		sweep(map_overtaken, "a look at a buffer");
		hook = &shim_before_lock;
		sweep(map_overtaken, "a lock");
	}
}
