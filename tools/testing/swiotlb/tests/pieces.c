// SPDX-License-Identifier: GPL-2.0-only
/* Loads of 64 KiB pieces, see pieces.h */
#include "pieces.h"

struct device *dev;
phys_addr_t orig, tlbs[MAX_PIECES];

void start_with(struct device *device)
{
	dev = device;
	orig = new_buffer(PIECE, 0);
}

void map_piece(unsigned int i)
{
	shim_advance(1);
	tlbs[i] = map(dev, orig, PIECE, DMA_TO_DEVICE);
	CHECK(tlbs[i] != MAP_FAILED_ADDR);
	shim_run_work();
}

void map_pieces(unsigned int n)
{
	unsigned int i;

	BUG_ON(n > MAX_PIECES);
	for (i = 0; i < n; i++)
		map_piece(i);
}

void map_slowly(unsigned int from, unsigned int to)
{
	for (; from < to; from++) {
		shim_advance(HZ / 16);
		map_piece(from);
	}
}

bool map_from_pools(struct device *device, unsigned int i)
{
	shim_fail(SHIM_FAULT_PAGES, 0, -1);
	tlbs[i] = map_full(device, orig, PIECE, 0, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	shim_faults[SHIM_FAULT_PAGES].times = 0;
	return tlbs[i] != MAP_FAILED_ADDR;
}

static bool map_once(unsigned int i)
{
	bool mapped = map_from_pools(dev, i);

	shim_advance(1);
	shim_run_work();
	return mapped;
}

bool map_pooled(unsigned int i)
{
	return map_once(i) || map_once(i);
}

unsigned int fill_pools(void)
{
	unsigned int n;

	for (n = 0; n < MAX_PIECES && map_pooled(n); n++)
		;
	return n;
}

void unmap_pieces(unsigned int from, unsigned int to)
{
	unmap_all(dev, PIECE, tlbs + from, to - from);
}
