/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets. */
#ifndef SAKER_COMPAT_NET_H
#define SAKER_COMPAT_NET_H

#include <linux/ipv6.h>
#include <net/inet_sock.h>
#include <net/sock.h>

/*
 * Members that were bit fields until 5.6, which no pointer points to: then they are read directly. A socket that
 * goes away meanwhile leaves its memory behind.
 */
#ifdef SAKER_HAVE_SK_PROTOCOL_WORD
#define SAKER_SK_BITS(sk, member)                                                                  \
	({                                                                                         \
		u16 bits__ = 0;                                                                    \
		saker_kread(&bits__, sizeof(bits__), &(sk)->member);                               \
		bits__;                                                                            \
	})
#else
#define SAKER_SK_BITS(sk, member) ((u16)(sk)->member)
#endif

static inline u16 saker_sk_protocol(const struct sock *sk)
{
	return SAKER_SK_BITS(sk, sk_protocol);
}

static inline u16 saker_sk_type(const struct sock *sk)
{
	return SAKER_SK_BITS(sk, sk_type);
}

/*
 * Where the addresses of an IPv6 socket are, for saker_kread(): in the socket since 3.13, before that in a part of
 * its own.
 */
#if !IS_ENABLED(CONFIG_IPV6)
#define SK_LOCAL6(sk) NULL
#define SK_REMOTE6(sk) NULL
#elif defined(SAKER_HAVE_SK_V6_ADDR)
#define SK_LOCAL6(sk) (&(sk)->__sk_common.skc_v6_rcv_saddr)
#define SK_REMOTE6(sk) (&(sk)->__sk_common.skc_v6_daddr)
#else
static inline const struct ipv6_pinfo *saker_sk_pinfo(const struct sock *sk)
{
	struct ipv6_pinfo *pinfo = NULL;

	saker_kread(&pinfo, sizeof(pinfo), &inet_sk(sk)->pinet6);
	return pinfo;
}

#define SK_LOCAL6(sk) (&saker_sk_pinfo(sk)->rcv_saddr)
#define SK_REMOTE6(sk) (&saker_sk_pinfo(sk)->daddr)
#endif

#endif /* SAKER_COMPAT_NET_H */
