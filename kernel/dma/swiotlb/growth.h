/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growth: pools added and freed at run time, the limit, and transient pools. Without
 * SWIOTLB_DYNAMIC, the compiler drops all calls.
 */
#ifndef _KERNEL_DMA_SWIOTLB_GROWTH_H
#define _KERNEL_DMA_SWIOTLB_GROWTH_H

#include "internal.h"

/* Slots of the smallest boot pool. swiotlb=dynamic boots with it, unless memory is encrypted. */
#define SWIOTLB_MIN_POOL_SLOTS	(SZ_1M >> IO_TLB_SHIFT)
/* Slots of the smallest pool made at run time, except transient pools */
#define SWIOTLB_MIN_GROW_SLOTS	(SZ_2M >> IO_TLB_SHIFT)
/* Slots of the smallest pool to add, as far as memory and the limit allow: pools must be few. */
#define SWIOTLB_FIRST_SLOTS	(SZ_4M >> IO_TLB_SHIFT)
/*
 * Slots to keep open and unused if pools have to be decrypted. In a burst of 1 GiB/s, they must
 * last until the worker has added a pool.
 */
#define SWIOTLB_RESERVE_SLOTS	(SZ_16M >> IO_TLB_SHIFT)
/* The reserve is at most 1/SWIOTLB_RESERVE_SHARE of the limit: crash kernels have little memory. */
#define SWIOTLB_RESERVE_SHARE	8

/*
 * Interval between passes of the worker while there are added pools, in jiffies. Also the first
 * delay after a failed allocation, which doubles with each failure.
 */
#define SWIOTLB_TICK		HZ
/* Minimum interval between passes that are requested by maps that found room, in jiffies */
#define SWIOTLB_LOOK		(HZ / 16)

struct io_tlb_pool;
struct swiotlb_mem;
struct swiotlb_request;

/**
 * struct swiotlb_growth - state of the worker of an allocator
 * @enabled:	Pools may be added.
 * @nareas:	Areas that a new pool should have.
 * @max_nslots:	Maximum number of slots in all pools; 0 for a share of memory.
 * @arch_nslots: Slots that the architecture asks for, which raise the limit; 0 for none.
 * @apart:	Slots of lost memory, which could not be encrypted again. In a common allocator,
 *		also the slots that each own allocator holds, or those kept for its first pool.
 * @kept:	In an own allocator: slots that the common limit keeps for its first pool; 0 if
 *		there was no room for them.
 * @transient:	Slots of transient pools.
 * @atomic:	Slots of transient pools whose memory is from the atomic coherent pools.
 * @copied:	Number of bytes copied before the last pass.
 * @looked:	Time of the last pass, in jiffies.
 * @asked:	Last time that a map that found room asked for a pass, in jiffies.
 * @busy:	Last time that all open pools were needed, in jiffies.
 * @tried:	Last time that adding a pool failed, in jiffies.
 * @backoff:	Jiffies after @tried until the next try; 0 after a success.
 * @failed:	A map has found no room since the last pass.
 * @pressed:	Memory is short: the shrinker was called since the last pass.
 * @drained:	Last time that magazines were emptied because a pool was closed, in jiffies.
 * @nid:	Node of the device whose map was the last one to ask for a pass.
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
	unsigned long copied;
	unsigned long looked;
	unsigned long asked;
	unsigned long busy;
	unsigned long tried;
	unsigned long backoff;
	bool failed;
	bool pressed;
	unsigned long drained;
	int nid;
	struct delayed_work work;
};

void swiotlb_growth_work(struct work_struct *work);
void swiotlb_growth_look(struct swiotlb_mem *mem, struct device *dev, bool tight);
void swiotlb_growth_want(struct swiotlb_mem *mem, struct device *dev);
unsigned long swiotlb_limit_nslots(const struct swiotlb_mem *mem);
long swiotlb_limit_room(const struct swiotlb_mem *mem);

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
void swiotlb_transient_unmap(struct device *dev, struct io_tlb_pool *pool, unsigned int nslots);

int swiotlb_growth_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_growth_unhold(struct swiotlb_mem *mem, unsigned long nslots);
void swiotlb_growth_destroy(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_growth_trim(struct swiotlb_mem *mem);
struct shrinker *swiotlb_growth_shrinker(struct swiotlb_mem *mem);

void swiotlb_growth_enable(struct swiotlb_mem *mem, u64 last, unsigned int nareas,
			   unsigned long max_nslots);
void swiotlb_growth_disable(struct swiotlb_mem *mem);

#endif /* _KERNEL_DMA_SWIOTLB_GROWTH_H */
