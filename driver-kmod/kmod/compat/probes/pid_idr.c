// SPDX-License-Identifier: GPL-2.0
/* 4.15: pids are in an idr, no bitmap. */
/* EXPORT: idr_get_next */
#include <linux/pid_namespace.h>

struct idr *wanted_pid_idr = &init_pid_ns.idr;
