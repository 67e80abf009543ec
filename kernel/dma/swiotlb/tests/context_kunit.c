// SPDX-License-Identifier: GPL-2.0-only
/*
 * Map and unmap in the contexts of drivers: in hard and soft interrupts, on all CPUs
 * at once, and with the unmap on another CPU than the map.
 */

#include <linux/smp.h>

#include "../mem.h"
#include "fixture.h"

/* Maximum number of mappings that are left for another caller to unmap. */
#define SWIOTLB_TEST_SHELF	16

/**
 * struct swiotlb_test_context - data that all contexts share
 * @mem:	Allocator.
 * @dev:	Device.
 * @source:	Original of all mappings; never changes.
 * @calls:	Number of maps tried.
 * @failed:	Number of maps that failed.
 * @shelf:	Mappings of one page each, left for any caller to unmap; 0 for none.
 */
struct swiotlb_test_context {
	struct swiotlb_mem *mem;
	struct device *dev;
	u8 *source;
	atomic_t calls;
	atomic_t failed;
	atomic64_t shelf[SWIOTLB_TEST_SHELF];
};

static int swiotlb_context_test_init(struct kunit *test)
{
	struct swiotlb_test_context *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, 4);
	t->dev = swiotlb_test_device(test, &t->mem->pub, 0);
	t->source = swiotlb_test_buffer(test, SZ_32K);
	test->priv = t;
	return 0;
}

/* From 1 byte to 16 KiB: 1, 2 and 8 slots, and 3 slots, which no magazine keeps. */
static const size_t swiotlb_test_sizes[] = { 1, 512, 2048, 3000, 4096, 5000, 16384 };

/* Returns true if the buffer has the content of the original, and no other caller writes to it. */
static bool swiotlb_test_is_ours(u8 *bounce, const u8 *orig, size_t bytes, u8 mark)
{
	if (memcmp(bounce, orig, bytes))
		return false;
	memset(bounce, mark, bytes);
	cpu_relax();
	return !memchr_inv(bounce, mark, bytes);
}

static bool swiotlb_test_map_unmap(void *arg)
{
	struct swiotlb_test_context *t = arg;
	unsigned int n = atomic_inc_return(&t->calls);
	size_t bytes = swiotlb_test_sizes[n % ARRAY_SIZE(swiotlb_test_sizes)];
	u8 *orig = t->source + n % 4096;
	phys_addr_t addr;
	bool ours;

	addr = swiotlb_test_map(t->dev, orig, bytes, DMA_TO_DEVICE);
	if (addr == (phys_addr_t)DMA_MAPPING_ERROR) {
		atomic_inc(&t->failed);
		return true;
	}
	ours = swiotlb_test_is_ours(swiotlb_test_bounce(t->dev, addr), orig, bytes, n);
	swiotlb_tbl_unmap_single(t->dev, addr, bytes, DMA_TO_DEVICE, 0);
	return ours;
}

static void swiotlb_context_irq_test(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;

	swiotlb_test_in_irq(test, swiotlb_test_map_unmap, SWIOTLB_TEST_IRQ_CALLS, t);
	/* At most three mappings exist at once, so there is always room. */
	KUNIT_EXPECT_EQ(test, atomic_read(&t->failed), 0);
	swiotlb_test_expect_used(test, t->mem, 0);
}

static void swiotlb_context_irq_magazines_test(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;

	swiotlb_test_start_magazines(test, t->mem);
	swiotlb_context_irq_test(test);
}

static void swiotlb_context_cpus_test(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;

	swiotlb_test_on_all_cpus(test, swiotlb_test_map_unmap, t);
	if (num_online_cpus() * 8 <= SWIOTLB_TEST_NSLOTS / 2)
		KUNIT_EXPECT_EQ(test, atomic_read(&t->failed), 0);
	swiotlb_test_expect_used(test, t->mem, 0);
}

static void swiotlb_context_cpus_magazines_test(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;

	swiotlb_test_start_magazines(test, t->mem);
	swiotlb_context_cpus_test(test);
}

/*
 * Unmap a page. Returns true if the first and last word of its bounce buffer still hold
 * the address of the buffer.
 */
static bool swiotlb_test_stamped(struct swiotlb_test_context *t, u64 addr)
{
	u64 *bounce = swiotlb_test_bounce(t->dev, addr);
	bool intact = bounce && bounce[0] == addr &&
		      bounce[PAGE_SIZE / sizeof(*bounce) - 1] == addr;

	swiotlb_tbl_unmap_single(t->dev, addr, PAGE_SIZE, DMA_TO_DEVICE, 0);
	return intact;
}

/* Map a page and leave it for another caller; unmap a page that another caller left. */
static bool swiotlb_test_exchange(void *arg)
{
	struct swiotlb_test_context *t = arg;
	unsigned int n = atomic_inc_return(&t->calls);
	phys_addr_t addr;
	u64 *bounce, old;

	addr = swiotlb_test_map(t->dev, t->source, PAGE_SIZE, DMA_TO_DEVICE);
	if (addr == (phys_addr_t)DMA_MAPPING_ERROR) {
		atomic_inc(&t->failed);
		return true;
	}
	bounce = swiotlb_test_bounce(t->dev, addr);
	bounce[0] = addr;
	bounce[PAGE_SIZE / sizeof(*bounce) - 1] = addr;
	old = atomic64_xchg(&t->shelf[n % SWIOTLB_TEST_SHELF], addr);
	return !old || swiotlb_test_stamped(t, old);
}

static void swiotlb_test_clear_shelf(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;
	unsigned int i;
	u64 addr;

	for (i = 0; i < SWIOTLB_TEST_SHELF; i++) {
		addr = atomic64_xchg(&t->shelf[i], 0);
		if (addr)
			KUNIT_EXPECT_TRUE(test, swiotlb_test_stamped(t, addr));
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&t->failed), 0);
	swiotlb_test_expect_used(test, t->mem, 0);
}

static void swiotlb_context_exchange_test(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;

	if (num_online_cpus() > SWIOTLB_TEST_SHELF)
		kunit_skip(test, "the pool is too small for so many CPUs");
	swiotlb_test_start_magazines(test, t->mem);
	swiotlb_test_on_all_cpus(test, swiotlb_test_exchange, t);
	swiotlb_test_in_irq(test, swiotlb_test_exchange, SWIOTLB_TEST_IRQ_CALLS, t);
	swiotlb_test_clear_shelf(test);
}

/**
 * struct swiotlb_test_call - arguments of an interrupt on another CPU
 * @t:		Data that all contexts share.
 * @addr:	Address of the mapping to unmap.
 * @bytes:	Size of the mapping.
 * @hardirq:	Set if the unmap ran in a hard interrupt.
 */
struct swiotlb_test_call {
	struct swiotlb_test_context *t;
	phys_addr_t addr;
	size_t bytes;
	bool hardirq;
};

static void swiotlb_test_unmap_call(void *arg)
{
	struct swiotlb_test_call *call = arg;

	swiotlb_test_enter_irq();
	call->hardirq = in_hardirq();
	swiotlb_tbl_unmap_single(call->t->dev, call->addr, call->bytes,
				 DMA_FROM_DEVICE, 0);
}

/* Map on this CPU, unmap in an interrupt on another CPU, as for a completed request. */
static void swiotlb_context_ipi_test(struct kunit *test)
{
	struct swiotlb_test_context *t = test->priv;
	struct swiotlb_test_call call = { .t = t, .bytes = 3000 };
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	unsigned int cpu, here, nslots, others = 0;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no driver unmaps in a hard interrupt here");
	swiotlb_test_start_magazines(test, t->mem);
	nslots = swiotlb_nslots(call.bytes);
	if (!swiotlb_test_cpu_magazine(t->mem, 0, swiotlb_class(nslots))->limit)
		kunit_skip(test, "the pool is too small for so many CPUs");
	here = cpumask_first(cpu_online_mask);
	swiotlb_test_pin(test, here);
	for_each_online_cpu(cpu) {
		if (cpu == here)
			continue;
		others++;
		call.addr = swiotlb_test_map(t->dev, buffer, call.bytes,
					     DMA_FROM_DEVICE);
		KUNIT_ASSERT_NE(test, call.addr, (phys_addr_t)DMA_MAPPING_ERROR);
		memset(swiotlb_test_bounce(t->dev, call.addr), cpu + 1, call.bytes);
		KUNIT_ASSERT_EQ(test, 0,
				smp_call_function_single(cpu, swiotlb_test_unmap_call,
							 &call, true));
		KUNIT_EXPECT_TRUE(test, call.hardirq);
		KUNIT_EXPECT_NULL(test, memchr_inv(buffer, cpu + 1, call.bytes));
		swiotlb_test_expect_used(test, t->mem, 0);
	}
	if (!others)
		kunit_skip(test, "one CPU only");
	KUNIT_EXPECT_EQ(test, swiotlb_test_kept(t->mem), others * nslots);
}

static struct kunit_case swiotlb_context_cases[] = {
	KUNIT_CASE(swiotlb_context_irq_test),
	KUNIT_CASE(swiotlb_context_irq_magazines_test),
	KUNIT_CASE(swiotlb_context_cpus_test),
	KUNIT_CASE(swiotlb_context_cpus_magazines_test),
	KUNIT_CASE(swiotlb_context_exchange_test),
	KUNIT_CASE(swiotlb_context_ipi_test),
	{}
};

static struct kunit_suite swiotlb_context_suite = {
	.name = "swiotlb_context",
	.init = swiotlb_context_test_init,
	.test_cases = swiotlb_context_cases,
};

kunit_test_suite(swiotlb_context_suite);
