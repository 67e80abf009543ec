// SPDX-License-Identifier: GPL-2.0-only
/* The swiotlb= parameter, and the resulting size of the boot pool. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"
#include "param.h"
#include "request.h"

struct swiotlb_param swiotlb_param __ro_after_init = {
	.nslots = IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT,
};

/* Largest size that is accepted: 64 GiB, or 2 GiB on 32-bit */
#define SWIOTLB_MAX_PARAM_BYTES	(IS_ENABLED(CONFIG_64BIT) ? BIT_ULL(36) : (u64)SZ_2G)
/* More areas than CPUs are useless. */
#define SWIOTLB_MAX_PARAM_AREAS	roundup_pow_of_two(MAX(NR_CPUS, 64))

static void swiotlb_param_log_size(const char *how)
{
	u64 bytes = (u64)swiotlb_param.nslots << IO_TLB_SHIFT;

	pr_info("SWIOTLB bounce buffer size %s to %lu%s\n", how,
		swiotlb_log_size(bytes), swiotlb_log_unit(bytes));
}

/*
 * An architecture asks for the size that a busy guest needs. If pools can be added, that size
 * raises the limit instead, so that an idle guest keeps its memory: see swiotlb_limit_nslots().
 */
static unsigned long swiotlb_param_choose(void)
{
	unsigned long standard = IO_TLB_DEFAULT_SIZE >> IO_TLB_SHIFT;

	if (swiotlb_param.given_nslots)
		return swiotlb_param.given_nslots;
	if (swiotlb_param.dynamic)
		return SWIOTLB_MIN_POOL_SLOTS;
	if (!swiotlb_param.arch_nslots)
		return standard;
	return swiotlb_param_starts_small() ? min(swiotlb_param.arch_nslots, standard) :
					      swiotlb_param.arch_nslots;
}

/*
 * Choose the size of the boot pool, and round it up, so that all areas have the same size and room
 * for the largest mapping. A dynamic pool is not rounded up, but gets fewer areas.
 */
static void swiotlb_param_update(bool new_nareas)
{
	unsigned long nslots = swiotlb_param_choose();
	unsigned long min = (unsigned long)swiotlb_param.nareas * SWIOTLB_MAX_SLOTS;

	swiotlb_param.nslots = nslots;
	if (swiotlb_param.nareas && !swiotlb_param.dynamic)
		swiotlb_param.nslots = roundup_pow_of_two(max(nslots, min));

	if (!new_nareas)
		return;
	pr_info("area num %u.\n", swiotlb_param.nareas);
	if (swiotlb_param.nslots != nslots)
		swiotlb_param_log_size("roundup");
}

/**
 * swiotlb_param_nareas() - number of areas that the default pool should have
 *
 * Context: Boot.
 * Return: A power of two; the number of possible CPUs or more, unless swiotlb= sets it.
 */
unsigned int swiotlb_param_nareas(void)
{
	if (!swiotlb_param.nareas) {
		swiotlb_param.nareas = roundup_pow_of_two(num_possible_cpus());
		/* A pool that starts small gets fewer areas instead of more memory. */
		if (swiotlb_param_starts_small())
			pr_info("area num %u.\n", swiotlb_param.nareas);
		else
			swiotlb_param_update(true);
	}
	return swiotlb_param.nareas;
}

/*
 * Returns bytes, or an error. Without a suffix, the unit is 1 << @shift bytes. memparse() would
 * not detect an overflow.
 */
static s64 __init swiotlb_param_bytes(char *token, unsigned int shift)
{
	static const char units[] __initconst = "KkMmGg";
	char letter = 0, *unit = strpbrk(token, units);
	u64 value;
	int ret;

	if (unit && !unit[1]) {
		letter = *unit;
		shift = 10 * ((strchr(units, letter) - units) / 2 + 1);
		*unit = '\0';
	}
	ret = kstrtoull(token, 0, &value);
	if (letter)
		*unit = letter;
	if (ret)
		return ret;
	if (value > SWIOTLB_MAX_PARAM_BYTES >> shift)
		return -ERANGE;
	return value << shift;
}

static unsigned long __init swiotlb_param_nslots(u64 bytes)
{
	return ALIGN(max(swiotlb_nslots(bytes), 1U), SWIOTLB_MAX_SLOTS);
}

static void __init swiotlb_param_size(char *token)
{
	s64 bytes = swiotlb_param_bytes(token, IO_TLB_SHIFT);

	if (bytes >= 0)
		swiotlb_param.given_nslots = swiotlb_param_nslots(bytes);
	else if (bytes == -ERANGE)
		pr_warn("swiotlb=: \"%s\" is more than %lluMB and ignored\n",
			token, SWIOTLB_MAX_PARAM_BYTES >> 20);
	else
		pr_warn("swiotlb=: \"%s\" is neither a number of slots nor a size as in 64M, and ignored\n",
			token);
}

static bool __init swiotlb_param_areas(char *token)
{
	unsigned long nareas;

	if (kstrtoul(token, 0, &nareas))
		return false;
	if (nareas > SWIOTLB_MAX_PARAM_AREAS)
		pr_warn("swiotlb=: %lu areas are too many, using %lu\n",
			nareas, SWIOTLB_MAX_PARAM_AREAS);
	nareas = clamp(nareas, 1UL, SWIOTLB_MAX_PARAM_AREAS);
	swiotlb_param.nareas = roundup_pow_of_two(nareas);
	return true;
}

static bool __init swiotlb_param_word(char *token)
{
	bool max = !strncmp(token, "max=", 4);
	s64 bytes = max ? swiotlb_param_bytes(token + 4, 0) : 0;

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) &&
	    (max || !strcmp(token, "dynamic") || !strcmp(token, "own")))
		pr_warn("swiotlb=: this kernel has no dynamic allocation, \"%s\" is ignored\n",
			max ? "max=" : token);
	else if (max && bytes < SZ_1M)
		pr_warn("swiotlb=: \"%s\" is not a size from 1M to %lluM, using a quarter of memory\n",
			token, SWIOTLB_MAX_PARAM_BYTES >> 20);
	else if (max)
		swiotlb_param.max_nslots = bytes >> IO_TLB_SHIFT;
	else if (!strcmp(token, "dynamic"))
		swiotlb_param.dynamic = true;
	else if (!strcmp(token, "own"))
		swiotlb_param.own = true;
	else if (!strcmp(token, "force"))
		swiotlb_param.force = true;
	else if (!strcmp(token, "noforce"))
		swiotlb_param.noforce = true;
	else if (!strcmp(token, "track_hiwater"))
		swiotlb_param.track_hiwater = true;
	else
		return false;
	return true;
}

/*
 * [<slots>|<size>][,<areas>][,force|noforce|dynamic|own|track_hiwater|max=<size>]...
 *
 * Words may be in any order, and before the numbers. The first number is the size. An empty field
 * counts as a number: "swiotlb=,4" sets only the areas. Settings of several swiotlb= are combined.
 */
VISIBLE_IF_KUNIT int __init swiotlb_setup(char *str)
{
	unsigned int nareas = swiotlb_param.nareas;
	unsigned int nth = 0;
	char *token;

	while ((token = strsep(&str, ","))) {
		bool known = true;

		if (!*token)
			nth++;
		else if (!isdigit(*token) && *token != '-')
			known = swiotlb_param_word(token);
		else if (nth++ == 0)
			swiotlb_param_size(token);
		else
			known = nth == 2 && swiotlb_param_areas(token);
		if (!known)
			pr_warn("swiotlb=: \"%s\" is not understood and ignored\n", token);
	}

	if (swiotlb_param.force && swiotlb_param.noforce) {
		pr_warn("swiotlb=: \"noforce\" wins over \"force\"\n");
		swiotlb_param.force = false;
	}
	swiotlb_param_update(swiotlb_param.nareas != nareas);
	return 0;
}
early_param("swiotlb", swiotlb_setup);

/**
 * swiotlb_param_fixed_size() - choose the size of a pool that cannot grow
 *
 * Ignore "own", and "dynamic" unless swiotlb= also gives a size. If it gives none, use the full
 * size that the architecture asks for: the pool must hold the whole load.
 *
 * Context: Boot, before the pool is made.
 */
void __init swiotlb_param_fixed_size(void)
{
	unsigned long nslots = swiotlb_param.nslots;

	swiotlb_param.fixed = true;
	if (swiotlb_param.dynamic && !swiotlb_param.given_nslots) {
		pr_warn("swiotlb=: the pool cannot grow on this platform, \"dynamic\" is ignored\n");
		swiotlb_param.dynamic = false;
	}
	if (swiotlb_param.own) {
		pr_warn("swiotlb=: the pool cannot grow on this platform, \"own\" is ignored\n");
		swiotlb_param.own = false;
	}
	swiotlb_param_update(false);
	if (swiotlb_param.nslots != nslots)
		swiotlb_param_log_size("adjusted");
}

/**
 * swiotlb_size_or_default() - size of the boot pool
 *
 * Context: Any.
 * Return: Bytes. Before the pool is made, this is an estimate.
 */
unsigned long swiotlb_size_or_default(void)
{
	return swiotlb_param.nslots << IO_TLB_SHIFT;
}

/**
 * swiotlb_adjust_size() - let an architecture choose the size of the boot pool
 * @size:	Bytes.
 *
 * Only the first call has an effect. A size in swiotlb= takes precedence, and so does "dynamic"
 * if the pool can grow. If pools can be added, a @size above the default only raises the limit.
 *
 * Context: Boot, before the pool is made.
 */
void __init swiotlb_adjust_size(unsigned long size)
{
	if (swiotlb_param.arch_nslots)
		return;

	swiotlb_param.arch_nslots = swiotlb_param_nslots(size);
	if (swiotlb_param.given_nslots || swiotlb_param.dynamic)
		return;

	swiotlb_param_update(false);
	if (swiotlb_param_choose() == swiotlb_param.arch_nslots)
		swiotlb_param_log_size("adjusted");
}
