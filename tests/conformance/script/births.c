/* Processes are born in every way; clone's flags as the drivers see them in the kernel's facts. */
#include "sys.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

static char *const leaf_arguments[] = { PROGRAM, "leaf", NULL };

static int leaf(void *argument)
{
	(void)argument;
	return 3;
}

/* A child with these flags and a stack of its own. */
static void clone_child(const char *label, unsigned long flags)
{
	step2("clone", label);
	reap(must(clone_on_stack(flags | SIGCHLD, 0, leaf, 0), label));
}

static void clone3_child(const char *label, __u64 flags, __u32 *numbers, int number_count)
{
	static struct clone_args arguments;

	memset(&arguments, 0, sizeof(arguments));
	arguments.flags = flags;
	arguments.exit_signal = SIGCHLD;
	arguments.set_tid = (__u64)numbers;
	arguments.set_tid_size = number_count;
	step2("clone3", label);
	long pid = clone3_on_stack(&arguments, 0, leaf, 0);

	if (pid > 0)
		reap(pid);
}

/* The child borrows memory and stack; it leaves or starts a program before anything returns here. */
static __attribute__((noinline)) void vforks(void)
{
	long pid;

	step("vfork/exit");
	pid = SYSN(vfork);
	if (!pid)
		leave(4);
	reap(must(pid, "vfork"));
	step("vfork/exec");
	pid = SYSN(vfork);
	if (!pid) {
		SYSN(execve, PROGRAM, leaf_arguments, environment);
		leave(5);
	}
	reap(must(pid, "vfork"));
	step("vfork/exec fails, then succeeds");
	pid = SYSN(vfork);
	if (!pid) {
		SYSN(execve, S("missing"), leaf_arguments, environment);
		SYSN(execve, PROGRAM, leaf_arguments, environment);
		leave(5);
	}
	reap(must(pid, "vfork"));
}

static int exec_leaf(void *argument)
{
	(void)argument;
	SYSN(execve, PROGRAM, leaf_arguments, environment);
	return 5;
}

static void in_new_pid_namespace(void)
{
	must(SYSN(unshare, CLONE_NEWPID), "unshare");
	/* 1 there: what it leaves behind dies with it */
	CHILD({
		step("pid namespace/first");
		SYSN(kill, 1, 0);
		SYSN(kill, 2, 0); /* ESRCH */
		CHILD({
			step("pid namespace/second");
			SYSN(setsid);
			join(thread(0, leaf, 0));
			SYSN(execve, PROGRAM, leaf_arguments, environment);
		});
		step("pid namespace/one more inside");
		reap(must(clone_on_stack(CLONE_NEWPID | SIGCHLD, 0, exec_leaf, 0), "clone"));
	});
	step("pid namespace/outside again");
	SYSN(kill, 1, 0);
}

static int waits(void *argument)
{
	(void)argument;
	for (;;)
		SYSN(pause);
	return 0;
}

static int exec_when_told(void *argument)
{
	static char byte;

	SYSN(read, *(int *)argument, &byte, 1);
	return exec_leaf(0);
}

/* Two namespaces side by side, and the first one of each in the same process group: one of them cannot see it. */
static void group_of_another_namespace(void)
{
	static int go[2];
	long leader, member;

	must(SYSN(pipe2, go, 0), "pipe");
	leader = must(clone_on_stack(CLONE_NEWPID | SIGCHLD, 0, waits, 0), "clone");
	must(SYSN(setpgid, leader, leader), "setpgid");
	member = must(clone_on_stack(CLONE_NEWPID | SIGCHLD, 0, exec_when_told, go), "clone");
	must(SYSN(setpgid, member, leader), "setpgid");
	SYSN(write, go[1], "!", 1);
	reap(member);
	SYSN(kill, leader, SIGKILL);
	reap(leader);
	SYSN(close, go[0]);
	SYSN(close, go[1]);
}

/* The middle one leaves first: who looks after the last one? */
static void orphan(void)
{
	static int ready[2];
	static char byte;
	long self = SYSN(getpid);

	must(SYSN(pipe2, ready, 0), "pipe");
	CHILD({
		long child = SYSN(fork);

		if (!child) {
			step("orphan/waits for its new parent");
			SYSN(close, ready[1]);
			SYSN(read, ready[0], &byte, 1); /* ends when nobody can write any more */
			while (SYSN(getppid) != self)
				SYSN(sched_yield);
			step("orphan/execs");
			SYSN(execve, PROGRAM, leaf_arguments, environment);
			leave(5);
		}
	});
	step("orphan/its grandparent");
	SYSN(close, ready[1]);
	SYSN(close, ready[0]);
	reap(-1);
}

static void compat_births(void)
{
	long pid;

	step("fork32");
	pid = SYS32(2);
	if (!pid)
		leave(6);
	reap(must(pid, "fork of the 32-bit ABI"));
	step("clone32");
	pid = SYS32(120, SIGCHLD);
	if (!pid)
		leave(7);
	reap(must(pid, "clone of the 32-bit ABI"));
	step("vfork32");
	pid = SYS32(190);
	if (!pid)
		leave(8);
	reap(must(pid, "vfork of the 32-bit ABI"));
	step("clone3 of 32 bits");
	static struct clone_args arguments;

	arguments.exit_signal = SIGCHLD;
	pid = SYS32(435, &arguments, 88);
	if (!pid)
		leave(9);
	reap(must(pid, "clone3 of the 32-bit ABI"));
	step("refused/clone32, clone3 of 32 bits");
	SYS32(120, CLONE_THREAD | CLONE_NEWNS);
	arguments.flags = CLONE_THREAD;
	SYS32(435, &arguments, 88);
}

/* Nothing else makes fork and vfork fail of a process that may have as many children as it likes. */
static void refused_births(void)
{
#define IS(number, to_refusal) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, to_refusal, 0)
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, __builtin_offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, __builtin_offsetof(struct seccomp_data, nr)),
		IS(__NR_fork, 6),
		IS(__NR_vfork, 5),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, __builtin_offsetof(struct seccomp_data, nr)),
		IS(2, 2),
		IS(190, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 11 /* EAGAIN */),
	};
#undef IS
	static struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	must(SYSN(seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "seccomp");
	step("refused/fork, vfork");
	SYSN(fork);
	SYSN(vfork);
	if (!has_compat)
		return;
	step("refused/fork32, vfork32");
	SYS32(2);
	SYS32(190);
}

void births(void)
{
	static __u32 numbers[] = { 77 };

	step("fork");
	CHILD(leave(2));
	clone_child("nothing shared", 0);
	clone_child("VM", CLONE_VM);
	clone_child("VM and VFORK", CLONE_VM | CLONE_VFORK);
	clone_child("FS", CLONE_FS);
	clone_child("FILES", CLONE_FILES);
	clone_child("VM, FS, FILES, SIGHAND", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND);
	clone_child("UNTRACED", CLONE_UNTRACED);
	clone_child("NEWNS, NEWUTS, NEWIPC", CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC);
	clone_child("NEWPID", CLONE_NEWPID);
	clone_child("NEWUSER", CLONE_NEWUSER);
	clone_child("NEWUSER and NEWPID", CLONE_NEWUSER | CLONE_NEWPID);
	clone_child("garbage in the upper half", 0x7fffffff00000000L);
	step("clone/refused");
	clone_on_stack(CLONE_THREAD, 0, leaf, 0);
	clone_on_stack(CLONE_SIGHAND, 0, leaf, 0);
	clone3_child("nothing shared", 0, 0, 0);
	clone3_child("FILES", CLONE_FILES, 0, 0);
	clone3_child("NEWPID with a number", CLONE_NEWPID, numbers, 0);
	numbers[0] = 1; /* the first one of a namespace can be nothing else */
	clone3_child("NEWPID with number 1", CLONE_NEWPID, numbers, 1);
	clone3_child("refused", CLONE_THREAD, 0, 0);
	step("clone3/unreadable");
	SYSN(clone3, ODD_UNMAPPED, 88);
	SYSN(clone3, 0, 0);
	CHILD(refused_births());
	vforks();
	step("clone/VM and exec");
	reap(must(clone_on_stack(CLONE_VM | SIGCHLD, 0, exec_leaf, 0), "clone"));
	step("clone/FILES, then exec");
	reap(must(clone_on_stack(CLONE_FILES | CLONE_FS | SIGCHLD, 0, exec_leaf, 0), "clone"));
	step("sibling");
	CHILD(must(clone_on_stack(CLONE_PARENT | SIGCHLD, 0, exec_leaf, 0), "clone"));
	reap(-1);
	orphan();
	step("pid namespace");
	CHILD(in_new_pid_namespace());
	step("pid namespace/process group of another one");
	group_of_another_namespace();
	if (has_compat)
		compat_births();
}
