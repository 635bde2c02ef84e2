// SPDX-License-Identifier: GPL-2.0
/* 5.12, and back-ported: requests of io_uring that wait are done by threads of the process, not of the kernel. */
#include <linux/sched.h>
#include <linux/sched/task.h>

void *wanted_io_thread = create_io_thread;
