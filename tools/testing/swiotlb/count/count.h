/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Count, rather than time, the cost of a map and an unmap for other CPUs.
 *
 * The engine is compiled with -fsanitize=thread and linked with runtime.c in place of the
 * sanitizer's library: the compiler makes each load and store call it. One thread acts as
 * each CPU in turn, so the figures are the same in each run and on each machine.
 */
#ifndef SWIOTLB_COUNT_H
#define SWIOTLB_COUNT_H

#include "control.h"

/*
 * The object that a cache line belongs to. Not metadata, and not counted: the stack, data
 * of the shim and of simulated CPUs, static keys, which are code in a kernel, the slots of
 * the pools, and constants, for which the compiler makes no calls.
 */
enum kind {
	KIND_MEM,
	KIND_POOL,
	KIND_RECORD,	/* of a mapping: see struct count */
	KIND_AREA,
	KIND_MAGAZINE,
	KIND_DEPOT,
	KIND_OTHER,
	KIND_DEVICE,	/* struct device, which the caller uses anyway */
	NR_KINDS,
	KIND_IGNORED,
};

#define MAX_FIELDS 40

/* Numbers of nodes among which the CPUs are divided, in order */
#define NR_NODES 3
extern const unsigned int count_nodes[NR_NODES];

struct field_count {
	const char *name;
	unsigned long n;
};

/**
 * struct count - sums of counted events
 * @steps:	Number of steps, each from step_begin() to step_end().
 * @locks:	Locks taken.
 * @lines:	Different lines read or written in each step.
 * @taken:	Lines written that another CPU wrote last.
 * @fetched:	Lines read that another CPU has written since the last read.
 * @moved:	Lines read or written that another CPU wrote last; once per line and step.
 * @far:	Those of @moved that a CPU of another node wrote last, by count_nodes[].
 * @most_lines:	Highest number of lines of metadata in one step.
 * @fields:	Fields that account for @taken; the last one has no name.
 */
struct count {
	unsigned long steps;
	unsigned long locks;
	unsigned long lines[NR_KINDS];
	unsigned long taken[NR_KINDS];
	unsigned long fetched[NR_KINDS];
	unsigned long moved;
	unsigned long far[NR_NODES];
	unsigned long most_lines;
	struct field_count fields[MAX_FIELDS];
};

/* runtime.c */
void count_init(void);
/* Add sums to @to from now on, %NULL for none; the state of lines is always tracked */
void count_into(struct count *to);
void step_begin(unsigned int cpu);
void step_end(void);

/* where.c; or plain.c, for which where_pool() must set the range of the pool */
enum kind where_kind(unsigned long addr);
const char *where_field(unsigned long addr);
void where_device(const struct device *dev);
struct swiotlb_mem;
struct io_tlb_pool;
void where_allocator(const struct swiotlb_mem *of, const struct io_tlb_pool *its_pool);
void where_pool(unsigned long start, unsigned long end);

static inline bool within(unsigned long addr, const void *p, size_t size)
{
	return addr - (unsigned long)p < size;
}

/* ignored.c */
bool where_ignored(unsigned long addr);

/*
 * calls.c: the only file of the harness that is counted, because of its inline functions.
 * Of the two pairs, callgrind only counts counted_map() and counted_unmap().
 */
phys_addr_t counted_map(struct device *dev, phys_addr_t orig, size_t size);
void counted_unmap(struct device *dev, phys_addr_t tlb, size_t size);
phys_addr_t warm_map(struct device *dev, phys_addr_t orig, size_t size);
void warm_unmap(struct device *dev, phys_addr_t tlb, size_t size);

#endif
