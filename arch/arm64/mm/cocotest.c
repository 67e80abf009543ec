// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make an arm64 kernel believe that its memory is encrypted: see drivers/virt/coco. The kernel
 * runs as a protected guest of pKVM: unlike in a realm, page tables and DMA addresses have no
 * bit for shared memory.
 */

#include <linux/coco_test.h>
#include <linux/init.h>
#include <linux/jump_label.h>

#include <asm/hypervisor.h>
#include <asm/mem_encrypt.h>

static int coco_test_encrypt(unsigned long addr, int npages)
{
	return coco_test_change(addr, npages, true);
}

static int coco_test_decrypt(unsigned long addr, int npages)
{
	return coco_test_change(addr, npages, false);
}

static const struct arm64_mem_crypt_ops coco_test_ops = {
	.encrypt = coco_test_encrypt,
	.decrypt = coco_test_decrypt,
};

/**
 * coco_test_begin() - become a confidential guest
 *
 * From now on cc_platform_has() reports encrypted memory, and coco_test_change() gets each
 * change of pages.
 *
 * Context: Boot, one CPU, before the first change.
 */
void __init coco_test_begin(void)
{
	if (!arm64_mem_crypt_ops_register(&coco_test_ops))
		static_branch_enable(&pkvm_guest);
}
