/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's copies of names. */
#ifndef SAKER_COMPAT_NAMES_H
#define SAKER_COMPAT_NAMES_H

#include <linux/fs.h>
#include <linux/sched.h>

/* Whether a name that is opened is the one that the call of `task` was given at `pointer`. */
static inline bool saker_is_given(struct task_struct *task, struct filename *name, u64 pointer)
{
#ifdef SAKER_HAVE_FILENAME_UPTR
	const char __user *uptr = NULL;

	saker_kread(&uptr, sizeof(uptr), &name->uptr);
	return (unsigned long)uptr == pointer;
#else /* 7.0: an exec looks for its own before it is marked as one, and for interpreters after it */
	return !task->in_execve;
#endif
}

/* Whether a name came from a program. The kernel opens files by names of its own, too: core dumps, interpreters. */
static inline bool saker_is_programs(const struct filename *name)
{
#ifdef SAKER_HAVE_FILENAME_UPTR
	const char __user *uptr = NULL;

	saker_kread(&uptr, sizeof(uptr), &name->uptr);
	return uptr;
#else /* 7.0 */
	return !(current->flags & PF_DUMPCORE);
#endif
}

#endif /* SAKER_COMPAT_NAMES_H */
