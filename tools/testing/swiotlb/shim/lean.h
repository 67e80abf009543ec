/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim for benchmarks: without the checks of sync.h, but with the costs of an x86 kernel.
 * Included by sync.h in place of its own parts.
 *
 *	spinlock	4 bytes; out of line; lock cmpxchg, and a store to release
 *	interrupts	pushf, popf: user space cannot use cli and sti
 *	preemption	++ and -- of a thread-local word, and a test of it
 *	smp_mb		lock addl on the stack; smp_rmb and smp_wmb are compiler
 *			barriers, as on x86
 *	RCU		PREEMPT_RCU: ++ and -- of a counter, and a test at the end
 *	per-CPU		one thread-local load, where the kernel has %gs
 *
 * A thread is a CPU, as in sync.h, and never changes its number.
 */
#ifndef SHIM_LEAN_H
#define SHIM_LEAN_H

/* ---- context ---- */

struct shim_task {
	u32 cpu;
	/* As on x86, never 0 unless a reschedule is due. None is ever due here */
	u32 preempt_off;
	unsigned long pcpu_offset;
	u32 rcu_depth;
	u32 rcu_special;
	u64 rcu_seq;
	struct shim_task *next;
} __aligned(64);

extern __thread struct shim_task shim_task;
extern unsigned int shim_nr_cpus;
void shim_preempted(void);

#define shim_current() (&shim_task)
#define might_sleep() do { } while (0)
#define might_sleep_if(c) do { } while (0)
#define cond_resched() do { } while (0)

#define preempt_disable() \
	do { shim_task.preempt_off++; barrier(); } while (0)
#define preempt_enable() do {						\
	barrier();							\
	if (unlikely(!--shim_task.preempt_off))				\
		shim_preempted();					\
} while (0)

static __always_inline unsigned long shim_irq_save(void)
{
	unsigned long flags;

	asm volatile("pushfq; popq %0" : "=rm" (flags) : : "memory");
	return flags;
}

static __always_inline void shim_irq_restore(unsigned long flags)
{
	asm volatile("pushq %0; popfq" : : "rm" (flags) : "memory", "cc");
}

#define local_irq_save(f) do { (f) = shim_irq_save(); } while (0)
#define local_irq_restore(f) shim_irq_restore(f)
#define local_irq_disable() do { (void)shim_irq_save(); } while (0)
#define local_irq_enable() shim_irq_restore(shim_irq_save())
#define irqs_disabled() 0
#define in_hardirq() 0
#define in_atomic() 0
#define lockdep_assert_irqs_disabled() do { } while (0)
#define lockdep_assert_preemption_disabled() do { } while (0)

/* ---- barriers ---- */

#define smp_mb() \
	asm volatile("lock; addl $0,-4(%%rsp)" : : : "memory", "cc")
#define smp_rmb() barrier()
#define smp_wmb() barrier()

/* ---- locks ---- */

typedef struct shim_spinlock { u32 val; } spinlock_t;
#define SHIM_LOCKED 1u
#define SHIM_LOCK_PENDING 0x100u

void shim_lock(spinlock_t *lock);
void shim_unlock(spinlock_t *lock);
bool shim_trylock(spinlock_t *lock);
unsigned long shim_lock_irqsave(spinlock_t *lock);
void shim_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
#define spin_lock(l) shim_lock(l)
#define spin_unlock(l) shim_unlock(l)
#define spin_trylock(l) shim_trylock(l)
#define spin_lock_irqsave(l, f) do { (f) = shim_lock_irqsave(l); } while (0)
#define spin_unlock_irqrestore(l, f) shim_unlock_irqrestore(l, f)
#define spin_is_locked(l) (!!READ_ONCE((l)->val))
#define lockdep_is_held(l) 1
#define lockdep_assert_held(l) do { } while (0)
#define lockdep_assert_not_held(l) do { } while (0)
#define lockdep_assert_once(c) do { } while (0)
#define lockdep_assert(c) do { } while (0)

/*
 * More threads than cores: a waiter yields. Otherwise it would spin for a time slice
 * while the owner has no core, which cannot happen in a kernel.
 */
extern bool shim_oversubscribed;

/* ---- RCU ---- */

void shim_rcu_special(void);

static __always_inline void rcu_read_lock(void)
{
	shim_task.rcu_depth++;
	barrier();
}

static __always_inline void rcu_read_unlock(void)
{
	barrier();
	if (!--shim_task.rcu_depth && unlikely(READ_ONCE(shim_task.rcu_special)))
		shim_rcu_special();
}

#define rcu_read_lock_held() 1
#define rcu_read_lock_any_held() 1
#define RCU_LOCKDEP_WARN(c, s) do { } while (0)
#define rcu_dereference_raw(p) READ_ONCE(p)
#define rcu_dereference_check(p, c) READ_ONCE(p)
#define rcu_dereference_protected(p, c) (p)

/* ---- per-CPU data ---- */

/*
 * The address of a static per-CPU variable, and the return value of alloc_percpu(), are
 * only handles: the sum with the offset of a CPU is an address.
 */
extern unsigned long shim_pcpu_offset[NR_CPUS];
#define shim_pcpu_at(p, offset) ((typeof(p))((unsigned long)(p) + (offset)))
#define per_cpu_ptr(p, cpu) shim_pcpu_at(p, shim_pcpu_offset[cpu])
#define this_cpu_ptr(p) shim_pcpu_at(p, shim_task.pcpu_offset)

/* No lock prefix: no other CPU writes there, and an interrupt cannot split an instruction */
#define this_cpu_add(v, n) \
	asm volatile("addq %1, %0" : "+m" (*this_cpu_ptr(&(v))) : "er" ((long)(n)) : "cc")
#define this_cpu_cmpxchg(v, o, n) ({					\
	typeof(v) *__p = this_cpu_ptr(&(v)), __old = (o), __new = (n);	\
	asm volatile("cmpxchg %2, %1"					\
		     : "+a" (__old), "+m" (*__p)			\
		     : "r" (__new) : "memory", "cc");			\
	__old; })
#define this_cpu_try_cmpxchg(v, op, n) ({				\
	typeof(v) __want = *(op), __got = this_cpu_cmpxchg(v, __want, n); \
	*(op) = __got;							\
	__got == __want; })
/* xchg with memory is always locked, so the kernel avoids it in the same way */
#define this_cpu_xchg(v, n) ({						\
	typeof(v) __seen = READ_ONCE(*this_cpu_ptr(&(v)));		\
	while (!this_cpu_try_cmpxchg(v, &__seen, n))			\
		;							\
	__seen; })

#endif
