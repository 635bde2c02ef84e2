/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of io_uring that send and receive: the records of the calls (io.h), without their bytes. Descriptor,
 * message and far end are kept when a request is submitted, the record is written when it completes. A receipt that
 * stays (multishot) completes often: all but the last time the kernel tells the ring and the program's number for
 * it, not the request.
 */
#ifndef SAKER_URING_MOVED_H
#define SAKER_URING_MOVED_H

/* As SAKER_URING. */
#define SAKER_URING_MOVED(X)                                                                       \
	X(SENDTO, sendto, FILE)                                                                    \
	X(SENDMSG, sendmsg, FILE)                                                                  \
	X(RECVFROM, recvfrom, FILE)                                                                \
	X(RECVMSG, recvmsg, FILE)

#define URING_MOVES 1 /* requests on their way, and those that stay: as many as the loader says */
#define SAKER_IORING_RECV_MULTISHOT (1u << 1)
#define IORING_OP_RECVMSG_NR 10
#define IORING_OP_RECV_NR 27

/* Of a request between submission and completion. */
struct uring_moved {
	u64 message; /* in the memory of the program */
	s32 fd;
	u32 size;
	u32 name_len;
	bool compat;
	bool stays;
	u8 name[URING_ADDR_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_MOVES);
	__type(key, u64);
	__type(value, struct uring_moved);
} uring_moved SEC(".maps");

/* How completions name a request that stays. */
struct uring_number {
	u64 ring, user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_MOVES);
	__type(key, struct uring_number);
	__type(value, u64);
} uring_staying SEC(".maps");

static __always_inline bool uring_moves(u32 event)
{
#define IS_MOVED(ID, name, cls) || event == SAKER_EV_##ID
	return false SAKER_URING_MOVED(IS_MOVED);
#undef IS_MOVED
}

static __always_inline void keep_end(struct uring_moved *kept, u64 at, u32 len, bool kernel)
{
	if (len > URING_ADDR_BYTES)
		len = URING_ADDR_BYTES;
	barrier_var(len);
	if (!at || len > URING_ADDR_BYTES)
		return;
	if (!read_end(kept->name, len, at, kernel))
		kept->name_len = len;
}

static __always_inline void keep_staying(struct io_kiocb *req)
{
	struct uring_number number = {
		.ring = (u64)KREAD(req, ctx),
		.user_data = KREAD(req, cqe.user_data),
	};
	u64 at = (u64)req;

	bpf_map_update_elem(&uring_staying, &number, &at, 0);
}

/* Keeps what request `at` is given: the kernel's own copy, where it has made one already. */
SAKER_SUBPROGRAM int saker_uring_keep_moved(u64 at, u32 event)
{
	struct io_kiocb *req = (void *)at;
	struct io_sr_msg *given = (void *)at;
	struct io_async_msghdr *copy = KREAD(req, async_data);
	struct uring_moved kept = {};
	struct io message = {};

	kept.fd = uring_fd(req);
	kept.size = KREAD(given, len);
	if (event == SAKER_EV_SENDMSG || event == SAKER_EV_RECVMSG) {
		kept.message = (u64)KREAD(given, umsg);
		kept.compat = saker_uring_compat(KREAD(req, ctx));
		saker_message(kept.message, kept.compat, &message);
		kept.size = saker_parts_bytes(message.data_at, message.parts, kept.compat);
	} else if (event == SAKER_EV_SENDTO && bpf_core_field_exists(given->addr)) {
		message.name_at = (u64)KREAD(given, addr);
		message.name_len = KREAD(given, addr_len);
	}
	if (event == SAKER_EV_SENDTO || event == SAKER_EV_SENDMSG) {
		if (copy)
			keep_end(&kept, (u64)KREAD(copy, msg.msg_name), KREAD(copy, msg.msg_namelen),
				 true);
		else
			keep_end(&kept, message.name_at, message.name_len, false);
	} else if (KREAD(given, flags) & SAKER_IORING_RECV_MULTISHOT) {
		kept.stays = true;
		keep_staying(req);
	}
	bpf_map_update_elem(&uring_moved, &at, &kept, 0);
	return 0;
}

static __always_inline struct io_kiocb *staying_request(u64 ring, u64 user_data)
{
	struct uring_number number = { ring, user_data };
	u64 *at = bpf_map_lookup_elem(&uring_staying, &number);
	struct io_kiocb *req;

	if (!at)
		return NULL;
	req = (void *)*at;
	/* It may be another by now. */
	return (u64)KREAD(req, ctx) == ring && KREAD(req, cqe.user_data) == user_data ? req : NULL;
}

/*
 * The request whose completion is told without it, NULL when it is none that is wanted. What is told is a structure
 * since 6.16 and was its members, the number first, before.
 */
static __always_inline struct io_kiocb *uring_staying_of(u64 *ctx, bool *structure)
{
	struct io_kiocb *req;
	u64 user_data = 0;

	*structure = false;
	if (!saker_uring_events[IORING_OP_RECVMSG_NR] && !saker_uring_events[IORING_OP_RECV_NR])
		return NULL;
	if ((s64)ctx[2] < 0 && !kread(&user_data, sizeof(user_data), (void *)ctx[2])) {
		req = staying_request(ctx[0], user_data);
		if (req) {
			*structure = true;
			return req;
		}
	}
	return staying_request(ctx[0], ctx[2]);
}

/* How one request went. */
struct uring_end {
	struct io_kiocb *req;
	s64 res;
	bool last; /* nothing more will be told of it */
};

/* From the context of either tracepoint; see PROGRAM_URING. */
static __always_inline struct uring_end uring_end(u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	struct uring_end end = {};
	u64 submitted = ctx[0];
	bool structure;
	s32 res = 0;

	if ((u64)KREAD(req, ctx) == ctx[0]) {
		end.req = req;
		end.res = (s32)KREAD(req, cqe.res);
		end.last = true;
		return end;
	}
	end.req = uring_staying_of(ctx, &structure);
	if (!end.req) {
		/* Submitted, and so kept, and its success will not be told. */
		if (bpf_map_lookup_elem(&uring_moved, &submitted))
			end.req = (void *)submitted;
		return end;
	}
	if (structure)
		kread(&res, sizeof(res), (void *)(ctx[2] + sizeof(u64)));
	else
		res = ctx[3];
	end.res = res;
	return end;
}

/* Where io.h looks for it. */
static __always_inline void gather_moved(struct call *c, struct io *io, struct uring_moved *kept,
					 bool out, bool message)
{
	c->args[0] = -1;
	if (kept) {
		c->args[0] = kept->fd;
		/* One that stays puts them elsewhere. */
		if (message && !out && !kept->stays && c->ret >= 0)
			saker_message(kept->message, kept->compat, io);
		if (out) {
			io->name_at = (u64)kept->name;
			io->name_len = kept->name_len;
		}
		io->size = kept->size;
	}
	/* Buffers that the kernel chooses. */
	if (!io->size && c->ret > 0)
		io->size = c->ret;
	io_amount(c, io, c->ret, out);
}

/* A function of its own: the stack is free for what was passed. */
#define URING_MOVED_RECORD(ID, event_name, cls)                                                    \
	SAKER_SUBPROGRAM int saker_uring_write_##event_name(u64 at, s64 res, u32 passed)           \
	{                                                                                          \
		struct io one = { .passed = passed }, *io = &one;                                  \
		struct call call = { .ret = res, .via = SAKER_HF_IO_URING }, *c = &call;           \
		const bool message = HAS_PARTS(SAKER_EV_##ID);                                     \
		const bool out = IS_OUT(SAKER_EV_##ID);                                            \
		struct io_kiocb *req = (void *)at;                                                 \
		struct uring_moved *kept;                                                          \
		struct subject to = {};                                                            \
                                                                                                   \
		c->task = running_task();                                                          \
		if (!uring_subject(&to, c->task, SAKER_CLASS_##cls, IS_HOT_IO(SAKER_EV_##ID)))     \
			return 0;                                                                  \
		kept = bpf_map_lookup_elem(&uring_moved, &at);                                     \
		gather_moved(c, io, kept, out, message);                                           \
		io_facts((struct file *)KREAD(req, file), &c->facts);                              \
		fill_##event_name(c, io, &to, NULL, IO_NONE);                                      \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	static __always_inline void record_uring_##event_name(u64 *ctx)                            \
	{                                                                                          \
		struct uring_end end = uring_end(ctx);                                             \
		struct uring_moved *kept;                                                          \
		u64 at = (u64)end.req;                                                             \
		u32 passed = 0;                                                                    \
                                                                                                   \
		if (!at)                                                                           \
			return;                                                                    \
		if (RECEIVES(SAKER_EV_##ID) && end.res >= 0) {                                     \
			kept = bpf_map_lookup_elem(&uring_moved, &at);                             \
			if (kept && !kept->stays && end.last)                                      \
				passed = saker_passed(kept->message, kept->compat) & 0xffff;       \
		}                                                                                  \
		saker_uring_write_##event_name(at, end.res, passed);                               \
		if (end.last)                                                                      \
			bpf_map_delete_elem(&uring_moved, &at);                                    \
	}

#endif /* SAKER_URING_MOVED_H */
