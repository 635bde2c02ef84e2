// SPDX-License-Identifier: GPL-2.0
/* 3.13, with CONFIG_IPV6: a socket has its IPv6 addresses itself. */
#include <net/sock.h>

_Static_assert(sizeof(((struct sock *)0)->__sk_common.skc_v6_daddr) == 16, "another type");
_Static_assert(sizeof(((struct sock *)0)->__sk_common.skc_v6_rcv_saddr) == 16, "another type");
