/* SPDX-License-Identifier: GPL-2.0 */
/* Files and inodes. */
#ifndef SAKER_COMPAT_INODE_H
#define SAKER_COMPAT_INODE_H

#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/magic.h>

/* 3.18 */
#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif

/* 4.19: this open made the file. Older kernels do not tell: SAKER_FILE_CREATED is never set there. */
#ifndef FMODE_CREATED
#define FMODE_CREATED ((__force fmode_t)0)
#endif

/*
 * Times of an inode that may go away, or was never there: 0 then. Not by inode_get_ctime(), whose loads are plain.
 */
#ifdef SAKER_HAVE_INODE_TIME_WORDS /* 6.11 */

/* 6.13: somebody has looked at the time; no part of it. */
#ifndef I_CTIME_QUERIED
#define I_CTIME_QUERIED (1U << 31)
#endif

static inline u64 saker_time_ns(const time64_t *sec_at, const u32 *nsec_at)
{
	time64_t sec = 0;
	u32 nsec = 0;

	saker_kread(&sec, sizeof(sec), sec_at);
	saker_kread(&nsec, sizeof(nsec), nsec_at);
	return sec * NSEC_PER_SEC + (nsec & ~I_CTIME_QUERIED);
}

#define SAKER_CTIME_NS(inode) saker_time_ns(&(inode)->i_ctime_sec, &(inode)->i_ctime_nsec)
#define SAKER_MTIME_NS(inode) saker_time_ns(&(inode)->i_mtime_sec, &(inode)->i_mtime_nsec)

#else

/* struct timespec64, before 4.18 struct timespec. */
#define SAKER_TIME_NS(inode, member)                                                               \
	({                                                                                         \
		typeof(((struct inode *)0)->member) time__;                                        \
		saker_kread(&time__, sizeof(time__), &(inode)->member);                            \
		(u64)(time__.tv_sec * NSEC_PER_SEC + time__.tv_nsec);                              \
	})

#ifdef SAKER_HAVE_INODE_CTIME_RENAMED /* 6.6 */
#define SAKER_CTIME_NS(inode) SAKER_TIME_NS(inode, __i_ctime)
#else
#define SAKER_CTIME_NS(inode) SAKER_TIME_NS(inode, i_ctime)
#endif
#ifdef SAKER_HAVE_INODE_MTIME_RENAMED /* 6.7 */
#define SAKER_MTIME_NS(inode) SAKER_TIME_NS(inode, __i_mtime)
#else
#define SAKER_MTIME_NS(inode) SAKER_TIME_NS(inode, i_mtime)
#endif

#endif

static inline u64 saker_inode_ctime_ns(const struct inode *inode)
{
	return SAKER_CTIME_NS(inode);
}

static inline u64 saker_inode_mtime_ns(const struct inode *inode)
{
	return SAKER_MTIME_NS(inode);
}

/*
 * Has an overlay inodes of its own, with the upper dentry in them? From 4.13 on; RHEL 7 back-ported that in the midst
 * of its life. An inode that is part of something larger is made by the file system itself.
 */
static inline bool saker_overlay_has_inodes(const struct super_block *sb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 13, 0)
	return true;
#else
	const struct super_operations *operations = NULL;
	void *alloc_inode = NULL;

	saker_kread(&operations, sizeof(operations), &sb->s_op);
	saker_kread(&alloc_inode, sizeof(alloc_inode), &operations->alloc_inode);
	return alloc_inode;
#endif
}

/*
 * Where overlay keeps the upper dentry of what a file was opened as, for saker_kread(); NULL on other file systems.
 * By the file's name: before 4.19 the inode of an open file is the one below overlay, and so is its magic.
 */
static inline const void *saker_overlay_upper_at(const struct file *file, const struct inode *opened,
						 unsigned long magic)
{
	struct super_block *sb = NULL;
	struct dentry *dentry = NULL;
	const void *at = NULL;

	saker_kread(&dentry, sizeof(dentry), &file->f_path.dentry);
	saker_kread(&sb, sizeof(sb), &dentry->d_sb);
	saker_kread(&magic, sizeof(magic), &sb->s_magic);
	if (magic != OVERLAYFS_SUPER_MAGIC)
		return NULL;
	if (saker_overlay_has_inodes(sb)) {
		/* Right behind the VFS inode of overlay's own. */
		saker_kread(&at, sizeof(at), &dentry->d_inode);
		return at ? at + sizeof(struct inode) : NULL;
	}
	/* First of what belongs to the dentry. */
	saker_kread(&at, sizeof(at), &dentry->d_fsdata);
	return at;
}

#endif /* SAKER_COMPAT_INODE_H */
