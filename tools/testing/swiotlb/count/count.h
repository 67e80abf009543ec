/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting instead of timing: what a map and an unmap cost the other CPUs.
 *
 * The engine is compiled with -fsanitize=thread and linked with runtime.c in
 * place of the sanitizer's library: each load and store that the compiler left
 * in the code is a call there. One thread plays all CPUs in turn, so the figures
 * are the same in each run and on each machine.
 */
#ifndef SWIOTLB_COUNT_H
#define SWIOTLB_COUNT_H

#include "control.h"

/*
 * What a cache line is part of. Not metadata, and not counted at all: the stack,
 * what the shim keeps for a simulated CPU and for itself, static keys, which are
 * code in a kernel, what the pools hold, and constants, of which the compiler
 * makes no calls.
 */
enum kind {
	KIND_MEM,
	KIND_POOL,
	KIND_RECORD,	/* a mapping's own: see struct count */
	KIND_AREA,
	KIND_MAGAZINE,
	KIND_DEPOT,
	KIND_OTHER,
	KIND_DEVICE,	/* struct device, which who maps has in hand anyway */
	NR_KINDS,
	KIND_IGNORED,
};

#define MAX_FIELDS 40

struct field_count {
	const char *name;
	unsigned long n;
};

/**
 * struct count - sums of what was counted
 * @steps:	Number of steps, each from step_begin() to step_end().
 * @locks:	Locks taken.
 * @lines:	Different lines that were read or written in each step.
 * @taken:	Lines written that another CPU wrote last.
 * @fetched:	Lines read that another CPU has written since they were read here.
 * @most_lines:	Highest number of lines of metadata in one step.
 * @fields:	Where @taken comes from; the last one has no name.
 */
struct count {
	unsigned long steps;
	unsigned long locks;
	unsigned long lines[NR_KINDS];
	unsigned long taken[NR_KINDS];
	unsigned long fetched[NR_KINDS];
	unsigned long most_lines;
	struct field_count fields[MAX_FIELDS];
};

/* runtime.c */
void count_init(void);
/* From here on sums go to @to, %NULL for none; what CPUs share is always kept */
void count_into(struct count *to);
void step_begin(unsigned int cpu);
void step_end(void);

/* where.c */
enum kind where_kind(unsigned long addr);
bool where_ignored(unsigned long addr);
const char *where_field(unsigned long addr);
void where_device(const struct device *dev);

/* calls.c: the only file of ours that is counted, for what it has inline */
phys_addr_t counted_map(struct device *dev, phys_addr_t orig, size_t size);
void counted_unmap(struct device *dev, phys_addr_t tlb, size_t size);

#endif
