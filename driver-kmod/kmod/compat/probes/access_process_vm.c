// SPDX-License-Identifier: GPL-2.0
/* 4.11: memory of other processes. */
/* EXPORT: access_process_vm */
#include <linux/mm.h>

void *wanted = access_process_vm;
