// SPDX-License-Identifier: GPL-2.0
/* The next pid of the initial namespace, for cursors that survive the death of what they point to. */
#include <linux/bitops.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>

#ifdef SAKER_HAVE_PID_IDR /* 4.15 */

#include <linux/idr.h>

struct pid *saker_pid_from(int nr)
{
	return idr_get_next(&init_pid_ns.idr, &nr);
}

#else

/* Numbers of a page of the bitmap. */
#define PAGE_NUMBERS (PAGE_SIZE * 8)

struct pid *saker_pid_from(int nr)
{
	unsigned long number = nr;

	while (number / PAGE_NUMBERS < PIDMAP_ENTRIES) {
		const void *bits = READ_ONCE(init_pid_ns.pidmap[number / PAGE_NUMBERS].page);
		unsigned long first = number - number % PAGE_NUMBERS;
		unsigned long bit = PAGE_NUMBERS;
		struct pid *pid;

		if (bits)
			bit = find_next_bit(bits, PAGE_NUMBERS, number % PAGE_NUMBERS);
		number = first + bit;
		if (bit == PAGE_NUMBERS)
			continue;
		/* A number is taken before its pid is found, and freed after. */
		pid = find_pid_ns(number, &init_pid_ns);
		if (pid)
			return pid;
		number++;
	}
	return NULL;
}

#endif
