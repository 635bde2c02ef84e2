// SPDX-License-Identifier: GPL-2.0
/* 5.6: rings open files. */
#include <uapi/linux/io_uring.h>

int wanted_uring_opens = IORING_OP_OPENAT2;
