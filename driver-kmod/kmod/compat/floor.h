/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A probe that fails for another reason than the one it looks for must not pass for an old kernel:
 * from these versions on the answer is known.
 */
#ifndef SAKER_COMPAT_FLOOR_H
#define SAKER_COMPAT_FLOOR_H

#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/sched.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0)
#include <linux/nospec.h>
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 13, 0) && IS_ENABLED(CONFIG_IPV6) &&                   \
	!defined(SAKER_HAVE_SK_V6_ADDR)
#error "compat/probes/sk_v6_addr.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 15, 0) && !defined(SAKER_HAVE_TRACEPOINT_POINTER)
#error "compat/probes/tracepoint_pointer.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 15, 0) && defined(CONFIG_CGROUPS) &&                    \
	!defined(SAKER_HAVE_CGROUP_KN)
#error "compat/probes/cgroup_kn.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 16, 0) && defined(CONFIG_CGROUPS) &&                    \
	!defined(SAKER_HAVE_DFL_CGRP)
#error "compat/probes/dfl_cgrp.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 5, 0) && !defined(SAKER_HAVE_MM_SHMEMPAGES)
#error "compat/probes/mm_shmempages.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 14, 0) && !defined(SAKER_HAVE_KERNFS_ID)
#error "compat/probes/kernfs_id.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 14, 0) && !defined(SAKER_HAVE_KTIME_GET_BOOT_FAST_NS)
#error "compat/probes/ktime_get_boot_fast_ns.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0) && !defined(SAKER_HAVE_PID_IDR)
#error "compat/probes/pid_idr.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0) && !defined(SAKER_HAVE_POLL_T)
#error "compat/probes/poll_t.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 17, 0) && !defined(SAKER_HAVE_VM_FAULT_T)
#error "compat/probes/vm_fault_t.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 20, 0) && !defined(SAKER_HAVE_KERNEL_SIGINFO)
#error "compat/probes/kernel_siginfo.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 5, 0) && !defined(SAKER_HAVE_START_BOOTTIME)
#error "compat/probes/start_boottime.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 5, 0) && !defined(SAKER_HAVE_URING_CONNECTS)
#error "compat/probes/uring_connects.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 6, 0) && !defined(SAKER_HAVE_SK_PROTOCOL_WORD)
#error "compat/probes/sk_protocol_word.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 6, 0) && !defined(SAKER_HAVE_URING_OPENS)
#error "compat/probes/uring_opens.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0) && !defined(SAKER_HAVE_COPY_FROM_KERNEL_NOFAULT)
#error "compat/probes/copy_from_kernel_nofault.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0) && !defined(SAKER_HAVE_GET_KERNEL_NOFAULT)
#error "compat/probes/get_kernel_nofault.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 10, 0) && defined(CONFIG_IO_URING) && !defined(SAKER_HAVE_TASK_IO_URING)
#error "compat/probes/task_io_uring.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0) && !defined(SAKER_HAVE_URING_NAMES)
#error "compat/probes/uring_names.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0) && !defined(SAKER_HAVE_IO_THREAD)
#error "compat/probes/io_thread.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0) && !defined(SAKER_HAVE_URING_LINKS)
#error "compat/probes/uring_links.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0) && !defined(SAKER_HAVE_URING_SOCKETS)
#error "compat/probes/uring_sockets.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && !defined(SAKER_HAVE_RSS_PERCPU)
#error "compat/probes/rss_percpu.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0) && !defined(SAKER_HAVE_VM_FLAGS_CLEAR)
#error "compat/probes/vm_flags_clear.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0) && !defined(SAKER_HAVE_INODE_CTIME_RENAMED) &&     \
	!defined(SAKER_HAVE_INODE_TIME_WORDS)
#error "compat/probes/inode_ctime_renamed.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0) && !defined(SAKER_HAVE_INODE_MTIME_RENAMED) &&     \
	!defined(SAKER_HAVE_INODE_TIME_WORDS)
#error "compat/probes/inode_mtime_renamed.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0) && !defined(SAKER_HAVE_INODE_TIME_WORDS)
#error "compat/probes/inode_time_words.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0) && !defined(SAKER_HAVE_URING_BINDS)
#error "compat/probes/uring_binds.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0) && !defined(SAKER_HAVE_KERNFS_RCU_PARENT)
#error "compat/probes/kernfs_rcu_parent.c failed where it must not: see compat/probed.log"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0) && !defined(SAKER_HAVE_EXIT_GROUP_DEAD)
#error "compat/probes/exit_group_dead.c failed where it must not: see compat/probed.log"
#endif
/* This one up to a version. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0) && !defined(SAKER_HAVE_FILENAME_UPTR)
#error "compat/probes/filename_uptr.c failed where it must not: see compat/probed.log"
#endif

/*
 * Words that get a default where a kernel does not have them, by #ifndef: one that has become an enumerator is there
 * and not seen by it, and would be 0 from then on.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 13, 0) && !defined(__GFP_RETRY_MAYFAIL)
#error "__GFP_RETRY_MAYFAIL is no macro here: see compat/words.h"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0) && !defined(array_index_nospec)
#error "array_index_nospec is no macro here: see compat/lang.h"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 19, 0) && !defined(FMODE_CREATED)
#error "FMODE_CREATED is no macro here: see compat/inode.h"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 6, 0) &&                                                \
	!(defined(LOOKUP_NO_XDEV) && defined(LOOKUP_NO_MAGICLINKS) &&                              \
	  defined(LOOKUP_NO_SYMLINKS) && defined(LOOKUP_BENEATH) && defined(LOOKUP_IN_ROOT))
#error "LOOKUP_* are no macros here: see compat/words.h"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0) && !defined(LOOKUP_CACHED)
#error "LOOKUP_CACHED is no macro here: see compat/words.h"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0) && !defined(PF_IO_WORKER)
#error "PF_IO_WORKER is no macro here: see compat/words.h"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0) && !defined(PF_USER_WORKER)
#error "PF_USER_WORKER is no macro here: see compat/words.h"
#endif

#endif /* SAKER_COMPAT_FLOOR_H */
