// SPDX-License-Identifier: GPL-2.0-only
/* Allocators of single devices. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "mem.h"
#include "param.h"

/**
 * DOC: Allocators of devices
 *
 * A disk with a deep queue can fill all pools, so that a network card finds no room. With
 * swiotlb=own, a device gets an allocator of its own if its driver, or the core of its subsystem,
 * calls dmam_set_in_flight() with the number of bytes that the device may have in flight. Maps for
 * the device search this allocator first, and then fall back to the common ones.
 *
 * The allocator has no boot pool: the worker adds the first pool when the device bounces, and
 * frees the last one when the device is idle. The limit is twice the number of bytes that the
 * device may have in flight, but at most as much as the allocator leaves to all others. The common
 * limit keeps room for the first pool from the beginning, so that devices that bounce earlier
 * cannot take everything. The memory is on the node of the device, and each pool has as many areas
 * as the device has queues. If a controller has several hosts, their values are added.
 *
 * A device keeps its allocator until the last reference to the device is dropped. Then
 * swiotlb_mem_release() queues @end_work, which stops the worker, waits until all pools are freed,
 * and frees the allocator. Callers of maps and unmaps hold a reference to the device, so mappings
 * need no reference to the allocator. If mappings have leaked, their pools and the allocator stay,
 * since the device may still write there.
 *
 * A mapping from before the device got its allocator is found by its address, and its slots are
 * freed to the allocator that its pool belongs to. If the worker is adding a pool when @end_work
 * begins, swiotlb_growth_disable() waits for the worker, and swiotlb_growth_add() refuses the pool.
 */

/* Several drivers of one device may probe at once. Taken before swiotlb_pools_lock. */
static DEFINE_MUTEX(swiotlb_own_lock);

/*
 * The allocator of a device. @nqueues queues map for the device, and @nslots slots may be in
 * flight: both are sums over all callers, protected by swiotlb_own_lock. @shrinker and @kobj may be
 * %NULL.
 */
struct swiotlb_own {
	struct swiotlb_mem mem;
	unsigned int nqueues;
	unsigned long nslots;
	struct shrinker *shrinker;
	struct kobject *kobj;
	struct delayed_work end_work;
};

static struct swiotlb_own *to_swiotlb_own(struct io_tlb_mem *pub)
{
	return container_of(to_swiotlb_mem(pub), struct swiotlb_own, mem);
}

/*
 * Keep room for the first pool within the common limit, if half of the limit remains for others.
 * Reducing the room always succeeds.
 */
static void swiotlb_own_keep(struct swiotlb_mem *mem, unsigned long nslots)
{
	struct swiotlb_mem *common = mem->common;
	unsigned long held = mem->pools.held;
	long more, most, change = -swiotlb_own_counted(mem, held);

	lockdep_assert_held(&swiotlb_pools_lock);
	more = (long)nslots - (long)mem->growth.kept;
	most = swiotlb_limit_room(common) - (long)swiotlb_limit_nslots(common) / 2;
	if (more > 0 && more > most)
		return;
	WRITE_ONCE(mem->growth.kept, nslots);
	change += swiotlb_own_counted(mem, held);
	atomic_long_add(change, &common->growth.apart);
	if (change < 0)
		swiotlb_mem_made_room(mem);
}

static void swiotlb_own_end_work(struct work_struct *work)
{
	struct swiotlb_own *own = container_of(to_delayed_work(work), struct swiotlb_own, end_work);
	struct swiotlb_mem *mem = &own->mem;
	unsigned long used;

	/* Remove the directories even if pools remain: the device no longer exists. */
	debugfs_remove(mem->debugfs);
	mem->debugfs = NULL;
	swiotlb_sysfs_del(own->kobj);
	own->kobj = NULL;
	if (swiotlb_growth_is_enabled(mem)) {
		swiotlb_growth_disable(mem);
		scoped_guard(mutex, &swiotlb_pools_lock)
			swiotlb_own_keep(mem, 0);
	}
	if (READ_ONCE(mem->pools.held)) {
		used = swiotlb_mem_used(mem);
		if (used)
			pr_warn_once("a device has ended with %lu KiB mapped, its pools stay\n",
				     swiotlb_kib(used));
		/* Try again later: the worker frees the pools when all mappings have ended. */
		queue_delayed_work(system_dfl_wq, &own->end_work, SWIOTLB_TICK);
		return;
	}

	/* Free the shrinker first: it queues the worker. */
	if (own->shrinker)
		shrinker_free(own->shrinker);
	/* The worker may still be freeing the last pool. */
	cancel_delayed_work_sync(&mem->growth.work);
	swiotlb_magazines_stop(&mem->cache);
	kfree(own);
}

/* Allow twice the slots in flight, since at most half of the open slots should be in use. */
static void swiotlb_own_count(struct swiotlb_own *own, int nqueues, long nslots)
{
	struct swiotlb_mem *mem = &own->mem;
	unsigned long most;

	lockdep_assert_held(&swiotlb_own_lock);
	own->nqueues += nqueues;
	own->nslots += nslots;
	most = min(own->nslots, swiotlb_limit_nslots(mem->common));
	most = max(2 * most, SWIOTLB_MIN_GROW_SLOTS);
	WRITE_ONCE(mem->growth.max_nslots, most);
	WRITE_ONCE(mem->growth.nareas, clamp(own->nqueues, 1U, swiotlb_default_mem.growth.nareas));
	scoped_guard(mutex, &swiotlb_pools_lock)
		swiotlb_own_keep(mem, own->nslots ? min(most, SWIOTLB_FIRST_SLOTS) : 0);
}

/* Devices of different buses may have the same name: add a number to the name of the directory. */
static void swiotlb_own_show(struct swiotlb_own *own, const char *name)
{
	static unsigned int number;
	char dir[64];

	lockdep_assert_held(&swiotlb_own_lock);
	snprintf(dir, sizeof(dir), "own%u:%s", number++, name);
	swiotlb_debugfs_add(&own->mem, dir);
	own->kobj = swiotlb_sysfs_add(&own->mem, dir);
}

static struct swiotlb_own *swiotlb_own_create(struct device *dev, enum swiotlb_reach reach)
{
	struct swiotlb_mem *mem, *common = swiotlb_mem_widest(&swiotlb_default_mem, reach);
	struct swiotlb_own *own = kzalloc_obj(*own);

	if (!own)
		return NULL;
	mem = &own->mem;
	swiotlb_mem_init(mem);
	/* Keep the address of the common boot pool: the device may have mappings there. */
	mem->pub = swiotlb_mem_low(common)->pub;
	mem->pub.nslabs = 0;
	mem->common = common;
	swiotlb_growth_enable(mem, common->last, 1, SWIOTLB_MIN_GROW_SLOTS);
	INIT_DELAYED_WORK(&own->end_work, swiotlb_own_end_work);
	own->shrinker = swiotlb_growth_shrinker(mem);
	swiotlb_own_show(own, dev_name(dev));
	return own;
}

/* Another driver, or another host of the controller, may have made the allocator already. */
static struct swiotlb_own *swiotlb_own_get(struct device *dev)
{
	struct swiotlb_mem *low = &swiotlb_default_mem;
	enum swiotlb_reach reach;

	if (swiotlb_mem_is_own(to_swiotlb_mem(dev->dma_io_tlb_mem)))
		return to_swiotlb_own(dev->dma_io_tlb_mem);
	if (dev->dma_io_tlb_mem != &low->pub)
		return NULL;
	reach = swiotlb_mem_reach(low, dev);
	return reach < SWIOTLB_REACH_MEM ? NULL : swiotlb_own_create(dev, reach);
}

/**
 * swiotlb_device_allocate() - give a device an allocator of its own
 * @dev:	Device. Nothing is done without swiotlb=own, if the device has a restricted pool,
 *		if the default allocator cannot grow, or if the device does not reach all of its
 *		pools.
 * @nqueues:	Number of queues that map for the caller.
 * @bytes:	The most that the caller will have mapped at one time.
 *
 * If several callers share the device, their values are added.
 *
 * Context: Process context.
 * Return: %true if the values were added. swiotlb_device_reduce() subtracts them.
 */
bool swiotlb_device_allocate(struct device *dev, unsigned int nqueues, size_t bytes)
{
	struct swiotlb_own *own;

	guard(mutex)(&swiotlb_own_lock);
	if (!swiotlb_param.own || !bytes || !swiotlb_growth_is_enabled(&swiotlb_default_mem) ||
	    !dev->dma_io_tlb_mem || !dev->dma_mask)
		return false;
	own = swiotlb_own_get(dev);
	if (!own)
		return false;
	swiotlb_own_count(own, nqueues, bytes >> IO_TLB_SHIFT);
	dev_info(dev, "bounce buffers of its own: at most %lu KiB, %u queues\n",
		 swiotlb_kib(own->mem.growth.max_nslots), own->mem.growth.nareas);
	/* [3] Pairs with the address dependency in swiotlb_tbl_map_single(). */
	smp_store_release(&dev->dma_io_tlb_mem, &own->mem.pub);
	return true;
}

/**
 * swiotlb_device_reduce() - subtract the values of swiotlb_device_allocate()
 * @dev:	Device. Nothing is done if it no longer uses an allocator of its own.
 * @nqueues:	As in that call, which has returned %true.
 * @bytes:	As in that call.
 *
 * The allocator stays until the device is released.
 *
 * Context: Process context.
 */
void swiotlb_device_reduce(struct device *dev, unsigned int nqueues, size_t bytes)
{
	struct io_tlb_mem *pub = dev->dma_io_tlb_mem;

	guard(mutex)(&swiotlb_own_lock);
	if (pub && swiotlb_mem_is_own(to_swiotlb_mem(pub)))
		swiotlb_own_count(to_swiotlb_own(pub), -(int)nqueues,
				  -(long)(bytes >> IO_TLB_SHIFT));
}

/**
 * swiotlb_mem_release() - free the allocator of a device that was released
 * @pub:	The allocator, which is freed only if it is an own allocator; may be %NULL.
 *
 * Context: Any. Nothing is mapped or unmapped for the device any more.
 */
void swiotlb_mem_release(struct io_tlb_mem *pub)
{
	if (pub && swiotlb_mem_is_own(to_swiotlb_mem(pub)))
		queue_delayed_work(system_dfl_wq, &to_swiotlb_own(pub)->end_work, 0);
}
