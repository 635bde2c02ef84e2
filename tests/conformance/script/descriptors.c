/* Calls that make descriptors without a file, and what is done with descriptors but for reading and writing. */
#include "sys.h"
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/poll.h>

#ifndef __NR_pidfd_open
#define __NR_pidfd_open 434
#endif

struct file_handle_of_script {
	unsigned bytes;
	int type;
	unsigned char handle[128];
};

static void anonymous(void)
{
	static unsigned long mask = 1UL << (SIGUSR1 - 1) | 1UL << (SIGTERM - 1);
	static struct io_uring_params params;
	long fd;

	step("eventfd");
	SYSN(close, SYSN(eventfd, 7));
	SYSN(close, SYSN(eventfd2, 0x1122334400000005L, O_CLOEXEC | O_NONBLOCK));
	SYSN(eventfd2, 0, 0x100);
	step("signalfd");
	fd = SYSN(signalfd, -1, &mask, 8);
	SYSN(signalfd, fd, &mask, 8);
	SYSN(close, fd);
	SYSN(close, SYSN(signalfd4, -1, &mask, 8, O_NONBLOCK));
	SYSN(signalfd4, -1, ODD_UNMAPPED, 8, 0);
	SYSN(signalfd4, -1, 0, 8, 0);
	SYSN(signalfd4, 0, &mask, 8, 0); /* no signalfd */
	step("timerfd_create");
	SYSN(close, SYSN(timerfd_create, 1, O_CLOEXEC));
	SYSN(timerfd_create, 1, 1);
	step("inotify_init");
	SYSN(close, SYSN(inotify_init));
	SYSN(close, SYSN(inotify_init1, O_CLOEXEC));
	step("epoll_create");
	SYSN(close, SYSN(epoll_create, 5));
	SYSN(epoll_create, -5L);
	fd = SYSN(epoll_create1, O_CLOEXEC);
	SYSN(epoll_wait, fd, long_string(0, "", 100), 4, 0);
	SYSN(epoll_wait, fd, long_string(0, "", 100), -4L, 0);
	SYSN(close, fd);
	step("pidfd_open");
	SYSN(close, SYSN(pidfd_open, SYSN(getpid), 0));
	SYSN(pidfd_open, SYSN(getpid), 0x100);
	step("userfaultfd");
	SYSN(close, SYSN(userfaultfd, O_CLOEXEC));
	step("io_uring");
	params.flags = IORING_SETUP_CQSIZE;
	params.cq_entries = 16;
	fd = SYSN(io_uring_setup, 3, &params);
	SYSN(io_uring_enter, fd, 0, 0, 0, 0);
	SYSN(io_uring_enter, fd, 0, 0, 0, &mask);
	SYSN(io_uring_register, fd, 4 /* REGISTER_EVENTFD */, ODD_UNMAPPED, 1);
	SYSN(close, fd);
	SYSN(io_uring_setup, 1L << 40, &params);
	SYSN(io_uring_setup, 4, ODD_UNMAPPED);
}

static void polls(void)
{
	static struct pollfd fds[20];
	static struct __kernel_timespec zero;
	static unsigned long mask = 1UL << (SIGUSR1 - 1);
	long fd = SYSN(open, S("file"), O_RDWR | O_CREAT, 0600);

	step("poll");
	for (int i = 0; i < COUNT(fds); i++) {
		fds[i].fd = i ? (i % 2 ? fd : 90) : -1;
		fds[i].events = POLLIN | POLLOUT;
	}
	SYSN(poll, fds, 3, 0);
	SYSN(poll, fds, 16, 0);
	SYSN(poll, fds, 17, 0);
	SYSN(poll, fds, 0, 0);
	SYSN(poll, 0, 0, 0);
	SYSN(poll, ODD_UNMAPPED, 2, 0);
	SYSN(poll, fds, 1L << 33, 0);
	SYSN(poll, fds, 100000000, 0); /* more than there may be */
	step("ppoll");
	SYSN(ppoll, fds, 2, &zero, 0, 8);
	SYSN(ppoll, fds, 2, &zero, &mask, 8); /* what is left of a longer time is written back */
	SYSN(ppoll, fds, 2, 0, 0, 8);
	SYSN(ppoll, fds, 2, ODD_UNMAPPED, 0, 8);
	SYSN(ppoll, fds, 2, &zero, ODD_UNMAPPED, 8);
	step("select");
	SYSN(select, 0, 0, 0, 0, &zero);
	SYSN(select, -1L, 0, 0, 0, 0);
	SYSN(close, fd);
}

static void moves(void)
{
	static long offset, offset_out;
	static int pipe[2];
	long from, to;

	write_file("source", "0123456789");
	from = SYSN(open, S("source"), O_RDWR);
	to = SYSN(open, S("sink"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	step("lseek");
	SYSN(lseek, from, 3, 0);
	SYSN(lseek, from, -2L, 2);
	SYSN(lseek, from, -20L, 1);
	SYSN(lseek, from, 1L << 62, 0x700000000L);
	SYSN(lseek, from, 0, 77);
	step("sendfile");
	offset = 2;
	SYSN(sendfile, to, from, &offset, 4);
	SYSN(sendfile, to, from, 0, 4);
	SYSN(sendfile, to, from, ODD_UNMAPPED, 4);
	SYSN(sendfile, to, from, ODD_KERNEL, 4);
	SYSN(sendfile, to, from, untouched(), 0);
	step("copy_file_range");
	offset = 1;
	offset_out = 20;
	SYSN(copy_file_range, from, &offset, to, &offset_out, 5);
	SYSN(copy_file_range, from, 0, to, 0, 5);
	SYSN(copy_file_range, from, ODD_UNMAPPED, to, 0, 5);
	SYSN(copy_file_range, from, 0, to, 0, 5, 1);
	step("splice");
	must(SYSN(pipe, pipe), "pipe");
	offset = 0;
	SYSN(splice, from, &offset, pipe[1], 0, 6, 2);
	SYSN(splice, pipe[0], 0, to, 0, 6, 5);
	SYSN(splice, from, 0, to, 0, 6, 0);	/* no pipe */
	SYSN(splice, pipe[0], 0, to, 0, 6, 0x100);
	SYSN(close, pipe[0]);
	SYSN(close, pipe[1]);
	step("flock");
	SYSN(flock, from, 2);
	SYSN(flock, from, 8);
	SYSN(flock, from, 0x77);
	step("ioctl");
	SYSN(ioctl, from, 0x5451 /* FIOCLEX */, 0);
	SYSN(ioctl, from, 0xffffffff00005450L, -1L);
	SYSN(ioctl, from, 0x12345678, ODD_UNMAPPED);
	SYSN(close, from);
	SYSN(close, to);
	step("getdents");
	from = SYSN(open, S("."), O_DIRECTORY);
	SYSN(getdents, from, long_string(0, "", 100), 4096);
	SYSN(getdents64, from, long_string(0, "", 100), 4096);
	SYSN(getdents64, from, ODD_UNMAPPED, 4096);
	SYSN(close, from);
	step("io_uring_register/refused");
	SYSN(io_uring_register, 0, 1, 0, 0); /* no ring */
}

static void handles(void)
{
	static struct file_handle_of_script handle = { sizeof(handle.handle), 0, { 0 } };
	static int mount_id;
	long dir = SYSN(open, S("."), O_DIRECTORY), fd;

	step("open_by_handle_at");
	SYSN(mkdir, S("deep"), 0755);
	SYSN(mkdir, S("deep/deeper"), 0755);
	write_file("deep/deeper/file", "");
	must(SYSN(name_to_handle_at, AT_FDCWD, S("deep/deeper/file"), &handle, &mount_id, 0), "a handle");
	fd = SYSN(open_by_handle_at, dir, &handle, O_RDWR | O_CLOEXEC);
	SYSN(close, must(fd, "open_by_handle_at"));
	SYSN(open_by_handle_at, AT_FDCWD, &handle, 0x700000000L | O_PATH);
	SYSN(open_by_handle_at, dir, ODD_UNMAPPED, O_RDWR);
	SYSN(open_by_handle_at, 77, &handle, O_RDWR);
	SYSN(unlink, S("deep/deeper/file"));
	SYSN(open_by_handle_at, dir, &handle, O_RDWR); /* ESTALE */
	SYSN(close, dir);
}

static void facts(void)
{
	static struct stat_of_script {
		long words[24];
	} stat;
	long dir = SYSN(open, S("."), O_DIRECTORY);

	step("stat");
	SYSN(stat, S("source"), &stat);
	SYSN(stat, S(WORK "/source"), &stat);
	SYSN(lstat, S("source"), &stat);
	SYSN(fstat, dir, &stat);
	SYSN(newfstatat, dir, S("source"), &stat, 0);
	SYSN(newfstatat, dir, S(""), &stat, AT_EMPTY_PATH);
	SYSN(newfstatat, dir, S("source"), &stat, 0x7f000000);
	step("access");
	SYSN(access, S("source"), 0);
	SYSN(access, S("source"), 7);
	SYSN(access, S("source"), 0xffffffff00000006L);
	step("getcwd");
	SYSN(getcwd, long_string(0, "", 100), 4096);
	SYSN(getcwd, long_string(0, "old", 100), 3);
	SYSN(getcwd, ODD_UNMAPPED, 4096);
	step("mknod");
	SYSN(mknod, S("fifo"), 0010644, 0);
	SYSN(mknod, S("fifo"), 0010644, 0);
	SYSN(mknod, S("device"), 0020600, 0x1122334400000103L);
	SYSN(mknodat, dir, S("block"), 0060640, 0x703);
	SYSN(mknodat, 77, S("block"), 0140640, 0);
	SYSN(close, dir);
}

void descriptors(void)
{
	anonymous();
	polls();
	moves();
	handles();
	facts();
}
