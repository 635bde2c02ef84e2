/*
 * The 32-bit ABI, called from 64-bit code: what strings() and garbage() do not do, above all calls that
 * succeed. Numbers are those of arch/x86/entry/syscalls/syscall_32.tbl.
 */
#include "sys.h"
#include <linux/capability.h>
#include <linux/openat2.h>

#define NOBODY 0x7ffffff0L

static void files32(void)
{
	static struct open_how how;
	static int pair[2];
	long fd, dir;

	step("files of 32 bits");
	fd = SYS32(5, S("file"), O_RDWR | O_CREAT, 0644);
	SYS32(41, fd);
	SYS32(63, fd, 50);
	SYS32(330, fd, 51, O_CLOEXEC);
	SYS32(55, fd, 0, 52);
	SYS32(221, fd, 1030, 53);
	SYS32(221, fd, 2, 1);
	SYS32(221, fd, 3, 0); /* F_GETFL: not recorded */
	for (int extra = 50; extra < 54; extra++)
		SYS32(6, extra);
	SYS32(6, 4);
	SYS32(6, fd + 0x500000000L);
	dir = SYS32(5, S("."), O_PATH | O_DIRECTORY);
	SYS32(6, SYS32(295, dir, S("file"), O_RDWR));
	SYS32(6, SYS32(8, S("created32"), 0600));
	how.flags = O_RDWR;
	how.resolve = RESOLVE_BENEATH;
	SYS32(6, SYS32(437, dir, S("file"), &how, sizeof(how)));
	SYS32(437, dir, S("file"), ODD_UNMAPPED, sizeof(how));
	SYS32(38, S("created32"), S("renamed32"));
	SYS32(353, dir, S("renamed32"), dir, S("created32"), 1);
	SYS32(9, S("created32"), S("linked32"));
	SYS32(303, dir, S("created32"), dir, S("linked32"), 0);
	SYS32(83, S("anything"), S("symbolic32"));
	SYS32(39, S("directory32"), 0700);
	SYS32(12, S("directory32"));
	SYS32(133, dir);
	SYS32(40, S("directory32"));
	SYS32(15, S("created32"), 0640);
	SYS32(306, dir, S("created32"), 0644);
	SYS32(452, dir, S("created32"), 0644, 0);
	SYS32(212, S("created32"), 1, 2);
	SYS32(182, S("created32"), 0xffff, 3); /* 16 bits: -1 */
	SYS32(16, S("symbolic32"), 4, 5);
	SYS32(298, dir, S("created32"), 6, 7, 0);
	SYS32(301, dir, S("symbolic32"), 0);
	SYS32(10, S("created32"));
	SYS32(10, S("linked32"));
	SYS32(6, SYS32(356, S("memory of 32 bits"), 0));
	SYS32(6, dir);
	step("sockets of 32 bits");
	SYS32(359, 2, 2, 0); /* socket */
	must(SYS32(360, 1, 1, 0, pair), "socketpair of the 32-bit ABI");
	SYS32(41, pair[0]);
	SYS32(362, pair[0], S("\1\0no server"), 12);
	SYS32(362, pair[0], ODD_UNMAPPED, 12);
	SYS32(361, pair[1], S("\1\0name of 32"), 13);
	SYS32(363, pair[1], -2L);
	SYS32(364, pair[1], 0, 0, O_CLOEXEC);
	SYS32(6, fd);
}

static void ipc(void)
{
	static short operations[2][3] = { { 0, 2, 0 }, { 0, -1, 0 } };
	static unsigned value = 3;
	long id;

	step("ipc");
	id = SYS32(117, 2, 0x5a4b0003, 1, 03600); /* semget */
	SYS32(117, 3, id, 0, 16, &value);	   /* semctl(SETVAL) */
	SYS32(117, 3, id, 0, 0x10c, &value);	   /* GETVAL with IPC_64 */
	SYS32(117, 3, id, 0, 16, ODD_UNMAPPED);
	SYS32(117, 0x10001, id, 2, 0, operations); /* semop, version 1 */
	SYS32(117, 1, id, 1, 0, ODD_UNMAPPED);
	SYS32(117, 3, id, 0, 0, &value); /* IPC_RMID */
	SYS32(117, 21, 0, 0, 0);
}

/* Older programs make all socket calls, and all calls of System V IPC, through one. */
static void multiplexed(void)
{
	static char place[32];
	static int pair[2];
	static unsigned words[6];
	long fd;

	step("socketcall");
	words[0] = 1;
	words[1] = 2;
	fd = SYS32(102, 1, words); /* socket */
	words[0] = fd;
	words[1] = (unsigned)(long)S("\1\0name of old");
	words[2] = 13;
	SYS32(102, 2, words); /* bind */
	words[1] = (unsigned)(long)S("\1\0no server");
	SYS32(102, 3, words); /* connect */
	words[1] = 5;
	SYS32(102, 4, words); /* listen: not of datagrams */
	words[0] = 77;
	words[1] = words[2] = 0;
	words[3] = 1;
	SYS32(102, 5, words);	/* accept */
	SYS32(102, 18, words);	/* accept4 */
	words[0] = 1;
	words[1] = 2;
	words[2] = 0;
	words[3] = (unsigned)(long)pair;
	SYS32(102, 8, words);	/* socketpair */
	words[0] = pair[0];
	words[1] = (unsigned)(long)S("sent by an old call");
	words[2] = 19;
	words[3] = 0;
	SYS32(102, 9, words);	/* send */
	words[0] = pair[1];
	words[1] = (unsigned)(long)place;
	SYS32(102, 10, words);	/* recv */
	words[1] = 0;
	SYS32(102, 13, words);	/* shutdown */
	SYS32(102, 99, words);
	SYS32(102, 0, words);
	SYS32(102, 3, ODD_UNMAPPED);
	SYS32(6, fd);
	/* Numbers of semaphores begin anew there. */
	CHILD(must(SYSN(unshare, 0x08000000 /* CLONE_NEWIPC */), "unshare"); ipc());
	step("mmap as it was first");
	words[0] = 0x30000000;
	words[1] = PAGE;
	words[2] = 3;
	words[3] = 0x22;
	words[4] = -1;
	words[5] = 0;
	SYS32(91, SYS32(90, words), PAGE);
	SYS32(90, ODD_UNMAPPED);
}

/* Structures of another width. */
static void narrow_structures(void)
{
	static unsigned limit[2] = { 100, -1 }, span[2] = { 0, 1000 };
	static long wide_span[2] = { 0, 1000 };
	static struct narrow_vector {
		unsigned base, length;
	} local = { 0, 5 }, remote = { 0, 5 };
	static unsigned short narrow[3];
	static unsigned a, b, c, offset = 1;
	static long wide_offset = 2;
	static char text[16] = "0123456789";
	long from, to;

	step("structures of 32 bits");
	CHILD(SYS32(75, 4, limit));
	SYS32(191, 4, limit);
	SYS32(76, 4, limit);
	SYS32(162, span, 0);
	SYS32(162, ODD_UNMAPPED, 0);
	SYS32(309, 0, 0, span, 0, 8);
	SYS32(414, 0, 0, wide_span, 0, 8);
	local.base = (unsigned)(long)text;
	remote.base = (unsigned)(long)text + 5;
	SYS32(347, SYSN(getpid), &local, 1, &remote, 1);
	CHILD({
		SYS32(210, 11, 12, 13);
		SYS32(208, 1, 2, 3);
		SYS32(165, narrow, narrow + 1, narrow + 2);
		SYS32(209, &a, &b, &c);
		SYS32(171, narrow, narrow + 1, narrow + 2);
		SYS32(211, &a, &b, &c);
		SYS32(24);
		SYS32(199);
	});
	from = SYS32(5, S("source"), 0);
	to = SYS32(5, S("sink"), O_RDWR);
	SYS32(187, to, from, &offset, 3);
	SYS32(239, to, from, &wide_offset, 3);
	SYS32(140, from, 0, 3, &wide_offset, 0);
	SYS32(140, from, -1L, -2L, &wide_offset, 2);
	SYS32(6, from);
	SYS32(6, to);
	SYS32(106, S("source"), long_string(0, "", 100));
	SYS32(195, S("source"), long_string(0, "", 100));
	SYS32(300, AT_FDCWD, S("source"), long_string(0, "", 100), 0);
	SYS32(192, 0x30000000L, PAGE, 3, 0x22, -1L);
	SYS32(125, 0x30000000L, PAGE, 1);
	SYS32(91, 0x30000000L, PAGE);
	SYS32(168, 0, 0, 0);
	SYS32(142, 0, 0, 0, 0, span);
	SYS32(82, ODD_UNMAPPED);
	SYS32(6, SYS32(328, 3, O_CLOEXEC));
	SYS32(240, long_string(0, "", 8), 1, 1);
	SYS32(45, 0);
}

static void credentials32(void)
{
	static struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	static struct __user_cap_data_struct sets[2] = { { 0xff, 0xff, 0 }, { 0, 0, 0 } };

	step("credentials of 32 bits");
	CHILD(SYS32(213, 1000); SYS32(213, 0));
	CHILD(SYS32(214, 1001));
	CHILD(SYS32(203, 1000, -1L));
	CHILD(SYS32(204, 1000, 1001));
	CHILD(SYS32(208, 1, 2, 3));
	CHILD(SYS32(210, 1, 2, 3));
	CHILD(SYS32(185, &head, sets); SYS32(185, &head, ODD_UNMAPPED));
	CHILD(SYS32(66));
	step("credentials of 16 bits");
	CHILD(SYS32(23, 1000));
	CHILD(SYS32(23, 0x12345));
	CHILD(SYS32(46, 1001));
	CHILD(SYS32(70, 0xffff, 1000)); /* -1, as wide as it is */
	CHILD(SYS32(71, 1000, 0xffff));
	CHILD(SYS32(164, 1, 2, 0xffff));
	CHILD(SYS32(170, 1, 0xffff, 3));
}

static void others32(void)
{
	long self = SYSN(getpid);

	step("others of 32 bits");
	SYS32(37, self, 0);
	SYS32(37, -self, 0);
	SYS32(238, self, 0);
	SYS32(270, self, self, 0);
	SYS32(37, NOBODY, 15);
	SYS32(26, 16, NOBODY, 0x12345678, 0xffffffff);
	SYS32(172, 15, S("narrow name"));
	SYS32(172, 15, ODD_UNMAPPED);
	SYS32(172, 15, S("conformance"));
	SYS32(128, S("not a module at all"), 19, S("option"));
	SYS32(350, -1L, S("option"), 0);
	SYS32(129, S("saker-no-such-module"), O_NONBLOCK);
	SYS32(357, 9999, 0, 0);
	CHILD(SYS32(310, 0x04000000));
	SYS32(346, 0, 0x04000000);
	SYS32(21, S("none"), S("m"), S("tmpfs"), 2, 0);
	SYS32(22, S("m")); /* umount: no flags */
	SYS32(21, S("none"), S("m"), S("tmpfs"), 2, 0);
	SYS32(52, S("m"), 2);
	CHILD(SYS32(61, S("m")));
	step("a number of the other ABI");
	SYS(0x40000000L + 2, S("file"), 0); /* x32: most kernels have none */
	SYS(600, 0);
	SYS32(600, 0);
}

void compat(void)
{
	if (!has_compat)
		return;
	files32();
	multiplexed();
	narrow_structures();
	credentials32();
	others32();
}
