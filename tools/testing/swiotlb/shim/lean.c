// SPDX-License-Identifier: GPL-2.0-only
/* Shim for benchmarks: slow paths, per-CPU memory, the copy. */
#include <sched.h>
#include <sys/mman.h>
#include "private.h"

__thread struct shim_task shim_task = { .preempt_off = 0x80000000 };
unsigned int shim_nr_cpus = 2;
bool shim_oversubscribed;

void shim_preempted(void)
{
	BUG();
}

void shim_rcu_special(void)
{
	BUG();
}

void shim_set_cpu(unsigned int cpu)
{
	BUG_ON(cpu >= NR_CPUS);
	shim_task.cpu = cpu;
	shim_task.pcpu_offset = shim_pcpu_offset[cpu];
}

void shim_hardirq_enter(void)
{
	BUG();
}

void shim_hardirq_exit(void)
{
	BUG();
}

/* Called only between measurements, when no other thread is in the engine */
void synchronize_rcu(void)
{
	/* A full barrier, as in the kernel */
	smp_mb();
}

/* ---- locks */

/* Bits 0 to 7 are not 0 while the lock is held. The other bits are for waiters */
static __always_inline u8 *locked_byte(spinlock_t *lock)
{
	return (u8 *)&lock->val;
}

static __always_inline bool try_acquire(spinlock_t *lock)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&lock->val, &free, SHIM_LOCKED, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void wait_unfair(spinlock_t *lock)
{
	unsigned int spins = 0;

	do {
		while (READ_ONCE(lock->val)) {
			cpu_relax();
			if (shim_oversubscribed && ++spins % 64 == 0)
				sched_yield();
		}
	} while (!try_acquire(lock));
}

/*
 * Like a queued spinlock with one waiter, which sets the pending bit and gets the lock
 * next. A third thread spins until there is no waiter, without a queue.
 */
static noinline void lock_slow(spinlock_t *lock)
{
	u32 old;

	if (shim_oversubscribed) {
		wait_unfair(lock);
		return;
	}
	old = __atomic_fetch_or(&lock->val, SHIM_LOCK_PENDING, __ATOMIC_ACQUIRE);
	if (old & SHIM_LOCK_PENDING) {
		wait_unfair(lock);
		return;
	}
	while (__atomic_load_n(locked_byte(lock), __ATOMIC_ACQUIRE))
		cpu_relax();
	WRITE_ONCE(lock->val, SHIM_LOCKED);
}

noinline void shim_lock(spinlock_t *lock)
{
	preempt_disable();
	if (unlikely(!try_acquire(lock)))
		lock_slow(lock);
}

noinline void shim_unlock(spinlock_t *lock)
{
	/* Order the critical section before the release */
	smp_store_release(locked_byte(lock), 0);
	preempt_enable();
}

noinline bool shim_trylock(spinlock_t *lock)
{
	preempt_disable();
	if (!READ_ONCE(lock->val) && likely(try_acquire(lock)))
		return true;
	preempt_enable();
	return false;
}

noinline unsigned long shim_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags = shim_irq_save();

	preempt_disable();
	if (unlikely(!try_acquire(lock)))
		lock_slow(lock);
	return flags;
}

noinline void shim_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	/* Order the critical section before the release */
	smp_store_release(locked_byte(lock), 0);
	shim_irq_restore(flags);
	preempt_enable();
}

/* Never contended here: only the thread that runs the work takes mutexes */
int mutex_trylock(struct mutex *m)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&m->val, &free, 1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void mutex_lock(struct mutex *m)
{
	BUG_ON(!mutex_trylock(m));
}

void mutex_unlock(struct mutex *m)
{
	/* Order the critical section before the release */
	smp_store_release(&m->val, 0);
}

/* ---- per-CPU memory: one unit per CPU, static variables first */

SHIM_PCPU static long pcpu_anchor __used;
unsigned long shim_pcpu_offset[NR_CPUS];

struct pcpu_piece { struct pcpu_piece *next; char *name; size_t size; bool used; };
static struct pcpu_piece *pcpu_pieces;
static char *pcpu_top;
static long pcpu_allocs, pcpu_bytes;

static struct pcpu_piece *pcpu_find(size_t size, size_t align)
{
	struct pcpu_piece *p;

	for (p = pcpu_pieces; p; p = p->next)
		if (!p->used && p->size == size && IS_ALIGNED((unsigned long)p->name, align))
			return p;
	pcpu_top = PTR_ALIGN(pcpu_top, align);
	if (pcpu_top + size > __start_shim_percpu + SHIM_PCPU_UNIT)
		return NULL;
	p = calloc(1, sizeof(*p));
	*p = (struct pcpu_piece){ pcpu_pieces, pcpu_top, size };
	pcpu_pieces = p;
	pcpu_top += size;
	return p;
}

void *shim_alloc_percpu(size_t size, size_t align, gfp_t gfp)
{
	struct pcpu_piece *p;
	unsigned int cpu;

	size = ALIGN(size, 8);
	p = pcpu_find(size, max_t(size_t, align, 8));
	if (!p)
		return NULL;
	p->used = true;
	pcpu_allocs++;
	pcpu_bytes += size;
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		memset(per_cpu_ptr(p->name, cpu), 0, size);
	return p->name;
}

void free_percpu(void *ptr)
{
	struct pcpu_piece *p;

	for (p = pcpu_pieces; p; p = p->next) {
		if (!p->used || ptr != p->name)
			continue;
		p->used = false;
		pcpu_allocs--;
		pcpu_bytes -= p->size;
	}
}

long shim_pcpu_live(void)
{
	return pcpu_allocs;
}

long shim_pcpu_bytes(void)
{
	size_t fixed = __stop_shim_percpu - __start_shim_percpu -
		       sizeof(pcpu_anchor);

	return (pcpu_bytes + fixed) * shim_nr_cpus;
}

void shim_pcpu_init(void)
{
	size_t fixed = __stop_shim_percpu - __start_shim_percpu;
	size_t bytes = (NR_CPUS + 1) * SHIM_PCPU_UNIT;
	unsigned int cpu;
	char *units;

	units = aligned_alloc(SZ_2M, ALIGN(bytes, SZ_2M));
	BUG_ON(!units);
	madvise(units, bytes, MADV_HUGEPAGE);
	/* Each copy has the same alignment as the image */
	units += (unsigned long)__start_shim_percpu % PAGE_SIZE;
	for (cpu = 0; cpu < NR_CPUS; cpu++, units += SHIM_PCPU_UNIT) {
		shim_pcpu_offset[cpu] = units - __start_shim_percpu;
		memcpy(units, __start_shim_percpu, fixed);
	}
	pcpu_top = __stop_shim_percpu;
	shim_set_cpu(0);
}

/* ---- the copy of a CPU with fast short rep movsb */

asm(".pushsection .text\n"
	".globl shim_copy\n"
	".type shim_copy, @function\n"
	".balign 16\n"
	"shim_copy:\n"
	"	movq %rdi, %rax\n"
	"	movq %rdx, %rcx\n"
	"	rep movsb\n"
	"	ret\n"
	".size shim_copy, . - shim_copy\n"
	".popsection\n");
