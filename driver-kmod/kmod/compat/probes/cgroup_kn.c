// SPDX-License-Identifier: GPL-2.0
/* 3.15, not RHEL 7: groups are directories of kernfs. */
#include <linux/cgroup.h>

_Static_assert(sizeof(((struct cgroup *)0)->kn) == 8, "another type");
