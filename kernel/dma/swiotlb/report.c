// SPDX-License-Identifier: GPL-2.0-only
/* Count and trace maps that fail, and log them at a limited rate. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "report.h"

static const char *const swiotlb_causes[] = {
	[SWIOTLB_TOO_LARGE] = "too large",
	[SWIOTLB_MISALIGNED] = "misaligned",
	[SWIOTLB_OUT_OF_REACH] = "out of reach",
	[SWIOTLB_FULL] = "full",
	[SWIOTLB_NO_POOL] = "no pool",
	[SWIOTLB_WRONG_ENCRYPTION] = "encryption",
};

/**
 * swiotlb_failed() - count and trace a map that fails
 * @dev:	Device.
 * @cause:	Reason. MISALIGNED: no address satisfies both the alignment and the boundary.
 * @bytes:	Requested size.
 * @attrs:	DMA attributes.
 *
 * Context: Any.
 * Return: %true if the caller should log the failure: the rate is limited for each cause, and
 * %DMA_ATTR_NO_WARN suppresses messages.
 */
bool swiotlb_failed(struct device *dev, enum swiotlb_event cause, size_t bytes, unsigned long attrs)
{
	static struct ratelimit_state rates[] = {
		[0 ... SWIOTLB_NR_CAUSES - 1] =
			RATELIMIT_STATE_INIT(rates, DEFAULT_RATELIMIT_INTERVAL,
					     DEFAULT_RATELIMIT_BURST),
	};

	if (cause < SWIOTLB_NR_EVENTS)
		swiotlb_count(swiotlb_dev_shared(dev), cause, 1);
	if (dev->dma_io_tlb_stats)
		atomic_long_inc(&dev->dma_io_tlb_stats->failed);
	trace_swiotlb_failed(dev, bytes, swiotlb_causes[cause]);
	return !(attrs & DMA_ATTR_NO_WARN) && __ratelimit(&rates[cause]);
}

/*
 * Count the slots of pools that the device can use, for messages only. Slots in magazines count
 * as in use, but the magazines of a crowded allocator are almost empty.
 */
static void swiotlb_count_slots(const struct swiotlb_mem *mem, enum swiotlb_reach reach,
				unsigned long *total, unsigned long *used)
{
	struct io_tlb_pool *pool;

	guard(rcu)();
	for (; mem && reach != SWIOTLB_REACH_NONE; mem = mem->narrower) {
		swiotlb_for_each_pool(pool, mem) {
			if (!swiotlb_mem_may_use(mem, pool, reach))
				continue;
			*total += pool->nslots;
			*used += swiotlb_pool_used(pool);
		}
	}
}

/* Does the limit prevent another pool for the request? */
static bool swiotlb_limit_prevents(struct swiotlb_mem *widest, struct device *dev,
				   const struct swiotlb_request *req)
{
	unsigned long nslots = swiotlb_request_is_large(req) ? swiotlb_large_nslots(dev, req) :
							       SWIOTLB_MIN_GROW_SLOTS;

	return swiotlb_limit_room(widest) < (long)nslots;
}

/**
 * swiotlb_failed_full() - report a map that found no room
 * @dev:	Device.
 * @req:	The request.
 * @reach:	Pools that the device can use.
 * @attrs:	DMA attributes.
 *
 * The message always begins with the same words, since log monitors search for them.
 *
 * Context: Any.
 */
void swiotlb_failed_full(struct device *dev, const struct swiotlb_request *req,
			 enum swiotlb_reach reach, unsigned long attrs)
{
	struct swiotlb_mem *mem = swiotlb_dev_shared(dev);
	struct swiotlb_mem *widest = swiotlb_mem_widest(mem, reach);
	unsigned long total = 0, used = 0;
	const char *why = "";

	if (swiotlb_growth_is_enabled(mem)) {
		bool limited = swiotlb_limit_prevents(widest, dev, req);

		swiotlb_count(mem, limited ? SWIOTLB_AT_LIMIT : SWIOTLB_NO_MEMORY, 1);
		why = limited ? ": its limit is reached" : ": no memory for more in this context";
		if (limited && !(attrs & DMA_ATTR_NO_WARN))
			pr_warn_once("%lu KiB is all that swiotlb may have, \"swiotlb=max=\" can change that\n",
				     swiotlb_kib(swiotlb_limit_nslots(widest)));
	}
	if (!swiotlb_failed(dev, SWIOTLB_FULL, req->bytes, attrs))
		return;

	swiotlb_count_slots(widest, reach, &total, &used);
	if (req->orig_addr == SWIOTLB_NO_ORIG_ADDR)
		dev_warn(dev, "swiotlb buffer is full (sz: %zu bytes), total %lu (slots), used %lu (slots), coherent memory needs %u in a row\n",
			 req->bytes, total, used, req->nslots);
	else
		dev_warn(dev, "swiotlb buffer is full (sz: %zu bytes), total %lu (slots), used %lu (slots)%s%s\n",
			 req->bytes, total, used, why,
			 !swiotlb_request_is_large(req) && used + req->nslots <= total ?
			 ", it is fragmented" : "");
}
