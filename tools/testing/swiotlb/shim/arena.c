// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shim: the fake physical memory and its page allocator, memblock, encryption
 * state and the coherent atomic pool. First fit, naturally aligned.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "private.h"

#ifdef SHIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

char *shim_ram;
#if BITS_PER_LONG == 32
char *shim_highmem;
#endif
struct page *shim_memmap;
phys_addr_t shim_highmem_start = SHIM_HIGHMEM;
u64 zone_dma_limit = SHIM_ZONE_DMA_END - 1;
unsigned long min_low_pfn = PHYS_PFN(SHIM_RAM_START);
unsigned long max_low_pfn = PHYS_PFN(SHIM_LOW_END);
unsigned long max_pfn = PHYS_PFN(SHIM_HIGH_END);
unsigned long shim_totalram = PHYS_PFN(8ULL << 30);

unsigned int shim_totalram_ends;

unsigned long totalram_pages(void)
{
	if (shim_totalram_ends && !--shim_totalram_ends)
		WRITE_ONCE(shim_totalram, 0);
	return READ_ONCE(shim_totalram);
}

#define NPAGES PHYS_PFN(SHIM_PHYS_END)

/* State of a page, one byte per page */
enum { PG_FREE, PG_BUDDY, PG_MEMBLOCK, PG_ATOMIC, PG_HOLE };
static unsigned char *owner;
static unsigned char *decrypted;
static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_usage usage;

void shim_poison(void *p, size_t n)
{
#ifdef SHIM_ASAN
	ASAN_POISON_MEMORY_REGION(p, n);
#endif
}

void shim_unpoison(void *p, size_t n)
{
#ifdef SHIM_ASAN
	ASAN_UNPOISON_MEMORY_REGION(p, n);
#endif
}

#ifndef SHIM_BENCH
phys_addr_t shim_virt_to_phys(const volatile void *addr)
{
	u64 off = (const volatile char *)addr - shim_ram;

	if (off >= (BITS_PER_LONG == 64 ? SHIM_PHYS_END : SHIM_LOW_END))
		shim_report(SHIM_MISUSE, NULL, "virt_to_phys of %px\n", addr);
	return off;
}

void *shim_phys_to_virt(phys_addr_t paddr)
{
	if (paddr >= SHIM_PHYS_END || paddr >= shim_highmem_start)
		shim_report(SHIM_MISUSE, NULL,
			    "phys_to_virt of %llx, not in the linear mapping\n",
			    paddr);
	return shim_ram + paddr;
}
#endif

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	BUG_ON(p == MAP_FAILED);
	return p;
}

void shim_arena_init(void)
{
	/* An address must be as aligned as its physical address */
#if BITS_PER_LONG == 64
	const size_t size = SHIM_PHYS_END, align = SZ_1G;
#else
	const size_t size = SHIM_LOW_END, align = SZ_2M;

	shim_highmem = PTR_ALIGN((char *)reserve(SHIM_HIGH_END - SHIM_HIGH_START + align),
				 align);
#endif
	shim_ram = PTR_ALIGN((char *)reserve(size + align), align);
	/* The kernel maps all memory with large pages, too */
	madvise(shim_ram, size, MADV_HUGEPAGE);
	shim_memmap = reserve(NPAGES * sizeof(struct page));
	owner = reserve(NPAGES);
	decrypted = reserve(NPAGES);
	memset(owner, PG_HOLE, PHYS_PFN(SHIM_RAM_START));
	memset(owner + PHYS_PFN(SHIM_LOW_END), PG_HOLE,
	       PHYS_PFN(SHIM_HIGH_START - SHIM_LOW_END));
#ifndef SHIM_FUZZ
	/* Not for the fuzzer: each fork would copy the page tables of 768 MiB of shadow memory */
	shim_poison(shim_ram, size);
#endif
}

static unsigned long find_run(unsigned long first, unsigned long end,
			      unsigned long n, unsigned long align)
{
	unsigned long pfn = ALIGN(first, align), i;

	while (pfn + n <= end) {
		for (i = n; i; i--)
			if (owner[pfn + i - 1] != PG_FREE)
				break;
		if (!i)
			return pfn;
		pfn = ALIGN(pfn + i, align);
	}
	return 0;
}

/* Returns a page frame number, 0 if there is no such run */
static unsigned long take_run(phys_addr_t lo, phys_addr_t hi, unsigned long n,
			      unsigned long align, unsigned char who)
{
	unsigned long pfn;

	pthread_mutex_lock(&arena_lock);
	pfn = find_run(PHYS_PFN(lo), PHYS_PFN(hi), n, align);
	if (pfn) {
		memset(owner + pfn, who, n);
		*(who == PG_BUDDY ? &usage.pages : &usage.memblock_pages) += n;
	}
	pthread_mutex_unlock(&arena_lock);
	return pfn;
}

static void put_run(unsigned long pfn, unsigned long n, unsigned char who)
{
	unsigned long i;

	pthread_mutex_lock(&arena_lock);
	for (i = pfn; i < pfn + n; i++) {
		if (owner[i] != who) {
			shim_report(SHIM_MISUSE, NULL,
				    "free of page %lx, which is not allocated\n", i);
			break;
		}
		if (decrypted[i]) {
			shim_report(SHIM_MISUSE, NULL,
				    "page %lx freed while decrypted\n", i);
			break;
		}
		owner[i] = PG_FREE;
		*(who == PG_BUDDY ? &usage.pages : &usage.memblock_pages) -= 1;
	}
	/* Poison the run before another thread can take it */
	shim_poison(shim_at(PFN_PHYS(pfn)), n * PAGE_SIZE);
	pthread_mutex_unlock(&arena_lock);
}

static unsigned long zoned_run(gfp_t gfp, unsigned long n, unsigned long align)
{
	unsigned long pfn = 0;

	if (gfp & __GFP_DMA)
		return take_run(SHIM_RAM_START, SHIM_ZONE_DMA_END, n, align, PG_BUDDY);
	if (gfp & __GFP_DMA32)
		return take_run(SHIM_ZONE_DMA_END, SHIM_LOW_END, n, align, PG_BUDDY);
	/* High memory only on request */
	if (BITS_PER_LONG == 64 || (gfp & __GFP_HIGHMEM))
		pfn = take_run(SHIM_HIGH_START, SHIM_HIGH_END, n, align, PG_BUDDY);
	if (!pfn)
		pfn = take_run(SHIM_ZONE_DMA_END, SHIM_LOW_END, n, align, PG_BUDDY);
	return pfn;
}

static void *fresh(unsigned long pfn, unsigned long n, gfp_t gfp)
{
	char *p = shim_at(PFN_PHYS(pfn));

	shim_unpoison(p, n * PAGE_SIZE);
	/* Stale contents must not be zero by chance */
	memset(p, gfp & __GFP_ZERO ? 0 : 0xa5, n * PAGE_SIZE);
	return p;
}

phys_addr_t shim_take_ram_below(size_t bytes, phys_addr_t end)
{
	unsigned long n = roundup_pow_of_two(PFN_UP(bytes));
	unsigned long pfn = take_run(SHIM_ZONE_DMA_END, end, n, n, PG_BUDDY);

	if (pfn)
		shim_unpoison(shim_at(PFN_PHYS(pfn)), n * PAGE_SIZE);
	return PFN_PHYS(pfn);
}

phys_addr_t shim_take_ram(size_t bytes)
{
	phys_addr_t ram = shim_take_ram_below(bytes, SHIM_LOW_END);

	BUG_ON(!ram);
	return ram;
}

void (*shim_before_pages)(void);
unsigned long shim_contig_takes;
int shim_asked_node = NUMA_NO_NODE;
int shim_mem_node;

static void before_pages(gfp_t gfp)
{
	void (*hook)(void) = shim_before_pages;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	if (!hook || !gfpflags_allow_blocking(gfp))
		return;
	shim_before_pages = NULL;
	hook();
}

struct page *shim_alloc_pages_node(int nid, gfp_t gfp, unsigned int order)
{
	WRITE_ONCE(shim_asked_node, nid);
	return shim_alloc_pages(gfp, order);
}

struct page *shim_alloc_pages(gfp_t gfp, unsigned int order)
{
	unsigned long pfn, n = 1UL << order;

	before_pages(gfp);
	if (order > MAX_PAGE_ORDER) {
		WARN_ON_ONCE(!(gfp & __GFP_NOWARN));
		return NULL;
	}
	if (shim_should_fail(SHIM_FAULT_PAGES, order))
		return NULL;
	pfn = zoned_run(gfp, n, n);
	if (!pfn)
		return NULL;
	fresh(pfn, n, gfp);
	return pfn_to_page(pfn);
}

void __free_pages(struct page *page, unsigned int order)
{
	if (order > MAX_PAGE_ORDER)
		shim_report(SHIM_MISUSE, NULL,
			    "free of order %u, which is no page allocator's\n", order);
	put_run(page_to_pfn(page), 1UL << order, PG_BUDDY);
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page((void *)addr), order);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = shim_alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return page ? (unsigned long)page_address(page) : 0;
}

struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid,
				void *nodemask)
{
	unsigned long pfn;

	before_pages(GFP_KERNEL);
	WRITE_ONCE(shim_asked_node, nid);
	shim_advance(READ_ONCE(shim_contig_takes));
	if (shim_should_fail(SHIM_FAULT_CONTIG, 0) || (gfp & __GFP_NORETRY))
		return NULL;
	pfn = zoned_run(gfp, nr_pages,
			is_power_of_2(nr_pages) ? nr_pages : 1);
	if (!pfn)
		return NULL;
	fresh(pfn, nr_pages, gfp);
	return pfn_to_page(pfn);
}

void free_contig_range(unsigned long pfn, unsigned long nr_pages)
{
	put_run(pfn, nr_pages, PG_BUDDY);
}

struct cma *shim_cma;

struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned int align,
		       bool no_warn)
{
	unsigned long pfn;

	might_sleep();
	cma->calls++;
	pfn = take_run(cma->base, cma->end, count, 1UL << align, PG_BUDDY);
	if (!pfn)
		return NULL;
	fresh(pfn, count, GFP_KERNEL);
	return pfn_to_page(pfn);
}

bool cma_release(struct cma *cma, const struct page *pages, unsigned long count)
{
	put_run(page_to_pfn(pages), count, PG_BUDDY);
	return true;
}

bool cma_intersects(struct cma *cma, unsigned long start, unsigned long end)
{
	return end >= cma->base && start < cma->end;
}

void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	unsigned long n = PFN_UP(size), pfn;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	if (get_order(size) > MAX_PAGE_ORDER ||
	    shim_should_fail(SHIM_FAULT_PAGES, get_order(size)))
		return NULL;
	pfn = zoned_run(gfp, n, roundup_pow_of_two(n));
	return pfn ? fresh(pfn, n, gfp) : NULL;
}

void free_pages_exact(void *virt, size_t size)
{
	put_run(PHYS_PFN(virt_to_phys(virt)), PFN_UP(size), PG_BUDDY);
}

phys_addr_t memblock_phys_mem_size(void)
{
	return PFN_PHYS(READ_ONCE(shim_totalram));
}

static void *memblock_take(phys_addr_t size, phys_addr_t align, phys_addr_t limit)
{
	unsigned long n = PFN_UP(size), pfn = 0;
	char *p;

	if (shim_should_fail(SHIM_FAULT_MEMBLOCK, 0))
		return NULL;
	align = PFN_UP(max_t(phys_addr_t, align, PAGE_SIZE));
	if (BITS_PER_LONG == 64 && limit > SHIM_HIGH_START)
		pfn = take_run(SHIM_HIGH_START, SHIM_HIGH_END, n, align, PG_MEMBLOCK);
	if (!pfn)
		pfn = take_run(SHIM_ZONE_DMA_END, SHIM_LOW_END, n, align, PG_MEMBLOCK);
	if (!pfn)
		return NULL;
	p = shim_at(PFN_PHYS(pfn));
	usage.memblock_bytes += size;
	shim_unpoison(p, size);
	memset(p, 0, size);
	return p;
}

void *memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_take(size, align, ~0ULL);
}

void *memblock_alloc_low(phys_addr_t size, phys_addr_t align)
{
	return memblock_take(size, align, SHIM_HIGH_START);
}

void *memblock_alloc_or_panic_shim(phys_addr_t size, phys_addr_t align)
{
	void *p = memblock_alloc(size, align);

	BUG_ON(!p);
	return p;
}

void memblock_phys_free(phys_addr_t base, phys_addr_t size)
{
	usage.memblock_bytes -= size;
	put_run(PHYS_PFN(base), PFN_UP(size), PG_MEMBLOCK);
}

void memblock_free(void *ptr, size_t size)
{
	if (ptr)
		memblock_phys_free(virt_to_phys(ptr), size);
}

static void set_state(unsigned long pfn, int n, bool state)
{
	pthread_mutex_lock(&arena_lock);
	while (n--) {
		usage.decrypted_pages += state - decrypted[pfn];
		decrypted[pfn++] = state;
	}
	pthread_mutex_unlock(&arena_lock);
}

static int change_state(unsigned long addr, int npages, bool state,
			enum shim_fault_kind kind)
{
	unsigned long pfn = PHYS_PFN(virt_to_phys((void *)addr));

	might_sleep();
	if (!PAGE_ALIGNED(addr) || npages <= 0 || owner[pfn] == PG_FREE)
		shim_report(SHIM_MISUSE, NULL, "set_memory of %lx, %d pages\n",
			    addr, npages);
	if (shim_should_fail(kind, 0)) {
		/* After a failure, some of the pages have changed */
		set_state(pfn, npages / 2, state);
		return -EIO;
	}
	set_state(pfn, npages, state);
	return 0;
}

void (*shim_on_decrypt)(const void *vaddr, size_t bytes);

int set_memory_decrypted(unsigned long addr, int npages)
{
	if (shim_on_decrypt)
		shim_on_decrypt((void *)addr, npages * PAGE_SIZE);
	return change_state(addr, npages, true, SHIM_FAULT_DECRYPT);
}

void (*shim_before_encrypt)(void);

int set_memory_encrypted(unsigned long addr, int npages)
{
	void (*hook)(void) = shim_before_encrypt;

	shim_before_encrypt = NULL;
	if (hook)
		hook();
	return change_state(addr, npages, false, SHIM_FAULT_ENCRYPT);
}

bool shim_page_decrypted(phys_addr_t paddr)
{
	return decrypted[PHYS_PFN(paddr)];
}

bool shim_page_allocated(phys_addr_t paddr)
{
	unsigned char who = paddr < SHIM_PHYS_END ? owner[PHYS_PFN(paddr)] : PG_HOLE;

	return who != PG_FREE && who != PG_HOLE;
}

void shim_arena_usage(struct shim_usage *u)
{
	pthread_mutex_lock(&arena_lock);
	*u = usage;
	pthread_mutex_unlock(&arena_lock);
}

void memcpy_from_page(char *to, struct page *page, size_t offset, size_t len)
{
	BUG_ON(offset + len > PAGE_SIZE);
	memcpy(to, shim_at(page_to_phys(page)) + offset, len);
}

void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t len)
{
	BUG_ON(offset + len > PAGE_SIZE);
	memcpy(shim_at(page_to_phys(page)) + offset, from, len);
}

void *kmap_local_page(struct page *page)
{
	return shim_at(page_to_phys(page));
}

/* ---- the coherent atomic pool: below 16 MiB, shared from the start */

static unsigned long atomic_pfn;
static unsigned char atomic_used[SZ_4M >> PAGE_SHIFT];
static pthread_once_t atomic_once = PTHREAD_ONCE_INIT;

phys_addr_t shim_atomic_pool;
size_t shim_atomic_bytes = SZ_256K;
#define ATOMIC_PAGES PHYS_PFN(shim_atomic_bytes)

static void atomic_pool_init(void)
{
	BUG_ON(ATOMIC_PAGES > ARRAY_SIZE(atomic_used));
	atomic_pfn = take_run(shim_atomic_pool ?: SHIM_RAM_START, SHIM_ZONE_DMA_END,
			      ATOMIC_PAGES, shim_atomic_pool ? 1 : ATOMIC_PAGES,
			      PG_ATOMIC);
	usage.memblock_pages -= ATOMIC_PAGES;
	shim_unpoison(shim_at(PFN_PHYS(atomic_pfn)), ATOMIC_PAGES * PAGE_SIZE);
}

/* The last half of the pool is for requests with __GFP_HIGH. The base has no such reserve. */
static bool atomic_has_room(unsigned int n, gfp_t gfp)
{
	unsigned int i, left = 0;

	if (!IS_ENABLED(ENGINE_ours) || gfp & __GFP_HIGH)
		return true;
	for (i = 0; i < ATOMIC_PAGES; i++)
		left += !atomic_used[i];
	return left >= min(n + ATOMIC_PAGES / 2, ATOMIC_PAGES);
}

struct page *dma_alloc_from_pool(struct device *dev, size_t size, void **vaddr,
		gfp_t gfp, unsigned long attrs,
		bool (*ok)(struct device *, phys_addr_t, size_t))
{
	unsigned int n = 1U << get_order(size), i, j;
	struct page *page = NULL;

	if (shim_should_fail(SHIM_FAULT_ATOMIC_POOL, 0))
		return NULL;
	pthread_once(&atomic_once, atomic_pool_init);
	pthread_mutex_lock(&arena_lock);
	if (!atomic_has_room(n, gfp)) {
		pthread_mutex_unlock(&arena_lock);
		return NULL;
	}
	for (i = 0; i + n <= ATOMIC_PAGES && !page; i += n) {
		for (j = 0; j < n && !atomic_used[i + j]; j++)
			;
		if (j < n || !ok(dev, PFN_PHYS(atomic_pfn + i), size))
			continue;
		memset(atomic_used + i, 1, n);
		page = pfn_to_page(atomic_pfn + i);
		*vaddr = shim_at(page_to_phys(page));
	}
	pthread_mutex_unlock(&arena_lock);
	return page;
}

bool dma_free_from_pool(struct device *dev, void *start, size_t size)
{
	unsigned long pfn = PHYS_PFN((char *)start - shim_ram);
	unsigned int n = 1U << get_order(size);

	if (!atomic_pfn || pfn < atomic_pfn || pfn >= atomic_pfn + ATOMIC_PAGES)
		return false;
	pthread_mutex_lock(&arena_lock);
	memset(atomic_used + pfn - atomic_pfn, 0, n);
	pthread_mutex_unlock(&arena_lock);
	return true;
}

bool dma_coherent_ok(struct device *dev, phys_addr_t phys, size_t size)
{
	return phys + size - 1 <= min_not_zero(dev->coherent_dma_mask,
					       dev->bus_dma_limit);
}
