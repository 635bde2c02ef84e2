// SPDX-License-Identifier: GPL-2.0
/* What this kernel allows beyond the least: found out once at load, or when a session starts. */
#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/path.h>

#include "saker_kmod.h"

/* Mounts every system has; one of them has to be a mount and the layout right for all that are. */
static const char *const sample_mounts[] = { "/proc", "/sys", "/dev" };

static bool mounts_known __read_mostly;

bool saker_mounts_known(void)
{
	return mounts_known;
}

/* 1 when our view of the mount and the kernel's agree, -1 when they do not, 0 when `name` is no mount. */
static int compare_mount(const char *name)
{
	struct saker_mount *parent = NULL;
	struct dentry *mountpoint = NULL;
	const struct saker_mount *mount;
	struct super_block *sb = NULL;
	struct path path;
	int verdict = 0;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return 0;
	mount = container_of(path.mnt, struct saker_mount, mnt);
	saker_kread(&parent, sizeof(parent), &mount->parent);
	saker_kread(&mountpoint, sizeof(mountpoint), &mount->mountpoint);
	if (parent)
		saker_kread(&sb, sizeof(sb), &parent->mnt.mnt_sb);

	/* To where the mount is mounted, by the kernel itself. */
	if (path.dentry == path.mnt->mnt_root && follow_up(&path))
		verdict = parent && path.mnt == &parent->mnt && path.dentry == mountpoint &&
			  path.dentry->d_sb == sb ? 1 : -1;
	path_put(&path);
	return verdict;
}

void saker_features_init(void)
{
	int agreed = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sample_mounts); i++) {
		int verdict = compare_mount(sample_mounts[i]);

		if (verdict < 0) {
			agreed = 0;
			break;
		}
		agreed += verdict;
	}
	mounts_known = agreed > 0;
	if (!mounts_known)
		pr_warn("saker: %s: files have no real paths, and others are without what their file systems are mounted on\n",
			i < ARRAY_SIZE(sample_mounts) ? "an unknown layout of mounts" :
							"none of /proc, /sys and /dev is a mount");
}

u32 saker_features(void)
{
	u32 told = saker_session_told();
	u32 features = 0;

	if (mounts_known)
		features |= SAKER_KMF_MOUNTS;
	if (told & SAKER_SESSION_ACTED)
		features |= SAKER_KMF_ACTED;
	if (told & SAKER_SESSION_NAMES)
		features |= SAKER_KMF_NAMES;
	if (told & SAKER_SESSION_OPENED)
		features |= SAKER_KMF_OPENED;
	if (told & SAKER_SESSION_ADDRESSES)
		features |= SAKER_KMF_ADDRESSES;
	if (told & SAKER_SESSION_URING)
		features |= SAKER_KMF_URING;
	if (!saker_has_rings())
		features |= SAKER_KMF_NO_URING;
	return features;
}
