/* SPDX-License-Identifier: GPL-2.0 */
/* Mappings. */
#ifndef SAKER_COMPAT_MM_H
#define SAKER_COMPAT_MM_H

#include <linux/mm.h>

/* vm_flags are changed by functions since 6.3 and RHEL 9.3. */
static inline void saker_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef SAKER_HAVE_VM_FLAGS_CLEAR
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/* compat/attach.c. For mappings whose pages are all there: a fault is a SIGBUS. */
extern const struct vm_operations_struct saker_no_fault_ops;

#endif /* SAKER_COMPAT_MM_H */
