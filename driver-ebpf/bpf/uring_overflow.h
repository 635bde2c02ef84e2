/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Completions for which a ring has no room. The kernel keeps them elsewhere and tells the number that the program gave
 * the request and the result, but not the request: since whoever owns the ring need not take its completions, all of
 * its requests could end so. Which one it is says the list of requests that the kernel is completing, in the order in
 * which it tells of them, or the worker that did the request.
 */
#ifndef SAKER_URING_OVERFLOW_H
#define SAKER_URING_OVERFLOW_H

#define URING_LOOK_ROUNDS 128 /* squared: requests of a list that are looked at */
#define URING_OVERFLOWING 256 /* rings at a time */

/* Where in its list a ring is: the entry of the request that is next. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_OVERFLOWING);
	__type(key, u64);
	__type(value, u64);
} uring_next SEC(".maps");

/* A look along a list. */
struct uring_look {
	struct io_wq_work_node *at;
	u64 user_data;
	s32 res;
	u32 known; /* those are passed over of which nothing is kept: they have been recorded */
	struct io_kiocb *found;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct uring_look);
} uring_looks SEC(".maps");

static __always_inline struct uring_look *uring_look_of_cpu(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&uring_looks, &only);
}

static __always_inline bool uring_is_kept(struct io_kiocb *req)
{
	u32 event = uring_event(req);
	u64 key = (u64)req;

	if (!event)
		return true;
	if (uring_moves(event - 1))
		return bpf_map_lookup_elem(&uring_moved, &key);
	return !uring_keeps(event - 1) || bpf_map_lookup_elem(&uring_kept, &key);
}

/* Some steps of a look for the request; true: they were not enough. */
SAKER_SUBPROGRAM u32 saker_uring_look(void)
{
	struct uring_look *look = uring_look_of_cpu();
	struct io_wq_work_node *node;
	struct io_kiocb *req;
	int i;

	if (!look)
		return false;
	node = look->at;
	for (i = 0; i < URING_LOOK_ROUNDS && node; i++) {
		req = uring_listed(node);
		node = KREAD(node, next);
		if (KREAD(req, cqe.user_data) != look->user_data ||
		    (s32)KREAD(req, cqe.res) != look->res || KREAD(req, flags) & REQ_F_CQE_SKIP)
			continue;
		if (look->known && !uring_is_kept(req))
			continue;
		look->found = req;
		break;
	}
	look->at = node;
	return node && !look->found;
}

/* Some steps of a look for the next request whose end will be told; true: they were not enough. */
SAKER_SUBPROGRAM u32 saker_uring_skip(void)
{
	struct uring_look *look = uring_look_of_cpu();
	struct io_wq_work_node *node;
	int i;

	if (!look)
		return false;
	node = look->at;
	for (i = 0; i < URING_LOOK_ROUNDS && node; i++) {
		if (!(KREAD(uring_listed(node), flags) & REQ_F_CQE_SKIP))
			break;
		node = KREAD(node, next);
	}
	look->at = node;
	return i == URING_LOOK_ROUNDS;
}

/* Remembers that the ring's list goes on at look->at. What is behind its end is another list. */
static __always_inline void uring_goes_on(struct uring_look *look, u64 ring)
{
	int i;

	for (i = 0; i < URING_LOOK_ROUNDS && saker_uring_skip(); i++)
		;
	if (look->at)
		bpf_map_update_elem(&uring_next, &ring, &look->at, 0);
	else
		bpf_map_delete_elem(&uring_next, &ring);
}

static __always_inline struct io_kiocb *uring_look_from(struct uring_look *look,
							struct io_wq_work_node *node, bool known)
{
	int i;

	look->at = node;
	look->known = known;
	look->found = NULL;
	for (i = 0; i < URING_LOOK_ROUNDS && saker_uring_look(); i++)
		;
	return look->found;
}

/* What a worker of a ring does. */
static __always_inline struct io_kiocb *uring_work(struct task_struct *task)
{
	struct io_worker *worker = KREAD(task, worker_private);
	struct io_wq_work *work = KREAD(worker, cur_work);

	return work ? (void *)work - bpf_core_field_offset(struct io_kiocb, work) : NULL;
}

/* The request of a ring whose completion finds no room. */
static __always_inline struct io_kiocb *uring_overflown(struct io_ring_ctx *ring, u64 user_data, s32 res)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_look *look = uring_look_of_cpu();
	struct io_wq_work_node *first, **next;
	struct io_kiocb *req;
	u64 key = (u64)ring;

	if (task->flags & PF_IO_WORKER) {
		req = uring_work(task);
		if (KREAD(req, ctx) == ring && KREAD(req, cqe.user_data) == user_data)
			return req;
	}
	if (!look)
		return NULL;
	look->user_data = user_data;
	look->res = res;
	first = KREAD(ring, submit_state.compl_reqs.first);
	next = bpf_map_lookup_elem(&uring_next, &key);
	req = next ? uring_look_from(look, *next, true) : NULL;
	if (!req)
		req = uring_look_from(look, first, true);
	if (!req)
		req = uring_look_from(look, first, false);
	if (req)
		uring_goes_on(look, key);
	return req;
}

/* After a completion for which there was room: if that was the last of it, those that come are behind `req`. */
static __always_inline void uring_filled(struct io_ring_ctx *ring, struct io_kiocb *req)
{
	struct uring_look *look;

	if (KREAD(ring, cqe_cached) < KREAD(ring, cqe_sentinel))
		return;
	look = uring_look_of_cpu();
	if (!look)
		return;
	look->at = KREAD(req, comp_list.next);
	uring_goes_on(look, (u64)ring);
}

#endif /* SAKER_URING_OVERFLOW_H */
