// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of allocators in debugfs.
 */

#include "mem.h"
#include "param.h"

DEFINE_STATIC_KEY_FALSE(swiotlb_track_hiwater);

/* This must run before the first map, since the sum must include each mapping. */
static int __init swiotlb_hiwater_init(void)
{
	if (swiotlb_param.track_hiwater)
		static_branch_enable(&swiotlb_track_hiwater);
	return 0;
}
early_initcall(swiotlb_hiwater_init);

/**
 * __swiotlb_track() - keep the exact number of slots in use, and its peak
 * @mem:	Allocator.
 * @nslots:	Slots that were mapped, negative for unmapped.
 *
 * The sum of per-CPU peaks would exceed the real peak. The slots of a wider allocator count in
 * the narrower one, which has the files in debugfs.
 *
 * Context: Any.
 */
void __swiotlb_track(struct swiotlb_mem *mem, long nslots)
{
	long used, peak;

	mem = mem->narrower ?: mem;
	used = atomic_long_add_return(nslots, &mem->total_used);
	peak = atomic_long_read(&mem->used_hiwater);
	while (used > peak)
		if (atomic_long_try_cmpxchg(&mem->used_hiwater, &peak, used))
			break;
}

/* A file with the sum of @expr for an allocator and the wider one. */
#define SWIOTLB_SUM_FILE(name, set, expr)				\
static int swiotlb_##name##_get(void *data, u64 *val)			\
{									\
	struct swiotlb_mem *mem;					\
									\
	*val = 0;							\
	for (mem = data; mem; mem = mem->wider)				\
		*val += (expr);						\
	return 0;							\
}									\
DEFINE_DEBUGFS_ATTRIBUTE(swiotlb_##name##_fops, swiotlb_##name##_get, set, "%llu\n")

/* Writing 0 starts a new measurement. Other values are refused. */
static int swiotlb_peak_reset(void *data, u64 val)
{
	struct swiotlb_mem *mem = data;

	if (val)
		return -EINVAL;
	atomic_long_set(&mem->used_hiwater, 0);
	return 0;
}

SWIOTLB_SUM_FILE(nslabs, NULL, READ_ONCE(mem->pub.nslabs));
SWIOTLB_SUM_FILE(used, NULL, static_branch_unlikely(&swiotlb_track_hiwater) ?
		 atomic_long_read(&mem->total_used) : swiotlb_mem_used(mem));
SWIOTLB_SUM_FILE(peak, swiotlb_peak_reset, atomic_long_read(&mem->used_hiwater));
SWIOTLB_SUM_FILE(transient, NULL, swiotlb_transient_nslots(mem));

static const char *const swiotlb_event_names[] = {
	[SWIOTLB_GROWN] = "grown",
	[SWIOTLB_GROW_FAILED] = "grow_failed",
	[SWIOTLB_CLOSED] = "closed",
	[SWIOTLB_REOPENED] = "reopened",
	[SWIOTLB_FREED] = "freed",
	[SWIOTLB_TRANSIENT] = "transient",
	[SWIOTLB_LARGE] = "large",
	[SWIOTLB_TOO_LARGE] = "too_large",
	[SWIOTLB_MISALIGNED] = "misaligned",
	[SWIOTLB_OUT_OF_REACH] = "out_of_reach",
	[SWIOTLB_FULL] = "full",
	[SWIOTLB_AT_LIMIT] = "at_limit",
	[SWIOTLB_NO_MEMORY] = "no_memory",
	[SWIOTLB_LEAKED] = "leaked_bytes",
	[SWIOTLB_SET_MEMORY] = "set_memory",
	[SWIOTLB_WAITED] = "waited",
	[SWIOTLB_WAIT_TIMED_OUT] = "wait_timed_out",
};

static_assert(ARRAY_SIZE(swiotlb_event_names) == SWIOTLB_NR_EVENTS);

static int swiotlb_events_show(struct seq_file *seq, void *unused)
{
	struct swiotlb_mem *mem;
	unsigned int i;
	long n;

	for (i = 0; i < SWIOTLB_NR_EVENTS; i++) {
		n = 0;
		for (mem = seq->private; mem; mem = mem->wider)
			n += atomic_long_read(&mem->events[i]);
		seq_printf(seq, "%s %ld\n", swiotlb_event_names[i], n);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(swiotlb_events);

/* A restricted pool may lie in memory without struct pages. */
static int swiotlb_pool_nid(const struct io_tlb_pool *pool)
{
	unsigned long pfn = PHYS_PFN(pool->start);

	return pfn_valid(pfn) ? pfn_to_nid(pfn) : NUMA_NO_NODE;
}

static const char *swiotlb_pool_state_name(const struct io_tlb_pool *pool)
{
	static const char *const names[] = {
		[SWIOTLB_POOL_OPEN] = "open",
		[SWIOTLB_POOL_CLOSED] = "closed",
		[SWIOTLB_POOL_TRANSIENT] = "transient",
		[SWIOTLB_POOL_LARGE] = "large",
	};

	return names[READ_ONCE(pool->state)];
}

/* Slots in use include buffers in magazines. */
static int swiotlb_pools_show(struct seq_file *seq, void *unused)
{
	struct io_tlb_pool *pool;
	struct swiotlb_mem *mem;

	seq_puts(seq, "id start KiB node state areas used\n");
	guard(mutex)(&swiotlb_pools_lock);
	for (mem = seq->private; mem; mem = mem->wider)
		swiotlb_for_each_pool_locked(pool, mem)
			seq_printf(seq, "%u %pa %lu %d %s %u %lu\n",
				   pool->id, &pool->start,
				   swiotlb_kib(pool->nslots), swiotlb_pool_nid(pool),
				   swiotlb_pool_state_name(pool),
				   pool->nareas, swiotlb_pool_used(pool));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(swiotlb_pools);

static void swiotlb_debugfs_files(struct swiotlb_mem *mem)
{
	struct dentry *dir = mem->debugfs;

	debugfs_create_file("io_tlb_nslabs", 0400, dir, mem, &swiotlb_nslabs_fops);
	debugfs_create_file("io_tlb_used", 0400, dir, mem, &swiotlb_used_fops);
	debugfs_create_file("pools", 0400, dir, mem, &swiotlb_pools_fops);
	debugfs_create_file("events", 0400, dir, mem, &swiotlb_events_fops);
	/* Without track_hiwater the file would read 0, as if that had been measured. */
	if (static_branch_unlikely(&swiotlb_track_hiwater))
		debugfs_create_file("io_tlb_used_hiwater", 0600, dir, mem, &swiotlb_peak_fops);
	if (IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC))
		debugfs_create_file("io_tlb_transient_nslabs", 0400, dir, mem,
				    &swiotlb_transient_fops);
}

/**
 * swiotlb_debugfs_add() - show an allocator other than the default one in debugfs
 * @mem:	Allocator.
 * @name:	Name of its directory, below that of the default allocator.
 *
 * Context: Process context.
 */
void swiotlb_debugfs_add(struct swiotlb_mem *mem, const char *name)
{
	mem->debugfs = debugfs_create_dir(name, swiotlb_default_mem.debugfs);
	swiotlb_debugfs_files(mem);
}

/* This runs early, since built-in drivers add restricted pools to this directory. */
static int __init swiotlb_debugfs_dir_init(void)
{
	swiotlb_default_mem.debugfs = debugfs_create_dir("swiotlb", NULL);
	return 0;
}
postcore_initcall(swiotlb_debugfs_dir_init);

/* This runs late, since an architecture may free the default pool before. */
static int __init swiotlb_debugfs_init(void)
{
	if (swiotlb_default_mem.pub.nslabs)
		swiotlb_debugfs_files(&swiotlb_default_mem);
	return 0;
}
late_initcall(swiotlb_debugfs_init);
