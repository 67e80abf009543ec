// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device with a small DMA mask that reads dma-bufs, to test their exporters.
 *
 * Each open file of /dev/dmabuf_reader imports one dma-buf for a device with a DMA mask of
 * DMABUF_READER_BITS bits. A read of the file returns the data that the device would see: the
 * memory at the DMA addresses of the mapping. If swiotlb bounced the buffer, the file returns
 * the bounce buffer: a sync that is missing, too short or too long is visible in the data.
 *
 * As for a real device, only the DMA addresses and lengths of the mapping are used.
 */

#define pr_fmt(fmt) "dmabuf_reader: " fmt

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>
#include <linux/uaccess.h>

#define DMABUF_READER_BITS	30

/**
 * struct dmabuf_reader_info - how a dma-buf is mapped
 * @bytes:	size of the mapping
 * @bounced:	bytes of it that are in bounce buffers
 * @last:	highest DMA address
 * @chunks:	number of DMA ranges
 * @largest:	bytes of the largest range
 */
struct dmabuf_reader_info {
	__u64 bytes;
	__u64 bounced;
	__u64 last;
	__u32 chunks;
	__u32 largest;
};

/**
 * struct dmabuf_reader_part - a part of a dma-buf
 * @offset:	first byte
 * @bytes:	size
 */
struct dmabuf_reader_part {
	__u64 offset;
	__u64 bytes;
};

/* Map the dma-buf with this file descriptor. */
#define DMABUF_READER_IMPORT	_IOW('r', 0, __s32)
#define DMABUF_READER_INFO	_IOR('r', 1, struct dmabuf_reader_info)
/* Sync a part of the buffer for the device, without the exporter. */
#define DMABUF_READER_SYNC	_IOW('r', 2, struct dmabuf_reader_part)
/* Unmap and forget the dma-buf. */
#define DMABUF_READER_RELEASE	_IO('r', 3)

/**
 * struct dmabuf_reader - an open file
 * @lock:	protects all other members
 * @attach:	the imported dma-buf, or %NULL
 * @sgt:	its mapping
 */
struct dmabuf_reader {
	struct mutex lock;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
};

static struct device *dmabuf_reader_dev;

static void dmabuf_reader_release_buffer(struct dmabuf_reader *reader)
{
	struct dma_buf_attachment *attach = reader->attach;
	struct dma_buf *dmabuf;

	if (!attach)
		return;
	dmabuf = attach->dmabuf;
	dma_buf_unmap_attachment_unlocked(attach, reader->sgt, DMA_TO_DEVICE);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
	reader->attach = NULL;
}

static int dmabuf_reader_map(struct dmabuf_reader *reader, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach = dma_buf_attach(dmabuf, dmabuf_reader_dev);
	struct sg_table *sgt;

	if (IS_ERR(attach))
		return PTR_ERR(attach);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	if (IS_ERR(sgt)) {
		dma_buf_detach(dmabuf, attach);
		return PTR_ERR(sgt);
	}
	reader->attach = attach;
	reader->sgt = sgt;
	return 0;
}

static int dmabuf_reader_import(struct dmabuf_reader *reader, const __s32 __user *arg)
{
	struct dma_buf *dmabuf;
	__s32 fd;
	int err;

	if (get_user(fd, arg))
		return -EFAULT;
	if (reader->attach)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	err = dmabuf_reader_map(reader, dmabuf);
	if (err)
		dma_buf_put(dmabuf);
	return err;
}

static phys_addr_t dmabuf_reader_phys(struct scatterlist *sg)
{
	return dma_to_phys(dmabuf_reader_dev, sg_dma_address(sg));
}

static int dmabuf_reader_info(struct dmabuf_reader *reader,
			      struct dmabuf_reader_info __user *arg)
{
	struct dmabuf_reader_info info = {};
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(reader->sgt, sg, i) {
		u32 bytes = sg_dma_len(sg);

		info.bytes += bytes;
		if (swiotlb_find_pool(dmabuf_reader_dev, dmabuf_reader_phys(sg)))
			info.bounced += bytes;
		info.last = max_t(u64, info.last, sg_dma_address(sg) + bytes - 1);
		info.chunks++;
		info.largest = max(info.largest, bytes);
	}
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* Return how many of the @bytes from @offset on lie below @len. */
static size_t dmabuf_reader_overlap(u64 offset, u64 bytes, size_t len)
{
	return offset < len ? min_t(u64, bytes, len - offset) : 0;
}

static int dmabuf_reader_sync(struct dmabuf_reader *reader,
			      const struct dmabuf_reader_part __user *arg)
{
	struct dmabuf_reader_part part;
	struct scatterlist *sg;
	int i;

	if (copy_from_user(&part, arg, sizeof(part)))
		return -EFAULT;
	for_each_sgtable_dma_sg(reader->sgt, sg, i) {
		size_t len = sg_dma_len(sg);
		size_t n = dmabuf_reader_overlap(part.offset, part.bytes, len);

		if (n)
			dma_sync_single_range_for_device(dmabuf_reader_dev, sg_dma_address(sg),
							 part.offset, n, DMA_TO_DEVICE);
		part.bytes -= n;
		part.offset = n ? 0 : part.offset - len;
		if (!part.bytes)
			break;
	}
	return 0;
}

static long dmabuf_reader_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dmabuf_reader *reader = file->private_data;
	void __user *user = (void __user *)arg;

	guard(mutex)(&reader->lock);
	if (cmd == DMABUF_READER_IMPORT)
		return dmabuf_reader_import(reader, user);
	if (!reader->attach)
		return -ENODATA;
	switch (cmd) {
	case DMABUF_READER_INFO:
		return dmabuf_reader_info(reader, user);
	case DMABUF_READER_SYNC:
		return dmabuf_reader_sync(reader, user);
	case DMABUF_READER_RELEASE:
		dmabuf_reader_release_buffer(reader);
		return 0;
	}
	return -ENOTTY;
}

static ssize_t dmabuf_reader_read(struct file *file, char __user *to, size_t bytes, loff_t *pos)
{
	struct dmabuf_reader *reader = file->private_data;
	u64 offset = *pos;
	struct scatterlist *sg;
	size_t done = 0;
	int i;

	guard(mutex)(&reader->lock);
	if (!reader->attach)
		return -ENODATA;
	for_each_sgtable_dma_sg(reader->sgt, sg, i) {
		size_t len = sg_dma_len(sg);
		size_t n = dmabuf_reader_overlap(offset, bytes - done, len);

		if (copy_to_user(to + done, phys_to_virt(dmabuf_reader_phys(sg)) + offset, n))
			return -EFAULT;
		done += n;
		offset = n ? 0 : offset - len;
		if (done == bytes)
			break;
	}
	*pos += done;
	return done;
}

static int dmabuf_reader_open(struct inode *inode, struct file *file)
{
	struct dmabuf_reader *reader = kzalloc_obj(*reader);

	if (!reader)
		return -ENOMEM;
	mutex_init(&reader->lock);
	file->private_data = reader;
	return 0;
}

static int dmabuf_reader_close(struct inode *inode, struct file *file)
{
	struct dmabuf_reader *reader = file->private_data;

	dmabuf_reader_release_buffer(reader);
	mutex_destroy(&reader->lock);
	kfree(reader);
	return 0;
}

static const struct file_operations dmabuf_reader_fops = {
	.owner		= THIS_MODULE,
	.open		= dmabuf_reader_open,
	.release	= dmabuf_reader_close,
	.read		= dmabuf_reader_read,
	.unlocked_ioctl	= dmabuf_reader_ioctl,
};

static struct miscdevice dmabuf_reader_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dmabuf_reader",
	.fops	= &dmabuf_reader_fops,
};

static int __init dmabuf_reader_init(void)
{
	const struct platform_device_info info = {
		.name		= "dmabuf_reader",
		.id		= PLATFORM_DEVID_NONE,
		.dma_mask	= DMA_BIT_MASK(DMABUF_READER_BITS),
	};
	struct platform_device *pdev = platform_device_register_full(&info);
	int err;

	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	dmabuf_reader_dev = &pdev->dev;
	/* Only addresses of dma-direct can be translated. */
	err = get_dma_ops(dmabuf_reader_dev) ? -ENODEV : misc_register(&dmabuf_reader_misc);
	if (err) {
		pr_err("no device: error %d\n", err);
		platform_device_unregister(pdev);
	}
	return err;
}
device_initcall(dmabuf_reader_init);
