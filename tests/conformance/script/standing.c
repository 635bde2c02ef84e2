/*
 * Processes that stand still, for what drivers say about what is there: the dump asks them when the script
 * has written a byte to standard output, and answers one when it is done.
 */
#include "sys.h"
#include <linux/sched.h>

#define STANDING_MAX 16
/* Descriptors that a new program of the script finds. */
#define READY_FD 900

static int ready[2];
static volatile int word;
static long standing[STANDING_MAX];
static int standing_count;

/* Says that it stands, and stays until it is killed. */
void stand(void)
{
	SYSN(write, READY_FD, "!", 1);
	for (;;)
		SYSN(pause);
}

static void wait_ready(void)
{
	static char byte;

	if (must(SYSN(read, ready[0], &byte, 1), "read") != 1)
		die("a process that was to stand still has ended", 0);
}

static int pauses(void *argument)
{
	(void)argument;
	word = 1;
	for (;;)
		SYSN(pause);
	return 0;
}

/* A thread with a table of its own, in which descriptors mean something else. */
static int has_own_files(void *argument)
{
	must(SYSN(unshare, CLONE_FILES), "unshare");
	SYSN(open, S("zero"), 0);
	SYSN(close, READY_FD);
	return pauses(argument);
}

/* The end of the script is the end of what stands. */
static void end_with_parent(void)
{
	SYSN(prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL);
}

static int stands_without_leader(void *argument)
{
	(void)argument;
	outlive_leader(&word);
	stand();
	return 0;
}

/* Children have the descriptors that they are to show, not all of the script's. */
static void few_descriptors(void)
{
	must(SYS(436 /* close_range */, 3, READY_FD - 1, 0), "close_range");
}

#define STANDING(...)                                                                              \
	do {                                                                                       \
		long pid__ = must(SYSN(fork), "fork");                                             \
		if (!pid__) {                                                                      \
			few_descriptors();                                                         \
			end_with_parent();                                                         \
			__VA_ARGS__;                                                               \
			stand();                                                                   \
		}                                                                                  \
		standing[standing_count++] = pid__;                                                \
		wait_ready();                                                                      \
	} while (0)

static void programs_that_stand(void)
{
	char *arguments[] = { PROGRAM, "stand", NULL, NULL }, *two[] = { NULL, NULL };

	step("standing/program");
	arguments[2] = S("with arguments");
	STANDING(SYSN(execve, PROGRAM, arguments, environment));
	step("standing/long arguments and environment");
	arguments[2] = long_string(0, "", 5000);
	two[0] = long_string(1, "", 70000);
	STANDING(SYSN(execve, PROGRAM, arguments, two));
	step("standing/empty argv[0]");
	arguments[0] = S("");
	arguments[2] = NULL;
	STANDING(SYSN(execve, PROGRAM, arguments, no_strings));
	step("standing/long argv[0]");
	arguments[0] = long_string(0, "", 4200);
	STANDING(SYSN(execve, PROGRAM, arguments, environment));
	step("standing/another user in a root and a process group of its own");
	arguments[0] = PROGRAM;
	STANDING({
		SYSN(setpgid, 0, 0);
		must(SYSN(chroot, S(WORK)), WORK);
		must(SYSN(chdir, S("/made")), "made");
		must(SYSN(setresuid, 1000, 1001, 1002), "setresuid");
		end_with_parent();
		SYSN(execve, S("/prog"), arguments, environment);
	});
}

static void groups_that_stand(void)
{
	step("race/standing threads");
	STANDING({
		for (int i = 0; i < 2; i++) {
			word = 0;
			thread(i, pauses, 0);
			await(&word, 1);
		}
	});
	step("race/standing thread with files of its own");
	STANDING({
		word = 0;
		thread(0, has_own_files, 0);
		await(&word, 1);
		SYSN(open, S("file"), O_RDWR);
	});
	step("standing/without its leader");
	STANDING({
		word = 0;
		thread(0, stands_without_leader, 0);
		await(&word, 1);
		SYSN(exit, 5);
	});
	step("standing/pid namespace");
	STANDING({
		must(SYSN(unshare, CLONE_NEWPID), "unshare");
		if (!must(SYSN(fork), "fork")) {
			end_with_parent();
			stand();
		}
		for (;;)
			SYSN(pause);
	});
	step("standing/dead");
	long pid = must(SYSN(fork), "fork");

	if (!pid)
		leave(6);
	/* P_PID, WEXITED | WNOWAIT: it stays a zombie */
	must(SYSN(waitid, 1, pid, 0, 0x01000004), "waitid");
	standing[standing_count++] = pid;
}

static void files_that_are_open(void)
{
	static int ends[2];

	step("standing/files");
	STANDING({
		SYSN(open, S("file"), O_RDWR | O_APPEND);
		SYSN(open, S("."), O_DIRECTORY | O_CLOEXEC);
		SYSN(open, S("."), O_PATH);
		SYSN(open, S("fifo"), O_RDWR | O_NONBLOCK);
		SYSN(open, S("zero"), 0);
		SYSN(open, S("gone soon"), O_RDWR | O_CREAT, 0600);
		SYSN(unlink, S("gone soon"));
		SYSN(open, S("d/inner/most/over"), O_DIRECTORY);
		SYSN(open, S("o/all/below"), 0);
		SYSN(open, S("/proc/uptime"), 0);
		SYSN(open, S("/proc/self/ns/uts"), 0);
		SYSN(memfd_create, S("a memory file"), 0);
		SYSN(pipe2, ends, O_CLOEXEC);
		SYSN(epoll_create1, 0);
		SYSN(eventfd2, 0, 0);
		SYSN(dup2, 3, 800);
	});
}

void standing_still(void)
{
	static char byte;

	must(SYSN(pipe2, ready, 0), "pipe");
	must(SYSN(dup2, ready[1], READY_FD), "dup2");
	programs_that_stand();
	groups_that_stand();
	files_that_are_open();
	step("standing/all");
	must(SYSN(write, 1, "!", 1), "write");
	must(SYSN(read, 0, &byte, 1), "read"); /* an answer, or nobody is there any more */
	step("race/standing still no longer");
	for (int i = 0; i < standing_count; i++) {
		SYSN(kill, standing[i], SIGKILL);
		reap(standing[i]);
	}
	reap(-1); /* the one in a pid namespace has become the script's child */
}
