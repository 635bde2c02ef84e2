/*
 * Sockets of every family the drivers look into, in a network of the script's own with nothing but
 * loopback. No socket is closed before the script ends: the dump knows sockets by their addresses in the
 * kernel, and a dead socket's could come again.
 */
#include "sys.h"
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>

#define AF_UNIX 1
#define AF_NETLINK 16
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOCK_CLOEXEC O_CLOEXEC
#define SOCK_NONBLOCK O_NONBLOCK

static struct sockaddr_un un;
static struct sockaddr_in in;
static struct sockaddr_in6 in6;
static char peer[256];
static int peer_bytes;

static long unix_address(const char *name, long bytes)
{
	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	memcpy(un.sun_path, name, bytes);
	return 2 + bytes;
}

static void inet_address(unsigned host, int port)
{
	memset(&in, 0, sizeof(in));
	in.sin_family = 2;
	in.sin_port = __builtin_bswap16(port);
	in.sin_addr.s_addr = __builtin_bswap32(host);
}

/* ::1, or ::ffff:127.0.0.1 when mapped */
static void inet6_address(int mapped, int port)
{
	memset(&in6, 0, sizeof(in6));
	in6.sin6_family = 10;
	in6.sin6_port = __builtin_bswap16(port);
	if (mapped) {
		in6.sin6_addr.s6_addr32[2] = 0xffff0000;
		in6.sin6_addr.s6_addr32[3] = 0x0100007f;
	} else {
		in6.sin6_addr.s6_addr32[3] = 0x01000000;
	}
}

static void bind_inet(long fd, unsigned host, int port)
{
	inet_address(host, port);
	SYSN(bind, fd, &in, sizeof(in));
}

static void connect_inet(long fd, unsigned host, int port)
{
	inet_address(host, port);
	SYSN(connect, fd, &in, sizeof(in));
}

static void bind_inet6(long fd, int mapped, int port)
{
	inet6_address(mapped, port);
	SYSN(bind, fd, &in6, sizeof(in6));
}

static void connect_inet6(long fd, int mapped, int port)
{
	inet6_address(mapped, port);
	SYSN(connect, fd, &in6, sizeof(in6));
}

static long accept_from(long server)
{
	peer_bytes = sizeof(peer);
	return SYSN(accept, server, peer, &peer_bytes);
}

static void creations(void)
{
	step("socket/kinds");
	SYSN(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	SYSN(socket, 2, SOCK_DGRAM, 17);
	SYSN(socket, 10, SOCK_STREAM, 6);
	SYSN(socket, AF_NETLINK, SOCK_DGRAM, 0);
	step("socket/refused");
	SYSN(socket, 2, SOCK_STREAM, 17); /* EPROTONOSUPPORT */
	SYSN(socket, 2, 99, 0);
	SYSN(socket, 99, SOCK_STREAM, 0);
}

static void named(int type, const char *label, const char *name, long bytes)
{
	long server, client, length;

	step2("unix", label);
	server = SYSN(socket, AF_UNIX, type, 0);
	length = unix_address(name, bytes);
	SYSN(bind, server, &un, length);
	SYSN(listen, server, 3);
	client = SYSN(socket, AF_UNIX, type, 0);
	SYSN(connect, client, &un, length);
	SYSN(dup, client);
	if (type != SOCK_DGRAM)
		SYSN(dup, accept_from(server));
	SYSN(dup, server);
}

static void unix_sockets(void)
{
	char *full = long_string(0, "full-", 108);
	long server, client, length;

	named(SOCK_STREAM, "stream, with a name", "name", 5);
	named(SOCK_STREAM, "stream, absolute", WORK "/absolute", sizeof(WORK "/absolute"));
	named(SOCK_SEQPACKET, "seqpacket", "packets", 8);
	named(SOCK_DGRAM, "datagrams", "grams", 6);
	named(SOCK_STREAM, "abstract", "\0hidden\0part", 12);
	named(SOCK_STREAM, "107 bytes", full, 107);
	named(SOCK_STREAM, "108 bytes without an end", full, 108);
	named(SOCK_STREAM, "abstract, 108 bytes", "\0" WORK "/ full to the end: 0123456789012345678901234567890123456789012345678901234567890123456789", 108);
	named(SOCK_STREAM, "one byte", "x", 1);
	step("unix/not bound"); /* a name that the kernel chooses would be another one each time */
	server = SYSN(socket, AF_UNIX, SOCK_STREAM, 0);
	SYSN(listen, server, 1); /* EINVAL: not bound */
	step("unix/client has a name, server another");
	server = SYSN(socket, AF_UNIX, SOCK_STREAM, 0);
	length = unix_address("server", 7);
	SYSN(bind, server, &un, length);
	SYSN(listen, server, 0x100000001L);
	client = SYSN(socket, AF_UNIX, SOCK_STREAM, 0);
	length = unix_address("client", 7);
	SYSN(bind, client, &un, length);
	length = unix_address("server", 7);
	SYSN(connect, client, &un, length);
	peer_bytes = sizeof(peer);
	SYSN(accept4, server, peer, &peer_bytes, SOCK_CLOEXEC);
	step("unix/refused");
	client = SYSN(socket, AF_UNIX, SOCK_STREAM, 0);
	length = unix_address("nobody", 7);
	SYSN(connect, client, &un, length); /* ENOENT */
	length = unix_address("file", 5);
	SYSN(connect, client, &un, length); /* ECONNREFUSED */
	length = unix_address("server", 7);
	SYSN(bind, client, &un, length); /* EADDRINUSE */
	SYSN(bind, client, &un, 1);	 /* EINVAL */
}

static void tcp(void)
{
	long server, client, other;

	step("tcp4/refused");
	client = SYSN(socket, 2, SOCK_STREAM, 0);
	bind_inet(client, 0x7f000001, 5004);
	connect_inet(client, 0x7f000001, 4001);
	step("tcp4");
	server = SYSN(socket, 2, SOCK_STREAM, 0);
	bind_inet(server, 0, 4000);
	SYSN(listen, server, 5);
	client = SYSN(socket, 2, SOCK_STREAM, 6);
	bind_inet(client, 0x7f000002, 5000);
	connect_inet(client, 0x7f000001, 4000);
	SYSN(connect, client, &in, sizeof(in)); /* EISCONN */
	SYSN(dup, accept_from(server));
	SYSN(dup, client);
	step("tcp4/not blocking");
	client = SYSN(socket, 2, SOCK_STREAM | SOCK_NONBLOCK, 0);
	bind_inet(client, 0x7f000001, 5001);
	connect_inet(client, 0x7f000001, 4000);
	peer_bytes = sizeof(peer);
	SYSN(accept4, server, peer, &peer_bytes, SOCK_NONBLOCK);
	SYSN(fcntl, server, 4, O_NONBLOCK);
	accept_from(server); /* EAGAIN */
	SYSN(accept4, server, 0, 0, 0x7fffffff);
	step("tcp6");
	server = SYSN(socket, 10, SOCK_STREAM, 0);
	bind_inet6(server, 0, 4000);
	SYSN(listen, server, -1);
	client = SYSN(socket, 10, SOCK_STREAM, 0);
	bind_inet6(client, 0, 5002);
	connect_inet6(client, 0, 4000);
	SYSN(dup, accept_from(server));
	step("tcp6/mapped");
	client = SYSN(socket, 10, SOCK_STREAM, 0);
	bind_inet6(client, 1, 5003);
	connect_inet6(client, 1, 4000);
	step("tcp/family mismatch");
	other = SYSN(socket, 2, SOCK_STREAM, 0);
	connect_inet6(other, 0, 4000);
	SYSN(bind, other, &in6, sizeof(in6));
	SYSN(accept, other, 0, 0);
	SYSN(listen, -1, 5);
}

static void udp(void)
{
	long fd;

	step("udp4");
	fd = SYSN(socket, 2, SOCK_DGRAM, 0);
	bind_inet(fd, 0x7f000001, 6000);
	connect_inet(fd, 0x7f000003, 6001);
	SYSN(connect, fd, memset(peer, 0, 16), 16); /* AF_UNSPEC: disconnects */
	SYSN(listen, fd, 1);
	accept_from(fd);
	step("udp6");
	fd = SYSN(socket, 10, SOCK_DGRAM, 0);
	bind_inet6(fd, 0, 6002);
	SYSN(connect, fd, &in6, sizeof(in6));
	step("raw, netlink, packet");
	fd = SYSN(socket, 2, 3, 1); /* SOCK_RAW, ICMP */
	connect_inet(fd, 0x7f000001, 0);
	SYSN(dup, fd);
	fd = SYSN(socket, AF_NETLINK, 3, 0);
	SYSN(bind, fd, memcpy(peer, "\x10\0\0\0\0\0\0\0\0\0\0\0", 12), 12);
	SYSN(dup, fd);
}

/* struct sockaddr of every length and readability: 128 bytes are taken. */
static void addresses(void)
{
	static const long lengths[] = { 0, 1, 2, 16, 110, 127, 128, 129, 255, -1, 0x80000000L, 0x100000010L };
	long fd = SYSN(socket, 2, SOCK_STREAM, 0);

	step("address/lengths");
	memset(peer, 'q', sizeof(peer));
	for (int i = 0; i < COUNT(lengths); i++) {
		SYSN(bind, fd, peer, lengths[i]);
		SYSN(connect, fd, peer, lengths[i]);
	}
	step("address/unreadable");
	SYSN(connect, fd, 0, 16);
	SYSN(connect, fd, 0, 0);
	SYSN(connect, fd, ODD_UNMAPPED, 16);
	SYSN(connect, fd, ODD_KERNEL, 16);
	SYSN(connect, fd, ODD_KERNEL, 0);
	SYSN(connect, fd, ODD_NON_CANONICAL, 0);
	SYSN(bind, fd, at_page_end(10, 0), 16); /* half of it is there */
	SYSN(bind, fd, at_page_end(16, 0), 16);
	SYSN(connect, fd, untouched(), 16); /* all zero: AF_UNSPEC */
	step("address/no socket");
	SYSN(connect, 0, peer, 16); /* ENOTSOCK */
	SYSN(connect, 77, peer, 16);
	SYSN(bind, 0, peer, 16);
	SYSN(accept, 0, 0, 0);
	SYSN(listen, 0, 0);
}

/* A descriptor travels to a child through a socket; the child uses it. */
static void passing(void)
{
	static int pair[2], received;
	static char byte[1] = "!", control[24];
	static struct { void *base; __u64 length; } part;
	static struct { void *name; __u64 name_bytes; void *parts; __u64 count; void *control; __u64 control_bytes; __u64 flags; } message;
	long fd;

	step("passing a descriptor");
	must(SYSN(socketpair, AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	fd = must(SYSN(socket, 2, SOCK_DGRAM, 0), "socket");
	part.base = byte;
	part.length = 1;
	message.parts = &part;
	message.count = 1;
	message.control = control;
	message.control_bytes = sizeof(control);
	*(__u64 *)control = 20;
	((int *)control)[2] = 1; /* SOL_SOCKET */
	((int *)control)[3] = 1; /* SCM_RIGHTS */
	((int *)control)[4] = fd;
	must(SYSN(sendmsg, pair[0], &message, 0), "sendmsg");
	CHILD({
		SYSN(close, pair[0]);
		SYSN(close, fd);
		must(SYSN(recvmsg, pair[1], &message, 0), "recvmsg");
		received = ((int *)control)[4];
		SYSN(dup, received);
		bind_inet(received, 0x7f000001, 6100);
		SYSN(close, received);
	});
}

void sockets(void)
{
	creations();
	unix_sockets();
	tcp();
	udp();
	addresses();
	passing();
}
