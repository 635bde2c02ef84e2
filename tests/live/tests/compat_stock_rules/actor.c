/* What the compatibility tests need and no ordinary program does; the first argument says which. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

/* Stock rules trust servers in their first five seconds. */
#define LATE_S 6

static int read_file(int directory, const char *path)
{
	return openat(directory, path, O_RDONLY) < 0;
}

static int attach(void)
{
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	if (child < 0 || ptrace(PTRACE_ATTACH, child, 0, 0))
		return 1;
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) != child;
}

static int spawn(char **arguments)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		execv(arguments[0], arguments);
		_exit(127);
	}
	return child < 0 || waitpid(child, &status, 0) != child || status;
}

static int exec_memory(const char *program)
{
	char *arguments[] = { "memfd:evil", "x", NULL };
	char *none[] = { NULL };
	int from = open(program, O_RDONLY), memory = memfd_create("evil", MFD_CLOEXEC);

	while (sendfile(memory, from, NULL, 1 << 20) > 0)
		;
	fexecve(memory, arguments, none);
	return 1;
}

int main(int argc, char **argv)
{
	const char *action = argc > 1 ? argv[1] : "";

	if (!strcmp(action, "readfile") && argc > 2)
		return read_file(AT_FDCWD, argv[2]);
	if (!strcmp(action, "openrel") && argc > 3)
		return read_file(open(argv[2], O_RDONLY | O_DIRECTORY), argv[3]);
	if (!strcmp(action, "truncfile") && argc > 2)
		return open(argv[2], O_WRONLY | O_TRUNC) < 0;
	if (!strcmp(action, "lateread") && argc > 2) {
		sleep(LATE_S);
		return read_file(AT_FDCWD, argv[2]);
	}
	if (!strcmp(action, "attach"))
		return attach();
	if (!strcmp(action, "traceme"))
		return ptrace(PTRACE_TRACEME, 0, 0, 0) != 0;
	if (!strcmp(action, "spawn") && argc > 2)
		return spawn(argv + 2);
	if (!strcmp(action, "memory") && argc > 2)
		return exec_memory(argv[2]);
	return 2;
}
