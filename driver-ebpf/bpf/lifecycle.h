/* SPDX-License-Identifier: GPL-2.0 */
/* Birth and death of threads. */
#ifndef SAKER_LIFECYCLE_H
#define SAKER_LIFECYCLE_H

#define PF_KTHREAD 0x00200000
#define FORK_RECORD_LEN (sizeof(struct saker_hdr) + 8 * SAKER_NP_CLONE + 16)

/*
 * Which call made the child: decides evt.type, as the parent's registers say. Looked up in a table, not
 * by a switch: the verifier then follows one unknown number instead of five known ones.
 */
static __always_inline u16 fork_event(void)
{
	u32 event = 0;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
		/* The parent is the task that runs. */
		struct task_struct *current = bpf_get_current_task_btf();
		struct pt_regs *regs = (void *)bpf_task_pt_regs(current);

		event = saker_event(current->thread_info.status & TS_COMPAT, regs->orig_ax);
	}
	return event ? event - 1 : SAKER_EV_CLONE;
}

/* 1 when equal, 0 when not, without a branch for the verifier to follow twice. */
static __always_inline u32 same(u64 a, u64 b)
{
	u64 difference = a ^ b;

	difference |= -difference;
	barrier_var(difference);
	return 1 ^ (u32)(difference >> 63);
}

static __always_inline u32 fork_flags(struct task_struct *parent, struct task_struct *child,
				      u16 event)
{
	u32 level = BPF_CORE_READ(child, thread_pid, level);
	u32 parent_level = BPF_CORE_READ(parent, thread_pid, level);

	return SAKER_CL_THREAD * same(BPF_CORE_READ(parent, tgid), BPF_CORE_READ(child, tgid)) |
	       SAKER_CL_FILES * same((u64)BPF_CORE_READ(parent, files),
				     (u64)BPF_CORE_READ(child, files)) |
	       SAKER_CL_FS *
		       same((u64)BPF_CORE_READ(parent, fs), (u64)BPF_CORE_READ(child, fs)) |
	       SAKER_CL_VM *
		       same((u64)BPF_CORE_READ(parent, mm), (u64)BPF_CORE_READ(child, mm)) |
	       SAKER_CL_VFORK * same(event, SAKER_EV_VFORK) |
	       SAKER_CL_CHILD_IN_PIDNS * (1 ^ same(level, 0)) |
	       SAKER_CL_NEWPID * (1 ^ same(level, parent_level));
}

#define SLOT(name) slots[SAKER_P_CLONE_##name]

/* One side of a fork: `side` is parent or child, whose partition the record belongs to. */
static __always_inline void emit_fork(struct task_struct *parent, struct task_struct *child,
				      struct task_struct *side, u16 event, u32 flags)
{
	struct signal_struct *signal = BPF_CORE_READ(child, signal);
	struct pid *pid = BPF_CORE_READ(child, thread_pid);
	struct subject to = {};
	u32 level, parent_level, side_level;
	s64 comm_len;
	u64 *slots;
	void *rec;

	if (!find_ring(&to, BPF_CORE_READ(side, tgid), BPF_CORE_READ(side, pid),
		       SAKER_CLASS_LIFECYCLE))
		return;
	identify(&to, side, FOLLOW_PROBE);
	rec = bpf_ringbuf_reserve(to.ring, FORK_RECORD_LEN, 0);
	if (!rec) {
		count_drop(to.counters, SAKER_DROP_RING_FULL, SAKER_CLASS_LIFECYCLE);
		return;
	}
	begin(rec, &to, event, SAKER_NP_CLONE, 0);
	slots = rec + sizeof(struct saker_hdr);
	level = BPF_CORE_READ(pid, level);
	parent_level = BPF_CORE_READ(parent, thread_pid, level);
	side_level = side == parent ? parent_level : level;
	/* The caller is told the number its own namespace knows. */
	SLOT(res) = side == parent ? pid_number(pid, parent_level) : 0;
	SLOT(tid) = BPF_CORE_READ(side, pid);
	SLOT(pid) = BPF_CORE_READ(side, tgid);
	SLOT(ptid) = BPF_CORE_READ(side, real_parent, tgid); /* as getppid(2) says */
	SLOT(fdlimit) = BPF_CORE_READ(side, signal, rlim[RLIMIT_NOFILE].rlim_cur);
	comm_len = bpf_probe_read_kernel_str(slots + SAKER_NP_CLONE, 16, &side->comm);
	SLOT(comm) = var_slot(sizeof(struct saker_hdr) + 8 * SAKER_NP_CLONE,
			      comm_len > 0 ? comm_len - 1 : 0, 0, 0);
	SLOT(flags) = flags;
	SLOT(uid) = BPF_CORE_READ(side, cred, euid.val);
	SLOT(gid) = BPF_CORE_READ(side, cred, egid.val);
	SLOT(vtid) = pid_number(BPF_CORE_READ(side, thread_pid), side_level);
	SLOT(vpid) = pid_number(BPF_CORE_READ(side, group_leader, thread_pid), side_level);
	SLOT(child_tid) = BPF_CORE_READ(child, pid);
	SLOT(child_pid) = BPF_CORE_READ(child, tgid);
	SLOT(parent_tid) = BPF_CORE_READ(parent, pid);
	SLOT(parent_pid) = BPF_CORE_READ(parent, tgid);
	SLOT(child_start_ns) = BPF_CORE_READ(child, group_leader, start_boottime);
	SLOT(parent_start_ns) = BPF_CORE_READ(parent, group_leader, start_boottime);
	SLOT(pgid) = pid_number(BPF_CORE_READ(signal, pids[PIDTYPE_PGID]), 0);
	SLOT(sid) = pid_number(BPF_CORE_READ(signal, pids[PIDTYPE_SID]), 0);
	SLOT(pidns_start_ns) = pidns_start_ns(pid, level);
	commit(rec, &to);
}

SEC("raw_tp/sched_process_fork")
int saker_fork(u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0];
	struct task_struct *child = (void *)ctx[1];
	s32 parent_tgid = BPF_CORE_READ(parent, tgid);
	s32 child_tgid = BPF_CORE_READ(child, tgid);
	u32 flags;
	u16 event;

	if (BPF_CORE_READ(child, flags) & PF_KTHREAD)
		return 0;
	if (parent_tgid == saker_own_tgid && parent_tgid == child_tgid)
		return 0;
	event = fork_event();
	flags = fork_flags(parent, child, event);
	/* The parent's side first: with one partition its state is ready when the birth arrives. */
	if (parent_tgid != child_tgid)
		emit_fork(parent, child, parent, event, flags);
	emit_fork(parent, child, child, event, flags);
	return 0;
}

#undef SLOT
#define SLOT(name) slots[SAKER_P_PROCEXIT_##name]
#define EXIT_RECORD_LEN (sizeof(struct saker_hdr) + 8 * SAKER_NP_PROCEXIT)

SEC("raw_tp/sched_process_exit")
int saker_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct subject to = {};
	s32 tgid = BPF_CORE_READ(task, tgid);
	u32 code;
	u64 *slots;
	void *rec;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD || tgid == saker_own_tgid)
		return 0;
	if (!find_ring(&to, tgid, BPF_CORE_READ(task, pid), SAKER_CLASS_LIFECYCLE))
		return 0;
	identify(&to, task, FOLLOW_PROBE);
	rec = bpf_ringbuf_reserve(to.ring, EXIT_RECORD_LEN, 0);
	if (!rec) {
		count_drop(to.counters, SAKER_DROP_RING_FULL, SAKER_CLASS_LIFECYCLE);
		return 0;
	}
	begin(rec, &to, SAKER_EV_PROCEXIT, SAKER_NP_PROCEXIT, 0);
	slots = rec + sizeof(struct saker_hdr);
	code = BPF_CORE_READ(task, exit_code); /* as wait(2) gives it: status << 8 | core << 7 | signal */
	SLOT(status) = code;
	SLOT(ret) = code >> 8 & 0xff;
	SLOT(sig) = code & 0x7f;
	SLOT(core) = code >> 7 & 1;
	SLOT(reaper_tid) = -1; /* user space applies the rules of reparenting */
	SLOT(group_dead) = BPF_CORE_READ(task, signal, live.counter) == 0;
	SLOT(start_ns) = BPF_CORE_READ(task, group_leader, start_boottime);
	commit(rec, &to);
	return 0;
}

#undef SLOT

#endif /* SAKER_LIFECYCLE_H */
