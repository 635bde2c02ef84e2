/* SPDX-License-Identifier: GPL-2.0 */
/* Birth and death of threads. */
#ifndef SAKER_LIFECYCLE_H
#define SAKER_LIFECYCLE_H

#define VFORK_FLAGS 0x4100 /* CLONE_VFORK | CLONE_VM */
#define FORK_RECORD_LEN (sizeof(struct saker_hdr) + 8 * SAKER_NP_CLONE + 16)

/* Event + 1 of the call the running task is in, 0 when it is none of the table; from the platform. */
SAKER_INLINE u32 running_call(void);

/* Which call made the child: decides evt.type, as the registers of the parent, who runs, say. */
SAKER_INLINE u16 fork_event(void)
{
	/* Another call, when the kernel makes a process of its own. Without a branch, as below. */
	u32 nth = running_call() - 1 - SAKER_EV_CLONE;
	u64 known = ((u64)nth - (SAKER_EV_VFORK - SAKER_EV_CLONE + 1)) >> 63;

	barrier_var(known);
	return SAKER_EV_CLONE + (nth & -(u32)known);
}

/* What the child has namespaces of its own for. */
SAKER_INLINE u32 fork_namespaces(struct task_struct *parent, struct task_struct *child)
{
	struct nsproxy *old = (struct nsproxy *)KREAD(parent, nsproxy);
	struct nsproxy *new = (struct nsproxy *)KREAD(child, nsproxy);
	u32 user = 1 ^ same((u64)KREAD(saker_cred(parent), user_ns), (u64)KREAD(saker_cred(child), user_ns));

#define OTHER(member) (1 ^ same((u64)KREAD(old, member), (u64)KREAD(new, member)))
	return SAKER_CL_NEWUSER * user | SAKER_CL_NEWIPC * OTHER(ipc_ns) | SAKER_CL_NEWNET * OTHER(net_ns) |
	       SAKER_CL_NEWNS * OTHER(mnt_ns) | SAKER_CL_NEWUTS * OTHER(uts_ns) |
	       SAKER_CL_NEWCGROUP * (1 ^ same(saker_cgroup_ns(old), saker_cgroup_ns(new)));
#undef OTHER
}

SAKER_INLINE u32 fork_flags(struct task_struct *parent, struct task_struct *child,
			    u16 event)
{
	u32 level = KREAD(saker_task_pid(child), level);
	u32 parent_level = KREAD(saker_task_pid(parent), level);
	u32 thread = same(KREAD(parent, tgid), KREAD(child, tgid));
	/* Threads are siblings, too, and nobody asks for that. */
	u32 sibling = 1 ^ (thread | same(KREAD(parent, tgid), KREAD(child, real_parent, tgid)));

	return fork_namespaces(parent, child) | SAKER_CL_THREAD * thread | SAKER_CL_PARENT * sibling |
	       SAKER_CL_FILES * same((u64)KREAD(parent, files),
				     (u64)KREAD(child, files)) |
	       SAKER_CL_FS *
		       same((u64)KREAD(parent, fs), (u64)KREAD(child, fs)) |
	       SAKER_CL_VM *
		       same((u64)KREAD(parent, mm), (u64)KREAD(child, mm)) |
	       SAKER_CL_SIGHAND *
		       same((u64)KREAD(parent, sighand), (u64)KREAD(child, sighand)) |
	       SAKER_CL_VFORK * same(event, SAKER_EV_VFORK) |
	       SAKER_CL_CHILD_IN_PIDNS * (1 ^ same(level, 0)) |
	       SAKER_CL_NEWPID * (1 ^ same(level, parent_level));
}

#define SLOT(name) slots[SAKER_P_CLONE_##name]

/* Whom a record of a fork is about, with the numbers that its namespace at `level` knows. */
SAKER_INLINE void fill_side(u64 *slots, struct task_struct *side, u32 level)
{
	s64 comm_len = kread_str(slots + SAKER_NP_CLONE, 16, FIELD_AT(side, comm));

	SLOT(tid) = KREAD(side, pid);
	SLOT(pid) = KREAD(side, tgid);
	SLOT(ptid) = KREAD(side, real_parent, tgid); /* as getppid(2) says */
	SLOT(fdlimit) = KREAD(side, signal, rlim[RLIMIT_NOFILE].rlim_cur);
	SLOT(comm) = var_slot(sizeof(struct saker_hdr) + 8 * SAKER_NP_CLONE,
			      comm_len > 0 ? comm_len - 1 : 0, 0, 0);
	SLOT(uid) = KREAD_ID(saker_cred(side), euid);
	SLOT(gid) = KREAD_ID(saker_cred(side), egid);
	SLOT(vtid) = pid_number(saker_task_pid(side), level);
	SLOT(vpid) = pid_number(saker_task_pid((struct task_struct *)KREAD(side, group_leader)), level);
}

/* One side of a fork: `side` is parent or child, whose partition the record belongs to. */
SAKER_INLINE void emit_fork(struct task_struct *parent, struct task_struct *child,
			    struct task_struct *side, u16 event, u32 flags)
{
	struct pid *pid = saker_task_pid(child);
	const struct cred *child_cred;
	struct subject to = {};
	u32 level, parent_level;
	u64 *slots;
	void *rec;

	if (!find_ring(&to, KREAD(side, tgid), KREAD(side, pid),
		       SAKER_CLASS_LIFECYCLE))
		return;
	identify(&to, side, FOLLOW_PROBE);
	rec = ring_reserve(to.ring, FORK_RECORD_LEN);
	if (!rec) {
		count_drop(to.counters, ring_refusal(to.ring), SAKER_CLASS_LIFECYCLE);
		return;
	}
	begin(rec, &to, event, SAKER_NP_CLONE, 0);
	slots = rec + sizeof(struct saker_hdr);
	level = KREAD(pid, level);
	parent_level = KREAD(saker_task_pid(parent), level);
	/* The caller is told the number its own namespace knows. */
	SLOT(res) = side == parent ? pid_number(pid, parent_level) : 0;
	fill_side(slots, side, side == parent ? parent_level : level);
	SLOT(flags) = flags;
	SLOT(child_tid) = KREAD(child, pid);
	SLOT(child_pid) = KREAD(child, tgid);
	SLOT(parent_tid) = KREAD(parent, pid);
	SLOT(parent_pid) = KREAD(parent, tgid);
	SLOT(child_start_ns) = saker_group_start_ns(child, FOLLOW_PROBE);
	SLOT(parent_start_ns) = saker_group_start_ns(parent, FOLLOW_PROBE);
	SLOT(pgid) = pid_number(saker_task_pgrp(child), 0);
	SLOT(sid) = pid_number(saker_task_session_pid(child), 0);
	SLOT(pidns_start_ns) = pidns_start_ns(pid, level);
	child_cred = saker_cred(child);
	SLOT(now_inheritable) = cap_word(FIELD_AT(child_cred, cap_inheritable));
	SLOT(now_permitted) = cap_word(FIELD_AT(child_cred, cap_permitted));
	SLOT(now_effective) = cap_word(FIELD_AT(child_cred, cap_effective));
	commit(rec, &to);
}

SAKER_INLINE void record_fork(struct task_struct *parent, struct task_struct *child)
{
	s32 parent_tgid = KREAD(parent, tgid);
	s32 child_tgid = KREAD(child, tgid);
	u32 flags;
	u16 event;

	if (KREAD(child, flags) & PF_KTHREAD)
		return;
	if (parent_tgid == saker_own_tgid && parent_tgid == child_tgid)
		return;
	event = fork_event();
	flags = fork_flags(parent, child, event);
	/* The parent's side first: with one partition its state is ready when the birth arrives. */
	if (parent_tgid != child_tgid)
		emit_fork(parent, child, parent, event, flags);
	emit_fork(parent, child, child, event, flags);
}

/* A fork that failed, at the return of its call: the caller, and what it asked for in the kernel's bits. */
SAKER_INLINE void record_failed_fork(struct call *c, u16 event)
{
	struct task_struct *task = c->task; /* relocations would look for a `struct call` */
	struct pid *own = saker_task_pid(task);
	struct subject to = {};
	u64 flags = 0, *slots;
	void *rec;

	if (event == SAKER_EV_VFORK)
		flags = VFORK_FLAGS;
	if (event == SAKER_EV_CLONE)
		flags = c->args[0];
	/* struct clone_args begins with them. */
	if (event == SAKER_EV_CLONE3 && uread(&flags, sizeof(flags), c->args[0]))
		c->fault = true;
	if (!find_ring(&to, task->tgid, task->pid, SAKER_CLASS_FAILED))
		return;
	identify(&to, task, FOLLOW_PROBE);
	rec = ring_reserve(to.ring, FORK_RECORD_LEN);
	if (!rec) {
		count_drop(to.counters, ring_refusal(to.ring), SAKER_CLASS_FAILED);
		return;
	}
	begin(rec, &to, event, SAKER_NP_CLONE, call_flags(c));
	slots = rec + sizeof(struct saker_hdr);
	__builtin_memset(slots, 0, FORK_RECORD_LEN - sizeof(struct saker_hdr));
	SLOT(res) = c->ret;
	fill_side(slots, task, KREAD(own, level));
	SLOT(flags) = (u32)flags;
	SLOT(parent_tid) = task->pid;
	SLOT(parent_pid) = task->tgid;
	SLOT(parent_start_ns) = saker_group_start_ns(task, FOLLOW_PROBE);
	commit(rec, &to);
}

#undef SLOT
#define SLOT(name) slots[SAKER_P_PROCEXIT_##name]
#define REAPER_STEPS 64
#define REAPER_ROUNDS 64 /* a step: 4096 generations in all, as paths */
#define REAPER_END 1ULL
#define EXIT_RECORD_LEN (sizeof(struct saker_hdr) + 8 * SAKER_NP_PROCEXIT)

/*
 * One step up from the task at address `at`, in pid namespaces of this level: where it has come to, with REAPER_END
 * that of the subreaper, or none where the namespace or its init comes first.
 */
SAKER_SUBPROGRAM u64 saker_reaper_above(u64 at_address, u64 init_address, u32 level)
{
	struct task_struct *at = (struct task_struct *)at_address;
	int i;

	for (i = 0; i < REAPER_ROUNDS; i++) {
		if (!at || (u64)at == init_address || KREAD(saker_task_pid(at), level) != level)
			return REAPER_END;
		if (saker_is_subreaper((struct signal_struct *)KREAD(at, signal)))
			return (u64)at | REAPER_END;
		at = (struct task_struct *)KREAD(at, real_parent);
	}
	return (u64)at;
}

/*
 * Who inherits the children if the group ends, as find_new_reaper() of kernel/exit.c has it: the nearest
 * ancestor that asked for them, else the namespace's init.
 */
SAKER_INLINE s32 reaper_of(struct task_struct *task)
{
	struct pid *own = saker_task_pid(task);
	u32 level = KREAD(own, level);
	struct task_struct *init = (struct task_struct *)KREAD(pid_ns(own, level), child_reaper);
	struct task_struct *found;
	u64 at = (u64)KREAD(task, real_parent);
	u32 i;

	if (!saker_has_subreaper((struct signal_struct *)KREAD(task, signal)))
		return KREAD(init, tgid);
	for (i = 0; i < REAPER_STEPS; i++) {
		at = saker_reaper_above(at, (u64)init, level);
		if (at & REAPER_END)
			break;
	}
	found = (struct task_struct *)(at & ~REAPER_END);
	/* Of what is deeper nothing is said: user space takes it for the init's. */
	return at & REAPER_END && found ? KREAD(found, tgid) : KREAD(init, tgid);
}

SAKER_INLINE void record_exit(struct task_struct *task)
{
	struct subject to = {};
	s32 tgid = KREAD(task, tgid);
	u32 code;
	u64 *slots;
	void *rec;

	if (KREAD(task, flags) & PF_KTHREAD || tgid == saker_own_tgid)
		return;
	if (!find_ring(&to, tgid, KREAD(task, pid), SAKER_CLASS_LIFECYCLE))
		return;
	identify(&to, task, FOLLOW_PROBE);
	rec = ring_reserve(to.ring, EXIT_RECORD_LEN);
	if (!rec) {
		count_drop(to.counters, ring_refusal(to.ring), SAKER_CLASS_LIFECYCLE);
		return;
	}
	begin(rec, &to, SAKER_EV_PROCEXIT, SAKER_NP_PROCEXIT, 0);
	slots = rec + sizeof(struct saker_hdr);
	code = KREAD(task, exit_code); /* as wait(2) gives it: status << 8 | core << 7 | signal */
	SLOT(status) = code;
	SLOT(ret) = code >> 8 & 0xff;
	SLOT(sig) = code & 0x7f;
	SLOT(core) = code >> 7 & 1;
	SLOT(reaper_tid) = reaper_of(task);
	/* Of two that end at once it can be said of both: readers take the first for the end. */
	SLOT(group_dead) = KREAD(task, signal, live.counter) == 0;
	SLOT(start_ns) = saker_group_start_ns(task, FOLLOW_PROBE);
	commit(rec, &to);
}

#undef SLOT

#endif /* SAKER_LIFECYCLE_H */
