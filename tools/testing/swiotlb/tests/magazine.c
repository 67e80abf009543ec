// SPDX-License-Identifier: GPL-2.0-only
/* Magazines and depots: which buffers they keep, when they are drained, and no leaks. */
#include "harness.h"

#ifdef ENGINE_ours

#include <engine/mem.h>

#define MOST 4096
/* Jiffies after which an allocator is no longer crowded */
#define NOT_CROWDED 3
#define BLOCK_CLASS 1

static struct swiotlb_mem *mem = &swiotlb_default_mem;
static struct device *dev;
static phys_addr_t orig, tlbs[MOST];

/* @ncpus: number of CPUs, 0 for the default */
static void start(unsigned int ncpus, const char *pool)
{
	if (ncpus)
		shim_nr_cpus = ncpus;
	boot_fixed(pool, NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
}

static phys_addr_t map_one(size_t size)
{
	return map_full(dev, orig, size, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
}

static void unmap_one(phys_addr_t tlb, size_t size)
{
	unmap(dev, tlb, size, DMA_TO_DEVICE);
}

static void map_n(unsigned int n, size_t size)
{
	CHECK_EQ(map_until_full(dev, orig, size, tlbs, n), n);
}

/* Unmap the oldest mapping first */
static void unmap_range(unsigned int from, unsigned int to, size_t size)
{
	for (; from < to; from++)
		unmap_one(tlbs[from], size);
}

/* Map and unmap @n buffers on this CPU */
static void churn(unsigned int n, size_t size)
{
	map_n(n, size);
	unmap_all(dev, size, tlbs, n);
}

static unsigned long pools_used(void)
{
	struct io_tlb_pool *pool;
	unsigned long nslots = 0;

	swiotlb_for_each_pool_locked(pool, mem)
		nslots += swiotlb_pool_used(pool);
	return nslots;
}

/* Free slots in magazines and depots */
static unsigned long kept(void)
{
	return pools_used() - swiotlb_mem_used(mem);
}

static struct swiotlb_magazine *magazine(unsigned int cpu)
{
	return (void *)per_cpu_ptr(mem->cache.cpu, cpu) +
	       swiotlb_magazine_offset[BLOCK_CLASS];
}

static unsigned int depot_count(void)
{
	return READ_ONCE(mem->cache.depot[BLOCK_CLASS].count);
}

/* Check that no slot leaks: the whole pool can be mapped, in the largest pieces */
static void check_all_there(void)
{
	size_t max = swiotlb_max_mapping_size(dev);
	unsigned int n;

	swiotlb_magazines_drain(&mem->cache);
	CHECK_EQ(pools_used(), 0);
	n = map_until_full(dev, orig, max, tlbs, MOST);
	CHECK_EQ(n, mem->pub.nslabs / SWIOTLB_MAX_SLOTS);
	unmap_all(dev, max, tlbs, n);
	CHECK_EQ(swiotlb_mem_used(mem), 0);
	shim_advance(NOT_CROWDED);
}

/* ---- kept buffers */

/* A buffer is reused on the CPU that unmapped it, not on others */
TEST(magazine_hands_out_what_was_freed_last)
{
	phys_addr_t other;

	start(0, "4096,4");
	map_n(3, BLOCK);
	unmap_one(tlbs[0], BLOCK);
	unmap_one(tlbs[2], BLOCK);
	CHECK_EQ(kept(), 4);

	shim_set_cpu(1);
	other = map_one(BLOCK);
	CHECK(other != tlbs[0] && other != tlbs[2]);
	unmap_one(other, BLOCK);
	shim_set_cpu(0);
	CHECK_EQ(map_one(BLOCK), tlbs[2]);
	CHECK_EQ(map_one(BLOCK), tlbs[0]);
	CHECK_EQ(kept(), 2);
	unmap_range(0, 3, BLOCK);
	check_all_there();
}

struct shape {
	const char *pool;
	unsigned int ncpus;
};

/* Map and unmap on all CPUs, in all sizes */
static void check_quarter(const void *arg)
{
	const struct shape *s = arg;
	unsigned int cpu, order, n;
	unsigned long most = 0;
	size_t size;

	start(s->ncpus, s->pool);
	for (order = 0; order < SWIOTLB_NR_CLASSES; order++) {
		size = IO_TLB_SIZE << order;
		for (cpu = 0; cpu < s->ncpus; cpu++) {
			shim_set_cpu(cpu);
			n = map_until_full(dev, orig, size, tlbs, 256);
			shim_advance(NOT_CROWDED);
			unmap_all(dev, size, tlbs, n);
			most = max(most, kept());
			if (!CHECK(most <= mem->pub.nslabs / 4))
				return;
		}
	}
	CHECK(most > 0);
	check_all_there();
}

TEST(magazines_hold_a_quarter_at_most)
{
	static const struct shape shapes[] = {
		{ "8192,64", 64 }, { "32768,64", 64 }, { "2048,2", 2 }, { "32768,2", 2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		in_child(check_quarter, &shapes[i], shapes[i].pool);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* Magazines may hold a share of the slots of open pools, so each added pool raises the limit */
TEST(magazines_hold_more_while_there_are_more_pools)
{
	unsigned int i, limit;

	shim_nr_cpus = 1;
	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(BLOCK, 0);
	limit = magazine(0)->limit;
	for (i = 0; i < 356; i++) {
		shim_advance(1);
		tlbs[i] = map_one(BLOCK);
		shim_run_work();
	}
	CHECK(!list_is_singular(&mem->pools.list));
	CHECK(magazine(0)->limit > limit);
	unmap_range(0, 356, BLOCK);
	ticks(20);
	CHECK(list_is_singular(&mem->pools.list));
	CHECK_EQ(magazine(0)->limit, limit);
}
#endif

/* If no pools can be added, a device only needs to reach the boot pool */
TEST(magazines_of_a_fixed_pool_are_for_all_that_reach_it)
{
	u64 before;

	start(1, "4096,1");
	dev = device_below(DMA_BIT_MASK(31));
	churn(1, BLOCK);
	before = shim_current()->taken;
	churn(1, BLOCK);
	CHECK_EQ(shim_current()->taken, before);
	CHECK_EQ(kept(), 2);
}

/* A buffer that does not fit the alignment of the device is freed to its area */
TEST(misaligned_buffer_is_handed_to_no_device_that_minds)
{
	struct device *plain, *nvme;
	phys_addr_t odd;

	start(1, "4096,1");
	plain = dev;
	nvme = new_device(PAGE_SIZE - 1, 0);
	/* A page at an odd slot: its size has a class, but it is not aligned to a page */
	odd = map(nvme, orig + IO_TLB_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(odd & ~PAGE_MASK, IO_TLB_SIZE);
	unmap(nvme, odd, PAGE_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(kept(), PAGE_SLOTS);
	tlbs[0] = map(plain, orig, PAGE_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(tlbs[0] & ~PAGE_MASK, 0);
	CHECK_EQ(kept(), 0);
	unmap(plain, tlbs[0], PAGE_SIZE, DMA_TO_DEVICE);
	CHECK_EQ(map(nvme, orig, PAGE_SIZE, DMA_TO_DEVICE), tlbs[0]);
	unmap(nvme, tlbs[0], PAGE_SIZE, DMA_TO_DEVICE);
	check_all_there();
}

/* A buffer that does not fit one map can be used by the next one */
TEST(misfit_is_not_lost)
{
	struct device *nvme;

	start(1, "512,1");
	nvme = new_device(PAGE_SIZE - 1, 0);
	map_n(512, IO_TLB_SIZE);
	unmap_one(tlbs[4], IO_TLB_SIZE);
	CHECK_EQ(map_full(nvme, orig + IO_TLB_SIZE, IO_TLB_SIZE, 0, DMA_TO_DEVICE,
			  DMA_ATTR_NO_WARN), MAP_FAILED_ADDR);
	CHECK_EQ(map_one(IO_TLB_SIZE), tlbs[4]);
	check_used(512);
}

/* Enough for magazines with any page size */
#define POOL_BYTES (1024 * PAGE_SIZE)

#ifdef CONFIG_DMA_RESTRICTED_POOL
/* Coherent memory of any size can use buffers in the magazines of a restricted pool */
TEST(restricted_pool_drains_for_coherent_memory)
{
	struct page *pages[POOL_BYTES / SZ_256K];
	unsigned int i;

	boot("512,1");
	dev = restricted_device(shim_take_ram(POOL_BYTES), POOL_BYTES, "restricted");
	mem = to_swiotlb_mem(dev->dma_io_tlb_mem);
	orig = new_buffer(PAGE_SIZE, 0);
	map_n(POOL_BYTES / PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < POOL_BYTES / PAGE_SIZE; i++) {
		shim_set_cpu(i % 4);
		unmap_one(tlbs[i], PAGE_SIZE);
	}
	shim_set_cpu(0);
	CHECK(kept() > 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		CHECK(pages[i] = swiotlb_alloc(dev, SZ_256K, 0));
	CHECK(!swiotlb_alloc(dev, PAGE_SIZE, DMA_ATTR_NO_WARN));
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		CHECK(swiotlb_free(dev, pages[i], SZ_256K));
	CHECK_EQ(swiotlb_mem_used(mem), 0);
}

/* If a page of coherent memory is freed twice, a magazine still holds it only once */
TEST(restricted_pool_keeps_a_page_once)
{
	struct page *a, *b, *c;

	boot("512,1");
	dev = restricted_device(shim_take_ram(POOL_BYTES), POOL_BYTES, "restricted");
	mem = to_swiotlb_mem(dev->dma_io_tlb_mem);
	a = swiotlb_alloc(dev, PAGE_SIZE, 0);
	CHECK(swiotlb_free(dev, a, PAGE_SIZE));
	swiotlb_free(dev, a, PAGE_SIZE);
	CHECK_EQ(shim_log_count("is free already"), 1);
	CHECK_EQ(kept(), PAGE_SIZE >> IO_TLB_SHIFT);
	b = swiotlb_alloc(dev, PAGE_SIZE, 0);
	CHECK(a == b);
	c = swiotlb_alloc(dev, PAGE_SIZE, 0);
	CHECK(c && c != a);
}
#endif

/* With many CPUs, magazines of a small pool hold nothing, so unmaps do not lock depots */
TEST(depot_is_left_alone_without_magazines)
{
	unsigned int taken;

	start(64, "512,1");
	map_n(1, SZ_4K);
	CHECK_EQ(magazine(0)->limit, 0);
	CHECK(mem->cache.depot[swiotlb_class(2)].limit > 0);
	taken = shim_current()->taken;
	unmap_one(tlbs[0], SZ_4K);
	/* Only the lock of the area */
	CHECK_EQ(shim_current()->taken - taken, 1);
}

/* All functions work without magazines, including those that would drain them */
TEST(no_memory_for_magazines)
{
	struct shim_usage before;
	unsigned int nth;

	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_early_initcalls_run();
	for (nth = 0; nth < 40 && !mem->cache.cpu; nth++) {
		before = shim_usage();
		shim_fail(SHIM_FAULT_KMALLOC, nth, 1);
		mutex_lock(&swiotlb_pools_lock);
		swiotlb_mem_start_magazines(mem);
		mutex_unlock(&swiotlb_pools_lock);
		shim_fail_none();
		if (mem->cache.cpu)
			break;
		CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
		CHECK_EQ(shim_usage().pcpu_allocs, before.pcpu_allocs);
	}
	/* Allocations of the depots, of their cells, and of the magazines */
	CHECK_EQ(nth, 3);

	dev = new_device(0, 0);
	orig = new_buffer(IO_TLB_SIZE, 0);
	churn(4, IO_TLB_SIZE);
	CHECK_EQ(kept(), 4);
	swiotlb_magazines_stop(&mem->cache);
	CHECK(!mem->cache.cpu);
	CHECK_EQ(pools_used(), 0);
	map_n(512, IO_TLB_SIZE);
	swiotlb_magazines_drain(&mem->cache);
	swiotlb_magazines_resize(&mem->cache, 512);
	unmap_range(0, 512, IO_TLB_SIZE);
	CHECK_EQ(pools_used(), 0);
}

/* ---- slots in use, counted by each CPU */

TEST(used_is_exact_whichever_cpu_unmaps)
{
	unsigned int i;

	start(4, "4096,4");
	for (i = 0; i < 64; i++) {
		shim_set_cpu(i % 4);
		tlbs[i] = map_one(BLOCK);
		CHECK_EQ(swiotlb_mem_used(mem), 2 * (i + 1));
	}
	for (i = 0; i < 64; i++) {
		shim_set_cpu((i + 1 + i / 32) % 4);
		unmap_one(tlbs[i], BLOCK);
		CHECK_EQ(swiotlb_mem_used(mem), 2 * (63 - i));
	}
	check_used(0);
}

/* The sum may include an unmap, but not its map on another CPU: it is never negative */
TEST(used_is_never_negative)
{
	start(4, "4096,4");
	per_cpu_ptr(mem->cache.cpu, 1)->used = -2;
	CHECK_EQ(swiotlb_mem_used(mem), 0);
}

/* The count is exact even if drivers map before there are magazines, and unmap afterwards */
TEST(used_is_exact_from_the_first_map_on)
{
	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_early_initcalls_run();
	dev = new_device(0, 0);
	orig = new_buffer(BLOCK, 0);
	map_n(20, BLOCK);
	CHECK(!mem->cache.cpu);
	unmap_range(0, 5, BLOCK);
	CHECK_EQ(swiotlb_mem_used(mem), 30);
	shim_initcalls_run();
	CHECK(mem->cache.cpu);
	CHECK_EQ(swiotlb_mem_used(mem), 30);
	shim_set_cpu(1);
	unmap_range(5, 20, BLOCK);
	CHECK_EQ(swiotlb_mem_used(mem), 0);
	map_n(3, BLOCK);
	CHECK_EQ(swiotlb_mem_used(mem), 6);
}

/* ---- from CPU to CPU */

/* CPU 0 maps, CPU 1 unmaps: the same buffers circulate through the depot */
TEST(depot_hands_buffers_on)
{
	phys_addr_t first, highest = 0;
	unsigned int i, settled;

	start(4, "32768,4");
	first = default_swiotlb_base();
	map_n(64, BLOCK);
	for (i = 0; i < 20000; i++) {
		shim_set_cpu(1);
		unmap_one(tlbs[i % 64], BLOCK);
		shim_set_cpu(0);
		tlbs[i % 64] = map_one(BLOCK);
		if (i >= 1000)
			highest = max(highest, tlbs[i % 64]);
	}
	/* The sum of the buffers in flight, in two magazines, and of one batch in the depot */
	settled = (highest - first) / BLOCK;
	CHECK_MSG(settled < 64 + 3 * magazine(0)->limit, "%u buffers are in use",
		  settled);
	unmap_range(0, 64, BLOCK);
	check_all_there();
}

/* In pairs of CPUs, one maps and the other unmaps: count locks per map and unmap */
static void check_pairs(const void *arg)
{
	static phys_addr_t ring[32][64];
	unsigned int n, pair, moved;
	u64 before = 0;
	double locks;

	start(64, arg);
	for (n = 0; n < 1064; n++) {
		for (pair = 0; pair < 32; pair++) {
			if (n == 564 && !pair)
				before = shim_current()->taken;
			if (n >= 64) {
				shim_set_cpu(2 * pair + 1);
				unmap_one(ring[pair][n % 64], BLOCK);
			}
			shim_set_cpu(2 * pair);
			ring[pair][n % 64] = map_one(BLOCK);
		}
	}
	locks = (double)(shim_current()->taken - before) / (500 * 32);
	moved = magazine(0)->limit * 7 / 8;
	/* One lock by each of the two CPUs per batch, and a few more */
	CHECK_MSG(locks < 2.5 / max(moved, 1U), "%.2f locks, %u move at once",
		  locks, moved);
	shim_set_cpu(0);
}

TEST(pairs_of_cpus_share_the_cost_of_a_lock)
{
	in_child(check_pairs, "16384,64", "32 MiB");
	in_child(check_pairs, "65536,64", "128 MiB");
}

static u32 stolen;

static void steal(void)
{
	stolen = swiotlb_magazine_take(magazine(0));
}

/* A task that was migrated from this CPU takes a buffer that is moving to the depot */
TEST(unload_leaves_what_another_takes)
{
	unsigned int limit;

	start(4, "65536,4");
	limit = magazine(0)->limit;
	CHECK(limit > 16);
	map_n(limit + 1, BLOCK);
	unmap_range(0, limit, BLOCK);
	shim_before_cmpxchg = steal;
	unmap_one(tlbs[limit], BLOCK);
	CHECK(stolen);
	/* The depot has not got the stolen buffer */
	CHECK_EQ(depot_count(), limit * 7 / 8 - 1);
	CHECK(swiotlb_magazine_push(magazine(0), stolen));
	CHECK_EQ(kept(), 2 * (limit + 1));
	check_all_there();
}

/* ---- crowded: no area had room a moment ago */

/* Small buffers in all magazines are freed so that larger mappings get their slots */
TEST(magazines_are_emptied_before_a_map_fails)
{
	unsigned int i;

	start(4, "2048,1");
	map_n(2048, 512);
	for (i = 0; i < 2048; i++) {
		shim_set_cpu(i % 4);
		unmap_one(tlbs[i], 512);
	}
	CHECK(kept() > 0);
	check_used(0);
	map_n(1024, BLOCK);
}

/* Freed slots return to their area, where they make longer runs */
TEST(nothing_is_kept_after_a_failed_map)
{
	start(1, "512,1");
	map_n(512, 512);
	CHECK_EQ(map_one(512), MAP_FAILED_ADDR);
	unmap_one(tlbs[7], 512);
	CHECK_EQ(kept(), 0);
	shim_advance(NOT_CROWDED);
	unmap_one(tlbs[8], 512);
	CHECK_EQ(kept(), 1);
}

/* One jiffy before jiffies wrap: a deadline of 0 would mean that nothing is crowded */
TEST(nothing_is_kept_while_jiffies_wrap)
{
	start(1, "512,1");
	map_n(512, 512);
	shim_jiffies = -1UL;
	CHECK_EQ(map_one(512), MAP_FAILED_ADDR);
	unmap_one(tlbs[7], 512);
	CHECK_EQ(kept(), 0);
}

/* A deadline of long ago has expired, although wrapped jiffies put it in the future */
TEST(failed_map_of_long_ago_is_no_crowd)
{
	start(1, "512,1");
	map_n(512, 512);
	CHECK_EQ(map_one(512), MAP_FAILED_ADDR);
	shim_jiffies += LONG_MAX + 10UL;
	unmap_one(tlbs[7], 512);
	CHECK_EQ(kept(), 1);
}

static u64 locks_of_a_failing_map(void)
{
	u64 before = shim_current()->taken;

	CHECK_EQ(map_one(IO_TLB_SIZE), MAP_FAILED_ADDR);
	return shim_current()->taken - before;
}

/* After a drain that found nothing, maps do not drain again while the allocator is crowded */
TEST(failing_map_drains_once_a_jiffy)
{
	unsigned int i, n;

	start(4, "512,1");
	map_n(512, IO_TLB_SIZE);
	for (n = 0; n < 4; n++) {
		CHECK(locks_of_a_failing_map() > 0);
		for (i = 0; i < 10; i++)
			CHECK_EQ(locks_of_a_failing_map(), 0);
		shim_advance(NOT_CROWDED);
	}
}

static void drain_on_another_cpu(void)
{
	swiotlb_magazines_drain(&mem->cache);
}

/* A map finds slots that another CPU drains after the map has found no room in the area */
TEST(map_finds_what_another_cpu_has_drained)
{
	unsigned int i;

	start(1, "512,1");
	map_n(512, IO_TLB_SIZE);
	/* Free single slots in the area, so that it is searched, but has no room */
	for (i = 30; i < 38; i += 2)
		unmap_one(tlbs[i], IO_TLB_SIZE);
	drain_magazines();
	unmap_range(0, 10, IO_TLB_SIZE);
	shim_after_unlock = drain_on_another_cpu;
	CHECK(map_one(BLOCK) != MAP_FAILED_ADDR);
}

static phys_addr_t late;
static unsigned int locks_to_pass;

/* CPU 1 has read @crowded before it was set, and keeps a buffer afterwards */
static void keep_on_cpu_1(void)
{
	unsigned long crowded = mem->cache.crowded;

	if (locks_to_pass--) {
		shim_before_lock = keep_on_cpu_1;
		return;
	}
	mem->cache.crowded = 0;
	shim_set_cpu(1);
	unmap_one(late, IO_TLB_SIZE);
	shim_set_cpu(0);
	mem->cache.crowded = crowded;
}

/* A drain has already passed the magazine, which must be on the list for the next drain */
TEST(buffer_that_is_kept_during_a_drain_is_found_by_the_next)
{
	start(2, "512,1");
	map_n(512, IO_TLB_SIZE);
	shim_set_cpu(1);
	unmap_range(0, 2, IO_TLB_SIZE);
	shim_set_cpu(0);
	late = tlbs[2];
	/* The drain takes two locks to free two buffers; its next lock is that of a depot */
	locks_to_pass = 2;
	shim_before_lock = keep_on_cpu_1;
	CHECK(map_one(IO_TLB_SIZE) != MAP_FAILED_ADDR);
	CHECK(!shim_before_lock);
	CHECK_EQ(kept(), 1);
	CHECK(map_one(IO_TLB_SIZE) != MAP_FAILED_ADDR);
	/* Nothing is drained again while the allocator is crowded */
	CHECK_EQ(map_one(IO_TLB_SIZE), MAP_FAILED_ADDR);
	shim_advance(NOT_CROWDED);
	CHECK_EQ(map_one(IO_TLB_SIZE), late);
	check_used(512);
}

/* CPU 1 never unmaps: a drain must find buffers that come from the depot */
TEST(buffers_from_the_depot_are_found_by_a_drain)
{
	unsigned int n, total;

	start(2, "4096,1");
	total = mem->pub.nslabs / 2;
	n = total / 8;
	map_n(n, BLOCK);
	unmap_range(0, n, BLOCK);
	CHECK(depot_count() > 0);

	shim_set_cpu(1);
	CHECK(map_one(BLOCK) != MAP_FAILED_ADDR);
	CHECK(atomic_read(&magazine(1)->cell[0]) != 0);
	shim_set_cpu(0);
	CHECK_EQ(map_until_full(dev, orig, BLOCK, tlbs, MOST), total - 1);
}

/* ---- interrupts and other CPUs, in the middle of a map or unmap */

static phys_addr_t irq_tlb;

static void irq_unmap(void)
{
	shim_hardirq_enter();
	unmap_one(irq_tlb, BLOCK);
	shim_hardirq_exit();
}

static void irq_map(void)
{
	shim_hardirq_enter();
	irq_tlb = map_one(BLOCK);
	shim_hardirq_exit();
}

static void irq_drain(void)
{
	swiotlb_magazines_drain(&mem->cache);
}

static void interrupt_test(void (**hook)(void), void (*in_irq)(void), bool in_map)
{
	phys_addr_t a, b, c;

	a = map_one(BLOCK);
	b = map_one(BLOCK);
	irq_tlb = map_one(BLOCK);
	unmap_one(a, BLOCK);
	if (in_irq == irq_map) {
		unmap_one(irq_tlb, BLOCK);
		irq_tlb = 0;
	}
	*hook = in_irq;
	if (in_map) {
		c = map_one(BLOCK);
		CHECK(c != b && (in_irq != irq_map || c != irq_tlb));
		unmap_one(c, BLOCK);
	}
	unmap_one(b, BLOCK);
	CHECK_MSG(!*hook, "the interrupt never came");
	if (in_irq != irq_unmap)
		unmap_one(irq_tlb, BLOCK);
	check_used(0);
	check_all_there();
}

TEST(magazine_is_safe_against_interrupts)
{
	static void (*const irqs[])(void) = { irq_unmap, irq_map, irq_drain };
	unsigned int i;

	start(1, "4096,1");
	for (i = 0; i < ARRAY_SIZE(irqs); i++) {
		interrupt_test(&shim_after_take, irqs[i], true);
		interrupt_test(&shim_before_take, irqs[i], true);
		/* In an unmap, only the push runs this hook */
		interrupt_test(&shim_before_cmpxchg, irqs[i], false);
	}
}

static phys_addr_t left;

static void irq_takes_one_and_leaves_another(void)
{
	irq_map();
	shim_hardirq_enter();
	unmap_one(left, BLOCK);
	shim_hardirq_exit();
}

/* Before the exchange, an interrupt puts another buffer into the cell: no buffer has two users */
TEST(magazine_cell_changes_under_a_map)
{
	phys_addr_t one, two;

	start(1, "4096,4");
	map_n(2, BLOCK);
	left = tlbs[1];
	unmap_one(tlbs[0], BLOCK);
	shim_before_take = irq_takes_one_and_leaves_another;
	one = map_one(BLOCK);
	two = map_one(BLOCK);
	CHECK_EQ(irq_tlb, tlbs[0]);
	CHECK(one != two && one != irq_tlb && two != irq_tlb);
	unmap_one(one, BLOCK);
	unmap_one(two, BLOCK);
	unmap_one(irq_tlb, BLOCK);
	check_all_there();
}

/* @top is a hint: a push raises it above buffers that it has missed */
TEST(stranded_buffer_is_found_by_the_next_push)
{
	struct swiotlb_magazine *mag;

	start(1, "4096,1");
	map_n(3, BLOCK);
	unmap_range(0, 2, BLOCK);
	mag = magazine(0);
	CHECK_EQ(mag->top, 2);
	mag->top = 1;
	unmap_one(tlbs[2], BLOCK);
	CHECK_EQ(mag->top, 3);
	CHECK_EQ(kept(), 6);
	CHECK_EQ(map_one(BLOCK), tlbs[2]);
	CHECK_EQ(map_one(BLOCK), tlbs[1]);

	/* A hint that is too high is lowered */
	mag->top = 20;
	CHECK_EQ(map_one(BLOCK), tlbs[0]);
	CHECK_EQ(mag->top, 0);
}

static void unmap_and_reuse(void)
{
	unmap(dev, late, PAGE_SIZE, DMA_FROM_DEVICE);
	fill_pattern(phys_to_virt(orig), PAGE_SIZE, 5);
	fill_pattern(phys_to_virt(late), PAGE_SIZE, 6);
}

/* If two CPUs unmap at once, the second one copies nothing */
TEST(late_unmap_does_not_copy)
{
	start(0, "512,1");
	late = map(dev, orig, PAGE_SIZE, DMA_FROM_DEVICE);
	shim_before_cmpxchg64 = unmap_and_reuse;
	unmap(dev, late, PAGE_SIZE, DMA_FROM_DEVICE);
	CHECK(has_pattern(phys_to_virt(orig), PAGE_SIZE, 5));
	CHECK_EQ(shim_log_count("was unmapped twice at once"), 1);
}

/* While the lock of a depot is taken, maps and unmaps use areas instead of the depot */
TEST(busy_depots_are_left_alone)
{
	unsigned int n = 200, kept_there;

	start(0, "4096,1");
	churn(n, PAGE_SIZE);
	kept_there = depot_count();
	CHECK(kept_there > 0);
	shim_all_busy = true;
	churn(n, PAGE_SIZE);
	CHECK_EQ(depot_count(), kept_there);
	shim_all_busy = false;
	map_n(n, PAGE_SIZE);
	CHECK(depot_count() < kept_there);
	unmap_all(dev, PAGE_SIZE, tlbs, n);
	check_used(0);
}

#endif
