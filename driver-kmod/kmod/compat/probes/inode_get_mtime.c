// SPDX-License-Identifier: GPL-2.0
/* 6.7, back-ported: mtime of an inode by a function. */
#include <linux/fs.h>

void *wanted = inode_get_mtime;
