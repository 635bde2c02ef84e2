// SPDX-License-Identifier: GPL-2.0
/* Compiles with every kernel: else no probe means anything. */
#include <linux/module.h>
