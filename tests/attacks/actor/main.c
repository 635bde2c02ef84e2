#include "actor.h"

static const struct action {
	const char *name;
	/* Least number of its arguments. */
	int arguments;
	int (*run)(char **arguments);
} actions[] = {
	{ "attach", 0, attach },
	{ "as", 2, become },
	{ "bpf", 1, load_bpf },
	{ "class", 0, give_class },
	{ "connect", 3, connect_to },
	{ "create", 2, create },
	{ "datagram", 2, send_datagram },
	{ "dupsock", 2, duplicate },
	{ "lateread", 1, read_late },
	{ "listen", 2, listen_at },
	{ "memory", 1, exec_memory },
	{ "module", 1, load_module },
	{ "noop", 0, nothing },
	{ "openrel", 2, read_relative },
	{ "packet", 0, open_packet },
	{ "peek", 0, peek },
	{ "readfile", 1, read_file },
	{ "receive", 3, receive_datagram },
	{ "serve", 2, serve },
	{ "setns", 1, set_namespace },
	{ "setuid", 1, set_user },
	{ "spawn", 1, spawn },
	{ "traceme", 0, trace_me },
	{ "truncfile", 1, truncate_file },
	{ "unshare", 0, unshare_mounts },
	{ "userfaultfd", 0, user_faults },
};

int main(int argc, char **argv)
{
	/* Some rules want no argument at all, or options of another program. */
	if (argc < 2 || argv[1][0] == '-')
		return 0;
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(argv[1], actions[i].name) && argc - 2 >= actions[i].arguments)
			return actions[i].run(argv + 2);
	return 2;
}
