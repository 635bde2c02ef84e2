// SPDX-License-Identifier: GPL-2.0
/* 4.16: what poll returns has a type of its own. */
#include <linux/types.h>

__poll_t events_poll_t;
