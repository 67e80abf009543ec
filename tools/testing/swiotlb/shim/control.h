/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: functions and variables for tests. The engine does not include this file. */
#ifndef SHIM_CONTROL_H
#define SHIM_CONTROL_H

void shim_init(void);

/* context */
void shim_set_cpu(unsigned int cpu);
void shim_hardirq_enter(void);
void shim_hardirq_exit(void);

/* Work, RCU callbacks and time run when a test calls these functions, or in threads */
void shim_threads_start(void);
void shim_threads_stop(void);
unsigned int shim_run_work(void);
bool shim_run_one_work(void);
unsigned int shim_work_queued(void);
/* Called in each iteration of a wait of this thread, instead of a short sleep */
extern __thread void (*shim_meanwhile)(void);
/* A fatal signal is pending for this thread */
extern __thread bool shim_killed;
/* Number of threads that wait for a completion */
extern unsigned int shim_waiting;
/* Number of expired timers of delayed work, each of which would wake an idle CPU */
extern unsigned long shim_wakeups;

/* Memory is so short that no kworker can be created: only work with a rescuer runs */
extern bool shim_no_kworkers;

/*
 * Fault injection: let @skip calls pass, then fail @times calls (-1: all). If @rate is
 * not 0, fail one call in @rate at random instead.
 */
enum shim_fault_kind {
	SHIM_FAULT_PAGES,
	SHIM_FAULT_CONTIG,
	SHIM_FAULT_KMALLOC,
	SHIM_FAULT_MEMBLOCK,
	SHIM_FAULT_DECRYPT,
	SHIM_FAULT_ENCRYPT,
	SHIM_FAULT_ATOMIC_POOL,
	SHIM_NR_FAULTS,
};
struct shim_fault {
	long skip, times;
	unsigned int rate;
	unsigned int min_order;	/* page requests below this order never fail */
	unsigned long calls, failed;
};
extern struct shim_fault shim_faults[SHIM_NR_FAULTS];
void shim_fail(enum shim_fault_kind kind, long skip, long times);
void shim_fail_rate(enum shim_fault_kind kind, unsigned int rate);
void shim_fail_none(void);

/* Live allocations, for leak checks */
struct shim_usage {
	long pages;		/* handed out by the page allocator */
	long memblock_pages;
	long kmallocs;
	long decrypted_pages;
	long pcpu_allocs;
	long memblock_bytes;
	long kmalloc_bytes;
	long pcpu_bytes;	/* of all CPUs; counted only by lean.c */
};
struct shim_usage shim_usage(void);
bool shim_page_decrypted(phys_addr_t paddr);
bool shim_page_allocated(phys_addr_t paddr);

/* Called once, before an allocation of pages that may sleep, then reset */
extern void (*shim_before_pages)(void);
/* Called once under the lock of pools, just after a pool was added, then reset */
extern void (*shim_on_grow)(void);
/* Called once, before memory is encrypted again, then reset */
extern void (*shim_before_encrypt)(void);
/* If set, called each time before memory is decrypted */
extern void (*shim_on_decrypt)(const void *vaddr, size_t bytes);
/* Jiffies that alloc_contig_pages() takes */
extern unsigned long shim_contig_takes;
/* Node in the last request for pages that named one */
extern int shim_asked_node;
/* Node whose memory is nearest to the running CPU */
extern int shim_mem_node;

/* Allocate memory for buffers of a test, naturally aligned; not touched before use */
phys_addr_t shim_take_ram(size_t bytes);
/* Allocate memory below @end for buffers of a test; returns 0 if there is none */
phys_addr_t shim_take_ram_below(size_t bytes, phys_addr_t end);

/* Call all shrinkers: returns the pages that they count; @freed: pages that they freed */
unsigned long shim_shrink(unsigned long *freed);

/* boot */
extern bool shim_flat_dt_reject;	/* every property is present */
int shim_boot_param(const char *name, const char *arg);
void shim_early_initcalls_run(void);	/* before any driver */
void shim_initcalls_run(void);
const struct reserved_mem_ops *shim_rmem_ops(void);

/*
 * Read a file in debugfs: returns its contents, valid until the next call, or NULL if
 * it does not exist or cannot be read
 */
const char *shim_debugfs_read(const char *dir, const char *file);
int shim_debugfs_write(const char *dir, const char *file, u64 val);
/*
 * The same for /sys/kernel/mm/swiotlb, with paths as "low/events/full". The mode is 0 for a
 * file that does not exist.
 */
const char *shim_sysfs_read(const char *path);
int shim_sysfs_write(const char *path, const char *text);
int shim_sysfs_mode(const char *path);
/* The same for the files of a device that was added */
const char *shim_dev_read(struct device *dev, const char *name);
int shim_dev_write(struct device *dev, const char *name, const char *text);

#endif
