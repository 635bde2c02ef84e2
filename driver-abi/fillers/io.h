/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fillers of calls that move data: what plain.h does, and the bytes, addresses and descriptors that went
 * through. Where they are differs from call to call: GATHER_<ID> at the end tells.
 */
#ifndef SAKER_IO_H
#define SAKER_IO_H

#define PARTS_MAX 32   /* parts of a vector whose sizes are added up */
#define PARTS_COPIED 8 /* parts of a vector whose bytes are copied */

/* Where the data of a call are. Lengths and addresses are the caller's word. */
struct io {
	u64 data_at;	/* of the bytes, or of the vector */
	u64 name_at;	/* far end that was given or returned, 0: none */
	u64 control_at;
	u64 full;	/* bytes that went through, or were to */
	u32 size;	/* of the buffers */
	u32 want;	/* bytes to copy */
	u32 gathered;	/* of a vector, in scratch memory */
	u32 parts;	/* of the vector */
	u32 name_len;
	u32 control_len;
	u32 passed;	/* descriptors in the control data */
	s32 pair[2];
	u32 index;	/* of the message */
	bool vector;
	bool fault;
};

/* Windows for less than so many bytes: none, the usual, more, the most there may be. Powers of two, for masks. */
#define IO_NONE 0
#define IO_SMALL 128
#define IO_MEDIUM 512
#define IO_LARGE 4096

/* How many bytes there are: what was to be sent is known even when nothing went (`out`). */
SAKER_INLINE void io_amount(struct call *c, struct io *io, s64 moved, bool out)
{
	u64 full = moved;

	if (moved < 0)
		full = out ? io->size : 0;
	/* MSG_TRUNC returns the length of the message, not of what was read. Of more parts the size is not known. */
	if (full > io->size && io->parts <= PARTS_MAX)
		full = io->size;
	io->full = full;
	io->want = full > saker_snaplen ? saker_snaplen : full;
}

/* A size as a program gives it, which may not fit; the kernel moves less than 2 GiB at a time. */
SAKER_INLINE u32 io_size(u64 bytes)
{
	return bytes > 0xffffffff ? 0xffffffff : bytes;
}

/* Bytes at argument 1, their number in argument 2. */
SAKER_INLINE void io_buffer(struct call *c, struct io *io, bool out)
{
	io->data_at = c->args[1];
	io->size = io_size(c->args[2]);
	io_amount(c, io, c->ret, out);
}

/* One part of a vector: struct iovec of either ABI. */
SAKER_INLINE bool part_at(u64 at, u32 i, bool compat, u64 *base, u64 *len)
{
	u64 wide[2] = {};
	u32 narrow[2] = {};

	if (compat) {
		if (uread(narrow, sizeof(narrow), at + (u64)i * sizeof(narrow)))
			return false;
		*base = narrow[0];
		*len = narrow[1];
		return true;
	}
	if (uread(wide, sizeof(wide), at + (u64)i * sizeof(wide)))
		return false;
	*base = wide[0];
	*len = wide[1];
	return true;
}

/* Size of all parts together, of PARTS_MAX at most. */
SAKER_SUBPROGRAM u32 saker_parts_bytes(u64 at, u32 parts, u32 compat)
{
	u64 low = 0, high = 0, base, len;
	u32 i;

	/* Halves apart, for a branch here would double the verifier's work with each round. */
	for (i = 0; i < PARTS_MAX; i++) {
		if (i >= parts || !part_at(at, i, compat, &base, &len))
			break;
		low += (u32)len;
		high |= len >> 32;
	}
	return io_size(high ? ~0ULL : low);
}

/* A vector at argument 1, the number of its parts in argument 2. */
SAKER_INLINE void io_vector(struct call *c, struct io *io, bool out)
{
	io->data_at = c->args[1];
	io->parts = c->args[2];
	io->vector = true;
	io->size = saker_parts_bytes(io->data_at, io->parts, c->compat);
	io_amount(c, io, c->ret, out);
}

/* struct msghdr of either ABI at `at`; a function of its own for the sake of the stack. */
SAKER_SUBPROGRAM int saker_message(u64 at, u32 compat, struct io *io)
{
	if (!io)
		return 0;
	if (compat) {
		u32 m[6] = {};

		io->fault = uread(m, sizeof(m), at) != 0;
		io->name_at = m[0];
		io->name_len = m[1];
		io->data_at = m[2];
		io->parts = m[3];
		io->control_at = m[4];
		io->control_len = m[5];
	} else {
		u64 m[6] = {};

		io->fault = uread(m, sizeof(m), at) != 0;
		io->name_at = m[0];
		io->name_len = (u32)m[1];
		io->data_at = m[2];
		io->parts = m[3];
		io->control_at = m[4];
		io->control_len = m[5];
	}
	io->vector = true;
	return 0;
}

SAKER_INLINE void io_message(struct call *c, struct io *io, u64 at, s64 moved, bool out)
{
	saker_message(at, c->compat, io);
	io->size = saker_parts_bytes(io->data_at, io->parts, c->compat);
	io_amount(c, io, moved, out);
	/* What was in the structure before is no answer. */
	if (!out && moved < 0)
		io->name_at = io->control_at = io->name_len = io->control_len = 0;
}

/* sendto(2): an address and its length, the last arguments. */
SAKER_INLINE void io_address_given(struct call *c, struct io *io)
{
	io->name_at = c->args[4];
	io->name_len = c->args[5];
}

/* recvfrom(2): the kernel has written both. */
SAKER_INLINE void io_address_returned(struct call *c, struct io *io)
{
	if (c->ret < 0 || !c->args[4] || uread(&io->name_len, sizeof(io->name_len), c->args[5]))
		return;
	io->name_at = c->args[4];
}

/* Two descriptors that the call has stored at argument `n`. */
#define io_pair(c, io, n)                                                                          \
	if ((c)->ret < 0 || uread((io)->pair, sizeof((io)->pair), (c)->args[n]))                   \
		(io)->pair[0] = (io)->pair[1] = -1;

/*
 * The first bytes of a vector, one after the other at the start of sc->path; returns how many. A function of its own
 * with its position in memory, as the walks of paths.h: rounds look alike to the verifier.
 */
SAKER_SUBPROGRAM u32 saker_gather_parts(scratch_area area, u64 at, u32 parts, u32 compat, u32 want)
{
	struct saker_scratch *sc = scratch_of(area);
	u64 base, len;
	u32 i, pos;

	if (!sc)
		return 0;
	sc->pos = 0;
	for (i = 0; i < PARTS_COPIED; i++) {
		pos = sc->pos;
		if (i >= parts || pos >= want || !part_at(at, i, compat, &base, &len))
			break;
		if (len > want - pos)
			len = want - pos;
		barrier_var(len);
		if (uread(sc->path + (pos & (SAKER_PATH_MAX - 1)), len & (SAKER_PATH_MAX - 1), base))
			break;
		sc->pos = pos + len;
	}
	return sc->pos;
}

SAKER_INLINE u64 copy_data(struct io *io, struct saker_scratch *sc, u8 *rec, u32 at,
			   const u32 window)
{
	u32 want = io->want, got, flags = 0;

	if (!window)
		return var_slot(0, 0, io->full && saker_snaplen ? SAKER_VF_TRUNCATED : 0,
				io->full > 0xffff ? 0xffff : io->full);
	if (want > window - 1)
		want = window - 1;
	/* Masks behind barriers: older verifiers do not see that a copy of a number was compared. */
	if (sc) {
		got = want < io->gathered ? want : io->gathered;
		barrier_var(got);
		kread(rec + at, got & (window - 1), sc->path);
	} else {
		got = want;
		barrier_var(got);
		if (uread(rec + at, got & (window - 1), io->data_at))
			got = 0;
	}
	if (got < want)
		flags = SAKER_VF_FAULT;
	if (got < io->full)
		flags |= SAKER_VF_TRUNCATED;
	return var_slot(at, got, flags, io->full > 0xffff ? 0xffff : io->full);
}

/*
 * What these fillers need of a file, without the frame that saker_file_facts() takes: a kernel before 6.13 allows 512
 * bytes of stack for all functions in a row.
 */
SAKER_INLINE void io_facts(struct file *file, struct file_facts *out)
{
	struct inode *inode = KREAD(file, f_inode);

	out->facts = KREAD(inode, i_mode) & S_IFMT;
	out->ino = KREAD(inode, i_ino);
	out->private_data = (void *)KREAD(file, private_data);
}

/* The socket of a descriptor and, of the unix family, the one it is connected with. */
SAKER_INLINE u64 sock_of_pair(struct call *c, u32 n)
{
	struct socket *sock = c->facts.private_data;
	struct sock *sk;

	if ((c->facts.facts & S_IFMT) != S_IFSOCK)
		return 0;
	sk = KREAD(sock, sk);
	if (n == 0)
		return (u64)sk;
	if (KREAD(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	return (u64)KREAD((struct unix_sock *)sk, peer);
}

/* A descriptor of another process: its number is the call's return value, which stands nowhere. */
SAKER_INLINE void io_taken(struct call *c, struct io *io)
{
	if (c->ret >= 0)
		saker_adopt(c->ret);
}

/* The first int of a socket option; `optlen` is a number for setsockopt and a pointer for getsockopt. */
SAKER_INLINE void io_option(struct call *c, struct io *io, bool out)
{
	io->data_at = c->args[3];
	io->size = c->args[4];
	if (!out && uread(&io->size, sizeof(io->size), c->args[4]))
		io->size = 0;
}

SAKER_INLINE s64 option_value(struct call *c, struct io *io)
{
	s32 value = 0;
	u8 byte = 0;

	if (io->size >= sizeof(value))
		uread(&value, sizeof(value), io->data_at);
	else if (io->size && !uread(&byte, sizeof(byte), io->data_at))
		value = byte;
	return value;
}

/* The extra sources, as plain.h has them. */
#define FIXED_DATA 0
#define FIXED_SIZE 0
#define FIXED_POS 0
#define FIXED_INDEX 0
#define FIXED_PASSED 0
#define FIXED_ENDS FIXED_TUPLE
#define FIXED_CONTROL 256
#define FIXED_OPTVAL 0
#define FIXED_PAIR 0
#define FIXED_PAIRSOCK 0
#define FIXED_PAIRINO 0
#define STRINGS_DATA 1
#define STRINGS_SIZE 0
#define STRINGS_POS 0
#define STRINGS_INDEX 0
#define STRINGS_PASSED 0
#define STRINGS_ENDS 0
#define STRINGS_CONTROL 0
#define STRINGS_OPTVAL 0
#define STRINGS_PAIR 0
#define STRINGS_PAIRSOCK 0
#define STRINGS_PAIRINO 0
#define PREPARE_DATA(n)
#define PREPARE_OPTVAL PREPARE_DATA
#define PREPARE_PASSED PREPARE_DATA
#define PREPARE_INDEX PREPARE_DATA
#define PREPARE_POS PREPARE_DATA
#define PREPARE_SIZE PREPARE_DATA
#define PREPARE_ENDS(n) PREPARE_TUPLE(n)
#define PREPARE_CONTROL(n)
#define PREPARE_PAIR(n)
#define PREPARE_PAIRSOCK(n) fd = io->pair[0], about_fd = true;
#define PREPARE_PAIRINO(n) fd = io->pair[0], about_fd = true;

#define FILL_DATA(slot, type, n)                                                                   \
	slots[slot] = copy_data(io, sc, rec, next, window);                                        \
	next += window;
#define FILL_SIZE(slot, type, n) slots[slot] = io->size;
/* Two halves in registers of 32 bits; of 64 the first has all. */
#define FILL_POS(slot, type, n)                                                                    \
	slots[slot] = c->compat ? (u32)c->args[3] | c->args[4] << 32 : c->args[3];
#define FILL_INDEX(slot, type, n) slots[slot] = io->index;
#define FILL_PASSED(slot, type, n) slots[slot] = io->passed;
#define FILL_ENDS(slot, type, n)                                                                   \
	{                                                                                          \
		u32 got = read_tuple(&c->facts, rec + next), given = 0;                            \
		if (got && patch_far_end(rec + next, io->name_at, io->name_len, out,               \
					 out && c->via))                                           \
			given = SAKER_VF_GIVEN;                                                    \
		slots[slot] = var_slot(next, got, given, 0);                                       \
		next += FIXED_TUPLE;                                                               \
	}
#define FILL_CONTROL(slot, type, n)                                                                \
	{                                                                                          \
		u32 full = io->control_len;                                                        \
		u32 len = full > FIXED_CONTROL - 1 ? FIXED_CONTROL - 1 : full;                     \
		s64 err = 0;                                                                       \
		if (!saker_snaplen)                                                                \
			len = 0;                                                                   \
		barrier_var(len);                                                                  \
		if (len)                                                                           \
			err = uread(rec + next, len & (FIXED_CONTROL - 1), io->control_at);        \
		slots[slot] = var_slot(next, err ? 0 : len,                                        \
				       err		      ? SAKER_VF_FAULT                     \
				       : full > len ? SAKER_VF_TRUNCATED : 0,                      \
				       full > 0xffff ? 0xffff : full);                             \
		next += FIXED_CONTROL;                                                             \
	}
#define FILL_OPTVAL(slot, type, n) slots[slot] = option_value(c, io);
#define FILL_PAIR(slot, type, n) slots[slot] = (s64)io->pair[n];
#define FILL_PAIRSOCK(slot, type, n) slots[slot] = sock_of_pair(c, n);
#define FILL_PAIRINO(slot, type, n) slots[slot] = c->facts.ino;

/* Where each call has its data. */
#define GATHER_READ_CALL io_buffer(c, io, out);
#define GATHER_WRITE_CALL io_buffer(c, io, out);
#define GATHER_READV io_vector(c, io, out);
#define GATHER_WRITEV io_vector(c, io, out);
#define GATHER_PREAD io_buffer(c, io, out);
#define GATHER_PWRITE io_buffer(c, io, out);
#define GATHER_PREADV io_vector(c, io, out);
#define GATHER_PWRITEV io_vector(c, io, out);
#define GATHER_SENDTO io_buffer(c, io, out); io_address_given(c, io);
#define GATHER_RECVFROM io_buffer(c, io, out); io_address_returned(c, io);
#define GATHER_SENDMSG io_message(c, io, c->args[1], c->ret, out);
#define GATHER_RECVMSG io_message(c, io, c->args[1], c->ret, out);
#define GATHER_SENDMMSG io_nth_message(c, io, out);
#define GATHER_RECVMMSG io_nth_message(c, io, out);
#define GATHER_SETSOCKOPT io_option(c, io, out);
#define GATHER_GETSOCKOPT io_option(c, io, out);
#define GATHER_SOCKETPAIR io_pair(c, io, 3)
#define GATHER_PIPE io_pair(c, io, 0)
#define GATHER_PIPE2 io_pair(c, io, 0)
#define GATHER_PIDFD_GETFD io_taken(c, io);

/* Calls whose data leave the process. */
#define IS_OUT(event)                                                                              \
	((event) == SAKER_EV_WRITE_CALL || (event) == SAKER_EV_WRITEV ||                           \
	 (event) == SAKER_EV_PWRITE || (event) == SAKER_EV_PWRITEV ||                              \
	 (event) == SAKER_EV_SENDTO || (event) == SAKER_EV_SENDMSG ||                              \
	 (event) == SAKER_EV_SENDMMSG || (event) == SAKER_EV_SETSOCKOPT)

/* Calls whose data come in parts. */
#define HAS_PARTS(event)                                                                           \
	((event) == SAKER_EV_READV || (event) == SAKER_EV_WRITEV || (event) == SAKER_EV_PREADV ||  \
	 (event) == SAKER_EV_PWRITEV || (event) == SAKER_EV_SENDMSG ||                             \
	 (event) == SAKER_EV_RECVMSG || (event) == SAKER_EV_SENDMMSG ||                            \
	 (event) == SAKER_EV_RECVMMSG)

/* Busy calls: see IS_HOT() of plain.h. */
#define IS_HOT_IO(event)                                                                           \
	((event) == SAKER_EV_READ_CALL || (event) == SAKER_EV_WRITE_CALL ||                        \
	 (event) == SAKER_EV_SENDTO || (event) == SAKER_EV_RECVFROM)

#define IO_FILLER(ID, name, cls)                                                                   \
	SAKER_INLINE void prepare_##name(struct call *c, struct io *io)                            \
	{                                                                                          \
		bool about_fd = false;                                                             \
		s64 fd = -1;                                                                       \
												   \
		SAKER_PARAMS_##ID(PREPARE, PREPARE)                                                \
		if (about_fd)                                                                      \
			io_facts(file_of(c->task, fd, IS_HOT_IO(SAKER_EV_##ID)), &c->facts);       \
	}                                                                                          \
												   \
	SAKER_INLINE void fill_##name(struct call *c, struct io *io, struct subject *to,           \
						struct saker_scratch *sc, const u32 window)        \
	{                                                                                          \
		const bool out = IS_OUT(SAKER_EV_##ID);                                            \
		u16 flags = call_flags(c);                                                         \
		void *rec = ring_reserve(to->ring, RECORD_LEN(ID, window));                        \
		u32 next = HEAD_LEN(ID);                                                           \
		u64 *slots;                                                                        \
												   \
		if (!rec) {                                                                        \
			count_drop(to->counters, ring_refusal(to->ring), SAKER_CLASS_##cls);       \
			return;                                                                    \
		}                                                                                  \
		slots = rec + sizeof(struct saker_hdr);                                            \
		if (io->fault)                                                                     \
			flags |= SAKER_HF_FAULT;                                                   \
		begin(rec, to, SAKER_EV_##ID, SAKER_NP_##ID, flags);                               \
		SAKER_PARAMS_##ID(FILL, FILL)                                                      \
		(void)next;                                                                        \
		(void)out;                                                                         \
		commit(rec, to);                                                                   \
	}

/* The record of a call, or of message `nth` of it. */
#define IO_RECORD(ID, name, cls)                                                                   \
	SAKER_INLINE void record_nth_##name(struct call *c, u32 nth, u32 passed)                   \
	{                                                                                          \
		struct io one = { .index = nth, .passed = passed }, *io = &one;                    \
		const bool out = IS_OUT(SAKER_EV_##ID);                                            \
		struct saker_scratch *sc = NULL;                                                   \
		struct subject to = {};                                                            \
												   \
		if (!find_ring(&to, c->task->tgid, c->task->pid, SAKER_CLASS_##cls))               \
			return;                                                                    \
		GATHER_##ID                                                                        \
		(void)out;                                                                         \
		identify(&to, c->task, IS_HOT_IO(SAKER_EV_##ID));                                  \
		prepare_##name(c, io);                                                             \
		if (HAS_PARTS(SAKER_EV_##ID) && io->want) {                                        \
			sc = scratch_claim(&to, SAKER_CLASS_##cls);                                \
			if (!sc)                                                                   \
				return;                                                            \
			io->gathered = saker_gather_parts(cpu_area(to.cpu), io->data_at,           \
							  io->parts, c->compat, io->want);         \
		}                                                                                  \
		if (!NR_STRINGS(ID) || !io->want)                                                  \
			fill_##name(c, io, &to, sc, IO_NONE);                                      \
		else if (io->want < IO_SMALL)                                                      \
			fill_##name(c, io, &to, sc, IO_SMALL);                                     \
		else if (io->want < IO_MEDIUM)                                                     \
			fill_##name(c, io, &to, sc, IO_MEDIUM);                                    \
		else                                                                               \
			fill_##name(c, io, &to, sc, IO_LARGE);                                     \
		if (sc)                                                                            \
			scratch_release(sc);                                                       \
	}

#define IO_CALL(name)                                                                              \
	SAKER_INLINE void record_##name(struct call *c)                                            \
	{                                                                                          \
		record_nth_##name(c, 0, 0);                                                        \
	}

#endif /* SAKER_IO_H */
