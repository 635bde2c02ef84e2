/*
 * Mounts, roots and working directories. The mount namespace is the script's own: see main.c. File systems
 * with files that records name stay mounted: the device number of one that is gone could come again.
 */
#include "sys.h"
#include <linux/mount.h>
#include <linux/sched.h>

static char *arguments[] = { PROGRAM, "leaf", NULL };
static long program; /* found by descriptor wherever the root is */

/* What the drivers say about the working directory: they say it at an exec. */
static void show(void)
{
	SYSN(execveat, program, S(""), arguments, environment, AT_EMPTY_PATH);
	leave(1);
}

static void tmpfs(const char *at)
{
	must(SYSN(mount, S("tmpfs"), at, S("tmpfs"), 0, S("mode=755")), at);
}

static void mount_calls(void)
{
	step("mount");
	SYSN(mkdir, S("m"), 0755);
	SYSN(mount, S("source"), S("m"), S("tmpfs"), MS_NOSUID | MS_NODEV | MS_NOEXEC, S("size=1m"));
	SYSN(mount, 0, S("m"), 0, MS_REMOUNT | MS_RDONLY | MS_BIND, 0);
	SYSN(umount2, S("m"), 0);
	SYSN(mount, S("m"), S("m"), 0, MS_BIND | MS_REC, 0);
	SYSN(umount2, S("m"), 8 /* UMOUNT_NOFOLLOW */);
	SYSN(mount, S("none"), S("m"), S("no-such-fs"), 0, 0);
	SYSN(mount, 0, S("m"), 0, MS_MOVE, 0);
	SYSN(mount, S("a"), S("m"), S("tmpfs"), 0xc0ed0000L + MS_RDONLY, 0); /* MS_MGC_VAL */
	SYSN(umount2, S("m"), 2 /* MNT_DETACH */);
	SYSN(umount2, S("m"), 0); /* EINVAL: nothing is mounted */
	SYSN(umount2, S("m"), 0x7fffff00);
	SYSN(umount2, S("missing"), 0);
	step("mount/not permitted");
	CHILD({
		SYSN(setuid, 1000);
		SYSN(mount, S("a"), S("m"), S("tmpfs"), 0, 0);
		SYSN(umount2, S("m"), 0);
	});
}

static void exec_from_mounts(void)
{
	step("exec/read-only file system");
	SYSN(mkdir, S("ro"), 0755);
	tmpfs("ro");
	copy_program("ro/prog", 0755);
	must(SYSN(mount, 0, S("ro"), 0, MS_REMOUNT | MS_RDONLY, 0), "remount");
	CHILD(SYSN(execve, S("ro/prog"), arguments, environment));
	step("exec/noexec");
	SYSN(mkdir, S("noexec"), 0755);
	must(SYSN(mount, S("none"), S("noexec"), S("tmpfs"), MS_NOEXEC, 0), "mount");
	copy_program("noexec/prog", 0755);
	CHILD(SYSN(execve, S("noexec/prog"), arguments, environment));
	step("exec/bind mount of a file");
	write_file("bound", "");
	must(SYSN(mount, S("prog"), S("bound"), 0, MS_BIND, 0), "bind");
	CHILD(SYSN(execve, S("bound"), arguments, environment));
}

/* Layers of an overlay: where there is none the same steps happen in plain directories. */
static void overlay(void)
{
	step("overlay");
	SYSN(mkdir, S("o"), 0755);
	tmpfs("o");
	SYSN(mkdir, S("o/lower"), 0755);
	SYSN(mkdir, S("o/upper"), 0755);
	SYSN(mkdir, S("o/work"), 0755);
	SYSN(mkdir, S("o/all"), 0755);
	write_file("o/lower/below", "below");
	write_file("o/upper/above", "above");
	copy_program("o/lower/prog", 0755);
	copy_program("o/upper/prog2", 0755);
	SYSN(mount, S("overlay"), S("o/all"), S("overlay"), 0,
	     S("lowerdir=" WORK "/o/lower,upperdir=" WORK "/o/upper,workdir=" WORK "/o/work"));
	SYSN(close, SYSN(open, S("o/all"), O_DIRECTORY));
	SYSN(close, SYSN(open, S("o/all/below"), 0));
	SYSN(close, SYSN(open, S("o/all/above"), 0));
	SYSN(close, SYSN(open, S("o/all/below"), O_RDWR)); /* copied up */
	SYSN(close, SYSN(open, S("o/all/below"), 0));
	SYSN(close, SYSN(open, S("o/all/new"), O_RDWR | O_CREAT, 0644));
	CHILD(SYSN(execve, S("o/all/prog"), arguments, environment));
	CHILD(SYSN(execve, S("o/all/prog2"), arguments, environment));
	CHILD(SYSN(chdir, S("o/all")); show());
}

static void directories(void)
{
	long fd;

	step("cwd/root");
	CHILD(SYSN(chdir, S("/")); show());
	step("cwd/several mounts");
	SYSN(mkdir, S("d"), 0755);
	tmpfs("d");
	SYSN(mkdir, S("d/inner"), 0755);
	SYSN(mkdir, S("d/inner/most"), 0755);
	tmpfs("d/inner/most");
	SYSN(mkdir, S("d/inner/most/end"), 0755);
	CHILD(SYSN(chdir, S("d/inner/most/end")); show());
	CHILD(SYSN(chdir, S("d/inner/most")); show());
	CHILD(SYSN(chdir, S("d/inner")); show());
	CHILD(SYSN(chdir, S("d/inner/most/end/../../..")); show());
	step("cwd/mount over a mount");
	tmpfs("d/inner/most");
	SYSN(mkdir, S("d/inner/most/over"), 0755);
	CHILD(SYSN(chdir, S("d/inner/most/over")); show());
	step("cwd/bind mount of a directory below");
	SYSN(mkdir, S("d/other"), 0755);
	must(SYSN(mount, S("d/inner"), S("d/other"), 0, MS_BIND, 0), "bind");
	CHILD(SYSN(chdir, S("d/other/most")); show());
	step("fchdir");
	fd = SYSN(open, S("d/other"), O_PATH);
	CHILD(SYSN(fchdir, fd); SYSN(fchdir, 77); SYSN(fchdir, 0); show());
	SYSN(close, fd);
	step("cwd/removed");
	CHILD(SYSN(mkdir, S("d/gone"), 0755); SYSN(chdir, S("d/gone")); SYSN(rmdir, S("../gone")); show());
	step("cwd/unmounted");
	SYSN(mkdir, S("d/lost"), 0755);
	tmpfs("d/lost");
	SYSN(mkdir, S("d/lost/deep"), 0755);
	CHILD(SYSN(chdir, S("d/lost/deep")); SYSN(umount2, S(WORK "/d/lost"), 2); show());
	step("chroot");
	CHILD(SYSN(chroot, S("d")); SYSN(chdir, S("/inner")); show());
	CHILD(SYSN(chroot, S("d/inner/most")); SYSN(chdir, S("/over")); show());
	step("chroot/cwd stays outside");
	CHILD(SYSN(chroot, S("d")); show());
	step("chroot/refused");
	CHILD(SYSN(chroot, S("file")); SYSN(setuid, 1000); SYSN(chroot, S("d")); SYSN(chdir, S("file")));
}

/* Deep and long working directories: the drivers go on after 64 components and leave out the middle after 4095 bytes. */
static void deep(const char *label, const char *name, int levels)
{
	step2("cwd", label);
	CHILD({
		SYSN(mkdir, label, 0755);
		must(SYSN(chdir, label), label);
		for (int i = 0; i < levels; i++) {
			must(SYSN(mkdir, name, 0755), "mkdir");
			must(SYSN(chdir, name), "chdir");
		}
		show();
	});
}

static void namespaces(void)
{
	static const int flags[] = { 0, CLONE_FS, CLONE_FILES, CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC,
				     CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWCGROUP, CLONE_NEWUSER,
				     CLONE_THREAD, CLONE_SYSVSEM, 0x80 /* CLONE_NEWTIME */ };
	static const char *const links[] = { "/proc/self/ns/uts", "/proc/self/ns/mnt", "/proc/self/ns/pid",
					     "/proc/self/ns/net", "/proc/self/ns/ipc",
					     "/proc/self/ns/cgroup", "/proc/self/ns/user" };
	long fd;

	step("unshare");
	for (int i = 0; i < COUNT(flags); i++)
		CHILD(SYSN(unshare, flags[i]));
	CHILD(SYSN(setuid, 1000); SYSN(unshare, CLONE_NEWNS));
	step("setns");
	for (int i = 0; i < COUNT(links); i++) {
		fd = SYSN(open, links[i], 0);
		CHILD(SYSN(setns, fd, 0));
		SYSN(close, fd);
	}
	fd = SYSN(open, links[0], 0);
	CHILD(SYSN(setns, fd, CLONE_NEWUTS); SYSN(setns, fd, CLONE_NEWNET); SYSN(setns, 0, 0));
	CHILD(SYSN(setns, fd, 0xffffffff00000000L + CLONE_NEWUTS));
	SYSN(close, fd);
	step("setns/process descriptor");
	fd = SYS(434 /* pidfd_open */, SYSN(getpid), 0);
	CHILD(SYSN(setns, fd, CLONE_NEWUTS | CLONE_NEWIPC));
	SYSN(close, fd);
}

/* Newer kernels take a dead process out of its group when it has switched away for the last time. */
static void wait_empty(const char *events)
{
	static char text[128];
	long fd = must(SYSN(open, events, 0), events);

	for (int empty = 0; !empty;) {
		must(look(fd, text, sizeof(text) - 1), events);
		for (char *at = text; *at && !empty; at++)
			empty = at[0] == 'd' && at[1] == ' ' && at[2] == '0'; /* "populated 0" */
		SYSN(sched_yield);
	}
	SYSN(close, fd);
}

/* A group of the default hierarchy, below the one the script is in. */
static void groups(void)
{
	step("cgroup");
	SYSN(mkdir, S("c"), 0755);
	if (SYSN(mount, S("none"), S("c"), S("cgroup2"), 0, 0) < 0)
		return;
	SYSN(mkdir, S("c/saker-conformance"), 0755);
	SYSN(mkdir, S("c/saker-conformance/inner group"), 0755);
	CHILD({
		write_file("c/saker-conformance/inner group/cgroup.procs", "0");
		SYSN(execve, PROGRAM, arguments, environment);
	});
	wait_empty("c/saker-conformance/inner group/cgroup.events");
	SYSN(rmdir, S("c/saker-conformance/inner group"));
	SYSN(rmdir, S("c/saker-conformance"));
}

void mounts(void)
{
	program = must(SYSN(open, PROGRAM, O_PATH | O_CLOEXEC), PROGRAM);
	mount_calls();
	exec_from_mounts();
	overlay();
	directories();
	deep("50 components", "x", 50);
	deep("60 components", "x", 60);
	deep("61 components", "x", 61);
	deep("100 components", "x", 100);
	deep("130 components", "x", 130);
	deep("4080 bytes", long_string(0, "", 250), 16);
	deep("5000 bytes", long_string(0, "", 255), 20);
	deep("7000 bytes", long_string(0, "", 100), 70);
	namespaces();
	groups();
	SYSN(close, program);
}
