// SPDX-License-Identifier: GPL-2.0
/* 5.6: protocol and type of a socket are no bit fields. */
#include <net/sock.h>

_Static_assert(sizeof(((struct sock *)0)->sk_protocol) == 2, "another type");
_Static_assert(sizeof(((struct sock *)0)->sk_type) == 2, "another type");
