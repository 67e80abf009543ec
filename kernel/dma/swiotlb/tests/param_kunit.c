// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of swiotlb=. The parser changes the settings of the command line: each test
 * restores them. The tests run while the kernel boots, before the parser is discarded.
 */

#include "../param.h"
#include "fixture.h"

/**
 * struct swiotlb_test_param - a value of swiotlb=, and its meaning
 * @value:	The value.
 * @slots:	Number of slots.
 * @areas:	Number of areas, 0 if not given.
 * @words:	Mask of the words below that are set.
 */
struct swiotlb_test_param {
	const char *value;
	unsigned long slots;
	unsigned int areas;
	unsigned int words;
};

#define SWIOTLB_TEST_FORCE	BIT(0)
#define SWIOTLB_TEST_NOFORCE	BIT(1)
#define SWIOTLB_TEST_DEFAULT	(IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT)

static const struct swiotlb_test_param swiotlb_params[] = {
	{ "", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "65536", 65536, 0, 0 },
	{ "1000", 1024, 0, 0 },
	{ "0", 128, 0, 0 },
	{ "65536,4", 65536, 4, 0 },
	{ "65536,5", 65536, 8, 0 },
	{ "0x10000,4,force", 65536, 4, SWIOTLB_TEST_FORCE },
	{ "force", SWIOTLB_TEST_DEFAULT, 0, SWIOTLB_TEST_FORCE },
	{ "noforce", SWIOTLB_TEST_DEFAULT, 0, SWIOTLB_TEST_NOFORCE },
	{ "force,65536", 65536, 0, SWIOTLB_TEST_FORCE },
	{ ",4", SWIOTLB_TEST_DEFAULT, 4, 0 },
	{ "512,8", 1024, 8, 0 },
	{ "256M", SZ_256M >> IO_TLB_SHIFT, 0, 0 },
	{ "16m,4,force", SZ_16M >> IO_TLB_SHIFT, 4, SWIOTLB_TEST_FORCE },
	{ "force,64K", 128, 0, SWIOTLB_TEST_FORCE },
	{ "1G", SZ_1G >> IO_TLB_SHIFT, 0, 0 },
	{ "64MB", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "99999999G", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "65536,4M", 65536, 0, 0 },
	{ "force,noforce", SWIOTLB_TEST_DEFAULT, 0, SWIOTLB_TEST_NOFORCE },
	{ "noforce,force", SWIOTLB_TEST_DEFAULT, 0, SWIOTLB_TEST_NOFORCE },
	{ "banana", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "-1", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "65536,4,2", 65536, 4, 0 },
	{ "99999999999999999999", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "4294967295", SWIOTLB_TEST_DEFAULT, 0, 0 },
	{ "65536,,force", 65536, 0, SWIOTLB_TEST_FORCE },
};

static void swiotlb_test_param_desc(const struct swiotlb_test_param *param,
				    char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "swiotlb=%s", param->value);
}

KUNIT_ARRAY_PARAM(swiotlb_param, swiotlb_params, swiotlb_test_param_desc);

static struct swiotlb_param swiotlb_test_saved;

/* Pretend that the command line has no swiotlb=. */
static int swiotlb_param_test_init(struct kunit *test)
{
	swiotlb_test_saved = swiotlb_param;
	swiotlb_param = (struct swiotlb_param) { .nslots = SWIOTLB_TEST_DEFAULT };
	return 0;
}

static void swiotlb_param_test_exit(struct kunit *test)
{
	swiotlb_param = swiotlb_test_saved;
}

static void __init swiotlb_test_parse(struct kunit *test, const char *value)
{
	char *copy = kunit_kstrdup(test, value, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, 0, swiotlb_setup(copy));
}

static void __init swiotlb_param_parse_test(struct kunit *test)
{
	const struct swiotlb_test_param *param = test->param_value;

	swiotlb_test_parse(test, param->value);
	KUNIT_EXPECT_EQ(test, swiotlb_param.nslots, param->slots);
	KUNIT_EXPECT_EQ(test, swiotlb_param.nareas, param->areas);
	KUNIT_EXPECT_EQ(test, swiotlb_param.force,
			!!(param->words & SWIOTLB_TEST_FORCE));
	KUNIT_EXPECT_EQ(test, swiotlb_param.noforce,
			!!(param->words & SWIOTLB_TEST_NOFORCE));
	KUNIT_EXPECT_FALSE(test, swiotlb_param.dynamic);
	KUNIT_EXPECT_EQ(test, swiotlb_size_or_default(), param->slots << IO_TLB_SHIFT);
}

/* "dynamic" makes the boot pool small, unless a size is given as well. */
static void __init swiotlb_param_dynamic_test(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		kunit_skip(test, "this kernel has no dynamic allocation");

	swiotlb_test_parse(test, "dynamic");
	KUNIT_EXPECT_TRUE(test, swiotlb_param.dynamic);
	KUNIT_EXPECT_LE(test, swiotlb_size_or_default(), SZ_1M);

	swiotlb_param_test_exit(test);
	swiotlb_param_test_init(test);
	swiotlb_test_parse(test, "4096,dynamic");
	KUNIT_EXPECT_TRUE(test, swiotlb_param.dynamic);
	KUNIT_EXPECT_EQ(test, swiotlb_param.nslots, 4096);
}

/* No value is rounded before all words are parsed. */
static void __init swiotlb_param_order_test(struct kunit *test)
{
	static const char * const values[] = {
		"512,8,dynamic", "512,dynamic,8", "dynamic,512,8",
	};
	unsigned int i;

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		kunit_skip(test, "this kernel has no dynamic allocation");

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		swiotlb_param_test_exit(test);
		swiotlb_param_test_init(test);
		swiotlb_test_parse(test, values[i]);
		KUNIT_EXPECT_EQ(test, swiotlb_param.nslots, 512);
		KUNIT_EXPECT_EQ(test, swiotlb_param.nareas, 8);
	}
}

/* A pool that cannot grow gets the size that the platform has set. */
static void __init swiotlb_param_fixed_test(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		kunit_skip(test, "this kernel has no dynamic allocation");

	swiotlb_test_parse(test, "dynamic");
	swiotlb_adjust_size(SZ_16M);
	KUNIT_EXPECT_LE(test, swiotlb_size_or_default(), SZ_1M);
	swiotlb_param_fixed_size();
	KUNIT_EXPECT_FALSE(test, swiotlb_param.dynamic);
	KUNIT_EXPECT_EQ(test, swiotlb_size_or_default(), SZ_16M);
}

/* "max=" changes nothing unless its value is a valid size. */
static void __init swiotlb_param_max_test(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		kunit_skip(test, "this kernel has no dynamic allocation");

	swiotlb_test_parse(test, "max=256M,force");
	KUNIT_EXPECT_EQ(test, swiotlb_param.max_nslots, SZ_256M >> IO_TLB_SHIFT);
	KUNIT_EXPECT_TRUE(test, swiotlb_param.force);
	swiotlb_test_parse(test, "max=");
	swiotlb_test_parse(test, "max=12parsec");
	swiotlb_test_parse(test, "max=4K");
	KUNIT_EXPECT_EQ(test, swiotlb_param.max_nslots, SZ_256M >> IO_TLB_SHIFT);
}

/* A size set by the architecture applies only if the user has not given one. */
static void __init swiotlb_param_adjust_test(struct kunit *test)
{
	swiotlb_adjust_size(SZ_8M + 1);
	KUNIT_EXPECT_EQ(test, swiotlb_size_or_default(),
			SZ_8M + (SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT));
	swiotlb_adjust_size(SZ_16M);
	KUNIT_EXPECT_LT(test, swiotlb_size_or_default(), SZ_16M);

	swiotlb_param_test_exit(test);
	swiotlb_param_test_init(test);
	swiotlb_test_parse(test, "4096");
	swiotlb_adjust_size(SZ_16M);
	KUNIT_EXPECT_EQ(test, swiotlb_param.nslots, 4096);
}

/* A pool that can grow has at most the default size, even if the platform asks for more. */
static void __init swiotlb_param_platform_test(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		kunit_skip(test, "this kernel has no dynamic allocation");

	swiotlb_adjust_size(SZ_1G);
	KUNIT_EXPECT_EQ(test, swiotlb_param.nslots, SWIOTLB_TEST_DEFAULT);
	KUNIT_EXPECT_EQ(test, swiotlb_param.arch_nslots, SZ_1G >> IO_TLB_SHIFT);
	KUNIT_EXPECT_TRUE(test, swiotlb_param_starts_small());
	swiotlb_param_fixed_size();
	KUNIT_EXPECT_FALSE(test, swiotlb_param_starts_small());
	KUNIT_EXPECT_EQ(test, swiotlb_size_or_default(), SZ_1G);
}

/* The suite runs before its functions are discarded. */
static struct kunit_case __refdata swiotlb_param_cases[] = {
	KUNIT_CASE_PARAM(swiotlb_param_parse_test, swiotlb_param_gen_params),
	KUNIT_CASE(swiotlb_param_dynamic_test),
	KUNIT_CASE(swiotlb_param_order_test),
	KUNIT_CASE(swiotlb_param_fixed_test),
	KUNIT_CASE(swiotlb_param_max_test),
	KUNIT_CASE(swiotlb_param_adjust_test),
	KUNIT_CASE(swiotlb_param_platform_test),
	{}
};

static struct kunit_suite swiotlb_param_suite = {
	.name = "swiotlb_param",
	.init = swiotlb_param_test_init,
	.exit = swiotlb_param_test_exit,
	.test_cases = swiotlb_param_cases,
};

kunit_test_init_section_suite(swiotlb_param_suite);
