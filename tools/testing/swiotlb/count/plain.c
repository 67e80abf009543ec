// SPDX-License-Identifier: GPL-2.0-only
/* The kind of an address for cpus.c, without knowledge of the engine. */
#include "count.h"

static unsigned long pool_start, pool_end;
static const struct device *device;

void where_pool(unsigned long start, unsigned long end)
{
	pool_start = start;
	pool_end = end;
}

void where_device(const struct device *dev)
{
	device = dev;
}

enum kind where_kind(unsigned long addr)
{
	if (addr - pool_start < pool_end - pool_start)
		return KIND_IGNORED;
	if (within(addr, device, sizeof(*device)))
		return KIND_DEVICE;
	return KIND_OTHER;
}

const char *where_field(unsigned long addr)
{
	return "other";
}
