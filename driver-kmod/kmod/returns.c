// SPDX-License-Identifier: GPL-2.0
/*
 * Probes where functions of the kernel return: opens, for the name of those that fail and what the others have made
 * (fillers/given.h), and what requests of io_uring do (fillers/requests.h). System calls come to the same functions.
 * What a request asks for, by which number and in which ring, is in structures that the kernel keeps to itself; so it
 * is seen here when it is done, by the function's arguments and result. An attempt that would have to wait and is made
 * again is none yet.
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/kernel.h>
#include <linux/namei.h>
#include <linux/net.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#ifdef CONFIG_KRETPROBES
#include <linux/kprobes.h>
#endif

#include "fillers.h"
#include "compat/rings.h"
#include "saker_kmod.h"

bool saker_has_rings(void)
{
	return IS_ENABLED(CONFIG_IO_URING);
}

#ifdef CONFIG_KRETPROBES

/*
 * Calls that are under way at a time, for they may wait. Those beyond are not told of, and the kernel counts them: of
 * opens that fail the program's memory has to do, requests are not seen.
 */
#define OPENS_AT_ONCE 1024
#define OTHERS_AT_ONCE 256

/* Not in the headers: the beginning of fs/internal.h's struct open_flags. */
struct saker_open_flags {
	int open_flag;
	umode_t mode;
	int acc_mode;
	int intent;
	int lookup_flags;
};

/* RESOLVE_* of include/uapi/linux/openat2.h */
#define RESOLVE_OF(lookup)                                                                         \
	(((lookup) & LOOKUP_NO_XDEV ? 0x01 : 0) | ((lookup) & LOOKUP_NO_MAGICLINKS ? 0x02 : 0) |   \
	 ((lookup) & LOOKUP_NO_SYMLINKS ? 0x04 : 0) | ((lookup) & LOOKUP_BENEATH ? 0x08 : 0) |     \
	 ((lookup) & LOOKUP_IN_ROOT ? 0x10 : 0))

struct open_under_way {
	struct filename *name;
	struct saker_request request;
};

/* Names go before the function returns. */
struct names_under_way {
	struct saker_request request;
	char names[SAKER_REQUEST_NAMES][SAKER_REQUEST_NAME_BYTES];
};

struct return_probe {
	struct kretprobe kretprobe;
	/* The function's name, and the one it has had since 7.0. */
	const char *symbols[2];
	kretprobe_handler_t enter, leave;
	size_t data_size;
	int at_once;
	u32 event;	/* of the requests that come here */
	bool requested; /* this kernel has such requests */
	bool attached;	/* under the lock of the session */
};

static const char *text_of(const struct filename *name)
{
	const char *text = NULL;

	saker_kread(&text, sizeof(text), &name->name);
	return text;
}

/* What a function has returned: a file or an error. */
static void set_file(struct saker_request *request, unsigned long result)
{
	request->makes = true;
	if (IS_ERR_VALUE(result))
		request->ret = result;
	else
		request->file = (struct file *)result;
}

static void tell(struct saker_request *request)
{
	if (request->ret == -EAGAIN && request->again)
		return;
	/* As io_uring tells the program. */
	if (request->ret <= -ERESTARTSYS && request->ret >= -ERESTART_RESTARTBLOCK)
		request->ret = -EINTR;
	if (saker_probe_begin())
		saker_record_request(request);
	saker_probe_end();
}

/* do_filp_open(directory, name, flags) */
static bool begin_open(struct saker_request *request, const struct pt_regs *regs)
{
	bool plain = saker_is_request(SAKER_EV_OPENAT, regs);
	bool extended = saker_is_request(SAKER_EV_OPENAT2, regs);
	struct saker_open_flags flags = {};
	u64 resolve, given;

	if ((!plain && !extended) || !saker_is_programs((const struct filename *)regs->si))
		return false;
	saker_kread(&flags, sizeof(flags), (const void *)regs->dx);
	resolve = RESOLVE_OF(flags.lookup_flags);
	/* Told apart by what only one of them can ask for; where that says nothing, it is one that is wanted. */
	if (resolve && !extended)
		return false;
	request->event = resolve || !plain ? SAKER_EV_OPENAT2 : SAKER_EV_OPENAT;
	request->again = flags.lookup_flags & LOOKUP_CACHED;
	given = flags.open_flag & ~O_LARGEFILE;
	/* The kernel's own, of an attempt that must not wait. */
	if (request->again)
		given &= ~O_NONBLOCK;
	request->args[0] = regs->di;
	if (request->event == SAKER_EV_OPENAT) {
		request->args[2] = given;
		request->args[3] = flags.mode & S_IALLUGO;
	} else {
		request->args[3] = given;
		request->args[4] = flags.mode & S_IALLUGO;
		request->args[5] = resolve;
	}
	return true;
}

/* Nonzero: nobody wants to know. */
static int enter_given(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct filename **name = (void *)instance->data;
	bool wanted;

	*name = (struct filename *)regs->si;
	wanted = saker_probe_begin() && saker_is_given_name();
	saker_probe_end();
	return !wanted;
}

static int leave_given(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct filename **name = (void *)instance->data;

	if (saker_probe_begin())
		saker_record_given_name(*name, regs_return_value(regs));
	saker_probe_end();
	return 0;
}

static int enter_open(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct open_under_way *open = (void *)instance->data;
	bool wanted;

	memset(open, 0, sizeof(*open));
	open->name = (struct filename *)regs->si;
	wanted = saker_probe_begin() && begin_open(&open->request, regs);
	saker_probe_end();
	return !wanted;
}

static int leave_open(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct open_under_way *open = (void *)instance->data;

	open->request.name[0] = text_of(open->name);
	set_file(&open->request, regs_return_value(regs));
	tell(&open->request);
	return 0;
}

static void keep_name(struct saker_request *request, u32 i, unsigned long name)
{
	struct names_under_way *names = container_of(request, struct names_under_way, request);
	const char *text = text_of((const struct filename *)name);

	if (saker_kread_str(names->names[i], SAKER_REQUEST_NAME_BYTES, text) >= 0)
		request->name[i] = names->names[i];
}

/* Nonzero: nobody wants to know. `begin` says what the function was given. */
static __always_inline int enter(struct saker_request *request, const struct pt_regs *regs, u32 event,
				 bool (*begin)(struct saker_request *request, const struct pt_regs *regs))
{
	bool wanted;

	memset(request, 0, sizeof(*request));
	request->event = event;
	wanted = saker_probe_begin() && saker_is_request(event, regs) && begin(request, regs);
	saker_probe_end();
	return !wanted;
}

#define ENTER(function, id)                                                                        \
	static int enter_##function(struct kretprobe_instance *instance, struct pt_regs *regs)     \
	{                                                                                          \
		return enter((void *)instance->data, regs, SAKER_EV_##id, begin_##function);       \
	}

/* do_unlinkat(directory, name), do_rmdir(directory, name) */
static bool begin_unlinkat(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[0] = regs->di;
	keep_name(request, 0, regs->si);
	return true;
}
ENTER(unlinkat, UNLINKAT)

static bool begin_rmdir(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[2] = AT_REMOVEDIR;
	return begin_unlinkat(request, regs);
}
ENTER(rmdir, UNLINKAT)

/* do_renameat2(directory, name, directory, name, flags), do_linkat() the same */
static bool begin_renameat2(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[0] = regs->di;
	request->args[2] = regs->dx;
	request->args[4] = regs->r8;
	keep_name(request, 0, regs->si);
	keep_name(request, 1, regs->cx);
	return true;
}
ENTER(renameat2, RENAMEAT2)

#define begin_linkat begin_renameat2
ENTER(linkat, LINKAT)

/* do_symlinkat(target, directory, name) */
static bool begin_symlinkat(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[1] = regs->si;
	keep_name(request, 0, regs->di);
	keep_name(request, 1, regs->dx);
	return true;
}
ENTER(symlinkat, SYMLINKAT)

/* do_mkdirat(directory, name, mode) */
static bool begin_mkdirat(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[0] = regs->di;
	request->args[2] = (umode_t)regs->dx;
	keep_name(request, 0, regs->si);
	return true;
}
ENTER(mkdirat, MKDIRAT)

/* __sys_connect_file(file, address, length, flags) */
static bool begin_connect(struct saker_request *request, const struct pt_regs *regs)
{
	struct file *file = (struct file *)regs->di;
	socket_state state = SS_FREE;
	struct socket *sock = NULL;

	saker_kread(&sock, sizeof(sock), &file->private_data);
	saker_kread(&state, sizeof(state), &sock->state);
	/* The rest of one that was told when it began to wait (EINPROGRESS): not every kernel comes here again. */
	if (state == SS_CONNECTING)
		return false;
	request->file = file;
	request->addr = (const void *)regs->si;
	request->addr_len = regs->dx;
	request->again = regs->cx & O_NONBLOCK;
	return true;
}
ENTER(connect, CONNECT)

/* do_accept(file, flags, address, length, flags), since 6.10 with a structure in place of the first flags */
static bool begin_accept(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[3] = regs->r8;
	request->again = true;
	return true;
}
ENTER(accept, ACCEPT4)

/* __sys_socket_file(family, type, protocol) */
static bool begin_socket(struct saker_request *request, const struct pt_regs *regs)
{
	request->args[0] = regs->di;
	request->args[1] = regs->si;
	request->args[2] = regs->dx;
	return true;
}
ENTER(socket, SOCKET)

static void set_socket(struct saker_request *request, unsigned long socket)
{
	const struct socket *sock = (const struct socket *)socket;

	saker_kread(&request->file, sizeof(request->file), &sock->file);
}

/* __sys_bind_socket(socket, address, length) */
static bool begin_bind(struct saker_request *request, const struct pt_regs *regs)
{
	set_socket(request, regs->di);
	request->addr = (const void *)regs->si;
	request->addr_len = regs->dx;
	return true;
}
ENTER(bind, BIND)

/* __sys_listen_socket(socket, backlog) */
static bool begin_listen(struct saker_request *request, const struct pt_regs *regs)
{
	set_socket(request, regs->di);
	request->args[1] = regs->si;
	return true;
}
ENTER(listen, LISTEN)

static int leave_number(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct saker_request *request = (void *)instance->data;

	request->ret = (int)regs_return_value(regs);
	tell(request);
	return 0;
}

static int leave_file(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct saker_request *request = (void *)instance->data;

	set_file(request, regs_return_value(regs));
	tell(request);
	return 0;
}

#define PROBE(function, way, size, id, has)                                                        \
	.enter = enter_##function, .leave = leave_##way, .data_size = sizeof(struct size),         \
	.event = SAKER_EV_##id, .requested = has, .at_once = OTHERS_AT_ONCE
#define NAMES(function, id, has)                                                                   \
	{ PROBE(function, number, names_under_way, id, has),                                       \
	  .symbols = { "do_" #function, "filename_" #function } }
#define SOCKETS(function, way, symbol, id, has)                                                    \
	{ PROBE(function, way, saker_request, id, has), .symbols = { symbol } }

#define OPENS .symbols = { "do_filp_open", "do_file_open" }, .at_once = OPENS_AT_ONCE

/* Calls take no room from requests: each has a probe of its own at the same function. */
static struct return_probe given_probe = {
	OPENS, .enter = enter_given, .leave = leave_given, .data_size = sizeof(struct filename *),
};
static struct return_probe probes[] = {
	{ OPENS, .enter = enter_open, .leave = leave_open, .data_size = sizeof(struct open_under_way),
	  .event = SAKER_EV_OPENAT, .requested = RINGS_OPEN },
	NAMES(unlinkat, UNLINKAT, RINGS_NAME),
	NAMES(rmdir, UNLINKAT, RINGS_NAME),
	NAMES(renameat2, RENAMEAT2, RINGS_NAME),
	NAMES(linkat, LINKAT, RINGS_LINK),
	NAMES(symlinkat, SYMLINKAT, RINGS_LINK),
	NAMES(mkdirat, MKDIRAT, RINGS_LINK),
	SOCKETS(connect, number, "__sys_connect_file", CONNECT, RINGS_CONNECT),
	SOCKETS(accept, file, "do_accept", ACCEPT4, RINGS_CONNECT),
	SOCKETS(socket, file, "__sys_socket_file", SOCKET, RINGS_MAKE_SOCKETS),
	SOCKETS(bind, number, "__sys_bind_socket", BIND, RINGS_BIND),
	SOCKETS(listen, number, "__sys_listen_socket", LISTEN, RINGS_BIND),
};

static bool probe_start(struct return_probe *probe)
{
	struct kretprobe *kretprobe = &probe->kretprobe;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probe->symbols) && probe->symbols[i] && !probe->attached; i++) {
		/* What an earlier registration left in it is not to be kept. */
		memset(kretprobe, 0, sizeof(*kretprobe));
		kretprobe->kp.symbol_name = probe->symbols[i];
		kretprobe->entry_handler = probe->enter;
		kretprobe->handler = probe->leave;
		kretprobe->data_size = probe->data_size;
		kretprobe->maxactive = probe->at_once;
		probe->attached = !register_kretprobe(kretprobe);
	}
	return probe->attached;
}

static void probe_stop(struct return_probe *probe)
{
	if (probe->attached)
		unregister_kretprobe(&probe->kretprobe);
	probe->attached = false;
}

/* Whether requests that the session wants come to this function. */
static bool is_requested(const struct return_probe *probe, const struct saker_session *s)
{
	bool wanted = saker_wants(s, probe->event);

	if (probe->event == SAKER_EV_OPENAT)
		wanted |= saker_wants(s, SAKER_EV_OPENAT2);
	return s->flags & SAKER_SESSION_URING && probe->requested && wanted;
}

u32 saker_returns_start(const struct saker_session *s)
{
	const u32 opens = SAKER_SESSION_NAMES | SAKER_SESSION_OPENED;
	u32 told = s->flags & (opens | SAKER_SESSION_URING);
	size_t i;

	/* Of the session before, which may have been asked until now. */
	given_probe.kretprobe.nmissed = 0;
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		probes[i].kretprobe.nmissed = 0;
	if (s->flags & opens && !probe_start(&given_probe))
		told &= ~opens;
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (is_requested(&probes[i], s) && !probe_start(&probes[i]))
			told &= ~SAKER_SESSION_URING;
	if (!REQUESTS_ARE_OWNED)
		told &= ~SAKER_SESSION_URING;
	return told;
}

void saker_returns_stop(void)
{
	size_t i;

	probe_stop(&given_probe);
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		probe_stop(&probes[i]);
}

u32 saker_names_missed(void)
{
	return READ_ONCE(given_probe.kretprobe.nmissed);
}

u32 saker_requests_missed(void)
{
	u32 missed = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		missed += READ_ONCE(probes[i].kretprobe.nmissed);
	return missed;
}

#else

u32 saker_returns_start(const struct saker_session *s)
{
	return 0;
}

void saker_returns_stop(void)
{
}

u32 saker_names_missed(void)
{
	return 0;
}

u32 saker_requests_missed(void)
{
	return 0;
}

#endif /* CONFIG_KRETPROBES */
