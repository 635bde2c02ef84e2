/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a completion is about. Most name their request. Of one that stays (multishot) all but the last tell the ring and
 * the program's number for it instead: the request is looked up by these.
 */
#ifndef SAKER_URING_END_H
#define SAKER_URING_END_H

#define URING_RECORDED 1024
#define URING_STAYING 1 /* as many as the loader says; the longest unused go first */

#define SAKER_IORING_ACCEPT_MULTISHOT (1u << 0)
#define SAKER_IORING_CQE_F_BUFFER (1u << 0)

struct uring_number {
	u64 ring, user_data;
};

/* Requests that receive or read again and again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_STAYING);
	__type(key, struct uring_number);
	__type(value, u64);
} uring_staying SEC(".maps");

/* What is to be known of a request that accepts again and again. */
struct uring_listener {
	u32 flags, file_slot;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_STAYING);
	__type(key, struct uring_number);
	__type(value, struct uring_listener);
} uring_listening SEC(".maps");

/* How one request went. Of a connection of a request that stays there is a listener and no request. */
struct uring_end {
	struct io_ring_ctx *ring;
	struct io_kiocb *req;
	struct uring_listener *listener;
	s64 res;
	bool done; /* false: it was submitted, and its success will not be told */
	bool last; /* nothing more will be told of it */
	bool early; /* found at the submission of another, which is still to be looked at */
};

/* struct io_uring_cqe */
struct uring_told {
	u64 user_data;
	s32 res;
	u32 flags;
};

/* A request that was found by other means than what a tracepoint tells, for the program that records it. */
struct uring_known {
	u64 task; /* whose doing brought it here; 0: there is none */
	struct io_kiocb *req;
	s64 res;
	u64 early;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct uring_known);
} uring_known SEC(".maps");

static __always_inline struct uring_known *uring_known_of_cpu(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&uring_known, &only);
}

/* Takes it: it is for one program. */
static __always_inline bool uring_take_known(struct uring_end *end)
{
	struct uring_known *known = uring_known_of_cpu();
	struct io_kiocb *req;

	if (!known || !known->task || known->task != bpf_get_current_task())
		return false;
	known->task = 0;
	req = known->req;
	end->req = req;
	end->ring = KREAD(req, ctx);
	end->res = known->res;
	end->early = known->early;
	end->done = end->last = true;
	return true;
}

/*
 * Requests that make a file and were recorded before the kernel tells that they are done. It tells that of all requests
 * that it did at a stretch together, and by then others of them may have put something else where their file was.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_RECORDED);
	__type(key, u64);
	__type(value, u8);
} uring_recorded SEC(".maps");

static __always_inline void uring_set_recorded(struct io_kiocb *req)
{
	u64 key = (u64)req;
	u8 yes = 1;

	bpf_map_update_elem(&uring_recorded, &key, &yes, 0);
}

/* Whether a request was recorded already; false from then on. */
static __always_inline bool uring_was_recorded(struct io_kiocb *req, u32 event)
{
	u64 key = (u64)req;

	return uring_makes(event) && !bpf_map_delete_elem(&uring_recorded, &key);
}

static __always_inline struct io_kiocb *uring_listed(struct io_wq_work_node *node)
{
	return (void *)node - bpf_core_field_offset(struct io_kiocb, comp_list);
}

/*
 * When `req` is submitted: the request before it, if that is done and not recorded, and has made a file that is still
 * where it was put.
 */
static __always_inline struct io_kiocb *uring_done_before(struct io_kiocb *req)
{
	struct io_ring_ctx *ring = KREAD(req, ctx);
	struct io_wq_work_node *last;
	struct io_kiocb *before;
	u32 event;
	u64 key;

	if (!KREAD(ring, submit_state.compl_reqs.first))
		return NULL;
	last = KREAD(ring, submit_state.compl_reqs.last);
	before = uring_listed(last);
	event = uring_event(before);
	if (!event || !uring_makes(event - 1) || (s32)KREAD(before, cqe.res) < 0 ||
	    KREAD(before, flags) & REQ_F_CQE_SKIP)
		return NULL;
	key = (u64)before;
	return bpf_map_lookup_elem(&uring_recorded, &key) ? NULL : before;
}

static __always_inline struct uring_number uring_number_of(struct io_kiocb *req)
{
	struct uring_number number = {
		.ring = (u64)KREAD(req, ctx),
		.user_data = KREAD(req, cqe.user_data),
	};

	return number;
}

static __always_inline void keep_staying(struct io_kiocb *req)
{
	struct uring_number number = uring_number_of(req);
	u64 at = (u64)req;

	bpf_map_update_elem(&uring_staying, &number, &at, 0);
}

/* Before 6.10 requests do not say whether they stay: all are kept. */
static __always_inline void keep_listener(struct io_kiocb *req)
{
	struct io_accept *accept = (void *)req;
	struct uring_number number = uring_number_of(req);
	struct uring_listener listener = {
		.flags = KREAD(accept, flags),
		.file_slot = KREAD(accept, file_slot),
	};

	if (bpf_core_field_exists(accept->iou_flags) &&
	    !(KREAD(accept, iou_flags) & SAKER_IORING_ACCEPT_MULTISHOT))
		return;
	bpf_map_update_elem(&uring_listening, &number, &listener, 0);
}

static __always_inline struct io_kiocb *staying_request(struct uring_number *number)
{
	u64 *at = bpf_map_lookup_elem(&uring_staying, number);
	struct io_kiocb *req;

	if (!at)
		return NULL;
	req = (void *)*at;
	/* It may be another by now. */
	return (u64)KREAD(req, ctx) == number->ring &&
			       KREAD(req, cqe.user_data) == number->user_data
		       ? req
		       : NULL;
}

/* Data come in buffers that the kernel has chosen, connections do not. */
static __always_inline bool uring_find(struct uring_told *told, struct uring_end *end)
{
	struct uring_number number = { (u64)end->ring, told->user_data };

	if (told->flags & SAKER_IORING_CQE_F_BUFFER)
		end->req = staying_request(&number);
	else
		end->listener = bpf_map_lookup_elem(&uring_listening, &number);
	if (!end->req && !end->listener)
		return false;
	end->res = told->res;
	end->done = true;
	return true;
}

/*
 * Finds what a completion without a request is about, if that is wanted. What is told is a structure since 6.16 and was
 * its members before; these are read and not loaded: a program may not touch arguments that a tracepoint does not have.
 */
static __always_inline bool uring_by_number(u64 *ctx, struct uring_end *end)
{
	struct uring_told told = {};
	u64 members[3] = {};

	if (!wanted_request(SAKER_URING_RECVMSG) && !wanted_request(SAKER_URING_RECV) &&
	    !wanted_request(SAKER_URING_ACCEPT) && !wanted_request(SAKER_URING_READ_MULTISHOT))
		return false;
	end->ring = (void *)ctx[0];
	if ((s64)ctx[2] < 0 && !kread(&told, sizeof(told), (void *)ctx[2]) && uring_find(&told, end))
		return true;
	kread(members, sizeof(members), ctx + 2);
	told.user_data = members[0];
	told.res = members[1];
	told.flags = members[2];
	return uring_find(&told, end);
}

/*
 * From the context of either tracepoint. A completion has the ring first and then its request; behind the request that
 * is submitted there is nothing that could be one of a ring of this address. False when it is about nothing of `event`.
 */
static __always_inline bool uring_end(struct uring_end *end, u64 *ctx, u32 event)
{
	struct io_kiocb *req = (void *)ctx[1];

	if (uring_take_known(end))
		return true;
	if ((u64)KREAD(req, ctx) == ctx[0]) {
		end->ring = (void *)ctx[0];
		end->req = req;
		end->res = (s32)KREAD(req, cqe.res);
		end->done = end->last = true;
		return true;
	}
	if ((event == SAKER_EV_ACCEPT4 || uring_moves(event)) && uring_by_number(ctx, end))
		return true;
	/* What stayed may be forgotten in this very moment, and then this is no request. */
	req = (void *)ctx[0];
	if (uring_event(req) != event + 1 || !(KREAD(req, flags) & REQ_F_CQE_SKIP))
		return false;
	end->ring = KREAD(req, ctx);
	end->req = req;
	return true;
}

#endif /* SAKER_URING_END_H */
