/*
 * What the script is made of: system calls without a libc, steps, children, threads.
 *
 * The program is static, not relocated and has no libc: it makes exactly the calls that are written here,
 * with every unused argument zero, and everything it points to lies below 4 GiB at the same address in
 * every run. Memory that a call points to was written before (S, buffers), so that it is present when a
 * driver looks: drivers cannot wait for a page.
 */
#ifndef SAKER_SCRIPT_SYS_H
#define SAKER_SCRIPT_SYS_H

#include <asm/unistd_64.h>
#include <linux/types.h>

#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

#define NULL ((void *)0)
#define WORK "/tmp/saker-conformance"
#define PROGRAM WORK "/prog"
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PAGE 4096L

/* Of include/uapi; linux/fcntl.h and linux/signal.h do not live well together with others. */
#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_CLOEXEC 02000000
#define O_PATH 010000000
#define O_TMPFILE 020200000
#define SIGQUIT 3
#define SIGABRT 6
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGTERM 15
#define SIGCHLD 17
#define SIGSTOP 19
#define EPERM 1
#define ESRCH 3
#define ENOSYS 38

static inline long sys_raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* A call of the 32-bit ABI from 64-bit code. Its sixth argument is 0: the frame pointer is away meanwhile. */
static inline long sys_raw32(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	__asm__ volatile("mov %%rbp, %%r12\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "int $0x80\n\t"
			 "mov %%r12, %%rbp"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "r8", "r9", "r10", "r11", "r12", "memory");
	return (int)ret;
}

#define SYS_FIRST6(nr, a, b, c, d, e, f, ...)                                                      \
	sys_raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS(...) SYS_FIRST6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
/* SYSN(open, ...): by name. */
#define SYSN(name, ...) SYS(__NR_##name __VA_OPT__(, ) __VA_ARGS__)
#define SYS_FIRST5(nr, a, b, c, d, e, ...)                                                         \
	sys_raw32(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define SYS32(...) SYS_FIRST5(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* What follows belongs to this step: a removal that fails, which the dump takes for a heading. */
void step(const char *name);
/* The step called "GROUP/NAME". */
void step2(const char *group, const char *name);

/* Ends the script with a message on standard error: the machine lacks what it needs. */
void die(const char *what, long value) __attribute__((noreturn));
/* `value`, if it is no error. */
long must(long value, const char *what);
void leave(int status) __attribute__((noreturn));

/* A string as an argument: none is written to. */
#define S(text) ((char *)(text))
/* `start` and then the letter a, `length` bytes in all, in one of the big buffers. */
char *long_string(int buffer, const char *start, long length);
#define LONG_BYTES 140000

long length_of(const char *text);
int same_text(const char *a, const char *b);
char *append(char *to, const char *text);
char *append_number(char *to, unsigned long value);
void *memset(void *to, int byte, unsigned long n);
void *memcpy(void *to, const void *from, unsigned long n);

/* Waits for a child to end and returns its status. */
int reap(long pid);
/* The code in a child; the parent goes on when it has ended. */
#define CHILD(...)                                                                                 \
	do {                                                                                       \
		long child_pid__ = SYSN(fork);                                                     \
		if (!child_pid__) {                                                                \
			__VA_ARGS__;                                                               \
			leave(0);                                                                  \
		}                                                                                  \
		reap(must(child_pid__, "fork"));                                                   \
	} while (0)

/* clone(2) with a stack of its own: the child runs `code` and leaves with what it returns. */
long clone_on_stack(unsigned long flags, int stack, int (*code)(void *), void *argument);
/* clone3(2) in the same way; `arguments` is a struct clone_args, whose stack is filled in here. */
long clone3_on_stack(void *arguments, int stack, int (*code)(void *), void *argument);
#define STACKS 4
#define CLONE_THREAD_FLAGS 0x50f00 /* VM FS FILES SIGHAND THREAD SYSVSEM */
long thread(int stack, int (*code)(void *), void *argument);
/* Waits until a thread of this group is gone, its exit recorded. */
void join(long tid);
/* Waits for a word that another thread sets. */
void await(volatile int *word, int value);
/* "/proc/self/fd/N" */
char *descriptor_path(long fd);
/* Sets the word, then returns in a world without the leader of this thread. */
void outlive_leader(volatile int *opened);
void write_file(const char *path, const char *text);
void copy_program(const char *to, int mode);
/* Reads from the beginning of a file, by a call that nobody records: for loops that wait. */
long look(long fd, void *to, unsigned long n);

/* Memory nobody can read, in different ways; addresses fit 32 bits. Set up by odd_memory(). */
#define ODD_PAGE 0x20000000L	  /* readable, and behind it nothing */
#define ODD_UNMAPPED 0x20001000L
#define ODD_FORBIDDEN 0x20010000L /* PROT_NONE */
#define ODD_UNTOUCHED 0x20020000L /* mapped, never touched */
#define ODD_KERNEL 0xffffffff81000000L
#define ODD_KERNEL_DATA 0xffff888000001000L
#define ODD_VSYSCALL 0xffffffffff600000L
#define ODD_NON_CANONICAL 0x8000000000000000L
#define ODD_USER_END 0x00007ffffffff000L
void odd_memory(void);
/* Makes constants, data and bss this process's own memory, which a fork shares page by page. */
void own_memory(void);
/* `length` bytes that end where the readable page ends, without a NUL unless `nul`. */
char *at_page_end(long length, int nul);
/* Takes the untouched page away again, so that it has not been touched. */
char *untouched(void);

/* The parts of the script, one a file. */
void strings(void);
void garbage(void);
void files(void);
void names(void);
void sockets(void);
void io(void);
void births(void);
void threads(void);
void execs(void);
void failed_execs(void);
void exits(void);
void credentials(void);
void kernel_calls(void);
void descriptors(void);
void system_calls(void);
void mounts(void);
void compat(void);
void standing_still(void);
/* For a program of the script that is to stay. */
void stand(void) __attribute__((noreturn));

extern char **environment;
extern char *no_strings[1];
extern int has_compat; /* the kernel has the 32-bit ABI */

#endif /* SAKER_SCRIPT_SYS_H */
