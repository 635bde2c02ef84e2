// SPDX-License-Identifier: GPL-2.0
/*
 * Probes at functions of the kernel: where it asks its security modules about names (fillers/acted.h), and where it has
 * its own copies of names and addresses (fillers/given.h). A kernel without kprobes or without one of the functions is
 * as good for everything else: the agent is told what is missing.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#ifdef CONFIG_KPROBES
#include <linux/kprobes.h>
#endif

#include "fillers.h"
#include "saker_kmod.h"

#ifdef CONFIG_KPROBES

struct function_probe {
	struct kprobe kprobe;
	const char *symbol;
	void (*record)(const u64 *args);
	bool attached; /* under the lock of the session */
};

/* Kprobes call with preemption off; the RCU section is as in tracepoints.c. */
static int on_entry(struct kprobe *kprobe, struct pt_regs *regs)
{
	const struct function_probe *probe = container_of(kprobe, struct function_probe, kprobe);
	u64 args[4];

	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->cx;
	if (saker_probe_begin())
		probe->record(args);
	saker_probe_end();
	return 0;
}

#define FUNCTION_PROBE(name) { .symbol = "security_path_" #name, .record = saker_record_acted_##name },
static struct function_probe acted_probes[] = { SAKER_ACTED_NAMES(FUNCTION_PROBE) };
static struct function_probe addr_probe = {
	.symbol = "security_socket_connect",
	.record = saker_record_given_addr,
};

static bool probe_start(struct function_probe *probe)
{
	/* What an earlier registration left in it is not to be kept. */
	memset(&probe->kprobe, 0, sizeof(probe->kprobe));
	probe->kprobe.symbol_name = probe->symbol;
	probe->kprobe.pre_handler = on_entry;
	probe->attached = !register_kprobe(&probe->kprobe);
	return probe->attached;
}

static void probe_stop(struct function_probe *probe)
{
	if (probe->attached)
		unregister_kprobe(&probe->kprobe);
	probe->attached = false;
}

/*
 * Opens that are under way at a time, for they may wait. Of those beyond no name is told; the program's memory has to
 * do, and the kernel counts them.
 */
#define OPENS_AT_ONCE 1024

/* The function's name until 6.19 and since 7.0. */
static const char *const open_symbols[] = { "do_filp_open", "do_file_open" };
static struct kretprobe open_probe;
static bool open_attached; /* under the lock of the session */

struct open_under_way {
	struct filename *name;
};

/* What the second argument was, for the return; nonzero: nobody wants to know. */
static int on_open(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct open_under_way *open = (void *)instance->data;
	bool wanted = false;

	open->name = (struct filename *)regs->si;
	if (saker_probe_begin())
		wanted = saker_is_given_name();
	saker_probe_end();
	return !wanted;
}

static int on_opened(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct open_under_way *open = (void *)instance->data;

	if (saker_probe_begin())
		saker_record_given_name(open->name, regs_return_value(regs));
	saker_probe_end();
	return 0;
}

static bool open_start(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(open_symbols) && !open_attached; i++) {
		memset(&open_probe, 0, sizeof(open_probe));
		open_probe.kp.symbol_name = open_symbols[i];
		open_probe.entry_handler = on_open;
		open_probe.handler = on_opened;
		open_probe.data_size = sizeof(struct open_under_way);
		open_probe.maxactive = OPENS_AT_ONCE;
		open_attached = !register_kretprobe(&open_probe);
	}
	return open_attached;
}

static void open_stop(void)
{
	if (open_attached)
		unregister_kretprobe(&open_probe);
	open_attached = false;
}

void saker_functions_stop(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acted_probes); i++)
		probe_stop(&acted_probes[i]);
	probe_stop(&addr_probe);
	open_stop();
}

u32 saker_functions_start(u32 flags)
{
	u32 told = flags & SAKER_SESSION_ACTED;
	size_t i;

	for (i = 0; told && i < ARRAY_SIZE(acted_probes); i++)
		if (!probe_start(&acted_probes[i]))
			flags &= ~SAKER_SESSION_ACTED;
	told &= flags;
	if (flags & SAKER_SESSION_NAMES && open_start())
		told |= SAKER_SESSION_NAMES;
	if (flags & SAKER_SESSION_ADDRESSES && probe_start(&addr_probe))
		told |= SAKER_SESSION_ADDRESSES;
	return told;
}

u32 saker_functions_missed(void)
{
	return READ_ONCE(open_probe.nmissed);
}

#else

void saker_functions_stop(void)
{
}

u32 saker_functions_start(u32 flags)
{
	return 0;
}

u32 saker_functions_missed(void)
{
	return 0;
}

#endif /* CONFIG_KPROBES */
