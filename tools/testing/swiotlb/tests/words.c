// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface for users and their tools: the messages of the base in the log, which
 * monitors and guides search for, the boot parameter, and statistics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "harness.h"

#define MOST 4096

static phys_addr_t tlbs[MOST];

/* ---- each shortage is reported as a full buffer, followed by the cause */

static void check_shortage(struct device *dev, size_t size)
{
	shim_log_clear();
	CHECK(map(dev, new_buffer(size, 0), size, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(shim_log_has("swiotlb buffer is full"));
	CHECK(shim_log_has("sz: "));
	CHECK(shim_log_has("bytes), total "));
}

TEST(full_pool_is_said_to_be_full)
{
	struct device *dev;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, MOST);
	check_shortage(dev, SZ_4K);
}

/* A storm is logged at a limited rate, and hides no other cause */
TEST_BASE_FAILS(causes_have_rates_of_their_own, "it has one rate for all")
{
	struct device *dev;
	unsigned int i;

	shim_limit_rate = true;
	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, MOST);
	for (i = 0; i < 5 * SHIM_BURST; i++)
		map(dev, new_buffer(SZ_4K, 0), SZ_4K, DMA_TO_DEVICE);
	CHECK_EQ(shim_log_count("swiotlb buffer is full"), SHIM_BURST);
	shim_log_clear();
	CHECK(map(dev, new_buffer(SZ_512K, 0), SZ_512K, DMA_TO_DEVICE) ==
	      MAP_FAILED_ADDR);
	CHECK_EQ(shim_log_count("swiotlb buffer is full"), 1);
}

/* A pool in which every other page is free is reported as full */
TEST(fragmented_pool_is_said_to_be_full)
{
	struct device *dev;
	unsigned int i, n;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	n = map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, MOST);
	for (i = 0; i < n; i++)
		if (tlbs[i] & SZ_4K)
			unmap(dev, tlbs[i], SZ_4K, DMA_TO_DEVICE);
	check_shortage(dev, SZ_64K);
}

TEST(pool_without_memory_to_grow_is_said_to_be_full)
{
	struct device *dev;

	boot("512,1");
	dev = new_device(0, 0);
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, MOST);
	check_shortage(dev, SZ_4K);
	ticks(2);
	check_shortage(dev, SZ_4K);
}

TEST(restricted_pool_is_said_to_be_full)
{
	struct device *dev;

	boot(NULL);
	dev = restricted_device(shim_take_ram(SZ_1M), SZ_1M, "wifi");
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, MOST);
	check_shortage(dev, SZ_4K);
}

/* ---- messages of the base are unchanged */

static void says_encrypted(void)
{
	boot_encrypted(NULL);
	map_page(new_device(0, 0));
}

static void says_restricted(void)
{
	boot(NULL);
	restricted_device(shim_take_ram(SZ_2M), SZ_2M, "wifi");
}

static void says_rounded_up(void)
{
	boot("512,8");
}

static void says_adjusted(void)
{
	shim_init();
	swiotlb_adjust_size(SZ_32M);
}

/* Number of times that remapping still fails */
static int remap_fails;

static int remap(void *tlb, unsigned long nslabs)
{
	return remap_fails-- > 0 ? -EIO : 0;
}

static void says_adjusted_to_memory(void)
{
	shim_init();
	remap_fails = 1;
	swiotlb_init_remap(true, 0, remap);
}

static void says_where(void)
{
	shim_init();
	swiotlb_init(true, SWIOTLB_VERBOSE);
}

static void says_no_memory(void)
{
	shim_init();
	swiotlb_print_info();
}

static void says_torn_down(void)
{
	boot(NULL);
	swiotlb_exit();
}

static void says_not_decrypted(void)
{
	shim_init();
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	boot_encrypted("512,1");
}

static void says_not_allocated(void)
{
	shim_init();
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, 1);
	boot("1024,1");
}

static void says_late_is_smaller(void)
{
	shim_init();
	shim_faults[SHIM_FAULT_PAGES].min_order = get_order(SZ_4M);
	shim_faults[SHIM_FAULT_PAGES].times = -1;
	swiotlb_init_late(SZ_4M, GFP_KERNEL | __GFP_DMA32, NULL);
}

static void says_no_pool(void)
{
	boot("noforce");
	map(new_device(0, 0), new_buffer(SZ_4K, 0), SZ_4K, DMA_TO_DEVICE);
}

static void says_restricted_is_not_decrypted(void)
{
	boot_encrypted(NULL);
	shim_fail(SHIM_FAULT_DECRYPT, 0, 1);
	shim_rmem_ops()->device_init(&(struct reserved_mem){
		.name = "wifi", .base = shim_take_ram(SZ_1M), .size = SZ_1M },
		new_device(0, 0));
}

static void says_areas(void)
{
	boot("4096,4");
}

struct words {
	const char *text;
	void (*fn)(void);
	bool restricted;
};

static const struct words base_words[] = {
	{ "Memory encryption is active and system is using DMA bounce buffers",
	  says_encrypted },
	{ "created restricted DMA pool at", says_restricted, true },
	{ "Failed to decrypt restricted DMA pool", says_restricted_is_not_decrypted, true },
	{ "SWIOTLB bounce buffer size roundup to 2MB", says_rounded_up },
	{ "SWIOTLB bounce buffer size adjusted to 32MB", says_adjusted },
	{ "SWIOTLB bounce buffer size adjusted 32768 -> 16384 slabs",
	  says_adjusted_to_memory },
	{ "mapped [mem ", says_where },
	{ "(64MB)", says_where },
	{ "No low mem", says_no_memory },
	{ "tearing down default memory pool", says_torn_down },
	{ "Failed to decrypt default memory pool, disabling it", says_not_decrypted },
	{ "Failed to allocate 2097152 bytes tlb structure", says_not_allocated },
	{ "Failed to remap", says_adjusted_to_memory },
	{ "only able to allocate 2 MB", says_late_is_smaller },
	{ "Can not allocate SWIOTLB buffer earlier and can't now provide you with the DMA bounce buffer",
	  says_no_pool },
	{ "area num 4.", says_areas },
};

static void check_words(const void *arg)
{
	const struct words *w = arg;

	w->fn();
	CHECK_MSG(shim_log_has(w->text), "the log does not have it");
}

TEST(words_of_the_base_stay)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base_words); i++)
		if (!base_words[i].restricted || IS_ENABLED(CONFIG_DMA_RESTRICTED_POOL))
			in_child(check_words, &base_words[i], base_words[i].text);
}

/* ---- sizes that are no multiple of 1 MiB */

/* One CPU, so that there is only one area of 256 KiB */
TEST_BASE_FAILS(small_pool_is_said_in_kib, "it says 0MB")
{
	shim_init();
	shim_nr_cpus = 1;
	shim_boot_param("swiotlb", "128");
	swiotlb_init(true, SWIOTLB_VERBOSE);
	CHECK(!shim_log_has("(0MB)"));
	CHECK(shim_log_has("(256KiB)") || shim_log_has("(256 KiB)"));
}

TEST_BASE_FAILS(small_restricted_pool_is_said_in_kib, "it says 0 MiB")
{
	boot(NULL);
	restricted_device(shim_take_ram(SZ_512K), SZ_512K, "wifi");
	CHECK(!shim_log_has("0 MiB"));
	CHECK(shim_log_has("512 KiB"));
}

/* ---- swiotlb= */

static void check_conflict(const void *arg)
{
	boot(arg);
	CHECK(!is_swiotlb_allocated());
	CHECK(shim_log_has("noforce"));
}

/* noforce overrides force in any order, and the log says so */
TEST_BASE_FAILS(force_and_noforce_say_which_won, "it says nothing")
{
	in_child(check_conflict, "noforce,force", "noforce first");
	in_child(check_conflict, "4096,force,noforce", "force first");
}

static void check_conflict_of_two(const void *arg)
{
	shim_init();
	shim_boot_param("swiotlb", "noforce");
	check_conflict(arg);
}

TEST_BASE_FAILS(force_and_noforce_apart_say_which_won, "it says nothing")
{
	in_child(check_conflict_of_two, "force", "two parameters");
}

/* A number without a unit counts slots; with a unit it is a size */
static const struct size_form {
	const char *arg;
	unsigned long kib;
	bool force;
} size_forms[] = {
	{ "256M", 256 << 10 },
	{ "256m", 256 << 10 },
	{ "1G", 1 << 20 },
	{ "8192K", 8192 },
	{ "16M,4", 16 << 10 },
	{ "16M,force", 16 << 10, true },
	{ "16M,4,force", 16 << 10, true },
	{ "force,16M", 16 << 10, true },
	{ "0x10M", 16 << 10 },
	{ "32768", 64 << 10 },
};

static void check_size_form(const void *arg)
{
	const struct size_form *f = arg;
	size_t bytes;

	boot_fixed(f->arg, &bytes);
	CHECK_EQ(bytes >> 10, f->kib);
	CHECK_EQ(is_swiotlb_force_bounce(new_device(0, 0)), f->force);
	CHECK_EQ(shim_reports[SHIM_NOTE], 0);
}

TEST_BASE_FAILS(size_with_a_unit_is_a_size, "the unit is skipped, with all behind it")
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size_forms); i++)
		in_child(check_size_form, &size_forms[i], size_forms[i].arg);
}

static const char *const bad_sizes[] = {
	"256MB", "1.5G", "16Mi", "M", "99999999999G", "16M16",
};

static void check_bad_size(const void *arg)
{
	const char *const *s = arg;

	boot(*s);
	CHECK_MSG(shim_log_has(*s), "the log does not have %s", *s);
	CHECK_EQ(swiotlb_size_or_default(), SZ_64M);
}

TEST_BASE_FAILS(bad_size_is_said_and_ignored, "it says nothing")
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_sizes); i++)
		in_child(check_bad_size, &bad_sizes[i], bad_sizes[i]);
}

/* The order of words and numbers does not affect the size of the pool */
static const char *const orders[][4] = {
	{ "512,8,dynamic", "dynamic,512,8", "512,dynamic,8" },
	{ "1000,4,dynamic", "dynamic,1000,4", "1000,dynamic,4" },
	{ "512,8,force", "force,512,8", "512,force,8" },
	{ ",8,dynamic", "dynamic,,8" },
};

static unsigned long *booted_size;

static void boot_order(const void *arg)
{
	size_t bytes;

	boot_fixed(arg, &bytes);
	if (!*booted_size)
		*booted_size = bytes;
	CHECK_EQ(bytes >> 10, *booted_size >> 10);
}

TEST(order_of_words_changes_no_size)
{
	unsigned int i, j;

	if (IS_ENABLED(ENGINE_base))
		skip_test("the base knows one order");
	/* The first child stores the size that the others must have, too */
	booted_size = mmap(NULL, sizeof(*booted_size), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		*booted_size = 0;
		for (j = 0; j < ARRAY_SIZE(orders[i]) && orders[i][j]; j++)
			in_child(boot_order, orders[i][j], orders[i][j]);
	}
}

/* ---- refusals are logged, counted and traced */

static long file_of_events(char *buf, size_t size)
{
	const char *s = shim_debugfs_read(stats_dir, "events");

	snprintf(buf, size, "%s", s ? s : "");
	return s ? 0 : -1;
}

static void check_refusal(struct device *dev, size_t size)
{
	char before[4096], after[4096];
	long had = file_of_events(before, sizeof(before));

	shim_log_clear();
	shim_cause = NULL;
	CHECK(!swiotlb_alloc(dev, size, 0));
	CHECK(shim_log_has("test: "));
	CHECK_MSG(shim_cause, "%zu bytes: nothing is traced", size);
	file_of_events(after, sizeof(after));
	if (!had)
		CHECK_MSG(strcmp(before, after), "%zu bytes: nothing is counted", size);
}

TEST_BASE_FAILS(allocation_that_is_refused_says_why, "it says nothing")
{
	struct device *dev;

	boot(NULL);
	dev = restricted_device(shim_take_ram(SZ_1M), SZ_1M, "wifi");
	stats_dir = "wifi";
	check_refusal(dev, SZ_512K);
	while (swiotlb_alloc(dev, SZ_64K, 0))
		;
	check_refusal(dev, SZ_64K);
}

/* A double unmap is logged as a driver error, without a WARN, which could panic */
TEST(double_unmap_is_an_error_and_no_warning)
{
	struct device *dev;
	phys_addr_t tlb;

	if (IS_ENABLED(ENGINE_base))
		skip_test("the base does not notice");
	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	tlb = map_page(dev);
	unmap(dev, tlb, PAGE_SIZE, DMA_FROM_DEVICE);
	unmap(dev, tlb, PAGE_SIZE, DMA_FROM_DEVICE);
	CHECK(shim_log_has("test: "));
	CHECK_EQ(shim_reports[SHIM_WARN], 0);
	CHECK(shim_reports[SHIM_NOTE] > 0);
	check_used(0);
}

/* ---- statistics */

/* If no peak is tracked, the file must not read as 0 */
TEST_BASE_FAILS(peak_is_right_or_cannot_be_read, "it reads 0")
{
	struct device *dev;
	const char *peak;
	phys_addr_t tlb;

#ifndef CONFIG_DEBUG_FS
	skip_test("built without DEBUG_FS");
#endif
	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	tlb = map(dev, new_buffer(SZ_64K, 0), SZ_64K, DMA_TO_DEVICE);
	unmap(dev, tlb, SZ_64K, DMA_TO_DEVICE);
	peak = shim_debugfs_read(stats_dir, "io_tlb_used_hiwater");
	CHECK_MSG(!peak || strstr(peak, "track_hiwater") || atol(peak) == 32,
		  "it reads %s", peak);
}

