// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that swiotlb may use, and the order of its sources: limits apply to all
 * memory allocated at run time, and leave room to grow. Memory reserved for other users
 * is used last.
 */
#include <stdio.h>
#include "harness.h"

#ifdef ENGINE_ours
#include <engine/mem.h>
#endif

#define MOST 40000

static phys_addr_t tlbs[MOST];

static void needs_growth(void)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
}

static phys_addr_t map_quiet(struct device *dev, phys_addr_t orig, size_t size)
{
	return map_full(dev, orig, size, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
}

/* Map only from pools: allocations in the context of a map fail */
static phys_addr_t map_from_pools(struct device *dev, phys_addr_t orig, size_t size)
{
	phys_addr_t tlb;

	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	tlb = map_quiet(dev, orig, size);
	shim_fail_none();
	return tlb;
}

/* Check that pools are added once the boot pool is full */
static void check_grows(struct device *dev)
{
	phys_addr_t orig = new_buffer(SZ_256K, 0), tlb = MAP_FAILED_ADDR;
	long total = slots_total();
	unsigned int n, i;

	for (n = 0; n < MOST; n++)
		if (map_from_pools(dev, orig, SZ_256K) == MAP_FAILED_ADDR)
			break;
	for (i = 0; i < 5 && tlb == MAP_FAILED_ADDR; i++) {
		ticks(1);
		tlb = map_from_pools(dev, orig, SZ_256K);
	}
	CHECK_MSG(tlb != MAP_FAILED_ADDR, "%u were mapped, then no more: %ld MiB, then %ld, of %lu",
		  n, total / 512, slots_total() / 512,
		  totalram_pages() >> (20 - PAGE_SHIFT));
}

/* ---- the boot pool leaves room to grow */

TEST(large_encrypted_guest_grows)
{
	needs_growth();
	boot_guest(SZ_1G);
	check_grows(new_device(0, 0));
}

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(ENGINE_ours)
struct guest {
	const char *name;
	u64 memory, asked, size;
};

/* @asked: size that mem_encrypt_setup_arch() asks for; @size: size of the boot pool */
static const struct guest guests[] = {
	{ "2 GiB", 2ULL << 30, (2ULL << 30) * 6 / 100, SZ_64M },
	{ "16 GiB", 16ULL << 30, (16ULL << 30) * 6 / 100, SZ_64M },
	{ "64 GiB", 64ULL << 30, SZ_1G, SZ_64M },
	/* As arm64 asks in a guest of 4 GiB: less than the boot pool of an encrypted guest */
	{ "arm64", 4ULL << 30, SZ_4M, SZ_32M },
};

static u64 limit_of(const struct swiotlb_mem *mem)
{
	return (u64)swiotlb_limit_nslots(mem) << IO_TLB_SHIFT;
}

/* Memory that counts for a limit, in bytes */
static u64 memory_of(const struct swiotlb_mem *mem)
{
	u64 end = PAGE_ALIGN(mem->last) - PFN_PHYS(min_low_pfn);

	return min_t(u64, PFN_PHYS(totalram_pages()), end);
}

static void check_guest(const void *arg)
{
	const struct swiotlb_mem *low = &swiotlb_default_mem;
	const struct guest *g = arg;
	u64 asked = max_t(u64, ALIGN(g->asked, SZ_256K), g->size);

	shim_totalram = PHYS_PFN(g->memory);
	/* Misalign the next free memory */
	shim_init();
	memblock_alloc_low(PAGE_SIZE, PAGE_SIZE);
	boot_guest(g->asked);
	CHECK_EQ(swiotlb_size_or_default(), g->size);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(g->size));
	/* No mapping of 2 MiB of the host is split */
	CHECK(IS_ALIGNED(low->boot_pool.start, SZ_2M));
	/* The limit is that of a boot pool with the size that the platform asks for, if larger */
	CHECK_EQ(limit_of(low), asked + (memory_of(low) - asked) / 4);
	CHECK(low->wider);
	CHECK_EQ(limit_of(low->wider), asked + (memory_of(low->wider) - asked) / 4);
}

TEST(encrypted_guest_is_small_at_boot_and_may_grow_as_before)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(guests); i++)
		in_child(check_guest, &guests[i], guests[i].name);
}

/* Of 64 MiB that the platform asks for, 32 MiB raise the limit in a guest of 128 MiB */
TEST(platform_gets_a_quarter_of_a_small_guest_at_most)
{
	shim_totalram = PHYS_PFN(SZ_128M);
	boot_guest(SZ_64M);
	CHECK_EQ(limit_of(&swiotlb_default_mem), SZ_32M + (SZ_128M - SZ_32M) / 4);
}

static void check_given(const void *arg)
{
	shim_boot_param("swiotlb", arg);
	boot_guest(SZ_1G);
	CHECK_EQ(swiotlb_size_or_default(), SZ_256M);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(SZ_256M));
}

TEST(size_of_the_administrator_wins_in_an_encrypted_guest)
{
	in_child(check_given, "256M", "size");
	in_child(check_given, "256M,dynamic", "size and word");
	in_child(check_given, "131072", "slots");
}

TEST(limit_of_the_administrator_wins_over_that_of_the_platform)
{
	shim_boot_param("swiotlb", "max=128M");
	boot_guest(SZ_1G);
	CHECK_EQ(swiotlb_size_or_default(), SZ_64M);
	CHECK_EQ(limit_of(&swiotlb_default_mem), SZ_128M);
}

/*
 * If memory is encrypted, the boot pool has a quarter of the limit, even if that is too small
 * for an area of 256 KiB for each CPU.
 */
TEST(limit_of_the_administrator_bounds_the_boot_pool)
{
	shim_nr_cpus = 64;
	shim_boot_param("swiotlb", "max=16M");
	boot_guest(SZ_2M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_4M);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(SZ_4M));
	CHECK_EQ(limit_of(&swiotlb_default_mem), SZ_16M);
}
#endif

/* The boot pool of a crash kernel leaves memory for the dump */
static void check_crash_kernel(const void *arg)
{
	u64 memory = *(const u64 *)arg;
	bool grows = IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && !IS_ENABLED(ENGINE_base);

	shim_totalram = PHYS_PFN(memory);
	/* mem_encrypt_setup_arch() asks for this size */
	boot_guest(SZ_64M);
	CHECK_MSG(swiotlb_size_or_default() <= memory / (grows ? 16 : 4),
		  "%lu MiB of %llu", swiotlb_size_or_default() >> 20, memory >> 20);
	CHECK(swiotlb_size_or_default() >= SZ_1M);
	if (grows)
		check_grows(new_device(0, 0));
}

TEST_BASE_FAILS(crash_kernel_gets_a_pool_that_fits, "half of 128 MiB")
{
	static const u64 sizes[] = { SZ_256M, SZ_128M, SZ_64M };

	in_child(check_crash_kernel, &sizes[0], "256 MiB");
	in_child(check_crash_kernel, &sizes[1], "128 MiB");
	in_child(check_crash_kernel, &sizes[2], "64 MiB");
}

/* A crash kernel with the default pool has little memory, but can grow */
TEST(crash_kernel_of_256_mib_grows)
{
	needs_growth();
	shim_totalram = PHYS_PFN(SZ_256M);
	boot(NULL);
	check_grows(new_device(0, 0));
}

TEST(crash_kernel_of_128_mib_grows)
{
	needs_growth();
	shim_totalram = PHYS_PFN(SZ_128M);
	boot("16384");
	check_grows(new_device(0, 0));
}

/* ---- the boot pool is bounded by memory */

static void check_boot_size(const void *arg)
{
	size_t bytes;

	shim_totalram = PHYS_PFN(SZ_256M);
	boot_fixed(arg, &bytes);
	CHECK_MSG(bytes <= SZ_64M, "%zu MiB of 256", bytes >> 20);
	CHECK(bytes >= SZ_1M);
	CHECK(shim_log_has("262144"));
}

/* 262144 slots are 512 MiB; users may mean kilobytes, or copy the value from a guide */
TEST_BASE_FAILS(boot_pool_is_a_share_of_memory_at_most, "it takes all that memblock has")
{
	in_child(check_boot_size, "262144", "512 MiB");
	in_child(check_boot_size, "262144,4,force", "512 MiB, words behind it");
}

/* ---- transient pools count */

/* Peak of memory from the page allocator, in MiB, while @n buffers of @size leak */
static long leak_of(const char *arg, unsigned int n, size_t size, bool with_worker)
{
	struct device *dev;
	phys_addr_t orig;
	long before, most = 0;
	unsigned int i;

	boot(arg);
	dev = new_device(0, 0);
	orig = new_buffer(size, 0);
	before = shim_usage().pages;
	for (i = 0; i < n; i++) {
		map_quiet(dev, orig, size);
		most = max(most, shim_usage().pages - before);
		if (with_worker && !(i % 16)) {
			shim_advance(1);
			shim_run_work();
		}
	}
	return most >> (20 - PAGE_SHIFT);
}

static long leak(const char *arg, unsigned int n, bool with_worker)
{
	return leak_of(arg, n, SZ_4K, with_worker);
}

TEST_BASE_FAILS(leaked_buffers_end_at_the_limit, "there is no limit")
{
	needs_growth();
	CHECK_MSG(leak("dynamic,max=8M", MOST, false) <= 8, "%ld MiB",
		  shim_usage().pages >> (20 - PAGE_SHIFT));
}

/* Each buffer takes a page: the whole page counts, not only the slot in use */
TEST_BASE_FAILS(leaked_buffers_of_one_slot_end_at_the_limit, "there is no limit")
{
	needs_growth();
	CHECK_MSG(leak_of("dynamic,max=8M", MOST, 512, false) <= 8, "%ld MiB",
		  shim_usage().pages >> (20 - PAGE_SHIFT));
}

TEST_BASE_FAILS(leaked_buffers_end_at_the_limit_while_pools_grow, "there is no limit")
{
	needs_growth();
	CHECK_MSG(leak("dynamic,max=8M", MOST, true) <= 8, "%ld MiB",
		  shim_usage().pages >> (20 - PAGE_SHIFT));
}

TEST_BASE_FAILS(leaked_buffers_end_at_a_share_of_memory, "there is no limit")
{
	needs_growth();
	shim_totalram = PHYS_PFN(SZ_64M);
	CHECK_MSG(leak("dynamic", MOST, false) <= 16, "%ld MiB of 64",
		  shim_usage().pages >> (20 - PAGE_SHIFT));
}

TEST_BASE_FAILS(map_at_the_limit_fails_and_says_so, "there is no limit")
{
	struct device *dev;

	needs_growth();
	leak("dynamic,max=8M", 8000, false);
	dev = new_device(0, 0);
	shim_log_clear();
	CHECK(map(dev, new_buffer(SZ_4K, 0), SZ_4K, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("swiotlb buffer is full"));
	CHECK(shim_log_has("limit"));
}

TEST(transient_pools_that_ended_leave_room)
{
	struct device *dev;
	phys_addr_t orig, tlb;
	unsigned int i;

	needs_growth();
	boot("512,1,max=4M");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	CHECK_EQ(map_until_full(dev, orig, SZ_256K, tlbs, 4), 4);
	/* No free block is large enough to add a pool */
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_256K) + 1;
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	for (i = 0; i < 200; i++) {
		tlb = map_quiet(dev, orig, SZ_256K);
		if (!CHECK(tlb != MAP_FAILED_ADDR))
			break;
		unmap(dev, tlb, SZ_256K, DMA_TO_DEVICE);
		shim_run_work();
	}
}

/* ---- memory reserved for other users is used last */

static struct cma area;

/* The default CMA area of 64 MiB, from which display and camera allocate */
static void make_cma(void)
{
	area.base = shim_take_ram_below(SZ_64M, SHIM_HIGH_START);
	area.end = area.base + SZ_64M;
	shim_cma = &area;
	cma_release(shim_cma, pfn_to_page(PHYS_PFN(area.base)), SZ_64M >> PAGE_SHIFT);
}

static size_t largest_left_of_cma(void)
{
	struct page *page = NULL;
	size_t left;

	for (left = SZ_64M; left >= PAGE_SIZE; left /= 2) {
		page = cma_alloc(shim_cma, left >> PAGE_SHIFT, 0, true);
		if (page)
			break;
	}
	return left;
}

/* Map up to @n buffers of 4 KiB, and run the worker after each */
static unsigned int fill(struct device *dev, unsigned int n)
{
	phys_addr_t orig = new_buffer(SZ_4K, 0);
	unsigned int i;

	for (i = 0; i < n; i++) {
		shim_advance(1);
		if (map_quiet(dev, orig, SZ_4K) == MAP_FAILED_ADDR)
			break;
		shim_run_work();
	}
	return i;
}

/* Growth to 47 MiB leaves half of the CMA area in one piece, since other memory is free */
TEST(growth_takes_cma_last)
{
	size_t left;

	needs_growth();
	boot("dynamic");
	make_cma();
	CHECK_EQ(fill(new_device(0, 0), 12000), 12000);
	left = largest_left_of_cma();
	CHECK_MSG(left >= SZ_32M, "the largest piece that is left of 64 MiB has %zu KiB",
		  left >> 10);
}

TEST_BASE_FAILS(growth_takes_cma_if_there_is_nothing_else, "it never takes any")
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	needs_growth();
	boot("512,1");
	make_cma();
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	for (i = 0; i < 64; i++) {
		shim_fail(SHIM_FAULT_PAGES, 0, -1);
		shim_fail(SHIM_FAULT_CONTIG, 0, -1);
		if (map_quiet(dev, orig, SZ_64K) == MAP_FAILED_ADDR) {
			shim_run_work();
			ticks(60);
			if (!CHECK(map_quiet(dev, orig, SZ_64K) != MAP_FAILED_ADDR))
				break;
		}
		shim_run_work();
	}
	CHECK(area.calls > 0);
}

/* ---- the atomic coherent pools are for other users, too */

static bool atomic_page_is_left(struct device *dev)
{
	void *vaddr;

	return dma_alloc_from_pool(dev, PAGE_SIZE, &vaddr, GFP_ATOMIC, 0,
				   dma_coherent_ok);
}

/* In a guest with a small pool, drivers still find a page for their descriptors */
TEST(burst_leaves_atomic_pools_to_drivers)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i;

	needs_growth();
	boot_encrypted("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	shim_run_work();
	shim_hardirq_enter();
	for (i = 0; i < 64; i++)
		map_quiet(dev, orig, SZ_64K);
	CHECK(slots_event("transient") > 0);
	CHECK(atomic_page_is_left(dev));
	shim_hardirq_exit();
}

/* In addition to the boot pool, swiotlb takes at most 1 MiB, even from large atomic pools */
TEST_BASE_FAILS(burst_takes_a_part_of_large_atomic_pools, "it takes all that there is")
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i, mapped = 0;

	needs_growth();
	shim_atomic_bytes = SZ_4M;
	boot_encrypted("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	shim_hardirq_enter();
	for (i = 0; i < 64; i++)
		mapped += map_quiet(dev, orig, SZ_64K) != MAP_FAILED_ADDR;
	shim_hardirq_exit();
	CHECK_EQ(mapped, (SZ_1M + SZ_1M) / SZ_64K);
}

/* The worker runs once per 2 MiB of maps: the decrypted reserve is large enough for that */
TEST_BASE_FAILS(burst_in_interrupts_finds_decrypted_memory, "it has none ahead")
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int i, failed = 0;

	needs_growth();
	boot_encrypted("dynamic");
	shim_run_work();
	dev = new_device(0, 0);
	orig = new_buffer(SZ_64K, 0);
	for (i = 0; i < 4096; i++) {
		shim_hardirq_enter();
		failed += map_quiet(dev, orig, SZ_64K) == MAP_FAILED_ADDR;
		shim_hardirq_exit();
		if (i % 32 != 31)
			continue;
		shim_advance(1);
		shim_run_work();
	}
	CHECK_EQ(failed, 0);
}

struct burst {
	const char *arg;
	size_t boot, size;
	/* Time from one run of the worker to the next, in ms; 1 MiB is mapped in each ms */
	unsigned int latency;
};

#define BURST_MAPS 4096

/* Map 1 GiB/s in hard interrupts. One slot stays in use: an idle allocator has no reserve */
static void check_burst(const void *arg)
{
	const struct burst *b = arg;
	unsigned int i, ms = 0, failed = 0;
	phys_addr_t orig, first;
	struct device *dev;
	size_t since = 0;

	boot_encrypted(b->arg);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(b->boot));
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	first = map_quiet(dev, orig, IO_TLB_SIZE);
	ticks(20);
	for (i = 0; i < BURST_MAPS; i++) {
		shim_hardirq_enter();
		tlbs[i] = map_quiet(dev, orig, b->size);
		shim_hardirq_exit();
		failed += tlbs[i] == MAP_FAILED_ADDR;
		since += b->size;
		if (since < SZ_1M)
			continue;
		since = 0;
		shim_advance(1);
		if (++ms % b->latency == 0)
			shim_run_work();
	}
	CHECK_MSG(!failed, "%u of %u failed", failed, BURST_MAPS);

	/* Afterwards all added memory is freed, including the reserve */
	for (i = 0; i < BURST_MAPS; i++)
		if (tlbs[i] != MAP_FAILED_ADDR)
			unmap(dev, tlbs[i], b->size, DMA_TO_DEVICE);
	unmap(dev, first, IO_TLB_SIZE, DMA_TO_DEVICE);
	ticks(60);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(b->boot));
}

static void check_bursts(const char *arg, size_t boot)
{
	static const struct burst bursts[] = {
		{ .size = SZ_4K, .latency = 32 },
		{ .size = SZ_64K, .latency = 1 },
		{ .size = SZ_64K, .latency = 32 },
		{ .size = SZ_256K, .latency = 32 },
	};
	unsigned int i;
	char name[40];

	needs_growth();
	for (i = 0; i < ARRAY_SIZE(bursts); i++) {
		struct burst b = bursts[i];

		b.arg = arg;
		b.boot = boot;
		snprintf(name, sizeof(name), "%zu KiB, worker of %u ms", b.size >> 10,
			 b.latency);
		in_child(check_burst, &b, name);
	}
}

TEST_BASE_FAILS(burst_beyond_1_mib_is_served_from_the_reserve, "it has none")
{
	check_bursts("512,max=2G", SZ_1M);
}

TEST_BASE_FAILS(burst_beyond_32_mib_is_served_from_the_reserve, "it has none")
{
	check_bursts("dynamic,max=2G", SZ_32M);
}

TEST_BASE_FAILS(burst_beyond_64_mib_is_served_from_the_reserve, "it has none")
{
	check_bursts("max=2G", SZ_64M);
}

/* In a crash kernel, boot pool and reserve together take only 1/16 of memory */
static void check_small_reserve(const void *arg)
{
	u64 memory = *(const u64 *)arg;
	struct device *dev;

	shim_totalram = PHYS_PFN(memory);
	boot_encrypted(NULL);
	dev = new_device(0, 0);
	CHECK(map_quiet(dev, new_buffer(SZ_64K, 0), SZ_64K) != MAP_FAILED_ADDR);
	ticks(20);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(memory / 16));
}

TEST_BASE_FAILS(reserve_of_a_crash_kernel_fits, "half of 128 MiB at boot")
{
	static const u64 sizes[] = { SZ_256M, SZ_128M };

	needs_growth();
	in_child(check_small_reserve, &sizes[0], "256 MiB");
	in_child(check_small_reserve, &sizes[1], "128 MiB");
}

/* ---- memory is cleared before it is shared */

static unsigned long stale;

static void look_for_stale(const void *vaddr, size_t bytes)
{
	stale += !all_bytes(vaddr, bytes, 0);
}

TEST_BASE_FAILS(grown_memory_is_cleared_before_it_is_shared, "it is cleared after that")
{
	needs_growth();
	shim_on_decrypt = look_for_stale;
	boot_encrypted("512,1");
	fill(new_device(0, 0), 2000);
	CHECK(shim_usage().decrypted_pages > 2 * PHYS_PFN(SZ_1M));
	CHECK_EQ(stale, 0);
}

TEST_BASE_FAILS(late_memory_is_cleared_before_it_is_shared, "it is cleared after that")
{
	shim_init();
	shim_on_decrypt = look_for_stale;
	shim_cc[CC_ATTR_MEM_ENCRYPT] = shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	swiotlb_update_mem_attributes();
	CHECK_EQ(swiotlb_init_late(SZ_2M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK_EQ(shim_usage().decrypted_pages, PHYS_PFN(SZ_2M));
	CHECK_EQ(stale, 0);
}

TEST_BASE_FAILS(restricted_memory_is_cleared_before_it_is_shared,
		"it is cleared after that")
{
	phys_addr_t base;

	boot_encrypted(NULL);
	base = shim_take_ram(SZ_4M);
	memset(phys_to_virt(base), 0xa5, SZ_4M);
	shim_on_decrypt = look_for_stale;
	CHECK(restricted_device(base, SZ_4M, "wifi"));
	CHECK(shim_page_decrypted(base));
	CHECK_EQ(stale, 0);
}

/* ---- tear-down and idle times */

/*
 * If the boot pool cannot be decrypted, maps fail and no pool is added. Otherwise added pools
 * would stay, because all slots of the boot pool count as in use.
 */
TEST(boot_pool_that_is_disabled_keeps_no_other_pool)
{
	struct device *dev;
	unsigned int n, tries;
	phys_addr_t orig;

	needs_growth();
	shim_init();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	boot_encrypted("4096,1");
	CHECK_EQ(shim_usage().decrypted_pages, 0);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	for (n = tries = 0; n < 2000 && tries < 4000; tries++) {
		tlbs[n] = map_quiet(dev, orig, SZ_4K);
		n += tlbs[n] != MAP_FAILED_ADDR;
		shim_advance(1);
		shim_run_work();
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(shim_usage().decrypted_pages, 0);
	CHECK_EQ(shim_work_queued(), 0);
}

TEST_BASE_FAILS(exit_leaves_no_work_behind, "its worker stays queued")
{
	needs_growth();
	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init(true, 0);
	shim_early_initcalls_run();
	map_until_full(new_device(0, 0), new_buffer(SZ_64K, 0), SZ_64K, tlbs, 17);
	swiotlb_exit();
	CHECK_EQ(shim_work_queued(), 0);
	shim_run_work();
}

/* An idle allocator stops its timers, so that idle CPUs can sleep */
TEST(idle_allocator_wakes_no_cpu)
{
	struct device *dev;
	unsigned long before;

	boot("dynamic");
	dev = new_device(0, 0);
	unmap_all(dev, SZ_4K, tlbs, map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K,
						   tlbs, 600));
	ticks(120);
	before = shim_wakeups;
	ticks(60);
	CHECK_EQ(shim_wakeups - before, 0);
}

TEST(light_use_wakes_no_cpu_each_second)
{
	struct device *dev;
	unsigned long before;
	phys_addr_t orig;
	unsigned int i;

	boot(NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_4K, 0);
	before = shim_wakeups;
	for (i = 0; i < 60; i++) {
		unmap(dev, map(dev, orig, SZ_4K, DMA_TO_DEVICE), SZ_4K, DMA_TO_DEVICE);
		ticks(1);
	}
	CHECK_MSG(shim_wakeups - before <= 5, "%lu in a minute", shim_wakeups - before);
}

/*
 * Octeon sets a size, and later asks for the pool to set up the window of its bus: no
 * pool can be added outside of that window. swiotlb=dynamic must not reduce the pool to 1 MiB.
 */
TEST(platform_with_a_window_gets_the_size_that_it_asks_for)
{
	phys_addr_t base;

	shim_init();
	shim_boot_param("swiotlb", "dynamic");
	swiotlb_adjust_size(SZ_64M);
#ifdef ENGINE_ours
	swiotlb_init(true, SWIOTLB_VERBOSE | SWIOTLB_FIXED);
#else
	swiotlb_init(true, SWIOTLB_VERBOSE);
#endif
	shim_initcalls_run();
	base = default_swiotlb_base();
	CHECK_EQ((default_swiotlb_limit() + 1 - base) >> 20, 64);
}
