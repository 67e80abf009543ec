/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_REPORT_H
#define _KERNEL_DMA_SWIOTLB_REPORT_H

#include "mem.h"

bool swiotlb_failed(struct device *dev, enum swiotlb_event cause, size_t bytes,
		    unsigned long attrs);
void swiotlb_failed_full(struct device *dev, const struct swiotlb_request *req,
			 enum swiotlb_reach reach, unsigned long attrs);

/*
 * Report an address that a driver has not mapped; @fmt has one %pa for it. WARN, which may panic,
 * is used only with CONFIG_DMA_API_DEBUG, since no memory is corrupted. The address is copied, so
 * that the caller can keep its variable in a register.
 */
#define swiotlb_driver_error(dev, fmt, addr)				\
do {									\
	struct device *__dev = (dev);					\
	phys_addr_t __addr = (addr);					\
									\
	if (IS_ENABLED(CONFIG_DMA_API_DEBUG))				\
		dev_WARN_ONCE(__dev, 1, fmt, &__addr);			\
	else								\
		dev_err_ratelimited(__dev, fmt, &__addr);		\
} while (0)

#endif /* _KERNEL_DMA_SWIOTLB_REPORT_H */
