/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The swiotlb= parameter.
 */
#ifndef _KERNEL_DMA_SWIOTLB_PARAM_H
#define _KERNEL_DMA_SWIOTLB_PARAM_H

#include "internal.h"

/**
 * struct swiotlb_param - settings of swiotlb=
 * @nslots:	Slots of the boot pool, computed from the other members.
 * @given_nslots: Slots that the command line asks for, 0 for none.
 * @arch_nslots: Slots that the architecture asks for, 0 for none.
 * @nareas:	Areas of a pool, a power of two; 0 for one area per CPU.
 * @force:	Bounce all DMA.
 * @noforce:	Bounce no DMA.
 * @dynamic:	Boot with a small pool.
 * @fixed:	The pool cannot grow on this platform.
 * @own:	Devices get allocators of their own.
 * @max_nslots:	Maximum number of slots in all pools; 0 for a share of memory.
 * @track_hiwater: Keep the peak of slots in use.
 *
 * Written at boot, by the parser and when the boot pool is made.
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

/* Is the boot pool small, since pools can be added and swiotlb= gives no size? */
static inline bool swiotlb_param_starts_small(void)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && !swiotlb_param.fixed &&
	       !swiotlb_param.given_nslots;
}

/* Size in the unit of swiotlb_log_unit(). In MB, sizes below 1 MiB would be logged as 0. */
static inline unsigned long swiotlb_log_size(u64 bytes)
{
	return bytes >> (bytes < SZ_1M ? 10 : 20);
}

static inline const char *swiotlb_log_unit(u64 bytes)
{
	return bytes < SZ_1M ? "KiB" : "MB";
}

#endif /* _KERNEL_DMA_SWIOTLB_PARAM_H */
