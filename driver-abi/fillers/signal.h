/* SPDX-License-Identifier: GPL-2.0 */
/* Signals as they are taken: who sent them, as the kernel tells the thread that takes them. */
#ifndef SAKER_SIGNAL_H
#define SAKER_SIGNAL_H

/* struct siginfo is part of the interface to programs, so the same in every kernel. */
#define SIGINFO_CODE 8
#define SIGINFO_PID 16
#define SENT_BY_KILL 0
#define SENT_BY_QUEUE -1
#define SENT_BY_TKILL -6
#define CHILD_CHANGED 17 /* SIGCHLD */

#define SLOT(name) slots[SAKER_P_SIGNALDELIVER_##name]

SAKER_INLINE void record_signal(struct task_struct *task, s32 sig, const void *info)
{
	struct subject to = {};
	s32 code = 0, pid = 0;
	u64 *slots;
	void *rec;

	if (task->tgid == saker_own_tgid)
		return;
	if (!find_ring(&to, task->tgid, task->pid, SAKER_CLASS_SECURITY))
		return;
	identify(&to, task, FOLLOW_PROBE);
	/* Of a death that another thread has begun there is no info, but a small number for a pointer. */
	kread(&code, sizeof(code), info + SIGINFO_CODE);
	kread(&pid, sizeof(pid), info + SIGINFO_PID);
	if (sig != CHILD_CHANGED && code != SENT_BY_KILL && code != SENT_BY_QUEUE &&
	    code != SENT_BY_TKILL)
		pid = 0; /* from the kernel: other members are there */
	rec = ring_reserve(to.ring, sizeof(struct saker_hdr) + 8 * SAKER_NP_SIGNALDELIVER);
	if (!rec) {
		count_drop(to.counters, ring_refusal(to.ring), SAKER_CLASS_SECURITY);
		return;
	}
	begin(rec, &to, SAKER_EV_SIGNALDELIVER, SAKER_NP_SIGNALDELIVER, 0);
	slots = rec + sizeof(struct saker_hdr);
	SLOT(spid) = pid;
	SLOT(dpid) = task->tgid;
	SLOT(sig) = sig;
	commit(rec, &to);
}

#undef SLOT

#endif /* SAKER_SIGNAL_H */
