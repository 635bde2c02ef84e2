/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The eBPF driver's platform: the primitives of driver-abi/fillers, for CO-RE programs. The kernel module
 * has a header of the same name and the same primitives.
 */
#ifndef SAKER_PLATFORM_H
#define SAKER_PLATFORM_H

#include "vmlinux_min.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "saker_abi.h"

#define NULL ((void *)0)

/* Constants of the kernel that both ABIs of x86-64 share (include/uapi, include/linux). */
#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define SAKER_FMODE_CREATED 0x100000
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define TS_COMPAT 0x0002
#define PF_KTHREAD 0x00200000
#define PF_IO_WORKER 0x00000010
/* Since 6.4; before 5.17 the bit was PF_USED_ASYNC, which children of whoever loads a driver inherit. */
#define PF_USER_WORKER                                                                             \
	(bpf_core_field_exists(struct kernel_clone_args___v64, user_worker) ? 0x00004000 : 0)
#define RLIMIT_NOFILE 7
#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3
#define S_IMMUTABLE 8
#define SB_RDONLY 1
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3
#define PR_SET_NAME 15
#define F_DUPFD 0
#define F_SETFD 2
#define F_DUPFD_CLOEXEC 1030

#include "flavors.h"

/* Set by the loader before the programs are loaded. */
const volatile u64 saker_schema_hash = SAKER_SCHEMA_HASH;
const volatile u32 saker_partitions = 1;
const volatile s32 saker_own_tgid = 0;
const volatile u32 saker_shed_bytes = 0;   /* fill above which file and noise records are shed */
const volatile u32 saker_wakeup_bytes = 0; /* fill at which a sleeping worker is woken */

const volatile bool saker_reached = false; /* opens say what they reached */
const volatile bool saker_names = false; /* of opens and execs that fail the kernel's copy of the name is told */
const volatile bool saker_every_fcntl = false; /* SAKER_SESSION_FCNTL */
const volatile u32 saker_snaplen = 0;	   /* bytes of data of a call; 0: no rule uses them */

/* Wanted calls, by number, of both ABIs together: the first and cheapest question. */
volatile u64 saker_wanted[SAKER_MAX_SYSCALLS / 64] = {};
/* Event + 1 of each call, 0 when not wanted. */
volatile u8 saker_event_of_64[SAKER_MAX_SYSCALLS] = {};
volatile u8 saker_event_of_32[SAKER_MAX_SYSCALLS] = {};
volatile u8 saker_subcalls[SAKER_MAX_SUBCALLS] = {};

struct saker_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* template only: real rings are made by the loader */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct saker_ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct saker_ring_counters);
} ring_counters SEC(".maps");

/* Number of a scratch area: those of the CPUs first. */
typedef u32 scratch_area;

/* A function of its own for the verifier: global, so looked at once whoever calls it. */
#define SAKER_SUBPROGRAM __noinline
/* A part of its callers: what the verifier knows of a value is lost at a call. */
#define SAKER_INLINE static __always_inline

/* Reads that survive any pointer: 0 or a negative number, what could not be read is zero. */
#define KREAD(ptr, ...) BPF_CORE_READ(ptr, __VA_ARGS__)
#define KREAD_ID(ptr, member) BPF_CORE_READ(ptr, member.val) /* kuid_t, kgid_t */
#define kread(to, size, from) bpf_probe_read_kernel(to, size, from)
#define uread(to, size, from) bpf_probe_read_user(to, size, (const void *)(from))
/* Strings: length with the NUL, `size` when cut, negative when unreadable. */
#define kread_str(to, size, from) bpf_probe_read_kernel_str(to, size, from)
static __always_inline s64 uread_str(void *to, u32 size, u64 from)
{
	s64 got = bpf_probe_read_user_str(to, size, (const void *)from);

	/* The helper forgets the NUL of an empty string (strncpy_from_user_nofault). */
	return got ? got : 1;
}

#define FIELD_AT(ptr, member) ((char *)(ptr) + __builtin_preserve_field_info((ptr)->member, 0))
#define FIELD_OFFSET(type, member) bpf_core_field_offset(type, member)
#define TYPE_SIZE(type) bpf_core_type_size(type)

/* Where group number `i` is. */
static __always_inline const void *saker_group_at(struct group_info *groups, u32 i)
{
	return FIELD_AT(groups, gid) + i * sizeof(u32);
}

/*
 * One copy of the head of a structure instead of one per member: a probe read costs 31 ns whatever
 * its size (driver-study 6.1). The offset is a constant after relocation, so the verifier sees a
 * constant stack access and drops the branch not taken.
 */
#define HEAD_BYTES 128
#define HEAD_BUFFER(head) char head[HEAD_BYTES]
#define HEAD_LOAD(head, ptr) bpf_probe_read_kernel(head, HEAD_BYTES, ptr)
#define HEAD_GET(dst, head, type, ptr, member)                                                     \
	do {                                                                                       \
		u32 off__ = __builtin_preserve_field_info(((type *)0)->member, 0);                 \
		if (off__ + sizeof(*(dst)) <= HEAD_BYTES)                                          \
			__builtin_memcpy(dst, (char *)(head) + off__, sizeof(*(dst)));             \
		else                                                                               \
			bpf_probe_read_kernel(dst, sizeof(*(dst)), (char *)(ptr) + off__);         \
	} while (0)

/* Counters are shared with nested programs (Linux 7.0 preempts them) and with the agent. */
static __always_inline void bump64(u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline u32 next_seq(u32 *seq)
{
	return __sync_fetch_and_add(seq, 1);
}

static __always_inline void mark_lost(u32 *mask, u32 bits)
{
	__sync_fetch_and_or(mask, bits);
}

static __always_inline u32 take_lost(u32 *mask)
{
	return __sync_lock_test_and_set(mask, 0);
}

static __always_inline bool try_claim(u32 *busy)
{
	return __sync_val_compare_and_swap(busy, 0, 1) == 0;
}

static __always_inline void unclaim(u32 *busy)
{
	__sync_lock_test_and_set(busy, 0);
}

static __always_inline u64 clock_ns(void)
{
	return bpf_ktime_get_boot_ns();
}

static __always_inline struct task_struct *running_task(void)
{
	return bpf_get_current_task_btf();
}

static __always_inline u32 this_cpu(void)
{
	return bpf_get_smp_processor_id();
}

static __always_inline struct saker_ring_counters *ring_counters_of(u32 idx)
{
	return bpf_map_lookup_elem(&ring_counters, &idx);
}

static __always_inline void *ring_of(u32 idx)
{
	return bpf_map_lookup_elem(&rings, &idx);
}

/* Macros: the verifier wants the size to be a constant. */
#define ring_waiting(ring) bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA)
#define ring_reserve(ring, len) bpf_ringbuf_reserve(ring, len, 0)
#define ring_refusal(ring) SAKER_DROP_RING_FULL /* why there was no room */
#define ring_discard(ring, rec) bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP)
#define ring_submit(ring, rec, wake)                                                               \
	bpf_ringbuf_submit(rec, (wake) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP)

/*
 * Raw tracepoints need no BTF to be loaded, so that the agent parses the kernel's types once, but their
 * context is untyped: the registers come typed from the task (5.15 and newer, plain loads) or by probe
 * reads.
 */
typedef u64 *call_regs;
#define CALL_REG(ctx, task, reg)                                                                   \
	(bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)                       \
		 ? ((struct pt_regs *)bpf_task_pt_regs(task))->reg                                 \
		 : BPF_CORE_READ((struct pt_regs *)(ctx)[0], reg))

static __always_inline bool saker_task_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

/*
 * Two ways to follow the task's pointers. Typed loads cost 3 ns each, but for every pointer loaded from
 * a trusted one the verifier searches the kernel's types by name, linearly (btf_nested_type_is_trusted):
 * that was three quarters of the time of a start. So only programs that run all the time load typed;
 * the others copy by probe reads.
 */
static __always_inline u64 saker_cgroup_id(struct task_struct *task, bool typed)
{
	return typed ? task->cgroups->dfl_cgrp->kn->id : KREAD(task, cgroups, dfl_cgrp, kn, id);
}

static __always_inline u64 saker_group_start_ns(struct task_struct *task, bool typed)
{
	return typed ? task->group_leader->start_boottime
		     : KREAD(task, group_leader, start_boottime);
}

static __always_inline struct file *file_of(struct task_struct *task, s64 fd, bool typed)
{
	struct file **array, *file = 0;
	struct fdtable *fdt;
	u32 max_fds;

	if (fd < 0)
		return 0;
	if (typed) {
		fdt = task->files->fdt;
		max_fds = fdt->max_fds;
		array = fdt->fd;
	} else {
		fdt = KREAD(task, files, fdt);
		max_fds = KREAD(fdt, max_fds);
		array = KREAD(fdt, fd);
	}
	if (fd >= max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), array + fd);
	return file;
}

#endif /* SAKER_PLATFORM_H */
