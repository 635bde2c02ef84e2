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
#include "reached.h"
#include "handle.h"
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

	if (!event)
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
	default:
		count_unseen(current, SAKER_DROP_TAILCALL);
	}
}

/* No other probe runs on this CPU meanwhile. */
static __always_inline scratch_area acted_area(u32 cpu)
{
	return cpu_area(cpu);
}

/* Requests of io_uring are not seen by this driver. */
static __always_inline u32 wanted_request(u32 opcode)
{
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
	return gives_name(giving_event(current) - 1);
}

void saker_record_given_name(struct filename *name, unsigned long result)
{
	record_given_name(name, result);
}

void saker_record_given_addr(const u64 *args)
{
	record_given_addr((const void *)args[1], args[2]);
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
