/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share: the runner (one process a test, so that each
 * boots its own engine), expectations, devices and buffers.
 */
#ifndef SWIOTLB_HARNESS_H
#define SWIOTLB_HARNESS_H

#include "control.h"

/**
 * struct test - one named test
 * @name:	As shown.
 * @fn:		Runs in a process of its own. Fails by CHECK(), by an unannounced
 *		WARN, by misuse of the kernel's interfaces, by a signal or by time.
 * @base_differs: Why the base is expected to fail, %NULL if it must pass. If it
 *		passes after all, that is a failure: the reason has gone.
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
/* The base has the defect that this test is for */
#define TEST_BASE_FAILS(id, why) TEST_FULL(id, why, TEST_LIMIT)

extern const char *harness_known_faults;
/* Why a test of that name is expected to fail, NULL if it is not */
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
/* WARN reports that the test is about: exactly @n of them, since the start */
void expect_warns(unsigned long n);
void expect_misuse(unsigned long n);
/* Run @fn in a process of its own, as another boot; its failures are ours */
void in_child(void (*fn)(const void *), const void *arg, const char *what);

/* ---- randomness that a seed repeats */

/* With a tape, what it draws comes from there, two bytes each, and then zeroes */
struct rng { u64 s; const u8 *tape; size_t left; };
u64 rng_next(struct rng *r);
u32 rng_below(struct rng *r, u32 n);

/* ---- boot, devices, buffers, mappings: device.c */

void boot(const char *swiotlb_arg);
/* With a boot pool that may lie above 4 GiB */
void boot_high(const char *arg);
/* Boot as a guest with encrypted memory, all of whose devices need it shared */
void boot_encrypted(const char *swiotlb_arg);
/* Boot, and let nothing be added: returns the pool's first byte */
phys_addr_t boot_fixed(const char *swiotlb_arg, size_t *bytes);
/* By debugfs; -1 if it is not built in. Of the allocator with that directory. */
extern const char *stats_dir;
long slots_used(void);
long slots_total(void);
long slots_transient(void);
long slots_event(const char *name);
/* How many pools are "open", for instance? */
unsigned int pools_that_are(const char *state);
/* Slots in use or in magazines, of pool number @id */
long slots_of_pool(unsigned int id);
void check_used(long nslots);

struct device *new_device(unsigned int min_align_mask, unsigned long boundary);
struct device *device_below(u64 mask);
/* No memory lies where it could see it, whatever is added */
struct device *device_that_sees_nothing(void);
struct device *restricted_device(phys_addr_t base, size_t size, const char *name);

/* Bytes from a page of their own on, at @offset; guard pages on both sides */
phys_addr_t new_buffer(size_t size, unsigned int offset);
void fill_pattern(void *p, size_t size, u32 seed);
bool has_pattern(const void *p, size_t size, u32 seed);
bool all_bytes(const void *p, size_t size, u8 value);

/* Seconds go by, and work is done in each */
void ticks(unsigned int n);

#define MAP_FAILED_ADDR ((phys_addr_t)DMA_MAPPING_ERROR)
phys_addr_t map_full(struct device *dev, phys_addr_t orig, size_t size,
		     unsigned int alloc_mask, enum dma_data_direction dir,
		     unsigned long attrs);
phys_addr_t map(struct device *dev, phys_addr_t orig, size_t size,
		enum dma_data_direction dir);
phys_addr_t map_page(struct device *dev);
void unmap(struct device *dev, phys_addr_t tlb, size_t size,
	   enum dma_data_direction dir);
/* Map until nothing fits any more, or there are @most: returns how many */
unsigned int map_until_full(struct device *dev, phys_addr_t orig, size_t size,
			    phys_addr_t *tlbs, unsigned int most);
/* The last one first */
void unmap_all(struct device *dev, size_t size, const phys_addr_t *tlbs,
	       unsigned int n);
/* Map a whole pool in pieces, see that they do not overlap, unmap all: how many? */
long fill_and_drain(struct device *dev, phys_addr_t pool, size_t bytes,
		    size_t piece);

#endif
