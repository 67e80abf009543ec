// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocators of single devices: made when a device bounces, ended with the device.
 */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"
#include "param.h"

/**
 * DOC: A device's own
 *
 * A disk with a deep queue can fill all pools, and then a network card beside it finds no
 * room. With swiotlb=own, a device gets an allocator of its own, if the core of its
 * subsystem says by dma_set_in_flight() how much it may have in flight. Its maps search
 * there first, and then as those of all other devices do. Drivers do not know about it.
 *
 * It has no boot pool, and no pool until the device bounces. It grows and shrinks by the
 * rule of growth.c, from nothing to nothing. Its limit is twice what the device can have
 * in flight, and never more than it leaves within the limit of all. Its memory is on the
 * node of the device, and it has as many areas as the device has queues. If several hosts of
 * a controller say what they have in flight, it is the sum that counts.
 *
 * Life::
 *
 *	P (probe)                        M (map, unmap)            R (device_release())
 *	------------------------------   -----------------------   ---------------------
 *	own = ...
 *	dev->dma_io_tlb_mem = own [3]    mem = dev->dma_io_...
 *	                                 search mem, then common
 *
 *	W (worker of growth.c)           U (unmap, late)
 *	------------------------------   -----------------------
 *	pools: add, close, drain, free   pool = index[address]
 *	                                 pool->mem: free slots
 *	E (end_work)                                               last reference dropped
 *	stop W, free pools, free own                               queue E
 *
 * M and U are called with the device, so device_release() has not ended: E has not begun,
 * and @own exists. Mappings need no reference to it. A device that is unplugged keeps its
 * allocator until the last reference to the device is dropped; a driver that unmaps later
 * uses a device that was freed. When mappings have leaked, their pools and the allocator
 * stay, since the device may still write there.
 *
 * The pointer is written once: the device uses @own from then on, even while it has no
 * pool. What was mapped before is found by its address, and freed to the allocator that
 * its pool belongs to. W may be making a pool when E begins: swiotlb_growth_disable()
 * waits for it, and swiotlb_growth_add() refuses a pool that comes too late.
 */

/* Several drivers may use one device, and probe at once. Taken before swiotlb_pools_lock. */
static DEFINE_MUTEX(swiotlb_own_lock);

/**
 * struct swiotlb_own - the allocator of a device
 * @mem:	The allocator.
 * @shrinker:	Called when memory is short; may be %NULL.
 * @end_work:	Frees it, when the device no longer exists.
 */
struct swiotlb_own {
	struct swiotlb_mem mem;
	struct shrinker *shrinker;
	struct delayed_work end_work;
};

/* %false while it has pools: the worker of growth.c frees their memory. */
static bool swiotlb_own_end(struct swiotlb_own *own)
{
	struct swiotlb_mem *mem = &own->mem;

	/* Another device may soon have this name. */
	debugfs_remove(mem->debugfs);
	mem->debugfs = NULL;
	if (swiotlb_growth_is_enabled(mem))
		swiotlb_growth_disable(mem);
	if (READ_ONCE(mem->pools.held))
		return false;

	/* It queues the worker. */
	if (own->shrinker)
		shrinker_free(own->shrinker);
	/* It may still be freeing the last pool. */
	cancel_delayed_work_sync(&mem->growth.work);
	swiotlb_magazines_stop(&mem->cache);
	kfree(own);
	return true;
}

static void swiotlb_own_end_work(struct work_struct *work)
{
	struct swiotlb_own *own = container_of(to_delayed_work(work),
					       struct swiotlb_own, end_work);

	/* Look again whether leaked mappings have ended. */
	if (!swiotlb_own_end(own))
		queue_delayed_work(system_dfl_wq, &own->end_work, SWIOTLB_TICK);
}

/* At most half of its slots should be in use, and no pool is smaller than that. */
static unsigned long swiotlb_own_limit(const struct swiotlb_mem *common, size_t bytes)
{
	u64 most = (u64)swiotlb_limit_nslots(common) << IO_TLB_SHIFT;

	return max(2UL * swiotlb_nslots(min_t(u64, bytes, most)), SWIOTLB_MIN_GROW_SLOTS);
}

/* The device finds the common boot pool by @start: it may have mappings there. */
static void swiotlb_own_init(struct swiotlb_mem *mem, struct swiotlb_mem *common,
			     unsigned int nareas, unsigned long max_nslots)
{
	swiotlb_mem_init(mem);
	mem->pub = swiotlb_mem_low(common)->pub;
	mem->pub.nslabs = 0;
	mem->common = common;
	swiotlb_growth_enable(mem, common->last, nareas, max_nslots);
}

static void swiotlb_own_log(struct device *dev, const struct swiotlb_mem *mem)
{
	dev_info(dev, "bounce buffers of its own: at most %lu KiB, %u queues\n",
		 swiotlb_kib(mem->growth.max_nslots), mem->growth.nareas);
}

/* Another driver, or another host of the controller, uses the device, too. */
static void swiotlb_own_extend(struct device *dev, struct swiotlb_mem *mem,
			       unsigned int nqueues, size_t bytes)
{
	unsigned long all = swiotlb_own_limit(mem->common, SIZE_MAX);
	unsigned long more = swiotlb_own_limit(mem->common, bytes);

	WRITE_ONCE(mem->growth.max_nslots, min(mem->growth.max_nslots + more, all));
	WRITE_ONCE(mem->growth.nareas, min(mem->growth.nareas + nqueues,
					   swiotlb_default_mem.growth.nareas));
	swiotlb_own_log(dev, mem);
}

/**
 * swiotlb_device_allocate() - give a device an allocator of its own
 * @dev:	Device. Nothing is done if it has a restricted pool, if it does not reach all
 *		pools that would be made for it, or if swiotlb= does not ask for that.
 * @nqueues:	Queues over which the caller maps.
 * @bytes:	The most that the caller will have mapped at one time. If the device has an
 *		allocator of its own, its limit is raised by that.
 *
 * Pools are added when the device bounces. The allocator ends with the device.
 *
 * Context: Process context.
 */
void swiotlb_device_allocate(struct device *dev, unsigned int nqueues, size_t bytes)
{
	struct swiotlb_mem *low = &swiotlb_default_mem;
	struct swiotlb_mem *common;
	enum swiotlb_reach reach;
	struct swiotlb_own *own;

	guard(mutex)(&swiotlb_own_lock);
	if (!swiotlb_param.own || !bytes || !swiotlb_growth_is_enabled(low) ||
	    !dev->dma_io_tlb_mem || !dev->dma_mask)
		return;
	if (swiotlb_mem_is_own(to_swiotlb_mem(dev->dma_io_tlb_mem)))
		swiotlb_own_extend(dev, to_swiotlb_mem(dev->dma_io_tlb_mem), nqueues, bytes);
	if (dev->dma_io_tlb_mem != &low->pub)
		return;
	reach = swiotlb_mem_reach(low, dev);
	if (reach < SWIOTLB_REACH_MEM)
		return;

	own = kzalloc_obj(*own);
	if (!own)
		return;
	common = swiotlb_mem_widest(low, reach);
	swiotlb_own_init(&own->mem, common, min(nqueues, low->growth.nareas),
			 swiotlb_own_limit(common, bytes));
	INIT_DELAYED_WORK(&own->end_work, swiotlb_own_end_work);
	own->shrinker = swiotlb_growth_shrinker(&own->mem);
	swiotlb_debugfs_add(&own->mem, dev_name(dev));
	swiotlb_own_log(dev, &own->mem);
	/* [3] Pairs with the address dependency in swiotlb_tbl_map_single(). */
	smp_store_release(&dev->dma_io_tlb_mem, &own->mem.pub);
}

/**
 * swiotlb_mem_release() - the device that used an allocator no longer exists
 * @pub:	The allocator, which is ended if it belonged to the device; may be %NULL.
 *
 * Context: Any. Nothing is mapped or unmapped for the device any more.
 */
void swiotlb_mem_release(struct io_tlb_mem *pub)
{
	struct swiotlb_own *own;

	if (!pub || !swiotlb_mem_is_own(to_swiotlb_mem(pub)))
		return;
	own = container_of(to_swiotlb_mem(pub), struct swiotlb_own, mem);
	queue_delayed_work(system_dfl_wq, &own->end_work, 0);
}
