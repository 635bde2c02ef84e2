// SPDX-License-Identifier: GPL-2.0
/* 6.6, back-ported: ctime of an inode by a function. */
#include <linux/fs.h>

void *wanted = inode_get_ctime;
