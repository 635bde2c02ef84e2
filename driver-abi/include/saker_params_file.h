/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* Parameters of events (saker_events.h): descriptors, files and their names. */
#ifndef SAKER_PARAMS_FILE_H
#define SAKER_PARAMS_FILE_H

/* What the kernel reached; empty unless it was asked for. */
#define SAKER_PARAMS_REACHED(EV, I)                                                                \
	I(EV, real, STR, REAL, real) I(EV, mount_at, U64, REAL, mount_at)                          \
	I(EV, mount_root, STR, REAL, mount_root)
#define SAKER_PARAMS_OPEN(P, I)                                                                    \
	P(OPEN, fd, FD, RET, 0) P(OPEN, name, PATH, USTR, 0) P(OPEN, flags, OPEN_FLAGS, ARG, 1)    \
	P(OPEN, mode, OCTAL, ARG, 2) P(OPEN, dev, HEX, DEV, R) P(OPEN, ino, U64, INO, R)           \
	I(OPEN, facts, FILE_FACTS, FACTS, R)                                                       \
	SAKER_PARAMS_REACHED(OPEN, I)
#define SAKER_PARAMS_OPENAT(P, I)                                                                  \
	P(OPENAT, fd, FD, RET, 0) P(OPENAT, dirfd, FD, ARG, 0) P(OPENAT, name, RELPATH, USTR, 1)   \
	P(OPENAT, flags, OPEN_FLAGS, ARG, 2) P(OPENAT, mode, OCTAL, ARG, 3)                        \
	P(OPENAT, dev, HEX, DEV, R) P(OPENAT, ino, U64, INO, R)                                    \
	I(OPENAT, facts, FILE_FACTS, FACTS, R)                                                     \
	SAKER_PARAMS_REACHED(OPENAT, I)
#define SAKER_PARAMS_OPENAT2(P, I)                                                                 \
	P(OPENAT2, fd, FD, RET, 0) P(OPENAT2, dirfd, FD, ARG, 0)                                   \
	P(OPENAT2, name, RELPATH, USTR, 1) P(OPENAT2, flags, OPEN_FLAGS, HOW, 0)                   \
	P(OPENAT2, mode, OCTAL, HOW, 1) P(OPENAT2, resolve, RESOLVE_FLAGS, HOW, 2)                 \
	P(OPENAT2, dev, HEX, DEV, R) P(OPENAT2, ino, U64, INO, R)                                  \
	I(OPENAT2, facts, FILE_FACTS, FACTS, R)                                                    \
	SAKER_PARAMS_REACHED(OPENAT2, I)
#define SAKER_PARAMS_CREAT(P, I)                                                                   \
	P(CREAT, fd, FD, RET, 0) P(CREAT, name, PATH, USTR, 0) P(CREAT, mode, OCTAL, ARG, 1)       \
	P(CREAT, dev, HEX, DEV, R) P(CREAT, ino, U64, INO, R)                                      \
	I(CREAT, facts, FILE_FACTS, FACTS, R)                                                      \
	SAKER_PARAMS_REACHED(CREAT, I)
#define SAKER_PARAMS_CLOSE(P, I) P(CLOSE, res, ERRNO, RET, 0) P(CLOSE, fd, FD, ARG, 0)
#define SAKER_PARAMS_DUP(P, I)                                                                     \
	P(DUP, res, FD, RET, 0) P(DUP, oldfd, FD, ARG, 0) I(DUP, facts, FILE_FACTS, FACTS, R)      \
	I(DUP, tuple, TUPLE, TUPLE, R)
#define SAKER_PARAMS_DUP2(P, I)                                                                    \
	P(DUP2, res, FD, RET, 0) P(DUP2, oldfd, FD, ARG, 0) P(DUP2, newfd, FD, ARG, 1)             \
	I(DUP2, facts, FILE_FACTS, FACTS, R) I(DUP2, tuple, TUPLE, TUPLE, R)
#define SAKER_PARAMS_DUP3(P, I)                                                                    \
	P(DUP3, res, FD, RET, 0) P(DUP3, oldfd, FD, ARG, 0) P(DUP3, newfd, FD, ARG, 1)             \
	P(DUP3, flags, FD_FLAGS, ARG, 2) I(DUP3, facts, FILE_FACTS, FACTS, R)                    \
	I(DUP3, tuple, TUPLE, TUPLE, R)

/* Only F_DUPFD, F_DUPFD_CLOEXEC and F_SETFD leave the kernel. */
#define SAKER_PARAMS_FCNTL(P, I)                                                                   \
	P(FCNTL, res, FD, RET, 0) P(FCNTL, fd, FD, ARG, 0) P(FCNTL, cmd, FCNTL_CMD, ARG, 1)        \
	P(FCNTL, arg, HEX, ARG, 2)
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
#define SAKER_PARAMS_MEMFD_CREATE(P, I)                                                            \
	P(MEMFD_CREATE, fd, FD, RET, 0) P(MEMFD_CREATE, name, STR, USTR, 0)                        \
	P(MEMFD_CREATE, flags, MEMFD_FLAGS, ARG, 1)
/* A file handle opens what it names, whatever path leads there: the path is the kernel's own. */
#define SAKER_PARAMS_OPEN_BY_HANDLE_AT(P, I)                                                       \
	P(OPEN_BY_HANDLE_AT, fd, FD, CODE, 0) P(OPEN_BY_HANDLE_AT, mountfd, FD, CODE, 0)           \
	P(OPEN_BY_HANDLE_AT, flags, OPEN_FLAGS, CODE, 0)                                           \
	P(OPEN_BY_HANDLE_AT, path, PATH, CODE, 0) P(OPEN_BY_HANDLE_AT, dev, HEX, CODE, 0)          \
	P(OPEN_BY_HANDLE_AT, ino, U64, CODE, 0) I(OPEN_BY_HANDLE_AT, facts, FILE_FACTS, CODE, 0)  \
	I(OPEN_BY_HANDLE_AT, real, STR, CODE, 0) I(OPEN_BY_HANDLE_AT, mount_at, U64, CODE, 0)      \
	I(OPEN_BY_HANDLE_AT, mount_root, STR, CODE, 0)
#define SAKER_PARAMS_LSEEK(P, I)                                                                   \
	P(LSEEK, res, ERRNO, RET, 0) P(LSEEK, fd, FD, ARG, 0) P(LSEEK, offset, U64, ARG, 1)        \
	P(LSEEK, whence, WHENCE, ARG, 2)
#define SAKER_PARAMS_LLSEEK(P, I)                                                                  \
	P(LLSEEK, res, ERRNO, RET, 0) P(LLSEEK, fd, FD, ARG, 0) P(LLSEEK, offset, U64, WORDS, 1)   \
	P(LLSEEK, whence, WHENCE, ARG, 4)
#define SAKER_PARAMS_IOCTL(P, I)                                                                   \
	P(IOCTL, res, ERRNO, RET, 0) P(IOCTL, fd, FD, ARG, 0) P(IOCTL, request, HEX, UINT, 1)      \
	P(IOCTL, argument, HEX, ARG, 2)
#define SAKER_PARAMS_FLOCK(P, I)                                                                   \
	P(FLOCK, res, ERRNO, RET, 0) P(FLOCK, fd, FD, ARG, 0)                                      \
	P(FLOCK, operation, FLOCK_FLAGS, ARG, 1)
#define SAKER_PARAMS_GETDENTS(P, I) P(GETDENTS, res, ERRNO, RET, 0) P(GETDENTS, fd, FD, ARG, 0)
#define SAKER_PARAMS_GETDENTS64(P, I)                                                              \
	P(GETDENTS64, res, ERRNO, RET, 0) P(GETDENTS64, fd, FD, ARG, 0)
#define SAKER_PARAMS_SPLICE(P, I)                                                                  \
	P(SPLICE, res, ERRNO, RET, 0) P(SPLICE, fd_in, FD, ARG, 0) P(SPLICE, fd_out, FD, ARG, 2)   \
	P(SPLICE, size, U64, ARG, 4) P(SPLICE, flags, SPLICE_FLAGS, ARG, 5)
#define SAKER_PARAMS_SENDFILE(P, I)                                                                \
	P(SENDFILE, res, ERRNO, RET, 0) P(SENDFILE, offset, U64, OFFSET, 2)                        \
	P(SENDFILE, out_fd, FD, ARG, 0) P(SENDFILE, in_fd, FD, ARG, 1)                             \
	P(SENDFILE, size, U64, ARG, 3)
#define SAKER_PARAMS_COPY_FILE_RANGE(P, I)                                                         \
	P(COPY_FILE_RANGE, res, ERRNO, RET, 0) P(COPY_FILE_RANGE, fdout, FD, ARG, 2)               \
	P(COPY_FILE_RANGE, offout, U64, U64AT, AT(3, 0)) P(COPY_FILE_RANGE, fdin, FD, ARG, 0)      \
	P(COPY_FILE_RANGE, offin, U64, U64AT, AT(1, 0)) P(COPY_FILE_RANGE, len, U64, ARG, 4)
#define SAKER_PARAMS_EVENTFD(P, I)                                                                 \
	P(EVENTFD, res, FD, RET, 0) P(EVENTFD, initval, U64, UINT, 0)                              \
	P(EVENTFD, flags, HEX, ZERO, 0)
#define SAKER_PARAMS_EVENTFD2(P, I)                                                                \
	P(EVENTFD2, res, FD, RET, 0) P(EVENTFD2, flags, FD_FLAGS, ARG, 1)                          \
	P(EVENTFD2, initval, U64, UINT, 0)
#define SAKER_PARAMS_SIGNALFD(P, I)                                                                \
	P(SIGNALFD, res, FD, RET, 0) P(SIGNALFD, fd, FD, ARG, 0)                                   \
	P(SIGNALFD, mask, HEX, U32AT, AT(1, 0)) P(SIGNALFD, flags, HEX, ZERO, 0)
#define SAKER_PARAMS_SIGNALFD4(P, I)                                                               \
	P(SIGNALFD4, res, FD, RET, 0) P(SIGNALFD4, flags, FD_FLAGS, ARG, 3)                        \
	P(SIGNALFD4, fd, FD, ARG, 0) P(SIGNALFD4, mask, HEX, U32AT, AT(1, 0))
#define SAKER_PARAMS_TIMERFD_CREATE(P, I)                                                          \
	P(TIMERFD_CREATE, res, FD, RET, 0) P(TIMERFD_CREATE, clockid, U32, ARG, 0)                 \
	P(TIMERFD_CREATE, flags, HEX, UINT, 1)
#define SAKER_PARAMS_INOTIFY_INIT(P, I)                                                            \
	P(INOTIFY_INIT, res, FD, RET, 0) P(INOTIFY_INIT, flags, HEX, ZERO, 0)
#define SAKER_PARAMS_INOTIFY_INIT1(P, I)                                                           \
	P(INOTIFY_INIT1, res, FD, RET, 0) P(INOTIFY_INIT1, flags, FD_FLAGS, ARG, 0)
#define SAKER_PARAMS_EPOLL_CREATE(P, I)                                                            \
	P(EPOLL_CREATE, res, ERRNO, RET, 0) P(EPOLL_CREATE, size, I64, INT, 0)
#define SAKER_PARAMS_EPOLL_CREATE1(P, I)                                                           \
	P(EPOLL_CREATE1, res, ERRNO, RET, 0) P(EPOLL_CREATE1, flags, EPOLL_FLAGS, ARG, 0)
#define SAKER_PARAMS_EPOLL_WAIT(P, I)                                                              \
	P(EPOLL_WAIT, res, ERRNO, RET, 0) P(EPOLL_WAIT, maxevents, ERRNO, INT, 2)
#define SAKER_PARAMS_POLL(P, I)                                                                    \
	P(POLL, res, ERRNO, RET, 0) P(POLL, fds, FDLIST, POLLFDS, 0)                               \
	P(POLL, timeout, I64, INT, 2)
#define SAKER_PARAMS_PPOLL(P, I)                                                                   \
	P(PPOLL, res, ERRNO, RET, 0) P(PPOLL, fds, FDLIST, POLLFDS, 0)                             \
	P(PPOLL, timeout, RELTIME, TIME, 2) P(PPOLL, sigmask, SIGSET, U64AT, AT(3, 0))
#define SAKER_PARAMS_SELECT(P, I) P(SELECT, res, ERRNO, RET, 0)
#define SAKER_PARAMS_MKNOD(P, I)                                                                   \
	P(MKNOD, res, ERRNO, RET, 0) P(MKNOD, path, PATH, USTR, 0)                                 \
	P(MKNOD, mode, MKNOD_MODE, ARG, 1) P(MKNOD, dev, U32, ARG, 2)
#define SAKER_PARAMS_MKNODAT(P, I)                                                                 \
	P(MKNODAT, res, ERRNO, RET, 0) P(MKNODAT, dirfd, FD, ARG, 0)                               \
	P(MKNODAT, path, RELPATH, USTR, 1) P(MKNODAT, mode, MKNOD_MODE, ARG, 2)                    \
	P(MKNODAT, dev, U32, ARG, 3)
#define SAKER_PARAMS_ACCESS(P, I)                                                                  \
	P(ACCESS, res, ERRNO, RET, 0) P(ACCESS, name, PATH, USTR, 0)                               \
	P(ACCESS, mode, ACCESS_FLAGS, ARG, 1)
#define SAKER_PARAMS_STAT(P, I) P(STAT, res, ERRNO, RET, 0) P(STAT, path, PATH, USTR, 0)
#define SAKER_PARAMS_LSTAT(P, I) P(LSTAT, res, ERRNO, RET, 0) P(LSTAT, path, PATH, USTR, 0)
#define SAKER_PARAMS_STAT64(P, I) P(STAT64, res, ERRNO, RET, 0) P(STAT64, path, PATH, USTR, 0)
#define SAKER_PARAMS_LSTAT64(P, I) P(LSTAT64, res, ERRNO, RET, 0) P(LSTAT64, path, PATH, USTR, 0)
#define SAKER_PARAMS_FSTAT(P, I) P(FSTAT, res, ERRNO, RET, 0) P(FSTAT, fd, FD, ARG, 0)
#define SAKER_PARAMS_FSTAT64(P, I) P(FSTAT64, res, ERRNO, RET, 0)
#define SAKER_PARAMS_NEWFSTATAT(P, I)                                                              \
	P(NEWFSTATAT, res, ERRNO, RET, 0) P(NEWFSTATAT, dirfd, FD, ARG, 0)                         \
	P(NEWFSTATAT, path, RELPATH, USTR, 1) P(NEWFSTATAT, flags, NEWFSTATAT_FLAGS, ARG, 3)
#define SAKER_PARAMS_GETCWD(P, I) P(GETCWD, res, ERRNO, RET, 0) P(GETCWD, path, STR, OUTSTR, 0)

/*
 * What the next call of the thread acts on, by the kernel's own objects (fillers/acted.h): `event` is the call's.
 * One path as in SAKER_PARAMS_REACHED and, of calls with two, the second one in the same mount; device and inode of
 * what is there before the call, inode 0 when it makes something.
 */
#define SAKER_PARAMS_ACTED(P, I)                                                                   \
	I(ACTED, event, U64, CODE, 0) I(ACTED, real, STR, CODE, 0)                                 \
	I(ACTED, mount_at, U64, CODE, 0) I(ACTED, top, STR, CODE, 0) I(ACTED, real2, STR, CODE, 0) \
	I(ACTED, mount_at2, U64, CODE, 0) I(ACTED, dev, HEX, CODE, 0) I(ACTED, ino, U64, CODE, 0)

/*
 * What the next call of the thread was given, as the kernel took it (fillers/given.h): `event` is the call's, `value`
 * its name or address.
 */
#define SAKER_PARAMS_GIVEN(P, I)                                                                   \
	I(GIVEN, event, U64, CODE, 0) I(GIVEN, value, BYTES, CODE, 0) I(GIVEN, sock_id, HEX, CODE, 0)

#endif /* SAKER_PARAMS_FILE_H */
