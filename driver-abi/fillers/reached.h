/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens with the file they reached: a name can lead anywhere (symbolic links, /proc/PID/root, bind mounts,
 * another root, handles), and another thread may rewrite it while the kernel looks. The descriptor that came
 * back is no name. Dearer than the plain filler of the same event, so it takes its place only when asked for.
 */
#ifndef SAKER_REACHED_H
#define SAKER_REACHED_H

/* The events that have it: as in the event table. */
#define SAKER_REACHED(X)                                                                           \
	X(OPEN, open, FILE)                                                                        \
	X(OPENAT, openat, FILE)                                                                    \
	X(OPENAT2, openat2, FILE)                                                                  \
	X(CREAT, creat, FILE)

/* Whether a file is in no directory: its dentry is its own parent and no mount's root. */
SAKER_INLINE bool is_alone(struct file *file)
{
	struct dentry *dentry = KREAD(file, f_path.dentry);

	return KREAD(dentry, d_parent) == dentry && dentry != KREAD(file, f_path.mnt, mnt_root);
}

/* What a file is called. All empty when it has no name, or none any more. */
struct reached {
	u64 real;	/* slots of the parameters */
	u64 mount_at;
	u64 mount_root;
};

SAKER_INLINE bool is_named(const struct reached *what)
{
	return var_len(what->real) != 0;
}

/* No directory has it under this name any more, or never had. */
SAKER_INLINE bool is_nameless(struct dentry *dentry)
{
	return KREAD(dentry, d_parent) == dentry || !KREAD(dentry, d_hash.pprev);
}

/* Path of a dentry in a mount; `with_root` is false when the record has the mount's directory already. */
SAKER_INLINE void put_called(struct saker_scratch *sc, scratch_area area, struct dentry *dentry,
			     struct vfsmount *mnt, bool with_root, struct reached *out)
{
	struct dentry *root = KREAD(mnt, mnt_root);
	u32 at, pos, start;
	bool truncated;

	at = saker_walk_path(area, (u64)dentry, (u64)mnt);
	pos = sc->mount_pos;
	start = at & 0xffff;
	truncated = at >> 16 & SAKER_VF_TRUNCATED;
	/* The way up does not lead through the mount: no name of the file. */
	if (!pos || (!truncated && pos < start)) {
		out->real = var_slot(0, 0, at >> 16, 0);
		return;
	}
	/* It was too long: the part in the mount is enough for the host's name. */
	if (truncated)
		start = pos;
	out->real = put_path(sc, start, at >> 16);
	out->mount_at = pos - start;
	if (!with_root || root == KREAD(mnt, mnt_sb, s_root))
		return;
	at = saker_walk_path(area, (u64)root, 0);
	out->mount_root = put_path(sc, at & 0xffff, at >> 16);
}

SAKER_INLINE void put_reached(struct saker_scratch *sc, scratch_area area,
			      struct file *file, struct reached *out)
{
	struct dentry *dentry = KREAD(file, f_path.dentry);
	struct vfsmount *mnt = KREAD(file, f_path.mnt);

	out->real = out->mount_at = out->mount_root = 0;
	/*
	 * Pipes, sockets and memory files are their own parents and in no directory; a removed file keeps the
	 * name that may be another's by now.
	 */
	if (dentry != KREAD(mnt, mnt_root) && is_nameless(dentry))
		return;
	put_called(sc, area, dentry, mnt, true, out);
}

/*
 * The file that an open has made. Under its number may be another one by now, which another thread has put there; the one
 * that was made is known where the kernel's function can be looked at (given.h), for as long as somebody has it open.
 */
SAKER_INLINE struct file *opened_by(struct call *c, bool typed)
{
	struct file *file = file_of(c->task, c->ret, typed), *made;
	u64 inode = 0;

	if (c->ret < 0)
		return NULL;
	made = take_opened(c->task, &inode);
	return made && made != file && (u64)KREAD(made, f_inode) == inode ? made : file;
}

#define GATHER(EV, name, type, source, n) GATHER_##source(SAKER_P_##EV##_##name, SAKER_T_##type, n)
#define GATHER_RET FILL_RET
#define GATHER_ARG FILL_ARG
#define GATHER_HOW(slot, type, n) FILL_HOW_OF(file, slot, n)
#define GATHER_FACTS FILL_FACTS
#define GATHER_DEV FILL_DEV
#define GATHER_INO FILL_INO
#define GATHER_USTR(slot, type, n) slots[slot] = put_user_str(sc, c->args[n], NULL);
#define GATHER_REAL(slot, type, n) slots[slot] = reached.n;

/* The last size holds three paths. */
SAKER_INLINE void emit_reached(struct saker_scratch *sc, struct subject *to, u16 event,
			       u16 nparams, u32 cls)
{
	u16 flags = ((struct saker_hdr *)sc->rec)->flags;
	u32 len = sc->off;

	if (emit_sized(sc, to, len, 256, event, nparams, flags, cls) ||
	    emit_sized(sc, to, len, 512, event, nparams, flags, cls) ||
	    emit_sized(sc, to, len, 1024, event, nparams, flags, cls) ||
	    emit_sized(sc, to, len, 16384, event, nparams, flags, cls))
		return;
	count_drop(to->counters, SAKER_DROP_BUG, cls);
}

/* The whole way of one call's record. */
#define REACHED_RECORD(ID, name, cls)                                                              \
	SAKER_INLINE void record_reached_##name(struct call *c)                                    \
	{                                                                                          \
		struct reached reached = {};                                                       \
		struct saker_scratch *sc;                                                          \
		struct subject to = {};                                                            \
		struct file *file;                                                                 \
		u64 *slots;                                                                        \
		u8 *rec;                                                                           \
												   \
		if (!find_ring(&to, c->task->tgid, c->task->pid, SAKER_CLASS_##cls))               \
			return;                                                                    \
		identify(&to, c->task, IS_HOT(SAKER_EV_##ID));                                     \
		sc = scratch_claim(&to, SAKER_CLASS_##cls);                                        \
		if (!sc)                                                                           \
			return;                                                                    \
		file = opened_by(c, IS_HOT(SAKER_EV_##ID));                                        \
		saker_file_facts((u64)file, &c->facts);                                            \
		rec = sc->rec;                                                                     \
		slots = (u64 *)(rec + sizeof(struct saker_hdr));                                   \
		((struct saker_hdr *)rec)->flags = c->compat ? SAKER_HF_COMPAT32 : 0;              \
		sc->off = HEAD_LEN(ID);                                                            \
		if (file)                                                                          \
			put_reached(sc, cpu_area(to.cpu), file, &reached);                         \
		SAKER_PARAMS_##ID(GATHER, GATHER)                                                  \
		emit_reached(sc, &to, SAKER_EV_##ID, SAKER_NP_##ID, SAKER_CLASS_##cls);            \
		scratch_release(sc);                                                               \
	}

#endif /* SAKER_REACHED_H */
