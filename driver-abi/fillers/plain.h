/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fillers made from the event table: one straight-line function an event, no code by hand.
 *
 * A record is reserved at a size that fits nearly all instances and filled in place. When a string
 * does not fit its window the record is discarded and the next size is tried, so that the common case
 * needs no scratch memory and the last size holds everything the kernel itself accepts.
 */
#ifndef SAKER_PLAIN_H
#define SAKER_PLAIN_H

/* One system call on its way out. */
struct call {
	struct task_struct *task;
	s64 ret;
	u64 args[6];
	u32 nr;
	u16 via; /* SAKER_HF_IO_URING: none that was entered */
	struct file_facts facts; /* of the descriptor the event is about, if it asks for any */
	bool compat;
	bool fault; /* some of args could not be read */
};

#include "sources.h"

SAKER_INLINE u16 call_flags(const struct call *c)
{
	return (c->compat ? SAKER_HF_COMPAT32 : 0) | (c->fault ? SAKER_HF_FAULT : 0) | c->via;
}

/*
 * An argument as wide as its type: of most only the lower half of the register is part of the value,
 * signed or not. INT and UINT say so themselves where the type is wider than the C argument.
 */
SAKER_INLINE u64 typed(u64 value, u32 type)
{
	switch (type) {
	case SAKER_T_FD:
	case SAKER_T_PID:
	case SAKER_T_SIG:
	case SAKER_T_PTRACE_REQUEST:
	case SAKER_T_FCNTL_CMD:
		return (s64)(s32)value;
	case SAKER_T_U64:
	case SAKER_T_I64:
	case SAKER_T_HEX:
	case SAKER_T_MOUNT_FLAGS:
	case SAKER_T_UNSHARE_FLAGS:
	case SAKER_T_RESOLVE_FLAGS:
		return value;
	default:
		return (u32)value;
	}
}

/* Bytes a source needs besides its slot: fixed windows, and strings that share the rest. */
#define FIXED_RET 0
#define FIXED_ARG 0
#define FIXED_INT 0
#define FIXED_UINT 0
#define FIXED_USTR 0
#define FIXED_UBYTES 512
#define FIXED_UADDR 128
#define FIXED_HOW 0
#define FIXED_FACTS 0
#define FIXED_DEV 0
#define FIXED_INO 0
#define FIXED_TUPLE 184
#define FIXED_CRED 0
#define FIXED_CAP 0
#define FIXED_PRNAME 16
#define FIXED_REAL 0
#define STRINGS_RET 0
#define STRINGS_ARG 0
#define STRINGS_INT 0
#define STRINGS_UINT 0
#define STRINGS_USTR 1
#define STRINGS_UBYTES 0
#define STRINGS_UADDR 0
#define STRINGS_HOW 0
#define STRINGS_FACTS 0
#define STRINGS_DEV 0
#define STRINGS_INO 0
#define STRINGS_TUPLE 0
#define STRINGS_CRED 0
#define STRINGS_CAP 0
#define STRINGS_PRNAME 0
#define STRINGS_REAL 0

#define ADD_FIXED(EV, name, type, source, n) + FIXED_##source
#define ADD_STRINGS(EV, name, type, source, n) + STRINGS_##source
#define FIXED_BYTES(ID) (0 SAKER_PARAMS_##ID(ADD_FIXED, ADD_FIXED))
#define NR_STRINGS(ID) (0 SAKER_PARAMS_##ID(ADD_STRINGS, ADD_STRINGS))
#define HEAD_LEN(ID) (sizeof(struct saker_hdr) + 8 * SAKER_NP_##ID)
#define RECORD_LEN(ID, window) (HEAD_LEN(ID) + FIXED_BYTES(ID) + NR_STRINGS(ID) * (window))

/* String windows that are tried in turn. The last holds PATH_MAX. */
#define WINDOW_SMALL 112
#define WINDOW_MEDIUM 512
#define WINDOW_LARGE 4104

/* O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC, O_LARGEFILE and O_CLOEXEC: of the call, a file does not keep them as they were. */
#define FLAGS_OF_CALL 02101700u

/*
 * Flags of an open as the kernel took them: another thread may have rewritten the program's since. Those that decide
 * what can be done with the file are its own.
 */
SAKER_INLINE u64 flags_taken(struct file *file, u64 given)
{
	return file ? ((u32)KREAD(file, f_flags) & ~FLAGS_OF_CALL) | (given & FLAGS_OF_CALL) : given;
}

#define FD_R(c) ((c)->ret)
#define FD_0(c) ((s64)(s32)(c)->args[0])

/* First pass over the parameters, before any window is tried: facts that are dear to get. */
#define PREPARE(EV, name, type, source, n) PREPARE_##source(n)
#define PREPARE_RET(n)
#define PREPARE_ARG(n)
#define PREPARE_INT(n)
#define PREPARE_UINT(n)
#define PREPARE_USTR(n)
#define PREPARE_UBYTES(n)
#define PREPARE_UADDR(n)
#define PREPARE_HOW(n)
#define PREPARE_CRED(n)
#define PREPARE_CAP(n)
#define PREPARE_PRNAME(n)
#define PREPARE_REAL(n)
#define PREPARE_FACTS(n) fd = FD_##n(c), about_fd = true;
#define PREPARE_DEV PREPARE_FACTS
#define PREPARE_INO PREPARE_FACTS
#define PREPARE_TUPLE PREPARE_FACTS

#define FILL(EV, name, type, source, n) FILL_##source(SAKER_P_##EV##_##name, SAKER_T_##type, n)
#define FILL_RET(slot, type, n) slots[slot] = c->ret;
#define FILL_ARG(slot, type, n) slots[slot] = typed(c->args[n], type);
/* C's int and unsigned int: the register's upper half is not part of the value. */
#define FILL_INT(slot, type, n) slots[slot] = (s64)(s32)c->args[n];
#define FILL_UINT(slot, type, n) slots[slot] = (u32)c->args[n];
/* struct open_how of the program, whose first word is the flags. */
#define FILL_HOW_OF(file, slot, n)                                                                 \
	{                                                                                          \
		u64 word = 0;                                                                      \
		if (uread(&word, sizeof(word), c->args[2] + 8 * (n)))                              \
			((struct saker_hdr *)rec)->flags |= SAKER_HF_FAULT;                        \
		slots[slot] = (n) ? word : flags_taken(file, word);                                \
	}
#define FILL_HOW(slot, type, n) FILL_HOW_OF(file_of(c->task, c->ret, FOLLOW_PROBE), slot, n)
#define FILL_USTR(slot, type, n) FILL_STRING(slot, true, c->args[n])
#define FILL_UBYTES(slot, type, n)                                                                 \
	{                                                                                          \
		u64 full = c->args[n + 1];                                                     \
		u32 len = full > FIXED_UBYTES ? FIXED_UBYTES : full;                               \
		s64 err = uread(rec + next, len, c->args[n]);            \
		slots[slot] = var_slot(next, err ? 0 : len,                                        \
				       err		     ? SAKER_VF_FAULT                      \
				       : full > FIXED_UBYTES ? SAKER_VF_TRUNCATED                  \
							     : 0,                                  \
				       full > 0xffff ? 0xffff : full);                             \
		next += FIXED_UBYTES;                                                              \
	}
#define FILL_UADDR(slot, type, n)                                                                  \
	{                                                                                          \
		u32 len = c->args[n + 1];                                                      \
		s64 err;                                                                           \
		if (len > FIXED_UADDR)                                                             \
			len = FIXED_UADDR;                                                         \
		err = uread(rec + next, len, c->args[n]);                \
		slots[slot] = var_slot(next, err ? 0 : len, err ? SAKER_VF_FAULT : 0, 0);          \
		next += FIXED_UADDR;                                                               \
	}
#define FILL_PRNAME(slot, type, n)                                                                 \
	{                                                                                          \
		s64 got = 0;                                                                       \
		if ((s32)c->args[0] == PR_SET_NAME)                                            \
			got = uread_str(rec + next, FIXED_PRNAME,                    \
						      c->args[n]);                     \
		slots[slot] = got < 0 ? var_slot(0, 0, SAKER_VF_FAULT, 0)                          \
				      : var_slot(next, got - (got > 0), 0, 0);                     \
		next += FIXED_PRNAME;                                                              \
	}
/* Not asked for: reached.h has the filler that finds it out. */
#define FILL_REAL(slot, type, n) slots[slot] = 0;
#define FILL_FACTS(slot, type, n) slots[slot] = c->facts.facts;
#define FILL_DEV(slot, type, n) slots[slot] = c->facts.dev;
#define FILL_INO(slot, type, n) slots[slot] = c->facts.ino;
#define FILL_TUPLE(slot, type, n)                                                                  \
	slots[slot] = var_slot(next, read_tuple(&c->facts, rec + next), 0, 0);                     \
	next += FIXED_TUPLE;
/* The task in a variable: KREAD(c->task, ...) would relocate our own structure, too. */
#define FILL_CRED(slot, type, n)                                                                   \
	{                                                                                          \
		struct task_struct *task = c->task;                                                \
		slots[slot] = KREAD_ID(saker_cred(task), n);                                      \
	}
#define FILL_CAP(slot, type, n)                                                                    \
	{                                                                                          \
		struct task_struct *task = c->task;                                                \
		slots[slot] = cap_word(FIELD_AT(saker_cred(task), n));                             \
	}

/* What state has no use for does not leave the kernel unless a rule asks for it. */
SAKER_INLINE bool args_wanted(struct call *c, u32 event)
{
	u32 cmd;

	if (event != SAKER_EV_FCNTL || saker_every_fcntl)
		return true;
	cmd = c->args[1];
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_SETFD;
}

/* Events of the busiest calls: their programs follow pointers by typed loads. */
#define IS_HOT(event)                                                                              \
	((event) == SAKER_EV_OPEN || (event) == SAKER_EV_OPENAT || (event) == SAKER_EV_CLOSE ||    \
	 (event) == SAKER_EV_DUP || (event) == SAKER_EV_DUP2)

#define PLAIN_FILLER(ID, name, cls)                                                                \
	SAKER_INLINE void prepare_##name(struct call *c)                                           \
	{                                                                                          \
		bool about_fd = false;                                                             \
		s64 fd = -1;                                                                       \
												   \
		SAKER_PARAMS_##ID(PREPARE, PREPARE)                                                \
		if (about_fd)                                                                      \
			saker_file_facts((u64)file_of(c->task, fd, IS_HOT(SAKER_EV_##ID)),         \
					 &c->facts);                                               \
	}                                                                                          \
												   \
	/* Returns false when a string was cut and a bigger window should be tried. */             \
	SAKER_INLINE bool fill_##name(struct call *c, struct subject *to,                          \
						const s64 window)                                  \
	{                                                                                          \
		bool cut = false;                                                                  \
		u32 next = HEAD_LEN(ID);                                                           \
		void *rec = ring_reserve(to->ring, RECORD_LEN(ID, window));                       \
		u64 *slots;                                                                        \
												   \
		if (!rec) {                                                                        \
			count_drop(to->counters, ring_refusal(to->ring), SAKER_CLASS_##cls);         \
			return true;                                                               \
		}                                                                                  \
		slots = rec + sizeof(struct saker_hdr);                                            \
		begin(rec, to, SAKER_EV_##ID, SAKER_NP_##ID, call_flags(c));                      \
		SAKER_PARAMS_##ID(FILL, FILL)                                                      \
		(void)next;                                                                        \
		if (cut) {                                                                         \
			ring_discard(to->ring, rec);                                               \
			return false;                                                              \
		}                                                                                  \
		commit(rec, to);                                                                   \
		return true;                                                                       \
	}

/* The whole way of one call's record; the program or function of the event calls this. */
#define PLAIN_RECORD(ID, name, cls)                                                                \
	SAKER_INLINE void record_##name(struct call *c)                                            \
	{                                                                                          \
		struct subject to = {};                                                            \
												   \
		if (!args_wanted(c, SAKER_EV_##ID))                                                \
			return;                                                                    \
		if (!find_ring(&to, c->task->tgid, c->task->pid, SAKER_CLASS_##cls))               \
			return;                                                                    \
		identify(&to, c->task, IS_HOT(SAKER_EV_##ID));                                     \
		prepare_##name(c);                                                                 \
		if (fill_##name(c, &to, WINDOW_SMALL) || !NR_STRINGS(ID))                          \
			return;                                                                    \
		if (!fill_##name(c, &to, WINDOW_MEDIUM))                                           \
			fill_##name(c, &to, WINDOW_LARGE);                                         \
	}

#endif /* SAKER_PLAIN_H */
