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

/* When a task began, CLOCK_BOOTTIME. */
static inline u64 saker_task_start_ns(const struct task_struct *task)
{
#if defined(SAKER_HAVE_START_BOOTTIME) /* 5.5 */
	return task->start_boottime;
#elif defined(SAKER_HAVE_REAL_START_TIME_NS) /* 3.17 */
	return task->real_start_time;
#else
	return timespec_to_ns(&task->real_start_time);
#endif
}

static inline struct pid *saker_task_pid(struct task_struct *task)
{
	return task_pid(task);
}

static inline struct pid *saker_task_pgrp(struct task_struct *task)
{
	return task_pgrp(task);
}

static inline struct pid *saker_task_session_pid(struct task_struct *task)
{
	return task_session(task);
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

/* Under RCU: the first number of the initial namespace that is used, from `nr` on. */
struct pid *saker_pid_from(int nr);

/* 3.14. */
#ifndef for_each_thread
#define for_each_thread(p, t)                                                                      \
	for ((t) = (p); (t); (t) = next_thread(t) == (p) ? NULL : next_thread(t))
#endif

/* Memory of another process. Sleeps. Bytes read; 0 when none, or where the kernel does not export it. */
static inline int saker_remote_read(struct task_struct *task, unsigned long from, void *to, int size)
{
#ifdef SAKER_HAVE_ACCESS_PROCESS_VM
	return access_process_vm(task, from, to, size, 0);
#else
	return 0;
#endif
}

#endif /* SAKER_COMPAT_TASK_H */
