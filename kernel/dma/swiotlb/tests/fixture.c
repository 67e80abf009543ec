// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory, CPUs and interrupts for the suites; see fixture.h.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>

#include "fixture.h"

struct swiotlb_test_pages {
	void *vaddr;
	size_t bytes;
};

static void swiotlb_test_free_pages(void *arg)
{
	struct swiotlb_test_pages *pages = arg;

	free_pages((unsigned long)pages->vaddr, get_order(pages->bytes));
}

/**
 * swiotlb_test_pages() - allocate pages that are freed when the test ends
 * @test:	The test.
 * @bytes:	Size.
 *
 * Return: The pages, physically contiguous, and aligned to their size.
 */
void *swiotlb_test_pages(struct kunit *test, size_t bytes)
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
 * swiotlb_test_buffer() - allocate a buffer to map
 * @test:	The test.
 * @bytes:	Size.
 *
 * Return: The buffer, aligned to its size. Each byte differs from its neighbours.
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
 * struct swiotlb_test_crowd - threads that call one function at once
 * @fn:		The function.
 * @arg:	Its argument.
 * @left:	Threads that have not ended, plus one until all are started.
 * @failures:	How often @fn returned %false.
 * @done:	Completed when all threads have ended.
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
 * @fn:		The function; returns %false on failure.
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
 * swiotlb_test_enter_irq() - tell lockdep that this is the interrupt handler of a driver
 *
 * With PREEMPT_RT, handlers of drivers run in threads and may take any spinlock. Lockdep
 * knows this for interrupt handlers, but not for timers and calls from other CPUs.
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
 * swiotlb_test_in_irq() - call a function in hard interrupts, soft interrupts and a task
 * @test:	The test.
 * @fn:		The function; returns %false on failure.
 * @calls:	Number of calls in all contexts together.
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
