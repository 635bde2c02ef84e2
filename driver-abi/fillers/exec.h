/* SPDX-License-Identifier: GPL-2.0 */
/* execve and execveat: the whole new image, gathered in scratch memory, then one record. */
#ifndef SAKER_EXEC_H
#define SAKER_EXEC_H

#define FAILED_EXEC_ARGS 16
#define FAILED_EXEC_ARG_BYTES 1024

/* What is_alone() is called "memfd:NAME" if it is a memory file (mm/memfd.c), and "dev/zero" if shared memory. */
SAKER_INLINE bool is_memfd(struct dentry *dentry)
{
	char name[6] = {};

	kread(name, sizeof(name), KREAD(dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
	       name[4] == 'd' && name[5] == ':';
}

#define SLOT(name) slots[SAKER_P_EXECVE_##name]

/* `reached`: with what the host's name of it needs, as opens have it (reached.h). */
SAKER_INLINE void fill_exe_path(struct saker_scratch *sc, u64 *slots, struct file *exe,
				scratch_area area, bool reached)
{
	struct dentry *dentry = KREAD(exe, f_path.dentry);
	struct vfsmount *mnt = KREAD(exe, f_path.mnt);
	struct dentry *root = KREAD(mnt, mnt_root);
	u32 at = saker_walk_path(area, (u64)dentry, (u64)mnt);
	u32 pos = sc->mount_pos, start = at & 0xffff;

	SLOT(trusted_exepath) = put_path(sc, start, at >> 16);
	if (!reached || pos < start || !pos)
		return;
	SLOT(mount_mark) = pos - start + 1;
	if (root == KREAD(mnt, mnt_sb, s_root))
		return;
	at = saker_walk_path(area, (u64)root, 0);
	SLOT(mount_root) = put_path(sc, at & 0xffff, at >> 16);
}

SAKER_INLINE void fill_exe_file(struct saker_scratch *sc, u64 *slots,
				struct task_struct *task, scratch_area area, bool reached)
{
	struct file *exe = (struct file *)KREAD(task, mm, exe_file);
	struct dentry *dentry = KREAD(exe, f_path.dentry);
	struct inode *inode = KREAD(exe, f_inode);
	u32 flags = 0, layer;

	SLOT(mount_mark) = SLOT(mount_root) = 0;
	if (is_alone(exe)) {
		if (is_memfd(dentry))
			flags |= SAKER_EXE_FROM_MEMFD;
		SLOT(trusted_exepath) = put_kernel_str(sc, KREAD(dentry, d_name.name));
	} else {
		fill_exe_path(sc, slots, exe, area, reached);
	}
	layer = overlay_layer(exe, inode, KREAD(inode, i_sb, s_magic));
	if (layer)
		flags |= layer == SAKER_FILE_UPPER ? SAKER_EXE_UPPER_LAYER : SAKER_EXE_LOWER_LAYER;
	if (exe_writable(inode, saker_cred(task)))
		flags |= SAKER_EXE_WRITABLE;
	SLOT(flags) = flags;
	SLOT(exe_ino) = KREAD(inode, i_ino);
	SLOT(exe_dev) = encode_dev(KREAD(inode, i_sb, s_dev));
	SLOT(exe_ino_ctime) = saker_inode_ctime_ns(inode);
	SLOT(exe_ino_mtime) = saker_inode_mtime_ns(inode);
	SLOT(nlink) = KREAD(inode, i_nlink);
}

SAKER_INLINE void fill_ids(u64 *slots, struct task_struct *task)
{
	const struct cred *cred = saker_cred(task);
	struct signal_struct *signal = KREAD(task, signal);
	struct task_struct *leader = KREAD(task, group_leader);
	struct pid *own = saker_task_pid(task);
	u32 level = KREAD(own, level);

	SLOT(tid) = KREAD(task, pid);
	SLOT(pid) = KREAD(task, tgid);
	SLOT(ptid) = KREAD(task, real_parent, tgid); /* as getppid(2) says */
	SLOT(vtid) = pid_number(own, level);
	SLOT(vpid) = pid_number(saker_task_pid(leader), level);
	SLOT(pgid) = pid_number(saker_task_pgrp(task), 0);
	SLOT(vpgid) = pid_number_seen(saker_task_pgrp(task), own, level);
	SLOT(sid) = pid_number(saker_task_session_pid(task), 0);
	SLOT(pidns_start_ns) = pidns_start_ns(own, level);
	SLOT(start_ns) = saker_group_start_ns(task, FOLLOW_PROBE);
	SLOT(fdlimit) = KREAD(signal, rlim[RLIMIT_NOFILE].rlim_cur);
	SLOT(tty) = tty_number(signal);
	SLOT(loginuid) = saker_loginuid(task);
	SLOT(uid) = KREAD_ID(cred, euid);
	SLOT(gid) = KREAD_ID(cred, egid);
	SLOT(ruid) = KREAD_ID(cred, uid);
	SLOT(suid) = KREAD_ID(cred, suid);
	SLOT(cap_inheritable) = cap_word(FIELD_AT(cred, cap_inheritable));
	SLOT(cap_permitted) = cap_word(FIELD_AT(cred, cap_permitted));
	SLOT(cap_effective) = cap_word(FIELD_AT(cred, cap_effective));
}

/* Memory in KiB, and page faults of the thread so far. */
SAKER_INLINE void fill_memory(u64 *slots, struct task_struct *task)
{
	SLOT(pgft_maj) = KREAD(task, maj_flt);
	SLOT(pgft_min) = KREAD(task, min_flt);
	SLOT(vm_size) = vm_size_kib(task);
	SLOT(vm_rss) = vm_rss_kib(task);
	SLOT(vm_swap) = vm_swap_kib(task);
}

SAKER_INLINE void emit_exec(struct saker_scratch *sc, struct subject *to,
			    u16 event, u16 flags, u32 cls)
{
	u32 len = sc->off;

	if (emit_sized(sc, to, len, 1024, event, SAKER_NP_EXECVE, flags, cls) ||
	    emit_sized(sc, to, len, 2048, event, SAKER_NP_EXECVE, flags, cls) ||
	    emit_sized(sc, to, len, 4096, event, SAKER_NP_EXECVE, flags, cls) ||
	    emit_sized(sc, to, len, 8192, event, SAKER_NP_EXECVE, flags, cls) ||
	    emit_sized(sc, to, len, 16384, event, SAKER_NP_EXECVE, flags, cls) ||
	    emit_sized(sc, to, len, 32768, event, SAKER_NP_EXECVE, flags, cls))
		return;
	count_drop(to->counters, SAKER_DROP_BUG, cls);
}

SAKER_INLINE void record_exec(struct task_struct *task, s32 old_tid,
			      const char *filename)
{
	struct saker_scratch *sc;
	struct subject to = {};
	struct mm_struct *mm;
	scratch_area area;
	u32 with_nul = 0;
	u64 *slots, arg_start, args_start, arg_end;
	s32 tgid = KREAD(task, tgid);

	if (tgid == saker_own_tgid)
		return;
	if (!find_ring(&to, tgid, KREAD(task, pid), SAKER_CLASS_LIFECYCLE))
		return;
	identify(&to, task, FOLLOW_PROBE);
	sc = scratch_claim(&to, SAKER_CLASS_LIFECYCLE);
	if (!sc)
		return;
	area = cpu_area(to.cpu);
	slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_EXECVE;

	SLOT(res) = 0;
	SLOT(old_tid) = (s64)old_tid;
	fill_ids(slots, task);
	fill_memory(slots, task);
	SLOT(comm) = put_kernel_str(sc, FIELD_AT(task, comm));
	fill_exe_file(sc, slots, task, area, saker_reached);
	SLOT(filename) = put_kernel_str(sc, filename);
	mm = KREAD(task, mm);
	arg_start = KREAD(mm, arg_start);
	arg_end = KREAD(mm, arg_end);
	/* Without any argument the next string is the environment's. */
	SLOT(exe) = arg_end > arg_start ? put_user_str(sc, arg_start, &with_nul)
					: var_slot(sc->off, 0, 0, 0);
	args_start = arg_start + with_nul;
	/* All that there was room for: the other arguments begin behind the rest. */
	if (with_nul == SAKER_PATH_MAX)
		args_start = behind_user_str(sc, args_start - 1);
	SLOT(args) = put_user_range(sc, args_start, arg_end);
	SLOT(env) = put_user_range(sc, KREAD(mm, env_start), KREAD(mm, env_end));
	SLOT(cwd) = put_walk(sc, area, KREAD(task, fs, pwd.dentry), KREAD(task, fs, pwd.mnt));
	SLOT(cgroups) = put_cgroups(sc, area, task);
	emit_exec(sc, &to, SAKER_EV_EXECVE, 0, SAKER_CLASS_LIFECYCLE);
	scratch_release(sc);
}

/*
 * A failed exec: the caller is unchanged, so only what it asked for is recorded, from its own memory.
 */
SAKER_INLINE void record_failed_exec(struct call *c, u16 event)
{
	struct saker_scratch *sc;
	struct subject to = {};
	u64 *slots, path, argv, ptr = 0;
	u32 args_off, width, step, args_flags = SAKER_VF_TRUNCATED;
	int i;

	path = c->args[event == SAKER_EV_EXECVEAT ? 1 : 0];
	argv = c->args[event == SAKER_EV_EXECVEAT ? 2 : 1];
	width = c->compat ? 4 : 8;
	if (!find_ring(&to, c->task->tgid, c->task->pid, SAKER_CLASS_FAILED))
		return;
	identify(&to, c->task, FOLLOW_PROBE);
	sc = scratch_claim(&to, SAKER_CLASS_FAILED);
	if (!sc)
		return;
	slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	__builtin_memset(slots, 0, 8 * SAKER_NP_EXECVE);
	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_EXECVE;

	SLOT(res) = c->ret;
	fill_ids(slots, c->task);
	SLOT(filename) = put_user_str(sc, path, NULL);
	uread(&ptr, width, argv);
	SLOT(exe) = put_user_str(sc, ptr, NULL);
	args_off = sc->off;
	/* Where argv ends with its first pointer that is read again. */
	step = ptr ? width : 0;
	/* Complete only when the end of argv was seen. */
	for (i = 1; i < FAILED_EXEC_ARGS; i++) {
		u8 *room_left = room(sc);
		s64 got;

		ptr = 0;
		if (!room_left || sc->off - args_off >= SAKER_ARGS_MAX)
			break;
		if (uread(&ptr, width, argv + i * step)) {
			args_flags = SAKER_VF_FAULT;
			break;
		}
		if (!ptr) {
			args_flags = 0;
			break;
		}
		got = uread_str(room_left, FAILED_EXEC_ARG_BYTES, ptr);
		if (got <= 0) {
			args_flags = SAKER_VF_FAULT;
			break;
		}
		sc->off += got;
		if (got == FAILED_EXEC_ARG_BYTES)
			break;
	}
	SLOT(args) = var_slot(args_off, sc->off - args_off, args_flags, 0);
	emit_exec(sc, &to, event, c->compat ? SAKER_HF_COMPAT32 : 0, SAKER_CLASS_FAILED);
	scratch_release(sc);
}

#undef SLOT

#endif /* SAKER_EXEC_H */
