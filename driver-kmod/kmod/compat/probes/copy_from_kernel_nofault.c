// SPDX-License-Identifier: GPL-2.0
/* 5.8: new name of probe_kernel_read(). */
/* EXPORT: copy_from_kernel_nofault */
#include <linux/uaccess.h>

void *wanted_copy_from_kernel_nofault = copy_from_kernel_nofault;
