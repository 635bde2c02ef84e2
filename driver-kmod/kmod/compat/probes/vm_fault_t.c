// SPDX-License-Identifier: GPL-2.0
/* 4.17: what a fault returns has a type of its own. */
#include <linux/mm.h>

static vm_fault_t fault_vm_fault_t(struct vm_fault *vmf)
{
	return 0;
}

_Static_assert(__builtin_types_compatible_p(typeof(((struct vm_operations_struct *)0)->fault),
					    typeof(&fault_vm_fault_t)),
	       "another signature");
