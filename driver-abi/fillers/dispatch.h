/* SPDX-License-Identifier: GPL-2.0 */
/* What happens first at the return of every system call: does anybody want it? */
#ifndef SAKER_DISPATCH_H
#define SAKER_DISPATCH_H

#define X32_SYSCALL_BIT 0x40000000
#define SAKER_ENOSYS 38
#define SAKER_ERESTARTNOINTR 513

/*
 * Number of the call, from the register as it was at its entry. The kernel looks at the lower half only: what a
 * program puts above must not hide the call.
 */
SAKER_INLINE u32 call_number(u64 orig_ax)
{
	return orig_ax;
}

/* Event + 1 of a call, 0 when not wanted. */
SAKER_INLINE u32 saker_event(bool compat, u32 nr)
{
	if (nr >= SAKER_MAX_SYSCALLS)
		return 0;
	/* The verifier wants the bound where the table is read, the compiler knows it already. */
	barrier_var(nr);
	nr &= SAKER_MAX_SYSCALLS - 1;
	return compat ? saker_event_of_32[nr] : saker_event_of_64[nr];
}

/* The same of a call behind another one. The upper half of ipc's number is a version. */
SAKER_INLINE u32 saker_subcall(u64 nr, u64 number)
{
	number &= nr == SAKER_NR32_IPC ? 0xffff : 0xffffffff;
	if (number >= SAKER_MAX_SUBCALLS / 2)
		return 0;
	return saker_subcalls[SAKER_SUBCALL(nr, number) & (SAKER_MAX_SUBCALLS - 1)];
}

/*
 * A call of interest that cannot be recorded. Not a gap in the ring: nothing that state depends on is
 * missing from the sequence, so any process could otherwise make the agent distrust its state.
 */
SAKER_INLINE void count_unseen(struct task_struct *task, u32 cause)
{
	struct subject to = {};

	if (find_ring(&to, task->tgid, task->pid, SAKER_CLASS_SECURITY))
		bump64(&to.counters->dropped[cause][SAKER_CLASS_SECURITY]);
}

/*
 * Births are recorded by the scheduler's tracepoint, which sees both sides. Of forks that fail the return alone tells; one
 * that a signal has stopped is made again, whatever the signal does.
 */
#define SAKER_BIRTH(event) ((event) - SAKER_EV_CLONE <= SAKER_EV_VFORK - SAKER_EV_CLONE)
_Static_assert(SAKER_EV_VFORK == SAKER_EV_CLONE + 3, "the fork family stands together");

/* Event + 1 of the call that `task` returns from, 0 when there is nothing to record. */
SAKER_INLINE u32 dispatch(struct task_struct *task, call_regs regs, u32 nr, s64 ret)
{
	u32 event;

	if (nr >= SAKER_MAX_SYSCALLS) {
		/* -1 is a call that ptrace or seccomp cancelled; most kernels have no x32. */
		if (nr != -1U && nr & X32_SYSCALL_BIT && ret != -SAKER_ENOSYS &&
		    !saker_task_compat(task) && task->tgid != saker_own_tgid)
			count_unseen(task, SAKER_DROP_ABI);
		return 0;
	}
	/* The number is the caller's: not past the table in speculation either. */
	barrier_var(nr);
	nr &= SAKER_MAX_SYSCALLS - 1;
	if (!(saker_wanted[nr / 64] >> (nr % 64) & 1))
		return 0;
	if (task->tgid == saker_own_tgid) {
		/* Of the agent's own calls only its canary is recorded. */
		if (nr == SAKER_NR64_PRCTL && !saker_task_compat(task) &&
		    CALL_REG(regs, task, di) == SAKER_CANARY_OPTION)
			return SAKER_EV_CANARY + 1;
		return 0;
	}
	event = saker_event(saker_task_compat(task), nr);
	if (event == SAKER_CALL_MULTIPLEXED)
		event = saker_subcall(nr, CALL_REG(regs, task, bx));
	if (event && SAKER_BIRTH(event - 1) && (ret >= 0 || ret == -SAKER_ERESTARTNOINTR))
		return 0;
	return event;
}

#endif /* SAKER_DISPATCH_H */
