// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory is short: how often and how much is given back then, by whom, and what need
 * not wait for it.
 */
#include "harness.h"

#if defined(CONFIG_SWIOTLB_DYNAMIC) && defined(CONFIG_DEBUG_FS) && defined(ENGINE_ours)

#define PIECE 65536
#define MOST 1024

static phys_addr_t tlbs[MOST];
static struct device *dev;
static phys_addr_t orig;

static void start_with(struct device *device)
{
	dev = device;
	orig = new_buffer(PIECE, 0);
}

/* Growth keeps pace */
static void map_pieces(unsigned int n)
{
	unsigned int i;

	BUG_ON(n > MOST);
	for (i = 0; i < n; i++) {
		shim_advance(1);
		tlbs[i] = map(dev, orig, PIECE, DMA_TO_DEVICE);
		CHECK(tlbs[i] != MAP_FAILED_ADDR);
		shim_run_work();
	}
}

static void unmap_pieces(unsigned int n)
{
	while (n--)
		unmap(dev, tlbs[n], PIECE, DMA_TO_DEVICE);
}

/* Pools that are not used any more, whose memory is about to be encrypted */
static void start_encrypted(const char *arg)
{
	boot_encrypted(arg);
	start_with(new_device(0, 0));
	shim_fail(SHIM_FAULT_ATOMIC_POOL, 0, -1);
	map_pieces(160);
	unmap_pieces(160);
}

static unsigned int seen;

static void read_pools(void)
{
	CHECK(strstr(shim_debugfs_read(stats_dir, "pools"), "open"));
	seen++;
}

/* That takes seconds: who looks at the pools does not wait for it */
TEST(pools_are_shown_while_one_is_encrypted)
{
	start_encrypted("512,1");
	shim_before_encrypt = read_pools;
	ticks(60);
	CHECK_EQ(seen, 1);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

static void shrink_meanwhile(void)
{
	unsigned long freed;

	shim_shrink(&freed);
	CHECK_EQ(freed, 0);
	seen++;
}

TEST(shrinker_does_not_wait_while_one_is_encrypted)
{
	start_encrypted("512,1");
	shim_before_encrypt = shrink_meanwhile;
	ticks(60);
	CHECK_EQ(seen, 1);
	CHECK_EQ(slots_event("freed"), slots_event("grown"));
}

static long pages_at_boot, most;

/* Others map meanwhile, and ask for more than there may be */
static void load_meanwhile(void)
{
	unsigned int n;

	for (n = 0; n < 300; n++) {
		map_full(dev, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		shim_advance(1);
		shim_run_work();
		most = max(most, shim_usage().pages - pages_at_boot);
	}
	seen++;
}

/* Until it is free, memory counts against the limit */
TEST(memory_on_its_way_out_counts_against_the_limit)
{
	shim_init();
	start_encrypted("512,1,max=16M");
	pages_at_boot = shim_usage().pages - (slots_total() - 512) / 2;
	shim_before_encrypt = load_meanwhile;
	ticks(60);
	CHECK_EQ(seen, 1);
	CHECK_MSG(most <= 15 * SZ_1M >> PAGE_SHIFT, "%ld pages", most);
	/* ... and no longer: all of it can be had again */
	load_meanwhile();
	CHECK_EQ(slots_total(), 16 * 512);
}

#endif
