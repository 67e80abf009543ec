// SPDX-License-Identifier: GPL-2.0-only
/* The size of the pool on arm64: arch_mm_preinit() of the tree under test. */
#include "harness.h"

#ifdef ARM64_PREINIT

#define ARM64_HW_PGTABLE_LEVELS(va_bits) (((va_bits) - 4) / (PAGE_SHIFT - 3))
#define CONFIG_ARM64_VA_BITS 48
#define CONFIG_PGTABLE_LEVELS ARM64_HW_PGTABLE_LEVELS(CONFIG_ARM64_VA_BITS)
#define OVERCOMMIT_ALWAYS 1
#define get_num_physpages() totalram_pages()

static phys_addr_t arm64_dma_phys_limit;
int sysctl_overcommit_memory;

#include ARM64_PREINIT

/* Boot with 2 GiB, all below the DMA limit; returns the size of the pool in bytes */
static size_t boot_arm64(const char *swiotlb_arg)
{
	shim_init();
	shim_totalram = PHYS_PFN(SZ_2G);
	max_pfn = PHYS_PFN(SHIM_LOW_END);
	arm64_dma_phys_limit = SHIM_HIGH_START;
	if (swiotlb_arg)
		shim_boot_param("swiotlb", swiotlb_arg);
	arch_mm_preinit();
	swiotlb_update_mem_attributes();
	return is_swiotlb_allocated() ? swiotlb_size_or_default() : 0;
}

TEST_BASE_FAILS(protected_guest_of_arm64_has_a_whole_pool,
		"1 MiB a GiB, as if only small buffers of kmalloc() bounced")
{
	shim_cc[CC_ATTR_MEM_ENCRYPT] = true;
	shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	CHECK_EQ(boot_arm64(NULL), SZ_64M);
}

TEST(protected_guest_of_arm64_obeys_the_command_line)
{
	shim_cc[CC_ATTR_MEM_ENCRYPT] = true;
	shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	CHECK_EQ(boot_arm64("4096"), SZ_8M);
}

TEST(arm64_that_bounces_small_buffers_only_has_a_small_pool)
{
	CHECK_EQ(boot_arm64(NULL), SZ_2M);
}

#endif /* ARM64_PREINIT */
