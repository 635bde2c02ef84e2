// A file system in user space that answers nobody who reads, and processes that hold up who looks at their memory by
// it: one has its arguments in a file there, another has the lock of its memory, which it got for a mapping. The kernel
// gives up the pages of the file before, and one of them is being read.
//
// actor DIRECTORY: mounts it, prints `up` and stays until its input ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NODE 2
#define FILE_BYTES 4096
// Kernels before 7.23 take no longer answer.
#define OLD_INIT_BYTES 24
#define LONG 1000000

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void answer(int device, uint64_t unique, int error, const void *data, size_t bytes)
{
	struct fuse_out_header header = { .len = sizeof(header) + bytes, .error = error, .unique = unique };
	struct iovec parts[] = { { &header, sizeof(header) }, { (void *)data, bytes } };

	// Who asked may be gone.
	if (writev(device, parts, 2) < 0 && errno != ENOENT)
		die("an answer");
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = { .ino = node, .nlink = 1, .blksize = FILE_BYTES };

	attr.mode = node == FILE_NODE ? S_IFREG | 0666 : S_IFDIR | 0755;
	attr.size = node == FILE_NODE ? FILE_BYTES : 0;
	return attr;
}

// One request; says on `asked` when somebody reads.
static void serve(int device, int asked)
{
	static char buffer[FUSE_MIN_READ_BUFFER + FILE_BYTES] __attribute__((aligned(8)));
	struct fuse_in_header *in = (void *)buffer;
	void *arg = in + 1;

	if (read(device, buffer, sizeof(buffer)) < 0) {
		// One that was given up before anybody took it.
		if (errno == ENOENT || errno == EINTR || errno == EAGAIN)
			return;
		_exit(0);
	}
	if (in->opcode == FUSE_INIT) {
		uint32_t minor = ((struct fuse_init_in *)arg)->minor;
		struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .max_write = FILE_BYTES };

		out.minor = minor < FUSE_KERNEL_MINOR_VERSION ? minor : FUSE_KERNEL_MINOR_VERSION;
		answer(device, in->unique, 0, &out, minor < 23 ? OLD_INIT_BYTES : sizeof(out));
	} else if (in->opcode == FUSE_LOOKUP) {
		struct fuse_entry_out out = { .nodeid = FILE_NODE, .entry_valid = LONG, .attr_valid = LONG };

		out.attr = attributes(FILE_NODE);
		answer(device, in->unique, 0, &out, sizeof(out));
	} else if (in->opcode == FUSE_GETATTR) {
		struct fuse_attr_out out = { .attr_valid = LONG, .attr = attributes(in->nodeid) };

		answer(device, in->unique, 0, &out, sizeof(out));
	} else if (in->opcode == FUSE_OPEN) {
		struct fuse_open_out out = {};

		// Mapping it gives up what is cached.
		if ((((struct fuse_open_in *)arg)->flags & O_ACCMODE) == O_RDWR)
			out.open_flags = FOPEN_DIRECT_IO;
		answer(device, in->unique, 0, &out, sizeof(out));
	} else if (in->opcode == FUSE_READ) {
		if (write(asked, "r", 1) != 1)
			die("a pipe");
	} else if (in->opcode == FUSE_FLUSH || in->opcode == FUSE_RELEASE) {
		answer(device, in->unique, 0, NULL, 0);
	} else if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET && in->opcode != FUSE_INTERRUPT) {
		answer(device, in->unique, -ENOSYS, NULL, 0);
	}
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void say(int up)
{
	if (write(up, "u", 1) != 1)
		die("a pipe");
}

// Becomes a program whose arguments are longer than the page of the file that it puts there.
static void start_words(int file, int up)
{
	char files[32], long_one[3 * FILE_BYTES];

	snprintf(files, sizeof(files), "%d,%d", file, up);
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = 0;
	execl("/proc/self/exe", "words", long_one, files, NULL);
	die("/proc/self/exe");
}

static void be_words(char *argv0, const char *files)
{
	unsigned long page = ((unsigned long)argv0 + FILE_BYTES - 1) / FILE_BYTES * FILE_BYTES;
	int file, up;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "words");
	if (sscanf(files, "%d,%d", &file, &up) != 2 ||
	    mmap((void *)page, FILE_BYTES, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
		die("arguments in a file");
	say(up);
	for (;;)
		pause();
}

// Whether the process waits and nothing wakes it.
static int stuck(pid_t pid)
{
	char path[64], line[512], *end;
	size_t bytes;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		die(path);
	bytes = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[bytes] = 0;
	end = strrchr(line, ')');
	return end && end[2] == 'D';
}

static void expect(int from)
{
	char byte;

	if (read(from, &byte, 1) != 1)
		die("a pipe");
}

int main(int argc, char **argv)
{
	int device = open("/dev/fuse", O_RDWR), asked[2], up[2], file, uncached;
	pid_t server, words, reader, locked;
	char options[64], path[4096], byte;

	if (argc == 3)
		be_words(argv[0], argv[2]);
	if (argc != 2 || device < 0 || pipe(asked) || pipe(up))
		die("/dev/fuse");
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("a mount namespace");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (mount("none", argv[1], "fuse", 0, options))
		die(argv[1]);
	server = child();
	while (server == 0)
		serve(device, asked[1]);
	close(device);
	snprintf(path, sizeof(path), "%s/file", argv[1]);
	file = open(path, O_RDONLY);
	uncached = open(path, O_RDWR);
	if (file < 0 || uncached < 0)
		die(path);

	words = child();
	if (words == 0)
		start_words(file, up[1]);
	expect(up[0]);

	reader = child();
	if (reader == 0)
		_exit(read(file, &byte, 1) < 0);
	expect(asked[0]);
	locked = child();
	if (locked == 0) {
		prctl(PR_SET_NAME, "locked");
		mmap(NULL, FILE_BYTES, PROT_READ, MAP_PRIVATE, uncached, 0);
		_exit(0);
	}
	while (!stuck(locked))
		sched_yield();
	puts("up");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	// With it the file system ends, and whoever waits for it goes on.
	kill(server, SIGKILL);
	kill(words, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
