/*
 * Does everything that is done to names, each call once, in a directory: actor DIR, or actor -in ROOT DIR with another
 * root. The name that counts is DIR/victim; what has to be done besides goes by other names. Raw calls: a C library
 * may choose others.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char victim[512], second[512], third[512];

#define DO(nr, ...)                                                                                \
	do {                                                                                       \
		if (syscall(SYS_##nr, ##__VA_ARGS__) < 0) {                                        \
			perror(#nr);                                                               \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int act(void)
{
	int fd;

	DO(mknod, victim, S_IFREG | 0600, 0);
	DO(chmod, victim, 0640);
	DO(fchmodat, AT_FDCWD, victim, 0600);
	DO(chown, victim, 0, 0);
	DO(lchown, victim, 0, 0);
	DO(fchownat, AT_FDCWD, victim, 0, 0, 0);
	fd = open(victim, O_RDONLY);
	DO(fchmod, fd, 0600);
	DO(fchown, fd, 0, 0);
	DO(link, victim, second);
	DO(linkat, AT_FDCWD, victim, AT_FDCWD, third, 0);
	DO(unlinkat, AT_FDCWD, second, 0);
	DO(rename, victim, second);
	DO(renameat, AT_FDCWD, second, AT_FDCWD, victim);
	DO(renameat2, AT_FDCWD, victim, AT_FDCWD, second, 0);
	DO(renameat, AT_FDCWD, second, AT_FDCWD, victim);
	DO(unlink, victim);
	DO(mkdir, victim, 0700);
	DO(rmdir, victim);
	DO(mkdirat, AT_FDCWD, victim, 0700);
	DO(unlinkat, AT_FDCWD, victim, AT_REMOVEDIR);
	DO(symlink, "nowhere", victim);
	DO(renameat, AT_FDCWD, victim, AT_FDCWD, second);
	DO(symlinkat, "nowhere", AT_FDCWD, victim);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "-in")) {
		if (chroot(argv[2]) || chdir("/")) {
			perror(argv[2]);
			return 1;
		}
		argv += 2;
		argc -= 2;
	}
	if (argc != 2)
		return 2;
	snprintf(victim, sizeof(victim), "%s/victim", argv[1]);
	snprintf(second, sizeof(second), "%s/second", argv[1]);
	snprintf(third, sizeof(third), "%s/third", argv[1]);
	return act();
}
