/* SPDX-License-Identifier: GPL-2.0 */
/* Words of the kernel's C that came over the years. */
#ifndef SAKER_COMPAT_LANG_H
#define SAKER_COMPAT_LANG_H

#include <asm/barrier.h>
#include <linux/fdtable.h>
#include <linux/poll.h>
#include <linux/stddef.h>

/* 3.19, and back-ported to many. */
#ifndef READ_ONCE
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#endif
#ifndef WRITE_ONCE
#define WRITE_ONCE(x, value) ((void)(*(volatile typeof(x) *)&(x) = (value)))
#endif

/* 3.14. Stores and loads of x86 are in this order anyway: the compiler has to be told. */
#ifndef smp_store_release
#define smp_store_release(p, v)                                                                    \
	do {                                                                                       \
		barrier();                                                                         \
		WRITE_ONCE(*(p), v);                                                               \
	} while (0)
#endif
#ifndef smp_load_acquire
#define smp_load_acquire(p)                                                                        \
	({                                                                                         \
		typeof(*(p)) loaded__ = READ_ONCE(*(p));                                           \
		barrier();                                                                         \
		loaded__;                                                                          \
	})
#endif

/* 4.1; in a header of its own later. */
#ifndef offsetofend
#define offsetofend(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
#endif

/* 4.16 and back-ported, with fdtable.h where that needs it. Kernels without it do not guard their own tables. */
#ifndef array_index_nospec
#define array_index_nospec(index, size) (index)
#endif

/* 4.16. */
#ifndef SAKER_HAVE_POLL_T
typedef unsigned int __poll_t;
#endif
#ifndef EPOLLIN
#define EPOLLIN POLLIN
#define EPOLLRDNORM POLLRDNORM
#endif

#endif /* SAKER_COMPAT_LANG_H */
