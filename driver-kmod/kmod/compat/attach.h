/* SPDX-License-Identifier: GPL-2.0 */
/* Probes on tracepoints. */
#ifndef SAKER_COMPAT_ATTACH_H
#define SAKER_COMPAT_ATTACH_H

#include <linux/rcupdate.h>
#include <linux/tracepoint.h>

/*
 * Attaches `probe`, called with `data` first, then the tracepoint's arguments. 0 or a negative errno;
 * -ENOENT when this kernel has no such tracepoint. Sleeps.
 */
int saker_tp_attach(const char *name, void *probe, void *data);
/* The same; -ENOMEM, and it is attached still, only before 5.11. */
int saker_tp_detach(const char *name, void *probe, void *data);

/* Parameters of sched_process_exit's probe: 6.16 appended one. */
#ifdef SAKER_HAVE_EXIT_GROUP_DEAD
#define SAKER_EXIT_PARAMS struct task_struct *task, bool group_dead
#else
#define SAKER_EXIT_PARAMS struct task_struct *task
#endif

/* What signal_deliver passes; 4.20 gave the kernel a type of its own. */
#ifdef SAKER_HAVE_KERNEL_SIGINFO
#define saker_siginfo kernel_siginfo
#else
#define saker_siginfo siginfo
#endif

/*
 * Waits for everything that runs with preemption off. tracepoint_synchronize_unregister() waits for
 * what the kernel itself holds around probes; the session is read under preemption only.
 */
static inline void saker_synchronize_probes(void)
{
	synchronize_rcu();
#ifdef SAKER_HAVE_SYNCHRONIZE_SCHED
	synchronize_sched();
#endif
}

#endif /* SAKER_COMPAT_ATTACH_H */
