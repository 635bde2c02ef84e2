/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks, pids, time. The caller passes tasks that cannot go away: current, a probe's, referenced ones. */
#ifndef SAKER_COMPAT_TASK_H
#define SAKER_COMPAT_TASK_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/thread_info.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 11, 0)
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#endif

/* CLOCK_BOOTTIME, the clock of the eBPF driver's bpf_ktime_get_boot_ns(). */
static inline u64 saker_clock_ns(void)
{
#ifdef SAKER_HAVE_KTIME_GET_BOOT_FAST_NS
	return ktime_get_boot_fast_ns();
#else
	return ktime_to_ns(ktime_get_boottime());
#endif
}

/*
 * What follows is asked of tasks found through others, too (a leader, a namespace's init), which may be
 * gone: read as memory that may not be there.
 */

/* When a task began, CLOCK_BOOTTIME. */
static inline u64 saker_task_start_ns(const struct task_struct *task)
{
#if defined(SAKER_HAVE_START_BOOTTIME) /* 5.5 */
	u64 ns = 0;

	saker_kread(&ns, sizeof(ns), &task->start_boottime);
	return ns;
#elif defined(SAKER_HAVE_REAL_START_TIME_NS) /* 3.17 */
	u64 ns = 0;

	saker_kread(&ns, sizeof(ns), &task->real_start_time);
	return ns;
#else
	struct timespec start = {};

	saker_kread(&start, sizeof(start), &task->real_start_time);
	return timespec_to_ns(&start);
#endif
}

/*
 * Whether a group has an ancestor that asked for orphans (PR_SET_CHILD_SUBREAPER), or has asked itself. Bits
 * have no address to be read from by saker_kread(): the caller holds RCU, so that parents stay.
 */
static inline bool saker_has_subreaper(const struct signal_struct *signal)
{
	return signal && signal->has_child_subreaper;
}

static inline bool saker_is_subreaper(const struct signal_struct *signal)
{
	return signal && signal->is_child_subreaper;
}

static inline struct pid *saker_task_pid(const struct task_struct *task)
{
	struct pid *pid = NULL;

#ifdef SAKER_HAVE_THREAD_PID /* 4.19 */
	saker_kread(&pid, sizeof(pid), &task->thread_pid);
#else
	saker_kread(&pid, sizeof(pid), &task->pids[PIDTYPE_PID].pid);
#endif
	return pid;
}

/* `type`: PIDTYPE_PGID, PIDTYPE_SID. */
static inline struct pid *saker_task_group_pid(const struct task_struct *task, enum pid_type type)
{
	struct pid *pid = NULL;

#ifdef SAKER_HAVE_THREAD_PID
	struct signal_struct *signal = NULL;

	saker_kread(&signal, sizeof(signal), &task->signal);
	saker_kread(&pid, sizeof(pid), &signal->pids[type]);
#else
	struct task_struct *leader = NULL;

	saker_kread(&leader, sizeof(leader), &task->group_leader);
	saker_kread(&pid, sizeof(pid), &leader->pids[type].pid);
#endif
	return pid;
}

static inline struct pid *saker_task_pgrp(const struct task_struct *task)
{
	return saker_task_group_pid(task, PIDTYPE_PGID);
}

static inline struct pid *saker_task_session_pid(const struct task_struct *task)
{
	return saker_task_group_pid(task, PIDTYPE_SID);
}

/* Is the task in a system call of the 32-bit ABI? */
static inline bool saker_task_compat(struct task_struct *task)
{
#ifndef CONFIG_COMPAT
	return false;
#elif defined(SAKER_HAVE_THREAD_STATUS) /* 4.9 to 4.15 */
	return task->thread.status & TS_COMPAT;
#else
	return task_thread_info(task)->status & TS_COMPAT;
#endif
}

/*
 * Does this call return to a program that an exec has just begun? Until 4.12 it looks like another one when the new
 * program is of 32 bits: of the new ABI, with the old one's number. Nothing else returns without the bit that is
 * always set in the flags of a processor: neither signals nor tracers can take it away.
 */
static inline bool saker_returns_from_exec(const struct pt_regs *regs)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 12, 0)
	return !(regs->flags & 0x2);
#else
	return false;
#endif
}

/*
 * Has the calls of a new task seen, or of one that has begun a program. Until 3.16 the kernel marks nobody without
 * memory of its own when the first probe comes: neither what it starts by itself, a helper for a core dump say, nor
 * what that forks has the mark. It marked nobody either who was being made just then. When the last probe goes it
 * takes the mark from all; one that is set a moment later costs a longer way out of calls, and nothing else.
 */
static inline void saker_watch_calls(struct task_struct *task)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 16, 0)
	if (task->mm)
		set_tsk_thread_flag(task, TIF_SYSCALL_TRACEPOINT);
#endif
}

/* Under RCU: the first number of the initial namespace that is used, from `nr` on. */
struct pid *saker_pid_from(int nr);

/* 3.14. Also ends at a thread that has left its group meanwhile: that one is followed by itself for ever. */
#ifndef for_each_thread
static inline struct task_struct *saker_thread_after(struct task_struct *p, struct task_struct *t)
{
	struct task_struct *next = next_thread(t);

	return next == p || next == t ? NULL : next;
}

#define for_each_thread(p, t) for ((t) = (p); (t); (t) = saker_thread_after(p, t))
#endif

#endif /* SAKER_COMPAT_TASK_H */
