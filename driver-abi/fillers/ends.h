/* SPDX-License-Identifier: GPL-2.0 */
/* Ends of datagrams, which sockets do not remember. */
#ifndef SAKER_ENDS_H
#define SAKER_ENDS_H

#define SOCK_STREAM_NR 1 /* enumerations in the module */
#define SOCK_DGRAM_NR 2

/* An address in the memory of the task or, `kept`, in that of the driver. */
SAKER_INLINE s64 read_end(void *to, u32 len, u64 at, bool kept)
{
	return kept ? kread(to, len, (void *)at) : uread(to, len, at);
}

/*
 * Puts the far end that the caller gave or was given into a tuple; false when it has none. Connected
 * streams have theirs from the kernel and do not look at such an address.
 */
SAKER_INLINE bool patch_far_end(struct saker_tuple *tuple, u64 name_at, u32 name_len,
				bool out, bool kept)
{
	struct {
		u16 family, port;
		u8 rest[24]; /* the address of IPv4 first, of IPv6 behind the flow label */
		u8 room[4];  /* a power of two for the verifier */
	} given = {};
	u32 len = name_len;

	if (!name_at || tuple->type == SOCK_STREAM_NR || len < 2)
		return false;
	/* A connected socket receives from its peer alone; what stands in the caller's memory may be old. */
	if (!out && tuple->remote_port)
		return false;
	if (len > sizeof(given) - sizeof(given.room))
		len = sizeof(given) - sizeof(given.room);
	barrier_var(len); /* or the compiler compares another copy than it passes */
	if (read_end(&given, len & (sizeof(given) - 1), name_at, kept))
		return false;
	/* udp_sendmsg() takes no family for its own. */
	if (!given.family && out && tuple->family == AF_INET)
		given.family = AF_INET;
	if (given.family == AF_INET && len >= 8) {
		if (tuple->family != AF_INET && tuple->family != AF_INET6)
			return false;
		__builtin_memset(tuple->remote_addr, 0, 16);
		if (tuple->family == AF_INET) {
			__builtin_memcpy(tuple->remote_addr, given.rest, 4);
		} else {
			tuple->remote_addr[10] = 0xff;
			tuple->remote_addr[11] = 0xff;
			__builtin_memcpy(tuple->remote_addr + 12, given.rest, 4);
		}
		tuple->remote_port = __builtin_bswap16(given.port);
	} else if (given.family == AF_INET6 && len >= 24) {
		if (tuple->family != AF_INET6)
			return false;
		__builtin_memcpy(tuple->remote_addr, given.rest + 4, 16);
		tuple->remote_port = __builtin_bswap16(given.port);
	} else if (given.family == AF_UNIX && tuple->family == AF_UNIX && out &&
		   (!tuple->peer_id || tuple->type == SOCK_DGRAM_NR)) {
		/* Of datagrams a name that is given comes before the peer; others do not look at it. */
		tuple->peer_id = 0;
		len = name_len - 2;
		if (len > 108)
			len = 108;
		barrier_var(len);
		__builtin_memset(tuple->path, 0, sizeof(tuple->path));
		read_end(tuple->path, len & 0x7f, name_at + 2, kept);
	} else {
		return false;
	}
	return true;
}

#endif /* SAKER_ENDS_H */
