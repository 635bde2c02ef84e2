// SPDX-License-Identifier: GPL-2.0
/* 5.5: start time of a task, CLOCK_BOOTTIME in ns. */
#include <linux/sched.h>

_Static_assert(sizeof(((struct task_struct *)0)->start_boottime) == 8, "another type");
