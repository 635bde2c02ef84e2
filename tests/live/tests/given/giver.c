/*
 * Calls that wait, fail, and find the memory they were given changed: giver FIFO OTHER for opens of a FIFO,
 * giver -s SOCKET OTHER for connects to a socket that listens to nobody. The kernel has read FIFO or SOCKET; when the
 * call returns it says OTHER there. Also in calls of the 32-bit ABI, for which the memory is below 4 GiB.
 *
 * Calls that wait and succeed: giver -f FIFO for an openat2() that writes, whose flags say otherwise by then; giver -n
 * SOCKET OTHER for a connect whose descriptor is connected to OTHER by then.
 *
 * Opens that do not wait: giver -r LINK OTHER. Another thread takes what they have made to another number and puts OTHER
 * under the one they return, if it can before they do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* What both ABIs can point to. */
static struct shared {
	char name[256];
	struct sockaddr_un address;
	struct open_how how;
	unsigned words[3];
} *shared;

static int waiting_socket;

/* A call and its number while it waits. */
struct call {
	const char *name;
	long number;
	long (*make)(void);
};

static long narrow(long number, unsigned long a, unsigned long b, unsigned long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(0L), "D"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

#define LOW(pointer) ((unsigned long)(pointer))

static long make_open(void)
{
	return syscall(SYS_open, shared->name, O_RDONLY);
}

static long make_openat(void)
{
	return syscall(SYS_openat, AT_FDCWD, shared->name, O_RDONLY);
}

static long make_openat2(void)
{
	return syscall(SYS_openat2, AT_FDCWD, shared->name, &shared->how, sizeof(shared->how));
}

static long make_creat(void)
{
	return syscall(SYS_creat, shared->name, 0600);
}

static long make_open_32(void)
{
	return narrow(5, LOW(shared->name), O_RDONLY, 0);
}

static long make_openat_32(void)
{
	return narrow(295, AT_FDCWD, LOW(shared->name), O_RDONLY);
}

static long make_connect(void)
{
	return syscall(SYS_connect, waiting_socket, &shared->address, sizeof(shared->address));
}

static long make_connect_32(void)
{
	return narrow(362, waiting_socket, LOW(&shared->address), sizeof(shared->address));
}

static long make_socketcall(void)
{
	return narrow(102, 3, LOW(shared->words), 0);
}

static const struct call opens[] = {
	{ "open", SYS_open, make_open },	{ "openat", SYS_openat, make_openat },
	{ "openat2", SYS_openat2, make_openat2 }, { "creat", SYS_creat, make_creat },
	{ "open of 32 bits", 5, make_open_32 }, { "openat of 32 bits", 295, make_openat_32 },
	{ NULL, 0, NULL },
};

static const struct call connects[] = {
	{ "connect", SYS_connect, make_connect },
	{ "connect of 32 bits", 362, make_connect_32 },
	{ "socketcall", 102, make_socketcall },
	{ NULL, 0, NULL },
};

static atomic_int caller;

static void *make(void *call)
{
	caller = gettid();
	return (void *)((const struct call *)call)->make();
}

/* Whether the thread waits in that call. */
static int waits(pid_t tid, long number)
{
	char path[64], call[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, call, sizeof(call) - 1) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
	/* "running" is no number; 0 is a call that none of ours is. */
	return strtol(call, NULL, 10) == number;
}

static void interrupt(int signal)
{
	(void)signal;
}

/* Rewrites what `call` was given while it waits, and ends the wait. */
static int race(const struct call *call, char *at, const char *real, const char *other)
{
	pthread_t thread;
	void *result;

	strcpy(at, real);
	caller = 0;
	if (pthread_create(&thread, NULL, make, (void *)call))
		return 1;
	while (!caller || !waits(caller, call->number))
		sched_yield();
	strcpy(at, other);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, &result);
	/* libc's own calls return -1 and errno, of that thread. */
	if ((long)result == -1 || (long)result == -EINTR)
		return 0;
	fprintf(stderr, "%s: %ld\n", call->name, (long)result);
	return 1;
}

static int race_all(const struct call *calls, char *at, const char *real, const char *other)
{
	for (; calls->name; calls++)
		if (race(calls, at, real, other))
			return 1;
	return 0;
}

/* Starts `call` and waits until it waits. */
static int wait_in(pthread_t *thread, const struct call *call)
{
	caller = 0;
	if (pthread_create(thread, NULL, make, (void *)call))
		return 1;
	while (!caller || !waits(caller, call->number))
		sched_yield();
	return 0;
}

static int finish(pthread_t thread, const struct call *call)
{
	void *result;

	pthread_join(thread, &result);
	if ((long)result >= 0)
		return 0;
	fprintf(stderr, "%s: %ld\n", call->name, (long)result);
	return 1;
}

/* The flags are rewritten before somebody reads the FIFO. */
static int write_openly(const char *path)
{
	const struct call *call = &opens[2];
	pthread_t thread;

	if (mkfifo(path, 0600))
		return 1;
	strcpy(shared->name, path);
	shared->how.flags = O_WRONLY;
	if (wait_in(&thread, call))
		return 1;
	shared->how.flags = O_DIRECTORY;
	return open(path, O_RDONLY | O_NONBLOCK) < 0 || finish(thread, call);
}

static int listener;

/* Listens and takes nobody in: the first to come is queued, the others wait. */
static int listen_busy(const char *path)
{
	int first = socket(AF_UNIX, SOCK_STREAM, 0);

	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	shared->address.sun_family = AF_UNIX;
	strcpy(shared->address.sun_path, path);
	if (bind(listener, (void *)&shared->address, sizeof(shared->address)) || listen(listener, 0) ||
	    connect(first, (void *)&shared->address, sizeof(shared->address))) {
		perror(path);
		return 1;
	}
	waiting_socket = socket(AF_UNIX, SOCK_STREAM, 0);
	shared->words[0] = waiting_socket;
	shared->words[1] = LOW(&shared->address);
	shared->words[2] = sizeof(shared->address);
	return 0;
}

/* The number of the socket becomes another's before it is taken in. */
static int connect_elsewhere(const char *path, const char *other)
{
	int unused = socket(AF_UNIX, SOCK_STREAM, 0);
	pthread_t thread;

	if (unused < 0 || listen_busy(other) || listen_busy(path) || wait_in(&thread, &connects[0]))
		return 1;
	strcpy(shared->address.sun_path, other);
	if (dup2(unused, waiting_socket) < 0)
		return 1;
	return accept(listener, NULL, NULL) < 0 || finish(thread, &connects[0]);
}

#define REPLACED_OPENS 300
#define KEPT_FD 500
#define NO_FD -1
#define LAST_FD -2

static atomic_int replaced = NO_FD; /* the number that the next open will have */
static int other_file;

static void *replace(void *unused)
{
	int fd;

	(void)unused;
	while ((fd = atomic_load(&replaced)) != LAST_FD) {
		if (fd == NO_FD || dup2(fd, KEPT_FD) < 0)
			continue;
		dup2(other_file, fd);
		atomic_store(&replaced, NO_FD);
	}
	return NULL;
}

static int open_replaced(const char *link, const char *other)
{
	pthread_t thread;
	int i;

	other_file = open(other, O_RDONLY);
	if (other_file < 0 || pthread_create(&thread, NULL, replace, NULL))
		return 1;
	for (i = 0; i < REPLACED_OPENS; i++) {
		int fd = dup(other_file);

		close(fd);
		atomic_store(&replaced, fd);
		if (syscall(SYS_open, link, O_RDONLY) != fd)
			return 1;
		while (atomic_load(&replaced) != NO_FD)
			sched_yield();
		close(fd);
		close(KEPT_FD);
	}
	atomic_store(&replaced, LAST_FD);
	return pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupt };

	if (argc < 3 || sigaction(SIGUSR1, &action, NULL))
		return 2;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_POPULATE, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	if (!strcmp(argv[1], "-s"))
		return listen_busy(argv[2]) ||
		       race_all(connects, shared->address.sun_path, argv[2], argv[3]);
	if (!strcmp(argv[1], "-n"))
		return connect_elsewhere(argv[2], argv[3]);
	if (!strcmp(argv[1], "-r"))
		return open_replaced(argv[2], argv[3]);
	if (!strcmp(argv[1], "-f"))
		return write_openly(argv[2]);
	if (mkfifo(argv[1], 0600)) {
		perror(argv[1]);
		return 1;
	}
	return race_all(opens, shared->name, argv[1], argv[2]);
}
