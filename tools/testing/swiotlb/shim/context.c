// SPDX-License-Identifier: GPL-2.0-only
/* Shim: simulated CPUs, the lock slow paths, mutexes, per-CPU data. */
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "private.h"

__thread struct shim_task *shim_self;
unsigned int shim_nr_cpus = 4;
unsigned long shim_pcpu_static[NR_CPUS];

/* All tasks that ever ran; entries of ended threads stay */
struct shim_task *shim_tasks;
static u32 shim_next_id;

/* Makes the section exist even if the code under test has no static per-CPU variable */
SHIM_PCPU static int shim_pcpu_anchor __used;

struct shim_task *shim_task_register(void)
{
	struct shim_task *t = aligned_alloc(64, 128);

	memset(t, 0, 128);
	t->id = __atomic_add_fetch(&shim_next_id, 1, __ATOMIC_RELAXED);
	BUG_ON(t->id > SHIM_LOCK_OWNER);
	t->next = __atomic_load_n(&shim_tasks, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&shim_tasks, &t->next, t, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	shim_self = t;
	return t;
}

void shim_set_cpu(unsigned int cpu)
{
	BUG_ON(cpu >= NR_CPUS);
	shim_current()->cpu = cpu;
}

void shim_hardirq_enter(void)
{
	shim_current()->hardirq = true;
}

void shim_hardirq_exit(void)
{
	shim_current()->hardirq = false;
}

void shim_might_sleep(const char *file, int line)
{
	struct shim_task *t = shim_current();

	if (t->may_sleep)
		return;
	if (t->irqs_off || t->preempt_off || t->locks || t->hardirq || t->rcu_depth)
		shim_report(SHIM_MISUSE, NULL,
			    "sleeping while atomic at %s:%d (irqs off %d, preempt off %d, locks %d, rcu %d, hardirq %d)\n",
			    file, line, t->irqs_off, t->preempt_off, t->locks,
			    t->rcu_depth, t->hardirq);
}

#ifdef SHIM_TSAN
void shim_tsan_fence(void)
{
	static u32 order;

	__atomic_fetch_add(&order, 1, __ATOMIC_ACQ_REL);
}
#endif

void (*shim_before_lock)(void);
void (*shim_before_acquire)(void);
void (*shim_after_unlock)(void);
void (*shim_before_cmpxchg)(void);
void (*shim_before_cmpxchg64)(void);
void (*shim_before_take)(void);
void (*shim_after_take)(void);
bool shim_all_busy;

void shim_run_hook(void (**hook)(void))
{
	void (*fn)(void) = *hook;

	*hook = NULL;
	fn();
}

void shim_spin_lock_slow(spinlock_t *lock)
{
	unsigned int spins = 0;

	if (lockdep_is_held(lock)) {
		shim_report(SHIM_MISUSE, NULL, "lock %px taken twice\n", lock);
		abort();
	}
	while (!spin_trylock(lock)) {
		cpu_relax();
		if (++spins % 64 == 0)
			sched_yield();
	}
}

void shim_spin_unlock_bad(spinlock_t *lock)
{
	u32 val = __atomic_load_n(&lock->val, __ATOMIC_RELAXED);

	if ((val & SHIM_LOCK_OWNER) != shim_current()->id)
		shim_report(SHIM_MISUSE, NULL, "unlock of a lock held by %u\n",
			    val & SHIM_LOCK_OWNER);
	else if (shim_once(1))
		shim_report(SHIM_MISUSE, NULL,
			    "lock %px taken in hard interrupt and with interrupts on\n",
			    lock);
}

int mutex_trylock(struct mutex *m)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&m->val, &free, shim_current()->id,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

void mutex_lock(struct mutex *m)
{
	might_sleep();
	if (READ_ONCE(m->val) == shim_current()->id) {
		shim_report(SHIM_MISUSE, NULL, "mutex %px taken twice\n", m);
		abort();
	}
	while (!mutex_trylock(m))
		sched_yield();
}

void mutex_unlock(struct mutex *m)
{
	WARN_ON(READ_ONCE(m->val) != shim_current()->id);
	__atomic_store_n(&m->val, 0, __ATOMIC_RELEASE);
	shim_hook(&shim_after_unlock);
}

/*
 * Dynamic per-CPU memory: one unit of address space per CPU, with the same offset in
 * each unit. Freed pieces are reused for the same size.
 */
static char *pcpu_base;
static size_t pcpu_top;
static struct mutex pcpu_mutex;
static long pcpu_allocs;

struct pcpu_piece { struct pcpu_piece *next; size_t off, size; bool used; };
static struct pcpu_piece *pcpu_pieces;

static struct pcpu_piece *pcpu_find_free(size_t size)
{
	struct pcpu_piece *p;

	for (p = pcpu_pieces; p; p = p->next)
		if (!p->used && p->size == size)
			return p;
	if (pcpu_top + size > SHIM_PCPU_UNIT)
		return NULL;
	p = calloc(1, sizeof(*p));
	p->off = pcpu_top;
	p->size = size;
	p->next = pcpu_pieces;
	pcpu_pieces = p;
	pcpu_top += size;
	return p;
}

void *shim_alloc_percpu(size_t size, size_t align, gfp_t gfp)
{
	struct pcpu_piece *p;
	unsigned int cpu;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	(void)align;
	if (shim_should_fail(SHIM_FAULT_KMALLOC, 0))
		return NULL;
	scoped_guard(mutex, &pcpu_mutex) {
		p = pcpu_find_free(ALIGN(size, 64));
		if (!p)
			return NULL;
		p->used = true;
		pcpu_allocs++;
	}
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		memset(pcpu_base + p->off + cpu * SHIM_PCPU_UNIT, 0, p->size);
	return pcpu_base + p->off;
}

void free_percpu(void *ptr)
{
	size_t off = (char *)ptr - pcpu_base;
	struct pcpu_piece *p;

	if (!ptr)
		return;
	guard(mutex)(&pcpu_mutex);
	for (p = pcpu_pieces; p; p = p->next) {
		if (p->off != off || !p->used)
			continue;
		p->used = false;
		pcpu_allocs--;
		return;
	}
	shim_report(SHIM_MISUSE, NULL, "free_percpu of %px, not allocated\n", ptr);
}

long shim_pcpu_live(void)
{
	return pcpu_allocs;
}

void shim_pcpu_init(void)
{
	size_t size = __stop_shim_percpu - __start_shim_percpu;
	unsigned int cpu;

	pcpu_base = mmap(NULL, NR_CPUS * SHIM_PCPU_UNIT, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	BUG_ON(pcpu_base == MAP_FAILED);
	for (cpu = 1; cpu < NR_CPUS; cpu++) {
		char *copy = aligned_alloc(64, ALIGN(size, 64) + 64);

		/* Each copy starts with the initial value from the linker's image */
		memcpy(copy, __start_shim_percpu, size);
		shim_pcpu_static[cpu] = copy - __start_shim_percpu;
	}
}
