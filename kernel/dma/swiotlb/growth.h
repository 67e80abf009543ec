/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growth: when an allocator adds a pool, when it frees one, how much memory it may have, and
 * transient pools. Without SWIOTLB_DYNAMIC, the compiler drops all calls.
 */
#ifndef _KERNEL_DMA_SWIOTLB_GROWTH_H
#define _KERNEL_DMA_SWIOTLB_GROWTH_H

#include "internal.h"

/* Size of the boot pool with swiotlb=dynamic, and smallest boot pool, in slots. */
#define SWIOTLB_MIN_POOL_SLOTS	(SZ_1M >> IO_TLB_SHIFT)
/* Smallest pool made at run time, other than transient pools. */
#define SWIOTLB_MIN_GROW_SLOTS	(SZ_2M >> IO_TLB_SHIFT)
/* Smallest pool to add if the limit allows it, so that pools are few. */
#define SWIOTLB_FIRST_SLOTS	(SZ_4M >> IO_TLB_SHIFT)

/*
 * Interval between runs of the worker while there are pools to free, and delay after an
 * allocation has failed, which doubles with each failure; in jiffies.
 */
#define SWIOTLB_TICK		HZ
/* Minimum interval between runs of the worker because an area is half full, in jiffies. */
#define SWIOTLB_LOOK		(HZ / 16)

struct io_tlb_pool;
struct swiotlb_mem;
struct swiotlb_request;

/**
 * struct swiotlb_growth - state of the worker of an allocator
 * @enabled:	Pools may be added.
 * @nareas:	Areas that a new pool should have.
 * @max_nslots:	Maximum number of slots in all pools; 0 for a share of memory.
 * @arch_nslots: Slots that the architecture asks for, and the limit grants; 0 for none.
 * @apart:	Slots of memory that could not be encrypted again and is lost. Of a common
 *		allocator, also what counts for devices: their pools, or the room that is kept
 *		for the first one.
 * @kept:	Of a device's own allocator: slots that the common limit keeps for its first
 *		pool; 0 if there was no room for that.
 * @transient:	Slots of transient pools.
 * @atomic:	Slots of transient pools whose memory is from the atomic coherent pools.
 * @demand:	Slots that were in use when the worker looked last.
 * @copied:	Bytes that had been copied when the worker looked last.
 * @looked:	When the worker looked last, in jiffies.
 * @asked:	When a map that has found room asked it to look last, in jiffies.
 * @busy:	When all open pools were needed last, in jiffies.
 * @tried:	When adding a pool failed last, in jiffies.
 * @backoff:	How long after @tried not to try again; 0 after a success.
 * @failed:	A map has found no room since the worker looked last.
 * @pressed:	Memory is short: the shrinker was called.
 * @nid:	Node of the device that found little or no room last.
 * @work:	The worker.
 */
struct swiotlb_growth {
	bool enabled;
	unsigned int nareas;
	unsigned long max_nslots;
	unsigned long arch_nslots;
	atomic_long_t apart;
	unsigned long kept;
	atomic_long_t transient;
	atomic_long_t atomic;
	unsigned long demand;
	unsigned long copied;
	unsigned long looked;
	unsigned long asked;
	unsigned long busy;
	unsigned long tried;
	unsigned long backoff;
	bool failed;
	bool pressed;
	int nid;
	struct delayed_work work;
};

void swiotlb_growth_work(struct work_struct *work);
void swiotlb_growth_look(struct swiotlb_mem *mem, struct device *dev, bool tight);
void swiotlb_growth_want(struct swiotlb_mem *mem, struct device *dev);
unsigned long swiotlb_limit_nslots(const struct swiotlb_mem *mem);
long swiotlb_limit_room(const struct swiotlb_mem *mem);

/* The allocator does not grow before swiotlb_growth_enable(). */
static inline void swiotlb_growth_init(struct swiotlb_growth *growth)
{
	*growth = (struct swiotlb_growth){
		.looked = jiffies - SWIOTLB_LOOK,
		.asked = jiffies - SWIOTLB_LOOK,
		.busy = jiffies,
		.nid = NUMA_NO_NODE,
	};
	INIT_DELAYED_WORK(&growth->work, swiotlb_growth_work);
}

phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req, gfp_t gfp,
				  struct io_tlb_pool **pool);
void swiotlb_transient_unmap(struct device *dev, struct io_tlb_pool *pool,
			     unsigned int nslots);

int swiotlb_growth_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_growth_unhold(struct swiotlb_mem *mem, unsigned long nslots);
void swiotlb_growth_destroy(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_growth_trim(struct swiotlb_mem *mem);
struct shrinker *swiotlb_growth_shrinker(struct swiotlb_mem *mem);

void swiotlb_growth_enable(struct swiotlb_mem *mem, u64 last, unsigned int nareas,
			   unsigned long max_nslots);
void swiotlb_growth_disable(struct swiotlb_mem *mem);

#endif /* _KERNEL_DMA_SWIOTLB_GROWTH_H */
