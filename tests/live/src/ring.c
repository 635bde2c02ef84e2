/* Rings of io_uring without a library; stands before the programs that use them. */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(const char *what)
{
	perror(what);
	return 1;
}

struct ring {
	struct io_uring_params p;
	struct io_uring_sqe *sqes;
	char *queues;
	unsigned int submitted, taken;
	int fd;
};

/* A ring; `file` gets a place in its own table unless it is below -1. */
static int ring_open(struct ring *ring, unsigned int setup, int file)
{
	*ring = (struct ring){ .p = { .flags = setup, .sq_thread_idle = 1000 } };
	ring->fd = syscall(SYS_io_uring_setup, 4, &ring->p);
	if (ring->fd < 0)
		return failed("io_uring_setup");
	ring->queues = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			    IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ring->p.sq_entries * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	if (ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED)
		return failed("mmap");
	if (file >= -1 &&
	    syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, &file, 1))
		return failed("io_uring_register");
	return 0;
}

/* Submits a request, if there is one, and waits for as many completions; negative when it failed. */
static int ring_enter(struct ring *ring, const struct io_uring_sqe *wanted, int wait)
{
	unsigned int enter = wait ? IORING_ENTER_GETEVENTS : 0;
	unsigned int place = ring->submitted & (ring->p.sq_entries - 1);
	int ret;

	if (wanted) {
		ring->sqes[place] = *wanted;
		((unsigned int *)(ring->queues + ring->p.sq_off.array))[place] = place;
		atomic_thread_fence(memory_order_seq_cst);
		*(volatile unsigned int *)(ring->queues + ring->p.sq_off.tail) = ++ring->submitted;
		atomic_thread_fence(memory_order_seq_cst);
	}
	if (ring->p.flags & IORING_SETUP_SQPOLL)
		enter |= IORING_ENTER_SQ_WAKEUP;
	ret = syscall(SYS_io_uring_enter, ring->fd, wanted ? 1 : 0, wait, enter, NULL, 0);
	return ret < 0 ? -failed("io_uring_enter") : ret;
}

/* Result of the next completion. */
static int ring_result(struct ring *ring)
{
	volatile unsigned int *head = (void *)(ring->queues + ring->p.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(ring->queues + ring->p.cq_off.cqes);
	int res = cqes[ring->taken++ & (ring->p.cq_entries - 1)].res;

	atomic_thread_fence(memory_order_seq_cst);
	*head = ring->taken;
	return res;
}

/* A request in a ring of its own. Returns its result, or what io_uring_enter(2) returned. */
static __attribute__((unused)) int request(struct io_uring_sqe *wanted, unsigned int setup, int *fd, int wait)
{
	struct ring ring;
	int ret;

	if (ring_open(&ring, setup, wanted->file_index ? -1 : -2))
		return -1;
	*fd = ring.fd;
	ret = ring_enter(&ring, wanted, wait);
	return wait && ret >= 0 ? ring_result(&ring) : ret;
}

