/* Every way to end. */
#include "sys.h"
#include <linux/resource.h>

#define RLIMIT_CORE 4

static void core_limit(__u64 bytes)
{
	static struct rlimit64 limit;

	limit.rlim_cur = bytes;
	limit.rlim_max = ~0UL;
	must(SYSN(prlimit64, 0, RLIMIT_CORE, &limit, 0), "prlimit64");
}

static void killed_by(const char *label, int signal)
{
	step2("exit", label);
	CHILD({
		core_limit(1); /* too little for a file, and a helper is not called for it */
		SYSN(kill, SYSN(getpid), signal);
	});
}

void exits(void)
{
	step("exit/0");
	CHILD(leave(0));
	step("exit/255");
	CHILD(leave(255));
	step("exit/256 + 7");
	CHILD(leave(263));
	step("exit/-1");
	CHILD(leave(-1));
	step("exit/exit, not exit_group");
	CHILD(SYSN(exit, 42));
	killed_by("SIGTERM", SIGTERM);
	killed_by("SIGKILL", SIGKILL);
	killed_by("SIGABRT without a core", SIGABRT);
	killed_by("real-time signal", 64);
	step("exit/writes where it may not");
	CHILD({
		core_limit(1);
		*(volatile int *)ODD_FORBIDDEN = 1;
	});
	step("exit/with a core");
	CHILD({
		core_limit(~0UL);
		SYSN(kill, SYSN(getpid), SIGQUIT);
	});
	step("exit/stopped, continued, killed");
	long pid = SYSN(fork);

	if (!pid) {
		SYSN(kill, SYSN(getpid), SIGSTOP);
		leave(1);
	}
	static int status;

	must(SYSN(wait4, pid, &status, 2 /* WUNTRACED */), "wait4");
	SYSN(kill, pid, SIGKILL);
	reap(pid);
}
