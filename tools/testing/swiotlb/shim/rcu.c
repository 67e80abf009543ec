// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: RCU. A task's counter is odd inside a read-side section; a grace
 * period waits until each counter that was odd at its start has changed.
 * Callbacks run as in a softirq: they must not sleep.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "private.h"

static pthread_mutex_t rcu_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rcu_head *rcu_first, **rcu_last = &rcu_first;
static unsigned long rcu_queued, rcu_done;

#ifndef SHIM_BENCH
void (*shim_before_grace_period)(void);
void (*shim_after_grace_period)(void);

void synchronize_rcu(void)
{
	struct shim_task *t, *self = shim_current();
	unsigned long seq;

	might_sleep();
	if (self->rcu_depth) {
		shim_report(SHIM_MISUSE, NULL, "grace period inside a reader\n");
		abort();
	}
	shim_hook(&shim_before_grace_period);
	smp_mb();
	for (t = __atomic_load_n(&shim_tasks, __ATOMIC_ACQUIRE); t; t = t->next) {
		seq = __atomic_load_n(&t->rcu_seq, __ATOMIC_SEQ_CST);
		while ((seq & 1) &&
		       __atomic_load_n(&t->rcu_seq, __ATOMIC_SEQ_CST) == seq)
			sched_yield();
	}
	smp_mb();
	shim_hook(&shim_after_grace_period);
}
#endif

void synchronize_rcu_expedited(void)
{
	synchronize_rcu();
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *))
{
	head->func = func;
	head->next = NULL;
	pthread_mutex_lock(&rcu_lock);
	*rcu_last = head;
	rcu_last = &head->next;
	rcu_queued++;
	pthread_mutex_unlock(&rcu_lock);
}

struct kfree_rcu_node { struct rcu_head rcu; void *ptr; };

static void kfree_rcu_done(struct rcu_head *rcu)
{
	struct kfree_rcu_node *n = container_of(rcu, struct kfree_rcu_node, rcu);

	kfree(n->ptr);
	free(n);
}

void shim_kfree_rcu(void *ptr)
{
	struct kfree_rcu_node *n;

	if (!ptr)
		return;
	n = malloc(sizeof(*n));
	n->ptr = ptr;
	call_rcu(&n->rcu, kfree_rcu_done);
}

/* Wait for a grace period, then run the callbacks that were queued before it */
unsigned int shim_rcu_run(void)
{
	struct shim_task *t = shim_current();
	struct rcu_head *head, *next;
	unsigned int n = 0;

	pthread_mutex_lock(&rcu_lock);
	head = rcu_first;
	rcu_first = NULL;
	rcu_last = &rcu_first;
	pthread_mutex_unlock(&rcu_lock);
	if (!head)
		return 0;
	synchronize_rcu();
	for (; head; head = next, n++) {
		next = head->next;
		t->preempt_off++;
		head->func(head);
		t->preempt_off--;
	}
	__atomic_fetch_add(&rcu_done, n, __ATOMIC_SEQ_CST);
	return n;
}

bool shim_rcu_idle(void)
{
	bool idle;

	pthread_mutex_lock(&rcu_lock);
	idle = __atomic_load_n(&rcu_done, __ATOMIC_SEQ_CST) == rcu_queued;
	pthread_mutex_unlock(&rcu_lock);
	return idle;
}

void rcu_barrier(void)
{
	might_sleep();
	while (!shim_rcu_idle())
		if (!shim_rcu_run())
			sched_yield();
}
