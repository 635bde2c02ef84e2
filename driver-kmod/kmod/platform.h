/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's platform: the primitives of driver-abi/fillers. The eBPF driver has a header of the same
 * name and the same primitives; what differs between kernels is in compat/.
 *
 * Nearly everything here runs in a probe: preemption is off, an RCU read section is open, the ring belongs
 * to this CPU alone. Pointers are followed by reads that survive any pointer, as eBPF follows them: files,
 * sockets and mounts may go away meanwhile, and a probe takes neither locks nor references. Iterators run
 * what the probes run, for a task that may end meanwhile: of it only struct task_struct is held.
 */
#ifndef SAKER_PLATFORM_H
#define SAKER_PLATFORM_H

#include <linux/binfmts.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mount.h>
#include <linux/net.h>
#include <linux/pid_namespace.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <net/af_unix.h>
#include <net/sock.h>

#include "compat/net.h"
#include "saker_kmod.h"
#include "ring.h"

/* Names of events: linux/ipc.h has them for the calls behind ipc(2). */
#undef SEMOP
#undef SEMGET
#undef SEMCTL

/* The session of the probe: published before the probes are attached, freed after the last has returned. */
static __always_inline struct saker_session *probe_session(void)
{
	return rcu_dereference_sched(saker_active);
}

#define saker_partitions (probe_session()->partitions)
#define saker_own_tgid (probe_session()->own_tgid)
#define saker_shed_bytes (probe_session()->shed_bytes)
#define saker_wakeup_bytes (probe_session()->wakeup_bytes)
#define saker_snaplen (probe_session()->snaplen_bytes)
#define saker_reached (probe_session()->reached)
#define saker_names (probe_session()->flags & SAKER_SESSION_NAMES)
#define saker_every_fcntl (probe_session()->flags & SAKER_SESSION_FCNTL)
#define saker_wanted (probe_session()->wanted)
#define saker_event_of_64 (probe_session()->event_of_64)
#define saker_event_of_32 (probe_session()->event_of_32)
#define saker_subcalls (probe_session()->subcalls)

#define SAKER_SUBPROGRAM static noinline
/*
 * As the compiler likes: as parts of all callers the fillers would be two and a half times as large and take four times
 * as long to compile. Not `inline`, which is always on some older kernels.
 */
#define SAKER_INLINE static __maybe_unused notrace

typedef struct saker_scratch *scratch_area;

/* 0 or a negative number; what could not be read is zero. */
#define kread(to, size, from) saker_kread(to, size, from)
#define uread(to, size, from) saker_uread(to, size, (const void __user *)(unsigned long)(from))
/* Strings: length with the NUL, `size` when cut, negative when unreadable. */
#define kread_str(to, size, from) saker_kread_str((char *)(to), size, from)
#define uread_str(to, size, from)                                                                  \
	saker_uread_str((char *)(to), size, (const char __user *)(unsigned long)(from))

/*
 * KREAD(p, a, b, c) is p->a->b->c, NULL and stale pointers read as zero. Numbers and pointers only: the
 * bytes go through a u64, which also drops the qualifiers of the member.
 */
#define KREAD_1(ptr, member)                                                                       \
	({                                                                                         \
		__typeof__(ptr) ptr__ = (ptr);                                                     \
		u64 raw__ = 0;                                                                     \
		saker_kread(&raw__, sizeof(ptr__->member), (const void *)&ptr__->member);          \
		(__typeof__(ptr__->member))raw__;                                          \
	})
#define KREAD_2(ptr, a, b) KREAD_1(KREAD_1(ptr, a), b)
#define KREAD_3(ptr, a, b, c) KREAD_1(KREAD_2(ptr, a, b), c)
#define KREAD_4(ptr, a, b, c, d) KREAD_1(KREAD_3(ptr, a, b, c), d)
#define KREAD_NTH(_1, _2, _3, _4, nth, ...) nth
#define KREAD(ptr, ...)                                                                            \
	KREAD_NTH(__VA_ARGS__, KREAD_4, KREAD_3, KREAD_2, KREAD_1)(ptr, __VA_ARGS__)

/* kuid_t, kgid_t: a struct or, before 3.14, perhaps a number of the same size. */
#define KREAD_ID(ptr, member)                                                                      \
	({                                                                                         \
		u32 id__ = 0;                                                                      \
		saker_kread(&id__, sizeof(id__), (const void *)&(ptr)->member);                    \
		id__;                                                                              \
	})

#define FIELD_AT(ptr, member) ((const void *)&(ptr)->member)
#define FIELD_OFFSET(type, member) offsetof(type, member)
#define TYPE_SIZE(type) sizeof(type)

/* A read of one member costs too little here to copy the head of a structure first. */
#define HEAD_BUFFER(head)
#define HEAD_LOAD(head, ptr)
#define HEAD_GET(dst, head, type, ptr, member)                                                     \
	saker_kread(dst, sizeof(*(dst)), (const void *)&((type *)(ptr))->member)

#define INO_TYPE unsigned long
#define SAKER_FMODE_CREATED ((__force u32)FMODE_CREATED)

/* The counters are this CPU's, but the agent maps them: what is read back may be anything. */
static __always_inline void bump64(u64 *counter)
{
	WRITE_ONCE(*counter, READ_ONCE(*counter) + 1);
}

static __always_inline u32 next_seq(u32 *seq)
{
	u32 now = READ_ONCE(*seq);

	WRITE_ONCE(*seq, now + 1);
	return now;
}

static __always_inline void mark_lost(u32 *mask, u32 bits)
{
	WRITE_ONCE(*mask, READ_ONCE(*mask) | bits);
}

static __always_inline u32 take_lost(u32 *mask)
{
	u32 bits = READ_ONCE(*mask);

	WRITE_ONCE(*mask, 0);
	return bits;
}

/* Preemption is off and no probe interrupts another: a claim can only fail after a bug. */
static __always_inline bool try_claim(u32 *busy)
{
	if (*busy)
		return false;
	*busy = 1;
	return true;
}

static __always_inline void unclaim(u32 *busy)
{
	*busy = 0;
}

static __always_inline u64 clock_ns(void)
{
	return saker_clock_ns();
}

static __always_inline struct task_struct *running_task(void)
{
	return current;
}

static __always_inline u32 this_cpu(void)
{
	return raw_smp_processor_id();
}

static __always_inline struct saker_ring_counters *ring_counters_of(u32 idx)
{
	return probe_session()->counters + (size_t)idx * SAKER_COUNTERS_STRIDE;
}

static __always_inline struct saker_kring *ring_of(u32 idx)
{
	return probe_session()->rings[idx];
}

#define ring_waiting(ring) saker_ring_avail(ring)
#define ring_reserve(ring, len) saker_ring_reserve(ring, len)
#define ring_refusal(ring) saker_ring_refusal(ring)
#define ring_discard(ring, rec) saker_ring_discard(ring, rec)
#define ring_submit(ring, rec, wake) saker_ring_commit(ring, rec, wake)

typedef struct pt_regs *call_regs;
#define CALL_REG(regs, task, reg) ((regs)->reg)

static __always_inline u64 saker_group_start_ns(struct task_struct *task, bool typed)
{
	return saker_task_start_ns(typed ? task->group_leader : KREAD(task, group_leader));
}

static __always_inline u64 saker_cgroup_id(struct task_struct *task, bool typed)
{
	return saker_kn_id(saker_task_cgroup_kn(task));
}

static __always_inline const struct cred *saker_cred(struct task_struct *task)
{
	return (const struct cred *)KREAD(task, cred);
}

static __always_inline u32 saker_loginuid(struct task_struct *task)
{
#ifdef CONFIG_AUDITSYSCALL
	return KREAD_ID(task, loginuid);
#else
	return -1;
#endif
}

typedef struct saker_mount saker_mount_t;

static __always_inline saker_mount_t *saker_mount_of(u64 vfsmnt_at)
{
	return (void *)(unsigned long)(vfsmnt_at - offsetof(struct saker_mount, mnt));
}

/* What it is mounted on: itself at the root of a namespace, NULL when the layout is not known. */
static __always_inline saker_mount_t *saker_mount_up(saker_mount_t *mnt)
{
	return saker_mounts_known() ? KREAD(mnt, parent) : NULL;
}

static __always_inline struct dentry *saker_mount_point(saker_mount_t *mnt)
{
	return KREAD(mnt, mountpoint);
}

/* Of the current task, so its table of descriptors cannot go away; the file may. */
static __always_inline struct file *file_of(struct task_struct *task, s64 fd, bool typed)
{
	struct files_struct *files = task->files;
	struct fdtable *fdt;

	if (!files || fd < 0)
		return NULL;
	fdt = rcu_dereference_raw(files->fdt);
	if (fd >= fdt->max_fds)
		return NULL;
	/* The number is the caller's: not past the table in speculation either. */
	fd = array_index_nospec((unsigned long)fd, fdt->max_fds);
	return rcu_dereference_raw(fdt->fd[fd]);
}

#endif /* SAKER_PLATFORM_H */
