// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misuse by drivers, such as double unmaps and syncs of free slots. Errors are logged
 * without a WARN: the runner fails a test with a WARN.
 */
#include "harness.h"

TEST_BASE_FAILS(double_unmap_is_reported,
		"it corrupts the free lists, without a word")
{
	size_t bytes;
	phys_addr_t pool = boot_fixed("512,1", &bytes), orig, a, b;
	struct device *dev = new_device(0, 0);

	orig = new_buffer(8192, 0);
	a = map(dev, orig, 8192, DMA_FROM_DEVICE);
	b = map(dev, orig, 512, DMA_FROM_DEVICE);
	unmap(dev, a, 8192, DMA_FROM_DEVICE);
	fill_pattern(phys_to_virt(orig), 8192, 4);
	unmap(dev, a, 8192, DMA_FROM_DEVICE);
	unmap(dev, a, 8192, DMA_FROM_DEVICE);
	unmap(dev, a + 4096, 4096, DMA_FROM_DEVICE);
	CHECK_EQ(shim_log_count("nothing is mapped at 0x"), 3);
	CHECK(has_pattern(phys_to_virt(orig), 8192, 4));
	check_used(1);
	unmap(dev, b, 512, DMA_FROM_DEVICE);
	check_used(0);
	CHECK_EQ(fill_and_drain(dev, pool, bytes, IO_TLB_SIZE), 512);
	CHECK_EQ(fill_and_drain(dev, pool, bytes, 262144), 4);
}

TEST_BASE_FAILS(sync_of_free_slot_is_reported, "it says nothing")
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	tlb = map(dev, orig, 4096, DMA_BIDIRECTIONAL);
	unmap(dev, tlb, 4096, DMA_BIDIRECTIONAL);
	fill_pattern(phys_to_virt(orig), 4096, 4);
	memset(phys_to_virt(tlb), 0x5a, 4096);
	swiotlb_sync_single_for_cpu(dev, tlb, 4096, DMA_BIDIRECTIONAL);
	CHECK_EQ(shim_log_count("nothing is mapped at 0x"), 1);
	swiotlb_sync_single_for_device(dev, tlb + 2048, 100, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(orig), 4096, 4));
	CHECK(all_bytes(phys_to_virt(tlb), 4096, 0x5a));
	/* Free slots after a mapping */
	tlb = map(dev, orig, 512, DMA_BIDIRECTIONAL);
	fill_pattern(phys_to_virt(orig), 4096, 5);
	swiotlb_sync_single_for_cpu(dev, tlb + 2048, 100, DMA_BIDIRECTIONAL);
	unmap(dev, tlb + 6144, 100, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(phys_to_virt(orig), 4096, 5));
	check_used(1);
	/* A slot at the end of the pool that was never mapped */
	swiotlb_sync_single_for_cpu(dev, default_swiotlb_limit() - 100, 100,
				    DMA_FROM_DEVICE);
	CHECK_EQ(shim_log_count("nothing is mapped at 0x"), 5);
}

/* ---- two CPUs at once, in an order chosen by the test */

static struct { struct device *dev; phys_addr_t orig, tlb, again; size_t size; } race;

static void unmap_and_map_another(void)
{
	unmap(race.dev, race.tlb, race.size, DMA_TO_DEVICE);
	race.again = map(race.dev, race.orig + 8192, race.size, DMA_TO_DEVICE);
}

/*
 * Both CPUs have looked up the mapping. The other CPU unmaps first, and the slots are in
 * use again when this CPU ends the mapping: the new mapping must stay.
 */
TEST_BASE_FAILS(double_unmap_at_once_spares_the_next_mapping, "see double_unmap")
{
	static const size_t sizes[] = { 512, 4096, 6000 };
	size_t i;

	boot_fixed("512,1", NULL);
	race.dev = new_device(0, 0);
	race.orig = new_buffer(16384, 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		race.size = sizes[i];
		race.tlb = map(race.dev, race.orig, race.size, DMA_TO_DEVICE);
		shim_before_cmpxchg64 = unmap_and_map_another;
		unmap(race.dev, race.tlb, race.size, DMA_TO_DEVICE);
		CHECK_MSG(race.again == race.tlb, "the test needs the same slots again");
		check_used(DIV_ROUND_UP(race.size, IO_TLB_SIZE));
		unmap(race.dev, race.again, race.size, DMA_TO_DEVICE);
		check_used(0);
	}
	CHECK_EQ(shim_log_count("was unmapped twice at once"), ARRAY_SIZE(sizes));
}

static void stale_unmap(void)
{
	unmap(race.dev, race.tlb, race.size, DMA_TO_DEVICE);
}

/*
 * Slots that are claimed, but have no record of a mapping yet, must not be unmapped,
 * whether they come from an area or from a magazine.
 */
static void stale_unmap_while_mapping(size_t old_size, unsigned int slot,
				      size_t new_size, bool magazine)
{
	phys_addr_t first, last, tlb;

	race.size = new_size;
	drain_magazines();
	/* An old mapping that begins at or before the slot */
	first = map(race.dev, race.orig, old_size, DMA_TO_DEVICE);
	unmap(race.dev, first, old_size, DMA_TO_DEVICE);
	if (!magazine)
		drain_magazines();
	/* Map the slots below, so that the next map gets this slot */
	last = slot ? map(race.dev, race.orig, slot * IO_TLB_SIZE, DMA_TO_DEVICE) : 0;
	race.tlb = first + slot * IO_TLB_SIZE;
	*(magazine ? &shim_after_take : &shim_after_unlock) = stale_unmap;
	tlb = map(race.dev, race.orig, new_size, DMA_TO_DEVICE);
	CHECK_MSG(tlb == race.tlb, "the test needs slot %u", slot);
	check_used(slot + DIV_ROUND_UP(new_size, IO_TLB_SIZE));
	unmap(race.dev, tlb, new_size, DMA_TO_DEVICE);
	if (slot)
		unmap(race.dev, last, slot * IO_TLB_SIZE, DMA_TO_DEVICE);
	check_used(0);
}

TEST_BASE_FAILS(stale_unmap_spares_what_is_being_mapped, "see double_unmap")
{
	boot_fixed("512,1", NULL);
	race.dev = new_device(0, 0);
	race.orig = new_buffer(16384, 0);
	stale_unmap_while_mapping(512, 0, 512, false);
	stale_unmap_while_mapping(8192, 0, 8192, false);
	stale_unmap_while_mapping(512, 0, 512, true);
	stale_unmap_while_mapping(8192, 0, 8192, true);
	stale_unmap_while_mapping(4096, 1, 512, false);
	stale_unmap_while_mapping(8192, 1, 2048, false);
	CHECK(shim_log_has("nothing is mapped at 0x"));
}

TEST(foreign_addresses_are_left_alone)
{
	phys_addr_t orig, tlb;
	struct device *dev;

	boot("512,1");
	dev = new_device(0, 0);
	orig = new_buffer(4096, 0);
	fill_pattern(phys_to_virt(orig), 4096, 1);
	CHECK(!swiotlb_find_pool(dev, orig));
	unmap(dev, orig, 4096, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_cpu(dev, orig, 4096, DMA_BIDIRECTIONAL);
	swiotlb_sync_single_for_device(dev, orig, 4096, DMA_BIDIRECTIONAL);
	CHECK(!swiotlb_find_pool(dev, default_swiotlb_base() - 1));
	tlb = map(dev, orig, 4096, DMA_BIDIRECTIONAL);
	CHECK(swiotlb_find_pool(dev, tlb));
	CHECK(swiotlb_find_pool(dev, tlb + 4095));
	CHECK(!swiotlb_find_pool(dev, default_swiotlb_base() - 1));
	CHECK(!swiotlb_find_pool(dev, default_swiotlb_base() + SZ_1M));
	CHECK(has_pattern(phys_to_virt(orig), 4096, 1));
}

/* A map for a device without an allocator is refused, without any other effect */
TEST(nothing_to_map)
{
	struct device *dev, *bare;
	phys_addr_t orig;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	bare = new_device(0, 0);
	bare->dma_io_tlb_mem = NULL;
	orig = new_buffer(4096, 0);
	CHECK(map(bare, orig, 512, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(!is_swiotlb_active(bare));
	CHECK(is_swiotlb_active(dev));
	check_used(0);
}

TEST(nothing_of_no_device)
{
	struct device *bare;

	boot_fixed("512,1", NULL);
	bare = new_device(0, 0);
	bare->dma_io_tlb_mem = NULL;
	CHECK(!swiotlb_find_pool(bare, default_swiotlb_base()));
	CHECK(!is_swiotlb_force_bounce(bare));
}

TEST_BASE_FAILS(no_bytes_are_refused, "it maps nothing, somewhere")
{
	struct device *dev;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	CHECK(map(dev, new_buffer(64, 0), 0, DMA_TO_DEVICE) == MAP_FAILED_ADDR);
	CHECK(swiotlb_map(dev, new_buffer(64, 0), 0, DMA_TO_DEVICE, 0) ==
	      DMA_MAPPING_ERROR);
	check_used(0);
}

/* Only an unmap at the start of a mapping ends it, and always as a whole */
TEST_BASE_FAILS(unmap_of_the_middle_is_reported, "it frees a part of it")
{
	struct device *dev;
	phys_addr_t orig, tlb;

	boot_fixed("512,1", NULL);
	dev = new_device(0, 0);
	orig = new_buffer(8192, 0);
	tlb = map(dev, orig, 8192, DMA_FROM_DEVICE);
	fill_pattern(phys_to_virt(orig), 8192, 3);
	unmap(dev, tlb + 4096, 4096, DMA_FROM_DEVICE);
	CHECK_EQ(shim_log_count("is not the start of a mapping"), 1);
	CHECK(has_pattern(phys_to_virt(orig), 8192, 3));
	check_used(4);
	unmap(dev, tlb, 8192, DMA_FROM_DEVICE);
	check_used(0);
}

TEST(mask_with_holes_is_kept)
{
	static const unsigned int masks[] = { 0x17ff, 0x27ff, 0x11ff, 0x3600 };
	unsigned int i, off;
	struct device *dev;
	phys_addr_t orig, tlb;

	boot_fixed("512,1", NULL);
	orig = new_buffer(SZ_64K, 0);
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		dev = new_device(masks[i], 0);
		for (off = 0; off < 0x8000; off += 0x400) {
			tlb = map(dev, orig + off, 1024, DMA_TO_DEVICE);
			if (CHECK(tlb != MAP_FAILED_ADDR))
				CHECK_EQ(tlb & masks[i], off & masks[i]);
			unmap(dev, tlb, 1024, DMA_TO_DEVICE);
		}
	}
	check_used(0);
}
