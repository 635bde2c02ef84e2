/* Odd ways of the talker, and which one it goes. Behind talker_accept.c. */
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
