// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites share; see fixture.h.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>

#include "fixture.h"

KUNIT_DEFINE_ACTION_WRAPPER(swiotlb_test_kvfree, kvfree, const void *);

struct swiotlb_test_pages {
	void *vaddr;
	size_t bytes;
};

static void swiotlb_test_free_pages(void *arg)
{
	struct swiotlb_test_pages *pages = arg;

	free_pages((unsigned long)pages->vaddr, get_order(pages->bytes));
}

/* Physically contiguous, and aligned to its size. */
static void *swiotlb_test_pages(struct kunit *test, size_t bytes)
{
	struct swiotlb_test_pages *pages;

	pages = kunit_kzalloc(test, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	pages->bytes = bytes;
	pages->vaddr = (void *)__get_free_pages(GFP_KERNEL, get_order(bytes));
	KUNIT_ASSERT_NOT_NULL(test, pages->vaddr);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_free_pages,
						  pages));
	return pages->vaddr;
}

/**
 * swiotlb_test_init_pool() - make a pool that goes when the test ends
 * @test:	The test.
 * @pool:	To be initialized.
 * @nslots:	Slots.
 * @nareas:	Areas wanted.
 *
 * Its memory is not clear before: making a pool must do that.
 */
void swiotlb_test_init_pool(struct kunit *test, struct io_tlb_pool *pool,
			    unsigned long nslots, unsigned int nareas)
{
	void *vaddr = swiotlb_test_pages(test, nslots << IO_TLB_SHIFT);
	void *meta = kvzalloc(swiotlb_pool_meta_bytes(nslots, nareas), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, meta);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_kvfree, meta));
	memset(vaddr, 0xa5, nslots << IO_TLB_SHIFT);
	swiotlb_pool_init(pool, meta, virt_to_phys(vaddr), vaddr, nslots, nareas);
}

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

static void swiotlb_test_put_back(void *dev)
{
	swiotlb_dev_init(dev);
}

/**
 * swiotlb_test_device() - register a device that uses an allocator
 * @test:	The test.
 * @mem:	The allocator.
 * @min_align_mask: Its alignment, in bytes.
 *
 * Return: The device. It reaches all memory, and goes when the test ends.
 */
struct device *swiotlb_test_device(struct kunit *test, struct swiotlb_mem *mem,
				   unsigned int min_align_mask)
{
	struct device *dev = kunit_device_register(test, "swiotlb");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	dev->dma_parms = kunit_kzalloc(test, sizeof(*dev->dma_parms), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev->dma_parms);
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)));
	dma_set_min_align_mask(dev, min_align_mask);
	dev->dma_io_tlb_mem = &mem->pub;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, swiotlb_test_put_back,
						  dev));
	return dev;
}

/**
 * swiotlb_test_buffer() - allocate something to be mapped
 * @test:	The test.
 * @bytes:	Size.
 *
 * Return: The buffer, on a multiple of its size, filled with what tells each byte
 * from its neighbours.
 */
u8 *swiotlb_test_buffer(struct kunit *test, size_t bytes)
{
	u8 *buffer = swiotlb_test_pages(test, bytes);
	size_t i;

	for (i = 0; i < bytes; i++)
		buffer[i] = i * 7 + (i >> 8);
	return buffer;
}

/**
 * swiotlb_test_pin() - stay on one CPU until the test case ends
 * @test:	The test.
 * @cpu:	The CPU, which is online.
 */
void swiotlb_test_pin(struct kunit *test, unsigned int cpu)
{
	KUNIT_ASSERT_EQ(test, 0, set_cpus_allowed_ptr(current, cpumask_of(cpu)));
}

/**
 * struct swiotlb_test_crowd - threads that do the same at once
 * @fn:		What they do.
 * @arg:	Its argument.
 * @left:	How many have not ended, plus one until all are started.
 * @failures:	How often @fn returned %false.
 * @done:	All have ended.
 */
struct swiotlb_test_crowd {
	bool (*fn)(void *arg);
	void *arg;
	atomic_t left;
	atomic_t failures;
	struct completion done;
};

static void swiotlb_test_leave(struct swiotlb_test_crowd *crowd)
{
	if (atomic_dec_and_test(&crowd->left))
		complete(&crowd->done);
}

static int swiotlb_test_thread(void *arg)
{
	struct swiotlb_test_crowd *crowd = arg;
	unsigned int i;

	for (i = 0; i < SWIOTLB_TEST_ROUNDS; i++) {
		if (!crowd->fn(crowd->arg))
			atomic_inc(&crowd->failures);
		cond_resched();
	}
	swiotlb_test_leave(crowd);
	return 0;
}

/**
 * swiotlb_test_on_all_cpus() - run a function on all CPUs at once, many times
 * @test:	The test.
 * @fn:		The function; it returns %false when something is wrong.
 * @arg:	Its argument.
 */
void swiotlb_test_on_all_cpus(struct kunit *test, bool (*fn)(void *arg),
			      void *arg)
{
	struct swiotlb_test_crowd crowd = { .fn = fn, .arg = arg };
	struct task_struct *task;
	unsigned int cpu, started = 0;

	atomic_set(&crowd.left, 1);
	init_completion(&crowd.done);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		atomic_inc(&crowd.left);
		task = kthread_run_on_cpu(swiotlb_test_thread, &crowd, cpu,
					  "swiotlb-test/%u");
		if (IS_ERR(task))
			swiotlb_test_leave(&crowd);
		else
			started++;
	}
	cpus_read_unlock();
	swiotlb_test_leave(&crowd);
	wait_for_completion(&crowd.done);

	KUNIT_EXPECT_GT(test, started, 0);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&crowd.failures));
}

/**
 * swiotlb_test_enter_irq() - be what lockdep takes for a driver's interrupt
 *
 * With PREEMPT_RT such an interrupt is a thread and may take any lock; lockdep
 * knows that of handlers of interrupts, but not of timers and calls from other CPUs.
 */
void swiotlb_test_enter_irq(void)
{
	if (in_hardirq())
		lockdep_hardirq_threaded();
}

struct swiotlb_test_irq {
	bool (*fn)(void *arg);
	void *arg;
};

static bool swiotlb_test_irq_call(void *arg)
{
	struct swiotlb_test_irq *irq = arg;

	swiotlb_test_enter_irq();
	return irq->fn(irq->arg);
}

/**
 * swiotlb_test_in_irq() - call a function in a hard and a soft interrupt and here
 * @test:	The test.
 * @fn:		The function; it returns %false when something is wrong.
 * @calls:	How often, together.
 * @arg:	Its argument.
 */
void swiotlb_test_in_irq(struct kunit *test, bool (*fn)(void *arg), int calls,
			 void *arg)
{
	struct swiotlb_test_irq irq = { .fn = fn, .arg = arg };

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		kunit_mark_skipped(test, "no driver maps in a hard interrupt here");
		return;
	}
	kunit_run_irq_test(test, swiotlb_test_irq_call, calls, &irq);
}

/**
 * swiotlb_test_map() - map a buffer without alignment and attributes
 * @dev:	Device.
 * @buffer:	The buffer, in low memory.
 * @bytes:	Its size.
 * @dir:	Direction.
 *
 * Return: What swiotlb_tbl_map_single() returned.
 */
phys_addr_t swiotlb_test_map(struct device *dev, void *buffer, size_t bytes,
			     enum dma_data_direction dir)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	return swiotlb_tbl_map_single(dev, virt_to_phys(buffer), bytes, 0, dir,
				      &attrs);
}

/**
 * swiotlb_test_bounce() - look at a bounce buffer
 * @dev:	Device that it is mapped for.
 * @tlb_addr:	Its physical address.
 *
 * Return: Where the CPU sees it, %NULL if there is none.
 */
void *swiotlb_test_bounce(struct device *dev, phys_addr_t tlb_addr)
{
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, tlb_addr);

	return pool ? pool->vaddr + (tlb_addr - pool->start) : NULL;
}
