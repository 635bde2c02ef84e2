/* SPDX-License-Identifier: GPL-2.0 */
/* Which requests of io_uring are events, and what all of them have. */
#ifndef SAKER_URING_EVENTS_H
#define SAKER_URING_EVENTS_H

#define REQ_F_FIXED_FILE (1u << 0) /* IOSQE_FIXED_FILE */
#define REQ_F_CQE_SKIP (1u << 6) /* IOSQE_CQE_SKIP_SUCCESS */

/* Event + 1 of each opcode that is wanted; set by the loader. */
volatile u8 saker_uring_events[SAKER_URING_OPCODES] = {};

/* Requests of which was not known any more what they had been given when they were done. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} uring_forgotten SEC(".maps");

static __always_inline void count_forgotten(void)
{
	u32 only = 0;
	u64 *count = bpf_map_lookup_elem(&uring_forgotten, &only);

	if (count)
		bump64(count);
}

static __always_inline u32 wanted_request(u32 opcode)
{
	return saker_uring_events[opcode & (SAKER_URING_OPCODES - 1)];
}

static __always_inline u32 uring_event(struct io_kiocb *req)
{
	return wanted_request(KREAD(req, opcode));
}

static __always_inline bool uring_moves(u32 event)
{
#define IS_MOVED(ID, name, cls) || event == SAKER_EV_##ID
	return false SAKER_REQUESTS_MOVED(IS_MOVED);
#undef IS_MOVED
}

/* Whether a request makes a file. */
static __always_inline bool uring_makes(u32 event)
{
	return event == SAKER_EV_OPENAT || event == SAKER_EV_OPENAT2 || event == SAKER_EV_ACCEPT4 ||
	       event == SAKER_EV_SOCKET || event == SAKER_EV_DUP3;
}

/* Descriptor of a submitted request; in the ring's own table, as what it opens there. */
static __always_inline s32 uring_fd(struct io_kiocb *req)
{
	s32 fd = KREAD(req, cqe.fd);

	return KREAD(req, flags) & REQ_F_FIXED_FILE ? URING_FIXED_FD | (fd & 0xffffff) : fd;
}

#define SAKER_ECANCELED 125

/*
 * Who a request that ends is of. Whoever ends it is of the same process, but for the kernel's own threads: they end what
 * is left when a ring is closed, which may have been done long before.
 */
static __always_inline struct task_struct *uring_owner(struct io_kiocb *req)
{
	struct task_struct *task = running_task();

	return KREAD(task, flags) & PF_KTHREAD ? saker_uring_task(req) : task;
}

/* Whether a request did not come to be done because its ring was closed: nobody's doing. */
static __always_inline bool uring_closed(struct io_kiocb *req)
{
	return KREAD(running_task(), flags) & PF_KTHREAD && (s32)KREAD(req, cqe.res) == -SAKER_ECANCELED;
}

#endif /* SAKER_URING_EVENTS_H */
