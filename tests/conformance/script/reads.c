/* Reading and writing, in one piece and in many, of every length that drivers tell apart. */
#include "io.h"

static void lengths(void)
{
	static const long all[] = { 0, 1, 80, 96, 97, 512, 513, 600, 601, 4096, 8000 };
	static char label[16];
	long fd = must(SYSN(open, S("file"), O_RDWR | O_CREAT | O_TRUNC, 0600), "file");

	for (int i = 0; i < COUNT(all); i++) {
		memset(label, 0, sizeof(label));
		append_number(label, all[i]);
		step2("write and read", label);
		SYSN(pwrite64, fd, bytes, all[i], 0);
		SYSN(pread64, fd, into, all[i], 0);
	}
	SYSN(close, fd);
}

void reads_and_writes(void)
{
	static int ends[2];
	long fd;

	lengths();
	step("read/file");
	fd = must(SYSN(open, S("file"), O_RDWR | O_TRUNC), "file");
	SYSN(write, fd, S("0123456789"), 10);
	SYSN(read, fd, into, 100); /* at its end */
	SYSN(pread64, fd, into, 100, 3);
	SYSN(pread64, fd, into, 5, 0x100000000L);
	SYSN(pwrite64, fd, S("abc"), 3, 0x100000001L);
	SYSN(ftruncate, fd, 10);
	step("read/vectors");
	vector(3, 7);
	SYSN(writev, fd, parts, 3);
	SYSN(pwritev, fd, parts, 2, 4, 0);
	vector(20, 1);
	SYSN(pwritev, fd, parts, 20, 0, 0);
	SYSN(preadv, fd, parts, 20, 1, 0);
	vector(40, 100);
	SYSN(pwritev, fd, parts, 40, 0, 0); /* more than are added up */
	SYSN(lseek, fd, 0, 0);
	SYSN(readv, fd, parts, 40);
	vector(2, 300);
	parts[0].length = 0;
	SYSN(preadv, fd, parts, 2, 0, 0);
	step("read/sizes that do not fit");
	SYSN(pread64, fd, into, 1L << 32, 0);
	SYSN(pread64, fd, into, (1L << 32) + 2, 0);
	vector(2, 5);
	parts[1].length = (1L << 32) - 5;
	SYSN(preadv, fd, parts, 2, 0, 0);
	vector(40, 0);
	parts[39].base = into;
	parts[39].length = 10;
	SYSN(preadv, fd, parts, 40, 0, 0); /* all but nothing in what is added up */
	vector(2, 300);
	parts[0].length = 0;
	step("number/upper half");
	SYS(1L << 32 | __NR_unlink, S("number"));
	SYS(1L << 40 | __NR_chmod, S("number"), 0600);
	step("read/errors");
	SYSN(read, 700, into, 10);
	SYSN(write, 700, bytes, 10);
	SYSN(write, -1, bytes, 10);
	SYSN(write, fd, ODD_UNMAPPED, 10);
	SYSN(write, fd, at_page_end(10, 0), 20);
	SYSN(read, fd, ODD_KERNEL, 10);
	SYSN(writev, fd, ODD_UNMAPPED, 2);
	SYSN(writev, fd, parts, -1L);
	parts[1].base = (void *)ODD_UNMAPPED;
	parts[0].length = 5;
	SYSN(writev, fd, parts, 2);
	SYSN(preadv, fd, parts, 2, -1L, 0);
	SYSN(read, 0, into, 0);
	step("pipe");
	SYSN(pipe, ends);
	SYSN(write, ends[1], S("through a pipe"), 14);
	SYSN(read, ends[0], into, 100);
	SYSN(close, ends[0]);
	SYSN(close, ends[1]);
	SYSN(pipe2, ends, O_CLOEXEC | O_NONBLOCK);
	SYSN(read, ends[0], into, 100); /* EAGAIN */
	SYSN(close, ends[0]);
	SYSN(close, ends[1]);
	SYSN(pipe, ODD_UNMAPPED);
	SYSN(pipe2, ends, 0x7fffffff);
	SYSN(close, fd);
}
