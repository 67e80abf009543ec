// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with encrypted memory, and a device that it trusts (TDISP): the device reads
 * private memory, and must not get shared memory. Its allocator has private pools, beside
 * the default one, whose pools are shared.
 *
 *	default, boot pool    shared     <- all other devices
 *	trusted, boot pool    private    <- the trusted device
 *	both grow, from the same free memory
 */
#include "harness.h"

#if defined(ENGINE_ours) && defined(CONFIG_SWIOTLB_DYNAMIC)
#include <engine/mem.h>

#define PIECE		SZ_64K
#define BOOT_BYTES	SZ_1M
#define MAX_PIECES	1024
#define C_BIT		(1ULL << 47)

static struct swiotlb_mem trusted_mem;
static struct device *trusted, *other;
static phys_addr_t tlbs[MAX_PIECES];

/* Set up @trusted_mem as the architecture and the core of TDISP would do it */
static void start(const char *arg)
{
	unsigned long nslots = BOOT_BYTES >> IO_TLB_SHIFT;
	struct swiotlb_mem *mem = &trusted_mem;
	phys_addr_t pool = shim_take_ram(BOOT_BYTES);

	shim_c_bit = C_BIT;
	boot_encrypted(arg);
	swiotlb_mem_init(mem);
	mem->pub.force_bounce = true;
	swiotlb_growth_enable(mem, virt_to_phys(high_memory - 1), 4, 0);
	swiotlb_pool_init(&mem->boot_pool, kvzalloc(swiotlb_pool_meta_bytes(nslots, 4), GFP_KERNEL),
			  pool, phys_to_virt(pool), nslots, 4);
	swiotlb_mem_set_boot_pool(mem);
	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_mem_start_magazines(mem);
	swiotlb_debugfs_add(mem, "trusted");

	other = device_below(DMA_BIT_MASK(48));
	trusted = device_below(DMA_BIT_MASK(48));
	trusted->shim_unencrypted = false;
	trusted->dma_io_tlb_mem = &mem->pub;
}

static unsigned long conversions(void)
{
	return shim_faults[SHIM_FAULT_DECRYPT].calls + shim_faults[SHIM_FAULT_ENCRYPT].calls;
}

/* Maps as the DMA API does; returns the physical address of the buffer */
static phys_addr_t map_for(struct device *dev, phys_addr_t orig, unsigned long attrs)
{
	dma_addr_t dma = swiotlb_map(dev, orig, PIECE, DMA_BIDIRECTIONAL, attrs);
	phys_addr_t tlb;

	if (dma == DMA_MAPPING_ERROR)
		return MAP_FAILED_ADDR;
	/* The C bit says that the device uses private memory */
	CHECK_EQ(!!(dma & C_BIT), dev == trusted);
	tlb = dma_to_phys(dev, dma);
	CHECK_EQ(shim_page_decrypted(tlb), dev != trusted);
	CHECK_EQ(shim_page_decrypted(tlb + PIECE - 1), dev != trusted);
	return tlb;
}

TEST(trusted_device_uses_private_memory_only)
{
	struct io_tlb_pool *pool;
	unsigned long before;
	phys_addr_t orig;
	unsigned int n;

	start("512,1");
	ticks(10);
	before = conversions();
	orig = new_buffer(PIECE, 0);
	for (n = 0; n < 200; n++) {
		fill_pattern(phys_to_virt(orig), PIECE, n);
		tlbs[n] = map_for(trusted, orig, 0);
		if (!CHECK(tlbs[n] != MAP_FAILED_ADDR))
			return;
		CHECK(has_pattern(phys_to_virt(tlbs[n]), PIECE, n));
		ticks(1);
	}
	/* The private allocator has grown, the default allocator has not */
	CHECK(trusted_mem.pools.held > 2 * BOOT_BYTES >> IO_TLB_SHIFT);
	CHECK(atomic_long_read(&trusted_mem.events[SWIOTLB_GROWN]) > 0);
	CHECK_EQ(swiotlb_mem_used(&trusted_mem), 200 * PIECE / IO_TLB_SIZE);
	CHECK_EQ(slots_used(), 0);
	CHECK_EQ(slots_event("grown"), 0);

	/* A sync and an unmap find each buffer, and the sync copies the data of the device */
	while (n--) {
		pool = swiotlb_find_pool(trusted, tlbs[n]);
		CHECK(pool && pool->mem == &trusted_mem);
		fill_pattern(phys_to_virt(tlbs[n]), PIECE, n + 7);
		swiotlb_sync_single_for_cpu(trusted, tlbs[n], PIECE, DMA_BIDIRECTIONAL);
		CHECK(has_pattern(phys_to_virt(orig), PIECE, n + 7));
		unmap(trusted, tlbs[n], PIECE, DMA_BIDIRECTIONAL);
	}
	CHECK_EQ(swiotlb_mem_used(&trusted_mem), 0);

	/* The added pools are freed, too, and no encryption has changed */
	ticks(60);
	CHECK_EQ(trusted_mem.pools.held, BOOT_BYTES >> IO_TLB_SHIFT);
	CHECK_EQ(conversions(), before);
	CHECK_EQ(atomic_long_read(&trusted_mem.events[SWIOTLB_SET_MEMORY]), 0);
}

/* Private memory needs no conversion, so a transient pool is made of any memory */
TEST(trusted_device_takes_nothing_from_the_atomic_pools)
{
	unsigned long before, atomic;
	phys_addr_t orig;
	unsigned int n;

	start("512,1");
	before = conversions();
	atomic = shim_faults[SHIM_FAULT_ATOMIC_POOL].calls;
	orig = new_buffer(PIECE, 0);
	shim_hardirq_enter();
	/* Transient pools may take 1 MiB from the atomic pools: these have more */
	for (n = 0; n < 64; n++) {
		tlbs[n] = map_for(trusted, orig, 0);
		CHECK(tlbs[n] != MAP_FAILED_ADDR);
	}
	CHECK(swiotlb_transient_nslots(&trusted_mem) > SZ_2M >> IO_TLB_SHIFT);
	while (n--)
		unmap(trusted, tlbs[n], PIECE, DMA_BIDIRECTIONAL);
	shim_hardirq_exit();
	ticks(60);
	CHECK_EQ(swiotlb_transient_nslots(&trusted_mem), 0);
	CHECK_EQ(shim_faults[SHIM_FAULT_ATOMIC_POOL].calls, atomic);
	CHECK_EQ(conversions(), before);
}

TEST(trusted_device_maps_large_buffers_in_private_memory)
{
	unsigned long before, attrs = DMA_ATTR_MAY_SLEEP | DMA_ATTR_CC_SHARED;
	phys_addr_t orig, tlb;

	start("512,1");
	before = conversions();
	orig = new_buffer(SZ_8M, 0);
	tlb = swiotlb_tbl_map_single(trusted, orig, SZ_8M, 0, DMA_BIDIRECTIONAL, &attrs);
	if (!CHECK(tlb != MAP_FAILED_ADDR))
		return;
	CHECK(!(attrs & DMA_ATTR_CC_SHARED));
	CHECK(!shim_page_decrypted(tlb) && !shim_page_decrypted(tlb + SZ_8M - 1));
	unmap(trusted, tlb, SZ_8M, DMA_BIDIRECTIONAL);
	ticks(60);
	CHECK_EQ(conversions(), before);
}

/*
 * Both allocators grow and shrink in the same memory, on the same CPUs, so their magazines
 * hold buffers of the same sizes. Neither must ever use a buffer of the other. map_for()
 * checks each buffer.
 */
TEST(shared_and_private_allocators_exchange_no_buffer)
{
	struct rng rng = { .s = 20 };
	struct device *owner[64] = { };
	phys_addr_t orig = new_buffer(PIECE, 0);
	unsigned int round, i;

	start("512,1");
	for (round = 0; round < 6000; round++) {
		i = rng_below(&rng, ARRAY_SIZE(owner));
		shim_set_cpu(rng_below(&rng, 4));
		if (owner[i]) {
			CHECK_EQ(swiotlb_find_pool(owner[i], tlbs[i])->mem ==
				 &trusted_mem, owner[i] == trusted);
			unmap(owner[i], tlbs[i], PIECE, DMA_BIDIRECTIONAL);
			owner[i] = NULL;
		} else {
			owner[i] = rng_below(&rng, 2) ? trusted : other;
			tlbs[i] = map_for(owner[i], orig, DMA_ATTR_NO_WARN);
			if (tlbs[i] == MAP_FAILED_ADDR)
				owner[i] = NULL;
		}
		/* At times both are idle for so long that they shrink */
		if (round % 1500 == 1499) {
			for (i = 0; i < ARRAY_SIZE(owner); i++)
				if (owner[i])
					unmap(owner[i], tlbs[i], PIECE, DMA_BIDIRECTIONAL);
			memset(owner, 0, sizeof(owner));
			CHECK_EQ(swiotlb_mem_used(&trusted_mem), 0);
			CHECK_EQ(slots_used(), 0);
			ticks(60);
			CHECK_EQ(trusted_mem.pools.held, BOOT_BYTES >> IO_TLB_SHIFT);
		} else if (round % 10 == 9) {
			ticks(1);
		}
	}
	CHECK(atomic_long_read(&trusted_mem.events[SWIOTLB_GROWN]) > 3);
	CHECK(slots_event("set_memory") > 3);
	CHECK_EQ(atomic_long_read(&trusted_mem.events[SWIOTLB_SET_MEMORY]), 0);
}

TEST(allocator_of_the_other_encryption_refuses)
{
	phys_addr_t orig;

	start("512,1");
	orig = new_buffer(PIECE, 0);
	trusted->dma_io_tlb_mem = &swiotlb_default_mem.pub;
	other->dma_io_tlb_mem = &trusted_mem.pub;
	shim_cause = NULL;
	CHECK_EQ(map_for(trusted, orig, 0), MAP_FAILED_ADDR);
	CHECK(shim_cause && !strcmp(shim_cause, "encryption"));
	shim_cause = NULL;
	CHECK_EQ(map_for(other, orig, 0), MAP_FAILED_ADDR);
	CHECK(shim_cause && !strcmp(shim_cause, "encryption"));
	CHECK_EQ(slots_event("wrong_encryption"), 1);
	CHECK_EQ(atomic_long_read(&trusted_mem.events[SWIOTLB_WRONG_ENCRYPTION]), 1);
}

#endif
