// SPDX-License-Identifier: GPL-2.0
/* 5.6: rings open files. */
#include <uapi/linux/io_uring.h>

int wanted = IORING_OP_OPENAT2;
