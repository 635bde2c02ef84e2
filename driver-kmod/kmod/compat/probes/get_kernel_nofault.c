// SPDX-License-Identifier: GPL-2.0
/* 5.8: one load from kernel memory with a label for its fault. */
#include <linux/uaccess.h>

int test_get_kernel_nofault(char *to, const char *from)
{
	__get_kernel_nofault(to, from, char, fault);
	return 0;
fault:
	return 1;
}
