// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on system calls' returns and on the scheduler's tracepoints.
 *
 * A probe runs in the context of the task it is about, sometimes preemptible (system calls since 6.13),
 * so preemption is turned off here: the CPU's ring, counters and scratch area are then nobody else's, and
 * the session cannot go away. The RCU section is for what the fillers follow on older kernels, where
 * preemption off is none.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/signal.h>

#include "fillers.h"
#include "saker_kmod.h"

static void on_sys_exit(void *data, struct pt_regs *regs, long ret)
{
	if (saker_probe_begin())
		saker_record_call(regs, ret);
	saker_probe_end();
}

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	if (saker_probe_begin())
		saker_record_fork(parent, child);
	saker_probe_end();
}

static void on_exec(void *data, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	if (saker_probe_begin())
		saker_record_exec(task, old_pid, bprm);
	saker_probe_end();
}

static void on_exit(void *data, SAKER_EXIT_PARAMS)
{
	if (saker_probe_begin())
		saker_record_exit(task);
	saker_probe_end();
}

static void on_signal(void *data, int sig, struct saker_siginfo *info, struct k_sigaction *action)
{
	if (saker_probe_begin())
		saker_record_signal(sig, info);
	saker_probe_end();
}

/* Births before calls: no event of a process is seen before its birth could have been. */
static const struct {
	const char *name;
	void *probe;
	u32 flags; /* SAKER_SESSION_* it is attached for; 0: always */
} probes[] = {
	{ "sched_process_fork", on_fork },
	{ "sched_process_exec", on_exec },
	{ "sched_process_exit", on_exit },
	{ "sys_exit", on_sys_exit },
	{ "signal_deliver", on_signal, SAKER_SESSION_SIGNALS },
};

/* Bit n: probe n is attached. Under the lock of the session. */
static u32 attached;

void saker_trace_stop(void)
{
	size_t i = ARRAY_SIZE(probes);

	while (i--)
		if (attached & 1u << i)
			saker_tp_detach(probes[i].name, probes[i].probe, NULL);
	attached = 0;
}

int saker_trace_start(struct saker_session *s)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].flags && !(s->flags & probes[i].flags))
			continue;
		ret = saker_tp_attach(probes[i].name, probes[i].probe, NULL);
		if (ret) {
			saker_trace_stop();
			return ret;
		}
		attached |= 1u << i;
	}
	return 0;
}
