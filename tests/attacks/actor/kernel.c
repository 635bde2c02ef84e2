#include "actor.h"

/* What the kernel is asked for here it refuses, or it changes nothing: the rules are about who asks. */

int load_bpf(char **arguments)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	syscall(SYS_bpf, atoi(arguments[0]), &attributes, sizeof(attributes));
	return 0;
}

int load_module(char **arguments)
{
	int file = open(arguments[0], O_RDONLY);

	return file < 0 || syscall(SYS_finit_module, file, "", 0) == 0;
}

/* The namespace it is in already. */
int set_namespace(char **arguments)
{
	return setns(open(arguments[0], O_RDONLY), 0) != 0;
}

int unshare_mounts(char **arguments)
{
	(void)arguments;
	unshare(CLONE_NEWNS);
	return 0;
}

/* Kernels before 5.11 do not know the flag. */
int user_faults(char **arguments)
{
	(void)arguments;
	return syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY) < 0 && errno != EINVAL;
}
