// SPDX-License-Identifier: GPL-2.0-only
/* Magazines and depots: what is kept, for how long, and that nothing is lost. */
#include "harness.h"

#ifdef ENGINE_ours

#include <engine/magazine.h>

/* Free slots outside of areas */
static unsigned long kept(void)
{
	return swiotlb_magazines_nslots(&swiotlb_default_mem);
}

/* Everything can be had again, in the largest pieces */
static void check_all_there(struct device *dev)
{
	size_t max = swiotlb_max_mapping_size(dev), n, i;
	phys_addr_t orig = new_buffer(max, 0);
	static phys_addr_t tlbs[4096];

	n = map_until_full(dev, orig, max, tlbs, 4096);
	CHECK_EQ(n, swiotlb_default_mem.pub.nslabs / SWIOTLB_MAX_SLOTS);
	for (i = 0; i < n; i++)
		unmap(dev, tlbs[i], max, DMA_TO_DEVICE);
	check_used(0);
	/* The last one failed: let magazines be filled again */
	shim_advance(2);
}

/* What was unmapped last on a CPU is mapped next there, and not elsewhere */
TEST(magazine_hands_out_what_was_freed_last)
{
	phys_addr_t orig, tlbs[3], next;
	struct device *dev;
	int i;

	boot_fixed("4096,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 3; i++)
		tlbs[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
	unmap(dev, tlbs[0], 4096, DMA_TO_DEVICE);
	unmap(dev, tlbs[2], 4096, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 4);

	shim_set_cpu(1);
	next = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK(next != tlbs[0] && next != tlbs[2]);
	unmap(dev, next, 4096, DMA_TO_DEVICE);
	shim_set_cpu(0);
	CHECK_EQ(map(dev, orig, 4096, DMA_TO_DEVICE), tlbs[2]);
	CHECK_EQ(map(dev, orig, 4096, DMA_TO_DEVICE), tlbs[0]);
	CHECK_EQ(kept(), 2);
	for (i = 0; i < 3; i++)
		unmap(dev, tlbs[i], 4096, DMA_TO_DEVICE);
	check_used(0);
	check_all_there(dev);
}

/* Small buffers in all magazines: the largest mappings get their slots all the same */
TEST(magazines_are_emptied_before_a_map_fails)
{
	static phys_addr_t tlbs[2048];
	struct device *dev;
	phys_addr_t orig;
	int i;

	boot_fixed("2048,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(512, 0);
	for (i = 0; i < 2048; i++)
		tlbs[i] = map(dev, orig, 512, DMA_TO_DEVICE);
	for (i = 0; i < 2048; i++) {
		shim_set_cpu(i % 4);
		unmap(dev, tlbs[i], 512, DMA_TO_DEVICE);
	}
	CHECK(kept() > 0);
	check_used(0);
	check_all_there(dev);
}

/* Fill and free from all CPUs, in all sizes: no more than a quarter is kept */
static void check_quarter(const char *pool, unsigned int ncpus)
{
	static phys_addr_t tlbs[256];
	unsigned long nslots, most = 0;
	unsigned int cpu, order, n;
	struct device *dev;
	phys_addr_t orig;

	shim_nr_cpus = ncpus;
	boot_fixed(pool, NULL);
	nslots = swiotlb_default_mem.pub.nslabs;
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	for (order = 0; order < SWIOTLB_NR_CLASSES; order++) {
		size_t size = IO_TLB_SIZE << order;

		for (cpu = 0; cpu < ncpus; cpu++) {
			shim_set_cpu(cpu);
			n = map_until_full(dev, orig, size, tlbs, 256);
			unmap_all(dev, size, tlbs, n);
			most = max(most, kept());
			if (!CHECK(most <= nslots / 4))
				return;
		}
	}
	CHECK(most > 0);
	check_all_there(dev);
}

static void check_quarter_64(const void *pool)
{
	check_quarter(pool, 64);
}

static void check_quarter_2(const void *pool)
{
	check_quarter(pool, 2);
}

TEST(magazines_hold_a_quarter_at_most)
{
	in_child(check_quarter_64, "512,1", "1 MiB, 64 CPUs");
	in_child(check_quarter_64, "32768,64", "64 MiB, 64 CPUs");
	in_child(check_quarter_2, "2048,2", "4 MiB, 2 CPUs");
	in_child(check_quarter_2, "32768,2", "64 MiB, 2 CPUs");
}

/* Idle ones are given back, the trim then rests; busy ones stay */
TEST(idle_magazines_are_trimmed)
{
	phys_addr_t orig, idle, busy;
	struct device *dev;
	int i;

	boot_fixed("4096,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(8192, 0);
	idle = map(dev, orig, 4096, DMA_TO_DEVICE);
	shim_set_cpu(1);
	busy = map(dev, orig, 512, DMA_TO_DEVICE);
	unmap(dev, busy, 512, DMA_TO_DEVICE);
	shim_set_cpu(0);
	unmap(dev, idle, 4096, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 3);

	for (i = 0; i < 4; i++) {
		ticks(1);
		shim_set_cpu(1);
		CHECK_EQ(map(dev, orig, 512, DMA_TO_DEVICE), busy);
		unmap(dev, busy, 512, DMA_TO_DEVICE);
		shim_set_cpu(0);
	}
	CHECK_EQ(kept(), 1);
	ticks(3);
	CHECK_EQ(kept(), 0);
	CHECK_EQ(shim_work_queued(), 0);

	/* And wakes up again */
	idle = map(dev, orig, 4096, DMA_TO_DEVICE);
	unmap(dev, idle, 4096, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 2);
	ticks(3);
	CHECK_EQ(kept(), 0);
}

/* A depot that rests is emptied, too */
TEST(idle_depot_is_trimmed)
{
	static phys_addr_t tlbs[256];
	struct device *dev;
	phys_addr_t orig;
	int i;

	boot_fixed("4096,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 256; i++)
		tlbs[i] = map(dev, orig, 2048, DMA_TO_DEVICE);
	for (i = 0; i < 256; i++)
		unmap(dev, tlbs[i], 2048, DMA_TO_DEVICE);
	CHECK(READ_ONCE(swiotlb_default_mem.cache->depot[0].count) > 0);
	ticks(4);
	CHECK_EQ(kept(), 0);
	CHECK_EQ(shim_work_queued(), 0);
	check_all_there(dev);
}

static union swiotlb_room room_of(unsigned int cpu, unsigned int class)
{
	return swiotlb_magazine_room(swiotlb_cpu_magazine(swiotlb_default_mem.magazines,
							  cpu, class));
}

/* @n buffers come and go on the CPU that is set */
static void churn(struct device *dev, phys_addr_t orig, size_t size, unsigned int n)
{
	static phys_addr_t tlbs[512];
	unsigned int i;

	for (i = 0; i < n; i++)
		tlbs[i] = map(dev, orig, size, DMA_FROM_DEVICE);
	while (i--)
		unmap(dev, tlbs[i], size, DMA_FROM_DEVICE);
}

/* What others have no use for: 8 MiB, 8 CPUs, of which two map pages */
TEST(busy_magazine_borrows)
{
	unsigned int own, i;
	struct device *dev;
	phys_addr_t orig;

	shim_nr_cpus = 8;
	boot_fixed("4096,8", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	own = room_of(0, 1).limit;
	CHECK(own < 20);
	churn(dev, orig, 4096, 256);
	CHECK(room_of(0, 1).lent > 2 * own);
	CHECK_EQ(room_of(0, 1).limit, own + room_of(0, 1).lent);
	/* One cannot have all */
	CHECK(room_of(0, 1).lent << 1 <= swiotlb_default_mem.cache->loans / 2);
	shim_set_cpu(1);
	churn(dev, orig, 4096, 256);
	CHECK(room_of(1, 1).lent > 0);
	check_loans();

	/* As long as both are busy, they keep it; then it goes back */
	for (i = 0; i < 8; i++) {
		shim_set_cpu(i & 1);
		churn(dev, orig, 4096, 16);
		if (i & 1)
			ticks(1);
	}
	CHECK(room_of(0, 1).lent > 2 * own);
	CHECK(room_of(1, 1).lent > 0);
	for (i = 0; i < 3; i++)
		ticks(1);
	CHECK_EQ(room_of(0, 1).lent, 0);
	CHECK_EQ(room_of(0, 1).limit, own);
	CHECK_EQ(room_of(1, 1).lent, 0);
	check_all_there(dev);
}

/* One that is not worth a cell of its own can have some on loan, large ones, too */
TEST(magazine_without_cells_borrows)
{
	struct device *dev;
	phys_addr_t orig;

	shim_nr_cpus = 64;
	boot_fixed("32768,64", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	CHECK_EQ(room_of(0, 7).limit, 0);
	churn(dev, orig, SZ_256K, 4);
	CHECK(room_of(0, 7).lent > 0);
	CHECK_EQ(kept(), room_of(0, 7).lent << 7);
	check_all_there(dev);
}

/* Nothing is on loan after a map has failed: what is kept is what it lacked */
TEST(failed_map_ends_loans)
{
	struct device *dev;
	phys_addr_t orig;

	boot_fixed("4096,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	churn(dev, orig, 4096, 512);
	CHECK(room_of(0, 1).lent > 0);
	check_all_there(dev);
	CHECK_EQ(room_of(0, 1).limit, 0);
	CHECK_EQ(atomic_long_read(&swiotlb_default_mem.cache->spare),
		 swiotlb_default_mem.cache->loans);
	/* Opened again, it has its own cells at first */
	churn(dev, orig, 4096, 1);
	CHECK_EQ(room_of(0, 1).limit, swiotlb_default_mem.cache->limit[1]);
}

/* Closed by a failed map, and first filled from the depot: all of its cells are there */
TEST(refill_opens_a_closed_magazine)
{
	static phys_addr_t tlbs[4096];
	unsigned int own, i;
	struct device *dev;
	phys_addr_t orig;

	boot_fixed("8192,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	own = swiotlb_default_mem.cache->limit[1];
	CHECK_EQ(map_until_full(dev, orig, 4096, tlbs, 4096), 4096);
	map_full(dev, orig, 4096, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	CHECK_EQ(room_of(0, 1).limit, 0);
	shim_advance(2);
	shim_set_cpu(1);
	for (i = 0; i < 1000; i++)
		unmap(dev, tlbs[i], 4096, DMA_TO_DEVICE);
	CHECK(READ_ONCE(swiotlb_default_mem.cache->depot[1].count) > 0);
	shim_set_cpu(0);
	map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK_EQ(room_of(0, 1).limit, own);
	check_loans();
}

/*
 * In pairs of CPUs, one maps what the other unmaps, and each has a few cells: locks for
 * a map and an unmap
 */
static void check_pairs(const char *pool, double most)
{
	static phys_addr_t ring[32][64];
	unsigned int n, pair;
	struct device *dev;
	phys_addr_t orig;
	u64 before = 0;
	double locks;

	shim_nr_cpus = 64;
	boot_fixed(pool, NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (n = 0; n < 1064; n++) {
		for (pair = 0; pair < 32; pair++) {
			if (n == 564 && !pair)
				before = shim_current()->taken;
			if (n >= 64) {
				shim_set_cpu(2 * pair + 1);
				unmap(dev, ring[pair][n % 64], 4096, DMA_TO_DEVICE);
			}
			shim_set_cpu(2 * pair);
			ring[pair][n % 64] = map(dev, orig, 4096, DMA_TO_DEVICE);
		}
	}
	locks = (double)(shim_current()->taken - before) / (500 * 32);
	CHECK_MSG(locks < most, "%.2f locks", locks);
	check_loans();
	shim_set_cpu(0);
}

static void few_cells(const void *arg)
{
	check_pairs("8192,64", 1);
}

static void some_cells(const void *arg)
{
	check_pairs("32768,64", 0.1);
}

TEST(who_unmaps_leaves_room_to_who_maps)
{
	in_child(few_cells, NULL, "16 MiB");
	in_child(some_cells, NULL, "64 MiB");
}

/* Where there is nothing to borrow: a depot is for those, too, who have hardly any cells */
TEST(small_magazine_is_filled_from_its_depot)
{
	union swiotlb_room large = { .limit = 8, .most = 8 };
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	struct swiotlb_magazine *mag;
	struct device *dev;
	phys_addr_t orig;

	shim_nr_cpus = 64;
	boot_fixed("16384,64", NULL);
	CHECK_EQ(mem->cache->limit[1], 3);
	mem->cache->loans = 0;
	atomic_long_set(&mem->cache->spare, 0);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	shim_set_cpu(1);
	mag = swiotlb_this_magazine(mem->magazines, 1);
	atomic_set(&mag->room, large.word);
	churn(dev, orig, 4096, 40);
	CHECK(READ_ONCE(mem->cache->depot[1].count) > 3);
	shim_set_cpu(0);
	mag = swiotlb_this_magazine(mem->magazines, 1);
	map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK_EQ(mag->top, 1);
}

/* What somebody else does in the middle of it */
static struct {
	struct device *dev;
	phys_addr_t orig, tlb;
	size_t size;
} other;

/* CPU 0 was idle until the trim had emptied its last cell */
static void busy_again(void)
{
	struct swiotlb_magazine *mag;
	unsigned int i, cpu = raw_smp_processor_id();

	mag = swiotlb_cpu_magazine(swiotlb_default_mem.magazines, 0, 1);
	for (i = 0; i < room_of(0, 1).most; i++) {
		if (atomic_read(&mag->cell[i])) {
			shim_before_cmpxchg = busy_again;
			return;
		}
	}
	shim_set_cpu(0);
	churn(other.dev, other.orig, 4096, 200);
	shim_set_cpu(cpu);
}

TEST(trim_strands_nothing)
{
	struct swiotlb_magazine *mag;
	unsigned int i;

	shim_nr_cpus = 8;
	boot_fixed("4096,8", NULL);
	other.dev = new_device(0, 0);
	other.orig = new_buffer(4096, 0);
	churn(other.dev, other.orig, 4096, 200);
	ticks(1);
	/* If there is any exchange after that of the last cell */
	shim_before_cmpxchg = busy_again;
	ticks(1);
	shim_before_cmpxchg = NULL;
	mag = swiotlb_cpu_magazine(swiotlb_default_mem.magazines, 0, 1);
	for (i = room_of(0, 1).limit; i < room_of(0, 1).most; i++)
		CHECK(!atomic_read(&mag->cell[i]));
}

static u32 stolen;

static void steal(void)
{
	stolen = swiotlb_magazine_take(swiotlb_this_magazine(swiotlb_default_mem.magazines, 1));
}

/* A buffer on its way to the depot is taken by a task that was on this CPU before */
TEST(unload_leaves_what_another_takes)
{
	unsigned int limit, i;
	phys_addr_t tlbs[128];
	struct device *dev;
	phys_addr_t orig;

	boot_fixed("65536,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	limit = room_of(0, 1).limit;
	CHECK_EQ(limit, 126);
	for (i = 0; i <= limit; i++)
		tlbs[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
	for (i = 0; i < limit; i++)
		unmap(dev, tlbs[i], 4096, DMA_TO_DEVICE);
	shim_before_cmpxchg = steal;
	unmap(dev, tlbs[limit], 4096, DMA_TO_DEVICE);
	CHECK(stolen);
	CHECK_EQ(kept(), 2 * limit);
	swiotlb_magazine_return(&swiotlb_default_mem,
				swiotlb_this_magazine(swiotlb_default_mem.magazines, 1),
				1, stolen);
	CHECK_EQ(kept(), 2 * (limit + 1));
	check_all_there(dev);
}

/* When pools go, and nobody is idle: who is left has its share of what is left */
#ifdef CONFIG_SWIOTLB_DYNAMIC
TEST(loans_end_when_pools_are_closed)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int cpu, i;

	shim_nr_cpus = 8;
	boot("4096,8");
	dev = new_device(0, 0);
	orig = new_buffer(512, 0);
	swiotlb_want_pool(&swiotlb_default_mem, U64_MAX, NUMA_NO_NODE);
	shim_run_work();
	CHECK_EQ(slots_total(), 8192);
	for (i = 0; i < 60; i++) {
		for (cpu = 0; cpu < 8; cpu++) {
			shim_set_cpu(cpu);
			churn(dev, orig, 512, 200);
		}
		CHECK(room_of(0, 0).lent > 0);
		ticks(1);
		check_loans();
		CHECK(kept() <= slots_total() / 4);
	}
	CHECK_EQ(slots_total(), 4096);
}
#endif

/* What a magazine has never had is not looked at, what it had is, loans or not */
TEST(cells_of_a_loan_that_is_over_are_emptied)
{
	struct device *dev;
	phys_addr_t orig;

	shim_nr_cpus = 8;
	boot_fixed("4096,8", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	churn(dev, orig, 4096, 256);
	CHECK(room_of(0, 1).most > 20);
	CHECK(kept() > 2 * 20);
	swiotlb_magazines_set_crowded(&swiotlb_default_mem);
	CHECK_EQ(room_of(0, 1).limit, 0);
	CHECK(room_of(0, 1).most > 20);
	swiotlb_magazines_drain(&swiotlb_default_mem);
	CHECK_EQ(kept(), 0);
	CHECK_EQ(swiotlb_pool_used(swiotlb_default_mem.pub.pool), 0);
}

static void irq_churns(void)
{
	shim_hardirq_enter();
	churn(other.dev, other.orig, 4096, 200);
	shim_hardirq_exit();
}

/* A loan is granted, an interrupt borrows for the same magazine: one gets nothing */
TEST(loan_is_returned_if_it_comes_too_late)
{
	unsigned int own;

	boot_fixed("4096,4", NULL);
	other.dev = new_device(0, 0);
	other.orig = new_buffer(4096, 0);
	own = room_of(0, 1).limit;
	shim_before_cmpxchg = irq_churns;
	churn(other.dev, other.orig, 4096, own + 1);
	CHECK(!shim_before_cmpxchg);
	CHECK(room_of(0, 1).lent > 0);
	check_all_there(other.dev);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* More of its own, less on loan, and never more than there are cells */
TEST(loans_outlast_growth)
{
	static phys_addr_t tlbs[300];
	unsigned int own, lent, i;
	struct device *dev;
	phys_addr_t orig;

	shim_nr_cpus = 4;
	boot("4096,8");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	churn(dev, orig, 4096, 64);
	own = swiotlb_default_mem.cache->limit[1];
	lent = room_of(0, 1).lent;
	CHECK(lent > 0);
	swiotlb_want_pool(&swiotlb_default_mem, U64_MAX, NUMA_NO_NODE);
	shim_run_work();
	CHECK(swiotlb_default_mem.cache->limit[1] > own);
	CHECK_EQ(room_of(0, 1).lent, lent);

	for (i = 0; i < ARRAY_SIZE(tlbs); i++) {
		shim_advance(1);
		tlbs[i] = map(dev, orig, SZ_256K, DMA_FROM_DEVICE);
		shim_run_work();
	}
	CHECK_EQ(swiotlb_default_mem.cache->limit[1], 126);
	CHECK_EQ(room_of(0, 1).limit, 126);
	CHECK_EQ(room_of(0, 1).lent, 0);
	check_loans();
	while (i--)
		unmap(dev, tlbs[i], SZ_256K, DMA_FROM_DEVICE);
}
#endif

TEST(dead_cpu_gives_back)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	boot_fixed("4096,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(8192, 0);
	shim_set_cpu(3);
	tlb = map(dev, orig, 8192, DMA_TO_DEVICE);
	unmap(dev, tlb, 8192, DMA_TO_DEVICE);
	tlb = map(dev, orig, 512, DMA_TO_DEVICE);
	unmap(dev, tlb, 512, DMA_TO_DEVICE);
	shim_set_cpu(0);
	CHECK_EQ(kept(), 5);
	shim_cpu_dead(2);
	CHECK_EQ(kept(), 5);
	shim_cpu_dead(3);
	CHECK_EQ(kept(), 0);
	check_all_there(dev);
}

/* Mapped here, unmapped there: after a while the same buffers go round */
TEST(depot_hands_buffers_on)
{
	phys_addr_t first, orig, ring[64], highest = 0;
	unsigned int i, settled;
	struct device *dev;

	first = boot_fixed("32768,4", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 64; i++)
		ring[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
	for (i = 0; i < 20000; i++) {
		shim_set_cpu(1);
		unmap(dev, ring[i % 64], 4096, DMA_TO_DEVICE);
		shim_set_cpu(0);
		ring[i % 64] = map(dev, orig, 4096, DMA_TO_DEVICE);
		if (i >= 1000)
			highest = max(highest, ring[i % 64]);
	}
	/* In flight, in two magazines, and what a depot keeps moving */
	settled = (highest - first) / 4096;
	CHECK_MSG(settled < 64 + 2 * 63 + 63, "%u buffers are in use", settled);
	for (i = 0; i < 64; i++)
		unmap(dev, ring[i], 4096, DMA_TO_DEVICE);
	check_all_there(dev);
}

/* A buffer that is not where the device needs it stays where it was */
TEST(magazine_minds_alignment)
{
	struct device *plain, *nvme;
	phys_addr_t orig, even, odd;

	boot_fixed("4096,1", NULL);
	plain = new_device(0, 0);
	nvme = new_device(4095, 0);
	orig = new_buffer(4096, 0);
	even = map(plain, orig, 2048, DMA_TO_DEVICE);
	unmap(plain, even, 2048, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 1);

	odd = map(nvme, orig + 2048, 2048, DMA_TO_DEVICE);
	CHECK_EQ(odd & 4095, 2048);
	CHECK_EQ(kept(), 1);
	CHECK_EQ(map(nvme, orig, 2048, DMA_TO_DEVICE), even);
	unmap(nvme, even, 2048, DMA_TO_DEVICE);
	unmap(nvme, odd, 2048, DMA_TO_DEVICE);
	check_all_there(plain);
}

/* What an interrupt does in the middle of a pop or a push */
static struct {
	struct device *dev;
	phys_addr_t orig, tlb;
} irq;

static void irq_unmap(void)
{
	shim_hardirq_enter();
	unmap(irq.dev, irq.tlb, 4096, DMA_TO_DEVICE);
	shim_hardirq_exit();
}

static void irq_map(void)
{
	shim_hardirq_enter();
	irq.tlb = map(irq.dev, irq.orig, 4096, DMA_TO_DEVICE);
	shim_hardirq_exit();
}

static void irq_dead(void)
{
	swiotlb_magazines_drain_cpu(&swiotlb_default_mem, 0);
}

static void interrupt_test(void (**hook)(void), void (*in_irq)(void), bool in_map)
{
	phys_addr_t a, b, c;

	a = map(irq.dev, irq.orig, 4096, DMA_TO_DEVICE);
	b = map(irq.dev, irq.orig, 4096, DMA_TO_DEVICE);
	irq.tlb = map(irq.dev, irq.orig, 4096, DMA_TO_DEVICE);
	unmap(irq.dev, a, 4096, DMA_TO_DEVICE);
	if (in_irq == irq_map) {
		unmap(irq.dev, irq.tlb, 4096, DMA_TO_DEVICE);
		irq.tlb = 0;
	}
	*hook = in_irq;
	if (in_map) {
		c = map(irq.dev, irq.orig, 4096, DMA_TO_DEVICE);
		CHECK(c != b && (in_irq != irq_map || c != irq.tlb));
		unmap(irq.dev, c, 4096, DMA_TO_DEVICE);
	}
	unmap(irq.dev, b, 4096, DMA_TO_DEVICE);
	CHECK_MSG(!*hook, "the interrupt never came");
	if (in_irq != irq_unmap)
		unmap(irq.dev, irq.tlb, 4096, DMA_TO_DEVICE);
	check_used(0);
	check_all_there(irq.dev);
}

TEST(magazine_is_safe_against_interrupts)
{
	boot_fixed("4096,1", NULL);
	irq.dev = new_device(0, 0);
	irq.orig = new_buffer(4096, 0);
	interrupt_test(&shim_after_take, irq_unmap, true);
	interrupt_test(&shim_after_take, irq_map, true);
	interrupt_test(&shim_after_take, irq_dead, true);
	interrupt_test(&shim_before_take, irq_unmap, true);
	interrupt_test(&shim_before_take, irq_map, true);
	interrupt_test(&shim_before_take, irq_dead, true);
	interrupt_test(&shim_before_push, irq_unmap, false);
	interrupt_test(&shim_before_push, irq_map, false);
	interrupt_test(&shim_before_push, irq_dead, false);
}

/* Above the end of the stack a buffer is out of sight, but not lost */
TEST(stranded_buffer_is_found_by_the_next_push)
{
	struct swiotlb_magazine *mag;
	phys_addr_t orig, a, b, c;
	struct device *dev;

	boot_fixed("4096,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	a = map(dev, orig, 4096, DMA_TO_DEVICE);
	b = map(dev, orig, 4096, DMA_TO_DEVICE);
	c = map(dev, orig, 4096, DMA_TO_DEVICE);
	unmap(dev, a, 4096, DMA_TO_DEVICE);
	unmap(dev, b, 4096, DMA_TO_DEVICE);
	mag = swiotlb_this_magazine(swiotlb_default_mem.magazines, 1);
	CHECK_EQ(mag->top, 2);
	mag->top = 1;
	unmap(dev, c, 4096, DMA_TO_DEVICE);
	CHECK_EQ(mag->top, 3);
	CHECK_EQ(kept(), 6);
	CHECK_EQ(map(dev, orig, 4096, DMA_TO_DEVICE), c);
	CHECK_EQ(map(dev, orig, 4096, DMA_TO_DEVICE), b);

	/* And a hint that is too high is lowered */
	mag->top = 20;
	CHECK_EQ(map(dev, orig, 4096, DMA_TO_DEVICE), a);
	CHECK_EQ(mag->top, 0);
}

/* ---- what is free is never out of sight */

static void irq_maps(void)
{
	shim_hardirq_enter();
	other.tlb = map(other.dev, other.orig, other.size, DMA_TO_DEVICE);
	shim_hardirq_exit();
}

/* The trim has just emptied a cell when somebody maps */
TEST(trim_does_not_hide_buffers)
{
	phys_addr_t tlbs[64];
	int i;

	shim_nr_cpus = 1;
	boot_fixed("512,1", NULL);
	other.dev = new_device(0, 0);
	other.orig = new_buffer(16384, 0);
	other.size = 16384;
	for (i = 0; i < 64; i++)
		tlbs[i] = map(other.dev, other.orig, 16384, DMA_TO_DEVICE);
	unmap(other.dev, tlbs[0], 16384, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 8);
	ticks(1);
	shim_after_unlock = irq_maps;
	ticks(1);
	CHECK_EQ(other.tlb, tlbs[0]);
}

static void other_cpu_drains(void)
{
	swiotlb_magazines_drain(&swiotlb_default_mem);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* Buffers of both pools lie in the depot, one beside the other */
TEST(drain_of_a_pool_leaves_what_is_of_others)
{
	struct swiotlb_mem *mem = &swiotlb_default_mem;
	phys_addr_t older[256], younger[100], orig;
	struct io_tlb_pool *pool;
	struct device *dev;
	unsigned int i;

	shim_nr_cpus = 1;
	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < ARRAY_SIZE(older); i++) {
		shim_advance(1);
		older[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
		shim_run_work();
	}
	for (i = 0; i < ARRAY_SIZE(younger); i++)
		younger[i] = map(dev, orig, 4096, DMA_TO_DEVICE);
	pool = swiotlb_find_pool(dev, younger[0]);
	CHECK(pool && pool != mem->pub.pool);
	for (i = 0; i < ARRAY_SIZE(younger); i++) {
		unmap(dev, older[i], 4096, DMA_TO_DEVICE);
		unmap(dev, younger[i], 4096, DMA_TO_DEVICE);
	}
	CHECK(READ_ONCE(mem->cache->depot[1].count) > 20);

	swiotlb_magazines_drain_pool(mem, pool);
	CHECK_EQ(swiotlb_pool_used(pool), 0);
	CHECK(READ_ONCE(mem->cache->depot[1].count) > 10);
	for (; i < ARRAY_SIZE(older); i++)
		unmap(dev, older[i], 4096, DMA_TO_DEVICE);
	swiotlb_magazines_drain(mem);
	CHECK_EQ(swiotlb_pool_used(mem->pub.pool), 0);
	CHECK_EQ(swiotlb_pool_used(pool), 0);
}
#endif

/* Two CPUs find all full at once; the other one drains for both */
TEST(map_finds_what_another_cpu_has_drained)
{
	phys_addr_t tlbs[512], orig, tlb;
	struct device *dev;
	int i;

	shim_nr_cpus = 1;
	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 512; i++)
		tlbs[i] = map(dev, orig, 2048, DMA_TO_DEVICE);
	/* Single slots for the area, so that it is searched and found too small */
	for (i = 30; i < 38; i += 2)
		unmap(dev, tlbs[i], 2048, DMA_TO_DEVICE);
	shim_cpu_dead(0);
	for (i = 0; i < 10; i++)
		unmap(dev, tlbs[i], 2048, DMA_TO_DEVICE);
	shim_after_unlock = other_cpu_drains;
	tlb = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK(tlb != MAP_FAILED_ADDR);
}

/* A map looks at a buffer that does not fit; an interrupt takes it meanwhile */
TEST(misfit_is_left_where_it_is)
{
	phys_addr_t tlbs[512], odd;
	struct device *nvme;
	int i;

	boot_fixed("512,1", NULL);
	other.dev = new_device(0, 0);
	nvme = new_device(4095, 0);
	other.orig = new_buffer(4096, 0);
	other.size = 512;
	odd = new_buffer(4096, 2048);
	for (i = 0; i < 512; i++)
		tlbs[i] = map(other.dev, other.orig, 512, DMA_TO_DEVICE);
	unmap(other.dev, tlbs[4], 512, DMA_TO_DEVICE);
	shim_before_lock = irq_maps;
	CHECK_EQ(map_full(nvme, odd, 512, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
		 MAP_FAILED_ADDR);
	shim_before_lock = NULL;
	if (other.tlb)
		CHECK_EQ(other.tlb, tlbs[4]);
	else
		CHECK_EQ(map(other.dev, other.orig, 512, DMA_TO_DEVICE), tlbs[4]);
	check_used(512);
}

/* After a failure, free slots go where they make longer runs */
TEST(nothing_is_kept_after_a_failed_map)
{
	phys_addr_t tlbs[512], orig;
	struct device *dev;
	int i;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 512; i++)
		tlbs[i] = map(dev, orig, 512, DMA_TO_DEVICE);
	CHECK_EQ(map_full(dev, orig, 512, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
		 MAP_FAILED_ADDR);
	unmap(dev, tlbs[7], 512, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 0);
	shim_advance(2);
	unmap(dev, tlbs[8], 512, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 1);
}

static void unmap_and_reuse(void)
{
	unmap(other.dev, other.tlb, other.size, DMA_FROM_DEVICE);
	fill_pattern(phys_to_virt(other.orig), other.size, 5);
	fill_pattern(phys_to_virt(other.tlb), other.size, 6);
}

/* Of two CPUs that unmap at once, the late one copies nothing */
TEST(late_unmap_does_not_copy)
{
	boot_fixed("512,1", NULL);
	other.dev = new_device(0, 0);
	other.size = 4096;
	other.orig = new_buffer(4096, 0);
	other.tlb = map(other.dev, other.orig, 4096, DMA_FROM_DEVICE);
	shim_before_cmpxchg64 = unmap_and_reuse;
	unmap(other.dev, other.tlb, 4096, DMA_FROM_DEVICE);
	CHECK(has_pattern(phys_to_virt(other.orig), 4096, 5));
	CHECK(shim_log_has("was unmapped twice at once"));
}

#ifdef CONFIG_DMA_RESTRICTED_POOL
/* Small restricted pools are for long runs, not to be cut up */
TEST(restricted_pool_has_no_magazines)
{
	phys_addr_t base, orig, tlb;
	struct device *dev;

	boot("512,1");
	base = shim_take_ram(SZ_1M);
	dev = restricted_device(base, SZ_1M, "restricted");
	orig = new_buffer(4096, 0);
	tlb = map(dev, orig, 4096, DMA_TO_DEVICE);
	unmap(dev, tlb, 4096, DMA_TO_DEVICE);
	CHECK(!to_swiotlb_mem(dev->dma_io_tlb_mem)->magazines);
	CHECK_EQ(kept(), 0);
}
#endif

static struct { struct device *dev; phys_addr_t orig, taken, left; } swap;

static void irq_takes_one_and_leaves_another(void)
{
	shim_hardirq_enter();
	swap.taken = map(swap.dev, swap.orig, 4096, DMA_TO_DEVICE);
	unmap(swap.dev, swap.left, 4096, DMA_TO_DEVICE);
	shim_hardirq_exit();
}

/* The cell is full again when the exchange comes, but of another buffer */
TEST(magazine_cell_changes_under_a_map)
{
	phys_addr_t first, one, two;

	boot_fixed("4096,4", NULL);
	swap.dev = new_device(0, 0);
	swap.orig = new_buffer(4096, 0);
	first = map(swap.dev, swap.orig, 4096, DMA_TO_DEVICE);
	swap.left = map(swap.dev, swap.orig, 4096, DMA_TO_DEVICE);
	unmap(swap.dev, first, 4096, DMA_TO_DEVICE);
	shim_before_take = irq_takes_one_and_leaves_another;
	one = map(swap.dev, swap.orig, 4096, DMA_TO_DEVICE);
	two = map(swap.dev, swap.orig, 4096, DMA_TO_DEVICE);
	CHECK_EQ(swap.taken, first);
	CHECK(one != two && one != swap.taken && two != swap.taken);
	unmap(swap.dev, one, 4096, DMA_TO_DEVICE);
	unmap(swap.dev, two, 4096, DMA_TO_DEVICE);
	unmap(swap.dev, swap.taken, 4096, DMA_TO_DEVICE);
	check_all_there(swap.dev);
}

/* What begins where its size does not divide is of no use to the next mapping */
TEST(misaligned_buffer_is_not_kept)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	boot_fixed("4096,4", NULL);
	dev = new_device(0xfff, 0);
	orig = new_buffer(8192, IO_TLB_SIZE);
	tlb = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK_EQ(tlb & ~PAGE_MASK, IO_TLB_SIZE);
	unmap(dev, tlb, 4096, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 0);
	check_used(0);
}

/* It works without, too, and lives through all that empties or fills them */
TEST(no_memory_for_magazines)
{
	struct shim_usage before;
	static phys_addr_t tlbs[512];
	struct device *dev;
	phys_addr_t orig;
	unsigned int nth, i;

	for (nth = 0; nth < 40; nth++) {
		shim_init();
		if (!nth) {
			shim_boot_param("swiotlb", "512,1");
			swiotlb_init(true, 0);
			swiotlb_update_mem_attributes();
			shim_early_initcalls_run();
		}
		before = shim_usage();
		shim_fail(SHIM_FAULT_KMALLOC, nth, 1);
		CHECK_EQ(swiotlb_magazines_start(&swiotlb_default_mem),
			 swiotlb_default_mem.magazines ? 0 : -ENOMEM);
		shim_fail_none();
		if (swiotlb_default_mem.magazines)
			break;
		CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
		CHECK_EQ(shim_usage().pcpu_allocs, before.pcpu_allocs);
	}
	CHECK_EQ(nth, 10);	/* the cache, a depot a class, the magazines */

	swiotlb_magazines_stop(&swiotlb_default_mem);
	CHECK(!swiotlb_default_mem.magazines);
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	for (i = 0; i < 512; i++)
		tlbs[i] = map(dev, orig, 2048, DMA_TO_DEVICE);
	CHECK(tlbs[511] != MAP_FAILED_ADDR);
	swiotlb_magazines_drain(&swiotlb_default_mem);
	swiotlb_magazines_drain_cpu(&swiotlb_default_mem, 1);
	swiotlb_magazines_resize(&swiotlb_default_mem);
	for (i = 0; i < 512; i++)
		unmap(dev, tlbs[i], 2048, DMA_TO_DEVICE);
	CHECK_EQ(kept(), 0);
}

/* While somebody else has each lock that is only tried, nothing is lost */
TEST(busy_areas_are_waited_for)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	shim_all_busy = true;
	tlb = map(dev, orig, 4096, DMA_TO_DEVICE);
	CHECK(tlb != MAP_FAILED_ADDR);
	unmap(dev, tlb, 4096, DMA_TO_DEVICE);
	shim_all_busy = false;
	check_used(0);
}
#endif
