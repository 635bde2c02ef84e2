#include "actor.h"

static pid_t sleeper(void)
{
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	return child;
}

static int end(pid_t child)
{
	return kill(child, SIGKILL) || waitpid(child, NULL, 0) != child;
}

int attach(char **arguments)
{
	pid_t child = sleeper();

	(void)arguments;
	return child < 0 || ptrace(PTRACE_ATTACH, child, 0, 0) || end(child);
}

/* Refused, because nothing is attached; only the request counts. */
int peek(char **arguments)
{
	pid_t child = sleeper();

	(void)arguments;
	if (child > 0)
		ptrace(PTRACE_PEEKDATA, child, 0, 0);
	return child < 0 || end(child);
}

int trace_me(char **arguments)
{
	(void)arguments;
	return ptrace(PTRACE_TRACEME, 0, 0, 0) != 0;
}

int nothing(char **arguments)
{
	(void)arguments;
	return 0;
}

int spawn(char **arguments)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		execv(arguments[0], arguments);
		_exit(127);
	}
	return child < 0 || waitpid(child, &status, 0) != child || status;
}

/* A user id, then a program and its arguments, which takes the place of this one. */
int become(char **arguments)
{
	uid_t user = (uid_t)atoi(arguments[0]);

	if (setresgid(user, user, user) || setresuid(user, user, user))
		return 1;
	execv(arguments[1], arguments + 1);
	return 1;
}

int set_user(char **arguments)
{
	return setuid((uid_t)atoi(arguments[0])) != 0;
}

int exec_memory(char **arguments)
{
	char *new_arguments[] = { "memfd:evil", "x", NULL };
	int from = open(arguments[0], O_RDONLY), memory = memfd_create("evil", MFD_CLOEXEC);

	while (sendfile(memory, from, NULL, 1 << 20) > 0)
		;
	fexecve(memory, new_arguments, environ);
	return 1;
}
