// SPDX-License-Identifier: GPL-2.0-only
/*
 * One allocator: which devices reach it, the order in which areas are searched, and
 * the count of slots in use.
 */

#include "../mem.h"
#include "fixture.h"

#define SWIOTLB_TEST_NAREAS	4

struct swiotlb_test_search {
	struct swiotlb_mem *mem;
	struct device *dev;
};

static int swiotlb_mem_test_init(struct kunit *test)
{
	struct swiotlb_test_search *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->mem = swiotlb_test_mem(test, SWIOTLB_TEST_NSLOTS, SWIOTLB_TEST_NAREAS);
	t->dev = swiotlb_test_device(test, &t->mem->pub, 0);
	test->priv = t;
	return 0;
}

static unsigned int swiotlb_test_own_area(void)
{
	return raw_smp_processor_id() % SWIOTLB_TEST_NAREAS;
}

/* Returns the first slot of the mapping, or %SWIOTLB_NO_SLOT. */
static unsigned int swiotlb_test_mem_map(struct swiotlb_test_search *t,
					 unsigned int nslots, bool *tight)
{
	struct swiotlb_request req = swiotlb_test_request(nslots);
	struct swiotlb_hit hit;
	phys_addr_t addr;

	addr = swiotlb_mem_map(t->mem, t->dev, &req, SWIOTLB_REACH_MEM, false, &hit);
	if (addr == SWIOTLB_MAP_FULL)
		return SWIOTLB_NO_SLOT;
	if (tight)
		*tight = hit.tight;
	return (addr - hit.pool->start) >> IO_TLB_SHIFT;
}

static bool swiotlb_test_mem_end(struct swiotlb_test_search *t, unsigned int index)
{
	struct io_tlb_pool *pool = &t->mem->boot_pool;
	struct swiotlb_mapping map;

	if (!swiotlb_pool_lookup(pool, swiotlb_slot_addr(pool, index), &map) ||
	    !swiotlb_record_take(&pool->records[index], map.word))
		return false;
	swiotlb_mem_unmap(t->dev, pool, &map);
	return true;
}

static void swiotlb_test_mem_unmap(struct kunit *test, unsigned int index)
{
	KUNIT_ASSERT_TRUE(test, swiotlb_test_mem_end(test->priv, index));
}

static void swiotlb_test_mem_unmap_all(struct kunit *test, unsigned int nslots)
{
	unsigned int i;

	for (i = 0; i < SWIOTLB_TEST_NSLOTS; i += nslots)
		swiotlb_test_mem_unmap(test, i);
}

/* ------------------------------------------------------------ search --- */

/* Each CPU searches its own area first, and the next one when that is full. */
static void swiotlb_mem_own_area_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int cpu, i, index;
	bool tight;

	for_each_online_cpu(cpu) {
		swiotlb_test_pin(test, cpu);
		for (i = 0; i < SWIOTLB_TEST_NAREAS; i++) {
			index = swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, &tight);
			KUNIT_EXPECT_EQ(test, index / SWIOTLB_MAX_SLOTS,
					(swiotlb_test_own_area() + i) %
					SWIOTLB_TEST_NAREAS);
			KUNIT_EXPECT_TRUE(test, tight);
		}
		KUNIT_EXPECT_EQ(test, swiotlb_test_mem_map(t, 1, NULL),
				SWIOTLB_NO_SLOT);
		swiotlb_test_expect_used(test, t->mem, SWIOTLB_TEST_NSLOTS);
		swiotlb_test_mem_unmap_all(test, SWIOTLB_MAX_SLOTS);
		swiotlb_test_expect_used(test, t->mem, 0);
	}
}

/* @tight is set if the CPU's own area is more than half full, or if another area is used. */
static void swiotlb_mem_tight_test(struct kunit *test)
{
	unsigned int half = SWIOTLB_MAX_SLOTS / 2, own, index[3];
	struct swiotlb_test_search *t = test->priv;
	bool tight = true;

	swiotlb_test_pin(test, raw_smp_processor_id());
	own = swiotlb_test_own_area();
	index[0] = swiotlb_test_mem_map(t, half, &tight);
	KUNIT_EXPECT_FALSE(test, tight);
	index[1] = swiotlb_test_mem_map(t, 1, &tight);
	KUNIT_EXPECT_TRUE(test, tight);
	index[2] = swiotlb_test_mem_map(t, half, &tight);
	KUNIT_EXPECT_TRUE(test, tight);
	KUNIT_EXPECT_EQ(test, index[1] / SWIOTLB_MAX_SLOTS, own);
	KUNIT_EXPECT_NE(test, index[2] / SWIOTLB_MAX_SLOTS, own);
	swiotlb_test_mem_unmap(test, index[0]);
	swiotlb_test_mem_unmap(test, index[1]);
	swiotlb_test_mem_unmap(test, index[2]);
}

static bool swiotlb_test_map_one(void *arg)
{
	unsigned int index = swiotlb_test_mem_map(arg, 1, NULL);

	return index != SWIOTLB_NO_SLOT && swiotlb_test_mem_end(arg, index);
}

/*
 * All CPUs need the only area that still has room: a map must not treat an area whose lock
 * is held as full.
 */
static void swiotlb_mem_wait_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int i, left = SWIOTLB_MAX_SLOTS;

	if (num_online_cpus() > left)
		kunit_skip(test, "more CPUs than slots in an area");
	for (i = 1; i < SWIOTLB_TEST_NAREAS; i++)
		KUNIT_ASSERT_NE(test, SWIOTLB_NO_SLOT,
				swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, NULL));
	swiotlb_test_on_all_cpus(test, swiotlb_test_map_one, t);
	swiotlb_test_expect_used(test, t->mem, SWIOTLB_TEST_NSLOTS - left);

	KUNIT_ASSERT_NE(test, SWIOTLB_NO_SLOT,
			swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, NULL));
	swiotlb_test_mem_unmap_all(test, SWIOTLB_MAX_SLOTS);
}

/* Buffers in magazines are freed before a map fails. */
static void swiotlb_mem_drain_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int i;

	swiotlb_test_start_magazines(test, t->mem);
	for (i = 0; i < SWIOTLB_TEST_NSLOTS; i++)
		KUNIT_ASSERT_NE(test, swiotlb_test_mem_map(t, 1, NULL),
				SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_EQ(test, swiotlb_test_mem_map(t, 1, NULL), SWIOTLB_NO_SLOT);
	swiotlb_test_expect_used(test, t->mem, SWIOTLB_TEST_NSLOTS);

	/* After a failed map, magazines keep nothing for a short time. */
	schedule_timeout_uninterruptible(4);
	swiotlb_test_mem_unmap_all(test, 1);
	swiotlb_test_expect_used(test, t->mem, 0);
	KUNIT_EXPECT_GT(test, swiotlb_test_kept(t->mem), 0);

	for (i = 0; i < SWIOTLB_TEST_NAREAS; i++)
		KUNIT_EXPECT_NE(test, SWIOTLB_NO_SLOT,
				swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, NULL));
	swiotlb_test_mem_unmap_all(test, SWIOTLB_MAX_SLOTS);
}

/* A map that fails while the allocator is crowded drains nothing. */
static void swiotlb_mem_drain_once_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int i, index[SWIOTLB_TEST_NAREAS];
	unsigned long until;

	swiotlb_test_start_magazines(test, t->mem);
	if (!swiotlb_test_cpu_magazine(t->mem, 0, 0)->limit)
		kunit_skip(test, "too many CPUs for so small a pool");
	swiotlb_test_pin(test, raw_smp_processor_id());
	index[0] = swiotlb_test_mem_map(t, 1, NULL);
	for (i = 1; i < SWIOTLB_TEST_NAREAS; i++)
		index[i] = swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, NULL);
	swiotlb_test_mem_unmap(test, index[0]);
	KUNIT_ASSERT_EQ(test, swiotlb_test_kept(t->mem), 1);

	until = (jiffies + 1) | 1;
	t->mem->cache.crowded = until;
	index[0] = swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, NULL);
	/* If the deadline has passed, the map may have cleared it and drained the magazine. */
	if (t->mem->cache.crowded == until) {
		KUNIT_EXPECT_EQ(test, index[0], SWIOTLB_NO_SLOT);
		KUNIT_EXPECT_EQ(test, swiotlb_test_kept(t->mem), 1);
		t->mem->cache.crowded = 0;
		index[0] = swiotlb_test_mem_map(t, SWIOTLB_MAX_SLOTS, NULL);
	}
	KUNIT_EXPECT_NE(test, index[0], SWIOTLB_NO_SLOT);
	KUNIT_EXPECT_EQ(test, swiotlb_test_kept(t->mem), 0);
	for (i = 0; i < SWIOTLB_TEST_NAREAS; i++)
		swiotlb_test_mem_unmap(test, index[i]);
}

/* ------------------------------------------------------------- reach --- */

/**
 * struct swiotlb_test_reach - two allocators, and a device
 * @low:	The narrower one, with the boot pool.
 * @any:	The wider one.
 * @dev:	The device.
 * @grows:	True if pools may be added.
 */
struct swiotlb_test_reach {
	struct swiotlb_mem *low;
	struct swiotlb_mem *any;
	struct device *dev;
	bool grows;
};

/* Ranges above the boot pool in which added pools may lie. */
#define SWIOTLB_TEST_ABOVE_LOW	SZ_16M
#define SWIOTLB_TEST_ABOVE_ANY	SZ_64M

static struct swiotlb_test_reach *swiotlb_test_reach(struct kunit *test)
{
	struct swiotlb_test_search *search = test->priv;
	struct swiotlb_test_reach *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	phys_addr_t end = search->mem->boot_pool.end;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->low = search->mem;
	t->dev = search->dev;
	t->any = swiotlb_test_mem(test, 0, 1);
	t->any->narrower = t->low;
	t->low->wider = t->any;
	if (IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC)) {
		swiotlb_growth_enable(t->low, U64_MAX, 1, 0);
		swiotlb_growth_enable(t->any, U64_MAX, 1, 0);
	}
	t->grows = swiotlb_growth_is_enabled(t->low);
	/* These tests add no pools, so no memory needs to exist there. */
	t->low->last = end + SWIOTLB_TEST_ABOVE_LOW - 1;
	t->any->last = end + SWIOTLB_TEST_ABOVE_ANY - 1;
	return t;
}

/* Test @limit as DMA mask, then as bus limit: the lower of the two decides. */
static void swiotlb_test_expect_reach(struct kunit *test, struct swiotlb_test_reach *t,
				      u64 limit, enum swiotlb_reach reach)
{
	struct device *dev = t->dev;

	*dev->dma_mask = limit;
	KUNIT_EXPECT_EQ_MSG(test, swiotlb_mem_reach(t->low, dev), reach,
			    "mask 0x%llx", limit);
	dev->bus_dma_limit = U64_MAX;
	KUNIT_EXPECT_EQ(test, swiotlb_mem_reach(t->low, dev), reach);
	*dev->dma_mask = U64_MAX;
	dev->bus_dma_limit = limit;
	KUNIT_EXPECT_EQ_MSG(test, swiotlb_mem_reach(t->low, dev), reach,
			    "bus limit 0x%llx", limit);
	dev->bus_dma_limit = 0;
}

static void swiotlb_mem_reach_test(struct kunit *test)
{
	struct swiotlb_test_reach *t = swiotlb_test_reach(test);
	const struct io_tlb_pool *boot = &t->low->boot_pool;
	enum swiotlb_reach below = t->grows ? SWIOTLB_REACH_NONE : SWIOTLB_REACH_BOOT;

	if (!t->grows)
		kunit_skip(test, "this kernel has no dynamic allocation");
	swiotlb_test_expect_reach(test, t, U64_MAX, SWIOTLB_REACH_WIDER);
	swiotlb_test_expect_reach(test, t, t->any->last, SWIOTLB_REACH_WIDER);
	swiotlb_test_expect_reach(test, t, t->any->last - 1, SWIOTLB_REACH_MEM);
	swiotlb_test_expect_reach(test, t, t->low->last, SWIOTLB_REACH_MEM);
	swiotlb_test_expect_reach(test, t, t->low->last - 1, SWIOTLB_REACH_BOOT);
	swiotlb_test_expect_reach(test, t, boot->end - 1, SWIOTLB_REACH_BOOT);
	swiotlb_test_expect_reach(test, t, boot->end - 2, below);
	swiotlb_test_expect_reach(test, t, boot->start - 1, SWIOTLB_REACH_NONE);
	swiotlb_test_expect_reach(test, t, 1, SWIOTLB_REACH_NONE);
}

/* Without growth and transient pools, reaching a part of the boot pool is enough. */
static void swiotlb_mem_reach_fixed_test(struct kunit *test)
{
	struct swiotlb_test_search *search = test->priv;
	const struct io_tlb_pool *boot = &search->mem->boot_pool;
	struct swiotlb_test_reach t = { .low = search->mem, .dev = search->dev };

	swiotlb_test_expect_reach(test, &t, U64_MAX, SWIOTLB_REACH_MEM);
	swiotlb_test_expect_reach(test, &t, boot->end - 1, SWIOTLB_REACH_MEM);
	swiotlb_test_expect_reach(test, &t, boot->end - 2, SWIOTLB_REACH_BOOT);
	swiotlb_test_expect_reach(test, &t, boot->start + IO_TLB_SIZE - 1,
				  SWIOTLB_REACH_BOOT);
	swiotlb_test_expect_reach(test, &t, boot->start + IO_TLB_SIZE - 2,
				  SWIOTLB_REACH_NONE);
}

/* If the platform remaps its pool, all devices reach it. */
static void swiotlb_mem_reach_remapped_test(struct kunit *test)
{
	struct swiotlb_test_search *search = test->priv;
	struct swiotlb_test_reach t = { .low = search->mem, .dev = search->dev };

	search->mem->last = 0;
	swiotlb_test_expect_reach(test, &t, search->mem->boot_pool.start - 1,
				  SWIOTLB_REACH_MEM);
	swiotlb_test_expect_reach(test, &t, 1, SWIOTLB_REACH_MEM);
}

/* Expect @reach with a bus window whose DMA addresses differ from physical addresses. */
static void swiotlb_test_expect_window(struct kunit *test, struct swiotlb_test_reach *t,
				       phys_addr_t start, phys_addr_t end, u64 limit,
				       enum swiotlb_reach reach)
{
	struct bus_dma_region map[] = {
		{ .cpu_start = start, .dma_start = SZ_1G + start, .size = end - start },
		{ }
	};

	t->dev->dma_range_map = map;
	*t->dev->dma_mask = limit;
	KUNIT_EXPECT_EQ_MSG(test, swiotlb_mem_reach(t->low, t->dev), reach,
			    "window from 0x%llx to 0x%llx, limit 0x%llx", (u64)start,
			    (u64)end, limit);
	*t->dev->dma_mask = U64_MAX;
	t->dev->dma_range_map = NULL;
}

static void swiotlb_mem_reach_window_test(struct kunit *test)
{
	struct swiotlb_test_reach *t = swiotlb_test_reach(test);
	const struct io_tlb_pool *boot = &t->low->boot_pool;

	if (!t->grows)
		kunit_skip(test, "this kernel has no dynamic allocation");
	swiotlb_test_expect_window(test, t, 0, t->any->last + 1, U64_MAX,
				   SWIOTLB_REACH_WIDER);
	swiotlb_test_expect_window(test, t, 0, t->any->last, U64_MAX,
				   SWIOTLB_REACH_MEM);
	swiotlb_test_expect_window(test, t, 0, t->low->last + 1, U64_MAX,
				   SWIOTLB_REACH_MEM);
	swiotlb_test_expect_window(test, t, 0, t->low->last, U64_MAX,
				   SWIOTLB_REACH_BOOT);
	/* Pools may be added below the boot pool, too. */
	swiotlb_test_expect_window(test, t, boot->start, t->any->last + 1, U64_MAX,
				   SWIOTLB_REACH_BOOT);
	swiotlb_test_expect_window(test, t, boot->start, boot->end, U64_MAX,
				   SWIOTLB_REACH_BOOT);
	swiotlb_test_expect_window(test, t, boot->start + PAGE_SIZE, boot->end, U64_MAX,
				   SWIOTLB_REACH_NONE);
	swiotlb_test_expect_window(test, t, boot->end, t->any->last + 1, U64_MAX,
				   SWIOTLB_REACH_NONE);
	/* The mask limits DMA addresses, not physical addresses. */
	swiotlb_test_expect_window(test, t, 0, t->any->last + 1,
				   SZ_1G + t->low->last, SWIOTLB_REACH_MEM);
	swiotlb_test_expect_window(test, t, 0, t->any->last + 1, boot->end - 1,
				   SWIOTLB_REACH_NONE);
}

/* Both ends are in windows that are not adjacent on the bus: only the boot pool is in reach. */
static void swiotlb_mem_reach_split_test(struct kunit *test)
{
	struct swiotlb_test_reach *t = swiotlb_test_reach(test);
	const struct io_tlb_pool *boot = &t->low->boot_pool;
	phys_addr_t split = boot->end + SZ_1M;
	struct bus_dma_region map[] = {
		{ .cpu_start = 0, .dma_start = 0, .size = split },
		{ .cpu_start = split, .dma_start = split + SZ_1G, .size = SZ_1G },
		{ }
	};

	if (!t->grows)
		kunit_skip(test, "this kernel has no dynamic allocation");
	t->dev->dma_range_map = map;
	KUNIT_EXPECT_EQ(test, swiotlb_mem_reach(t->low, t->dev), SWIOTLB_REACH_BOOT);
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), split + SZ_1G - 1);
	t->dev->dma_range_map = NULL;
}

/* Behind an IOMMU, masks limit IOVAs, so the device reaches all memory. */
static void swiotlb_mem_reach_iommu_test(struct kunit *test)
{
	struct swiotlb_test_reach *t = swiotlb_test_reach(test);
	const struct bus_dma_region map[] = {
		{ .cpu_start = 0, .dma_start = 0, .size = SZ_1M },
		{ }
	};
	enum swiotlb_reach all = SWIOTLB_REACH_WIDER;

	if (!swiotlb_test_set_iommu(t->dev, true))
		kunit_skip(test, "no device is behind an IOMMU in this kernel");
	swiotlb_test_expect_reach(test, t, U64_MAX, all);
	swiotlb_test_expect_reach(test, t, t->low->boot_pool.start - 1, all);
	swiotlb_test_expect_reach(test, t, DMA_BIT_MASK(24), all);
	*t->dev->dma_mask = DMA_BIT_MASK(24);
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), U64_MAX);
	t->dev->dma_range_map = map;
	KUNIT_EXPECT_EQ(test, swiotlb_mem_reach(t->low, t->dev), all);
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), U64_MAX);

	swiotlb_test_set_iommu(t->dev, false);
	KUNIT_EXPECT_NE(test, swiotlb_mem_reach(t->low, t->dev), all);
	t->dev->dma_range_map = NULL;
}

/* swiotlb_mem_first() returns an allocator only if the device reaches all of its pools. */
static void swiotlb_mem_first_test(struct kunit *test)
{
	struct swiotlb_test_reach *t = swiotlb_test_reach(test);
	const struct bus_dma_region map[] = {
		{ .cpu_start = 0, .dma_start = 0, .size = t->any->last + 1 },
		{ }
	};
	struct device *dev = t->dev;

	KUNIT_EXPECT_PTR_EQ(test, swiotlb_mem_first(t->low, dev), t->low);
	t->any->pub.nslabs = SWIOTLB_TEST_NSLOTS;
	t->low->first = t->any;
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_mem_first(t->low, dev), t->any);
	*dev->dma_mask = t->any->last;
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_mem_first(t->low, dev), t->any);
	*dev->dma_mask = t->any->last - 1;
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_mem_first(t->low, dev), t->low);
	dev->bus_dma_limit = t->low->last;
	KUNIT_EXPECT_PTR_EQ(test, swiotlb_mem_first(t->low, dev), t->low);
	dev->bus_dma_limit = t->low->last - 1;
	KUNIT_EXPECT_NULL(test, swiotlb_mem_first(t->low, dev));

	dev->bus_dma_limit = 0;
	*dev->dma_mask = U64_MAX;
	dev->dma_range_map = map;
	KUNIT_EXPECT_NULL(test, swiotlb_mem_first(t->low, dev));
	dev->dma_range_map = NULL;
	t->any->pub.nslabs = 0;
}

static void swiotlb_mem_dev_last_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	const struct bus_dma_region map[] = {
		{ .cpu_start = SZ_64M, .dma_start = 0, .size = SZ_32M },
		{ .cpu_start = SZ_16M, .dma_start = SZ_256M, .size = SZ_16M },
		{ }
	};

	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), U64_MAX);
	*t->dev->dma_mask = DMA_BIT_MASK(24);
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), DMA_BIT_MASK(24));
	t->dev->bus_dma_limit = DMA_BIT_MASK(20);
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), DMA_BIT_MASK(20));

	t->dev->dma_range_map = map;
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), SZ_64M + DMA_BIT_MASK(20));
	t->dev->bus_dma_limit = 0;
	*t->dev->dma_mask = U64_MAX;
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), SZ_64M + SZ_32M - 1);
	t->dev->dma_range_map = map + 1;
	*t->dev->dma_mask = SZ_256M - 1;
	KUNIT_EXPECT_EQ(test, swiotlb_dev_last(t->dev), 0);
	t->dev->dma_range_map = NULL;
}

/* ------------------------------------------------------------- count --- */

/* Counts are per CPU: one CPU maps, another one unmaps. */
static void swiotlb_mem_account_test(struct kunit *test)
{
	unsigned int here = cpumask_first(cpu_online_mask);
	unsigned int there = cpumask_last(cpu_online_mask);
	struct swiotlb_test_search *t = test->priv;
	unsigned int index;

	swiotlb_test_start_magazines(test, t->mem);
	swiotlb_test_pin(test, here);
	index = swiotlb_test_mem_map(t, 5, NULL);
	KUNIT_EXPECT_EQ(test, per_cpu_ptr(t->mem->cache.cpu, here)->used, 5);
	swiotlb_test_expect_used(test, t->mem, 5);

	swiotlb_test_pin(test, there);
	swiotlb_test_mem_unmap(test, index);
	KUNIT_EXPECT_EQ(test, per_cpu_ptr(t->mem->cache.cpu, here)->used,
			here == there ? 0 : 5);
	KUNIT_EXPECT_EQ(test, per_cpu_ptr(t->mem->cache.cpu, there)->used,
			here == there ? 0 : -5);
	swiotlb_test_expect_used(test, t->mem, 0);
}

/* The count is exact for a mapping made before the magazines are started. */
static void swiotlb_mem_account_early_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int one, two;

	one = swiotlb_test_mem_map(t, 7, NULL);
	swiotlb_test_expect_used(test, t->mem, 7);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&t->mem->early_used), 7);
	swiotlb_test_start_magazines(test, t->mem);
	two = swiotlb_test_mem_map(t, 4, NULL);
	swiotlb_test_expect_used(test, t->mem, 11);
	swiotlb_test_mem_unmap(test, one);
	swiotlb_test_expect_used(test, t->mem, 4);
	swiotlb_test_mem_unmap(test, two);
	swiotlb_test_expect_used(test, t->mem, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&t->mem->early_used), 7);
}

/* A buffer in a magazine counts as used in its area, but not in the allocator. */
static void swiotlb_mem_account_kept_test(struct kunit *test)
{
	struct swiotlb_test_search *t = test->priv;
	unsigned int i;

	swiotlb_test_start_magazines(test, t->mem);
	if (!swiotlb_test_cpu_magazine(t->mem, 0, 0)->limit)
		kunit_skip(test, "too many CPUs for so small a pool");
	for (i = 0; i < 10; i++) {
		swiotlb_test_mem_unmap(test, swiotlb_test_mem_map(t, 1, NULL));
		swiotlb_test_expect_used(test, t->mem, 0);
	}
	KUNIT_EXPECT_GT(test, swiotlb_test_kept(t->mem), 0);
	swiotlb_magazines_drain(&t->mem->cache);
	swiotlb_test_expect_used(test, t->mem, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_pool_used(&t->mem->boot_pool), 0);
}

static struct kunit_case swiotlb_mem_cases[] = {
	KUNIT_CASE(swiotlb_mem_own_area_test),
	KUNIT_CASE(swiotlb_mem_tight_test),
	KUNIT_CASE(swiotlb_mem_wait_test),
	KUNIT_CASE(swiotlb_mem_drain_test),
	KUNIT_CASE(swiotlb_mem_drain_once_test),
	KUNIT_CASE(swiotlb_mem_reach_test),
	KUNIT_CASE(swiotlb_mem_reach_fixed_test),
	KUNIT_CASE(swiotlb_mem_reach_remapped_test),
	KUNIT_CASE(swiotlb_mem_reach_window_test),
	KUNIT_CASE(swiotlb_mem_reach_split_test),
	KUNIT_CASE(swiotlb_mem_reach_iommu_test),
	KUNIT_CASE(swiotlb_mem_first_test),
	KUNIT_CASE(swiotlb_mem_dev_last_test),
	KUNIT_CASE(swiotlb_mem_account_test),
	KUNIT_CASE(swiotlb_mem_account_early_test),
	KUNIT_CASE(swiotlb_mem_account_kept_test),
	{}
};

static struct kunit_suite swiotlb_mem_suite = {
	.name = "swiotlb_mem",
	.init = swiotlb_mem_test_init,
	.test_cases = swiotlb_mem_cases,
};

kunit_test_suite(swiotlb_mem_suite);
