// SPDX-License-Identifier: GPL-2.0
/* 4.5: shared pages are counted apart. */
#include <linux/mm_types.h>

int wanted_mm_shmempages = MM_SHMEMPAGES;
