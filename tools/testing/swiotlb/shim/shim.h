/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Forced into every file of the code under test (-include), in place of the kernel's
 * headers. Headers that are still needed are in the include directory of the build: links
 * to the headers of the base if these can be used alone (lists, bitmaps, overflow,
 * cleanup, ...), empty files for all others.
 *
 * Stubs (called by the engine, but do nothing here): kmsan, lockdep classes, sparse and
 * context annotations, exports. Tracepoints only count.
 * Custom (changed on purpose): everything in the files included below.
 */
#ifndef SWIOTLB_SHIM_H
#define SWIOTLB_SHIM_H

/* Skip deps.h, through which the engine includes kernel headers */
#define _KERNEL_DMA_SWIOTLB_DEPS_H

#include "compiler.h"
#include <linux/kconfig.h>
#include <linux/const.h>
#include <linux/limits.h>
#include "bitops.h"
#include "report.h"
#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/typecheck.h>
#include <linux/args.h>
#include <linux/err.h>
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/math.h>
#include <linux/overflow.h>
#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/poison.h>
#include <linux/cleanup.h>
#include "mm.h"
#include "sync.h"
#include "guards.h"
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/llist.h>
#include <linux/bitmap.h>
#include "work.h"
#include <linux/dma-direction.h>
#include "device.h"
#include "boot.h"
#include <linux/iommu-helper.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/swiotlb.h>
#include <linux/dma-direct.h>

#ifdef SHIM_BENCH
#define trace_swiotlb_grow(start, size, held) do { } while (0)
#define trace_swiotlb_shrink(start, size, held) ((void)(start))
#define trace_swiotlb_transient(dev, size, tlb_addr) do { } while (0)
#define trace_swiotlb_failed(dev, size, cause) do { } while (0)
#define trace_swiotlb_bounced(dev, addr, size) do { } while (0)
#else
#define shim_trace_pool(event, nslots) \
	((void)__atomic_fetch_add(&shim_pool_events.event, 1, __ATOMIC_RELAXED), \
	 WRITE_ONCE(shim_pool_events.held, nslots))
#define trace_swiotlb_grow(start, size, held) \
	((void)(start), (void)(size), shim_trace_pool(grown, held), shim_grown())
#define trace_swiotlb_shrink(start, size, held) \
	((void)(start), (void)(size), shim_trace_pool(freed, held))
#define trace_swiotlb_transient(dev, size, tlb_addr) \
	((void)(dev), (void)(size), (void)(tlb_addr), \
	 (void)__atomic_fetch_add(&shim_pool_events.transient, 1, __ATOMIC_RELAXED))
#define trace_swiotlb_failed(dev, size, cause) \
	((void)(dev), (void)(size), WRITE_ONCE(shim_cause, cause))
#define trace_swiotlb_bounced(dev, addr, size) \
	((void)(dev), (void)(addr), (void)(size), (void)shim_traced++)
#endif

/* Replace only copies that the engine makes */
#if defined(SHIM_BENCH) && defined(SHIM_ENGINE)
#ifdef SHIM_NO_COPY
#define memcpy(to, from, n) ((void)(to), (void)(from), (void)(n))
#else
#define memcpy(to, from, n) shim_copy(to, from, n)
#endif
#endif

#endif
