// SPDX-License-Identifier: GPL-2.0-only
/* From a seed to a pool, devices and a list of operations. */
#include "oracle.h"

#define PICK(rng, array) ((array)[rng_below(rng, ARRAY_SIZE(array))])

static const unsigned int min_align_masks[] = {
	0, 0, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0xfff, 0x1fff, 0x3fff, 0xffff,
};
static const unsigned long boundaries[] = {
	0, 0, 0, 0xffffffff, 0x7ff, 0xfff, 0x3fff, 0xffff, 0x1ffff, 0x3ffff,
};
static const u64 bus_offsets[] = {
	0, 0, 0, PAGE_SIZE, 0x40000000, 3 * PAGE_SIZE,
};
static const u64 masks[] = {
	~0ULL, ~0ULL, DMA_BIT_MASK(32), DMA_BIT_MASK(32), DMA_BIT_MASK(30),
	DMA_BIT_MASK(24),
};
static const u64 bus_limits[] = { 0, 0, 0, DMA_BIT_MASK(31) };

/* Mixes of sizes; half of the cases have all sizes */
enum { MIXED, MIXED_TOO, SMALL, POWERS_OF_TWO, NMIXES };

bool oracle_has_family(enum oracle_family family)
{
	switch (family) {
	case ORACLE_RESTRICTED:
	case ORACLE_MEMS:
		return IS_ENABLED(CONFIG_DMA_RESTRICTED_POOL);
	case ORACLE_GROWING:
		return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC);
	case ORACLE_WAITING:
		return IS_ENABLED(ENGINE_ours);
	case ORACLE_LARGE:
	case ORACLE_OWN:
		return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && IS_ENABLED(ENGINE_ours);
	case ORACLE_REACH:
		/* The base checks the reach only after it has mapped */
		return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && !IS_ENABLED(ENGINE_base);
	default:
		return true;
	}
}

bool oracle_grows(const struct oracle_case *c)
{
	return c->family == ORACLE_GROWING || c->family == ORACLE_REACH ||
	       oracle_has_limit(c);
}

static unsigned int restricted_nslots(struct rng *rng)
{
	unsigned int nslots = (PAGE_SIZE >> IO_TLB_SHIFT) * (1 + rng_below(rng, 1000));

#ifdef ENGINE_base
	/* With other sizes, the base reads beyond its arrays: see pools_of_odd_sizes */
	nslots = ALIGN(nslots, IO_TLB_SEGSIZE);
#endif
	return nslots;
}

static void make_pool(struct oracle_case *c, struct rng *rng)
{
	if (c->family == ORACLE_RESTRICTED) {
		c->nslots = restricted_nslots(rng);
		c->nareas = 1;
	} else {
		c->nareas = 1 << rng_below(rng, oracle_sleeps(c) ? 3 : 5);
		c->nslots = max(512U, c->nareas * 128) << rng_below(rng, 3);
	}
	c->ncpus = 1 + rng_below(rng, 2 * c->nareas);
	c->encrypted = c->family == ORACLE_GROWING && !rng_below(rng, 3);
	if (c->family == ORACLE_RESTRICTED)
		c->restricted_nslots[0] = c->nslots;
	if (c->family == ORACLE_MEMS) {
		c->restricted_nslots[1] = restricted_nslots(rng);
		c->restricted_nslots[2] = restricted_nslots(rng);
	}
	if (c->family == ORACLE_SEGMENTS)
		c->odd_pages = rng_below(rng, 64);
	if (c->family != ORACLE_LARGE && c->family != ORACLE_OWN)
		return;
	c->max_mib = (c->nslots >> (20 - IO_TLB_SHIFT)) + 4 * (1 + rng_below(rng, 4));
	c->encrypted = !rng_below(rng, 4);
	c->faults = !rng_below(rng, 3);
}

static void make_path(struct oracle_case *c, unsigned int nr, struct rng *rng)
{
	struct oracle_dev *d = &c->devs[nr];

	d->mask = ~0ULL;
	if (c->family == ORACLE_MEMS)
		d->mem = nr % ORACLE_NMEMS;
	if (oracle_has_limit(c) && rng_below(rng, 2)) {
		d->mask = DMA_BIT_MASK(32);
		d->bus_offset = 0;
	}
	if (c->family != ORACLE_REACH)
		return;
	/* Any device of this family may be behind an IOMMU, where it has no bus offset */
	d->bus_offset = 0;
	d->mask = PICK(rng, masks);
	d->bus_limit = PICK(rng, bus_limits);
	d->iommu = rng_below(rng, 2);
}

void oracle_draw_case(struct oracle_case *c, enum oracle_family family,
		      struct rng *rng)
{
	unsigned int i, at;

	memset(c, 0, sizeof(*c));
	c->family = family;
	make_pool(c, rng);
	at = snprintf(c->describe, sizeof(c->describe),
		      "%u slots, %u areas, %u CPUs, limit %u MiB%s%s; devices:", c->nslots,
		      c->nareas, c->ncpus, c->max_mib, c->encrypted ? ", encrypted" : "",
		      c->faults ? ", faults" : "");
	c->sizes = rng_below(rng, NMIXES);
	for (i = 0; i < ORACLE_NDEVS; i++) {
		struct oracle_dev *d = &c->devs[i];

		d->min_align_mask = PICK(rng, min_align_masks);
		d->boundary = PICK(rng, boundaries);
#ifdef ENGINE_base
		/* The base aligns only the address bits within the boundary mask */
		if (d->boundary)
			d->boundary |= d->min_align_mask | ~PAGE_MASK;
#endif
		/* With a boundary, many requests are impossible, and their callers do not wait */
		if (oracle_sleeps(c) && rng_below(rng, 4))
			d->boundary = 0;
		d->bus_offset = PICK(rng, bus_offsets);
		make_path(c, i, rng);
		at += snprintf(c->describe + at, sizeof(c->describe) - at,
			       " 0x%x/0x%lx/+0x%llx/%llx%s", d->min_align_mask,
			       d->boundary, d->bus_offset,
			       min_not_zero(d->mask, d->bus_limit),
			       d->iommu ? "/iommu" : "");
	}
}

/* The original number of families, so that old seeds still give the same cases */
#define SEEDS_EACH 3

void oracle_make_case(struct oracle_case *c, enum oracle_family family, u64 seed)
{
	struct rng rng = { seed * SEEDS_EACH + family };

	oracle_draw_case(c, family, &rng);
	c->seed = seed;
}

static u32 make_size(const struct oracle_case *c, struct rng *rng)
{
	u32 r = rng_below(rng, 100);

	/* Most large mappings are only a little larger than an area */
	if (c->family == ORACLE_LARGE && !rng_below(rng, 4))
		return SZ_256K + 1 + rng_below(rng, r < 60 ? SZ_256K : r < 90 ? SZ_2M : 6 * SZ_1M);
	/* With similar sizes, the pool fills up to its last free run, which hints must not hide */
	if (c->sizes == SMALL)
		return r < 40 ? 2048 : r < 80 ? 4096 : 1 + rng_below(rng, 6144);
	if (c->sizes == POWERS_OF_TWO)
		return 512 << rng_below(rng, 9);
	if (r < 30)
		return 1 + rng_below(rng, 2048);
	if (r < 55)
		return 4096 * (1 + rng_below(rng, 4));
	if (r < 75)
		return 1 + rng_below(rng, 16384);
	if (r < 93)
		return 512 * (1 + rng_below(rng, 128));
	if (r < 97)
		return 1 + rng_below(rng, 262144);
	/* Around the largest size; slightly larger ones are impossible */
	return 262144 - 4096 * rng_below(rng, 18) + rng_below(rng, 3);
}

static unsigned int make_alloc_mask(const struct oracle_case *c, struct rng *rng,
				    u32 size)
{
	u32 r = rng_below(rng, 20);

	if (c->sizes == POWERS_OF_TWO && r < 10)
		return roundup_pow_of_two(max_t(u32, size, PAGE_SIZE)) - 1;
	if (r == 0)
		return (0x1000 << rng_below(rng, 5)) - 1;
	return r < 5 ? ~PAGE_MASK : 0;
}

static u8 make_kind(const struct oracle_case *c, struct rng *rng,
		    unsigned int full)
{
	u32 r = rng_below(rng, 100);

	/* Of all maps and unmaps, @full percent are maps */
	if (r < 80) {
		if (rng_below(rng, 100) >= full)
			return OP_UNMAP;
		return (c->restricted_nslots[0] || c->restricted_nslots[1]) && r < 20 ? OP_ALLOC : OP_MAP;
	}
	if (c->family == ORACLE_OWN && r == 96)
		return OP_DEVICE;
	if (c->family == ORACLE_WAITING && r >= 97)
		return OP_WORK;
	if (oracle_grows(c) && r >= 97)
		return r == 99 ? OP_FAULT : OP_WORK;
	return r & 1 ? OP_SYNC_CPU : OP_SYNC_DEVICE;
}

void oracle_draw_ops(const struct oracle_case *c, struct op *ops, unsigned int n,
		     struct rng *rng)
{
	static const unsigned int fullness[] = { 20, 45, 50, 52, 60, 80, 50 };
	static const unsigned int crowds[] = { 20, 50, 60, 90, 98, 98 };
	static const u8 dirs[] = { DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL };
	unsigned int i, full = 60;

	for (i = 0; i < n; i++) {
		if (!(i % 500))
			full = oracle_sleeps(c) ? PICK(rng, crowds) : PICK(rng, fullness);
		ops[i] = (struct op){
			.kind = make_kind(c, rng, full),
			.dir = PICK(rng, dirs),
			.cpu = rng_below(rng, c->ncpus),
			.dev = rng_below(rng, ORACLE_NDEVS),
			.skip_sync = !rng_below(rng, 4),
			.size = make_size(c, rng),
			.offset = rng_next(rng),
			.pick = rng_next(rng),
		};
		ops[i].alloc_mask = make_alloc_mask(c, rng, ops[i].size);
		if (oracle_sleeps(c))
			ops[i].may_sleep = ops[i].size > SZ_256K || rng_below(rng, 2);
		/* Sector-aligned buffers are the common case */
		if (rng_below(rng, 2))
			ops[i].offset &= ~0x1ffU;
	}
}

void oracle_make_ops(const struct oracle_case *c, struct op *ops, unsigned int n)
{
	struct rng rng = { ~c->seed };

	oracle_draw_ops(c, ops, n, &rng);
}

void oracle_print_op(const struct op *op)
{
	static const char *const kinds[] = {
		"map", "unmap", "sync_for_cpu", "sync_for_device", "alloc",
		"run_work", "fault", "device",
	};
	static const char *const dirs[] = { "bidirectional", "to_device", "from_device" };

	printf("#   %s dev %u cpu %u %s%s%s size %u offset 0x%x pick %u alloc_mask 0x%x\n",
	       kinds[op->kind], op->dev, op->cpu, dirs[op->dir],
	       op->skip_sync ? " skip_sync" : "", op->may_sleep ? " may_sleep" : "", op->size, op->offset, op->pick,
	       op->alloc_mask);
}

void oracle_add_stats(struct oracle_stats *sum, const struct oracle_stats *s)
{
	sum->ops += s->ops;
	sum->maps += s->maps;
	sum->unmaps += s->unmaps;
	sum->syncs += s->syncs;
	sum->full += s->full;
	sum->spurious += s->spurious;
	sum->transients += s->transients;
	sum->larges += s->larges;
	sum->waits += s->waits;
	sum->timeouts += s->timeouts;
	sum->ended += s->ended;
	sum->most_used = max(sum->most_used, s->most_used);
}

void oracle_print_stats(const struct oracle_stats *s)
{
	printf("# %lu operations: %lu maps, %lu unmaps, %lu syncs, %lu maps found no room (%lu though there was some), at most %lu slots in use\n",
	       s->ops, s->maps, s->unmaps, s->syncs, s->full, s->spurious,
	       s->most_used);
	if (s->waits)
		printf("# ... %lu maps waited, %lu until the timeout; %lu large maps, %lu devices ended\n",
		       s->waits, s->timeouts, s->larges, s->ended);
}
