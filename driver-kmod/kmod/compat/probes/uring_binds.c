// SPDX-License-Identifier: GPL-2.0
/* 6.11: rings bind sockets and listen. */
#include <uapi/linux/io_uring.h>

int wanted_uring_binds = IORING_OP_BIND;
