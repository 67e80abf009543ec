/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: workqueues and time. By default, work runs only in shim_run_work(). Threads can run
 * it instead.
 */
#ifndef SHIM_WORK_H
#define SHIM_WORK_H

struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	struct list_head entry;
	work_func_t func;
	u32 pending;
	bool has_rescuer;
};

struct delayed_work {
	struct work_struct work;
	unsigned long expires;
	bool deferrable;
};

struct rcu_work {
	struct work_struct work;
	struct rcu_head rcu;
};

/* Acts as another CPU just after rcu_work was queued; called once, then reset */
extern void (*shim_after_queue_rcu_work)(void);

struct workqueue_struct;
extern struct workqueue_struct *shim_wq;
#define system_wq shim_wq
#define system_percpu_wq shim_wq
#define system_unbound_wq shim_wq
#define system_dfl_wq shim_wq
#define system_long_wq shim_wq
#define system_highpri_wq shim_wq
#define WQ_UNBOUND 0
#define WQ_MEM_RECLAIM 1
#define WQ_PERCPU 0
#define WQ_FREEZABLE 0
/* There is only one queue: the flags only record whether work has a rescuer */
struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active);
#define destroy_workqueue(wq) kfree(wq)
#define flush_workqueue(wq) ((void)(wq), shim_flush_all())

#define __WORK_INITIALIZER(n, f) { .func = (f) }
#define DECLARE_WORK(n, f) struct work_struct n = __WORK_INITIALIZER(n, f)
#define __DELAYED_WORK_INITIALIZER(n, f, fl) { .work = { .func = (f) } }
#define DECLARE_DELAYED_WORK(n, f) \
	struct delayed_work n = __DELAYED_WORK_INITIALIZER(n, f, 0)
#define INIT_WORK(w, f) \
	do { *(w) = (struct work_struct){ .func = (f) }; } while (0)
#define SHIM_INIT_DELAYED(w, f, d) \
	do { INIT_WORK(&(w)->work, f); (w)->deferrable = (d); } while (0)
#define INIT_DELAYED_WORK(w, f) SHIM_INIT_DELAYED(w, f, false)
#define INIT_DEFERRABLE_WORK(w, f) SHIM_INIT_DELAYED(w, f, true)
#define INIT_RCU_WORK(w, f) INIT_WORK(&(w)->work, f)

static inline struct rcu_work *to_rcu_work(struct work_struct *work)
{
	return (struct rcu_work *)((char *)work - offsetof(struct rcu_work, work));
}

static inline struct delayed_work *to_delayed_work(struct work_struct *work)
{
	return (struct delayed_work *)
		((char *)work - offsetof(struct delayed_work, work));
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_rcu_work(struct workqueue_struct *wq, struct rcu_work *rwork);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
			unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
		      unsigned long delay);
bool cancel_work_sync(struct work_struct *work);
bool cancel_delayed_work(struct delayed_work *dwork);
bool cancel_delayed_work_sync(struct delayed_work *dwork);
bool flush_work(struct work_struct *work);
bool flush_delayed_work(struct delayed_work *dwork);
bool flush_rcu_work(struct rcu_work *rwork);
void shim_flush_all(void);
#define schedule_work(w) queue_work(shim_wq, w)
#define schedule_delayed_work(w, d) queue_delayed_work(shim_wq, w, d)
#define queue_work_on(cpu, wq, w) ((void)(cpu), queue_work(wq, w))
#define queue_work_node(node, wq, w) ((void)(node), queue_work(wq, w))
#define queue_delayed_work_on(cpu, wq, w, d) queue_delayed_work(wq, w, d)
#define work_pending(w) (!!READ_ONCE((w)->pending))
#define delayed_work_pending(w) work_pending(&(w)->work)

#define HZ 1000
extern unsigned long shim_jiffies;
#define jiffies READ_ONCE(shim_jiffies)
#if BITS_PER_LONG == 64
#define INITIAL_JIFFIES 0x100000000UL
#else
/* Jiffies wrap soon, as in the kernel */
#define INITIAL_JIFFIES (-300UL * HZ)
#endif
#define msecs_to_jiffies(ms) ((unsigned long)(ms))
#define jiffies_to_msecs(j) ((unsigned int)(j))
#define secs_to_jiffies(s) ((unsigned long)(s) * HZ)
#define time_after(a, b) ((long)((b) - (a)) < 0)
#define time_before(a, b) time_after(b, a)
#define time_in_range_open(a, b, c) (!time_before(a, b) && time_before(a, c))
#define time_in_range(a, b, c) (!time_before(a, b) && !time_after(a, c))
#define time_after_eq(a, b) ((long)((a) - (b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)
#define time_is_before_jiffies(a) time_after(jiffies, a)
#define time_is_after_jiffies(a) time_before(jiffies, a)
#define current ((struct task_struct *)shim_current())

/* A wait polls the count, and calls shim_meanwhile() if the thread has set it */
struct completion { u32 done; };
#define ERESTARTSYS 512
#define init_completion(x) __atomic_store_n(&(x)->done, 0, __ATOMIC_RELAXED)
#define reinit_completion(x) init_completion(x)
#define complete(x) ((void)__atomic_fetch_add(&(x)->done, 1, __ATOMIC_ACQ_REL))
long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout);
long schedule_timeout_killable(long timeout);
#define fatal_signal_pending(task) ((void)(task), shim_killed)
extern __thread bool shim_killed;

#define msleep(ms) do { might_sleep(); shim_advance(ms); } while (0)
void shim_advance(unsigned long ms);

#endif
