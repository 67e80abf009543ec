// SPDX-License-Identifier: GPL-2.0-only
/* Statistics of allocators, in /sys/kernel/mm/swiotlb, and of devices. */

#include "stats.h"

/**
 * DOC: Files in sysfs
 *
 * The allocators low and any, each restricted pool, and each own allocator have a directory below
 * /sys/kernel/mm, like cma/ and hugepages/. Pools have none, since the worker would have to create
 * and remove it; debugfs has a line for each pool.
 *
 * Every user can read how much memory there is. Only root can read addresses, and counts of
 * mappings and bytes, which tell one user about the I/O of another.
 *
 * With track_hiwater, each device that has a DMA mask also has a directory. Its numbers are
 * allocated when the device is added, before its driver can map, and freed when the device is
 * released, since a device may be removed with mappings in flight. The release logs mappings that
 * are left.
 */

/* Directory of an allocator */
struct swiotlb_dir {
	struct kobject kobj;
	struct swiotlb_mem *mem;
};

static struct swiotlb_mem *swiotlb_kobj_mem(struct kobject *kobj)
{
	return container_of(kobj, struct swiotlb_dir, kobj)->mem;
}

#define SWIOTLB_SHOW(name, format, value)					\
static ssize_t swiotlb_##name##_show(struct kobject *kobj,			\
				     struct kobj_attribute *attr, char *buf)	\
{										\
	struct swiotlb_mem *mem = swiotlb_kobj_mem(kobj);			\
										\
	return sysfs_emit(buf, format "\n", value);				\
}

#define SWIOTLB_SHOW_SLOTS(name, slots)						\
	SWIOTLB_SHOW(name, "%llu", (u64)(slots) << IO_TLB_SHIFT)

SWIOTLB_SHOW_SLOTS(total_bytes, READ_ONCE(mem->pub.nslabs))
SWIOTLB_SHOW_SLOTS(used_bytes, swiotlb_mem_used(mem))
SWIOTLB_SHOW_SLOTS(peak_bytes, atomic_long_read(&mem->used_hiwater))
SWIOTLB_SHOW_SLOTS(transient_bytes, swiotlb_transient_nslots(mem))
SWIOTLB_SHOW(bounced_bytes, "%lu", swiotlb_mem_bounced(mem))
SWIOTLB_SHOW(last_address, "%#llx", mem->last)
SWIOTLB_SHOW(cc_shared, "%d", mem->pub.cc_shared)

static ssize_t swiotlb_peak_bytes_store(struct kobject *kobj, struct kobj_attribute *attr,
					const char *buf, size_t len)
{
	u64 val;

	if (kstrtou64(buf, 0, &val))
		return -EINVAL;
	return swiotlb_stat_reset_peak(swiotlb_kobj_mem(kobj), val) ?: len;
}

/* Do not take swiotlb_pools_lock: any user may read this file. */
static ssize_t swiotlb_pools_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct swiotlb_mem *mem = swiotlb_kobj_mem(kobj);
	struct io_tlb_pool *pool;
	unsigned int n = 0;

	scoped_guard(rcu)
		swiotlb_for_each_pool(pool, mem)
			n++;
	return sysfs_emit(buf, "%u\n", n);
}

static u64 swiotlb_node_bytes(struct swiotlb_mem *mem, int nid)
{
	struct io_tlb_pool *pool;
	u64 bytes = 0;

	guard(rcu)();
	swiotlb_for_each_pool(pool, mem)
		if (swiotlb_pool_nid(pool) == nid)
			bytes += pool->end - pool->start;
	return bytes;
}

/* One number for each node, like the file "distance" in the directory of a node. */
static ssize_t swiotlb_node_bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	int nid, len = 0;

	for (nid = 0; nid < nr_node_ids; nid++)
		len += sysfs_emit_at(buf, len, "%s%llu", nid ? " " : "",
				     swiotlb_node_bytes(swiotlb_kobj_mem(kobj), nid));
	return len + sysfs_emit_at(buf, len, "\n");
}

#define SWIOTLB_ATTR(name, mode, store)						\
static struct kobj_attribute swiotlb_##name##_attr =				\
	__ATTR(name, mode, swiotlb_##name##_show, store)

SWIOTLB_ATTR(total_bytes, 0444, NULL);
SWIOTLB_ATTR(used_bytes, 0400, NULL);
SWIOTLB_ATTR(peak_bytes, 0600, swiotlb_peak_bytes_store);
SWIOTLB_ATTR(transient_bytes, 0400, NULL);
SWIOTLB_ATTR(bounced_bytes, 0400, NULL);
SWIOTLB_ATTR(pools, 0444, NULL);
SWIOTLB_ATTR(node_bytes, 0444, NULL);
SWIOTLB_ATTR(last_address, 0400, NULL);
SWIOTLB_ATTR(cc_shared, 0444, NULL);

static struct attribute *swiotlb_mem_attrs[] = {
	&swiotlb_total_bytes_attr.attr,
	&swiotlb_used_bytes_attr.attr,
	&swiotlb_peak_bytes_attr.attr,
	&swiotlb_transient_bytes_attr.attr,
	&swiotlb_bounced_bytes_attr.attr,
	&swiotlb_pools_attr.attr,
	&swiotlb_node_bytes_attr.attr,
	&swiotlb_last_address_attr.attr,
	&swiotlb_cc_shared_attr.attr,
	NULL
};

/* The size of an own allocator tells about the I/O of its device: only root can read it. */
static umode_t swiotlb_attr_mode(const struct swiotlb_mem *mem, const struct attribute *attr)
{
	return swiotlb_mem_is_own(mem) ? attr->mode & 0600 : attr->mode;
}

/*
 * Hide files that would always read 0, and the last address if only the platform knows the reach.
 * The narrower allocator has the peak of both.
 */
static umode_t swiotlb_mem_attr_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	struct swiotlb_mem *mem = swiotlb_kobj_mem(kobj);
	bool visible = true;

	if (attr == &swiotlb_peak_bytes_attr.attr)
		visible = static_key_enabled(&swiotlb_track_hiwater) && !mem->narrower;
	else if (attr == &swiotlb_transient_bytes_attr.attr)
		visible = swiotlb_growth_is_enabled(mem) && !swiotlb_mem_is_own(mem);
	else if (attr == &swiotlb_last_address_attr.attr)
		visible = mem->last;
	return visible ? swiotlb_attr_mode(mem, attr) : 0;
}

static const struct attribute_group swiotlb_mem_group = {
	.attrs = swiotlb_mem_attrs,
	.is_visible = swiotlb_mem_attr_mode,
};

/* Filled in from swiotlb_event_infos[]. */
static struct kobj_attribute swiotlb_events[SWIOTLB_NR_EVENTS];
static struct attribute *swiotlb_event_attrs[SWIOTLB_NR_EVENTS + 1];

static ssize_t swiotlb_event_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct swiotlb_mem *mem = swiotlb_kobj_mem(kobj);

	return sysfs_emit(buf, "%ld\n", atomic_long_read(&mem->events[attr - swiotlb_events]));
}

/*
 * Hide events that only the common allocator counts: those of maps, whose files have mode 0400,
 * and lost memory.
 */
static umode_t swiotlb_event_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	if (swiotlb_mem_is_own(swiotlb_kobj_mem(kobj)) &&
	    (attr->mode == 0400 || attr == &swiotlb_events[SWIOTLB_LEAKED].attr))
		return 0;
	return swiotlb_attr_mode(swiotlb_kobj_mem(kobj), attr);
}

static const struct attribute_group swiotlb_event_group = {
	.name = "events",
	.attrs = swiotlb_event_attrs,
	.is_visible = swiotlb_event_mode,
};

static const struct attribute_group *swiotlb_mem_groups[] = {
	&swiotlb_mem_group,
	&swiotlb_event_group,
	NULL
};

static void swiotlb_dir_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct swiotlb_dir, kobj));
}

static const struct kobj_type swiotlb_dir_type = {
	.release = swiotlb_dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = swiotlb_mem_groups,
};

static struct kobject *swiotlb_kobj;

/**
 * swiotlb_sysfs_add() - show an allocator in sysfs
 * @mem:	Allocator, which is not freed before swiotlb_sysfs_del().
 * @name:	Name of the directory.
 *
 * Context: Process context, after swiotlb_sysfs_dir_init().
 * Return: The directory, or %NULL if it cannot be created.
 */
struct kobject *swiotlb_sysfs_add(struct swiotlb_mem *mem, const char *name)
{
	struct swiotlb_dir *dir;

	dir = swiotlb_kobj ? kzalloc_obj(*dir) : NULL;
	if (!dir)
		return NULL;
	dir->mem = mem;
	if (!kobject_init_and_add(&dir->kobj, &swiotlb_dir_type, swiotlb_kobj, "%s", name))
		return &dir->kobj;
	kobject_put(&dir->kobj);
	return NULL;
}

/**
 * swiotlb_sysfs_del() - remove the directory of an allocator
 * @kobj:	Directory; may be %NULL.
 *
 * Context: Process context, waits for readers.
 */
void swiotlb_sysfs_del(struct kobject *kobj)
{
	kobject_del(kobj);
	kobject_put(kobj);
}

/* This runs before the device tree creates devices, whose restricted pools add directories. */
static int __init swiotlb_sysfs_dir_init(void)
{
	unsigned int i;

	for (i = 0; i < SWIOTLB_NR_EVENTS; i++) {
		swiotlb_events[i].attr.name = swiotlb_event_infos[i].name;
		swiotlb_events[i].attr.mode = swiotlb_event_infos[i].mode;
		swiotlb_events[i].show = swiotlb_event_show;
		swiotlb_event_attrs[i] = &swiotlb_events[i].attr;
	}
	swiotlb_kobj = kobject_create_and_add("swiotlb", mm_kobj);
	return swiotlb_kobj ? 0 : -ENOMEM;
}
arch_initcall(swiotlb_sysfs_dir_init);

/* This runs late: an architecture may free the boot pool during boot. */
static int __init swiotlb_sysfs_init(void)
{
	if (!swiotlb_default_mem.pub.nslabs)
		return 0;
	swiotlb_sysfs_add(&swiotlb_default_mem, "low");
	if (swiotlb_default_mem.wider)
		swiotlb_sysfs_add(swiotlb_default_mem.wider, "any");
	return 0;
}
late_initcall(swiotlb_sysfs_init);

/* A mapping made before the device was added is only subtracted: show at least 0. */
#define SWIOTLB_DEV_SHOW(name, counter, shift)					\
static ssize_t swiotlb_dev_##name##_show(struct device *dev,			\
					 struct device_attribute *attr, char *buf) \
{										\
	u64 n = max(atomic_long_read(counter), 0L);				\
										\
	return sysfs_emit(buf, "%llu\n", n << (shift));			\
}

SWIOTLB_DEV_SHOW(used, &dev->dma_io_tlb_stats->used, IO_TLB_SHIFT)
SWIOTLB_DEV_SHOW(peak, &dev->dma_io_tlb_stats->peak, IO_TLB_SHIFT)
SWIOTLB_DEV_SHOW(failed, &dev->dma_io_tlb_stats->failed, 0)

static ssize_t swiotlb_dev_peak_store(struct device *dev, struct device_attribute *attr,
				      const char *buf, size_t len)
{
	u64 val;

	if (kstrtou64(buf, 0, &val) || val)
		return -EINVAL;
	atomic_long_set(&dev->dma_io_tlb_stats->peak, 0);
	return len;
}

static struct device_attribute swiotlb_dev_used_attr =
	__ATTR(used_bytes, 0400, swiotlb_dev_used_show, NULL);
static struct device_attribute swiotlb_dev_peak_attr =
	__ATTR(peak_bytes, 0600, swiotlb_dev_peak_show, swiotlb_dev_peak_store);
static struct device_attribute swiotlb_dev_failed_attr =
	__ATTR(failed, 0400, swiotlb_dev_failed_show, NULL);

static struct attribute *swiotlb_dev_attrs[] = {
	&swiotlb_dev_used_attr.attr,
	&swiotlb_dev_peak_attr.attr,
	&swiotlb_dev_failed_attr.attr,
	NULL
};

static const struct attribute_group swiotlb_dev_group = {
	.name = "swiotlb",
	.attrs = swiotlb_dev_attrs,
};

/**
 * swiotlb_dev_add() - keep statistics of a device, with track_hiwater
 * @dev:	Device that is being added. If this fails, it works without statistics.
 *
 * Context: Process context.
 */
void swiotlb_dev_add(struct device *dev)
{
	if (!static_branch_unlikely(&swiotlb_track_hiwater) || !dev->dma_mask)
		return;
	if (!dev->dma_io_tlb_stats)
		dev->dma_io_tlb_stats = kzalloc_obj(*dev->dma_io_tlb_stats);
	if (dev->dma_io_tlb_stats && device_add_group(dev, &swiotlb_dev_group))
		dev_warn(dev, "no swiotlb statistics in sysfs\n");
}

/**
 * swiotlb_dev_release() - free the statistics of a device
 * @dev:	Device that is released: nothing maps or unmaps for it any more.
 *
 * Context: Any.
 */
void swiotlb_dev_release(struct device *dev)
{
	struct swiotlb_dev_stats *stats = dev->dma_io_tlb_stats;

	if (!stats)
		return;
	if (atomic_long_read(&stats->used) > 0)
		dev_warn(dev, "released with %ld swiotlb slots mapped\n",
			 atomic_long_read(&stats->used));
	dev->dma_io_tlb_stats = NULL;
	kfree(stats);
}
