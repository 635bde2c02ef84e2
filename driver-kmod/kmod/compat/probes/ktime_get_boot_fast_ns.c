// SPDX-License-Identifier: GPL-2.0
/* 4.10: a clock that takes no lock. */
/* EXPORT: ktime_get_boot_fast_ns */
#include <linux/ktime.h>

void *wanted_ktime_get_boot_fast_ns = ktime_get_boot_fast_ns;
