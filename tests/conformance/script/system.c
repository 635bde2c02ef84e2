/* Memory, limits, time, semaphores, quotas, keys: calls that are about neither files nor other processes. */
#include "sys.h"
#include <linux/mount.h>
#include <linux/resource.h>
#include <linux/sched.h>

struct vector {
	void *base;
	unsigned long length;
};

static void memory(void)
{
	long at;

	step("mmap");
	at = SYSN(mmap, 0x30000000L, 3 * PAGE, 3, 0x100022, -1, 0);
	SYSN(mmap, 0x30000000L, PAGE, 5, 0x32, -1, 0);
	SYSN(mmap, 0x30000000L, PAGE, 0, 0x32, -1, 0x7000);
	SYSN(mmap, 0, 0, 7, 0xffffffff00000001L, 77, PAGE);
	SYSN(mmap, 0x30001000L, PAGE, 3, 0x10011, 0, 1L << 50);
	step("mprotect");
	SYSN(mprotect, at, PAGE, 1);
	SYSN(mprotect, at, PAGE, 7);
	SYSN(mprotect, at, PAGE, 0x01000003);
	step("mlock");
	SYSN(mlock, at, 100);
	SYSN(munlock, at, 100);
	SYSN(mlock2, at, PAGE, 1);
	SYSN(mlock2, at, PAGE, 0);
	SYSN(munlockall);
	CHILD(SYSN(mlockall, 6));
	step("munmap");
	SYSN(munmap, at, 3 * PAGE);
	SYSN(munmap, at, 3 * PAGE);
	step("brk");
	SYSN(brk, 0);
	step("futex");
	SYSN(futex, at = (long)long_string(0, "", 8), 0, 1, 0); /* EAGAIN: another value */
	SYSN(futex, at, 0x81, 0x1122334455667788L);
	SYSN(futex, at, 77, 1);
}

static void limits(void)
{
	static struct rlimit limit = { 100, -1L };
	static struct rlimit64 new = { 200, 300 }, old;

	step("limits");
	SYSN(getrlimit, 7, &limit);
	limit.rlim_cur = 50;
	limit.rlim_max = -1L;
	CHILD({
		SYSN(setrlimit, 4 /* CORE */, &limit);
		SYSN(prlimit64, 0, 7, &new, &old);
		SYSN(prlimit64, 0, 7, 0, &old);
		SYSN(prlimit64, 0, 7, ODD_UNMAPPED, &old);
		SYSN(prlimit64, 0, 7, 0, 0);
	});
	SYSN(setrlimit, 7, ODD_UNMAPPED);
	SYSN(getrlimit, 77, &limit);
	step("time");
	/* None that sleeps: a signal or task work would decide its result. */
	static struct __kernel_timespec much = { 0, 1000000000 }, bad = { -1L, 5 };

	SYSN(nanosleep, &much, 0);
	SYSN(nanosleep, &bad, 0);
	SYSN(nanosleep, ODD_UNMAPPED, 0);
}

static void ids(void)
{
	static unsigned a, b, c;

	step("ids");
	CHILD({
		SYSN(setresgid, 11, 12, 13);
		SYSN(setresuid, 1, 2, 3);
		SYSN(getuid);
		SYSN(geteuid);
		SYSN(getgid);
		SYSN(getegid);
		SYSN(getresuid, &a, &b, &c);
		SYSN(getresgid, &a, &b, &c);
		SYSN(getresgid, &a, ODD_UNMAPPED, 0);
	});
	step("setpgid");
	CHILD(SYSN(setpgid, 0, 0); SYSN(setpgid, SYSN(getpid), SYSN(getpid)); SYSN(setpgid, -1L, 0));
}

static void semaphores(void)
{
	static short operations[3][3] = { { 0, 1, 0 }, { 1, -1, 0x800 }, { 0, -1, 0x1000 } };
	long id;

	step("semaphores");
	id = must(SYSN(semget, 0x5a4b0002, 2, 03600), "semget");
	SYSN(semctl, id, 1, 16 /* SETVAL */, 5);
	SYSN(semctl, id, 1, 12 /* GETVAL */, 77);
	SYSN(semop, id, operations, 2);
	SYSN(semop, id, operations, 1);
	SYSN(semop, id, operations, 3);
	SYSN(semop, id, ODD_UNMAPPED, 2);
	SYSN(semop, id, operations, 0);
	SYSN(semctl, id, 0, 0 /* IPC_RMID */, 0);
	SYSN(semget, 0x5a4b0002, 0, 0);
}

static void others(void)
{
	static struct vector local[10], remote[1];
	static long block[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 0x3f };
	static char text[300];

	step("process_vm");
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < COUNT(local); i++)
		local[i] = (struct vector){ text + 10 * i, i };
	remote[0] = (struct vector){ text + 100, 200 };
	SYSN(process_vm_readv, SYSN(getpid), local, 10, remote, 1);
	SYSN(process_vm_readv, SYSN(getpid), local, 3, remote, 1);
	SYSN(process_vm_writev, SYSN(getpid), local, 5, remote, 1);
	local[0] = (struct vector){ text, 100 };
	local[1] = (struct vector){ text + 100, 20 };
	SYSN(process_vm_writev, SYSN(getpid), local, 2, remote, 1);
	SYSN(process_vm_writev, SYSN(getpid), ODD_UNMAPPED, 2, remote, 1);
	SYSN(process_vm_readv, 0x7ffffff0, local, 2, remote, 1);
	step("quotactl");
	SYSN(quotactl, 0x80000700L, S("/dev/none"), 5, block); /* Q_GETQUOTA */
	SYSN(quotactl, 0x80000801L, S("/dev/none"), -1L, block);
	SYSN(quotactl, 0x80000801L, S("/dev/none"), 0, ODD_UNMAPPED);
	SYSN(quotactl, 0x80000600L, S("/dev/none"), 0, block); /* Q_SETINFO */
	SYSN(quotactl, 0x80000400L, S("/dev/none"), 0, block); /* Q_GETFMT */
	SYSN(quotactl, 0x80000200L, S("/dev/none"), 2, S("/quota.user")); /* Q_QUOTAON */
	SYSN(quotactl, 0x80000202L, S("/dev/none"), 2, ODD_UNMAPPED);
	SYSN(quotactl, 0x580300L, S("/dev/none"), 0, 0);
	step("fsconfig");
	long fs = SYSN(fsopen, S("tmpfs"), 1);

	SYSN(fsconfig, fs, 1, S("size"), S("1m"), 0);
	SYSN(fsconfig, fs, 0, S("ro"), 0, 0);
	SYSN(fsconfig, fs, 2, S("blob"), text, 20);
	SYSN(fsconfig, fs, 2, S("blob"), text, 0x7fffffff);
	SYSN(fsconfig, fs, 2, S("blob"), ODD_UNMAPPED, 20);
	SYSN(fsconfig, fs, 3, S("path"), S("/no/such"), AT_FDCWD);
	SYSN(fsconfig, fs, 5, S("fd"), 0, 0);
	SYSN(fsconfig, fs, 77, 0, text, -1L);
	SYSN(close, fs);
	step("keyctl");
	SYSN(keyctl, 0, 0x7ffffff0L, 0);
	SYSN(keyctl, 0xffffffff00000063L, -1L, 2, 3, 4);
	step("seccomp");
	SYSN(seccomp, 77, -1L, 0);
	SYSN(seccomp, 2 /* GET_ACTION_AVAIL */, 0, ODD_UNMAPPED);
	step("calls without an event of their own");
	SYSN(personality, 0xffffffffL);
	SYSN(getpgid, 0x7ffffff0);
	if (has_compat)
		SYS32(7 /* waitpid */, -1L, 0, 1);
}

void system_calls(void)
{
	memory();
	limits();
	ids();
	/* Numbers of semaphores begin anew there. */
	CHILD(must(SYSN(unshare, CLONE_NEWIPC), "unshare"); semaphores());
	others();
}
