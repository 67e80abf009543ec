// SPDX-License-Identifier: GPL-2.0-only
/* Giving back. Time and work are stepped. */
#include "harness.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

static void ticks(unsigned int n)
{
	while (n--) {
		shim_advance(HZ);
		shim_run_work();
	}
}

/* 64 KiB each, from a pool of 1 MiB: returns how many */
static unsigned int grow(struct device *dev, phys_addr_t orig, phys_addr_t *tlbs,
			 unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		tlbs[i] = map(dev, orig, 65536, DMA_FROM_DEVICE);
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
		shim_run_work();
	}
	return n;
}

static void shrink(struct device *dev, phys_addr_t *tlbs, unsigned int n)
{
	while (n--)
		unmap(dev, tlbs[n], 65536, DMA_FROM_DEVICE);
}

/* All of 256 MiB is given back within half a minute, and no byte is lost */
TEST(gives_back_what_it_has_grown)
{
	static phys_addr_t tlbs[4096];
	struct shim_usage before;
	struct device *dev;
	phys_addr_t orig;
	unsigned int n;

	boot("512,4");
	dev = new_device(0, 0);
	orig = new_buffer(65536, 0);
	before = shim_usage();
	n = grow(dev, orig, tlbs, 4000);
	CHECK(slots_total() >= 4000 * 32);
	CHECK(slots_event("grown") <= 9);
	ticks(30);
	CHECK(slots_total() >= 4000 * 32);
	CHECK_EQ(slots_event("freed"), 0);
	shrink(dev, tlbs, n);
	ticks(30);
	CHECK_EQ(slots_total(), 512);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
	CHECK_EQ(shim_usage().pages, before.pages);
	check_used(0);
}
#endif
