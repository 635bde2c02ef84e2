// SPDX-License-Identifier: GPL-2.0
/* 4.20: the kernel has a siginfo of its own. Its size is asked: gcc 5 finds no fault in an object of an unknown type. */
#include <linux/signal.h>

_Static_assert(sizeof(struct kernel_siginfo) > 0, "unknown");
