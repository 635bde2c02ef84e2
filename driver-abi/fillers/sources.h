/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sources of parameters beyond the plain arguments: numbers and bytes behind pointers, and what counts only
 * with some commands. As those of plain.h, each has four parts: bytes it needs besides its slot, strings,
 * what is prepared before a window is tried, and how the slot is filled.
 *
 *   NR           number of the call
 *   FAMILY n     address family of socket(2) in argument n, its type in argument n + 1
 *   ZERO         0, of older calls that lack what their successors have
 *   WORDS n      two 32-bit words, the upper one in argument n, as one number
 *   U32AT, U64AT AT(n, o)  number in user memory, o bytes behind the pointer in argument n
 *   IDAT i       uid or gid at the pointer in argument i
 *   OFFSET n     file offset at the pointer in argument n, as wide as the call has it
 *   LIMIT AT(n, i)  member i of struct rlimit at argument n; LIMIT64: of struct rlimit64
 *   TIME n       struct timespec at argument n, in ns; -1 without
 *   OUTSTR n     string that a successful call left at argument n
 *   POLLFDS n    struct pollfd at argument n, their number in argument n + 1
 *   IOV n        what the call moved, from struct iovec at argument n, their number in argument n + 1
 *   VM what      size, resident or swapped part of the process's memory in KiB
 *   DQ..., QUOTAFILE  what argument 3 of quotactl(2) points to, by command
 *   FSBYTES, FSTEXT n  value at argument n of fsconfig(2), by command
 *   SEMBUF, SEMOP AT(i, o)  16 bits, signed or not, o bytes into operation i of semop(2)
 *   SEMVAL n     argument n of semctl(2), if the command sets one value
 *   URINGSIG n   signal mask at argument n of io_uring_enter(2)
 *
 * A NULL pointer gives 0 (or -1 where said), memory that cannot be read 0 and SAKER_HF_FAULT.
 */
#ifndef SAKER_SOURCES_H
#define SAKER_SOURCES_H

/* Numbers of calls whose 32-bit forms differ in the width of what they point to. */
#define NR32_SENDFILE 187
#define NR32_GETRESUID16 165
#define NR32_GETRESGID16 171
#define NR32_PPOLL_TIME64 414

/* quotactl(2): the command above, the type in the low byte (include/uapi/linux/quota.h). */
#define QUOTA_OP(c) ((u32)(c)->args[0] >> 8)
#define QUOTA_ON 0x800002
#define QUOTA_GETFMT 0x800004
#define QUOTA_GETINFO 0x800005
#define QUOTA_SETINFO 0x800006
#define QUOTA_GETQUOTA 0x800007
#define QUOTA_SETQUOTA 0x800008

/* fsconfig(2): include/uapi/linux/mount.h. */
#define FS_SET_STRING 1
#define FS_SET_BINARY 2
#define FS_SET_PATH 3
#define FS_SET_PATH_EMPTY 4

#define SEM_SETVAL 16	      /* semctl(2) */
#define SEM_IPC_64 0x100      /* semctl(2) of 32 bits: newer structures */
#define URING_EXT_ARG (1 << 3) /* io_uring_enter(2): a struct instead of the mask */

#define SOCK_TYPE_BITS 0xfu /* SOCK_TYPE_MASK of include/linux/net.h */
#define SOCK_PACKET_NR 10
#define AF_PACKET_NR 17

/* The family that socket(2) makes: __sock_create() still knows the way in which packets were asked for before 2.2. */
SAKER_INLINE u32 socket_family(u32 family, u32 type)
{
	return family == AF_INET && (type & SOCK_TYPE_BITS) == SOCK_PACKET_NR ? AF_PACKET_NR : family;
}

#define NSEC_IN_SEC 1000000000ULL

/* Two numbers as one, for the last argument of a parameter. */
#define AT(n, o) ((n) << 8 | (o))
#define AT_PTR(c, n) ((c)->args[(n) >> 8])
#define AT_POS(n) ((n) & 255)

/* `bytes` behind a pointer of the caller, 0 without one. */
SAKER_INLINE u64 user_number(struct saker_hdr *hdr, u64 ptr, u32 offset, const u32 bytes)
{
	u64 word = 0;

	if (ptr && uread(&word, bytes, ptr + offset))
		hdr->flags |= SAKER_HF_FAULT;
	return word;
}

SAKER_INLINE u64 user_id(struct call *c, struct saker_hdr *hdr, u32 n)
{
	if (c->compat && (c->nr == NR32_GETRESUID16 || c->nr == NR32_GETRESGID16))
		return user_number(hdr, c->args[n], 0, 2);
	return user_number(hdr, c->args[n], 0, 4);
}

SAKER_INLINE u64 user_offset(struct call *c, struct saker_hdr *hdr, u32 n)
{
	if (c->compat && c->nr == NR32_SENDFILE)
		return user_number(hdr, c->args[n], 0, 4);
	return user_number(hdr, c->args[n], 0, 8);
}

/* No limit is the largest number, in both widths. */
SAKER_INLINE u64 user_limit(struct call *c, struct saker_hdr *hdr, u64 ptr, u32 i)
{
	u64 limit;

	if (!c->compat)
		return user_number(hdr, ptr, 8 * i, 8);
	limit = user_number(hdr, ptr, 4 * i, 4);
	return limit == 0xffffffff ? -1 : limit;
}

SAKER_INLINE u64 user_time_ns(struct call *c, struct saker_hdr *hdr, u64 ptr)
{
	s64 sec, nsec;

	if (!ptr)
		return -1;
	if (c->compat && c->nr != NR32_PPOLL_TIME64) {
		sec = (s32)user_number(hdr, ptr, 0, 4);
		nsec = (s32)user_number(hdr, ptr, 4, 4);
	} else {
		sec = user_number(hdr, ptr, 0, 8);
		nsec = user_number(hdr, ptr, 8, 8);
	}
	return sec * NSEC_IN_SEC + nsec;
}

SAKER_INLINE u64 quota_number(struct call *c, struct saker_hdr *hdr, bool counts, u32 offset,
			      const u32 bytes)
{
	return counts ? user_number(hdr, c->args[3], offset, bytes) : 0;
}

#define QUOTA_LIMITS(c) (QUOTA_OP(c) == QUOTA_GETQUOTA || QUOTA_OP(c) == QUOTA_SETQUOTA)
#define QUOTA_INFO(c) (QUOTA_OP(c) == QUOTA_GETINFO || QUOTA_OP(c) == QUOTA_SETINFO)

/* What a call moved, gathered from the caller's vectors. */
#define IOV_VECTORS 8
struct moved_data {
	u32 len;
	u32 flags; /* SAKER_VF_* */
	u8 bytes[2 * SAKER_DATA_MAX]; /* twice: the verifier bounds position and length separately */
};

/* A function of its own: the verifier follows the vectors once. */
SAKER_SUBPROGRAM int saker_gather(u64 vectors, u32 count, u64 moved, u32 width, struct moved_data *out)
{
	u32 i, pos = 0, want = moved > SAKER_DATA_MAX ? SAKER_DATA_MAX : moved;

	if (!out)
		return 0;
	out->flags = moved > SAKER_DATA_MAX ? SAKER_VF_TRUNCATED : 0;
	for (i = 0; i < IOV_VECTORS && i < count && pos < want; i++) {
		u64 base = 0, len = 0;

		/* 32-bit callers have vectors of half the size; their fields' upper halves stay 0. */
		if (width == 4) {
			uread(&base, 4, vectors + 8 * i);
			uread(&len, 4, vectors + 8 * i + 4);
		} else {
			uread(&base, 8, vectors + 16 * i);
			uread(&len, 8, vectors + 16 * i + 8);
		}
		if (len > want - pos)
			len = want - pos;
		if (len > SAKER_DATA_MAX || pos > SAKER_DATA_MAX)
			break;
		if (uread(out->bytes + pos, len, base)) {
			out->flags |= SAKER_VF_FAULT;
			break;
		}
		pos += len;
	}
	if (pos < want)
		out->flags |= SAKER_VF_TRUNCATED;
	out->len = pos;
	return 0;
}

#define FIXED_NR 0
#define FIXED_FAMILY 0
#define FIXED_ZERO 0
#define FIXED_WORDS 0
#define FIXED_U32AT 0
#define FIXED_U64AT 0
#define FIXED_IDAT 0
#define FIXED_OFFSET 0
#define FIXED_LIMIT 0
#define FIXED_LIMIT64 0
#define FIXED_TIME 0
#define FIXED_OUTSTR 0
#define FIXED_POLLFDS (8 * SAKER_POLLFDS_MAX)
#define FIXED_IOV (2 * SAKER_DATA_MAX)
#define FIXED_VM 0
#define FIXED_QUOTAFILE 0
#define FIXED_DQBLK 0
#define FIXED_DQTIME 0
#define FIXED_DQGRACE 0
#define FIXED_DQFLAGS 0
#define FIXED_DQFORMAT 0
#define FIXED_DQON 0
#define FIXED_FSBYTES 512
#define FIXED_FSTEXT 0
#define FIXED_SEMBUF 0
#define FIXED_SEMOP 0
#define FIXED_SEMVAL 0
#define FIXED_URINGSIG 0

#define STRINGS_NR 0
#define STRINGS_FAMILY 0
#define STRINGS_ZERO 0
#define STRINGS_WORDS 0
#define STRINGS_U32AT 0
#define STRINGS_U64AT 0
#define STRINGS_IDAT 0
#define STRINGS_OFFSET 0
#define STRINGS_LIMIT 0
#define STRINGS_LIMIT64 0
#define STRINGS_TIME 0
#define STRINGS_OUTSTR 1
#define STRINGS_POLLFDS 0
#define STRINGS_IOV 0
#define STRINGS_VM 0
#define STRINGS_QUOTAFILE 1
#define STRINGS_DQBLK 0
#define STRINGS_DQTIME 0
#define STRINGS_DQGRACE 0
#define STRINGS_DQFLAGS 0
#define STRINGS_DQFORMAT 0
#define STRINGS_DQON 0
#define STRINGS_FSBYTES 0
#define STRINGS_FSTEXT 1
#define STRINGS_SEMBUF 0
#define STRINGS_SEMOP 0
#define STRINGS_SEMVAL 0
#define STRINGS_URINGSIG 0

#define PREPARE_NR(n)
#define PREPARE_FAMILY(n)
#define PREPARE_ZERO(n)
#define PREPARE_WORDS(n)
#define PREPARE_U32AT(n)
#define PREPARE_U64AT(n)
#define PREPARE_IDAT(n)
#define PREPARE_OFFSET(n)
#define PREPARE_LIMIT(n)
#define PREPARE_LIMIT64(n)
#define PREPARE_TIME(n)
#define PREPARE_OUTSTR(n)
#define PREPARE_POLLFDS(n)
#define PREPARE_IOV(n)
#define PREPARE_VM(n)
#define PREPARE_QUOTAFILE(n)
#define PREPARE_DQBLK(n)
#define PREPARE_DQTIME(n)
#define PREPARE_DQGRACE(n)
#define PREPARE_DQFLAGS(n)
#define PREPARE_DQFORMAT(n)
#define PREPARE_DQON(n)
#define PREPARE_FSBYTES(n)
#define PREPARE_FSTEXT(n)
#define PREPARE_SEMBUF(n)
#define PREPARE_SEMOP(n)
#define PREPARE_SEMVAL(n)
#define PREPARE_URINGSIG(n)

#define FILL_NR(slot, type, n) slots[slot] = c->nr;
#define FILL_FAMILY(slot, type, n) slots[slot] = socket_family(c->args[n], c->args[(n) + 1]);
#define FILL_ZERO(slot, type, n) slots[slot] = 0;
#define FILL_WORDS(slot, type, n)                                                                  \
	slots[slot] = (u64)(u32)c->args[n] << 32 | (u32)c->args[(n) + 1];
#define FILL_U32AT(slot, type, n) slots[slot] = user_number(rec, AT_PTR(c, n), AT_POS(n), 4);
#define FILL_U64AT(slot, type, n) slots[slot] = user_number(rec, AT_PTR(c, n), AT_POS(n), 8);
#define FILL_IDAT(slot, type, n) slots[slot] = user_id(c, rec, n);
#define FILL_OFFSET(slot, type, n) slots[slot] = user_offset(c, rec, n);
#define FILL_LIMIT(slot, type, n) slots[slot] = user_limit(c, rec, AT_PTR(c, n), AT_POS(n));
#define FILL_LIMIT64(slot, type, n)                                                                \
	slots[slot] = AT_PTR(c, n) ? user_number(rec, AT_PTR(c, n), 8 * AT_POS(n), 8) : -1;
#define FILL_TIME(slot, type, n) slots[slot] = user_time_ns(c, rec, c->args[n]);
#define FILL_OUTSTR(slot, type, n) FILL_STRING(slot, c->ret >= 0, c->args[n])
#define FILL_POLLFDS(slot, type, n)                                                                \
	{                                                                                          \
		u32 count = c->args[(n) + 1];                                                      \
		u32 len = 8 * (count > SAKER_POLLFDS_MAX ? SAKER_POLLFDS_MAX : count);             \
		s64 err = uread(rec + next, len, c->args[n]);                                      \
		slots[slot] = var_slot(next, err ? 0 : len,                                        \
				       err			   ? SAKER_VF_FAULT                \
				       : count > SAKER_POLLFDS_MAX ? SAKER_VF_TRUNCATED            \
								   : 0,                            \
				       count > 0x1fff ? 0xffff : 8 * count);                       \
		next += FIXED_POLLFDS;                                                             \
	}
#define FILL_IOV(slot, type, n)                                                                    \
	{                                                                                          \
		struct moved_data moved = {};                                                      \
		if (c->ret > 0)                                                                    \
			saker_gather(c->args[n], c->args[(n) + 1], c->ret, c->compat ? 4 : 8,      \
				     &moved);                                                      \
		__builtin_memcpy(rec + next, moved.bytes, sizeof(moved.bytes));                    \
		slots[slot] = var_slot(next, moved.len, moved.flags,                               \
				       c->ret > 0xffff ? 0xffff                                    \
				       : c->ret > 0    ? c->ret                                    \
						       : 0);                                       \
		next += FIXED_IOV;                                                                 \
	}
#define FILL_VM(slot, type, n)                                                                     \
	{                                                                                          \
		struct task_struct *task = c->task;                                                \
		slots[slot] = vm_##n##_kib(task);                                                  \
	}
#define FILL_QUOTAFILE(slot, type, n) FILL_STRING(slot, QUOTA_OP(c) == QUOTA_ON, c->args[n])
#define FILL_DQBLK(slot, type, n) slots[slot] = quota_number(c, rec, QUOTA_LIMITS(c), n, 8);
#define FILL_DQTIME(slot, type, n)                                                                 \
	slots[slot] = quota_number(c, rec, QUOTA_LIMITS(c), n, 8) * NSEC_IN_SEC;
#define FILL_DQGRACE(slot, type, n)                                                                \
	slots[slot] = quota_number(c, rec, QUOTA_INFO(c), n, 8) * NSEC_IN_SEC;
#define FILL_DQFLAGS(slot, type, n) slots[slot] = quota_number(c, rec, QUOTA_INFO(c), n, 4);
#define FILL_DQFORMAT(slot, type, n)                                                               \
	slots[slot] = quota_number(c, rec, QUOTA_OP(c) == QUOTA_GETFMT, n, 4);
#define FILL_DQON(slot, type, n) slots[slot] = QUOTA_OP(c) == QUOTA_ON ? (u32)c->args[n] : 0;
#define FILL_FSBYTES(slot, type, n)                                                                \
	{                                                                                          \
		u64 full = (u32)c->args[1] == FS_SET_BINARY ? (u32)c->args[(n) + 1] : 0;           \
		u32 len = full > FIXED_FSBYTES ? FIXED_FSBYTES : full;                             \
		s64 err = uread(rec + next, len, c->args[n]);                                      \
		slots[slot] = var_slot(next, err ? 0 : len,                                        \
				       !len		      ? 0                                  \
				       : err		      ? SAKER_VF_FAULT                     \
				       : full > FIXED_FSBYTES ? SAKER_VF_TRUNCATED                 \
							      : 0,                                 \
				       full > 0xffff ? 0xffff : full);                             \
		next += FIXED_FSBYTES;                                                             \
	}
#define FILL_FSTEXT(slot, type, n)                                                                 \
	FILL_STRING(slot,                                                                          \
		    (u32)c->args[1] == FS_SET_STRING ||                                      \
			    (u32)c->args[1] == FS_SET_PATH ||                                \
			    (u32)c->args[1] == FS_SET_PATH_EMPTY,                            \
		    c->args[n])
#define SEMBUF_WORD(n)                                                                             \
	((u32)c->args[2] > (n) >> 8 ? user_number(rec, c->args[1], 6 * ((n) >> 8) + AT_POS(n), 2) : 0)
#define FILL_SEMBUF(slot, type, n) slots[slot] = SEMBUF_WORD(n);
#define FILL_SEMOP(slot, type, n) slots[slot] = (s64)(s16)SEMBUF_WORD(n);
#define FILL_SEMVAL(slot, type, n)                                                                 \
	slots[slot] = ((u32)c->args[2] & ~SEM_IPC_64) == SEM_SETVAL ? (s64)(s32)c->args[n] : 0;
#define FILL_URINGSIG(slot, type, n)                                                               \
	slots[slot] = (u32)c->args[3] & URING_EXT_ARG ? 0 : user_number(rec, c->args[n], 0, 8);

/* As USTR, and empty when it does not count. */
#define FILL_STRING(slot, counts, at)                                                              \
	{                                                                                          \
		s64 got = 1;                                                                       \
		if (counts)                                                                        \
			got = uread_str(rec + next, window, at);                                   \
		if (got == window && window < WINDOW_LARGE)                                        \
			cut = true;                                                                \
		slots[slot] = got < 0 ? var_slot(0, 0, SAKER_VF_FAULT, 0)                          \
				      : var_slot(next, got - (got > 0),                            \
						 got == window ? SAKER_VF_TRUNCATED : 0, 0);       \
		next += window;                                                                    \
	}

#endif /* SAKER_SOURCES_H */
