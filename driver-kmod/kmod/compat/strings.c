// SPDX-License-Identifier: GPL-2.0
/*
 * Strings from memory that may not be there, the same on every kernel: those that have such functions
 * do not export them.
 *
 * Pieces end where pages do, so a piece is there altogether or not at all, and that something behind
 * the NUL is missing is never noticed.
 */
#include <linux/errno.h>

/* Most paths and arguments in one piece. */
#define PIECE_BYTES 64u

static size_t piece_bytes(unsigned long from, size_t left)
{
	size_t page_left = PAGE_SIZE - (from & ~PAGE_MASK);

	return min3(left, page_left, (size_t)PIECE_BYTES);
}

long saker_uread_str(char *to, size_t size, const char __user *from)
{
	size_t done = 0;

	while (done < size) {
		const char __user *at = from + done;
		size_t piece = piece_bytes((__force unsigned long)at, size - done);
		const char *nul;

		if (!saker_is_user_range(at, piece) || saker_copy_user(to + done, at, piece))
			return -EFAULT;
		nul = memchr(to + done, 0, piece);
		if (nul)
			return nul - to + 1;
		done += piece;
	}
	if (size)
		to[size - 1] = 0;
	return size;
}

#ifdef SAKER_HAVE_GET_KERNEL_NOFAULT

/* Byte by byte, since KASAN objects to bytes behind the end of an allocation. */
long saker_kread_str(char *to, size_t size, const char *from)
{
	size_t done;

	for (done = 0; done < size; done++) {
		if (!saker_is_kernel_range(from + done, 1))
			return -EFAULT;
		pagefault_disable();
		__get_kernel_nofault(to + done, from + done, char, fault);
		pagefault_enable();
		if (!to[done])
			return done + 1;
	}
	if (size)
		to[size - 1] = 0;
	return size;
fault:
	pagefault_enable();
	return -EFAULT;
}

#else /* until 5.8 */

long saker_kread_str(char *to, size_t size, const char *from)
{
	size_t done = 0;

	while (done < size) {
		const char *at = from + done;
		size_t piece = piece_bytes((unsigned long)at, size - done);
		const char *nul;

		if (saker_kread(to + done, piece, at))
			return -EFAULT;
		nul = memchr(to + done, 0, piece);
		if (nul)
			return nul - to + 1;
		done += piece;
	}
	if (size)
		to[size - 1] = 0;
	return size;
}

#endif
