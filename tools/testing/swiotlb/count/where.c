// SPDX-License-Identifier: GPL-2.0-only
/* Maps an address to an object of the engine. */
#include <engine/mem.h>
#include "count.h"

static unsigned long device_start, device_end;
/* The allocator, and its only pool that is used */
static const struct swiotlb_mem *mem = &swiotlb_default_mem;
static const struct io_tlb_pool *pool = &swiotlb_default_mem.boot_pool;

void where_allocator(const struct swiotlb_mem *of, const struct io_tlb_pool *its_pool)
{
	mem = of;
	pool = its_pool;
}

/* Offset of a field; the last one has no name */
struct field {
	size_t offset;
	const char *name;
};

#define FIELD(prefix, type, member) { offsetof(type, member), prefix #member }

static const struct field mem_fields[] = {
	FIELD("mem.", struct swiotlb_mem, pub),
	FIELD("mem.", struct swiotlb_mem, cache.cpu),
	FIELD("mem.", struct swiotlb_mem, cache.crowded),
	FIELD("mem.", struct swiotlb_mem, cache.filled),
	FIELD("mem.", struct swiotlb_mem, cache.depot),
	FIELD("mem.", struct swiotlb_mem, last),
	FIELD("mem.", struct swiotlb_mem, boot_pool),
	FIELD("mem.", struct swiotlb_mem, pools),
	FIELD("mem.", struct swiotlb_mem, early_used),
	FIELD("mem.", struct swiotlb_mem, growth),
#ifdef CONFIG_DEBUG_FS
	FIELD("mem.", struct swiotlb_mem, debugfs),
	FIELD("mem.", struct swiotlb_mem, total_used),
	FIELD("mem.", struct swiotlb_mem, used_hiwater),
	FIELD("mem.", struct swiotlb_mem, events),
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
	FIELD("area.", struct io_tlb_area, slots.longest),
	FIELD("area.", struct io_tlb_area, slots.hint),
	{ sizeof(struct io_tlb_area), "area's bitmaps" },
	{ ULONG_MAX },
};

static const struct field magazine_fields[] = {
	FIELD("magazine.", struct swiotlb_magazine, filled),
	FIELD("magazine.", struct swiotlb_magazine, listed),
	FIELD("magazine.", struct swiotlb_magazine, limit),
	FIELD("magazine.", struct swiotlb_magazine, top),
	FIELD("magazine.", struct swiotlb_magazine, cell),
	{ ULONG_MAX },
};

static const struct field depot_fields[] = {
	FIELD("depot.", struct swiotlb_depot, lock),
	FIELD("depot.", struct swiotlb_depot, count),
	FIELD("depot.", struct swiotlb_depot, limit),
	FIELD("depot.", struct swiotlb_depot, cells),
	{ sizeof(struct swiotlb_depot) },
};

static const char *name_at(const struct field *f, size_t offset)
{
	while (f[1].name && f[1].offset <= offset)
		f++;
	return f->name;
}

/* Returns the offset of @addr in the per-CPU data, -1 if @addr lies elsewhere */
static long cpu_offset(unsigned long addr)
{
	const struct swiotlb_cache *cache = &mem->cache;
	unsigned long off = addr - (unsigned long)cache->cpu;

	if (!cache->cpu || off >= NR_CPUS * SHIM_PCPU_UNIT)
		return -1;
	off %= SHIM_PCPU_UNIT;
	return off < SWIOTLB_CPU_CACHE_BYTES ? off : -1;
}

static const char *cpu_field(unsigned int off)
{
	unsigned int class, start, best = 0;

	for (class = 0; class < SWIOTLB_NR_CLASSES; class++) {
		start = swiotlb_magazine_offset[class];
		if (start <= off)
			best = max(best, start);
	}
	return best ? name_at(magazine_fields, off - best) : "CPU's count";
}

static const char *depot_field(unsigned long addr)
{
	const struct swiotlb_depot *depot = mem->cache.depot;
	unsigned int i;

	if (!depot)
		return NULL;
	for (i = 0; i < SWIOTLB_NR_CLASSES; i++, depot++) {
		if (within(addr, depot, sizeof(*depot)))
			return name_at(depot_fields, addr - (unsigned long)depot);
		if (within(addr, depot->cells, depot->limit * sizeof(u32)))
			return "depot's cells";
	}
	return NULL;
}

enum kind where_kind(unsigned long addr)
{
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
	if (cpu_offset(addr) >= 0)
		return KIND_MAGAZINE;
	if (depot_field(addr))
		return KIND_DEPOT;
	if (addr - device_start < device_end - device_start)
		return KIND_DEVICE;
	return KIND_OTHER;
}

const char *where_field(unsigned long addr)
{
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
		return cpu_field(cpu_offset(addr));
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
