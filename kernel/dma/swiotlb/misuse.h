/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors of drivers.
 */
#ifndef _KERNEL_DMA_SWIOTLB_MISUSE_H
#define _KERNEL_DMA_SWIOTLB_MISUSE_H

#include "internal.h"

/*
 * A driver has unmapped, synced or freed an address that is not its own. Nothing is
 * harmed: a machine with panic_on_warn must not die of it, unless it is there to find
 * such drivers.
 */
#define swiotlb_driver_error(dev, fmt, ...)				\
do {									\
	struct device *__dev = (dev);					\
									\
	if (IS_ENABLED(CONFIG_DMA_API_DEBUG))				\
		dev_WARN_ONCE(__dev, 1, fmt, ##__VA_ARGS__);		\
	else								\
		dev_err_ratelimited(__dev, fmt, ##__VA_ARGS__);		\
} while (0)

#endif /* _KERNEL_DMA_SWIOTLB_MISUSE_H */
