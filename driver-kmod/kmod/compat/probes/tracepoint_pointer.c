// SPDX-License-Identifier: GPL-2.0
/* 3.15, not RHEL 7: tracepoints are found by iteration and registered by pointer. */
/* EXPORT: for_each_kernel_tracepoint */
#include <linux/tracepoint.h>

static int attach_by_pointer(struct tracepoint *tp, void *probe, void *data)
{
	return 0;
}

_Static_assert(__builtin_types_compatible_p(typeof(&tracepoint_probe_register), typeof(&attach_by_pointer)),
	       "another signature");
