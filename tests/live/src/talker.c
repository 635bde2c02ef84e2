/* Sends, receives, reads, writes and accepts through io_uring. Behind ring.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT 6310
#define BUFFER 64

/* Younger than the headers of some compilers. */
#define OP_READ_MULTISHOT 49
#define OP_BIND 56
#define OP_LISTEN 57
#define OP_READV_FIXED 60
#define OP_WRITEV_FIXED 61

static char buffer[BUFFER];

static void check(int ok, const char *what)
{
	if (!ok)
		exit(failed(what));
}

/* Numbers that the tests know. */
#define FIRST 100
#define SECOND 101

static int at(int number, int fd)
{
	check(fd >= 0 && dup2(fd, number) == number && !close(fd), "a socket");
	return number;
}

static void socket_pair(void)
{
	int fds[2];

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
	at(FIRST, fds[0]);
	at(SECOND, fds[1]);
}

static int datagram_socket(int number)
{
	return at(number, socket(AF_INET, SOCK_DGRAM, 0));
}

static struct io_uring_sqe data_request(int opcode, int fd, const void *data, int len)
{
	return (struct io_uring_sqe){
		.opcode = opcode, .fd = fd, .addr = (unsigned long)data, .len = len,
	};
}

static void expect(struct io_uring_sqe sqe, unsigned int setup, int wanted, const char *what)
{
	int ring;

	check(request(&sqe, setup, &ring, 1) == wanted, what);
}

static struct sockaddr_in there(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return in;
}

static int bound(void)
{
	struct sockaddr_in in = there();
	int fd = datagram_socket(FIRST);

	check(!bind(fd, (void *)&in, sizeof(in)), "bind");
	return fd;
}

/* pair: between two sockets that have no names; by a thread of the kernel, too. */
static void pair(void)
{
	socket_pair();
	expect(data_request(IORING_OP_SEND, FIRST, "four", 4), 0, 4, "send");
	expect(data_request(IORING_OP_RECV, SECOND, buffer, BUFFER), 0, 4, "recv");
	expect(data_request(IORING_OP_SEND, FIRST, "seven..", 7), IORING_SETUP_SQPOLL, 7, "send");
}

/* table: from a socket that is in the ring's table. */
static void table(void)
{
	struct io_uring_sqe sqe;
	struct ring ring;

	socket_pair();
	check(!ring_open(&ring, 0, FIRST), "ring");
	sqe = data_request(IORING_OP_SEND, 0, "five.", 5);
	sqe.flags = IOSQE_FIXED_FILE;
	check(ring_enter(&ring, &sqe, 1) == 1 && ring_result(&ring) == 5, "send");
}

/* address: a datagram to an address, without a message. */
static void address(void)
{
	struct sockaddr_in to = there();
	struct io_uring_sqe sqe =
		data_request(IORING_OP_SEND, datagram_socket(SECOND), "three", 3);

	bound();
	sqe.addr2 = (unsigned long)&to;
	sqe.addr_len = sizeof(to);
	expect(sqe, 0, 3, "send");
}

/* message: as messages, whose parts are three and eight bytes long. */
static void message(void)
{
	struct sockaddr_in to = there(), from;
	struct iovec parts[2] = { { "one", 3 }, { "two bits", 8 } };
	struct iovec room = { buffer, BUFFER };
	struct msghdr out = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts, .msg_iovlen = 2,
	};
	struct msghdr in = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &room, .msg_iovlen = 1,
	};
	int server = bound(), client = datagram_socket(SECOND);

	expect(data_request(IORING_OP_SENDMSG, client, &out, 1), 0, 11, "sendmsg");
	expect(data_request(IORING_OP_RECVMSG, server, &in, 1), 0, 11, "recvmsg");
}

/* A request in this ring: its first completion. */
static int result_of(struct ring *ring, struct io_uring_sqe sqe)
{
	check(ring_enter(ring, &sqe, 1) == 1, "io_uring_enter");
	return ring_result(ring);
}

/* Buffers that the kernel chooses from. */
static void provide(struct ring *ring)
{
	static char buffers[2][BUFFER];

	check(result_of(ring, data_request(IORING_OP_PROVIDE_BUFFERS, 2, buffers, BUFFER)) == 0, "buffers");
}

/* The completions that come without the request. */
static int next_result(struct ring *ring)
{
	check(ring_enter(ring, NULL, 1) == 0, "io_uring_enter");
	return ring_result(ring);
}

/* stay: one request receives two datagrams, and ends for want of a third buffer. */
static void stay(void)
{
	struct sockaddr_in to = there();
	int server = bound(), client = datagram_socket(SECOND), i;
	struct io_uring_sqe receive = data_request(IORING_OP_RECV, server, NULL, 0);
	static const int results[] = { 6, 9 };
	struct ring ring;

	check(!ring_open(&ring, 0, -2), "ring");
	provide(&ring);
	receive.flags = IOSQE_BUFFER_SELECT;
	receive.ioprio = IORING_RECV_MULTISHOT;
	receive.user_data = 77;
	check(ring_enter(&ring, &receive, 0) == 1, "recv");
	for (i = 0; i < 2; i++) {
		check(sendto(client, buffer, results[i], 0, (void *)&to, sizeof(to)) == results[i], "sendto");
		check(next_result(&ring) == results[i], "recv");
	}
}

static int supported(struct ring *ring, unsigned int opcode)
{
	static struct {
		struct io_uring_probe probe;
		struct io_uring_probe_op ops[256];
	} all;

	check(!syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PROBE, &all, 256), "probe");
	return all.ops[opcode].flags & IO_URING_OP_SUPPORTED;
}

/* file: written and read in all ways, a file and a pair of sockets. */
static void file(void)
{
	struct iovec parts[2] = { { "one", 3 }, { "two bits", 8 } };
	struct iovec room[2] = { { buffer, 10 }, { buffer + 10, 20 } };
	struct iovec fixed = { buffer, BUFFER };
	int fd = at(FIRST, open("/tmp/talker-file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	struct io_uring_sqe sqe;
	struct ring ring;

	unlink("/tmp/talker-file");
	check(!ring_open(&ring, 0, -2), "ring");
	check(!syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &fixed, 1), "buffers");
	check(result_of(&ring, data_request(IORING_OP_WRITE, fd, "seven..", 7)) == 7, "write");
	check(result_of(&ring, data_request(IORING_OP_READ, fd, buffer, 12)) == 7, "read");
	check(result_of(&ring, data_request(IORING_OP_WRITEV, fd, parts, 2)) == 11, "writev");
	check(result_of(&ring, data_request(IORING_OP_READV, fd, room, 2)) == 11, "readv");
	check(result_of(&ring, data_request(IORING_OP_WRITE_FIXED, fd, buffer, 13)) == 13, "write");
	check(result_of(&ring, data_request(IORING_OP_READ_FIXED, fd, buffer, 14)) == 13, "read");
	sqe = data_request(IORING_OP_WRITE, fd, "by a worker", 6);
	sqe.flags = IOSQE_ASYNC;
	check(result_of(&ring, sqe) == 6, "write");
	close(fd);
	socket_pair();
	check(result_of(&ring, data_request(IORING_OP_WRITE, FIRST, "eight...", 8)) == 8, "write");
	check(result_of(&ring, data_request(IORING_OP_READ, SECOND, buffer, BUFFER)) == 8, "read");
}

/* vectors: written and read in parts of a registered buffer, where there are such requests; elsewhere of any. */
static void vectors(void)
{
	struct iovec all = { buffer, BUFFER };
	struct iovec parts[2] = { { buffer, 6 }, { buffer + 20, 9 } };
	struct iovec room[2] = { { buffer, 10 }, { buffer + 30, 15 } };
	int fd = at(FIRST, open("/tmp/talker-vectors", O_RDWR | O_CREAT | O_TRUNC, 0600));
	struct ring ring;
	int fixed;

	unlink("/tmp/talker-vectors");
	check(!ring_open(&ring, 0, -2), "ring");
	check(!syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &all, 1), "buffers");
	fixed = supported(&ring, OP_WRITEV_FIXED);
	check(result_of(&ring, data_request(fixed ? OP_WRITEV_FIXED : IORING_OP_WRITEV, fd, parts, 2)) == 15,
	      "writev");
	check(result_of(&ring, data_request(fixed ? OP_READV_FIXED : IORING_OP_READV, fd, room, 2)) == 15,
	      "readv");
}

/* again: one request reads twice, where there are such; elsewhere there are two. */
static void again(void)
{
	struct io_uring_sqe often = data_request(OP_READ_MULTISHOT, FIRST, NULL, 0);
	int ends[2], i, stays;
	struct ring ring;

	check(!pipe(ends), "pipe");
	at(FIRST, ends[0]);
	check(!ring_open(&ring, 0, -2), "ring");
	stays = supported(&ring, OP_READ_MULTISHOT);
	provide(&ring);
	often.flags = IOSQE_BUFFER_SELECT;
	often.user_data = 79;
	often.off = -1;
	if (stays)
		check(ring_enter(&ring, &often, 0) == 1, "read");
	for (i = 5; i < 7; i++) {
		check(write(ends[1], buffer, i) == i, "write");
		if (stays)
			check(next_result(&ring) == i, "read");
		else
			check(result_of(&ring, data_request(IORING_OP_READ, FIRST, buffer, i)) == i, "read");
	}
}

static void bind_to(int fd, int port)
{
	struct sockaddr_in in = there();
	int one = 1;

	in.sin_port = htons(port);
	check(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "setsockopt");
	check(!bind(fd, (void *)&in, sizeof(in)), "bind");
}

/* A socket that is connected to the server from this port. */
static int client(int port)
{
	struct sockaddr_in to = there();
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	bind_to(fd, port);
	check(!connect(fd, (void *)&to, sizeof(to)), "connect");
	return fd;
}

/* A ring and a request in it that accepts again and again. */
static void listening(struct ring *ring, unsigned int place)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_ACCEPT, .fd = FIRST, .file_index = place };
	static const int none[2] = { -1, -1 };

	at(FIRST, socket(AF_INET, SOCK_STREAM, 0));
	bind_to(FIRST, PORT);
	check(!listen(FIRST, 4), "listen");
	check(!ring_open(ring, 0, -2), "ring");
	if (place)
		check(!syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, none, 2), "files");
	sqe.ioprio = IORING_ACCEPT_MULTISHOT;
	sqe.user_data = 78;
	check(ring_enter(ring, &sqe, 0) == 1, "accept");
}

/* accept: one request accepts two connections, another of the same number receives, a third writes. */
static void accepts(void)
{
	struct io_uring_sqe receive = data_request(IORING_OP_RECV, SECOND, NULL, 0);
	struct ring ring;
	int peer;

	listening(&ring, 0);
	peer = client(PORT + 1);
	at(SECOND, next_result(&ring));
	provide(&ring);
	receive.flags = IOSQE_BUFFER_SELECT;
	receive.ioprio = IORING_RECV_MULTISHOT;
	receive.user_data = 78;
	check(ring_enter(&ring, &receive, 0) == 1, "recv");
	check(write(peer, buffer, 6) == 6 && next_result(&ring) == 6, "recv");
	client(PORT + 2);
	at(SECOND + 1, next_result(&ring));
	check(result_of(&ring, data_request(IORING_OP_WRITE, SECOND, "eight...", 8)) == 8, "write");
}

/* places: one request accepts two connections into the ring's own table. */
static void places(void)
{
	struct ring ring;
	int i;

	listening(&ring, IORING_FILE_INDEX_ALLOC);
	for (i = 0; i < 2; i++) {
		client(PORT + 3 + i);
		check(next_result(&ring) == i, "accept");
	}
}

/* once: a request for one connection, into a place of the ring's own table. */
static void once(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_ACCEPT, .fd = FIRST, .file_index = 1 };
	static const int none = -1;
	struct ring ring;

	at(FIRST, socket(AF_INET, SOCK_STREAM, 0));
	bind_to(FIRST, PORT);
	check(!listen(FIRST, 4) && !ring_open(&ring, 0, -2), "listen");
	check(!syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, &none, 1), "files");
	client(PORT + 5);
	check(result_of(&ring, sqe) == 0, "accept");
}

/* serve: a socket is bound and listens; by calls where there are no such requests. */
static void serve(void)
{
	struct sockaddr_in in = there();
	struct io_uring_sqe bind_request = data_request(OP_BIND, FIRST, &in, 0);
	struct io_uring_sqe listen_request = data_request(OP_LISTEN, FIRST, NULL, 7);
	struct ring ring;

	at(FIRST, socket(AF_INET, SOCK_STREAM, 0));
	check(!ring_open(&ring, 0, -2), "ring");
	if (!supported(&ring, OP_LISTEN)) {
		check(!bind(FIRST, (void *)&in, sizeof(in)) && !listen(FIRST, 7), "listen");
		return;
	}
	bind_request.addr2 = sizeof(in);
	check(result_of(&ring, bind_request) == 0, "bind");
	check(result_of(&ring, listen_request) == 0, "listen");
}

static struct io_uring_sqe connect_request(int port, const struct sockaddr_in *to)
{
	at(SECOND, socket(AF_INET, SOCK_STREAM, 0));
	bind_to(SECOND, port);
	return (struct io_uring_sqe){
		.opcode = IORING_OP_CONNECT, .fd = SECOND, .addr = (unsigned long)to, .addr2 = sizeof(*to),
	};
}

/* join: connects, by a worker, and to nobody; accepts what is there, and what comes later. */
static void joins(void)
{
	struct io_uring_sqe sqe, accepting = { .opcode = IORING_OP_ACCEPT, .fd = FIRST };
	struct sockaddr_in to = there(), nobody = there();
	struct ring ring;

	nobody.sin_port = htons(PORT + 9);
	at(FIRST, socket(AF_INET, SOCK_STREAM, 0));
	bind_to(FIRST, PORT);
	check(!listen(FIRST, 4) && !ring_open(&ring, 0, -2), "listen");
	check(result_of(&ring, connect_request(PORT + 6, &to)) == 0, "connect");
	sqe = connect_request(PORT + 7, &to);
	sqe.flags = IOSQE_ASYNC;
	check(result_of(&ring, sqe) == 0, "connect");
	check(result_of(&ring, connect_request(PORT + 8, &nobody)) == -ECONNREFUSED, "connect");
	check(result_of(&ring, accepting) >= 0 && result_of(&ring, accepting) >= 0, "accept");
	check(ring_enter(&ring, &accepting, 0) == 1, "accept");
	client(PORT + 8);
	check(next_result(&ring) >= 0, "accept");
}

/* zero: without copies: two completions each. The last one is an ordinary one. */
static void zero(void)
{
	struct sockaddr_in to = there();
	struct iovec parts[2] = { { "one", 3 }, { "two bits", 8 } };
	struct msghdr out = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts, .msg_iovlen = 2,
	};
	int fd = datagram_socket(SECOND);
	struct io_uring_sqe send = data_request(IORING_OP_SEND_ZC, fd, "fourteen bytes", 14);
	struct io_uring_sqe last = data_request(IORING_OP_SEND, fd, "last", 4);
	struct ring ring;

	bound();
	send.addr2 = last.addr2 = (unsigned long)&to;
	send.addr_len = last.addr_len = sizeof(to);
	check(!ring_open(&ring, 0, -2), "ring");
	check(result_of(&ring, send) == 14 && next_result(&ring) == 0, "send");
	check(result_of(&ring, data_request(IORING_OP_SENDMSG_ZC, fd, &out, 1)) == 11 &&
		      next_result(&ring) == 0, "sendmsg");
	check(result_of(&ring, last) == 4, "send");
}

/* A call of the 32-bit ABI; its pointers must be low. */
static long call32(long number, long a, const void *b)
{
	__asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b) : "r8", "r9", "r10", "r11", "memory");
	return number;
}

static uint32_t low(const void *at)
{
	return (uintptr_t)at;
}

/* narrow: the ring of a program of 32 bits, whose messages and vectors are smaller. */
static void narrow(void)
{
	struct area {
		struct io_uring_params p;
		struct sockaddr_in to;
		char data[BUFFER];
		uint32_t parts[4];
		uint32_t message[7];
	} *area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int server = bound(), fd = datagram_socket(SECOND);
	struct ring ring = {};

	check(area != MAP_FAILED, "mmap");
	ring.fd = call32(425, 4, &area->p);
	errno = -ring.fd;
	check(ring.fd >= 0, "io_uring_setup of 32 bits");
	ring.p = area->p;
	check(!ring_map(&ring, NULL, 0), "ring");
	area->to = there();
	memcpy(area->parts, (uint32_t[]){ low(area->data), 5, low(area->data), 12 }, sizeof(area->parts));
	memcpy(area->message, (uint32_t[]){ low(&area->to), sizeof(area->to), low(area->parts), 2 },
	       4 * sizeof(uint32_t));
	check(result_of(&ring, data_request(IORING_OP_SENDMSG, fd, area->message, 1)) == 17, "sendmsg");
	area->message[0] = area->message[1] = 0;
	check(result_of(&ring, data_request(IORING_OP_RECVMSG, server, area->message, 1)) == 17, "recvmsg");
	close(fd);
	fd = at(SECOND, open("/dev/null", O_WRONLY));
	check(result_of(&ring, data_request(IORING_OP_WRITEV, fd, area->parts, 2)) == 17, "writev");
}

/* ways: by a worker, behind another request, and behind all others. */
static void all_ways(void)
{
	struct io_uring_sqe sqe;

	socket_pair();
	sqe = data_request(IORING_OP_SEND, FIRST, buffer, 21);
	sqe.flags = IOSQE_ASYNC;
	expect(sqe, 0, 21, "send by a worker");
	sqe = data_request(IORING_OP_SEND, FIRST, buffer, 22);
	check(request_behind(&sqe, IOSQE_IO_LINK, 0) == 22, "linked send");
	sqe = data_request(IORING_OP_SEND, FIRST, buffer, 23);
	check(request_behind(&sqe, 0, IOSQE_IO_DRAIN) == 23, "drained send");
}

/* quiet: success is not told; the next one's is, and behind it all are known. */
static void quiet(void)
{
	struct io_uring_sqe sqe;
	struct ring ring;

	socket_pair();
	check(!ring_open(&ring, 0, -2), "ring");
	sqe = data_request(IORING_OP_SEND, FIRST, buffer, 31);
	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	check(ring_enter(&ring, &sqe, 0) == 1, "send");
	check(recv(SECOND, buffer, BUFFER, 0) == 31, "recv");
	sqe = data_request(IORING_OP_WRITE, FIRST, buffer, 32);
	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	check(ring_enter(&ring, &sqe, 0) == 1, "write");
	check(recv(SECOND, buffer, BUFFER, 0) == 32, "recv");
	check(result_of(&ring, data_request(IORING_OP_SEND, FIRST, buffer, 33)) == 33, "send");
}

#define BATCH 256
#define BATCHES 32 /* as many as are kept on a machine of 48 processors, and more */

/* many: removes what is not there, more often than is remembered, all of it when a read is done. */
static void many(void)
{
	struct io_uring_sqe gone = {
		.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (unsigned long)"/nowhere/at-all",
		.flags = IOSQE_IO_DRAIN,
	};
	struct ring ring = {};
	int ends[2], i;

	check(!pipe(ends), "pipe");
	ring.fd = syscall(SYS_io_uring_setup, BATCH, &ring.p);
	check(ring.fd >= 0 && !ring_map(&ring, NULL, 0), "ring");
	gone.user_data = 80;
	for (i = 0; i < BATCH * BATCHES; i++) {
		struct io_uring_sqe wait = data_request(IORING_OP_READ, ends[0], buffer, BUFFER);

		if (i == BATCH * BATCHES - 1)
			gone.addr = (unsigned long)"/nowhere/the-last-one";
		ring_put(&ring, i ? &gone : &wait);
		if (i % BATCH == BATCH - 1)
			check(ring_take(&ring, BATCH, 0) == BATCH, "io_uring_enter");
	}
	check(write(ends[1], buffer, 1) == 1 && next_result(&ring) == 1, "read");
	for (i = 1; i < BATCH * BATCHES; i++)
		check(next_result(&ring) == -ENOENT, "unlinkat");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*way)(void);
	} ways[] = {
		{ "pair", pair }, { "table", table }, { "address", address },
		{ "message", message }, { "stay", stay }, { "file", file },
		{ "vectors", vectors }, { "again", again },
		{ "accept", accepts }, { "places", places }, { "once", once }, { "serve", serve },
		{ "join", joins },
		{ "zero", zero }, { "narrow", narrow }, { "ways", all_ways }, { "quiet", quiet },
		{ "many", many },
	};
	unsigned int i;

	for (i = 0; argc == 2 && i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(argv[1], ways[i].name)) {
			ways[i].way();
			return 0;
		}
	fprintf(stderr, "talker WAY\n");
	return 2;
}
