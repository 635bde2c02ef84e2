// SPDX-License-Identifier: GPL-2.0
/*
 * Saker's eBPF driver.
 *
 * One program on raw sys_exit looks at a bitmap and, for a call somebody wants, jumps to the event's
 * filler. Fork, exec and exit come from the scheduler's tracepoints. Only the fillers that rules or
 * state need are loaded. sys_enter is not hooked: no event of the table needs it. What is recorded, and
 * how, is in driver-abi/fillers, for this driver and the kernel module alike.
 */
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
#include "hooks.h"
#include "uring_types.h"
#include "requests.h"
#include "uring_events.h"
#include "uring_end.h"
#include "uring.h"
#include "pointer.h"
#include "iterate.h"
#include "acted.h"
#include "given.h"
#include "passed.h"
#include "ends.h"
#include "io.h"
#include "messages.h"
#include "kinds.h"
#include "uring_moved.h"
#include "uring_overflow.h"

char LICENSE[] SEC("license") = "GPL";

_Static_assert(SAKER_NR_EVENTS < SAKER_CALL_MULTIPLEXED, "event numbers fit a byte");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* one per possible CPU, set by the loader */
	__type(key, u32);
	__type(value, struct saker_scratch);
} scratch_areas SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SAKER_NR_EVENTS);
	__type(key, u32);
	__type(value, u32);
} fillers SEC(".maps");

static __always_inline scratch_area cpu_area(u32 cpu)
{
	return cpu;
}

static __always_inline struct saker_scratch *scratch_of(scratch_area area)
{
	return bpf_map_lookup_elem(&scratch_areas, &area);
}

/* Looked up in a table, not by a switch: the verifier then follows one unknown number, not five known. */
static __always_inline u32 running_call(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs;
	u32 event, nr;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 0;
	regs = (void *)bpf_task_pt_regs(task);
	nr = call_number(regs->orig_ax);
	event = saker_event(saker_task_compat(task), nr);
	return event == SAKER_CALL_MULTIPLEXED ? saker_subcall(nr, regs->bx) : event;
}

/* The first argument of that call, or the second: of a 32-bit call that half. */
static __always_inline u64 running_arg(bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 0;
	regs = (void *)bpf_task_pt_regs(task);
	if (saker_task_compat(task))
		return (u32)(second ? regs->cx : regs->bx);
	return second ? regs->si : regs->di;
}

/* Nobody runs it: where it loads, programs at functions of the kernel know the call that runs (src/functions.rs). */
SEC("raw_tp/sys_exit")
int saker_knows_call(u64 *ctx)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return regs->orig_ax & 1;
}

/*
 * All arguments at once: the ABI is then decided in one place, where both branches leave plain
 * numbers, so that the verifier joins them instead of following each to the end.
 */
static __always_inline void read_call(struct call *c, u64 *ctx)
{
	c->task = bpf_get_current_task_btf();
	c->ret = CALL_RETURN(ctx);
	c->nr = call_number(CALL_REG(ctx, c->task, orig_ax));
	c->compat = saker_task_compat(c->task);
	if (c->compat) {
		c->args[0] = (u32)CALL_REG(ctx, c->task, bx);
		c->args[1] = (u32)CALL_REG(ctx, c->task, cx);
		c->args[2] = (u32)CALL_REG(ctx, c->task, dx);
		c->args[3] = (u32)CALL_REG(ctx, c->task, si);
		c->args[4] = (u32)CALL_REG(ctx, c->task, di);
		c->args[5] = (u32)CALL_REG(ctx, c->task, bp);
	} else {
		c->args[0] = CALL_REG(ctx, c->task, di);
		c->args[1] = CALL_REG(ctx, c->task, si);
		c->args[2] = CALL_REG(ctx, c->task, dx);
		c->args[3] = CALL_REG(ctx, c->task, r10);
		c->args[4] = CALL_REG(ctx, c->task, r8);
		c->args[5] = CALL_REG(ctx, c->task, r9);
	}
}

HOOK_CALL
int saker_sys_exit(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 event = dispatch(task, ctx, call_number(CALL_REG(ctx, task, orig_ax)), CALL_RETURN(ctx));

	if (!event)
		return 0;
	bpf_tail_call(ctx, &fillers, event - 1);
	count_unseen(task, SAKER_DROP_TAILCALL);
	return 0;
}

HOOK_FORK
int saker_fork(u64 *ctx)
{
	on_fork(ctx);
	return 0;
}

HOOK_EXEC
int saker_exec(u64 *ctx)
{
	on_exec(ctx);
	return 0;
}

HOOK_EXIT
int saker_exit(u64 *ctx)
{
	on_exit(ctx);
	return 0;
}

HOOK_SIGNAL
int saker_signal(u64 *ctx)
{
	record_signal(bpf_get_current_task_btf(), ctx[0], (void *)ctx[1]);
	return 0;
}

HOOK_CALL
int saker_ev_open_by_handle_at(u64 *ctx)
{
	struct call c = {};

	read_call(&c, ctx);
	record_open_by_handle_at(&c);
	return 0;
}

HOOK_CALL
int saker_ev_exec_failed(u64 *ctx)
{
	struct call c = {};

	if (CALL_RETURN(ctx) >= 0)
		return 0; /* the exec record came from sched_process_exec */
	read_call(&c, ctx);
	record_failed_exec(&c, saker_event(c.compat, call_number(CALL_REG(ctx, c.task, orig_ax))) - 1);
	return 0;
}

HOOK_CALL
int saker_ev_fork_failed(u64 *ctx)
{
	struct call c = {};

	read_call(&c, ctx);
	record_failed_fork(&c, saker_event(c.compat, call_number(CALL_REG(ctx, c.task, orig_ax))) - 1);
	return 0;
}

/* Iterators have an area of their own, behind those of the CPUs: the agent reads one at a time. */
const volatile u32 saker_iterator_area = 0;

/* An iterator asks for the same thread again when what was written did not fit its buffer. */
static __always_inline int write_frame(struct seq_file *seq, struct saker_scratch *sc, u32 bytes)
{
	if (bytes == 0 || bytes > SAKER_RECORD_MAX)
		return 0;
	return bpf_seq_write(seq, &sc->frame_len, bytes) ? 1 : 0;
}

SEC("iter/task")
int saker_tasks(struct bpf_iter__task *ctx)
{
	struct saker_scratch *sc = scratch_of(saker_iterator_area);
	struct task_struct *task = ctx->task;

	if (!task || !sc)
		return 0;
	return write_frame(ctx->meta->seq, sc, fill_task(sc, saker_iterator_area, task));
}

/*
 * A thread group's table is its leader's, as for the other driver: user space keeps one a group, in which those
 * of a thread that has left it by unshare(2) would be mixed up with the others. A dead leader has none.
 */
SEC("iter/task_file")
int saker_files(struct bpf_iter__task_file *ctx)
{
	struct saker_scratch *sc = scratch_of(saker_iterator_area);
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file || !sc)
		return 0;
	if (KREAD(task, pid) != KREAD(task, tgid) && KREAD(task, group_leader, files))
		return 0;
	return write_frame(ctx->meta->seq, sc,
			   fill_file(sc, saker_iterator_area, task, ctx->fd, file));
}

#define PROGRAM_OF(ID, name)                                                                       \
	HOOK_CALL                                                                                  \
	int saker_ev_##name(u64 *ctx)                                                              \
	{                                                                                          \
		struct call c = {};                                                                \
                                                                                                   \
		read_call(&c, ctx);                                                                \
		take_apart(&c, SAKER_EV_##ID);                                                     \
		record_##name(&c);                                                                 \
		return 0;                                                                          \
	}
#define PROGRAM(ID, name, cls, flags, kind, nr64, nr32) FILLER_##kind(ID, name, cls, PROGRAM_OF)
SAKER_EVENTS(PROGRAM)

/* Take the place of the plain ones when what opens reach is asked for. */
#define PROGRAM_REACHED(ID, name, cls)                                                             \
	REACHED_RECORD(ID, name, cls)                                                              \
	HOOK_CALL                                                                                  \
	int saker_reached_##name(u64 *ctx)                                                         \
	{                                                                                          \
		struct call c = {};                                                                \
                                                                                                   \
		read_call(&c, ctx);                                                                \
		record_reached_##name(&c);                                                         \
		return 0;                                                                          \
	}
SAKER_REACHED(PROGRAM_REACHED)

/* Areas of the hooks below: the kernel may preempt their programs, which must not take the others' with them. */
const volatile u32 saker_acted_areas = 0;

static __always_inline scratch_area acted_area(u32 cpu)
{
	return saker_acted_areas + cpu;
}

/* Loaded where the kernel lets programs hang at its functions. */
#define PROGRAM_ACTED(name, first, last, opcode)                                                   \
	ACTED_RECORD(name, first, last, opcode)                                                    \
	SEC("fentry/security_path_" #name)                                                         \
	int saker_acted_##name(u64 *ctx)                                                           \
	{                                                                                          \
		record_acted_##name(ctx);                                                          \
		return 0;                                                                          \
	}
SAKER_ACTED(PROGRAM_ACTED)

/* The name of the function differs between kernels: src/given.rs knows it. */
SEC("fexit")
int saker_given_name(u64 *ctx)
{
	record_given_name((void *)ctx[1], ctx[3]);
	return 0;
}

SEC("fentry/security_socket_connect")
int saker_given_addr(u64 *ctx)
{
	record_given_addr((void *)ctx[0], (void *)ctx[1], ctx[2]);
	return 0;
}

/* Requests of io_uring: what they are given at their submission, and most of them when they are done. */
SEC("raw_tp/io_uring_submit_req")
int saker_uring_submit(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct io_kiocb *req = (void *)ctx[0];
	struct uring_known *known = uring_known_of_cpu();
	u32 event = uring_event(req);
	struct saker_scratch *sc;
	struct io_kiocb *before;
	u64 key = (u64)req;

	if (task->tgid == saker_own_tgid)
		return 0;
	before = uring_done_before(req);
	if (before && known) {
		uring_set_recorded(before);
		known->req = before;
		known->res = (s32)KREAD(before, cqe.res);
		known->early = true;
		known->task = bpf_get_current_task();
		bpf_tail_call(ctx, &uring_fillers, uring_event(before) - 1);
		known->task = 0;
	}
	if (!event)
		return 0;
	uring_was_recorded(req, event - 1); /* the one that was in its place */
	if (uring_moves(event - 1)) {
		saker_uring_keep_moved(key, event - 1);
	} else if (event - 1 == SAKER_EV_ACCEPT4) {
		keep_listener(req);
	} else if (uring_keeps(event - 1)) {
		sc = scratch_of(uring_area(this_cpu()));
		if (!sc || !try_claim(&sc->busy))
			return 0; /* the record has no names then */
		uring_keep((struct uring_kept *)sc->path, req, event - 1);
		bpf_map_update_elem(&uring_kept, &key, sc->path, 0);
		scratch_release(sc);
	}
	/* Its success will not be told. */
	if (KREAD(req, flags) & REQ_F_CQE_SKIP)
		bpf_tail_call(ctx, &uring_quiet, event - 1);
	return 0;
}

SEC("raw_tp/io_uring_complete")
int saker_uring_complete(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct io_kiocb *req = (void *)ctx[1];
	struct uring_end end = {};
	u32 event;

	if (task->tgid == saker_own_tgid)
		return 0;
	if (req)
		uring_filled((void *)ctx[0], req);
	/* Not every completion is a request's. */
	else if (!uring_by_number(ctx, &end))
		return 0;
	if (req && uring_closed(req))
		return 0;
	event = end.listener ? SAKER_EV_ACCEPT4 + 1 : uring_event(req ? req : end.req);
	if (!event || (req && uring_was_recorded(req, event - 1)))
		return 0;
	bpf_tail_call(ctx, &uring_fillers, event - 1);
	count_unseen(task, SAKER_DROP_TAILCALL);
	return 0;
}

/* Completions for which there is no room come here and not there. */
SEC("raw_tp/io_uring_cqe_overflow")
int saker_uring_overflow(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_known *known = uring_known_of_cpu();
	struct io_kiocb *req;
	u32 event;

	if (!known || task->tgid == saker_own_tgid)
		return 0;
	req = uring_overflown((void *)ctx[0], ctx[1], (s32)ctx[2]);
	event = req && !uring_closed(req) ? uring_event(req) : 0;
	if (!event || uring_was_recorded(req, event - 1))
		return 0;
	known->req = req;
	known->res = (s32)ctx[2];
	known->early = false;
	known->task = bpf_get_current_task();
	bpf_tail_call(ctx, &uring_fillers, event - 1);
	known->task = 0;
	count_unseen(task, SAKER_DROP_TAILCALL);
	return 0;
}

/* Called from all of them. */
#define PROGRAM_URING(ID, name, cls)                                                               \
	URING_RECORD(ID, name, cls)                                                                \
	SEC("raw_tp/io_uring_complete")                                                            \
	int saker_uring_##name(u64 *ctx)                                                           \
	{                                                                                          \
		record_uring_##name(ctx);                                                          \
		return 0;                                                                          \
	}
SAKER_URING(PROGRAM_URING)

#define PROGRAM_QUIET(function, opcode, ID, name)                                                  \
	SEC("fexit/io_" #function)                                                                 \
	int saker_quiet_##function(u64 *ctx)                                                       \
	{                                                                                          \
		struct task_struct *task = bpf_get_current_task_btf();                             \
		struct uring_end end = {};                                                         \
                                                                                                   \
		if (task->tgid != saker_own_tgid && uring_quiet_end(&end, ctx, opcode))            \
			record_uring_at_##name(&end, true);                                        \
		return 0;                                                                          \
	}
SAKER_QUIET(PROGRAM_QUIET)

#define PROGRAM_URING_MOVED(ID, name, cls)                                                         \
	URING_MOVED_RECORD(ID, name, cls)                                                          \
	SEC("raw_tp/io_uring_complete")                                                            \
	int saker_uring_##name(u64 *ctx)                                                           \
	{                                                                                          \
		record_uring_##name(ctx);                                                          \
		return 0;                                                                          \
	}
SAKER_REQUESTS_MOVED(PROGRAM_URING_MOVED)
