/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: declarations that only its own files share. */
#ifndef SHIM_PRIVATE_H
#define SHIM_PRIVATE_H

#include "control.h"

extern struct shim_task *shim_tasks;

bool shim_should_fail(enum shim_fault_kind kind, unsigned int order);
void shim_pcpu_init(void);
long shim_pcpu_live(void);
long shim_pcpu_bytes(void);
void shim_arena_init(void);
void shim_arena_usage(struct shim_usage *u);
long shim_kmalloc_live(void);
unsigned int shim_rcu_run(void);
bool shim_rcu_idle(void);
void shim_poison(void *p, size_t n);
void shim_unpoison(void *p, size_t n);
int shim_vformat(char *buf, size_t size, const char *fmt, va_list ap);

#endif
