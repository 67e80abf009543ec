// SPDX-License-Identifier: GPL-2.0-only
/* Statistics of an allocator, and their files in debugfs. */

#include "param.h"
#include "stats.h"

DEFINE_STATIC_KEY_FALSE(swiotlb_track_hiwater);

/* This runs before the first map: unmaps must not subtract slots that were not added. */
static int __init swiotlb_hiwater_init(void)
{
	if (swiotlb_param.track_hiwater)
		static_branch_enable(&swiotlb_track_hiwater);
	return 0;
}
early_initcall(swiotlb_hiwater_init);

static void swiotlb_track_peak(atomic_long_t *count, atomic_long_t *most, long nslots)
{
	long used = atomic_long_add_return(nslots, count);
	long peak = atomic_long_read(most);

	while (used > peak)
		if (atomic_long_try_cmpxchg(most, &peak, used))
			break;
}

/**
 * __swiotlb_track() - keep the exact number of slots in use, and its peak
 * @mem:	Allocator.
 * @dev:	Device, which may have no statistics.
 * @nslots:	Slots that were mapped; negative if they were unmapped.
 *
 * The sum of per-CPU peaks would exceed the real peak. Slots of the wider allocator count in
 * the narrower one, which has the files in debugfs.
 *
 * Context: Any.
 */
void __swiotlb_track(struct swiotlb_mem *mem, struct device *dev, long nslots)
{
	struct swiotlb_dev_stats *stats = dev->dma_io_tlb_stats;

	mem = mem->narrower ?: mem;
	swiotlb_track_peak(&mem->total_used, &mem->used_hiwater, nslots);
	if (stats)
		swiotlb_track_peak(&stats->used, &stats->peak, nslots);
}

/**
 * swiotlb_stat_reset_peak() - reset the peak
 * @data:	Allocator: &struct swiotlb_mem.
 * @val:	Must be 0.
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int swiotlb_stat_reset_peak(void *data, u64 val)
{
	struct swiotlb_mem *mem = data;

	if (val)
		return -EINVAL;
	atomic_long_set(&mem->used_hiwater, 0);
	return 0;
}

/* Only root can read counts of mappings, which tell one user about the I/O of another. */
const struct swiotlb_event_info swiotlb_event_infos[] = {
	[SWIOTLB_GROWN] = { "grown", 0444 },
	[SWIOTLB_GROW_FAILED] = { "grow_failed", 0444 },
	[SWIOTLB_CLOSED] = { "closed", 0444 },
	[SWIOTLB_REOPENED] = { "reopened", 0444 },
	[SWIOTLB_FREED] = { "freed", 0444 },
	[SWIOTLB_TRANSIENT] = { "transient", 0400 },
	[SWIOTLB_LARGE] = { "large", 0400 },
	[SWIOTLB_TOO_LARGE] = { "too_large", 0400 },
	[SWIOTLB_MISALIGNED] = { "misaligned", 0400 },
	[SWIOTLB_OUT_OF_REACH] = { "out_of_reach", 0400 },
	[SWIOTLB_WRONG_ENCRYPTION] = { "wrong_encryption", 0400 },
	[SWIOTLB_FULL] = { "full", 0400 },
	[SWIOTLB_AT_LIMIT] = { "at_limit", 0400 },
	[SWIOTLB_NO_MEMORY] = { "no_memory", 0400 },
	[SWIOTLB_LEAKED] = { "leaked_bytes", 0444 },
	[SWIOTLB_SET_MEMORY] = { "set_memory", 0444 },
	[SWIOTLB_WAITED] = { "waited", 0400 },
	[SWIOTLB_WAIT_TIMED_OUT] = { "wait_timed_out", 0400 },
};

static_assert(ARRAY_SIZE(swiotlb_event_infos) == SWIOTLB_NR_EVENTS);

/* A file with the sum of @slots over @mem, an allocator and the wider one */
#define SWIOTLB_SUM_FILE(name, set, slots)				\
static int swiotlb_##name##_get(void *data, u64 *val)			\
{									\
	struct swiotlb_mem *mem;					\
									\
	*val = 0;							\
	for (mem = data; mem; mem = mem->wider)				\
		*val += (slots);					\
	return 0;							\
}									\
DEFINE_DEBUGFS_ATTRIBUTE(swiotlb_##name##_fops, swiotlb_##name##_get, set, "%llu\n")

SWIOTLB_SUM_FILE(nslabs, NULL, READ_ONCE(mem->pub.nslabs));
SWIOTLB_SUM_FILE(used, NULL, static_branch_unlikely(&swiotlb_track_hiwater) ?
		 atomic_long_read(&mem->total_used) : swiotlb_mem_used(mem));
SWIOTLB_SUM_FILE(peak, swiotlb_stat_reset_peak, atomic_long_read(&mem->used_hiwater));
SWIOTLB_SUM_FILE(transient, NULL, swiotlb_transient_nslots(mem));

static int swiotlb_events_show(struct seq_file *seq, void *unused)
{
	struct swiotlb_mem *mem;
	unsigned int i;
	long n;

	for (i = 0; i < SWIOTLB_NR_EVENTS; i++) {
		n = 0;
		for (mem = seq->private; mem; mem = mem->wider)
			n += atomic_long_read(&mem->events[i]);
		seq_printf(seq, "%s %ld\n", swiotlb_event_infos[i].name, n);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(swiotlb_events);

static const char *const swiotlb_pool_states[] = {
	[SWIOTLB_POOL_OPEN] = "open",
	[SWIOTLB_POOL_CLOSED] = "closed",
	[SWIOTLB_POOL_LARGE] = "large",
};

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
				   swiotlb_pool_states[pool->state],
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
	/* Without track_hiwater, the file would always read 0. */
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

/* This runs early: restricted pools of built-in drivers add their directories here. */
static int __init swiotlb_debugfs_dir_init(void)
{
	swiotlb_default_mem.debugfs = debugfs_create_dir("swiotlb", NULL);
	return 0;
}
postcore_initcall(swiotlb_debugfs_dir_init);

/* This runs late: an architecture may free the boot pool during boot. */
static int __init swiotlb_debugfs_init(void)
{
	if (swiotlb_default_mem.pub.nslabs)
		swiotlb_debugfs_files(&swiotlb_default_mem);
	return 0;
}
late_initcall(swiotlb_debugfs_init);
