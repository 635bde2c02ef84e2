/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The event table, the one place where an event is described.
 *
 * SAKER_EVENTS(E): one E(ID, name, class, flags, kind, nr64, nr32) an event. kind PLAIN: its filler is
 * generated from the parameter list. CODE: hand-written in each driver's shared filler file.
 *
 * SAKER_PARAMS_<ID>(P): one P(ID, name, type, source, n) a parameter, in Falco's order and with Falco's
 * names (rules-spec E3), kernel facts of our own last (I instead of P: internal, never printed).
 *
 * Sources, for PLAIN events:
 *   RET          return value
 *   ARG n        argument n, as wide as its type says
 *   INT n, UINT n  argument n of C type int, unsigned int
 *   USTR n       string in user memory at argument n
 *   UBYTES n     bytes in user memory at argument n, their number in argument n + 1
 *   HOW n        word n of struct open_how at argument 2
 *   FACTS n      S_IFMT and SAKER_FILE_* of the file of descriptor argument n (n = R: return value)
 *   DEV n, INO n device (new_encode_dev) and inode of that file
 *   TUPLE n      both ends of the socket of that descriptor
 *   CRED field   credential after the call
 *   CAP field    capability set after the call
 *   UADDR n      struct sockaddr at argument n, its length in argument n + 1
 *   PRNAME n     thread name at argument n, if the call sets one
 *   CODE         hand-written
 */
#ifndef SAKER_EVENTS_H
#define SAKER_EVENTS_H

#define SAKER_EVENTS(E)                                                                            \
	E(EXECVE, execve, LIFECYCLE, SAKER_EF_STATE, CODE, 59, 11)                                 \
	E(EXECVEAT, execveat, LIFECYCLE, SAKER_EF_STATE, CODE, 322, 358)                           \
	E(CLONE, clone, LIFECYCLE, SAKER_EF_STATE | SAKER_EF_SCHED, CODE, 56, 120)                 \
	E(CLONE3, clone3, LIFECYCLE, SAKER_EF_STATE | SAKER_EF_SCHED, CODE, 435, 435)              \
	E(FORK, fork, LIFECYCLE, SAKER_EF_STATE | SAKER_EF_SCHED, CODE, 57, 2)                     \
	E(VFORK, vfork, LIFECYCLE, SAKER_EF_STATE | SAKER_EF_SCHED, CODE, 58, 190)                 \
	E(PROCEXIT, procexit, LIFECYCLE, SAKER_EF_STATE | SAKER_EF_SCHED, CODE, -1, -1)            \
	E(OPEN, open, FILE, SAKER_EF_FD_CREATES, PLAIN, 2, 5)                                      \
	E(OPENAT, openat, FILE, SAKER_EF_FD_CREATES, PLAIN, 257, 295)                              \
	E(OPENAT2, openat2, FILE, SAKER_EF_FD_CREATES, PLAIN, 437, 437)                            \
	E(CREAT, creat, FILE, SAKER_EF_FD_CREATES, PLAIN, 85, 8)                                   \
	E(CLOSE, close, NOISE, SAKER_EF_FD_USES | SAKER_EF_FD_DESTROYS, PLAIN, 3, 6)               \
	E(DUP, dup, NOISE, SAKER_EF_FD_CREATES | SAKER_EF_FD_USES, PLAIN, 32, 41)                  \
	E(DUP2, dup2, NOISE, SAKER_EF_FD_CREATES | SAKER_EF_FD_USES, PLAIN, 33, 63)                \
	E(DUP3, dup3, NOISE, SAKER_EF_FD_CREATES | SAKER_EF_FD_USES, PLAIN, 292, 330)              \
	E(FCNTL, fcntl, NOISE, SAKER_EF_FD_USES, PLAIN, 72, 55)                                    \
	E(SOCKET, socket, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 41, 359)                           \
	E(CONNECT, connect, SECURITY, SAKER_EF_FD_USES, PLAIN, 42, 362)                            \
	E(ACCEPT, accept, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 43, -1)                            \
	E(ACCEPT4, accept4, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 288, 364)                        \
	E(BIND, bind, SECURITY, SAKER_EF_FD_USES, PLAIN, 49, 361)                                  \
	E(LISTEN, listen, SECURITY, SAKER_EF_FD_USES, PLAIN, 50, 363)                              \
	E(UNLINK, unlink, FILE, 0, PLAIN, 87, 10)                                                  \
	E(UNLINKAT, unlinkat, FILE, SAKER_EF_FD_USES, PLAIN, 263, 301)                             \
	E(RENAME, rename, FILE, 0, PLAIN, 82, 38)                                                  \
	E(RENAMEAT, renameat, FILE, 0, PLAIN, 264, 302)                                            \
	E(RENAMEAT2, renameat2, FILE, 0, PLAIN, 316, 353)                                          \
	E(SYMLINK, symlink, FILE, 0, PLAIN, 88, 83)                                                \
	E(SYMLINKAT, symlinkat, FILE, SAKER_EF_FD_USES, PLAIN, 266, 304)                           \
	E(LINK, link, FILE, 0, PLAIN, 86, 9)                                                       \
	E(LINKAT, linkat, FILE, 0, PLAIN, 265, 303)                                                \
	E(MKDIR, mkdir, FILE, 0, PLAIN, 83, 39)                                                    \
	E(MKDIRAT, mkdirat, FILE, SAKER_EF_FD_USES, PLAIN, 258, 296)                               \
	E(RMDIR, rmdir, FILE, 0, PLAIN, 84, 40)                                                    \
	E(CHMOD, chmod, FILE, 0, PLAIN, 90, 15)                                                    \
	E(FCHMOD, fchmod, FILE, SAKER_EF_FD_USES, PLAIN, 91, 94)                                   \
	E(FCHMODAT, fchmodat, FILE, SAKER_EF_FD_USES, PLAIN, 268, 306)                             \
	E(FCHMODAT2, fchmodat2, FILE, SAKER_EF_FD_USES, PLAIN, 452, 452)                           \
	E(CHOWN, chown, FILE, 0, PLAIN, 92, 212)                                                   \
	E(LCHOWN, lchown, FILE, 0, PLAIN, 94, 198)                                                 \
	E(FCHOWN, fchown, FILE, SAKER_EF_FD_USES, PLAIN, 93, 207)                                  \
	E(FCHOWNAT, fchownat, FILE, SAKER_EF_FD_USES, PLAIN, 260, 298)                             \
	E(CHDIR, chdir, LIFECYCLE, SAKER_EF_STATE, PLAIN, 80, 12)                                  \
	E(FCHDIR, fchdir, LIFECYCLE, SAKER_EF_FD_USES | SAKER_EF_STATE, PLAIN, 81, 133)            \
	E(CHROOT, chroot, LIFECYCLE, SAKER_EF_STATE, PLAIN, 161, 61)                               \
	E(SETUID, setuid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 105, 213)                              \
	E(SETGID, setgid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 106, 214)                              \
	E(SETREUID, setreuid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 113, 203)                          \
	E(SETREGID, setregid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 114, 204)                          \
	E(SETRESUID, setresuid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 117, 208)                        \
	E(SETRESGID, setresgid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 119, 210)                        \
	E(SETSID, setsid, LIFECYCLE, SAKER_EF_STATE, PLAIN, 112, 66)                               \
	E(CAPSET, capset, LIFECYCLE, SAKER_EF_STATE, PLAIN, 126, 185)                              \
	E(PTRACE, ptrace, SECURITY, 0, PLAIN, 101, 26)                                             \
	E(KILL, kill, SECURITY, 0, PLAIN, 62, 37)                                                  \
	E(TKILL, tkill, SECURITY, 0, PLAIN, 200, 238)                                              \
	E(TGKILL, tgkill, SECURITY, 0, PLAIN, 234, 270)                                            \
	E(MOUNT, mount, SECURITY, 0, PLAIN, 165, 21)                                               \
	E(UMOUNT2, umount2, SECURITY, 0, PLAIN, 166, 52)                                           \
	E(SETNS, setns, LIFECYCLE, SAKER_EF_FD_USES, PLAIN, 308, 346)                              \
	E(UNSHARE, unshare, LIFECYCLE, 0, PLAIN, 272, 310)                                         \
	E(INIT_MODULE, init_module, SECURITY, 0, PLAIN, 175, 128)                                  \
	E(FINIT_MODULE, finit_module, SECURITY, SAKER_EF_FD_USES, PLAIN, 313, 350)                 \
	E(DELETE_MODULE, delete_module, SECURITY, 0, PLAIN, 176, 129)                              \
	E(MEMFD_CREATE, memfd_create, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 319, 356)              \
	E(BPF, bpf, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 321, 357)                                \
	E(PRCTL, prctl, SECURITY, 0, PLAIN, 157, 172)                                              \
	E(CANARY, canary, LIFECYCLE, SAKER_EF_INTERNAL, PLAIN, -1, -1)                             \
	E(TASK, task, LIFECYCLE, SAKER_EF_INTERNAL | SAKER_EF_ITERATE, CODE, -1, -1)               \
	E(FILE, file, LIFECYCLE, SAKER_EF_INTERNAL | SAKER_EF_ITERATE, CODE, -1, -1)

/*
 * execve: filled from sched_process_exec on success (execveat arrives as execve then, rules-spec E1),
 * from sys_exit on failure: then only the caller's ids and credentials, exe, args and filename are filled.
 */
#define SAKER_PARAMS_EXECVE(P, I) SAKER_PARAMS_EXEC(EXECVE, P, I)
#define SAKER_PARAMS_EXECVEAT(P, I) SAKER_PARAMS_EXEC(EXECVEAT, P, I)
#define SAKER_PARAMS_EXEC(EV, P, I)                                                                \
	P(EV, res, ERRNO, CODE, 0) P(EV, exe, STR, CODE, 0) P(EV, args, STRINGS, CODE, 0)          \
	P(EV, tid, PID, CODE, 0) P(EV, pid, PID, CODE, 0) P(EV, ptid, PID, CODE, 0)                \
	P(EV, cwd, STR, CODE, 0) P(EV, fdlimit, U64, CODE, 0) P(EV, comm, STR, CODE, 0)            \
	P(EV, cgroups, STR, CODE, 0) P(EV, env, STRINGS, CODE, 0) P(EV, tty, U32, CODE, 0)         \
	P(EV, vpgid, PID, CODE, 0) P(EV, loginuid, UID, CODE, 0) P(EV, flags, EXE_FLAGS, CODE, 0)  \
	P(EV, cap_inheritable, CAPS, CODE, 0) P(EV, cap_permitted, CAPS, CODE, 0)                  \
	P(EV, cap_effective, CAPS, CODE, 0) P(EV, exe_ino, U64, CODE, 0)                           \
	P(EV, exe_ino_ctime, ABSTIME, CODE, 0) P(EV, exe_ino_mtime, ABSTIME, CODE, 0)              \
	P(EV, uid, UID, CODE, 0) P(EV, trusted_exepath, STR, CODE, 0) P(EV, pgid, PID, CODE, 0)    \
	P(EV, gid, GID, CODE, 0) P(EV, filename, PATH, CODE, 0)                                    \
	I(EV, vtid, PID, CODE, 0) I(EV, vpid, PID, CODE, 0) I(EV, sid, PID, CODE, 0)               \
	I(EV, old_tid, PID, CODE, 0) I(EV, start_ns, U64, CODE, 0)                                 \
	I(EV, pidns_start_ns, U64, CODE, 0) I(EV, exe_dev, U32, CODE, 0)                           \
	I(EV, ruid, UID, CODE, 0) I(EV, suid, UID, CODE, 0) I(EV, nlink, U32, CODE, 0)

/*
 * fork family, both sides from sched_process_fork: the parent's record (res = child's pid in the
 * parent's view, tgid/tid of the parent) and the child's (res = 0, tgid/tid of the child). The same
 * parameters describe the child in both; `tid`/`pid` are those of the side the record belongs to. A new
 * thread of the same group has the child's record only.
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
	I(EV, pgid, PID, CODE, 0) I(EV, sid, PID, CODE, 0) I(EV, pidns_start_ns, U64, CODE, 0)

/*
 * One record a thread; group_dead is 1 on the last thread of the group, and on others that exit in the
 * same moment (the kernel counts them all down first).
 */
#define SAKER_PARAMS_PROCEXIT(P, I)                                                                \
	P(PROCEXIT, status, RESULT, CODE, 0) P(PROCEXIT, ret, RESULT, CODE, 0)                     \
	P(PROCEXIT, sig, SIG, CODE, 0) P(PROCEXIT, core, U32, CODE, 0)                             \
	P(PROCEXIT, reaper_tid, PID, CODE, 0) I(PROCEXIT, group_dead, U32, CODE, 0)                \
	I(PROCEXIT, start_ns, U64, CODE, 0)

#define SAKER_PARAMS_OPEN(P, I)                                                                    \
	P(OPEN, fd, FD, RET, 0) P(OPEN, name, PATH, USTR, 0) P(OPEN, flags, OPEN_FLAGS, ARG, 1)    \
	P(OPEN, mode, OCTAL, ARG, 2) P(OPEN, dev, HEX, DEV, R) P(OPEN, ino, U64, INO, R)           \
	I(OPEN, facts, FILE_FACTS, FACTS, R)
#define SAKER_PARAMS_OPENAT(P, I)                                                                  \
	P(OPENAT, fd, FD, RET, 0) P(OPENAT, dirfd, FD, ARG, 0) P(OPENAT, name, RELPATH, USTR, 1)   \
	P(OPENAT, flags, OPEN_FLAGS, ARG, 2) P(OPENAT, mode, OCTAL, ARG, 3)                        \
	P(OPENAT, dev, HEX, DEV, R) P(OPENAT, ino, U64, INO, R) I(OPENAT, facts, FILE_FACTS, FACTS, R)
#define SAKER_PARAMS_OPENAT2(P, I)                                                                 \
	P(OPENAT2, fd, FD, RET, 0) P(OPENAT2, dirfd, FD, ARG, 0)                                   \
	P(OPENAT2, name, RELPATH, USTR, 1) P(OPENAT2, flags, OPEN_FLAGS, HOW, 0)                   \
	P(OPENAT2, mode, OCTAL, HOW, 1) P(OPENAT2, resolve, RESOLVE_FLAGS, HOW, 2)                 \
	P(OPENAT2, dev, HEX, DEV, R) P(OPENAT2, ino, U64, INO, R)                                  \
	I(OPENAT2, facts, FILE_FACTS, FACTS, R)
#define SAKER_PARAMS_CREAT(P, I)                                                                   \
	P(CREAT, fd, FD, RET, 0) P(CREAT, name, PATH, USTR, 0) P(CREAT, mode, OCTAL, ARG, 1)       \
	P(CREAT, dev, HEX, DEV, R) P(CREAT, ino, U64, INO, R) I(CREAT, facts, FILE_FACTS, FACTS, R)
#define SAKER_PARAMS_CLOSE(P, I) P(CLOSE, res, ERRNO, RET, 0) P(CLOSE, fd, FD, ARG, 0)
#define SAKER_PARAMS_DUP(P, I)                                                                     \
	P(DUP, res, FD, RET, 0) P(DUP, oldfd, FD, ARG, 0) I(DUP, facts, FILE_FACTS, FACTS, R)      \
	I(DUP, tuple, TUPLE, TUPLE, R)
#define SAKER_PARAMS_DUP2(P, I)                                                                    \
	P(DUP2, res, FD, RET, 0) P(DUP2, oldfd, FD, ARG, 0) P(DUP2, newfd, FD, ARG, 1)             \
	I(DUP2, facts, FILE_FACTS, FACTS, R) I(DUP2, tuple, TUPLE, TUPLE, R)
#define SAKER_PARAMS_DUP3(P, I)                                                                    \
	P(DUP3, res, FD, RET, 0) P(DUP3, oldfd, FD, ARG, 0) P(DUP3, newfd, FD, ARG, 1)             \
	P(DUP3, flags, OPEN_FLAGS, ARG, 2) I(DUP3, facts, FILE_FACTS, FACTS, R)                    \
	I(DUP3, tuple, TUPLE, TUPLE, R)
/* Only F_DUPFD, F_DUPFD_CLOEXEC and F_SETFD leave the kernel. */
#define SAKER_PARAMS_FCNTL(P, I)                                                                   \
	P(FCNTL, res, FD, RET, 0) P(FCNTL, fd, FD, ARG, 0) P(FCNTL, cmd, FCNTL_CMD, ARG, 1)        \
	P(FCNTL, arg, HEX, ARG, 2)
#define SAKER_PARAMS_SOCKET(P, I)                                                                  \
	P(SOCKET, fd, FD, RET, 0) P(SOCKET, domain, DOMAIN, ARG, 0) P(SOCKET, type, U32, ARG, 1)   \
	P(SOCKET, proto, U32, ARG, 2)
#define SAKER_PARAMS_CONNECT(P, I)                                                                 \
	P(CONNECT, res, ERRNO, RET, 0) P(CONNECT, tuple, TUPLE, TUPLE, 0) P(CONNECT, fd, FD, ARG, 0) \
	P(CONNECT, addr, ADDR, UADDR, 1)
#define SAKER_PARAMS_ACCEPT(P, I)                                                                  \
	P(ACCEPT, fd, FD, RET, 0) P(ACCEPT, tuple, TUPLE, TUPLE, R)
#define SAKER_PARAMS_ACCEPT4(P, I)                                                                 \
	P(ACCEPT4, fd, FD, RET, 0) P(ACCEPT4, tuple, TUPLE, TUPLE, R)                              \
	P(ACCEPT4, flags, HEX, UINT, 3)
#define SAKER_PARAMS_BIND(P, I)                                                                    \
	P(BIND, res, ERRNO, RET, 0) P(BIND, addr, ADDR, UADDR, 1) P(BIND, fd, FD, ARG, 0)          \
	I(BIND, tuple, TUPLE, TUPLE, 0)
#define SAKER_PARAMS_LISTEN(P, I)                                                                  \
	P(LISTEN, res, ERRNO, RET, 0) P(LISTEN, fd, FD, ARG, 0) P(LISTEN, backlog, I64, INT, 1)    \
	I(LISTEN, tuple, TUPLE, TUPLE, 0)
#define SAKER_PARAMS_UNLINK(P, I) P(UNLINK, res, ERRNO, RET, 0) P(UNLINK, path, PATH, USTR, 0)
#define SAKER_PARAMS_UNLINKAT(P, I)                                                                \
	P(UNLINKAT, res, ERRNO, RET, 0) P(UNLINKAT, dirfd, FD, ARG, 0)                             \
	P(UNLINKAT, name, RELPATH, USTR, 1) P(UNLINKAT, flags, UNLINKAT_FLAGS, ARG, 2)
#define SAKER_PARAMS_RENAME(P, I)                                                                  \
	P(RENAME, res, ERRNO, RET, 0) P(RENAME, oldpath, PATH, USTR, 0)                            \
	P(RENAME, newpath, PATH, USTR, 1)
#define SAKER_PARAMS_RENAMEAT(P, I)                                                                \
	P(RENAMEAT, res, ERRNO, RET, 0) P(RENAMEAT, olddirfd, FD, ARG, 0)                          \
	P(RENAMEAT, oldpath, RELPATH, USTR, 1) P(RENAMEAT, newdirfd, FD, ARG, 2)                   \
	P(RENAMEAT, newpath, RELPATH, USTR, 3)
#define SAKER_PARAMS_RENAMEAT2(P, I)                                                               \
	P(RENAMEAT2, res, ERRNO, RET, 0) P(RENAMEAT2, olddirfd, FD, ARG, 0)                        \
	P(RENAMEAT2, oldpath, RELPATH, USTR, 1) P(RENAMEAT2, newdirfd, FD, ARG, 2)                 \
	P(RENAMEAT2, newpath, RELPATH, USTR, 3) P(RENAMEAT2, flags, RENAME_FLAGS, ARG, 4)
#define SAKER_PARAMS_SYMLINK(P, I)                                                                 \
	P(SYMLINK, res, ERRNO, RET, 0) P(SYMLINK, target, STR, USTR, 0)                            \
	P(SYMLINK, linkpath, PATH, USTR, 1)
#define SAKER_PARAMS_SYMLINKAT(P, I)                                                               \
	P(SYMLINKAT, res, ERRNO, RET, 0) P(SYMLINKAT, target, STR, USTR, 0)                        \
	P(SYMLINKAT, linkdirfd, FD, ARG, 1) P(SYMLINKAT, linkpath, RELPATH, USTR, 2)
#define SAKER_PARAMS_LINK(P, I)                                                                    \
	P(LINK, res, ERRNO, RET, 0) P(LINK, oldpath, PATH, USTR, 0) P(LINK, newpath, PATH, USTR, 1)
#define SAKER_PARAMS_LINKAT(P, I)                                                                  \
	P(LINKAT, res, ERRNO, RET, 0) P(LINKAT, olddir, FD, ARG, 0)                                \
	P(LINKAT, oldpath, RELPATH, USTR, 1) P(LINKAT, newdir, FD, ARG, 2)                         \
	P(LINKAT, newpath, RELPATH, USTR, 3) P(LINKAT, flags, LINKAT_FLAGS, ARG, 4)
#define SAKER_PARAMS_MKDIR(P, I)                                                                   \
	P(MKDIR, res, ERRNO, RET, 0) P(MKDIR, path, PATH, USTR, 0) P(MKDIR, mode, HEX, UINT, 1)
#define SAKER_PARAMS_MKDIRAT(P, I)                                                                 \
	P(MKDIRAT, res, ERRNO, RET, 0) P(MKDIRAT, dirfd, FD, ARG, 0)                               \
	P(MKDIRAT, path, RELPATH, USTR, 1) P(MKDIRAT, mode, HEX, UINT, 2)
#define SAKER_PARAMS_RMDIR(P, I) P(RMDIR, res, ERRNO, RET, 0) P(RMDIR, path, PATH, USTR, 0)
#define SAKER_PARAMS_CHMOD(P, I)                                                                   \
	P(CHMOD, res, ERRNO, RET, 0) P(CHMOD, filename, PATH, USTR, 0) P(CHMOD, mode, MODE, ARG, 1)
#define SAKER_PARAMS_FCHMOD(P, I)                                                                  \
	P(FCHMOD, res, ERRNO, RET, 0) P(FCHMOD, fd, FD, ARG, 0) P(FCHMOD, mode, MODE, ARG, 1)
#define SAKER_PARAMS_FCHMODAT(P, I)                                                                \
	P(FCHMODAT, res, ERRNO, RET, 0) P(FCHMODAT, dirfd, FD, ARG, 0)                             \
	P(FCHMODAT, filename, RELPATH, USTR, 1) P(FCHMODAT, mode, MODE, ARG, 2)
#define SAKER_PARAMS_FCHMODAT2(P, I)                                                               \
	P(FCHMODAT2, res, ERRNO, RET, 0) P(FCHMODAT2, dirfd, FD, ARG, 0)                           \
	P(FCHMODAT2, filename, RELPATH, USTR, 1) P(FCHMODAT2, mode, MODE, ARG, 2)                  \
	P(FCHMODAT2, flags, FCHOWNAT_FLAGS, ARG, 3)
#define SAKER_PARAMS_CHOWN(P, I)                                                                   \
	P(CHOWN, res, ERRNO, RET, 0) P(CHOWN, path, PATH, USTR, 0) P(CHOWN, uid, U32, ARG, 1)      \
	P(CHOWN, gid, U32, ARG, 2)
#define SAKER_PARAMS_LCHOWN(P, I)                                                                  \
	P(LCHOWN, res, ERRNO, RET, 0) P(LCHOWN, path, PATH, USTR, 0) P(LCHOWN, uid, U32, ARG, 1)   \
	P(LCHOWN, gid, U32, ARG, 2)
#define SAKER_PARAMS_FCHOWN(P, I)                                                                  \
	P(FCHOWN, res, ERRNO, RET, 0) P(FCHOWN, fd, FD, ARG, 0) P(FCHOWN, uid, U32, ARG, 1)        \
	P(FCHOWN, gid, U32, ARG, 2)
#define SAKER_PARAMS_FCHOWNAT(P, I)                                                                \
	P(FCHOWNAT, res, ERRNO, RET, 0) P(FCHOWNAT, dirfd, FD, ARG, 0)                             \
	P(FCHOWNAT, pathname, RELPATH, USTR, 1) P(FCHOWNAT, uid, U32, ARG, 2)                      \
	P(FCHOWNAT, gid, U32, ARG, 3) P(FCHOWNAT, flags, FCHOWNAT_FLAGS, ARG, 4)
#define SAKER_PARAMS_CHDIR(P, I) P(CHDIR, res, ERRNO, RET, 0) P(CHDIR, path, STR, USTR, 0)
#define SAKER_PARAMS_FCHDIR(P, I) P(FCHDIR, res, ERRNO, RET, 0) P(FCHDIR, fd, FD, ARG, 0)
#define SAKER_PARAMS_CHROOT(P, I) P(CHROOT, res, ERRNO, RET, 0) P(CHROOT, path, PATH, USTR, 0)
#define SAKER_PARAMS_SETUID(P, I)                                                                  \
	P(SETUID, res, ERRNO, RET, 0) P(SETUID, uid, UID, ARG, 0) I(SETUID, now_euid, UID, CRED, euid)
#define SAKER_PARAMS_SETGID(P, I)                                                                  \
	P(SETGID, res, ERRNO, RET, 0) P(SETGID, gid, GID, ARG, 0) I(SETGID, now_egid, GID, CRED, egid)
#define SAKER_PARAMS_SETREUID(P, I)                                                                \
	P(SETREUID, res, ERRNO, RET, 0) P(SETREUID, ruid, UID, ARG, 0)                             \
	P(SETREUID, euid, UID, ARG, 1) I(SETREUID, now_euid, UID, CRED, euid)
#define SAKER_PARAMS_SETREGID(P, I)                                                                \
	P(SETREGID, res, ERRNO, RET, 0) P(SETREGID, rgid, GID, ARG, 0)                             \
	P(SETREGID, egid, GID, ARG, 1) I(SETREGID, now_egid, GID, CRED, egid)
#define SAKER_PARAMS_SETRESUID(P, I)                                                               \
	P(SETRESUID, res, ERRNO, RET, 0) P(SETRESUID, ruid, UID, ARG, 0)                           \
	P(SETRESUID, euid, UID, ARG, 1) P(SETRESUID, suid, UID, ARG, 2)                            \
	I(SETRESUID, now_euid, UID, CRED, euid)
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
#define SAKER_PARAMS_MOUNT(P, I)                                                                   \
	P(MOUNT, res, ERRNO, RET, 0) P(MOUNT, dev, STR, USTR, 0) P(MOUNT, dir, PATH, USTR, 1)      \
	P(MOUNT, type, STR, USTR, 2) P(MOUNT, flags, MOUNT_FLAGS, ARG, 3)
#define SAKER_PARAMS_UMOUNT2(P, I)                                                                 \
	P(UMOUNT2, res, ERRNO, RET, 0) P(UMOUNT2, name, PATH, USTR, 0)                             \
	P(UMOUNT2, flags, UMOUNT_FLAGS, ARG, 1)
#define SAKER_PARAMS_SETNS(P, I)                                                                   \
	P(SETNS, res, ERRNO, RET, 0) P(SETNS, fd, FD, ARG, 0) P(SETNS, nstype, UNSHARE_FLAGS, UINT, 1)
#define SAKER_PARAMS_UNSHARE(P, I)                                                                 \
	P(UNSHARE, res, ERRNO, RET, 0) P(UNSHARE, flags, UNSHARE_FLAGS, ARG, 0)
#define SAKER_PARAMS_INIT_MODULE(P, I)                                                             \
	P(INIT_MODULE, res, ERRNO, RET, 0) P(INIT_MODULE, img, BYTES, UBYTES, 0)                   \
	P(INIT_MODULE, length, U64, ARG, 1) P(INIT_MODULE, uargs, STR, USTR, 2)
#define SAKER_PARAMS_FINIT_MODULE(P, I)                                                            \
	P(FINIT_MODULE, res, ERRNO, RET, 0) P(FINIT_MODULE, fd, FD, ARG, 0)                        \
	P(FINIT_MODULE, uargs, STR, USTR, 1) P(FINIT_MODULE, flags, MODULE_FLAGS, ARG, 2)
#define SAKER_PARAMS_DELETE_MODULE(P, I)                                                           \
	P(DELETE_MODULE, res, ERRNO, RET, 0) P(DELETE_MODULE, name, STR, USTR, 0)                  \
	P(DELETE_MODULE, flags, HEX, UINT, 1)
#define SAKER_PARAMS_MEMFD_CREATE(P, I)                                                            \
	P(MEMFD_CREATE, fd, FD, RET, 0) P(MEMFD_CREATE, name, STR, USTR, 0)                        \
	P(MEMFD_CREATE, flags, MEMFD_FLAGS, ARG, 1)
#define SAKER_PARAMS_BPF(P, I) P(BPF, fd, FD, RET, 0) P(BPF, cmd, BPF_CMD, ARG, 0)
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

/* enum saker_event: SAKER_EV_OPENAT, ... */
#define SAKER_EVENT_ENUM(ID, name, cls, flags, kind, nr64, nr32) SAKER_EV_##ID,
enum saker_event { SAKER_EVENTS(SAKER_EVENT_ENUM) SAKER_NR_EVENTS };

/* Slot numbers: SAKER_P_OPENAT_fd, ..., SAKER_NP_OPENAT. */
#define SAKER_PARAM_ENUM(EV, name, type, source, n) SAKER_P_##EV##_##name,
#define SAKER_EVENT_PARAM_ENUM(ID, name, cls, flags, kind, nr64, nr32) \
	enum saker_param_##ID { SAKER_PARAMS_##ID(SAKER_PARAM_ENUM, SAKER_PARAM_ENUM) SAKER_NP_##ID };
SAKER_EVENTS(SAKER_EVENT_PARAM_ENUM)

#endif /* SAKER_EVENTS_H */
