/*
 * What goes through descriptors: bytes in one piece and in many, datagrams to and from addresses, descriptors in
 * messages, descriptors taken from another process. Sockets live as long as the script, as in sockets.c.
 */
#include "io.h"
#include <linux/in.h>
#include <linux/in6.h>

#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_CMSG_CLOEXEC 0x40000000
#define HOME 0x7f000001

struct message {
	void *name;
	__u32 name_bytes, pad;
	struct part *parts;
	__u64 count;
	void *control;
	__u64 control_bytes;
	__u64 flags;
};

struct messages {
	struct message message;
	__u32 moved, pad;
};

char bytes[DATA_BYTES], into[DATA_BYTES];
struct part parts[40];
static struct sockaddr_in to, from;
static struct sockaddr_in6 to6;
static int from_bytes;

static struct sockaddr_in *at(unsigned host, int port)
{
	memset(&to, 0, sizeof(to));
	to.sin_family = 2;
	to.sin_port = __builtin_bswap16(port);
	to.sin_addr.s_addr = __builtin_bswap32(host);
	return &to;
}

static struct sockaddr_in6 *at6(int mapped, int port)
{
	memset(&to6, 0, sizeof(to6));
	to6.sin6_family = 10;
	to6.sin6_port = __builtin_bswap16(port);
	if (mapped) {
		to6.sin6_addr.s6_addr32[2] = 0xffff0000;
		to6.sin6_addr.s6_addr32[3] = 0x0100007f;
	} else {
		to6.sin6_addr.s6_addr32[3] = 0x01000000;
	}
	return &to6;
}

static long udp_at(unsigned host, int port)
{
	long fd = must(SYSN(socket, 2, SOCK_DGRAM, 0), "socket");

	must(SYSN(bind, fd, at(host, port), sizeof(to)), "bind");
	return fd;
}

void vector(int count, long length)
{
	for (int i = 0; i < COUNT(parts); i++) {
		parts[i].base = i < count ? bytes + i * length : 0;
		parts[i].length = i < count ? length : 0;
	}
}

static void datagrams(void)
{
	long a, b, six, unix_end;

	step("udp/addresses");
	a = udp_at(HOME, 6200);
	b = udp_at(0, 6201);
	SYSN(sendto, a, S("to b"), 4, 0, at(HOME, 6201), sizeof(to));
	from_bytes = sizeof(from);
	SYSN(recvfrom, b, into, 100, 0, &from, &from_bytes);
	SYSN(sendto, b, S("back"), 4, 0, &from, sizeof(from));
	SYSN(recvfrom, a, into, 100, 0, 0, 0);
	SYSN(sendto, a, S("nobody"), 6, 0, at(HOME, 6299), sizeof(to));
	SYSN(sendto, a, S("where"), 5, 0, 0, 0);	/* ECONNREFUSED of the last one */
	SYSN(sendto, a, S("where"), 5, 0, 0, 0);	/* EDESTADDRREQ */
	SYSN(sendto, a, S("short"), 5, 0, at(HOME, 6201), 7);
	SYSN(sendto, a, S("fault"), 5, 0, ODD_UNMAPPED, sizeof(to));
	SYSN(sendto, a, ODD_UNMAPPED, 5, 0, at(HOME, 6201), sizeof(to));
	SYSN(sendto, a, bytes, 70000, 0, at(HOME, 6201), sizeof(to)); /* EMSGSIZE */
	SYSN(recvfrom, b, into, 100, MSG_DONTWAIT, &from, &from_bytes);
	step("udp/longer than the buffer");
	SYSN(sendto, a, bytes, 1000, 0, at(HOME, 6201), sizeof(to));
	SYSN(recvfrom, b, into, 10, MSG_TRUNC, &from, &from_bytes);
	step("udp/connected");
	SYSN(connect, a, at(HOME, 6201), sizeof(to));
	SYSN(sendto, a, S("one"), 3);
	SYSN(sendto, a, S("two"), 3, 0, at(HOME, 6200), sizeof(to));
	SYSN(write, a, S("three"), 5);
	SYSN(recvfrom, b, into, 100, 0, &from, &from_bytes);
	SYSN(recvfrom, b, into, 100);
	SYSN(recvfrom, a, into, 100, MSG_DONTWAIT);
	step("udp/no family");
	b = udp_at(HOME, 6204);
	at(HOME, 6201)->sin_family = 0; /* as good as the right one */
	SYSN(sendto, b, S("none"), 4, 0, &to, sizeof(to));
	step("udp6");
	six = must(SYSN(socket, 10, SOCK_DGRAM, 0), "socket");
	SYSN(bind, six, at6(0, 6202), sizeof(to6));
	SYSN(sendto, six, S("six"), 3, 0, at6(0, 6202), sizeof(to6));
	from_bytes = sizeof(to6);
	SYSN(recvfrom, six, into, 100, 0, &to6, &from_bytes);
	six = must(SYSN(socket, 10, SOCK_DGRAM, 0), "socket");
	memset(&to6, 0, sizeof(to6));
	to6.sin6_family = 10;
	to6.sin6_port = __builtin_bswap16(6203);
	SYSN(bind, six, &to6, sizeof(to6));
	SYSN(sendto, six, S("mapped"), 6, 0, at6(1, 6201), sizeof(to6));
	SYSN(sendto, six, S("four"), 4, 0, at(HOME, 6201), sizeof(to));
	SYSN(sendto, b, S("to six"), 6, 0, at(HOME, 6203), sizeof(to));
	from_bytes = sizeof(to6);
	SYSN(recvfrom, six, into, 100, 0, &to6, &from_bytes);
	step("datagrams/unix");
	unix_end = must(SYSN(socket, AF_UNIX, SOCK_DGRAM, 0), "socket");
	SYSN(bind, unix_end, S("\1\0io-name"), 10);
	a = must(SYSN(socket, AF_UNIX, SOCK_DGRAM, 0), "socket");
	SYSN(sendto, a, S("unix"), 4, 0, S("\1\0io-name"), 10);
	SYSN(sendto, a, S("unix"), 4, 0, S("\1\0nobody"), 9);
	from_bytes = 100;
	SYSN(recvfrom, unix_end, into, 100, 0, into + 200, &from_bytes);
	step("datagrams/unix, connected");
	SYSN(connect, a, S("\1\0io-name"), 10);
	SYSN(sendto, a, S("peer"), 4, 0, 0, 0);
	b = must(SYSN(socket, AF_UNIX, SOCK_DGRAM, 0), "socket");
	SYSN(bind, b, S("\1\0io-other"), 11);
	SYSN(sendto, a, S("other"), 5, 0, S("\1\0io-other"), 11); /* the name comes before the peer */
	step("sendto/no socket");
	SYSN(sendto, 0, S("x"), 1);
	SYSN(recvfrom, 700, into, 1, MSG_DONTWAIT);
}

static void messages(void)
{
	static struct message m;
	static struct messages many[12];
	long a, b;

	step("message");
	a = udp_at(HOME, 6210);
	b = udp_at(HOME, 6211);
	vector(3, 2);
	m.name = at(HOME, 6211);
	m.name_bytes = sizeof(to);
	m.parts = parts;
	m.count = 3;
	SYSN(sendmsg, a, &m, 0);
	vector(40, 100);
	m.count = 40;
	SYSN(sendmsg, a, &m, 0);
	vector(2, 50);
	for (int i = 0; i < 2; i++)
		parts[i].base = into + i * 50;
	m.name = &from;
	m.count = 2;
	SYSN(recvmsg, b, &m, 0);
	SYSN(recvmsg, b, &m, MSG_TRUNC);
	SYSN(recvmsg, b, &m, MSG_DONTWAIT);
	m.name = 0;
	m.name_bytes = 0;
	SYSN(sendmsg, a, &m, 0); /* EDESTADDRREQ */
	step("message/errors");
	SYSN(sendmsg, a, ODD_UNMAPPED, 0);
	SYSN(recvmsg, a, ODD_KERNEL, 0);
	SYSN(sendmsg, 0, &m, 0);
	m.parts = (void *)ODD_UNMAPPED;
	SYSN(sendmsg, a, &m, 0);
	step("messages");
	vector(12, 3);
	for (int i = 0; i < COUNT(many); i++) {
		many[i].message.name = &to;
		many[i].message.name_bytes = sizeof(to);
		many[i].message.parts = &parts[i];
		many[i].message.count = 1;
	}
	at(HOME, 6211);
	SYSN(sendmmsg, a, many, 2, 0);
	SYSN(sendmmsg, a, many, 12, 0); /* more than are recorded */
	for (int i = 0; i < COUNT(many); i++) {
		many[i].message.name = &from;
		parts[i].base = into + i * 3;
	}
	SYSN(recvmmsg, b, many, 3, 0, 0);
	SYSN(recvmmsg, b, many, 12, MSG_DONTWAIT, 0);
	SYSN(recvmmsg, b, many, 12, MSG_DONTWAIT, 0); /* EAGAIN */
	SYSN(sendmmsg, a, ODD_UNMAPPED, 2, 0);
	SYSN(sendmmsg, 0, many, 1, 0);
}

static char control[256];

/* A message of one byte with `count` descriptors. */
static struct message *with_descriptors(const int *fds, int count)
{
	static struct message m;

	memset(control, 0, sizeof(control));
	vector(1, 1);
	memset(&m, 0, sizeof(m));
	m.parts = parts;
	m.count = 1;
	m.control = control;
	m.control_bytes = 16 + 4 * count;
	*(__u64 *)control = 16 + 4 * count;
	((int *)control)[2] = 1; /* SOL_SOCKET */
	((int *)control)[3] = 1; /* SCM_RIGHTS */
	memcpy(control + 16, fds, 4 * count);
	return &m;
}

static struct message *room_for_control(long length)
{
	struct message *m = with_descriptors(0, 0);

	memset(control, 0, sizeof(control));
	m->control_bytes = length;
	return m;
}

static void close_received(void)
{
	int count = (int)(*(__u64 *)control - 16) / 4;

	for (int i = 0; i < count; i++)
		SYSN(close, ((int *)control)[4 + i]);
}

static void passing(void)
{
	static int pair[2], ends[2], many[20], on = 1, off;
	static struct messages two[2];
	int kinds[7];

	step("passing/every kind");
	must(SYSN(socketpair, AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	must(SYSN(pipe2, ends, 0), "pipe");
	kinds[0] = SYSN(open, S("file"), O_RDWR);
	kinds[1] = SYSN(open, S("."), O_DIRECTORY);
	kinds[2] = ends[0];
	kinds[3] = udp_at(HOME, 6220);
	kinds[4] = SYSN(memfd_create, S("passed"), 0);
	kinds[5] = SYSN(epoll_create1, 0);
	kinds[6] = pair[0];
	SYSN(sendmsg, pair[0], with_descriptors(kinds, 7), 0);
	SYSN(recvmsg, pair[1], room_for_control(sizeof(control)), 0);
	close_received();
	step("passing/more than are recorded");
	for (int i = 0; i < COUNT(many); i++)
		many[i] = kinds[0];
	SYSN(sendmsg, pair[0], with_descriptors(many, 20), 0);
	SYSN(recvmsg, pair[1], room_for_control(sizeof(control)), MSG_CMSG_CLOEXEC);
	close_received();
	step("passing/less room than there are");
	SYSN(sendmsg, pair[0], with_descriptors(many, 3), 0);
	SYSN(recvmsg, pair[1], room_for_control(24), 0);
	close_received();
	step("passing/behind credentials"); /* with the number of a process that has the same each time */
	CHILD({
		SYSN(unshare, 0x20000000 /* CLONE_NEWPID */);
		CHILD({
			SYSN(setsockopt, pair[1], 1, 16 /* SO_PASSCRED */, &on, 4);
			SYSN(sendmsg, pair[0], with_descriptors(many, 1), 0);
			SYSN(recvmsg, pair[1], room_for_control(sizeof(control)), 0);
			SYSN(setsockopt, pair[1], 1, 16, &off, 4);
		});
	});
	step("passing/in messages");
	for (int i = 0; i < 2; i++) {
		SYSN(sendmsg, pair[0], with_descriptors(kinds + i, 1), 0);
		two[i].message = *room_for_control(64);
		two[i].message.control = control + i * 64;
	}
	SYSN(recvmmsg, pair[1], two, 2, MSG_DONTWAIT, 0);
	SYSN(close, ((int *)control)[4]);
	SYSN(close, ((int *)(control + 64))[4]);
	step("passing/none");
	SYSN(write, pair[0], S("x"), 1);
	SYSN(recvmsg, pair[1], room_for_control(0), 0);
	step("taken from a process");
	kinds[6] = must(SYS(434 /* pidfd_open */, SYSN(getpid), 0), "pidfd_open");
	for (int i = 0; i < 6; i++)
		SYSN(close, SYS(438 /* pidfd_getfd */, kinds[6], kinds[i], 0));
	SYS(438, kinds[6], 700, 0);
	SYS(438, 700, 0, 0);
	SYS(438, kinds[6], 0, 1);
	step("close_range");
	SYS(436 /* close_range */, 200, 210, 0);
	SYS(436, 5, 4, 0); /* EINVAL */
	SYS(436, kinds[5], kinds[5], 4 /* CLOSE_RANGE_CLOEXEC */);
	CHILD({
		SYS(436, kinds[5], kinds[6], 2 /* CLOSE_RANGE_UNSHARE */);
		SYS(436, 0x100000003L, 0x7fffffff, 6);
		SYS(436, 3, 4, 0x80);
	});
	SYSN(close, kinds[6]);
	SYSN(close, kinds[5]);
	SYSN(close, kinds[4]);
	SYSN(close, ends[0]);
	SYSN(close, ends[1]);
	SYSN(close, kinds[1]);
	SYSN(close, kinds[0]);
}

static void options(void)
{
	static int value = 5, length, pair[2];
	static char time[16] = { 3 };
	long fd, other;

	step("socket options");
	fd = must(SYSN(socket, 2, SOCK_STREAM, 0), "socket");
	SYSN(setsockopt, fd, 1, 2, &value, 4);	  /* SO_REUSEADDR */
	SYSN(setsockopt, fd, 1, 20, time, 16);	  /* SO_RCVTIMEO */
	SYSN(setsockopt, fd, 6, 1, &value, 4);	  /* TCP_NODELAY */
	SYSN(setsockopt, fd, 1, 2, &value, 1);
	SYSN(setsockopt, fd, 1, 2, ODD_UNMAPPED, 4);
	SYSN(setsockopt, fd, 1, 9999, &value, 4);
	SYSN(setsockopt, 0, 1, 2, &value, 4);
	length = 4;
	SYSN(getsockopt, fd, 1, 4, &value, &length); /* SO_ERROR */
	SYSN(getsockopt, fd, 1, 3, &value, &length); /* SO_TYPE */
	SYSN(getsockopt, fd, 6, 1, &value, &length);
	SYSN(getsockopt, fd, 1, 4, &value, ODD_UNMAPPED);
	SYSN(getsockopt, fd, 1, 4, ODD_UNMAPPED, &length);
	SYSN(getsockopt, 700, 1, 4, &value, &length);
	step("connecting, then asking");
	other = must(SYSN(socket, 2, SOCK_STREAM, 0), "socket");
	SYSN(bind, other, at(HOME, 6230), sizeof(to));
	SYSN(listen, other, 1);
	fd = must(SYSN(socket, 2, SOCK_STREAM | O_NONBLOCK, 0), "socket");
	SYSN(bind, fd, at(HOME, 6231), sizeof(to));
	SYSN(connect, fd, at(HOME, 6230), sizeof(to));
	SYSN(getsockopt, fd, 1, 4, &value, &length);
	from_bytes = sizeof(from);
	SYSN(getsockname, fd, &from, &from_bytes);
	SYSN(getpeername, fd, &from, &from_bytes);
	SYSN(getpeername, other, &from, &from_bytes); /* ENOTCONN */
	SYSN(sendto, fd, S("tcp"), 3, 0, at(0x08080808, 53), sizeof(to)); /* EISCONN or sent: to the peer */
	SYSN(shutdown, fd, 1);
	SYSN(shutdown, fd, 2);
	SYSN(shutdown, fd, 99);
	SYSN(shutdown, 700, 0);
	step("pairs");
	SYSN(socketpair, AF_UNIX, SOCK_STREAM | O_CLOEXEC | O_NONBLOCK, 0, pair);
	SYSN(socketpair, AF_UNIX, SOCK_DGRAM, 0, pair);
	SYSN(socketpair, 2, SOCK_STREAM, 0, pair); /* EOPNOTSUPP */
	SYSN(socketpair, AF_UNIX, 99, 0, pair);
	SYSN(socketpair, AF_UNIX, SOCK_STREAM, 0, ODD_UNMAPPED);
}

/* Structures of the 32-bit ABI have other layouts. */
static void compat_calls(void)
{
	static unsigned parts32[4], message32[7], many32[16], got[2], values[2] = { 1, 4 };
	static unsigned control32[8];
	long fd, pair0;

	if (!has_compat)
		return;
	step("io of 32 bits");
	fd = SYS32(5, S("file"), O_RDWR);
	SYS32(4, fd, bytes, 20);
	SYS32(3, fd, into, 20);
	SYS32(181, fd, bytes, 5, 1, 1); /* at 4 GiB + 1 */
	SYS32(93, fd, 40);		/* ftruncate */
	SYS32(180, fd, into, 5, 2, 0);
	parts32[0] = (unsigned)(long)bytes;
	parts32[1] = 3;
	parts32[2] = (unsigned)(long)(bytes + 100);
	parts32[3] = 4;
	SYS32(146, fd, parts32, 2);
	SYS32(334, fd, parts32, 2, 5, 0);
	parts32[0] = (unsigned)(long)into;
	parts32[2] = (unsigned)(long)(into + 100);
	SYS32(145, fd, parts32, 2);
	SYS32(333, fd, parts32, 2, 5, 0);
	SYS32(42, got);
	SYS32(6, got[0]);
	SYS32(6, got[1]);
	SYS32(331, got, O_CLOEXEC);
	SYS32(6, got[0]);
	SYS32(6, got[1]);
	step("messages of 32 bits");
	must(SYS32(360, AF_UNIX, SOCK_DGRAM, 0, got), "socketpair");
	pair0 = got[0];
	SYS32(369, pair0, bytes, 10, 0, 0);
	SYS32(371, got[1], into, 100, 0, 0);
	message32[2] = (unsigned)(long)parts32;
	message32[3] = 2;
	message32[4] = (unsigned)(long)control32;
	message32[5] = 16;
	control32[0] = 16;
	control32[1] = 1;
	control32[2] = 1;
	control32[3] = fd;
	SYS32(370, pair0, message32, 0);
	message32[5] = sizeof(control32);
	SYS32(372, got[1], message32, 0);
	SYS32(6, control32[3]);
	memcpy(many32, message32, 28);
	many32[4] = many32[5] = 0;
	memcpy(many32 + 8, many32, 28);
	SYS32(345, pair0, many32, 2, 0);
	SYS32(337, got[1], many32, 2, MSG_DONTWAIT, 0);
	SYS32(366, pair0, 1, 2, values, 4);
	SYS32(365, pair0, 1, 3, values, values + 1);
	SYS32(367, pair0, into, values + 1);
	SYS32(368, pair0, into, values + 1);
	SYS32(373, pair0, 1);
	SYS32(6, SYS32(438, -1L, 0, 0));
	SYS32(436, 200, 210, 0);
	SYS32(6, fd);
}

void io(void)
{
	for (int i = 0; i < COUNT(bytes); i++)
		bytes[i] = "abcdefghijklmnopqrstuvwxyz\n\0\377"[i % 29];
	memset(into, 0, sizeof(into));
	reads_and_writes();
	datagrams();
	messages();
	passing();
	options();
	compat_calls();
}
