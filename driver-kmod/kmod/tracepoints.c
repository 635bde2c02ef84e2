// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on system calls' returns and on the scheduler's tracepoints.
 *
 * A probe runs in the context of the task it is about, sometimes preemptible (system calls since 6.13),
 * so preemption is turned off here: the CPU's ring, counters and scratch area are then nobody else's, and
 * the session cannot go away. The RCU section is for what the fillers follow on older kernels, where
 * preemption off is none.
 *
 * Before 5.11 detaching takes memory and may fail. A probe that stays finds the gate closed, and the module stays
 * loaded with it.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/signal.h>

#include "fillers.h"
#include "saker_kmod.h"

/* Tries to detach a probe, and ms between them: a second altogether. */
#define DETACH_TRIES 50
#define DETACH_PAUSE_MS 20

/* Probes look at the session while this is 1: one that could not be detached is called without one, too. */
static u32 gate_open;

static __always_inline bool probe_begin(void)
{
	return saker_probe_begin() && smp_load_acquire(&gate_open);
}

static void on_sys_exit(void *data, struct pt_regs *regs, long ret)
{
	if (probe_begin())
		saker_record_call(regs, ret);
	saker_probe_end();
}

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	if (probe_begin()) {
		saker_watch_calls(child);
		saker_record_fork(parent, child);
	}
	saker_probe_end();
}

static void on_exec(void *data, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	if (probe_begin()) {
		saker_watch_calls(task);
		saker_record_exec(task, old_pid, bprm);
	}
	saker_probe_end();
}

static void on_exit(void *data, SAKER_EXIT_PARAMS)
{
	if (probe_begin())
		saker_record_exit(task);
	saker_probe_end();
}

static void on_signal(void *data, int sig, struct saker_siginfo *info, struct k_sigaction *action)
{
	/* It may be here still from a session that wanted signals. */
	if (probe_begin() && rcu_dereference_sched(saker_active)->flags & SAKER_SESSION_SIGNALS)
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

/* Bit n: probe n is attached; it could not be detached. Under the lock of the session. */
static u32 attached, stuck;

static int detach(size_t i)
{
	int tries, ret;

	for (tries = 1;; tries++) {
		ret = saker_tp_detach(probes[i].name, probes[i].probe, NULL);
		if (ret != -ENOMEM || tries == DETACH_TRIES)
			return ret;
		msleep(DETACH_PAUSE_MS);
	}
}

void saker_trace_stop(void)
{
	size_t i = ARRAY_SIZE(probes);
	int ret;

	smp_store_release(&gate_open, 0);
	while (i--) {
		u32 bit = 1u << i;

		if (!(attached & bit))
			continue;
		ret = detach(i);
		/* The second: nothing of ours is there. */
		if (!ret || ret == -ENOENT) {
			attached &= ~bit;
			if (stuck & bit)
				module_put(THIS_MODULE);
			stuck &= ~bit;
		} else if (!(stuck & bit)) {
			/* The kernel goes on calling it. */
			__module_get(THIS_MODULE);
			stuck |= bit;
			pr_err("saker: cannot detach from %s (error %d): it records nothing and the module stays loaded until a later session can\n",
			       probes[i].name, ret);
		}
	}
}

int saker_trace_start(struct saker_session *s)
{
	size_t i;
	int ret;

	smp_store_release(&gate_open, 1);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].flags && !(s->flags & probes[i].flags))
			continue;
		/* From an earlier session. */
		if (attached & 1u << i)
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
