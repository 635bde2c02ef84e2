// SPDX-License-Identifier: GPL-2.0
/* 5.11, and back-ported: rings remove and rename files. */
#include <uapi/linux/io_uring.h>

int wanted_uring_names = IORING_OP_UNLINKAT;
