// SPDX-License-Identifier: GPL-2.0
/* 4.19: a task has its own pid, its groups' are in struct signal_struct. */
#include <linux/sched.h>
#include <linux/sched/signal.h>

static inline struct pid *probe_thread_pid(struct task_struct *task)
{
	return task->thread_pid ? task->thread_pid : task->signal->pids[PIDTYPE_PGID];
}
