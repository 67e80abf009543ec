/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads to be counted. */
#ifndef SWIOTLB_LOAD_H
#define SWIOTLB_LOAD_H

#include "count.h"

/* The CPUs that map and unmap */
enum way {
	WAY_OWN,	/* each CPU unmaps its own mappings */
	WAY_PAIRS,	/* an even CPU maps, the odd one next to it unmaps */
	WAY_TO_ONE,	/* all CPUs but the first map, the first unmaps */
	WAY_RANDOM,	/* any CPU maps, any CPU unmaps */
};

struct mix {
	const char *name;
	unsigned int n;
	size_t size[4];		/* in turn */
};

#define NR_MIXES 4
extern const struct mix mixes[NR_MIXES];

/**
 * struct load - a sequence of maps and unmaps
 * @way:	The CPUs that map and unmap.
 * @mix:	The sizes.
 * @ncpus:	Number of CPUs.
 * @depth:	Number of live mappings: of each CPU, of each pair of CPUs, or in all.
 * @at_once:	A map and an unmap are one step; @depth is 1.
 */
struct load {
	enum way way;
	const struct mix *mix;
	unsigned int ncpus;
	unsigned int depth;
	bool at_once;
};

/* @nareas: number of areas, 0 for one per CPU */
void load_boot(unsigned int ncpus, unsigned long pool_mib, unsigned int nareas);
/* The device has an allocator of its own, with a queue for each CPU */
void load_boot_own(unsigned int ncpus);
/* Return the slots of the pool: more than requested if there are many areas */
unsigned long load_total(void);
unsigned long load_slots(const struct load *l);
unsigned int load_limit(unsigned int class);
/* Cells of a magazine in the cache line where it begins */
unsigned int load_first_cells(unsigned int class);
bool load_is_cached(const struct load *l);
bool load_has_room(const struct load *l, unsigned int cells);
/* Advance each queue by @n mappings; returns the number of mappings in all */
unsigned long load_run(const struct load *l, unsigned long n);
void load_end(const struct load *l);
/* Fill magazines and depots of all CPUs as far as possible; returns the most slots kept */
unsigned long load_fill(unsigned int ncpus);
/* Both return the slots kept outside of areas; load_drain() frees them to their areas */
unsigned long load_cached(void);
unsigned long load_drain(void);

#endif
