/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Members that changed name or type between kernels, one accessor each. Nothing else in this driver
 * knows about kernel versions.
 */
#ifndef SAKER_FLAVORS_H
#define SAKER_FLAVORS_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/*
 * 6.11 (3aa63a569c64): seconds and nanoseconds on their own. Since 6.13 (4e40eff0b573) the top bit of
 * i_ctime_nsec says that somebody has looked at the time.
 */
#define I_CTIME_QUERIED (1U << 31)
struct inode___v611 {
	s64 i_mtime_sec, i_ctime_sec;
	u32 i_mtime_nsec, i_ctime_nsec;
};

/* 6.6 (13bc24457850) renamed i_ctime, 6.7 (077c212f0344) i_mtime. */
struct inode___v66 {
	struct timespec64 __i_ctime;
};
struct inode___v67 {
	struct timespec64 __i_mtime;
};
struct inode___v58 {
	struct timespec64 i_mtime, i_ctime;
};

/* 6.2 (f1a7941243c1) made the counters of pages per-CPU ones. */
struct percpu_counter {
	s64 count;
};
struct mm_struct___v62 {
	struct percpu_counter rss_stat[4];
};
struct mm_rss_stat {
	struct {
		long counter;
	} count[4];
};
struct mm_struct___v58 {
	struct mm_rss_stat rss_stat;
};

/* 6.15 (633488947ef6) made the parent RCU-protected and renamed it. */
struct kernfs_node___v615 {
	struct kernfs_node *__parent;
};
struct kernfs_node___v58 {
	struct kernfs_node *parent;
};

/* 6.4 (54e6842d0775) marks workers of io_uring as such. */
struct kernel_clone_args___v64 {
	u32 user_worker : 1;
};

/* 7.0 dropped the pointer to the memory a name was copied from. */
struct filename;
struct filename___v58 {
	const char *uptr;
};
struct task_struct___exec {
	unsigned int in_execve : 1;
};

#pragma clang attribute pop

static __always_inline u64 timespec_ns(const struct timespec64 *t)
{
	return BPF_CORE_READ(t, tv_sec) * 1000000000ULL + BPF_CORE_READ(t, tv_nsec);
}

static __always_inline u64 saker_inode_ctime_ns(struct inode *inode)
{
	struct inode___v611 *v611 = (void *)inode;
	struct inode___v66 *v66 = (void *)inode;
	struct inode___v58 *v58 = (void *)inode;

	if (bpf_core_field_exists(v611->i_ctime_sec))
		return BPF_CORE_READ(v611, i_ctime_sec) * 1000000000ULL +
		       (BPF_CORE_READ(v611, i_ctime_nsec) & ~I_CTIME_QUERIED);
	if (bpf_core_field_exists(v66->__i_ctime))
		return timespec_ns(&v66->__i_ctime);
	return timespec_ns(&v58->i_ctime);
}

static __always_inline u64 saker_inode_mtime_ns(struct inode *inode)
{
	struct inode___v611 *v611 = (void *)inode;
	struct inode___v67 *v67 = (void *)inode;
	struct inode___v58 *v58 = (void *)inode;

	if (bpf_core_field_exists(v611->i_mtime_sec))
		return BPF_CORE_READ(v611, i_mtime_sec) * 1000000000ULL +
		       BPF_CORE_READ(v611, i_mtime_nsec);
	if (bpf_core_field_exists(v67->__i_mtime))
		return timespec_ns(&v67->__i_mtime);
	return timespec_ns(&v58->i_mtime);
}

#define OVERLAYFS_SUPER_MAGIC 0x794c7630

/*
 * The upper dentry stands right behind the VFS inode of overlay's own (fs/overlayfs/ovl_entry.h). That type is in the
 * module's BTF, so the position is taken from the size of struct inode. `inode` is overlay's since 4.19.
 */
static __always_inline const void *saker_overlay_upper_at(struct file *file, struct inode *inode,
							  unsigned long magic)
{
	return magic == OVERLAYFS_SUPER_MAGIC ? (char *)inode + bpf_core_type_size(struct inode) : 0;
}

#define MM_FILEPAGES 0
#define MM_ANONPAGES 1
#define MM_SWAPENTS 2
#define MM_SHMEMPAGES 3

/* A macro: the index is part of what is relocated. Never below zero, which the counters can be for a moment. */
#define saker_mm_counter(mm, i)                                                                    \
	({                                                                                         \
		struct mm_struct___v62 *v62 = (void *)(mm);                                        \
		struct mm_struct___v58 *v58 = (void *)(mm);                                        \
		s64 pages__ = bpf_core_type_exists(struct mm_rss_stat)                             \
				      ? (s64)BPF_CORE_READ(v58, rss_stat.count[i].counter)         \
				      : BPF_CORE_READ(v62, rss_stat[i].count);                     \
		pages__ < 0 ? 0 : (u64)pages__;                                                    \
	})

static __always_inline u64 saker_mm_rss_pages(struct mm_struct *mm)
{
	return saker_mm_counter(mm, MM_FILEPAGES) + saker_mm_counter(mm, MM_ANONPAGES) +
	       saker_mm_counter(mm, MM_SHMEMPAGES);
}

static __always_inline u64 saker_mm_swap_pages(struct mm_struct *mm)
{
	return saker_mm_counter(mm, MM_SWAPENTS);
}

static __always_inline struct kernfs_node *saker_kn_parent(struct kernfs_node *kn)
{
	struct kernfs_node___v615 *v615 = (void *)kn;
	struct kernfs_node___v58 *v58 = (void *)kn;

	if (bpf_core_field_exists(v615->__parent))
		return BPF_CORE_READ(v615, __parent);
	return BPF_CORE_READ(v58, parent);
}

/* What has other names in the oldest kernels of the module, and one here. */
#define INO_TYPE unsigned long

static __always_inline struct pid *saker_task_pid(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_pid);
}

static __always_inline struct pid *saker_task_pgrp(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, pids[PIDTYPE_PGID]);
}

static __always_inline u64 saker_cgroup_ns(struct nsproxy *namespaces)
{
	return (u64)BPF_CORE_READ(namespaces, cgroup_ns);
}

static __always_inline struct pid *saker_task_session_pid(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, pids[PIDTYPE_SID]);
}

static __always_inline u64 saker_task_start_ns(struct task_struct *task)
{
	return BPF_CORE_READ(task, start_boottime);
}

/* Whether the group has an ancestor that asked for orphans (PR_SET_CHILD_SUBREAPER), or has asked itself. */
static __always_inline bool saker_has_subreaper(struct signal_struct *signal)
{
	return BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper);
}

static __always_inline bool saker_is_subreaper(struct signal_struct *signal)
{
	return BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
}

static __always_inline const struct cred *saker_cred(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred);
}

static __always_inline struct kernfs_node *saker_task_cgroup_kn(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
}

static __always_inline struct css_set *saker_task_css_set(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups);
}

/* The group of controller `i`, NULL where that belongs to the default hierarchy. */
static __always_inline struct kernfs_node *saker_controller_kn(struct css_set *set, u32 i)
{
	struct cgroup_subsys_state *state = 0;
	struct cgroup *group;

	if (i >= bpf_core_field_size(set->subsys) / sizeof(state))
		return 0;
	bpf_probe_read_kernel(&state, sizeof(state),
			      (char *)__builtin_preserve_access_index(&set->subsys) +
				      i * sizeof(state));
	group = BPF_CORE_READ(state, cgroup);
	if (BPF_CORE_READ(group, root) == BPF_CORE_READ(set, dfl_cgrp, root))
		return 0;
	return BPF_CORE_READ(group, kn);
}

/* A mount is known outside the kernel's file systems by the part that all of it sees. */
#define saker_mount_t struct mount /* no typedef: aya does not relocate through one */

static __always_inline saker_mount_t *saker_mount_of(u64 vfsmnt_at)
{
	return (void *)(vfsmnt_at - bpf_core_field_offset(struct mount, mnt));
}

/* What it is mounted on: itself at the root of a namespace, NULL when that is not known. */
static __always_inline saker_mount_t *saker_mount_up(saker_mount_t *mnt)
{
	return BPF_CORE_READ(mnt, mnt_parent);
}

static __always_inline struct dentry *saker_mount_point(saker_mount_t *mnt)
{
	return BPF_CORE_READ(mnt, mnt_mountpoint);
}

static __always_inline const char *saker_kn_name(struct kernfs_node *kn)
{
	return BPF_CORE_READ(kn, name);
}

#define SK_LOCAL6(sk) FIELD_AT(sk, __sk_common.skc_v6_rcv_saddr)
#define SK_REMOTE6(sk) FIELD_AT(sk, __sk_common.skc_v6_daddr)

static __always_inline u16 saker_sk_protocol(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol);
}

static __always_inline u8 saker_sk_type(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_type);
}

static __always_inline u32 saker_loginuid(struct task_struct *task)
{
	return bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : -1;
}

/*
 * Whether a name that is opened is the one that the call was given at `pointer`. Where names do not tell: an exec looks
 * for its own before it is marked as one, and for interpreters after it.
 */
static __always_inline bool saker_is_given(struct task_struct *task, struct filename *name, u64 pointer)
{
	struct filename___v58 *v58 = (void *)name;
	struct task_struct___exec *marked = (void *)task;

	if (bpf_core_field_exists(v58->uptr))
		return (u64)BPF_CORE_READ(v58, uptr) == pointer;
	return !BPF_CORE_READ_BITFIELD_PROBED(marked, in_execve);
}

#endif /* SAKER_FLAVORS_H */
