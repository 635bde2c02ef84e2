// SPDX-License-Identifier: GPL-2.0
/* 6.15: the parent of a kernfs node changes under RCU. */
#include <linux/kernfs.h>

_Static_assert(sizeof(((struct kernfs_node *)0)->__parent) == 8, "another type");
