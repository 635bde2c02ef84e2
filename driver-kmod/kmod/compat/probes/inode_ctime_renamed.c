// SPDX-License-Identifier: GPL-2.0
/* 6.6 to 6.10: ctime of an inode has another name. */
#include <linux/fs.h>

_Static_assert(sizeof(((struct inode *)0)->__i_ctime) == 16, "another type");
