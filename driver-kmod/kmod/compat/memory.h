/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads that may fail, from any context that has no locks of memory management: kernel memory behind
 * pointers that may be stale, user memory without waiting for a page.
 */
#ifndef SAKER_COMPAT_MEMORY_H
#define SAKER_COMPAT_MEMORY_H

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 8, 0)
#include <linux/kasan-checks.h>
#else
#define kasan_check_write(to, size) ((void)0)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#include <linux/kmsan-checks.h>
#else
#define kmsan_unpoison_memory(to, size) ((void)0)
#endif

/*
 * All memory of the kernel is above PAGE_OFFSET, and all addresses there are canonical. Kernels before
 * 5.10 do not refuse user addresses themselves, those around 5.0 warn of addresses that are neither.
 */
static inline bool saker_is_kernel_range(const void *from, size_t size)
{
	unsigned long start = (unsigned long)from;

	return start >= PAGE_OFFSET && start + size >= start;
}

/* Does not depend on the thread's address limit, which old kernels have. */
static inline bool saker_is_user_range(const void __user *from, size_t size)
{
	unsigned long start = (__force unsigned long)from;

	return size <= TASK_SIZE_MAX && start <= TASK_SIZE_MAX - size;
}

/* Renamed in 5.8. */
#ifdef SAKER_HAVE_COPY_FROM_KERNEL_NOFAULT
#define saker_copy_kernel(to, from, size) copy_from_kernel_nofault(to, from, size)
#else
#define saker_copy_kernel(to, from, size) probe_kernel_read(to, (void *)(from), size)
#endif

/* 0, or -EFAULT and `to` is zero. */
static inline int saker_kread(void *to, size_t size, const void *from)
{
	if (likely(saker_is_kernel_range(from, size)) && likely(!saker_copy_kernel(to, from, size)))
		return 0;
	memset(to, 0, size);
	return -EFAULT;
}

/* Bytes that were not read. Not the checking variants: they look up `to` under a lock. */
static inline unsigned long saker_copy_user(void *to, const void __user *from, size_t size)
{
	unsigned long left;

	kasan_check_write(to, size);
	pagefault_disable();
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 12, 0)
	left = raw_copy_from_user(to, from, size);
#else
	left = __copy_from_user_inatomic(to, from, size);
#endif
	pagefault_enable();
	kmsan_unpoison_memory(to, size - left);
	return left;
}

/* 0, or -EFAULT and `to` is zero. */
static inline int saker_uread(void *to, size_t size, const void __user *from)
{
	if (likely(saker_is_user_range(from, size)) && likely(!saker_copy_user(to, from, size)))
		return 0;
	memset(to, 0, size);
	return -EFAULT;
}

/*
 * Strings (compat/strings.c): bytes read with the NUL; `size` and a NUL at the end of `to` when it was
 * cut; -EFAULT when memory ends before the string does.
 */
long saker_kread_str(char *to, size_t size, const char *from);
long saker_uread_str(char *to, size_t size, const char __user *from);

#endif /* SAKER_COMPAT_MEMORY_H */
