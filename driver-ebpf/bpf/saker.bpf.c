// SPDX-License-Identifier: GPL-2.0
/*
 * Saker's eBPF driver.
 *
 * One program on raw sys_exit looks at a bitmap and, for a call somebody wants, jumps to the event's
 * filler. Fork, exec and exit come from the scheduler's tracepoints. Only the fillers that rules or
 * state need are loaded. sys_enter is not hooked: no event of the table needs it.
 */
#include "vmlinux_min.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "saker_abi.h"
#include "flavors.h"
#include "emit.h"
#include "facts.h"
#include "plain.h"

/* Wanted calls, by number, of both ABIs together: the first and cheapest question. */
volatile u64 saker_wanted[SAKER_MAX_SYSCALLS / 64] = {};
/* Event + 1 of each call, 0 when not wanted. */
volatile u8 saker_event_of_64[SAKER_MAX_SYSCALLS] = {};
volatile u8 saker_event_of_32[SAKER_MAX_SYSCALLS] = {};

static __always_inline u32 saker_event(bool compat, u64 nr)
{
	nr &= SAKER_MAX_SYSCALLS - 1;
	return compat ? saker_event_of_32[nr] : saker_event_of_64[nr];
}

#include "exec.h"
#include "lifecycle.h"

char LICENSE[] SEC("license") = "GPL";

_Static_assert(SAKER_NR_EVENTS < 255, "event numbers fit a byte");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SAKER_NR_EVENTS);
	__type(key, u32);
	__type(value, u32);
} fillers SEC(".maps");

#define X32_SYSCALL_BIT 0x40000000
#define ENOSYS 38

/* SYS_SOCKET, BIND, CONNECT, LISTEN, ACCEPT, ACCEPT4 of include/uapi/linux/net.h. */
#define SOCKETCALL_WANTED (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 18)

/*
 * A call of interest that cannot be recorded. Not a gap in the ring: nothing that state depends on is
 * missing from the sequence, so any process could otherwise make the agent distrust its state.
 */
static __always_inline int count_unseen(struct task_struct *task, u32 cause)
{
	struct subject to = {};

	if (find_ring(&to, task->tgid, task->pid, SAKER_CLASS_SECURITY))
		__sync_fetch_and_add(&to.counters->dropped[cause][SAKER_CLASS_SECURITY], 1);
	return 0;
}

SEC("raw_tp/sys_exit")
int saker_sys_exit(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 nr = CALL_REG(ctx, task, orig_ax);
	u32 event;

	if (nr >= SAKER_MAX_SYSCALLS) {
		/* -1 is a call that ptrace or seccomp cancelled; most kernels have no x32. */
		if (nr != -1ULL && nr & X32_SYSCALL_BIT && (s64)ctx[1] != -ENOSYS &&
		    !(task->thread_info.status & TS_COMPAT) && task->tgid != saker_own_tgid)
			return count_unseen(task, SAKER_DROP_ABI);
		return 0;
	}
	if (!(saker_wanted[nr / 64] >> (nr % 64) & 1))
		return 0;
	if (task->tgid == saker_own_tgid)
		return 0;
	event = saker_event(task->thread_info.status & TS_COMPAT, nr);
	if (!event)
		return 0;
	if (event == SAKER_CALL_UNDECODED) {
		if (SOCKETCALL_WANTED >> (CALL_REG(ctx, task, bx) & 31) & 1)
			return count_unseen(task, SAKER_DROP_ABI);
		return 0;
	}
	bpf_tail_call(ctx, &fillers, event - 1);
	return count_unseen(task, SAKER_DROP_TAILCALL);
}

#define PROGRAM_CODE(ID, name, cls)
#define PROGRAM_PLAIN(ID, name, cls)                                                               \
	PLAIN_FILLER(ID, name, cls)                                                                \
	SEC("raw_tp/sys_exit")                                                                     \
	int saker_ev_##name(u64 *ctx)                                                              \
	{                                                                                          \
		struct subject to = {};                                                            \
		struct call c = {};                                                                \
                                                                                                   \
		read_call(&c, ctx);                                                                \
		if (!args_wanted(&c, SAKER_EV_##ID))                                               \
			return 0;                                                                  \
		if (!find_ring(&to, c.task->tgid, c.task->pid, SAKER_CLASS_##cls))                 \
			return 0;                                                                  \
		identify(&to, c.task, IS_HOT(SAKER_EV_##ID));                                      \
		prepare_##name(&c);                                                                \
		if (fill_##name(&c, &to, WINDOW_SMALL) || !NR_STRINGS(ID))                         \
			return 0;                                                                  \
		if (!fill_##name(&c, &to, WINDOW_MEDIUM))                                          \
			fill_##name(&c, &to, WINDOW_LARGE);                                        \
		return 0;                                                                          \
	}
#define PROGRAM(ID, name, cls, flags, kind, nr64, nr32) PROGRAM_##kind(ID, name, cls)
SAKER_EVENTS(PROGRAM)
