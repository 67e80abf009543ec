/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: what a test turns and reads. Nothing here is seen by the engine. */
#ifndef SHIM_CONTROL_H
#define SHIM_CONTROL_H

void shim_init(void);

/* context */
void shim_set_cpu(unsigned int cpu);
void shim_hardirq_enter(void);
void shim_hardirq_exit(void);
/* What follows when a CPU has gone offline */
void shim_cpu_dead(unsigned int cpu);

/* Work, RCU callbacks and time: nothing runs unless asked, or in threads */
void shim_threads_start(void);
void shim_threads_stop(void);
unsigned int shim_run_work(void);
bool shim_run_one_work(void);
unsigned int shim_work_queued(void);
/* What happens in each turn while this thread waits, in place of a short sleep */
extern __thread void (*shim_meanwhile)(void);
/* A fatal signal is pending for this thread */
extern __thread bool shim_killed;
/* Threads that wait for a completion */
extern unsigned int shim_waiting;
/* Delayed work, ever, whose timer ran out, and would have woken an idle CPU */
extern unsigned long shim_wakeups;

/* Memory is so short that no kworker can be made: only work with a rescuer runs */
extern bool shim_no_kworkers;

/*
 * Fault injection: let @skip calls pass, then fail @times calls (-1: all).
 * @rate, if not 0, fails one call in @rate at random instead.
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

/* What is alive, for leak checks */
struct shim_usage {
	long pages;		/* handed out by the page allocator */
	long memblock_pages;
	long kmallocs;
	long decrypted_pages;
	long pcpu_allocs;
	long memblock_bytes;
	long kmalloc_bytes;
	long pcpu_bytes;	/* of all CPUs; counted by lean.c alone */
};
struct shim_usage shim_usage(void);
bool shim_page_decrypted(phys_addr_t paddr);
bool shim_page_allocated(phys_addr_t paddr);

/* Called before pages are allocated that may be waited for: once, then forgotten */
extern void (*shim_before_pages)(void);
/* The same, before memory is encrypted again */
extern void (*shim_before_encrypt)(void);
/* Each time before memory is decrypted, if it is set */
extern void (*shim_on_decrypt)(const void *vaddr, size_t bytes);
/* Jiffies that alloc_contig_pages() takes */
extern unsigned long shim_contig_takes;
/* Node that was preferred for pages the last time somebody named one */
extern int shim_asked_node;
/* Node whose memory is nearest to who runs */
extern int shim_mem_node;

/* Memory for a test's own buffers, naturally aligned; not touched before use */
phys_addr_t shim_take_ram(size_t bytes);
/* The same, 0 if there is no such piece below @end */
phys_addr_t shim_take_ram_below(size_t bytes, phys_addr_t end);

/* Asks all shrinkers: pages that they count, and what they freed */
unsigned long shim_shrink(unsigned long *freed);

/* boot */
extern bool shim_flat_dt_reject;	/* every property is present */
int shim_boot_param(const char *name, const char *arg);
void shim_early_initcalls_run(void);	/* before any driver */
void shim_initcalls_run(void);
const struct reserved_mem_ops *shim_rmem_ops(void);

/*
 * debugfs: contents of a file, NULL if there is none or it cannot be read; valid
 * until the next call
 */
const char *shim_debugfs_read(const char *dir, const char *file);
int shim_debugfs_write(const char *dir, const char *file, u64 val);

#endif
