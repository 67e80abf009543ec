// SPDX-License-Identifier: GPL-2.0-only
/* Make an x86 kernel believe that its memory is encrypted: see drivers/virt/coco. */

#include <linux/coco_test.h>
#include <linux/init.h>

#include <asm/coco.h>
#include <asm/x86_init.h>

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
	cc_vendor = CC_VENDOR_INTEL;
	x86_platform.guest.enc_status_change_prepare = coco_test_change;
}
