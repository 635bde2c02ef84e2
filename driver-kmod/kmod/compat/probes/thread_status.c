// SPDX-License-Identifier: GPL-2.0
/* 4.9 to 4.15: TS_COMPAT is in thread_struct. */
#include <linux/sched.h>

_Static_assert(sizeof(((struct task_struct *)0)->thread.status) == 4, "another type");
