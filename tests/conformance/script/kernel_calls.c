/* ptrace, signals, modules, memory files, bpf, prctl. */
#include "sys.h"
#include <linux/ptrace.h>

#define NOBODY 0x7ffffff0L /* no process has such a number */
#define CANARY 0x53414b52L /* SAKER_CANARY_OPTION */

static void tracing(void)
{
	static int status;
	static long word;
	long pid;

	step("ptrace/refused");
	SYSN(ptrace, PTRACE_ATTACH, NOBODY, 0, 0);
	SYSN(ptrace, PTRACE_ATTACH, SYSN(getpid), 0, 0);
	SYSN(ptrace, PTRACE_PEEKDATA, NOBODY, 0x123456789abcdefL, -1L);
	SYSN(ptrace, 0xdeadbeef0000fffeL, 0, 0, 0);
	step("ptrace/a child asks for it");
	pid = SYSN(fork);
	if (!pid) {
		step("ptrace/TRACEME");
		SYSN(ptrace, PTRACE_TRACEME, 0, 0, 0);
		SYSN(kill, SYSN(getpid), SIGSTOP);
		step("ptrace/goes on");
		leave(3);
	}
	must(SYSN(wait4, pid, &status, 2), "wait4");
	SYSN(ptrace, PTRACE_PEEKDATA, pid, &word, &word);
	SYSN(ptrace, PTRACE_POKEDATA, pid, &word, 0x1122334455667788L);
	SYSN(ptrace, PTRACE_CONT, pid, 1, 0);
	reap(pid);
	step("ptrace/attach and detach");
	pid = SYSN(fork);
	if (!pid)
		for (;;)
			SYSN(pause);
	SYSN(ptrace, PTRACE_ATTACH, pid, 0, 0);
	must(SYSN(wait4, pid, &status, 2), "wait4");
	SYSN(ptrace, PTRACE_DETACH, pid, 0, 0);
	SYSN(ptrace, PTRACE_SEIZE, pid, 0, 0x100000 /* EXITKILL */);
	SYSN(ptrace, PTRACE_DETACH, pid, 0, 0); /* ESRCH: it is not stopped */
	SYSN(kill, pid, SIGKILL);
	reap(pid);
}

static void signals(void)
{
	long self = SYSN(getpid), pid;

	step("kill");
	SYSN(kill, self, 0);
	SYSN(kill, 0, 0);
	SYSN(kill, -self, 0); /* the group is the script's: see main.c */
	SYSN(kill, NOBODY, SIGTERM);
	SYSN(kill, self, 65);
	SYSN(kill, self, -1L);
	SYSN(kill, self, 0x100000000L);
	pid = SYSN(fork);
	if (!pid)
		for (;;)
			SYSN(pause);
	step("kill/child");
	SYSN(kill, pid, 0);
	SYSN(kill, pid + 0x700000000L, 0);
	SYSN(tkill, pid, 0);
	SYSN(tgkill, pid, pid, 0);
	SYSN(tgkill, self, pid, 0); /* ESRCH */
	SYSN(tgkill, pid, pid, SIGTERM);
	reap(pid);
	step("tkill");
	SYSN(tkill, self, 0);
	SYSN(tkill, -1L, 0);
	SYSN(tkill, NOBODY, SIGKILL);
	SYSN(tkill, 0, 65);
	step("tgkill");
	SYSN(tgkill, self, self, 0);
	SYSN(tgkill, NOBODY, NOBODY, SIGKILL);
	SYSN(tgkill, -1L, -1L, 0);
	SYSN(tgkill, self, self, 65);
	step("kill/not permitted");
	CHILD(SYSN(setuid, 1000); SYSN(kill, self, SIGTERM); SYSN(tgkill, self, self, 0));
}

static void modules(void)
{
	static const long lengths[] = { 0, 1, 63, 511, 512, 513, 4096 };
	char *image = long_string(0, "\x7f" "ELF garbage", 9000);

	step("init_module/lengths");
	for (int i = 0; i < COUNT(lengths); i++)
		SYSN(init_module, image, lengths[i], S("option=1"));
	SYSN(init_module, image, 65535, S(""));
	SYSN(init_module, image, 65536, S(""));
	SYSN(init_module, image, 1L << 46, S("")); /* more than any memory */
	SYSN(init_module, image, -1L, S(""));
	step("init_module/unreadable");
	SYSN(init_module, 0, 0, S(""));
	SYSN(init_module, 0, 4096, S(""));
	SYSN(init_module, ODD_UNMAPPED, 100, S(""));
	SYSN(init_module, ODD_KERNEL, 100, S(""));
	SYSN(init_module, ODD_KERNEL, 0, S(""));
	SYSN(init_module, ODD_NON_CANONICAL, 0, S(""));
	SYSN(init_module, at_page_end(100, 0), 200, S(""));
	SYSN(init_module, at_page_end(100, 0), 100, S(""));
	SYSN(init_module, untouched(), 4096, 0);
	step("finit_module");
	SYSN(finit_module, -1, S("option=1"), 0);
	SYSN(finit_module, 0, S(""), 3);
	SYSN(finit_module, 77, 0, 0xffffffff00000008L);
	step("delete_module");
	SYSN(delete_module, S("saker-no-such-module"), O_NONBLOCK);
	SYSN(delete_module, S("saker-no-such-module"), 0xffffffffffffffffL);
	step("modules/not permitted");
	CHILD({
		SYSN(setuid, 1000);
		SYSN(init_module, image, 100, S(""));
		SYSN(finit_module, 0, S(""), 0);
		SYSN(delete_module, S("saker-no-such-module"), O_NONBLOCK);
	});
}

static void memory_and_bpf(void)
{
	step("memfd_create");
	SYSN(close, SYSN(memfd_create, S("a memory file"), 3));
	SYSN(close, SYSN(memfd_create, S(""), 0));
	SYSN(close, SYSN(memfd_create, long_string(0, "", 249), 0));
	SYSN(memfd_create, long_string(0, "", 250), 0);
	SYSN(memfd_create, S("flags"), 0x7fffffe0);
	step("bpf");
	SYSN(bpf, -1L, 0, 0);
	SYSN(bpf, 9999, 0, 0);
	SYSN(bpf, 5 /* PROG_LOAD */, 0, 0);
	SYSN(bpf, 0xabcdef0000009999L, ODD_UNMAPPED, 64);
}

static void prctls(void)
{
	static const short lengths[] = { 0, 1, 14, 15, 16, 17, 200 };

	step("prctl/names");
	for (int i = 0; i < COUNT(lengths); i++)
		SYSN(prctl, 15, long_string(0, "", lengths[i]));
	SYSN(prctl, 15, S("\xff\n\t"));
	SYSN(prctl, 0x70000000fL, S("upper half"));
	step("prctl/unreadable names");
	SYSN(prctl, 15, 0);
	SYSN(prctl, 15, ODD_UNMAPPED);
	SYSN(prctl, 15, ODD_KERNEL);
	SYSN(prctl, 15, at_page_end(5, 0));
	SYSN(prctl, 15, at_page_end(5, 1));
	SYSN(prctl, 15, at_page_end(16, 0)); /* 16 bytes are enough without an end */
	SYSN(prctl, 15, untouched());
	step("prctl/others");
	SYSN(prctl, 3);
	SYSN(prctl, 4, 1);
	SYSN(prctl, 4, -1L);
	SYSN(prctl, 9999, 0x8000000000000001L);
	SYSN(prctl, 16, long_string(0, "", 16)); /* PR_GET_NAME */
	step("prctl/what the agent asks, from a stranger");
	SYSN(prctl, CANARY, 12345);
	SYSN(prctl, 15, S("conformance"));
}

void kernel_calls(void)
{
	tracing();
	signals();
	modules();
	memory_and_bpf();
	prctls();
}
