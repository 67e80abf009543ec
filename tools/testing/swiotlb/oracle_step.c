// SPDX-License-Identifier: GPL-2.0-only
/* One operation on the engine and on the reference, and the checks of both. */
#include "oracle.h"

#define GUARD 32
#define GUARD_BYTE 0xc3
/* Memory for originals: regions of three sizes */
#define SMALL_REGION 16384
#define SMALL_COUNT 4096
#define LARGE_REGION 524288
#define LARGE_COUNT 96
#define HUGE_REGION (8 << 20)
#define HUGE_COUNT 12
#define MAX_LIVE (SMALL_COUNT + LARGE_COUNT + HUGE_COUNT)

struct live {
	struct ref_request req;
	struct ref_shape shape;
	phys_addr_t tlb;
	enum dma_data_direction dir;
	unsigned int region;
	const void *home;	/* allocator that counts it, see oracle_home() */
	u8 *orig_model, *slot_model;	/* expected contents of memory */
};

struct oracle_stats oracle_stats;

static const struct oracle_case *the_case;
static struct reference ref;
static struct device *devs[ORACLE_NDEVS];
/* Stand-ins for devices that have ended, while mappings of theirs are left */
static struct device *ended[ORACLE_NDEVS];
/* Directories of statistics in debugfs */
static const char *const mem_names[ORACLE_NMEMS] = { "swiotlb", "first", "second" };
static struct bus_dma_region ranges[ORACLE_NDEVS][2];
static struct live *live[MAX_LIVE];
static unsigned int nlive;
static unsigned int free_small[SMALL_COUNT], nfree_small;
static unsigned int free_large[LARGE_COUNT], nfree_large;
static unsigned int free_huge[HUGE_COUNT], nfree_huge;
static phys_addr_t small_base, large_base, huge_base;
static u32 fill_seed;

/* ---- originals */

static void originals_init(void)
{
	unsigned int i;

	small_base = shim_take_ram((size_t)SMALL_REGION * SMALL_COUNT);
	large_base = shim_take_ram((size_t)LARGE_REGION * LARGE_COUNT);
	for (i = 0; i < SMALL_COUNT; i++)
		free_small[nfree_small++] = i;
	for (i = 0; i < LARGE_COUNT; i++)
		free_large[nfree_large++] = SMALL_COUNT + i;
	if (the_case->family != ORACLE_LARGE)
		return;
	huge_base = shim_take_ram((size_t)HUGE_REGION * HUGE_COUNT);
	for (i = 0; i < HUGE_COUNT; i++)
		free_huge[nfree_huge++] = SMALL_COUNT + LARGE_COUNT + i;
}

/* Returns false when all places of this size are taken */
static bool original_get(struct live *l, u32 offset)
{
	size_t room;

	if (l->req.size + 2 * GUARD + 64 <= SMALL_REGION && nfree_small) {
		l->region = free_small[--nfree_small];
		l->req.orig = small_base + (phys_addr_t)l->region * SMALL_REGION;
		room = SMALL_REGION;
	} else if (l->req.size + 2 * GUARD > LARGE_REGION) {
		if (!nfree_huge)
			return false;
		l->region = free_huge[--nfree_huge];
		l->req.orig = huge_base + (phys_addr_t)(l->region - SMALL_COUNT - LARGE_COUNT) *
					  HUGE_REGION;
		room = HUGE_REGION;
	} else if (nfree_large) {
		l->region = free_large[--nfree_large];
		l->req.orig = large_base +
			      (phys_addr_t)(l->region - SMALL_COUNT) * LARGE_REGION;
		room = LARGE_REGION;
	} else {
		return false;
	}
	offset %= room - l->req.size - 2 * GUARD;
	l->req.orig += offset + GUARD;
	return true;
}

static void original_put(struct live *l)
{
	if (l->region < SMALL_COUNT)
		free_small[nfree_small++] = l->region;
	else if (l->region >= SMALL_COUNT + LARGE_COUNT)
		free_huge[nfree_huge++] = l->region;
	else
		free_large[nfree_large++] = l->region;
}

static u8 *orig_ptr(const struct live *l)
{
	return phys_to_virt(l->req.orig);
}

static u8 *slot_ptr(const struct live *l)
{
	return phys_to_virt(l->tlb);
}

/* Change all bytes of memory, and of its model */
static void scribble(u8 *mem, u8 *model, size_t n)
{
	u64 v = ++fill_seed * 0x9e3779b97f4a7c15ULL;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8, v += 0x0101010101010107ULL)
		memcpy(model + i, &v, 8);
	for (; i < n; i++)
		model[i] = v >> (i & 7) * 8;
	memcpy(mem, model, n);
}

static void expect_same(const struct live *l, const u8 *mem, const u8 *model,
			size_t n, const char *what, const char *when)
{
	size_t i;

	if (!memcmp(mem, model, n))
		return;
	for (i = 0; mem[i] == model[i]; i++)
		;
	check_failed(__FILE__, __LINE__,
		     "%s: byte %zu of the %s of %zu bytes (orig %llx, tlb %llx) is %02x, not %02x",
		     when, i, what, l->req.size, l->req.orig, l->tlb, mem[i], model[i]);
}

static void expect_guards(const struct live *l, const char *when)
{
	const u8 *orig = orig_ptr(l);

	CHECK_MSG(all_bytes(orig - GUARD, GUARD, GUARD_BYTE) &&
		  all_bytes(orig + l->req.size, GUARD, GUARD_BYTE),
		  "%s: guard bytes around the original of %zu bytes at %llx changed",
		  when, l->req.size, l->req.orig);
}

/* ---- check the results of the engine against the rules */

static void expect_rules(struct live *l)
{
	phys_addr_t start = l->tlb - l->shape.offset;
	const char *broken;

	CHECK_MSG(!((start - ref.areas[0].start) & (IO_TLB_SIZE - 1)) ||
		  oracle_grows(the_case),
		  "%llx is in the middle of a slot", start);
	broken = ref_breaks(&ref, &l->req, &l->shape, start);
	if (!broken)
		broken = ref_take(&ref, start, l->shape.nslots, l->req.mem);
	CHECK_MSG(!broken,
		  "%zu bytes of %llx (alloc_mask 0x%x, min_align 0x%x, boundary 0x%lx) at %llx: %s",
		  l->req.size, l->req.orig, l->req.alloc_mask,
		  dma_get_min_align_mask(l->req.dev),
		  dma_get_seg_boundary(l->req.dev), l->tlb, broken);
	if (the_case->encrypted)
		CHECK(shim_page_decrypted(l->tlb) ||
		      l->tlb < SHIM_ZONE_DMA_END);	/* the atomic pool */
	oracle_stats.most_used = max(oracle_stats.most_used, ref.used[l->req.mem]);
}

/* A map may fail only if the reference finds no room, either */
static void expect_no_room(const struct live *l)
{
	phys_addr_t room;

	oracle_stats.full++;
	if (oracle_has_limit(the_case)) {
		oracle_expect_full(&l->req, false);
		return;
	}
	/* The reference knows only pools made at boot, since adding others may fail */
	room = ref_room(&ref, &l->req);
	if (!room)
		return;
	oracle_stats.spurious++;
#ifndef ENGINE_base	/* the base ends its search too early, and splits runs at 128 slots */
	check_failed(__FILE__, __LINE__,
		     "%zu bytes of %llx (%zu slots, alloc_mask 0x%x, min_align 0x%x, boundary 0x%lx%s) fail, but fit at %llx",
		     l->req.size, l->req.orig, l->shape.nslots, l->req.alloc_mask,
		     dma_get_min_align_mask(l->req.dev),
		     dma_get_seg_boundary(l->req.dev),
		     l->req.coherent ? ", coherent" : "", room);
#endif
}

/* ---- operations */

static phys_addr_t map_live(const struct live *l, const struct op *op)
{
	unsigned long attrs = DMA_ATTR_NO_WARN |
			      (op->skip_sync ? DMA_ATTR_SKIP_CPU_SYNC : 0);
	phys_addr_t tlb;

	if (op->may_sleep) {
		tlb = oracle_map_sleeping(op, &l->req, l->dir, attrs);
		oracle_stats.full += tlb == MAP_FAILED_ADDR;
		return tlb;
	}
	tlb = map_full(l->req.dev, l->req.orig, l->req.size, l->req.alloc_mask, l->dir, attrs);
	if (tlb == MAP_FAILED_ADDR)
		expect_no_room(l);
	return tlb;
}

static void step_map(const struct op *op)
{
	struct live *l = calloc(1, sizeof(*l));

	l->req.dev = devs[op->dev];
	l->req.mem = the_case->devs[op->dev].mem;
	l->req.size = op->size;
	l->req.alloc_mask = op->alloc_mask;
	l->dir = op->dir;
	if (nlive == MAX_LIVE || !original_get(l, op->offset)) {
		free(l);
		return;
	}
	ref_shape(&l->req, &l->shape);
	l->orig_model = malloc(2 * l->req.size);
	l->slot_model = l->orig_model + l->req.size;
	memset(orig_ptr(l) - GUARD, GUARD_BYTE, GUARD);
	memset(orig_ptr(l) + l->req.size, GUARD_BYTE, GUARD);
	scribble(orig_ptr(l), l->orig_model, l->req.size);

	l->tlb = map_live(l, op);
	expect_same(l, orig_ptr(l), l->orig_model, l->req.size, "original", "map");
	if (l->tlb == MAP_FAILED_ADDR) {
		original_put(l);
		free(l->orig_model);
		free(l);
		return;
	}
	oracle_stats.maps++;
	expect_rules(l);
	if (check_failures())
		return;
	memcpy(l->slot_model, l->orig_model, l->req.size);
	expect_same(l, slot_ptr(l), l->slot_model, l->req.size, "bounce buffer", "map");
	l->home = oracle_home(l->req.dev, l->tlb, l->shape.nslots);
	oracle_stats.larges += l->shape.nslots > IO_TLB_SEGSIZE;
	live[nlive++] = l;
}

static void step_alloc(const struct op *op)
{
#ifdef CONFIG_DMA_RESTRICTED_POOL
	struct live *l;
	struct page *page;

	if (!the_case->restricted_nslots[the_case->devs[op->dev].mem])
		return;
	l = calloc(1, sizeof(*l));
	l->req.dev = devs[op->dev];
	l->req.mem = the_case->devs[op->dev].mem;
	l->req.size = PAGE_ALIGN(min(op->size, 262144U));
	l->req.coherent = true;
	ref_shape(&l->req, &l->shape);
	page = swiotlb_alloc(l->req.dev, l->req.size, 0);
	if (!page || nlive == MAX_LIVE) {
		if (!page)
			expect_no_room(l);
		else
			swiotlb_free(l->req.dev, page, l->req.size);
		free(l);
		return;
	}
	oracle_stats.maps++;
	l->tlb = page_to_phys(page);
	expect_rules(l);
	l->slot_model = malloc(l->req.size);
	scribble(slot_ptr(l), l->slot_model, l->req.size);
	live[nlive++] = l;
#endif
}

static void finish_coherent(struct live *l)
{
#ifdef CONFIG_DMA_RESTRICTED_POOL
	CHECK(swiotlb_free(l->req.dev, phys_to_page(l->tlb), l->req.size));
	free(l->slot_model);
#endif
}

static void finish_streaming(struct live *l, bool skip_sync)
{
	/* The device may write until the unmap */
	if (l->dir != DMA_TO_DEVICE)
		scribble(slot_ptr(l), l->slot_model, l->req.size / 2);
	swiotlb_tbl_unmap_single(l->req.dev, l->tlb, l->req.size, l->dir,
				 skip_sync ? DMA_ATTR_SKIP_CPU_SYNC : 0);
	if (l->dir != DMA_TO_DEVICE && !skip_sync)
		memcpy(l->orig_model, l->slot_model, l->req.size);
	expect_same(l, orig_ptr(l), l->orig_model, l->req.size, "original", "unmap");
	expect_guards(l, "unmap");
	original_put(l);
	free(l->orig_model);
}

static void end_live(unsigned int nr, bool skip_sync)
{
	struct live *l = live[nr];

	live[nr] = live[--nlive];
	oracle_stats.unmaps++;
	CHECK_MSG(shim_page_allocated(l->tlb), "the memory at %llx was freed", l->tlb);
	/* The buffer has the synced data, and no other mapping has written to it */
	expect_same(l, slot_ptr(l), l->slot_model, l->req.size, "bounce buffer",
		    "before unmap");
	ref_give(&ref, l->tlb - l->shape.offset, l->shape.nslots, l->req.mem);
	if (l->req.coherent)
		finish_coherent(l);
	else
		finish_streaming(l, skip_sync);
	free(l);
}

static void step_unmap(const struct op *op)
{
	if (nlive)
		end_live(op->pick % nlive, op->skip_sync);
}

long oracle_used_in(const void *home)
{
	long nslots = 0;
	unsigned int i;

	for (i = 0; i < nlive; i++)
		if (live[i]->home == home)
			nslots += live[i]->shape.nslots;
	return nslots;
}

static void step_sync(const struct op *op, bool for_cpu)
{
	struct live *l;
	size_t off, n;

	if (!nlive)
		return;
	l = live[op->pick % nlive];
	if (l->req.coherent)
		return;
	off = op->offset % l->req.size;
	n = op->size % (l->req.size - off + 1);
	oracle_stats.syncs++;
	if (for_cpu) {
		if (l->dir != DMA_TO_DEVICE)
			scribble(slot_ptr(l) + off / 2, l->slot_model + off / 2, n);
		swiotlb_sync_single_for_cpu(l->req.dev, l->tlb + off, n, l->dir);
		if (l->dir != DMA_TO_DEVICE)
			memcpy(l->orig_model + off, l->slot_model + off, n);
	} else {
		scribble(orig_ptr(l) + off / 2, l->orig_model + off / 2, n);
		swiotlb_sync_single_for_device(l->req.dev, l->tlb + off, n, l->dir);
		if (l->dir != DMA_FROM_DEVICE)
			memcpy(l->slot_model + off, l->orig_model + off, n);
	}
	expect_same(l, orig_ptr(l), l->orig_model, l->req.size, "original", "sync");
	expect_same(l, slot_ptr(l), l->slot_model, l->req.size, "bounce buffer", "sync");
}

static void step_fault(const struct op *op)
{
	static const enum shim_fault_kind kinds[] = {
		SHIM_FAULT_PAGES, SHIM_FAULT_KMALLOC, SHIM_FAULT_CONTIG,
		SHIM_FAULT_ATOMIC_POOL, SHIM_FAULT_DECRYPT,
	};
	unsigned int i;

	shim_fail_none();
	if (op->pick & 1 && (the_case->faults || !oracle_has_limit(the_case)))
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			shim_fail_rate(kinds[i], (op->pick >> 4 * i & 3) * 2);
}

/* Run work, and sometimes let enough time pass to free pools */
static void step_work(const struct op *op)
{
	unsigned int seconds = op->pick % 16 ? 0 : 30;

	shim_run_work();
	shim_advance(op->pick % 2000);
	while (seconds--) {
		shim_advance(HZ);
		shim_run_work();
	}
}

static void check_counters(void)
{
	unsigned int mem;

	if (!IS_ENABLED(CONFIG_DEBUG_FS) || the_case->family == ORACLE_RESTRICTED)
		return;
	if (oracle_has_limit(the_case)) {
		oracle_check_limit(devs);
		return;
	}
	/* The slots in use do not include transient pools */
	if (oracle_grows(the_case)) {
		CHECK(slots_used() <= (long)ref.used[0]);
		return;
	}
	for (mem = 0; mem < ORACLE_NMEMS; mem++) {
		if (mem && !the_case->restricted_nslots[mem])
			continue;
		stats_dir = mem_names[mem];
		CHECK_EQ(slots_used(), ref.used[mem]);
	}
	stats_dir = mem_names[0];
}

/* The first device of a restricted pool sets up the pool, the others share it */
static struct device *make_device(const struct oracle_case *c, unsigned int nr)
{
	unsigned int i, mem = c->devs[nr].mem, nslots = c->restricted_nslots[mem];
	struct device *dev;
	phys_addr_t base;

	if (!nslots)
		return new_device(0, 0);
	for (i = 0; i < nr; i++) {
		if (c->devs[i].mem != mem)
			continue;
		dev = new_device(0, 0);
		dev->dma_io_tlb_mem = devs[i]->dma_io_tlb_mem;
		return dev;
	}
	base = shim_take_ram((size_t)nslots << IO_TLB_SHIFT);
	dev = restricted_device(base, (size_t)nslots << IO_TLB_SHIFT,
				mem ? mem_names[mem] : "oracle");
	ref_add_pool(&ref, &(struct ref_pool){
		.start = base, .nslots = nslots, .nareas = restricted_areas(dev),
		.mem = mem });
	return dev;
}

static void set_path(struct device *dev, unsigned int nr)
{
	const struct oracle_dev *d = &the_case->devs[nr];

	dev->dma_parms->min_align_mask = d->min_align_mask;
	dev->dma_parms->segment_boundary_mask = d->boundary;
	*dev->dma_mask = d->mask;
	dev->bus_dma_limit = d->bus_limit;
	dev->dma_iommu = d->iommu;
	if (!d->bus_offset)
		return;
	ranges[nr][0] = (struct bus_dma_region){
		.cpu_start = 0, .dma_start = d->bus_offset, .size = SHIM_PHYS_END,
	};
	dev->dma_range_map = ranges[nr];
}

/*
 * Replace a device. If its driver has not unmapped all mappings before, their memory must
 * stay until the driver does.
 */
static void step_device(const struct op *op)
{
#if defined(ENGINE_ours) && defined(CONFIG_SWIOTLB_DYNAMIC)
	struct device *dev = devs[op->dev];
	unsigned int i;

	for (i = nlive; i--; ) {
		if (live[i]->req.dev != dev)
			continue;
		if (op->pick & 1)
			end_live(i, op->skip_sync);
		else
			live[i]->req.dev = ended[op->dev];
	}
	end_device(dev);
	oracle_stats.ended++;
	devs[op->dev] = make_device(the_case, op->dev);
	set_path(devs[op->dev], op->dev);
	oracle_give_own(devs[op->dev], op->pick >> 1);
#endif
}

static void do_op(const struct op *op)
{
	shim_set_cpu(op->cpu);
	/* Every eighth operation runs in an interrupt */
	if (op->kind != OP_WORK && op->kind != OP_DEVICE && !op->may_sleep && !(op->pick >> 29))
		shim_hardirq_enter();
	switch (op->kind) {
	case OP_MAP: step_map(op); break;
	case OP_UNMAP: step_unmap(op); break;
	case OP_SYNC_CPU: step_sync(op, true); break;
	case OP_SYNC_DEVICE: step_sync(op, false); break;
	case OP_ALLOC: step_alloc(op); break;
	case OP_WORK: step_work(op); break;
	case OP_FAULT: step_fault(op); break;
	case OP_DEVICE: step_device(op); break;
	}
	shim_hardirq_exit();
}

void oracle_other(const struct op *op)
{
	do_op(op);
	oracle_stats.ops++;
}

void oracle_step(const struct op *op)
{
	do_op(op);
	if (!(++oracle_stats.ops % 64))
		check_counters();
}

static int remap(void *tlb, unsigned long nslabs)
{
	return 0;
}

static void boot_segments(const struct oracle_case *c, const char *arg)
{
	if (c->odd_pages)
		memblock_alloc_low(c->odd_pages * PAGE_SIZE, SZ_256K);
	shim_boot_param("swiotlb", arg);
	swiotlb_init_remap(true, 0, remap);
	swiotlb_update_mem_attributes();
	shim_initcalls_run();
}

/* Returns the address of the next boot pool: default_swiotlb_base() would stop growth */
static phys_addr_t next_high_memory(size_t bytes)
{
	void *next = memblock_alloc(bytes, PAGE_SIZE);

	memblock_free(next, bytes);
	return __pa(next);
}

/* Boot the default allocator. If the reference must know the boot pool, add it */
static void boot_case(const struct oracle_case *c)
{
	struct ref_pool pool = { .nslots = c->nslots, .nareas = c->nareas };
	char arg[48];

	snprintf(arg, sizeof(arg), oracle_has_limit(c) ? "%u,%u,max=%uM%s" : "%u,%u", c->nslots,
		 c->nareas, c->max_mib, c->family == ORACLE_OWN ? ",own" : "");
	switch (c->family) {
	case ORACLE_RESTRICTED:
		boot("512,1");
		return;
	case ORACLE_GROWING:
	case ORACLE_LARGE:
	case ORACLE_OWN:
		if (c->encrypted)
			boot_encrypted(arg);
		else
			boot(arg);
		return;
	case ORACLE_REACH:
		pool.start = next_high_memory((size_t)c->nslots << IO_TLB_SHIFT);
		boot_high(arg);
		break;
	case ORACLE_SEGMENTS:
		boot_segments(c, arg);
		pool.start = default_swiotlb_base();
		pool.segment = IO_TLB_SEGSIZE;
		break;
	default:
		pool.start = boot_fixed(arg, NULL);
	}
	ref_add_pool(&ref, &pool);
}

void oracle_begin(const struct oracle_case *c)
{
	unsigned int i;

	the_case = c;
	shim_init();
	ref_init(&ref);
	shim_nr_cpus = max(c->ncpus, 1U);
	boot_case(c);
	originals_init();
	oracle_sleep_begin(c, &ref);
	for (i = 0; i < ORACLE_NDEVS; i++) {
		devs[i] = make_device(c, i);
		set_path(devs[i], i);
		ended[i] = new_device(0, 0);
		set_path(ended[i], i);
		oracle_give_own(devs[i], ~i);
	}
}

/* Unmap all: then all slots must be free, and the largest mapping must fit */
void oracle_end(void)
{
	struct op op = { .kind = OP_UNMAP };
	struct device *dev = the_case->family == ORACLE_RESTRICTED ?
			     devs[0] : new_device(0, 0);
	size_t max_size;
	unsigned int i;

	shim_fail_none();
	while (nlive && !check_failures())
		oracle_step(&op);
	for (i = 0; i < ORACLE_NMEMS; i++)
		CHECK_EQ(ref.used[i], 0);
	check_counters();
	if (oracle_grows(the_case)) {
		shim_run_work();
		if (IS_ENABLED(CONFIG_DEBUG_FS)) {
			CHECK_EQ(slots_transient(), 0);
			CHECK_EQ(slots_used(), 0);
		}
	}
	for (i = 0; i < ORACLE_NDEVS && the_case->family == ORACLE_OWN; i++)
		step_device(&(struct op){ .dev = i, .pick = 1 });
	oracle_sleep_end();
	dev->dma_parms->min_align_mask = 0;
	dev->dma_parms->segment_boundary_mask = 0;
	dev->dma_range_map = NULL;
	*dev->dma_mask = ~0ULL;
	max_size = min_t(size_t, swiotlb_max_mapping_size(dev),
			 (size_t)the_case->nslots << IO_TLB_SHIFT);
	CHECK(map(dev, large_base, max_size, DMA_TO_DEVICE) != MAP_FAILED_ADDR);
	/* An allocation alignment above a page gives one warning */
	CHECK(shim_reports[SHIM_WARN] <= 1);
	CHECK_EQ(shim_reports[SHIM_MISUSE], 0);
}
