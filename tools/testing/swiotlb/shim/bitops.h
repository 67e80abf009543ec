/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: <linux/bitops.h>, on compiler builtins. */
#ifndef SHIM_BITOPS_H
#define SHIM_BITOPS_H

#define __bitop_word(nr, addr) \
	((unsigned long *)(addr) + ((unsigned long)(nr) / BITS_PER_LONG))
#define __bitop_mask(nr) (1UL << ((unsigned long)(nr) % BITS_PER_LONG))

#define BITS_TO_LONGS(n) __KERNEL_DIV_ROUND_UP(n, BITS_PER_LONG)
#define BITS_TO_U64(n) __KERNEL_DIV_ROUND_UP(n, 64)
#define BITS_TO_BYTES(n) __KERNEL_DIV_ROUND_UP(n, 8)

static __always_inline void __set_bit(unsigned long nr, volatile unsigned long *p)
{
	*(unsigned long *)__bitop_word(nr, p) |= __bitop_mask(nr);
}

static __always_inline void __clear_bit(unsigned long nr, volatile unsigned long *p)
{
	*(unsigned long *)__bitop_word(nr, p) &= ~__bitop_mask(nr);
}

static __always_inline void __change_bit(unsigned long nr, volatile unsigned long *p)
{
	*(unsigned long *)__bitop_word(nr, p) ^= __bitop_mask(nr);
}

static __always_inline bool __test_and_set_bit(unsigned long nr,
					       volatile unsigned long *p)
{
	bool old = *__bitop_word(nr, p) & __bitop_mask(nr);

	__set_bit(nr, p);
	return old;
}

static __always_inline bool __test_and_clear_bit(unsigned long nr,
						 volatile unsigned long *p)
{
	bool old = *__bitop_word(nr, p) & __bitop_mask(nr);

	__clear_bit(nr, p);
	return old;
}

#define __assign_bit(nr, p, v) \
	((v) ? __set_bit(nr, p) : __clear_bit(nr, p))

static __always_inline bool test_bit(unsigned long nr,
				     const volatile unsigned long *p)
{
	return __atomic_load_n(__bitop_word(nr, p), SHIM_LOAD_ORDER) &
	       __bitop_mask(nr);
}

static __always_inline bool test_bit_acquire(unsigned long nr,
					     const volatile unsigned long *p)
{
	return __atomic_load_n(__bitop_word(nr, p), __ATOMIC_ACQUIRE) &
	       __bitop_mask(nr);
}

static __always_inline void set_bit(unsigned long nr, volatile unsigned long *p)
{
	__atomic_fetch_or(__bitop_word(nr, p), __bitop_mask(nr), __ATOMIC_RELAXED);
}

static __always_inline void clear_bit(unsigned long nr, volatile unsigned long *p)
{
	__atomic_fetch_and(__bitop_word(nr, p), ~__bitop_mask(nr),
			   __ATOMIC_RELAXED);
}

static __always_inline void clear_bit_unlock(unsigned long nr,
					     volatile unsigned long *p)
{
	__atomic_fetch_and(__bitop_word(nr, p), ~__bitop_mask(nr),
			   __ATOMIC_RELEASE);
}

static __always_inline bool test_and_set_bit(unsigned long nr,
					     volatile unsigned long *p)
{
	return __atomic_fetch_or(__bitop_word(nr, p), __bitop_mask(nr),
				 __ATOMIC_SEQ_CST) & __bitop_mask(nr);
}

static __always_inline bool test_and_clear_bit(unsigned long nr,
					       volatile unsigned long *p)
{
	return __atomic_fetch_and(__bitop_word(nr, p), ~__bitop_mask(nr),
				  __ATOMIC_SEQ_CST) & __bitop_mask(nr);
}

static __always_inline bool test_and_set_bit_lock(unsigned long nr,
						  volatile unsigned long *p)
{
	return __atomic_fetch_or(__bitop_word(nr, p), __bitop_mask(nr),
				 __ATOMIC_ACQUIRE) & __bitop_mask(nr);
}

#define assign_bit(nr, p, v) ((v) ? set_bit(nr, p) : clear_bit(nr, p))

#define __ffs(x) ((unsigned long)__builtin_ctzl(x))
#define __ffs64(x) ((unsigned long)__builtin_ctzll(x))
#define ffz(x) __ffs(~(x))
#define __fls(x) ((unsigned long)(BITS_PER_LONG - 1 - __builtin_clzl(x)))
#define ffs(x) __builtin_ffs(x)
#define fls(x) ((x) ? 32 - __builtin_clz(x) : 0)
#define fls64(x) ((x) ? 64 - __builtin_clzll(x) : 0)
#define fls_long(x) fls64(x)
#define hweight8(x) __builtin_popcount((u8)(x))
#define hweight16(x) __builtin_popcount((u16)(x))
#define hweight32(x) __builtin_popcount((u32)(x))
#define hweight64(x) __builtin_popcountll(x)
#define hweight_long(x) ((unsigned long)__builtin_popcountl(x))
#define swab16(x) __builtin_bswap16(x)
#define swab32(x) __builtin_bswap32(x)
#define swab64(x) __builtin_bswap64(x)
#define swab(x) (BITS_PER_LONG == 64 ? swab64(x) : swab32(x))

#define small_const_nbits(n) \
	(__builtin_constant_p(n) && (n) <= BITS_PER_LONG && (n) > 0)

/* Index of the n-th bit that is set, from 0 */
static inline unsigned long fns(unsigned long word, unsigned int n)
{
	while (word && n--)
		word &= word - 1;
	return word ? __ffs(word) : BITS_PER_LONG;
}

static inline int get_order(unsigned long size)
{
	size = (size - 1) >> PAGE_SHIFT;
	return fls64(size);
}

#endif
