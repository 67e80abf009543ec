// SPDX-License-Identifier: GPL-2.0-only
/* Boot, devices, buffers and mappings of the test programs. */
#include <stdio.h>
#include <stdlib.h>
#include "harness.h"
#ifdef ENGINE_ours
#include <engine/mem.h>
#endif

struct test_device {
	struct device dev;
	struct device_dma_parameters parms;
	u64 mask;
};

void boot(const char *swiotlb_arg)
{
	shim_init();
	if (swiotlb_arg)
		shim_boot_param("swiotlb", swiotlb_arg);
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_early_initcalls_run();
	shim_initcalls_run();
}

void boot_high(const char *arg)
{
	shim_init();
	shim_boot_param("swiotlb", arg);
	swiotlb_init(true, SWIOTLB_ANY);
	swiotlb_update_mem_attributes();
	shim_initcalls_run();
}

void boot_encrypted(const char *swiotlb_arg)
{
	shim_cc[CC_ATTR_MEM_ENCRYPT] = true;
	shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	boot(swiotlb_arg);
}

void boot_guest(unsigned long size)
{
	shim_cc[CC_ATTR_MEM_ENCRYPT] = true;
	shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT] = true;
	shim_init();
	swiotlb_adjust_size(size);
	swiotlb_init(true, 0);
	swiotlb_update_mem_attributes();
	shim_initcalls_run();
}

phys_addr_t boot_fixed(const char *swiotlb_arg, size_t *bytes)
{
	phys_addr_t start;

	boot(swiotlb_arg);
	start = default_swiotlb_base();
	if (bytes)
		*bytes = default_swiotlb_limit() - start + 1;
	return start;
}

const char *stats_dir = "swiotlb";

static long debugfs_number(const char *file)
{
	const char *s = shim_debugfs_read(stats_dir, file);

	return s ? atol(s) : -1;
}

long slots_used(void)
{
	return debugfs_number("io_tlb_used");
}

long slots_total(void)
{
	return debugfs_number("io_tlb_nslabs");
}

long slots_transient(void)
{
	return debugfs_number("io_tlb_transient_nslabs");
}

/* Returns a counter from the file "events" */
long slots_event(const char *name)
{
	const char *p = shim_debugfs_read(stats_dir, "events");
	size_t len = strlen(name);

	for (; p && *p; p = strchr(p, '\n') + 1)
		if (!strncmp(p, name, len) && p[len] == ' ')
			return simple_strtoul(p + len + 1, NULL, 10);
	return -1;
}

static const char *next_line(const char *line)
{
	line = strchrnul(line, '\n');
	return line + !!*line;
}

/* The fields of a line of "pools": id start KiB node state areas used */
unsigned int pools_that_are(const char *state)
{
	const char *line = shim_debugfs_read(stats_dir, "pools");
	unsigned int n = 0;
	char word[16];

	for (; line && *line; line = next_line(line))
		if (sscanf(line, "%*u %*s %*u %*d %15s", word) == 1)
			n += !strcmp(word, state);
	return n;
}

long slots_of_pool(unsigned int id)
{
	const char *line = shim_debugfs_read(stats_dir, "pools");
	unsigned long used;
	unsigned int n;

	for (; line && *line; line = next_line(line))
		if (sscanf(line, "%u %*s %*u %*d %*s %*u %lu", &n, &used) == 2 &&
		    n == id)
			return used;
	return -1;
}

void check_used(long nslots)
{
#ifdef CONFIG_DEBUG_FS
	CHECK_EQ(slots_used(), nslots);
#endif
}

struct device *new_device(unsigned int min_align_mask, unsigned long boundary)
{
	struct test_device *t = aligned_alloc(64, ALIGN(sizeof(*t), 64));

	memset(t, 0, sizeof(*t));
	t->mask = DMA_BIT_MASK(32);
	t->parms.min_align_mask = min_align_mask;
	t->parms.segment_boundary_mask = boundary;
	t->dev.name = "test";
	t->dev.dma_mask = &t->mask;
	t->dev.coherent_dma_mask = t->mask;
	t->dev.dma_parms = &t->parms;
	t->dev.dma_coherent = true;
	t->dev.shim_unencrypted = shim_cc[CC_ATTR_GUEST_MEM_ENCRYPT];
	swiotlb_dev_init(&t->dev);
	return &t->dev;
}

#if defined(ENGINE_ours) && defined(CONFIG_SWIOTLB_DYNAMIC)
void end_device(struct device *dev)
{
	struct io_tlb_mem *mem = swiotlb_dev_mem(dev);

	memset(dev, 0x5b, sizeof(*dev));
	swiotlb_mem_release(mem);
}
#endif

struct device *restricted_device(phys_addr_t base, size_t size, const char *name)
{
	const struct reserved_mem_ops *ops = shim_rmem_ops();
	struct device *dev = new_device(0, 0);
	struct reserved_mem *rmem;

	if (!ops)
		skip_test("built without DMA_RESTRICTED_POOL");
	rmem = calloc(1, sizeof(*rmem));
	rmem->name = name;
	rmem->base = base;
	rmem->size = size;
	if (!CHECK_EQ(ops->node_init(0, rmem), 0) ||
	    !CHECK_EQ(ops->device_init(rmem, dev), 0))
		return NULL;
	return dev;
}

/* Free all buffers in magazines of the default allocators */
void drain_magazines(void)
{
#ifdef ENGINE_ours
	swiotlb_magazines_drain(&swiotlb_default_mem.cache);
	swiotlb_magazines_drain(&swiotlb_any_mem.cache);
#endif
}

unsigned int restricted_areas(const struct device *dev)
{
#ifdef ENGINE_ours
	return to_swiotlb_mem(dev->dma_io_tlb_mem)->boot_pool.nareas;
#else
	return 1;
#endif
}

phys_addr_t new_buffer(size_t size, unsigned int offset)
{
	unsigned long first = offset >> PAGE_SHIFT;
	size_t pages = first + PFN_UP(size + (offset & ~PAGE_MASK)) + 2;

	/* In the middle of an aligned block, the low address bits are those of @offset */
	pages = roundup_pow_of_two(pages);
	return shim_take_ram(2 * pages * PAGE_SIZE) + pages * PAGE_SIZE + offset;
}

void fill_pattern(void *p, size_t size, u32 seed)
{
	struct rng r = { seed };
	u8 *b = p;
	u64 v = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		if (!(i & 7))
			v = rng_next(&r);
		b[i] = v >> 8 * (i & 7);
	}
}

bool has_pattern(const void *p, size_t size, u32 seed)
{
	struct rng r = { seed };
	const u8 *b = p;
	u64 v = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		if (!(i & 7))
			v = rng_next(&r);
		if (b[i] != (u8)(v >> 8 * (i & 7)))
			return false;
	}
	return true;
}

bool all_bytes(const void *p, size_t size, u8 value)
{
	const u8 *b = p;

	return !size || (b[0] == value && !memcmp(b, b + 1, size - 1));
}

phys_addr_t map_full(struct device *dev, phys_addr_t orig, size_t size,
		     unsigned int alloc_mask, enum dma_data_direction dir,
		     unsigned long attrs)
{
	return swiotlb_tbl_map_single(dev, orig, size, alloc_mask, dir, &attrs);
}

phys_addr_t map(struct device *dev, phys_addr_t orig, size_t size,
		enum dma_data_direction dir)
{
	return map_full(dev, orig, size, 0, dir, 0);
}

void unmap(struct device *dev, phys_addr_t tlb, size_t size,
	   enum dma_data_direction dir)
{
	swiotlb_tbl_unmap_single(dev, tlb, size, dir, 0);
}

unsigned int map_until_full(struct device *dev, phys_addr_t orig, size_t size,
			    phys_addr_t *tlbs, unsigned int most)
{
	unsigned int n;

	for (n = 0; n < most; n++) {
		tlbs[n] = map_full(dev, orig, size, 0, DMA_TO_DEVICE,
				   DMA_ATTR_NO_WARN);
		if (tlbs[n] == MAP_FAILED_ADDR)
			break;
	}
	return n;
}

void unmap_all(struct device *dev, size_t size, const phys_addr_t *tlbs,
	       unsigned int n)
{
	while (n--)
		unmap(dev, tlbs[n], size, DMA_TO_DEVICE);
}

long fill_and_drain(struct device *dev, phys_addr_t pool, size_t bytes,
		    size_t piece)
{
	size_t n = 0, i, most = bytes / IO_TLB_SIZE;
	phys_addr_t orig = new_buffer(piece, 0), *tlb = calloc(most + 1, sizeof(*tlb));
	u8 *seen = calloc(1, most);

	for (; n <= most; n++) {
		tlb[n] = map_full(dev, orig, piece, 0, DMA_TO_DEVICE,
				  DMA_ATTR_NO_WARN);
		if (tlb[n] == MAP_FAILED_ADDR)
			break;
		if (!CHECK(tlb[n] >= pool && tlb[n] + piece <= pool + bytes))
			return -1;
		for (i = (tlb[n] - pool) / IO_TLB_SIZE;
		     i <= (tlb[n] - pool + piece - 1) / IO_TLB_SIZE; i++)
			CHECK_MSG(!seen[i]++, "slot %zu is given out twice", i);
	}
	check_used(n * DIV_ROUND_UP(piece, IO_TLB_SIZE));
	/* Unmap in another order. The stride visits all mappings, unless 7919 divides @n */
	for (i = 0; i < n; i++)
		unmap(dev, tlb[n % 7919 ? i * 7919 % n : i], piece,
		      DMA_TO_DEVICE);
	check_used(0);
	free(tlb);
	free(seen);
	return n;
}

struct device *device_below(u64 mask)
{
	struct device *dev = new_device(0, 0);

	*dev->dma_mask = mask;
	return dev;
}

struct device *device_that_sees_nothing(void)
{
	static const struct bus_dma_region nowhere[] = {
		{ .cpu_start = 0xd0000000, .dma_start = 0, .size = SZ_1M },
		{ }
	};
	struct device *dev = device_below(DMA_BIT_MASK(32));

	dev->dma_range_map = nowhere;
	return dev;
}

phys_addr_t map_page(struct device *dev)
{
	return map_full(dev, new_buffer(PAGE_SIZE, 0), PAGE_SIZE, 0, DMA_FROM_DEVICE,
			DMA_ATTR_NO_WARN);
}

phys_addr_t map_block(struct device *dev)
{
	return map_full(dev, new_buffer(BLOCK, 0), BLOCK, 0, DMA_FROM_DEVICE,
			DMA_ATTR_NO_WARN);
}

void ticks(unsigned int n)
{
	while (n--) {
		shim_advance(HZ);
		shim_run_work();
	}
}
