/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: boot parameters, initcalls, reserved memory, static keys and calls, debugfs, sysfs,
 * strings.
 */
#ifndef SHIM_BOOT_H
#define SHIM_BOOT_H

struct shim_param { const char *name; int (*setup)(char *arg); };
typedef int (*initcall_t)(void);

#define SHIM_ENTRY(sec, type, id, ...)					\
	static const type id __attribute__((section(#sec), used,	\
					 aligned(__alignof__(void *)))) \
		= __VA_ARGS__
#define early_param(name, fn) \
	SHIM_ENTRY(shim_params, struct shim_param, shim_param_##fn, { name, fn })
#define __setup(name, fn) early_param(name, fn)
#define SHIM_INITCALL(fn) SHIM_ENTRY(shim_initcalls, initcall_t, shim_init_##fn, fn)
#define early_initcall(fn) \
	SHIM_ENTRY(shim_early_initcalls, initcall_t, shim_init_##fn, fn)
#define core_initcall(fn) SHIM_INITCALL(fn)
/* The order within a section is undefined, so initcalls that others need are early. */
#define postcore_initcall(fn) early_initcall(fn)
#define arch_initcall(fn) early_initcall(fn)
#define subsys_initcall(fn) SHIM_INITCALL(fn)
#define fs_initcall(fn) SHIM_INITCALL(fn)
#define device_initcall(fn) SHIM_INITCALL(fn)
#define late_initcall(fn) SHIM_INITCALL(fn)
#define module_init(fn) SHIM_INITCALL(fn)

struct reserved_mem;
struct reserved_mem_ops {
	int (*node_validate)(unsigned long node, phys_addr_t *align);
	int (*node_fixup)(unsigned long node, phys_addr_t base, phys_addr_t size);
	int (*node_init)(unsigned long node, struct reserved_mem *rmem);
	int (*device_init)(struct reserved_mem *rmem, struct device *dev);
	void (*device_release)(struct reserved_mem *rmem, struct device *dev);
};
struct reserved_mem {
	const char *name;
	const struct reserved_mem_ops *ops;
	phys_addr_t base;
	phys_addr_t size;
	void *priv;
	unsigned long fdt_node;	/* see linux-6.12.h */
};
#define RESERVEDMEM_OF_DECLARE(name, compat, ops) \
	SHIM_ENTRY(shim_rmems, struct reserved_mem_ops *, shim_rmem_##name, \
		   (struct reserved_mem_ops *)(ops))
const void *of_get_flat_dt_prop(unsigned long node, const char *name, int *size);

/* Static keys are plain flags, static calls plain pointers */
struct static_key { bool on; };
struct static_key_true { struct static_key key; };
struct static_key_false { struct static_key key; };
#define DEFINE_STATIC_KEY_FALSE(n) \
	struct static_key_false n __read_mostly = { { false } }
#define DEFINE_STATIC_KEY_TRUE(n) \
	struct static_key_true n __read_mostly = { { true } }
#define DECLARE_STATIC_KEY_FALSE(n) extern struct static_key_false n
#define DECLARE_STATIC_KEY_TRUE(n) extern struct static_key_true n
#define DEFINE_STATIC_KEY_FALSE_RO DEFINE_STATIC_KEY_FALSE
#define static_branch_unlikely(k) unlikely(READ_ONCE((k)->key.on))
#define static_branch_likely(k) likely(READ_ONCE((k)->key.on))
#define static_key_enabled(k) READ_ONCE((k)->key.on)
#define static_branch_enable(k) WRITE_ONCE((k)->key.on, true)
#define static_branch_disable(k) WRITE_ONCE((k)->key.on, false)
#define static_branch_inc static_branch_enable
#define static_call(n) (*shim_call_##n)
#ifdef SHIM_BENCH
/* A direct call, as the kernel patches it; the compiler may inline it */
#define DEFINE_STATIC_CALL(n, fn) typeof(&fn) const shim_call_##n = fn
#define static_call_update(n, fn) ((void)(fn), BUG())
#else
#define DEFINE_STATIC_CALL(n, fn) typeof(&fn) shim_call_##n = fn
#define DECLARE_STATIC_CALL(n, fn) extern typeof(&fn) shim_call_##n
#define static_call_update(n, fn) (shim_call_##n = (fn))
#endif

struct seq_file { char *buf; size_t size, len; void *private; };
void seq_printf(struct seq_file *m, const char *fmt, ...);
void seq_puts(struct seq_file *m, const char *s);
void seq_putc(struct seq_file *m, char c);

struct inode { void *i_private; };
struct file { void *private_data; };
struct file_operations {
	int (*show)(struct seq_file *m, void *v);
	int (*get)(void *data, u64 *val);
	int (*set)(void *data, u64 val);
	const char *fmt;
};
#define DEFINE_SHOW_ATTRIBUTE(n) \
	static const struct file_operations n##_fops = { .show = n##_show }
#define DEFINE_DEBUGFS_ATTRIBUTE(n, g, s, f) \
	static const struct file_operations n = { .get = g, .set = s, .fmt = f }
#define DEFINE_SIMPLE_ATTRIBUTE DEFINE_DEBUGFS_ATTRIBUTE

struct dentry;
struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
struct dentry *debugfs_create_file(const char *name, umode_t mode,
		struct dentry *parent, void *data,
		const struct file_operations *fops);
void debugfs_create_ulong(const char *name, umode_t mode, struct dentry *parent,
			  unsigned long *value);
void debugfs_create_u64(const char *name, umode_t mode, struct dentry *parent,
			u64 *value);
void debugfs_create_u32(const char *name, umode_t mode, struct dentry *parent,
			u32 *value);
void debugfs_create_bool(const char *name, umode_t mode, struct dentry *parent,
			 bool *value);
struct dentry *debugfs_lookup(const char *name, struct dentry *parent);
void debugfs_remove(struct dentry *dentry);
#define debugfs_remove_recursive debugfs_remove
#define debugfs_create_file_unsafe debugfs_create_file

struct kobject {
	struct kobject *next, *parent;
	const struct kobj_type *type;
	char name[64];
};
struct attribute { const char *name; umode_t mode; };
struct attribute_group {
	const char *name;
	umode_t (*is_visible)(struct kobject *kobj, struct attribute *attr, int n);
	struct attribute **attrs;
};
struct sysfs_ops {
	ssize_t (*show)(struct kobject *kobj, struct attribute *attr, char *buf);
	ssize_t (*store)(struct kobject *kobj, struct attribute *attr, const char *buf,
			 size_t len);
};
struct kobj_type {
	void (*release)(struct kobject *kobj);
	const struct sysfs_ops *sysfs_ops;
	const struct attribute_group **default_groups;
};
struct kobj_attribute {
	struct attribute attr;
	ssize_t (*show)(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
	ssize_t (*store)(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			 size_t len);
};
extern const struct sysfs_ops kobj_sysfs_ops;
struct device_attribute {
	struct attribute attr;
	ssize_t (*show)(struct device *dev, struct device_attribute *attr, char *buf);
	ssize_t (*store)(struct device *dev, struct device_attribute *attr,
			 const char *buf, size_t len);
};
#define __ATTR(n, m, s, st) { .attr = { #n, m }, .show = s, .store = st }
int device_add_group(struct device *dev, const struct attribute_group *group);
extern struct kobject *mm_kobj;
#define nr_node_ids 2
int kobject_init_and_add(struct kobject *kobj, const struct kobj_type *type,
			 struct kobject *parent, const char *fmt, ...);
struct kobject *kobject_create_and_add(const char *name, struct kobject *parent);
void kobject_del(struct kobject *kobj);
void kobject_put(struct kobject *kobj);
int sysfs_emit(char *buf, const char *fmt, ...);
int sysfs_emit_at(char *buf, int at, const char *fmt, ...);

unsigned long simple_strtoul(const char *s, char **end, unsigned int base);
unsigned long long simple_strtoull(const char *s, char **end, unsigned int base);
unsigned long long memparse(const char *s, char **end);
int kstrtoul(const char *s, unsigned int base, unsigned long *res);
int kstrtoull(const char *s, unsigned int base, u64 *res);
#define kstrtou64 kstrtoull
int kstrtouint(const char *s, unsigned int base, unsigned int *res);
int kstrtobool(const char *s, bool *res);
int match_string(const char *const *array, size_t n, const char *string);
bool sysfs_streq(const char *a, const char *b);
ssize_t shim_strscpy(char *dst, const char *src, size_t size);
#define strscpy(dst, src, ...) shim_strscpy(dst, src, sizeof(dst))
char *skip_spaces(const char *s);
char *strim(char *s);
size_t str_has_prefix(const char *s, const char *prefix);
int scnprintf(char *buf, size_t size, const char *fmt, ...);
int snprintf(char *buf, size_t size, const char *fmt, ...);
char *strsep(char **s, const char *delim);
#define isdigit(c) ((unsigned int)(c) - '0' < 10)
#define isspace(c) ((c) == ' ' || ((c) >= '\t' && (c) <= '\r'))
#define isalpha(c) (((unsigned int)(c) | 32) - 'a' < 26)
#define memzero_explicit(p, n) memset(p, 0, n)
#define str_plural(n) ((n) == 1 ? "" : "s")
#define str_yes_no(v) ((v) ? "yes" : "no")
#define str_on_off(v) ((v) ? "on" : "off")

#endif
