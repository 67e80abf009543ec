/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_RECORD_H
#define _KERNEL_DMA_SWIOTLB_RECORD_H

#include "request.h"

/**
 * DOC: Mapping records
 *
 * A pool has one 64-bit word for each slot. A mapping uses the word of its first slot, and the
 * next one if it has more than one slot:
 *
 * short
 *	For a mapping of one slot, which has no padding. Bit 63 is 0. Bits 62..11 are the
 *	original address, bits 10..0 the size in bytes less one.
 * long
 *	Bits 63 and 62 are 10. Bits 61..53 are the number of slots less one, or all set for a
 *	large mapping, bits 52..0 the original address without its lowest 11 bits.
 * tail
 *	Bits 63 and 62 are 11. A tail follows a long record: bits 38..30 are the number of
 *	padding slots, bits 29..11 the size in bytes, bits 10..0 the lowest bits of the
 *	address. A large mapping has a second tail: bits 61..36 are the number of slots,
 *	bits 35..0 the size in bytes.
 * free
 *	All bits set.
 *
 * A word is short or long while a mapping begins at its slot. All other words are free, or tails,
 * which may be left over from earlier mappings. If several CPUs unmap an address, only one of
 * them can replace the first word by a free one, and then owns the slots.
 *
 * An original address of more than 63 - %IO_TLB_SHIFT bits (4 PiB or more) does not fit in the
 * short form: such a mapping has at least two slots.
 */

#define SWIOTLB_RECORD_FREE		(~0ULL)
#define SWIOTLB_RECORD_LONG		BIT_ULL(63)
#define SWIOTLB_RECORD_TAIL		(BIT_ULL(63) | BIT_ULL(62))
#define SWIOTLB_RECORD_NSLOTS_SHIFT	53
#define SWIOTLB_RECORD_NSLOTS_MASK	(BIT_ULL(9) - 1)
#define SWIOTLB_RECORD_LARGE_SHIFT	36
#define SWIOTLB_RECORD_LARGE_MASK	(BIT_ULL(36) - 1)
#define SWIOTLB_RECORD_PAD_SHIFT	30
#define SWIOTLB_RECORD_BYTES_MASK	(BIT_ULL(19) - 1)
#define SWIOTLB_RECORD_LOW_MASK		(IO_TLB_SIZE - 1)

static_assert(SWIOTLB_MAX_SLOTS - 1 < SWIOTLB_RECORD_NSLOTS_MASK);
static_assert(SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT <= SWIOTLB_RECORD_BYTES_MASK);

/*
 * An unpacked record. @head is the index of the mapping's first slot, which may be padding; @word
 * is the first word of the record. The other members are as in &struct swiotlb_request.
 */
struct swiotlb_mapping {
	phys_addr_t orig_addr;
	size_t bytes;
	unsigned int head;
	unsigned int nslots;
	unsigned int pad_slots;
	u64 word;
};

static inline bool swiotlb_addr_is_long(phys_addr_t addr)
{
	return (u64)addr >> (63 - IO_TLB_SHIFT);
}

static inline void swiotlb_record_write(atomic64_t *record, const struct swiotlb_request *req)
{
	u64 addr = req->orig_addr;

	if (req->nslots == 1) {
		atomic64_set(record, addr << IO_TLB_SHIFT | (req->bytes - 1));
		return;
	}

	atomic64_set(record + 1, SWIOTLB_RECORD_TAIL |
		     (u64)req->pad_slots << SWIOTLB_RECORD_PAD_SHIFT |
		     (u64)req->bytes << IO_TLB_SHIFT | (addr & SWIOTLB_RECORD_LOW_MASK));
	atomic64_set(record, SWIOTLB_RECORD_LONG |
		     (u64)(req->nslots - 1) << SWIOTLB_RECORD_NSLOTS_SHIFT | addr >> IO_TLB_SHIFT);
}

/* Overwrite the record of a large mapping, whose size swiotlb_record_write() truncates. */
static inline void swiotlb_record_write_large(atomic64_t *record, const struct swiotlb_request *req)
{
	u64 addr = req->orig_addr;

	atomic64_set(record + 2, SWIOTLB_RECORD_TAIL | req->bytes |
		     (u64)req->nslots << SWIOTLB_RECORD_LARGE_SHIFT);
	atomic64_set(record + 1, SWIOTLB_RECORD_TAIL |
		     (u64)req->pad_slots << SWIOTLB_RECORD_PAD_SHIFT |
		     (addr & SWIOTLB_RECORD_LOW_MASK));
	atomic64_set(record, SWIOTLB_RECORD_LONG |
		     SWIOTLB_RECORD_NSLOTS_MASK << SWIOTLB_RECORD_NSLOTS_SHIFT |
		     addr >> IO_TLB_SHIFT);
}

/* Returns %false if no mapping begins at the slot, or if it is being unmapped. */
static inline bool swiotlb_record_read(const atomic64_t *record, struct swiotlb_mapping *map)
{
	u64 tail, word = atomic64_read(record);

	map->word = word;
	if (unlikely(word >= SWIOTLB_RECORD_TAIL))
		return false;
	if (!(word & SWIOTLB_RECORD_LONG)) {
		map->orig_addr = word >> IO_TLB_SHIFT;
		map->bytes = (word & SWIOTLB_RECORD_LOW_MASK) + 1;
		map->nslots = 1;
		map->pad_slots = 0;
		return true;
	}

	tail = atomic64_read(record + 1);
	/* The shift drops all higher bits of the record. */
	map->orig_addr = word << IO_TLB_SHIFT | (tail & SWIOTLB_RECORD_LOW_MASK);
	map->bytes = tail >> IO_TLB_SHIFT & SWIOTLB_RECORD_BYTES_MASK;
	map->nslots = (word >> SWIOTLB_RECORD_NSLOTS_SHIFT & SWIOTLB_RECORD_NSLOTS_MASK) + 1;
	map->pad_slots = tail >> SWIOTLB_RECORD_PAD_SHIFT & SWIOTLB_RECORD_NSLOTS_MASK;
	if (unlikely(map->nslots > SWIOTLB_RECORD_NSLOTS_MASK)) {
		word = atomic64_read(record + 2);
		map->bytes = word & SWIOTLB_RECORD_LARGE_MASK;
		map->nslots = word >> SWIOTLB_RECORD_LARGE_SHIFT & (BIT(26) - 1);
	}
	return tail >= SWIOTLB_RECORD_TAIL && tail < SWIOTLB_RECORD_FREE;
}

/* End a mapping. Returns %true if the caller now owns the slots, %false if it lost a race. */
static inline bool swiotlb_record_take(atomic64_t *record, u64 word)
{
	s64 old = word;

	return atomic64_try_cmpxchg_relaxed(record, &old, SWIOTLB_RECORD_FREE);
}

#endif /* _KERNEL_DMA_SWIOTLB_RECORD_H */
