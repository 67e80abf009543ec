// SPDX-License-Identifier: GPL-2.0-only
/*
 * A confidential guest without the hardware.
 *
 * With "cocotest" on the command line, the kernel behaves as in a guest with encrypted
 * memory: every mapping of a device has to bounce, and set_memory_encrypted() and
 * set_memory_decrypted() change pages between private and shared. coco_test_begin() of the
 * architecture enables this, and has each change reported to coco_test_change(). This file
 * emulates the effects of the hardware:
 *
 * - A change of a page destroys its contents.
 * - Devices reach shared pages only. They are behind an emulated IOMMU that passes all
 *   through by default ("iommu=pt intel_iommu=on" on x86, "iommu.passthrough=1" on arm64),
 *   in one domain that maps the shared pages 1:1. The DMA API does not know the domain, and
 *   still maps directly.
 *
 * Each change is checked, and counted by its caller. debugfs has the counters in coco/state,
 * and files to make changes fail or take long, to fill free memory with a pattern that must
 * not be in pages that become shared, and to commit violations, so that a test can check that
 * they are detected.
 */

#define pr_fmt(fmt) "cocotest: " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/coco_test.h>
#include <linux/debugfs.h>
#include <linux/device/bus.h>
#include <linux/iommu.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/set_memory.h>
#include <linux/stacktrace.h>
#include <linux/swiotlb.h>

/* Pages above this cannot be shared. A machine with 64 GiB ends below it. */
#define COCO_PAGES	((17 * SZ_4G) >> PAGE_SHIFT)
/* Changing a part of a range of this size splits a mapping of the host. */
#define COCO_HUGE_PAGES	(SZ_2M >> PAGE_SHIFT)
/*
 * On arm64 the IOMMU also translates MSIs. Doorbells are mapped from here on: QEMU's virt
 * machine has no memory below 1 GiB.
 */
#define COCO_DOORBELLS	SZ_128M
#define COCO_POISON	0xc7
#define COCO_CANARY	0x7365637265742121ULL

/* Callers that share pages */
enum coco_owner {
	COCO_SWIOTLB,
	COCO_ATOMIC,
	COCO_COHERENT,
	COCO_OTHER,
	COCO_NR_OWNERS,
};

static const char *const coco_owner_names[] = {
	[COCO_SWIOTLB] = "swiotlb",
	[COCO_ATOMIC] = "atomic",
	[COCO_COHERENT] = "coherent",
	[COCO_OTHER] = "other",
};

/* Prefixes of function names: the innermost match in the stack is the caller. */
static const struct {
	const char *prefix;
	enum coco_owner owner;
} coco_callers[] = {
	{ "swiotlb_", COCO_SWIOTLB },
	/* Restricted pools, in the base */
	{ "rmem_swiotlb_", COCO_SWIOTLB },
	{ "atomic_pool_", COCO_ATOMIC },
	{ "__dma_atomic_pool_", COCO_ATOMIC },
	{ "dma_atomic_pool_", COCO_ATOMIC },
	{ "dma_direct_", COCO_COHERENT },
	{ "__dma_direct_", COCO_COHERENT },
};

/*
 * Calls:	@decrypts, @encrypts, and how many of each swiotlb made, how many were made to
 *		fail, and how many were made in atomic context.
 * Pages:	@wrong_state: already in the requested state. @freed_shared: freed while
 *		shared. @reused: lost, since they could not be encrypted, but used again.
 *		@canaries: shared with private data in them; @swiotlb_canaries and
 *		@atomic_canaries: of these, for swiotlb and the atomic pools. @most: maximum
 *		shared at once. @unmapped: shared, but not mapped in the domain.
 * Ranges:	@split: shared for swiotlb, and not made of ranges of 2 MiB.
 */
enum coco_counter {
	COCO_DECRYPTS,
	COCO_ENCRYPTS,
	COCO_SWIOTLB_DECRYPTS,
	COCO_SWIOTLB_ENCRYPTS,
	COCO_SPLIT,
	COCO_FAILED_DECRYPTS,
	COCO_FAILED_ENCRYPTS,
	COCO_IN_ATOMIC,
	COCO_WRONG_STATE,
	COCO_FREED_SHARED,
	COCO_REUSED,
	COCO_CANARIES,
	COCO_SWIOTLB_CANARIES,
	COCO_ATOMIC_CANARIES,
	COCO_FILLED,
	COCO_LOST,
	COCO_MOST,
	COCO_MOST_SWIOTLB,
	COCO_UNMAPPED,
	COCO_DEVICES,
	COCO_NR_COUNTERS,
};

static const char *const coco_counter_names[] = {
	[COCO_DECRYPTS] = "decrypts",
	[COCO_ENCRYPTS] = "encrypts",
	[COCO_SWIOTLB_DECRYPTS] = "swiotlb_decrypts",
	[COCO_SWIOTLB_ENCRYPTS] = "swiotlb_encrypts",
	[COCO_SPLIT] = "split",
	[COCO_FAILED_DECRYPTS] = "failed_decrypts",
	[COCO_FAILED_ENCRYPTS] = "failed_encrypts",
	[COCO_IN_ATOMIC] = "in_atomic",
	[COCO_WRONG_STATE] = "wrong_state",
	[COCO_FREED_SHARED] = "freed_shared",
	[COCO_REUSED] = "reused",
	[COCO_CANARIES] = "canaries",
	[COCO_SWIOTLB_CANARIES] = "swiotlb_canaries",
	[COCO_ATOMIC_CANARIES] = "atomic_canaries",
	[COCO_FILLED] = "filled",
	[COCO_LOST] = "lost",
	[COCO_MOST] = "most",
	[COCO_MOST_SWIOTLB] = "most_swiotlb",
	[COCO_UNMAPPED] = "unmapped",
	[COCO_DEVICES] = "devices",
};

static bool coco_on __ro_after_init;
bool coco_test_private_dma __read_mostly;

/*
 * Serializes attach and detach. Taken before coco_lock: the driver of an IOMMU may share
 * memory for its tables.
 */
static DEFINE_MUTEX(coco_attach_lock);
/*
 * Protects the domain and the state of all pages. coco_test_free() reads coco_shared without it.
 * Counters are atomic, and debugfs writes the settings without the lock.
 */
static DEFINE_MUTEX(coco_lock);
static struct iommu_domain *coco_domain;
static DECLARE_BITMAP(coco_shared, COCO_PAGES);
static DECLARE_BITMAP(coco_lost, COCO_PAGES);
static u8 coco_owners[COCO_PAGES];
static unsigned long coco_pages[COCO_NR_OWNERS];
static atomic_long_t coco_counters[COCO_NR_COUNTERS];

/* Number of changes that must still fail, and their minimum number of pages. */
static u32 coco_fail_decrypt;
static u32 coco_fail_encrypt;
static u32 coco_fail_pages = 1;
/* Milliseconds that each change takes, to emulate a slow hypervisor. */
static u32 coco_delay;
/* The last range that was decrypted only half: when it is encrypted, both states are correct. */
static unsigned long coco_half_pfn;
static unsigned long coco_half_pages;

static void coco_count(enum coco_counter counter, long n)
{
	atomic_long_add(n, &coco_counters[counter]);
}

static enum coco_owner coco_find_owner(void)
{
	unsigned long stack[16];
	char name[KSYM_SYMBOL_LEN];
	unsigned int i, j, depth;

	depth = stack_trace_save(stack, ARRAY_SIZE(stack), 1);
	for (i = 0; i < depth; i++) {
		sprint_symbol_no_offset(name, stack[i]);
		for (j = 0; j < ARRAY_SIZE(coco_callers); j++)
			if (strstarts(name, coco_callers[j].prefix))
				return coco_callers[j].owner;
	}
	return COCO_OTHER;
}

static bool coco_has_canary(const void *page)
{
	const u64 *word = page;
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		if (word[i] == COCO_CANARY)
			return true;
	return false;
}

/*
 * Map page by page, since a mapping of the domain cannot be split. No reclaim with the lock
 * held: the shrinker of swiotlb may encrypt pages, which takes the lock.
 */
static void coco_map(unsigned long pfn)
{
	if (coco_domain && iommu_map(coco_domain, PFN_PHYS(pfn), PFN_PHYS(pfn), PAGE_SIZE,
				     IOMMU_READ | IOMMU_WRITE, GFP_ATOMIC))
		coco_count(COCO_UNMAPPED, 1);
}

static void coco_share(unsigned long pfn, enum coco_owner owner)
{
	void *page = pfn_to_kaddr(pfn);

	if (__test_and_set_bit(pfn, coco_shared)) {
		coco_count(test_bit(pfn, coco_lost) ? COCO_REUSED : COCO_WRONG_STATE, 1);
		return;
	}
	if (coco_has_canary(page)) {
		coco_count(COCO_CANARIES, 1);
		coco_count(COCO_SWIOTLB_CANARIES, owner == COCO_SWIOTLB);
		coco_count(COCO_ATOMIC_CANARIES, owner == COCO_ATOMIC);
	}
	memset(page, COCO_POISON, PAGE_SIZE);
	coco_owners[pfn] = owner;
	coco_pages[owner]++;
	coco_map(pfn);
}

static void coco_take_back(unsigned long pfn, bool half)
{
	if (!__test_and_clear_bit(pfn, coco_shared)) {
		coco_count(COCO_WRONG_STATE, !half);
		return;
	}
	coco_pages[coco_owners[pfn]]--;
	if (coco_domain && iommu_unmap(coco_domain, PFN_PHYS(pfn), PAGE_SIZE) != PAGE_SIZE)
		coco_count(COCO_UNMAPPED, 1);
	memset(pfn_to_kaddr(pfn), COCO_POISON, PAGE_SIZE);
}

static void coco_note_most(enum coco_counter counter, long pages)
{
	if (pages > atomic_long_read(&coco_counters[counter]))
		atomic_long_set(&coco_counters[counter], pages);
}

static bool coco_fails(u32 *times, unsigned long npages)
{
	if (!*times || npages < coco_fail_pages)
		return false;
	--*times;
	return true;
}

/* Fail after half of the pages have changed. */
static int coco_decrypt(unsigned long pfn, unsigned long npages)
{
	enum coco_owner owner = coco_find_owner();
	bool fails = owner == COCO_SWIOTLB && coco_fails(&coco_fail_decrypt, npages);
	unsigned long end = pfn + (fails ? npages / 2 : npages);
	unsigned long i, sum = 0;

	coco_count(COCO_DECRYPTS, 1);
	coco_count(COCO_SWIOTLB_DECRYPTS, owner == COCO_SWIOTLB);
	coco_count(COCO_SPLIT, owner == COCO_SWIOTLB && !IS_ALIGNED(pfn | npages, COCO_HUGE_PAGES));
	if (fails) {
		coco_count(COCO_FAILED_DECRYPTS, 1);
		coco_half_pfn = pfn;
		coco_half_pages = npages;
	}
	for (i = pfn; i < end; i++)
		coco_share(i, owner);

	for (i = 0; i < COCO_NR_OWNERS; i++)
		sum += coco_pages[i];
	coco_note_most(COCO_MOST, sum);
	coco_note_most(COCO_MOST_SWIOTLB, coco_pages[COCO_SWIOTLB]);
	return fails ? -EIO : 0;
}

static int coco_encrypt(unsigned long pfn, unsigned long npages)
{
	bool half = pfn == coco_half_pfn && npages == coco_half_pages;
	enum coco_owner owner = coco_find_owner();
	unsigned long i;

	coco_count(COCO_ENCRYPTS, 1);
	coco_count(COCO_SWIOTLB_ENCRYPTS, owner == COCO_SWIOTLB);
	if (owner == COCO_SWIOTLB && coco_fails(&coco_fail_encrypt, npages)) {
		coco_count(COCO_FAILED_ENCRYPTS, 1);
		coco_count(COCO_LOST, npages);
		bitmap_set(coco_lost, pfn, npages);
		return -EIO;
	}
	for (i = pfn; i < pfn + npages; i++)
		coco_take_back(i, half);
	if (half)
		coco_half_pages = 0;
	return 0;
}

/**
 * coco_test_change() - change pages between private and shared
 * @addr:	Address of the first page in the direct map.
 * @npages:	Number of pages.
 * @enc:	Whether they become private.
 *
 * Context: Process, may sleep; anything else is counted as a fault of the caller.
 * Return: 0, -EIO for a failure on demand, or -ERANGE for pages that cannot be shared.
 */
int coco_test_change(unsigned long addr, int npages, bool enc)
{
	unsigned long pfn = PHYS_PFN(__pa(addr));

	/* Before the first task runs, preemption is always off. */
	if (system_state > SYSTEM_BOOTING && (!preemptible() || rcu_preempt_depth())) {
		coco_count(COCO_IN_ATOMIC, 1);
		WARN_ONCE(1, "change of encryption in atomic context\n");
	}
	if (pfn + npages > COCO_PAGES)
		return -ERANGE;
	if (READ_ONCE(coco_delay))
		msleep(READ_ONCE(coco_delay));

	guard(mutex)(&coco_lock);
	return enc ? coco_encrypt(pfn, npages) : coco_decrypt(pfn, npages);
}

/**
 * coco_test_free() - check pages that are freed to the page allocator
 * @pfn:	First page.
 * @order:	Binary logarithm of their number.
 *
 * Context: Any.
 */
void coco_test_free(unsigned long pfn, unsigned int order)
{
	unsigned long end = pfn + (1UL << order), at;

	if (!coco_on || end > COCO_PAGES)
		return;
	at = find_next_bit(coco_shared, end, pfn);
	if (likely(at >= end))
		return;
	coco_count(COCO_FREED_SHARED, 1UL << order);
	WARN_ONCE(1, "page %#lx was freed while shared\n", at);
}

static struct iommu_domain *coco_make_domain(struct device *dev)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(dev);
	unsigned long pfn;
	int ret = 0;

	if (IS_ERR(domain))
		return domain;
	if (IS_ENABLED(CONFIG_IRQ_MSI_IOMMU))
		ret = iommu_get_msi_cookie(domain, COCO_DOORBELLS);
	if (ret) {
		iommu_domain_free(domain);
		return ERR_PTR(ret);
	}

	guard(mutex)(&coco_lock);
	coco_domain = domain;
	for_each_set_bit(pfn, coco_shared, COCO_PAGES)
		coco_map(pfn);
	return domain;
}

static int coco_attach(struct device *dev, struct iommu_group *group)
{
	struct iommu_domain *domain;
	int ret;

	guard(mutex)(&coco_attach_lock);
	domain = coco_domain ?: coco_make_domain(dev);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	ret = iommu_attach_group(domain, group);
	if (!ret)
		coco_count(COCO_DEVICES, 1);
	return ret;
}

static void coco_detach(struct iommu_group *group)
{
	guard(mutex)(&coco_attach_lock);
	if (!coco_domain)
		return;
	iommu_detach_group(coco_domain, group);
	coco_count(COCO_DEVICES, -1);
}

/*
 * The kernel assigns no restricted pool to a device behind an IOMMU. Here the IOMMU only emulates
 * the hypervisor, so assign the pool of the device tree, if there is one.
 */
static int coco_restrict(struct device *dev)
{
	struct device *host = pci_find_host_bridge(to_pci_dev(dev)->bus)->dev.parent;

	if (!host || !of_property_present(host->of_node, "memory-region"))
		return 0;
	return of_reserved_mem_device_init_by_idx(dev, host->of_node, 0);
}

/* This runs after the set-up of the DMA API, and before the first map. */
static int coco_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;
	struct iommu_group *group = iommu_group_get(dev);
	int ret;

	if (!group)
		return 0;
	if (action == BUS_NOTIFY_BIND_DRIVER) {
		ret = coco_attach(dev, group) ?: coco_restrict(dev);
		if (ret)
			dev_err(dev, "cocotest: cannot be confined: %d\n", ret);
		else
			dev_info(dev, "cocotest: reaches shared memory only\n");
	} else if (action == BUS_NOTIFY_UNBOUND_DRIVER ||
		   action == BUS_NOTIFY_DRIVER_NOT_BOUND) {
		of_reserved_mem_device_release(dev);
		coco_detach(group);
	}
	iommu_group_put(group);
	return 0;
}

static struct notifier_block coco_notifier = { .notifier_call = coco_notify };

static int coco_state_show(struct seq_file *seq, void *unused)
{
	unsigned int i;

	guard(mutex)(&coco_lock);
	for (i = 0; i < COCO_NR_OWNERS; i++)
		seq_printf(seq, "%s=%lu\n", coco_owner_names[i], coco_pages[i]);
	for (i = 0; i < COCO_NR_COUNTERS; i++)
		seq_printf(seq, "%s=%ld\n", coco_counter_names[i],
			   atomic_long_read(&coco_counters[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(coco_state);

/* Leave the pattern in free memory, as private data would be. */
static int coco_fill(void *unused, u64 mib)
{
	unsigned long want = mib << (20 - PAGE_SHIFT), got = 0, i;
	unsigned int order = MAX_PAGE_ORDER;
	struct page *page, *next;
	LIST_HEAD(pages);

	while (got < want) {
		page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, order);
		if (!page) {
			if (!order--)
				break;
			continue;
		}
		for (i = 0; i < (PAGE_SIZE << order) / sizeof(u64); i++)
			((u64 *)page_address(page))[i] = COCO_CANARY;
		page->private = order;
		list_add(&page->lru, &pages);
		got += 1UL << order;
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		order = page->private;
		page->private = 0;
		list_del(&page->lru);
		__free_pages(page, order);
	}
	coco_count(COCO_FILLED, got);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(coco_fill_fops, NULL, coco_fill, "%llu\n");

/*
 * A violation: do not bounce. x86 bounces because of force_bounce, arm64 because private memory
 * is out of reach of devices.
 */
static int coco_skip_bounce(void *unused, u64 skip)
{
	struct pci_dev *pdev = NULL;

	WRITE_ONCE(coco_test_private_dma, skip);
	if (!IS_ENABLED(CONFIG_X86))
		return 0;
	for_each_pci_dev(pdev)
		if (pdev->dev.dma_io_tlb_mem)
			WRITE_ONCE(pdev->dev.dma_io_tlb_mem->force_bounce, !skip);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(coco_skip_fops, NULL, coco_skip_bounce, "%llu\n");

/* More violations: a page is freed while it is shared. */
static int coco_free_shared(void *unused, u64 val)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);

	if (!addr)
		return -ENOMEM;
	set_memory_decrypted(addr, 1);
	free_page(addr);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(coco_free_fops, NULL, coco_free_shared, "%llu\n");

/* A page is shared with private data in it, encrypted in atomic context, then again. */
static int coco_encrypt_twice(void *unused, u64 val)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);

	if (!addr)
		return -ENOMEM;
	*(u64 *)addr = COCO_CANARY;
	set_memory_decrypted(addr, 1);
	preempt_disable();
	set_memory_encrypted(addr, 1);
	preempt_enable();
	set_memory_encrypted(addr, 1);
	free_page(addr);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(coco_twice_fops, NULL, coco_encrypt_twice, "%llu\n");

static int __init coco_init(void)
{
	struct dentry *dir;

	if (!coco_on)
		return 0;
	dir = debugfs_create_dir("coco", NULL);
	debugfs_create_file("state", 0400, dir, NULL, &coco_state_fops);
	debugfs_create_file("fill", 0200, dir, NULL, &coco_fill_fops);
	debugfs_create_file("skip_bounce", 0200, dir, NULL, &coco_skip_fops);
	debugfs_create_file("free_shared", 0200, dir, NULL, &coco_free_fops);
	debugfs_create_file("encrypt_twice", 0200, dir, NULL, &coco_twice_fops);
	debugfs_create_u32("fail_decrypt", 0600, dir, &coco_fail_decrypt);
	debugfs_create_u32("fail_encrypt", 0600, dir, &coco_fail_encrypt);
	debugfs_create_u32("fail_pages", 0600, dir, &coco_fail_pages);
	debugfs_create_u32("delay_ms", 0600, dir, &coco_delay);
	return bus_register_notifier(&pci_bus_type, &coco_notifier);
}
fs_initcall(coco_init);

static int __init coco_setup(char *unused)
{
	coco_on = true;
	coco_test_begin();
	return 0;
}
early_param("cocotest", coco_setup);
