// SPDX-License-Identifier: GPL-2.0-only
/* Pools of all shapes, their beginning and end, and wrong use of mappings. */
#include "harness.h"

/* Where the pool that is being tested shows its use */
static const char *stats = "swiotlb";

static void check_pool_used(long nslots)
{
	const char *used = shim_debugfs_read(stats, "io_tlb_used");

	if (IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK_EQ(used ? atol(used) : -1, nslots);
}

/* Map the whole pool in pieces, see that they do not overlap, unmap all */
static long fill_and_drain(struct device *dev, phys_addr_t pool, size_t bytes,
			   size_t piece)
{
	size_t n = 0, i, most = bytes / IO_TLB_SIZE;
	phys_addr_t orig = new_buffer(piece, 0), *tlb = calloc(most + 1, sizeof(*tlb));
	u8 *seen = calloc(1, most);

	for (; n <= most; n++) {
		tlb[n] = map_full(dev, orig, piece, 0, DMA_TO_DEVICE,
				  DMA_ATTR_NO_WARN);
		if (tlb[n] == MAP_FAILED_ADDR)
			break;
		if (!CHECK(tlb[n] >= pool && tlb[n] + piece <= pool + bytes))
			return -1;
		for (i = (tlb[n] - pool) / IO_TLB_SIZE;
		     i <= (tlb[n] - pool + piece - 1) / IO_TLB_SIZE; i++)
			CHECK_MSG(!seen[i]++, "slot %zu is given out twice", i);
	}
	check_pool_used(n * DIV_ROUND_UP(piece, IO_TLB_SIZE));
	/* A stride that visits all, far from the order of mapping */
	for (i = 0; i < n; i++)
		unmap(dev, tlb[n % 7919 ? i * 7919 % n : i], piece,
		      DMA_TO_DEVICE);
	check_pool_used(0);
	free(tlb);
	free(seen);
	return n;
}

static void whole_pool_usable(const void *arg)
{
	size_t bytes;
	phys_addr_t pool = boot_fixed(arg, &bytes);
	struct device *dev = new_device(0, 0);
	size_t piece;

	CHECK_EQ(bytes, strtoul(arg, NULL, 0) << IO_TLB_SHIFT);
	if (bytes <= SZ_64M)
		CHECK_EQ(fill_and_drain(dev, pool, bytes, IO_TLB_SIZE),
			 bytes / IO_TLB_SIZE);
	for (piece = 4096; piece <= 262144; piece *= 8)
		CHECK_EQ(fill_and_drain(dev, pool, bytes, piece), bytes / piece);
}

/* 1 MiB to 1 GiB, 1 to 64 areas: every slot is of use, from every CPU */
TEST_FULL(pools_of_all_sizes_and_areas, NULL, 120)
{
	static const char *const pools[] = {
		"512,1", "512,4", "1024,8", "4096,2", "8192,64", "32768,16",
		"32768,64", "131072,4", "524288,64",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pools); i++)
		in_child(whole_pool_usable, pools[i], pools[i]);
}

struct odd_pool { unsigned int nslots; };

static void odd_pool_holds(const void *arg)
{
	const struct odd_pool *p = arg;
	size_t bytes = (size_t)p->nslots << IO_TLB_SHIFT;
	struct device *dev;
	phys_addr_t base;

	boot(NULL);
	stats = "odd";
	base = shim_take_ram(bytes);
	dev = restricted_device(base, bytes, "odd");
	if (!dev)
		return;
	CHECK_EQ(fill_and_drain(dev, base, bytes, 512), p->nslots);
	CHECK_EQ(fill_and_drain(dev, base, bytes, 4096), p->nslots / 2);
	fill_and_drain(dev, base, bytes, 6000);
	if (p->nslots >= 128)
		CHECK(fill_and_drain(dev, base, bytes, 262144) > 0);
}

/* Nothing may lie beyond the end of a pool that is no multiple of 128 slots */
TEST_BASE_FAILS(pools_of_odd_sizes,
		"releasing the last slots reads free counts past the end of the array")
{
	static const struct odd_pool pools[] = {
		{ 2 }, { 6 }, { 62 }, { 64 }, { 66 }, { 126 }, { 128 }, { 130 },
		{ 190 }, { 258 }, { 510 }, { 514 }, { 1000 }, { 5006 },
	};
	char name[16];
	size_t i;

#ifndef CONFIG_DMA_RESTRICTED_POOL
	skip_test("built without DMA_RESTRICTED_POOL");
#endif
	for (i = 0; i < ARRAY_SIZE(pools); i++) {
		snprintf(name, sizeof(name), "%u slots", pools[i].nslots);
		in_child(odd_pool_holds, &pools[i], name);
	}
}

TEST_BASE_FAILS(double_unmap_is_reported_once,
		"it corrupts the free lists, without a word")
{
	size_t bytes;
	phys_addr_t pool = boot_fixed("512,1", &bytes), orig, a, b;
	struct device *dev = new_device(0, 0);

	orig = new_buffer(8192, 0);
	a = map(dev, orig, 8192, DMA_FROM_DEVICE);
	b = map(dev, orig, 512, DMA_FROM_DEVICE);
	unmap(dev, a, 8192, DMA_FROM_DEVICE);
	fill_pattern(phys_to_virt(orig), 8192, 4);
	unmap(dev, a, 8192, DMA_FROM_DEVICE);
	unmap(dev, a, 8192, DMA_FROM_DEVICE);
	unmap(dev, a + 4096, 4096, DMA_FROM_DEVICE);
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	CHECK(has_pattern(phys_to_virt(orig), 8192, 4));
	check_used(1);
	unmap(dev, b, 512, DMA_FROM_DEVICE);
	check_used(0);
	CHECK_EQ(fill_and_drain(dev, pool, bytes, IO_TLB_SIZE), 512);
	CHECK_EQ(fill_and_drain(dev, pool, bytes, 262144), 4);
	expect_warns(1);
}

TEST_BASE_FAILS(sync_of_free_slot_is_reported_once, "it says nothing")
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	tlb = map(dev, orig, 4096, DMA_BIDIRECTIONAL);
	unmap(dev, tlb, 4096, DMA_BIDIRECTIONAL);
	fill_pattern(phys_to_virt(orig), 4096, 4);
	memset(phys_to_virt(tlb), 0x5a, 4096);
	swiotlb_sync_single_for_cpu(dev, tlb, 4096, DMA_BIDIRECTIONAL);
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	swiotlb_sync_single_for_device(dev, tlb + 2048, 100, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(orig), 4096, 4));
	CHECK(all_bytes(phys_to_virt(tlb), 4096, 0x5a));
	/* Free, behind a mapping that is not */
	tlb = map(dev, orig, 512, DMA_BIDIRECTIONAL);
	fill_pattern(phys_to_virt(orig), 4096, 5);
	swiotlb_sync_single_for_cpu(dev, tlb + 2048, 100, DMA_BIDIRECTIONAL);
	unmap(dev, tlb + 6144, 100, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(orig), 4096, 5));
	check_used(1);
	/* Never mapped at all, at the far end of the pool */
	swiotlb_sync_single_for_cpu(dev, default_swiotlb_limit() - 100, 100,
				    DMA_FROM_DEVICE);
	CHECK_EQ(shim_reports[SHIM_WARN], 1);
	expect_warns(1);
}

/* ---- two CPUs at once, in an order that a test chooses */

static struct { struct device *dev; phys_addr_t orig, tlb, again; size_t size; } race;

static void unmap_and_map_another(void)
{
	unmap(race.dev, race.tlb, race.size, DMA_TO_DEVICE);
	race.again = map(race.dev, race.orig + 8192, race.size, DMA_TO_DEVICE);
}

/*
 * Both have looked the mapping up, the other one is first, and the slots are in
 * use again when this one ends the mapping.
 */
TEST_BASE_FAILS(double_unmap_at_once_spares_the_next_mapping, "see double_unmap")
{
	static const size_t sizes[] = { 512, 4096, 6000 };
	size_t i;

	boot_fixed("512,1", NULL);
	race.dev = new_device(0, 0);
	race.orig = new_buffer(16384, 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		race.size = sizes[i];
		race.tlb = map(race.dev, race.orig, race.size, DMA_TO_DEVICE);
		shim_before_cmpxchg64 = unmap_and_map_another;
		unmap(race.dev, race.tlb, race.size, DMA_TO_DEVICE);
		CHECK_MSG(race.again == race.tlb, "the test needs the same slots again");
		check_used(DIV_ROUND_UP(race.size, IO_TLB_SIZE));
		unmap(race.dev, race.again, race.size, DMA_TO_DEVICE);
		check_used(0);
	}
	expect_warns(1);
}

static void stale_unmap(void)
{
	unmap(race.dev, race.tlb, race.size, DMA_TO_DEVICE);
}

/*
 * Slots that are claimed but not yet recorded are nobody's to unmap, whether they
 * come from an area or from a magazine.
 */
static void stale_unmap_while_mapping(size_t old_size, unsigned int slot,
				      size_t new_size, bool magazine)
{
	phys_addr_t first, last, tlb;

	race.size = new_size;
	shim_cpu_dead(0);
	/* An old mapping that began before, or at, the slot in question */
	first = map(race.dev, race.orig, old_size, DMA_TO_DEVICE);
	unmap(race.dev, first, old_size, DMA_TO_DEVICE);
	if (!magazine)
		shim_cpu_dead(0);
	/* What lies below that slot is taken, so that it is the next */
	last = slot ? map(race.dev, race.orig, slot * IO_TLB_SIZE, DMA_TO_DEVICE) : 0;
	race.tlb = first + slot * IO_TLB_SIZE;
	*(magazine ? &shim_after_take : &shim_after_unlock) = stale_unmap;
	tlb = map(race.dev, race.orig, new_size, DMA_TO_DEVICE);
	CHECK_MSG(tlb == race.tlb, "the test needs slot %u", slot);
	check_used(slot + DIV_ROUND_UP(new_size, IO_TLB_SIZE));
	unmap(race.dev, tlb, new_size, DMA_TO_DEVICE);
	if (slot)
		unmap(race.dev, last, slot * IO_TLB_SIZE, DMA_TO_DEVICE);
	check_used(0);
}

TEST_BASE_FAILS(stale_unmap_spares_what_is_being_mapped, "see double_unmap")
{
	boot_fixed("512,1", NULL);
	race.dev = new_device(0, 0);
	race.orig = new_buffer(16384, 0);
	stale_unmap_while_mapping(512, 0, 512, false);
	stale_unmap_while_mapping(8192, 0, 8192, false);
	stale_unmap_while_mapping(512, 0, 512, true);
	stale_unmap_while_mapping(8192, 0, 8192, true);
	stale_unmap_while_mapping(4096, 1, 512, false);
	stale_unmap_while_mapping(8192, 1, 2048, false);
	expect_warns(1);
}

/* An address that is in no pool is nobody's business */
TEST(foreign_addresses_are_left_alone)
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	fill_pattern(phys_to_virt(orig), 4096, 1);
	CHECK(!swiotlb_find_pool(dev, orig));
	unmap(dev, orig, 4096, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_cpu(dev, orig, 4096, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_device(dev, orig, 4096, DMA_BIDIRECTIONAL);
	CHECK(!swiotlb_find_pool(dev, default_swiotlb_base() - 1));
	tlb = map(dev, orig, 4096, DMA_BIDIRECTIONAL);
	CHECK(swiotlb_find_pool(dev, tlb));
	CHECK(swiotlb_find_pool(dev, tlb + 4095));
	CHECK(!swiotlb_find_pool(dev, default_swiotlb_base() - 1));
	CHECK(!swiotlb_find_pool(dev, default_swiotlb_base() + SZ_1M));
	CHECK(has_pattern(phys_to_virt(orig), 4096, 1));
}

/* Nothing can be mapped without a pool, nor does it crash */
TEST(no_pool_at_all)
{
	struct device *dev;

	shim_init();
	swiotlb_init(false, 0);
	swiotlb_update_mem_attributes();
	shim_initcalls_run();
	dev = new_device(0, 0);
	CHECK(!is_swiotlb_active(dev));
	CHECK(!is_swiotlb_allocated());
	CHECK(map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(!swiotlb_find_pool(dev, SZ_1M));
	swiotlb_exit();
}

TEST(interrupt_context)
{
	phys_addr_t orig, tlb;
	struct device *dev;
	unsigned int i;

	boot("512,2");
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 600; i++) {
		if (i & 1)
			shim_hardirq_enter();
		tlb = map_full(dev, orig, 4096, 0, DMA_BIDIRECTIONAL, DMA_ATTR_NO_WARN);
		if (tlb != MAP_FAILED_ADDR && i % 3)
			unmap(dev, tlb, 4096, DMA_BIDIRECTIONAL);
		shim_hardirq_exit();
	}
}

/* ---- set-up and tear-down */

TEST(early_pool_and_exit_leave_nothing)
{
	struct shim_usage before, after;

	shim_init();
	before = shim_usage();
	swiotlb_init(true, SWIOTLB_VERBOSE);
	CHECK(is_swiotlb_allocated());
	swiotlb_exit();
	after = shim_usage();
	CHECK_EQ(after.memblock_pages, before.memblock_pages);
	CHECK_EQ(after.kmallocs, before.kmallocs);
	CHECK(shim_log_has("MB)"));
}

TEST(late_pool_and_exit_leave_nothing)
{
	struct shim_usage before, after;

	shim_init();
	before = shim_usage();
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK(is_swiotlb_allocated());
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL, NULL), 0);
	swiotlb_exit();
	after = shim_usage();
	CHECK_EQ(after.pages, before.pages);
	CHECK_EQ(after.kmallocs, before.kmallocs);
}

/* A late pool works like an early one, and is within the zone asked for */
TEST(late_pool_is_used)
{
	phys_addr_t start;
	struct device *dev;
	size_t bytes;

	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_2M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	shim_initcalls_run();
	dev = new_device(0, 0);
	start = default_swiotlb_base();
	bytes = default_swiotlb_limit() + 1 - start;
	CHECK_EQ(bytes, SZ_2M);
	/* A device must not read what was in that memory before */
	CHECK(all_bytes(phys_to_virt(start), bytes, 0));
	CHECK(start + bytes <= SHIM_HIGH_START);
	CHECK_EQ(fill_and_drain(dev, start, bytes, IO_TLB_SIZE), SZ_2M / IO_TLB_SIZE);
}

TEST(late_pool_shrinks_when_memory_is_short)
{
	shim_init();
	shim_faults[SHIM_FAULT_PAGES].min_order = 10;
	shim_faults[SHIM_FAULT_PAGES].times = -1;
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	shim_fail_none();
	shim_initcalls_run();
	CHECK_EQ(fill_and_drain(new_device(0, 0), default_swiotlb_base(), SZ_2M,
				IO_TLB_SIZE), SZ_2M / IO_TLB_SIZE);
	CHECK(shim_log_has("the pool gets 2048 KiB") ||
	      shim_log_has("only able to allocate 2 MB"));
}

TEST_BASE_FAILS(late_pool_of_the_smallest_size,
		"the loop that allocates ends before the size that it allows")
{
	shim_init();
	CHECK_EQ(swiotlb_init_late(SZ_1M, GFP_KERNEL | __GFP_DMA32, NULL), 0);
	CHECK(is_swiotlb_allocated());
}

TEST(late_pool_without_memory_fails)
{
	struct shim_usage before;
	unsigned int i;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	CHECK_EQ(swiotlb_init_late(SZ_4M, GFP_KERNEL, NULL), -ENOMEM);
	/* ... and whatever part of it fails, nothing is lost */
	for (i = 0; i < 3; i++) {
		shim_fail_none();
		shim_faults[SHIM_FAULT_KMALLOC] =
			(struct shim_fault){ .skip = i, .times = 1 };
		shim_faults[SHIM_FAULT_PAGES] =
			(struct shim_fault){ .skip = i + 1, .times = 1 };
		if (!swiotlb_init_late(SZ_2M, GFP_KERNEL, NULL))
			break;
		CHECK_EQ(shim_usage().pages, before.pages);
		CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	}
}

static int remap_calls, remap_fails;

static int fake_remap(void *tlb, unsigned long nslabs)
{
	remap_calls++;
	return remap_fails-- > 0 ? -EIO : 0;
}

TEST(remap_failure_halves_the_pool)
{
	shim_init();
	remap_fails = 2;
	swiotlb_init_remap(true, 0, fake_remap);
	swiotlb_update_mem_attributes();
	CHECK_EQ(remap_calls, 3);
	CHECK_EQ(default_swiotlb_limit() + 1 - default_swiotlb_base(), SZ_16M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_16M);
}

TEST_BASE_FAILS(late_remap_failure_halves_the_pool,
		"it remaps and frees again what it has freed already")
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	remap_fails = 1;
	CHECK_EQ(swiotlb_init_late(SZ_2M, GFP_KERNEL, fake_remap), 0);
	CHECK_EQ(default_swiotlb_limit() + 1 - default_swiotlb_base(), SZ_1M);
	swiotlb_exit();
	CHECK_EQ(shim_usage().pages, before.pages);

	remap_fails = 1000;
	CHECK(swiotlb_init_late(SZ_2M, GFP_KERNEL, fake_remap) < 0);
	CHECK_EQ(shim_usage().pages, before.pages);
}

/* Fewer slots than asked for: areas must still divide what there is */
TEST(early_pool_shrinks_when_memory_is_short)
{
	size_t bytes;
	phys_addr_t pool;

	shim_init();
	shim_nr_cpus = 64;
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, 6);
	pool = boot_fixed(NULL, &bytes);
	CHECK_EQ(bytes, SZ_1M);
	CHECK_EQ(fill_and_drain(new_device(0, 0), pool, bytes, IO_TLB_SIZE),
		 SZ_1M / IO_TLB_SIZE);
	CHECK_EQ(fill_and_drain(new_device(0, 0), pool, bytes, 262144), 4);
}

TEST(early_pool_without_memory)
{
	struct device *dev;

	shim_init();
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, -1);
	boot(NULL);
	dev = new_device(0, 0);
	CHECK(!is_swiotlb_active(dev));
	CHECK(map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
}

TEST_BASE_FAILS(early_pool_without_metadata_frees_its_memory,
		"it keeps the memory of the pool for nothing")
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	shim_fail(SHIM_FAULT_MEMBLOCK, 1, -1);
	boot("512,1");
	CHECK(!is_swiotlb_allocated());
	CHECK_EQ(shim_usage().memblock_pages, before.memblock_pages);
}

/* ---- encryption */

TEST(early_pool_is_decrypted_and_encrypted_again)
{
	struct shim_usage before;

	shim_init();
	before = shim_usage();
	boot_encrypted("1024,2");
	CHECK_EQ(shim_usage().decrypted_pages, SZ_2M / PAGE_SIZE);
	CHECK(shim_page_decrypted(default_swiotlb_base()));
	swiotlb_exit();
	CHECK_EQ(shim_usage().decrypted_pages, 0);
	CHECK_EQ(shim_usage().memblock_pages, before.memblock_pages);
}

TEST(failed_decrypt_disables_the_pool)
{
	struct device *dev;
	phys_addr_t orig;

	shim_init();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	boot_encrypted("512,1");
	default_swiotlb_base();
	dev = new_device(0, 0);
	orig = new_buffer(2048, 0);
	CHECK(map(dev, orig, 2048, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(map(dev, orig, 1, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("cannot be decrypted") ||
	      shim_log_has("Failed to decrypt"));
}

/* Pages in an unknown state are lost rather than freed */
TEST(failed_encrypt_leaks_the_early_pool)
{
	long pages;

	boot_encrypted("512,1");
	pages = shim_usage().memblock_pages;
	shim_fail(SHIM_FAULT_ENCRYPT, 0, 1);
	swiotlb_exit();
	CHECK(shim_usage().memblock_pages >= pages - 10);
	CHECK(shim_usage().memblock_pages >= SZ_1M / PAGE_SIZE);
}

TEST(failed_decrypt_leaks_the_late_pool)
{
	shim_init();
	shim_cc[CC_ATTR_MEM_ENCRYPT] = shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	swiotlb_update_mem_attributes();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	CHECK(swiotlb_init_late(SZ_2M, GFP_KERNEL, NULL) < 0);
	CHECK(!is_swiotlb_allocated());
	CHECK_EQ(shim_usage().pages, SZ_2M / PAGE_SIZE);
}

static phys_addr_t try_cc(bool mem, bool host, bool guest, bool unencrypted)
{
	struct device *dev;
	phys_addr_t tlb;

	shim_cc[CC_ATTR_MEM_ENCRYPT] = mem;
	shim_cc[CC_ATTR_HOST_MEM_ENCRYPT] = host;
	shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = guest;
	swiotlb_update_mem_attributes();
	dev = new_device(0, 0);
	dev->shim_unencrypted = unencrypted;
	tlb = map_full(dev, new_buffer(64, 0), 64, 0, DMA_TO_DEVICE, 0);
	if (tlb != MAP_FAILED_ADDR)
		unmap(dev, tlb, 64, DMA_TO_DEVICE);
	return tlb;
}

/* A shared pool is for devices that need it; on a host, for all */
TEST(a_pool_serves_devices_of_its_kind)
{
	boot("512,1");
	CHECK(try_cc(false, false, false, false) != MAP_FAILED_ADDR);
	CHECK(try_cc(true, false, true, true) != MAP_FAILED_ADDR);
	CHECK(try_cc(true, false, true, false) == MAP_FAILED_ADDR);
	CHECK(try_cc(true, true, false, false) != MAP_FAILED_ADDR);
	CHECK(try_cc(true, true, false, true) != MAP_FAILED_ADDR);
}

TEST(dma_address_tells_shared_from_encrypted)
{
	phys_addr_t orig;
	struct device *dev;
	dma_addr_t dma;

	shim_c_bit = 1ULL << 47;
	boot("512,1");
	dev = new_device(0, 0);
	*dev->dma_mask = ~0ULL;
	orig = new_buffer(64, 0);
	dma = swiotlb_map(dev, orig, 64, DMA_TO_DEVICE, 0);
	CHECK(dma & shim_c_bit);
	unmap(dev, dma_to_phys(dev, dma), 64, DMA_TO_DEVICE);

	shim_cc[CC_ATTR_MEM_ENCRYPT] = shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	swiotlb_update_mem_attributes();
	dev->shim_unencrypted = true;
	dma = swiotlb_map(dev, orig, 64, DMA_TO_DEVICE, 0);
	CHECK(!(dma & shim_c_bit));
	unmap(dev, dma_to_phys(dev, dma), 64, DMA_TO_DEVICE);
	check_used(0);
}

/* ---- counters */

TEST(used_and_hiwater)
{
	phys_addr_t orig, a, b;
	struct device *dev;

#ifndef CONFIG_DEBUG_FS
	skip_test("built without DEBUG_FS");
#endif
	boot_fixed("512,1,force,track_hiwater", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(65536, 0);
	CHECK_EQ(slots_total(), 512);
	a = map(dev, orig, 65536, DMA_TO_DEVICE);
	CHECK_EQ(slots_used(), 32);
	b = map(dev, orig, 4096, DMA_TO_DEVICE);
	unmap(dev, a, 65536, DMA_TO_DEVICE);
	CHECK_EQ(slots_used(), 2);
	CHECK_EQ(atol(shim_debugfs_read("swiotlb", "io_tlb_used_hiwater")), 34);
	CHECK_EQ(shim_debugfs_write("swiotlb", "io_tlb_used_hiwater", 5), -EINVAL);
	CHECK_EQ(shim_debugfs_write("swiotlb", "io_tlb_used_hiwater", 0), 0);
	unmap(dev, b, 4096, DMA_TO_DEVICE);
	CHECK_EQ(atol(shim_debugfs_read("swiotlb", "io_tlb_used_hiwater")), 0);
	CHECK_EQ(slots_used(), 0);
}

TEST(full_is_reported_unless_unwanted)
{
	struct device *dev;
	phys_addr_t orig;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(262144, 0);
	while (map_full(dev, orig, 262144, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) !=
	       MAP_FAILED_ADDR)
		;
	CHECK(!shim_log_has("swiotlb buffer is full"));
	CHECK(map(dev, orig, 4096, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("swiotlb buffer is full"));
}
