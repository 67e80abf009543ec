// SPDX-License-Identifier: GPL-2.0-only
/* Shim: start-up, boot parameters, initcalls, device hooks, debugfs, sysfs. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

bool shim_cc[SHIM_NR_CC_ATTRS];
u64 shim_c_bit;
unsigned long shim_arch_syncs, shim_arch_flushes, shim_traced;
struct shim_pool_events shim_pool_events;
const char *shim_cause;
bool shim_flat_dt_reject;

bool force_dma_unencrypted(struct device *dev)
{
	return dev->shim_unencrypted;
}

const void *of_get_flat_dt_prop(unsigned long node, const char *name, int *size)
{
	return shim_flat_dt_reject ? "" : NULL;
}

void shim_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	shim_arena_init();
	shim_pcpu_init();
	shim_fatal[SHIM_BUG] = true;
}

/*
 * Weak, because a variant may not have these sections, for instance if neither debugfs
 * nor restricted pools are built.
 */
extern const struct shim_param __start_shim_params[] __weak;
extern const struct shim_param __stop_shim_params[] __weak;
extern const initcall_t __start_shim_early_initcalls[] __weak;
extern const initcall_t __stop_shim_early_initcalls[] __weak;
extern const initcall_t __start_shim_initcalls[] __weak;
extern const initcall_t __stop_shim_initcalls[] __weak;
extern struct reserved_mem_ops *const __start_shim_rmems[] __weak;
extern struct reserved_mem_ops *const __stop_shim_rmems[] __weak;

int shim_boot_param(const char *name, const char *arg)
{
	const struct shim_param *p;
	char buf[256];
	int ret = -ENOENT;

	for (p = __start_shim_params; p && p < __stop_shim_params; p++) {
		if (strcmp(p->name, name))
			continue;
		/* The parser writes to the argument */
		snprintf(buf, sizeof(buf), "%s", arg ? arg : "");
		ret = p->setup(arg ? buf : NULL);
	}
	return ret;
}

static bool early_initcalls_ran;

void shim_early_initcalls_run(void)
{
	const initcall_t *fn;

	early_initcalls_ran = true;
	for (fn = __start_shim_early_initcalls;
	     fn && fn < __stop_shim_early_initcalls; fn++)
		(*fn)();
}

void shim_initcalls_run(void)
{
	const initcall_t *fn;

	if (!early_initcalls_ran)
		shim_early_initcalls_run();
	for (fn = __start_shim_initcalls; fn && fn < __stop_shim_initcalls; fn++)
		(*fn)();
}

const struct reserved_mem_ops *shim_rmem_ops(void)
{
	return __start_shim_rmems ? *__start_shim_rmems : NULL;
}

/* ---- debugfs */

struct dentry {
	struct dentry *next, *parent;
	char name[64];
	void *data;
	const struct file_operations *fops;
	bool dir;
};
static struct dentry *entries;
static char read_buf[65536];
/* Protects @entries, also while a file is read: its data may be freed after the removal */
static pthread_mutex_t entries_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static struct dentry *add_entry(const char *name, struct dentry *parent, void *data,
				const struct file_operations *fops)
{
	struct dentry *d = calloc(1, sizeof(*d));

	d->data = data;
	d->fops = fops;
	d->dir = !fops;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->parent = parent;
	pthread_mutex_lock(&entries_lock);
	d->next = entries;
	entries = d;
	pthread_mutex_unlock(&entries_lock);
	return d;
}

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
	return add_entry(name, parent, NULL, NULL);
}

struct dentry *debugfs_create_file(const char *name, umode_t mode,
		struct dentry *parent, void *data,
		const struct file_operations *fops)
{
	return add_entry(name, parent, data, fops);
}

#define SHIM_DEBUGFS_VALUE(pfx, type)					\
static int pfx##_get(void *data, u64 *val)				\
{ *val = READ_ONCE(*(type *)data); return 0; }				\
static const struct file_operations pfx##_fops = {			\
	.get = pfx##_get, .fmt = "%llu\n" };				\
void debugfs_create_##pfx(const char *name, umode_t mode,		\
			  struct dentry *parent, type *value)		\
{ debugfs_create_file(name, mode, parent, value, &pfx##_fops); }
SHIM_DEBUGFS_VALUE(ulong, unsigned long)
SHIM_DEBUGFS_VALUE(u64, u64)
SHIM_DEBUGFS_VALUE(u32, u32)
SHIM_DEBUGFS_VALUE(bool, bool)

static struct dentry *find_entry(const char *dir, const char *file)
{
	struct dentry *d;

	for (d = entries; d; d = d->next)
		if (!d->dir && !strcmp(d->name, file) && d->parent &&
		    !strcmp(d->parent->name, dir))
			return d;
	return NULL;
}

struct dentry *debugfs_lookup(const char *name, struct dentry *parent)
{
	struct dentry *d;

	for (d = entries; d; d = d->next)
		if (d->parent == parent && !strcmp(d->name, name))
			return d;
	return NULL;
}

void debugfs_remove(struct dentry *dentry)
{
	struct dentry **p;

	pthread_mutex_lock(&entries_lock);
	for (p = &entries; *p; ) {
		if (*p == dentry || (*p)->parent == dentry)
			*p = (*p)->next;
		else
			p = &(*p)->next;
	}
	pthread_mutex_unlock(&entries_lock);
}

static const char *read_entry(const char *dir, const char *file)
{
	struct dentry *d = find_entry(dir, file);
	u64 val = 0;

	if (!d)
		return NULL;
	read_buf[0] = 0;
	if (d->fops->get) {
		if (d->fops->get(d->data, &val))
			return NULL;
		snprintf(read_buf, sizeof(read_buf), "%llu", val);
	} else if (d->fops->show) {
		struct seq_file m = { .buf = read_buf, .size = sizeof(read_buf),
				      .private = d->data };

		if (d->fops->show(&m, NULL) < 0)
			return NULL;
	}
	return read_buf;
}

const char *shim_debugfs_read(const char *dir, const char *file)
{
	const char *text;

	pthread_mutex_lock(&entries_lock);
	text = read_entry(dir, file);
	pthread_mutex_unlock(&entries_lock);
	return text;
}

int shim_debugfs_write(const char *dir, const char *file, u64 val)
{
	struct dentry *d = find_entry(dir, file);

	return d && d->fops->set ? d->fops->set(d->data, val) : -ENOENT;
}

/* ---- sysfs */

static struct kobject mm_dir = { .name = "mm" };
struct kobject *mm_kobj = &mm_dir;
static struct kobject *kobjects;
static pthread_mutex_t kobjects_mutex = PTHREAD_MUTEX_INITIALIZER;

int kobject_init_and_add(struct kobject *kobj, const struct kobj_type *type,
			 struct kobject *parent, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(kobj->name, sizeof(kobj->name), fmt, args);
	va_end(args);
	kobj->parent = parent;
	kobj->type = type;
	pthread_mutex_lock(&kobjects_mutex);
	kobj->next = kobjects;
	kobjects = kobj;
	pthread_mutex_unlock(&kobjects_mutex);
	return 0;
}

void kobject_del(struct kobject *kobj)
{
	struct kobject **at;

	pthread_mutex_lock(&kobjects_mutex);
	for (at = &kobjects; *at; at = &(*at)->next)
		if (*at == kobj) {
			*at = kobj->next;
			break;
		}
	pthread_mutex_unlock(&kobjects_mutex);
}

struct kobject *kobject_create_and_add(const char *name, struct kobject *parent)
{
	struct kobject *kobj = calloc(1, sizeof(*kobj));

	kobject_init_and_add(kobj, NULL, parent, "%s", name);
	return kobj;
}

void kobject_put(struct kobject *kobj)
{
	if (kobj && kobj->type)
		kobj->type->release(kobj);
}

static int emit_at(char *buf, int at, const char *fmt, va_list args)
{
	int n = vsnprintf(buf + at, PAGE_SIZE - at, fmt, args);

	return min(n, (int)PAGE_SIZE - at - 1);
}

int sysfs_emit_at(char *buf, int at, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = emit_at(buf, at, fmt, args);
	va_end(args);
	return n;
}

int sysfs_emit(char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = emit_at(buf, 0, fmt, args);
	va_end(args);
	return n;
}

/* Returns the file, if it is visible, and its directory in @kobj. */
static struct attribute *find_attribute(const char *path, struct kobject **kobj, umode_t *mode)
{
	char dir[64], group[64] = "", name[64];
	const struct attribute_group **groups;
	struct attribute **attr;

	if (sscanf(path, "%63[^/]/%63[^/]/%63s", dir, group, name) != 3) {
		group[0] = 0;
		if (sscanf(path, "%63[^/]/%63s", dir, name) != 2)
			return NULL;
	}
	for (*kobj = kobjects; *kobj; *kobj = (*kobj)->next) {
		if (strcmp((*kobj)->name, dir) || !(*kobj)->type ||
		    strcmp((*kobj)->parent->name, "swiotlb"))
			continue;
		for (groups = (*kobj)->type->default_groups; *groups; groups++) {
			if (strcmp((*groups)->name ?: "", group))
				continue;
			for (attr = (*groups)->attrs; *attr; attr++) {
				if (strcmp((*attr)->name, name))
					continue;
				*mode = (*groups)->is_visible ?
					(*groups)->is_visible(*kobj, *attr, 0) : (*attr)->mode;
				return *mode ? *attr : NULL;
			}
		}
	}
	return NULL;
}

static ssize_t kobj_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct kobj_attribute *kattr = container_of(attr, struct kobj_attribute, attr);

	return kattr->show ? kattr->show(kobj, kattr, buf) : -EIO;
}

static ssize_t kobj_attr_store(struct kobject *kobj, struct attribute *attr, const char *buf,
			       size_t len)
{
	struct kobj_attribute *kattr = container_of(attr, struct kobj_attribute, attr);

	return kattr->store ? kattr->store(kobj, kattr, buf, len) : -EIO;
}

const struct sysfs_ops kobj_sysfs_ops = { .show = kobj_attr_show, .store = kobj_attr_store };

const char *shim_sysfs_read(const char *path)
{
	struct attribute *attr;
	struct kobject *kobj;
	ssize_t n;
	umode_t mode;

	attr = find_attribute(path, &kobj, &mode);
	if (!attr || !(mode & 0400))
		return NULL;
	n = kobj->type->sysfs_ops->show(kobj, attr, read_buf);
	if (n < 0)
		return NULL;
	read_buf[n] = 0;
	return read_buf;
}

int shim_sysfs_write(const char *path, const char *text)
{
	struct attribute *attr;
	struct kobject *kobj;
	umode_t mode;

	attr = find_attribute(path, &kobj, &mode);
	if (!attr)
		return -ENOENT;
	return kobj->type->sysfs_ops->store(kobj, attr, text, strlen(text));
}

int shim_sysfs_mode(const char *path)
{
	struct kobject *kobj;
	umode_t mode;

	return find_attribute(path, &kobj, &mode) ? mode : 0;
}

/* Attributes of all devices */
static const struct attribute_group *dev_group;

int device_add_group(struct device *dev, const struct attribute_group *group)
{
	dev_group = group;
	return 0;
}

static struct device_attribute *find_dev_attribute(const char *name)
{
	struct attribute **attr;

	for (attr = dev_group ? dev_group->attrs : NULL; attr && *attr; attr++)
		if (!strcmp((*attr)->name, name))
			return container_of(*attr, struct device_attribute, attr);
	return NULL;
}

const char *shim_dev_read(struct device *dev, const char *name)
{
	struct device_attribute *attr = find_dev_attribute(name);
	ssize_t n = attr ? attr->show(dev, attr, read_buf) : -1;

	if (n < 0)
		return NULL;
	read_buf[n] = 0;
	return read_buf;
}

int shim_dev_write(struct device *dev, const char *name, const char *text)
{
	struct device_attribute *attr = find_dev_attribute(name);

	return attr && attr->store ? attr->store(dev, attr, text, strlen(text)) : -EIO;
}

