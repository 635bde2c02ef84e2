// SPDX-License-Identifier: GPL-2.0
/* 6.3 and RHEL 9.3: vm_flags are changed by functions. */
#include <linux/mm.h>

void *wanted_vm_flags_clear = vm_flags_clear;
