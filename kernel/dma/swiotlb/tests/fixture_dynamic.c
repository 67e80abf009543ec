// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites share where allocators grow; see fixture.h.
 */

#include "fixture.h"

/**
 * swiotlb_test_free_pools() - free the pools that an allocator has grown by
 * @mem:	An allocator of swiotlb_test_mem(), all of whose slots are free.
 */
void swiotlb_test_free_pools(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool, *next;

	cancel_work_sync(&mem->grow_work);
	list_for_each_entry_safe(pool, next, &mem->pools, node) {
		if (pool == &mem->boot_pool)
			continue;
		list_del(&pool->node);
		swiotlb_pages_free(pool->vaddr, pool->end - pool->start,
				   pool->cc_shared);
		kvfree(pool);
	}
	kvfree(mem->index);
	kvfree(mem->table);
	mem->index = NULL;
	mem->table = NULL;
}
