// SPDX-License-Identifier: GPL-2.0
/* 3.16: a task has a group in the default hierarchy. */
#include <linux/cgroup.h>

_Static_assert(sizeof(((struct css_set *)0)->dfl_cgrp) == 8, "another type");
