// SPDX-License-Identifier: GPL-2.0
/* 4.17 and back-ported: memory of other processes without their mappings of files. */
/* EXPORT: access_process_vm */
#include <linux/mm.h>
#include <linux/version.h>

#if defined(SAKER_NO_SYMVERS) && LINUX_VERSION_CODE < KERNEL_VERSION(4, 11, 0)
#error "nobody says whether it is exported"
#endif

/* Until 4.9 the last parameter said whether to write. */
static int wanted(struct task_struct *task, unsigned long from, void *to, int size, unsigned int flags)
{
	return size;
}

_Static_assert(__builtin_types_compatible_p(typeof(&access_process_vm), typeof(&wanted)),
	       "another signature");
_Static_assert(FOLL_ANON != 0, "no such flag");
