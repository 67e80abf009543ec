// SPDX-License-Identifier: GPL-2.0-only
/* Restricted pools, and coherent memory from them. */
#include "harness.h"

#ifdef CONFIG_DMA_RESTRICTED_POOL

TEST(restricted_alloc_and_free)
{
	phys_addr_t base, prev = 0;
	struct page *pages[SZ_256K / PAGE_SIZE];
	struct device *dev;
	unsigned int i;

	boot("512,1");
	base = shim_take_ram(SZ_256K);
	memset(phys_to_virt(base), 0xa5, SZ_256K);
	dev = restricted_device(base, SZ_256K, "rmem");
	/* A device must not read the old contents of that memory */
	CHECK(all_bytes(phys_to_virt(base), SZ_256K, 0));
	CHECK(is_swiotlb_force_bounce(dev));
	CHECK(is_swiotlb_for_alloc(dev));
	CHECK(is_swiotlb_active(dev));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = swiotlb_alloc(dev, PAGE_SIZE, 0);
		if (!CHECK(pages[i]))
			return;
		CHECK(page_to_phys(pages[i]) >= base &&
		      page_to_phys(pages[i]) < base + SZ_256K);
		CHECK(page_to_phys(pages[i]) != prev);
		prev = page_to_phys(pages[i]);
	}
	CHECK(!swiotlb_alloc(dev, PAGE_SIZE, 0));
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		CHECK(swiotlb_free(dev, pages[i], PAGE_SIZE));
	CHECK(!swiotlb_free(dev, pfn_to_page(1), PAGE_SIZE));
	pages[0] = swiotlb_alloc(dev, SZ_256K, 0);
	CHECK(pages[0]);
	CHECK(!swiotlb_alloc(dev, 2048, 0));
	CHECK(swiotlb_free(dev, pages[0], SZ_256K));
}

TEST(restricted_alloc_is_naturally_aligned)
{
	phys_addr_t base, tlb;
	struct device *dev;
	struct page *page;
	size_t size;

	boot("512,1");
	base = shim_take_ram(SZ_4M);
	dev = restricted_device(base, SZ_4M, "rmem");
	tlb = map(dev, new_buffer(512, 0), 512, DMA_TO_DEVICE);
	for (size = 1; size <= SZ_256K; size = size * 2 + 1) {
		page = swiotlb_alloc(dev, size, 0);
		if (CHECK_MSG(page, "%zu bytes", size))
			CHECK_EQ(page_to_phys(page) &
				 ((PAGE_SIZE << get_order(size)) - 1), 0);
	}
	unmap(dev, tlb, 512, DMA_TO_DEVICE);
}

/* Coherent and streaming DMA from one pool: in CVE-2024-35814, half a page had two owners */
static void mixed_use(unsigned int min_align_mask)
{
	enum { N = 200, BYTES = SZ_1M };
	struct { phys_addr_t at; size_t size; bool coherent; } live[N] = { };
	phys_addr_t base = shim_take_ram(BYTES), buf;
	struct rng rng = { 42 };
	struct device *dev;
	u8 *owner = calloc(BYTES / 512, 1);
	unsigned int i, step;
	size_t j;

	dev = restricted_device(base, BYTES, "rmem");
	dev->dma_parms->min_align_mask = min_align_mask;
	buf = new_buffer(65536, 0);
	for (step = 0; step < 20000 && !check_failures(); step++) {
		i = rng_below(&rng, N);
		if (!live[i].at) {
			struct page *page;
			u32 off = rng_below(&rng, 8) * 512;

			live[i].size = 512 << rng_below(&rng, 6);
			live[i].coherent = rng_below(&rng, 2);
			if (live[i].coherent) {
				live[i].size = ALIGN(live[i].size, PAGE_SIZE);
				page = swiotlb_alloc(dev, live[i].size, 0);
				live[i].at = page ? page_to_phys(page) : 0;
			} else {
				live[i].at = map_full(dev, buf + off, live[i].size, 0,
						      DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
				if (live[i].at == MAP_FAILED_ADDR)
					live[i].at = 0;
			}
			if (!live[i].at)
				continue;
			CHECK(live[i].at >= base &&
			      live[i].at + live[i].size <= base + BYTES);
			if (live[i].coherent)
				CHECK_EQ(live[i].at & ~PAGE_MASK, 0);
			for (j = 0; j < live[i].size; j += 512)
				CHECK_MSG(!owner[(live[i].at + j - base) / 512]++,
					  "step %u: %llx is given out twice", step,
					  live[i].at + j);
			continue;
		}
		for (j = 0; j < live[i].size; j += 512)
			owner[(live[i].at + j - base) / 512]--;
		if (live[i].coherent)
			CHECK(swiotlb_free(dev, phys_to_page(live[i].at), live[i].size));
		else
			unmap(dev, live[i].at, live[i].size, DMA_TO_DEVICE);
		live[i].at = 0;
	}
	free(owner);
}

TEST(restricted_coherent_and_streaming_do_not_overlap)
{
	boot("512,1");
	mixed_use(0);
	mixed_use(0xfff);
	mixed_use(0x1ff);
}

/* A new restricted pool does not reset the counters of another allocator */
TEST(restricted_pool_comes_while_others_are_in_use)
{
	struct device *dev;
	phys_addr_t tlb;

	boot("512,1,force,track_hiwater");
	dev = new_device(0, 0);
	tlb = map(dev, new_buffer(4096, 0), 4096, DMA_TO_DEVICE);
	restricted_device(shim_take_ram(SZ_256K), SZ_256K, "rmem");
	check_used(2);
	unmap(dev, tlb, 4096, DMA_TO_DEVICE);
	check_used(0);
}

/* Devices that refer to one range share one pool; each device can be released */
TEST(restricted_pool_is_shared)
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	phys_addr_t base = (shim_init(), shim_take_ram(SZ_1M));
	struct reserved_mem rmem = { .name = "two", .base = base, .size = SZ_1M };
	struct device *a, *b;
	phys_addr_t tlb;

	boot("512,1");
	a = new_device(0, 0);
	b = new_device(0, 0);
	CHECK_EQ(ops->device_init(&rmem, a), 0);
	CHECK_EQ(ops->device_init(&rmem, b), 0);
	CHECK(a->dma_io_tlb_mem == b->dma_io_tlb_mem);
	tlb = map(a, new_buffer(64, 0), 64, DMA_TO_DEVICE);
	CHECK(tlb >= base && tlb < base + SZ_1M);
	unmap(a, tlb, 64, DMA_TO_DEVICE);
	ops->device_release(&rmem, a);
	tlb = map(a, new_buffer(64, 0), 64, DMA_TO_DEVICE);
	CHECK(tlb != MAP_FAILED_ADDR && (tlb < base || tlb >= base + SZ_1M));
}

/* A restricted pool never uses other pools and never grows */
TEST(restricted_pool_stays_as_it_is)
{
	phys_addr_t base, buf;
	struct device *dev;
	unsigned int n = 0;

	boot("512,1");
	base = shim_take_ram(SZ_256K);
	dev = restricted_device(base, SZ_256K, "rmem");
	buf = new_buffer(4096, 0);
	while (n < 1000 && map_full(dev, buf, 4096, 0, DMA_TO_DEVICE,
				    DMA_ATTR_NO_WARN) != MAP_FAILED_ADDR)
		n++;
	CHECK_EQ(n, 64);
	CHECK_EQ(shim_work_queued(), 0);
	shim_run_work();
	CHECK(map_full(dev, buf, 4096, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) ==
	      MAP_FAILED_ADDR);
}

/*
 * Each CPU begins in an area of its own:
 *
 *	| CPU 0 | CPU 1 | CPU 2 | CPU 3 |
 *	  1 MiB   1 MiB   1 MiB   1 MiB
 */
TEST_BASE_FAILS(restricted_pool_has_an_area_for_each_cpu, "it has one area")
{
	phys_addr_t base, orig, tlb;
	struct device *dev;
	unsigned int cpu;

	boot("512");
	base = shim_take_ram(SZ_4M);
	dev = restricted_device(base, SZ_4M, "rmem");
	orig = new_buffer(PAGE_SIZE, 0);
	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		tlb = map(dev, orig, PAGE_SIZE, DMA_TO_DEVICE);
		CHECK_EQ((tlb - base) / SZ_1M, cpu);
	}
	shim_set_cpu(0);
}

/* The number of areas in swiotlb= applies to restricted pools, too */
TEST(restricted_areas_as_swiotlb_says)
{
	phys_addr_t base;
	struct device *dev;

	boot("512,1");
	base = shim_take_ram(SZ_4M);
	dev = restricted_device(base, SZ_4M, "rmem");
	shim_set_cpu(2);
	CHECK_EQ(map(dev, new_buffer(PAGE_SIZE, 0), PAGE_SIZE, DMA_TO_DEVICE), base);
	shim_set_cpu(0);
	CHECK_EQ(restricted_areas(dev), 1);
}

/* Allocate coherent memory of @size until that fails, free it; returns the number of pieces */
static unsigned int coherent_pieces(struct device *dev, size_t size)
{
	static struct page *pages[SZ_4M / PAGE_SIZE];
	unsigned int i, n = 0;

	while (n < ARRAY_SIZE(pages) &&
	       (pages[n] = swiotlb_alloc(dev, size, DMA_ATTR_NO_WARN)))
		n++;
	for (i = 0; i < n; i++)
		CHECK(swiotlb_free(dev, pages[i], size));
	return n;
}

/*
 * A pool with several areas has room for as much coherent memory as a pool with a single area,
 * wherever it starts
 */
TEST_BASE_FAILS(restricted_areas_cost_no_coherent_memory,
		"it counts segments of 128 slots from the first byte of the range")
{
	static const size_t sizes[] = { SZ_4K, 3 * SZ_4K, SZ_64K, 40 * SZ_4K, SZ_256K };
	static const size_t skips[] = { 0, PAGE_SIZE, SZ_64K, SZ_128K };
	phys_addr_t base, first;
	struct device *dev;
	size_t i, s, step;

	boot("512");
	for (i = 0; i < ARRAY_SIZE(skips); i++) {
		base = shim_take_ram(SZ_8M) + skips[i];
		dev = restricted_device(base, SZ_4M, "rmem");
		for (s = 0; s < ARRAY_SIZE(sizes); s++) {
			step = PAGE_SIZE << get_order(sizes[s]);
			first = ALIGN(base, step);
			CHECK_MSG(coherent_pieces(dev, sizes[s]) ==
				  (base + SZ_4M - first) / step +
				  ((base + SZ_4M - first) % step >= PAGE_ALIGN(sizes[s])),
				  "range + %zu, pieces of %zu", skips[i], sizes[s]);
		}
	}
}

/* A small range is one area: pages of all CPUs are neighbours, and leave room for large maps */
TEST(restricted_small_range_is_not_cut)
{
	phys_addr_t base, orig;
	struct device *dev;
	unsigned int cpu;

	boot("512");
	base = shim_take_ram(SZ_1M);
	dev = restricted_device(base, SZ_1M, "rmem");
	orig = new_buffer(SZ_256K, 0);
	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		CHECK(map(dev, orig, PAGE_SIZE, DMA_TO_DEVICE) - base < SZ_256K);
	}
	shim_set_cpu(0);
	CHECK_EQ(map_until_full(dev, orig, SZ_256K, (phys_addr_t[4]){ }, 4), 3);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC
#define L3_WHY "L3: the number of areas to search is that of the default pool: none"
#else
#define L3_WHY NULL
#endif
TEST_BASE_FAILS(restricted_pool_without_a_default_pool, L3_WHY)
{
	phys_addr_t base;
	struct device *dev;

	shim_init();
	shim_boot_param("swiotlb", "noforce");
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	base = shim_take_ram(SZ_1M);
	dev = restricted_device(base, SZ_1M, "rmem");
	CHECK(map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	CHECK(swiotlb_alloc(dev, 4096, 0));
}

TEST(restricted_pool_by_encryption_state)
{
	phys_addr_t base;
	struct device *dev;

	boot_encrypted("512,1");
	base = shim_take_ram(SZ_1M);
	dev = restricted_device(base, SZ_1M, "rmem");
	CHECK(shim_page_decrypted(base));
	CHECK(shim_page_decrypted(base + SZ_1M - 1));
	CHECK(swiotlb_alloc(dev, 4096, __DMA_ATTR_ALLOC_CC_SHARED));
	CHECK(!swiotlb_alloc(dev, 4096, 0));
}

/*
 * If the range begins and ends within a page, these two pages must not be shared:
 *
 *	pages	|   0   |   1   |  ...  |   7   |   8   |
 *	range	    [ rmem                          ]
 */
TEST_BASE_FAILS(restricted_pool_shares_no_memory_of_others,
		"it decrypts pages of which it has a part")
{
	phys_addr_t ram, tlb;
	struct device *dev;
	unsigned int n;

	boot_encrypted("512,1");
	ram = shim_take_ram(16 * PAGE_SIZE);
	dev = restricted_device(ram + PAGE_SIZE / 2, 8 * PAGE_SIZE, "rmem");
	for (n = 0; n <= 8; n++)
		CHECK_EQ(shim_page_decrypted(ram + n * PAGE_SIZE), n && n < 8);
	for (n = 0; (tlb = map_full(dev, new_buffer(64, 0), 64, 0, DMA_TO_DEVICE,
				    DMA_ATTR_NO_WARN)) != MAP_FAILED_ADDR; n++)
		CHECK(shim_page_decrypted(tlb));
	CHECK_EQ(n, 7 * PAGE_SLOTS);
}

TEST_BASE_FAILS(restricted_pool_without_a_whole_page_is_refused,
		"it decrypts pages of which it has a part")
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	struct reserved_mem rmem = { .name = "part", .size = PAGE_SIZE };

	boot_encrypted("512,1");
	rmem.base = shim_take_ram(2 * PAGE_SIZE) + PAGE_SIZE / 2;
	CHECK(ops->device_init(&rmem, new_device(0, 0)) < 0);
	CHECK(shim_log_has("Restricted DMA pool has no whole page"));
	CHECK(!shim_page_decrypted(rmem.base));
	CHECK(!shim_page_decrypted(rmem.base + PAGE_SIZE));
}

TEST(restricted_pool_that_cannot_be_decrypted)
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	struct reserved_mem rmem = { .name = "bad", .size = SZ_1M };
	struct shim_usage before;
	struct device *dev;

	boot_encrypted("512,1");
	rmem.base = shim_take_ram(SZ_1M);
	dev = new_device(0, 0);
	before = shim_usage();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	CHECK(ops->device_init(&rmem, dev) < 0);
	CHECK(!rmem.priv);
	CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	CHECK(!is_swiotlb_for_alloc(dev));
}

TEST(restricted_pool_without_memory)
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	struct reserved_mem rmem = { .name = "none", .size = SZ_1M };
	struct shim_usage before;
	struct device *dev;
	int nth;

	boot("512,1");
	rmem.base = shim_take_ram(SZ_1M);
	dev = new_device(0, 0);
	before = shim_usage();
	for (nth = 0; nth < 8; nth++) {
		shim_fail(SHIM_FAULT_KMALLOC, nth, 1);
		if (!ops->device_init(&rmem, dev))
			break;
		CHECK(!rmem.priv);
		CHECK_EQ(shim_usage().kmallocs, before.kmallocs);
	}
	CHECK(nth > 0 && nth < 8);
}

TEST(restricted_pool_in_highmem_is_refused)
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	struct reserved_mem rmem = { .name = "high", .base = SHIM_HIGH_START,
				     .size = SZ_1M };

	boot("512,1");
	shim_highmem_start = SHIM_HIGH_START;
	CHECK_EQ(ops->device_init(&rmem, new_device(0, 0)), -EINVAL);
	shim_highmem_start = SHIM_HIGHMEM;
	shim_flat_dt_reject = true;
	CHECK_EQ(ops->node_init(0, &rmem), -EINVAL);
}

/*
 * Alignment applies to DMA addresses. If their offset from physical addresses is not a multiple
 * of a page, the allocation must not get a page of which it owns only a half.
 */
TEST(restricted_alloc_with_an_odd_bus_offset)
{
	static struct bus_dma_region range[2];
	struct page *page;
	struct device *dev;
	phys_addr_t base, tlb;

	boot("512,1");
	base = shim_take_ram(SZ_256K);
	dev = restricted_device(base, SZ_256K, "rmem");
	tlb = map(dev, new_buffer(512, 0), 512, DMA_TO_DEVICE);
	range[0] = (struct bus_dma_region){
		.cpu_start = 0, .dma_start = 0x1800, .size = SHIM_LOW_END,
	};
	dev->dma_range_map = range;
	page = swiotlb_alloc(dev, 8192, 0);
	CHECK(!page || page_to_phys(page) != tlb);
	CHECK(!page || swiotlb_find_pool(dev, page_to_phys(page)));
	if (page) {
		CHECK(swiotlb_free(dev, page, 8192));
		expect_warns(0);
	} else {
		expect_warns(1);	/* the failure is reported */
	}
}

TEST_BASE_FAILS(restricted_double_free_is_reported,
		"it corrupts the free lists, without a word")
{
	struct page *a, *b, *c;
	struct device *dev;
	phys_addr_t base;

	boot("512,1");
	base = shim_take_ram(SZ_256K);
	dev = restricted_device(base, SZ_256K, "rmem");
	a = swiotlb_alloc(dev, 8192, 0);
	swiotlb_free(dev, a, 8192);
	swiotlb_free(dev, a, 8192);
	CHECK_EQ(shim_log_count("is free already"), 1);
	b = swiotlb_alloc(dev, 8192, 0);
	c = swiotlb_alloc(dev, 8192, 0);
	CHECK(b && c && b != c);
}

TEST_BASE_FAILS(restricted_alloc_takes_whole_pages,
		"it leaves it to its callers to ask for whole pages")
{
	phys_addr_t base, buf, page, tlb;
	struct device *dev;
	struct page *p;

	boot("512,1");
	base = shim_take_ram(SZ_256K);
	dev = restricted_device(base, SZ_256K, "rmem");
	buf = new_buffer(512, 0);
	p = swiotlb_alloc(dev, 100, 0);
	if (!CHECK(p))
		return;
	page = page_to_phys(p);
	while ((tlb = map_full(dev, buf, 512, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN)) !=
	       MAP_FAILED_ADDR)
		CHECK_MSG(tlb < page || tlb >= page + PAGE_SIZE,
			  "%llx lies in the page at %llx", tlb, page);
}

/* Coherent memory has no original, so a sync copies nothing */
TEST(restricted_alloc_is_not_synced)
{
	phys_addr_t base, tlb;
	struct device *dev;
	struct page *p;

	boot("512,1");
	base = shim_take_ram(SZ_256K);
	dev = restricted_device(base, SZ_256K, "rmem");
	p = swiotlb_alloc(dev, 2 * PAGE_SIZE, 0);
	if (!CHECK(p))
		return;
	tlb = page_to_phys(p);
	fill_pattern(phys_to_virt(tlb), 2 * PAGE_SIZE, 1);
	/*
	 * Sync for the device first: after a wrong copy to the missing original, a copy from
	 * there would go unnoticed.
	 */
	swiotlb_sync_single_for_device(dev, tlb, 2 * PAGE_SIZE, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_device(dev, tlb + PAGE_SIZE, 100, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(tlb), 2 * PAGE_SIZE, 1));
	swiotlb_sync_single_for_cpu(dev, tlb, 2 * PAGE_SIZE, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_cpu(dev, tlb + PAGE_SIZE, 100, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(tlb), 2 * PAGE_SIZE, 1));
	CHECK(swiotlb_free(dev, p, 2 * PAGE_SIZE));
}

TEST(restricted_alloc_of_impossible_sizes)
{
	struct device *dev, *bare;
	phys_addr_t base;

	boot("512,1");
	base = shim_take_ram(SZ_1M);
	dev = restricted_device(base, SZ_1M, "rmem");
	CHECK(!swiotlb_alloc(dev, SZ_256K + 1, 0));
	CHECK(!swiotlb_alloc(dev, SZ_1M, 0));
	bare = new_device(0, 0xffff);
	bare->dma_io_tlb_mem = dev->dma_io_tlb_mem;
	CHECK(!swiotlb_alloc(bare, SZ_128K, 0));
	CHECK(swiotlb_alloc(bare, SZ_64K, 0));
	bare->dma_io_tlb_mem = NULL;
	CHECK(!swiotlb_alloc(bare, 4096, 0));
	CHECK(swiotlb_alloc(dev, SZ_256K, 0));
}

/*
 * Check a refused allocation: the traced cause, the message and the counter. The base has
 * none of these.
 */
static void refused(struct device *dev, size_t bytes, unsigned long attrs,
		    const char *cause, const char *words, const char *event)
{
	long before = event ? slots_event(event) : 0;
	unsigned long notes = shim_reports[SHIM_NOTE];

	shim_cause = NULL;
	CHECK(!swiotlb_alloc(dev, bytes, attrs | DMA_ATTR_NO_WARN));
	CHECK_MSG(shim_cause && !strcmp(shim_cause, cause), "%s is not traced", cause);
	CHECK_EQ(shim_reports[SHIM_NOTE], notes);
	CHECK(!swiotlb_alloc(dev, bytes, attrs));
	CHECK_EQ(shim_reports[SHIM_NOTE], notes + 1);
	CHECK_MSG(shim_log_has(words), "%s: the log does not have %s", cause, words);
	if (event && IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK_EQ(slots_event(event), before + 2);
}

TEST_BASE_FAILS(restricted_alloc_says_why_it_fails, "it says nothing")
{
	struct page *pages[4], *pieces[5];
	struct device *dev;
	unsigned int i;

	boot("512,1");
	dev = restricted_device(shim_take_ram(SZ_1M), SZ_1M, "rmem");
	stats_dir = "rmem";
	refused(dev, SZ_4K, __DMA_ATTR_ALLOC_CC_SHARED, "encryption",
		"does not have the encryption", NULL);
	refused(dev, SZ_256K + 1, 0, "too large",
		"can never allocate 262145 bytes", "too_large");
	dev->dma_parms->segment_boundary_mask = 0xffff;
	refused(dev, SZ_128K, 0, "misaligned", "segment boundary 0xffff", "misaligned");
	dev->dma_parms->segment_boundary_mask = 0;
	for (i = 0; i < 4; i++)
		pages[i] = swiotlb_alloc(dev, SZ_256K, 0);
	refused(dev, SZ_8K, 0, "full",
		"swiotlb buffer is full (sz: 8192 bytes), total 512 (slots), used 512 (slots)",
		"full");
	/* Leave two quarters of one block free, and three quarters of another */
	CHECK(swiotlb_free(dev, pages[1], SZ_256K));
	CHECK(swiotlb_free(dev, pages[3], SZ_256K));
	for (i = 0; i < 5; i++)
		pieces[i] = swiotlb_alloc(dev, SZ_64K, 0);
	CHECK(pieces[4]);
	CHECK(swiotlb_free(dev, pieces[1], SZ_64K));
	CHECK(swiotlb_free(dev, pieces[2], SZ_64K));
	refused(dev, SZ_256K, 0, "full",
		"swiotlb buffer is full (sz: 262144 bytes), total 512 (slots), used 352 (slots), coherent memory needs 128 in a row",
		"full");
}

static struct { struct device *dev; struct page *page; } twice;

static void free_first(void)
{
	swiotlb_free(twice.dev, twice.page, 4096);
}

TEST_BASE_FAILS(restricted_double_free_at_once_is_reported,
		"it corrupts the free lists, without a word")
{
	struct page *b, *c;

	boot("512,1");
	twice.dev = restricted_device(shim_take_ram(SZ_256K), SZ_256K, "rmem");
	twice.page = swiotlb_alloc(twice.dev, 4096, 0);
	shim_before_cmpxchg64 = free_first;
	swiotlb_free(twice.dev, twice.page, 4096);
	CHECK_EQ(shim_log_count("is free already"), 1);
	b = swiotlb_alloc(twice.dev, 4096, 0);
	c = swiotlb_alloc(twice.dev, 4096, 0);
	CHECK(b && c && b != c);
}

/* The lock of an area is aligned to a cache line in pools of any size */
static void area_in_small_pool(const void *arg)
{
	size_t bytes = *(const size_t *)arg;
	struct device *dev;

	boot("512,1");
	dev = restricted_device(shim_take_ram(bytes), bytes, "rmem");
	CHECK(map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
#ifdef ENGINE_ours
	CHECK_EQ((unsigned long)shim_current()->last % SMP_CACHE_BYTES, 0);
#endif
}

TEST(restricted_pool_of_any_size_is_aligned)
{
	size_t bytes;

	for (bytes = PAGE_SIZE; bytes <= 20 * PAGE_SIZE; bytes += PAGE_SIZE)
		in_child(area_in_small_pool, &bytes, "small pool");
}

/* The directory is below that of swiotlb, even for a device that is probed before late initcalls */
TEST_BASE_FAILS(restricted_pool_of_an_early_device_is_below_swiotlb,
		"its directory is in the root of debugfs")
{
	phys_addr_t base;

	if (!IS_ENABLED(CONFIG_DEBUG_FS))
		skip_test("no debugfs");
	shim_init();
	shim_boot_param("swiotlb", "512,1");
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_early_initcalls_run();
	base = shim_take_ram(SZ_256K);
	restricted_device(base, SZ_256K, "early");
	shim_initcalls_run();
	CHECK(!debugfs_lookup("early", NULL));
	CHECK(debugfs_lookup("early", debugfs_lookup("swiotlb", NULL)));
	CHECK(shim_debugfs_read("swiotlb", "io_tlb_nslabs"));
}
#endif
