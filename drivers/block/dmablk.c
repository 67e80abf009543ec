// SPDX-License-Identifier: GPL-2.0-only
/*
 * A block device to test and measure DMA mappings.
 *
 * Each request is mapped with the DMA API, then "transferred" by a CPU that
 * plays the device, unmapped and completed. There is no bus, no interrupt and no
 * other process whose cost would distort the figures. Requests that the block layer
 * submits together are mapped before the first of them is transferred, so that
 * as many mappings are in flight as with a device that has a queue.
 *
 * dmablk.transfer selects how the device accesses the memory:
 *
 *	none	nothing
 *	touch	reads or writes one word of each cache line
 *	store	copies the data from or to a store of its own; only with this does
 *		the disk return the data written to it
 *
 * dmablk.remote selects the CPU that plays the device: the submitting CPU (0) or the
 * next one (1). With 1, rq_affinity of the queue decides which of the two CPUs unmaps
 * and completes the request.
 *
 * dmablk.bounced counts requests that were mapped to a bounce buffer. Writing to it
 * sets it to 0.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/cpumask.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define DMABLK_SEGMENTS	64

static const char * const dmablk_transfers[] = { "none", "touch", "store" };

enum { DMABLK_NONE, DMABLK_TOUCH, DMABLK_STORE };

static unsigned int dmablk_mib = 64;
module_param_named(mib, dmablk_mib, uint, 0444);
MODULE_PARM_DESC(mib, "Size of the disk in MiB, 0 for no disk");

static unsigned int dmablk_depth = 256;
module_param_named(depth, dmablk_depth, uint, 0444);
MODULE_PARM_DESC(depth, "Requests in flight in each queue, of which there is one a CPU");

static bool dmablk_remote;
module_param_named(remote, dmablk_remote, bool, 0644);
MODULE_PARM_DESC(remote, "Whether another CPU than the one that submits plays the device");

static int dmablk_transfer;

/**
 * struct dmablk_queue - requests that are mapped and not transferred yet
 * @requests:	newest first
 * @work:	transfers them on another CPU
 * @bounced:	approximate number of requests that were mapped to a bounce buffer
 */
struct dmablk_queue {
	struct llist_head requests;
	struct work_struct work;
	unsigned long bounced;
} ____cacheline_aligned_in_smp;

/**
 * struct dmablk_request - private data of each struct request
 * @node:	in the list of its queue
 * @status:	its result
 * @nents:	number of entries of @sg to unmap
 * @sg:		its segments
 */
struct dmablk_request {
	struct llist_node node;
	blk_status_t status;
	int nents;
	struct scatterlist sg[DMABLK_SEGMENTS];
};

static struct {
	struct platform_device *pdev;
	struct blk_mq_tag_set tags;
	struct gendisk *disk;
	struct dmablk_queue *queues;
	unsigned int nr_queues;
	struct workqueue_struct *workers;
	void *store;
} dmablk;

static int dmablk_set_transfer(const char *value, const struct kernel_param *kp)
{
	int found = sysfs_match_string(dmablk_transfers, value);

	if (found < 0)
		return found;
	dmablk_transfer = found;
	return 0;
}

static int dmablk_get_transfer(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", dmablk_transfers[dmablk_transfer]);
}

static const struct kernel_param_ops dmablk_transfer_ops = {
	.set = dmablk_set_transfer,
	.get = dmablk_get_transfer,
};
module_param_cb(transfer, &dmablk_transfer_ops, NULL, 0644);
MODULE_PARM_DESC(transfer, "What is done with the data: none, touch or store");

static int dmablk_reset_bounced(const char *value, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < dmablk.nr_queues; i++)
		WRITE_ONCE(dmablk.queues[i].bounced, 0);
	return 0;
}

static int dmablk_get_bounced(char *buffer, const struct kernel_param *kp)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < dmablk.nr_queues; i++)
		sum += READ_ONCE(dmablk.queues[i].bounced);
	return sysfs_emit(buffer, "%lu\n", sum);
}

static const struct kernel_param_ops dmablk_bounced_ops = {
	.set = dmablk_reset_bounced,
	.get = dmablk_get_bounced,
};
module_param_cb(bounced, &dmablk_bounced_ops, NULL, 0644);
MODULE_PARM_DESC(bounced, "Requests that were mapped to other memory than their own");

/* Access one word of each cache line, to move the line at the lowest cost. */
static void dmablk_touch(unsigned long *data, unsigned int bytes, bool write)
{
	unsigned int i, step = L1_CACHE_BYTES / sizeof(*data);

	for (i = 0; i < bytes / sizeof(*data); i += step) {
		if (write)
			(void)READ_ONCE(data[i]);
		else
			WRITE_ONCE(data[i], i);
	}
}

/* Physical address of the memory that the device accesses. */
static phys_addr_t dmablk_phys(struct scatterlist *sg)
{
	return dma_to_phys(&dmablk.pdev->dev, sg_dma_address(sg));
}

static void dmablk_do_transfer(struct request *rq)
{
	struct dmablk_request *cmd = blk_mq_rq_to_pdu(rq);
	void *store = dmablk.store + (blk_rq_pos(rq) << SECTOR_SHIFT);
	bool write = op_is_write(req_op(rq));
	int transfer = READ_ONCE(dmablk_transfer), i;
	struct scatterlist *sg;

	if (transfer == DMABLK_NONE)
		return;
	for_each_sg(cmd->sg, sg, cmd->nents, i) {
		void *data = phys_to_virt(dmablk_phys(sg));
		unsigned int bytes = sg_dma_len(sg);

		if (transfer == DMABLK_TOUCH)
			dmablk_touch(data, bytes, write);
		else if (write)
			memcpy(store, data, bytes);
		else
			memcpy(data, store, bytes);
		store += bytes;
	}
}

static void dmablk_complete(struct request *rq)
{
	struct dmablk_request *cmd = blk_mq_rq_to_pdu(rq);

	dma_unmap_sg(&dmablk.pdev->dev, cmd->sg, cmd->nents, rq_dma_dir(rq));
	blk_mq_end_request(rq, cmd->status);
}

/* Play the device for all waiting requests, oldest first. */
static void dmablk_run(struct dmablk_queue *queue, bool remote)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&queue->requests));
	struct dmablk_request *cmd, *next;

	llist_for_each_entry_safe(cmd, next, list, node) {
		struct request *rq = blk_mq_rq_from_pdu(cmd);

		dmablk_do_transfer(rq);
		if (!remote)
			dmablk_complete(rq);
		else if (!blk_mq_complete_request_remote(rq))
			dmablk_complete(rq);
	}
}

static void dmablk_work(struct work_struct *work)
{
	dmablk_run(container_of(work, struct dmablk_queue, work), true);
}

static void dmablk_commit(struct blk_mq_hw_ctx *hctx)
{
	struct dmablk_queue *queue = hctx->driver_data;
	int cpu = raw_smp_processor_id();

	if (!READ_ONCE(dmablk_remote))
		dmablk_run(queue, false);
	else
		queue_work_on(cpumask_next_wrap(cpu, cpu_online_mask), dmablk.workers,
			      &queue->work);
}

static blk_status_t dmablk_queue_rq(struct blk_mq_hw_ctx *hctx,
				    const struct blk_mq_queue_data *bd)
{
	struct dmablk_queue *queue = hctx->driver_data;
	struct request *rq = bd->rq;
	struct dmablk_request *cmd = blk_mq_rq_to_pdu(rq);
	int nents;

	blk_mq_start_request(rq);
	sg_init_table(cmd->sg, DMABLK_SEGMENTS);
	nents = blk_rq_map_sg(rq, cmd->sg);
	cmd->status = BLK_STS_OK;
	cmd->nents = nents;
	if (dma_map_sg(&dmablk.pdev->dev, cmd->sg, nents, rq_dma_dir(rq)) != nents) {
		/* Transfer the requests mapped so far, or their buffers are never freed. */
		dmablk_commit(hctx);
		return BLK_STS_RESOURCE;
	}
	if (dmablk_phys(cmd->sg) != sg_phys(cmd->sg))
		WRITE_ONCE(queue->bounced, queue->bounced + 1);
	llist_add(&cmd->node, &queue->requests);
	if (bd->last)
		dmablk_commit(hctx);
	return BLK_STS_OK;
}

static int dmablk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	hctx->driver_data = &dmablk.queues[index];
	return 0;
}

static const struct blk_mq_ops dmablk_mq_ops = {
	.queue_rq	= dmablk_queue_rq,
	.commit_rqs	= dmablk_commit,
	.complete	= dmablk_complete,
	.init_hctx	= dmablk_init_hctx,
};

static const struct block_device_operations dmablk_ops = {
	.owner		= THIS_MODULE,
};

static int dmablk_alloc_queues(unsigned int count)
{
	unsigned int i;

	dmablk.queues = kcalloc(count, sizeof(*dmablk.queues), GFP_KERNEL);
	if (!dmablk.queues)
		return -ENOMEM;
	dmablk.nr_queues = count;
	for (i = 0; i < count; i++) {
		init_llist_head(&dmablk.queues[i].requests);
		INIT_WORK(&dmablk.queues[i].work, dmablk_work);
	}
	dmablk.tags.ops = &dmablk_mq_ops;
	dmablk.tags.nr_hw_queues = count;
	dmablk.tags.queue_depth = dmablk_depth;
	dmablk.tags.cmd_size = sizeof(struct dmablk_request);
	dmablk.tags.numa_node = NUMA_NO_NODE;
	return blk_mq_alloc_tag_set(&dmablk.tags);
}

static int dmablk_add_disk(void)
{
	struct queue_limits limits = {
		.max_segments		= DMABLK_SEGMENTS,
		.max_hw_sectors		= SZ_1M >> SECTOR_SHIFT,
		.dma_alignment		= 3,
	};

	dmablk.disk = blk_mq_alloc_disk(&dmablk.tags, &limits, NULL);
	if (IS_ERR(dmablk.disk))
		return PTR_ERR(dmablk.disk);
	strscpy(dmablk.disk->disk_name, "dmablk0");
	dmablk.disk->fops = &dmablk_ops;
	set_capacity(dmablk.disk, (sector_t)dmablk_mib << (20 - SECTOR_SHIFT));
	return add_disk(dmablk.disk);
}

static void dmablk_free(void)
{
	if (!IS_ERR_OR_NULL(dmablk.disk))
		put_disk(dmablk.disk);
	if (dmablk.tags.tags)
		blk_mq_free_tag_set(&dmablk.tags);
	if (dmablk.workers)
		destroy_workqueue(dmablk.workers);
	kfree(dmablk.queues);
	vfree(dmablk.store);
	if (!IS_ERR_OR_NULL(dmablk.pdev))
		platform_device_unregister(dmablk.pdev);
}

/* The device exists even without a disk, so that dma_map_benchmark can bind to it. */
static int dmablk_create(void)
{
	const struct platform_device_info info = {
		.name		= "dmablk",
		.id		= PLATFORM_DEVID_NONE,
		.dma_mask	= DMA_BIT_MASK(64),
	};
	int err;

	dmablk.pdev = platform_device_register_full(&info);
	if (IS_ERR(dmablk.pdev))
		return PTR_ERR(dmablk.pdev);
	/* The driver can translate only addresses of dma-direct. */
	if (get_dma_ops(&dmablk.pdev->dev))
		return -ENODEV;
	if (!dmablk_mib)
		return 0;
	dmablk.store = vzalloc((size_t)dmablk_mib << 20);
	dmablk.workers = alloc_workqueue("dmablk", WQ_PERCPU | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!dmablk.store || !dmablk.workers)
		return -ENOMEM;
	err = dmablk_alloc_queues(num_online_cpus());
	return err ?: dmablk_add_disk();
}

static int __init dmablk_init(void)
{
	int err = dmablk_create();

	if (err) {
		pr_err("no disk: error %d\n", err);
		dmablk_free();
	}
	return err;
}

static void __exit dmablk_exit(void)
{
	if (dmablk.disk)
		del_gendisk(dmablk.disk);
	dmablk_free();
}

module_init(dmablk_init);
module_exit(dmablk_exit);

MODULE_DESCRIPTION("Block device that exists for its DMA mappings");
MODULE_LICENSE("GPL");
