/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps that fail, and errors of drivers.
 */
#ifndef _KERNEL_DMA_SWIOTLB_REPORT_H
#define _KERNEL_DMA_SWIOTLB_REPORT_H

#include "mem.h"

/**
 * enum swiotlb_cause - why nothing could be mapped
 * @SWIOTLB_CAUSE_NO_POOL: The device has no allocator, or that has no pool.
 * @SWIOTLB_CAUSE_ENCRYPTION: The pools have the other state of encryption.
 * @SWIOTLB_CAUSE_TOO_LARGE: The request is larger than any mapping can be, ...
 * @SWIOTLB_CAUSE_MISALIGNED: ... or its alignment and boundary exclude each other.
 * @SWIOTLB_CAUSE_OUT_OF_REACH: The device reaches no memory.
 * @SWIOTLB_CAUSE_FULL:	There is no room.
 * @SWIOTLB_NR_CAUSES:	Number of all these.
 */
enum swiotlb_cause {
	SWIOTLB_CAUSE_NO_POOL,
	SWIOTLB_CAUSE_ENCRYPTION,
	SWIOTLB_CAUSE_TOO_LARGE,
	SWIOTLB_CAUSE_MISALIGNED,
	SWIOTLB_CAUSE_OUT_OF_REACH,
	SWIOTLB_CAUSE_FULL,
	SWIOTLB_NR_CAUSES,
};

bool swiotlb_failed(struct device *dev, enum swiotlb_cause cause, size_t bytes,
		    unsigned long attrs);
void swiotlb_failed_full(struct device *dev, const struct swiotlb_request *req,
			 enum swiotlb_reach reach, unsigned long attrs);

/*
 * A driver has unmapped, synced or freed an address that is not its own; @fmt has one %pa
 * for it. Nothing is harmed, so it must not panic with panic_on_warn, unless
 * CONFIG_DMA_API_DEBUG asks for such errors. With a copy of the address, the caller can
 * keep its own in a register.
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
