/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share: pools and allocators of a test's own, devices that use
 * them, many CPUs at once, and workers that a test steps.
 *
 * No suite touches swiotlb_default_mem: the devices of the machine depend on it.
 */
#ifndef _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_H
#define _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_H

#include <kunit/device.h>
#include <kunit/run-in-irq-context.h>
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/dma-mapping.h>

#include "../internal.h"

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
struct device *swiotlb_test_device(struct kunit *test, struct swiotlb_mem *mem,
				   unsigned int min_align_mask);

/**
 * swiotlb_test_request() - a request for a number of slots
 * @nslots:	How many, without padding.
 *
 * Return: The request, for an original at an address that is never read.
 */
static inline struct swiotlb_request swiotlb_test_request(unsigned int nslots)
{
	return (struct swiotlb_request) {
		.orig_addr = SZ_1M,
		.bytes = (size_t)nslots << IO_TLB_SHIFT,
		.nslots = nslots,
		.boundary_mask = SWIOTLB_NO_BOUNDARY,
	};
}

/* ---------------------------------------------------- fixture_crypt.c --- */

/**
 * struct swiotlb_test_crypt - what has been decrypted and encrypted
 * @decrypted:	Calls.
 * @encrypted:	Calls.
 * @decrypted_bytes: Of all calls together.
 * @encrypted_bytes: Of all calls together.
 * @vaddr:	Of the last call.
 * @decrypt_ret: What decrypting returns.
 * @encrypt_ret: What encrypting returns.
 */
struct swiotlb_test_crypt {
	unsigned int decrypted;
	unsigned int encrypted;
	size_t decrypted_bytes;
	size_t encrypted_bytes;
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

/* ----------------------------------------------------- fixture_grow.c --- */

/* The most that an allocator of a test grows to. */
#define SWIOTLB_TEST_MAX_NSLOTS	(SZ_32M >> IO_TLB_SHIFT)

#ifdef CONFIG_SWIOTLB_DYNAMIC
struct swiotlb_mem *swiotlb_test_growing_mem(struct kunit *test,
					     unsigned long nslots);
void swiotlb_test_grow(struct swiotlb_mem *mem);
void swiotlb_test_tick(struct swiotlb_mem *mem, bool hurry);
void swiotlb_test_stop_workers(struct swiotlb_mem *mem);
void swiotlb_test_free_pools(struct swiotlb_mem *mem);
#else
static inline void swiotlb_test_stop_workers(struct swiotlb_mem *mem)
{
}

static inline void swiotlb_test_free_pools(struct swiotlb_mem *mem)
{
}
#endif

/* ------------------------------------------------------ fixture_dma.c --- */

phys_addr_t swiotlb_test_map(struct device *dev, void *buffer, size_t bytes,
			     enum dma_data_direction dir);
void *swiotlb_test_bounce(struct device *dev, phys_addr_t tlb_addr);

#endif /* _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_H */
