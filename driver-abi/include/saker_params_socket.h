/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* Parameters of events (saker_events.h): sockets. */
#ifndef SAKER_PARAMS_SOCKET_H
#define SAKER_PARAMS_SOCKET_H

#define SAKER_PARAMS_SOCKET(P, I)                                                                  \
	P(SOCKET, fd, FD, RET, 0) P(SOCKET, domain, DOMAIN, FAMILY, 0) P(SOCKET, type, U32, ARG, 1)   \
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

#endif /* SAKER_PARAMS_SOCKET_H */
