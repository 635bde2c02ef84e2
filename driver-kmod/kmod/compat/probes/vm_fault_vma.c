// SPDX-License-Identifier: GPL-2.0
/* 4.11: a fault handler has one parameter. */
#include <linux/mm.h>

static int fault_vm_fault_vma(struct vm_fault *vmf)
{
	return 0;
}

_Static_assert(__builtin_types_compatible_p(typeof(((struct vm_operations_struct *)0)->fault),
					    typeof(&fault_vm_fault_vma)),
	       "another signature");
