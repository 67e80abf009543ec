/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads that are counted. */
#ifndef SWIOTLB_LOAD_H
#define SWIOTLB_LOAD_H

#include "count.h"

/* Who maps and who unmaps */
enum way {
	WAY_OWN,	/* each CPU its own */
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
 * struct load - what is mapped and unmapped
 * @way:	By whom.
 * @mix:	Which sizes.
 * @ncpus:	Number of CPUs.
 * @depth:	Number of mappings that are alive between the map and the unmap: of
 *		each CPU, of each pair, or in all.
 * @at_once:	One map and one unmap are one step, @depth is 1.
 */
struct load {
	enum way way;
	const struct mix *mix;
	unsigned int ncpus;
	unsigned int depth;
	bool at_once;
};

/* @nareas may be 0, for one a CPU */
void load_boot(unsigned int ncpus, unsigned long pool_mib, unsigned int nareas);
/* Slots of the pool: with many areas more than was asked for */
unsigned long load_total(void);
unsigned long load_slots(const struct load *l);
unsigned int load_limit(unsigned int class);
/* Cells of a magazine in the cache line where it begins */
unsigned int load_first_cells(unsigned int class);
bool load_is_cached(const struct load *l);
bool load_has_room(const struct load *l, unsigned int cells);
/* Run each queue @n mappings on; returns how many mappings that were in all */
unsigned long load_run(const struct load *l, unsigned long n);
void load_end(const struct load *l);
/* Magazines and depots of all CPUs as full as they get; returns the most slots */
unsigned long load_fill(unsigned int ncpus);
/* Slots outside of areas, and back */
unsigned long load_cached(void);
unsigned long load_drain(void);

#endif
