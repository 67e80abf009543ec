// SPDX-License-Identifier: GPL-2.0-only
/* Decrypt memory, and encrypt it again: the only callers of set_memory_*crypted(). */

#include "pages.h"

/**
 * swiotlb_decrypt() - share memory with the hypervisor
 * @vaddr:	Virtual address, page-aligned.
 * @bytes:	Size, a multiple of the page size.
 *
 * Context: Process context, or boot.
 * Return: 0 or an error. After an error, some of the pages may be decrypted.
 */
int swiotlb_decrypt(void *vaddr, size_t bytes)
{
	KUNIT_STATIC_STUB_REDIRECT(swiotlb_decrypt, vaddr, bytes);
	return set_memory_decrypted((unsigned long)vaddr, PFN_UP(bytes));
}

/**
 * swiotlb_encrypt() - take memory back from the hypervisor
 * @vaddr:	Virtual address, page-aligned.
 * @bytes:	Size, a multiple of the page size.
 *
 * Context: Process context, or boot.
 * Return: 0 or an error. After an error, the memory must not be used for anything else.
 */
int swiotlb_encrypt(void *vaddr, size_t bytes)
{
	KUNIT_STATIC_STUB_REDIRECT(swiotlb_encrypt, vaddr, bytes);
	return set_memory_encrypted((unsigned long)vaddr, PFN_UP(bytes));
}
