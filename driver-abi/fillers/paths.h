/* SPDX-License-Identifier: GPL-2.0 */
/* Paths of files and cgroups, as the kernel's own objects spell them. */
#ifndef SAKER_PATHS_H
#define SAKER_PATHS_H

#define PATH_COMPONENTS 64
#define CGROUP_COMPONENTS 24
#define CGROUP_CONTROLLERS 16 /* as many as a kernel may have */
#define NAME_BYTES 255

/*
 * The walks are global functions: the verifier looks at each once, whoever calls it. Their position
 * lives in scratch memory, not in a register: a value loaded from a map is unknown to the verifier in
 * every round, so that rounds look alike and are pruned.
 */

/* Puts one name, and a slash before it, in front of path[sc->pos..]; false when it does not fit. */
static __always_inline bool prepend(struct saker_scratch *sc, const void *name, u32 len)
{
	u32 pos = sc->pos;

	if (len > NAME_BYTES)
		len = NAME_BYTES;
	if (pos > SAKER_PATH_MAX || pos < NAME_BYTES + 1)
		return false;
	pos -= len;
	kread(sc->path + (pos & (SAKER_PATH_MAX - 1)), len, name);
	pos -= 1;
	sc->path[pos & (SAKER_PATH_MAX - 1)] = '/';
	sc->pos = pos;
	return true;
}

/* Nothing was put: the root itself. */
static __always_inline u32 walk_done(struct saker_scratch *sc)
{
	if (sc->pos == SAKER_PATH_MAX) {
		sc->pos = SAKER_PATH_MAX - 1;
		sc->path[SAKER_PATH_MAX - 1] = '/';
	}
	return sc->pos;
}

/*
 * Builds the path of (vfsmnt, dentry) from the back of the scratch path, through mounts up to the
 * root of the mount namespace. Returns where it starts, with SAKER_VF_TRUNCATED << 16 when it was
 * cut: the walk is bounded, and a concurrent rename may mix old and new names, as in d_path().
 * Without a mount (vfsmnt 0) it is the path up to the root of the file system.
 * sc->mount_pos, 0 before, becomes the position of the name of (vfsmnt)'s own root; it stays 0 when the
 * way does not end at the root of a namespace.
 */
SAKER_SUBPROGRAM u32 saker_walk_path(scratch_area area, u64 dentry_at, u64 vfsmnt_at)
{
	struct saker_scratch *sc = scratch_of(area);
	struct dentry *dentry = (void *)dentry_at;
	saker_mount_t *mnt = saker_mount_of(vfsmnt_at);
	int i;

	if (!sc)
		return SAKER_PATH_MAX | SAKER_VF_FAULT << 16;
	sc->pos = SAKER_PATH_MAX;
	for (i = 0; i < PATH_COMPONENTS; i++) {
		struct dentry *parent = KREAD(dentry, d_parent);

		if (vfsmnt_at && dentry == KREAD(mnt, mnt.mnt_root)) {
			saker_mount_t *up = saker_mount_up(mnt);

			if (up == mnt) {
				walk_done(sc);
				if (!sc->mount_pos)
					sc->mount_pos = sc->pos;
				return sc->pos;
			}
			if (!up)
				break;
			if (!sc->mount_pos)
				sc->mount_pos = sc->pos;
			dentry = saker_mount_point(mnt);
			mnt = up;
			continue;
		}
		if (dentry == parent) {
			sc->mount_pos = 0;
			return walk_done(sc);
		}
		if (!prepend(sc, KREAD(dentry, d_name.name),
			     KREAD(dentry, d_name.len)))
			break;
		dentry = parent;
	}
	return sc->pos | SAKER_VF_TRUNCATED << 16;
}

/* Path of a cgroup in its hierarchy, in the same way. */
SAKER_SUBPROGRAM u32 saker_walk_cgroup(scratch_area area, u64 kn_at)
{
	struct saker_scratch *sc = scratch_of(area);
	struct kernfs_node *kn = (void *)kn_at;
	int i;

	if (!sc)
		return SAKER_PATH_MAX | SAKER_VF_FAULT << 16;
	sc->pos = SAKER_PATH_MAX;
	for (i = 0; i < CGROUP_COMPONENTS; i++) {
		struct kernfs_node *parent = saker_kn_parent(kn);
		const char *name = saker_kn_name(kn);
		s64 len;

		if (!parent)
			return walk_done(sc);
		/* Measured in the unused upper half, then copied before what is there. */
		len = kread_str(sc->path + SAKER_PATH_MAX, NAME_BYTES + 1, name);
		if (len <= 1)
			return walk_done(sc);
		if (!prepend(sc, name, len - 1))
			break;
		kn = parent;
	}
	return sc->pos | SAKER_VF_TRUNCATED << 16;
}

/*
 * The group of the first controller with a hierarchy of its own (version 1) in which the task is not at the
 * root, 0 when there is none. Container engines make a group in each of these hierarchies, and what the
 * default one says of the task then is where its engine was started.
 */
SAKER_SUBPROGRAM u64 saker_controller_group(u64 set_at)
{
	u32 i;

	for (i = 0; i < CGROUP_CONTROLLERS; i++) {
		struct kernfs_node *kn = saker_controller_kn((struct css_set *)set_at, i);

		if (saker_kn_parent(kn))
			return (u64)kn;
	}
	return 0;
}

/* Path of the default hierarchy; with hierarchies of version 1 a NUL and the path of one of them. */
static __always_inline u64 put_cgroups(struct saker_scratch *sc, scratch_area area,
				       struct task_struct *task)
{
	u64 controller = saker_controller_group((u64)saker_task_css_set(task));
	u32 off = sc->off, flags, at;
	u8 *to;

	at = saker_walk_cgroup(area, (u64)saker_task_cgroup_kn(task));
	flags = put_path(sc, at & 0xffff, at >> 16) >> 32 & 0xffff;
	to = room(sc);
	if (controller && to) {
		*to = 0;
		sc->off += 1;
		at = saker_walk_cgroup(area, controller);
		flags |= put_path(sc, at & 0xffff, at >> 16) >> 32 & 0xffff;
	}
	return var_slot(off, sc->off - off, flags, 0);
}

static __always_inline u64 put_walk(struct saker_scratch *sc, scratch_area area, struct dentry *dentry,
				    struct vfsmount *mnt)
{
	u32 at = saker_walk_path(area, (u64)dentry, (u64)mnt);

	return put_path(sc, at & 0xffff, at >> 16);
}

#endif /* SAKER_PATHS_H */
