// SPDX-License-Identifier: GPL-2.0-only
/* Allocators of devices: when there is one, what it holds, and how it ends. */
#include <pthread.h>
#include <sys/mman.h>
#include "harness.h"

#if defined(ENGINE_ours) && defined(CONFIG_SWIOTLB_DYNAMIC)

#include <engine/mem.h>

#define MOST 16384
#define MIB_SLOTS (SZ_1M / IO_TLB_SIZE)

static struct swiotlb_mem *own_of(struct device *dev)
{
	struct swiotlb_mem *mem = to_swiotlb_mem(dev->dma_io_tlb_mem);

	return mem->common ? mem : NULL;
}

/* Call swiotlb_device_allocate() for a new device, like dmam_set_in_flight() */
static struct device *device_with(unsigned int nqueues, size_t bytes)
{
	struct device *dev = new_device(0, 0);

	swiotlb_device_allocate(dev, nqueues, bytes);
	return dev;
}

static phys_addr_t page;

static phys_addr_t map_it(struct device *dev)
{
	page = page ?: new_buffer(PAGE_SIZE, 0);
	return map_full(dev, page, PAGE_SIZE, 0, DMA_FROM_DEVICE, DMA_ATTR_NO_WARN);
}

static void bounce_once(struct device *dev)
{
	unmap(dev, map_it(dev), PAGE_SIZE, DMA_FROM_DEVICE);
}

/* A device with an allocator of its own, and with a pool, since it has bounced */
static struct device *owner(unsigned int nqueues, size_t bytes)
{
	struct device *dev = device_with(nqueues, bytes);

	CHECK(own_of(dev));
	bounce_once(dev);
	shim_run_work();
	return dev;
}

static bool is_in(const struct swiotlb_mem *mem, struct device *dev, phys_addr_t tlb)
{
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, tlb);

	return pool && pool->mem == mem;
}

static unsigned long held(const struct swiotlb_mem *mem)
{
	return mem->pools.held;
}

TEST(own_has_pools_when_the_device_bounces)
{
	struct device *dev, *other;
	phys_addr_t early, tlb;

	boot("512,own");
	dev = new_device(0, 0);
	other = new_device(0, 0);
	early = map_it(dev);
	swiotlb_device_allocate(dev, 2, SZ_1M);
	if (!CHECK(own_of(dev)))
		return;
	CHECK_EQ(shim_log_count("bounce buffers of its own"), 1);
	shim_run_work();
	CHECK_EQ(held(own_of(dev)), 0);
	/* Without a pool of its own, the device uses the common pools */
	CHECK(is_swiotlb_active(dev));
	tlb = map_it(dev);
	CHECK(is_in(&swiotlb_default_mem, dev, tlb));
	unmap(dev, tlb, PAGE_SIZE, DMA_FROM_DEVICE);
	CHECK_EQ(held(own_of(dev)), 0);
	shim_run_work();
	tlb = map_it(dev);
	CHECK(is_in(own_of(dev), dev, tlb));
	CHECK_EQ(swiotlb_mem_used(own_of(dev)), PAGE_SIZE >> IO_TLB_SHIFT);
	unmap(dev, tlb, PAGE_SIZE, DMA_FROM_DEVICE);
	/* The next map uses a magazine of that allocator */
	CHECK(is_in(own_of(dev), dev, map_it(dev)));
	/* The early mapping is freed to the common pool that it came from */
	check_used(PAGE_SIZE >> IO_TLB_SHIFT);
	unmap(dev, early, PAGE_SIZE, DMA_FROM_DEVICE);
	check_used(0);
	CHECK(!own_of(other));
}

/* Each port of a controller is a host: requests and queues of all hosts add up */
TEST(own_of_several_hosts_adds_up)
{
	unsigned int areas, port;
	struct swiotlb_mem *own;
	struct device *dev;

	boot("4096,own");
	areas = swiotlb_default_mem.growth.nareas;
	dev = device_with(1, SZ_16M);
	own = own_of(dev);
	CHECK_EQ(own->growth.max_nslots, 32 * MIB_SLOTS);
	CHECK_EQ(own->growth.nareas, 1);
	swiotlb_device_allocate(dev, 1, SZ_16M);
	CHECK(own_of(dev) == own);
	CHECK_EQ(own->growth.max_nslots, 64 * MIB_SLOTS);
	CHECK_EQ(own->growth.nareas, min(areas, 2U));
	swiotlb_device_allocate(dev, 2, 0);
	CHECK_EQ(own->growth.max_nslots, 64 * MIB_SLOTS);
	/* The limit has a maximum, however many callers there are and whatever they ask for */
	for (port = 0; port < 100; port++)
		swiotlb_device_allocate(dev, 7, SIZE_MAX);
	CHECK_EQ(own->growth.max_nslots, 2 * swiotlb_limit_nslots(own->common));
	CHECK_EQ(own->growth.nareas, areas);
}

/* If a driver is bound again, or hosts are replaced, the limit must not rise */
TEST(own_limit_does_not_rise_by_probing_again)
{
	struct swiotlb_mem *own;
	struct device *dev;
	unsigned int i;

	boot("4096,own");
	dev = device_with(1, SZ_8M);
	own = own_of(dev);
	for (i = 0; i < 100; i++) {
		CHECK(swiotlb_device_allocate(dev, 2, SZ_1M));
		CHECK_EQ(own->growth.max_nslots, 18 * MIB_SLOTS);
		swiotlb_device_reduce(dev, 2, SZ_1M);
	}
	CHECK_EQ(own->growth.max_nslots, 16 * MIB_SLOTS);
	CHECK_EQ(own->growth.nareas, 1);
	/* A caller may ask for more than the highest possible limit */
	swiotlb_device_allocate(dev, 1, SIZE_MAX);
	CHECK_EQ(own->growth.max_nslots, 2 * swiotlb_limit_nslots(own->common));
	swiotlb_device_reduce(dev, 1, SIZE_MAX);
	CHECK_EQ(own->growth.max_nslots, 16 * MIB_SLOTS);
	/* After the last caller has ended, the limit still allows one small pool */
	swiotlb_device_reduce(dev, 1, SZ_8M);
	CHECK_EQ(own->growth.max_nslots, 2 * MIB_SLOTS);
	CHECK(own->growth.nareas > 0);
	bounce_once(dev);
	shim_run_work();
	CHECK(is_in(own, dev, map_it(dev)));
}

/* swiotlb_device_reduce() changes nothing if the device has another allocator, or none */
TEST(own_is_not_reduced_where_there_is_none)
{
	struct device *dev;

	boot("4096,own");
	dev = device_with(1, SZ_8M);
	dev->dma_io_tlb_mem = &swiotlb_default_mem.pub;
	swiotlb_device_reduce(dev, 1, SZ_8M);
	CHECK_EQ(swiotlb_default_mem.growth.max_nslots, 0);
	dev->dma_io_tlb_mem = NULL;
	swiotlb_device_reduce(dev, 1, SZ_8M);
}

/* If swiotlb_device_allocate() returns false, nothing may be subtracted later */
TEST(own_counts_only_those_that_are_told)
{
	struct device *dev;

	boot("4096,own");
	dev = new_device(0, 0);
	*dev->dma_mask = DMA_BIT_MASK(30);
	CHECK(!swiotlb_device_allocate(dev, 1, SZ_1M));
	*dev->dma_mask = DMA_BIT_MASK(32);
	CHECK(!swiotlb_device_allocate(dev, 1, 0));
	CHECK(swiotlb_device_allocate(dev, 1, SZ_1M));
	dev->dma_io_tlb_mem = NULL;
	CHECK(!swiotlb_device_allocate(dev, 1, SZ_1M));
}

/* The limit falls below the slots in pools: no pool is added, and idle pools are freed */
TEST(own_may_hold_more_than_its_limit)
{
	static phys_addr_t tlbs[MOST];
	phys_addr_t orig;
	struct device *dev;
	unsigned int n;

	boot("4096,own");
	dev = owner(1, SZ_8M);
	orig = new_buffer(SZ_64K, 0);
	for (n = 0; n < 128; n++) {
		tlbs[n] = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		shim_advance(HZ / 8);
		shim_run_work();
	}
	CHECK_EQ(held(own_of(dev)), 16 * MIB_SLOTS);
	swiotlb_device_reduce(dev, 1, SZ_8M);
	CHECK(swiotlb_limit_room(own_of(dev)) < 0);
	ticks(10);
	CHECK_EQ(held(own_of(dev)), 16 * MIB_SLOTS);
	unmap_all(dev, SZ_64K, tlbs, n);
	ticks(20);
	CHECK_EQ(held(own_of(dev)), 0);
	check_used(0);
}

static void no_own(const void *arg)
{
	boot(arg);
	CHECK(!own_of(device_with(2, SZ_1M)));
}

TEST(own_is_for_those_that_ask)
{
	struct device *dev;

	in_child(no_own, "512,dynamic", "not wanted");
	in_child(no_own, "512,own,noforce", "no pool");
	boot("512,own");
	CHECK(!own_of(device_with(2, 0)));
	/* A device that does not reach all memory in which its pools could lie */
	dev = new_device(0, 0);
	*dev->dma_mask = DMA_BIT_MASK(30);
	swiotlb_device_allocate(dev, 2, SZ_1M);
	CHECK(!own_of(dev));
	dev->dma_mask = NULL;
	swiotlb_device_allocate(dev, 2, SZ_1M);
	CHECK(!own_of(dev));
	if (!shim_rmem_ops())
		return;
	dev = restricted_device(shim_take_ram(SZ_1M), SZ_1M, "rmem");
	swiotlb_device_allocate(dev, 2, SZ_1M);
	CHECK(!own_of(dev));
}

/* On a platform whose devices only reach the boot pool, no device has its own allocator */
TEST(own_is_not_for_a_fixed_pool)
{
	struct device *dev;

	boot_fixed("512,own", NULL);
	dev = device_with(2, SZ_1M);
	CHECK(!own_of(dev));
}

/* If pools can never be added, as under Xen, the log says at boot that "own" is ignored */
TEST(own_is_reported_where_it_is_ignored)
{
	shim_init();
	shim_boot_param("swiotlb", "512,own");
	swiotlb_init(true, SWIOTLB_FIXED);
	CHECK_EQ(shim_log_count("\"own\" is ignored"), 1);
	CHECK(!own_of(device_with(2, SZ_1M)));
}

/* After a platform has disabled growth, a device's own allocator does not grow, either */
TEST(own_ends_to_grow_with_all)
{
	struct device *dev;
	unsigned long before;

	boot("512,own");
	dev = new_device(0, 0);
	*dev->dma_mask = ~0ULL;
	swiotlb_device_allocate(dev, 2, SZ_64M);
	CHECK(own_of(dev)->common == &swiotlb_any_mem);
	bounce_once(dev);
	shim_run_work();
	before = held(own_of(dev));
	CHECK(before > 0);
	default_swiotlb_base();
	CHECK(swiotlb_limit_room(own_of(dev)) <= 0);
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, (phys_addr_t[4096]){ }, 4096);
	shim_run_work();
	CHECK_EQ(held(own_of(dev)), before);
}

static long planned;

static void see_plan(void)
{
	planned = atomic_long_read(&swiotlb_default_mem.growth.apart);
}

/* A pool that is being made for a device counts towards the common limit */
TEST(own_plan_counts_for_all)
{
	static phys_addr_t tlbs[768];
	struct device *dev;

	boot("512,own");
	dev = owner(1, SZ_16M);
	CHECK_EQ(held(own_of(dev)), 4 * MIB_SLOTS);
	CHECK_EQ(map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, 768), 768);
	shim_before_pages = see_plan;
	ticks(1);
	CHECK(planned > 4 * MIB_SLOTS);
	CHECK_EQ(held(own_of(dev)), planned);
}

TEST(own_has_an_area_for_each_queue)
{
	struct device *four, *one;
	phys_addr_t a, b;

	boot("4096,own");
	four = owner(4, SZ_64M);
	one = owner(1, SZ_64M);
	shim_set_cpu(0);
	a = map_it(four);
	shim_set_cpu(1);
	b = map_it(four);
	CHECK_EQ(b - a, SZ_1M);
	a = map_it(one);
	shim_set_cpu(0);
	b = map_it(one);
	CHECK(a - b < SZ_1M || b - a < SZ_1M);
}

/* The worker may be busy for seconds: meanwhile, maps do not ask it again and again */
TEST(worker_is_asked_once)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	struct device *dev;

	boot("512,dynamic");
	dev = new_device(0, 0);
	shim_advance(HZ);
	CHECK_EQ(shim_work_queued(), 0);
	swiotlb_growth_look(mem, dev, true);
	CHECK_EQ(shim_work_queued(), 1);
	/* As if the worker had begun */
	cancel_delayed_work_sync(&mem->growth.work);
	swiotlb_growth_look(mem, dev, true);
	CHECK_EQ(shim_work_queued(), 0);
	shim_advance(HZ);
	swiotlb_growth_look(mem, dev, true);
	CHECK_EQ(shim_work_queued(), 1);
}

TEST(own_memory_is_near_the_device)
{
	struct device *dev;

	boot("512,own");
	dev = device_with(2, SZ_1M);
	dev->shim_node_plus_one = 1 + 1;
	shim_mem_node = 0;
	map_it(dev);
	shim_asked_node = -1;
	shim_run_work();
	CHECK(held(own_of(dev)) > 0);
	CHECK_EQ(shim_asked_node, 1);
}

/* Own pools hold at most twice the declared bytes; beyond that, the device uses common pools */
TEST(own_borrows_when_it_is_full)
{
	static phys_addr_t tlbs[MOST];
	unsigned int n, in_own = 0, i;
	struct device *dev;
	phys_addr_t orig;

	boot("4096,own");
	dev = owner(1, SZ_2M);
	orig = new_buffer(SZ_64K, 0);
	for (n = 0; n < 128; n++) {
		tlbs[n] = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		CHECK(tlbs[n] != MAP_FAILED_ADDR);
		shim_advance(2);
		shim_run_work();
	}
	for (i = 0; i < n; i++)
		in_own += is_in(own_of(dev), dev, tlbs[i]);
	CHECK_EQ(held(own_of(dev)), 4 * MIB_SLOTS);
	CHECK_EQ(in_own, SZ_4M / SZ_64K);
	/* The common limit is not reached, so nothing is logged */
	CHECK_EQ(shim_log_count("can change that"), 0);
	unmap_all(dev, SZ_64K, tlbs, n);
	check_used(0);
	CHECK_EQ(swiotlb_mem_used(own_of(dev)), 0);
}

/* Map until no room is left, and no pool can be added; returns the number of mappings */
static unsigned int hog(struct device *dev, phys_addr_t *tlbs)
{
	phys_addr_t orig = new_buffer(SZ_64K, 0);
	unsigned int n = 0, idle = 0;

	while (n < MOST && idle < 20) {
		tlbs[n] = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		if (tlbs[n] != MAP_FAILED_ADDR) {
			n++;
			idle = 0;
			continue;
		}
		idle++;
		shim_advance(2);
		shim_run_work();
	}
	return n;
}

static phys_addr_t map_large(struct device *dev)
{
	return map_full(dev, new_buffer(SZ_64K, 0), SZ_64K, 0, DMA_TO_DEVICE,
			DMA_ATTR_NO_WARN);
}

/* A device that fills the common pools does not starve a device that has its own pools */
TEST(own_is_left_alone_by_a_hog)
{
	static phys_addr_t hogged[MOST];
	struct device *disk, *net, *third;
	unsigned int n, i;
	phys_addr_t tlb;

	boot("4096,1,own,max=64M");
	disk = owner(1, SZ_1G);
	net = owner(1, 64 * PAGE_SIZE);
	n = hog(disk, hogged);
	CHECK(n > 100);
	CHECK_EQ(map_large(disk), MAP_FAILED_ADDR);
	CHECK(atomic_long_read(&swiotlb_default_mem.events[SWIOTLB_FULL]) > 0);
	CHECK_EQ(atomic_long_read(&own_of(disk)->events[SWIOTLB_FULL]), 0);
	for (i = 0; i < 64; i++) {
		tlb = map_it(net);
		CHECK(tlb != MAP_FAILED_ADDR);
		CHECK(is_in(own_of(net), net, tlb));
	}
	/* The disk's own pools take at most half of the limit */
	CHECK(held(own_of(disk)) <= 32 * MIB_SLOTS);
	CHECK(held(own_of(disk)) + held(own_of(net)) + swiotlb_default_mem.pools.held <=
	      64 * MIB_SLOTS);
	third = new_device(0, 0);
	CHECK_EQ(map_large(third), MAP_FAILED_ADDR);
	unmap_all(disk, SZ_64K, hogged, n);
	CHECK(map_large(third) != MAP_FAILED_ADDR);
}

/* Adding the first pool allocates the index, which is never freed */
static struct shim_usage usage_before(void)
{
	end_device(owner(1, SZ_1M));
	ticks(10);
	return shim_usage();
}

/* The pools of an idle device are freed, and added again when it needs them */
TEST(own_shrinks_to_nothing)
{
	struct shim_usage before;
	struct device *dev;

	boot("512,own");
	before = usage_before();
	dev = owner(1, SZ_1M);
	CHECK(held(own_of(dev)) > 0);
	CHECK_EQ(atomic_long_read(&own_of(dev)->common->growth.apart), held(own_of(dev)));
	ticks(10);
	CHECK_EQ(held(own_of(dev)), 0);
	CHECK_EQ(shim_usage().pages, before.pages);
	CHECK_EQ(atomic_long_read(&own_of(dev)->common->growth.apart), 2 * MIB_SLOTS);
	CHECK_EQ(atomic_long_read(&own_of(dev)->growth.apart), 0);
	CHECK_EQ(shim_work_queued(), 0);
	CHECK(is_swiotlb_active(dev));
	CHECK(is_in(&swiotlb_default_mem, dev, map_it(dev)));
	shim_run_work();
	CHECK(is_in(own_of(dev), dev, map_it(dev)));
}

/* The pool of a device that bounces stays, even if no slot is in use when the worker runs */
TEST(own_pool_of_a_light_device_stays)
{
	struct device *dev;
	unsigned int i;
	long grown;

	boot("512,own");
	dev = owner(1, SZ_1M);
	grown = atomic_long_read(&own_of(dev)->events[SWIOTLB_GROWN]);
	for (i = 0; i < 20; i++) {
		bounce_once(dev);
		ticks(1);
		CHECK(held(own_of(dev)) > 0);
	}
	CHECK_EQ(atomic_long_read(&own_of(dev)->events[SWIOTLB_GROWN]), grown);
	ticks(10);
	CHECK_EQ(held(own_of(dev)), 0);
}

TEST(own_shrinks_under_pressure)
{
	struct device *dev;
	unsigned long freed;

	boot("512,own");
	dev = owner(1, SZ_1M);
	shim_advance(HZ);
	CHECK(held(own_of(dev)) > 0);
	CHECK(shim_shrink(&freed) > 0);
	shim_run_work();
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(held(own_of(dev)), 0);
}

/* All memory of the allocator is freed, and none counts towards a limit any more */
static void check_all_ended(const struct shim_usage *before)
{
	ticks(10);
	CHECK_EQ(shim_usage().kmallocs, before->kmallocs);
	CHECK_EQ(shim_usage().pages, before->pages);
	CHECK_EQ(shim_usage().pcpu_allocs, before->pcpu_allocs);
	CHECK_EQ(shim_usage().decrypted_pages, before->decrypted_pages);
	CHECK_EQ(atomic_long_read(&swiotlb_default_mem.growth.apart), 0);
	CHECK_EQ(atomic_long_read(&swiotlb_any_mem.growth.apart), 0);
	CHECK_EQ(shim_work_queued(), 0);
	CHECK_EQ(shim_log_count("a device has ended with"), 0);
	CHECK(!shim_debugfs_read("own1:test", "events"));
}

static void ends(const void *encrypted)
{
	struct shim_usage before;
	phys_addr_t tlbs[3];
	struct device *dev;
	unsigned int i;

	if (encrypted)
		boot_encrypted("512,own");
	else
		boot("512,own");
	before = usage_before();
	dev = owner(2, SZ_16M);
	CHECK(shim_debugfs_read("own1:test", "events") || !IS_ENABLED(CONFIG_DEBUG_FS));
	/* A driver may unmap late, but before it drops the last reference to the device */
	for (i = 0; i < 3; i++)
		tlbs[i] = map_it(dev);
	ticks(10);
	for (i = 0; i < 3; i++) {
		CHECK(is_in(own_of(dev), dev, tlbs[i]));
		unmap(dev, tlbs[i], PAGE_SIZE, DMA_FROM_DEVICE);
	}
	end_device(dev);
	check_all_ended(&before);
}

TEST(own_ends_with_the_device)
{
	in_child(ends, NULL, "plain");
	in_child(ends, "", "encrypted");
}

TEST(own_memory_that_is_lost_counts_for_all)
{
	struct device *dev;
	unsigned long lost;

	boot_encrypted("512,own");
	dev = owner(1, SZ_1M);
	lost = held(own_of(dev));
	CHECK(lost > 0);
	shim_fail(SHIM_FAULT_ENCRYPT, 0, 1);
	end_device(dev);
	ticks(20);
	shim_fail_none();
	CHECK_EQ(atomic_long_read(&swiotlb_default_mem.growth.apart), lost);
	CHECK_EQ(slots_event("leaked_bytes"), lost << IO_TLB_SHIFT);
}

TEST(own_ends_unused)
{
	struct shim_usage before;
	struct device *dev;

	boot("512,own");
	before = usage_before();
	dev = device_with(1, SZ_1M);
	end_device(dev);
	check_all_ended(&before);
	/* The end of a device does not affect the common allocator */
	end_device(new_device(0, 0));
	dev = new_device(0, 0);
	dev->dma_io_tlb_mem = NULL;
	end_device(dev);
	CHECK_EQ(shim_work_queued(), 0);
	CHECK(map_it(new_device(0, 0)) != MAP_FAILED_ADDR);
}

static struct device *gone;

static void end_gone(void)
{
	end_device(gone);
}

/* Nothing leaks if the device ends while the worker allocates memory for one of its pools */
TEST(own_ends_while_it_grows)
{
	struct shim_usage before;

	boot("512,own");
	before = usage_before();
	gone = device_with(2, SZ_16M);
	bounce_once(gone);
	shim_before_pages = end_gone;
	shim_run_work();
	CHECK(!shim_before_pages);
	check_all_ended(&before);
}

/* Pools with forgotten mappings stay, since the device may still write there */
TEST(own_stays_while_something_is_mapped)
{
	struct swiotlb_mem *own;
	struct io_tlb_pool *pool;
	struct device *dev;
	phys_addr_t tlb;

	boot("512,own");
	dev = owner(1, SZ_1M);
	own = own_of(dev);
	tlb = map_it(dev);
	pool = swiotlb_find_pool(dev, tlb);
	end_device(dev);
	ticks(20);
	CHECK(shim_page_allocated(tlb));
	CHECK_EQ(pool->mem == own, 1);
	CHECK_EQ(held(own), pool->nslots);
	CHECK_EQ(shim_log_count("a device has ended with"), 1);
}

/* A device that no longer reaches its own pools uses the common pools */
TEST(own_may_be_out_of_reach)
{
	struct device *dev;
	phys_addr_t tlb;

	boot("512,own");
	dev = owner(1, SZ_1M);
	CHECK(is_in(own_of(dev), dev, map_it(dev)));
	dev->bus_dma_limit = swiotlb_default_mem.boot_pool.end - 1;
	tlb = map_it(dev);
	CHECK(tlb != MAP_FAILED_ADDR && !is_in(own_of(dev), dev, tlb));
	dev->bus_dma_limit = 0;
	CHECK(is_in(own_of(dev), dev, map_it(dev)));
	/* Behind an IOMMU, the DMA mask does not matter */
	*dev->dma_mask = DMA_BIT_MASK(24);
	dev->dma_iommu = true;
	CHECK(is_in(own_of(dev), dev, map_it(dev)));
}

static phys_addr_t map_sleeping(struct device *dev, size_t bytes)
{
	return map_full(dev, new_buffer(bytes, 0), bytes, 0, DMA_TO_DEVICE,
			DMA_ATTR_MAY_SLEEP | DMA_ATTR_NO_WARN);
}

TEST(own_is_for_callers_that_sleep)
{
	struct device *dev;
	phys_addr_t tlb;

	boot("512,own");
	dev = owner(1, SZ_1M);
	tlb = map_sleeping(dev, PAGE_SIZE);
	CHECK(is_in(own_of(dev), dev, tlb));
	/* A mapping larger than any area */
	tlb = map_sleeping(dev, SZ_1M);
	CHECK(tlb != MAP_FAILED_ADDR && is_in(&swiotlb_default_mem, dev, tlb));
	/* A device that no longer reaches its own pools */
	dev->bus_dma_limit = swiotlb_default_mem.boot_pool.end - 1;
	CHECK(is_in(&swiotlb_default_mem, dev, map_sleeping(dev, PAGE_SIZE)));
}

static struct device *sleeper;
static phys_addr_t in_own, in_common, *to_free;

/* The first time, free a buffer of the device's own or of the common allocator */
static void time_passes(void)
{
	shim_advance(1);
	shim_run_work();
	if (!to_free)
		return;
	unmap(sleeper, *to_free, SZ_64K, DMA_TO_DEVICE);
	/* As if another map had just found no room: a waiting caller must search all the same */
	own_of(sleeper)->full = 1;
	to_free = NULL;
}

/* All pools are full, and @tlb is freed while a caller waits, which must get that buffer */
static void waits_for(const void *tlb)
{
	static phys_addr_t tlbs[MOST];
	unsigned int n, i;
	phys_addr_t got;

	boot("4096,1,own,max=16M");
	sleeper = owner(1, SZ_2M);
	n = hog(sleeper, tlbs);
	/* Choose the first mappings of each kind: the last ones are in transient pools */
	for (i = n; i--; )
		*(is_in(own_of(sleeper), sleeper, tlbs[i]) ? &in_own : &in_common) = tlbs[i];
	CHECK(in_own && in_common);
	to_free = (phys_addr_t *)tlb;
	shim_meanwhile = time_passes;
	got = map_sleeping(sleeper, SZ_64K);
	shim_meanwhile = NULL;
	/* The new mapping may include free slots beside that buffer */
	CHECK(got + SZ_64K > *(const phys_addr_t *)tlb &&
	      got < *(const phys_addr_t *)tlb + SZ_64K);
	CHECK_EQ(slots_event("waited"), 1);
	CHECK_EQ(slots_event("wait_timed_out"), 0);
	/* No caller waits any more, so magazines keep buffers again */
	CHECK(list_empty(&own_of(sleeper)->own_waiters));
	CHECK(!swiotlb_cache_is_waited(&own_of(sleeper)->cache));
	CHECK(!swiotlb_cache_is_waited(&swiotlb_default_mem.cache));
}

TEST(own_wakes_callers_that_wait)
{
	in_child(waits_for, &in_own, "its own");
	in_child(waits_for, &in_common, "the common one");
}

/* All pools are full, and a caller waits: it gets the buffer in its own pool that @frees unmaps */
static void wait_in_own(void (*frees)(void))
{
	static phys_addr_t tlbs[MOST];
	phys_addr_t got;

	boot("4096,1,own,max=16M");
	sleeper = owner(1, SZ_2M);
	hog(sleeper, tlbs);
	in_own = tlbs[0];
	CHECK(is_in(own_of(sleeper), sleeper, in_own));
	to_free = &in_own;
	shim_meanwhile = frees;
	got = map_sleeping(sleeper, SZ_64K);
	shim_meanwhile = NULL;
	CHECK_EQ(got, in_own);
}

/* Unmap while the first waiter is of another device; an access to that waiter is fatal */
static void free_beside_others(void)
{
	struct list_head *waiters = &swiotlb_default_mem.queue.waiters;
	struct swiotlb_waiter *others;

	shim_advance(1);
	if (!to_free)
		return;
	others = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	list_add(&others->node, waiters);
	mprotect(others, PAGE_SIZE, PROT_NONE);
	unmap(sleeper, *to_free, SZ_64K, DMA_TO_DEVICE);
	mprotect(others, PAGE_SIZE, PROT_READ | PROT_WRITE);
	list_del(&others->node);
	to_free = NULL;
}

TEST(own_unmap_does_not_look_at_other_waiters)
{
	wait_in_own(free_beside_others);
	CHECK(list_empty(&own_of(sleeper)->own_waiters));
}

/*
 * A caller that comes later must not get the buffer that is freed for the first one. While the
 * first caller waits, this hook frees the buffer, and then maps as the later caller.
 */
static phys_addr_t late;

static void late_comer(void)
{
	shim_advance(1);
	if (!to_free)
		return;
	unmap(sleeper, *to_free, SZ_64K, DMA_TO_DEVICE);
	to_free = NULL;
	shim_killed = true;
	late = map_sleeping(sleeper, SZ_64K);
	shim_killed = false;
}

TEST(own_is_not_for_those_that_come_later)
{
	wait_in_own(late_comer);
	CHECK_EQ(late, MAP_FAILED_ADDR);
}

/* A caller of another device waits, and @sleeper maps meanwhile */
static struct device *other;
static unsigned long elapsed;
static unsigned int step;
static void (*meanwhile)(void);

static void others_wait(void)
{
	unsigned long began = jiffies;

	shim_advance(1);
	shim_run_work();
	if (step++ == 1)
		meanwhile();
	if (step > 1)
		return;
	step = 1;
	late = map_sleeping(sleeper, SZ_64K);
	elapsed = jiffies - began;
	unmap(other, *to_free, SZ_64K, DMA_TO_DEVICE);
}

static void wait_behind_another(void (*fn)(void), phys_addr_t *tlb)
{
	to_free = tlb;
	meanwhile = fn;
	step = 0;
	shim_meanwhile = others_wait;
	CHECK(map_sleeping(other, SZ_64K) != MAP_FAILED_ADDR);
	shim_meanwhile = NULL;
	CHECK(is_in(own_of(sleeper), sleeper, late));
	CHECK_EQ(slots_event("wait_timed_out"), 0);
	CHECK(list_empty(&own_of(sleeper)->own_waiters));
	CHECK(!swiotlb_cache_is_waited(&own_of(sleeper)->cache));
}

static void do_nothing(void)
{
}

/* A caller with room in its device's own pools does not wait behind those of other devices */
TEST(own_room_is_used_while_others_wait)
{
	static phys_addr_t tlbs[MOST];

	boot("4096,1,own,max=16M");
	sleeper = owner(1, SZ_2M);
	other = new_device(0, 0);
	hog(other, tlbs);
	wait_behind_another(do_nothing, tlbs);
	CHECK_EQ(elapsed, 1);
	CHECK_EQ(slots_event("waited"), 1);
}

static void free_in_own(void)
{
	unmap(sleeper, in_own, SZ_64K, DMA_TO_DEVICE);
}

/* A freed buffer in an own pool wakes the first caller of the device, even behind others */
TEST(own_wakes_callers_behind_others)
{
	static phys_addr_t tlbs[MOST], hogged[MOST];

	boot("4096,1,own,max=16M");
	sleeper = owner(1, SZ_2M);
	other = new_device(0, 0);
	hog(sleeper, tlbs);
	in_own = tlbs[0];
	CHECK(is_in(own_of(sleeper), sleeper, in_own));
	unmap(sleeper, tlbs[64], SZ_64K, DMA_TO_DEVICE);
	CHECK(hog(other, hogged) > 0);
	wait_behind_another(free_in_own, hogged);
	CHECK_EQ(late, in_own);
	CHECK(elapsed < HZ);
	CHECK_EQ(slots_event("waited"), 2);
}

/*
 * A caller waits behind callers of other devices. A pool that is added to its own allocator wakes
 * it, and the common allocator has not grown.
 */
TEST(own_pool_wakes_callers_behind_others)
{
	static phys_addr_t hogged[MOST];

	boot("4096,1,own");
	sleeper = device_with(1, SZ_2M);
	other = new_device(0, 0);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	CHECK(hog(other, hogged) > 0);
	shim_fail_none();
	wait_behind_another(do_nothing, hogged);
	CHECK(elapsed < HZ / 2);
	CHECK_EQ(slots_event("waited"), 2);
	CHECK_EQ(held(own_of(sleeper)->common), 4096);
}

/* A caller that waits, in a thread of its own */
struct caller {
	pthread_t thread;
	struct device *dev;
	unsigned int cpu;
	size_t bytes;
	phys_addr_t orig, tlb;
	bool ended;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	shim_set_cpu(c->cpu);
	c->tlb = map_full(c->dev, c->orig, c->bytes, 0, DMA_TO_DEVICE,
			  DMA_ATTR_MAY_SLEEP | DMA_ATTR_NO_WARN);
	__atomic_store_n(&c->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Return when the caller sleeps, as waiter number @n */
static void start_caller(struct caller *c, unsigned int n, struct device *dev, size_t bytes)
{
	unsigned int i;

	*c = (struct caller){ .dev = dev, .cpu = n, .bytes = bytes };
	c->orig = new_buffer(bytes, 0);
	BUG_ON(pthread_create(&c->thread, NULL, call, c));
	for (i = 0; i < 20000 && __atomic_load_n(&shim_waiting, __ATOMIC_RELAXED) != n; i++)
		usleep(1000);
	CHECK_EQ(shim_waiting, n);
}

/* If the caller is not woken, let its wait time out */
static phys_addr_t end_caller(struct caller *c)
{
	unsigned int i;

	for (i = 0; i < 5000 && !__atomic_load_n(&c->ended, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	if (!CHECK(__atomic_load_n(&c->ended, __ATOMIC_ACQUIRE)))
		shim_advance(5 * HZ);
	pthread_join(c->thread, NULL);
	return c->tlb;
}

/* When the first caller of a device times out, a buffer too small for it wakes the next one */
TEST(own_wakes_the_next_caller_behind_others)
{
	static phys_addr_t tlbs[MOST], hogged[MOST];
	struct caller large, small, before, between;

	boot("4096,1,own,max=16M");
	sleeper = owner(1, SZ_2M);
	other = new_device(0, 0);
	hog(sleeper, tlbs);
	unmap(sleeper, tlbs[64], SZ_64K, DMA_TO_DEVICE);
	CHECK(hog(other, hogged) > 0);
	start_caller(&before, 1, other, SZ_64K);
	start_caller(&large, 2, sleeper, SZ_256K);
	shim_advance(HZ);
	start_caller(&between, 3, other, SZ_64K);
	start_caller(&small, 4, sleeper, SZ_64K);
	unmap(sleeper, tlbs[0], SZ_64K, DMA_TO_DEVICE);
	usleep(20000);
	CHECK(!small.ended && !large.ended);
	shim_advance(4 * HZ);
	CHECK_EQ(end_caller(&large), MAP_FAILED_ADDR);
	CHECK_EQ(end_caller(&before), MAP_FAILED_ADDR);
	CHECK_EQ(end_caller(&small), tlbs[0]);
	CHECK(!between.ended);
	unmap(other, hogged[0], SZ_64K, DMA_TO_DEVICE);
	CHECK(end_caller(&between) != MAP_FAILED_ADDR);
	CHECK(list_empty(&own_of(sleeper)->own_waiters));
}

/*
 * A device is unplugged while callers of other devices wait. Only its pools are freed, which is
 * enough for these callers: they must not wait until the worker looks again.
 */
static void waits_for_the_end(const void *mask)
{
	static phys_addr_t tlbs[MOST], hogged[MOST];
	struct caller first, second;
	struct device *waits;
	unsigned int n, step;

	boot("4096,1,own,max=16M");
	gone = owner(1, SZ_2M);
	other = new_device(0, 0);
	n = hog(gone, tlbs);
	CHECK_EQ(held(own_of(gone)), 4 * MIB_SLOTS);
	/* The common buffers of @gone are for the other device */
	while (n && !is_in(own_of(gone), gone, tlbs[n - 1]))
		unmap(gone, tlbs[--n], SZ_64K, DMA_TO_DEVICE);
	shim_run_work();
	CHECK(hog(other, hogged) > 0);
	waits = new_device(0, 0);
	*waits->dma_mask = *(const u64 *)mask;
	start_caller(&first, 1, waits, SZ_64K);
	start_caller(&second, 2, waits, SZ_64K);
	unmap_all(gone, SZ_64K, tlbs, n);
	ticks(1);
	CHECK(!first.ended);
	end_device(gone);
	/* Let only a quarter of a second pass: the worker runs in that time only if asked to */
	for (step = 0; step < 5000 && !__atomic_load_n(&second.ended, __ATOMIC_ACQUIRE); step++) {
		shim_run_work();
		if (step % (20000 / HZ) == 0)
			shim_advance(1);
		usleep(1000);
	}
	CHECK(end_caller(&first) != MAP_FAILED_ADDR);
	CHECK(end_caller(&second) != MAP_FAILED_ADDR);
	CHECK_EQ(slots_event("wait_timed_out"), 0);
}

TEST(own_that_ends_wakes_callers_of_others)
{
	static const u64 all = DMA_BIT_MASK(32), few = DMA_BIT_MASK(24);

	in_child(waits_for_the_end, &all, "that wait for slots");
	in_child(waits_for_the_end, &few, "that wait for the limit");
}

/* At the limit no pool can be added, so maps that find no room must not wake the worker */
TEST(own_at_its_limit_lets_the_worker_sleep)
{
	unsigned int n, jiffy, queued = 0;
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("16384,own");
	dev = owner(1, SZ_2M);
	orig = new_buffer(SZ_64K, 0);
	for (n = 0; n < 128; n++) {
		map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		shim_advance(2);
		shim_run_work();
	}
	CHECK_EQ(held(own_of(dev)), 4 * MIB_SLOTS);
	ticks(1);
	for (jiffy = 0; jiffy < HZ / 2; jiffy++) {
		tlb = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		CHECK(is_in(&swiotlb_default_mem, dev, tlb));
		unmap(dev, tlb, SZ_64K, DMA_TO_DEVICE);
		shim_advance(1);
		queued += READ_ONCE(own_of(dev)->growth.failed);
		shim_run_work();
	}
	CHECK_EQ(queued, 0);
	/* Once the limit allows more, a map wakes the worker again */
	swiotlb_device_allocate(dev, 1, SZ_2M);
	tlb = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	CHECK(READ_ONCE(own_of(dev)->growth.failed));
	shim_run_work();
	CHECK_EQ(held(own_of(dev)), 8 * MIB_SLOTS);
}

static bool next_is_in_own(struct device *dev, phys_addr_t orig, size_t size)
{
	return is_in(own_of(dev), dev, map_full(dev, orig, size, 0, DMA_TO_DEVICE,
						DMA_ATTR_NO_WARN));
}

/* Maps do not search a full allocator again until a buffer is freed */
TEST(own_that_is_full_is_not_searched)
{
	static phys_addr_t tlbs[128];
	struct swiotlb_mem *own;
	struct device *dev;
	phys_addr_t orig;
	unsigned int n;

	boot("16384,own");
	dev = owner(1, SZ_2M);
	own = own_of(dev);
	orig = new_buffer(SZ_64K, 0);
	for (n = 0; n < 128; n++) {
		tlbs[n] = map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		shim_advance(2);
		shim_run_work();
	}
	CHECK_EQ(held(own), 4 * MIB_SLOTS);
	for (n = 0; !is_in(own, dev, tlbs[n]); n++)
		;
	CHECK(!next_is_in_own(dev, orig, SZ_64K));
	CHECK_EQ(own->full, SZ_64K / IO_TLB_SIZE);
	unmap(dev, tlbs[n], SZ_64K, DMA_TO_DEVICE);
	CHECK(next_is_in_own(dev, orig, SZ_64K));
	/* Set @full like a map whose search ended before the unmap: the buffer is missed */
	CHECK(!next_is_in_own(dev, orig, SZ_64K));
	unmap(dev, tlbs[n + 1], SZ_64K, DMA_TO_DEVICE);
	own->full = SZ_64K / IO_TLB_SIZE;
	CHECK(!next_is_in_own(dev, orig, SZ_64K));
	shim_advance(3);
	CHECK(next_is_in_own(dev, orig, SZ_64K));
	/* A smaller map searches all the same */
	CHECK(!next_is_in_own(dev, orig, SZ_64K));
	unmap(dev, tlbs[n + 2], SZ_64K, DMA_TO_DEVICE);
	own->full = SZ_64K / IO_TLB_SIZE;
	CHECK(next_is_in_own(dev, orig, SZ_32K));
}

static unsigned int wakes_at_the_limit(struct device *dev)
{
	phys_addr_t orig = new_buffer(SZ_64K, 0);
	unsigned int jiffy, queued = 0;

	for (jiffy = 0; jiffy < 50; jiffy++) {
		CHECK_EQ(map_full(dev, orig, SZ_64K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
			 MAP_FAILED_ADDR);
		queued += READ_ONCE(swiotlb_default_mem.growth.failed);
		shim_advance(1);
		shim_run_work();
	}
	return queued;
}

/* Map until no room is left. The worker runs after each map, and adds pools in advance */
static unsigned int fill(struct device *dev, phys_addr_t *tlbs)
{
	unsigned int n;

	for (n = 0; n < MOST; n++) {
		tlbs[n] = map_large(dev);
		if (tlbs[n] == MAP_FAILED_ADDR)
			break;
		shim_advance(HZ / 8);
		shim_run_work();
	}
	return n;
}

/* At the limit, a map wakes the worker only if there is a closed pool to open */
TEST(limit_lets_the_worker_open_a_closed_pool)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	static phys_addr_t tlbs[MOST];
	struct device *dev;
	unsigned int n, i;

	boot("512,1,dynamic,max=3M");
	dev = new_device(0, 0);
	n = fill(dev, tlbs);
	CHECK_EQ(held(mem), 3 * MIB_SLOTS);
	CHECK_EQ(wakes_at_the_limit(dev), 0);
	/* The last mapping keeps the pool from being freed */
	unmap_all(dev, SZ_64K, tlbs, n - 1);
	ticks(10);
	CHECK_EQ(mem->pub.nslabs, MIB_SLOTS);
	CHECK_EQ(held(mem), 3 * MIB_SLOTS);
	tlbs[0] = tlbs[n - 1];
	for (i = 1; i < n; i++) {
		tlbs[i] = map_large(dev);
		if (tlbs[i] == MAP_FAILED_ADDR)
			break;
	}
	CHECK(i < n && READ_ONCE(mem->growth.failed));
	shim_advance(1);
	shim_run_work();
	CHECK_EQ(mem->pub.nslabs, 3 * MIB_SLOTS);
	n = i + hog(dev, tlbs + i);
	CHECK_EQ(wakes_at_the_limit(dev), 0);
	unmap_all(dev, SZ_64K, tlbs, n);
	ticks(20);
	CHECK_EQ(held(mem), MIB_SLOTS);
	fill(dev, tlbs);
	CHECK_EQ(held(mem), 3 * MIB_SLOTS);
	CHECK_EQ(wakes_at_the_limit(dev), 0);
}

#define PROBES 4
#define RACES 300

static pthread_barrier_t at_once;
static struct device *probed[RACES];

static void *probe(void *unused)
{
	unsigned int i;

	for (i = 0; i < RACES; i++) {
		pthread_barrier_wait(&at_once);
		swiotlb_device_allocate(probed[i], 1, SZ_1M);
	}
	return NULL;
}

/* Hosts of one device are probed at once: they share an allocator, and each counts */
TEST(own_probes_race)
{
	struct shim_usage before;
	pthread_t threads[PROBES];
	unsigned int i;

	boot("512,own");
	before = usage_before();
	for (i = 0; i < RACES; i++)
		probed[i] = new_device(0, 0);
	pthread_barrier_init(&at_once, NULL, PROBES);
	for (i = 0; i < PROBES; i++)
		BUG_ON(pthread_create(&threads[i], NULL, probe, NULL));
	for (i = 0; i < PROBES; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < RACES; i++) {
		CHECK_EQ(own_of(probed[i])->growth.max_nslots, PROBES * 2 * MIB_SLOTS);
		end_device(probed[i]);
	}
	ticks(3);
	CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	CHECK_EQ(shim_work_queued(), 0);
}

/* Whichever allocation fails, the device can map */
TEST(own_without_memory)
{
	struct device *dev;
	unsigned int nth;

	boot("512,own");
	for (nth = 0; nth < 6; nth++) {
		shim_fail(SHIM_FAULT_KMALLOC, nth, 1);
		dev = device_with(1, SZ_1M);
		CHECK_EQ(!own_of(dev), nth == 0);
		bounce_once(dev);
		shim_run_work();
		shim_fail_none();
		CHECK(map_it(dev) != MAP_FAILED_ADDR);
	}
}

static struct io_tlb_pool taken;

/* Take all free pool numbers but one, or release them */
static void take_numbers(bool take)
{
	unsigned int i, spared = 0;

	for (i = 1; i < SWIOTLB_MAX_POOLS; i++) {
		if (!take && swiotlb_pool_table[i] == &taken)
			swiotlb_pool_table[i] = NULL;
		else if (take && !swiotlb_pool_table[i] && spared++)
			swiotlb_pool_table[i] = &taken;
	}
}

/* Without a free pool number, a device uses the common pools, and then transient pools */
TEST(own_of_more_devices_than_numbers)
{
	static phys_addr_t tlbs[MOST];
	struct device *first, *dev;
	unsigned int n;

	boot("512,1,own,max=16M");
	take_numbers(true);
	first = owner(1, SZ_1M);
	CHECK(held(own_of(first)) > 0);
	dev = owner(1, SZ_1M);
	CHECK_EQ(held(own_of(dev)), 0);
	CHECK_EQ(atomic_long_read(&own_of(dev)->events[SWIOTLB_GROW_FAILED]), 1);
	CHECK(shim_log_has("Failed to allocate new pool"));
	n = hog(dev, tlbs);
	CHECK(n > swiotlb_default_mem.boot_pool.nslots / (SZ_64K >> IO_TLB_SHIFT));
	CHECK(slots_event("transient") > 0);
	CHECK_EQ(slots_event("grown"), 0);
	unmap_all(dev, SZ_64K, tlbs, n);
	/* When the first device has ended, the number of its pool is free */
	end_device(first);
	ticks(100);
	bounce_once(dev);
	shim_run_work();
	CHECK(held(own_of(dev)) > 0);
	take_numbers(false);
}

static unsigned int decrypted;

static void count_decryption(const void *vaddr, size_t bytes)
{
	decrypted++;
}

/* A pool for which no number is free is not made: clearing and decrypting it is expensive */
TEST(own_pool_without_a_number_is_not_made)
{
	struct device *first, *dev;

	boot_encrypted("512,1,own,max=64M");
	take_numbers(true);
	first = owner(1, SZ_1M);
	CHECK(held(own_of(first)) > 0);
	shim_on_decrypt = count_decryption;
	dev = owner(1, SZ_1M);
	CHECK_EQ(held(own_of(dev)), 0);
	CHECK_EQ(map_sleeping(dev, SZ_1M), MAP_FAILED_ADDR);
	CHECK_EQ(decrypted, 0);
	/* Release the number of a pool */
	end_device(first);
	ticks(100);
	CHECK(map_sleeping(dev, SZ_1M) != MAP_FAILED_ADDR);
	CHECK_EQ(decrypted, 1);
	shim_on_decrypt = NULL;
	take_numbers(false);
}

/* If the limit leaves room only for a small pool, that pool is added, and nothing is logged */
TEST(own_of_little_memory)
{
	struct device *dev;

	boot("dynamic,own,max=6M");
	dev = owner(1, SZ_64M);
	CHECK_EQ(held(own_of(dev)), 2 * MIB_SLOTS);
	CHECK_EQ(shim_log_count("max="), 0);
	CHECK(is_in(own_of(dev), dev, map_it(dev)));
}

/* Count the failed maps of a device that has its own allocator, but no pool yet */
static unsigned int cold_maps_fail(struct device *dev)
{
	unsigned int i, failed = 0;

	for (i = 0; i < 64; i++) {
		failed += map_it(dev) == MAP_FAILED_ADDR;
		shim_advance(1);
		shim_run_work();
	}
	return failed;
}

/* An idle device without a pool gets one when it maps, even if another device fills all pools */
TEST(own_of_an_idle_device_is_not_starved)
{
	static phys_addr_t hogged[MOST];
	struct device *disk, *idle;

	boot("4096,1,own,max=64M");
	disk = owner(1, SZ_1G);
	idle = owner(1, 64 * PAGE_SIZE);
	ticks(10);
	CHECK_EQ(held(own_of(idle)), 0);
	CHECK(hog(disk, hogged) > 0);
	CHECK_EQ(cold_maps_fail(idle), 0);
	CHECK_EQ(held(own_of(idle)), 2 * MIB_SLOTS);
	/* No room is kept for a device that has ended */
	end_device(idle);
	ticks(10);
	CHECK(map_it(new_device(0, 0)) != MAP_FAILED_ADDR);
}
#endif
