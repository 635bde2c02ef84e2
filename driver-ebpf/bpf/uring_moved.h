/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of io_uring that send, receive, read and write: the records of the calls (io.h), without their bytes.
 * Descriptor, size and far end are kept when a request is submitted, the record is written when it completes. One that
 * stays (multishot) completes often.
 */
#ifndef SAKER_URING_MOVED_H
#define SAKER_URING_MOVED_H

#define URING_MOVES 1 /* requests on their way, and those that stay: as many as the loader says */
#define SAKER_IORING_RECV_MULTISHOT (1u << 1)

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

/* Calls whose data come in a message, and those without one that name a far end or none. */
#define IS_MESSAGE(event) ((event) == SAKER_EV_SENDMSG || (event) == SAKER_EV_RECVMSG)
#define IS_SEND(event) ((event) == SAKER_EV_SENDTO || (event) == SAKER_EV_SENDMSG)
#define IS_RECEIPT(event) ((event) == SAKER_EV_RECVFROM || (event) == SAKER_EV_RECVMSG)
#define IS_VECTOR(event) ((event) == SAKER_EV_READV || (event) == SAKER_EV_WRITEV)

static __always_inline void keep_far_end(struct uring_moved *kept, struct io_kiocb *req,
					 struct io *message)
{
	struct io_async_msghdr *copy = KREAD(req, async_data);

	if (copy)
		keep_end(kept, (u64)KREAD(copy, msg.msg_name), KREAD(copy, msg.msg_namelen), true);
	else
		keep_end(kept, message->name_at, message->name_len, false);
}

/* Keeps what request `at` is given: the kernel's own copy, where it has made one already. */
SAKER_SUBPROGRAM int saker_uring_keep_moved(u64 at, u32 event)
{
	struct io_kiocb *req = (void *)at;
	struct io_sr_msg *given = (void *)at;
	struct io_rw *rw = (void *)at;
	struct uring_moved kept = {};
	struct io message = {};

	kept.fd = uring_fd(req);
	kept.compat = saker_uring_compat(KREAD(req, ctx));
	if (IS_MESSAGE(event)) {
		kept.message = (u64)KREAD(given, umsg);
		saker_message(kept.message, kept.compat, &message);
		kept.size = saker_parts_bytes(message.data_at, message.parts, kept.compat);
	} else if (IS_SEND(event) || IS_RECEIPT(event)) {
		kept.size = KREAD(given, len);
		if (IS_SEND(event) && bpf_core_field_exists(given->addr)) {
			message.name_at = (u64)KREAD(given, addr);
			message.name_len = KREAD(given, addr_len);
		}
	} else if (IS_VECTOR(event)) {
		kept.size = saker_parts_bytes(KREAD(rw, addr), KREAD(rw, len), kept.compat);
	} else {
		kept.size = KREAD(rw, len);
		kept.stays = KREAD(req, opcode) == SAKER_URING_READ_MULTISHOT;
	}
	if (IS_SEND(event))
		keep_far_end(&kept, req, &message);
	if (IS_RECEIPT(event))
		kept.stays = KREAD(given, flags) & SAKER_IORING_RECV_MULTISHOT;
	if (kept.stays)
		keep_staying(req);
	bpf_map_update_elem(&uring_moved, &at, &kept, 0);
	return 0;
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
		const bool message = IS_MESSAGE(SAKER_EV_##ID);                                    \
		const bool out = IS_OUT(SAKER_EV_##ID);                                            \
		struct io_kiocb *req = (void *)at;                                                 \
		struct uring_moved *kept;                                                          \
		struct subject to = {};                                                            \
                                                                                                   \
		c->task = uring_owner(req);                                                        \
		if (!uring_subject(&to, c->task, SAKER_CLASS_##cls))                               \
			return 0;                                                                  \
		kept = bpf_map_lookup_elem(&uring_moved, &at);                                     \
		if (!kept)                                                                         \
			count_forgotten();                                                         \
		gather_moved(c, io, kept, out, message);                                           \
		io_facts((struct file *)KREAD(req, file), &c->facts);                              \
		fill_##event_name(c, io, &to, NULL, IO_NONE);                                      \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	static __always_inline void record_uring_##event_name(u64 *ctx)                            \
	{                                                                                          \
		struct uring_end end = {};                                                         \
		struct uring_moved *kept;                                                          \
		u32 passed = 0;                                                                    \
		u64 at;                                                                            \
                                                                                                   \
		if (!uring_end(&end, ctx, SAKER_EV_##ID) || !end.req)                              \
			return;                                                                    \
		at = (u64)end.req;                                                                 \
		if (RECEIVES(SAKER_EV_##ID) && end.done && end.res >= 0) {                         \
			kept = bpf_map_lookup_elem(&uring_moved, &at);                             \
			if (kept && !kept->stays && end.last)                                      \
				passed = saker_passed(kept->message, kept->compat) & 0xffff;       \
		}                                                                                  \
		saker_uring_write_##event_name(at, end.res, passed);                               \
		if (end.last)                                                                      \
			bpf_map_delete_elem(&uring_moved, &at);                                    \
	}

#endif /* SAKER_URING_MOVED_H */
