/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share where allocators grow: workers that a test steps, and
 * what stands in for the functions that decrypt and encrypt.
 */
#ifndef _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_DYNAMIC_H
#define _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_DYNAMIC_H

#include <linux/shrinker.h>

#include "fixture.h"

/* The most that an allocator of a test grows to. */
#define SWIOTLB_TEST_MAX_NSLOTS	(SZ_32M >> IO_TLB_SHIFT)

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
struct swiotlb_mem *swiotlb_test_growing_mem(struct kunit *test,
					     unsigned long nslots);
void swiotlb_test_grow(struct swiotlb_mem *mem);
void swiotlb_test_tick(struct swiotlb_mem *mem, bool hurry);

#endif /* _KERNEL_DMA_SWIOTLB_TESTS_FIXTURE_DYNAMIC_H */
