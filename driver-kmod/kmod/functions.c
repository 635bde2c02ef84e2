// SPDX-License-Identifier: GPL-2.0
/*
 * Probes at functions of the kernel, where it asks its security modules about names (fillers/acted.h). A kernel without
 * kprobes or without one of the functions is as good for everything else: the agent is told what is missing.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
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
	preempt_disable_notrace();
	rcu_read_lock();
	if (rcu_dereference_sched(saker_active))
		probe->record(args);
	rcu_read_unlock();
	preempt_enable_notrace();
	return 0;
}

#define FUNCTION_PROBE(name) { .symbol = "security_path_" #name, .record = saker_record_acted_##name },
static struct function_probe probes[] = { SAKER_ACTED_NAMES(FUNCTION_PROBE) };

void saker_functions_stop(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].attached)
			unregister_kprobe(&probes[i].kprobe);
		probes[i].attached = false;
	}
}

void saker_functions_start(struct saker_session *s)
{
	size_t i;

	s->acted = false;
	if (!(s->flags & SAKER_SESSION_ACTED))
		return;
	s->acted = true;
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		/* What an earlier registration left in it is not to be kept. */
		memset(&probes[i].kprobe, 0, sizeof(probes[i].kprobe));
		probes[i].kprobe.symbol_name = probes[i].symbol;
		probes[i].kprobe.pre_handler = on_entry;
		probes[i].attached = !register_kprobe(&probes[i].kprobe);
		if (!probes[i].attached)
			s->acted = false;
	}
}

#else

void saker_functions_stop(void)
{
}

void saker_functions_start(struct saker_session *s)
{
	s->acted = false;
}

#endif /* CONFIG_KPROBES */
