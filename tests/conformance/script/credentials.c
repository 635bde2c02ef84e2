/* Users, groups, capabilities, sessions; in children, which keep what they became for themselves. */
#include "sys.h"
#include <linux/capability.h>
#include <linux/sched.h>

static struct __user_cap_header_struct head;
static struct __user_cap_data_struct sets[2];

static long capset(int version, int pid, __u64 effective, __u64 permitted, __u64 inheritable)
{
	head.version = version;
	head.pid = pid;
	for (int i = 0; i < 2; i++) {
		sets[i].effective = effective >> 32 * i;
		sets[i].permitted = permitted >> 32 * i;
		sets[i].inheritable = inheritable >> 32 * i;
	}
	return SYSN(capset, &head, sets);
}

static void users(void)
{
	step("setuid");
	CHILD(SYSN(setuid, 1000); SYSN(setuid, 0); SYSN(setuid, 1000));
	CHILD(SYSN(setuid, 0); SYSN(setuid, -1L));
	step("setgid");
	CHILD(SYSN(setgid, 1001); SYSN(setgid, 0); SYSN(setgid, -1L));
	CHILD(SYSN(setuid, 1000); SYSN(setgid, 1001));
	step("setreuid");
	CHILD(SYSN(setreuid, 1000, 1001); SYSN(setreuid, -1L, 1000); SYSN(setreuid, 0, 0));
	CHILD(SYSN(setreuid, -1L, 1000); SYSN(setreuid, -1L, 0));
	step("setregid");
	CHILD(SYSN(setregid, 1000, 1001); SYSN(setregid, -1L, -1L); SYSN(setregid, 0, 77));
	step("setresuid");
	CHILD(SYSN(setresuid, 1, 2, 3); SYSN(setresuid, -1L, 3, -1L); SYSN(setresuid, 4, 4, 4));
	CHILD(SYSN(setresuid, -1L, -1L, -1L); SYSN(setresuid, 0xfffffffeL, 0x80000000L, 0));
	step("setresgid");
	CHILD(SYSN(setresgid, 1, 2, 3); SYSN(setresgid, -1L, 1, -1L));
	CHILD(SYSN(setuid, 1000); SYSN(setresgid, 4, 4, 4));
	step("credentials/exec as another user");
	CHILD({
		char *arguments[] = { PROGRAM, "leaf", NULL };

		SYSN(setresgid, 1001, 1002, 1003);
		SYSN(setresuid, 1004, 1005, 1006);
		SYSN(execve, PROGRAM, arguments, environment);
	});
}

static void capabilities(void)
{
	char *arguments[] = { PROGRAM, "leaf", NULL };

	step("capset");
	CHILD({
		capset(_LINUX_CAPABILITY_VERSION_3, 0, 0xff, 0xffff, 0x3);
		capset(_LINUX_CAPABILITY_VERSION_3, 0, 0xff00, 0xff00, 0);
		capset(_LINUX_CAPABILITY_VERSION_3, 0, ~0UL, ~0UL, ~0UL); /* EPERM */
		SYSN(execve, PROGRAM, arguments, environment);
	});
	step("capset/upper word");
	CHILD({
		capset(_LINUX_CAPABILITY_VERSION_3, 0, 0x100000001, 0x300000003, 0x100000000);
		SYSN(setuid, 1000);
		SYSN(execve, PROGRAM, arguments, environment);
	});
	step("capset/refused");
	CHILD({
		capset(1, 0, 0, 0, 0); /* the kernel answers with its own version */
		capset(_LINUX_CAPABILITY_VERSION_3, 1, 0, 0, 0);
		capset(_LINUX_CAPABILITY_VERSION_1, 0, 1, 1, 1);
		SYSN(capset, 0, 0);
		SYSN(capset, &head, ODD_UNMAPPED);
		SYSN(capset, ODD_UNMAPPED, sets);
	});
	step("capabilities/no root magic");
	CHILD({
		SYSN(prctl, 28 /* PR_SET_SECUREBITS */, 3 /* NOROOT and its lock */);
		SYSN(execve, PROGRAM, arguments, environment);
	});
	step("capabilities/ambient");
	CHILD({
		capset(_LINUX_CAPABILITY_VERSION_3, 0, ~0UL >> 23, ~0UL >> 23, 0x400);
		SYSN(prctl, 47 /* PR_CAP_AMBIENT */, 2 /* RAISE */, 10);
		SYSN(prctl, 8 /* PR_SET_KEEPCAPS */, 1);
		SYSN(setuid, 1000);
		SYSN(execve, PROGRAM, arguments, environment);
	});
}

static void sessions(void)
{
	step("setsid");
	CHILD(SYSN(setsid); SYSN(setsid));
	CHILD({
		SYSN(setsid);
		CHILD(step("setsid/in the session"); SYSN(setpgid, 0, 0); SYSN(setsid));
	});
}

static void user_namespace(void)
{
	char *arguments[] = { PROGRAM, "leaf", NULL };

	step("user namespace/without a map");
	CHILD({
		must(SYSN(unshare, CLONE_NEWUSER), "unshare");
		SYSN(setuid, 0);
		SYSN(chown, S("file"), 0, 0);
		SYSN(execve, PROGRAM, arguments, environment);
	});
	step("user namespace/with a map");
	CHILD({
		must(SYSN(unshare, CLONE_NEWUSER), "unshare");
		write_file("/proc/self/uid_map", "0 0 1\n");
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/gid_map", "0 0 1\n");
		SYSN(setuid, 0);
		SYSN(setuid, 1); /* not in the map */
		SYSN(setresuid, 0, 0, 0);
		SYSN(setgid, 0);
		capset(_LINUX_CAPABILITY_VERSION_3, 0, 0xf, 0xff, 0);
		SYSN(execve, PROGRAM, arguments, environment);
	});
}

void credentials(void)
{
	users();
	capabilities();
	sessions();
	user_namespace();
}
