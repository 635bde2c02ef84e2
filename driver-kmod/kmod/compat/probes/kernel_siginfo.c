// SPDX-License-Identifier: GPL-2.0
/* 4.20: the kernel has a siginfo of its own. */
#include <linux/signal.h>

struct kernel_siginfo info_kernel_siginfo;
