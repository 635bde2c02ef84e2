/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* Parameters of events (saker_events.h): programs, processes, credentials, signals; what iterators tell. */
#ifndef SAKER_PARAMS_PROCESS_H
#define SAKER_PARAMS_PROCESS_H

/*
 * execve: filled from sched_process_exec on success (execveat arrives as execve then, rules-spec E1),
 * from sys_exit on failure: then only the caller's ids and credentials, exe, args and filename are filled.
 * mount_mark is 1 more than where in trusted_exepath the executable's own mount begins, 0 when nobody asked for it;
 * mount_root the directory of its file system that is mounted there, empty for all of it.
 */
#define SAKER_PARAMS_EXECVE(P, I) SAKER_PARAMS_EXEC(EXECVE, P, I)
#define SAKER_PARAMS_EXECVEAT(P, I) SAKER_PARAMS_EXEC(EXECVEAT, P, I)
#define SAKER_PARAMS_EXEC(EV, P, I)                                                                \
	P(EV, res, ERRNO, CODE, 0) P(EV, exe, STR, CODE, 0) P(EV, args, STRINGS, CODE, 0)          \
	P(EV, tid, PID, CODE, 0) P(EV, pid, PID, CODE, 0) P(EV, ptid, PID, CODE, 0)                \
	P(EV, cwd, STR, CODE, 0) P(EV, fdlimit, U64, CODE, 0)                                      \
	P(EV, pgft_maj, U64, CODE, 0) P(EV, pgft_min, U64, CODE, 0)                                \
	P(EV, vm_size, U32, CODE, 0) P(EV, vm_rss, U32, CODE, 0) P(EV, vm_swap, U32, CODE, 0)      \
	P(EV, comm, STR, CODE, 0) P(EV, cgroups, STRINGS, CODE, 0)                                 \
	P(EV, env, STRINGS, CODE, 0) P(EV, tty, U32, CODE, 0)                                      \
	P(EV, vpgid, PID, CODE, 0) P(EV, loginuid, UID, CODE, 0) P(EV, flags, EXE_FLAGS, CODE, 0)  \
	P(EV, cap_inheritable, CAPS, CODE, 0) P(EV, cap_permitted, CAPS, CODE, 0)                  \
	P(EV, cap_effective, CAPS, CODE, 0) P(EV, exe_ino, U64, CODE, 0)                           \
	P(EV, exe_ino_ctime, ABSTIME, CODE, 0) P(EV, exe_ino_mtime, ABSTIME, CODE, 0)              \
	P(EV, uid, UID, CODE, 0) P(EV, trusted_exepath, STR, CODE, 0) P(EV, pgid, PID, CODE, 0)    \
	P(EV, gid, GID, CODE, 0) P(EV, filename, PATH, CODE, 0)                                    \
	I(EV, vtid, PID, CODE, 0) I(EV, vpid, PID, CODE, 0) I(EV, sid, PID, CODE, 0)               \
	I(EV, old_tid, PID, CODE, 0) I(EV, start_ns, U64, CODE, 0)                                 \
	I(EV, pidns_start_ns, U64, CODE, 0) I(EV, exe_dev, U32, CODE, 0)                           \
	I(EV, ruid, UID, CODE, 0) I(EV, suid, UID, CODE, 0) I(EV, nlink, U32, CODE, 0)             \
	I(EV, mount_mark, U32, CODE, 0) I(EV, mount_root, STR, CODE, 0)

/*
 * fork family, both sides from sched_process_fork: the parent's record (res = child's pid in the
 * parent's view, tgid/tid of the parent) and the child's (res = 0, tgid/tid of the child). The same
 * parameters describe the child in both; `tid`/`pid` are those of the side the record belongs to. The
 * capabilities are the child's, which a new user namespace gives all. A new thread of the same group has
 * the child's record only. One that failed is recorded at its return (res < 0), about the caller; `flags` are then the
 * kernel's bits that it asked for, whose upper half clone(2) ignores.
 */
#define SAKER_PARAMS_CLONE(P, I) SAKER_PARAMS_FORK_LIKE(CLONE, P, I)
#define SAKER_PARAMS_CLONE3(P, I) SAKER_PARAMS_FORK_LIKE(CLONE3, P, I)
#define SAKER_PARAMS_FORK(P, I) SAKER_PARAMS_FORK_LIKE(FORK, P, I)
#define SAKER_PARAMS_VFORK(P, I) SAKER_PARAMS_FORK_LIKE(VFORK, P, I)
#define SAKER_PARAMS_FORK_LIKE(EV, P, I)                                                           \
	P(EV, res, ERRNO, CODE, 0) P(EV, tid, PID, CODE, 0) P(EV, pid, PID, CODE, 0)               \
	P(EV, ptid, PID, CODE, 0) P(EV, fdlimit, U64, CODE, 0) P(EV, comm, STR, CODE, 0)           \
	P(EV, flags, CLONE_FLAGS, CODE, 0) P(EV, uid, UID, CODE, 0) P(EV, gid, GID, CODE, 0)       \
	P(EV, vtid, PID, CODE, 0) P(EV, vpid, PID, CODE, 0)                                        \
	I(EV, child_tid, PID, CODE, 0) I(EV, child_pid, PID, CODE, 0)                              \
	I(EV, parent_tid, PID, CODE, 0) I(EV, parent_pid, PID, CODE, 0)                            \
	I(EV, child_start_ns, U64, CODE, 0) I(EV, parent_start_ns, U64, CODE, 0)                   \
	I(EV, pgid, PID, CODE, 0) I(EV, sid, PID, CODE, 0) I(EV, pidns_start_ns, U64, CODE, 0)    \
	I(EV, now_inheritable, CAPS, CODE, 0) I(EV, now_permitted, CAPS, CODE, 0)                  \
	I(EV, now_effective, CAPS, CODE, 0)

/*
 * One record a thread; group_dead is 1 on the last thread of the group, and on others that exit in the
 * same moment (the kernel counts them all down first).
 */
#define SAKER_PARAMS_PROCEXIT(P, I)                                                                \
	P(PROCEXIT, status, RESULT, CODE, 0) P(PROCEXIT, ret, RESULT, CODE, 0)                     \
	P(PROCEXIT, sig, SIG, CODE, 0) P(PROCEXIT, core, U32, CODE, 0)                             \
	P(PROCEXIT, reaper_tid, PID, CODE, 0) I(PROCEXIT, group_dead, U32, CODE, 0)                \
	I(PROCEXIT, start_ns, U64, CODE, 0)
/* Capabilities after a call that may take or give some: how much depends on more than its arguments. */
#define SAKER_CAPS_NOW(I, ID)                                                                      \
	I(ID, now_inheritable, CAPS, CAP, cap_inheritable)                                         \
	I(ID, now_permitted, CAPS, CAP, cap_permitted)                                             \
	I(ID, now_effective, CAPS, CAP, cap_effective)
#define SAKER_PARAMS_SETUID(P, I)                                                                  \
	P(SETUID, res, ERRNO, RET, 0) P(SETUID, uid, UID, ARG, 0)                                  \
	I(SETUID, now_euid, UID, CRED, euid) SAKER_CAPS_NOW(I, SETUID)
#define SAKER_PARAMS_SETGID(P, I)                                                                  \
	P(SETGID, res, ERRNO, RET, 0) P(SETGID, gid, GID, ARG, 0) I(SETGID, now_egid, GID, CRED, egid)
#define SAKER_PARAMS_SETREUID(P, I)                                                                \
	P(SETREUID, res, ERRNO, RET, 0) P(SETREUID, ruid, UID, ARG, 0)                             \
	P(SETREUID, euid, UID, ARG, 1) I(SETREUID, now_euid, UID, CRED, euid)                             \
	SAKER_CAPS_NOW(I, SETREUID)
#define SAKER_PARAMS_SETREGID(P, I)                                                                \
	P(SETREGID, res, ERRNO, RET, 0) P(SETREGID, rgid, GID, ARG, 0)                             \
	P(SETREGID, egid, GID, ARG, 1) I(SETREGID, now_egid, GID, CRED, egid)
#define SAKER_PARAMS_SETRESUID(P, I)                                                               \
	P(SETRESUID, res, ERRNO, RET, 0) P(SETRESUID, ruid, UID, ARG, 0)                           \
	P(SETRESUID, euid, UID, ARG, 1) P(SETRESUID, suid, UID, ARG, 2)                            \
	I(SETRESUID, now_euid, UID, CRED, euid) SAKER_CAPS_NOW(I, SETRESUID)
#define SAKER_PARAMS_SETRESGID(P, I)                                                               \
	P(SETRESGID, res, ERRNO, RET, 0) P(SETRESGID, rgid, GID, ARG, 0)                           \
	P(SETRESGID, egid, GID, ARG, 1) P(SETRESGID, sgid, GID, ARG, 2)                            \
	I(SETRESGID, now_egid, GID, CRED, egid)
#define SAKER_PARAMS_SETSID(P, I) P(SETSID, res, PID, RET, 0)
#define SAKER_PARAMS_CAPSET(P, I)                                                                  \
	P(CAPSET, res, ERRNO, RET, 0) P(CAPSET, cap_inheritable, CAPS, CAP, cap_inheritable)       \
	P(CAPSET, cap_permitted, CAPS, CAP, cap_permitted)                                         \
	P(CAPSET, cap_effective, CAPS, CAP, cap_effective)
#define SAKER_PARAMS_PTRACE(P, I)                                                                  \
	P(PTRACE, res, ERRNO, RET, 0) P(PTRACE, addr, HEX, ARG, 2) P(PTRACE, data, HEX, ARG, 3)    \
	P(PTRACE, request, PTRACE_REQUEST, ARG, 0) P(PTRACE, pid, PID, ARG, 1)
#define SAKER_PARAMS_KILL(P, I)                                                                    \
	P(KILL, res, ERRNO, RET, 0) P(KILL, pid, PID, ARG, 0) P(KILL, sig, SIG, ARG, 1)
#define SAKER_PARAMS_TKILL(P, I)                                                                   \
	P(TKILL, res, ERRNO, RET, 0) P(TKILL, tid, PID, ARG, 0) P(TKILL, sig, SIG, ARG, 1)
#define SAKER_PARAMS_TGKILL(P, I)                                                                  \
	P(TGKILL, res, ERRNO, RET, 0) P(TGKILL, pid, PID, ARG, 0) P(TGKILL, tid, PID, ARG, 1)      \
	P(TGKILL, sig, SIG, ARG, 2)
#define SAKER_PARAMS_SETNS(P, I)                                                                   \
	P(SETNS, res, ERRNO, RET, 0) P(SETNS, fd, FD, ARG, 0) P(SETNS, nstype, UNSHARE_FLAGS, UINT, 1) \
	SAKER_CAPS_NOW(I, SETNS)
#define SAKER_PARAMS_UNSHARE(P, I)                                                                 \
	P(UNSHARE, res, ERRNO, RET, 0) P(UNSHARE, flags, UNSHARE_FLAGS, ARG, 0)                      \
	SAKER_CAPS_NOW(I, UNSHARE)

/* arg2_str is the name of PR_SET_NAME, empty for every other option. */
#define SAKER_PARAMS_PRCTL(P, I)                                                                   \
	P(PRCTL, res, ERRNO, RET, 0) P(PRCTL, option, PRCTL_OPTION, ARG, 0)                        \
	P(PRCTL, arg2_str, STR, PRNAME, 1) P(PRCTL, arg2_int, I64, ARG, 1)

/*
 * The agent's own prctl(SAKER_CANARY_OPTION, token), which the kernel refuses: proof that hooks, filler and
 * ring work, and a measure of how late a record is.
 */
#define SAKER_PARAMS_CANARY(P, I) I(CANARY, token, U64, ARG, 1)

/*
 * What there is, from the iterators: a thread (the facts of an exec as they are now; what the group shares
 * comes with its leader, arguments only where the driver can read them) and an open file.
 */
#define SAKER_PARAMS_TASK(P, I) SAKER_PARAMS_EXEC(TASK, I, I)
#define SAKER_PARAMS_FILE(P, I)                                                                    \
	I(FILE, fd, FD, CODE, 0) I(FILE, name, STR, CODE, 0) I(FILE, flags, OPEN_FLAGS, CODE, 0)   \
	I(FILE, dev, HEX, CODE, 0) I(FILE, ino, U64, CODE, 0)                                      \
	I(FILE, facts, FILE_FACTS, CODE, 0) I(FILE, tuple, TUPLE, CODE, 0)
#define SAKER_PARAMS_SETPGID(P, I)                                                                 \
	P(SETPGID, res, ERRNO, RET, 0) P(SETPGID, pid, PID, ARG, 0) P(SETPGID, pgid, PID, ARG, 1)
#define SAKER_PARAMS_GETUID(P, I) P(GETUID, uid, UID, RET, 0)
#define SAKER_PARAMS_GETEUID(P, I) P(GETEUID, euid, UID, RET, 0)
#define SAKER_PARAMS_GETGID(P, I) P(GETGID, gid, GID, RET, 0)
#define SAKER_PARAMS_GETEGID(P, I) P(GETEGID, egid, GID, RET, 0)
#define SAKER_PARAMS_GETRESUID(P, I)                                                               \
	P(GETRESUID, res, ERRNO, RET, 0) P(GETRESUID, ruid, UID, IDAT, 0)                          \
	P(GETRESUID, euid, UID, IDAT, 1) P(GETRESUID, suid, UID, IDAT, 2)
#define SAKER_PARAMS_GETRESGID(P, I)                                                               \
	P(GETRESGID, res, ERRNO, RET, 0) P(GETRESGID, rgid, GID, IDAT, 0)                          \
	P(GETRESGID, egid, GID, IDAT, 1) P(GETRESGID, sgid, GID, IDAT, 2)
/* -1 is no limit, and a limit that was neither asked for nor given. */
#define SAKER_PARAMS_GETRLIMIT(P, I)                                                               \
	P(GETRLIMIT, res, ERRNO, RET, 0) P(GETRLIMIT, cur, I64, LIMIT, AT(1, 0))                   \
	P(GETRLIMIT, max, I64, LIMIT, AT(1, 1)) P(GETRLIMIT, resource, RLIMIT, ARG, 0)
#define SAKER_PARAMS_SETRLIMIT(P, I)                                                               \
	P(SETRLIMIT, res, ERRNO, RET, 0) P(SETRLIMIT, cur, I64, LIMIT, AT(1, 0))                   \
	P(SETRLIMIT, max, I64, LIMIT, AT(1, 1)) P(SETRLIMIT, resource, RLIMIT, ARG, 0)
#define SAKER_PARAMS_PRLIMIT(P, I)                                                                 \
	P(PRLIMIT, res, ERRNO, RET, 0) P(PRLIMIT, newcur, I64, LIMIT64, AT(2, 0))                  \
	P(PRLIMIT, newmax, I64, LIMIT64, AT(2, 1)) P(PRLIMIT, oldcur, I64, LIMIT64, AT(3, 0))      \
	P(PRLIMIT, oldmax, I64, LIMIT64, AT(3, 1)) P(PRLIMIT, pid, I64, INT, 0)                    \
	P(PRLIMIT, resource, RLIMIT, ARG, 1)
#define SAKER_PARAMS_PROCESS_VM_READV(P, I)                                                        \
	P(PROCESS_VM_READV, res, I64, RET, 0) P(PROCESS_VM_READV, pid, PID, ARG, 0)                \
	P(PROCESS_VM_READV, data, BYTES, IOV, 1)
#define SAKER_PARAMS_PROCESS_VM_WRITEV(P, I)                                                       \
	P(PROCESS_VM_WRITEV, res, I64, RET, 0) P(PROCESS_VM_WRITEV, pid, PID, ARG, 0)              \
	P(PROCESS_VM_WRITEV, data, BYTES, IOV, 1)
/* From the tracepoint of the same name, for the thread that takes the signal. */
#define SAKER_PARAMS_SIGNALDELIVER(P, I)                                                           \
	P(SIGNALDELIVER, spid, PID, CODE, 0) P(SIGNALDELIVER, dpid, PID, CODE, 0)                  \
	P(SIGNALDELIVER, sig, SIG, CODE, 0)
#define SAKER_PARAMS_PIDFD_OPEN(P, I)                                                              \
	P(PIDFD_OPEN, fd, FD, RET, 0) P(PIDFD_OPEN, pid, PID, ARG, 0)                              \
	P(PIDFD_OPEN, flags, PIDFD_FLAGS, ARG, 1)
#define SAKER_PARAMS_SECCOMP(P, I)                                                                 \
	P(SECCOMP, res, ERRNO, RET, 0) P(SECCOMP, op, U64, UINT, 0)                                \
	P(SECCOMP, flags, HEX, UINT, 1)
/* Any other system call that a rule names; evt.type is the call's name. The result is our own. */
#define SAKER_PARAMS_GENERIC(P, I)                                                                 \
	P(GENERIC, ID, SYSCALL, NR, 0) P(GENERIC, nativeID, U32, NR, 0)                            \
	P(GENERIC, res, ERRNO, RET, 0)

#endif /* SAKER_PARAMS_PROCESS_H */
