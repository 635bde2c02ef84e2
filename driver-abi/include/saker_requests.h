/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * Requests of io_uring and the events that they amount to.
 *
 * SAKER_REQUESTS(R): one R(NAME, number, ID) a request: IORING_OP_NAME of include/uapi/linux/io_uring.h, event ID.
 * SAKER_REQUESTS_MOVED(M): one M(ID, name, class) an event whose requests move data (fillers of io.h).
 */
#ifndef SAKER_REQUESTS_TABLE_H
#define SAKER_REQUESTS_TABLE_H

#define SAKER_REQUESTS(R)                                                                          \
	R(READV, 1, READV)                                                                         \
	R(WRITEV, 2, WRITEV)                                                                       \
	R(READ_FIXED, 4, READ_CALL)                                                                \
	R(WRITE_FIXED, 5, WRITE_CALL)                                                              \
	R(SENDMSG, 9, SENDMSG)                                                                     \
	R(RECVMSG, 10, RECVMSG)                                                                    \
	R(ACCEPT, 13, ACCEPT4)                                                                     \
	R(CONNECT, 16, CONNECT)                                                                    \
	R(OPENAT, 18, OPENAT)                                                                      \
	R(CLOSE, 19, CLOSE)                                                                        \
	R(READ, 22, READ_CALL)                                                                     \
	R(WRITE, 23, WRITE_CALL)                                                                   \
	R(SEND, 26, SENDTO)                                                                        \
	R(RECV, 27, RECVFROM)                                                                      \
	R(OPENAT2, 28, OPENAT2)                                                                    \
	R(RENAMEAT, 35, RENAMEAT2)                                                                 \
	R(UNLINKAT, 36, UNLINKAT)                                                                  \
	R(MKDIRAT, 37, MKDIRAT)                                                                    \
	R(SYMLINKAT, 38, SYMLINKAT)                                                                \
	R(LINKAT, 39, LINKAT)                                                                      \
	R(SOCKET, 45, SOCKET)                                                                      \
	R(SEND_ZC, 47, SENDTO)                                                                     \
	R(SENDMSG_ZC, 48, SENDMSG)                                                                 \
	R(READ_MULTISHOT, 49, READ_CALL)                                                           \
	R(FIXED_FD_INSTALL, 54, DUP3)                                                              \
	R(BIND, 56, BIND)                                                                          \
	R(LISTEN, 57, LISTEN)                                                                      \
	R(READV_FIXED, 60, READV)                                                                  \
	R(WRITEV_FIXED, 61, WRITEV)

#define SAKER_REQUESTS_MOVED(M)                                                                    \
	M(SENDTO, sendto, FILE)                                                                    \
	M(SENDMSG, sendmsg, FILE)                                                                  \
	M(RECVFROM, recvfrom, FILE)                                                                \
	M(RECVMSG, recvmsg, FILE)                                                                  \
	M(READ_CALL, read, NOISE)                                                                  \
	M(WRITE_CALL, write, NOISE)                                                                \
	M(READV, readv, NOISE)                                                                     \
	M(WRITEV, writev, NOISE)

#define SAKER_URING_OPCODES 128 /* a power of two above the numbers */

/* SAKER_URING_OPENAT, ... */
#define SAKER_REQUEST_NUMBER(NAME, number, ID) SAKER_URING_##NAME = number,
enum saker_uring_opcode { SAKER_REQUESTS(SAKER_REQUEST_NUMBER) };

#define SAKER_REQUEST_ONE(...) + 1
enum {
	SAKER_NR_URING_REQUESTS = 0 SAKER_REQUESTS(SAKER_REQUEST_ONE),
	SAKER_NR_URING_MOVED = 0 SAKER_REQUESTS_MOVED(SAKER_REQUEST_ONE)
};

#endif /* SAKER_REQUESTS_TABLE_H */
