// SPDX-License-Identifier: GPL-2.0-only
/* Files in /sys/kernel/mm/swiotlb. */
#include "harness.h"

#ifdef ENGINE_ours

static void reads(const char *path, const char *text)
{
	const char *found = shim_sysfs_read(path);

	CHECK_MSG(found && !strcmp(found, text), "%s: %s instead of %s", path,
		  found ?: "(not there)", text);
}

static void reads_number(const char *path, u64 number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)number);
	reads(path, text);
}

static void is_absent(const char *path)
{
	CHECK_MSG(!shim_sysfs_mode(path), "%s is there", path);
}

TEST(sysfs_shows_sizes_in_bytes)
{
	struct device *dev;
	phys_addr_t start, tlb;
	char last[32];
	size_t bytes;

	start = boot_fixed("512,1,force", &bytes);
	dev = new_device(0, 0);
	reads("low/total_bytes", "1048576\n");
	reads("low/used_bytes", "0\n");
	tlb = map(dev, new_buffer(5000, 0), 5000, DMA_TO_DEVICE);
	reads("low/used_bytes", "6144\n");
	unmap(dev, tlb, 5000, DMA_TO_DEVICE);
	reads("low/used_bytes", "0\n");
	reads("low/pools", "1\n");
	reads("low/node_bytes", "1048576 0\n");
	reads("low/cc_shared", "0\n");
	snprintf(last, sizeof(last), "%#llx\n", (unsigned long long)(start + bytes - 1));
	reads("low/last_address", last);
}

/* A value that is not measured has no file: a constant 0 would look like a measurement */
TEST(sysfs_has_no_file_for_what_is_not_known)
{
	shim_boot_param("swiotlb", "512,1,force");
	shim_early_initcalls_run();
	swiotlb_init(true, SWIOTLB_VERBOSE | SWIOTLB_FIXED);
	shim_initcalls_run();
	reads("low/total_bytes", "1048576\n");
	is_absent("low/peak_bytes");
	is_absent("low/transient_bytes");
	is_absent("any/total_bytes");
}

TEST(sysfs_has_no_directory_without_a_pool)
{
	boot("noforce");
	is_absent("low/total_bytes");
	is_absent("low/events/full");
}

/* Only root can read counts that reveal the I/O of other users */
TEST(sysfs_modes)
{
	static const char *const all[] = {
		"total_bytes", "pools", "node_bytes", "cc_shared", "events/grown",
		"events/grow_failed", "events/closed", "events/reopened", "events/freed",
		"events/leaked_bytes", "events/set_memory",
	}, *const root[] = {
		"used_bytes", "bounced_bytes", "last_address", "events/transient",
		"events/large", "events/too_large", "events/misaligned",
		"events/out_of_reach", "events/wrong_encryption", "events/full", "events/at_limit",
		"events/no_memory", "events/waited", "events/wait_timed_out",
	};
	char path[64];
	unsigned int i;

	boot("512,1,force,track_hiwater");
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(path, sizeof(path), "low/%s", all[i]);
		CHECK_MSG(shim_sysfs_mode(path) == 0444, "%s: 0%o", path, shim_sysfs_mode(path));
	}
	for (i = 0; i < ARRAY_SIZE(root); i++) {
		snprintf(path, sizeof(path), "low/%s", root[i]);
		CHECK_MSG(shim_sysfs_mode(path) == 0400, "%s: 0%o", path, shim_sysfs_mode(path));
	}
	CHECK_EQ(shim_sysfs_mode("low/peak_bytes"), 0600);
}

TEST(sysfs_peak_since_it_was_reset)
{
	static const char *const bad[] = {
		"1\n", "", "\n", "x\n", "-1\n", "0x\n", "0 0\n", "99999999999999999999\n",
	};
	struct device *dev;
	phys_addr_t a, b;
	unsigned int i;

	boot_fixed("512,1,force,track_hiwater", NULL);
	dev = new_device(0, 0);
	a = map(dev, new_buffer(65536, 0), 65536, DMA_TO_DEVICE);
	b = map(dev, new_buffer(4096, 0), 4096, DMA_TO_DEVICE);
	unmap(dev, a, 65536, DMA_TO_DEVICE);
	reads("low/peak_bytes", "69632\n");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_MSG(shim_sysfs_write("low/peak_bytes", bad[i]) == -EINVAL, "%s", bad[i]);
	CHECK_EQ(shim_sysfs_write("low/used_bytes", "0\n"), -EIO);
	reads("low/peak_bytes", "69632\n");
	CHECK_EQ(shim_sysfs_write("low/peak_bytes", "0\n"), 2);
	reads("low/peak_bytes", "0\n");
	unmap(dev, b, 4096, DMA_TO_DEVICE);
	b = map(dev, new_buffer(4096, 0), 4096, DMA_TO_DEVICE);
	reads("low/peak_bytes", "4096\n");
	unmap(dev, b, 4096, DMA_TO_DEVICE);
}

/*
 * Each copy is counted, on any path, and nothing else is:
 *
 *	map 5000, sync 100 to and 200 from the device, unmap 5000 from it
 */
static void bounce_all_ways(struct device *dev, const char *path, u64 *bytes)
{
	phys_addr_t orig = new_buffer(5000, 0), tlb;

	tlb = map(dev, orig, 5000, DMA_BIDIRECTIONAL);
	reads_number(path, *bytes += 5000);
	swiotlb_sync_single_for_device(dev, tlb + 10, 100, DMA_BIDIRECTIONAL);
	reads_number(path, *bytes += 100);
	swiotlb_sync_single_for_cpu(dev, tlb + 3000, 200, DMA_BIDIRECTIONAL);
	reads_number(path, *bytes += 200);
	swiotlb_sync_single_for_cpu(dev, tlb, 200, DMA_TO_DEVICE);
	reads_number(path, *bytes);
	unmap(dev, tlb, 5000, DMA_BIDIRECTIONAL);
	reads_number(path, *bytes += 5000);

	tlb = map(dev, orig, 5000, DMA_FROM_DEVICE);
	swiotlb_tbl_unmap_single(dev, tlb, 5000, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	reads_number(path, *bytes += 5000);
}

TEST(sysfs_counts_bytes_that_are_copied)
{
	struct device *dev;
	u64 bytes = 0;

	/* Bytes that are copied before there are magazines count, too */
	shim_boot_param("swiotlb", "512,1,force");
	shim_early_initcalls_run();
	swiotlb_init(true, SWIOTLB_VERBOSE);
	dev = new_device(0, 0);
	unmap(dev, map(dev, new_buffer(512, 0), 512, DMA_FROM_DEVICE), 512, DMA_FROM_DEVICE);
	bytes = 1024;
	shim_initcalls_run();
	reads_number("low/bounced_bytes", bytes);
	bounce_all_ways(dev, "low/bounced_bytes", &bytes);
	shim_set_cpu(1);
	bounce_all_ways(dev, "low/bounced_bytes", &bytes);
}

#ifdef CONFIG_DMA_RESTRICTED_POOL
TEST(sysfs_shows_restricted_pools_by_name)
{
	phys_addr_t base;
	struct device *dev;
	struct page *page;
	char last[32];
	u64 bytes = 0;

	boot("512,1,force,track_hiwater");
	base = shim_take_ram(SZ_1M);
	dev = restricted_device(base, SZ_1M, "pool@5000");
	if (!dev)
		return;
	reads("pool@5000/total_bytes", "1048576\n");
	snprintf(last, sizeof(last), "%#llx\n", (unsigned long long)(base + SZ_1M - 1));
	reads("pool@5000/last_address", last);
	bounce_all_ways(dev, "pool@5000/bounced_bytes", &bytes);
	reads("low/bounced_bytes", "0\n");
	/* Coherent memory is not copied */
	page = swiotlb_alloc(dev, 2 * PAGE_SIZE, 0);
	snprintf(last, sizeof(last), "%lu\n", 2 * PAGE_SIZE);
	reads("pool@5000/used_bytes", last);
	reads("pool@5000/peak_bytes", last);
	reads_number("pool@5000/bounced_bytes", bytes);
	CHECK(swiotlb_free(dev, page, 2 * PAGE_SIZE));
	reads("low/peak_bytes", "0\n");
}
#endif

#ifdef CONFIG_DEBUG_FS
/* Each event in debugfs has a file in sysfs, with the same number */
TEST(sysfs_events_are_those_of_debugfs)
{
	struct device *dev;
	phys_addr_t orig;
	unsigned int n = 0;
	char path[64], name[32], *at, *text;

	boot_fixed("512,1,force", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(SZ_256K, 0);
	while (map_full(dev, orig, SZ_256K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) !=
	       MAP_FAILED_ADDR)
		;
	CHECK_EQ(map_full(dev, orig, SZ_512K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
		 MAP_FAILED_ADDR);
	reads("low/events/full", "1\n");
	reads("low/events/too_large", "1\n");
	text = strdup(shim_debugfs_read("swiotlb", "events"));
	for (at = text; sscanf(at, "%31s", name) == 1; at = strchr(at, '\n') + 1, n++) {
		snprintf(path, sizeof(path), "low/events/%s", name);
		reads_number(path, slots_event(name));
	}
	CHECK(n > 10);
	free(text);
}
#endif

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* "low" has 1 MiB at boot, and "any" grows for a device that reaches all memory */
TEST(sysfs_shows_each_allocator_by_itself)
{
	struct device *dev;
	phys_addr_t tlb[64], orig;
	unsigned int i, n;
	u64 total;

	boot("512,1,force,track_hiwater");
	dev = device_below(DMA_BIT_MASK(64));
	orig = new_buffer(SZ_64K, 0);
	reads("any/total_bytes", "0\n");
	reads("any/transient_bytes", "0\n");
	is_absent("any/peak_bytes");
	for (n = 0; n < 14; n++)
		tlb[n] = map(dev, orig, SZ_64K, DMA_TO_DEVICE);
	reads_number("low/used_bytes", 14 * SZ_64K);
	ticks(1);
	total = strtoull(shim_sysfs_read("any/total_bytes") ?: "", NULL, 10);
	CHECK(total >= SZ_2M);
	reads("any/pools", "1\n");
	reads("any/events/grown", "1\n");
	reads("low/events/grown", "0\n");
	reads("low/total_bytes", "1048576\n");
	for (; n < 20; n++)
		tlb[n] = map(dev, orig, SZ_64K, DMA_TO_DEVICE);
	reads_number("any/used_bytes", 6 * SZ_64K);
	reads_number("any/bounced_bytes", 6 * SZ_64K);
	/* The peak is that of both allocators together */
	reads_number("low/peak_bytes", 20 * SZ_64K);
	for (i = 0; i < n; i++)
		unmap(dev, tlb[i], SZ_64K, DMA_TO_DEVICE);
	reads("any/used_bytes", "0\n");
}

TEST(sysfs_shows_transient_pools)
{
	struct device *dev;
	phys_addr_t tlb = MAP_FAILED_ADDR;

	boot("512,1,force");
	dev = device_below(DMA_BIT_MASK(32));
	while (strtoul(shim_sysfs_read("low/transient_bytes") ?: "1", NULL, 10) == 0)
		tlb = map(dev, new_buffer(SZ_64K, 0), SZ_64K, DMA_TO_DEVICE);
	CHECK(strtoul(shim_sysfs_read("low/transient_bytes"), NULL, 10) >= SZ_64K);
	reads("low/events/transient", "1\n");
	unmap(dev, tlb, SZ_64K, DMA_TO_DEVICE);
}
#endif

/* ---- devices */

static void dev_reads(struct device *dev, const char *name, const char *text)
{
	const char *found = shim_dev_read(dev, name);

	CHECK_MSG(found && !strcmp(found, text), "%s: %s instead of %s", name,
		  found ?: "(not there)", text);
}

TEST(sysfs_has_no_device_unless_it_is_tracked)
{
	struct device *dev;

	boot("512,1,force");
	dev = new_device(0, 0);
	swiotlb_dev_add(dev);
	CHECK(!dev->dma_io_tlb_stats);
	unmap(dev, map_page(dev), PAGE_SIZE, DMA_TO_DEVICE);
	CHECK(!shim_dev_read(dev, "used_bytes"));
	swiotlb_dev_release(dev);
}

TEST(sysfs_has_no_device_that_does_no_dma)
{
	struct device *dev;

	boot("512,1,force,track_hiwater");
	dev = new_device(0, 0);
	dev->dma_mask = NULL;
	swiotlb_dev_add(dev);
	CHECK(!dev->dma_io_tlb_stats);
}

TEST(sysfs_says_which_device_holds_the_slots)
{
	static const char *const bad[] = { "1\n", "", "x\n", "99999999999999999999\n" };
	struct device *a, *b, *other;
	phys_addr_t held, tlb, orig;
	unsigned int i;

	boot_fixed("512,1,force,track_hiwater", NULL);
	a = new_device(0, 0);
	b = new_device(0, 0);
	/* Not added by swiotlb_dev_add() */
	other = new_device(0, 0);
	swiotlb_dev_add(a);
	swiotlb_dev_add(b);
	orig = new_buffer(SZ_256K, 0);
	held = map(a, orig, 5000, DMA_TO_DEVICE);
	tlb = map(b, orig, 65536, DMA_TO_DEVICE);
	dev_reads(a, "used_bytes", "6144\n");
	dev_reads(b, "used_bytes", "65536\n");
	unmap(b, tlb, 65536, DMA_TO_DEVICE);
	unmap(other, map(other, orig, 4096, DMA_TO_DEVICE), 4096, DMA_TO_DEVICE);
	dev_reads(a, "used_bytes", "6144\n");
	dev_reads(b, "used_bytes", "0\n");
	dev_reads(b, "peak_bytes", "65536\n");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_MSG(shim_dev_write(b, "peak_bytes", bad[i]) == -EINVAL, "%s", bad[i]);
	CHECK_EQ(shim_dev_write(b, "peak_bytes", "0"), 1);
	dev_reads(b, "peak_bytes", "0\n");
	dev_reads(a, "peak_bytes", "6144\n");

	while (map_full(b, orig, SZ_256K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) !=
	       MAP_FAILED_ADDR)
		;
	CHECK_EQ(map_full(b, orig, SZ_512K, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN),
		 MAP_FAILED_ADDR);
	dev_reads(b, "failed", "2\n");
	dev_reads(a, "failed", "0\n");

	/* The driver of @a has unmapped all, the driver of @b leaks mappings */
	unmap(a, held, 5000, DMA_TO_DEVICE);
	swiotlb_dev_release(a);
	CHECK_EQ(shim_log_count("released with"), 0);
	swiotlb_dev_release(b);
	CHECK_EQ(shim_log_count("released with 384 swiotlb slots mapped"), 1);
}

#ifdef CONFIG_SWIOTLB_DYNAMIC
TEST(sysfs_counts_transient_pools_for_their_device)
{
	struct device *dev;
	unsigned int n = 0;
	phys_addr_t tlb[64];

	boot("512,1,force,track_hiwater");
	dev = device_below(DMA_BIT_MASK(32));
	swiotlb_dev_add(dev);
	while (strtoul(shim_sysfs_read("low/transient_bytes") ?: "1", NULL, 10) == 0)
		tlb[n++] = map(dev, new_buffer(SZ_64K, 0), SZ_64K, DMA_TO_DEVICE);
	CHECK_EQ(strtoul(shim_dev_read(dev, "used_bytes") ?: "", NULL, 10), n * SZ_64K);
	while (n)
		unmap(dev, tlb[--n], SZ_64K, DMA_TO_DEVICE);
	dev_reads(dev, "used_bytes", "0\n");
}
#endif

#ifdef CONFIG_DMA_RESTRICTED_POOL
TEST(sysfs_counts_coherent_memory_for_its_device)
{
	struct device *dev;
	struct page *page;
	char text[16];

	boot("512,1,force,track_hiwater");
	dev = restricted_device(shim_take_ram(SZ_1M), SZ_1M, "rmem");
	if (!dev)
		return;
	swiotlb_dev_add(dev);
	snprintf(text, sizeof(text), "%lu\n", PAGE_SIZE);
	page = swiotlb_alloc(dev, PAGE_SIZE, 0);
	dev_reads(dev, "used_bytes", text);
	CHECK(swiotlb_free(dev, page, PAGE_SIZE));
	dev_reads(dev, "used_bytes", "0\n");
	dev_reads(dev, "peak_bytes", text);
}
#endif

#ifdef CONFIG_SWIOTLB_DYNAMIC
/* Two devices with the same name have own pools. A directory is removed with its device */
TEST(sysfs_shows_pools_of_single_devices)
{
	struct device *dev, *other;
	phys_addr_t orig, tlb;

	boot("512,1,own,track_hiwater");
	dev = new_device(0, 0);
	other = new_device(0, 0);
	swiotlb_device_allocate(dev, 2, SZ_1M);
	swiotlb_device_allocate(other, 2, SZ_1M);
	swiotlb_device_allocate(dev, 2, SZ_1M);
	reads("own0:test/total_bytes", "0\n");
	reads("own1:test/pools", "0\n");
	is_absent("own2:test/pools");
	orig = new_buffer(SZ_64K, 0);
	unmap(dev, map(dev, orig, SZ_64K, DMA_TO_DEVICE), SZ_64K, DMA_TO_DEVICE);
	shim_run_work();
	tlb = map(dev, orig, SZ_64K, DMA_TO_DEVICE);
	reads("own0:test/total_bytes", "4194304\n");
	reads("own0:test/node_bytes", "4194304 0\n");
	reads("own0:test/pools", "1\n");
	reads("own0:test/used_bytes", "65536\n");
	reads("own0:test/bounced_bytes", "65536\n");
	reads("own0:test/events/grown", "1\n");
	unmap(dev, tlb, SZ_64K, DMA_TO_DEVICE);
	reads("own0:test/used_bytes", "0\n");
	reads("own0:test/peak_bytes", "65536\n");
	CHECK_EQ(shim_sysfs_write("own0:test/peak_bytes", "0\n"), 2);
	reads("own0:test/peak_bytes", "0\n");
	CHECK_EQ(shim_sysfs_mode("own0:test/used_bytes"), 0400);
	CHECK_EQ(shim_sysfs_mode("own0:test/total_bytes"), 0400);
	CHECK_EQ(shim_sysfs_mode("own0:test/node_bytes"), 0400);
	CHECK_EQ(shim_sysfs_mode("own0:test/events/grown"), 0400);
	CHECK_EQ(shim_sysfs_mode("low/events/grown"), 0444);
	/* The common allocator counts these */
	is_absent("own0:test/transient_bytes");
	is_absent("own0:test/events/full");
	is_absent("own0:test/events/leaked_bytes");
	reads("low/events/full", "0\n");
	end_device(dev);
	ticks(10);
	is_absent("own0:test/total_bytes");
	reads("own1:test/total_bytes", "0\n");
}
#endif

#endif
