/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share: pools and allocators of a test's own, devices that use
 * them, many CPUs at once, and a worker that a test steps.
 *
 * No suite touches swiotlb_default_mem and swiotlb_any_mem: the devices of the machine
 * depend on them. The table of numbers, the index and the range of addresses are for all
 * allocators: a test adds only pools of memory that it has allocated.
 */
#ifndef _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_H
#define _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_H

#include <kunit/device.h>
#include <kunit/run-in-irq-context.h>
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/dma-mapping.h>

#include "../slots.h"

struct io_tlb_pool;
struct swiotlb_mem;
struct swiotlb_request;

/* A test's pools are of this size if the size does not matter: four areas. */
#define SWIOTLB_TEST_NSLOTS	(4 * SWIOTLB_MAX_SLOTS)

/* Calls in all contexts together, in tests with interrupts. */
#define SWIOTLB_TEST_IRQ_CALLS	3000

/* Rounds of each CPU, in tests with a thread on every one. */
#define SWIOTLB_TEST_ROUNDS	300

/*
 * How many warnings of WARN_ONCE() were suppressed. Where each of them remembers by
 * itself that it was printed, a test before may have been the one.
 */
#ifdef HAVE_ARCH_BUG_FORMAT_ARGS
#define SWIOTLB_TEST_EXPECT_WARNED(test, n) \
	KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, n)
#else
#define SWIOTLB_TEST_EXPECT_WARNED(test, n) \
	KUNIT_EXPECT_LE(test, KUNIT_SUPPRESSED_WARNING_COUNT(), n)
#endif

/* The same for errors of a driver, which warn where drivers are debugged. */
#define SWIOTLB_TEST_EXPECT_DRIVER_ERRORS(test, n) \
	SWIOTLB_TEST_EXPECT_WARNED(test, IS_ENABLED(CONFIG_DMA_API_DEBUG) ? (n) : 0)

/* ---------------------------------------------------------- fixture.c --- */

void *swiotlb_test_pages(struct kunit *test, size_t bytes);
u8 *swiotlb_test_buffer(struct kunit *test, size_t bytes);

void swiotlb_test_pin(struct kunit *test, unsigned int cpu);
void swiotlb_test_on_all_cpus(struct kunit *test, bool (*fn)(void *arg),
			      void *arg);
void swiotlb_test_enter_irq(void);
void swiotlb_test_in_irq(struct kunit *test, bool (*fn)(void *arg), int calls,
			 void *arg);

/* ----------------------------------------------------- fixture_pool.c --- */

void swiotlb_test_init_pool(struct kunit *test, struct io_tlb_pool *pool,
			    unsigned long nslots, unsigned int nareas);
struct device *swiotlb_test_device(struct kunit *test, struct io_tlb_mem *mem,
				   unsigned int min_align_mask);
struct swiotlb_request swiotlb_test_request(unsigned int nslots);

/* ---------------------------------------------------- fixture_crypt.c --- */

/**
 * struct swiotlb_test_crypt - what has been decrypted and encrypted
 * @decrypted:	Calls.
 * @encrypted:	Calls.
 * @decrypted_bytes: Of all calls together.
 * @encrypted_bytes: Of all calls together.
 * @dirty:	Calls that decrypted memory which was not clear.
 * @vaddr:	Of the last call.
 * @decrypt_ret: What decrypting returns.
 * @encrypt_ret: What encrypting returns.
 */
struct swiotlb_test_crypt {
	unsigned int decrypted;
	unsigned int encrypted;
	size_t decrypted_bytes;
	size_t encrypted_bytes;
	unsigned int dirty;
	void *vaddr;
	int decrypt_ret;
	int encrypt_ret;
};

extern struct swiotlb_test_crypt swiotlb_test_crypt;

void swiotlb_test_start_crypt(struct kunit *test, int decrypt_ret, int encrypt_ret);
void swiotlb_test_expect_crypt(struct kunit *test, unsigned int decrypted,
			       unsigned int encrypted, size_t bytes);

/* ------------------------------------------------------ fixture_mem.c --- */

struct swiotlb_mem *swiotlb_test_mem(struct kunit *test, unsigned long nslots,
				     unsigned int nareas);
void swiotlb_test_start_magazines(struct kunit *test, struct swiotlb_mem *mem);
void swiotlb_test_expect_used(struct kunit *test, struct swiotlb_mem *mem,
			      unsigned long nslots);
unsigned long swiotlb_test_kept(struct swiotlb_mem *mem);
struct swiotlb_magazine *swiotlb_test_cpu_magazine(struct swiotlb_mem *mem,
						   unsigned int cpu,
						   unsigned int class);

/* Events are counted where there is a file to read them from. */
#ifdef CONFIG_DEBUG_FS
#define SWIOTLB_TEST_EXPECT_EVENT(test, mem, event, n) \
	KUNIT_EXPECT_EQ(test, atomic_long_read(&(mem)->events[event]), n)
#else
#define SWIOTLB_TEST_EXPECT_EVENT(test, mem, event, n) do { } while (0)
#endif

/* Returns false where no device can be behind an IOMMU. */
static inline bool swiotlb_test_set_iommu(struct device *dev, bool iommu)
{
#ifdef CONFIG_IOMMU_DMA
	dev->dma_iommu = iommu;
	return true;
#else
	return false;
#endif
}

/* --------------------------------------------------- fixture_growth.c --- */

/* The most that an allocator of a test grows to. */
#define SWIOTLB_TEST_MAX_NSLOTS	(SZ_32M >> IO_TLB_SHIFT)

/* More than a pool must not have been needed before it is closed. */
#define SWIOTLB_TEST_LONG_AGO	(6 * HZ)

/**
 * struct swiotlb_test_source - what pools were made of
 * @asked:	How often memory was asked for.
 * @bytes:	How much, the first times.
 * @last:	Highest address, the last time.
 * @most:	Larger pieces are refused.
 * @ret:	What refusing returns.
 */
struct swiotlb_test_source {
	unsigned int asked;
	size_t bytes[16];
	u64 last;
	size_t most;
	int ret;
};

extern struct swiotlb_test_source swiotlb_test_source;

#ifdef CONFIG_SWIOTLB_DYNAMIC
struct swiotlb_mem *swiotlb_test_growing_mem(struct kunit *test,
					     unsigned long nslots);
struct swiotlb_mem *swiotlb_test_wider_mem(struct kunit *test,
					   struct swiotlb_mem *narrower);
void swiotlb_test_start_source(struct kunit *test, size_t most, int ret);
void swiotlb_test_tick(struct swiotlb_mem *mem);
void swiotlb_test_stop_growth(struct swiotlb_mem *mem);
void swiotlb_test_wait_for_transients(struct kunit *test, struct swiotlb_mem *mem);
void swiotlb_test_end_growth(struct kunit *test, struct swiotlb_mem *mem);
#else
static inline void swiotlb_test_end_growth(struct kunit *test,
					   struct swiotlb_mem *mem)
{
}
#endif

/* ------------------------------------------------------ fixture_dma.c --- */

phys_addr_t swiotlb_test_map(struct device *dev, void *buffer, size_t bytes,
			     enum dma_data_direction dir);
void *swiotlb_test_bounce(struct device *dev, phys_addr_t tlb_addr);

#endif /* _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_H */
