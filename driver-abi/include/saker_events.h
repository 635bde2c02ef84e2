/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The event table, the one place where an event is described.
 *
 * SAKER_EVENTS(E): one E(ID, name, class, flags, kind, nr64, nr32) an event. kind PLAIN: its filler is
 * generated from the parameter list. IO: the same with what calls that move data have, MESSAGE and MESSAGES: a
 * record for one or each of their messages. CODE: hand-written in each driver's shared filler file.
 *
 * SAKER_PARAMS_<ID>(P), in saker_params_<family>.h: one P(ID, name, type, source, n) a parameter, in Falco's
 * order and with Falco's names (rules-spec E3), kernel facts of our own last (I instead of P: internal,
 * never printed).
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
 *   REAL         what the file of the returned descriptor is called, when the driver is asked for it: its path
 *                through all mounts, where in that path its own mount begins, and the directory of its file
 *                system that is mounted there (fillers/reached.h)
 *   others       driver-abi/fillers/sources.h
 *   CODE         hand-written
 * and for IO events (fillers/io.h):
 *   DATA, SIZE   bytes that went through the descriptor, size of the buffers
 *   POS, INDEX   position in the file, number of the message
 *   ENDS         both ends of the socket of that descriptor, the far one from the message if it has no other
 *   CONTROL      control data of a message; PASSED: number of descriptors in it
 *   OPTVAL       value of a socket option
 *   PAIR n, PAIRSOCK n, PAIRINO  descriptors, sockets, inode of a pipe or a pair of sockets
 */
#ifndef SAKER_EVENTS_H
#define SAKER_EVENTS_H

#define SAKER_EVENTS(E)                                                                            \
	E(EXECVE, execve, LIFECYCLE, SAKER_EF_STATE, CODE, 59, 11)                                 \
	E(EXECVEAT, execveat, LIFECYCLE, SAKER_EF_STATE, CODE, 322, 358)                           \
	E(CLONE, clone, LIFECYCLE, SAKER_EF_STATE, CODE, 56, 120)                                  \
	E(CLONE3, clone3, LIFECYCLE, SAKER_EF_STATE, CODE, 435, 435)                               \
	E(FORK, fork, LIFECYCLE, SAKER_EF_STATE, CODE, 57, 2)                                      \
	E(VFORK, vfork, LIFECYCLE, SAKER_EF_STATE, CODE, 58, 190)                                  \
	E(PROCEXIT, procexit, LIFECYCLE, SAKER_EF_STATE | SAKER_EF_SCHED, CODE, -1, -1)            \
	E(OPEN, open, FILE, SAKER_EF_FD_CREATES, PLAIN, 2, 5)                                      \
	E(OPENAT, openat, FILE, SAKER_EF_FD_CREATES, PLAIN, 257, 295)                              \
	E(OPENAT2, openat2, FILE, SAKER_EF_FD_CREATES, PLAIN, 437, 437)                            \
	E(CREAT, creat, FILE, SAKER_EF_FD_CREATES, PLAIN, 85, 8)                                   \
	E(OPEN_BY_HANDLE_AT, open_by_handle_at, FILE, SAKER_EF_FD_CREATES, CODE, 304, 342)         \
	E(CLOSE, close, NOISE, SAKER_EF_FD_USES | SAKER_EF_FD_DESTROYS, PLAIN, 3, 6)               \
	E(CLOSE_RANGE, close_range, NOISE, 0, PLAIN, 436, 436)                                     \
	E(DUP, dup, NOISE, SAKER_EF_FD_CREATES | SAKER_EF_FD_USES, PLAIN, 32, 41)                  \
	E(DUP2, dup2, NOISE, SAKER_EF_FD_CREATES | SAKER_EF_FD_USES, PLAIN, 33, 63)                \
	E(DUP3, dup3, NOISE, SAKER_EF_FD_CREATES | SAKER_EF_FD_USES, PLAIN, 292, 330)              \
	E(FCNTL, fcntl, NOISE, SAKER_EF_FD_USES, PLAIN, 72, 55)                                    \
	E(LSEEK, lseek, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 8, 19)                \
	E(LLSEEK, llseek, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, -1, 140)            \
	E(IOCTL, ioctl, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 16, 54)               \
	E(FLOCK, flock, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 73, 143)              \
	E(GETDENTS, getdents, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 78, 141)        \
	E(GETDENTS64, getdents64, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 217, 220)   \
	E(SPLICE, splice, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 275, 313)           \
	E(SENDFILE, sendfile, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 40, 187)        \
	E(COPY_FILE_RANGE, copy_file_range, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 326, 377) \
	E(EVENTFD, eventfd, NOISE, SAKER_EF_FD_CREATES, PLAIN, 284, 323)                           \
	E(EVENTFD2, eventfd2, NOISE, SAKER_EF_FD_CREATES, PLAIN, 290, 328)                         \
	E(SIGNALFD, signalfd, NOISE, SAKER_EF_FD_CREATES, PLAIN, 282, 321)                         \
	E(SIGNALFD4, signalfd4, NOISE, SAKER_EF_FD_CREATES, PLAIN, 289, 327)                       \
	E(TIMERFD_CREATE, timerfd_create, NOISE, SAKER_EF_FD_CREATES, PLAIN, 283, 322)             \
	E(INOTIFY_INIT, inotify_init, NOISE, SAKER_EF_FD_CREATES, PLAIN, 253, 291)                 \
	E(INOTIFY_INIT1, inotify_init1, NOISE, SAKER_EF_FD_CREATES, PLAIN, 294, 332)               \
	E(EPOLL_CREATE, epoll_create, NOISE, SAKER_EF_FD_CREATES, PLAIN, 213, 254)                 \
	E(EPOLL_CREATE1, epoll_create1, NOISE, SAKER_EF_FD_CREATES, PLAIN, 291, 329)               \
	E(EPOLL_WAIT, epoll_wait, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 232, 256)                      \
	E(POLL, poll, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 7, 168)                                    \
	E(PPOLL, ppoll, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 271, 309)                                \
	E(SELECT, select, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 23, 142)                               \
	E(SOCKET, socket, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 41, 359)                           \
	E(CONNECT, connect, SECURITY, SAKER_EF_FD_USES, PLAIN, 42, 362)                            \
	E(ACCEPT, accept, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 43, -1)                            \
	E(ACCEPT4, accept4, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 288, 364)                        \
	E(BIND, bind, SECURITY, SAKER_EF_FD_USES, PLAIN, 49, 361)                                  \
	E(LISTEN, listen, SECURITY, SAKER_EF_FD_USES, PLAIN, 50, 363)                              \
	E(READ_CALL, read, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 0, 3)                 \
	E(WRITE_CALL, write, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 1, 4)               \
	E(READV, readv, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 19, 145)                 \
	E(WRITEV, writev, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 20, 146)               \
	E(PREAD, pread, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 17, 180)                 \
	E(PWRITE, pwrite, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 18, 181)               \
	E(PREADV, preadv, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 295, 333)              \
	E(PWRITEV, pwritev, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 296, 334)            \
	E(SENDTO, sendto, FILE, SAKER_EF_FD_USES, IO, 44, 369)                                     \
	E(SENDMSG, sendmsg, FILE, SAKER_EF_FD_USES, IO, 46, 370)                                   \
	E(SENDMMSG, sendmmsg, FILE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, MESSAGES, 307, 345)     \
	E(RECVFROM, recvfrom, FILE, SAKER_EF_FD_USES, IO, 45, 371)                                 \
	E(RECVMSG, recvmsg, FILE, SAKER_EF_FD_USES, MESSAGE, 47, 372)                              \
	E(RECVMMSG, recvmmsg, FILE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, MESSAGES, 299, 337)     \
	E(SHUTDOWN, shutdown, NOISE, SAKER_EF_FD_USES, PLAIN, 48, 373)                             \
	E(GETSOCKNAME, getsockname, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 51, 367)                     \
	E(GETPEERNAME, getpeername, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 52, 368)                     \
	E(SETSOCKOPT, setsockopt, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 54, 366)       \
	E(GETSOCKOPT, getsockopt, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, IO, 55, 365)       \
	E(SOCKETPAIR, socketpair, NOISE, SAKER_EF_FD_CREATES, IO, 53, 360)                         \
	E(PIPE, pipe, NOISE, SAKER_EF_FD_CREATES, IO, 22, 42)                                      \
	E(PIPE2, pipe2, NOISE, SAKER_EF_FD_CREATES, IO, 293, 331)                                  \
	E(PIDFD_GETFD, pidfd_getfd, SECURITY, SAKER_EF_FD_CREATES, IO, 438, 438)                   \
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
	E(MKNOD, mknod, FILE, 0, PLAIN, 133, 14)                                                   \
	E(MKNODAT, mknodat, FILE, SAKER_EF_FD_USES, PLAIN, 259, 297)                               \
	E(CHMOD, chmod, FILE, 0, PLAIN, 90, 15)                                                    \
	E(FCHMOD, fchmod, FILE, SAKER_EF_FD_USES, PLAIN, 91, 94)                                   \
	E(FCHMODAT, fchmodat, FILE, SAKER_EF_FD_USES, PLAIN, 268, 306)                             \
	E(FCHMODAT2, fchmodat2, FILE, SAKER_EF_FD_USES, PLAIN, 452, 452)                           \
	E(CHOWN, chown, FILE, 0, PLAIN, 92, 212)                                                   \
	E(LCHOWN, lchown, FILE, 0, PLAIN, 94, 198)                                                 \
	E(FCHOWN, fchown, FILE, SAKER_EF_FD_USES, PLAIN, 93, 207)                                  \
	E(FCHOWNAT, fchownat, FILE, SAKER_EF_FD_USES, PLAIN, 260, 298)                             \
	E(ACCESS, access, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 21, 33)                                \
	E(STAT, stat, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 4, 106)                                    \
	E(LSTAT, lstat, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 6, 107)                                  \
	E(STAT64, stat64, NOISE, SAKER_EF_ON_DEMAND, PLAIN, -1, 195)                               \
	E(LSTAT64, lstat64, NOISE, SAKER_EF_ON_DEMAND, PLAIN, -1, 196)                             \
	E(FSTAT, fstat, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 5, 108)               \
	E(FSTAT64, fstat64, NOISE, SAKER_EF_ON_DEMAND, PLAIN, -1, 197)                             \
	E(NEWFSTATAT, newfstatat, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 262, 300)   \
	E(GETCWD, getcwd, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 79, 183)                               \
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
	E(SETPGID, setpgid, LIFECYCLE, 0, PLAIN, 109, 57)                                          \
	E(GETUID, getuid, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 102, 199)                              \
	E(GETEUID, geteuid, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 107, 201)                            \
	E(GETGID, getgid, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 104, 200)                              \
	E(GETEGID, getegid, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 108, 202)                            \
	E(GETRESUID, getresuid, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 118, 209)                        \
	E(GETRESGID, getresgid, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 120, 211)                        \
	E(GETRLIMIT, getrlimit, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 97, 191)                         \
	E(SETRLIMIT, setrlimit, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 160, 75)                         \
	E(PRLIMIT, prlimit, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 302, 340)                            \
	E(CAPSET, capset, LIFECYCLE, SAKER_EF_STATE, PLAIN, 126, 185)                              \
	E(PTRACE, ptrace, SECURITY, 0, PLAIN, 101, 26)                                             \
	E(PROCESS_VM_READV, process_vm_readv, SECURITY, 0, PLAIN, 310, 347)                        \
	E(PROCESS_VM_WRITEV, process_vm_writev, SECURITY, 0, PLAIN, 311, 348)                      \
	E(KILL, kill, SECURITY, 0, PLAIN, 62, 37)                                                  \
	E(TKILL, tkill, SECURITY, 0, PLAIN, 200, 238)                                              \
	E(TGKILL, tgkill, SECURITY, 0, PLAIN, 234, 270)                                            \
	E(SIGNALDELIVER, signaldeliver, SECURITY, SAKER_EF_ON_DEMAND | SAKER_EF_SCHED, CODE, -1, -1) \
	E(PIDFD_OPEN, pidfd_open, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 434, 434)                  \
	E(MOUNT, mount, SECURITY, 0, PLAIN, 165, 21)                                               \
	E(UMOUNT, umount, SECURITY, 0, PLAIN, -1, 22)                                              \
	E(UMOUNT2, umount2, SECURITY, 0, PLAIN, 166, 52)                                           \
	E(FSCONFIG, fsconfig, SECURITY, SAKER_EF_FD_USES, PLAIN, 431, 431)                         \
	E(QUOTACTL, quotactl, SECURITY, 0, PLAIN, 179, 131)                                        \
	E(SETNS, setns, LIFECYCLE, SAKER_EF_FD_USES, PLAIN, 308, 346)                              \
	E(UNSHARE, unshare, LIFECYCLE, 0, PLAIN, 272, 310)                                         \
	E(INIT_MODULE, init_module, SECURITY, 0, PLAIN, 175, 128)                                  \
	E(FINIT_MODULE, finit_module, SECURITY, SAKER_EF_FD_USES, PLAIN, 313, 350)                 \
	E(DELETE_MODULE, delete_module, SECURITY, 0, PLAIN, 176, 129)                              \
	E(MEMFD_CREATE, memfd_create, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 319, 356)              \
	E(BPF, bpf, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 321, 357)                                \
	E(USERFAULTFD, userfaultfd, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 323, 374)                \
	E(SECCOMP, seccomp, SECURITY, 0, PLAIN, 317, 354)                                          \
	E(KEYCTL, keyctl, SECURITY, 0, PLAIN, 250, 288)                                            \
	E(IO_URING_SETUP, io_uring_setup, SECURITY, SAKER_EF_FD_CREATES, PLAIN, 425, 425)          \
	E(IO_URING_ENTER, io_uring_enter, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 426, 426) \
	E(IO_URING_REGISTER, io_uring_register, SECURITY, SAKER_EF_FD_USES, PLAIN, 427, 427)       \
	E(BRK, brk, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 12, 45)                                      \
	E(MMAP, mmap, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, 9, -1)                  \
	E(MMAP2, mmap2, NOISE, SAKER_EF_FD_USES | SAKER_EF_ON_DEMAND, PLAIN, -1, 192)              \
	E(MUNMAP, munmap, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 11, 91)                                \
	E(MPROTECT, mprotect, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 10, 125)                           \
	E(MLOCK, mlock, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 149, 150)                                \
	E(MUNLOCK, munlock, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 150, 151)                            \
	E(MLOCKALL, mlockall, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 151, 152)                          \
	E(MUNLOCKALL, munlockall, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 152, 153)                      \
	E(MLOCK2, mlock2, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 325, 376)                              \
	E(FUTEX, futex, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 202, 240)                                \
	E(NANOSLEEP, nanosleep, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 35, 162)                         \
	E(SEMGET, semget, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 64, 393)                               \
	E(SEMOP, semop, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 65, -1)                                  \
	E(SEMCTL, semctl, NOISE, SAKER_EF_ON_DEMAND, PLAIN, 66, 394)                               \
	E(PRCTL, prctl, SECURITY, 0, PLAIN, 157, 172)                                              \
	E(GENERIC, generic, SECURITY, SAKER_EF_GENERIC, PLAIN, -1, -1)                             \
	E(CANARY, canary, LIFECYCLE, SAKER_EF_INTERNAL, PLAIN, -1, -1)                             \
	E(TASK, task, LIFECYCLE, SAKER_EF_INTERNAL | SAKER_EF_ITERATE, CODE, -1, -1)               \
	E(FILE, file, LIFECYCLE, SAKER_EF_INTERNAL | SAKER_EF_ITERATE, CODE, -1, -1)               \
	E(ACTED, acted, FILE, SAKER_EF_INTERNAL | SAKER_EF_SCHED, CODE, -1, -1)                    \
	E(GIVEN, given, FILE, SAKER_EF_INTERNAL | SAKER_EF_SCHED, CODE, -1, -1)

#include "saker_params_process.h"
#include "saker_params_file.h"
#include "saker_params_io.h"
#include "saker_params_socket.h"
#include "saker_params_system.h"

/*
 * Calls that reach the kernel of 32-bit programs through another one, too: S(that, number there, ID, number of
 * arguments of the call itself).
 */
#define SAKER_SUBCALLS(S)                                                                          \
	S(SOCKETCALL, 1, SOCKET, 3)                                                                \
	S(SOCKETCALL, 2, BIND, 3)                                                                  \
	S(SOCKETCALL, 3, CONNECT, 3)                                                               \
	S(SOCKETCALL, 4, LISTEN, 2)                                                                \
	S(SOCKETCALL, 5, ACCEPT, 3)                                                                \
	S(SOCKETCALL, 6, GETSOCKNAME, 3)                                                           \
	S(SOCKETCALL, 7, GETPEERNAME, 3)                                                           \
	S(SOCKETCALL, 8, SOCKETPAIR, 4)                                                            \
	S(SOCKETCALL, 9, SENDTO, 4)                                                                \
	S(SOCKETCALL, 10, RECVFROM, 4)                                                             \
	S(SOCKETCALL, 11, SENDTO, 6)                                                               \
	S(SOCKETCALL, 12, RECVFROM, 6)                                                             \
	S(SOCKETCALL, 13, SHUTDOWN, 2)                                                             \
	S(SOCKETCALL, 14, SETSOCKOPT, 5)                                                           \
	S(SOCKETCALL, 15, GETSOCKOPT, 5)                                                           \
	S(SOCKETCALL, 16, SENDMSG, 3)                                                              \
	S(SOCKETCALL, 17, RECVMSG, 3)                                                              \
	S(SOCKETCALL, 18, ACCEPT4, 4)                                                              \
	S(SOCKETCALL, 19, RECVMMSG, 5)                                                             \
	S(SOCKETCALL, 20, SENDMMSG, 4)                                                             \
	S(IPC, 1, SEMOP, 3)                                                                        \
	S(IPC, 2, SEMGET, 3)                                                                       \
	S(IPC, 3, SEMCTL, 4)

/* enum saker_event: SAKER_EV_OPENAT, ... */
#define SAKER_EVENT_ENUM(ID, name, cls, flags, kind, nr64, nr32) SAKER_EV_##ID,
enum saker_event { SAKER_EVENTS(SAKER_EVENT_ENUM) SAKER_NR_EVENTS };

#define SAKER_SUBCALL_ONE(call, number, ID, args) + 1
enum { SAKER_NR_SUBCALLS = 0 SAKER_SUBCALLS(SAKER_SUBCALL_ONE) };

/* Slot numbers: SAKER_P_OPENAT_fd, ..., SAKER_NP_OPENAT. */
#define SAKER_PARAM_ENUM(EV, name, type, source, n) SAKER_P_##EV##_##name,
#define SAKER_EVENT_PARAM_ENUM(ID, name, cls, flags, kind, nr64, nr32) \
	enum saker_param_##ID { SAKER_PARAMS_##ID(SAKER_PARAM_ENUM, SAKER_PARAM_ENUM) SAKER_NP_##ID };
SAKER_EVENTS(SAKER_EVENT_PARAM_ENUM)

#endif /* SAKER_EVENTS_H */
