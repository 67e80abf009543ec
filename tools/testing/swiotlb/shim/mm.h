/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: memory. A fake physical address space in one reserved range of the process:
 * physical address 0 is its first byte, page 0 is never allocated.
 *
 *	1 MiB .. 16 MiB		ZONE_DMA
 *	16 MiB .. 3.5 GiB	ZONE_DMA32
 *	4 GiB .. 6 GiB		ZONE_NORMAL
 *
 * With 32 bits, as on i386 with PAE, the linear mapping ends at 2 GiB. Memory above it has
 * no kernel address:
 *
 *	16 MiB .. 2 GiB		ZONE_DMA32
 *	4 GiB .. 4.5 GiB	ZONE_HIGHMEM
 *
 * Free pages are poisoned under AddressSanitizer.
 */
#ifndef SHIM_MM_H
#define SHIM_MM_H

#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
/* As on arm64: blocks of at most 4, 32 and 512 MiB, and pageblocks of 2, 32 and 512 MiB */
#define MAX_PAGE_ORDER (PAGE_SHIFT == 12 ? 10 : PAGE_SHIFT == 14 ? 11 : 13)
#define MAX_ORDER_NR_PAGES (1UL << MAX_PAGE_ORDER)
#define PAGE_ALIGN(a) ALIGN(a, PAGE_SIZE)
#define PAGE_ALIGNED(a) IS_ALIGNED((unsigned long)(a), PAGE_SIZE)
#define PAGE_ALIGN_DOWN(a) ALIGN_DOWN(a, PAGE_SIZE)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)
#define PFN_ALIGN(x) (((unsigned long)(x) + (PAGE_SIZE - 1)) & PAGE_MASK)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)
#define PFN_PHYS(x) ((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x) ((unsigned long)((x) >> PAGE_SHIFT))
#define pageblock_order (PAGE_SHIFT - 3)

#define SHIM_RAM_START 0x100000ULL
#define SHIM_ZONE_DMA_END 0x1000000ULL
#define SHIM_HIGH_START 0x100000000ULL
#if BITS_PER_LONG == 64
#define SHIM_LOW_END 0xe0000000ULL
#define SHIM_HIGH_END 0x180000000ULL
/* Start of memory without a linear mapping, unless a test sets shim_highmem_start */
#define SHIM_HIGHMEM (~0ULL)
#else
#define SHIM_LOW_END 0x80000000ULL
#define SHIM_HIGH_END 0x120000000ULL
#define SHIM_HIGHMEM SHIM_LOW_END
#endif
#define SHIM_PHYS_END SHIM_HIGH_END
#define INVALID_PHYS_ADDR (~(phys_addr_t)0)
#define ARCH_LOW_ADDRESS_LIMIT 0xffffffffUL

extern char *shim_ram;
/* Pointer to any memory: tests can also access memory without a linear mapping */
#if BITS_PER_LONG == 64
#define shim_at(p) (shim_ram + (p))
#else
extern char *shim_highmem;
#define shim_at(p) ((p) < SHIM_LOW_END ? shim_ram + (p) : \
		    shim_highmem + ((p) - SHIM_HIGH_START))
#endif
extern struct page *shim_memmap;
/* Memory from this address on is not in the linear mapping */
extern phys_addr_t shim_highmem_start;
extern u64 zone_dma_limit;
extern unsigned long min_low_pfn, max_pfn, max_low_pfn;

struct page { unsigned long flags; };

#ifdef SHIM_BENCH
/* The base of the linear mapping is read from a variable, as on x86-64 */
#define shim_virt_to_phys(v) \
	((phys_addr_t)((const volatile char *)(v) - shim_ram))
#define shim_phys_to_virt(p) ((void *)(shim_ram + (p)))
#define PageHighMem(page) ((void)(page), false)
#define PhysHighMem(p) ((void)(p), false)
#else
phys_addr_t shim_virt_to_phys(const volatile void *addr);
void *shim_phys_to_virt(phys_addr_t paddr);
#define PageHighMem(page) (page_to_phys(page) >= shim_highmem_start)
#define PhysHighMem(p) ((p) >= shim_highmem_start)
#endif
#define high_memory ((void *)(shim_ram + min_t(phys_addr_t, SHIM_PHYS_END, \
					       shim_highmem_start)))
#define virt_to_phys(v) shim_virt_to_phys((const volatile void *)(v))
#define phys_to_virt(p) shim_phys_to_virt(p)
#define __pa(v) virt_to_phys(v)
#define __va(p) phys_to_virt(p)
#define page_to_pfn(page) ((unsigned long)((page) - shim_memmap))
#define pfn_to_page(pfn) (shim_memmap + (pfn))
#define page_to_phys(page) PFN_PHYS(page_to_pfn(page))
#define phys_to_page(p) pfn_to_page(PHYS_PFN(p))
#define virt_to_page(v) pfn_to_page(PHYS_PFN(virt_to_phys(v)))
#define page_address(page) phys_to_virt(page_to_phys(page))
#define pfn_valid(pfn) ((pfn) < PHYS_PFN(SHIM_PHYS_END))
#define page_to_nid(page) ((void)(page), 0)
#define pfn_to_nid(pfn) ((void)(pfn), 0)
extern int shim_mem_node;
#define numa_mem_id() READ_ONCE(shim_mem_node)
extern unsigned long shim_totalram;	/* in pages */
/* totalram_pages() returns 0 from this call on: 1 for the next call, 0 for never */
extern unsigned int shim_totalram_ends;
/* Lowest address of the coherent atomic pool, below 16 MiB; 0 to align it to its size */
extern phys_addr_t shim_atomic_pool;
/* Size of the coherent atomic pool, at most 4 MiB */
extern size_t shim_atomic_bytes;
unsigned long totalram_pages(void);
#define is_vmalloc_addr(p) ((void)(p), false)

#define __GFP_DMA 0x01u
#define __GFP_HIGHMEM 0x02u
#define __GFP_DMA32 0x04u
#define __GFP_MOVABLE 0x08u
#define GFP_ZONEMASK 0x0fu
#define __GFP_ZERO 0x100u
#define __GFP_HIGH 0x200u
#define __GFP_IO 0x400u
#define __GFP_FS 0x800u
#define __GFP_NOWARN 0x1000u
#define __GFP_RETRY_MAYFAIL 0x2000u
#define __GFP_NOFAIL 0x4000u
#define __GFP_NORETRY 0x8000u
#define __GFP_COMP 0x10000u
#define __GFP_NOMEMALLOC 0x20000u
#define __GFP_THISNODE 0x40000u
#define __GFP_DIRECT_RECLAIM 0x80000u
#define __GFP_KSWAPD_RECLAIM 0x100000u
#define __GFP_ACCOUNT 0x200000u
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define __GFP_BITS_SHIFT 26
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_HIGHUSER (GFP_KERNEL | __GFP_HIGHMEM)
#define GFP_NOIO __GFP_RECLAIM
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
/* Flags that this thread may not use: memalloc_noio_save() */
extern __thread gfp_t shim_noio;
#define current_gfp_context(gfp) ((gfp) & ~shim_noio)
#define GFP_ATOMIC (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32
#define gfpflags_allow_blocking(gfp) (!!((gfp) & __GFP_DIRECT_RECLAIM))

struct page *shim_alloc_pages(gfp_t gfp, unsigned int order);
void __free_pages(struct page *page, unsigned int order);
void free_pages(unsigned long addr, unsigned int order);
unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid,
				void *nodemask);
void free_contig_range(unsigned long pfn, unsigned long nr_pages);
/* The CMA area, if a test makes one: a range of the memory of the page allocator */
struct cma { phys_addr_t base, end; unsigned long calls; };
extern struct cma *shim_cma;
#define dev_get_cma_area(dev) shim_cma
struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned int align,
		       bool no_warn);
bool cma_release(struct cma *cma, const struct page *pages, unsigned long count);
#define dma_release_from_contiguous(dev, page, count) \
	cma_release(dev_get_cma_area(dev), page, count)
bool cma_intersects(struct cma *cma, unsigned long start, unsigned long end);
void *alloc_pages_exact(size_t size, gfp_t gfp);
void free_pages_exact(void *virt, size_t size);
#define alloc_pages(gfp, order) shim_alloc_pages(gfp, order)
struct page *shim_alloc_pages_node(int nid, gfp_t gfp, unsigned int order);
#define alloc_pages_node(nid, gfp, order) shim_alloc_pages_node(nid, gfp, order)
#define alloc_page(gfp) alloc_pages(gfp, 0)
#define __free_page(page) __free_pages(page, 0)
#define get_zeroed_page(gfp) __get_free_pages((gfp) | __GFP_ZERO, 0)
#define free_page(addr) free_pages(addr, 0)
#define split_page(page, order) do { } while (0)

/* Returns more memory than memblock has, so that a pool of 1 GiB is below a quarter of it */
phys_addr_t memblock_phys_mem_size(void);
void *memblock_alloc(phys_addr_t size, phys_addr_t align);
void *memblock_alloc_low(phys_addr_t size, phys_addr_t align);
void memblock_free(void *ptr, size_t size);
void memblock_phys_free(phys_addr_t base, phys_addr_t size);
void *memblock_alloc_or_panic_shim(phys_addr_t size, phys_addr_t align);
#define memblock_alloc_or_panic memblock_alloc_or_panic_shim
#define memblock_alloc_node(size, align, nid) ((void)(nid), memblock_alloc(size, align))
#define memblock_alloc_raw memblock_alloc
#define memblock_free_late memblock_phys_free

void *shim_kmalloc(size_t size, gfp_t gfp);
void shim_kfree(const void *p);
#define kmalloc(size, gfp) shim_kmalloc(size, gfp)
#define kzalloc(size, gfp) shim_kmalloc(size, (gfp) | __GFP_ZERO)
#define kmalloc_node(size, gfp, n) ((void)(n), kmalloc(size, gfp))
#define kzalloc_node(size, gfp, n) ((void)(n), kzalloc(size, gfp))
#define kmalloc_array(n, size, gfp) kmalloc(array_size(n, size), gfp)
#define kmalloc_array_node(n, size, gfp, node) \
	((void)(node), kmalloc_array(n, size, gfp))
#define kcalloc(n, size, gfp) kzalloc(array_size(n, size), gfp)
#define kcalloc_node(n, size, gfp, node) ((void)(node), kcalloc(n, size, gfp))
#define kvmalloc kmalloc
#define kvzalloc kzalloc
#define kvmalloc_node kmalloc_node
#define kvzalloc_node kzalloc_node
#define kvmalloc_array kmalloc_array
#define kvcalloc kcalloc
#define vmalloc(size) kmalloc(size, GFP_KERNEL)
#define vzalloc(size) kzalloc(size, GFP_KERNEL)
#define kfree shim_kfree
#define kvfree shim_kfree
#define vfree shim_kfree
#define SHIM_GFP(...) SHIM_GFP_(, ##__VA_ARGS__, GFP_KERNEL)
#define SHIM_GFP_(e, gfp, ...) gfp
#define kmalloc_obj(T, ...) ((typeof(T) *)kmalloc(sizeof(T), SHIM_GFP(__VA_ARGS__)))
#define kzalloc_obj(T, ...) ((typeof(T) *)kzalloc(sizeof(T), SHIM_GFP(__VA_ARGS__)))
#define kmalloc_objs(T, n, ...) \
	((typeof(T) *)kmalloc_array(n, sizeof(T), SHIM_GFP(__VA_ARGS__)))
#define kzalloc_objs(T, n, ...) \
	((typeof(T) *)kcalloc(n, sizeof(T), SHIM_GFP(__VA_ARGS__)))
#define kvzalloc_objs kzalloc_objs
#define kvmalloc_objs kmalloc_objs
#define kzalloc_flex(T, fam, n, ...) \
	((typeof(T) *)kzalloc(struct_size_t(typeof(T), fam, n), SHIM_GFP(__VA_ARGS__)))
#define kvzalloc_flex kzalloc_flex
char *kasprintf(gfp_t gfp, const char *fmt, ...);
char *kstrdup(const char *s, gfp_t gfp);
const char *kstrdup_const(const char *s, gfp_t gfp);
#define kfree_const(p) kfree(p)
#define ZERO_SIZE_PTR ((void *)16)

struct kmem_cache { size_t size, align; void (*ctor)(void *); };
struct kmem_cache *shim_cache_create(const char *name, size_t size,
				     size_t align, void (*ctor)(void *));
#define kmem_cache_create(name, size, align, flags, ctor) \
	shim_cache_create(name, size, align, ctor)
#define KMEM_CACHE(s, flags) \
	shim_cache_create(#s, sizeof(struct s), __alignof__(struct s), NULL)
#define kmem_cache_destroy(c) kfree(c)
void *kmem_cache_alloc(struct kmem_cache *c, gfp_t gfp);
void kmem_cache_free(struct kmem_cache *c, void *p);
#define kmem_cache_zalloc(c, gfp) kmem_cache_alloc(c, (gfp) | __GFP_ZERO)
struct list_lru;
#define kmem_cache_alloc_lru(c, lru, gfp) kmem_cache_alloc(c, gfp)
#define SLAB_HWCACHE_ALIGN 0
#define SLAB_PANIC 0

/* memcpy() of the engine: rep movsb, or nothing */
void *shim_copy(void *to, const void *from, size_t n);
void memcpy_from_page(char *to, struct page *page, size_t offset, size_t len);
void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t len);
void *kmap_local_page(struct page *page);
#define kmap_local_pfn(pfn) kmap_local_page(pfn_to_page(pfn))
#define kunmap_local(p) ((void)(p))

/* shim_shrink() calls all shrinkers, as reclaim does when memory is short */
struct shrink_control { unsigned long nr_to_scan; };
struct shrinker {
	unsigned long (*count_objects)(struct shrinker *s, struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *s, struct shrink_control *sc);
	void *private_data;
	struct shrinker *next;
};
#define SHRINK_STOP (~0UL)
struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...);
void shrinker_register(struct shrinker *shrinker);
void shrinker_free(struct shrinker *shrinker);

int set_memory_decrypted(unsigned long addr, int npages);
int set_memory_encrypted(unsigned long addr, int npages);

/* The coherent atomic pool: pages that are shared from the start */
struct device;
struct page *dma_alloc_from_pool(struct device *dev, size_t size, void **vaddr,
		gfp_t gfp, unsigned long attrs,
		bool (*ok)(struct device *, phys_addr_t, size_t));
bool dma_free_from_pool(struct device *dev, void *start, size_t size);
bool dma_coherent_ok(struct device *dev, phys_addr_t phys, size_t size);
#define dma_alloc_contiguous(dev, size, gfp) ((struct page *)NULL)
#define dma_free_contiguous(dev, page, size) \
	__free_pages(page, get_order(size))

#define kmsan_unpoison_memory(p, n) do { } while (0)
#define kmsan_check_memory(p, n) do { } while (0)
#define kmsan_check_highmem_page(p, o, n) do { } while (0)
#define kasan_reset_tag(p) (p)
#define kmemleak_ignore(p) do { } while (0)
#define kmemleak_not_leak(p) do { } while (0)
#define prefetch(p) __builtin_prefetch(p)
#define prefetchw(p) __builtin_prefetch(p, 1)

#endif
