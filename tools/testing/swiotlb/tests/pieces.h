/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads of pieces of 64 KiB, all of one device and of one buffer. */
#ifndef SWIOTLB_TEST_PIECES_H
#define SWIOTLB_TEST_PIECES_H

#include "harness.h"

#define PIECE 65536
#define MAX_PIECES 4096

extern struct device *dev;
extern phys_addr_t orig;
/* Where each piece is, by its number */
extern phys_addr_t tlbs[MAX_PIECES];

void start_with(struct device *device);
/* Growth keeps pace: the worker runs after each map */
void map_piece(unsigned int i);
void map_pieces(unsigned int n);
/* So slowly that the worker looks after each map at what is in use */
void map_slowly(unsigned int from, unsigned int to);
/* From pools alone: one that is made for this map does not count */
bool map_from_pools(struct device *device, unsigned int i);
/* The same, then the worker runs; false if a second try fails, too */
bool map_pooled(unsigned int i);
/* Until no pool has room, nor is another one added: how many pieces? */
unsigned int fill_pools(void);
void unmap_pieces(unsigned int from, unsigned int to);

#endif
