/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which requests of io_uring this kernel has: those that are not seen are missing only where there are any.
 * CONFIG_IO_URING came with 5.1.
 */
#ifndef SAKER_COMPAT_RINGS_H
#define SAKER_COMPAT_RINGS_H

#if defined(CONFIG_IO_URING) && defined(SAKER_HAVE_URING_CONNECTS)
#define RINGS_CONNECT true
#else
#define RINGS_CONNECT false
#endif
#if defined(CONFIG_IO_URING) && defined(SAKER_HAVE_URING_OPENS)
#define RINGS_OPEN true
#else
#define RINGS_OPEN false
#endif
#if defined(CONFIG_IO_URING) && defined(SAKER_HAVE_URING_NAMES)
#define RINGS_NAME true
#else
#define RINGS_NAME false
#endif
#if defined(CONFIG_IO_URING) && defined(SAKER_HAVE_URING_LINKS)
#define RINGS_LINK true
#else
#define RINGS_LINK false
#endif
#if defined(CONFIG_IO_URING) && defined(SAKER_HAVE_URING_SOCKETS)
#define RINGS_MAKE_SOCKETS true
#else
#define RINGS_MAKE_SOCKETS false
#endif
#if defined(CONFIG_IO_URING) && defined(SAKER_HAVE_URING_BINDS)
#define RINGS_BIND true
#else
#define RINGS_BIND false
#endif

/* Elsewhere threads of the kernel do requests that wait, and whose they are is not told. */
#ifdef SAKER_HAVE_IO_THREAD
#define REQUESTS_ARE_OWNED true
#else
#define REQUESTS_ARE_OWNED false
#endif

#endif /* SAKER_COMPAT_RINGS_H */
