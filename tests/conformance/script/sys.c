/* Steps, children, threads and memory: see sys.h. */
#include "sys.h"
#include <linux/time_types.h>

#define STACK_BYTES 65536
#define LONG_BUFFERS 4
/* No wait of the script takes longer. */
#define WAIT_S 60

static char long_strings[LONG_BUFFERS][LONG_BYTES];
static char stacks[STACKS][STACK_BYTES] __attribute__((aligned(64)));
char *no_strings[1];

void *memset(void *to, int byte, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		((volatile char *)to)[i] = byte;
	return to;
}

void *memcpy(void *to, const void *from, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

long length_of(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	return n;
}

int same_text(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

char *append(char *to, const char *text)
{
	long n = length_of(text);

	memcpy(to, text, n + 1);
	return to + n;
}

char *append_number(char *to, unsigned long value)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = '0' + value % 10;
	while (value /= 10);
	while (n)
		*to++ = digits[--n];
	*to = 0;
	return to;
}

void leave(int status)
{
	SYSN(exit_group, status);
	__builtin_unreachable();
}

void die(const char *what, long value)
{
	char text[256], *end = append(text, "conformance script: ");

	end = append(end, what);
	end = append(end, value < 0 ? ": error " : ": ");
	end = append_number(end, value < 0 ? -value : value);
	end = append(end, "\n");
	SYSN(write, 2, text, end - text);
	leave(99);
}

long must(long value, const char *what)
{
	if (value < 0)
		die(what, value);
	return value;
}

void step(const char *name)
{
	char path[128];

	append(append(path, "/saker-step/"), name);
	SYSN(unlink, path);
}

void step2(const char *group, const char *name)
{
	char text[112];

	append(append(append(text, group), "/"), name);
	step(text);
}

char *long_string(int buffer, const char *start, long length)
{
	char *to = long_strings[buffer];
	long n = length_of(start);

	memset(to, 'a', length);
	memcpy(to, start, n < length ? n : length);
	to[length] = 0;
	return to;
}

static long now_s(void)
{
	struct __kernel_timespec now;

	SYSN(clock_gettime, 1, &now);
	return now.tv_sec;
}

int reap(long pid)
{
	int status = 0;

	must(SYSN(wait4, pid, &status, 0x40000000 /* __WALL */), "wait4");
	return status;
}

/* The child finds function and argument on its stack: it shares no registers it could trust. */
__asm__(".globl start_on_stack\n"
	"start_on_stack:\n" /* rdi: number, rsi..r9: arguments of the call with rdx = top of stack */
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	xor %r10d, %r10d\n"
	"	xor %r8d, %r8d\n"
	"	xor %r9d, %r9d\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	pop %rax\n"
	"	pop %rdi\n"
	"	xor %ebp, %ebp\n"
	"	call *%rax\n"
	"	movslq %eax, %rdi\n"
	"	mov $60, %eax\n"
	"	syscall\n"
	"	hlt\n");
long start_on_stack(long nr, long a, long b, long c);

/* Top of a stack that holds function and argument; 16-byte aligned at the call. */
static char *prepare_stack(int stack, int (*code)(void *), void *argument)
{
	void **top = (void **)(stacks[stack] + STACK_BYTES - 64);

	top[0] = (void *)code;
	top[1] = argument;
	return (char *)top;
}

long clone_on_stack(unsigned long flags, int stack, int (*code)(void *), void *argument)
{
	return start_on_stack(__NR_clone, flags, (long)prepare_stack(stack, code, argument), 0);
}

long clone3_on_stack(void *arguments, int stack, int (*code)(void *), void *argument)
{
	__u64 *words = arguments;

	words[5] = (__u64)stacks[stack];
	words[6] = prepare_stack(stack, code, argument) - stacks[stack];
	return start_on_stack(__NR_clone3, (long)arguments, 88, 0);
}

long thread(int stack, int (*code)(void *), void *argument)
{
	return must(clone_on_stack(CLONE_THREAD_FLAGS, stack, code, argument), "a thread");
}

void join(long tid)
{
	long end = now_s() + WAIT_S;

	/* The number is free only after the thread's exit was recorded. Nobody records this question. */
	while (SYSN(sched_getscheduler, tid) != -ESRCH) {
		if (now_s() > end)
			die("a thread does not end", tid);
		SYSN(sched_yield);
	}
}

void await(volatile int *word, int value)
{
	long end = now_s() + WAIT_S;

	while (*word != value) {
		if (now_s() > end)
			die("nobody sets the word to", value);
		SYSN(sched_yield);
	}
}

char *descriptor_path(long fd)
{
	static char path[32];

	append_number(append(path, "/proc/self/fd/"), fd);
	return path;
}

long look(long fd, void *to, unsigned long n)
{
	struct {
		void *base;
		unsigned long length;
	} part = { to, n };

	return SYSN(preadv2, fd, &part, 1, 0, 0, 0);
}

void write_file(const char *path, const char *text)
{
	long fd = must(SYSN(open, S(path), O_WRONLY | O_CREAT | O_TRUNC, 0755), path);

	must(SYSN(write, fd, text, length_of(text)), path);
	SYSN(close, fd);
}

void copy_program(const char *to, int mode)
{
	static char block[16384];
	long from = must(SYSN(open, S("/proc/self/exe"), 0), "/proc/self/exe"), n;
	long fd = must(SYSN(open, S(to), O_WRONLY | O_CREAT | O_TRUNC, mode), to);

	while ((n = must(SYSN(read, from, block, sizeof(block)), "read the program")) > 0)
		must(SYSN(write, fd, block, n), "write the program");
	SYSN(close, fd);
	SYSN(close, from);
}

static void map_fixed(long at, int protection)
{
	/* MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED */
	must(SYSN(mmap, at, PAGE, protection, 0x32, -1, 0), "mmap");
}

void own_memory(void)
{
	extern char etext[], end[];
	long from = ((long)etext + PAGE - 1) & -PAGE, to = ((long)end + PAGE - 1) & -PAGE;

	must(SYSN(mprotect, from, to - from, 3), "mprotect");
	for (volatile char *page = (char *)from; page < (char *)to; page += PAGE)
		*page = *page;
}

void odd_memory(void)
{
	map_fixed(ODD_PAGE, 3);
	map_fixed(ODD_FORBIDDEN, 0);
	map_fixed(ODD_UNTOUCHED, 3);
	memset((void *)ODD_PAGE, 'p', PAGE);
}

char *at_page_end(long length, int nul)
{
	char *page = (char *)ODD_PAGE;

	memset(page, 'p', PAGE);
	if (nul)
		page[PAGE - 1] = 0;
	page += PAGE - length;
	if (length > 4)
		memcpy(page, "no/", 3); /* a directory that is not there */
	return page;
}

char *untouched(void)
{
	SYSN(madvise, ODD_UNTOUCHED, PAGE, 4 /* MADV_DONTNEED */);
	return (char *)ODD_UNTOUCHED;
}
