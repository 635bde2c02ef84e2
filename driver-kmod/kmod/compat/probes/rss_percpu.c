// SPDX-License-Identifier: GPL-2.0
/* 6.2, back-ported: pages of a process are counted per CPU. */
#include <linux/mm_types.h>

_Static_assert(sizeof(((struct mm_struct *)0)->rss_stat[0].count) == 8, "another type");
