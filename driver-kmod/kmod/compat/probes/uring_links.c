// SPDX-License-Identifier: GPL-2.0
/* 5.15: rings make directories and links. */
#include <uapi/linux/io_uring.h>

int wanted_uring_links = IORING_OP_LINKAT;
