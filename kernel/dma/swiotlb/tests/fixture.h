/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the suites: private pools and allocators for a test, devices that use
 * them, functions that run on all CPUs at once, and a worker that a test runs itself.
 *
 * Only the suite swiotlb_owner uses swiotlb_default_mem and swiotlb_any_mem, on which the
 * devices of the machine depend. All allocators share the table of pool numbers, the index
 * and the range of addresses, so a test adds only pools of memory that it has allocated.
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

/* Size of a pool, four areas, in tests for which the size does not matter. */
#define SWIOTLB_TEST_NSLOTS	(4 * SWIOTLB_MAX_SLOTS)

/* Number of calls in all contexts together, in tests with interrupts. */
#define SWIOTLB_TEST_IRQ_CALLS	3000

/* Number of rounds on each CPU, in tests with a thread on every CPU. */
#define SWIOTLB_TEST_ROUNDS	300

/*
 * Expect @n suppressed warnings of WARN_ONCE(). Without HAVE_ARCH_BUG_FORMAT_ARGS, a
 * warning that an earlier test has triggered is not repeated, so accept fewer.
 */
#ifdef HAVE_ARCH_BUG_FORMAT_ARGS
#define SWIOTLB_TEST_EXPECT_WARNED(test, n) \
	KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, n)
#else
#define SWIOTLB_TEST_EXPECT_WARNED(test, n) \
	KUNIT_EXPECT_LE(test, KUNIT_SUPPRESSED_WARNING_COUNT(), n)
#endif

/* Expect @n driver errors, which are warnings only with CONFIG_DMA_API_DEBUG. */
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
 * struct swiotlb_test_crypt - calls that decrypt and encrypt memory
 * @decrypted:	Number of calls that decrypt.
 * @encrypted:	Number of calls that encrypt.
 * @decrypted_bytes: Sum of bytes decrypted.
 * @encrypted_bytes: Sum of bytes encrypted.
 * @dirty:	Number of calls that decrypted memory which was not clear.
 * @vaddr:	Address of the last call.
 * @decrypt_ret: Return value of calls that decrypt.
 * @encrypt_ret: Return value of calls that encrypt.
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

/* Expect that @event was counted @n times. */
#define SWIOTLB_TEST_EXPECT_EVENT(test, mem, event, n) \
	KUNIT_EXPECT_EQ(test, atomic_long_read(&(mem)->events[event]), n)

/* Returns false if this kernel has no support for devices behind an IOMMU. */
static inline bool swiotlb_test_set_iommu(struct device *dev, bool iommu)
{
#ifdef CONFIG_IOMMU_DMA
	dev_assign_dma_iommu(dev, iommu);
	return true;
#else
	return false;
#endif
}

/* --------------------------------------------------- fixture_growth.c --- */

/* Limit of the allocators of swiotlb_test_growing_mem(), in slots. */
#define SWIOTLB_TEST_MAX_NSLOTS	(SZ_32M >> IO_TLB_SHIFT)

/* Longer than the quiet time, after which a pool that is not needed is closed; in jiffies. */
#define SWIOTLB_TEST_LONG_AGO	(6 * HZ)

/**
 * struct swiotlb_test_source - requests for memory of pools
 * @asked:	Number of requests.
 * @bytes:	Sizes of the first requests.
 * @last:	Highest address that the last request allowed.
 * @most:	Size above which requests are refused.
 * @ret:	Return value of a refused request.
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
