/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets. */
#ifndef SAKER_COMPAT_NET_H
#define SAKER_COMPAT_NET_H

#include <net/sock.h>

/*
 * Two bit fields until 5.6, which no pointer points to: then they are read directly. A socket that goes
 * away meanwhile leaves its memory behind.
 */
static inline u16 saker_sk_protocol(const struct sock *sk)
{
	u16 protocol = 0;

#ifdef SAKER_HAVE_SK_PROTOCOL_WORD
	saker_kread(&protocol, sizeof(protocol), &sk->sk_protocol);
#else
	protocol = sk->sk_protocol;
#endif
	return protocol;
}

static inline u16 saker_sk_type(const struct sock *sk)
{
	u16 type = 0;

#ifdef SAKER_HAVE_SK_PROTOCOL_WORD
	saker_kread(&type, sizeof(type), &sk->sk_type);
#else
	type = sk->sk_type;
#endif
	return type;
}

#endif /* SAKER_COMPAT_NET_H */
