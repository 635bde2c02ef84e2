/*
 * The script: performs every event of the event table, in an order that is the same every time.
 *
 * `prog run` in a fresh process; `prog stand` stays, anything else ends at once: programs for exec. The
 * process makes a session, a mount namespace and a network of its own; nothing outside is changed.
 */
#include "sys.h"
#include <linux/mount.h>
#include <linux/resource.h>
#include <linux/sched.h>

char **environment;
int has_compat;

static void loopback(void)
{
	static struct {
		char name[16];
		short flags;
		char rest[22];
	} request = { "lo", 0, { 0 } };
	long fd = must(SYSN(socket, 2, 2, 0), "socket");

	must(SYSN(ioctl, fd, 0x8913 /* SIOCGIFFLAGS */, &request), "flags of lo");
	request.flags |= 1; /* IFF_UP */
	must(SYSN(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request), "lo up");
}

/* Without the ABI the instruction is a segmentation fault. */
static void find_compat(void)
{
	long pid = must(SYSN(fork), "fork");

	if (!pid)
		leave(SYS32(20 /* getpid */) == SYSN(getpid) ? 0 : 1);
	has_compat = reap(pid) == 0;
	step(has_compat ? "32-bit calls/present" : "32-bit calls/absent");
}

static void set_up(void)
{
	static struct rlimit64 limit;

	step("set-up");
	/* Whatever the dump's parents left open. */
	must(SYS(436 /* close_range */, 3, 0xffffffffL, 0), "close_range");
	must(SYSN(setsid), "setsid");
	SYSN(umask, 022);
	must(SYSN(prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1), "subreaper");
	must(SYSN(prctl, 15, S("conformance")), "name");
	must(SYSN(prlimit64, 0, 7, 0, &limit), "prlimit64");
	limit.rlim_cur = 1024;
	must(SYSN(prlimit64, 0, 7, &limit, 0), "prlimit64");
	must(SYSN(unshare, CLONE_NEWNS | CLONE_NEWNET), "unshare");
	must(SYSN(mount, S("none"), S("/"), 0, MS_REC | MS_PRIVATE, 0), "private mounts");
	must(SYSN(mount, S("tmpfs"), S(WORK), S("tmpfs"), 0, S("mode=755")), WORK);
	must(SYSN(chdir, S(WORK)), WORK);
	copy_program(PROGRAM, 0755);
	loopback();
	find_compat();
}

static int run(void)
{
	own_memory();
	odd_memory();
	set_up();
	files();
	names();
	sockets();
	io();
	births();
	threads();
	exits();
	kernel_calls();
	descriptors();
	system_calls();
	credentials();
	execs();
	failed_execs();
	mounts();
	compat();
	strings();
	garbage();
	standing_still();
	step("end");
	return 0;
}

__attribute__((used)) void start(long *stack)
{
	long count = stack[0];
	char **arguments = (char **)(stack + 1);

	environment = arguments + count + 1;
	if (count > 1 && same_text(arguments[1], "stand"))
		stand();
	leave(count > 1 && same_text(arguments[1], "run") ? run() : 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start\n");
