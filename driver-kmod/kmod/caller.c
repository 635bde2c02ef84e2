// SPDX-License-Identifier: GPL-2.0
/*
 * Who has called a function that both system calls and requests of io_uring come to: io_uring's own functions have
 * names of their own (io_openat2(), io_issue_sqe(), ...), in all kernels that have them.
 */
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/ptrace.h>
#include <linux/string.h>

#include "fillers.h"
#include "saker_kmod.h"

/* Enough to tell them apart. */
#define NAME_BYTES 48

/* Answers by address, which say themselves what they are of: no lock. A few dozen places call such functions. */
#define CACHE_BITS 6
static u64 cache[1 << CACHE_BITS];
#define ANSWER_BITS 2

static enum saker_caller look_up(unsigned long address)
{
	char name[NAME_BYTES];
	const char *begin = name;

	snprintf(name, sizeof(name), "%ps", (void *)address);
	/* Another probe has put its own address there (kretprobes, the tracer of functions), or there are no names. */
	if (strstr(name, "trampoline") || strstr(name, "return_to_handler") || !strncmp(name, "0x", 2))
		return SAKER_CALLER_HIDDEN;
	while (*begin == '_')
		begin++;
	return strncmp(begin, "io_", 3) ? SAKER_CALLER_CALL : SAKER_CALLER_RING;
}

enum saker_caller saker_caller(const struct pt_regs *regs)
{
	unsigned long address = 0;
	u64 *slot, known;

	/* At its first instruction the return address is on top of the stack. */
	saker_kread(&address, sizeof(address), (const void *)regs->sp);
	if (!address)
		return SAKER_CALLER_HIDDEN;
	slot = &cache[hash_long(address, CACHE_BITS)];
	known = READ_ONCE(*slot);
	/* The bits shifted out are those of all addresses of the kernel. */
	if (known >> ANSWER_BITS != address << ANSWER_BITS >> ANSWER_BITS) {
		known = (u64)address << ANSWER_BITS | look_up(address);
		WRITE_ONCE(*slot, known);
	}
	return known & ((1 << ANSWER_BITS) - 1);
}
