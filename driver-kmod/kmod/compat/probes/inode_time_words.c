// SPDX-License-Identifier: GPL-2.0
/* 6.11: times of an inode are seconds and nanoseconds on their own. */
#include <linux/fs.h>

_Static_assert(sizeof(((struct inode *)0)->i_ctime_sec) == 8, "another type");
_Static_assert(sizeof(((struct inode *)0)->i_ctime_nsec) == 4, "another type");
_Static_assert(sizeof(((struct inode *)0)->i_mtime_sec) == 8, "another type");
_Static_assert(sizeof(((struct inode *)0)->i_mtime_nsec) == 4, "another type");
