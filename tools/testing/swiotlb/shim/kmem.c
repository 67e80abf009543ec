// SPDX-License-Identifier: GPL-2.0-only
/* Shim: kmalloc on malloc, slab caches, fault injection, usage. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

struct shim_fault shim_faults[SHIM_NR_FAULTS];
static long live, live_bytes;
static u32 fault_random = 1;

bool shim_should_fail(enum shim_fault_kind kind, unsigned int order)
{
	struct shim_fault *f = &shim_faults[kind];
	unsigned int rate = READ_ONCE(f->rate);

	__atomic_fetch_add(&f->calls, 1, __ATOMIC_RELAXED);
	if (order < READ_ONCE(f->min_order))
		return false;
	if (rate) {
		u32 r = __atomic_fetch_add(&fault_random, 0x9e3779b9, __ATOMIC_RELAXED);

		if (((r ^ (r >> 15)) * 0x85ebca6bu >> 8) % rate)
			return false;
	} else {
		if (!READ_ONCE(f->times))
			return false;
		if (__atomic_fetch_sub(&f->skip, 1, __ATOMIC_RELAXED) > 0)
			return false;
		if (READ_ONCE(f->times) > 0)
			__atomic_fetch_sub(&f->times, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&f->failed, 1, __ATOMIC_RELAXED);
	return true;
}

void shim_fail(enum shim_fault_kind kind, long skip, long times)
{
	shim_faults[kind] = (struct shim_fault){ .skip = skip, .times = times };
}

void shim_fail_rate(enum shim_fault_kind kind, unsigned int rate)
{
	shim_faults[kind] = (struct shim_fault){ .rate = rate };
}

void shim_fail_none(void)
{
	memset(shim_faults, 0, sizeof(shim_faults));
}

void *shim_kmalloc(size_t size, gfp_t gfp)
{
	size_t align = size & -size;
	void *p;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	if (shim_should_fail(SHIM_FAULT_KMALLOC, 0))
		return NULL;
	/* Aligned to the largest power of two that divides the size, as kmalloc guarantees */
	if (align >= 16)
		p = aligned_alloc(min_t(size_t, align, PAGE_SIZE), size);
	else
		p = malloc(size);
	BUG_ON(!p);
	memset(p, gfp & __GFP_ZERO ? 0 : 0xa5, size);
	__atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&live_bytes, malloc_usable_size(p), __ATOMIC_RELAXED);
	return p;
}

void shim_kfree(const void *p)
{
	if (!p)
		return;
	__atomic_fetch_sub(&live, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&live_bytes, malloc_usable_size((void *)p),
			   __ATOMIC_RELAXED);
#ifndef SHIM_BENCH
	/* Make a use after free visible; gcc removes a memset before free() */
	memset((void *)p, POISON_FREE, malloc_usable_size((void *)p));
	asm volatile("" : : "r" (p) : "memory");
#endif
	free((void *)p);
}

char *kstrdup(const char *s, gfp_t gfp)
{
	char *p = shim_kmalloc(strlen(s) + 1, gfp);

	return p ? strcpy(p, s) : NULL;
}

const char *kstrdup_const(const char *s, gfp_t gfp)
{
	return kstrdup(s, gfp);
}

char *kasprintf(gfp_t gfp, const char *fmt, ...)
{
	char buf[512], *p;
	va_list ap;

	va_start(ap, fmt);
	shim_vformat(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	p = kstrdup(buf, gfp);
	return p;
}

struct kmem_cache *shim_cache_create(const char *name, size_t size,
				     size_t align, void (*ctor)(void *))
{
	struct kmem_cache *c = kzalloc(sizeof(*c), GFP_KERNEL);

	(void)name;
	if (c)
		*c = (struct kmem_cache){ .size = size, .align = align, .ctor = ctor };
	return c;
}

void *kmem_cache_alloc(struct kmem_cache *c, gfp_t gfp)
{
	void *p = shim_kmalloc(c->size, gfp);

	if (p && c->ctor)
		c->ctor(p);
	return p;
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	(void)c;
	shim_kfree(p);
}

struct shim_usage shim_usage(void)
{
	struct shim_usage u;

	shim_arena_usage(&u);
	u.kmallocs = __atomic_load_n(&live, __ATOMIC_RELAXED);
	u.kmalloc_bytes = __atomic_load_n(&live_bytes, __ATOMIC_RELAXED);
	u.pcpu_allocs = shim_pcpu_live();
#ifdef SHIM_BENCH
	u.pcpu_bytes = shim_pcpu_bytes();
#endif
	return u;
}

/* ---- shrinkers */

static struct shrinker *shrinkers;
/* Protects the list, also while a shrinker is called */
static pthread_mutex_t shrinkers_lock = PTHREAD_MUTEX_INITIALIZER;

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	might_sleep();
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}

void shrinker_register(struct shrinker *shrinker)
{
	pthread_mutex_lock(&shrinkers_lock);
	shrinker->next = shrinkers;
	shrinkers = shrinker;
	pthread_mutex_unlock(&shrinkers_lock);
}

void shrinker_free(struct shrinker *shrinker)
{
	struct shrinker **p = &shrinkers;

	pthread_mutex_lock(&shrinkers_lock);
	while (*p && *p != shrinker)
		p = &(*p)->next;
	BUG_ON(!*p);
	*p = shrinker->next;
	pthread_mutex_unlock(&shrinkers_lock);
	kfree(shrinker);
}

unsigned long shim_shrink(unsigned long *freed)
{
	struct shrinker *s;
	struct shrink_control sc = { .nr_to_scan = 128 };
	unsigned long count, total = 0, n;

	*freed = 0;
	pthread_mutex_lock(&shrinkers_lock);
	for (s = shrinkers; s; s = s->next) {
		count = s->count_objects(s, &sc);
		total += count;
		n = count ? s->scan_objects(s, &sc) : 0;
		if (n != SHRINK_STOP)
			*freed += n;
	}
	pthread_mutex_unlock(&shrinkers_lock);
	return total;
}
