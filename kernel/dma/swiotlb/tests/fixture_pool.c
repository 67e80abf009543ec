// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private pools for a test, and devices that use them; see fixture.h.
 */

#include "../pool.h"
#include "fixture.h"

KUNIT_DEFINE_ACTION_WRAPPER(swiotlb_test_kvfree, kvfree, const void *);

/**
 * swiotlb_test_init_pool() - make a pool that is freed when the test ends
 * @test:	The test.
 * @pool:	The pool to initialize.
 * @nslots:	Number of slots.
 * @nareas:	Number of areas to ask for.
 */
void swiotlb_test_init_pool(struct kunit *test, struct io_tlb_pool *pool,
			    unsigned long nslots, unsigned int nareas)
{
	void *vaddr = swiotlb_test_pages(test, nslots << IO_TLB_SHIFT);
	void *meta = kvzalloc(swiotlb_pool_meta_bytes(nslots, nareas), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, meta);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_kvfree, meta));
	swiotlb_pool_init(pool, meta, virt_to_phys(vaddr), vaddr, nslots, nareas);
}

static void swiotlb_test_put_back(void *dev)
{
	swiotlb_dev_init(dev);
}

/**
 * swiotlb_test_device() - register a device that uses an allocator
 * @test:	The test.
 * @mem:	The allocator.
 * @min_align_mask: Alignment mask of the device, in bytes.
 *
 * Return: The device. It reaches all memory, and is unregistered when the test ends.
 */
struct device *swiotlb_test_device(struct kunit *test, struct io_tlb_mem *mem,
				   unsigned int min_align_mask)
{
	struct device *dev = kunit_device_register(test, "swiotlb");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	dev->dma_parms = kunit_kzalloc(test, sizeof(*dev->dma_parms), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev->dma_parms);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)));
	dma_set_min_align_mask(dev, min_align_mask);
	dev->dma_io_tlb_mem = mem;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_put_back,
						  dev));
	return dev;
}

/**
 * swiotlb_test_request() - make a request for a number of slots
 * @nslots:	Number of slots, without padding.
 *
 * Return: The request, for an original at an address that is never read.
 */
struct swiotlb_request swiotlb_test_request(unsigned int nslots)
{
	return (struct swiotlb_request) {
		.orig_addr = SZ_1M,
		.bytes = (size_t)nslots << IO_TLB_SHIFT,
		.nslots = nslots,
		.boundary_mask = SWIOTLB_NO_BOUNDARY,
	};
}
