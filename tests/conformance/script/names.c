/* Names and modes of files that are there. What is not there was the business of strings(). */
#include "sys.h"

static void removals(long dir)
{
	step("unlink");
	write_file("goes", "");
	SYSN(unlink, S("goes"));
	SYSN(mkdir, S("stays"), 0755);
	SYSN(unlink, S("stays")); /* EISDIR */
	step("unlinkat");
	write_file("goes", "");
	SYSN(unlinkat, dir, S("goes"), 0);
	SYSN(unlinkat, dir, S("stays"), 0);
	SYSN(unlinkat, dir, S("stays"), AT_REMOVEDIR);
	SYSN(unlinkat, dir, S("goes"), 0x7f000000);
	SYSN(unlinkat, 77, S("goes"), 0);
	step("rmdir");
	SYSN(mkdir, S("full"), 0755);
	write_file("full/file", "");
	SYSN(rmdir, S("full")); /* ENOTEMPTY */
	SYSN(unlink, S("full/file"));
	SYSN(rmdir, S("full"));
	step("mkdir");
	SYSN(mkdir, S("made"), 01777);
	SYSN(mkdir, S("made"), 0); /* EEXIST */
	SYSN(mkdir, S("made/in/nothing"), 0755);
	SYSN(mkdirat, dir, S("made/again"), 0700);
	SYSN(mkdirat, dir, S("made/again/"), 0x1ffff);
	SYSN(mkdirat, 77, S("made/again"), 0700);
}

static void moves(long dir)
{
	step("rename");
	write_file("one", "");
	SYSN(rename, S("one"), S("two"));
	SYSN(rename, S("two"), S("made/three"));
	SYSN(rename, S("made"), S("made/in itself")); /* EINVAL */
	SYSN(renameat, dir, S("made/three"), AT_FDCWD, S("one"));
	SYSN(renameat, -7, S("made/three"), -8, S("one"));
	step("renameat2");
	write_file("two", "");
	SYSN(renameat2, dir, S("one"), dir, S("two"), 2); /* RENAME_EXCHANGE */
	SYSN(renameat2, dir, S("one"), dir, S("two"), 1); /* RENAME_NOREPLACE: EEXIST */
	SYSN(renameat2, dir, S("one"), dir, S("two"), 0);
	SYSN(renameat2, dir, S("one"), dir, S("two"), 0xffffffffL);
	step("symlink");
	SYSN(symlink, S("two"), S("link"));
	SYSN(symlink, S("two"), S("link")); /* EEXIST */
	SYSN(symlink, long_string(0, "", 4095), S("long link"));
	SYSN(symlinkat, S(""), dir, S("empty"));
	SYSN(symlinkat, S("/anywhere"), dir, S("link at"));
	SYSN(symlinkat, S("/anywhere"), 77, S("link at"));
	step("link");
	SYSN(link, S("two"), S("hard"));
	SYSN(link, S("two"), S("hard"));
	SYSN(link, S("made"), S("hard directory")); /* EPERM */
	SYSN(linkat, dir, S("link"), AT_FDCWD, S("followed"), AT_SYMLINK_FOLLOW);
	SYSN(linkat, dir, S(""), AT_FDCWD, S("by descriptor"), AT_EMPTY_PATH);
	SYSN(linkat, dir, S("two"), 77, S("x"), 0);
	step("names/long and there");
	/* ./././file: 111, 112, 511, 512 and the most the kernel takes */
	static const short lengths[] = { 110, 111, 112, 510, 511, 512, 4094, 4095 };

	for (int i = 0; i < COUNT(lengths); i++) {
		char *path = long_string(0, "", lengths[i]), *other = long_string(1, "", lengths[i]);

		for (int k = 0; k < lengths[i] - 4; k++)
			path[k] = other[k] = k % 2 ? '/' : '.';
		/* an even length ends in "/./" and a doubled slash is as good */
		memcpy(path + lengths[i] - 4, "/two", 4);
		memcpy(other + lengths[i] - 4, "/new", 4);
		SYSN(close, SYSN(open, path, O_RDWR));
		SYSN(rename, path, other);
		SYSN(rename, other, path);
		SYSN(chmod, path, 0644);
	}
}

static void modes(long dir)
{
	long fd = SYSN(open, S("two"), 0);

	step("chmod");
	SYSN(chmod, S("two"), 06755);
	SYSN(chmod, S("two"), 0177777);
	SYSN(chmod, S("link at"), 0644); /* ENOENT */
	SYSN(fchmod, fd, 0600);
	SYSN(fchmod, fd, 0xffffffff00000640L);
	SYSN(fchmod, 77, 0600);
	SYSN(fchmodat, dir, S("two"), 0604);
	SYSN(fchmodat, 77, S(WORK "/two"), 0604);
	SYSN(fchmodat2, dir, S("two"), 0640, 0);
	SYSN(fchmodat2, dir, S("link"), 0640, AT_SYMLINK_NOFOLLOW);
	SYSN(fchmodat2, fd, S(""), 0644, AT_EMPTY_PATH);
	SYSN(fchmodat2, dir, S("two"), 0640, 0x12340000);
	step("chown");
	SYSN(chown, S("two"), 1000, 1001);
	SYSN(chown, S("two"), -1, -1);
	SYSN(chown, S("two"), 0x80000000L, 0xfffffffeL);
	SYSN(lchown, S("link"), 5, 6);
	SYSN(fchown, fd, 0, 0);
	SYSN(fchown, fd, 0xffffffff00000000L, 0);
	SYSN(fchown, 77, 0, 0);
	SYSN(fchownat, dir, S("link"), 7, 8, AT_SYMLINK_NOFOLLOW);
	SYSN(fchownat, fd, S(""), 9, 10, AT_EMPTY_PATH);
	SYSN(fchownat, 77, S("x"), 9, 10, 0);
	SYSN(fchownat, dir, S("two"), 0, 0, 0x7f000000);
	SYSN(close, fd);
}

void names(void)
{
	long dir = SYSN(open, S("."), O_PATH | O_DIRECTORY);

	removals(dir);
	moves(dir);
	modes(dir);
	SYSN(close, dir);
}
