/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the test programs: the runner (one process per test, so that each test boots
 * the engine), expectations, devices and buffers.
 */
#ifndef SWIOTLB_HARNESS_H
#define SWIOTLB_HARNESS_H

#include "control.h"

/**
 * struct test - one named test
 * @name:	Name in the output.
 * @fn:		Runs in a separate process. Fails by CHECK(), by an unannounced WARN,
 *		by misuse of kernel interfaces, by a signal or by a timeout.
 * @base_differs: Why the base is expected to fail, %NULL if it must pass. If it
 *		passes, that is a failure, because the reason is no longer true.
 * @seconds:	Time limit.
 */
struct test {
	const char *name;
	void (*fn)(void);
	const char *base_differs;
	unsigned int seconds;
};

#define TEST_LIMIT 60
#define TEST_FULL(id, differs, limit)					\
	static void test_##id(void);					\
	SHIM_ENTRY(harness_tests, struct test, entry_##id,		\
		   { #id, test_##id, differs, limit });			\
	static void test_##id(void)
#define TEST(id) TEST_FULL(id, NULL, TEST_LIMIT)
/* A test that the base is expected to fail, with the reason */
#define TEST_BASE_FAILS(id, why) TEST_FULL(id, why, TEST_LIMIT)

extern const char *harness_known_faults;
/* Returns the reason why a test is expected to fail, NULL if it is not */
const char *harness_known_fault(const char *name);
int harness_main(int argc, char **argv);

void check_failed(const char *file, int line, const char *fmt, ...);
unsigned int check_failures(void);
#define CHECK(cond) ({							\
	bool __ok = !!(cond);						\
	if (!__ok)							\
		check_failed(__FILE__, __LINE__, "%s", #cond);		\
	__ok; })
#define CHECK_EQ(a, b) ({						\
	long long __a = (long long)(a), __b = (long long)(b);		\
	if (__a != __b)							\
		check_failed(__FILE__, __LINE__, "%s is %lld (0x%llx), not %s = %lld (0x%llx)", \
			     #a, __a, __a, #b, __b, __b);		\
	__a == __b; })
#define CHECK_MSG(cond, fmt, ...) ({					\
	bool __ok = !!(cond);						\
	if (!__ok)							\
		check_failed(__FILE__, __LINE__, fmt, ##__VA_ARGS__);	\
	__ok; })
void end_process(int status) __attribute__((noreturn));
void skip_test(const char *why) __attribute__((noreturn));
/* Skip the test if there is no linear mapping of memory above 4 GiB, and so no pool there */
void needs_pools_above(void);
/* Expect exactly @n WARN reports since the start of the test */
void expect_warns(unsigned long n);
void expect_misuse(unsigned long n);
/* Run @fn in a child process, as another boot; its failures count for this test */
void in_child(void (*fn)(const void *), const void *arg, const char *what);

/* ---- random numbers, reproducible by their seed */

/* With a tape, numbers are read from it, two bytes each, followed by zeroes */
struct rng { u64 s; const u8 *tape; size_t left; };
u64 rng_next(struct rng *r);
u32 rng_below(struct rng *r, u32 n);

/* ---- boot, devices, buffers, mappings: device.c */

void boot(const char *swiotlb_arg);
/* Boot with a boot pool that may be above 4 GiB */
void boot_high(const char *arg);
/* Boot as a guest with encrypted memory, in which all devices need shared memory */
void boot_encrypted(const char *swiotlb_arg);
/* Boot such a guest that asks for @size, as mem_encrypt_setup_arch() of x86 does */
void boot_guest(unsigned long size);
/* Boot with a pool that cannot grow; returns its address */
phys_addr_t boot_fixed(const char *swiotlb_arg, size_t *bytes);
/* Directory in debugfs from which these functions read; they return -1 without debugfs */
extern const char *stats_dir;
long slots_used(void);
long slots_total(void);
long slots_transient(void);
long slots_event(const char *name);
/* Returns the number of pools in a state, for instance "open" */
unsigned int pools_that_are(const char *state);
/* Returns the slots of pool number @id that are in use or in magazines */
long slots_of_pool(unsigned int id);
void check_used(long nslots);
void drain_magazines(void);

struct device *new_device(unsigned int min_align_mask, unsigned long boundary);
struct device *device_below(u64 mask);
/* A device whose bus window contains no memory, so that no pool can serve it */
struct device *device_that_sees_nothing(void);
/* Release a device, like device_release(): nothing may use it afterwards */
void end_device(struct device *dev);
struct device *restricted_device(phys_addr_t base, size_t size, const char *name);
/* Returns the number of areas of the restricted pool of @dev */
unsigned int restricted_areas(const struct device *dev);

/* Allocate a buffer at @offset in its first page, with unused pages on both sides */
phys_addr_t new_buffer(size_t size, unsigned int offset);
void fill_pattern(void *p, size_t size, u32 seed);
bool has_pattern(const void *p, size_t size, u32 seed);
bool all_bytes(const void *p, size_t size, u8 value);

/* Advance time by @n seconds, and run work in each */
void ticks(unsigned int n);

#define MAP_FAILED_ADDR ((phys_addr_t)DMA_MAPPING_ERROR)
/* Slots of a page */
#define PAGE_SLOTS ((unsigned int)(PAGE_SIZE >> IO_TLB_SHIFT))
/* Bytes of a small buffer, of which magazines keep some even if the pool is small */
#define BLOCK (2 * IO_TLB_SIZE)
phys_addr_t map_full(struct device *dev, phys_addr_t orig, size_t size,
		     unsigned int alloc_mask, enum dma_data_direction dir,
		     unsigned long attrs);
phys_addr_t map(struct device *dev, phys_addr_t orig, size_t size,
		enum dma_data_direction dir);
phys_addr_t map_page(struct device *dev);
phys_addr_t map_block(struct device *dev);
void unmap(struct device *dev, phys_addr_t tlb, size_t size,
	   enum dma_data_direction dir);
/* Map until a map fails or there are @most mappings; returns their number */
unsigned int map_until_full(struct device *dev, phys_addr_t orig, size_t size,
			    phys_addr_t *tlbs, unsigned int most);
/* Unmap all, in reverse order */
void unmap_all(struct device *dev, size_t size, const phys_addr_t *tlbs,
	       unsigned int n);
/* Map a whole pool in pieces, check for overlaps, unmap all; returns the number of pieces */
long fill_and_drain(struct device *dev, phys_addr_t pool, size_t bytes,
		    size_t piece);

#endif
