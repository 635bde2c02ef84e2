/* Opens and changes files in ways that hide their names. Behind ring.c and evader_ring.c. */
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif

static char shared_name[256];

/* Makes that many directories, one in the other, from DIR on, and goes to the last of them. */
static int descend(const char *dir, long levels, const char *name)
{
	if (chdir(dir))
		return failed("chdir");
	while (levels--)
		if (mkdir(name, 0755) || chdir(name))
			return failed("mkdir");
	return 0;
}

/* And back, leaving nothing. */
static int ascend(long levels, const char *name)
{
	while (levels--)
		if (chdir("..") || rmdir(name))
			return failed("rmdir");
	return 0;
}

/* deep DIR LEVELS NAME SOURCE FILE: in a directory that is mounted that deep. */
static int mounted_deep(char **args)
{
	long levels = atol(args[1]);

	if (descend(args[0], levels, args[2]))
		return 1;
	if (mkdir("m", 0755) || mount(args[3], "m", NULL, MS_BIND, NULL))
		return failed("mount");
	if (chdir("m") || take(open(args[4], O_RDONLY)) || chdir(".."))
		return failed("chdir");
	if (umount2("m", MNT_DETACH) || rmdir("m"))
		return failed("umount");
	return ascend(levels, args[2]);
}

static int copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
	ssize_t bytes = 1;

	if (in < 0 || out < 0)
		return failed("copy");
	while (bytes > 0)
		bytes = sendfile(out, in, NULL, 1 << 20);
	close(in);
	close(out);
	return bytes < 0 ? failed("copy") : 0;
}

/* below DIR LEVELS NAME PROGRAM: runs a copy that deep. */
static int run_below(char **args)
{
	long levels = atol(args[1]);
	int status;
	pid_t child;

	if (descend(args[0], levels, args[2]) || copy(args[3], "copied"))
		return 1;
	child = fork();
	if (!child) {
		execl("./copied", "copied", NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || status || unlink("copied"))
		return failed("exec");
	return ascend(levels, args[2]);
}

/* chroot DIR NAME: as a file of another root. */
static int in_root(char **args)
{
	if (chroot(args[0]) || chdir("/"))
		return failed("chroot");
	return take(open(args[1], O_RDONLY));
}

/* tree DIR NAME: through a mount that is mounted nowhere. */
static int in_tree(char **args)
{
	int tree = syscall(SYS_open_tree, AT_FDCWD, args[0], OPEN_TREE_CLONE | O_CLOEXEC);

	if (tree < 0)
		return failed("open_tree");
	return take(openat(tree, args[1], O_RDONLY));
}

union handle {
	struct file_handle handle;
	char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/* Its handle, and any descriptor in the mount that DIR is in. */
static int handle_of(char **args, union handle *of)
{
	int mount_id, dir = open(args[0], O_RDONLY | O_DIRECTORY);

	of->handle.handle_bytes = MAX_HANDLE_SZ;
	return dir < 0 || name_to_handle_at(AT_FDCWD, args[1], &of->handle, &mount_id, 0) ? -1 : dir;
}

/* handle DIR NAME: by the number that its file system knows it by, in the mount that DIR is in. */
static int by_handle(char **args)
{
	union handle of;
	int dir = handle_of(args, &of);

	return dir < 0 ? failed(args[1]) : take(open_by_handle_at(dir, &of.handle, O_RDONLY));
}

/* The kernel lets go of names that nobody uses. */
static void forget_names(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0 && write(fd, "2", 1) != 1)
		failed("drop_caches");
	close(fd);
}

#define TRIES 100

/*
 * forgotten DIR NAME: the same when the kernel has no name for the file. In memory (tmpfs) all files keep their names.
 */
static int forgotten(char **args)
{
	union handle of;
	int dir = handle_of(args, &of), fd, i;
	struct statfs fs;
	char link[64], name[8];

	if (dir < 0 || fstatfs(dir, &fs))
		return failed(args[1]);
	for (i = 0; i < TRIES; i++) {
		forget_names();
		fd = open_by_handle_at(dir, &of.handle, O_RDONLY);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC || readlink(link, name, sizeof(name)) == 1)
			return take(fd);
		close(fd);
	}
	fprintf(stderr, "the kernel keeps the name of %s\n", args[1]);
	return 1;
}

/* number NAME: by a number of the call whose upper half, which the kernel does not look at, is not zero. */
static int by_number(char **args)
{
	long fd = 1L << 32 | SYS_openat, r10 = 0;

	/* syscall() of libc may drop the upper half. */
	__asm__ volatile("mov %[mode], %%r10\n\tsyscall"
			 : "+a"(fd)
			 : "D"((long)AT_FDCWD), "S"(args[0]), "d"((long)O_RDONLY), [mode] "r"(r10)
			 : "rcx", "r10", "r11", "memory");
	return take(fd);
}

/* unnamed: what has no name in any directory, by its descriptor. */
static int unnamed(char **args)
{
	char path[64];
	int ends[2], fds[3], i;

	if (pipe(ends))
		return failed("pipe");
	fds[0] = ends[0];
	fds[1] = memfd_create("shadow", 0);
	fds[2] = open(args[0], O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fds[1] < 0 || fds[2] < 0 || unlink(args[0]))
		return failed("files");
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[i]);
		if (open(path, O_RDONLY | O_NONBLOCK) < 0)
			return failed(path);
	}
	return 0;
}

static void *open_shared(void *unused)
{
	(void)unused;
	return (void *)(long)open(shared_name, O_RDONLY);
}

/* Whether a thread of ours waits in openat(2). */
static int waits_in_open(pid_t tid)
{
	char path[64], call[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, call, sizeof(call) - 1) < 0)
		exit(failed(path));
	close(fd);
	return atoi(call) == SYS_openat;
}

static atomic_int opener;

static void *open_as_opener(void *unused)
{
	opener = gettid();
	return open_shared(unused);
}

/* swap FIFO OTHER: the kernel has read the name and waits for a writer; then it changes. */
static int swap(char **args)
{
	pthread_t thread;
	void *fd;

	strcpy(shared_name, args[0]);
	if (mkfifo(args[0], 0600) || pthread_create(&thread, NULL, open_as_opener, NULL))
		return failed("swap");
	while (!opener || !waits_in_open(opener))
		sched_yield();
	strcpy(shared_name, args[1]);
	if (open(args[0], O_WRONLY) < 0)
		return failed(args[0]);
	pthread_join(thread, &fd);
	return (long)fd < 0;
}

/* root-unlink DIR NAME: in another root, as the following. */
static int root_unlink(char **args)
{
	if (chroot(args[0]) || chdir("/") || unlink(args[1]))
		return failed("unlink");
	return 0;
}

/* root-mkdir DIR NAME */
static int root_mkdir(char **args)
{
	if (chroot(args[0]) || chdir("/") || mkdir(args[1], 0700))
		return failed("mkdir");
	return 0;
}

/* root-rename DIR OLD NEW */
static int root_rename(char **args)
{
	if (chroot(args[0]) || chdir("/") || rename(args[1], args[2]))
		return failed("rename");
	return 0;
}

/* root-link DIR OLD NEW */
static int root_link(char **args)
{
	if (chroot(args[0]) || chdir("/") || link(args[1], args[2]))
		return failed("link");
	return 0;
}

static const char *names[2];
static atomic_int racing = 1;

static void *flip(void *unused)
{
	unsigned int i;

	(void)unused;
	for (i = 0; racing; i++)
		strcpy(shared_name, names[i & 1]);
	return NULL;
}

/* race NAME OTHER COUNT: opens while another thread changes the name, until COUNT reached NAME. */
static int race(char **args)
{
	struct stat wanted, found;
	long count = atol(args[2]);
	pthread_t thread;
	int fd;

	names[0] = args[0];
	names[1] = args[1];
	strcpy(shared_name, args[1]);
	if (stat(args[0], &wanted) || pthread_create(&thread, NULL, flip, NULL))
		return failed("race");
	while (count > 0) {
		fd = open(shared_name, O_RDONLY);
		if (fd < 0)
			continue; /* half of one name and half of the other */
		if (fstat(fd, &found))
			return failed("fstat");
		count -= found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev;
		close(fd);
	}
	racing = 0;
	pthread_join(thread, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*way)(char **args);
	} ways[] = {
		{ "chroot", 2, in_root },
		{ "tree", 2, in_tree },
		{ "deep", 5, mounted_deep },
		{ "below", 4, run_below },
		{ "handle", 2, by_handle },
		{ "forgotten", 2, forgotten },
		{ "number", 1, by_number },
		{ "unnamed", 1, unnamed },
		{ "race", 3, race },
		{ "swap", 2, swap },
		{ "uring", 1, by_ring },
		{ "worker", 1, by_worker },
		{ "linked", 1, linked },
		{ "drained", 1, drained },
		{ "poller", 1, by_poller },
		{ "fixed", 1, fixed },
		{ "quiet", 1, quiet },
		{ "overflow", 1, overflow },
		{ "overflow-worker", 1, overflow_worker },
		{ "replaced", 1, replaced },
		{ "installed", 1, installed },
		{ "deferred", 1, deferred },
		{ "nocall", 1, nocall },
		{ "refused", 1, refused },
		{ "change", 1, change },
		{ "ring-unlink", 1, ring_unlink },
		{ "ring-mkdir", 1, ring_mkdir },
		{ "ring-rename", 2, ring_rename },
		{ "ring-link", 2, ring_link },
		{ "ring-symlink", 2, ring_symlink },
		{ "root-unlink", 2, root_unlink },
		{ "root-mkdir", 2, root_mkdir },
		{ "root-rename", 3, root_rename },
		{ "root-link", 3, root_link },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (argc == ways[i].args + 2 && !strcmp(argv[1], ways[i].name))
			return ways[i].way(argv + 2);
	fprintf(stderr, "evader WAY ARGUMENT...\n");
	return 2;
}
