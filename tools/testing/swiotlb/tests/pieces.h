/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads of 64 KiB pieces, all for one device and from one buffer. */
#ifndef SWIOTLB_TEST_PIECES_H
#define SWIOTLB_TEST_PIECES_H

#include "harness.h"

#define PIECE 65536
#define MAX_PIECES 4096

extern struct device *dev;
extern phys_addr_t orig;
/* Address of each piece, by its number */
extern phys_addr_t tlbs[MAX_PIECES];

void start_with(struct device *device);
/* Map a piece, then run the worker, so that growth keeps pace */
void map_piece(unsigned int i);
void map_pieces(unsigned int n);
/* Map so slowly that the worker checks the slots in use after each map */
void map_slowly(unsigned int from, unsigned int to);
/* Map a piece only from existing pools, not from a transient one */
bool map_from_pools(struct device *device, unsigned int i);
/* Call map_from_pools(), and if it fails, once more after the worker has run */
bool map_pooled(unsigned int i);
/* Map until no pool has room and no other pool is added; returns the number of pieces */
unsigned int fill_pools(void);
void unmap_pieces(unsigned int from, unsigned int to);

#endif
