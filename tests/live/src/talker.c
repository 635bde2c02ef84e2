/* Sends and receives through io_uring. Behind ring.c. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT 6310
#define BUFFER 64

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

/* stay: one request receives two datagrams, and ends for want of a third buffer. */
static void stay(void)
{
	static char buffers[2][BUFFER];
	struct sockaddr_in to = there();
	int server = bound(), client = datagram_socket(SECOND), i;
	struct io_uring_sqe provide = data_request(IORING_OP_PROVIDE_BUFFERS, 2, buffers, BUFFER);
	struct io_uring_sqe receive = data_request(IORING_OP_RECV, server, NULL, 0);
	static const int results[] = { 6, 9 };
	struct ring ring;

	check(!ring_open(&ring, 0, -2), "ring");
	check(ring_enter(&ring, &provide, 1) == 1 && ring_result(&ring) == 0, "buffers");
	receive.flags = IOSQE_BUFFER_SELECT;
	receive.ioprio = IORING_RECV_MULTISHOT;
	receive.user_data = 77;
	check(ring_enter(&ring, &receive, 0) == 1, "recv");
	for (i = 0; i < 2; i++) {
		check(sendto(client, buffers, results[i], 0, (void *)&to, sizeof(to)) == results[i], "sendto");
		check(ring_enter(&ring, NULL, 1) == 0 && ring_result(&ring) == results[i], "recv");
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*way)(void);
	} ways[] = {
		{ "pair", pair }, { "table", table }, { "address", address },
		{ "message", message }, { "stay", stay },
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
