/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_POOLS_H
#define _KERNEL_DMA_SWIOTLB_POOLS_H

#include "pool.h"

struct swiotlb_pages;

/**
 * struct swiotlb_pools - the pools of an allocator
 * @list:	All pools except transient ones, the oldest first. Changed under
 *		swiotlb_pools_lock, read under RCU.
 * @held:	Slots of all pools in @list, and of pools that are being made or freed. Changed
 *		under swiotlb_pools_lock, read without it.
 * @closed:	Slots of closed pools in @list. Changed and read as @held.
 */
struct swiotlb_pools {
	struct list_head list;
	unsigned long held;
	unsigned long closed;
};

#define swiotlb_for_each_pool(pool, mem) \
	list_for_each_entry_rcu(pool, &(mem)->pools.list, node)
#define swiotlb_for_each_pool_locked(pool, mem) \
	list_for_each_entry(pool, &(mem)->pools.list, node)

extern struct mutex swiotlb_pools_lock;

void swiotlb_pools_count(struct swiotlb_mem *mem, long nslots);
void swiotlb_pools_list(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
struct io_tlb_pool *swiotlb_pool_create(struct swiotlb_mem *mem, struct swiotlb_pages *pages,
					unsigned int nareas);
bool swiotlb_pool_destroy(struct io_tlb_pool *pool);
int swiotlb_pools_prepare(void);
int swiotlb_pools_add(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_pools_close(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_pools_reopen(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_pools_remove(struct swiotlb_mem *mem, struct io_tlb_pool *pool);
void swiotlb_transient_add(struct io_tlb_pool *pool);
void swiotlb_transient_del(struct io_tlb_pool *pool);

#endif /* _KERNEL_DMA_SWIOTLB_POOLS_H */
