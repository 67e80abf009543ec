// SPDX-License-Identifier: GPL-2.0-only
/*
 * Confidential guests: how much memory they share at boot, under load and afterwards. Time
 * is simulated: each ms 1 MiB is mapped in hard interrupts, and the worker runs every 8 ms.
 */
#include <stdio.h>
#include "harness.h"

#define PIECE SZ_64K
#define MOST (SZ_1G / PIECE)
#define WORKER_MS 8
#define MIB_PIECES (SZ_1M / PIECE)

static phys_addr_t tlbs[MOST], orig;
static struct device *dev;
static unsigned int failed;

static unsigned long shared_mib(void)
{
	return shim_usage().decrypted_pages >> (20 - PAGE_SHIFT);
}

static void map_piece(unsigned int i)
{
	shim_hardirq_enter();
	tlbs[i] = map(dev, orig, PIECE, DMA_TO_DEVICE);
	shim_hardirq_exit();
	failed += tlbs[i] == MAP_FAILED_ADDR;
}

static void unmap_piece(unsigned int i)
{
	if (tlbs[i] != MAP_FAILED_ADDR)
		unmap(dev, tlbs[i], PIECE, DMA_TO_DEVICE);
}

static void load(unsigned int n)
{
	unsigned int i;

	dev = new_device(0, 0);
	orig = new_buffer(PIECE, 0);
	for (i = 0; i < n; i++) {
		map_piece(i);
		if (i % MIB_PIECES)
			continue;
		shim_advance(HZ / 1000);
		if (i / MIB_PIECES % WORKER_MS == 0)
			shim_run_work();
	}
}

static void unload(unsigned int n)
{
	while (n--)
		unmap_piece(n);
	ticks(60);
}

/* mem_encrypt_setup_arch(): 6 % of memory, from 64 MiB to 1 GiB */
static void boot_x86(unsigned long gib)
{
	u64 memory = (u64)gib << 30;

	shim_totalram = PHYS_PFN(memory);
	boot_guest(clamp(memory * 6 / 100, (u64)SZ_64M, (u64)SZ_1G));
}

#define TABLE_MIB 256

/* "make guests" collects the line that this test prints, for both engines */
static void check_memory(const void *arg)
{
	unsigned long gib = *(const unsigned long *)arg, at_boot, most;

	boot_x86(gib);
	at_boot = shared_mib();
	load(TABLE_MIB * MIB_PIECES);
	ticks(1);
	most = shared_mib();
	unload(TABLE_MIB * MIB_PIECES);
	printf("# guest: %lu,%lu,%lu,%lu,%u\n", gib, at_boot, most, shared_mib(), failed);
	fflush(stdout);
	CHECK(at_boot <= 64);
	CHECK_EQ(failed, 0);
	CHECK_EQ(shared_mib(), at_boot);
}

TEST_BASE_FAILS(guest_shares_little_at_boot_and_after_load, "6 % at boot, for good")
{
	static const unsigned long sizes[] = { 2, 16, 64 };

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	in_child(check_memory, &sizes[0], "2 GiB");
	in_child(check_memory, &sizes[1], "16 GiB");
	in_child(check_memory, &sizes[2], "64 GiB");
}

/*
 * A user's load: 1 GiB in flight for 5 minutes, of which 6 MiB are replaced in each second.
 * The boot pool has 64 MiB.
 */
TEST_BASE_FAILS(guest_holds_1_gib_in_flight_for_5_minutes, "maps fail, and all is kept")
{
	unsigned int ms, i = 0;

	if (!IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		skip_test("built without SWIOTLB_DYNAMIC");
	boot_x86(16);
	CHECK_EQ(shared_mib(), 64);
	load(MOST);
	for (ms = 0; ms < 300 * 1000; ms += 10) {
		unmap_piece(i);
		map_piece(i);
		i = (i + 1023) % MOST;
		shim_advance(HZ / 100);
		shim_run_work();
	}
	CHECK_MSG(!failed, "%u failed", failed);
	CHECK(!shim_log_has("is full"));
	CHECK(shared_mib() >= 1024);
	CHECK(shared_mib() <= 2048 + 64);
	unload(MOST);
	CHECK_EQ(shared_mib(), 64);
}
