#include "actor.h"

/* Stock rules trust servers in their first five seconds. */
#define LATE_S 6

int read_file(char **arguments)
{
	return openat(AT_FDCWD, arguments[0], O_RDONLY) < 0;
}

int read_late(char **arguments)
{
	sleep(LATE_S);
	return read_file(arguments);
}

int read_relative(char **arguments)
{
	return openat(open(arguments[0], O_RDONLY | O_DIRECTORY), arguments[1], O_RDONLY) < 0;
}

int truncate_file(char **arguments)
{
	return open(arguments[0], O_WRONLY | O_TRUNC) < 0;
}

/* A path and its mode, octal. */
int create(char **arguments)
{
	return open(arguments[0], O_WRONLY | O_CREAT, (mode_t)strtol(arguments[1], NULL, 8)) < 0;
}
