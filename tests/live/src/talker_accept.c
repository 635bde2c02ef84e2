/* Servers of the talker and those that connect to them. Behind talker.c. */
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
