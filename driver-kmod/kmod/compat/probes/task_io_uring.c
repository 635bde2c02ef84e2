// SPDX-License-Identifier: GPL-2.0
/* 5.10: a task knows whether it uses io_uring. */
#include <linux/sched.h>

struct io_uring_task *test_task_io_uring(const struct task_struct *task)
{
	return task->io_uring;
}
