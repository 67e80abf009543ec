// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines: what a CPU keeps, how much of it, and how it is given back.
 */

#include <linux/workqueue.h>

#include "../magazine.h"
#include "fixture.h"

/* Large enough that a magazine holds some buffers, with a few CPUs. */
#define SWIOTLB_TEST_BIG	2048
/* What a page needs. */
#define SWIOTLB_TEST_PAGE_CLASS	(PAGE_SHIFT - IO_TLB_SHIFT)
#define SWIOTLB_TEST_MANY	200

/* ----------------------------------------------------------- one stack --- */

#define SWIOTLB_TEST_CELLS	6

static struct swiotlb_magazine *swiotlb_test_magazine(struct kunit *test,
						      unsigned int limit)
{
	struct swiotlb_magazine *mag;

	mag = kunit_kzalloc(test, struct_size(mag, cell, SWIOTLB_TEST_CELLS),
			    GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	atomic_set(&mag->room, ((union swiotlb_room){ .limit = limit, .most = limit }).word);
	return mag;
}

static void swiotlb_magazine_stack_test(struct kunit *test)
{
	struct swiotlb_magazine *mag = swiotlb_test_magazine(test, 4);
	u32 cell;

	KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), 0);
	for (cell = 1; cell <= 4; cell++)
		KUNIT_EXPECT_TRUE(test, swiotlb_magazine_push(mag, cell));
	KUNIT_EXPECT_FALSE(test, swiotlb_magazine_push(mag, 5));
	KUNIT_EXPECT_EQ(test, atomic_read(&mag->cell[4]), 0);
	while (--cell)
		KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), cell);
	KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), 0);
}

/* A wrong hint costs time, but neither loses nor doubles a buffer. */
static void swiotlb_magazine_hint_test(struct kunit *test)
{
	struct swiotlb_magazine *mag = swiotlb_test_magazine(test, 4);

	swiotlb_magazine_push(mag, 1);
	swiotlb_magazine_push(mag, 2);
	swiotlb_magazine_push(mag, 3);
	mag->top = 1;
	KUNIT_EXPECT_TRUE(test, swiotlb_magazine_push(mag, 4));
	KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), 4);

	atomic_set(&mag->cell[2], 0);
	mag->top = 4;
	KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), 2);
	KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), 1);
	KUNIT_EXPECT_EQ(test, swiotlb_magazine_take(mag), 0);
}

/**
 * struct swiotlb_test_stack - a magazine for all CPUs, which none is meant for
 * @mag:	The magazine.
 * @owned:	One bit a buffer: somebody has taken it.
 */
struct swiotlb_test_stack {
	struct swiotlb_magazine *mag;
	unsigned long owned;
};

static bool swiotlb_test_take_and_push(void *arg)
{
	struct swiotlb_test_stack *t = arg;
	u32 cell = swiotlb_magazine_take(t->mag);
	bool alone;

	if (!cell)
		return true;
	alone = !test_and_set_bit(cell, &t->owned);
	clear_bit(cell, &t->owned);
	/* There is room: nobody has more than what was in it. */
	while (!swiotlb_magazine_push(t->mag, cell))
		WRITE_ONCE(t->mag->top, 0);
	return alone;
}

static void swiotlb_magazine_race_test(struct kunit *test)
{
	struct swiotlb_test_stack t = {
		.mag = swiotlb_test_magazine(test, SWIOTLB_TEST_CELLS),
	};
	unsigned int seen = 0, i;

	for (i = 1; i < SWIOTLB_TEST_CELLS; i++)
		swiotlb_magazine_push(t.mag, i);
	swiotlb_test_on_all_cpus(test, swiotlb_test_take_and_push, &t);
	swiotlb_test_in_irq(test, swiotlb_test_take_and_push,
			    SWIOTLB_TEST_IRQ_CALLS, &t);
	for (i = 0; i < SWIOTLB_TEST_CELLS; i++)
		seen += atomic_read(&t.mag->cell[i]);
	KUNIT_EXPECT_EQ(test, seen, 1 + 2 + 3 + 4 + 5);
}

/* --------------------------------------------------- of an allocator --- */

/**
 * struct swiotlb_test_keep - an allocator with magazines, and what is mapped
 * @mem:	The allocator.
 * @dev:	A device.
 * @buffer:	What it maps.
 * @addr:	Where that is.
 * @bytes:	Size of each mapping.
 */
struct swiotlb_test_keep {
	struct swiotlb_mem *mem;
	struct device *dev;
	u8 *buffer;
	phys_addr_t addr[SWIOTLB_TEST_MANY];
	size_t bytes;
};

static struct swiotlb_test_keep *swiotlb_test_keep(struct kunit *test)
{
	struct swiotlb_test_keep *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->mem = swiotlb_test_mem(test, SWIOTLB_TEST_BIG, 4);
	t->dev = swiotlb_test_device(test, t->mem, 0);
	t->buffer = swiotlb_test_buffer(test, SZ_64K);
	t->bytes = PAGE_SIZE;
	swiotlb_test_start_magazines(test, t->mem);
	if (t->mem->cache->limit[SWIOTLB_TEST_PAGE_CLASS] < 2)
		kunit_skip(test, "too many CPUs for so small a pool");
	return t;
}

static union swiotlb_room swiotlb_test_room(struct swiotlb_mem *mem,
					    unsigned int cpu, unsigned int class)
{
	return swiotlb_magazine_room(swiotlb_cpu_magazine(mem->magazines, cpu, class));
}

static void swiotlb_test_map_n(struct kunit *test, struct swiotlb_test_keep *t,
			       unsigned int n)
{
	while (n--) {
		t->addr[n] = swiotlb_test_map(t->dev, t->buffer, t->bytes,
					      DMA_FROM_DEVICE);
		KUNIT_ASSERT_NE(test, t->addr[n], (phys_addr_t)DMA_MAPPING_ERROR);
	}
}

static void swiotlb_test_unmap_n(struct swiotlb_test_keep *t, unsigned int n)
{
	while (n--)
		swiotlb_tbl_unmap_single(t->dev, t->addr[n], t->bytes,
					 DMA_FROM_DEVICE, 0);
}

static void swiotlb_magazine_lifo_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	phys_addr_t first;

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 3);
	first = t->addr[2];
	/* The one with the lowest number was freed last. */
	swiotlb_test_unmap_n(t, 3);
	KUNIT_EXPECT_EQ(test, t->addr[0],
			swiotlb_test_map(t->dev, t->buffer, t->bytes, DMA_FROM_DEVICE));
	swiotlb_test_map(t->dev, t->buffer, t->bytes, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, first,
			swiotlb_test_map(t->dev, t->buffer, t->bytes, DMA_FROM_DEVICE));
	swiotlb_test_unmap_n(t, 3);
}

/* Free for those who ask, in use for the area, and no mapping any more. */
static void swiotlb_magazine_keep_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int nslots = swiotlb_nslots(PAGE_SIZE);

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	swiotlb_test_expect_used(test, t->mem, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), nslots);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), nslots);
	kunit_warning_suppress(test) {
		swiotlb_test_unmap_n(t, 1);
		SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, 1);
	}
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), nslots);

	swiotlb_magazines_drain(t->mem);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), 0);
}

/* No size class, not aligned to its size, or large and cold for this CPU. */
static void swiotlb_magazine_not_kept_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	phys_addr_t addr;

	addr = swiotlb_test_map(t->dev, t->buffer, 3 * IO_TLB_SIZE, DMA_FROM_DEVICE);
	swiotlb_tbl_unmap_single(t->dev, addr, 3 * IO_TLB_SIZE, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), 0);

	dma_set_min_align_mask(t->dev, 2 * IO_TLB_SIZE - 1);
	addr = swiotlb_test_map(t->dev, t->buffer + IO_TLB_SIZE, 2 * IO_TLB_SIZE,
				DMA_FROM_DEVICE);
	KUNIT_EXPECT_TRUE(test, addr & IO_TLB_SIZE);
	swiotlb_tbl_unmap_single(t->dev, addr, 2 * IO_TLB_SIZE, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), 0);
	dma_set_min_align_mask(t->dev, 0);

	addr = swiotlb_test_map(t->dev, t->buffer, SZ_32K, DMA_TO_DEVICE);
	swiotlb_tbl_unmap_single(t->dev, addr, SZ_32K, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), 0);
}

/* However much was mapped, on however many CPUs: a quarter at most. */
static void swiotlb_magazine_share_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		swiotlb_test_pin(test, cpu);
		for (t->bytes = IO_TLB_SIZE; t->bytes <= SZ_8K; t->bytes *= 2) {
			swiotlb_test_map_n(test, t, SWIOTLB_TEST_MANY);
			swiotlb_test_unmap_n(t, SWIOTLB_TEST_MANY);
		}
		KUNIT_EXPECT_LE(test, swiotlb_magazines_nslots(t->mem),
				SWIOTLB_TEST_BIG / 4);
		KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem),
				swiotlb_pool_used(&t->mem->boot_pool));
	}
	KUNIT_EXPECT_GT(test, swiotlb_magazines_nslots(t->mem), 0);
}

/* Only that of one CPU, whoever asks. */
static void swiotlb_magazine_drain_cpu_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu, left = 0;

	for_each_online_cpu(cpu) {
		swiotlb_test_pin(test, cpu);
		/* More than one, so that none comes from a CPU before. */
		swiotlb_test_map_n(test, t, 2);
		swiotlb_test_unmap_n(t, 2);
		left += 2 * swiotlb_nslots(PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), left);
	}
	for_each_online_cpu(cpu) {
		swiotlb_magazines_drain_cpu(t->mem, cpu);
		left -= 2 * swiotlb_nslots(PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), left);
	}
}

/* Mapped on one CPU, unmapped on another: they come back through the depot. */
static void swiotlb_magazine_depot_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int there = cpumask_first(cpu_online_mask);
	unsigned int here = cpumask_last(cpu_online_mask);
	unsigned int class = SWIOTLB_TEST_PAGE_CLASS;
	struct swiotlb_magazine *mag;
	unsigned long used;

	if (here == there)
		kunit_skip(test, "one CPU only");
	/* More than a magazine holds, whatever it borrows. */
	swiotlb_test_pin(test, here);
	swiotlb_test_map_n(test, t, SWIOTLB_TEST_MANY);
	swiotlb_test_pin(test, there);
	swiotlb_test_unmap_n(t, SWIOTLB_TEST_MANY);
	used = swiotlb_pool_used(&t->mem->boot_pool);
	KUNIT_EXPECT_GT(test, t->mem->cache->depot[class].count, 0);

	swiotlb_test_pin(test, here);
	mag = swiotlb_cpu_magazine(t->mem->magazines, here, class);
	KUNIT_EXPECT_EQ(test, mag->top, 0);
	swiotlb_test_map_n(test, t, 1);
	KUNIT_EXPECT_GT(test, mag->top, 0);
	/* None of them is from an area. */
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), used);
	swiotlb_test_unmap_n(t, 1);
}

/* One that is busy gets more than its share, until it rests. */
static void swiotlb_magazine_loan_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu = cpumask_first(cpu_online_mask);
	struct swiotlb_cache *cache = t->mem->cache;
	long spare = atomic_long_read(&cache->spare);
	unsigned int class = SWIOTLB_TEST_PAGE_CLASS;
	union swiotlb_room room;

	KUNIT_EXPECT_EQ(test, spare, cache->loans);
	swiotlb_test_pin(test, cpu);
	swiotlb_test_map_n(test, t, SWIOTLB_TEST_MANY);
	swiotlb_test_unmap_n(t, SWIOTLB_TEST_MANY);
	room = swiotlb_test_room(t->mem, cpu, class);
	KUNIT_EXPECT_GT(test, room.lent, 0);
	KUNIT_EXPECT_EQ(test, room.limit, cache->limit[class] + room.lent);
	KUNIT_EXPECT_EQ(test, room.most, room.limit);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&cache->spare),
			spare - (room.lent << class));
	KUNIT_EXPECT_GT(test, atomic_long_read(&cache->spare), 0);

	flush_delayed_work(&cache->trim_work);
	flush_delayed_work(&cache->trim_work);
	KUNIT_EXPECT_EQ(test, 0, swiotlb_test_room(t->mem, cpu, class).lent);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&cache->spare), spare);
}

/* After a failed map nothing is kept, and after a while it is again. */
static void swiotlb_magazine_crowded_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu, class = SWIOTLB_TEST_PAGE_CLASS;

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 1);
	swiotlb_magazines_set_crowded(t->mem);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_EQ(test, 0, swiotlb_test_room(t->mem, cpu, class).limit);
	schedule_timeout_uninterruptible(3);
	swiotlb_test_unmap_n(t, 1);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem),
			swiotlb_nslots(PAGE_SIZE));
}

/* The real work: the first round sees what moved, the second that nothing did. */
static void swiotlb_magazine_trim_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	struct delayed_work *work = &t->mem->cache->trim_work;
	unsigned int rounds = 0;

	KUNIT_EXPECT_FALSE(test, delayed_work_pending(work));
	swiotlb_test_map_n(test, t, 4);
	swiotlb_test_unmap_n(t, 4);
	KUNIT_EXPECT_GT(test, swiotlb_magazines_nslots(t->mem), 0);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(work));

	flush_delayed_work(work);
	KUNIT_EXPECT_GT(test, swiotlb_magazines_nslots(t->mem), 0);
	flush_delayed_work(work);
	KUNIT_EXPECT_EQ(test, swiotlb_magazines_nslots(t->mem), 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), 0);

	/* It rests, and the next buffer wakes it. */
	while (flush_delayed_work(work) && rounds++ < 10)
		;
	KUNIT_EXPECT_LT(test, rounds, 5);
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(work));
}

static struct kunit_case swiotlb_magazine_cases[] = {
	KUNIT_CASE(swiotlb_magazine_stack_test),
	KUNIT_CASE(swiotlb_magazine_hint_test),
	KUNIT_CASE(swiotlb_magazine_race_test),
	KUNIT_CASE(swiotlb_magazine_lifo_test),
	KUNIT_CASE(swiotlb_magazine_keep_test),
	KUNIT_CASE(swiotlb_magazine_not_kept_test),
	KUNIT_CASE(swiotlb_magazine_share_test),
	KUNIT_CASE(swiotlb_magazine_drain_cpu_test),
	KUNIT_CASE(swiotlb_magazine_depot_test),
	KUNIT_CASE(swiotlb_magazine_loan_test),
	KUNIT_CASE(swiotlb_magazine_crowded_test),
	KUNIT_CASE(swiotlb_magazine_trim_test),
	{}
};

static struct kunit_suite swiotlb_magazine_suite = {
	.name = "swiotlb_magazine",
	.test_cases = swiotlb_magazine_cases,
};

kunit_test_suite(swiotlb_magazine_suite);
