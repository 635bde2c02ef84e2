/* Opens, descriptors and what they are of. The working directory is a file system of the script's own. */
#include "sys.h"
#include <linux/openat2.h>

#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_SETFL 4
#define F_DUPFD_CLOEXEC 1030

static void opens(void)
{
	long fd, dir;

	step("open/create");
	fd = SYSN(open, S("file"), O_RDWR | O_CREAT | O_TRUNC, 0644);
	SYSN(close, fd);
	step("open/exists");
	fd = SYSN(open, S("./file"), O_RDWR | O_CREAT | O_CLOEXEC, 04777);
	SYSN(close, fd);
	step("open/absolute");
	fd = SYSN(open, S(WORK "/file"), O_WRONLY | O_APPEND);
	SYSN(close, fd);
	step("open/errors");
	SYSN(open, S("file"), O_RDWR | O_CREAT | O_EXCL, 0600); /* EEXIST */
	SYSN(open, S("missing"), 0);				/* ENOENT */
	SYSN(open, S("file/below"), 0);				/* ENOTDIR */
	SYSN(open, S("."), O_RDWR);				/* EISDIR */
	SYSN(open, S("file"), O_DIRECTORY);			/* ENOTDIR */
	SYSN(open, S("file"), 0x400000); /* half of O_TMPFILE: EINVAL before the name is read */
	SYSN(open, untouched(), 0x400000);
	step("open/kinds");
	SYSN(close, SYSN(open, S("."), O_DIRECTORY));
	SYSN(mknod, S("zero"), 020666, 0x105);
	SYSN(close, SYSN(open, S("zero"), O_RDWR));
	SYSN(mknod, S("fifo"), 010666, 0);
	SYSN(close, SYSN(open, S("fifo"), O_RDWR | O_NONBLOCK));
	SYSN(mknod, S("socket-file"), 0140666, 0);
	SYSN(open, S("socket-file"), 0); /* ENXIO */
	SYSN(close, SYSN(open, S("socket-file"), O_PATH));
	SYSN(close, SYSN(open, S("/proc/self/stat"), 0));
	SYSN(close, SYSN(open, S("/proc/self/ns/uts"), 0));
	SYSN(close, SYSN(open, S("/"), O_PATH));
	step("open/O_TMPFILE");
	SYSN(close, SYSN(open, S("."), O_TMPFILE | O_RDWR, 0600));
	step("open/through a descriptor");
	fd = SYSN(open, S("file"), 0);
	SYSN(close, SYSN(open, descriptor_path(fd), 0));
	SYSN(close, fd);

	step("openat/directories");
	dir = SYSN(open, S("."), O_PATH | O_DIRECTORY);
	SYSN(close, SYSN(openat, dir, S("file"), O_RDWR));
	SYSN(close, SYSN(openat, dir, S("created by openat"), O_RDWR | O_CREAT, 0400));
	SYSN(close, SYSN(openat, AT_FDCWD, S("file"), 0));
	SYSN(close, SYSN(openat, 77, S(WORK "/file"), 0)); /* an absolute name needs none */
	SYSN(openat, 77, S("file"), 0);
	SYSN(openat, -100L + (1L << 32), S("file"), O_PATH);
	SYSN(close, 4);
	SYSN(openat, dir, S(""), 0);
	step("openat/O_TMPFILE");
	SYSN(close, SYSN(openat, dir, S("."), O_TMPFILE | O_RDWR | O_EXCL, 0600));
	SYSN(close, dir);

	step("creat");
	SYSN(close, SYSN(creat, S("created"), 0600));
	SYSN(close, SYSN(creat, S("created"), 0)); /* exists */
	SYSN(creat, S("."), 0600);		   /* EISDIR */
}

static void open_with(long dir, const char *path, __u64 flags, __u64 mode, __u64 resolve, long size)
{
	static struct open_how how[2]; /* room for sizes that are too large */
	long fd;

	memset(how, 0, sizeof(how));
	how[0].flags = flags;
	how[0].mode = mode;
	how[0].resolve = resolve;
	fd = SYSN(openat2, dir, S(path), how, size);
	if (fd >= 0)
		SYSN(close, fd);
}

static void openat2s(void)
{
	const long size = sizeof(struct open_how);
	char *end;

	step("openat2/resolve");
	open_with(AT_FDCWD, "file", O_RDWR, 0, 0, size);
	open_with(AT_FDCWD, "created by openat2", O_RDWR | O_CREAT, 0640, RESOLVE_BENEATH, size);
	open_with(AT_FDCWD, "/etc", O_PATH, 0, RESOLVE_BENEATH, size);
	open_with(AT_FDCWD, "/file", 0, 0, RESOLVE_IN_ROOT, size);
	open_with(AT_FDCWD, "file", 0, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV, size);
	open_with(AT_FDCWD, "..", O_PATH, 0, RESOLVE_NO_XDEV, size);
	open_with(77, "file", 0, 0, 0, size);
	step("openat2/refused");
	open_with(AT_FDCWD, "file", 1UL << 40, 0, 0, size);
	open_with(AT_FDCWD, "file", 0, 0600, 0, size);
	open_with(AT_FDCWD, "file", 0, 0, 1UL << 50, size);
	step("openat2/sizes");
	open_with(AT_FDCWD, "file", 0, 0, 0, 0);
	open_with(AT_FDCWD, "file", 0, 0, 0, 16);
	open_with(AT_FDCWD, "file", 0, 0, 0, size + 8);
	open_with(AT_FDCWD, "file", 0, 0, 0, 9000);
	step("openat2/unreadable");
	SYSN(openat2, AT_FDCWD, S("file"), 0, size);
	SYSN(openat2, AT_FDCWD, S("file"), ODD_UNMAPPED, size);
	SYSN(openat2, AT_FDCWD, S("file"), ODD_KERNEL, size);
	SYSN(openat2, AT_FDCWD, 0, 0, size);
	end = at_page_end(8, 0); /* the first word is readable, the others are not */
	SYSN(openat2, AT_FDCWD, S("file"), end, size);
	SYSN(openat2, AT_FDCWD, untouched(), ODD_UNMAPPED, size);
}

static void fcntls(void)
{
	long fd = SYSN(open, S("file"), O_RDWR);

	step("fcntl");
	SYSN(close, SYSN(fcntl, fd, F_DUPFD, 10));
	SYSN(close, SYSN(fcntl, fd, F_DUPFD_CLOEXEC, 20));
	SYSN(fcntl, fd, F_DUPFD, 1 << 30); /* EINVAL: above the limit */
	SYSN(fcntl, fd, F_DUPFD, -1L);
	SYSN(fcntl, fd, F_SETFD, 1);
	SYSN(fcntl, fd, F_SETFD, 0xdeadbeef00000000L);
	SYSN(fcntl, fd, F_GETFD, 0);	     /* not recorded */
	SYSN(fcntl, fd, F_SETFL, O_NONBLOCK); /* not recorded */
	SYSN(fcntl, fd, 0x100000000L + F_DUPFD, 30); /* the command is an int */
	SYSN(close, 30);
	SYSN(fcntl, -1, F_DUPFD, 0);
	SYSN(fcntl, 0x7fffffff, F_SETFD, 1);
	SYSN(close, fd);
}

static void closes(void)
{
	step("close/bad descriptors");
	SYSN(close, -1);
	SYSN(close, 77);
	SYSN(close, 0x7fffffff);
	SYSN(close, (long)0x8000000000000000UL + 77);
	step("close/upper half of the register");
	long fd = SYSN(open, S("file"), 0);

	SYSN(close, fd + 0x500000000L);
	step("close_range is not close");
	SYSN(open, S("file"), 0);
	SYS(436, 3, 3, 0);
}

/* dup over descriptors of every kind: facts and tuple are those of the new descriptor. */
static void dups(void)
{
	static int ends[2], pair[2];
	long fd = SYSN(open, S("file"), O_RDWR), memory, path, epoll, tmp;

	step("dup/file");
	SYSN(close, SYSN(dup, fd));
	SYSN(close, SYSN(dup2, fd, 40));
	SYSN(close, SYSN(dup3, fd, 41, O_CLOEXEC));
	SYSN(dup2, fd, fd); /* nothing happens */
	step("dup/errors");
	SYSN(dup, -1);
	SYSN(dup, 77);
	SYSN(dup2, 77, fd);
	SYSN(dup2, fd, -1);
	SYSN(dup2, fd, 1 << 20); /* above the limit */
	SYSN(dup3, fd, fd, 0);
	SYSN(dup3, fd, 42, 0x7fffffff);
	step("dup/pipe");
	must(SYSN(pipe2, ends, 0), "pipe");
	SYSN(close, SYSN(dup, ends[0]));
	SYSN(close, SYSN(dup2, ends[1], 43));
	step("dup/memory file");
	memory = SYSN(memfd_create, S("for dup"), 0);
	SYSN(close, SYSN(dup, memory));
	step("dup/path, directory, epoll, file without a name");
	path = SYSN(open, S("."), O_PATH);
	SYSN(close, SYSN(dup, path));
	SYSN(close, path);
	epoll = SYSN(epoll_create1, 0);
	SYSN(close, SYSN(dup, epoll));
	SYSN(close, epoll);
	tmp = SYSN(open, S("."), O_TMPFILE | O_RDWR, 0600);
	SYSN(close, SYSN(dup, tmp));
	SYSN(close, tmp);
	step("dup/onto a socket pair");
	/* These sockets live as long as the script: numbers of dead ones could come again. */
	must(SYSN(socketpair, 1, 1, 0, pair), "socketpair");
	SYSN(close, SYSN(dup, pair[0]));
	SYSN(dup2, pair[0], ends[0]);
	SYSN(dup3, pair[1], ends[1], O_CLOEXEC);
	SYSN(dup2, fd, ends[0]);
	SYSN(dup2, fd, ends[1]);
	SYSN(close, ends[0]);
	SYSN(close, ends[1]);
	SYSN(close, memory);
	SYSN(close, fd);
}

void files(void)
{
	opens();
	openat2s();
	fcntls();
	closes();
	dups();
}
