// SPDX-License-Identifier: GPL-2.0
/* The next pid of the initial namespace, for cursors that survive the death of what they point to. */
#include <linux/bitops.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>

#ifdef SAKER_HAVE_PID_IDR /* 4.15 */

#include <linux/idr.h>

/*
 * Before 5.4, and as long in 4.19 until 4.19.86, a number that is freed while it is found ends the search as if there was
 * no further one. Then the search is at that number; at the end it stays where it began. It may have begun at that number:
 * so only the second such end counts.
 */
struct pid *saker_pid_from(int nr)
{
	bool stayed = false;

	for (;;) {
		int at = nr;
		struct pid *pid = idr_get_next(&init_pid_ns.idr, &at);

		if (pid || (at == nr && stayed))
			return pid;
		stayed = at == nr;
		nr = at + 1;
	}
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
