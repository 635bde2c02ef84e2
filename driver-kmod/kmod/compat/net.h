/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets. */
#ifndef SAKER_COMPAT_NET_H
#define SAKER_COMPAT_NET_H

#include <linux/ipv6.h>
#include <net/inet_sock.h>
#include <net/sock.h>

/*
 * Protocol and type were bit fields until 5.6, which no pointer points to. They are whole bytes there: where, is
 * looked up once (compat/net.c), so that a socket that has gone is read by saker_kread(), like all else of it.
 */
#ifdef SAKER_HAVE_SK_PROTOCOL_WORD

static inline void saker_net_init(void) {}

#define SAKER_SK_MEMBER(sk, member)                                                                \
	({                                                                                         \
		u16 value__ = 0;                                                                   \
		saker_kread(&value__, sizeof(value__), &(sk)->member);                             \
		value__;                                                                           \
	})

#else

/* Bytes of a socket; none when they could not be told. */
struct saker_bytes {
	u16 at, len;
};

extern struct saker_bytes saker_bytes_of_sk_protocol, saker_bytes_of_sk_type;

void saker_net_init(void);

#define SAKER_SK_MEMBER(sk, member)                                                                \
	({                                                                                         \
		u16 value__ = 0;                                                                   \
		saker_kread(&value__, saker_bytes_of_##member.len,                                 \
			    (const char *)(sk) + saker_bytes_of_##member.at);                      \
		value__;                                                                           \
	})

#endif

static inline u16 saker_sk_protocol(const struct sock *sk)
{
	return SAKER_SK_MEMBER(sk, sk_protocol);
}

static inline u16 saker_sk_type(const struct sock *sk)
{
	return SAKER_SK_MEMBER(sk, sk_type);
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
