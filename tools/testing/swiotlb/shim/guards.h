/* SPDX-License-Identifier: GPL-2.0-only */
/* Shim: the lock guards of <linux/cleanup.h> that the kernel's headers define. */
#ifndef SHIM_GUARDS_H
#define SHIM_GUARDS_H

#ifdef SHIM_COVERAGE
/* The macro of the kernel has an if (0), which would count as a branch of the engine */
#undef __scoped_guard
#define __scoped_guard(_name, _label, args...)				\
	for (int _label = 1; _label; _label = 0)			\
		for (CLASS(_name, scope)(args); _label; _label = 0)
#endif

DEFINE_LOCK_GUARD_1(spinlock, spinlock_t, spin_lock(_T->lock),
		    spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1_COND(spinlock, _try, spin_trylock(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_irq, spinlock_t, spin_lock_irq(_T->lock),
		    spin_unlock_irq(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_irqsave, spinlock_t,
		    spin_lock_irqsave(_T->lock, _T->flags),
		    spin_unlock_irqrestore(_T->lock, _T->flags),
		    unsigned long flags)
DEFINE_LOCK_GUARD_1_COND(spinlock_irqsave, _try,
			 spin_trylock_irqsave(_T->lock, _T->flags))
DEFINE_LOCK_GUARD_1(mutex, struct mutex, mutex_lock(_T->lock),
		    mutex_unlock(_T->lock))
DEFINE_LOCK_GUARD_1_COND(mutex, _try, mutex_trylock(_T->lock))
DEFINE_LOCK_GUARD_0(rcu, rcu_read_lock(), rcu_read_unlock())
DEFINE_LOCK_GUARD_0(preempt, preempt_disable(), preempt_enable())
DEFINE_LOCK_GUARD_0(irqsave, local_irq_save(_T->flags),
		    local_irq_restore(_T->flags), unsigned long flags)
DEFINE_FREE(kfree, void *, if (!IS_ERR_OR_NULL(_T)) kfree(_T))
DEFINE_FREE(kvfree, void *, if (!IS_ERR_OR_NULL(_T)) kvfree(_T))

#endif
