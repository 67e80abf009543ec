// SPDX-License-Identifier: GPL-2.0-only
/* All forms of swiotlb=, valid and invalid, and the size of the pool. */
#include <stdio.h>
#include "harness.h"

struct form {
	const char *arg;
	unsigned long nslots;		/* of the pool; 0 for no pool; or ANY_SIZE */
	bool force;
	unsigned int cpus;		/* possible CPUs, 0: 4 */
	const char *says;		/* expected in the log */
	const char *ours_only;		/* if the base differs: its behaviour */
};

#define DEFAULT_SLOTS 32768
#if BITS_PER_LONG == 64
#define LARGEST "65536MB"
#else
#define LARGEST "2048MB"
#endif
#define ANY_SIZE 1		/* within the bounds of check_form() */

static const struct form good_forms[] = {
	{ NULL, DEFAULT_SLOTS },
	{ "65536", 65536 },
	{ "65536,8", 65536, .says = "area num 8" },
	{ "512,1,force", 512, true },
	{ "1024,noforce", 0 },
	{ "force", DEFAULT_SLOTS, true },
	{ "noforce", 0 },
	{ "4096,force", 4096, true },
	{ ",8", DEFAULT_SLOTS, .says = "area num 8" },
	{ ",8,force", DEFAULT_SLOTS, true, .says = "area num 8" },
	{ "0x1000,4", 4096, .says = "area num 4" },
	{ "4096,4,force,track_hiwater", 4096, true },
	{ "4096,4,track_hiwater", 4096 },
	{ "4096,track_hiwater", 4096 },
	{ "track_hiwater", DEFAULT_SLOTS },
	{ "force,track_hiwater", DEFAULT_SLOTS, true },
	/* The number of slots is rounded up as the areas require */
	{ "1000,1", 1024 },
	{ "512,8", 1024, .says = "area num 8" },
	{ "4096,5", 4096, .says = "area num 8" },
	{ "4096,0", 4096, .says = "area num 1" },
	{ "1", 512, .says = "area num 4" },
	{ "512", 8192, .cpus = 64 },
	{ "524288,64", 524288, .says = "area num 64" },
	{ "", DEFAULT_SLOTS },
#ifdef CONFIG_SWIOTLB_DYNAMIC
	/* With "dynamic", the number is only rounded up to a multiple of the largest mapping */
	{ "1000,dynamic", 1024 },
	{ "1,dynamic", 128, .cpus = 1 },
#endif
};

/* The pool must be sane in any case. The engine also logs the invalid part, the base does not */
static const struct form bad_forms[] = {
	{ "banana", DEFAULT_SLOTS, .says = "\"banana\"", .ours_only = "silent" },
	{ "512,1,forec", 512, .says = "\"forec\"", .ours_only = "silent" },
	{ "512,1,bogus,force", 512, true, .says = "\"bogus\"",
	  .ours_only = "all that follows is ignored" },
	{ "-5", DEFAULT_SLOTS, .says = "\"-5\"", .ours_only = "silent" },
	{ "12345678901234567890123", ANY_SIZE, .says = "123",
	  .ours_only = "a number that wraps" },
	{ "99999999999", ANY_SIZE, .says = "99999999999",
	  .ours_only = "it is taken at its word" },
	{ "512,99999999", ANY_SIZE, .says = "99999999",
	  .ours_only = "it is taken at its word" },
	{ "512x", DEFAULT_SLOTS, .says = "\"512x\" is neither", .ours_only = "taken as 512" },
	{ "64MB", DEFAULT_SLOTS, .says = "\"64MB\" is neither", .ours_only = "taken as 64" },
	{ "0xM", DEFAULT_SLOTS, .says = "\"0xM\" is neither", .ours_only = "taken as 0" },
	{ "65G", DEFAULT_SLOTS, .says = "\"65G\" is more than " LARGEST,
	  .ours_only = "taken as 65" },
	{ "18014398509481985K", DEFAULT_SLOTS, .says = "is more than " LARGEST,
	  .ours_only = "taken at its word" },
	{ "4096,8M", 4096, .says = "\"8M\" is not understood", .ours_only = "taken as 8" },
	{ "512,1,1,force", 512, true, .says = "\"1\"",
	  .ours_only = "all that follows is ignored" },
	{ "0", 128, .cpus = 1 },
	{ ",,,", DEFAULT_SLOTS },
};

static void check_form(const void *arg)
{
	const struct form *f = arg;
	struct device *dev;
	size_t bytes;

	shim_init();
	if (f->cpus)
		shim_nr_cpus = f->cpus;
	boot(f->arg);
	dev = new_device(0, 0);
	CHECK_EQ(is_swiotlb_active(dev), f->nslots != 0);
	CHECK_EQ(is_swiotlb_allocated(), f->nslots != 0);
	CHECK_EQ(is_swiotlb_force_bounce(dev), f->force);
	if (f->says)
		CHECK_MSG(shim_log_has(f->says), "the log does not have %s", f->says);
	if (!f->nslots)
		return;
	default_swiotlb_base();
	bytes = default_swiotlb_limit() + 1 - default_swiotlb_base();
	if (f->nslots != ANY_SIZE)
		CHECK_EQ(bytes >> IO_TLB_SHIFT, f->nslots);
	CHECK_EQ(swiotlb_size_or_default(), bytes);
	CHECK(bytes >= SZ_256K && bytes <= SZ_2G);
	CHECK(map(dev, new_buffer(512, 0), 512, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	/* A valid form logs nothing, unless the option is not built in */
	if (!f->says && f->arg && IS_ENABLED(CONFIG_DEBUG_FS))
		CHECK_EQ(shim_reports[SHIM_NOTE], 0);
}

static void check_forms(const struct form *forms, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		in_child(check_form, &forms[i], forms[i].arg ?: "(none)");
}

TEST(params_good)
{
	check_forms(good_forms, ARRAY_SIZE(good_forms));
}

/* With K, M or G a number is a size; the base takes it for slots and ignores the unit */
static const struct form size_forms[] = {
	{ "256M", 131072 },
	{ "16m,4", 8192, .says = "area num 4" },
	{ "0x10M", 8192 },
	{ "64K,1", 128 },
	{ "1023K,1", 512 },
	{ "force,32M", 16384, true },
	{ "32M,2,force", 16384, true, .says = "area num 2" },
};

TEST_BASE_FAILS(params_size_with_unit, "it ignores the unit")
{
	check_forms(size_forms, ARRAY_SIZE(size_forms));
}

TEST_BASE_FAILS(params_bad, "it says nothing, and takes some at their word")
{
	check_forms(bad_forms, ARRAY_SIZE(bad_forms));
}

/* The order of the words, and the number of swiotlb= parameters, make no difference */
static const char * const same_size[][2] = {
	{ "512,8,dynamic" }, { "512,dynamic,8" }, { "dynamic,512,8" },
	{ "512,8", "dynamic" }, { "dynamic", "512,8" }, { ",8", "512,dynamic" },
};

static void check_order(const void *arg)
{
	const char * const *args = arg;
	unsigned int i;

	shim_init();
	for (i = 0; i < 2; i++)
		if (args[i])
			shim_boot_param("swiotlb", args[i]);
	CHECK_EQ(swiotlb_size_or_default(), SZ_1M);
	boot(NULL);
	CHECK_EQ(swiotlb_size_or_default(), SZ_1M);
	CHECK(shim_log_has("area num 8."));
	CHECK(args[1] || !shim_log_has("roundup"));
	CHECK_EQ(shim_reports[SHIM_NOTE], 0);
}

TEST_BASE_FAILS(params_in_any_order, "it has no such word")
{
	unsigned int i;

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	for (i = 0; i < ARRAY_SIZE(same_size); i++)
		in_child(check_order, same_size[i], same_size[i][0]);
}

#if defined(ENGINE_ours) && !defined(CONFIG_SWIOTLB_DYNAMIC)
/* @arg: the parameter, and the word in it that the log names */
static void check_without_growth(const void *arg)
{
	const char * const *words = arg;
	char says[80];

	boot(words[0]);
	snprintf(says, sizeof(says), "no dynamic allocation, \"%s\" is ignored", words[1]);
	CHECK_EQ(shim_log_count(says), 1);
	CHECK_EQ(swiotlb_size_or_default(), SZ_1M);
}

TEST(words_about_growth_are_ignored_where_nothing_grows)
{
	static const char * const words[][2] = {
		{ "512,1,dynamic", "dynamic" }, { "512,1,own", "own" },
		{ "512,1,max=64M", "max=" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		in_child(check_without_growth, words[i], words[i][0]);
}
#endif

static const char * const both[][2] = {
	{ "force,noforce" }, { "noforce,force" }, { "noforce", "force" },
	{ "4096,force", "noforce" },
};

static void check_noforce(const void *arg)
{
	const char * const *args = arg;

	shim_init();
	shim_boot_param("swiotlb", args[0]);
	if (args[1])
		shim_boot_param("swiotlb", args[1]);
	boot(NULL);
	CHECK(!is_swiotlb_allocated());
	CHECK(!is_swiotlb_force_bounce(new_device(0, 0)));
	CHECK_EQ(shim_log_count("\"noforce\" wins over \"force\""), 1);
}

TEST_BASE_FAILS(noforce_wins_and_says_so, "the first one wins, without a word")
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(both); i++)
		in_child(check_noforce, both[i], both[i][0]);
}

/* With many CPUs and few slots, areas must still hold the largest mapping */
TEST(more_areas_than_slots)
{
	shim_init();
	shim_nr_cpus = 64;
	shim_fail(SHIM_FAULT_MEMBLOCK, 0, 3);
	boot("4096");
	CHECK(map(new_device(0, 0), new_buffer(262144, 0), 262144, DMA_TO_DEVICE) !=
	      MAP_FAILED_ADDR);
}

TEST(size_or_default_before_boot)
{
	shim_init();
	CHECK_EQ(swiotlb_size_or_default(), SZ_64M);
	shim_boot_param("swiotlb", "4096,1");
	CHECK_EQ(swiotlb_size_or_default(), SZ_8M);
}

/* Can the pool grow? Then it may be smaller at boot than the size set by the platform. */
static bool pool_grows(void)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && !IS_ENABLED(ENGINE_base);
}

TEST(adjust_size_unless_given)
{
	shim_init();
	swiotlb_adjust_size(SZ_32M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_32M);
	swiotlb_adjust_size(SZ_16M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_32M);
}

TEST(adjust_size_is_not_taken_at_boot_where_the_pool_grows)
{
	shim_init();
	swiotlb_adjust_size(SZ_256M);
	CHECK_EQ(swiotlb_size_or_default(), pool_grows() ? SZ_64M : SZ_256M);
	CHECK_EQ(shim_log_has("SWIOTLB bounce buffer size adjusted to 256MB"), !pool_grows());
	swiotlb_init(true, 0);
	CHECK_EQ(shim_log_has("the 256MB of this platform are for growth"), pool_grows());
	CHECK_EQ(swiotlb_size_or_default(), pool_grows() ? SZ_64M : SZ_256M);
}

#ifdef SWIOTLB_FIXED
/* A pool that cannot grow gets the whole size that the platform set, and the log has that size */
TEST(adjust_size_is_taken_where_the_pool_is_fixed)
{
	shim_init();
	swiotlb_adjust_size(SZ_256M);
	swiotlb_init(true, SWIOTLB_FIXED);
	CHECK_EQ(swiotlb_size_or_default(), SZ_256M);
	CHECK_EQ(shim_log_count("SWIOTLB bounce buffer size adjusted to 256MB"), 1);
	CHECK(!shim_log_has("are for growth"));
}
#endif

TEST(adjust_size_does_not_overrule)
{
	shim_init();
	shim_boot_param("swiotlb", "4096");
	swiotlb_adjust_size(SZ_256M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_8M);
}

TEST(adjust_size_rounds_up)
{
	shim_init();
	shim_boot_param("swiotlb", ",4");
	swiotlb_adjust_size(50 << 20);
	CHECK_EQ(swiotlb_size_or_default(), SZ_64M);
}

TEST(adjust_size_makes_room_for_areas)
{
	shim_init();
	shim_boot_param("swiotlb", ",64");
	swiotlb_adjust_size(SZ_8M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_16M);
	CHECK(shim_log_has("SWIOTLB bounce buffer size adjusted to 16MB"));
}

/* Memory of a guest with 256 MiB, without the part used by its firmware */
#define SMALL_GUEST (SZ_256M - SZ_1M)
/* A crash kernel of 256 MiB also has the memory below 640 KiB */
#define CRASH_KERNEL (SZ_256M + 640 * SZ_1K)

static void check_quarter(const void *arg)
{
	shim_init();
	shim_totalram = PHYS_PFN(arg ? SMALL_GUEST : CRASH_KERNEL);
	boot(arg ?: "262144");
	CHECK_EQ(swiotlb_size_or_default(), SZ_64M);
	CHECK(shim_log_has("MB are more than a quarter of memory, using 64MB"));
	CHECK(shim_log_has(" -> 32768 slabs"));
}

TEST_BASE_FAILS(boot_pool_takes_a_quarter_of_memory_at_most,
		"it halves the pool until there is memory for it")
{
	in_child(check_quarter, "262144", "slots");
	in_child(check_quarter, "512M,8", "size");
	in_child(check_quarter, NULL, "crash kernel");
}

/* Without a size in swiotlb=, a pool that can grow is small, and nothing is logged */
static void check_share(unsigned long quarter)
{
	CHECK_EQ(swiotlb_size_or_default(), pool_grows() ? quarter / 4 : quarter);
	CHECK_EQ(shim_log_has("more than a quarter of memory"), !pool_grows());
	CHECK_EQ(shim_reports[SHIM_NOTE], !pool_grows());
}

static void check_platform_share(const void *arg)
{
	shim_init();
	shim_totalram = PHYS_PFN(SMALL_GUEST);
	if (arg)
		shim_boot_param("swiotlb", arg);
	swiotlb_adjust_size(SZ_1G);
	boot(NULL);
	check_share(SZ_64M);
	CHECK(pool_grows() ||
	      shim_log_has("1024MB are more than a quarter of memory, using 64MB"));
}

/* Words and areas do not set a size, so the architecture may set one */
TEST_BASE_FAILS(adjust_size_takes_a_share_of_memory_at_most,
		"it halves the pool until there is memory for it")
{
	in_child(check_platform_share, NULL, "no swiotlb=");
	in_child(check_platform_share, "force", "a word");
	in_child(check_platform_share, ",8", "areas");
}

TEST_BASE_FAILS(default_size_takes_a_share_of_memory_at_most, "see above")
{
	shim_init();
	shim_totalram = PHYS_PFN(SZ_64M);
	boot("force");
	check_share(SZ_16M);
}

TEST(default_size_fits_in_a_small_guest)
{
	shim_init();
	shim_totalram = PHYS_PFN(SMALL_GUEST);
	boot(NULL);
	CHECK_EQ(swiotlb_size_or_default(), pool_grows() ? SZ_16M : SZ_64M);
	CHECK_EQ(shim_reports[SHIM_NOTE], 0);
}

/* With about 1 GiB of memory, the default size is not reduced */
TEST(default_size_is_whole_with_one_gib)
{
	shim_init();
	shim_totalram = PHYS_PFN(SZ_1G - SZ_32M);
	boot(NULL);
	CHECK_EQ(swiotlb_size_or_default(), SZ_64M);
}
