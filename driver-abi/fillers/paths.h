/* SPDX-License-Identifier: GPL-2.0 */
/* Paths of files and cgroups, as the kernel's own objects spell them. */
#ifndef SAKER_PATHS_H
#define SAKER_PATHS_H

/*
 * A walk goes in steps. The verifier looks at each function once, whoever calls it and however often, so a step costs it
 * WALK_ROUNDS rounds and the steps next to nothing; kernels that have a helper for loops are newer.
 */
#define WALK_ROUNDS 64 /* names and mounts, or groups, of one step */
#define WALK_STEPS 64  /* of one walk: 4096 rounds, each of which an adversary can make for the price of a mkdir(2) */
#define CGROUP_CONTROLLERS 16 /* as many as a kernel may have */
#define NAME_BYTES 255

/* Of a path that does not fit, whole names stay: its end from TAIL_FROM on, and HEAD_UPTO bytes, about, of its beginning. */
#define TAIL_FROM (SAKER_PATH_MAX - 1024)
#define HEAD_UPTO 1024
#define GAP "/..."
#define GAP_BYTES 4

/* How a walk ended. */
enum walk_end {
	WALK_ON,      /* not yet */
	WALK_ROOT,    /* at the root */
	WALK_ASTRAY,  /* at the end of what is known: the layout of mounts is not */
};

/*
 * The walks are global functions: the verifier looks at each once, whoever calls it. Their position
 * lives in scratch memory, not in a register: a value loaded from a map is unknown to the verifier in
 * every round, so that rounds look alike and are pruned.
 */

SAKER_INLINE void walk_begin(struct saker_scratch *sc, u64 at, u64 mnt)
{
	sc->at = at;
	sc->mnt = mnt;
	sc->pos = sc->head_end = sc->tail_pos = SAKER_PATH_MAX;
	sc->mount_pos = sc->short_of = 0;
}

/*
 * Makes room: what stands between the beginning of the path so far and its end is left out. Either consists of whole
 * names, so the file keeps its name, and whoever it belongs to by its first directories keeps it.
 */
SAKER_SUBPROGRAM u32 saker_shorten(scratch_area area)
{
	struct saker_scratch *sc = scratch_of(area);
	u32 pos, head_end, len, gap, to;

	if (!sc)
		return 0;
	pos = sc->pos;
	head_end = sc->head_end;
	gap = (sc->tail_pos - GAP_BYTES) & (SAKER_PATH_MAX - 1);
	len = (head_end - pos) & (2 * HEAD_UPTO - 1);
	to = (gap - len) & (SAKER_PATH_MAX - 1);
	kread(sc->path + to, len, sc->path + (pos & (SAKER_PATH_MAX - 1)));
	__builtin_memcpy(sc->path + gap, GAP, GAP_BYTES);
	if (sc->mount_pos && sc->mount_pos < sc->tail_pos)
		sc->mount_pos = sc->mount_pos < head_end ? sc->mount_pos - pos + to : gap;
	sc->pos = to;
	sc->short_of = 1;
	return 0;
}

/* Puts one name, and a slash before it, in front of path[sc->pos..]. */
SAKER_INLINE void prepend(struct saker_scratch *sc, scratch_area area, const void *name, u32 len)
{
	u32 pos;

	if (len > NAME_BYTES)
		len = NAME_BYTES;
	/* One byte stays: a position of 0 is none. */
	if (sc->pos < len + 2)
		saker_shorten(area);
	pos = sc->pos - len;
	kread(sc->path + (pos & (SAKER_PATH_MAX - 1)), len, name);
	pos -= 1;
	sc->path[pos & (SAKER_PATH_MAX - 1)] = '/';
	sc->pos = pos;
	if (pos >= HEAD_UPTO)
		sc->head_end = pos;
	if (pos >= TAIL_FROM)
		sc->tail_pos = pos;
}

/*
 * Where the path starts, with SAKER_VF_* << 16 when it is not what the kernel would spell. Of a path whose beginning
 * was not reached nothing is told: nobody shall take it for an absolute one.
 */
SAKER_INLINE u32 walk_done(struct saker_scratch *sc, u32 end)
{
	u32 pos = sc->pos;

	/* Nothing was put: the root itself. */
	if (pos == SAKER_PATH_MAX) {
		pos = SAKER_PATH_MAX - 1;
		sc->path[SAKER_PATH_MAX - 1] = '/';
	}
	if (end == WALK_ON)
		return SAKER_PATH_MAX | SAKER_VF_TRUNCATED << 16;
	if (end == WALK_ASTRAY)
		return pos | SAKER_VF_TRUNCATED << 16;
	return pos | (sc->short_of ? SAKER_VF_SHORTENED << 16 : 0);
}

/* One step of saker_walk_path(): its enum walk_end. */
SAKER_SUBPROGRAM u32 saker_walk_names(scratch_area area)
{
	struct saker_scratch *sc = scratch_of(area);
	struct dentry *dentry;
	saker_mount_t *mnt;
	int i;

	if (!sc)
		return WALK_ASTRAY;
	dentry = (void *)sc->at;
	mnt = (void *)sc->mnt;
	for (i = 0; i < WALK_ROUNDS; i++) {
		struct dentry *parent = KREAD(dentry, d_parent);

		if (mnt && dentry == KREAD(mnt, mnt.mnt_root)) {
			saker_mount_t *up = saker_mount_up(mnt);

			if (!up)
				return WALK_ASTRAY;
			if (!sc->mount_pos)
				sc->mount_pos = up == mnt && sc->pos == SAKER_PATH_MAX ? SAKER_PATH_MAX - 1
										       : sc->pos;
			if (up == mnt)
				return WALK_ROOT;
			dentry = saker_mount_point(mnt);
			mnt = up;
			continue;
		}
		if (dentry == parent) {
			sc->mount_pos = 0;
			return WALK_ROOT;
		}
		prepend(sc, area, KREAD(dentry, d_name.name), KREAD(dentry, d_name.len));
		dentry = parent;
	}
	sc->at = (u64)dentry;
	sc->mnt = (u64)mnt;
	return WALK_ON;
}

/*
 * Builds the path of (vfsmnt, dentry) from the back of the scratch path, through mounts up to the
 * root of the mount namespace; returns as walk_done(). A concurrent rename may mix old and new names, as in d_path().
 * Without a mount (vfsmnt 0) it is the path up to the root of the file system.
 * sc->mount_pos becomes the position of the name of (vfsmnt)'s own root; it is 0 when the
 * way does not lead there, or does not end at the root of a namespace.
 */
SAKER_SUBPROGRAM u32 saker_walk_path(scratch_area area, u64 dentry_at, u64 vfsmnt_at)
{
	struct saker_scratch *sc = scratch_of(area);
	u32 end = WALK_ON;
	int i;

	if (!sc)
		return SAKER_PATH_MAX | SAKER_VF_FAULT << 16;
	walk_begin(sc, dentry_at, vfsmnt_at ? (u64)saker_mount_of(vfsmnt_at) : 0);
	for (i = 0; i < WALK_STEPS && end == WALK_ON; i++)
		end = saker_walk_names(area);
	return walk_done(sc, end);
}

/* One step of saker_walk_cgroup(): its enum walk_end. */
SAKER_SUBPROGRAM u32 saker_walk_groups(scratch_area area)
{
	struct saker_scratch *sc = scratch_of(area);
	struct kernfs_node *kn;
	int i;

	if (!sc)
		return WALK_ASTRAY;
	kn = (void *)sc->at;
	for (i = 0; i < WALK_ROUNDS; i++) {
		struct kernfs_node *parent = saker_kn_parent(kn);
		const char *name = saker_kn_name(kn);
		s64 len;

		if (!parent)
			return WALK_ROOT;
		/* Measured in the unused upper half, then copied before what is there. */
		len = kread_str(sc->path + SAKER_PATH_MAX, NAME_BYTES + 1, name);
		if (len <= 1)
			return WALK_ROOT;
		prepend(sc, area, name, len - 1);
		kn = parent;
	}
	sc->at = (u64)kn;
	return WALK_ON;
}

/* Path of a cgroup in its hierarchy, in the same way. */
SAKER_SUBPROGRAM u32 saker_walk_cgroup(scratch_area area, u64 kn_at)
{
	struct saker_scratch *sc = scratch_of(area);
	u32 end = WALK_ON;
	int i;

	if (!sc)
		return SAKER_PATH_MAX | SAKER_VF_FAULT << 16;
	walk_begin(sc, kn_at, 0);
	for (i = 0; i < WALK_STEPS && end == WALK_ON; i++)
		end = saker_walk_groups(area);
	return walk_done(sc, end);
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
SAKER_INLINE u64 put_cgroups(struct saker_scratch *sc, scratch_area area,
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

SAKER_INLINE u64 put_walk(struct saker_scratch *sc, scratch_area area, struct dentry *dentry,
			  struct vfsmount *mnt)
{
	u32 at = saker_walk_path(area, (u64)dentry, (u64)mnt);

	return put_path(sc, at & 0xffff, at >> 16);
}

#endif /* SAKER_PATHS_H */
