/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What calls that return no descriptor act on: unlink, rename, link, chmod and the like. On the way out nothing is left
 * to ask, so the kernel is listened to where it asks its security modules: it has looked the names up by then, and has
 * done nothing yet. The record stands before that of the call; user space puts the two together.
 */
#ifndef SAKER_ACTED_H
#define SAKER_ACTED_H

#define ACTED_NO_REQUEST 0 /* none comes there */

/* X(name of security_path_NAME, first and last event of the calls that come there, request of io_uring). */
#define SAKER_ACTED(X)                                                                             \
	X(unlink, UNLINK, UNLINKAT, SAKER_URING_UNLINKAT)                                          \
	X(rmdir, UNLINKAT, RMDIR, SAKER_URING_UNLINKAT)                                            \
	X(rename, RENAME, RENAMEAT2, SAKER_URING_RENAMEAT)                                         \
	X(symlink, SYMLINK, SYMLINKAT, SAKER_URING_SYMLINKAT)                                      \
	X(link, LINK, LINKAT, SAKER_URING_LINKAT)                                                  \
	X(mkdir, MKDIR, MKDIRAT, SAKER_URING_MKDIRAT)                                              \
	X(mknod, MKNOD, MKNODAT, ACTED_NO_REQUEST)                                                 \
	X(chmod, CHMOD, FCHMODAT2, ACTED_NO_REQUEST)                                               \
	X(chown, CHOWN, FCHOWNAT, ACTED_NO_REQUEST)

_Static_assert(SAKER_EV_FCHOWNAT - SAKER_EV_UNLINK == 21, "these calls stand together, family by family");

/* From the platform: the area of this CPU for records that are made here, and wanted requests, event + 1. */
SAKER_INLINE scratch_area acted_area(u32 cpu);
SAKER_INLINE u32 wanted_request(u32 opcode);

/* What the arguments of the hooked function say. */
struct acted {
	struct vfsmount *mnt;
	struct dentry *dentry;
	struct dentry *second;	/* NULL: the call has one path */
	bool whole;		/* the dentry need not be in a directory: the call was given the file itself */
};

/* Event + 1 of the wanted call or request that has come here, 0 when nobody asks. */
SAKER_INLINE u32 acting_event(struct task_struct *task, u32 first, u32 last, u32 opcode, bool *request)
{
	u32 event;

	*request = task->flags & (PF_IO_WORKER | PF_USER_WORKER);
	if (task->tgid == saker_own_tgid || task->flags & PF_KTHREAD)
		return 0;
	if (*request)
		return opcode ? wanted_request(opcode) : 0;
	/* Others come by as well: an open that creates is a mknod here. */
	event = running_call();
	return event - 1 - first <= last - first ? event : 0;
}

#define SLOT(name) slots[SAKER_P_ACTED_##name]

SAKER_INLINE void put_acted(struct saker_scratch *sc, scratch_area area, struct acted *what)
{
	u64 *slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	/* In variables: KREAD(what->dentry, ...) would relocate our own structure, too. */
	struct dentry *dentry = what->dentry, *other = what->second;
	struct vfsmount *mnt = what->mnt;
	struct dentry *root = KREAD(mnt, mnt_root);
	struct dentry *named = what->whole ? dentry : KREAD(dentry, d_parent);
	struct reached first = {}, second = {};
	u32 dev = KREAD(mnt, mnt_sb, s_dev);

	if (named == root || !is_nameless(named))
		put_called(sc, area, dentry, mnt, true, &first);
	if (other)
		put_called(sc, area, other, mnt, !is_named(&first), &second);
	SLOT(real) = first.real;
	SLOT(mount_at) = first.mount_at;
	SLOT(top) = is_named(&first) ? first.mount_root : second.mount_root;
	SLOT(real2) = second.real;
	SLOT(mount_at2) = second.mount_at;
	SLOT(dev) = encode_dev(dev);
	SLOT(ino) = KREAD(dentry, d_inode, i_ino);
}

SAKER_INLINE void record_acted(struct task_struct *task, u32 event, bool request, struct acted *what)
{
	u64 *slots;
	struct saker_scratch *sc;
	struct subject to = {};

	/* A worker of io_uring is its owner's: as the request's own record. */
	if (!find_ring(&to, task->tgid, request ? task->tgid : task->pid, SAKER_CLASS_FILE))
		return;
	identify(&to, task, FOLLOW_PROBE);
	sc = scratch_claim_at(acted_area(to.cpu), &to, SAKER_CLASS_FILE);
	if (!sc)
		return;
	slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	((struct saker_hdr *)sc->rec)->flags = request ? SAKER_HF_IO_URING : 0;
	sc->off = HEAD_LEN(ACTED);
	SLOT(event) = event;
	what->dentry = (void *)as_number(sc, what->dentry);
	what->second = (void *)as_number(sc, what->second);
	put_acted(sc, acted_area(to.cpu), what);
	emit_reached(sc, &to, SAKER_EV_ACTED, SAKER_NP_ACTED, SAKER_CLASS_FILE);
	scratch_release(sc);
}

#undef SLOT

/* Arguments of security_path_NAME(), from the first: the path, or the directory of the name, comes first in most. */
#define ACTED_ARGS_unlink ACTED_NAME
#define ACTED_ARGS_rmdir ACTED_NAME
#define ACTED_ARGS_symlink ACTED_NAME
#define ACTED_ARGS_mkdir ACTED_NAME
#define ACTED_ARGS_mknod ACTED_NAME
#define ACTED_ARGS_chmod ACTED_PATH
#define ACTED_ARGS_chown ACTED_PATH
#define ACTED_ARGS_rename ACTED_RENAME
#define ACTED_ARGS_link ACTED_LINK

#define ACTED_NAME(what, a)                                                                        \
	do {                                                                                       \
		struct path *directory = (void *)(a)[0];                                           \
		(what)->mnt = KREAD(directory, mnt);                                               \
		(what)->dentry = (void *)(a)[1];                                                   \
	} while (0)
#define ACTED_PATH(what, a)                                                                        \
	do {                                                                                       \
		struct path *path = (void *)(a)[0];                                                \
		(what)->mnt = KREAD(path, mnt);                                                    \
		(what)->dentry = KREAD(path, dentry);                                              \
		(what)->whole = true;                                                              \
	} while (0)
#define ACTED_RENAME(what, a)                                                                      \
	do {                                                                                       \
		ACTED_NAME(what, a);                                                               \
		(what)->second = (void *)(a)[3];                                                   \
	} while (0)
/* Both are in one mount, of which the second directory tells. */
#define ACTED_LINK(what, a)                                                                        \
	do {                                                                                       \
		struct path *directory = (void *)(a)[1];                                           \
		(what)->dentry = (void *)(a)[0];                                                   \
		(what)->mnt = KREAD(directory, mnt);                                               \
		(what)->second = (void *)(a)[2];                                                   \
		(what)->whole = true;                                                              \
	} while (0)

/* The whole way of one hook. */
#define ACTED_RECORD(name, first, last, opcode)                                                    \
	SAKER_INLINE void record_acted_##name(const u64 *args)                                     \
	{                                                                                          \
		struct task_struct *task = running_task();                                         \
		struct acted what = {};                                                            \
		bool request;                                                                      \
		u32 event = acting_event(task, SAKER_EV_##first, SAKER_EV_##last, opcode, &request); \
												   \
		if (!event)                                                                        \
			return;                                                                    \
		ACTED_ARGS_##name(&what, args);                                                    \
		record_acted(task, event - 1, request, &what);                                     \
	}

#endif /* SAKER_ACTED_H */
