// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stubs for the functions that decrypt and encrypt; see fixture.h.
 */

#include "../pages.h"
#include "fixture.h"

struct swiotlb_test_crypt swiotlb_test_crypt;

static int swiotlb_test_decrypt(void *vaddr, size_t bytes)
{
	swiotlb_test_crypt.decrypted++;
	swiotlb_test_crypt.decrypted_bytes += bytes;
	swiotlb_test_crypt.dirty += !!memchr_inv(vaddr, 0, bytes);
	swiotlb_test_crypt.vaddr = vaddr;
	return swiotlb_test_crypt.decrypt_ret;
}

static int swiotlb_test_encrypt(void *vaddr, size_t bytes)
{
	swiotlb_test_crypt.encrypted++;
	swiotlb_test_crypt.encrypted_bytes += bytes;
	swiotlb_test_crypt.vaddr = vaddr;
	return swiotlb_test_crypt.encrypt_ret;
}

/**
 * swiotlb_test_start_crypt() - count calls that decrypt and encrypt from now on
 * @test:	The test. Only calls from its thread are counted: workers do not call the stubs.
 * @decrypt_ret: Return value of calls that decrypt.
 * @encrypt_ret: Return value of calls that encrypt.
 */
void swiotlb_test_start_crypt(struct kunit *test, int decrypt_ret, int encrypt_ret)
{
	swiotlb_test_crypt = (struct swiotlb_test_crypt) {
		.decrypt_ret = decrypt_ret,
		.encrypt_ret = encrypt_ret,
	};
	kunit_activate_static_stub(test, swiotlb_decrypt, swiotlb_test_decrypt);
	kunit_activate_static_stub(test, swiotlb_encrypt, swiotlb_test_encrypt);
}

/**
 * swiotlb_test_expect_crypt() - expect a number of calls
 * @test:	The test.
 * @decrypted:	Number of calls that decrypt.
 * @encrypted:	Number of calls that encrypt.
 * @bytes:	Size of each call.
 *
 * Also expect that all memory was clear before it was decrypted.
 */
void swiotlb_test_expect_crypt(struct kunit *test, unsigned int decrypted,
			       unsigned int encrypted, size_t bytes)
{
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.decrypted, decrypted);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.encrypted, encrypted);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.decrypted_bytes, decrypted * bytes);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.encrypted_bytes, encrypted * bytes);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.dirty, 0);
}
