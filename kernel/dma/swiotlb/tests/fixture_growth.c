// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocators that grow, whose worker a test runs itself; see fixture.h.
 */

#include "../mem.h"
#include "../pages.h"
#include "fixture.h"

/* How long to wait until a worker has freed transient pools, in jiffies. */
#define SWIOTLB_TEST_PATIENCE	(30 * HZ)

struct swiotlb_test_source swiotlb_test_source;

static int swiotlb_test_take_pages(struct swiotlb_pages *pages)
{
	struct swiotlb_test_source *source = &swiotlb_test_source;
	struct page *page;

	if (source->asked < ARRAY_SIZE(source->bytes))
		source->bytes[source->asked] = pages->bytes;
	source->asked++;
	source->last = pages->last;
	if (pages->bytes > source->most)
		return source->ret;

	page = alloc_pages(pages->gfp | __GFP_ZERO, get_order(pages->bytes));
	if (!page)
		return -ENOMEM;
	pages->start = page_to_phys(page);
	pages->vaddr = page_address(page);
	pages->source = SWIOTLB_FROM_BUDDY;
	return 0;
}

/**
 * swiotlb_test_start_source() - record and limit requests for memory from now on
 * @test:	The test. Only requests from its thread are recorded: workers do not call the stub.
 * @most:	Size in bytes above which requests are refused.
 * @ret:	Return value of a refused request.
 */
void swiotlb_test_start_source(struct kunit *test, size_t most, int ret)
{
	swiotlb_test_source = (struct swiotlb_test_source) {
		.most = most,
		.ret = ret,
	};
	kunit_activate_static_stub(test, swiotlb_pages_alloc, swiotlb_test_take_pages);
}

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

	swiotlb_growth_enable(mem, U64_MAX, 4, SWIOTLB_TEST_MAX_NSLOTS);
	return mem;
}

/**
 * swiotlb_test_wider_mem() - give an allocator a wider one
 * @test:	The test.
 * @narrower:	An allocator of swiotlb_test_growing_mem().
 *
 * Devices find both through @narrower; only the new one grows for them.
 *
 * Return: The allocator, without a boot pool.
 */
struct swiotlb_mem *swiotlb_test_wider_mem(struct kunit *test,
					   struct swiotlb_mem *narrower)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, 0);

	mem->narrower = narrower;
	narrower->wider = mem;
	return mem;
}

/**
 * swiotlb_test_tick() - run the function of the worker once, in this thread
 * @mem:	An allocator of swiotlb_test_growing_mem().
 *
 * If memory is short, first pretend that the quiet time of half a second has passed.
 */
void swiotlb_test_tick(struct swiotlb_mem *mem)
{
	swiotlb_test_stop_growth(mem);
	if (mem->growth.pressed)
		mem->growth.busy = jiffies - HZ;
	mem->growth.work.work.func(&mem->growth.work.work);
	swiotlb_test_stop_growth(mem);
}

/**
 * swiotlb_test_stop_growth() - cancel pending work of an allocator
 * @mem:	An allocator.
 */
void swiotlb_test_stop_growth(struct swiotlb_mem *mem)
{
	cancel_delayed_work_sync(&mem->growth.work);
}

/**
 * swiotlb_test_wait_for_transients() - wait until all transient pools are freed
 * @test:	The test.
 * @mem:	An allocator without a mapping in a transient pool.
 */
void swiotlb_test_wait_for_transients(struct kunit *test, struct swiotlb_mem *mem)
{
	unsigned long end = jiffies + SWIOTLB_TEST_PATIENCE;

	while (swiotlb_transient_nslots(mem) && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, swiotlb_transient_nslots(mem), 0);
}

/**
 * swiotlb_test_end_growth() - free the pools that were added to an allocator
 * @test:	The test.
 * @mem:	An allocator in which nothing is mapped.
 */
void swiotlb_test_end_growth(struct kunit *test, struct swiotlb_mem *mem)
{
	swiotlb_test_wait_for_transients(test, mem);
	scoped_guard(mutex, &swiotlb_pools_lock)
		mem->growth.enabled = false;
	swiotlb_test_tick(mem);
	KUNIT_EXPECT_EQ(test, mem->pools.held, mem->boot_pool.nslots);
}
