// SPDX-License-Identifier: GPL-2.0-only
/*
 * The swiotlb= parameter, and the size of the boot pool that follows from it.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "internal.h"

struct swiotlb_param swiotlb_param __ro_after_init = {
	.nslots = IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT,
};

/* What a 32-bit kernel can address; elsewhere 64 GiB, more must be a mistake. */
#define SWIOTLB_MAX_PARAM_SLOTS \
	(IS_ENABLED(CONFIG_64BIT) ? BIT(36 - IO_TLB_SHIFT) : SZ_2G >> IO_TLB_SHIFT)
/* One area a CPU is the most that is of use. */
#define SWIOTLB_MAX_PARAM_AREAS	roundup_pow_of_two(MAX(NR_CPUS, 64))

/* All areas of a pool have the same number of slots, and hold any mapping. */
static bool swiotlb_round_up_nslots(void)
{
	unsigned long min = (unsigned long)swiotlb_param.nareas *
			    SWIOTLB_MAX_SLOTS;
	unsigned long nslots = max(swiotlb_param.nslots, min);

	if (!swiotlb_param.nareas || swiotlb_param.dynamic)
		return false;

	nslots = roundup_pow_of_two(nslots);
	if (nslots == swiotlb_param.nslots)
		return false;
	swiotlb_param.nslots = nslots;
	return true;
}

static void swiotlb_set_nareas(unsigned int nareas)
{
	swiotlb_param.nareas = roundup_pow_of_two(max(nareas, 1U));

	pr_info("area num %u.\n", swiotlb_param.nareas);
	if (swiotlb_round_up_nslots())
		pr_info("size rounded up to %luMB\n",
			(swiotlb_param.nslots << IO_TLB_SHIFT) >> 20);
}

/**
 * swiotlb_param_nareas() - how many areas the default pool should have
 *
 * One for each possible CPU, unless swiotlb= says otherwise.
 *
 * Context: Boot.
 * Return: A power of two.
 */
unsigned int swiotlb_param_nareas(void)
{
	if (!swiotlb_param.nareas)
		swiotlb_set_nareas(num_possible_cpus());
	return swiotlb_param.nareas;
}

static void __init swiotlb_param_number(const char *token, unsigned int nth)
{
	unsigned long value;

	if (nth > 1 || kstrtoul(token, 0, &value)) {
		pr_warn("swiotlb=: \"%s\" is not understood and ignored\n",
			token);
		return;
	}

	if (nth == 0 && value > SWIOTLB_MAX_PARAM_SLOTS) {
		pr_warn("swiotlb=: %lu slots are too many, using %lu\n",
			value, swiotlb_param.nslots);
	} else if (nth == 0) {
		swiotlb_param.nslots = ALIGN(max(value, 1UL), SWIOTLB_MAX_SLOTS);
		swiotlb_param.size_given = true;
	} else if (value > SWIOTLB_MAX_PARAM_AREAS) {
		pr_warn("swiotlb=: %lu areas are too many, using %lu\n",
			value, SWIOTLB_MAX_PARAM_AREAS);
		swiotlb_set_nareas(SWIOTLB_MAX_PARAM_AREAS);
	} else {
		swiotlb_set_nareas(value);
	}
}

static void __init swiotlb_param_dynamic(void)
{
	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC)) {
		pr_warn("swiotlb=: this kernel has no dynamic allocation, \"dynamic\" is ignored\n");
		return;
	}

	swiotlb_param.dynamic = true;
	if (!swiotlb_param.size_given)
		swiotlb_param.nslots = SWIOTLB_MIN_POOL_SLOTS;
}

/* With less than the boot pool has, no other is ever added. */
static void __init swiotlb_param_max(const char *size)
{
	unsigned long long bytes;
	char *end;

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC)) {
		pr_warn("swiotlb=: this kernel has no dynamic allocation, \"max=\" is ignored\n");
		return;
	}

	bytes = memparse(size, &end);
	if (!*size || *end || bytes < SZ_1M ||
	    bytes >> IO_TLB_SHIFT > SWIOTLB_MAX_PARAM_SLOTS) {
		pr_warn("swiotlb=: \"max=%s\" is not a size from 1M to %luM, using a quarter of memory\n",
			size, SWIOTLB_MAX_PARAM_SLOTS >> (20 - IO_TLB_SHIFT));
		return;
	}
	swiotlb_param.max_nslots = bytes >> IO_TLB_SHIFT;
}

static void __init swiotlb_param_word(const char *token)
{
	if (!strncmp(token, "max=", 4))
		swiotlb_param_max(token + 4);
	else if (!strcmp(token, "force"))
		swiotlb_param.force = true;
	else if (!strcmp(token, "noforce"))
		swiotlb_param.noforce = true;
	else if (!strcmp(token, "dynamic"))
		swiotlb_param_dynamic();
	else if (!strcmp(token, "track_hiwater") && IS_ENABLED(CONFIG_DEBUG_FS))
		swiotlb_param.track_hiwater = true;
	else
		pr_warn("swiotlb=: \"%s\" is not understood and ignored\n",
			token);
}

/*
 * [<slots>][,<areas>][,force|noforce|dynamic|track_hiwater|max=<size>]...
 *
 * Words may stand in any order, also before the numbers: the first number is
 * that of slots wherever it stands. An empty place counts for a number:
 * "swiotlb=,4" sets the areas alone.
 */
VISIBLE_IF_KUNIT int __init swiotlb_setup(char *str)
{
	unsigned int nth = 0;
	char *token;

	while ((token = strsep(&str, ","))) {
		if (isdigit(*token) || *token == '-')
			swiotlb_param_number(token, nth++);
		else if (*token)
			swiotlb_param_word(token);
		else
			nth++;
	}
	return 0;
}
early_param("swiotlb", swiotlb_setup);

/**
 * swiotlb_param_fixed_size() - the boot pool is all there will ever be
 *
 * A small pool to start from, as swiotlb=dynamic has it, would be too small.
 *
 * Context: Boot, before the pool is made.
 */
void __init swiotlb_param_fixed_size(void)
{
	if (!swiotlb_param.dynamic || swiotlb_param.size_given)
		return;

	pr_warn("swiotlb=: the pool cannot grow on this platform, \"dynamic\" is ignored\n");
	swiotlb_param.dynamic = false;
	swiotlb_param.nslots = IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT;
}

/**
 * swiotlb_size_or_default() - size of the boot pool
 *
 * Context: Any.
 * Return: Bytes that it has, or will have.
 */
unsigned long swiotlb_size_or_default(void)
{
	return swiotlb_param.nslots << IO_TLB_SHIFT;
}

/**
 * swiotlb_adjust_size() - let an architecture choose the size of the boot pool
 * @size:	Bytes.
 *
 * Nothing is done if swiotlb= has a size, or this was called before.
 *
 * Context: Boot, before the pool is made.
 */
void __init swiotlb_adjust_size(unsigned long size)
{
	if (swiotlb_param.size_given || swiotlb_param.dynamic ||
	    swiotlb_param.nslots != IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT)
		return;

	swiotlb_param.nslots = ALIGN(swiotlb_nslots(size), SWIOTLB_MAX_SLOTS);
	swiotlb_round_up_nslots();
	pr_info("size set to %luMB for this platform\n",
		(swiotlb_param.nslots << IO_TLB_SHIFT) >> 20);
}
