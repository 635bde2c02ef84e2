/*
 * Every string argument of every plain call with every odd string, and every number with garbage. All of
 * it fails, or does what nobody sees afterwards.
 */
#include "calls.h"
#include "sys.h"

struct odd_string {
	const char *name;
	char *text; /* or made by length */
	long length;
};

/* Around the windows of the fillers (112, 512, 4104 bytes with the NUL) and of the kernel (4096). */
static const struct odd_string odd_strings[] = {
	{ "null", 0, 0 },
	{ "unmapped", (char *)ODD_UNMAPPED, 0 },
	{ "forbidden", (char *)ODD_FORBIDDEN, 0 },
	{ "kernel", (char *)ODD_KERNEL, 0 },
	{ "kernel data", (char *)ODD_KERNEL_DATA, 0 },
	{ "vsyscall", (char *)ODD_VSYSCALL, 0 },
	{ "non-canonical", (char *)ODD_NON_CANONICAL, 0 },
	{ "end of user space", (char *)ODD_USER_END, 0 },
	{ "minus one", (char *)-1L, 0 },
	{ "110", 0, 110 },
	{ "111", 0, 111 },
	{ "112", 0, 112 },
	{ "113", 0, 113 },
	{ "510", 0, 510 },
	{ "511", 0, 511 },
	{ "512", 0, 512 },
	{ "513", 0, 513 },
	{ "4094", 0, 4094 },
	{ "4095", 0, 4095 },
	{ "4096", 0, 4096 },
	{ "4102", 0, 4102 },
	{ "4103", 0, 4103 },
	{ "4104", 0, 4104 },
	{ "4105", 0, 4105 },
	{ "9000", 0, 9000 },
};

/* Makes the call; its string arguments are `text`, or only the one with number `only`. */
static void call_with(const struct plain_call *call, int only, char *text, int narrow)
{
	long args[MAX_ARGS], ret;
	int nth = 0;

	for (int i = 0; i < MAX_ARGS; i++) {
		args[i] = call->args[i];
		if (args[i] != STR)
			continue;
		args[i] = (long)(only < 0 || nth == only ? text : S("no/such"));
		nth++;
	}
	if (narrow)
		ret = SYS32(call->nr32, args[0], args[1], args[2], args[3], args[4]);
	else
		ret = SYS(call->nr64, args[0], args[1], args[2], args[3], args[4]);
	/* memfd_create takes nearly any name. */
	if (call->nr64 == __NR_memfd_create && ret >= 0)
		SYSN(close, ret);
}

static int string_count(const struct plain_call *call)
{
	int n = 0;

	for (int i = 0; i < MAX_ARGS; i++)
		n += call->args[i] == STR;
	return n;
}

static void strings_of(const struct plain_call *call, int only, const char *which)
{
	char name[80];

	append(append(append(append(name, "strings/"), call->name), "/"), which);
	step(name);
	for (int i = 0; i < COUNT(odd_strings); i++) {
		const struct odd_string *odd = &odd_strings[i];

		call_with(call, only, odd->length ? long_string(0, "no/such/", odd->length) : odd->text,
			  0);
	}
	/* memory that begins well and ends badly, at all windows */
	call_with(call, only, at_page_end(1, 1), 0);
	call_with(call, only, at_page_end(1, 0), 0);
	call_with(call, only, at_page_end(60, 0), 0);
	call_with(call, only, at_page_end(112, 0), 0);
	call_with(call, only, at_page_end(113, 1), 0);
	call_with(call, only, at_page_end(300, 0), 0);
	call_with(call, only, at_page_end(4000, 0), 0);
	call_with(call, only, S("no/\xff\x01\n\t\"\\ such"), 0);
	call_with(call, only, untouched(), 0);
}

static void narrow_strings(const struct plain_call *call, int only, const char *which)
{
	char name[80];

	append(append(append(append(name, "strings32/"), call->name), "/"), which);
	step(name);
	call_with(call, only, S("no/such"), 1);
	call_with(call, only, 0, 1);
	call_with(call, only, (char *)ODD_UNMAPPED, 1);
	call_with(call, only, (char *)0xfffff000L, 1);
	call_with(call, only, long_string(0, "no/such/", 112), 1);
	call_with(call, only, long_string(0, "no/such/", 4096), 1);
	call_with(call, only, at_page_end(60, 0), 1);
	/* The upper half of a register is not part of a 32-bit argument. */
	call_with(call, only, S("no/such") + 0xdeadbeef00000000L, 1);
}

void strings(void)
{
	static const char *const nth[] = { "first", "second", "third" };

	for (int i = 0; i < plain_call_count; i++) {
		const struct plain_call *call = &plain_calls[i];
		int n = string_count(call);

		if (!n)
			continue;
		for (int only = 0; only < n; only++) {
			if (call->nr64 >= 0)
				strings_of(call, only, nth[only]);
			if (has_compat && call->nr32 >= 0)
				narrow_strings(call, only, nth[only]);
		}
		if (n > 1 && call->nr64 >= 0) {
			step2("strings-all", call->name);
			call_with(call, -1, long_string(0, "no/such/", 4095), 0);
			call_with(call, -1, long_string(0, "no/such/", 300), 0);
			call_with(call, -1, 0, 0);
		}
	}
}

/* Numbers whose upper or lower half, sign or width somebody could get wrong. */
static const long numbers[] = {
	-1L,
	0x80000000L,
	-0x80000000L,
	0xffffffffL,
	0x7fffffffffffffffL,
	(long)0x8000000000000000UL,
	0x1234567890abcdefL,
	(long)0xdeadbeef7ffffff1UL,
};

static void garbage_calls(const struct plain_call *call, int narrow)
{
	for (int i = 0; i < COUNT(numbers); i++) {
		long n = numbers[i];

		for (int at = 0; at < MAX_ARGS; at++) {
			long args[MAX_ARGS];

			/* Strings had their turn; a zero may be an argument that is not there. */
			if (call->args[at] == STR || (!call->args[at] && at > 2))
				continue;
			/* A length would make the kernel allocate it: see kernel_calls(). */
			if (call->nr64 == __NR_init_module && at == 1)
				continue;
			/* What is checked first, descriptor or flags, is another matter in other kernels. */
			if (call->nr64 == __NR_io_uring_enter && at == 3)
				continue;
			for (int k = 0; k < MAX_ARGS; k++)
				args[k] = call->args[k] == STR ? (long)S("no/such") : call->args[k];
			args[at] = n;
			if (narrow)
				SYS32(call->nr32, args[0], args[1], args[2], args[3], args[4]);
			else
				SYS(call->nr64, args[0], args[1], args[2], args[3], args[4]);
		}
	}
}

void garbage(void)
{
	for (int i = 0; i < plain_call_count; i++) {
		const struct plain_call *call = &plain_calls[i];

		/* Each in a child: what some of them may change ends with it. */
		if (call->nr64 >= 0) {
			step2("garbage", call->name);
			CHILD(garbage_calls(call, 0));
		}
		if (has_compat && call->nr32 >= 0) {
			step2("garbage32", call->name);
			CHILD(garbage_calls(call, 1));
		}
	}
}
