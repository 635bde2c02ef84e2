// SPDX-License-Identifier: GPL-2.0
/* Until 4.20, unless back-ported: code without preemption is waited for apart. */
#include <linux/rcupdate.h>

void *wanted_synchronize_sched = synchronize_sched;
