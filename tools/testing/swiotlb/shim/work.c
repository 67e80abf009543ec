// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: workqueues. There is one queue. Either shim_run_work() runs the work that is due,
 * in the thread of the caller. Or two threads run work, so that two different works may run
 * concurrently, and one thread runs RCU callbacks.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "private.h"

struct workqueue_struct { unsigned int flags; };
static struct workqueue_struct the_wq;
struct workqueue_struct *shim_wq = &the_wq;
unsigned long shim_jiffies = INITIAL_JIFFIES;
void (*shim_after_queue_rcu_work)(void);
bool shim_no_kworkers;
unsigned long shim_wakeups;

static pthread_mutex_t wq_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(ready);
static LIST_HEAD(timed);		/* delayed_work.work.entry */
#define WORKERS 2
static struct work_struct *running[WORKERS];
static pthread_t workers[WORKERS], reclaimer;
static bool threads_on, threads_stop;

/* States of work_struct.pending */
#define WORK_IDLE 0
#define WORK_READY 1
#define WORK_TIMED 2
#define WORK_RCU 3

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);

	if (wq)
		wq->flags = flags;
	return wq;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	bool queued = false;

	pthread_mutex_lock(&wq_lock);
	if (work->pending == WORK_IDLE) {
		work->has_rescuer = wq->flags & WQ_MEM_RECLAIM;
		WRITE_ONCE(work->pending, WORK_READY);
		list_add_tail(&work->entry, &ready);
		queued = true;
	}
	pthread_mutex_unlock(&wq_lock);
	return queued;
}

static void rcu_work_due(struct rcu_head *rcu)
{
	struct rcu_work *rwork = container_of(rcu, struct rcu_work, rcu);

	pthread_mutex_lock(&wq_lock);
	WRITE_ONCE(rwork->work.pending, WORK_READY);
	list_add_tail(&rwork->work.entry, &ready);
	pthread_mutex_unlock(&wq_lock);
}

bool queue_rcu_work(struct workqueue_struct *wq, struct rcu_work *rwork)
{
	void (*hook)(void);
	bool queued = false;

	(void)wq;
	pthread_mutex_lock(&wq_lock);
	if (rwork->work.pending == WORK_IDLE) {
		WRITE_ONCE(rwork->work.pending, WORK_RCU);
		queued = true;
	}
	pthread_mutex_unlock(&wq_lock);
	if (!queued)
		return false;
	call_rcu(&rwork->rcu, rcu_work_due);
	hook = shim_after_queue_rcu_work;
	if (hook) {
		shim_after_queue_rcu_work = NULL;
		hook();
	}
	return true;
}

static void set_timer(struct delayed_work *dwork, unsigned long delay)
{
	dwork->expires = jiffies + delay;
	WRITE_ONCE(dwork->work.pending, delay ? WORK_TIMED : WORK_READY);
	list_add_tail(&dwork->work.entry, delay ? &timed : &ready);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
			unsigned long delay)
{
	bool queued = false;

	pthread_mutex_lock(&wq_lock);
	if (dwork->work.pending == WORK_IDLE) {
		dwork->work.has_rescuer = wq->flags & WQ_MEM_RECLAIM;
		set_timer(dwork, delay);
		queued = true;
	}
	pthread_mutex_unlock(&wq_lock);
	return queued;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
		      unsigned long delay)
{
	bool was_pending = cancel_delayed_work(dwork);

	queue_delayed_work(wq, dwork, delay);
	return was_pending;
}

static bool unqueue(struct work_struct *work)
{
	bool queued;

	pthread_mutex_lock(&wq_lock);
	queued = work->pending == WORK_READY || work->pending == WORK_TIMED;
	if (queued) {
		list_del(&work->entry);
		WRITE_ONCE(work->pending, WORK_IDLE);
	}
	pthread_mutex_unlock(&wq_lock);
	return queued;
}

static bool is_running(const struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (__atomic_load_n(&running[i], __ATOMIC_ACQUIRE) == work)
			return true;
	return false;
}

static bool nothing_runs(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (__atomic_load_n(&running[i], __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static void wait_not_running(struct work_struct *work)
{
	might_sleep();
	while (is_running(work))
		sched_yield();
}

bool cancel_work_sync(struct work_struct *work)
{
	bool queued = unqueue(work);

	wait_not_running(work);
	return queued;
}

bool cancel_delayed_work(struct delayed_work *dwork)
{
	return unqueue(&dwork->work);
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	return cancel_work_sync(&dwork->work);
}

static struct work_struct *first_to_run(void)
{
	struct work_struct *work;

	list_for_each_entry(work, &ready, entry)
		if (!is_running(work) && (work->has_rescuer || !shim_no_kworkers))
			return work;
	return NULL;
}

static struct work_struct *take_due(unsigned int number)
{
	struct delayed_work *dwork, *tmp;
	struct work_struct *work;

	pthread_mutex_lock(&wq_lock);
	list_for_each_entry_safe(dwork, tmp, &timed, work.entry) {
		if (time_before(jiffies, dwork->expires))
			continue;
		shim_wakeups += !dwork->deferrable;
		WRITE_ONCE(dwork->work.pending, WORK_READY);
		list_move_tail(&dwork->work.entry, &ready);
	}
	work = first_to_run();
	if (work) {
		list_del(&work->entry);
		/* From here on the work may be queued again, or free itself */
		WRITE_ONCE(work->pending, WORK_IDLE);
		__atomic_store_n(&running[number], work, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&wq_lock);
	return work;
}

static bool run_one(unsigned int number)
{
	struct work_struct *work = take_due(number);

	if (!work)
		return false;
	work->func(work);
	__atomic_store_n(&running[number], NULL, __ATOMIC_RELEASE);
	return true;
}

bool shim_run_one_work(void)
{
	BUG_ON(threads_on);
	return run_one(0);
}

unsigned int shim_run_work(void)
{
	unsigned int n = 0, more;

	BUG_ON(threads_on);
	do {
		more = shim_rcu_run();
		while (run_one(0))
			more++;
		n += more;
		/* Work that requeues itself forever must not hang a test */
		BUG_ON(n > 1000000);
	} while (more);
	return n;
}

unsigned int shim_work_queued(void)
{
	unsigned int n;

	pthread_mutex_lock(&wq_lock);
	n = list_count_nodes(&ready) + list_count_nodes(&timed);
	pthread_mutex_unlock(&wq_lock);
	return n;
}

void shim_flush_all(void)
{
	might_sleep();
	if (!threads_on) {
		shim_run_work();
		return;
	}
	for (;;) {
		bool idle;

		pthread_mutex_lock(&wq_lock);
		idle = list_empty(&ready) && nothing_runs();
		pthread_mutex_unlock(&wq_lock);
		if (idle && shim_rcu_idle())
			return;
		usleep(200);
	}
}

bool flush_work(struct work_struct *work)
{
	bool waited = READ_ONCE(work->pending) != WORK_IDLE;

	might_sleep();
	if (!threads_on) {
		/* No other thread would run the work. Work need not run in order */
		if (unqueue(work))
			work->func(work);
		return waited;
	}
	while (READ_ONCE(work->pending) == WORK_READY || is_running(work))
		usleep(100);
	return waited;
}

bool flush_delayed_work(struct delayed_work *dwork)
{
	if (!unqueue(&dwork->work))
		return flush_work(&dwork->work);
	queue_work(shim_wq, &dwork->work);
	return flush_work(&dwork->work);
}

bool flush_rcu_work(struct rcu_work *rwork)
{
	rcu_barrier();
	return flush_work(&rwork->work);
}

void shim_advance(unsigned long ms)
{
	__atomic_fetch_add(&shim_jiffies, ms, __ATOMIC_RELAXED);
}

__thread void (*shim_meanwhile)(void);
__thread bool shim_killed;
__thread gfp_t shim_noio;
unsigned int shim_waiting;

static bool try_wait(struct completion *x)
{
	u32 done = __atomic_load_n(&x->done, __ATOMIC_RELAXED);

	return done && __atomic_compare_exchange_n(&x->done, &done, done - 1, false,
						   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout)
{
	unsigned long end = jiffies + timeout;
	bool done = false;
	long left;

	might_sleep();
	__atomic_fetch_add(&shim_waiting, 1, __ATOMIC_RELAXED);
	while (!shim_killed && !(done = try_wait(x)) && time_before(jiffies, end)) {
		if (shim_meanwhile)
			shim_meanwhile();
		else
			usleep(50);
	}
	__atomic_fetch_sub(&shim_waiting, 1, __ATOMIC_RELAXED);
	if (done) {
		left = end - jiffies;
		return max(left, 1L);
	}
	return shim_killed ? -ERESTARTSYS : 0;
}

/* Without shim_meanwhile(), only let other threads run */
long schedule_timeout_killable(long timeout)
{
	unsigned long end = jiffies + timeout;

	might_sleep();
	if (!shim_meanwhile)
		usleep(1000);
	while (shim_meanwhile && !shim_killed && time_before(jiffies, end))
		shim_meanwhile();
	return 0;
}

static unsigned long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* CPU numbers that tests and their threads do not use */
static const unsigned int worker_cpu[WORKERS] = { NR_CPUS - 1, NR_CPUS - 6 };

static void *worker_thread(void *arg)
{
	unsigned int number = (unsigned long)arg;
	unsigned long last = now_ms(), now;

	shim_set_cpu(worker_cpu[number]);
	while (!READ_ONCE(threads_stop)) {
		if (run_one(number))
			continue;
		usleep(200);
		if (number)
			continue;
		now = now_ms();
		shim_advance(now - last);
		last = now;
	}
	return NULL;
}

static void *reclaimer_thread(void *arg)
{
	(void)arg;
	shim_set_cpu(NR_CPUS - 2);
	while (!READ_ONCE(threads_stop))
		if (!shim_rcu_run())
			usleep(200);
	return NULL;
}

void shim_threads_start(void)
{
	unsigned long i;

	threads_stop = false;
	threads_on = true;
	for (i = 0; i < WORKERS; i++)
		BUG_ON(pthread_create(&workers[i], NULL, worker_thread, (void *)i));
	BUG_ON(pthread_create(&reclaimer, NULL, reclaimer_thread, NULL));
}

void shim_threads_stop(void)
{
	unsigned int i;

	WRITE_ONCE(threads_stop, true);
	for (i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	pthread_join(reclaimer, NULL);
	threads_on = false;
}
