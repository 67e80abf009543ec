// SPDX-License-Identifier: GPL-2.0-only
/* swiotlb= in every form, good and bad, and the size of the pool. */
#include "harness.h"

struct form {
	const char *arg;
	unsigned long nslots;		/* of the pool; 0: no pool; or ANY_SIZE */
	bool force;
	unsigned int cpus;		/* possible CPUs, 0: 4 */
	const char *says;		/* in the log */
	const char *ours_only;		/* base does something else: what */
};

#define DEFAULT_SLOTS 32768
#define ANY_SIZE 1		/* but a sane one */

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
	/* The number of slots is rounded up to what the areas need */
	{ "1000,1", 1024 },
	{ "512,8", 1024, .says = "area num 8" },
	{ "4096,5", 4096, .says = "area num 8" },
	{ "4096,0", 4096, .says = "area num 1" },
	{ "1", 512, .says = "area num 4" },
	{ "512", 8192, .cpus = 64 },
	{ "524288,64", 524288, .says = "area num 64" },
	{ "", DEFAULT_SLOTS },
#ifdef CONFIG_SWIOTLB_DYNAMIC
	/* ... or to what the largest mapping needs, if that is all */
	{ "1000,dynamic", 1024 },
	{ "1,dynamic", 128, .cpus = 1 },
#endif
};

/* A sane pool in any case; ours also says what it did not understand */
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
	/* A good form needs no comment, unless for what is not built in */
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

TEST_BASE_FAILS(params_bad, "it says nothing, and takes some at their word")
{
	check_forms(bad_forms, ARRAY_SIZE(bad_forms));
}

/* What is not limited by the number of CPUs: more areas than slots allow */
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

TEST(adjust_size_unless_given)
{
	shim_init();
	swiotlb_adjust_size(SZ_256M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_256M);
	swiotlb_adjust_size(SZ_32M);
	CHECK_EQ(swiotlb_size_or_default(), SZ_256M);
}

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
	swiotlb_adjust_size(100 << 20);
	CHECK_EQ(swiotlb_size_or_default(), SZ_128M);
}
