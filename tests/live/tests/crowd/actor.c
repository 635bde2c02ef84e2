/* Does what rules look for behind a crowd: of open files, of threads. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed(const char *what)
{
	perror(what);
	return 1;
}

/* Opens /dev/null COUNT times. */
static int crowd(const char *count)
{
	int i, n = atoi(count);
	struct rlimit limit = { n + 64, n + 64 };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return failed("setrlimit");
	for (i = 0; i < n; i++)
		if (open("/dev/null", O_RDONLY) < 0)
			return failed("/dev/null");
	return 0;
}

/* open COUNT NAME: by the call without a directory. */
static int open_behind(char **args)
{
	if (crowd(args[0]))
		return 1;
	return syscall(SYS_open, args[1], O_RDONLY) < 0 ? failed(args[1]) : 0;
}

/* before COUNT NAME: reads a file that was opened before the crowd came. */
static int read_behind(char **args)
{
	int fd = open(args[1], O_RDONLY);
	char byte;

	if (fd < 0)
		return failed(args[1]);
	if (crowd(args[0]))
		return 1;
	return read(fd, &byte, 1) != 1 ? failed("read") : 0;
}

/* connect COUNT NAME: to a port of its own, which then stands for input. */
static int connect_behind(char **args)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(here);
	int from, to = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(to, (struct sockaddr *)&here, len) || listen(to, 1) ||
	    getsockname(to, (struct sockaddr *)&here, &len))
		return failed("listen");
	if (crowd(args[0]))
		return 1;
	from = socket(AF_INET, SOCK_STREAM, 0);
	if (from < 0 || connect(from, (struct sockaddr *)&here, len))
		return failed("connect");
	return dup2(from, 0) ? failed("dup2") : 0;
}

static void *result_of(void *(*of_thread)(void *))
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, of_thread, NULL) || pthread_join(thread, &result))
		exit(failed("thread"));
	return result;
}

static void *give_up(void *unused)
{
	struct __user_cap_header_struct of = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};

	(void)unused;
	return (void *)syscall(SYS_capset, &of, none);
}

/* caps - -: another thread has given up its capabilities. No file is a module: it is refused. */
static int caps(char **args)
{
	(void)args;
	if (result_of(give_up))
		return failed("capset");
	return syscall(SYS_finit_module, -1, "", 0) != -1;
}

static void *become(void *unused)
{
	(void)unused;
	/* libc would have all threads do it. */
	return (void *)syscall(SYS_setresuid, 1234, 1234, 1234);
}

/* user - NAME: another thread is somebody else. */
static int user(char **args)
{
	if (result_of(become))
		return failed("setresuid");
	return open(args[1], O_RDONLY) < 0 ? failed(args[1]) : 0;
}

static const char *of_worker;

static void *become_and_open(void *unused)
{
	if (become(unused))
		return (void *)1L;
	return (void *)(long)(open(of_worker, O_RDONLY) < 0);
}

/* worker - NAME: and that one opens the file. */
static int worker(char **args)
{
	of_worker = args[1];
	return result_of(become_and_open) ? failed(args[1]) : 0;
}

/* room - -: somebody without capabilities makes a user namespace, whose first process has all. */
static int room(char **args)
{
	int status;
	pid_t child;

	(void)args;
	if (become(NULL))
		return failed("setresuid");
	child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!child)
		_exit(syscall(SYS_finit_module, -1, "", 0) != -1);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return failed("clone");
	return status;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*way)(char **args);
	} ways[] = {
		{ "open", open_behind }, { "before", read_behind }, { "connect", connect_behind },
		{ "caps", caps },	 { "user", user },	    { "worker", worker },
		{ "room", room },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (argc == 4 && !strcmp(argv[1], ways[i].name))
			return ways[i].way(argv + 2);
	fprintf(stderr, "actor WAY COUNT NAME\n");
	return 2;
}
