/* Programs start in every way. What they get is recorded; they do nothing (argument "leaf", or none). */
#include "sys.h"
#include <linux/resource.h>

#define RLIMIT_NOFILE 7

static char *leaf_arguments[] = { PROGRAM, "leaf", NULL };
static char *many[4098];

#define EXEC(path, argv, envp) CHILD(SYSN(execve, path, argv, envp); leave(1))
#define EXECAT(dir, path, flags)                                                                   \
	CHILD(SYSN(execveat, dir, path, leaf_arguments, environment, flags); leave(1))

static void arguments(void)
{
	char *two[] = { PROGRAM, NULL, NULL };
	static const int lengths[] = { 1, 4090, 4091, 4095, 4096, 4097, 70000, 130000 };

	step("exec/plain");
	EXEC(PROGRAM, leaf_arguments, environment);
	step("exec/argv[0] is a lie");
	two[0] = S("not the program");
	EXEC(PROGRAM, two, environment);
	step("exec/argv[0] is empty");
	two[0] = S("");
	two[1] = S("leaf");
	EXEC(PROGRAM, two, environment);
	step("exec/no arguments");
	EXEC(PROGRAM, no_strings, environment);
	step("exec/argv is NULL");
	EXEC(PROGRAM, NULL, environment);
	step("exec/nothing at all");
	EXEC(PROGRAM, NULL, NULL);
	step("exec/environment is empty");
	EXEC(PROGRAM, leaf_arguments, no_strings);
	step("exec/empty strings");
	for (int i = 0; i < 20; i++)
		many[i] = S("");
	many[20] = NULL;
	EXEC(PROGRAM, many, many);
	step("exec/odd bytes");
	two[0] = S("\x01\x7f\xff\xfe \"\\\n");
	two[1] = S("\xe2\x82");
	EXEC(PROGRAM, two, two);
	/* "leaf" in between: only argv[1] says what to do. */
	for (int i = 0; i < COUNT(lengths); i++) {
		char label[40];

		append_number(append(label, "exec/one argument of "), lengths[i]);
		step(label);
		two[0] = PROGRAM;
		two[1] = long_string(0, "", lengths[i]);
		EXEC(PROGRAM, two, environment);
		append_number(append(label, "exec/one variable of "), lengths[i]);
		step(label);
		two[0] = two[1];
		two[1] = NULL;
		EXEC(PROGRAM, leaf_arguments, two);
		append_number(append(label, "exec/argv[0] of "), lengths[i]);
		step(label);
		two[1] = S("leaf");
		EXEC(PROGRAM, two, environment);
	}
	step("exec/4096 arguments");
	many[0] = PROGRAM;
	for (int i = 1; i < 4097; i++)
		many[i] = leaf_arguments[1];
	many[4097] = NULL;
	EXEC(PROGRAM, many, many);
	step("exec/everything is long");
	two[0] = long_string(0, "", 5000);
	two[1] = long_string(1, "", 5000);
	EXEC(long_string(2, "", 1), two, two); /* ENOENT */
	EXEC(PROGRAM, two, two);
}

static void paths(void)
{
	long dir, fd;

	step("exec/relative");
	EXEC(S("prog"), leaf_arguments, environment);
	EXEC(S("./prog"), leaf_arguments, environment);
	EXEC(S("made/..//./prog"), leaf_arguments, environment);
	step("exec/symbolic link");
	SYSN(symlink, S("prog"), S("link to prog"));
	EXEC(S("link to prog"), leaf_arguments, environment);
	step("exec/proc");
	EXEC(S("/proc/self/exe"), leaf_arguments, environment);
	step("exec/name longer than a command's");
	SYSN(link, S("prog"), S("a program with quite a long name"));
	EXEC(S("a program with quite a long name"), leaf_arguments, environment);
	SYSN(unlink, S("a program with quite a long name"));
	step("exec/path of 4095 bytes");
	{
		char *path = long_string(0, "", 4095);

		for (int i = 0; i < 4090; i++)
			path[i] = i % 2 ? '/' : '.';
		memcpy(path + 4090, "/prog", 5);
		EXEC(path, leaf_arguments, environment);
	}
	step("execveat/directory");
	dir = SYSN(open, S("."), O_PATH | O_DIRECTORY);
	EXECAT(dir, S("prog"), 0);
	EXECAT(AT_FDCWD, S("prog"), 0);
	EXECAT(77, S(PROGRAM), 0);
	SYSN(close, dir);
	step("execveat/empty path");
	fd = SYSN(open, S("prog"), O_PATH);
	EXECAT(fd, S(""), AT_EMPTY_PATH);
	SYSN(close, fd);
	fd = SYSN(open, S("prog"), O_CLOEXEC);
	EXECAT(fd, S(""), AT_EMPTY_PATH);
	SYSN(close, fd);
	step("exec/through a descriptor");
	fd = SYSN(open, S("prog"), 0);
	EXEC(descriptor_path(fd), leaf_arguments, environment);
	SYSN(close, fd);
}

static long filled_memfd(const char *name, unsigned flags)
{
	static char block[16384];
	long from = must(SYSN(open, S("prog"), 0), "prog"), n;
	long fd = must(SYSN(memfd_create, S(name), flags), "memfd_create");

	while ((n = must(SYSN(read, from, block, sizeof(block)), "read")) > 0)
		must(SYSN(write, fd, block, n), "write");
	SYSN(close, from);
	return fd;
}

static void memory_files(void)
{
	static const char script[] = "#!" PROGRAM " leaf\n";
	static const char *const labels[] = { "exec/memory file", "exec/memory file without a name" };
	static const char *const contents[] = { "evil name", "" };
	long fd;

	for (int i = 0; i < COUNT(labels); i++) {
		step(labels[i]);
		fd = filled_memfd(contents[i], 1 /* MFD_CLOEXEC */);
		EXECAT(fd, S(""), AT_EMPTY_PATH);
		SYSN(close, fd);
	}
	step("exec/memory file with the longest name");
	fd = must(SYSN(memfd_create, long_string(0, "", 249), 0), "memfd_create");
	SYSN(close, fd);
	step("exec/script in a memory file");
	fd = must(SYSN(memfd_create, S("script"), 0), "memfd_create");
	must(SYSN(write, fd, script, length_of(script)), "write");
	EXECAT(fd, S(""), AT_EMPTY_PATH);
	SYSN(close, fd);
	step("exec/file that has no name any more");
	copy_program("gone", 0755);
	fd = SYSN(open, S("gone"), O_PATH);
	SYSN(unlink, S("gone"));
	EXECAT(fd, S(""), AT_EMPTY_PATH);
	SYSN(close, fd);
}

static void scripts(void)
{
	long dir;

	step("exec/script");
	write_file("script", "#!" PROGRAM "\n");
	EXEC(S("script"), leaf_arguments, environment);
	EXEC(S("./script"), no_strings, environment);
	step("exec/script with an argument");
	write_file("script with argument", "#! " PROGRAM " leaf and more \nnothing\n");
	EXEC(S("script with argument"), leaf_arguments, environment);
	step("exec/script of a script");
	write_file("outer script", "#!" WORK "/script\n");
	EXEC(S("outer script"), leaf_arguments, environment);
	step("execveat/script");
	dir = SYSN(open, S("."), O_PATH | O_DIRECTORY);
	EXECAT(dir, S("script"), 0);
	SYSN(close, dir);
}

/* Could the program write itself? By user, group, mode, file system. */
static void writable(const char *label, int mode, int owner, int group, int uid, int gid)
{
	step2("exec writable", label);
	SYSN(chmod, S("copy"), mode);
	SYSN(chown, S("copy"), owner, group);
	SYSN(chmod, S("copy"), mode); /* chown takes set-user-id bits away */
	CHILD({
		must(SYSN(setresgid, gid, gid, gid), "setresgid");
		must(SYSN(setresuid, uid, uid, uid), "setresuid");
		SYSN(execve, S("copy"), leaf_arguments, environment);
		leave(1);
	});
}

static void permissions(void)
{
	copy_program("copy", 0755);
	writable("root", 0555, 0, 0, 0, 0);
	writable("owner", 0555, 1000, 1000, 1000, 1000);
	writable("group", 0575, 0, 1001, 1000, 1001);
	writable("group may not", 0555, 0, 1001, 1000, 1001);
	writable("others", 0557, 0, 0, 1000, 1000);
	writable("others may not", 0755, 0, 0, 1000, 1000);
	writable("set-user-id", 04755, 0, 0, 1000, 1000);
	writable("set-user-id of another", 04755, 1002, 1003, 1000, 1000);
	writable("set-group-id", 02755, 1002, 1003, 1000, 1000);
	writable("not executable", 0644, 0, 0, 1000, 1000);
	SYSN(unlink, S("copy"));
	step("exec/hard links");
	SYSN(link, S("prog"), S("prog2"));
	EXEC(S("prog2"), leaf_arguments, environment);
	SYSN(unlink, S("prog2"));
}

static void circumstances(void)
{
	static struct rlimit64 limit = { 100, 1024 };

	step("exec/limit of descriptors");
	CHILD({
		must(SYSN(prlimit64, 0, RLIMIT_NOFILE, &limit, 0), "prlimit64");
		SYSN(execve, PROGRAM, leaf_arguments, environment);
	});
	step("exec/process group of its own");
	CHILD({
		must(SYSN(setpgid, 0, 0), "setpgid");
		SYSN(execve, PROGRAM, leaf_arguments, environment);
	});
	step("exec/session with a terminal");
	SYSN(mkdir, S("pts"), 0755);
	must(SYSN(mount, S("devpts"), S("pts"), S("devpts"), 0, S("ptmxmode=666")), "mount devpts");
	CHILD({
		static int unlock;

		must(SYSN(setsid), "setsid");
		long master = must(SYSN(open, S("pts/ptmx"), O_RDWR | O_NOCTTY), "ptmx");

		must(SYSN(ioctl, master, 0x40045431 /* TIOCSPTLCK */, &unlock), "unlock the terminal");
		must(SYSN(open, S("pts/0"), O_RDWR), "terminal");
		SYSN(execve, PROGRAM, leaf_arguments, environment);
	});
	step("exec/login user");
	CHILD({
		long fd = SYSN(open, S("/proc/self/loginuid"), O_WRONLY);

		if (fd >= 0)
			SYSN(write, fd, S("4242"), 4);
		SYSN(execve, PROGRAM, leaf_arguments, environment);
	});
	step("exec/vfork32 and 32-bit execve");
	if (has_compat) {
		static unsigned narrow[3];

		narrow[0] = (long)PROGRAM;
		narrow[1] = (long)S("leaf");
		CHILD(SYS32(11, PROGRAM, narrow, narrow + 2));
		CHILD(SYS32(358, AT_FDCWD, PROGRAM, narrow, narrow + 1, 0));
	}
}

void execs(void)
{
	arguments();
	paths();
	memory_files();
	scripts();
	permissions();
	circumstances();
}
