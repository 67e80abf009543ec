// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocators that grow, whose workers a test steps; see fixture.h.
 */

#include <linux/shrinker.h>

#include "fixture.h"

/**
 * swiotlb_test_growing_mem() - make an allocator that grows
 * @test:	The test.
 * @nslots:	Slots of its boot pool.
 *
 * Return: The allocator.
 */
struct swiotlb_mem *swiotlb_test_growing_mem(struct kunit *test,
					     unsigned long nslots)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, nslots, 4);

	swiotlb_grow_enable(mem, virt_to_phys(high_memory - 1), 4,
			    SWIOTLB_TEST_MAX_NSLOTS);
	return mem;
}

/**
 * swiotlb_test_grow() - let an allocator grow now, by a pool
 * @mem:	An allocator of swiotlb_test_growing_mem().
 *
 * What its worker does is done by this thread.
 */
void swiotlb_test_grow(struct swiotlb_mem *mem)
{
	mem->grow_work.func(&mem->grow_work);
}

/**
 * swiotlb_test_tick() - let an allocator give back what it can
 * @mem:	An allocator of swiotlb_test_growing_mem().
 * @hurry:	At once, as when memory is short.
 *
 * What its worker does is done by this thread.
 */
void swiotlb_test_tick(struct swiotlb_mem *mem, bool hurry)
{
	mem->hurry = hurry;
	mem->tick_work.work.func(&mem->tick_work.work);
}

/**
 * swiotlb_test_stop_workers() - leave an allocator as it is
 * @mem:	An allocator.
 */
void swiotlb_test_stop_workers(struct swiotlb_mem *mem)
{
	cancel_work_sync(&mem->grow_work);
	cancel_delayed_work_sync(&mem->tick_work);
	if (mem->shrinker)
		shrinker_free(mem->shrinker);
	mem->shrinker = NULL;
	/* The shrinker may have started it again. */
	cancel_delayed_work_sync(&mem->tick_work);
	if (mem->shrink_wq)
		destroy_workqueue(mem->shrink_wq);
	mem->shrink_wq = NULL;
}

/**
 * swiotlb_test_free_pools() - free the pools that an allocator has grown by
 * @mem:	An allocator whose slots are all free, with workers that are stopped.
 */
void swiotlb_test_free_pools(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool, *next;

	list_splice_tail_init(&mem->idle, &mem->pools);
	list_for_each_entry_safe(pool, next, &mem->pools, node) {
		if (pool == &mem->boot_pool)
			continue;
		list_del(&pool->node);
		swiotlb_pool_destroy(pool);
	}
	kvfree(mem->index);
	kvfree(mem->table);
	mem->index = NULL;
	mem->table = NULL;
}
