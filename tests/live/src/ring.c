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

/* What a ring needs once it is set up; `files` get places in its own table. */
static int ring_map(struct ring *ring, const int *files, int count)
{
	const struct io_uring_params *p = &ring->p;
	size_t asked = p->sq_off.array + p->sq_entries * sizeof(unsigned int);
	size_t done = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);

	/* Both queues in one; not more than there is, older kernels say. */
	ring->queues = mmap(NULL, asked > done ? asked : done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			    ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ring->p.sq_entries * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	if (ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED)
		return failed("mmap");
	if (count && syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, files, count))
		return failed("io_uring_register");
	return 0;
}

/* A ring; `file` gets a place in its own table unless it is below -1. */
static int ring_open(struct ring *ring, unsigned int setup, int file)
{
	*ring = (struct ring){ .p = { .flags = setup, .sq_thread_idle = 1000 } };
	ring->fd = syscall(SYS_io_uring_setup, 4, &ring->p);
	if (ring->fd < 0)
		return failed("io_uring_setup");
	return ring_map(ring, &file, file >= -1);
}

/* Puts a request into the queue. */
static void ring_put(struct ring *ring, const struct io_uring_sqe *wanted)
{
	unsigned int place = ring->submitted & (ring->p.sq_entries - 1);

	ring->sqes[place] = *wanted;
	((unsigned int *)(ring->queues + ring->p.sq_off.array))[place] = place;
	atomic_thread_fence(memory_order_seq_cst);
	*(volatile unsigned int *)(ring->queues + ring->p.sq_off.tail) = ++ring->submitted;
	atomic_thread_fence(memory_order_seq_cst);
}

/* Has `count` requests of the queue taken and waits for as many completions; negative when it failed. */
static int ring_take(struct ring *ring, int count, int wait)
{
	unsigned int enter = wait ? IORING_ENTER_GETEVENTS : 0;
	int ret;

	if (ring->p.flags & IORING_SETUP_SQPOLL)
		enter |= IORING_ENTER_SQ_WAKEUP;
	ret = syscall(SYS_io_uring_enter, ring->fd, count, wait, enter, NULL, 0);
	return ret < 0 ? -failed("io_uring_enter") : ret;
}

/* Submits a request, if there is one, and waits for as many completions; negative when it failed. */
static int ring_enter(struct ring *ring, const struct io_uring_sqe *wanted, int wait)
{
	if (wanted)
		ring_put(ring, wanted);
	return ring_take(ring, wanted ? 1 : 0, wait);
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

/* A request behind one that does nothing, by `first` and `second` of their flags. Returns its result. */
static __attribute__((unused)) int request_behind(struct io_uring_sqe *wanted, int first, int second)
{
	struct io_uring_sqe nothing = { .opcode = IORING_OP_NOP, .flags = first };
	struct ring ring;

	if (ring_open(&ring, 0, -2))
		return -1;
	wanted->flags |= second;
	ring_put(&ring, &nothing);
	ring_put(&ring, wanted);
	if (ring_take(&ring, 2, 2) != 2 || ring_result(&ring))
		return -1;
	return ring_result(&ring);
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

