// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pool: areas, and the records of the mappings in them.
 */

#include "internal.h"

/**
 * DOC: Mapping records
 *
 * A pool has one 64-bit word for each slot. A mapping uses the word of its
 * first slot, and the next one if it has more than one slot:
 *
 * short
 *	Bit 63 clear. Bits 62..11 are the original address, bits 10..0 the size
 *	in bytes less one. For a mapping of one slot, which has no padding.
 * long
 *	Bit 63 set. Bits 61..0 are the original address; with bit 62 set, there
 *	is none. The second word is a &union swiotlb_record_tail.
 * free
 *	All bits set.
 *
 * An original address of more than 52 bits does not fit in the short form: such
 * a mapping is given a second slot. That wastes a slot where memory lies above
 * 4 PiB, and spares each other slot everywhere a second word.
 */

#define SWIOTLB_RECORD_LONG	BIT_ULL(63)
#define SWIOTLB_RECORD_NO_ORIG	BIT_ULL(62)
#define SWIOTLB_RECORD_ADDR	(BIT_ULL(62) - 1)

/**
 * union swiotlb_record_tail - second word of a long record
 * @word:	As it is stored.
 * @bytes:	Size of the buffer.
 * @nslots:	Slots of the mapping.
 * @pad_slots:	Slots before the first one that holds data.
 */
union swiotlb_record_tail {
	u64 word;
	struct {
		u32 bytes;
		u16 nslots;
		u16 pad_slots;
	};
};

static_assert(SWIOTLB_MAX_SLOTS <= U16_MAX);

static void swiotlb_record_write(u64 *record, const struct swiotlb_request *req)
{
	union swiotlb_record_tail tail = {
		.bytes = req->bytes,
		.nslots = req->nslots,
		.pad_slots = req->pad_slots,
	};

	if (req->nslots == 1) {
		WRITE_ONCE(record[0], (u64)req->orig_addr << IO_TLB_SHIFT |
				      (req->bytes - 1));
		return;
	}

	WRITE_ONCE(record[1], tail.word);
	if (req->orig_addr == SWIOTLB_NO_ORIG_ADDR)
		WRITE_ONCE(record[0], SWIOTLB_RECORD_LONG |
				      SWIOTLB_RECORD_NO_ORIG);
	else
		WRITE_ONCE(record[0], SWIOTLB_RECORD_LONG | req->orig_addr);
}

static void swiotlb_record_read(const u64 *record, struct swiotlb_mapping *map)
{
	union swiotlb_record_tail tail;
	u64 word = map->words[0];

	if (!(word & SWIOTLB_RECORD_LONG)) {
		map->orig_addr = word >> IO_TLB_SHIFT;
		map->bytes = (word & (IO_TLB_SIZE - 1)) + 1;
		map->nslots = 1;
		map->pad_slots = 0;
		return;
	}

	tail.word = READ_ONCE(record[1]);
	map->words[1] = tail.word;
	map->orig_addr = word & SWIOTLB_RECORD_NO_ORIG ?
			 SWIOTLB_NO_ORIG_ADDR : word & SWIOTLB_RECORD_ADDR;
	map->bytes = tail.bytes;
	map->nslots = tail.nslots;
	map->pad_slots = tail.pad_slots;
}

static struct io_tlb_area *swiotlb_pool_area(const struct io_tlb_pool *pool,
					     unsigned int area_index)
{
	return pool->areas + (size_t)area_index * pool->area_stride;
}

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
 * Return: Bytes.
 */
size_t swiotlb_pool_meta_bytes(unsigned long nslots, unsigned int nareas)
{
	unsigned int shift = swiotlb_area_shift(nslots, nareas);
	size_t stride = swiotlb_area_bytes(1U << shift);

	return stride * DIV_ROUND_UP(nslots, 1UL << shift) +
	       array_size(sizeof(u64), nslots);
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
		pool->records[i] = SWIOTLB_RECORD_FREE;

	memset(vaddr, 0, bytes);
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
 * swiotlb_pool_tight() - are more than three quarters of an area in use?
 * @pool:	A pool.
 * @area_index:	The area, less than @pool->nareas.
 *
 * Context: Any.
 * Return: An estimate.
 */
bool swiotlb_pool_tight(const struct io_tlb_pool *pool, unsigned int area_index)
{
	const struct io_tlb_area *area = swiotlb_pool_area(pool, area_index);

	return swiotlb_area_used(area) > area->slots.nslots / 4 * 3;
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
 * %SWIOTLB_MAP_FULL if nothing fits; %SWIOTLB_MAP_BUSY if the area is busy.
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
		.align_off = (dma_slot - req->align) & req->align_mask,
		.boundary_mask = req->boundary_mask,
		.boundary_off = dma_slot & req->boundary_mask,
	};
	unsigned int index;

	/* All PCI devices have a boundary, of 4 GiB: few areas ever cross it. */
	if (fit.boundary_mask - fit.boundary_off >= BIT(pool->area_shift) - 1)
		fit.boundary_mask = SWIOTLB_NO_BOUNDARY;

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

/**
 * swiotlb_pool_lookup() - find the mapping that an address belongs to
 * @pool:	The pool that @tlb_addr lies in.
 * @tlb_addr:	Any physical address within the mapping.
 * @map:	Filled in on success.
 *
 * Context: Any. Without a lock, since the mapping is the caller's: nobody else
 * may unmap it meanwhile.
 * Return: %false if nothing is mapped there.
 */
bool swiotlb_pool_lookup(const struct io_tlb_pool *pool, phys_addr_t tlb_addr,
			 struct swiotlb_mapping *map)
{
	unsigned int index = (tlb_addr - pool->start) >> IO_TLB_SHIFT;
	unsigned int area_index = index >> pool->area_shift;
	unsigned int first = area_index << pool->area_shift;
	unsigned int head;

	head = swiotlb_slots_head(&swiotlb_pool_area(pool, area_index)->slots,
				  index - first);
	if (head == SWIOTLB_NO_SLOT)
		return false;

	map->head = first + head;
	map->words[0] = READ_ONCE(pool->records[map->head]);
	if (map->words[0] == SWIOTLB_RECORD_FREE)
		return false;

	swiotlb_record_read(&pool->records[map->head], map);
	return index - map->head < map->nslots;
}

/**
 * swiotlb_pool_unmap() - free a mapping
 * @pool:	The pool.
 * @map:	What swiotlb_pool_lookup() has found in it.
 *
 * Context: Any, takes the area's lock.
 * Return: %false, and nothing is changed, if it was freed meanwhile.
 */
bool swiotlb_pool_unmap(struct io_tlb_pool *pool,
			const struct swiotlb_mapping *map)
{
	unsigned int area_index = map->head >> pool->area_shift;
	unsigned int first = area_index << pool->area_shift;

	return swiotlb_area_free(swiotlb_pool_area(pool, area_index),
				 map->head - first, map->nslots,
				 &pool->records[map->head], map->words);
}
