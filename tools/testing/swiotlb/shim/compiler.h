/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: the parts of <linux/compiler.h>, <linux/types.h>, <linux/init.h> and
 * <linux/export.h> that the code under test needs.
 */
#ifndef SHIM_COMPILER_H
#define SHIM_COMPILER_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* Included before abs(), swab() and similar functions become macros */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* SHIM_COUNT uses the instrumentation of ThreadSanitizer, but not its library: see count/ */
#if defined(SHIM_COUNT)
#elif defined(__SANITIZE_THREAD__)
#define SHIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHIM_TSAN 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SHIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHIM_ASAN 1
#endif
#endif

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s8 __s8;
typedef s16 __s16;
typedef s32 __s32;
typedef s64 __s64;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef phys_addr_t resource_size_t;
typedef unsigned int gfp_t;
typedef unsigned int slab_flags_t;
typedef unsigned short umode_t;
typedef unsigned long pgoff_t;
typedef struct { int counter; } atomic_t;
typedef struct { s64 counter __attribute__((aligned(8))); } atomic64_t;
typedef struct { long counter; } atomic_long_t;

struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};
#define callback_head rcu_head

#define __KERNEL_DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BITS_PER_LONG (8 * __SIZEOF_LONG__)
#define BITS_PER_LONG_LONG 64
#define DECLARE_BITMAP(name, bits) \
	unsigned long name[__KERNEL_DIV_ROUND_UP(bits, BITS_PER_LONG)]

#undef __always_inline
#undef __attribute_const__
#ifdef SHIM_COVERAGE
/* Otherwise branches of a shim would count as branches of its caller */
#define __always_inline inline
#else
#define __always_inline inline __attribute__((always_inline))
#endif
#define noinline __attribute__((noinline))
#define noinline_for_stack noinline
#define __attribute_const__ __attribute__((const))
#define __must_check __attribute__((warn_unused_result))
#define __maybe_unused __attribute__((unused))
#define __always_unused __attribute__((unused))
#define __used __attribute__((used))
#define __weak __attribute__((weak))
#define __packed __attribute__((packed))
#define __aligned(x) __attribute__((aligned(x)))
#define __cold __attribute__((cold))
#define __pure __attribute__((pure))
#define __malloc __attribute__((malloc))
#define __nonnull_args(...) __attribute__((nonnull(__VA_ARGS__)))
#define __printf(a, b)
#define __deprecated
#define __alloc_size(...)
#define __realloc_size(...)
#define __cleanup(f) __attribute__((cleanup(f)))
#define __no_context_analysis
#define __no_kasan_or_inline inline
#define __no_sanitize_or_inline inline
#define __counted_by(m)
#define __nonstring
#define __rcu
#define __percpu
#define __force
#define __user
#define __iomem
#define __private
#define __bitwise
#ifdef SHIM_BENCH
/* On cache lines apart from data that is written */
#define __read_mostly __attribute__((section(".data.read_mostly")))
#else
#define __read_mostly
#endif
#define __ro_after_init
#define __init
#define __exit
#define __initdata
#define __initconst
#define __ref
#define __refdata
#define __latent_entropy
#define fallthrough __attribute__((fallthrough))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define unreachable() __builtin_unreachable()
#define barrier() __asm__ volatile("" : : : "memory")
#define __same_type(a, b) __builtin_types_compatible_p(typeof(a), typeof(b))
#define __is_constexpr(x) \
	(sizeof(int) == sizeof(*(8 ? ((void *)((long)(x) * 0l)) : (int *)8)))
#define is_signed_type(type) (((type)(-1)) < (__force type)1)
#define is_unsigned_type(type) (!is_signed_type(type))
#define statically_true(x) (__builtin_constant_p(x) && (x))
#define statically_false(x) (__builtin_constant_p(x) && (x) == 0)
#define const_true(x) (__builtin_choose_expr(__is_constexpr(x), x, false))
#define __BUILD_BUG_ON_ZERO_MSG(e, msg, ...) \
	((int)sizeof(struct { _Static_assert(!(e), msg); }))
#define __must_be_array(a) 0
#define __must_be_cstr(p) 0
#define __must_be_noncstr(p) 0
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __UNIQUE_ID(prefix) \
	__PASTE(__PASTE(__UNIQUE_ID_, prefix), __COUNTER__)
#define __PASTE_(a, b) a##b
#define __PASTE(a, b) __PASTE_(a, b)
#define __stringify_1(x...) #x
#define __stringify(x...) __stringify_1(x)
#define RELOC_HIDE(ptr, off) ((typeof(ptr))((unsigned long)(ptr) + (off)))
#define OPTIMIZER_HIDE_VAR(var) __asm__("" : "=r"(var) : "0"(var))
/* The optimizer decides, as in the kernel: conditions need not be constant expressions */
#ifdef __OPTIMIZE__
#define __compiletime_assert(c, msg, fn) do {				\
	__attribute__((noreturn, error(msg))) extern void fn(void);	\
	if (!(c))							\
		fn();							\
} while (0)
#else
#define __compiletime_assert(c, msg, fn) ((void)(c))
#endif
#define compiletime_assert(c, msg) \
	__compiletime_assert(c, msg, __UNIQUE_ID(compiletime_assert_))
#define compiletime_assert_atomic_type(t)
#define __unqual_scalar_typeof(x) typeof(x)
#define absolute_pointer(p) (p)
#define auto __auto_type

/*
 * Plain machine accesses that the compiler may not tear. ThreadSanitizer does not
 * model dependency ordering, so a marked load is an acquire there.
 */
#ifdef SHIM_TSAN
#define SHIM_LOAD_ORDER __ATOMIC_ACQUIRE
#else
#define SHIM_LOAD_ORDER __ATOMIC_RELAXED
#endif
#ifdef SHIM_BENCH
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) \
	do { *(volatile typeof(x) *)&(x) = (v); } while (0)
#else
#define READ_ONCE(x) __atomic_load_n(&(x), SHIM_LOAD_ORDER)
#define WRITE_ONCE(x, v) \
	__atomic_store_n(&(x), (typeof(x))(v), __ATOMIC_RELAXED)
#endif
#define data_race(expr) ({ typeof(expr) __v = (expr); __v; })
#define ASSERT_EXCLUSIVE_WRITER(x) do { } while (0)
#define ASSERT_EXCLUSIVE_ACCESS(x) do { } while (0)

/* Lock annotations, for sparse and context analysis, do nothing here */
#define __acquires(...)
#define __releases(...)
#define __acquires_shared(...)
#define __releases_shared(...)
#define __acquire(...)
#define __release(...)
#define __acquire_shared(...)
#define __release_shared(...)
#define __must_hold(...)
#define __must_hold_shared(...)
#define __cond_acquires(...)
#define __cond_lock(x, c) (c)
#define __guarded_by(...)
#define __pt_guarded_by(...)
#define __context_unsafe(...)
#define context_unsafe(...) __VA_ARGS__
#define __assume_ctx_lock(...)
#define context_lock_struct(name, ...) struct name
#define token_context_lock(...)

#define EXPORT_SYMBOL(x)
#define EXPORT_SYMBOL_GPL(x)
#define EXPORT_SYMBOL_NS_GPL(x, ns)
#define EXPORT_SYMBOL_IF_KUNIT(x)
#define VISIBLE_IF_KUNIT static
#define KUNIT_STATIC_STUB_REDIRECT(fn, ...) do { } while (0)
#define MODULE_LICENSE(x)
#define MODULE_DESCRIPTION(x)
#define THIS_MODULE NULL

#define L1_CACHE_SHIFT 6
#define L1_CACHE_BYTES 64
#define SMP_CACHE_BYTES 64
#define cache_line_size() 64
#define ____cacheline_aligned __aligned(64)
#define __cacheline_aligned __aligned(64)
#define ____cacheline_aligned_in_smp __aligned(64)
#define __cacheline_aligned_in_smp __aligned(64)
#define __cacheline_group_begin(g)
#define __cacheline_group_end(g)

#undef offsetof
#define offsetof(T, m) __builtin_offsetof(T, m)
#define sizeof_field(T, m) sizeof((((T *)0)->m))
#define offsetofend(T, m) (offsetof(T, m) + sizeof_field(T, m))
#define struct_group(name, ...) \
	union { struct { __VA_ARGS__ }; struct { __VA_ARGS__ } name; }
#define DECLARE_FLEX_ARRAY(T, name) struct { struct { } __e; T name[]; }

#define upper_32_bits(n) ((u32)(((n) >> 16) >> 16))
#define lower_32_bits(n) ((u32)((n) & 0xffffffff))
#define do_div(n, base) ({ u32 __b = (base), __r = (n) % __b; (n) /= __b; __r; })
#define div64_u64(a, b) ((u64)(a) / (u64)(b))
#define div_u64(a, b) ((u64)(a) / (u32)(b))
#define get_random_u32_below(n) ((u32)rand() % (n))
#define mult_frac(x, n, d) ((x) / (d) * (n) + (x) % (d) * (n) / (d))

#endif
