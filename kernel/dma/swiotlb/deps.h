/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All kernel headers that the engine includes.
 *
 * tools/testing/swiotlb compiles the engine in user space: it defines the guard below, and
 * brings its own declarations. Files of the engine must not include other kernel headers.
 */
#ifndef _KERNEL_DMA_SWIOTLB_DEPS_H
#define _KERNEL_DMA_SWIOTLB_DEPS_H

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/cc_platform.h>
#include <linux/cma.h>
#include <linux/completion.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/iommu-dma.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/kmsan-checks.h>
#include <linux/kstrtox.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/memblock.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/of_fdt.h>
#include <linux/of_reserved_mem.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/ratelimit.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/set_memory.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include <linux/sysfs.h>
#include <linux/topology.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <trace/events/swiotlb.h>

#endif /* _KERNEL_DMA_SWIOTLB_DEPS_H */
