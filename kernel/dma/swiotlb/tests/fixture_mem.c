// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private allocators for a test; see fixture.h.
 */

#include "../mem.h"
#include "fixture.h"

/**
 * struct swiotlb_test_owner - an allocator, and the test that owns it
 * @test:	The test.
 * @mem:	The allocator.
 */
struct swiotlb_test_owner {
	struct kunit *test;
	struct swiotlb_mem mem;
};

/* Each test must have unmapped all its mappings. */
static void swiotlb_test_free_mem(void *arg)
{
	struct swiotlb_test_owner *owner = arg;
	struct swiotlb_mem *mem = &owner->mem;

	swiotlb_test_expect_used(owner->test, mem, 0);
	swiotlb_test_end_growth(owner->test, mem);
	swiotlb_magazines_stop(&mem->cache);
	KUNIT_EXPECT_EQ(owner->test, 0, swiotlb_pool_used(&mem->boot_pool));
	if (mem->narrower)
		mem->narrower->wider = NULL;
	if (mem->boot_pool.id)
		swiotlb_pool_unnumber(&mem->boot_pool);
	kfree(owner);
}

/**
 * swiotlb_test_mem() - make an allocator that is freed when the test ends
 * @test:	The test.
 * @nslots:	Slots of its boot pool, 0 for none.
 * @nareas:	Number of areas to ask for.
 *
 * It bounces all DMA, has no magazines and does not grow. The test must unmap
 * everything before it ends.
 *
 * Return: The allocator.
 */
struct swiotlb_mem *swiotlb_test_mem(struct kunit *test, unsigned long nslots,
				     unsigned int nareas)
{
	struct swiotlb_test_owner *owner = kzalloc_obj(*owner);
	struct swiotlb_mem *mem;

	KUNIT_ASSERT_NOT_NULL(test, owner);
	mem = &owner->mem;
	owner->test = test;
	swiotlb_mem_init(mem);
	mem->pub.force_bounce = true;
	if (nslots) {
		swiotlb_test_init_pool(test, &mem->boot_pool, nslots,
				       swiotlb_limit_nareas(nareas, nslots));
		swiotlb_mem_set_boot_pool(mem);
	}
	/* Actions run in reverse order: the allocator is freed before its pool. */
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_free_mem,
						  owner));
	return mem;
}

/**
 * swiotlb_test_start_magazines() - give an allocator magazines
 * @test:	The test.
 * @mem:	An allocator of swiotlb_test_mem(), with a boot pool.
 */
void swiotlb_test_start_magazines(struct kunit *test, struct swiotlb_mem *mem)
{
	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_mem_start_magazines(mem);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)mem->cache.cpu);
	KUNIT_EXPECT_NE(test, mem->boot_pool.id, 0);
}

/**
 * swiotlb_test_expect_used() - expect a number of slots in use
 * @test:	The test.
 * @mem:	An allocator of swiotlb_test_mem(), without maps and unmaps meanwhile.
 * @nslots:	The number.
 */
void swiotlb_test_expect_used(struct kunit *test, struct swiotlb_mem *mem,
			      unsigned long nslots)
{
	KUNIT_EXPECT_EQ(test, swiotlb_mem_used(mem), nslots);
}

/**
 * swiotlb_test_kept() - count slots in magazines and depots
 * @mem:	An allocator of swiotlb_test_mem(), without maps and unmaps meanwhile.
 *
 * Return: Slots that are in use in the pools, but not mapped by any caller.
 */
unsigned long swiotlb_test_kept(struct swiotlb_mem *mem)
{
	struct io_tlb_pool *pool;
	unsigned long nslots = 0;

	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_for_each_pool_locked(pool, mem)
			nslots += swiotlb_pool_used(pool);
	return nslots - swiotlb_mem_used(mem);
}

/**
 * swiotlb_test_cpu_magazine() - get a magazine of a CPU
 * @mem:	An allocator whose magazines are started.
 * @cpu:	The CPU.
 * @class:	The size class.
 *
 * Return: The magazine.
 */
struct swiotlb_magazine *swiotlb_test_cpu_magazine(struct swiotlb_mem *mem,
						   unsigned int cpu,
						   unsigned int class)
{
	return (void *)per_cpu_ptr(mem->cache.cpu, cpu) +
	       swiotlb_magazine_offset[class];
}
