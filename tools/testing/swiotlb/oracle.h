/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle: cases and operations (oracle_case.c), one step (oracle_step.c), and callers that
 * sleep, limits and allocators of devices (oracle_sleep.c).
 */
#ifndef SWIOTLB_ORACLE_H
#define SWIOTLB_ORACLE_H

#include "reference.h"

enum oracle_family {
	ORACLE_PLAIN,		/* the default pool, which cannot grow */
	ORACLE_RESTRICTED,	/* a restricted pool of any size, also for coherent memory */
	ORACLE_GROWING,		/* growth and transient pools, with failing allocations */
	ORACLE_SEGMENTS,	/* a pool that the platform has remapped by segments */
	ORACLE_REACH,		/* growth above 4 GiB; some devices are behind an IOMMU */
	ORACLE_MEMS,		/* the default pool and two restricted ones */
	/* From here on, some callers may sleep */
	ORACLE_WAITING,		/* the default pool, which cannot grow */
	ORACLE_LARGE,		/* growth up to a limit, and mappings of up to 6 MiB */
	ORACLE_OWN,		/* growth up to a limit; devices with an allocator, which end */
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
	unsigned int max_mib;	/* limit of all allocators, 0 for none */
	bool faults;		/* allocations may fail */
	struct oracle_dev devs[ORACLE_NDEVS];
	char describe[400];
};

enum op_kind {
	OP_MAP, OP_UNMAP, OP_SYNC_CPU, OP_SYNC_DEVICE, OP_ALLOC, OP_WORK, OP_FAULT,
	OP_DEVICE,
};

/* All numbers are used modulo the valid range */
struct op {
	u8 kind, dir, cpu, dev;
	bool skip_sync, may_sleep;
	u32 size, offset, pick;
	unsigned int alloc_mask;
};

struct oracle_stats {
	unsigned long ops, maps, unmaps, syncs, full, spurious, transients, most_used;
	unsigned long larges, waits, timeouts, ended;
};
extern struct oracle_stats oracle_stats;

bool oracle_has_family(enum oracle_family family);
/* May the default allocator grow? */
bool oracle_grows(const struct oracle_case *c);
static inline bool oracle_sleeps(const struct oracle_case *c)
{
	return c->family >= ORACLE_WAITING;
}

/* Is there a limit that the model knows? */
static inline bool oracle_has_limit(const struct oracle_case *c)
{
	return c->max_mib;
}

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

/* Do an operation of another task, while this one sleeps */
void oracle_other(const struct op *op);
/* Returns the slots that the model has mapped in an allocator */
long oracle_used_in(const void *home);

#ifdef ENGINE_ours
void oracle_sleep_begin(const struct oracle_case *c, const struct reference *ref);
void oracle_sleep_end(void);
/* Map, and let other tasks run while this one sleeps */
phys_addr_t oracle_map_sleeping(const struct op *op, const struct ref_request *req,
				enum dma_data_direction dir, unsigned long attrs);
/* After a failed map, check that the allocators are full, or at their limit */
void oracle_expect_full(const struct ref_request *req, bool may_sleep);
/* Returns the allocator that counts a mapping as in use; NULL for none */
const void *oracle_home(struct device *dev, phys_addr_t tlb, size_t nslots);
void oracle_check_limit(struct device *const *devs);
void oracle_give_own(struct device *dev, u32 pick);
#else
static inline void oracle_sleep_begin(const struct oracle_case *c, const struct reference *ref)
{
}

static inline void oracle_sleep_end(void)
{
}

static inline phys_addr_t oracle_map_sleeping(const struct op *op, const struct ref_request *req,
					      enum dma_data_direction dir, unsigned long attrs)
{
	return MAP_FAILED_ADDR;
}

static inline void oracle_expect_full(const struct ref_request *req, bool may_sleep)
{
}

static inline const void *oracle_home(struct device *dev, phys_addr_t tlb, size_t nslots)
{
	return NULL;
}

static inline void oracle_check_limit(struct device *const *devs)
{
}

static inline void oracle_give_own(struct device *dev, u32 pick)
{
}
#endif

#endif
