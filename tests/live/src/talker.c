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
