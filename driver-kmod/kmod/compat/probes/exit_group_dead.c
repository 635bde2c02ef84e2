// SPDX-License-Identifier: GPL-2.0
/* 6.16: sched_process_exit says whether it was the last thread. */
#include <trace/events/sched.h>

static void probe_exit_group_dead(void *data, struct task_struct *task, bool group_dead)
{
}

void test_exit_group_dead(void)
{
	_Static_assert(__builtin_types_compatible_p(
			       typeof(&check_trace_callback_type_sched_process_exit),
			       void (*)(typeof(&probe_exit_group_dead))),
		       "another signature");
}
