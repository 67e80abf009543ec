/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_COCO_TEST_H
#define _LINUX_COCO_TEST_H

#include <linux/types.h>

#ifdef CONFIG_COCO_TEST
/* Inject a violation: devices get the addresses of private memory. */
extern bool coco_test_private_dma;

void coco_test_free(unsigned long pfn, unsigned int order);
int coco_test_change(unsigned long addr, int npages, bool enc);

/* Defined by the architecture */
void coco_test_begin(void);
#else
#define coco_test_private_dma	false

static inline void coco_test_free(unsigned long pfn, unsigned int order)
{
}
#endif

#endif /* _LINUX_COCO_TEST_H */
