// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pool: areas, and the records of the mappings in them.
 */

#include "internal.h"
#include "record.h"

/*
 * With interrupts off, and while another area may have room at once, no more of an
 * area is searched than this many words of its bitmap: 4 MiB.
 */
#define SWIOTLB_TRY_WORDS	32

/**
 * swiotlb_limit_nareas() - how many areas a pool of some size can have
 * @nareas:	How many are wanted; 0 counts as 1.
 * @nslots:	Slots of the pool.
 *
 * An area must hold the largest mapping.
 *
 * Return: A power of two, at most @nareas rounded up.
 */
unsigned int swiotlb_limit_nareas(unsigned int nareas, unsigned long nslots)
{
	unsigned long limit = max(nslots / SWIOTLB_MAX_SLOTS, 1UL);

	limit = rounddown_pow_of_two(limit);
	nareas = max(nareas, 1U);
	return min(limit, roundup_pow_of_two(nareas));
}

static unsigned int swiotlb_area_shift(unsigned long nslots, unsigned int nareas)
{
	return order_base_2(DIV_ROUND_UP(nslots, nareas));
}

/**
 * swiotlb_pool_meta_bytes() - memory that areas and records of a pool take
 * @nslots:	Slots of the pool.
 * @nareas:	Areas wanted.
 *
 * Return: Bytes, in whole cache lines.
 */
size_t swiotlb_pool_meta_bytes(unsigned long nslots, unsigned int nareas)
{
	unsigned int shift = swiotlb_area_shift(nslots, nareas);
	size_t stride = swiotlb_area_bytes(1U << shift);

	/* What kmalloc() aligns is what divides the size. */
	return ALIGN(stride * DIV_ROUND_UP(nslots, 1UL << shift) +
		     array_size(sizeof(atomic64_t), nslots), SMP_CACHE_BYTES);
}

/**
 * swiotlb_pool_init() - make a pool of a range of memory
 * @pool:	To be initialized; what it holds otherwise is left alone.
 * @meta:	swiotlb_pool_meta_bytes() zeroed bytes, on a cache line.
 * @start:	Physical address of the range, on a page.
 * @vaddr:	Where the CPU sees it.
 * @nslots:	Its slots.
 * @nareas:	Areas wanted, a power of two. Areas are a power of two in size, so
 *		a pool that is not may get fewer, and a last one that is smaller.
 *
 * The memory is cleared: a device must not read what was there before.
 *
 * Context: Nobody else knows @pool yet.
 */
void swiotlb_pool_init(struct io_tlb_pool *pool, void *meta, phys_addr_t start,
		       void *vaddr, unsigned long nslots, unsigned int nareas)
{
	size_t bytes = nslots << IO_TLB_SHIFT;
	unsigned long left = nslots;
	unsigned int i, area_nslots;

	pool->start = start;
	pool->end = start + bytes;
	pool->vaddr = vaddr;
	pool->nslots = nslots;
	pool->area_shift = swiotlb_area_shift(nslots, nareas);
	area_nslots = 1U << pool->area_shift;
	pool->nareas = DIV_ROUND_UP(nslots, area_nslots);
	pool->area_stride = swiotlb_area_bytes(area_nslots);
	pool->areas = meta;
	pool->records = meta + (size_t)pool->nareas * pool->area_stride;

	for (i = 0; i < pool->nareas; i++) {
		swiotlb_area_init(swiotlb_pool_area(pool, i),
				  min_t(unsigned long, left, area_nslots));
		left -= area_nslots;
	}
	for (i = 0; i < nslots; i++)
		atomic64_set(&pool->records[i], SWIOTLB_RECORD_FREE);

	memset(vaddr, 0, bytes);
}

/**
 * swiotlb_decrypt() - share memory of a pool with the hypervisor
 * @vaddr:	Where it begins, on a page.
 * @bytes:	Its size, in whole pages.
 *
 * This and swiotlb_encrypt() are all that the engine knows of encryption.
 *
 * Context: Process context, or boot.
 * Return: 0 or an error; then the memory may be in any state.
 */
int swiotlb_decrypt(void *vaddr, size_t bytes)
{
	KUNIT_STATIC_STUB_REDIRECT(swiotlb_decrypt, vaddr, bytes);
	return set_memory_decrypted((unsigned long)vaddr, PFN_UP(bytes));
}

/**
 * swiotlb_encrypt() - make shared memory private again
 * @vaddr:	Where it begins, on a page.
 * @bytes:	Its size, in whole pages.
 *
 * Context: Process context, or boot.
 * Return: 0 or an error; then the memory must not be used for anything else.
 */
int swiotlb_encrypt(void *vaddr, size_t bytes)
{
	KUNIT_STATIC_STUB_REDIRECT(swiotlb_encrypt, vaddr, bytes);
	return set_memory_encrypted((unsigned long)vaddr, PFN_UP(bytes));
}

/**
 * swiotlb_pool_disable() - let nothing be mapped in a pool
 * @pool:	A pool in which nothing is mapped yet.
 *
 * Context: Boot, before the first map.
 */
void swiotlb_pool_disable(struct io_tlb_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->nareas; i++)
		swiotlb_slots_disable(&swiotlb_pool_area(pool, i)->slots);
}

/**
 * swiotlb_pool_used() - number of slots in use in a pool
 * @pool:	A pool.
 *
 * Context: Any.
 * Return: An estimate unless the pool stands still.
 */
unsigned long swiotlb_pool_used(const struct io_tlb_pool *pool)
{
	unsigned long used = 0;
	unsigned int i;

	for (i = 0; i < pool->nareas; i++)
		used += swiotlb_area_used(swiotlb_pool_area(pool, i));
	return used;
}

/**
 * swiotlb_pool_map() - allocate and record a mapping in one area
 * @pool:	The pool.
 * @area_index:	The area, less than @pool->nareas.
 * @req:	What to map.
 * @dma_start:	Where the device sees @pool->start.
 * @wait:	What to do when the area is busy.
 *
 * Context: Any, takes the area's lock.
 * Return: Physical address of the bounce buffer, padding left behind;
 * %SWIOTLB_MAP_FULL if nothing fits; %SWIOTLB_MAP_BUSY if @wait has cut it short.
 */
phys_addr_t swiotlb_pool_map(struct io_tlb_pool *pool, unsigned int area_index,
			     const struct swiotlb_request *req,
			     dma_addr_t dma_start, enum swiotlb_wait wait)
{
	unsigned int first = area_index << pool->area_shift;
	unsigned long dma_slot = (dma_start >> IO_TLB_SHIFT) + first;
	struct swiotlb_fit fit = {
		.nslots = req->nslots,
		.align_mask = req->align_mask,
		.align_off = dma_slot - req->align,
		.wish_mask = req->align_mask,
		.boundary_mask = req->boundary_mask,
		.boundary_off = dma_slot & req->boundary_mask,
		.max_words = wait == SWIOTLB_TRY ? SWIOTLB_TRY_WORDS : 0,
	};
	unsigned int index;

	/* All PCI devices have a boundary, of 4 GiB: few areas ever cross it. */
	if (fit.boundary_mask - fit.boundary_off >= BIT(pool->area_shift) - 1)
		fit.boundary_mask = SWIOTLB_NO_BOUNDARY;
	/* What a magazine can keep afterwards. */
	if (is_power_of_2(req->nslots) && !req->align)
		fit.wish_mask |= req->nslots - 1;

	index = swiotlb_area_alloc(swiotlb_pool_area(pool, area_index), &fit,
				   wait);
	if (index == SWIOTLB_NO_SLOT)
		return SWIOTLB_MAP_FULL;
	if (index == SWIOTLB_BUSY)
		return SWIOTLB_MAP_BUSY;

	index += first;
	swiotlb_record_write(&pool->records[index], req);
	return swiotlb_slot_addr(pool, index + req->pad_slots) + req->offset;
}

static unsigned int swiotlb_pool_head(const struct io_tlb_pool *pool,
				      unsigned int index)
{
	unsigned int area_index = index >> pool->area_shift;
	unsigned int first = area_index << pool->area_shift;
	unsigned int head;

	head = swiotlb_slots_head(&swiotlb_pool_area(pool, area_index)->slots,
				  index - first);
	return head == SWIOTLB_NO_SLOT ? SWIOTLB_NO_SLOT : first + head;
}

/**
 * swiotlb_pool_lookup_inside() - find the mapping that holds a slot
 * @pool:	The pool.
 * @index:	A slot with which no mapping begins.
 * @map:	Filled in on success.
 *
 * For swiotlb_pool_lookup() only: the bitmap leads to the first slot.
 *
 * Context: As for swiotlb_pool_lookup().
 * Return: %false if there is none.
 */
bool swiotlb_pool_lookup_inside(const struct io_tlb_pool *pool,
				unsigned int index, struct swiotlb_mapping *map)
{
	unsigned int head = swiotlb_pool_head(pool, index);
	u64 word;

	if (head == SWIOTLB_NO_SLOT)
		return false;

	word = atomic64_read(&pool->records[head]);
	map->head = head;
	return swiotlb_record_is_head(word) &&
	       swiotlb_record_read(&pool->records[head], word, map) &&
	       index - head < map->nslots;
}

/**
 * swiotlb_pool_release() - give back the slots of a mapping
 * @pool:	The pool.
 * @index:	First slot, whose record is free.
 * @nslots:	Number of slots.
 * @cell:	Where the buffer waits for its next use, %NULL if it is the caller's.
 * @value:	What @cell has for it.
 *
 * If it is no longer in @cell, somebody else has it, and nothing is changed.
 *
 * Context: Any, takes the area's lock.
 */
void swiotlb_pool_release(struct io_tlb_pool *pool, unsigned int index,
			  unsigned int nslots, atomic_t *cell, int value)
{
	unsigned int area_index = index >> pool->area_shift;
	unsigned int first = area_index << pool->area_shift;

	/* With its last slot free, the pool may go while the lock is released. */
	rcu_read_lock();
	swiotlb_area_free(swiotlb_pool_area(pool, area_index), index - first,
			  nslots, cell, value);
	rcu_read_unlock();
}
