/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle: cases and operations (oracle_case.c), one step (oracle_step.c). */
#ifndef SWIOTLB_ORACLE_H
#define SWIOTLB_ORACLE_H

#include "reference.h"

enum oracle_family {
	ORACLE_PLAIN,		/* the default pool, which cannot grow */
	ORACLE_RESTRICTED,	/* a restricted pool of odd size, coherent too */
	ORACLE_GROWING,		/* growth and transient pools, with failing allocations */
	ORACLE_SEGMENTS,	/* a pool that the platform has remapped by segments */
	ORACLE_REACH,		/* growth above 4 GiB; some devices are behind an IOMMU */
	ORACLE_MEMS,		/* the default pool and two restricted ones */
	ORACLE_NFAMILIES,
};

#define ORACLE_NDEVS 4
struct oracle_dev {
	unsigned int min_align_mask;
	unsigned long boundary;
	u64 bus_offset;		/* DMA address minus physical address */
	u64 mask, bus_limit;
	bool iommu;
	unsigned int mem;
};

/* Allocators of a case: the default one, and restricted pools */
#define ORACLE_NMEMS 3

struct oracle_case {
	enum oracle_family family;
	u64 seed;
	unsigned int nslots, nareas, ncpus;
	unsigned int restricted_nslots[ORACLE_NMEMS];	/* by allocator, 0 for none */
	unsigned int odd_pages;	/* pages before the pool, which misalign it */
	bool encrypted;
	unsigned int sizes;	/* mix of sizes, see make_size() */
	struct oracle_dev devs[ORACLE_NDEVS];
	char describe[320];
};

enum op_kind {
	OP_MAP, OP_UNMAP, OP_SYNC_CPU, OP_SYNC_DEVICE, OP_ALLOC, OP_WORK, OP_FAULT,
};

/* All numbers are used modulo the valid range */
struct op {
	u8 kind, dir, cpu, dev;
	bool skip_sync;
	u32 size, offset, pick;
	unsigned int alloc_mask;
};

struct oracle_stats {
	unsigned long ops, maps, unmaps, syncs, full, spurious, transients, most_used;
};
extern struct oracle_stats oracle_stats;

bool oracle_has_family(enum oracle_family family);
/* The default allocator may grow */
bool oracle_grows(const struct oracle_case *c);
void oracle_make_case(struct oracle_case *c, enum oracle_family family, u64 seed);
void oracle_make_ops(const struct oracle_case *c, struct op *ops, unsigned int n);
void oracle_draw_case(struct oracle_case *c, enum oracle_family family,
		      struct rng *rng);
void oracle_draw_ops(const struct oracle_case *c, struct op *ops, unsigned int n,
		     struct rng *rng);
void oracle_print_op(const struct op *op);
void oracle_add_stats(struct oracle_stats *sum, const struct oracle_stats *s);
void oracle_print_stats(const struct oracle_stats *s);

void oracle_begin(const struct oracle_case *c);
void oracle_step(const struct op *op);
void oracle_end(void);

#endif
