/* SPDX-License-Identifier: GPL-2.0 */
/* execve and execveat: the whole new image, gathered in scratch memory, then one record. */
#ifndef SAKER_EXEC_H
#define SAKER_EXEC_H

#define PATH_COMPONENTS 64
#define CGROUP_COMPONENTS 24
#define NAME_BYTES 255
#define FAILED_EXEC_ARGS 16
#define FAILED_EXEC_ARG_BYTES 1024
#define RLIMIT_NOFILE 7
#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3
#define S_IMMUTABLE 8
#define SB_RDONLY 1
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3

/*
 * The buffers are larger than what they may hold by the largest single copy: the verifier bounds
 * offset and length separately.
 */
struct saker_scratch {
	u32 busy;
	u32 off; /* next free byte of rec */
	u32 pos; /* start of what is in path */
	u32 pad;
	u8 rec[SAKER_RECORD_MAX + SAKER_PATH_MAX];
	u8 path[2 * SAKER_PATH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* one per possible CPU, set by the loader */
	__type(key, u32);
	__type(value, struct saker_scratch);
} scratch_areas SEC(".maps");

/* Claims this CPU's scratch: since Linux 7.0 another program may interleave on the same CPU. */
static __always_inline struct saker_scratch *scratch_claim(struct subject *to, u32 cls)
{
	struct saker_scratch *sc = bpf_map_lookup_elem(&scratch_areas, &to->cpu);

	if (!sc)
		return 0;
	if (__sync_val_compare_and_swap(&sc->busy, 0, 1) != 0) {
		count_drop(to->counters, SAKER_DROP_SCRATCH_BUSY, cls);
		return 0;
	}
	return sc;
}

static __always_inline void scratch_release(struct saker_scratch *sc)
{
	__sync_lock_test_and_set(&sc->busy, 0);
}

/* Room for one more piece of at most SAKER_PATH_MAX bytes, or NULL. */
static __always_inline u8 *room(struct saker_scratch *sc)
{
	u32 off = sc->off;

	if (off > SAKER_RECORD_MAX - SAKER_PATH_MAX)
		return 0;
	return sc->rec + off;
}

static __always_inline u64 took(struct saker_scratch *sc, s64 got, u32 flags, u32 full)
{
	u32 off = sc->off;

	if (got < 0)
		return var_slot(0, 0, SAKER_VF_FAULT, 0);
	sc->off = off + got;
	return var_slot(off, got, flags, full);
}

/* A NUL-terminated string; the NUL stays behind as padding. */
static __always_inline u64 put_kernel_str(struct saker_scratch *sc, const void *from)
{
	u8 *to = room(sc);
	s64 got;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	got = bpf_probe_read_kernel_str(to, SAKER_PATH_MAX, from);
	return took(sc, got > 0 ? got - 1 : got, got == SAKER_PATH_MAX ? SAKER_VF_TRUNCATED : 0, 0);
}

static __always_inline u64 put_user_str(struct saker_scratch *sc, const void *from, u32 *with_nul)
{
	u8 *to = room(sc);
	s64 got;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	got = bpf_probe_read_user_str(to, SAKER_PATH_MAX, from);
	if (with_nul)
		*with_nul = got > 0 ? got : 0;
	return took(sc, got > 0 ? got - 1 : got, got == SAKER_PATH_MAX ? SAKER_VF_TRUNCATED : 0, 0);
}

/* [from, end) of the current task's memory, at most SAKER_ARGS_MAX bytes. */
static __always_inline u64 put_user_range(struct saker_scratch *sc, u64 from, u64 end)
{
	u8 *to = room(sc);
	u64 full = end > from ? end - from : 0;
	u32 len = full > SAKER_ARGS_MAX ? SAKER_ARGS_MAX : full;
	s64 err;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	if (len == 0)
		return var_slot(sc->off, 0, 0, 0);
	err = bpf_probe_read_user(to, len, (void *)from);
	return took(sc, err ? err : len,
		    full > SAKER_ARGS_MAX ? SAKER_VF_TRUNCATED : 0, full > 0xffff ? 0xffff : full);
}

/* Copies path[pos..SAKER_PATH_MAX) behind the record. */
static __always_inline u64 put_path(struct saker_scratch *sc, u32 pos, u32 flags)
{
	u8 *to = room(sc);
	u32 len;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	if (pos > SAKER_PATH_MAX)
		pos = SAKER_PATH_MAX;
	len = SAKER_PATH_MAX - pos;
	bpf_probe_read_kernel(to, len, sc->path + pos);
	return took(sc, len, flags, 0);
}

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
	bpf_probe_read_kernel(sc->path + (pos & (SAKER_PATH_MAX - 1)), len, name);
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
 * Builds the path of (vfsmnt, dentry) from the back of the CPU's scratch path, through mounts up to the
 * root of the mount namespace. Returns where it starts, with SAKER_VF_TRUNCATED << 16 when it was
 * cut: the walk is bounded, and a concurrent rename may mix old and new names, as in d_path().
 */
__noinline u32 saker_walk_path(u32 cpu, u64 dentry_at, u64 vfsmnt_at)
{
	struct saker_scratch *sc = bpf_map_lookup_elem(&scratch_areas, &cpu);
	struct dentry *dentry = (void *)dentry_at;
	struct mount *mnt = (void *)(vfsmnt_at - bpf_core_field_offset(struct mount, mnt));

	if (!sc)
		return SAKER_PATH_MAX | SAKER_VF_FAULT << 16;
	sc->pos = SAKER_PATH_MAX;
	for (int i = 0; i < PATH_COMPONENTS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
			struct mount *up = BPF_CORE_READ(mnt, mnt_parent);

			if (up == mnt || !up)
				return walk_done(sc);
			dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = up;
			continue;
		}
		if (dentry == parent)
			return walk_done(sc);
		if (!prepend(sc, BPF_CORE_READ(dentry, d_name.name),
			     BPF_CORE_READ(dentry, d_name.len)))
			break;
		dentry = parent;
	}
	return sc->pos | SAKER_VF_TRUNCATED << 16;
}

/* Path of a cgroup in its hierarchy, in the same way. */
__noinline u32 saker_walk_cgroup(u32 cpu, u64 kn_at)
{
	struct saker_scratch *sc = bpf_map_lookup_elem(&scratch_areas, &cpu);
	struct kernfs_node *kn = (void *)kn_at;

	if (!sc)
		return SAKER_PATH_MAX | SAKER_VF_FAULT << 16;
	sc->pos = SAKER_PATH_MAX;
	for (int i = 0; i < CGROUP_COMPONENTS; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);
		const char *name = BPF_CORE_READ(kn, name);
		s64 len;

		if (!parent)
			return walk_done(sc);
		/* Measured in the unused upper half, then copied before what is there. */
		len = bpf_probe_read_kernel_str(sc->path + SAKER_PATH_MAX, NAME_BYTES + 1, name);
		if (len <= 1)
			return walk_done(sc);
		if (!prepend(sc, name, len - 1))
			break;
		kn = parent;
	}
	return sc->pos | SAKER_VF_TRUNCATED << 16;
}

static __always_inline u64 put_walk(struct saker_scratch *sc, u32 cpu, struct dentry *dentry,
				    struct vfsmount *mnt)
{
	u32 at = saker_walk_path(cpu, (u64)dentry, (u64)mnt);

	return put_path(sc, at & 0xffff, at >> 16);
}

/*
 * A memory file's dentry is its own parent and is called "memfd:NAME" (mm/memfd.c): Falco shows that
 * name without a slash (rules-spec F5).
 */
static __always_inline bool is_memfd(struct dentry *dentry)
{
	char name[6] = {};

	if (BPF_CORE_READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
	       name[4] == 'd' && name[5] == ':';
}

/* Could the process write its own executable? By mode bits and capabilities (rules-spec F5). */
static __always_inline bool exe_writable(struct inode *inode, const struct cred *cred)
{
	u16 mode = BPF_CORE_READ(inode, i_mode);
	u64 effective = cap_word(&cred->cap_effective);

	if (BPF_CORE_READ(inode, i_sb, s_flags) & SB_RDONLY)
		return false;
	if (BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE)
		return false;
	if (effective & (1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER))
		return true;
	if (BPF_CORE_READ(inode, i_uid.val) == BPF_CORE_READ(cred, fsuid.val))
		return true;
	if (BPF_CORE_READ(inode, i_gid.val) == BPF_CORE_READ(cred, fsgid.val))
		return mode & 0020;
	return mode & 0002;
}

#define SLOT(name) slots[SAKER_P_EXECVE_##name]

static __always_inline void fill_exe_file(struct saker_scratch *sc, u64 *slots,
					  struct task_struct *task, u32 cpu)
{
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	u32 flags = 0;

	if (is_memfd(dentry)) {
		flags |= SAKER_EXE_FROM_MEMFD;
		SLOT(trusted_exepath) = put_kernel_str(sc, BPF_CORE_READ(dentry, d_name.name));
	} else {
		SLOT(trusted_exepath) = put_walk(sc, cpu, dentry, BPF_CORE_READ(exe, f_path.mnt));
	}
	if (BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC)
		flags |= overlay_layer(inode) == SAKER_FILE_UPPER ? SAKER_EXE_UPPER_LAYER
								  : SAKER_EXE_LOWER_LAYER;
	if (exe_writable(inode, BPF_CORE_READ(task, cred)))
		flags |= SAKER_EXE_WRITABLE;
	SLOT(flags) = flags;
	SLOT(exe_ino) = BPF_CORE_READ(inode, i_ino);
	SLOT(exe_dev) = encode_dev(BPF_CORE_READ(inode, i_sb, s_dev));
	SLOT(exe_ino_ctime) = inode_ctime_ns(inode);
	SLOT(exe_ino_mtime) = inode_mtime_ns(inode);
	SLOT(nlink) = BPF_CORE_READ(inode, i_nlink);
}

static __always_inline void fill_ids(u64 *slots, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct pid *own = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(own, level);

	SLOT(tid) = BPF_CORE_READ(task, pid);
	SLOT(pid) = BPF_CORE_READ(task, tgid);
	SLOT(ptid) = BPF_CORE_READ(task, real_parent, tgid); /* as getppid(2) says */
	SLOT(vtid) = pid_number(own, level);
	SLOT(vpid) = pid_number(BPF_CORE_READ(task, group_leader, thread_pid), level);
	SLOT(pgid) = pid_number(BPF_CORE_READ(signal, pids[PIDTYPE_PGID]), 0);
	SLOT(vpgid) = pid_number(BPF_CORE_READ(signal, pids[PIDTYPE_PGID]), level);
	SLOT(sid) = pid_number(BPF_CORE_READ(signal, pids[PIDTYPE_SID]), 0);
	SLOT(pidns_start_ns) = pidns_start_ns(own, level);
	SLOT(start_ns) = BPF_CORE_READ(task, group_leader, start_boottime);
	SLOT(fdlimit) = BPF_CORE_READ(signal, rlim[RLIMIT_NOFILE].rlim_cur);
	SLOT(tty) = tty_number(signal);
	SLOT(loginuid) = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val)
							       : (u32)-1;
	SLOT(uid) = BPF_CORE_READ(cred, euid.val);
	SLOT(gid) = BPF_CORE_READ(cred, egid.val);
	SLOT(ruid) = BPF_CORE_READ(cred, uid.val);
	SLOT(suid) = BPF_CORE_READ(cred, suid.val);
	SLOT(cap_inheritable) = cap_word(&cred->cap_inheritable);
	SLOT(cap_permitted) = cap_word(&cred->cap_permitted);
	SLOT(cap_effective) = cap_word(&cred->cap_effective);
}

/* Reserves the smallest size class that holds the record, copies it and commits. */
#define TRY_CLASS(size)                                                                            \
	if (len <= (size)) {                                                                       \
		rec = bpf_ringbuf_reserve(to->ring, size, 0);                                      \
		if (!rec) {                                                                        \
			count_drop(to->counters, SAKER_DROP_RING_FULL, SAKER_CLASS_LIFECYCLE);     \
			return;                                                                    \
		}                                                                                  \
		bpf_probe_read_kernel(rec, size, sc->rec);                                         \
		begin(rec, to, event, SAKER_NP_EXECVE, flags);                               \
		commit(rec, to);                                                                   \
		return;                                                                            \
	}

static __always_inline void emit_exec(struct saker_scratch *sc, struct subject *to,
				      u16 event, u16 flags)
{
	u32 len = sc->off;
	void *rec;

	TRY_CLASS(1024)
	TRY_CLASS(2048)
	TRY_CLASS(4096)
	TRY_CLASS(8192)
	TRY_CLASS(16384)
	TRY_CLASS(32768)
	count_drop(to->counters, SAKER_DROP_BUG, SAKER_CLASS_LIFECYCLE);
}

SEC("raw_tp/sched_process_exec")
int saker_exec(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *bprm = (void *)ctx[2];
	struct saker_scratch *sc;
	struct subject to = {};
	struct mm_struct *mm;
	u32 with_nul = 0;
	u64 *slots, arg_start, arg_end;
	s32 tgid = BPF_CORE_READ(task, tgid);

	if (tgid == saker_own_tgid)
		return 0;
	if (!find_ring(&to, tgid, BPF_CORE_READ(task, pid), SAKER_CLASS_LIFECYCLE))
		return 0;
	identify(&to, task, FOLLOW_PROBE);
	sc = scratch_claim(&to, SAKER_CLASS_LIFECYCLE);
	if (!sc)
		return 0;
	slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_EXECVE;

	SLOT(res) = 0;
	SLOT(old_tid) = (s64)(s32)ctx[1];
	fill_ids(slots, task);
	SLOT(comm) = put_kernel_str(sc, &task->comm);
	fill_exe_file(sc, slots, task, to.cpu);
	SLOT(filename) = put_kernel_str(sc, BPF_CORE_READ(bprm, filename));
	mm = BPF_CORE_READ(task, mm);
	arg_start = BPF_CORE_READ(mm, arg_start);
	arg_end = BPF_CORE_READ(mm, arg_end);
	/* Without any argument the next string is the environment's. */
	SLOT(exe) = arg_end > arg_start ? put_user_str(sc, (void *)arg_start, &with_nul)
					: var_slot(sc->off, 0, 0, 0);
	SLOT(args) = put_user_range(sc, arg_start + with_nul, arg_end);
	SLOT(env) = put_user_range(sc, BPF_CORE_READ(mm, env_start), BPF_CORE_READ(mm, env_end));
	SLOT(cwd) = put_walk(sc, to.cpu, BPF_CORE_READ(task, fs, pwd.dentry),
			     BPF_CORE_READ(task, fs, pwd.mnt));
	{
		u32 at = saker_walk_cgroup(to.cpu, (u64)BPF_CORE_READ(task, cgroups, dfl_cgrp, kn));

		SLOT(cgroups) = put_path(sc, at & 0xffff, at >> 16);
	}
	emit_exec(sc, &to, SAKER_EV_EXECVE, 0);
	scratch_release(sc);
	return 0;
}

/*
 * A failed exec: the caller is unchanged, so only what it asked for is recorded, from its own memory.
 */
SEC("raw_tp/sys_exit")
int saker_ev_exec_failed(u64 *ctx)
{
	struct saker_scratch *sc;
	struct subject to = {};
	struct call c;
	u64 *slots, path, argv, ptr = 0;
	u32 args_off, width, args_flags = SAKER_VF_TRUNCATED;
	u16 event;

	if ((s64)ctx[1] >= 0)
		return 0; /* the exec record came from sched_process_exec */
	read_call(&c, ctx);
	event = saker_event(c.compat, CALL_REG(ctx, c.task, orig_ax)) - 1;
	path = c.args[event == SAKER_EV_EXECVEAT ? 1 : 0];
	argv = c.args[event == SAKER_EV_EXECVEAT ? 2 : 1];
	width = c.compat ? 4 : 8;
	if (!find_ring(&to, c.task->tgid, c.task->pid, SAKER_CLASS_LIFECYCLE))
		return 0;
	identify(&to, c.task, FOLLOW_PROBE);
	sc = scratch_claim(&to, SAKER_CLASS_LIFECYCLE);
	if (!sc)
		return 0;
	slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	__builtin_memset(slots, 0, 8 * SAKER_NP_EXECVE);
	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_EXECVE;

	SLOT(res) = c.ret;
	fill_ids(slots, c.task);
	SLOT(filename) = put_user_str(sc, (void *)path, 0);
	bpf_probe_read_user(&ptr, width, (void *)argv);
	SLOT(exe) = put_user_str(sc, (void *)ptr, 0);
	args_off = sc->off;
	/* Complete only when the end of argv was seen. */
	for (int i = 1; i < FAILED_EXEC_ARGS; i++) {
		u8 *room_left = room(sc);
		s64 got;

		ptr = 0;
		if (!room_left || sc->off - args_off >= SAKER_ARGS_MAX)
			break;
		if (bpf_probe_read_user(&ptr, width, (void *)(argv + i * width))) {
			args_flags = SAKER_VF_FAULT;
			break;
		}
		if (!ptr) {
			args_flags = 0;
			break;
		}
		got = bpf_probe_read_user_str(room_left, FAILED_EXEC_ARG_BYTES, (void *)ptr);
		if (got <= 0) {
			args_flags = SAKER_VF_FAULT;
			break;
		}
		sc->off += got;
		if (got == FAILED_EXEC_ARG_BYTES)
			break;
	}
	SLOT(args) = var_slot(args_off, sc->off - args_off, args_flags, 0);
	emit_exec(sc, &to, event, c.compat ? SAKER_HF_COMPAT32 : 0);
	scratch_release(sc);
	return 0;
}

#undef SLOT

#endif /* SAKER_EXEC_H */
