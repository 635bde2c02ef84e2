/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the programs hang, and how what is handed to them there is read. Built twice: for raw tracepoints, and
 * with SAKER_UNPREEMPTED for kernels that preempt programs there (7.0 and newer).
 *
 * The kernel does not run a program that already runs on that CPU. Where a program can be preempted, every
 * call of every other task on that CPU is so passed over until the preempted one goes on, which whoever runs
 * at the lowest priority can make last. Preemption can only be forbidden around the kernel's own guard, not
 * inside the program. Two places have it forbidden: the tracepoints as perf has them, which cost more, and
 * those the scheduler passes with interrupts off.
 */
#ifndef SAKER_HOOKS_H
#define SAKER_HOOKS_H

#ifndef SAKER_UNPREEMPTED

#define HOOK_CALL SEC("raw_tp/sys_exit")
#define HOOK_FORK SEC("raw_tp/sched_process_fork")
#define HOOK_EXEC SEC("raw_tp/sched_process_exec")
#define HOOK_EXIT SEC("raw_tp/sched_process_exit")

#define CALL_RETURN(ctx) ((s64)(ctx)[1])

static __always_inline void on_fork(u64 *ctx)
{
	record_fork((void *)ctx[0], (void *)ctx[1]);
}

static __always_inline void on_exec(u64 *ctx)
{
	struct linux_binprm *bprm = (void *)ctx[2];

	record_exec((void *)ctx[0], ctx[1], KREAD(bprm, filename));
}

static __always_inline void on_exit(u64 *ctx)
{
	record_exit((void *)ctx[0]);
}

#else

#define HOOK_CALL SEC("tracepoint/raw_syscalls/sys_exit")
#define HOOK_FORK SEC("raw_tp/sched_wakeup_new")
#define HOOK_EXEC SEC("tracepoint/sched/sched_process_exec")
#define HOOK_EXIT SEC("tracepoint/sched/sched_process_exit")

/* Positions as events/CATEGORY/NAME/format of tracefs tells; the loader compares (src/hooks.rs). */
#define CALL_RETURN(ctx) ((s64)(ctx)[2])
#define EXEC_FILENAME(ctx) ((u32 *)(ctx))[2]
#define EXEC_OLD_PID(ctx) ((s32 *)(ctx))[4]

/* perf hands over no pointer to the child; it is woken by its parent a few steps later. */
static __always_inline void on_fork(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[0];

	/* Born by other ways than the fork family, without the tracepoint that is named after it. */
	if (KREAD(child, flags) & (PF_IO_WORKER | PF_USER_WORKER))
		return;
	record_fork(bpf_get_current_task_btf(), child);
}

static __always_inline void on_exec(u64 *ctx)
{
	u32 name = EXEC_FILENAME(ctx) & 0xffff;

	record_exec(bpf_get_current_task_btf(), EXEC_OLD_PID(ctx), (const char *)ctx + name);
}

static __always_inline void on_exit(u64 *ctx)
{
	record_exit(bpf_get_current_task_btf());
}

#endif

/*
 * perf hands over nothing that tells the sender, so it is the raw one everywhere: what the kernel passes over
 * here is counted.
 */
#define HOOK_SIGNAL SEC("raw_tp/signal_deliver")

#endif /* SAKER_HOOKS_H */
