/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Software IO TLB: glossary, layers, locks and barriers of the engine. Read this first.
 */
#ifndef _KERNEL_DMA_SWIOTLB_INTERNAL_H
#define _KERNEL_DMA_SWIOTLB_INTERNAL_H

#include "deps.h"

/**
 * DOC: Glossary
 *
 * slot
 *	%IO_TLB_SIZE bytes (2 KiB), the unit of allocation. Older public names call it a slab.
 * area
 *	A run of slots of one pool behind one lock, on cache lines of its own.
 * pool
 *	One physically contiguous range, cut into areas.
 * mem
 *	An allocator: pools of one kind, with their magazines, queues and statistics.
 * mapping
 *	One bounce buffer in use: its slots, its original address, its size and its padding.
 * magazine
 *	A small per-CPU stack of free buffers of one size class.
 * depot
 *	Free buffers of one size class, for all CPUs.
 * crowded
 *	No area had room a moment ago, or callers wait: magazines keep nothing.
 * waiter
 *	A caller that may sleep, and waits for room.
 * transient pool
 *	A pool for one mapping, made when all other pools are full or out of reach.
 * large pool
 *	A pool for mappings of more than 256 KiB.
 * reach
 *	The memory that a device can address, given its mask, its bus and its IOMMU.
 * own allocator
 *	An allocator for a single device, whose maps fall back to a common allocator.
 * boot pool
 *	The pool made at boot, or the range of a restricted pool.
 */

/**
 * DOC: Layers
 *
 * The lowest layer comes first, and a file calls only files above it in this list. The header of
 * the same name declares the functions of a file, except that pages.h does so for source.c,
 * growth.h for limit.c and transient.c, and mem.h for stats.c and sysfs.c::
 *
 *	slots.c		bitmaps of one area: find, claim, release
 *	area.h		lock, slots and occupancy of one area
 *	request.h	the mapping that a caller asks for, in slots
 *	record.h	the record that a pool keeps of each mapping
 *	pool.c		areas and records of one range; pools by number
 *	pages.c		clear memory, decrypt it, encrypt it
 *	source.c	memory of pools made at run time	(SWIOTLB_DYNAMIC)
 *	magazine.c	per-CPU caches and depots
 *	mem.c		one allocator: reach, order of search
 *	pools.c		life of a pool, address to pool		(SWIOTLB_DYNAMIC)
 *	limit.c		how much an allocator may have		(SWIOTLB_DYNAMIC)
 *	transient.c	pools for one mapping			(SWIOTLB_DYNAMIC)
 *	growth.c	the worker: add pools, free pools	(SWIOTLB_DYNAMIC)
 *	large.c		pools for large mappings		(SWIOTLB_DYNAMIC)
 *	wait.c		search, wait, or a pool for one mapping
 *	bounce.c	the copy
 *	report.c	maps that fail, and errors of drivers
 *	stats.c		numbers of an allocator, debugfs
 *	sysfs.c		files of allocators and of devices in sysfs
 *	param.c		swiotlb=
 *	boot.c		set-up and tear-down of the default allocators
 *	restricted.c	device-tree pools			(DMA_RESTRICTED_POOL)
 *	owner.c		allocators of single devices		(SWIOTLB_DYNAMIC)
 *	../swiotlb.c	functions for the DMA API, the tracepoints
 *
 * All layers from mem.c on share struct swiotlb_mem in mem.h. Without SWIOTLB_DYNAMIC,
 * swiotlb_growth_is_enabled() is constant, and the compiler drops the calls that depend on it.
 * The only call upwards is from swiotlb_mem_account() to __swiotlb_track() in stats.c, which
 * only counts.
 */

/**
 * DOC: Lock order
 *
 * 0. swiotlb_own_lock, swiotlb_rmem_lock: set-up of the allocator of a device or of a range
 *    of the device tree. Mutexes.
 * 1. swiotlb_pools_lock: lists, states and counts of the pools of all allocators, and the sizes
 *    of magazines. A mutex, held during a grace period, but not while memory of a pool is
 *    allocated and decrypted, or encrypted and freed: that may take seconds.
 * 2. swiotlb_range_lock: the table of transient pools, and the range of added pools.
 * 3. depot->lock: the buffers in one depot.
 * 4. area->lock: bitmaps, hints and occupancy of one area.
 * 5. queue->lock: callers that wait.
 *
 * 2 to 5 are spinlocks, taken with interrupts off. An area lock nests in a depot lock, but not in
 * another area lock. A queue lock nests in none of 2 to 4. The list of pools is read under RCU,
 * and the index without a lock: see "Life of a pool" in pools.c.
 */

/**
 * DOC: Barriers
 *
 * The CPU that unmaps or syncs an address must find its pool. C publishes the pool, A maps from
 * it, and passes the address to B through data of the driver::
 *
 *	C (worker)                A (map)                B (unmap, sync)
 *	-----------------------   --------------------   ---------------------
 *	index[pool] = pool        p = pools (RCU)        addr = driver data
 *	range includes pool
 *	smp_mb()            [1]   driver data = f(p)     smp_rmb()         [2]
 *	pools += pool (RCU)                              range, index[addr]
 *
 * A's store depends on the pointer that it read from the list. [1] pairs with [2] in
 * swiotlb_find_pool(), and is a full barrier since the order must hold through A (cumulativity).
 * A transient pool is not on the list: C and A are the same CPU, and [4] orders what [1] orders
 * above. If another CPU has widened the range, the lock of the range orders that store before A.
 *
 * The stores for the mapping itself must also be visible before the address. Otherwise B would
 * find no mapping, and the buffer would never be freed::
 *
 *	A (map)                          B (unmap, sync)
 *	------------------------------   -----------------------------------
 *	head bit, record, content        addr = driver data
 *	smp_wmb()                  [4]   head[f(addr)], record[f(addr)]
 *	driver data = addr
 *
 * [4] pairs with the address dependency in swiotlb_pool_lookup(). If the buffer came from a
 * magazine, another CPU has set the head bit before [5], and A has seen that store by [6]: [4]
 * must also order that store. This holds where a store becomes visible to all CPUs at once, and
 * on powerpc, whose smp_wmb() is cumulative.
 *
 * A free buffer moves from CPU to CPU through a cell, which B fills and A empties::
 *
 *	B (unmap)                          A (map)
 *	--------------------------------   -------------------------------
 *	cmpxchg(record, FREE)              try_cmpxchg_acquire(cell)  [6]
 *	copy from the buffer               record, copy to the buffer
 *	try_cmpxchg(cell)           [5]
 *
 * [5] pairs with [6]: A's writes cannot overtake B's reads. For a buffer that moves through
 * a depot, the lock of the depot has the same effect.
 *
 * A drain visits the magazines on a list. If a magazine gets a buffer meanwhile, either the drain
 * finds the buffer, or the magazine is put on the list again::
 *
 *	B (unmap)                          D (drain)
 *	--------------------------------   -------------------------------
 *	try_cmpxchg(cell)          [10]    xchg(listed, 0)           [10]
 *	listed? else list                  cell
 *
 * Both exchanges are full barriers.
 *
 * Either a caller that waits finds a buffer, or the CPU that frees it sees the waiter and
 * wakes it::
 *
 *	B (unmap)                          W (waiter)
 *	--------------------------------   -------------------------------
 *	try_cmpxchg(cell)          [11]    crowded = WAITED
 *	crowded?                           smp_mb()                  [11]
 *	                                   cell
 *
 * If room is made without an exchange (a pool is added or reopened, a large mapping ends, or the
 * limit allows more), swiotlb_mem_made_room() has the smp_mb() [11]. Slots that are freed to an
 * area need no barrier, since W locks each area: either after B, and finds the slots, or before
 * B, and B sees @crowded.
 *
 * [7] publishes the magazines, whose limits are set later, and pairs with [8] in
 * swiotlb_cache_cpu(). [9] publishes the index, and a pool in it, to callers of
 * __swiotlb_find_pool() with an address that was never bounced; for bounced addresses [1] and [2]
 * are sufficient. [3] publishes the allocator of a device to its maps, which read
 * dev->dma_io_tlb_mem first.
 */

#endif /* _KERNEL_DMA_SWIOTLB_INTERNAL_H */
