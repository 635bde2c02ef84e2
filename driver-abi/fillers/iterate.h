/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records about what is there, not about what happens: one a thread, one an open file. They have the form
 * of the rings' records and come through a descriptor that is read, each behind a header of 8 bytes.
 */
#ifndef SAKER_ITERATE_H
#define SAKER_ITERATE_H

#define SAKER_O_CLOEXEC 02000000u

#define SLOT(name) slots[SAKER_P_TASK_##name]

/*
 * Arguments of another process are left to user space: who reads them waits in the kernel for as long as that process
 * wants, for its lock of memory or for a file system of its own. There a thread that waits can be given up.
 */
SAKER_INLINE void leave_args(u64 *slots)
{
	SLOT(exe) = SLOT(args) = SLOT(env) = var_slot(0, 0, SAKER_VF_FAULT, 0);
}

/* Completes header and frame; returns the bytes of both and the record, padded. */
SAKER_INLINE u32 finish_frame(struct saker_scratch *sc, struct task_struct *task, u16 event,
			      u16 nparams)
{
	struct saker_hdr *hdr = (struct saker_hdr *)sc->rec;
	struct subject to = {};

	to.tgid = KREAD(task, tgid);
	to.tid = KREAD(task, pid);
	identify(&to, task, FOLLOW_PROBE);
	begin(hdr, &to, event, nparams, 0);
	hdr->seq = 0;
	hdr->lost_mask = 0;
	sc->frame_len = sc->off;
	sc->frame_zero = 0;
	return SAKER_RING_HDR + ((sc->off + 7) & ~7u);
}

/* A thread; what the whole group shares comes with its leader. Returns bytes from sc->frame_len on, or 0. */
SAKER_INLINE u32 fill_task(struct saker_scratch *sc, scratch_area area, struct task_struct *task)
{
	u64 *slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));

	if (KREAD(task, flags) & PF_KTHREAD)
		return 0;
	__builtin_memset(slots, 0, 8 * SAKER_NP_TASK);
	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_TASK;
	fill_ids(slots, task);
	SLOT(old_tid) = SLOT(tid);
	SLOT(comm) = put_kernel_str(sc, FIELD_AT(task, comm));
	/* A dead leader of living threads has lost its memory and files. */
	if (KREAD(task, pid) == KREAD(task, tgid) && KREAD(task, mm)) {
		fill_memory(slots, task);
		fill_exe_file(sc, slots, task, area, false);
		leave_args(slots);
		SLOT(cwd) = put_walk(sc, area, KREAD(task, fs, pwd.dentry),
				     KREAD(task, fs, pwd.mnt));
		SLOT(cgroups) = put_cgroups(sc, area, task);
	}
	return finish_frame(sc, task, SAKER_EV_TASK, SAKER_NP_TASK);
}

#undef SLOT
#define SLOT(name) slots[SAKER_P_FILE_##name]

/* O_CLOEXEC where the descriptor goes with an exec: a bit of the table, not of the file. */
SAKER_INLINE u32 cloexec_of(struct task_struct *task, u32 fd)
{
	unsigned long word = 0;

	kread(&word, sizeof(word), KREAD(task, files, fdt, close_on_exec) + fd / 64);
	return word >> (fd & 63) & 1 ? SAKER_O_CLOEXEC : 0;
}

/* An open file of `task`. Returns bytes from sc->frame_len on, or 0. */
SAKER_INLINE u32 fill_file(struct saker_scratch *sc, scratch_area area, struct task_struct *task,
			   u32 fd, struct file *file)
{
	u64 *slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	struct dentry *dentry = KREAD(file, f_path.dentry);
	struct vfsmount *mnt = KREAD(file, f_path.mnt);
	struct file_facts facts = {};
	u32 len;
	u8 *to;

	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_FILE;
	saker_file_facts(as_number(sc, file), &facts);
	SLOT(fd) = fd;
	SLOT(dev) = facts.dev;
	SLOT(ino) = facts.ino;
	SLOT(facts) = facts.facts;
	SLOT(flags) = ((u32)KREAD(file, f_flags) & ~SAKER_O_CLOEXEC) | cloexec_of(task, fd);
	/*
	 * Pipes, sockets, memory files: no directory has them, they are named by what they are. is_alone(), written out:
	 * with it the fillers of messages (passed.h) are too long for the verifier of 6.1.
	 */
	if (KREAD(dentry, d_parent) == dentry && dentry != KREAD(mnt, mnt_root))
		SLOT(name) = put_kernel_str(sc, KREAD(dentry, d_name.name));
	else
		SLOT(name) = put_walk(sc, area, dentry, mnt);
	/* The tuple is read as numbers, too: aligned. */
	sc->off = (sc->off + 7) & ~7u;
	to = room(sc);
	SLOT(tuple) = 0;
	if (to) {
		len = read_tuple(&facts, (struct saker_tuple *)to);
		SLOT(tuple) = took(sc, len, 0, 0);
	}
	return finish_frame(sc, task, SAKER_EV_FILE, SAKER_NP_FILE);
}

#undef SLOT

#endif /* SAKER_ITERATE_H */
