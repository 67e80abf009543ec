// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions called by code built with -fsanitize=thread. They do not check for races,
 * but record the cache line; atomic operations are also done here. Only calls of the C
 * library, with which the engine copies and clears pools, are not counted.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include "count.h"

#define LINE_SHIFT 6
#define TABLE_BITS 18
#define TABLE_SIZE (1U << TABLE_BITS)
#define NOBODY 0xffff

const unsigned int count_nodes[NR_NODES] = { 2, 4, 8 };

struct line {
	unsigned long nr;
	u64 fresh[NR_CPUS / 64];	/* CPUs that have its latest content */
	u64 step;			/* last step that accessed it */
	u64 moved;			/* last step that got it from another CPU */
	u16 writer;
	u8 kind;
};

/* Lines in the order of their first access, from 1. @table has their numbers by hash, or 0 */
static struct line *lines;
/* Cache of the few lines that a step accesses repeatedly */
static struct line *recent[64];
static u32 *table, nlines;
static struct count *sums, nowhere;
static unsigned long step_lines;
static u64 step;
static u64 locks_before;
static bool counting;
static unsigned long stack_low, stack_high;

static struct line *add_line(unsigned long nr)
{
	struct line *line = &lines[++nlines];

	BUG_ON(nlines > TABLE_SIZE / 4 * 3);
	line->nr = nr;
	line->writer = NOBODY;
	line->kind = where_kind(nr << LINE_SHIFT);
	return line;
}

static struct line *find_hashed(unsigned long nr)
{
	u32 i = nr * 0x9e3779b97f4a7c15UL >> (64 - TABLE_BITS);

	for (; table[i]; i = (i + 1) % TABLE_SIZE)
		if (lines[table[i]].nr == nr)
			return &lines[table[i]];
	table[i] = nlines + 1;
	return add_line(nr);
}

static struct line *find_line(unsigned long nr)
{
	struct line **line = &recent[nr % ARRAY_SIZE(recent)];

	if (!*line || (*line)->nr != nr)
		*line = find_hashed(nr);
	return *line;
}

static void add_field(unsigned long addr)
{
	const char *name = where_field(addr);
	struct field_count *f;

	for (f = sums->fields; f->name && f->name != name; f++)
		BUG_ON(f == &sums->fields[MAX_FIELDS - 2]);
	f->name = name;
	f->n++;
}

static void note_step(struct line *line)
{
	if (line->step == step)
		return;
	line->step = step;
	sums->lines[line->kind]++;
	if (line->kind != KIND_DEVICE)
		step_lines++;
}

static unsigned int node_of(unsigned int cpu, unsigned int nodes)
{
	return cpu * nodes / shim_nr_cpus;
}

static void note_moved(struct line *line, unsigned int cpu)
{
	unsigned int i;

	if (line->moved == step)
		return;
	line->moved = step;
	sums->moved++;
	for (i = 0; i < NR_NODES; i++)
		if (node_of(line->writer, count_nodes[i]) != node_of(cpu, count_nodes[i]))
			sums->far[i]++;
}

static void note_read(struct line *line, unsigned int cpu)
{
	u64 bit = BIT_ULL(cpu % 64), *fresh = &line->fresh[cpu / 64];

	if (!(*fresh & bit) && line->writer != NOBODY && line->writer != cpu) {
		sums->fetched[line->kind]++;
		note_moved(line, cpu);
	}
	*fresh |= bit;
}

static void note_write(struct line *line, unsigned int cpu, unsigned long addr)
{
	if (line->writer != NOBODY && line->writer != cpu) {
		sums->taken[line->kind]++;
		note_moved(line, cpu);
		add_field(addr);
	}
	line->writer = cpu;
	memset(line->fresh, 0, sizeof(line->fresh));
	line->fresh[cpu / 64] = BIT_ULL(cpu % 64);
}

static void note(unsigned long addr, bool write)
{
	struct line *line;

	if (addr - stack_low < stack_high - stack_low)
		return;
	line = find_line(addr >> LINE_SHIFT);
	if (line->kind == KIND_IGNORED ||
	    (line->kind == KIND_OTHER && where_ignored(addr)))
		return;
	note_step(line);
	if (write)
		note_write(line, shim_self->cpu, addr);
	else
		note_read(line, shim_self->cpu);
}

static __always_inline void saw(const void *p, size_t size, bool write)
{
	unsigned long addr = (unsigned long)p, end = addr + size;

	if (likely(!counting))
		return;
	for (; addr < end; addr = (addr | ((1UL << LINE_SHIFT) - 1)) + 1)
		note(addr, write);
}

void count_init(void)
{
	stack_high = (unsigned long)__builtin_frame_address(0) + 4096;
	stack_low = stack_high - (1UL << 20);
	table = calloc(TABLE_SIZE, sizeof(*table));
	lines = calloc(TABLE_SIZE, sizeof(*lines));
	BUG_ON(!table || !lines);
	sums = &nowhere;
}

void count_into(struct count *to)
{
	if (to)
		memset(to, 0, sizeof(*to));
	else
		memset(&nowhere, 0, sizeof(nowhere));
	sums = to ?: &nowhere;
}

void step_begin(unsigned int cpu)
{
	shim_set_cpu(cpu);
	step++;
	step_lines = 0;
	locks_before = shim_self->taken;
	counting = true;
}

void step_end(void)
{
	counting = false;
	sums->steps++;
	sums->locks += shim_self->taken - locks_before;
	sums->most_lines = max(sums->most_lines, step_lines);
}

/* ---- interface of the sanitizer; all atomics are fully ordered */

#define ENTRY(type, name, ...)						\
	type __tsan_##name(__VA_ARGS__);				\
	type __tsan_##name(__VA_ARGS__)

ENTRY(void, init, void) { }
ENTRY(void, func_entry, void *pc) { }
ENTRY(void, func_exit, void) { }
ENTRY(void, atomic_thread_fence, int order) { }
ENTRY(void, atomic_signal_fence, int order) { }
ENTRY(void, read_range, void *p, size_t n) { saw(p, n, false); }
ENTRY(void, write_range, void *p, size_t n) { saw(p, n, true); }

ENTRY(void *, memcpy, void *to, const void *from, size_t n)
{
	saw(from, n, false);
	saw(to, n, true);
	return memcpy(to, from, n);
}

ENTRY(void *, memmove, void *to, const void *from, size_t n)
{
	saw(from, n, false);
	saw(to, n, true);
	return memmove(to, from, n);
}

ENTRY(void *, memset, void *p, int c, size_t n)
{
	saw(p, n, true);
	return memset(p, c, n);
}

#define PLAIN(n)							\
	ENTRY(void, read##n, void *p) { saw(p, n, false); }		\
	ENTRY(void, write##n, void *p) { saw(p, n, true); }		\
	ENTRY(void, unaligned_read##n, void *p) { saw(p, n, false); } \
	ENTRY(void, unaligned_write##n, void *p) { saw(p, n, true); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define ATOMIC(bits, op, builtin)					\
	ENTRY(u##bits, atomic##bits##_##op, u##bits *p, u##bits v, int o) \
	{ saw(p, sizeof(v), true); return builtin(p, v, __ATOMIC_SEQ_CST); }
/* A failed exchange takes the line, too. clang calls the function with _val */
#define ATOMICS(bits)							\
	ENTRY(u##bits, atomic##bits##_load, const u##bits *p, int o) \
	{ saw(p, sizeof(*p), false); return __atomic_load_n(p, __ATOMIC_SEQ_CST); } \
	ENTRY(void, atomic##bits##_store, u##bits *p, u##bits v, int o) \
	{ saw(p, sizeof(v), true); __atomic_store_n(p, v, __ATOMIC_SEQ_CST); } \
	ENTRY(int, atomic##bits##_compare_exchange_strong, u##bits *p, \
	      u##bits *old, u##bits v, int o, int failed)		\
	{								\
		saw(p, sizeof(v), true);				\
		return __atomic_compare_exchange_n(p, old, v, false,	\
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);	\
	}								\
	ENTRY(u##bits, atomic##bits##_compare_exchange_val, u##bits *p,	\
	      u##bits old, u##bits v, int o, int failed)		\
	{								\
		saw(p, sizeof(v), true);				\
		__atomic_compare_exchange_n(p, &old, v, false,		\
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);	\
		return old;						\
	}								\
	ATOMIC(bits, exchange, __atomic_exchange_n)			\
	ATOMIC(bits, fetch_add, __atomic_fetch_add)			\
	ATOMIC(bits, fetch_sub, __atomic_fetch_sub)			\
	ATOMIC(bits, fetch_and, __atomic_fetch_and)			\
	ATOMIC(bits, fetch_or, __atomic_fetch_or)
ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)

/* ---- copies by the C library, through --wrap of the linker */

void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__real_memset(void *p, int c, size_t n);
void *__wrap_memset(void *p, int c, size_t n);

/* Skip copies of data, which no test checks: they would take most of the time */
void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	if (where_kind((unsigned long)to) == KIND_IGNORED)
		return to;
	return __real_memcpy(to, from, n);
}

/* Skip clearing large pools, whose memory is untouched and therefore clear */
void *__wrap_memset(void *p, int c, size_t n)
{
	if (!c && n >= SZ_1M && PAGE_ALIGNED(p) && PAGE_ALIGNED(n) &&
	    (char *)p - shim_ram < SHIM_PHYS_END &&
	    !madvise(p, n, MADV_DONTNEED))
		return p;
	return __real_memset(p, c, n);
}
