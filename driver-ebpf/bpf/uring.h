/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of io_uring, as the system calls they amount to. Nobody enters a call of that name: the kernel
 * does the work when it takes the queue, in the caller, in a worker or in a thread that polls. A request is
 * recorded when it completes, from the request itself and the file it made; names, which are freed before,
 * are kept when it is submitted: the kernel's own copies. Workers have the owner's group and files, so the
 * record is its leader's.
 */
#ifndef SAKER_URING_H
#define SAKER_URING_H

#define URING_REQUESTS 1024 /* whose names are kept */
#define SAKER_O_LARGEFILE 0100000
#define SAKER_FILE_INDEX_ALLOC 0xffffffffu

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, URING_REQUESTS);
	__type(key, u64);
	__type(value, struct uring_kept);
} uring_kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SAKER_NR_EVENTS);
	__type(key, u32);
	__type(value, u32);
} uring_fillers SEC(".maps");

/* The program of submissions. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} uring_submit SEC(".maps");

/* The same, for what is recorded at its submission since its success will not be told. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SAKER_NR_EVENTS);
	__type(key, u32);
	__type(value, u32);
} uring_quiet SEC(".maps");

static __always_inline void keep_name(struct uring_kept *kept, u32 i, struct filename *name)
{
	kread_str(kept->name[i], URING_NAME_BYTES, KREAD(name, name));
}

/* An address: the kernel's own copy, which it makes at once since 6.10, else the program's at `given`. */
static __always_inline void keep_addr(struct uring_kept *kept, struct io_kiocb *req, u64 given,
				      u32 len)
{
	struct io_async_msghdr *copy = KREAD(req, async_data);

	if (len > URING_ADDR_BYTES)
		len = URING_ADDR_BYTES;
	barrier_var(len);
	if (len > URING_ADDR_BYTES)
		return;
	if (copy ? !kread(kept->addr, len, FIELD_AT(copy, addr)) :
		   given && !uread(kept->addr, len, given))
		kept->addr_len = len;
}

/* Whether anything of a request has to be kept. */
static __always_inline bool uring_keeps(u32 event)
{
	return event != SAKER_EV_CLOSE && event != SAKER_EV_ACCEPT4 && event != SAKER_EV_SOCKET;
}

/* Keeps what a request is given, as long as it is there: after the request is prepared, before it is done. */
static __always_inline void uring_keep(struct uring_kept *kept, struct io_kiocb *req, u32 event)
{
	struct io_connect *connect = (void *)req;
	struct io_bind *bind = (void *)req;

	kept->fd = uring_fd(req);
	kept->addr_len = 0;
	kept->name[0][0] = kept->name[1][0] = 0;
	switch (event) {
	case SAKER_EV_OPENAT:
	case SAKER_EV_OPENAT2:
		keep_name(kept, 0, URING_NAME(struct io_open, req, filename));
		break;
	case SAKER_EV_UNLINKAT:
		keep_name(kept, 0, URING_NAME(struct io_unlink, req, filename));
		break;
	case SAKER_EV_MKDIRAT:
		keep_name(kept, 0, URING_NAME(struct io_mkdir, req, filename));
		break;
	case SAKER_EV_RENAMEAT2:
		keep_name(kept, 0, URING_NAME(struct io_rename, req, oldpath));
		keep_name(kept, 1, URING_NAME(struct io_rename, req, newpath));
		break;
	case SAKER_EV_SYMLINKAT:
	case SAKER_EV_LINKAT:
		keep_name(kept, 0, URING_NAME(struct io_link, req, oldpath));
		keep_name(kept, 1, URING_NAME(struct io_link, req, newpath));
		break;
	case SAKER_EV_CONNECT:
		keep_addr(kept, req, (u64)KREAD(connect, addr), KREAD(connect, addr_len));
		break;
	case SAKER_EV_BIND:
		if (bpf_core_type_exists(struct io_bind))
			keep_addr(kept, req, 0, KREAD(bind, addr_len));
		break;
	}
}

/* Arguments of the call, where its parameters look for them; words of open_how from the fourth on. */
static __always_inline void uring_args(struct call *c, struct uring_end *end, struct uring_kept *kept,
				       u32 event)
{
	struct io_kiocb *req = end->req;
	struct io_open *open = (void *)req;
	struct io_unlink *unlink = (void *)req;
	struct io_rename *rename = (void *)req;
	struct io_mkdir *mkdir = (void *)req;
	struct io_link *link = (void *)req;
	struct io_accept *accept = (void *)req;
	struct io_socket *socket = (void *)req;
	struct io_listen *listen = (void *)req;
	struct io_close *close = (void *)req;
	struct io_fixed_install *install = (void *)req;

	switch (event) {
	case SAKER_EV_OPENAT:
		c->args[0] = KREAD(open, dfd);
		c->args[2] = KREAD(open, how.flags) & ~SAKER_O_LARGEFILE;
		c->args[3] = KREAD(open, how.mode);
		break;
	case SAKER_EV_OPENAT2:
		c->args[0] = KREAD(open, dfd);
		c->args[3] = KREAD(open, how.flags);
		c->args[4] = KREAD(open, how.mode);
		c->args[5] = KREAD(open, how.resolve);
		break;
	case SAKER_EV_UNLINKAT:
		c->args[0] = KREAD(unlink, dfd);
		c->args[2] = KREAD(unlink, flags);
		break;
	case SAKER_EV_RENAMEAT2:
		c->args[0] = KREAD(rename, old_dfd);
		c->args[2] = KREAD(rename, new_dfd);
		c->args[4] = KREAD(rename, flags);
		break;
	case SAKER_EV_MKDIRAT:
		c->args[0] = KREAD(mkdir, dfd);
		c->args[2] = KREAD(mkdir, mode);
		break;
	case SAKER_EV_SYMLINKAT:
		c->args[1] = KREAD(link, new_dfd);
		break;
	case SAKER_EV_LINKAT:
		c->args[0] = KREAD(link, old_dfd);
		c->args[2] = KREAD(link, new_dfd);
		c->args[4] = KREAD(link, flags);
		break;
	case SAKER_EV_CONNECT:
	case SAKER_EV_BIND:
		c->args[0] = kept ? kept->fd : -1;
		break;
	case SAKER_EV_LISTEN:
		c->args[0] = kept ? kept->fd : -1;
		if (bpf_core_type_exists(struct io_listen))
			c->args[1] = KREAD(listen, backlog);
		break;
	case SAKER_EV_ACCEPT4:
		c->args[3] = end->listener ? end->listener->flags : KREAD(accept, flags);
		break;
	case SAKER_EV_SOCKET:
		c->args[0] = KREAD(socket, domain);
		c->args[1] = KREAD(socket, type) | KREAD(socket, flags);
		c->args[2] = KREAD(socket, protocol);
		break;
	case SAKER_EV_DUP3:
		c->args[0] = kept ? kept->fd : -1;
		c->args[1] = end->done ? end->res : -1;
		if (bpf_core_type_exists(struct io_fixed_install))
			c->args[2] = KREAD(install, o_flags);
		break;
	case SAKER_EV_CLOSE:
		c->args[0] = KREAD(close, file_slot) ? URING_FIXED_FD + KREAD(close, file_slot) - 1
						     : KREAD(close, fd);
		break;
	}
}

/* Place in the ring's table, from 1, of what the request made; 0: it is the process's. */
static __always_inline u32 uring_file_slot(struct uring_end *end, u32 event)
{
	struct io_kiocb *req = end->req;
	struct io_open *open = (void *)req;
	struct io_accept *accept = (void *)req;
	struct io_socket *socket = (void *)req;

	switch (event) {
	case SAKER_EV_OPENAT:
	case SAKER_EV_OPENAT2:
		return KREAD(open, file_slot);
	case SAKER_EV_ACCEPT4:
		return end->listener ? end->listener->file_slot : KREAD(accept, file_slot);
	case SAKER_EV_SOCKET:
		return KREAD(socket, file_slot);
	}
	return 0;
}

/* Sets the result and returns the file that the record is about, if any. */
static __always_inline struct file *uring_result(struct call *c, struct uring_end *end, u32 event)
{
	struct io_kiocb *req = end->req;
	u32 slot = uring_file_slot(end, event);

	/* Of a success nobody wants to hear of only the beginning is seen. */
	c->ret = end->done ? end->res : 0;
	if (event == SAKER_EV_CONNECT || event == SAKER_EV_BIND || event == SAKER_EV_LISTEN)
		return (struct file *)KREAD(req, file);
	if (!uring_makes(event) || c->ret < 0)
		return NULL;
	if (slot) {
		slot = slot == SAKER_FILE_INDEX_ALLOC ? c->ret : slot - 1;
		c->ret = URING_FIXED_FD | (slot & 0xffffff);
		return end->done ? saker_uring_file(end->ring, slot) : NULL;
	}
	if (!end->done) {
		c->ret = URING_FD_UNKNOWN;
		return NULL;
	}
	return file_of(c->task, c->ret, FOLLOW_PROBE);
}

/* Areas of the programs at io_uring's tracepoints; from 0 on, those of all others, where the kernel preempts none there. */
const volatile u32 saker_uring_areas = 0;

static __always_inline scratch_area uring_area(u32 cpu)
{
	return saker_uring_areas + cpu;
}

/* A number that was a listener's may be told for something else by now: its result is no socket. */
static __always_inline bool uring_mistaken(struct call *c, struct uring_end *end, struct file *file)
{
	return end->listener && file && (c->facts.facts & S_IFMT) != S_IFSOCK;
}

/* The whole way of one request's record; `hooked`: from a program that the kernel may preempt. */
#define URING_RECORD(ID, event_name, cls)                                                          \
	REQUEST_WRITER(ID, event_name, cls)                                                        \
												   \
	static __always_inline void record_uring_at_##event_name(struct uring_end *end,            \
								 bool hooked)                      \
	{                                                                                          \
		struct call call = {}, *c = &call;                                                 \
		struct uring_kept *kept;                                                           \
		struct saker_scratch *sc;                                                          \
		struct subject to = {};                                                            \
		u64 key = (u64)end->req;                                                           \
		scratch_area area;                                                                 \
		struct file *file;                                                                 \
                                                                                                   \
		c->task = uring_owner(end->req);                                                   \
		if (!uring_subject(&to, c->task, SAKER_CLASS_##cls))                               \
			return;                                                                    \
		area = hooked ? acted_area(to.cpu) : uring_area(to.cpu);                           \
		sc = scratch_claim_at(area, &to, SAKER_CLASS_##cls);                               \
		if (!sc)                                                                           \
			return;                                                                    \
		kept = uring_keeps(SAKER_EV_##ID) ? bpf_map_lookup_elem(&uring_kept, &key) : NULL; \
		if (uring_keeps(SAKER_EV_##ID) && !kept)                                           \
			count_forgotten();                                                         \
		uring_args(c, end, kept, SAKER_EV_##ID);                                           \
		file = uring_result(c, end, SAKER_EV_##ID);                                        \
		saker_file_facts((u64)file, &c->facts);                                            \
		if (uring_mistaken(c, end, file)) {                                                \
			scratch_release(sc);                                                       \
			return;                                                                    \
		}                                                                                  \
		write_request_##event_name(c, &to, sc, area, kept, file);                          \
		scratch_release(sc);                                                               \
		if (end->last && uring_keeps(SAKER_EV_##ID))                                       \
			bpf_map_delete_elem(&uring_kept, &key);                                    \
	}                                                                                          \
                                                                                                   \
	static __always_inline void record_uring_##event_name(u64 *ctx)                            \
	{                                                                                          \
		struct uring_end end = {};                                                         \
                                                                                                   \
		if (uring_end(&end, ctx, SAKER_EV_##ID))                                           \
			record_uring_at_##event_name(&end, false);                                 \
		if (uring_makes(SAKER_EV_##ID) && end.early)                                       \
			bpf_tail_call(ctx, &uring_submit, 0);                                      \
	}

/*
 * Requests that make a file, where the kernel lets programs hang at the end of its functions: SAKER_QUIET(X), one
 * X(name of the function behind io_, opcode, ID, name of the event) each. They return 0 when they are done and not to be
 * tried again. Nothing else tells the end of those whose success is not told, and it tells that of others later: when the
 * file may be somewhere else, or, of a worker, when the process asks.
 */
#define SAKER_QUIET(X)                                                                             \
	X(openat, 18, OPENAT, openat)                                                              \
	X(openat2, 28, OPENAT2, openat2)                                                           \
	X(accept, 13, ACCEPT4, accept4)                                                            \
	X(socket, 45, SOCKET, socket)

/* `args`: request, flags, what the function returned. Failures are told. */
static __always_inline bool uring_quiet_end(struct uring_end *end, u64 *args, u8 opcode)
{
	struct io_kiocb *req = (void *)args[0];

	/* One of them may call another. */
	if ((s32)args[2] || KREAD(req, opcode) != opcode || !uring_event(req))
		return false;
	end->ring = KREAD(req, ctx);
	end->req = req;
	end->res = (s32)KREAD(req, cqe.res);
	end->done = end->last = true;
	if (end->res < 0)
		return false;
	if (!(KREAD(req, flags) & REQ_F_CQE_SKIP))
		uring_set_recorded(req);
	return true;
}

#endif /* SAKER_URING_H */
