// SPDX-License-Identifier: GPL-2.0-only
/* Parts of a map and unmap besides the allocator: locks, interrupts. */
#include "bench.h"

static spinlock_t lock;

static void lock_pairs(void *ctx, unsigned long n)
{
	unsigned long flags;

	while (n--) {
		spin_lock_irqsave(&lock, flags);
		spin_unlock_irqrestore(&lock, flags);
	}
}

static void irq_pairs(void *ctx, unsigned long n)
{
	unsigned long flags;

	while (n--) {
		local_irq_save(flags);
		local_irq_restore(flags);
	}
}

BENCH_GROUP(parts, NULL, 2)
{
	spin_lock_init(&lock);
	emit(measure(lock_pairs, NULL), "part/lock");
	emit(measure(irq_pairs, NULL), "part/irq");
}
