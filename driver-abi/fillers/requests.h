/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of io_uring, as the system calls they amount to: the records, once a driver has found out what a request was
 * given and how it went. Nobody enters a call of that name: the kernel does the work when it takes the queue, in the
 * caller, in a worker or in a thread that polls. Workers have the owner's group and files, so the record is its
 * leader's.
 */
#ifndef SAKER_REQUESTS_H
#define SAKER_REQUESTS_H

/* What is opened, made or named. */
#define SAKER_URING(X)                                                                             \
	X(OPENAT, openat, FILE)                                                                    \
	X(OPENAT2, openat2, FILE)                                                                  \
	X(CLOSE, close, NOISE)                                                                     \
	X(CONNECT, connect, SECURITY)                                                              \
	X(ACCEPT4, accept4, SECURITY)                                                              \
	X(SOCKET, socket, SECURITY)                                                                \
	X(BIND, bind, SECURITY)                                                                    \
	X(LISTEN, listen, SECURITY)                                                                \
	X(UNLINKAT, unlinkat, FILE)                                                                \
	X(RENAMEAT2, renameat2, FILE)                                                              \
	X(MKDIRAT, mkdirat, FILE)                                                                  \
	X(SYMLINKAT, symlinkat, FILE)                                                              \
	X(LINKAT, linkat, FILE)                                                                    \
	X(DUP3, dup3, NOISE)

/*
 * What is opened into a ring's own table has no number in the process's. It gets one that no descriptor
 * can have (sysctl_nr_open_max), from its place there.
 */
#define URING_FIXED_FD 0x40000000
#define URING_FD_UNKNOWN 0x7fffffff

/*
 * From the platform: struct uring_kept, what a request was given, as the kernel took it: `name[URING_NAMES]`, of which
 * records have less than URING_NAME_BYTES, `addr` and `addr_len`, of which they have URING_ADDR_BYTES at most.
 */

/* Whose record it is, and its ring; false when there is none, or it cannot be written (counted). */
SAKER_INLINE bool uring_subject(struct subject *to, struct task_struct *task, u32 cls)
{
	u32 tgid = KREAD(task, tgid);

	if (!tgid || !find_ring(to, tgid, tgid, cls))
		return false;
	if (!(KREAD(task, flags) & (PF_IO_WORKER | PF_USER_WORKER)))
		to->tid = KREAD(task, pid);
	identify(to, task, FOLLOW_PROBE);
	return true;
}

SAKER_INLINE u64 put_kept_addr(struct saker_scratch *sc, struct uring_kept *kept)
{
	u8 *to = room(sc);
	u32 len = kept ? kept->addr_len : 0;

	if (!to || !len)
		return var_slot(0, 0, SAKER_VF_FAULT, 0);
	if (len > URING_ADDR_BYTES)
		len = URING_ADDR_BYTES;
	return took(sc, kread(to, len, kept->addr) ? -1 : (s64)len, 0, 0);
}

SAKER_INLINE u64 put_kept_name(struct saker_scratch *sc, struct uring_kept *kept, u32 i)
{
	u8 *to = room(sc);
	s64 got;

	if (!to || !kept)
		return var_slot(0, 0, SAKER_VF_FAULT, 0);
	got = kread_str(to, URING_NAME_BYTES, kept->name[i & (URING_NAMES - 1)]);
	return took(sc, got > 0 ? got - 1 : got,
		    got == URING_NAME_BYTES ? SAKER_VF_TRUNCATED : 0, 0);
}

/* The tuple is read as numbers, too: aligned. */
SAKER_INLINE u64 put_kept_tuple(struct saker_scratch *sc, struct file_facts *facts)
{
	u8 *to;

	sc->off = (sc->off + 7) & ~7u;
	to = room(sc);
	return to ? took(sc, read_tuple(facts, (struct saker_tuple *)to), 0, 0) : 0;
}

#define URING(EV, name, type, source, n) URING_##source(SAKER_P_##EV##_##name, SAKER_T_##type, n)
#define URING_RET FILL_RET
#define URING_ARG FILL_ARG
#define URING_FAMILY FILL_FAMILY
#define URING_INT FILL_INT
#define URING_UINT FILL_UINT
#define URING_FACTS FILL_FACTS
#define URING_DEV FILL_DEV
#define URING_INO FILL_INO
#define URING_REAL(slot, type, n) slots[slot] = reached.n;
#define URING_HOW(slot, type, n) slots[slot] = c->args[3 + (n)];
#define URING_USTR(slot, type, n) slots[slot] = put_kept_name(sc, kept, names++);
#define URING_UADDR(slot, type, n) slots[slot] = put_kept_addr(sc, kept);
#define URING_TUPLE(slot, type, n) slots[slot] = put_kept_tuple(sc, &c->facts);

/* The rest of a record in scratch memory; `c` has arguments and result where the event's parameters look for them. */
#define REQUEST_WRITER(ID, event_name, cls)                                                        \
	SAKER_INLINE void write_request_##event_name(                                              \
		struct call *c, struct subject *to, struct saker_scratch *sc, scratch_area area,   \
		struct uring_kept *kept, struct file *file)                                        \
	{                                                                                          \
		u64 *slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));                          \
		struct reached reached = {};                                                       \
		u32 names = 0;                                                                     \
												   \
		((struct saker_hdr *)sc->rec)->flags = SAKER_HF_IO_URING;                          \
		sc->off = HEAD_LEN(ID);                                                            \
		if (saker_reached && file)                                                         \
			put_reached(sc, area, file, &reached);                                     \
		SAKER_PARAMS_##ID(URING, URING)                                                    \
		(void)names;                                                                       \
		emit_reached(sc, to, SAKER_EV_##ID, SAKER_NP_##ID, SAKER_CLASS_##cls);             \
	}

#endif /* SAKER_REQUESTS_H */
