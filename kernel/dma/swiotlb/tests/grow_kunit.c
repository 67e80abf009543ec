// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that come at run time: by the real worker, in the middle of an interrupt,
 * and decrypted. What decrypts and encrypts is replaced by what counts.
 */

#include <linux/irqflags.h>
#include <linux/page_ref.h>

#include "fixture.h"

static struct swiotlb_mem *swiotlb_test_growing_mem(struct kunit *test,
						    unsigned long nslots)
{
	struct swiotlb_mem *mem = swiotlb_test_mem(test, nslots, 4);

	swiotlb_grow_enable(mem, virt_to_phys(high_memory - 1), 4);
	return mem;
}

/* ----------------------------------------------------------- encryption --- */

/**
 * struct swiotlb_test_crypt - what has been decrypted and encrypted
 * @decrypted:	Calls, and their bytes in all.
 * @encrypted:	Likewise.
 * @decrypted_bytes: See @decrypted.
 * @encrypted_bytes: See @encrypted.
 * @vaddr:	Of the last call.
 * @decrypt_fails: What decrypting returns.
 * @encrypt_fails: What encrypting returns.
 */
static struct swiotlb_test_crypt {
	unsigned int decrypted;
	unsigned int encrypted;
	size_t decrypted_bytes;
	size_t encrypted_bytes;
	void *vaddr;
	int decrypt_fails;
	int encrypt_fails;
} swiotlb_test_crypt;

static int swiotlb_test_decrypt(void *vaddr, size_t bytes)
{
	swiotlb_test_crypt.decrypted++;
	swiotlb_test_crypt.decrypted_bytes += bytes;
	swiotlb_test_crypt.vaddr = vaddr;
	return swiotlb_test_crypt.decrypt_fails;
}

static int swiotlb_test_encrypt(void *vaddr, size_t bytes)
{
	swiotlb_test_crypt.encrypted++;
	swiotlb_test_crypt.encrypted_bytes += bytes;
	swiotlb_test_crypt.vaddr = vaddr;
	return swiotlb_test_crypt.encrypt_fails;
}

static void swiotlb_test_start_crypt(struct kunit *test, int decrypt_fails,
				     int encrypt_fails)
{
	swiotlb_test_crypt = (struct swiotlb_test_crypt) {
		.decrypt_fails = decrypt_fails,
		.encrypt_fails = encrypt_fails,
	};
	kunit_activate_static_stub(test, swiotlb_decrypt, swiotlb_test_decrypt);
	kunit_activate_static_stub(test, swiotlb_encrypt, swiotlb_test_encrypt);
}

static void swiotlb_test_expect_crypt(struct kunit *test, unsigned int decrypted,
				      unsigned int encrypted, size_t bytes)
{
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.decrypted, decrypted);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.encrypted, encrypted);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.decrypted_bytes, decrypted * bytes);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.encrypted_bytes, encrypted * bytes);
}

static void *swiotlb_test_pages_alloc(bool cc_shared, phys_addr_t *start)
{
	return swiotlb_pages_alloc(NULL, SZ_64K, virt_to_phys(high_memory - 1),
				   cc_shared, GFP_KERNEL, start);
}

static void swiotlb_grow_crypt_test(struct kunit *test)
{
	phys_addr_t start;
	void *vaddr;

	swiotlb_test_start_crypt(test, 0, 0);
	vaddr = swiotlb_test_pages_alloc(false, &start);
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	swiotlb_pages_free(vaddr, SZ_64K, false);
	swiotlb_test_expect_crypt(test, 0, 0, SZ_64K);

	vaddr = swiotlb_test_pages_alloc(true, &start);
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	KUNIT_EXPECT_EQ(test, start, virt_to_phys(vaddr));
	swiotlb_test_expect_crypt(test, 1, 0, SZ_64K);
	swiotlb_pages_free(vaddr, SZ_64K, true);
	swiotlb_test_expect_crypt(test, 1, 1, SZ_64K);
}

/* What it did before it failed is undone; the pages may be used again. */
static void swiotlb_grow_decrypt_fails_test(struct kunit *test)
{
	phys_addr_t start;

	swiotlb_test_start_crypt(test, -EIO, 0);
	KUNIT_EXPECT_NULL(test, swiotlb_test_pages_alloc(true, &start));
	swiotlb_test_expect_crypt(test, 1, 1, SZ_64K);
}

/* Pages in an unknown state are nobody's any more. It is said how many. */
static void swiotlb_grow_leak_test(struct kunit *test)
{
	phys_addr_t start;
	void *vaddr;

	swiotlb_test_start_crypt(test, -EIO, -EIO);
	KUNIT_EXPECT_NULL(test, swiotlb_test_pages_alloc(true, &start));
	vaddr = swiotlb_test_crypt.vaddr;
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	KUNIT_EXPECT_EQ(test, page_count(virt_to_page(vaddr)), 1);
	free_pages((unsigned long)vaddr, get_order(SZ_64K));

	swiotlb_test_start_crypt(test, 0, -EIO);
	vaddr = swiotlb_test_pages_alloc(true, &start);
	KUNIT_ASSERT_NOT_NULL(test, vaddr);
	swiotlb_pages_free(vaddr, SZ_64K, true);
	swiotlb_test_expect_crypt(test, 1, 1, SZ_64K);
	KUNIT_EXPECT_EQ(test, page_count(virt_to_page(vaddr)), 1);
	free_pages((unsigned long)vaddr, get_order(SZ_64K));
}

/* The work is called from here: a worker has no stubs. */
static void swiotlb_grow_pool_crypt_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	u8 *buffer = swiotlb_test_buffer(test, PAGE_SIZE);
	unsigned long before = mem->pub.nslabs;
	phys_addr_t addr;
	size_t bytes;

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, 0, 0);
	mem->grow_work.func(&mem->grow_work);
	bytes = (mem->pub.nslabs - before) << IO_TLB_SHIFT;
	KUNIT_ASSERT_GT(test, bytes, 0);
	swiotlb_test_expect_crypt(test, 1, 0, bytes);

	/* Not at a mapping, and not at its end. */
	addr = swiotlb_test_map(dev, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	swiotlb_tbl_unmap_single(dev, addr, PAGE_SIZE, DMA_TO_DEVICE, 0);
	swiotlb_test_expect_crypt(test, 1, 0, bytes);

	swiotlb_test_free_pools(mem);
	swiotlb_test_expect_crypt(test, 1, 1, bytes);
}

/* Smaller ones are tried, each is undone, and nothing is added. */
static void swiotlb_grow_pool_decrypt_fails_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	mem->pub.cc_shared = true;
	swiotlb_test_start_crypt(test, -EIO, 0);
	mem->grow_work.func(&mem->grow_work);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_GT(test, swiotlb_test_crypt.decrypted, 0);
	KUNIT_EXPECT_EQ(test, swiotlb_test_crypt.encrypted,
			swiotlb_test_crypt.decrypted);
}

/* ---------------------------------------------------------- the worker --- */

static void swiotlb_grow_worker_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0);
	unsigned int i, n = SWIOTLB_TEST_NSLOTS / SWIOTLB_MAX_SLOTS + 1;
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	phys_addr_t *addr = kunit_kcalloc(test, n, sizeof(*addr), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < n; i++) {
		addr[i] = swiotlb_test_map(dev, buffer, bytes, DMA_TO_DEVICE);
		/* At three quarters it asks for more: what is left would do. */
		KUNIT_ASSERT_NE(test, addr[i], (phys_addr_t)DMA_MAPPING_ERROR);
		schedule_timeout_uninterruptible(1);
		flush_work(&mem->grow_work);
	}
	KUNIT_EXPECT_GT(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	KUNIT_EXPECT_PTR_NE(test, swiotlb_find_pool(dev, addr[n - 1]),
			    &mem->boot_pool);
	for (i = 0; i < n; i++)
		swiotlb_tbl_unmap_single(dev, addr[i], bytes, DMA_TO_DEVICE, 0);
	swiotlb_test_expect_used(test, mem, 0);
}

static void swiotlb_grow_disabled_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_TEST_NSLOTS);

	swiotlb_grow_disable(mem);
	swiotlb_want_pool(mem);
	flush_work(&mem->grow_work);
	KUNIT_EXPECT_EQ(test, mem->pub.nslabs, SWIOTLB_TEST_NSLOTS);
}

static void swiotlb_grow_phys_limit_test(struct kunit *test)
{
	static const u64 limits[] = { DMA_BIT_MASK(24), DMA_BIT_MASK(30),
				      DMA_BIT_MASK(32) };
	phys_addr_t start;
	unsigned int i;
	void *vaddr;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		vaddr = swiotlb_pages_alloc(NULL, SZ_64K, limits[i], false,
					    GFP_KERNEL | __GFP_NOWARN, &start);
		if (!vaddr)
			continue;
		KUNIT_EXPECT_LE(test, (u64)start + SZ_64K - 1, limits[i]);
		swiotlb_pages_free(vaddr, SZ_64K, false);
	}
}

/* ----------------------------------------------------------- transient --- */

/* Fill the boot pool, and let nobody add another one meanwhile. */
static phys_addr_t swiotlb_test_fill_pool(struct kunit *test,
					  struct swiotlb_mem *mem,
					  struct device *dev, u8 *buffer)
{
	phys_addr_t addr;

	/* Memory was short just now: the worker is not asked. */
	mem->next_try = jiffies + SWIOTLB_GROW_BACKOFF;
	addr = swiotlb_test_map(dev, buffer, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT,
				DMA_TO_DEVICE);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);
	return addr;
}

static void swiotlb_grow_transient_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct device *dev = swiotlb_test_device(test, mem, 0xfff);
	size_t bytes = SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT;
	u8 *buffer = swiotlb_test_buffer(test, bytes);
	struct io_tlb_pool *pool;
	phys_addr_t all, addr;
	unsigned long flags;

	all = swiotlb_test_fill_pool(test, mem, dev, buffer);
	local_irq_save(flags);
	addr = swiotlb_test_map(dev, buffer + 0x800, 3000, DMA_FROM_DEVICE);
	local_irq_restore(flags);
	KUNIT_ASSERT_NE(test, addr, (phys_addr_t)DMA_MAPPING_ERROR);

	pool = swiotlb_find_pool(dev, addr);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_TRUE(test, pool->transient);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), pool->nslots);
	KUNIT_EXPECT_EQ(test, addr & 0xfff, 0x800);
	KUNIT_EXPECT_EQ(test, 0, memcmp(swiotlb_test_bounce(dev, addr),
					buffer + 0x800, 3000));

	memset(swiotlb_test_bounce(dev, addr), 0x99, 3000);
	local_irq_save(flags);
	swiotlb_tbl_unmap_single(dev, addr, 3000, DMA_FROM_DEVICE, 0);
	local_irq_restore(flags);
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + 0x800, 0x99, 3000));
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	KUNIT_EXPECT_NULL(test, swiotlb_find_pool(dev, addr));
	swiotlb_tbl_unmap_single(dev, all, bytes, DMA_TO_DEVICE, 0);
}

struct swiotlb_test_transient {
	struct device *dev;
	u8 *buffer;
	atomic_t made;
};

static bool swiotlb_test_transient(void *arg)
{
	struct swiotlb_test_transient *t = arg;
	bool ours;
	phys_addr_t addr;

	addr = swiotlb_test_map(t->dev, t->buffer, 700, DMA_TO_DEVICE);
	/* Interrupts take what free memory there is, and that may be none. */
	if (addr == (phys_addr_t)DMA_MAPPING_ERROR)
		return true;
	atomic_inc(&t->made);
	ours = !memcmp(swiotlb_test_bounce(t->dev, addr), t->buffer, 700);
	swiotlb_tbl_unmap_single(t->dev, addr, 700, DMA_TO_DEVICE, 0);
	return ours;
}

/* In all contexts; the memory is freed by workers, after readers have left. */
static void swiotlb_grow_transient_irq_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct swiotlb_test_transient t = {
		.dev = swiotlb_test_device(test, mem, 0),
		.buffer = swiotlb_test_buffer(test, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT),
	};
	phys_addr_t all;

	all = swiotlb_test_fill_pool(test, mem, t.dev, t.buffer);
	mem->next_try = jiffies + SWIOTLB_GROW_BACKOFF;
	kunit_run_irq_test(test, swiotlb_test_transient, 300, &t);
	KUNIT_EXPECT_GT(test, atomic_read(&t.made), 0);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	swiotlb_tbl_unmap_single(t.dev, all, SWIOTLB_MAX_SLOTS << IO_TLB_SHIFT,
				 DMA_TO_DEVICE, 0);
}

/* ------------------------------------------------------------ under load --- */

#define SWIOTLB_TEST_AT_ONCE	24

static bool swiotlb_test_load(void *arg)
{
	struct swiotlb_test_transient *t = arg;
	phys_addr_t addr[SWIOTLB_TEST_AT_ONCE];
	unsigned int i;
	bool ours = true;

	for (i = 0; i < SWIOTLB_TEST_AT_ONCE; i++) {
		addr[i] = swiotlb_test_map(t->dev, t->buffer, SZ_16K, DMA_TO_DEVICE);
		if (addr[i] != (phys_addr_t)DMA_MAPPING_ERROR)
			*(u64 *)swiotlb_test_bounce(t->dev, addr[i]) = addr[i];
	}
	while (i--) {
		if (addr[i] == (phys_addr_t)DMA_MAPPING_ERROR)
			continue;
		ours &= *(u64 *)swiotlb_test_bounce(t->dev, addr[i]) == addr[i];
		atomic_inc(&t->made);
		swiotlb_tbl_unmap_single(t->dev, addr[i], SZ_16K, DMA_TO_DEVICE, 0);
	}
	return ours;
}

/* Threads on all CPUs map from pools that come while they do. */
static void swiotlb_grow_load_test(struct kunit *test)
{
	struct swiotlb_mem *mem = swiotlb_test_growing_mem(test, SWIOTLB_MAX_SLOTS);
	struct swiotlb_test_transient t = {
		.dev = swiotlb_test_device(test, mem, 0),
		.buffer = swiotlb_test_buffer(test, SZ_16K),
	};

	swiotlb_test_start_magazines(test, mem);
	swiotlb_test_on_all_cpus(test, swiotlb_test_load, &t);
	flush_work(&mem->grow_work);
	KUNIT_EXPECT_GT(test, atomic_read(&t.made), 0);
	KUNIT_EXPECT_GT(test, mem->pub.nslabs, SWIOTLB_MAX_SLOTS);
	KUNIT_EXPECT_EQ(test, swiotlb_mem_transient_nslots(mem), 0);
	swiotlb_test_expect_used(test, mem, 0);
}

static struct kunit_case swiotlb_grow_cases[] = {
	KUNIT_CASE(swiotlb_grow_crypt_test),
	KUNIT_CASE(swiotlb_grow_decrypt_fails_test),
	KUNIT_CASE(swiotlb_grow_leak_test),
	KUNIT_CASE(swiotlb_grow_pool_crypt_test),
	KUNIT_CASE(swiotlb_grow_pool_decrypt_fails_test),
	KUNIT_CASE(swiotlb_grow_worker_test),
	KUNIT_CASE(swiotlb_grow_disabled_test),
	KUNIT_CASE(swiotlb_grow_phys_limit_test),
	KUNIT_CASE(swiotlb_grow_transient_test),
	KUNIT_CASE(swiotlb_grow_transient_irq_test),
	KUNIT_CASE(swiotlb_grow_load_test),
	{}
};

static struct kunit_suite swiotlb_grow_suite = {
	.name = "swiotlb_grow",
	.test_cases = swiotlb_grow_cases,
};

kunit_test_suite(swiotlb_grow_suite);
