// SPDX-License-Identifier: GPL-2.0
/* 5.5: rings connect and accept. */
#include <uapi/linux/io_uring.h>

int wanted_uring_connects = IORING_OP_CONNECT;
