/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The head of the kernel's struct mount, which modules are not shown (fs/mount.h). The same from 3.3 to
 * 7.x; features.c compares it with a real mount when the module is loaded.
 */
#ifndef SAKER_COMPAT_MOUNT_H
#define SAKER_COMPAT_MOUNT_H

#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/path.h>

struct saker_mount {
	void *hash[2];
	struct saker_mount *parent;
	struct dentry *mountpoint;
	struct vfsmount mnt;
};

/* features.c: may paths be followed through struct saker_mount? */
bool saker_mounts_known(void);

/*
 * The path on which `mnt` is mounted, all of it read by saker_kread(); false at the root of a namespace
 * or when the layout is not known.
 */
static inline bool saker_mount_parent(const struct vfsmount *mnt, struct vfsmount **parent_mnt,
				      struct dentry **mountpoint)
{
	const struct saker_mount *at = container_of(mnt, struct saker_mount, mnt);
	struct saker_mount *parent = NULL;

	if (!saker_mounts_known())
		return false;
	saker_kread(&parent, sizeof(parent), &at->parent);
	if (!parent || parent == at)
		return false;
	*parent_mnt = &parent->mnt;
	return !saker_kread(mountpoint, sizeof(*mountpoint), &at->mountpoint);
}

#endif /* SAKER_COMPAT_MOUNT_H */
