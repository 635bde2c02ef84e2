// SPDX-License-Identifier: GPL-2.0
/* 4.14: 64-bit numbers of kernfs nodes. */
#include <linux/kernfs.h>

_Static_assert(sizeof(((struct kernfs_node *)0)->id) == 8, "another type");
