/* Programs that do not start: recorded from what the caller asked for, in its own memory. */
#include "sys.h"

static char *two[] = { "one", "two", NULL };
static char *list[40];

static void fails(const char *path, void *argv, void *envp)
{
	if (SYSN(execve, path, argv, envp) >= 0)
		die("an exec did not fail", 0);
}

static void reasons(void)
{
	long fd;

	step("failed exec/reasons");
	fails(S("missing"), two, environment);
	fails(S("made"), two, environment); /* EACCES */
	write_file("not executable", "");
	SYSN(chmod, S("not executable"), 0644);
	fails(S("not executable"), two, environment);
	write_file("garbage", "garbage\n");
	fails(S("garbage"), two, environment); /* ENOEXEC */
	write_file("empty", "");
	fails(S("empty"), two, environment);
	write_file("lost", "#!/no/such/interpreter\n");
	fails(S("lost"), two, environment);
	write_file("circle", "#!" WORK "/circle\n");
	fails(S("circle"), two, environment); /* ELOOP */
	fails(long_string(0, "", 4096), two, environment);
	fails(long_string(0, "", 5000), two, environment);
	fails(S(""), two, environment);
	step("failed exec/busy");
	copy_program("busy", 0755);
	fd = SYSN(open, S("busy"), O_WRONLY);
	CHILD(SYSN(execve, S("busy"), two, environment)); /* ETXTBSY, but not in every kernel */
	SYSN(close, fd);
	SYSN(unlink, S("busy"));
	step("failed execveat");
	SYSN(execveat, 77, S("prog"), two, environment, 0);
	SYSN(execveat, AT_FDCWD, S(PROGRAM), two, environment, 0x7f000000);
	SYSN(execveat, AT_FDCWD, S("link to prog"), two, environment, AT_SYMLINK_NOFOLLOW);
	SYSN(execveat, 0, S(""), two, environment, AT_EMPTY_PATH);
	SYSN(execveat, AT_FDCWD, 0, 0, 0, 0);
	SYSN(execveat, AT_FDCWD, S("missing"), two, 0, 0);
}

static void unreadable(void)
{
	char **at_end;

	step("failed exec/unreadable path");
	fails(0, two, environment);
	fails((char *)ODD_UNMAPPED, two, environment);
	fails((char *)ODD_KERNEL, two, environment);
	fails((char *)ODD_NON_CANONICAL, two, environment);
	fails(at_page_end(40, 0), two, environment);
	step("failed exec/unreadable arguments");
	fails(PROGRAM, (void *)ODD_UNMAPPED, environment);
	fails(PROGRAM, (void *)ODD_KERNEL, environment);
	fails(PROGRAM, two, (void *)ODD_UNMAPPED);
	fails(S("missing"), NULL, NULL);
	fails(S("missing"), no_strings, no_strings);
	list[0] = (char *)ODD_UNMAPPED;
	list[1] = NULL;
	fails(PROGRAM, list, environment);
	list[0] = S("one");
	list[1] = (char *)ODD_KERNEL;
	list[2] = S("three");
	list[3] = NULL;
	fails(PROGRAM, list, environment);
	list[1] = at_page_end(30, 0);
	fails(PROGRAM, list, environment);
	step("failed exec/argv ends where memory ends");
	at_end = (char **)(ODD_PAGE + PAGE - 16);
	at_end[0] = S("one");
	at_end[1] = S("two");
	fails(PROGRAM, at_end, environment);
	at_end = (char **)(ODD_PAGE + PAGE - 4); /* half a pointer */
	fails(PROGRAM, at_end, environment);
}

static void sizes(void)
{
	static const short counts[] = { 1, 2, 14, 15, 16, 17, 30 };
	static const int lengths[] = { 0, 1, 1022, 1023, 1024, 1025, 4095, 4096, 131072 };
	int n;

	step("failed exec/how many arguments");
	for (int i = 0; i < COUNT(counts); i++) {
		for (n = 0; n < counts[i]; n++)
			list[n] = S("argument");
		list[n] = NULL;
		fails(S("missing"), list, environment);
	}
	step("failed exec/how long an argument");
	for (int i = 0; i < COUNT(lengths); i++) {
		list[0] = long_string(0, "", lengths[i]);
		list[1] = NULL;
		fails(S("missing"), list, environment);
		list[0] = S("one");
		list[1] = long_string(0, "", lengths[i]);
		list[2] = S("three");
		list[3] = NULL;
		fails(S("missing"), list, environment);
	}
	step("failed exec/4096 bytes of arguments");
	for (int last = 1018; last < 1026; last++) {
		list[0] = S("one");
		for (n = 1; n < 4; n++)
			list[n] = long_string(1, "", 1022);
		list[n++] = long_string(2, "", last);
		list[n++] = S("x");
		list[n] = NULL;
		fails(S("missing"), list, environment);
	}
	step("failed exec/more than the kernel takes");
	for (n = 0; n < 39; n++)
		list[n] = long_string(0, "", 131072); /* E2BIG: one string of MAX_ARG_STRLEN */
	list[n] = NULL;
	SYSN(execve, PROGRAM, list, environment);
}

static void narrow(void)
{
	static unsigned words[20];

	step("failed exec of 32 bits");
	words[0] = (long)S("one");
	words[1] = (long)S("two");
	SYS32(11, S("missing"), words, words + 2);
	SYS32(358, AT_FDCWD, S("missing"), words, words + 2, 0);
	SYS32(11, S("missing"), 0, 0);
	SYS32(11, 0, words, 0);
	SYS32(11, S("missing"), ODD_UNMAPPED, 0);
	SYS32(11, S("missing"), ODD_PAGE + PAGE - 4, 0); /* one pointer, and nothing behind it */
	words[1] = ODD_UNMAPPED;
	SYS32(11, S("missing"), words, 0);
	words[1] = 0xfffff000;
	SYS32(11, S("missing"), words, 0);
	for (int i = 0; i < 18; i++)
		words[i] = (long)S("narrow");
	SYS32(11, S("missing"), words, words + 18);
	SYS32(11, S("missing") + 0xdeadbeef00000000L, words + 17, words + 18);
}

void failed_execs(void)
{
	reasons();
	unreadable();
	sizes();
	if (has_compat)
		narrow();
}
