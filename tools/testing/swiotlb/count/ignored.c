// SPDX-License-Identifier: GPL-2.0-only
/* Variables that are not counted: those of the shim, constants, and static keys. */
#ifdef ENGINE_ours
#include <engine/mem.h>
#endif
#include "count.h"

/* Ignore single variables, because their lines also have variables of the engine */
bool where_ignored(unsigned long addr)
{
#define VAR(v) { &(v), sizeof(v) }
	const struct {
		const void *p;
		size_t size;
	} vars[] = {
		VAR(shim_self), VAR(*shim_self), VAR(shim_nr_cpus),
		VAR(shim_before_lock), VAR(shim_before_acquire),
		VAR(shim_after_unlock),
		VAR(shim_before_cmpxchg), VAR(shim_before_cmpxchg64),
		VAR(shim_before_take), VAR(shim_after_take),
		VAR(shim_pcpu_static), VAR(shim_jiffies), VAR(shim_cc),
		VAR(shim_c_bit), VAR(shim_ram), VAR(shim_memmap),
		VAR(shim_highmem_start), VAR(shim_traced),
		VAR(shim_cause),
		VAR(shim_arch_syncs), VAR(shim_arch_flushes),
#ifdef ENGINE_ours
		/* Constant, but defined in another file, so the compiler makes calls for it */
		VAR(swiotlb_magazine_offset),
#ifdef CONFIG_DEBUG_FS
		VAR(swiotlb_track_hiwater),
#endif
#endif
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vars); i++)
		if (within(addr, vars[i].p, vars[i].size))
			return true;
	return false;
}
