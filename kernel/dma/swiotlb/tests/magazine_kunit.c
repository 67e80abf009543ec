// SPDX-License-Identifier: GPL-2.0-only
/*
 * Magazines: which buffers a CPU keeps, how many, and how they are drained.
 */

#include "../mem.h"
#include "fixture.h"

/* Slots of a pool large enough for magazines to hold some buffers, with a few CPUs. */
#define SWIOTLB_TEST_BIG	2048
/* Size class of a page. */
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
	mag->limit = limit;
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

/* A wrong hint costs time, but does not lose or duplicate a buffer. */
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
 * struct swiotlb_test_stack - one magazine for all CPUs
 * @mag:	The magazine.
 * @owned:	One bit per buffer, set while a CPU owns it.
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
	/* There is room, since the magazine held all buffers: if @top is wrong, reset it. */
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
 * struct swiotlb_test_keep - an allocator with magazines, and its mappings
 * @mem:	The allocator.
 * @dev:	A device.
 * @buffer:	The original of all mappings.
 * @addr:	The mappings.
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
	t->dev = swiotlb_test_device(test, &t->mem->pub, 0);
	t->buffer = swiotlb_test_buffer(test, SZ_64K);
	t->bytes = PAGE_SIZE;
	swiotlb_test_start_magazines(test, t->mem);
	if (swiotlb_test_cpu_magazine(t->mem, 0, SWIOTLB_TEST_PAGE_CLASS)->limit < 2)
		kunit_skip(test, "too many CPUs for so small a pool");
	return t;
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

static void swiotlb_test_expect_kept(struct kunit *test, struct swiotlb_test_keep *t,
				     unsigned long nslots)
{
	KUNIT_EXPECT_EQ(test, swiotlb_test_kept(t->mem), nslots);
}

static void swiotlb_magazine_lifo_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	phys_addr_t first;

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 2);
	first = t->addr[1];
	/* Mapping 0 is freed last. */
	swiotlb_test_unmap_n(t, 2);
	KUNIT_EXPECT_EQ(test, t->addr[0],
			swiotlb_test_map(t->dev, t->buffer, t->bytes, DMA_FROM_DEVICE));
	KUNIT_EXPECT_EQ(test, first,
			swiotlb_test_map(t->dev, t->buffer, t->bytes, DMA_FROM_DEVICE));
	swiotlb_test_unmap_n(t, 2);
}

/* A kept buffer counts as free in the allocator and as used in its area; its mapping has ended. */
static void swiotlb_magazine_keep_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int nslots = swiotlb_nslots(PAGE_SIZE);

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	swiotlb_test_expect_used(test, t->mem, 0);
	swiotlb_test_expect_kept(test, t, nslots);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), nslots);
	kunit_warning_suppress(test) {
		swiotlb_test_unmap_n(t, 1);
		SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, 1);
	}
	swiotlb_test_expect_kept(test, t, nslots);

	swiotlb_magazines_drain(&t->mem->cache);
	swiotlb_test_expect_kept(test, t, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), 0);
}

/* A buffer is not kept if its size has no class, or if magazine and depot have no room. */
static void swiotlb_magazine_not_kept_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu = raw_smp_processor_id(), class = SWIOTLB_TEST_PAGE_CLASS;

	swiotlb_test_pin(test, cpu);
	t->bytes = 3 * IO_TLB_SIZE;
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	swiotlb_test_expect_kept(test, t, 0);

	t->bytes = PAGE_SIZE;
	swiotlb_test_cpu_magazine(t->mem, cpu, class)->limit = 0;
	t->mem->cache.depot[class].limit = 0;
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	swiotlb_test_expect_kept(test, t, 0);
}

/* A kept buffer that does not fit the alignment of a request is freed to its area. */
static void swiotlb_magazine_unfit_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	phys_addr_t odd, addr;

	t->bytes = 2 * IO_TLB_SIZE;
	swiotlb_test_pin(test, raw_smp_processor_id());
	dma_set_min_align_mask(t->dev, 2 * IO_TLB_SIZE - 1);
	odd = swiotlb_test_map(t->dev, t->buffer + IO_TLB_SIZE, t->bytes,
			       DMA_FROM_DEVICE);
	KUNIT_ASSERT_TRUE(test, odd & IO_TLB_SIZE);
	swiotlb_tbl_unmap_single(t->dev, odd, t->bytes, DMA_FROM_DEVICE, 0);
	swiotlb_test_expect_kept(test, t, 2);

	addr = swiotlb_test_map(t->dev, t->buffer, t->bytes, DMA_FROM_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	KUNIT_EXPECT_FALSE(test, addr & IO_TLB_SIZE);
	swiotlb_test_expect_kept(test, t, 0);
	swiotlb_tbl_unmap_single(t->dev, addr, t->bytes, DMA_FROM_DEVICE, 0);
}

/* Magazines and depots together keep at most a quarter of the slots. */
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
		KUNIT_EXPECT_LE(test, swiotlb_test_kept(t->mem), SWIOTLB_TEST_BIG / 4);
	}
	KUNIT_EXPECT_GT(test, swiotlb_test_kept(t->mem), 0);
}

static unsigned int swiotlb_test_listed(struct swiotlb_test_keep *t)
{
	struct llist_node *node = t->mem->cache.filled.first;
	unsigned int n = 0;

	for (; node; node = node->next)
		n++;
	return n;
}

/* The first buffer after a drain puts a magazine on the list, and others do not add it again. */
static void swiotlb_magazine_list_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu, round;

	for (round = 0; round < 3; round++) {
		KUNIT_EXPECT_EQ(test, swiotlb_test_listed(t), 0);
		for_each_online_cpu(cpu) {
			swiotlb_test_pin(test, cpu);
			swiotlb_test_map_n(test, t, 2);
			swiotlb_test_unmap_n(t, 2);
			swiotlb_test_map_n(test, t, 1);
			swiotlb_test_unmap_n(t, 1);
		}
		KUNIT_EXPECT_EQ(test, swiotlb_test_listed(t), num_online_cpus());
		swiotlb_magazines_drain(&t->mem->cache);
		swiotlb_test_expect_kept(test, t, 0);
	}
	KUNIT_EXPECT_EQ(test, swiotlb_test_listed(t), 0);
}

/* A drain visits only the magazines on the list. */
static void swiotlb_magazine_drain_listed_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int nslots = swiotlb_nslots(PAGE_SIZE);
	struct swiotlb_magazine *mag;

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	mag = swiotlb_test_cpu_magazine(t->mem, raw_smp_processor_id(),
					SWIOTLB_TEST_PAGE_CLASS);
	llist_del_all(&t->mem->cache.filled);
	swiotlb_magazines_drain(&t->mem->cache);
	swiotlb_test_expect_kept(test, t, nslots);

	mag->listed = 0;
	swiotlb_magazine_list(&t->mem->cache, mag);
	swiotlb_magazines_drain(&t->mem->cache);
	swiotlb_test_expect_kept(test, t, 0);
}

/* Buffers mapped on one CPU and unmapped on another return through the depot. */
static void swiotlb_magazine_depot_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int there = cpumask_first(cpu_online_mask);
	unsigned int here = cpumask_last(cpu_online_mask);
	unsigned int moved, class = SWIOTLB_TEST_PAGE_CLASS;
	struct swiotlb_depot *depot = &t->mem->cache.depot[class];
	struct swiotlb_magazine *mag;
	unsigned long used;

	if (here == there)
		kunit_skip(test, "one CPU only");
	mag = swiotlb_test_cpu_magazine(t->mem, there, class);
	moved = mag->limit - DIV_ROUND_UP(mag->limit, 8);
	if (mag->limit >= SWIOTLB_TEST_MANY || moved > depot->limit)
		kunit_skip(test, "too many CPUs for so small a pool");
	/* One buffer more than the magazine holds moves most buffers to the depot. */
	swiotlb_test_pin(test, here);
	swiotlb_test_map_n(test, t, mag->limit + 1);
	swiotlb_test_pin(test, there);
	swiotlb_test_unmap_n(t, mag->limit + 1);
	KUNIT_EXPECT_EQ(test, depot->count, moved);
	KUNIT_EXPECT_EQ(test, mag->top, mag->limit - moved + 1);
	used = swiotlb_pool_used(&t->mem->boot_pool);

	swiotlb_test_pin(test, here);
	mag = swiotlb_test_cpu_magazine(t->mem, here, class);
	KUNIT_EXPECT_EQ(test, mag->top, 0);
	swiotlb_test_map_n(test, t, 1);
	KUNIT_EXPECT_EQ(test, mag->top, moved - 1);
	KUNIT_EXPECT_EQ(test, depot->count, 0);
	/* None of the buffers came from an area. */
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), used);
	/* A drain frees the buffers in the magazine to which they moved. */
	swiotlb_magazines_drain(&t->mem->cache);
	swiotlb_test_expect_kept(test, t, 0);
	swiotlb_test_unmap_n(t, 1);
}

/* While an allocator is crowded, nothing is kept; later, buffers are kept again. */
static void swiotlb_magazine_crowded_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	struct swiotlb_cache *cache = &t->mem->cache;

	swiotlb_test_pin(test, raw_smp_processor_id());
	swiotlb_test_map_n(test, t, 2);
	KUNIT_EXPECT_FALSE(test, swiotlb_cache_is_crowded(cache));
	cache->crowded = (jiffies + 1) | 1;
	swiotlb_tbl_unmap_single(t->dev, t->addr[1], t->bytes, DMA_FROM_DEVICE, 0);
	/* If the deadline has passed, the unmap may have cleared it and kept the buffer. */
	if (READ_ONCE(cache->crowded))
		swiotlb_test_expect_kept(test, t, 0);

	schedule_timeout_uninterruptible(4);
	KUNIT_EXPECT_FALSE(test, swiotlb_cache_is_crowded(cache));
	KUNIT_EXPECT_EQ(test, cache->crowded, 0);
	swiotlb_magazines_drain(cache);
	swiotlb_tbl_unmap_single(t->dev, t->addr[0], t->bytes, DMA_FROM_DEVICE, 0);
	swiotlb_test_expect_kept(test, t, swiotlb_nslots(PAGE_SIZE));
}

/* After jiffies have wrapped, an old deadline must not seem to be in the future. */
static void swiotlb_magazine_crowded_wrap_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	struct swiotlb_cache *cache = &t->mem->cache;

	cache->crowded = (jiffies - LONG_MAX) | 1;
	KUNIT_EXPECT_FALSE(test, swiotlb_cache_is_crowded(cache));
	cache->crowded = (jiffies + LONG_MAX / 2) | 1;
	KUNIT_EXPECT_FALSE(test, swiotlb_cache_is_crowded(cache));
}

/* swiotlb_cache_crowd() returns true only once until the deadline has passed. */
static void swiotlb_magazine_crowd_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	struct swiotlb_cache *cache = &t->mem->cache;
	unsigned long until;

	KUNIT_EXPECT_TRUE(test, swiotlb_cache_crowd(cache));
	until = cache->crowded;
	KUNIT_EXPECT_NE(test, until, 0);
	KUNIT_EXPECT_TRUE(test, !swiotlb_cache_crowd(cache) || cache->crowded != until);
}

/* Limits follow the size of the allocator. */
static void swiotlb_magazine_resize_test(struct kunit *test)
{
	struct swiotlb_test_keep *t = swiotlb_test_keep(test);
	unsigned int cpu, class = SWIOTLB_TEST_PAGE_CLASS;
	struct swiotlb_magazine *mag = swiotlb_test_cpu_magazine(t->mem, 0, class);
	unsigned int limit = mag->limit, depot = t->mem->cache.depot[class].limit;

	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_magazines_resize(&t->mem->cache, SWIOTLB_TEST_BIG / 2);
	KUNIT_EXPECT_LT(test, mag->limit, limit);
	KUNIT_EXPECT_LT(test, t->mem->cache.depot[class].limit, depot);
	/* An allocator this small keeps nothing. */
	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_magazines_resize(&t->mem->cache, 1);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_EQ(test, 0,
				swiotlb_test_cpu_magazine(t->mem, cpu, class)->limit);
	swiotlb_test_map_n(test, t, 1);
	swiotlb_test_unmap_n(t, 1);
	swiotlb_test_expect_kept(test, t, 0);
}

static struct kunit_case swiotlb_magazine_cases[] = {
	KUNIT_CASE(swiotlb_magazine_stack_test),
	KUNIT_CASE(swiotlb_magazine_hint_test),
	KUNIT_CASE(swiotlb_magazine_race_test),
	KUNIT_CASE(swiotlb_magazine_lifo_test),
	KUNIT_CASE(swiotlb_magazine_keep_test),
	KUNIT_CASE(swiotlb_magazine_not_kept_test),
	KUNIT_CASE(swiotlb_magazine_unfit_test),
	KUNIT_CASE(swiotlb_magazine_share_test),
	KUNIT_CASE(swiotlb_magazine_list_test),
	KUNIT_CASE(swiotlb_magazine_drain_listed_test),
	KUNIT_CASE(swiotlb_magazine_depot_test),
	KUNIT_CASE(swiotlb_magazine_crowded_test),
	KUNIT_CASE(swiotlb_magazine_crowded_wrap_test),
	KUNIT_CASE(swiotlb_magazine_crowd_test),
	KUNIT_CASE(swiotlb_magazine_resize_test),
	{}
};

static struct kunit_suite swiotlb_magazine_suite = {
	.name = "swiotlb_magazine",
	.test_cases = swiotlb_magazine_cases,
};

kunit_test_suite(swiotlb_magazine_suite);
