// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools for one mapping, made in the middle of an interrupt, and freed by workers
 * when all readers have left.
 */

#include <linux/irqflags.h>
#include <linux/page_ref.h>

#include "fixture.h"

/* Fill the boot pool, and let nobody add another one meanwhile. */
static phys_addr_t swiotlb_test_fill_pool(struct kunit *test,
					  struct swiotlb_mem *mem,
					  struct device *dev, u8 *buffer)
{
	phys_addr_t addr;

	/* Memory was short just now: the worker is not asked. */
	mem->short_end_pfn = ULONG_MAX;
	mem->next_try = jiffies + SWIOTLB_GROW_BACKOFF;
	addr = swiotlb_test_map(dev, buffer, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT,
				DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	return addr;
}

static void swiotlb_transient_one_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0xfff);
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	struct io_tlb_pool *pool;
	phys_addr_t all, addr;
	unsigned long flags;
	struct page *page;
	int users;

	all = swiotlb_test_fill_pool(test, mem, dev, buffer);
	local_irq_save(flags);
	addr = swiotlb_test_map(dev, buffer + 0x800, 3000, DMA_FROM_DEVICE);
	local_irq_restore(flags);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);

	pool = swiotlb_find_pool(dev, addr);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_TRUE(test, swiotlb_pool_is_transient(pool));
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), pool->nslots);
	KUNIT_EXPECT_EQ(test, addr & 0xfff, 0x800);
	KUNIT_EXPECT_EQ(test, 0, memcmp(swiotlb_test_bounce(dev, addr),
					buffer + 0x800, 3000));

	memset(swiotlb_test_bounce(dev, addr), 0x99, 3000);
	page = virt_to_page(pool->vaddr);
	local_irq_save(flags);
	rcu_read_lock();
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
	/* Readers have not left: here is one. */
	users = page_count(page);
	rcu_read_unlock();
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, users, 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + 0x800, 0x99, 3000));
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(dev, addr));
	swiotlb_tbl_unmap_single(dev, all, bytes, DMA_TO_DEVICE, 0);
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
	/* Interrupts take what free memory there is, and that may be none. */
	if (addr == (phys_addr_t)DMA_MAPPING_ERROR)
		return true;
	atomic_inc(&t->made);
	ours = !memcmp(swiotlb_test_bounce(t->dev, addr), t->buffer, 700);
	swiotlb_tbl_unmap_single(t->dev, addr, 700, DMA_TO_DEVICE, 0);
	return ours;
}

/* In all contexts; the memory is freed by workers, after readers have left. */
static void swiotlb_transient_irq_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct swiotlb_test_transient t = {
		.dev = swiotlb_test_device(test, mem, 0),
		.buffer = swiotlb_test_buffer(test, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT),
	};
	phys_addr_t all;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no driver maps in a hard interrupt here");
	all = swiotlb_test_fill_pool(test, mem, t.dev, t.buffer);
	mem->next_try = jiffies + SWIOTLB_GROW_BACKOFF;
	swiotlb_test_in_irq(test, swiotlb_test_map_once, 300, &t);
	KUNIT_EXPECT_GT(test, atomic_read(&t.made), 0);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	swiotlb_tbl_unmap_single(t.dev, all, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT,
				 DMA_TO_DEVICE, 0);
}

static struct kunit_case swiotlb_transient_cases[] = {
	KUNIT_CASE(swiotlb_transient_one_test),
	KUNIT_CASE(swiotlb_transient_irq_test),
	{}
};

static struct kunit_suite swiotlb_transient_suite = {
	.name = "swiotlb_transient",
	.test_cases = swiotlb_transient_cases,
};

kunit_test_suite(swiotlb_transient_suite);
