/* Ways of evader.c that lead through a ring. Behind ring.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OP_FIXED_FD_INSTALL 54 /* younger than the headers of some compilers */
#define INSTALLED 50 /* a number that the tests know */

/* Reads a byte, so that nobody can say that nothing was read. */
static int take(int fd)
{
	char byte;

	if (fd < 0)
		return failed("open");
	if (read(fd, &byte, 1) < 0)
		return failed("read");
	close(fd);
	return 0;
}

static struct io_uring_sqe open_request(const char *name)
{
	return (struct io_uring_sqe){
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (unsigned long)name,
		.open_flags = O_RDONLY,
	};
}

/* uring NAME: a ring opens it. */
static int by_ring(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	int ring;

	return take(request(&sqe, 0, &ring, 1));
}

/* worker NAME: a worker of the ring does. */
static int by_worker(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	int ring;

	sqe.flags = IOSQE_ASYNC;
	return take(request(&sqe, 0, &ring, 1));
}

/* linked NAME: when another request is done; drained NAME: when all others are. */
static int linked(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);

	return take(request_behind(&sqe, IOSQE_IO_LINK, 0));
}

static int drained(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);

	return take(request_behind(&sqe, 0, IOSQE_IO_DRAIN));
}

/* poller NAME: a thread of the kernel that polls the queue does. */
static int by_poller(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	int ring;

	return take(request(&sqe, IORING_SETUP_SQPOLL, &ring, 1));
}

/* fixed NAME: the file is in the ring's table, and in no other. */
static int fixed(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	int ring;

	sqe.file_index = 1;
	if (request(&sqe, 0, &ring, 1))
		return failed("open");
	return 0;
}

/* quiet NAME: success is not told. */
static int quiet(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	int ring;

	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	return request(&sqe, 0, &ring, 0) != 1;
}

/* Does nothing so often that the ring has room for `room` more completions, which nobody takes. */
static int fill(struct ring *ring, unsigned int room)
{
	struct io_uring_sqe nothing = { .opcode = IORING_OP_NOP };
	unsigned int i;

	for (i = room; i < ring->p.cq_entries; i++)
		if (ring_enter(ring, &nothing, 0) != 1)
			return failed("no operation");
	return 0;
}

/*
 * overflow NAME: where a ring has no room for more completions the kernel keeps them elsewhere. The one that is looked for
 * is behind others of its number and result: one for which there was room, and one that is not told.
 */
static int overflow(char **args)
{
	struct io_uring_sqe nothing = { .opcode = IORING_OP_NOP };
	struct io_uring_sqe sqe = open_request(args[0]), other = open_request("/etc/hostname");
	struct io_uring_sqe silent = { .opcode = IORING_OP_NOP, .flags = IOSQE_CQE_SKIP_SUCCESS };
	struct ring ring;

	if (ring_open(&ring, 0, -1) || fill(&ring, 1))
		return 1;
	sqe.file_index = other.file_index = 1;
	ring_put(&ring, &other);
	ring_put(&ring, &silent);
	ring_put(&ring, &sqe);
	ring_put(&ring, &nothing);
	return ring_take(&ring, 4, 0) != 4;
}

/* overflow-worker NAME: the same, by a worker of the ring. */
static int overflow_worker(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	struct ring ring;

	if (ring_open(&ring, 0, -2) || fill(&ring, 0))
		return 1;
	sqe.flags = IOSQE_ASYNC;
	if (ring_enter(&ring, &sqe, 0) != 1)
		return 1;
	/* Nothing was open behind the ring. */
	while (fcntl(ring.fd + 1, F_GETFD) < 0)
		sched_yield();
	return 0;
}

/* replaced NAME: another file takes its place in the ring's table before anything is told. */
static int replaced(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]), other = open_request("/etc/hostname");
	struct ring ring;

	sqe.file_index = other.file_index = 1;
	if (ring_open(&ring, 0, -1))
		return 1;
	ring_put(&ring, &sqe);
	ring_put(&ring, &other);
	if (ring_take(&ring, 2, 2) != 2)
		return 1;
	return ring_result(&ring) || ring_result(&ring);
}

/* installed NAME: gets a number from its place in the ring's table; by a call before 6.8, which cannot do that. */
static int installed(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	struct io_uring_sqe install = { .opcode = OP_FIXED_FD_INSTALL, .flags = IOSQE_FIXED_FILE };
	struct ring ring;
	int fd;

	sqe.file_index = 1;
	if (ring_open(&ring, 0, -1) || ring_enter(&ring, &sqe, 1) != 1 || ring_result(&ring) ||
	    ring_enter(&ring, &install, 1) != 1)
		return 1;
	fd = ring_result(&ring);
	if (fd == -EINVAL)
		fd = open(args[0], O_RDONLY);
	return dup2(fd, INSTALLED) != INSTALLED;
}

/* deferred NAME: a worker opens it, and the ring is never asked what became of that. */
static int deferred(char **args)
{
	struct io_uring_sqe sqe = open_request(args[0]);
	int ring;

	sqe.flags = IOSQE_ASYNC;
	if (request(&sqe, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, &ring, 0) != 1)
		return 1;
	/* Nothing was open behind it. */
	while (fcntl(ring + 1, F_GETFD) < 0)
		sched_yield();
	return 0;
}

/* On the way out of call number `nr`, which does nothing, when another process has written what was waited for. */
static int on_way_out(long nr, char **args)
{
	struct io_uring_sqe wait = { .opcode = IORING_OP_POLL_ADD, .poll_events = POLLIN, .flags = IOSQE_IO_LINK };
	struct io_uring_sqe sqe = open_request(args[0]);
	volatile unsigned int *done;
	struct ring ring;
	int ends[2];

	if (pipe(ends) || (ring_open(&ring, IORING_SETUP_COOP_TASKRUN, -2) && ring_open(&ring, 0, -2)))
		return 1;
	wait.fd = ends[0];
	ring_put(&ring, &wait);
	ring_put(&ring, &sqe);
	if (ring_take(&ring, 2, 0) != 2)
		return 1;
	done = (void *)(ring.queues + ring.p.cq_off.tail);
	switch (fork()) {
	case -1:
		return failed("fork");
	case 0:
		_exit(write(ends[1], "", 1) != 1);
	}
	while (*done < 2)
		syscall(nr, "/", 0);
	return ring_result(&ring) != POLLIN || take(ring_result(&ring));
}

#define NO_SUCH_CALL 511

/* nocall NAME: of one that does not exist. */
static int nocall(char **args)
{
	return on_way_out(NO_SUCH_CALL, args);
}

/* refused NAME: of one that ends as if it did not. */
static int refused(char **args)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return failed("seccomp");
	return on_way_out(SYS_mkdir, args);
}

/* One request about names; where it needs a second, `other` is it. */
static int named(unsigned char opcode, const char *name, const char *other)
{
	struct io_uring_sqe sqe = { .opcode = opcode, .fd = AT_FDCWD, .addr = (unsigned long)name };
	int ring, result;

	switch (opcode) {
	case IORING_OP_MKDIRAT:
		sqe.len = 0700;
		break;
	case IORING_OP_RENAMEAT:
	case IORING_OP_LINKAT:
		sqe.len = AT_FDCWD;
		/* fall through */
	case IORING_OP_SYMLINKAT:
		sqe.addr2 = (unsigned long)other;
	}
	result = request(&sqe, 0, &ring, 1);
	if (result)
		fprintf(stderr, "%s: %s\n", name, strerror(-result));
	return result;
}

/* ring-unlink NAME */
static int ring_unlink(char **args)
{
	return named(IORING_OP_UNLINKAT, args[0], NULL);
}

/* ring-mkdir NAME */
static int ring_mkdir(char **args)
{
	return named(IORING_OP_MKDIRAT, args[0], NULL);
}

/* ring-rename OLD NEW */
static int ring_rename(char **args)
{
	return named(IORING_OP_RENAMEAT, args[0], args[1]);
}

/* ring-link OLD NEW */
static int ring_link(char **args)
{
	return named(IORING_OP_LINKAT, args[0], args[1]);
}

/* ring-symlink TEXT NAME */
static int ring_symlink(char **args)
{
	return named(IORING_OP_SYMLINKAT, args[0], args[1]);
}

/* change DIR: makes, renames and removes a directory. */
static int change(char **args)
{
	char old[256], new[256];
	struct io_uring_sqe gone = {
		.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .unlink_flags = AT_REMOVEDIR,
	};
	int ring;

	snprintf(old, sizeof(old), "%s/old", args[0]);
	snprintf(new, sizeof(new), "%s/new", args[0]);
	gone.addr = (unsigned long)new;
	return named(IORING_OP_MKDIRAT, old, NULL) || named(IORING_OP_RENAMEAT, old, new) ||
	       request(&gone, 0, &ring, 1);
}
