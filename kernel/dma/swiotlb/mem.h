/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_MEM_H
#define _KERNEL_DMA_SWIOTLB_MEM_H

#include "growth.h"
#include "magazine.h"
#include "pools.h"

/**
 * DOC: Allocators
 *
 * A device that uses an allocator can use all of its pools. So any buffer in a magazine suits
 * any of these devices, and the worker adds only one kind of memory. Devices with another reach
 * use another allocator:
 *
 * LOW
 *	swiotlb_default_mem, with the pool made at boot. Its pools lie in the memory that
 *	the platform defines as low: below 4 GiB on most platforms.
 * ANY
 *	swiotlb_any_mem: pools anywhere in memory, all made at run time. It exists where
 *	there is memory above LOW.
 * restricted
 *	The range that a device tree assigns to some devices.
 * own
 *	Pools of one device, all made at run time; see "Allocators of devices" in owner.c.
 *
 * Each map compares the limit of the device with the highest address of each allocator, since
 * drivers may change masks. A device that reaches both uses ANY first, then LOW, to save low
 * memory. A device that reaches only a part of LOW (masks of 24 to 31 bits, buses with windows)
 * uses the boot pool if that is within its reach, otherwise transient pools. Behind an IOMMU, a
 * device reaches all memory. If the platform has remapped the pool (Xen), only the platform
 * knows the reach.
 */

/* Rare events that are counted: see Documentation/ABI/testing/sysfs-kernel-mm-swiotlb. */
enum swiotlb_event {
	SWIOTLB_GROWN,
	SWIOTLB_GROW_FAILED,
	SWIOTLB_CLOSED,
	SWIOTLB_REOPENED,
	SWIOTLB_FREED,
	SWIOTLB_TRANSIENT,
	SWIOTLB_LARGE,
	SWIOTLB_TOO_LARGE,
	SWIOTLB_MISALIGNED,
	SWIOTLB_OUT_OF_REACH,
	SWIOTLB_WRONG_ENCRYPTION,
	SWIOTLB_FULL,
	SWIOTLB_AT_LIMIT,
	SWIOTLB_NO_MEMORY,
	SWIOTLB_LEAKED,
	SWIOTLB_SET_MEMORY,
	SWIOTLB_WAITED,
	SWIOTLB_WAIT_TIMED_OUT,
	SWIOTLB_NR_EVENTS,
	/* Not counted: the device may have no allocator */
	SWIOTLB_NO_POOL = SWIOTLB_NR_EVENTS,
	SWIOTLB_NR_CAUSES,
};

#define SWIOTLB_TASK_BITS	4

/*
 * @task does not wait again until @until (jiffies), since its wait has timed out. It may have
 * ended, so do not dereference the pointer.
 */
struct swiotlb_timeout {
	const struct task_struct *task;
	unsigned long until;
};

/* &struct swiotlb_waiter in order of arrival: see "Waiting" in wait.c. */
struct swiotlb_queue {
	/* protects @waiters, and @own_waiters of all own allocators */
	spinlock_t lock;
	struct list_head waiters;
};

/**
 * struct swiotlb_waiter - a caller that waits for room
 * @node:	Member of the queue.
 * @room:	Completed when there may be room, or this waiter has become the first.
 * @own:	The device's own allocator, which the waiter also searches; %NULL for none.
 * @own_node:	Member of @own_waiters of that allocator.
 */
struct swiotlb_waiter {
	struct list_head node;
	struct completion room;
	struct swiotlb_mem *own;
	struct list_head own_node;
};

/**
 * struct swiotlb_mem - an allocator
 * @pub:	The part that <linux/swiotlb.h> declares, for its inline functions.
 * @last:	Highest address of its pools; 0 if only the platform knows the reach of devices.
 * @first:	@wider while @wider has open pools, else this allocator.
 * @cache:	The magazines.
 * @wider:	Allocator for devices with more reach; %NULL for none.
 * @narrower:	Allocator that devices of this allocator fall back to; %NULL for none.
 * @common:	In an own allocator: the common one with the same reach, whose limit is for both.
 * @boot_pool:	The pool made at boot, or the range of a restricted pool.
 * @pools:	All pools except transient ones.
 * @queue:	Callers that wait for slots here or in @wider, whose own queues are not used.
 * @limit_queue: Callers that wait for room within the limit.
 * @timeouts:	For each hash of a task: the last task whose wait has timed out, in either queue.
 * @full:	In an own allocator: slots of the last map that found no room; 0 if room was made
 *		since then. A hint, used while the allocator is crowded.
 * @own_waiters: In an own allocator: callers of the device that wait in the queue of the common
 *		allocator, &struct swiotlb_waiter. The lock of that queue protects this list.
 * @early_used:	Slots mapped less slots unmapped, without magazines.
 * @early_bounced: Bytes copied without magazines.
 * @growth:	State of the worker.
 * @debugfs:	Directory of the allocator in debugfs.
 * @total_used:	Slots in use, including those in transient pools; only with track_hiwater.
 * @used_hiwater: Highest value of @total_used.
 * @events:	Counters, &enum swiotlb_event.
 *
 * Most maps and unmaps use the first cache line only.
 */
struct swiotlb_mem {
	struct io_tlb_mem pub;
	u64 last;
	struct swiotlb_mem *first;
	struct swiotlb_cache cache;
	struct swiotlb_mem *wider;
	struct swiotlb_mem *narrower;
	struct swiotlb_mem *common;
	struct io_tlb_pool boot_pool ____cacheline_aligned_in_smp;
	struct swiotlb_pools pools;
	struct swiotlb_queue queue;
	struct swiotlb_queue limit_queue;
	struct swiotlb_timeout timeouts[1 << SWIOTLB_TASK_BITS];
	unsigned int full;
	struct list_head own_waiters;
	atomic_long_t early_used;
	atomic_long_t early_bounced;
	struct swiotlb_growth growth;
	struct dentry *debugfs;
	atomic_long_t total_used;
	atomic_long_t used_hiwater;
	atomic_long_t events[SWIOTLB_NR_EVENTS];
};

extern struct swiotlb_mem swiotlb_default_mem;
extern struct swiotlb_mem swiotlb_any_mem;

static inline struct swiotlb_mem *to_swiotlb_mem(struct io_tlb_mem *pub)
{
	return container_of(pub, struct swiotlb_mem, pub);
}

static inline bool swiotlb_growth_is_enabled(const struct swiotlb_mem *mem)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && READ_ONCE(mem->growth.enabled);
}

static inline unsigned long swiotlb_transient_nslots(struct swiotlb_mem *mem)
{
	return atomic_long_read(&mem->growth.transient);
}

/* Transient pools do not count here: they are freed soon. */
static inline bool swiotlb_mem_is_at_limit(struct swiotlb_mem *mem)
{
	long room = swiotlb_limit_room(mem);

	for (; mem; mem = mem->narrower)
		room += swiotlb_transient_nslots(mem);
	return room < (long)SWIOTLB_MIN_GROW_SLOTS;
}

/* Preferred node for memory of a device: that of the device, or else of the CPU, which copies. */
static inline int swiotlb_dev_node(struct device *dev)
{
	int nid = dev_to_node(dev);

	return nid == NUMA_NO_NODE ? numa_mem_id() : nid;
}

/* The highest DMA address that a device can use. */
static inline u64 swiotlb_dev_limit(struct device *dev)
{
	return min_not_zero(*dev->dma_mask, dev->bus_dma_limit);
}

static inline dma_addr_t swiotlb_dma_addr(const struct swiotlb_mem *mem,
					  struct device *dev, phys_addr_t paddr)
{
	return mem->pub.cc_shared ? phys_to_dma_unencrypted(dev, paddr) :
				    phys_to_dma_encrypted(dev, paddr);
}

/*
 * The pools that a device can use: none, only the boot pool, all pools of its allocator, or all
 * pools of its allocator and of the wider one.
 */
enum swiotlb_reach {
	SWIOTLB_REACH_NONE,
	SWIOTLB_REACH_BOOT,
	SWIOTLB_REACH_MEM,
	SWIOTLB_REACH_WIDER,
};

/* The allocator that a device with this reach uses first. */
static inline struct swiotlb_mem *swiotlb_mem_widest(struct swiotlb_mem *mem,
						     enum swiotlb_reach reach)
{
	return reach == SWIOTLB_REACH_WIDER ? mem->wider : mem;
}

/* May a device with this reach, which is not %SWIOTLB_REACH_NONE, map in the pool? */
static inline bool swiotlb_mem_may_use(const struct swiotlb_mem *mem,
				       const struct io_tlb_pool *pool, enum swiotlb_reach reach)
{
	return swiotlb_pool_is_open(pool) &&
	       (reach != SWIOTLB_REACH_BOOT || pool == &mem->boot_pool);
}

/*
 * Slots that a pool for one request needs. If the pool begins on a multiple of the alignment,
 * the mapping begins at slot @req->align. If DMA addresses differ from physical addresses, the
 * mapping may begin at any slot up to the alignment.
 */
static inline unsigned long swiotlb_own_nslots(struct device *dev,
					       const struct swiotlb_request *req)
{
	if (IS_ENABLED(CONFIG_ARCH_HAS_PHYS_TO_DMA) || dev->dma_range_map)
		return (unsigned long)req->nslots + req->align_mask;
	return (unsigned long)req->nslots + req->align;
}

/* Slots of a large pool for a request. The pool begins and ends on a multiple of 2 MiB. */
static inline unsigned long swiotlb_large_nslots(struct device *dev,
						 const struct swiotlb_request *req)
{
	unsigned long piece = SZ_2M >> IO_TLB_SHIFT, nslots = swiotlb_own_nslots(dev, req);

	if (req->align_mask >= piece)
		nslots = (unsigned long)req->nslots + req->align_mask;
	return ALIGN(nslots, piece);
}

/* The pool in which a map has found room. If @tight, little is left: ask the worker to check. */
struct swiotlb_hit {
	struct io_tlb_pool *pool;
	bool tight;
};

void swiotlb_mem_init(struct swiotlb_mem *mem);
void swiotlb_mem_set_boot_pool(struct swiotlb_mem *mem);
void swiotlb_mem_start_magazines(struct swiotlb_mem *mem);
unsigned long swiotlb_mem_used(const struct swiotlb_mem *mem);
unsigned long swiotlb_mem_bounced(const struct swiotlb_mem *mem);
u64 swiotlb_dev_last(struct device *dev);
bool swiotlb_dev_reaches(const struct swiotlb_mem *mem, struct device *dev,
			 phys_addr_t first, phys_addr_t last);
enum swiotlb_reach swiotlb_mem_reach(struct swiotlb_mem *mem, struct device *dev);
phys_addr_t swiotlb_mem_map(struct swiotlb_mem *mem, struct device *dev,
			    const struct swiotlb_request *req,
			    enum swiotlb_reach reach, bool waits, struct swiotlb_hit *hit);
void swiotlb_queue_wake(struct swiotlb_queue *queue);
struct swiotlb_waiter *swiotlb_own_first(struct swiotlb_mem *own);
void swiotlb_own_wake(struct swiotlb_mem *own);

/* Slots of a device in use, their peak, and failed maps; only with track_hiwater */
struct swiotlb_dev_stats {
	atomic_long_t used;
	atomic_long_t peak;
	atomic_long_t failed;
};

DECLARE_STATIC_KEY_FALSE(swiotlb_track_hiwater);

void __swiotlb_track(struct swiotlb_mem *mem, struct device *dev, long nslots);

void swiotlb_debugfs_add(struct swiotlb_mem *mem, const char *name);

#ifdef CONFIG_SYSFS
struct kobject *swiotlb_sysfs_add(struct swiotlb_mem *mem, const char *name);
void swiotlb_sysfs_del(struct kobject *kobj);
#else
static inline struct kobject *swiotlb_sysfs_add(struct swiotlb_mem *mem, const char *name)
{
	return NULL;
}

static inline void swiotlb_sysfs_del(struct kobject *kobj)
{
}
#endif

/* All CPUs write to the cache line of the sum, so this is only done with track_hiwater. */
static inline void swiotlb_track(struct swiotlb_mem *mem, struct device *dev, long nslots)
{
	if (static_branch_unlikely(&swiotlb_track_hiwater))
		__swiotlb_track(mem, dev, nslots);
}

static inline void swiotlb_count(struct swiotlb_mem *mem, enum swiotlb_event event, long n)
{
	atomic_long_add(n, &mem->events[event]);
}

/*
 * Count slots that were mapped; negative if they were unmapped. swiotlb_mem_used() adds up the
 * counters of all CPUs, for the worker and for statistics.
 */
static inline void swiotlb_mem_account(struct swiotlb_mem *mem, struct device *dev,
				       struct swiotlb_cpu_cache __percpu *cpu, long nslots)
{
	if (likely(cpu))
		this_cpu_add(cpu->used, nslots);
	else
		atomic_long_add(nslots, &mem->early_used);
	swiotlb_track(mem, dev, nslots);
}

static inline void swiotlb_mem_copied(struct swiotlb_mem *mem, size_t bytes)
{
	struct swiotlb_cpu_cache __percpu *cpu = swiotlb_cache_cpu(&mem->cache);

	if (likely(cpu))
		this_cpu_add(cpu->bounced, bytes);
	else
		atomic_long_add(bytes, &mem->early_bounced);
}

/* A wider allocator uses the queues of the narrower one. */
static inline struct swiotlb_mem *swiotlb_mem_low(struct swiotlb_mem *mem)
{
	return mem->narrower ?: mem;
}

static inline bool swiotlb_mem_is_own(const struct swiotlb_mem *mem)
{
	return IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC) && mem->common;
}

/* The common allocator that maps fall back to; @mem itself unless it is an own allocator. */
static inline struct swiotlb_mem *swiotlb_mem_shared(struct swiotlb_mem *mem)
{
	return swiotlb_mem_is_own(mem) ? swiotlb_mem_low(mem->common) : mem;
}

static inline struct swiotlb_mem *swiotlb_dev_shared(struct device *dev)
{
	return swiotlb_mem_shared(to_swiotlb_mem(READ_ONCE(dev->dma_io_tlb_mem)));
}

/* Can maps succeed? An own allocator needs no pools: its maps fall back to a common one. */
static inline bool swiotlb_mem_is_active(struct io_tlb_mem *pub)
{
	return pub && (likely(READ_ONCE(pub->nslabs)) || swiotlb_mem_is_own(to_swiotlb_mem(pub)));
}

/* Slots that count towards the common limit if an own allocator holds @held slots */
static inline long swiotlb_own_counted(const struct swiotlb_mem *mem, unsigned long held)
{
	return max(held, READ_ONCE(mem->growth.kept));
}

/* Call this before a pool is made, and with a negative number after its memory was freed. */
static inline void swiotlb_mem_hold(struct swiotlb_mem *mem, long nslots)
{
	unsigned long before = mem->pools.held, after = before + nslots;

	WRITE_ONCE(mem->pools.held, after);
	if (swiotlb_mem_is_own(mem))
		atomic_long_add(swiotlb_own_counted(mem, after) - swiotlb_own_counted(mem, before),
				&mem->common->growth.apart);
}

/*
 * Wake the first caller that waits, after slots were freed under the lock of their area, or by an
 * exchange of a cell. A waiter that is missed here finds the slots: see "Barriers".
 */
static inline void swiotlb_mem_freed(struct swiotlb_mem *mem)
{
	if (likely(!swiotlb_cache_is_waited(&mem->cache)))
		return;
	if (swiotlb_mem_is_own(mem))
		swiotlb_own_wake(mem);
	else
		swiotlb_queue_wake(&swiotlb_mem_low(mem)->queue);
}

static inline void swiotlb_own_has_room(struct swiotlb_mem *mem)
{
	if (READ_ONCE(mem->full))
		WRITE_ONCE(mem->full, 0);
}

/* Wake the first callers that wait for slots and for the limit. */
static inline void swiotlb_mem_made_room(struct swiotlb_mem *mem)
{
	struct swiotlb_mem *shared = swiotlb_mem_shared(mem);

	swiotlb_own_has_room(mem);
	/* [11] Pairs with swiotlb_wait_begin(). */
	smp_mb();
	swiotlb_mem_freed(mem);
	if (shared != mem)
		swiotlb_mem_freed(shared);
	if (!list_empty(&swiotlb_mem_low(shared)->limit_queue.waiters))
		swiotlb_queue_wake(&swiotlb_mem_low(shared)->limit_queue);
}

/* Does the device reach memory that can be allocated for a transient pool? */
static inline bool swiotlb_transient_is_reached(const struct swiotlb_mem *mem, struct device *dev)
{
	return swiotlb_growth_is_enabled(mem) &&
	       swiotlb_dev_last(dev) >= PFN_PHYS(min_low_pfn) + PAGE_SIZE - 1;
}

/*
 * The allocator that a device uses first, if the device reaches all of its pools. Returns %NULL
 * if it does not, or if its bus has windows, for which swiotlb_mem_reach() is needed.
 */
static inline struct swiotlb_mem *swiotlb_mem_first(struct swiotlb_mem *mem, struct device *dev)
{
	struct swiotlb_mem *first = READ_ONCE(mem->first);
	u64 limit = swiotlb_dev_limit(dev);

	if (unlikely(dev->dma_range_map))
		return NULL;
	if (likely(swiotlb_dma_addr(first, dev, first->last) <= limit))
		return first;
	return swiotlb_dma_addr(mem, dev, mem->last) <= limit ? mem : NULL;
}

/*
 * Map in a buffer of this CPU's magazine, for a device that reaches all pools. May take the lock
 * of a depot. Returns %SWIOTLB_MAP_FULL if no buffer fits.
 */
static inline phys_addr_t swiotlb_mem_map_cached(struct swiotlb_mem *mem, struct device *dev,
						 const struct swiotlb_request *req,
						 struct io_tlb_pool **found)
{
	struct swiotlb_cpu_cache __percpu *cpu = swiotlb_cache_cpu(&mem->cache);
	unsigned int index, class = swiotlb_class(req->nslots);
	struct swiotlb_magazine *mag;
	struct io_tlb_pool *pool;
	dma_addr_t dma_start;
	u32 cell;

	if (unlikely(!cpu) || class == SWIOTLB_NR_CLASSES)
		return SWIOTLB_MAP_FULL;

	mag = swiotlb_this_magazine(cpu, class);
	cell = swiotlb_magazine_take(mag);
	if (!cell && swiotlb_magazine_refill(&mem->cache, mag)) {
		cell = swiotlb_magazine_take(mag);
		/* A waiter may have missed buffers that were moved from the depot. */
		swiotlb_mem_freed(mem);
	}
	if (!cell)
		return SWIOTLB_MAP_FULL;

	/* The pool may be used from here on: the taken buffer keeps it from being freed. */
	pool = swiotlb_cell_pool(cell);
	index = swiotlb_cell_index(cell);
	dma_start = swiotlb_dma_addr(mem, dev, pool->start);
	if (unlikely(!swiotlb_request_fits(req, (dma_start >> IO_TLB_SHIFT) + index))) {
		swiotlb_pool_release(pool, index, req->nslots, NULL, 0);
		swiotlb_mem_freed(mem);
		return SWIOTLB_MAP_FULL;
	}

	swiotlb_record_write(&pool->records[index], req);
	swiotlb_mem_account(mem, dev, cpu, req->nslots);
	*found = pool;
	return swiotlb_slot_addr(pool, index + req->pad_slots) + req->offset;
}

/*
 * Free the slots of a mapping, whose record the caller has taken with swiotlb_record_take(). May
 * take the lock of a depot or of an area.
 */
static inline void swiotlb_mem_unmap(struct device *dev, struct io_tlb_pool *pool,
				     const struct swiotlb_mapping *map)
{
	struct swiotlb_mem *mem = pool->mem;
	struct swiotlb_cache *cache = &mem->cache;
	struct swiotlb_cpu_cache __percpu *cpu = swiotlb_cache_cpu(cache);
	unsigned int class = swiotlb_class(map->nslots);
	struct swiotlb_magazine *mag;
	u32 cell;

	swiotlb_mem_account(mem, dev, cpu, -(long)map->nslots);
	if (unlikely(!cpu) || class == SWIOTLB_NR_CLASSES || map->head > SWIOTLB_CELL_INDEX_MASK ||
	    !swiotlb_pool_is_open(pool) || swiotlb_cache_is_crowded(cache)) {
		swiotlb_pool_release(pool, map->head, map->nslots, NULL, 0);
		swiotlb_own_has_room(mem);
		swiotlb_mem_freed(mem);
		return;
	}

	mag = swiotlb_this_magazine(cpu, class);
	cell = swiotlb_cell(pool, map->head);
	/* From here on, the pool may be freed. */
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_magazine_overflow(cache, mag, cell);
	swiotlb_magazine_list(cache, mag);
	/* A caller that has begun to wait meanwhile may have missed the buffer. */
	swiotlb_mem_freed(mem);
}

#endif /* _KERNEL_DMA_SWIOTLB_MEM_H */
