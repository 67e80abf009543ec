// SPDX-License-Identifier: GPL-2.0-only
/* What of the engine lies at an address. */
#include <engine/internal.h>
#include <engine/magazine.h>
#include "count.h"

static unsigned long device_start, device_end;

/* Where a field begins; the last one has no name */
struct field {
	size_t offset;
	const char *name;
};

#define FIELD(prefix, type, member) { offsetof(type, member), prefix #member }

static const struct field mem_fields[] = {
	FIELD("mem.", struct swiotlb_mem, pub),
	FIELD("mem.", struct swiotlb_mem, magazines),
	FIELD("mem.", struct swiotlb_mem, boot_pool),
	FIELD("mem.", struct swiotlb_mem, cache),
#ifdef CONFIG_DEBUG_FS
	FIELD("mem.", struct swiotlb_mem, total_used),
	FIELD("mem.", struct swiotlb_mem, used_hiwater),
#endif
#ifdef CONFIG_SWIOTLB_DYNAMIC
	FIELD("mem.", struct swiotlb_mem, can_grow),
	FIELD("mem.", struct swiotlb_mem, pools),
	FIELD("mem.", struct swiotlb_mem, index),
	FIELD("mem.", struct swiotlb_mem, table),
	FIELD("mem.", struct swiotlb_mem, npools),
	FIELD("mem.", struct swiotlb_mem, transient_lock),
	FIELD("mem.", struct swiotlb_mem, transients),
	FIELD("mem.", struct swiotlb_mem, transient_nslots),
	FIELD("mem.", struct swiotlb_mem, grow_work),
	FIELD("mem.", struct swiotlb_mem, last_check),
	FIELD("mem.", struct swiotlb_mem, next_try),
#endif
	{ sizeof(struct swiotlb_mem) },
};

static const struct field pool_fields[] = {
	FIELD("pool.", struct io_tlb_pool, start),
	FIELD("pool.", struct io_tlb_pool, records),
	FIELD("pool.", struct io_tlb_pool, areas),
	FIELD("pool.", struct io_tlb_pool, id),
	{ sizeof(struct io_tlb_pool) },
};

static const struct field area_fields[] = {
	FIELD("area.", struct io_tlb_area, lock),
	FIELD("area.", struct io_tlb_area, slots.used),
	FIELD("area.", struct io_tlb_area, slots.head),
	FIELD("area.", struct io_tlb_area, slots.nslots),
	FIELD("area.", struct io_tlb_area, slots.nused),
	FIELD("area.", struct io_tlb_area, slots.hint),
	{ sizeof(struct io_tlb_area), "area's bitmaps" },
	{ ULONG_MAX },
};

static const struct field magazine_fields[] = {
	FIELD("magazine.", struct swiotlb_magazine, room),
	FIELD("magazine.", struct swiotlb_magazine, top),
	FIELD("magazine.", struct swiotlb_magazine, armed),
	FIELD("magazine.", struct swiotlb_magazine, moves),
	FIELD("magazine.", struct swiotlb_magazine, seen),
	FIELD("magazine.", struct swiotlb_magazine, cell),
	{ ULONG_MAX },
};

static const struct field depot_fields[] = {
	FIELD("depot.", struct swiotlb_depot, lock),
	FIELD("depot.", struct swiotlb_depot, count),
	FIELD("depot.", struct swiotlb_depot, limit),
	FIELD("depot.", struct swiotlb_depot, moves),
	FIELD("depot.", struct swiotlb_depot, seen),
	FIELD("depot.", struct swiotlb_depot, cells),
	{ sizeof(struct swiotlb_depot) },
};

static const char *name_at(const struct field *f, size_t offset)
{
	while (f[1].name && f[1].offset <= offset)
		f++;
	return f->name;
}

static bool within(unsigned long addr, const void *p, size_t size)
{
	return addr - (unsigned long)p < size;
}

/* Offset in the magazines of a CPU, -1 if it is not there */
static long magazine_offset(unsigned long addr)
{
	unsigned long off = addr - (unsigned long)swiotlb_default_mem.magazines;

	if (!swiotlb_default_mem.magazines || off >= NR_CPUS * SHIM_PCPU_UNIT)
		return -1;
	off %= SHIM_PCPU_UNIT;
	return off < swiotlb_magazine_offset[SWIOTLB_NR_CLASSES] ? off : -1;
}

static const char *depot_field(unsigned long addr)
{
	const struct swiotlb_cache *cache = swiotlb_default_mem.cache;
	unsigned int i;

	if (!cache)
		return NULL;
	for (i = 0; i < SWIOTLB_NR_CLASSES; i++) {
		if (within(addr, &cache->depot[i], sizeof(cache->depot[i])))
			return name_at(depot_fields,
				       addr - (unsigned long)&cache->depot[i]);
		if (within(addr, cache->depot[i].cells,
			   SZ_4K >> i << ilog2(sizeof(u32))))
			return "depot's cells";
	}
	return within(addr, cache, sizeof(*cache)) ? "cache" : NULL;
}

enum kind where_kind(unsigned long addr)
{
	const struct swiotlb_mem *mem = &swiotlb_default_mem;
	const struct io_tlb_pool *pool = &mem->boot_pool;

	if (within(addr, shim_ram, SHIM_PHYS_END)) {
		if (within(addr, pool->areas, (size_t)pool->nareas * pool->area_stride))
			return KIND_AREA;
		if (within(addr, pool->records, (size_t)pool->nslots * sizeof(u64)))
			return KIND_RECORD;
		return KIND_IGNORED;
	}
	if (within(addr, pool, sizeof(*pool)))
		return KIND_POOL;
	if (within(addr, mem, sizeof(*mem)))
		return KIND_MEM;
	if (magazine_offset(addr) >= 0)
		return KIND_MAGAZINE;
	if (depot_field(addr))
		return KIND_DEPOT;
	if (addr - device_start < device_end - device_start)
		return KIND_DEVICE;
	return KIND_OTHER;
}

/* One by one: lines of variables are shared with the engine's own */
bool where_ignored(unsigned long addr)
{
#define VAR(v) { &(v), sizeof(v) }
	const struct {
		const void *p;
		size_t size;
	} vars[] = {
		VAR(shim_self), VAR(*shim_self), VAR(shim_nr_cpus),
		VAR(shim_before_lock), VAR(shim_after_unlock),
		VAR(shim_before_cmpxchg64), VAR(shim_before_take),
		VAR(shim_after_take), VAR(shim_before_push),
		VAR(shim_pcpu_static), VAR(shim_jiffies), VAR(shim_cc),
		VAR(shim_c_bit), VAR(shim_ram), VAR(shim_memmap),
		VAR(shim_highmem_start), VAR(shim_traced),
		VAR(shim_cause),
		VAR(shim_arch_syncs), VAR(shim_arch_flushes),
#ifdef CONFIG_DEBUG_FS
		VAR(swiotlb_track_hiwater),
#endif
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vars); i++)
		if (within(addr, vars[i].p, vars[i].size))
			return true;
	return false;
}

const char *where_field(unsigned long addr)
{
	const struct swiotlb_mem *mem = &swiotlb_default_mem;
	const struct io_tlb_pool *pool = &mem->boot_pool;
	unsigned int class = 0;
	long off;

	switch (where_kind(addr)) {
	case KIND_MEM:
		return name_at(mem_fields, addr - (unsigned long)mem);
	case KIND_POOL:
		return name_at(pool_fields, addr - (unsigned long)pool);
	case KIND_RECORD:
		return "record";
	case KIND_AREA:
		return name_at(area_fields, (addr - (unsigned long)pool->areas) %
					    pool->area_stride);
	case KIND_MAGAZINE:
		off = magazine_offset(addr);
		while (off >= swiotlb_magazine_offset[class + 1])
			class++;
		return name_at(magazine_fields,
			       off - swiotlb_magazine_offset[class]);
	case KIND_DEPOT:
		return depot_field(addr);
	case KIND_DEVICE:
		return "device";
	default:
		return "other";
	}
}

void where_device(const struct device *dev)
{
	device_start = (unsigned long)dev;
	device_end = device_start + sizeof(*dev) +
		     sizeof(struct device_dma_parameters) + sizeof(u64);
}
