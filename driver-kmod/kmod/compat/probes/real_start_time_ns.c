// SPDX-License-Identifier: GPL-2.0
/* 3.17 to 5.4: start time of a task, CLOCK_BOOTTIME in ns. */
#include <linux/sched.h>

_Static_assert(__builtin_types_compatible_p(typeof(((struct task_struct *)0)->real_start_time), u64),
	       "another type");
