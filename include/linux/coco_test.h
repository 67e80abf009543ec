/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_COCO_TEST_H
#define _LINUX_COCO_TEST_H

#ifdef CONFIG_X86_COCO_TEST
void coco_test_free(unsigned long pfn, unsigned int order);
#else
static inline void coco_test_free(unsigned long pfn, unsigned int order)
{
}
#endif

#endif /* _LINUX_COCO_TEST_H */
