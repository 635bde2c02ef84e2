// SPDX-License-Identifier: GPL-2.0
/* 5.19: rings make sockets. */
#include <uapi/linux/io_uring.h>

int wanted_uring_sockets = IORING_OP_SOCKET;
