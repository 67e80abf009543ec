// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocators of a test's own; see fixture.h.
 */

#include "../magazine.h"
#include "fixture.h"

/**
 * struct swiotlb_test_owner - an allocator, and whose it is
 * @test:	The test.
 * @mem:	The allocator.
 */
struct swiotlb_test_owner {
	struct kunit *test;
	struct swiotlb_mem mem;
};

/* Invariant of all tests: what was mapped has been unmapped. */
static void swiotlb_test_free_mem(void *arg)
{
	struct swiotlb_test_owner *owner = arg;

	swiotlb_test_expect_used(owner->test, &owner->mem, 0);
	swiotlb_grow_disable(&owner->mem);
	swiotlb_test_stop_workers(&owner->mem);
	swiotlb_magazines_stop(&owner->mem);
	swiotlb_test_free_pools(&owner->mem);
	KUNIT_EXPECT_EQ(owner->test, 0, swiotlb_pool_used(&owner->mem.boot_pool));
	kfree(owner);
}

/**
 * swiotlb_test_mem() - make an allocator that goes when the test ends
 * @test:	The test.
 * @nslots:	Slots of its boot pool.
 * @nareas:	Areas wanted.
 *
 * It bounces all DMA, has no magazines and does not grow. At the end all must
 * have been unmapped.
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
	swiotlb_grow_init(mem);
	mem->pub.force_bounce = true;
	swiotlb_test_init_pool(test, &mem->boot_pool, nslots,
			       swiotlb_limit_nareas(nareas, nslots));
	swiotlb_mem_set_boot_pool(mem);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_free_mem,
						  owner));
	return mem;
}

/**
 * swiotlb_test_start_magazines() - give an allocator magazines
 * @test:	The test.
 * @mem:	An allocator of swiotlb_test_mem().
 */
void swiotlb_test_start_magazines(struct kunit *test, struct swiotlb_mem *mem)
{
	KUNIT_ASSERT_EQ(test, 0, swiotlb_magazines_start(mem));
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)mem->magazines);
}

/**
 * swiotlb_test_expect_used() - expect a number of slots in use
 * @test:	The test.
 * @mem:	An allocator of swiotlb_test_mem(), in which nothing moves now.
 * @nslots:	The number.
 */
void swiotlb_test_expect_used(struct kunit *test, struct swiotlb_mem *mem,
			      unsigned long nslots)
{
	KUNIT_EXPECT_EQ(test, swiotlb_mem_used(mem), nslots);
}
