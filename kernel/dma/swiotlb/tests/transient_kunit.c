// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools for one mapping, made in interrupts, and freed by workers after a grace period.
 */

#include <linux/page_ref.h>
#include <linux/spinlock.h>

#include "../mem.h"
#include "../pages.h"
#include "fixture.h"

#define SWIOTLB_TEST_ALL	(SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT)

/**
 * struct swiotlb_test_full - an allocator that is full
 * @mem:	The allocator.
 * @dev:	A device.
 * @buffer:	Its buffer.
 * @all:	The mapping that fills the boot pool.
 * @lock:	The lock of a driver, which maps and unmaps with interrupts off, except
 *		with PREEMPT_RT.
 */
struct swiotlb_test_full {
	struct swiotlb_mem *mem;
	struct device *dev;
	u8 *buffer;
	phys_addr_t all;
	spinlock_t lock;
};

/* Pretend that growth has just failed, so that the worker adds no pool meanwhile. */
static struct swiotlb_test_full *swiotlb_test_full(struct kunit *test,
						   unsigned int min_align_mask)
{
	struct swiotlb_test_full *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	spin_lock_init(&t->lock);
	t->mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	t->mem->growth.backoff = HZ << 6;
	t->mem->growth.tried = jiffies;
	t->dev = swiotlb_test_device(test, &t->mem->pub, min_align_mask);
	t->buffer = swiotlb_test_buffer(test, SWIOTLB_TEST_ALL);
	t->all = swiotlb_test_map(t->dev, t->buffer, SWIOTLB_TEST_ALL, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, t->all, (phys_addr_t)DMA_MAPPING_ERROR);
	return t;
}

static void swiotlb_test_end_full(struct kunit *test, struct swiotlb_test_full *t)
{
	swiotlb_tbl_unmap_single(t->dev, t->all, SWIOTLB_TEST_ALL, DMA_TO_DEVICE, 0);
	swiotlb_test_wait_for_transients(test, t->mem);
	KUNIT_EXPECT_EQ(test, t->mem->pub.nslabs, SWIOTLB_MAX_SLOTS);
}

static void swiotlb_transient_one_test(struct kunit *test)
{
	struct swiotlb_test_full *t = swiotlb_test_full(test, 0xfff);
	struct io_tlb_pool *pool;
	unsigned long flags;
	struct page *page;
	phys_addr_t addr;
	long counted;
	int users;

	spin_lock_irqsave(&t->lock, flags);
	addr = swiotlb_test_map(t->dev, t->buffer + 0x800, 3000, DMA_FROM_DEVICE);
	spin_unlock_irqrestore(&t->lock, flags);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);

	pool = swiotlb_find_pool(t->dev, addr);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, pool->state, SWIOTLB_POOL_TRANSIENT);
	KUNIT_EXPECT_EQ(test, swiotlb_transient_nslots(t->mem), pool->nslots);
	KUNIT_EXPECT_EQ(test, addr & 0xfff, 0x800);
	KUNIT_EXPECT_EQ(test, 0, memcmp(swiotlb_test_bounce(t->dev, addr),
					t->buffer + 0x800, 3000));
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_TRANSIENT, 1);

	memset(swiotlb_test_bounce(t->dev, addr), 0x99, 3000);
	page = virt_to_page(pool->vaddr);
	spin_lock_irqsave(&t->lock, flags);
	rcu_read_lock();
	swiotlb_tbl_unmap_single(t->dev, addr, 3000, DMA_FROM_DEVICE, 0);
	/* The grace period cannot end yet. The memory counts until it is freed. */
	users = page_count(page);
	counted = swiotlb_transient_nslots(t->mem);
	rcu_read_unlock();
	spin_unlock_irqrestore(&t->lock, flags);
	KUNIT_EXPECT_EQ(test, users, 1);
	KUNIT_EXPECT_GT(test, counted, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->buffer + 0x800, 0x99, 3000));
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(t->dev, addr));
	swiotlb_test_end_full(test, t);
}

/* Offsets in a page, and sizes up to 64 KiB, for a device that preserves the offset. */
static void swiotlb_transient_align_test(struct kunit *test)
{
	static const size_t sizes[] = { 1, 512, 2048, 4096, 6000, 65536 };
	struct swiotlb_test_full *t = swiotlb_test_full(test, 0xfff);
	unsigned int i, offset;
	phys_addr_t addr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (offset = 0; offset < 4096; offset += 512) {
			addr = swiotlb_test_map(t->dev, t->buffer + offset, sizes[i],
						DMA_TO_DEVICE);
			KUNIT_ASSERT_NE_MSG(test, addr, (phys_addr_t)DMA_MAPPING_ERROR,
					    "%zu bytes at 0x%x", sizes[i], offset);
			KUNIT_EXPECT_EQ(test, addr & 0xfff, offset);
			KUNIT_EXPECT_EQ(test, swiotlb_find_pool(t->dev, addr)->state,
					SWIOTLB_POOL_TRANSIENT);
			swiotlb_tbl_unmap_single(t->dev, addr, sizes[i], DMA_TO_DEVICE, 0);
		}
		swiotlb_test_wait_for_transients(test, t->mem);
	}
	swiotlb_test_end_full(test, t);
}

/* Transient pools respect the limit, and the failed map is counted as at the limit. */
static void swiotlb_transient_limit_test(struct kunit *test)
{
	struct swiotlb_test_full *t = swiotlb_test_full(test, 0);
	phys_addr_t one, two;

	t->mem->growth.max_nslots = SWIOTLB_MAX_SLOTS + swiotlb_nslots(PAGE_SIZE);
	one = swiotlb_test_map(t->dev, t->buffer, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, one, (phys_addr_t)DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(t->mem), 0);
	two = swiotlb_test_map(t->dev, t->buffer, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, two, (phys_addr_t)DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, swiotlb_limit_room(t->mem), 0);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_FULL, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_AT_LIMIT, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_NO_MEMORY, 0);
	swiotlb_tbl_unmap_single(t->dev, one, PAGE_SIZE, DMA_TO_DEVICE, 0);
	swiotlb_test_end_full(test, t);
}

/* Without memory nothing leaks, and the failed map is counted with its cause. */
static void swiotlb_transient_no_memory_test(struct kunit *test)
{
	struct swiotlb_test_full *t = swiotlb_test_full(test, 0);

	swiotlb_test_start_source(test, 0, -ENOMEM);
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(t->dev, t->buffer, 700, DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 1);
	KUNIT_EXPECT_EQ(test, swiotlb_transient_nslots(t->mem), 0);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_FULL, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_NO_MEMORY, 1);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_AT_LIMIT, 0);
	swiotlb_test_end_full(test, t);
}

/* A device that reaches no pool gets memory within its reach, or none. */
static void swiotlb_transient_narrow_test(struct kunit *test)
{
	struct swiotlb_test_full *t = swiotlb_test_full(test, 0);
	phys_addr_t addr, last = t->mem->boot_pool.start - 1;
	struct io_tlb_pool *pool;

	*t->dev->dma_mask = last;
	swiotlb_test_start_source(test, 0, -ENOMEM);
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(t->dev, t->buffer, 700, DMA_TO_DEVICE));
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.asked, 1);
	KUNIT_EXPECT_EQ(test, swiotlb_test_source.last, last);
	kunit_deactivate_static_stub(test, swiotlb_pages_alloc);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_reach(t->mem, t->dev), SWIOTLB_REACH_NONE);
	KUNIT_EXPECT_TRUE(test, swiotlb_transient_is_reached(t->mem, t->dev));
	addr = swiotlb_test_map(t->dev, t->buffer, 700, DMA_TO_DEVICE);
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_OUT_OF_REACH, 0);
	/* Growth would not help: added pools are not in reach of the device, either. */
	KUNIT_EXPECT_FALSE(test, t->mem->growth.failed);
	if (addr != (phys_addr_t)DMA_MAPPING_ERROR) {
		pool = swiotlb_find_pool(t->dev, addr);
		KUNIT_EXPECT_EQ(test, pool->state, SWIOTLB_POOL_TRANSIENT);
		KUNIT_EXPECT_LE(test, pool->end - 1, last);
		swiotlb_tbl_unmap_single(t->dev, addr, 700, DMA_TO_DEVICE, 0);
	}

	*t->dev->dma_mask = 1;
	KUNIT_EXPECT_FALSE(test, swiotlb_transient_is_reached(t->mem, t->dev));
	KUNIT_EXPECT_EQ(test, (phys_addr_t)DMA_MAPPING_ERROR,
			swiotlb_test_map(t->dev, t->buffer, 700, DMA_TO_DEVICE));
	SWIOTLB_TEST_EXPECT_EVENT(test, t->mem, SWIOTLB_OUT_OF_REACH, 1);
	*t->dev->dma_mask = U64_MAX;
	swiotlb_test_end_full(test, t);
}

struct swiotlb_test_transient {
	struct device *dev;
	u8 *buffer;
	atomic_t made;
};

static bool swiotlb_test_map_once(void *arg)
{
	struct swiotlb_test_transient *t = arg;
	bool ours;
	phys_addr_t addr;

	addr = swiotlb_test_map(t->dev, t->buffer, 700, DMA_TO_DEVICE);
	/* In an interrupt no memory can be reclaimed, so the map may fail. */
	if (addr == (phys_addr_t)DMA_MAPPING_ERROR)
		return true;
	atomic_inc(&t->made);
	ours = !memcmp(swiotlb_test_bounce(t->dev, addr), t->buffer, 700);
	swiotlb_tbl_unmap_single(t->dev, addr, 700, DMA_TO_DEVICE, 0);
	return ours;
}

/* Map in all contexts; workers free the memory after a grace period. */
static void swiotlb_transient_irq_test(struct kunit *test)
{
	struct swiotlb_test_full *full;
	struct swiotlb_test_transient t = { };

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no driver maps in a hard interrupt here");
	full = swiotlb_test_full(test, 0);
	t.dev = full->dev;
	t.buffer = full->buffer;
	swiotlb_test_in_irq(test, swiotlb_test_map_once, 300, &t);
	KUNIT_EXPECT_GT(test, atomic_read(&t.made), 0);
	swiotlb_test_end_full(test, full);
}

static struct kunit_case swiotlb_transient_cases[] = {
	KUNIT_CASE(swiotlb_transient_one_test),
	KUNIT_CASE(swiotlb_transient_align_test),
	KUNIT_CASE(swiotlb_transient_limit_test),
	KUNIT_CASE(swiotlb_transient_no_memory_test),
	KUNIT_CASE(swiotlb_transient_narrow_test),
	KUNIT_CASE(swiotlb_transient_irq_test),
	{}
};

static struct kunit_suite swiotlb_transient_suite = {
	.name = "swiotlb_transient",
	.test_cases = swiotlb_transient_cases,
};

kunit_test_suite(swiotlb_transient_suite);
