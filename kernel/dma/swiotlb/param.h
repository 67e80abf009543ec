/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_PARAM_H
#define _KERNEL_DMA_SWIOTLB_PARAM_H

#include "internal.h"

/*
 * Settings of swiotlb=, written at boot, by the parser and when the boot pool is made.
 *
 * @nslots, the size of the boot pool, is computed from the other members. The command line asks
 * for @given_nslots, the architecture for @arch_nslots; 0 if it asks for none. @nareas is a power
 * of two, or 0 for one area per CPU. @max_nslots is the limit, 0 for a share of memory. If @fixed,
 * the pool cannot grow on this platform.
 */
struct swiotlb_param {
	unsigned long nslots;
	unsigned long given_nslots;
	unsigned long arch_nslots;
	unsigned int nareas;
	unsigned long max_nslots;
	bool force;
	bool noforce;
	bool dynamic;
	bool fixed;
	bool own;
	bool track_hiwater;
};

extern struct swiotlb_param swiotlb_param;

#if IS_ENABLED(CONFIG_KUNIT)
int swiotlb_setup(char *str);
#endif
unsigned int swiotlb_param_nareas(void);
void swiotlb_param_fixed_size(void);

/* The boot pool can start small if pools can be added, and swiotlb= gives no size. */
static inline bool swiotlb_param_starts_small(void)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && !swiotlb_param.fixed &&
	       !swiotlb_param.given_nslots;
}

/* In the unit of swiotlb_log_unit(): sizes below 1 MiB are logged in KiB. */
static inline unsigned long swiotlb_log_size(u64 bytes)
{
	return bytes >> (bytes < SZ_1M ? 10 : 20);
}

static inline const char *swiotlb_log_unit(u64 bytes)
{
	return bytes < SZ_1M ? "KiB" : "MB";
}

#endif /* _KERNEL_DMA_SWIOTLB_PARAM_H */
