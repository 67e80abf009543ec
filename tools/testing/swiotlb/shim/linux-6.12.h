/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Adapts swiotlb.c of Linux 6.12 to the interface of 7.3, for which the tests are
 * written. Forced into every file after shim.h if ENGINE_SRC has the interface of 6.12.
 * BASE_SRC must then be a tree of that version, too.
 */
#ifndef SHIM_LINUX_6_12_H
#define SHIM_LINUX_6_12_H

#ifdef SHIM_OLD_ENGINE

/* In 7.3, and so in the shim, this function has one more parameter */
#define dma_alloc_from_pool(dev, size, vaddr, gfp, ok) \
	dma_alloc_from_pool(dev, size, vaddr, gfp, 0, ok)

/* Queues the release of the memory of a pool; 7.3 uses queue_rcu_work() for this */
static inline void shim_call_rcu(struct rcu_head *head,
				 void (*func)(struct rcu_head *head))
{
	void (*hook)(void) = shim_after_queue_rcu_work;

	call_rcu(head, func);
	shim_after_queue_rcu_work = NULL;
	if (hook)
		hook();
}

#define call_rcu(head, func) shim_call_rcu(head, func)

#ifndef SHIM_BENCH
/*
 * 6.12 calls set_memory_*() for all pools, encrypted or not, and even in atomic context, which
 * 7.3 has fixed. Do not report this: it would hide the reports that tests look for.
 */
static inline int shim_unchecked(int (*set)(unsigned long addr, int npages),
				 unsigned long addr, int npages)
{
	struct shim_task *t = shim_current();
	int err;

	t->may_sleep = true;
	err = set(addr, npages);
	t->may_sleep = false;
	return err;
}

#define set_memory_encrypted(addr, npages) \
	shim_unchecked(set_memory_encrypted, addr, npages)
#define set_memory_decrypted(addr, npages) \
	shim_unchecked(set_memory_decrypted, addr, npages)
#endif

/* The setup function sets rmem->ops, which has all other callbacks */
#undef RESERVEDMEM_OF_DECLARE
#define RESERVEDMEM_OF_DECLARE(name, compat, setup)			\
	static int shim_node_init_##name(unsigned long node,		\
					 struct reserved_mem *rmem)	\
	{								\
		rmem->fdt_node = node;					\
		return setup(rmem);					\
	}								\
	static int shim_device_init_##name(struct reserved_mem *rmem,	\
					   struct device *dev)		\
	{								\
		return rmem->ops->device_init(rmem, dev);		\
	}								\
	static void shim_device_release_##name(struct reserved_mem *rmem, \
					       struct device *dev)	\
	{								\
		rmem->ops->device_release(rmem, dev);			\
	}								\
	static const struct reserved_mem_ops shim_rmem_ops_##name = {	\
		.node_init = shim_node_init_##name,			\
		.device_init = shim_device_init_##name,			\
		.device_release = shim_device_release_##name,		\
	};								\
	SHIM_ENTRY(shim_rmems, struct reserved_mem_ops *, shim_rmem_##name, \
		   (struct reserved_mem_ops *)&shim_rmem_ops_##name)

#else

/* The tests call these functions, which have other parameters in 7.3 */
#define swiotlb_tbl_map_single(dev, phys, size, mask, dir, attrs) \
	swiotlb_tbl_map_single(dev, phys, size, mask, dir, *(attrs))
#define swiotlb_alloc(dev, size, attrs) ((void)(attrs), swiotlb_alloc(dev, size))

#endif /* SHIM_OLD_ENGINE */
#endif
