/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: context (simulated CPUs, interrupts, preemption), barriers, atomics, locks, RCU
 * and per-CPU data. A thread is a CPU: it owns the number set by shim_set_cpu(), and no
 * two threads may have the same number at a time.
 */
#ifndef SHIM_SYNC_H
#define SHIM_SYNC_H

#ifndef CONFIG_NR_CPUS
#define CONFIG_NR_CPUS 64
#endif
#define NR_CPUS CONFIG_NR_CPUS

#ifdef SHIM_BENCH
#include "lean.h"
#else

/* ---- context ---- */

typedef struct shim_spinlock spinlock_t;
struct shim_task {
	u32 id;			/* from 1; stored in the owner field of a lock */
	u32 cpu;
	int irqs_off;
	int preempt_off;
	int locks;
	int rcu_depth;
	bool hardirq;
	bool may_sleep;		/* overrides the fields above */
	u64 rcu_seq;		/* odd inside a read-side section */
	u64 taken;		/* locks, ever */
	u64 sections;		/* RCU read-side sections, ever */
	const spinlock_t *last;	/* the lock that was taken last */
	u64 visits;		/* accesses to per-CPU data by CPU number, ever */
	struct shim_task *next;
};

extern __thread struct shim_task *shim_self;
extern unsigned int shim_nr_cpus;
struct shim_task *shim_task_register(void);

static __always_inline struct shim_task *shim_current(void)
{
	struct shim_task *t = shim_self;

	return likely(t) ? t : shim_task_register();
}

void shim_might_sleep(const char *file, int line);
#define might_sleep() shim_might_sleep(__FILE__, __LINE__)
#define might_sleep_if(c) do { if (c) might_sleep(); } while (0)
#define cond_resched() do { might_sleep(); } while (0)
#endif /* !SHIM_BENCH */

#define raw_smp_processor_id() (shim_current()->cpu)
#define smp_processor_id() raw_smp_processor_id()
#define get_cpu() (preempt_disable(), raw_smp_processor_id())
#define put_cpu() preempt_enable()
#define numa_node_id() 0
#define cpu_to_node(cpu) ((void)(cpu), 0)
#define cpu_to_mem(cpu) cpu_to_node(cpu)
#define NUMA_NO_NODE (-1)
#define nr_cpu_ids shim_nr_cpus
#define num_possible_cpus() shim_nr_cpus
#define num_online_cpus() shim_nr_cpus
#define num_present_cpus() shim_nr_cpus
#define cpu_online(cpu) ((cpu) < shim_nr_cpus)
#define cpu_possible(cpu) ((cpu) < shim_nr_cpus)
#define for_each_possible_cpu(c) for ((c) = 0; (c) < (typeof(c))shim_nr_cpus; (c)++)
#define for_each_online_cpu(c) for_each_possible_cpu(c)
#define cpus_read_lock() might_sleep()
#define cpus_read_unlock() do { } while (0)

#ifndef SHIM_BENCH
#define preempt_disable() ((void)shim_current()->preempt_off++)
#define preempt_enable() ((void)shim_current()->preempt_off--)
#define local_irq_save(f) do { (f) = shim_current()->irqs_off++; } while (0)
#define local_irq_restore(f) do { shim_current()->irqs_off = (f); } while (0)
#define local_irq_disable() do { shim_current()->irqs_off = 1; } while (0)
#define local_irq_enable() do { shim_current()->irqs_off = 0; } while (0)
#define irqs_disabled() (shim_current()->irqs_off || shim_current()->hardirq)
#define in_hardirq() (shim_current()->hardirq)
#define in_atomic() \
	(shim_current()->preempt_off || shim_current()->locks || in_hardirq())
#define lockdep_assert_irqs_disabled() WARN_ON_ONCE(!irqs_disabled())
#define lockdep_assert_preemption_disabled() \
	WARN_ON_ONCE(!in_atomic() && !irqs_disabled())
#endif /* !SHIM_BENCH */
#define migrate_disable() do { } while (0)
#define migrate_enable() do { } while (0)
#define in_interrupt() in_hardirq()
#define in_task() (!in_hardirq())
#define preemptible() (!in_atomic() && !irqs_disabled())
#define cpu_relax() __builtin_ia32_pause()

/* ---- barriers ---- */

#ifdef SHIM_TSAN
/*
 * ThreadSanitizer does not model stand-alone fences. One shared read-modify-write orders
 * all fences of a run. This hides a missing paired fence, but not plain accesses that no
 * fence orders.
 */
void shim_tsan_fence(void);
#define smp_mb() shim_tsan_fence()
#define smp_rmb() shim_tsan_fence()
#define smp_wmb() shim_tsan_fence()
#elif !defined(SHIM_BENCH)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif
#define mb() smp_mb()
#define rmb() smp_rmb()
#define wmb() smp_wmb()
#define smp_mb__before_atomic() smp_mb()
#define smp_mb__after_atomic() smp_mb()
#define smp_mb__after_spinlock() smp_mb()
#ifdef SHIM_BENCH
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#else
#define smp_load_acquire(p) ({						\
	shim_hook(&shim_before_acquire);				\
	__atomic_load_n(p, __ATOMIC_ACQUIRE); })
#endif
#define smp_store_release(p, v) \
	__atomic_store_n(p, (typeof(*(p)))(v), __ATOMIC_RELEASE)
#define smp_store_mb(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

/*
 * Hooks, called once and then reset. They act as another CPU or an interrupt, just before
 * or after an operation of this CPU:
 *
 *	lock, unlock	spinlocks
 *	acquire		smp_load_acquire()
 *	cmpxchg		atomic_try_cmpxchg(): a push to a magazine, or a drain
 *	cmpxchg64	atomic64_try_cmpxchg_relaxed(): the end of a mapping
 *	take		atomic_try_cmpxchg_acquire(): a take from a magazine
 *	grace_period	the wait for a grace period
 */
extern void (*shim_before_lock)(void);
extern void (*shim_before_acquire)(void);
extern void (*shim_after_unlock)(void);
extern void (*shim_before_cmpxchg)(void);
extern void (*shim_before_cmpxchg64)(void);
extern void (*shim_before_take)(void);
extern void (*shim_after_take)(void);
extern void (*shim_before_grace_period)(void);
extern void (*shim_after_grace_period)(void);
void shim_run_hook(void (**hook)(void));

#ifndef SHIM_BENCH
/* A function, so that its branches do not count as branches of the engine */
static __always_inline void shim_hook(void (**hook)(void))
{
	if (unlikely(*hook))
		shim_run_hook(hook);
}
#endif

/* spin_trylock_irqsave() fails, as if another CPU held the lock */
#ifdef SHIM_BENCH
#define shim_all_busy false
#else
extern bool shim_all_busy;
#endif

/* ---- atomics ---- */

#define ATOMIC_INIT(i) { (i) }
#define ATOMIC_LONG_INIT(i) { (i) }
#define ATOMIC64_INIT(i) { (i) }
#define xchg(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define xchg_relaxed(p, v) __atomic_exchange_n(p, v, __ATOMIC_RELAXED)
#define shim_cmpxchg(p, o, n, order) ({					\
	typeof(*(p)) __o = (o);						\
	__atomic_compare_exchange_n(p, &__o, n, false, order,		\
				    __ATOMIC_RELAXED);			\
	__o; })
#define cmpxchg(p, o, n) shim_cmpxchg(p, o, n, __ATOMIC_SEQ_CST)
#define cmpxchg_relaxed(p, o, n) shim_cmpxchg(p, o, n, __ATOMIC_RELAXED)
#define cmpxchg_acquire(p, o, n) shim_cmpxchg(p, o, n, __ATOMIC_ACQUIRE)
#define cmpxchg_release(p, o, n) shim_cmpxchg(p, o, n, __ATOMIC_RELEASE)
#define try_cmpxchg(p, op, n) \
	__atomic_compare_exchange_n(p, op, n, false, __ATOMIC_SEQ_CST, \
				    __ATOMIC_RELAXED)

#define SHIM_ATOMIC(pfx, type, val)					\
static inline val pfx##_read(const type *v)				\
{ return __atomic_load_n(&v->counter, SHIM_LOAD_ORDER); }		\
static inline val pfx##_read_acquire(const type *v)			\
{ return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE); }		\
static inline void pfx##_set(type *v, val i)				\
{ __atomic_store_n(&v->counter, i, __ATOMIC_RELAXED); }			\
static inline void pfx##_set_release(type *v, val i)			\
{ __atomic_store_n(&v->counter, i, __ATOMIC_RELEASE); }			\
static inline void pfx##_add(val i, type *v)				\
{ __atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED); }		\
static inline void pfx##_sub(val i, type *v)				\
{ __atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED); }		\
static inline void pfx##_inc(type *v) { pfx##_add(1, v); }		\
static inline void pfx##_dec(type *v) { pfx##_sub(1, v); }		\
static inline val pfx##_add_return(val i, type *v)			\
{ return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST); }	\
static inline val pfx##_sub_return(val i, type *v)			\
{ return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST); }	\
static inline val pfx##_add_return_relaxed(val i, type *v)		\
{ return __atomic_add_fetch(&v->counter, i, __ATOMIC_RELAXED); }	\
static inline val pfx##_inc_return(type *v)				\
{ return pfx##_add_return(1, v); }					\
static inline val pfx##_dec_return(type *v)				\
{ return pfx##_sub_return(1, v); }					\
static inline val pfx##_fetch_add(val i, type *v)			\
{ return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST); }	\
static inline bool pfx##_dec_and_test(type *v)				\
{ return !pfx##_sub_return(1, v); }					\
static inline bool pfx##_sub_and_test(val i, type *v)			\
{ return !pfx##_sub_return(i, v); }					\
static inline val pfx##_xchg(type *v, val n)				\
{ return xchg(&v->counter, n); }					\
static inline val pfx##_xchg_acquire(type *v, val n)			\
{ return __atomic_exchange_n(&v->counter, n, __ATOMIC_ACQUIRE); }	\
static inline val pfx##_cmpxchg(type *v, val o, val n)			\
{ return cmpxchg(&v->counter, o, n); }					\
static inline bool pfx##_try_cmpxchg(type *v, val *o, val n)		\
{ return try_cmpxchg(&v->counter, o, n); }				\
static inline bool pfx##_try_cmpxchg_relaxed(type *v, val *o, val n)	\
{ return __atomic_compare_exchange_n(&v->counter, o, n, false,		\
				     __ATOMIC_RELAXED, __ATOMIC_RELAXED); } \
static inline bool pfx##_try_cmpxchg_acquire(type *v, val *o, val n)	\
{ return __atomic_compare_exchange_n(&v->counter, o, n, false,		\
				     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED); } \
static inline bool pfx##_try_cmpxchg_release(type *v, val *o, val n)	\
{ return __atomic_compare_exchange_n(&v->counter, o, n, false,		\
				     __ATOMIC_RELEASE, __ATOMIC_RELAXED); } \
static inline bool pfx##_add_unless(type *v, val a, val u)		\
{ val c = pfx##_read(v);						\
  while (c != u && !pfx##_try_cmpxchg(v, &c, c + a)) ;			\
  return c != u; }							\
static inline bool pfx##_inc_not_zero(type *v)				\
{ return pfx##_add_unless(v, 1, 0); }

SHIM_ATOMIC(atomic, atomic_t, int)
SHIM_ATOMIC(atomic64, atomic64_t, s64)
SHIM_ATOMIC(atomic_long, atomic_long_t, long)

#ifndef SHIM_BENCH
#define atomic64_try_cmpxchg_relaxed(v, o, n) \
	(shim_hook(&shim_before_cmpxchg64), (atomic64_try_cmpxchg_relaxed)(v, o, n))
#define atomic_try_cmpxchg(v, o, n) \
	(shim_hook(&shim_before_cmpxchg), (atomic_try_cmpxchg)(v, o, n))
#define atomic_try_cmpxchg_acquire(v, o, n) ({				\
	shim_hook(&shim_before_take);					\
	bool __done = (atomic_try_cmpxchg_acquire)(v, o, n);		\
	shim_hook(&shim_after_take);					\
	__done; })
#endif

/* ---- locks ---- */

#ifndef SHIM_BENCH
/*
 * Four bytes, as in the kernel without debugging, to show false sharing of areas. Low
 * half: task id of the owner. The two top bits record the contexts in which the lock was
 * taken; both together mean a possible deadlock.
 */
struct shim_spinlock { u32 val; };
#define SHIM_LOCK_OWNER 0x0000ffffu
#define SHIM_LOCK_IN_IRQ 0x40000000u
#define SHIM_LOCK_IRQS_ON 0x80000000u

void shim_spin_lock_slow(spinlock_t *lock);
void shim_spin_unlock_bad(spinlock_t *lock);

static __always_inline u32 shim_lock_context(const struct shim_task *t)
{
	if (t->hardirq)
		return SHIM_LOCK_IN_IRQ;
	return t->irqs_off ? 0 : SHIM_LOCK_IRQS_ON;
}

static __always_inline bool spin_trylock(spinlock_t *lock)
{
	struct shim_task *t = shim_current();
	u32 old, new;

	if (unlikely(shim_before_lock))
		shim_run_hook(&shim_before_lock);
	old = __atomic_load_n(&lock->val, __ATOMIC_RELAXED);
	new = (old & ~SHIM_LOCK_OWNER) | t->id | shim_lock_context(t);
	if ((old & SHIM_LOCK_OWNER) ||
	    !__atomic_compare_exchange_n(&lock->val, &old, new, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	t->locks++;
	t->taken++;
	t->last = lock;
	return true;
}

static __always_inline void spin_lock(spinlock_t *lock)
{
	if (unlikely(!spin_trylock(lock)))
		shim_spin_lock_slow(lock);
}

static __always_inline void spin_unlock(spinlock_t *lock)
{
	struct shim_task *t = shim_current();
	u32 val = __atomic_load_n(&lock->val, __ATOMIC_RELAXED);

	if (unlikely((val & SHIM_LOCK_OWNER) != t->id ||
		     (val & ~SHIM_LOCK_OWNER) ==
		     (SHIM_LOCK_IN_IRQ | SHIM_LOCK_IRQS_ON)))
		shim_spin_unlock_bad(lock);
	t->locks--;
	__atomic_store_n(&lock->val, val & ~SHIM_LOCK_OWNER, __ATOMIC_RELEASE);
	if (unlikely(shim_after_unlock))
		shim_run_hook(&shim_after_unlock);
}

#define spin_lock_irqsave(l, f) do { local_irq_save(f); spin_lock(l); } while (0)
#define spin_unlock_irqrestore(l, f) \
	do { spin_unlock(l); local_irq_restore(f); } while (0)
#define spin_is_locked(l) \
	(!!(__atomic_load_n(&(l)->val, __ATOMIC_RELAXED) & SHIM_LOCK_OWNER))
#define lockdep_is_held(l) \
	((__atomic_load_n(&(l)->val, __ATOMIC_RELAXED) & SHIM_LOCK_OWNER) == \
	 shim_current()->id)
#define lockdep_assert_held(l) WARN_ON_ONCE(!lockdep_is_held(l))
#define lockdep_assert_not_held(l) WARN_ON_ONCE(lockdep_is_held(l))
#define lockdep_assert_once(c) WARN_ON_ONCE(!(c))
#define lockdep_assert(c) WARN_ON(!(c))
#endif /* !SHIM_BENCH */

typedef spinlock_t raw_spinlock_t;
#define __SPIN_LOCK_UNLOCKED(name) { 0 }
#define DEFINE_SPINLOCK(name) spinlock_t name = { 0 }
#define DEFINE_RAW_SPINLOCK(name) spinlock_t name = { 0 }
#define spin_lock_init(l) __atomic_store_n(&(l)->val, 0, __ATOMIC_RELAXED)
#define raw_spin_lock_init spin_lock_init
static __always_inline bool shim_spin_trylock_irqsave(spinlock_t *lock,
						      unsigned long *flags)
{
	if (unlikely(shim_all_busy))
		return false;
	local_irq_save(*flags);
	if (spin_trylock(lock))
		return true;
	local_irq_restore(*flags);
	return false;
}
#define spin_trylock_irqsave(l, f) shim_spin_trylock_irqsave(l, &(f))
#define spin_lock_irq(l) do { local_irq_disable(); spin_lock(l); } while (0)
#define spin_unlock_irq(l) do { spin_unlock(l); local_irq_enable(); } while (0)
#define spin_lock_bh(l) spin_lock(l)
#define spin_unlock_bh(l) spin_unlock(l)
#define spin_lock_nested(l, c) spin_lock(l)
#define spin_is_contended(l) ((void)(l), 0)
#define assert_spin_locked(l) lockdep_assert_held(l)
#define raw_spin_lock spin_lock
#define raw_spin_unlock spin_unlock
#define raw_spin_trylock spin_trylock
#define raw_spin_lock_irqsave spin_lock_irqsave
#define raw_spin_unlock_irqrestore spin_unlock_irqrestore
#define raw_spin_trylock_irqsave spin_trylock_irqsave

struct mutex { u32 val; };
#define __MUTEX_INITIALIZER(name) { 0 }
#define DEFINE_MUTEX(name) struct mutex name = { 0 }
#define mutex_init(m) __atomic_store_n(&(m)->val, 0, __ATOMIC_RELAXED)
#define mutex_destroy(m) do { } while (0)
void mutex_lock(struct mutex *m);
int mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
#define mutex_is_locked(m) (!!READ_ONCE((m)->val))

typedef struct { u32 unused; } local_lock_t;
#define INIT_LOCAL_LOCK(name) { 0 }
#define local_lock_init(l) ((void)(l))
#define local_lock(l) preempt_disable()
#define local_unlock(l) preempt_enable()
#define local_lock_irqsave(l, f) local_irq_save(f)
#define local_unlock_irqrestore(l, f) local_irq_restore(f)

#define lockdep_set_class(l, k) do { } while (0)
#define lockdep_set_class_and_name(l, k, n) do { } while (0)
struct lock_class_key { };
struct lockdep_map { };
#define might_lock(l) do { } while (0)
#define might_alloc(gfp) might_sleep_if(gfpflags_allow_blocking(gfp))

/* ---- RCU ---- */

#ifndef SHIM_BENCH
static __always_inline void rcu_read_lock(void)
{
	struct shim_task *t = shim_current();

	if (t->rcu_depth++)
		return;
	t->sections++;
#ifdef SHIM_TSAN
	__atomic_fetch_add(&t->rcu_seq, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_store_n(&t->rcu_seq, t->rcu_seq + 1, __ATOMIC_SEQ_CST);
#endif
}

static __always_inline void rcu_read_unlock(void)
{
	struct shim_task *t = shim_current();

	if (--t->rcu_depth)
		return;
	__atomic_store_n(&t->rcu_seq, t->rcu_seq + 1, __ATOMIC_RELEASE);
}

#define rcu_read_lock_held() (shim_current()->rcu_depth > 0)
#define rcu_read_lock_any_held() \
	(rcu_read_lock_held() || in_atomic() || irqs_disabled())
#define RCU_LOCKDEP_WARN(c, s) WARN_ONCE(c, "%s\n", s)
#define rcu_dereference_raw(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_dereference_check(p, c) ({					\
	WARN_ON_ONCE(!(c) && !rcu_read_lock_any_held());		\
	rcu_dereference_raw(p); })
#define rcu_dereference_protected(p, c) ({				\
	WARN_ON_ONCE(!(c));						\
	READ_ONCE(p); })
#endif /* !SHIM_BENCH */

void synchronize_rcu(void);
void synchronize_rcu_expedited(void);
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *));
void rcu_barrier(void);
void shim_kfree_rcu(void *ptr);
#define call_rcu_hurry call_rcu
#define kfree_rcu(ptr, ...) shim_kfree_rcu(ptr)
#define kvfree_rcu(ptr, ...) shim_kfree_rcu(ptr)
#define kfree_rcu_mightsleep(ptr) shim_kfree_rcu(ptr)
#define rcu_read_lock_sched() preempt_disable()
#define rcu_read_unlock_sched() preempt_enable()
#define rcu_lock_acquire(m) do { } while (0)
#define rcu_lock_release(m) do { } while (0)
#define rcu_check_sparse(p, s)
#define rcu_assign_pointer(p, v) \
	__atomic_store_n(&(p), (typeof(p))(v), __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, v) WRITE_ONCE(p, v)
#define RCU_INITIALIZER(v) (v)
#define rcu_dereference_raw_check(p) rcu_dereference_raw(p)
#define rcu_dereference(p) rcu_dereference_check(p, 0)
#define rcu_access_pointer(p) READ_ONCE(p)
#define rcu_replace_pointer(p, v, c) ({					\
	typeof(p) __old = rcu_dereference_protected(p, c);		\
	rcu_assign_pointer(p, v);					\
	__old; })
#define unrcu_pointer(p) (p)
#define rcu_head_init(h) do { } while (0)
#define init_rcu_head(h) do { } while (0)
#define destroy_rcu_head(h) do { } while (0)
#define init_rcu_head_on_stack(h) do { } while (0)

/* ---- per-CPU data ---- */

/*
 * A static per-CPU variable is itself the copy of CPU 0; shim_pcpu_static[] has the offsets
 * to other copies. The copies of a dynamic allocation are SHIM_PCPU_UNIT bytes apart.
 */
extern char __start_shim_percpu[], __stop_shim_percpu[];
#define SHIM_PCPU_UNIT (1UL << 20)

#ifndef SHIM_BENCH
extern unsigned long shim_pcpu_static[NR_CPUS];

static __always_inline unsigned long shim_pcpu_addr(const void *p, u32 cpu)
{
	unsigned long a = (unsigned long)p;

	if (a >= (unsigned long)__start_shim_percpu &&
	    a < (unsigned long)__stop_shim_percpu)
		return a + shim_pcpu_static[cpu];
	return a + cpu * SHIM_PCPU_UNIT;
}

static __always_inline unsigned long shim_pcpu_visit(const void *p, u32 cpu)
{
	shim_current()->visits++;
	return shim_pcpu_addr(p, cpu);
}

#define per_cpu_ptr(p, cpu) ((typeof(p))shim_pcpu_visit(p, cpu))
#define this_cpu_ptr(p) ((typeof(p))shim_pcpu_addr(p, raw_smp_processor_id()))
#endif /* !SHIM_BENCH */

void *shim_alloc_percpu(size_t size, size_t align, gfp_t gfp);
void free_percpu(void *p);
#define alloc_percpu(type) \
	((type *)shim_alloc_percpu(sizeof(type), __alignof__(type), GFP_KERNEL))
#define alloc_percpu_gfp(type, gfp) \
	((type *)shim_alloc_percpu(sizeof(type), __alignof__(type), gfp))
#define __alloc_percpu(size, align) shim_alloc_percpu(size, align, GFP_KERNEL)
#define __alloc_percpu_gfp(size, align, gfp) shim_alloc_percpu(size, align, gfp)
#define SHIM_PCPU __attribute__((section("shim_percpu")))
#define DECLARE_PER_CPU(type, name) extern type name
#define DEFINE_PER_CPU(type, name) SHIM_PCPU type name
#define DEFINE_PER_CPU_ALIGNED(type, name) SHIM_PCPU __aligned(64) type name
#define DEFINE_PER_CPU_SHARED_ALIGNED DEFINE_PER_CPU_ALIGNED
#define raw_cpu_ptr(p) this_cpu_ptr(p)
#define per_cpu(var, cpu) (*per_cpu_ptr(&(var), cpu))
#define get_cpu_ptr(p) (preempt_disable(), this_cpu_ptr(p))
#define put_cpu_ptr(p) ((void)(p), preempt_enable())
#define get_cpu_var(v) (*get_cpu_ptr(&(v)))
#define put_cpu_var(v) put_cpu_ptr(&(v))
#define this_cpu_read(v) READ_ONCE(*this_cpu_ptr(&(v)))
#define this_cpu_write(v, x) WRITE_ONCE(*this_cpu_ptr(&(v)), x)
/* Only this thread writes the copy, but others may read it, so the write must not tear */
#ifndef this_cpu_add
#define this_cpu_add(v, x) do {						\
	typeof(v) *__p = this_cpu_ptr(&(v));				\
	WRITE_ONCE(*__p, *__p + (x)); } while (0)
#endif
#define this_cpu_sub(v, x) this_cpu_add(v, -(x))
#define this_cpu_inc(v) this_cpu_add(v, 1)
#define this_cpu_dec(v) this_cpu_add(v, -1)
#define __this_cpu_add this_cpu_add
#define __this_cpu_sub this_cpu_sub
#define __this_cpu_inc this_cpu_inc
#define __this_cpu_dec this_cpu_dec
#define __this_cpu_read this_cpu_read
#define __this_cpu_write this_cpu_write
#define raw_cpu_inc this_cpu_inc
#define raw_cpu_add this_cpu_add

#endif
