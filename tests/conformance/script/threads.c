/*
 * Threads. Where several end in the same moment nobody can say in which order: steps whose name begins with
 * "race/" are compared without it.
 */
#include "sys.h"

static char *const leaf_arguments[] = { PROGRAM, "leaf", "of a thread", NULL };
static volatile int word, word2;

static int quiet(void *argument)
{
	return (long)argument;
}

static int works(void *argument)
{
	(void)argument;
	step("thread/works");
	SYSN(prctl, 15 /* PR_SET_NAME */, S("worker"));
	SYSN(close, SYSN(open, S("file"), 0));
	SYSN(execve, S("missing"), leaf_arguments, environment);
	SYSN(tkill, SYSN(gettid), 0);
	return 5;
}

static int execs_program(void *argument)
{
	(void)argument;
	step("thread/execs");
	SYSN(execve, PROGRAM, leaf_arguments, environment);
	return 5;
}

static int ends_group(void *argument)
{
	(void)argument;
	await(&word, 1);
	leave(11);
	return 0;
}

static int waits_for_ever(void *argument)
{
	(void)argument;
	word2 = 1;
	for (;;)
		SYSN(pause);
	return 0;
}

/* "/proc/self" is the leader, whose state says Z when it is gone. The leader waits for the word first. */
void outlive_leader(volatile int *opened)
{
	static char text[64];
	long fd = must(SYSN(open, S("/proc/self/stat"), 0), "/proc/self/stat");

	*opened = 1;
	for (int zombie = 0; !zombie;) {
		long n = must(look(fd, text, sizeof(text)), "/proc/self/stat");

		for (long i = 0; i + 2 < n; i++)
			zombie |= text[i] == ')' && text[i + 2] == 'Z';
		SYSN(sched_yield);
	}
	SYSN(close, fd);
}

static int outlives_leader(void *argument)
{
	(void)argument;
	outlive_leader(&word);
	step("thread/after its leader");
	SYSN(close, SYSN(open, S("file"), 0));
	CHILD(step("thread/child of the orphaned thread"));
	SYSN(exit, 12);
	return 0;
}

static int names_itself(void *argument)
{
	(void)argument;
	step("thread/of 32 bits");
	if (has_compat)
		SYS32(172, 15, S("narrow name"));
	return 0;
}

static void exec_from_thread(void)
{
	step("thread/exec by another than the leader");
	CHILD({
		thread(0, execs_program, 0);
		for (;;)
			SYSN(pause);
	});
	/* Exits and threads that the exec ends, all at once. */
	step("race/exec with three threads");
	CHILD({
		word2 = 0;
		thread(0, waits_for_ever, 0);
		await(&word2, 1);
		word2 = 0;
		thread(1, waits_for_ever, 0);
		await(&word2, 1);
		SYSN(execve, PROGRAM, leaf_arguments, environment);
	});
}

static void group_exits(void)
{
	step("race/exit_group with threads");
	CHILD({
		word2 = 0;
		thread(0, waits_for_ever, 0);
		await(&word2, 1);
		leave(9);
	});
	step("race/exit_group by a thread");
	CHILD({
		word = 0;
		thread(0, ends_group, 0);
		word = 1;
		for (;;)
			SYSN(pause);
	});
	step("race/killed with threads");
	CHILD({
		word2 = 0;
		thread(0, waits_for_ever, 0);
		await(&word2, 1);
		SYSN(kill, SYSN(getpid), SIGKILL);
	});
	step("race/signal of a thread ends all");
	CHILD({
		word2 = 0;
		long tid = thread(0, waits_for_ever, 0);

		await(&word2, 1);
		SYSN(tgkill, SYSN(getpid), tid, SIGTERM);
		for (;;)
			SYSN(pause);
	});
}

void threads(void)
{
	step("thread/ends");
	join(thread(0, quiet, (void *)7L));
	join(thread(0, works, 0));
	join(thread(0, names_itself, 0));
	step("thread/two, one after the other");
	for (long i = 0; i < 2; i++)
		join(thread(i, quiet, (void *)i));
	step("thread/leader leaves first");
	CHILD({
		word = 0;
		thread(0, outlives_leader, 0);
		await(&word, 1);
		SYSN(exit, 13);
	});
	exec_from_thread();
	group_exits();
}
