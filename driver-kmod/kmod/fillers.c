// SPDX-License-Identifier: GPL-2.0
/* The fillers of driver-abi/fillers, compiled for the module, and the way from a call to its filler. */
#include "platform.h"
#include "emit.h"
#include "dispatch.h"
#include "facts.h"
#include "plain.h"
#include "multiplexed.h"
#include "scratch.h"
#include "paths.h"
#include "opened.h"
#include "reached.h"
#include "handle.h"
#include "writable.h"
#include "exec.h"
#include "lifecycle.h"
#include "signal.h"
#include "pointer.h"
#include "iterate.h"
#include "acted.h"
#include "given.h"
#include "passed.h"
#include "ends.h"
#include "io.h"
#include "messages.h"
#include "kinds.h"
#include "fillers.h"

#define URING_NAMES SAKER_REQUEST_NAMES
#define URING_NAME_BYTES SAKER_REQUEST_NAME_BYTES
#define URING_ADDR_BYTES 128

/* A request is recorded by whom it is done by: all is where the kernel has it. */
struct uring_kept {
	const char *name[URING_NAMES];
	const void *addr;
	u32 addr_len;
};

#include "requests.h"
#include "descriptors.h"

static __always_inline scratch_area cpu_area(u32 cpu)
{
	BUILD_BUG_ON(sizeof(struct saker_scratch) > SAKER_SCRATCH_BYTES);
	return saker_scratch_of(probe_session(), cpu);
}

static __always_inline struct saker_scratch *scratch_of(scratch_area area)
{
	return area;
}

static __always_inline u32 running_call(void)
{
	struct pt_regs *regs = task_pt_regs(current);
	u32 nr = call_number(regs->orig_ax);
	u32 event = saker_event(saker_task_compat(current), nr);

	return event == SAKER_CALL_MULTIPLEXED ? saker_subcall(nr, regs->bx) : event;
}

/* The first argument of that call, or the second. */
static __always_inline u64 running_arg(bool second)
{
	struct pt_regs *regs = task_pt_regs(current);

	if (saker_task_compat(current))
		return (u32)(second ? regs->cx : regs->bx);
	return second ? regs->si : regs->di;
}

static void read_call(struct call *c, struct pt_regs *regs, s64 ret)
{
	c->task = current;
	c->ret = ret;
	c->nr = call_number(regs->orig_ax);
	c->via = 0;
	c->compat = saker_task_compat(current);
	if (c->compat) {
		c->args[0] = (u32)regs->bx;
		c->args[1] = (u32)regs->cx;
		c->args[2] = (u32)regs->dx;
		c->args[3] = (u32)regs->si;
		c->args[4] = (u32)regs->di;
		c->args[5] = (u32)regs->bp;
	} else {
		c->args[0] = regs->di;
		c->args[1] = regs->si;
		c->args[2] = regs->dx;
		c->args[3] = regs->r10;
		c->args[4] = regs->r8;
		c->args[5] = regs->r9;
	}
	c->fault = false;
	memset(&c->facts, 0, sizeof(c->facts));
}

#define RECORD_OF(ID, name)                                                                        \
	static noinline void saker_ev_##name(struct call *c)                                       \
	{                                                                                          \
		take_apart(c, SAKER_EV_##ID);                                                      \
		record_##name(c);                                                                  \
	}
#define RECORD(ID, name, cls, flags, kind, nr64, nr32) FILLER_##kind(ID, name, cls, RECORD_OF)
SAKER_EVENTS(RECORD)

#define RECORD_REACHED(ID, name, cls)                                                              \
	REACHED_RECORD(ID, name, cls)                                                              \
	static noinline void saker_reached_##name(struct call *c)                                  \
	{                                                                                          \
		record_reached_##name(c);                                                          \
	}
SAKER_REACHED(RECORD_REACHED)

#define CASE_REACHED(ID, name, cls)                                                                \
	case SAKER_EV_##ID:                                                                        \
		saker_reached_##name(c);                                                           \
		return true;

/* The events that have another filler when it is asked for what they reached. */
static bool record_reached(struct call *c, u32 event)
{
	if (!saker_reached)
		return false;
	switch (event) {
	SAKER_REACHED(CASE_REACHED)
	}
	return false;
}

#define CASE_CODE(ID, name)
#define CASE_PLAIN(ID, name)                                                                       \
	case SAKER_EV_##ID:                                                                        \
		saker_ev_##name(&c);                                                               \
		break;
#define CASE_IO CASE_PLAIN
#define CASE_MESSAGE CASE_PLAIN
#define CASE_MESSAGES CASE_PLAIN
#define CASE(ID, name, cls, flags, kind, nr64, nr32) CASE_##kind(ID, name)

void saker_record_call(struct pt_regs *regs, long ret)
{
	u32 event = dispatch(current, regs, call_number(regs->orig_ax), ret);
	struct call c;

	/* The record of an exec came from sched_process_exec. */
	if (!event || saker_returns_from_exec(regs))
		return;
	read_call(&c, regs, ret);
	if (record_reached(&c, event - 1))
		return;
	switch (event - 1) {
	SAKER_EVENTS(CASE)
	case SAKER_EV_OPEN_BY_HANDLE_AT:
		record_open_by_handle_at(&c);
		break;
	case SAKER_EV_EXECVE:
	case SAKER_EV_EXECVEAT:
		/* On success the record came from sched_process_exec. */
		if (ret < 0)
			record_failed_exec(&c, event - 1);
		break;
	case SAKER_EV_CLONE:
	case SAKER_EV_CLONE3:
	case SAKER_EV_FORK:
	case SAKER_EV_VFORK:
		record_failed_fork(&c, event - 1);
		break;
	default:
		count_unseen(current, SAKER_DROP_TAILCALL);
	}
}

/* Event + 1 when requests that amount to it are wanted. */
static __always_inline u32 request_wanted(u32 event)
{
	struct saker_session *s = probe_session();

	return s->flags & SAKER_SESSION_URING && saker_wants(s, event) ? event + 1 : 0;
}

#define CALL_NUMBERS(ID, name, cls, flags, kind, nr64, nr32) CALL64_##ID = nr64, CALL32_##ID = nr32,
enum { SAKER_EVENTS(CALL_NUMBERS) };

/* Calls that come to the same functions as requests. All kernels with io_uring have them: none is unknown. */
#define SHARED_CALLS(X)                                                                            \
	X(OPEN) X(OPENAT) X(OPENAT2) X(CREAT) X(EXECVE) X(EXECVEAT)                                \
	X(SOCKET) X(CONNECT) X(ACCEPT) X(ACCEPT4) X(BIND) X(LISTEN)                                \
	X(UNLINK) X(UNLINKAT) X(RMDIR) X(RENAME) X(RENAMEAT) X(RENAMEAT2)                          \
	X(LINK) X(LINKAT) X(SYMLINK) X(SYMLINKAT) X(MKDIR) X(MKDIRAT)

static __always_inline bool is_shared_call(u32 nr, bool compat)
{
#define IS_CALL(ID) || nr == (compat ? (u32)CALL32_##ID : (u32)CALL64_##ID)
	return (compat && nr == SAKER_NR32_SOCKETCALL) SHARED_CALLS(IS_CALL);
#undef IS_CALL
}

/*
 * Is `task` on its way back from a call, or in none of those that come to these functions? The call has its result
 * then. Until a call has one it says ENOSYS, and one that does not exist says so to the end. So does one that ended
 * with that error: this is for where nothing else tells. A number of the x32 ABI is no call here either: most kernels
 * do not have it.
 */
static noinline bool seems_requested(struct task_struct *task)
{
	struct pt_regs *regs = task_pt_regs(task);
	u32 nr = call_number(regs->orig_ax);

	return nr == -1U || regs->ax != (u64)-SAKER_ENOSYS || !is_shared_call(nr, saker_task_compat(task));
}

/*
 * Is `task` in a request of io_uring, in a function that calls come to as well, entered with `regs`? Workers and
 * polling threads do nothing else. A program does its requests within io_uring_enter(2) and, those that others waited
 * for, on its way back to itself from anything.
 */
static __always_inline bool in_request(struct task_struct *task, const struct pt_regs *regs)
{
	if (task->tgid == saker_own_tgid || task->flags & PF_KTHREAD)
		return false;
	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER))
		return true;
#ifdef SAKER_HAVE_TASK_IO_URING
	if (!task->io_uring)
		return false;
#endif
	switch (saker_caller(regs)) {
	case SAKER_CALLER_RING:
		return true;
	case SAKER_CALLER_CALL:
		return false;
	default:
		return seems_requested(task);
	}
}

bool saker_is_request(u32 event, const struct pt_regs *regs)
{
	return request_wanted(event) && in_request(current, regs);
}

/* The way of a request's record once `kept`, `file` and the numbers of the call are known. */
#define RECORD_REQUEST(ID, event_name, cls)                                                        \
	REQUEST_WRITER(ID, event_name, cls)                                                        \
												   \
	static noinline void saker_request_##event_name(struct call *c, struct uring_kept *kept,   \
							struct file *file)                         \
	{                                                                                          \
		struct saker_scratch *sc;                                                          \
		struct subject to = {};                                                            \
												   \
		if (!uring_subject(&to, c->task, SAKER_CLASS_##cls))                               \
			return;                                                                    \
		sc = scratch_claim(&to, SAKER_CLASS_##cls);                                        \
		if (!sc)                                                                           \
			return;                                                                    \
		saker_file_facts((u64)file, &c->facts);                                            \
		write_request_##event_name(c, &to, sc, cpu_area(to.cpu), kept, file);              \
		scratch_release(sc);                                                               \
	}
SAKER_URING(RECORD_REQUEST)

#define CASE_REQUEST(ID, name, cls)                                                                \
	case SAKER_EV_##ID:                                                                        \
		saker_request_##name(&c, &kept, request->file);                                    \
		break;

void saker_record_request(const struct saker_request *request)
{
	struct uring_kept kept = {
		.name = { request->name[0], request->name[1] },
		.addr = request->addr,
		.addr_len = request->addr_len,
	};
	struct call c = { .task = current, .ret = request->ret, .via = SAKER_HF_IO_URING };
	bool cloexec = false;

	memcpy(c.args, request->args, sizeof(c.args));
	if (request->makes && request->file) {
		c.ret = reserved_number(current, &cloexec);
		/* Of an open the kernel keeps the flag there alone. */
		if (cloexec && request->event == SAKER_EV_OPENAT)
			c.args[2] |= O_CLOEXEC;
		if (cloexec && request->event == SAKER_EV_OPENAT2)
			c.args[3] |= O_CLOEXEC;
	} else if (request->file) {
		c.args[0] = number_of(current, request->file);
	}
	switch (request->event) {
	SAKER_URING(CASE_REQUEST)
	}
}

/* No other probe runs on this CPU meanwhile. */
static __always_inline scratch_area acted_area(u32 cpu)
{
	return cpu_area(cpu);
}

#define CASE_WANTED(NAME, number, ID)                                                              \
	case number:                                                                               \
		return request_wanted(SAKER_EV_##ID);

static __always_inline u32 wanted_request(u32 opcode)
{
	switch (opcode) {
	SAKER_REQUESTS(CASE_WANTED)
	}
	return 0;
}

#define RECORD_ACTED(name, first, last, opcode)                                                    \
	ACTED_RECORD(name, first, last, opcode)                                                    \
	void saker_record_acted_##name(const u64 *args)                                            \
	{                                                                                          \
		record_acted_##name(args);                                                         \
	}
SAKER_ACTED(RECORD_ACTED)

bool saker_is_given_name(void)
{
	u32 event = giving_event(current) - 1;

	return (saker_names && gives_name(event)) || (saker_reached && GIVEN_IS_OPEN(event));
}

void saker_record_given_name(struct filename *name, unsigned long result)
{
	record_given_name(name, result);
}

void saker_record_given_addr(const u64 *args)
{
	record_given_addr((struct socket *)args[0], (const void *)args[1], args[2]);
}

void saker_record_fork(struct task_struct *parent, struct task_struct *child)
{
	record_fork(parent, child);
}

void saker_record_exec(struct task_struct *task, pid_t old_tid, struct linux_binprm *bprm)
{
	record_exec(task, old_tid, KREAD(bprm, filename));
}

void saker_record_exit(struct task_struct *task)
{
	record_exit(task);
}

void saker_record_signal(int sig, const void *info)
{
	record_signal(current, sig, info);
}

/* The record, out of its scratch area; `bytes` include the frame's header, which the caller writes. */
static int take_record(const struct saker_scratch *sc, u32 bytes, void *buf, u32 room)
{
	if (!bytes)
		return 0;
	if (sc->frame_len > room)
		return -ENOSPC;
	memcpy(buf, sc->rec, sc->frame_len);
	return sc->frame_len;
}

int saker_fill_task(void *scratch, struct task_struct *task, void *buf, u32 room)
{
	struct saker_scratch *sc = scratch;

	return take_record(sc, fill_task(sc, sc, task), buf, room);
}

int saker_fill_file(void *scratch, struct task_struct *task, u32 fd, struct file *file, void *buf,
		    u32 room)
{
	struct saker_scratch *sc = scratch;

	return take_record(sc, fill_file(sc, sc, task, fd, file), buf, room);
}
