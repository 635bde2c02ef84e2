// SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0
/* The event table as data for the agent. */
#include <linux/types.h>
#include "saker_abi.h"

#define PARAM(EV, name, type, source, n) { #name, SAKER_T_##type, 0 },
#define INTERNAL(EV, name, type, source, n) { #name, SAKER_T_##type, SAKER_PF_INTERNAL },
#define PARAMS(ID, name, cls, flags, kind, nr64, nr32) \
	static const struct saker_param_info params_##ID[] = { SAKER_PARAMS_##ID(PARAM, INTERNAL) };
SAKER_EVENTS(PARAMS)

#define EVENT(ID, name, cls, flags, kind, nr64, nr32) \
	{ #name, SAKER_CLASS_##cls, flags, nr64, nr32, SAKER_NP_##ID, params_##ID },
const struct saker_event_info saker_event_table[SAKER_NR_EVENTS] = { SAKER_EVENTS(EVENT) };

#define SUBCALL(call, number, ID, args) \
	{ SAKER_EV_##ID, SAKER_SUBCALL(SAKER_NR32_##call, number), SAKER_NR32_##call },
const struct saker_subcall_info saker_subcalls[SAKER_NR_SUBCALLS] = { SAKER_SUBCALLS(SUBCALL) };

#define URING(NAME, number, ID) { number, SAKER_EV_##ID },
const struct saker_uring_info saker_uring_requests[SAKER_NR_URING_REQUESTS] = { SAKER_REQUESTS(URING) };

#define MOVED(ID, name, cls) SAKER_EV_##ID,
const __u16 saker_uring_moved[SAKER_NR_URING_MOVED] = { SAKER_REQUESTS_MOVED(MOVED) };

_Static_assert(sizeof(struct saker_hdr) == 40, "record header");
_Static_assert(sizeof(struct saker_var) == 8, "a slot");
_Static_assert(sizeof(struct saker_tuple) == 184, "socket tuple");
_Static_assert(__builtin_offsetof(struct saker_tuple, path) == SAKER_TUPLE_INET_LEN, "inet part");
