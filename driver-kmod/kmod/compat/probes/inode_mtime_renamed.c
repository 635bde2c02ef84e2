// SPDX-License-Identifier: GPL-2.0
/* 6.7 to 6.10: mtime of an inode has another name. */
#include <linux/fs.h>

_Static_assert(sizeof(((struct inode *)0)->__i_mtime) == 16, "another type");
