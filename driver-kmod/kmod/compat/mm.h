/* SPDX-License-Identifier: GPL-2.0 */
/* Memory of processes, mappings. */
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

/*
 * Pages that a process has of one kind (MM_*), of memory that may go away. Counters of several CPUs can be below
 * zero for a moment.
 */
static inline u64 saker_mm_pages(const struct mm_struct *mm, int kind)
{
#ifdef SAKER_HAVE_RSS_PERCPU /* 6.2 */
	s64 pages = 0;

	saker_kread(&pages, sizeof(pages), &mm->rss_stat[kind].count);
#else
	long pages = 0;

	saker_kread(&pages, sizeof(pages), &mm->rss_stat.count[kind].counter);
#endif
	return pages < 0 ? 0 : pages;
}

/* As get_mm_rss(). */
static inline u64 saker_mm_rss_pages(const struct mm_struct *mm)
{
	u64 pages = saker_mm_pages(mm, MM_FILEPAGES) + saker_mm_pages(mm, MM_ANONPAGES);

#ifdef SAKER_HAVE_MM_SHMEMPAGES /* 4.5: before that they are among those of files */
	pages += saker_mm_pages(mm, MM_SHMEMPAGES);
#endif
	return pages;
}

static inline u64 saker_mm_swap_pages(const struct mm_struct *mm)
{
	return saker_mm_pages(mm, MM_SWAPENTS);
}

/* compat/attach.c. For mappings whose pages are all there: a fault is a SIGBUS. */
extern const struct vm_operations_struct saker_no_fault_ops;

#endif /* SAKER_COMPAT_MM_H */
