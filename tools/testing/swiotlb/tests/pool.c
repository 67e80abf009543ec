// SPDX-License-Identifier: GPL-2.0-only
/* Pools of all sizes and layouts. */
#include "harness.h"

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

/* 1 MiB to 1 GiB, 1 to 64 areas: every CPU can use every slot */
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

/* For four CPUs, areas of 256, 256 and 128 slots: their number is no power of two */
TEST(pool_of_three_areas_is_usable)
{
	size_t bytes;
	phys_addr_t pool = boot_fixed("dynamic,640", &bytes);
	struct device *dev = new_device(0, 0);
	unsigned int cpu;

	for (cpu = 0; cpu < 4; cpu++) {
		shim_set_cpu(cpu);
		CHECK_EQ(fill_and_drain(dev, pool, bytes, 4096), bytes / 4096);
	}
}

struct odd_pool { unsigned int nslots; };

static void odd_pool_holds(const void *arg)
{
	const struct odd_pool *p = arg;
	size_t bytes = (size_t)p->nslots << IO_TLB_SHIFT;
	struct device *dev;
	phys_addr_t base;

	boot(NULL);
	stats_dir = "odd";
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

/* No mapping may extend beyond a pool that is not a multiple of 128 slots */
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
	unsigned int i, kept = 0;

	boot("512,2");
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	for (i = 0; i < 300; i++) {
		if (i & 1)
			shim_hardirq_enter();
		tlb = map_full(dev, orig, 4096, 0, DMA_BIDIRECTIONAL, DMA_ATTR_NO_WARN);
		CHECK(tlb != MAP_FAILED_ADDR);
		if (i % 3)
			unmap(dev, tlb, 4096, DMA_BIDIRECTIONAL);
		else
			kept++;
		shim_hardirq_exit();
	}
	check_used(2 * kept);
}

/* ---- set-up and tear-down */

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

/* In a guest a decrypted pool serves only devices that need it; on a host, all devices */
TEST(a_pool_serves_devices_of_its_kind)
{
	boot("512,1");
	CHECK(try_cc(false, false, false, false) != MAP_FAILED_ADDR);
	CHECK(try_cc(true, false, true, true) != MAP_FAILED_ADDR);
	CHECK(try_cc(true, false, true, false) == MAP_FAILED_ADDR);
	CHECK(try_cc(true, true, false, false) != MAP_FAILED_ADDR);
	CHECK(try_cc(true, true, false, true) != MAP_FAILED_ADDR);
}

static bool refused(struct device *dev, unsigned long attrs, const char *cause)
{
	shim_log_clear();
	shim_cause = NULL;
	CHECK_EQ(map_full(dev, new_buffer(64, 0), 64, 0, DMA_TO_DEVICE, attrs),
		 MAP_FAILED_ADDR);
	return shim_cause && !strcmp(shim_cause, cause);
}

/* Maps refused before the search are traced, and logged unless DMA_ATTR_NO_WARN is set */
TEST_BASE_FAILS(refused_maps_say_why,
		"it has no such event, and does not say that the encryption is wrong")
{
	static const char no_pool[] = "Can not allocate SWIOTLB buffer earlier";
	static const char encryption[] = "swiotlb has no pool with the encryption";
	struct device *dev;

	boot("512,1");
	dev = new_device(0, 0);
	dev->dma_io_tlb_mem = NULL;
	CHECK(refused(dev, DMA_ATTR_NO_WARN, "no pool"));
	CHECK_EQ(shim_log_count(no_pool), 0);
	CHECK(refused(dev, 0, "no pool"));
	CHECK_EQ(shim_log_count(no_pool), 1);

	dev = new_device(0, 0);
	shim_cc[CC_ATTR_MEM_ENCRYPT] = shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	swiotlb_update_mem_attributes();
	dev->shim_unencrypted = false;
	CHECK(refused(dev, DMA_ATTR_NO_WARN, "encryption"));
	CHECK_EQ(shim_log_count(encryption), 0);
	CHECK(refused(dev, 0, "encryption"));
	CHECK_EQ(shim_log_count(encryption), 1);
}

/* The map finds a buffer, but the device does not reach it: the failure is traced */
TEST_BASE_FAILS(buffer_out_of_reach_is_traced, "it has no such event")
{
	struct device *dev;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	*dev->dma_mask = DMA_BIT_MASK(12);
	shim_cause = NULL;
	CHECK_EQ(swiotlb_map(dev, new_buffer(64, 0), 64, DMA_TO_DEVICE, 0),
		 DMA_MAPPING_ERROR);
	CHECK(shim_cause && !strcmp(shim_cause, "out of reach"));
	check_used(0);
}

/*
 * The device reaches only the start of the only pool. A buffer out of its reach is freed:
 *
 *	pool	[ 64 KiB |                ]
 *	reach	---------|
 */
TEST_BASE_FAILS(buffers_beyond_the_reach_are_free_again, "it has no such event")
{
	phys_addr_t orig, pool = boot_fixed("512,1", NULL);
	struct device *dev = new_device(0, 0);
	unsigned int n;

	orig = new_buffer(SZ_4K, 0);
	dev->bus_dma_limit = pool + SZ_64K - 1;
	for (n = 0; n < 16; n++)
		CHECK(swiotlb_map(dev, orig, SZ_4K, DMA_TO_DEVICE, 0) !=
		      DMA_MAPPING_ERROR);
	shim_cause = NULL;
	for (n = 0; n < 200; n++)
		CHECK_EQ(swiotlb_map(dev, orig, SZ_4K, DMA_TO_DEVICE, 0),
			 DMA_MAPPING_ERROR);
	CHECK(shim_cause && !strcmp(shim_cause, "out of reach"));
	check_used(SZ_64K / IO_TLB_SIZE);
	expect_warns(1);
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
