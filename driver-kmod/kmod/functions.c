// SPDX-License-Identifier: GPL-2.0
/*
 * Probes where functions of the kernel are entered: where it asks its security modules about names (fillers/acted.h),
 * and where it has its own copy of an address (fillers/given.h). A kernel without kprobes or without one of the
 * functions is as good for everything else: the agent is told what is missing.
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

void saker_functions_stop(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acted_probes); i++)
		probe_stop(&acted_probes[i]);
	probe_stop(&addr_probe);
}

u32 saker_functions_start(const struct saker_session *s)
{
	u32 flags = s->flags;
	u32 told = flags & SAKER_SESSION_ACTED;
	size_t i;

	for (i = 0; told && i < ARRAY_SIZE(acted_probes); i++)
		if (!probe_start(&acted_probes[i]))
			flags &= ~SAKER_SESSION_ACTED;
	told &= flags;
	if (flags & SAKER_SESSION_ADDRESSES && probe_start(&addr_probe))
		told |= SAKER_SESSION_ADDRESSES;
	return told;
}

#else

void saker_functions_stop(void)
{
}

u32 saker_functions_start(const struct saker_session *s)
{
	return 0;
}

#endif /* CONFIG_KPROBES */
