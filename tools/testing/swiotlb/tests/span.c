// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings across a multiple of 1 MiB, which may be the border of two entries in an index.
 *
 *	  1 MiB		  2 MiB
 *	----|----------------|----
 *	       [ pool      |     ]
 */
#include <stdio.h>
#include "harness.h"

static phys_addr_t tlbs[1024];

/* Sync each part of a mapping in both directions, then unmap it */
static void check_each_part(struct device *dev, phys_addr_t orig, phys_addr_t tlb,
			    size_t size)
{
	u8 *near = phys_to_virt(orig), *far = phys_to_virt(tlb);
	size_t at;

	for (at = 0; at < size; at += SZ_4K) {
		memset(far + at, 0x11, 64);
		swiotlb_sync_single_for_cpu(dev, tlb + at, 64, DMA_BIDIRECTIONAL);
		CHECK_MSG(all_bytes(near + at, 64, 0x11),
			  "at %zu of %zu: not copied to the buffer", at, size);
		memset(near + at, 0x22, 64);
		swiotlb_sync_single_for_device(dev, tlb + at, 64, DMA_BIDIRECTIONAL);
		CHECK_MSG(all_bytes(far + at, 64, 0x22),
			  "at %zu of %zu: not copied to the device", at, size);
		if (check_failures())
			return;
	}
	CHECK(swiotlb_find_pool(dev, tlb + size - 1));
	fill_pattern(far, size, 3);
	unmap(dev, tlb, size, DMA_BIDIRECTIONAL);
	CHECK(has_pattern(near, size, 3));
}

/* A transient pool begins below a multiple of 1 MiB and ends above */
static void span_transient(const void *arg)
{
	unsigned int min_align_mask = *(const unsigned int *)arg;
	struct device *dev, *nvme;
	size_t size = SZ_256K;
	phys_addr_t orig, tlb;

	boot("1024,1");
	dev = new_device(0, 0);
	shim_fail(SHIM_FAULT_CONTIG, 0, -1);
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, 512);
	nvme = new_device(min_align_mask, 0);
	/* The original begins 128 KiB below a multiple of 1 MiB */
	orig = shim_take_ram(SZ_4M) + SZ_1M - SZ_128K;
	tlb = map(nvme, orig, size, DMA_BIDIRECTIONAL);
	if (CHECK(tlb != MAP_FAILED_ADDR)) {
		CHECK(slots_transient() != 0);
		check_each_part(nvme, orig, tlb, size);
	}
}

TEST_BASE_FAILS(transient_pool_is_found_by_all_its_addresses,
		"a pool for one mapping has no room for the alignment")
{
	static const unsigned int masks[] = { SZ_256K - 1, SZ_512K - 1, SZ_1M - 1 };
	unsigned int i;
	char what[16];

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		snprintf(what, sizeof(what), "mask 0x%x", masks[i]);
		in_child(span_transient, &masks[i], what);
	}
}

/* In encrypted guests, transient pools come from atomic coherent pools, which are unaligned */
TEST(transient_pool_across_pieces_is_found_by_all_its_addresses)
{
	struct device *dev;
	phys_addr_t orig, tlb;

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	boot_encrypted("512,1");
	shim_atomic_pool = SZ_4M - SZ_128K;
	/* Drivers need half of the atomic pool */
	shim_atomic_bytes = SZ_512K;
	dev = new_device(0, 0);
	map_until_full(dev, new_buffer(SZ_4K, 0), SZ_4K, tlbs, SZ_1M / SZ_4K);
	orig = new_buffer(SZ_256K, 0);
	tlb = map(dev, orig, SZ_256K, DMA_BIDIRECTIONAL);
	if (CHECK(tlb != MAP_FAILED_ADDR)) {
		CHECK_EQ(tlb, SZ_4M - SZ_128K);
		check_each_part(dev, orig, tlb, SZ_256K);
	}
}
