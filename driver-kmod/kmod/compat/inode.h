/* SPDX-License-Identifier: GPL-2.0 */
/* Files and inodes. */
#ifndef SAKER_COMPAT_INODE_H
#define SAKER_COMPAT_INODE_H

#include <linux/fdtable.h>
#include <linux/fs.h>

/* 4.19: this open made the file. */
#ifndef FMODE_CREATED
#define FMODE_CREATED ((__force fmode_t)0)
#endif

#ifdef SAKER_HAVE_INODE_GET_CTIME /* 6.6 */
#define SAKER_INODE_CTIME(inode) inode_get_ctime(inode)
#else
#define SAKER_INODE_CTIME(inode) ((inode)->i_ctime)
#endif
#ifdef SAKER_HAVE_INODE_GET_MTIME /* 6.7 */
#define SAKER_INODE_MTIME(inode) inode_get_mtime(inode)
#else
#define SAKER_INODE_MTIME(inode) ((inode)->i_mtime)
#endif

/* ns since the epoch; struct timespec64, before 4.18 struct timespec. */
#define SAKER_TIME_NS(time)                                                                        \
	({                                                                                         \
		typeof(time) time__ = (time);                                                      \
		(u64)(time__.tv_sec * NSEC_PER_SEC + time__.tv_nsec);                              \
	})

/* Times of an inode that somebody holds. */
static inline u64 saker_inode_ctime_ns(const struct inode *inode)
{
	return SAKER_TIME_NS(SAKER_INODE_CTIME(inode));
}

static inline u64 saker_inode_mtime_ns(const struct inode *inode)
{
	return SAKER_TIME_NS(SAKER_INODE_MTIME(inode));
}

/*
 * A task's file by descriptor, not referenced: it may be closed at any moment, so what is read from it
 * is read by saker_kread(). NULL when there is none.
 */
static inline struct file *saker_fd_file(const struct task_struct *task, u64 fd)
{
	struct files_struct *files = NULL;
	struct file **array = NULL;
	struct file *file = NULL;
	struct fdtable *fdt = NULL;
	unsigned int max_fds = 0;

	saker_kread(&files, sizeof(files), &task->files);
	if (!files)
		return NULL;
	saker_kread(&fdt, sizeof(fdt), &files->fdt);
	saker_kread(&max_fds, sizeof(max_fds), &fdt->max_fds);
	saker_kread(&array, sizeof(array), &fdt->fd);
	if (fd >= max_fds)
		return NULL;
	saker_kread(&file, sizeof(file), array + fd);
	return file;
}

#endif /* SAKER_COMPAT_INODE_H */
