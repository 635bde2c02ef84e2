/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* Parameters of events (saker_events.h): mounts, modules, eBPF. */
#ifndef SAKER_PARAMS_SYSTEM_H
#define SAKER_PARAMS_SYSTEM_H

#define SAKER_PARAMS_MOUNT(P, I)                                                                   \
	P(MOUNT, res, ERRNO, RET, 0) P(MOUNT, dev, STR, USTR, 0) P(MOUNT, dir, PATH, USTR, 1)      \
	P(MOUNT, type, STR, USTR, 2) P(MOUNT, flags, MOUNT_FLAGS, ARG, 3)
#define SAKER_PARAMS_UMOUNT2(P, I)                                                                 \
	P(UMOUNT2, res, ERRNO, RET, 0) P(UMOUNT2, name, PATH, USTR, 0)                             \
	P(UMOUNT2, flags, UMOUNT_FLAGS, ARG, 1)
#define SAKER_PARAMS_INIT_MODULE(P, I)                                                             \
	P(INIT_MODULE, res, ERRNO, RET, 0) P(INIT_MODULE, img, BYTES, UBYTES, 0)                   \
	P(INIT_MODULE, length, U64, ARG, 1) P(INIT_MODULE, uargs, STR, USTR, 2)
#define SAKER_PARAMS_FINIT_MODULE(P, I)                                                            \
	P(FINIT_MODULE, res, ERRNO, RET, 0) P(FINIT_MODULE, fd, FD, ARG, 0)                        \
	P(FINIT_MODULE, uargs, STR, USTR, 1) P(FINIT_MODULE, flags, MODULE_FLAGS, ARG, 2)
#define SAKER_PARAMS_DELETE_MODULE(P, I)                                                           \
	P(DELETE_MODULE, res, ERRNO, RET, 0) P(DELETE_MODULE, name, STR, USTR, 0)                  \
	P(DELETE_MODULE, flags, HEX, UINT, 1)
#define SAKER_PARAMS_BPF(P, I) P(BPF, fd, FD, RET, 0) P(BPF, cmd, BPF_CMD, ARG, 0)
#define SAKER_PARAMS_UMOUNT(P, I) P(UMOUNT, res, ERRNO, RET, 0) P(UMOUNT, name, PATH, USTR, 0)
#define SAKER_PARAMS_FSCONFIG(P, I)                                                                \
	P(FSCONFIG, res, ERRNO, RET, 0) P(FSCONFIG, fd, FD, ARG, 0)                                \
	P(FSCONFIG, cmd, FSCONFIG_CMD, ARG, 1) P(FSCONFIG, key, STR, USTR, 2)                      \
	P(FSCONFIG, value_bytebuf, BYTES, FSBYTES, 3) P(FSCONFIG, value_charbuf, STR, FSTEXT, 3)   \
	P(FSCONFIG, aux, I64, INT, 4)
#define SAKER_PARAMS_QUOTACTL(P, I)                                                                \
	P(QUOTACTL, res, ERRNO, RET, 0) P(QUOTACTL, special, STR, USTR, 1)                         \
	P(QUOTACTL, quotafilepath, STR, QUOTAFILE, 3) P(QUOTACTL, dqb_bhardlimit, U64, DQBLK, 0)   \
	P(QUOTACTL, dqb_bsoftlimit, U64, DQBLK, 8) P(QUOTACTL, dqb_curspace, U64, DQBLK, 16)       \
	P(QUOTACTL, dqb_ihardlimit, U64, DQBLK, 24) P(QUOTACTL, dqb_isoftlimit, U64, DQBLK, 32)    \
	P(QUOTACTL, dqb_btime, RELTIME, DQTIME, 48) P(QUOTACTL, dqb_itime, RELTIME, DQTIME, 56)    \
	P(QUOTACTL, dqi_bgrace, RELTIME, DQGRACE, 0) P(QUOTACTL, dqi_igrace, RELTIME, DQGRACE, 8)  \
	P(QUOTACTL, dqi_flags, QUOTA_FLAGS, DQFLAGS, 16)                                           \
	P(QUOTACTL, quota_fmt_out, QUOTA_FORMAT, DQFORMAT, 0) P(QUOTACTL, cmd, QUOTA_CMD, ARG, 0)  \
	P(QUOTACTL, type, QUOTA_TYPE, ARG, 0) P(QUOTACTL, id, U32, ARG, 2)                         \
	P(QUOTACTL, quota_fmt, QUOTA_FORMAT, DQON, 2)
#define SAKER_PARAMS_USERFAULTFD(P, I)                                                             \
	P(USERFAULTFD, res, ERRNO, RET, 0) P(USERFAULTFD, flags, FD_FLAGS, ARG, 0)
#define SAKER_PARAMS_KEYCTL(P, I)                                                                  \
	P(KEYCTL, res, ERRNO, RET, 0) P(KEYCTL, operation, KEYCTL_OP, ARG, 0)                      \
	P(KEYCTL, arg2, I64, ARG, 1) P(KEYCTL, arg3, I64, ARG, 2) P(KEYCTL, arg4, I64, ARG, 3)     \
	P(KEYCTL, arg5, I64, ARG, 4)
#define SAKER_PARAMS_IO_URING_SETUP(P, I)                                                          \
	P(IO_URING_SETUP, res, ERRNO, RET, 0) P(IO_URING_SETUP, entries, U32, ARG, 0)              \
	P(IO_URING_SETUP, sq_entries, U32, U32AT, AT(1, 0))                                        \
	P(IO_URING_SETUP, cq_entries, U32, U32AT, AT(1, 4))                                        \
	P(IO_URING_SETUP, flags, URING_SETUP_FLAGS, U32AT, AT(1, 8))                               \
	P(IO_URING_SETUP, sq_thread_cpu, U32, U32AT, AT(1, 12))                                    \
	P(IO_URING_SETUP, sq_thread_idle, U32, U32AT, AT(1, 16))                                   \
	P(IO_URING_SETUP, features, URING_FEATURES, U32AT, AT(1, 20))
#define SAKER_PARAMS_IO_URING_ENTER(P, I)                                                          \
	P(IO_URING_ENTER, res, ERRNO, RET, 0) P(IO_URING_ENTER, fd, FD, ARG, 0)                    \
	P(IO_URING_ENTER, to_submit, U32, ARG, 1) P(IO_URING_ENTER, min_complete, U32, ARG, 2)     \
	P(IO_URING_ENTER, flags, URING_ENTER_FLAGS, ARG, 3)                                        \
	P(IO_URING_ENTER, sig, SIGSET, URINGSIG, 4)
#define SAKER_PARAMS_IO_URING_REGISTER(P, I)                                                       \
	P(IO_URING_REGISTER, res, ERRNO, RET, 0) P(IO_URING_REGISTER, fd, FD, ARG, 0)              \
	P(IO_URING_REGISTER, opcode, URING_REGISTER_OP, ARG, 1)                                    \
	P(IO_URING_REGISTER, arg, HEX, ARG, 2) P(IO_URING_REGISTER, nr_args, U32, ARG, 3)
#define SAKER_PARAMS_BRK(P, I)                                                                     \
	P(BRK, res, HEX, RET, 0) P(BRK, vm_size, U32, VM, size) P(BRK, vm_rss, U32, VM, rss)       \
	P(BRK, vm_swap, U32, VM, swap) P(BRK, addr, HEX, ARG, 0)
#define SAKER_PARAMS_MMAP(P, I)                                                                    \
	P(MMAP, res, ERRNO_HEX, RET, 0) P(MMAP, vm_size, U32, VM, size)                            \
	P(MMAP, vm_rss, U32, VM, rss) P(MMAP, vm_swap, U32, VM, swap) P(MMAP, addr, HEX, ARG, 0)   \
	P(MMAP, length, U64, ARG, 1) P(MMAP, prot, PROT_FLAGS, ARG, 2)                             \
	P(MMAP, flags, MMAP_FLAGS, ARG, 3) P(MMAP, fd, FD, ARG, 4) P(MMAP, offset, U64, ARG, 5)
#define SAKER_PARAMS_MMAP2(P, I)                                                                   \
	P(MMAP2, res, ERRNO_HEX, RET, 0) P(MMAP2, vm_size, U32, VM, size)                          \
	P(MMAP2, vm_rss, U32, VM, rss) P(MMAP2, vm_swap, U32, VM, swap)                            \
	P(MMAP2, addr, HEX, ARG, 0) P(MMAP2, length, U64, ARG, 1)                                  \
	P(MMAP2, prot, PROT_FLAGS, ARG, 2) P(MMAP2, flags, MMAP_FLAGS, ARG, 3)                     \
	P(MMAP2, fd, FD, ARG, 4) P(MMAP2, pgoffset, U64, ARG, 5)
#define SAKER_PARAMS_MUNMAP(P, I)                                                                  \
	P(MUNMAP, res, ERRNO, RET, 0) P(MUNMAP, vm_size, U32, VM, size)                            \
	P(MUNMAP, vm_rss, U32, VM, rss) P(MUNMAP, vm_swap, U32, VM, swap)                          \
	P(MUNMAP, addr, HEX, ARG, 0) P(MUNMAP, length, U64, ARG, 1)
#define SAKER_PARAMS_MPROTECT(P, I)                                                                \
	P(MPROTECT, res, ERRNO, RET, 0) P(MPROTECT, addr, HEX, ARG, 0)                             \
	P(MPROTECT, length, U64, ARG, 1) P(MPROTECT, prot, PROT_FLAGS, ARG, 2)
#define SAKER_PARAMS_MLOCK(P, I)                                                                   \
	P(MLOCK, res, ERRNO, RET, 0) P(MLOCK, addr, HEX, ARG, 0) P(MLOCK, len, U64, ARG, 1)
#define SAKER_PARAMS_MUNLOCK(P, I)                                                                 \
	P(MUNLOCK, res, ERRNO, RET, 0) P(MUNLOCK, addr, HEX, ARG, 0) P(MUNLOCK, len, U64, ARG, 1)
#define SAKER_PARAMS_MLOCKALL(P, I)                                                                \
	P(MLOCKALL, res, ERRNO, RET, 0) P(MLOCKALL, flags, MLOCKALL_FLAGS, ARG, 0)
#define SAKER_PARAMS_MUNLOCKALL(P, I) P(MUNLOCKALL, res, ERRNO, RET, 0)
#define SAKER_PARAMS_MLOCK2(P, I)                                                                  \
	P(MLOCK2, res, ERRNO, RET, 0) P(MLOCK2, addr, HEX, ARG, 0) P(MLOCK2, len, U64, ARG, 1)     \
	P(MLOCK2, flags, MLOCK2_FLAGS, ARG, 2)
#define SAKER_PARAMS_FUTEX(P, I)                                                                   \
	P(FUTEX, res, ERRNO, RET, 0) P(FUTEX, addr, HEX, ARG, 0) P(FUTEX, op, FUTEX_OP, ARG, 1)    \
	P(FUTEX, val, U64, UINT, 2)
#define SAKER_PARAMS_NANOSLEEP(P, I)                                                               \
	P(NANOSLEEP, res, ERRNO, RET, 0) P(NANOSLEEP, interval, RELTIME, TIME, 0)
#define SAKER_PARAMS_SEMGET(P, I)                                                                  \
	P(SEMGET, res, ERRNO, RET, 0) P(SEMGET, key, HEX, UINT, 0) P(SEMGET, nsems, I64, INT, 1)   \
	P(SEMGET, semflg, SEMGET_FLAGS, ARG, 2)
#define SAKER_PARAMS_SEMOP(P, I)                                                                   \
	P(SEMOP, res, ERRNO, RET, 0) P(SEMOP, nsops, U32, ARG, 2)                                  \
	P(SEMOP, sem_num_0, U32, SEMBUF, AT(0, 0)) P(SEMOP, sem_op_0, I64, SEMOP, AT(0, 2))        \
	P(SEMOP, sem_flg_0, SEMOP_FLAGS, SEMBUF, AT(0, 4))                                         \
	P(SEMOP, sem_num_1, U32, SEMBUF, AT(1, 0)) P(SEMOP, sem_op_1, I64, SEMOP, AT(1, 2))        \
	P(SEMOP, sem_flg_1, SEMOP_FLAGS, SEMBUF, AT(1, 4)) P(SEMOP, semid, I64, INT, 0)
#define SAKER_PARAMS_SEMCTL(P, I)                                                                  \
	P(SEMCTL, res, ERRNO, RET, 0) P(SEMCTL, semid, I64, INT, 0)                                \
	P(SEMCTL, semnum, I64, INT, 1) P(SEMCTL, cmd, SEMCTL_CMD, ARG, 2)                          \
	P(SEMCTL, val, I64, SEMVAL, 3)

#endif /* SAKER_PARAMS_SYSTEM_H */
