// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let QEMU's device "edu" read and write the pages of a mapping through the IOMMU: the
 * buffer, and the rest of the first and of the last page.
 *
 * Reading debugfs edutest/cases maps a buffer for each of the cases, in both directions.
 * First it puts other data where the mapping will probably be. The format of a line is
 *
 *	OFFSET SIZE KEPT DIRECTION REUSED BOUNCED WRONG PADDING LEFTOVER
 *
 * where OFFSET is from the start of a page; KEPT is 1 if the driver has asked to preserve
 * the offset (min_align_mask); REUSED is 1 if the mapping is where the other data were,
 * BOUNCED is 1 if the device got another address than that of the buffer, WRONG the
 * number of bytes of the buffer that did not arrive, PADDING that of the bytes around it
 * that the device reached, and LEFTOVER how many of these held other data (TO), or were
 * changed in memory by the device (FROM).
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

/* Registers of the device, and the memory in it */
#define EDU_SOURCE	0x80
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_START	BIT(0)
#define EDU_TO_MEMORY	BIT(1)
#define EDU_MEMORY	0x40000
/* Some versions refuse to transfer all of their memory at once. */
#define EDU_CHUNK	2048

/* Patterns of the buffer, the device, earlier data and the memory around the buffer; none is 0 */
#define BUFFER		0x11
#define DEVICE		0x22
#define OTHER		0x33
#define AROUND		0x44

static const struct {
	unsigned int offset, size;
} cases[] = {
	{ 0, 1 }, { 1, 1 }, { 4095, 1 }, { 512, 512 }, { 3584, 512 },
	{ 2048, 2048 }, { 4095, 2 }, { 3, 4096 }, { 2049, 8190 },
	{ 0, 4097 }, { 4094, 65536 }, { 512, 200 << 10 },
};

struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	/* A page outside of the mapping: holds the data that the device has read, or writes */
	u8 *page;
	dma_addr_t page_dma;
	struct dentry *dir;
};

static int edu_transfer(struct edu *edu, u64 source, u64 target, u32 command)
{
	u32 busy;

	writeq(source, edu->regs + EDU_SOURCE);
	writeq(target, edu->regs + EDU_TARGET);
	writeq(EDU_CHUNK, edu->regs + EDU_COUNT);
	writel(command | EDU_START, edu->regs + EDU_COMMAND);
	do {
		msleep(20);
		busy = readl(edu->regs + EDU_COMMAND) & EDU_START;
	} while (busy && !signal_pending(current));
	return busy ? -EINTR : 0;
}

/* Let the device copy a page. */
static int edu_copy_page(struct edu *edu, dma_addr_t from, dma_addr_t to)
{
	unsigned int done;
	int err = 0;

	for (done = 0; !err && done < PAGE_SIZE; done += EDU_CHUNK) {
		err = edu_transfer(edu, from + done, EDU_MEMORY, 0);
		if (!err)
			err = edu_transfer(edu, EDU_MEMORY, to + done, EDU_TO_MEMORY);
	}
	return err;
}

/* Transfers are slow, so let the device access only the first two and the last two pages. */
static bool edu_inspected(unsigned int n, unsigned int pages)
{
	return n < 2 || n + 2 >= pages;
}

/* Count the bytes from @at to @end that lie in the page, at @first, and are not @value. */
static unsigned int edu_differ(const u8 *page, unsigned long first, unsigned long at,
			       unsigned long end, u8 value)
{
	unsigned int n = 0;

	at = max(at, first);
	end = min(end, first + PAGE_SIZE);
	for (; at < end; at++)
		n += page[at - first] != value;
	return n;
}

/* @offset: of the buffer; @first: of the mapping, as the device sees it. */
struct edu_case {
	unsigned int offset, size, first, wrong, padding, leftover;
	bool kept, reused, bounced;
};

/* Let the device read page @n of the mapping, or write to it. */
static int edu_page(struct edu *edu, struct edu_case *c, dma_addr_t iova, unsigned int n,
		    enum dma_data_direction dir)
{
	unsigned long first = n * PAGE_SIZE, end = c->first + c->size;
	int err;

	if (dir == DMA_FROM_DEVICE)
		return edu_copy_page(edu, edu->page_dma, iova + first);
	err = edu_copy_page(edu, iova + first, edu->page_dma);
	if (err)
		return err;
	c->wrong += edu_differ(edu->page, first, c->first, end, BUFFER);
	c->leftover += edu_differ(edu->page, first, 0, c->first, 0) +
		       edu_differ(edu->page, first, end, ULONG_MAX, 0);
	return 0;
}

/* Map and unmap other data of @pages pages, less two bytes; return its first physical page. */
static phys_addr_t edu_dirty(struct edu *edu, u8 *buffer, unsigned int pages)
{
	struct device *dev = &edu->pdev->dev;
	size_t size = pages * PAGE_SIZE - 2;
	phys_addr_t phys = 0;
	dma_addr_t iova;

	memset(buffer, OTHER, pages * PAGE_SIZE);
	iova = dma_map_single(dev, buffer + 1, size, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, iova))
		return 0;
	phys = iommu_iova_to_phys(iommu_get_domain_for_dev(dev), iova);
	dma_unmap_single(dev, iova, size, DMA_TO_DEVICE);
	return phys & PAGE_MASK;
}

static int edu_run(struct edu *edu, struct edu_case *c, enum dma_data_direction dir)
{
	unsigned long end = c->offset + c->size;
	unsigned int pages = DIV_ROUND_UP(end, PAGE_SIZE), seen, n;
	struct device *dev = &edu->pdev->dev;
	phys_addr_t phys, before;
	dma_addr_t iova;
	int err = 0;
	u8 *buffer;

	buffer = alloc_pages_exact(pages * PAGE_SIZE, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;

	before = edu_dirty(edu, buffer, pages);
	memset(buffer, AROUND, pages * PAGE_SIZE);
	memset(buffer + c->offset, BUFFER, c->size);
	memset(edu->page, DEVICE, PAGE_SIZE);
	iova = dma_map_single(dev, buffer + c->offset, c->size, dir);
	if (dma_mapping_error(dev, iova)) {
		err = -EIO;
		goto out;
	}
	phys = iommu_iova_to_phys(iommu_get_domain_for_dev(dev), iova);
	c->reused = (phys & PAGE_MASK) == before;
	c->bounced = phys != virt_to_phys(buffer + c->offset);
	c->first = offset_in_page(iova);
	seen = DIV_ROUND_UP(c->first + c->size, PAGE_SIZE);
	c->padding = seen * PAGE_SIZE - c->size;
	for (n = 0; !err && n < seen; n++) {
		if (edu_inspected(n, seen))
			err = edu_page(edu, c, iova & PAGE_MASK, n, dir);
	}
	dma_unmap_single(dev, iova, c->size, dir);
	if (dir == DMA_TO_DEVICE || err)
		goto out;
	for (n = 0; n < pages; n++) {
		const u8 *page = buffer + n * PAGE_SIZE;
		unsigned long first = n * PAGE_SIZE;

		/* Check one page less at each end: the device may see another offset. */
		if (pages <= 4 || !n || n + 1 == pages)
			c->wrong += edu_differ(page, first, c->offset, end, DEVICE);
		c->leftover += edu_differ(page, first, 0, c->offset, AROUND) +
			       edu_differ(page, first, end, ULONG_MAX, AROUND);
	}
out:
	free_pages_exact(buffer, pages * PAGE_SIZE);
	return err;
}

static int cases_show(struct seq_file *seq, void *unused)
{
	struct edu *edu = seq->private;
	unsigned int i;

	for (i = 0; i < 4 * ARRAY_SIZE(cases); i++) {
		struct edu_case c = {
			.offset = cases[i / 4].offset, .size = cases[i / 4].size,
			.kept = i & 2,
		};
		int err;

		dma_set_min_align_mask(&edu->pdev->dev, c.kept ? PAGE_SIZE - 1 : 0);
		err = edu_run(edu, &c, i & 1 ? DMA_FROM_DEVICE : DMA_TO_DEVICE);
		if (err)
			return err;
		if (c.kept && c.first != c.offset)
			c.wrong = c.size;
		seq_printf(seq, "%u %u %d %s %d %d %u %u %u\n", c.offset, c.size, c.kept,
			   i & 1 ? "from" : "to", c.reused, c.bounced, c.wrong, c.padding,
			   c.leftover);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cases);

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct edu *edu;
	int err;

	edu = devm_kzalloc(dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	err = pcim_enable_device(pdev);
	if (!err)
		err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (err)
		return err;
	edu->regs = pcim_iomap(pdev, 0, 0);
	edu->page = dmam_alloc_coherent(dev, PAGE_SIZE, &edu->page_dma, GFP_KERNEL);
	if (!edu->regs || !edu->page)
		return -ENOMEM;
	pci_set_master(pdev);
	edu->dir = debugfs_create_dir("edutest", NULL);
	debugfs_create_file("cases", 0400, edu->dir, edu, &cases_fops);
	pci_set_drvdata(pdev, edu);
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);

	debugfs_remove(edu->dir);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver edu_driver = {
	.name = "edutest",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
builtin_pci_driver(edu_driver);
