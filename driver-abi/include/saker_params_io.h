/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* Parameters of events (saker_events.h): data and descriptors that travel. */
#ifndef SAKER_PARAMS_IO_H
#define SAKER_PARAMS_IO_H

/*
 * What goes through a descriptor (fillers/io.h): `data` holds at most snaplen bytes and none unless a rule
 * uses them. The far end of a tuple is the kernel's or, of datagrams, the one given or returned.
 */
/* Without _CALL these are macros of the kernel. */
#define SAKER_PARAMS_READ_CALL(P, I) SAKER_PARAMS_READ_LIKE(READ_CALL, P, I)
#define SAKER_PARAMS_WRITE_CALL(P, I) SAKER_PARAMS_READ_LIKE(WRITE_CALL, P, I)
#define SAKER_PARAMS_WRITEV(P, I) SAKER_PARAMS_READ_LIKE(WRITEV, P, I)
#define SAKER_PARAMS_READ_LIKE(EV, P, I)                                                   \
	P(EV, res, ERRNO, RET, 0) P(EV, data, BYTES, DATA, 0) P(EV, fd, FD, ARG, 0)        \
	P(EV, size, U32, SIZE, 0) I(EV, facts, FILE_FACTS, FACTS, 0)
#define SAKER_PARAMS_PREAD(P, I) SAKER_PARAMS_PREAD_LIKE(PREAD, P, I)
#define SAKER_PARAMS_PWRITE(P, I) SAKER_PARAMS_PREAD_LIKE(PWRITE, P, I)
#define SAKER_PARAMS_PWRITEV(P, I) SAKER_PARAMS_PREAD_LIKE(PWRITEV, P, I)
#define SAKER_PARAMS_PREAD_LIKE(EV, P, I)                                                  \
	P(EV, res, ERRNO, RET, 0) P(EV, data, BYTES, DATA, 0) P(EV, fd, FD, ARG, 0)        \
	P(EV, size, U32, SIZE, 0) P(EV, pos, U64, POS, 0) I(EV, facts, FILE_FACTS, FACTS, 0)
#define SAKER_PARAMS_READV(P, I)                                                           \
	P(READV, res, ERRNO, RET, 0) P(READV, size, U32, SIZE, 0) P(READV, data, BYTES, DATA, 0) \
	P(READV, fd, FD, ARG, 0) I(READV, facts, FILE_FACTS, FACTS, 0)
#define SAKER_PARAMS_PREADV(P, I)                                                          \
	P(PREADV, res, ERRNO, RET, 0) P(PREADV, size, U32, SIZE, 0) P(PREADV, data, BYTES, DATA, 0) \
	P(PREADV, fd, FD, ARG, 0) P(PREADV, pos, U64, POS, 0)                              \
	I(PREADV, facts, FILE_FACTS, FACTS, 0)
#define SAKER_PARAMS_SENDTO(P, I) SAKER_PARAMS_SEND_LIKE(SENDTO, P, I)
#define SAKER_PARAMS_SENDMSG(P, I) SAKER_PARAMS_SEND_LIKE(SENDMSG, P, I)
#define SAKER_PARAMS_SEND_LIKE(EV, P, I)                                                   \
	P(EV, res, ERRNO, RET, 0) P(EV, data, BYTES, DATA, 0) P(EV, fd, FD, ARG, 0)        \
	P(EV, size, U32, SIZE, 0) P(EV, tuple, TUPLE, ENDS, 0)
/* One record a message, SAKER_MESSAGES_MAX at most; `index` counts them. */
#define SAKER_PARAMS_SENDMMSG(P, I)                                                        \
	P(SENDMMSG, res, ERRNO, RET, 0) P(SENDMMSG, fd, FD, ARG, 0) P(SENDMMSG, size, U32, SIZE, 0) \
	P(SENDMMSG, data, BYTES, DATA, 0) P(SENDMMSG, tuple, TUPLE, ENDS, 0)               \
	I(SENDMMSG, index, U32, INDEX, 0)
#define SAKER_PARAMS_RECVFROM(P, I)                                                        \
	P(RECVFROM, res, ERRNO, RET, 0) P(RECVFROM, data, BYTES, DATA, 0)                  \
	P(RECVFROM, tuple, TUPLE, ENDS, 0) P(RECVFROM, fd, FD, ARG, 0)                     \
	P(RECVFROM, size, U32, SIZE, 0)
/*
 * Descriptors that arrive in a message stand before it as records of `file`, SAKER_PASSED_MAX at most; `passed`
 * is how many there were.
 */
#define SAKER_PARAMS_RECVMSG(P, I)                                                         \
	P(RECVMSG, res, ERRNO, RET, 0) P(RECVMSG, size, U32, SIZE, 0)                      \
	P(RECVMSG, data, BYTES, DATA, 0) P(RECVMSG, tuple, TUPLE, ENDS, 0)                 \
	P(RECVMSG, msgcontrol, BYTES, CONTROL, 0) P(RECVMSG, fd, FD, ARG, 0)               \
	I(RECVMSG, passed, U32, PASSED, 0)
#define SAKER_PARAMS_RECVMMSG(P, I)                                                        \
	P(RECVMMSG, res, ERRNO, RET, 0) P(RECVMMSG, fd, FD, ARG, 0) P(RECVMMSG, size, U32, SIZE, 0) \
	P(RECVMMSG, data, BYTES, DATA, 0) P(RECVMMSG, tuple, TUPLE, ENDS, 0)               \
	P(RECVMMSG, msgcontrol, BYTES, CONTROL, 0) I(RECVMMSG, index, U32, INDEX, 0)       \
	I(RECVMMSG, passed, U32, PASSED, 0)
#define SAKER_PARAMS_SHUTDOWN(P, I)                                                        \
	P(SHUTDOWN, res, ERRNO, RET, 0) P(SHUTDOWN, fd, FD, ARG, 0)                        \
	P(SHUTDOWN, how, SHUTDOWN_HOW, ARG, 1)
/* Falco's have no parameters: no evt.rawres either. */
#define SAKER_PARAMS_GETSOCKNAME(P, I) I(GETSOCKNAME, res, ERRNO, RET, 0) I(GETSOCKNAME, fd, FD, ARG, 0)
#define SAKER_PARAMS_GETPEERNAME(P, I) I(GETPEERNAME, res, ERRNO, RET, 0) I(GETPEERNAME, fd, FD, ARG, 0)
/* `val`: the first int of the option. */
#define SAKER_PARAMS_SETSOCKOPT(P, I)                                                      \
	P(SETSOCKOPT, res, ERRNO, RET, 0) P(SETSOCKOPT, fd, FD, ARG, 0)                    \
	P(SETSOCKOPT, level, SOCKOPT_LEVEL, ARG, 1) P(SETSOCKOPT, optname, SOCKOPT_NAME, ARG, 2) \
	P(SETSOCKOPT, val, I64, OPTVAL, 0) P(SETSOCKOPT, optlen, U32, SIZE, 0)
#define SAKER_PARAMS_GETSOCKOPT(P, I)                                                      \
	P(GETSOCKOPT, res, ERRNO, RET, 0) P(GETSOCKOPT, fd, FD, ARG, 0)                    \
	P(GETSOCKOPT, level, SOCKOPT_LEVEL, ARG, 1) P(GETSOCKOPT, optname, SOCKOPT_NAME, ARG, 2) \
	P(GETSOCKOPT, val, I64, OPTVAL, 0) P(GETSOCKOPT, optlen, U32, SIZE, 0)             \
	I(GETSOCKOPT, tuple, TUPLE, ENDS, 0)
#define SAKER_PARAMS_SOCKETPAIR(P, I)                                                      \
	P(SOCKETPAIR, res, ERRNO, RET, 0) P(SOCKETPAIR, fd1, FD, PAIR, 0)                  \
	P(SOCKETPAIR, fd2, FD, PAIR, 1) P(SOCKETPAIR, source, HEX, PAIRSOCK, 0)            \
	P(SOCKETPAIR, peer, HEX, PAIRSOCK, 1) P(SOCKETPAIR, domain, DOMAIN, ARG, 0)        \
	P(SOCKETPAIR, type, U32, ARG, 1) P(SOCKETPAIR, proto, U32, ARG, 2)
#define SAKER_PARAMS_PIPE(P, I)                                                            \
	P(PIPE, res, ERRNO, RET, 0) P(PIPE, fd1, FD, PAIR, 0) P(PIPE, fd2, FD, PAIR, 1)    \
	P(PIPE, ino, U64, PAIRINO, 0)
#define SAKER_PARAMS_PIPE2(P, I)                                                           \
	P(PIPE2, res, ERRNO, RET, 0) P(PIPE2, fd1, FD, PAIR, 0) P(PIPE2, fd2, FD, PAIR, 1) \
	P(PIPE2, ino, U64, PAIRINO, 0) P(PIPE2, flags, FD_FLAGS, ARG, 1)
/* The new descriptor stands before it as a record of `file`. */
#define SAKER_PARAMS_PIDFD_GETFD(P, I)                                                     \
	P(PIDFD_GETFD, fd, FD, RET, 0) P(PIDFD_GETFD, pid_fd, FD, ARG, 0)                  \
	P(PIDFD_GETFD, target_fd, FD, ARG, 1) P(PIDFD_GETFD, flags, HEX, UINT, 2)
#define SAKER_PARAMS_CLOSE_RANGE(P, I)                                                             \
	P(CLOSE_RANGE, res, ERRNO, RET, 0) P(CLOSE_RANGE, first, U32, ARG, 0)                      \
	P(CLOSE_RANGE, last, U32, ARG, 1) P(CLOSE_RANGE, flags, CLOSE_RANGE_FLAGS, ARG, 2)

#endif /* SAKER_PARAMS_IO_H */
