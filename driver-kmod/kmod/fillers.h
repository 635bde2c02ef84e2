/* SPDX-License-Identifier: GPL-2.0 */
/* What the probes call, with preemption off and the session published. */
#ifndef SAKER_FILLERS_H
#define SAKER_FILLERS_H

#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "saker_kmod.h"

struct filename;
struct linux_binprm;
struct pt_regs;
struct task_struct;

/* Whether there is a session; it is there until the end of the probe, which is called for in any case. */
static __always_inline bool saker_probe_begin(void)
{
	preempt_disable_notrace();
	rcu_read_lock();
	return rcu_dereference_sched(saker_active) != NULL;
}

static __always_inline void saker_probe_end(void)
{
	rcu_read_unlock();
	preempt_enable_notrace();
}

/* The current task returns `ret` from the call that `regs` still describe. */
void saker_record_call(struct pt_regs *regs, long ret);
/* In the parent, before the child first runs. */
void saker_record_fork(struct task_struct *parent, struct task_struct *child);
void saker_record_exec(struct task_struct *task, pid_t old_tid, struct linux_binprm *bprm);
void saker_record_exit(struct task_struct *task);
/* The current task takes a signal; `info` is struct siginfo, or none of memory at all. */
void saker_record_signal(int sig, const void *info);

/* As SAKER_ACTED of fillers/acted.h: security_path_NAME() is entered with these arguments. */
#define SAKER_ACTED_NAMES(X)                                                                       \
	X(unlink) X(rmdir) X(rename) X(symlink) X(link) X(mkdir) X(mknod) X(chmod) X(chown)
#define SAKER_ACTED_DECLARE(name) void saker_record_acted_##name(const u64 *args);
SAKER_ACTED_NAMES(SAKER_ACTED_DECLARE)

/* Whether the current task is in a call whose name is wanted if it cannot be opened, or what it opens is. */
bool saker_is_given_name(void);
/* An open of `name` has returned a file or an error. */
void saker_record_given_name(struct filename *name, unsigned long result);
/* security_socket_connect() is entered with these arguments. */
void saker_record_given_addr(const u64 *args);

#define SAKER_REQUEST_NAMES 2
#define SAKER_REQUEST_NAME_BYTES 512

/* What a request of io_uring was given and how it went; arguments are where the call of its event has them. */
struct saker_request {
	u32 event;
	u32 addr_len;
	long ret;
	u64 args[6];
	struct file *file; /* it is about, or has made */
	bool makes;
	bool again; /* when it would have to wait (EAGAIN), the kernel tries again: it has not ended */
	const char *name[SAKER_REQUEST_NAMES];
	const void *addr;
};

enum saker_caller {
	SAKER_CALLER_CALL,
	SAKER_CALLER_RING,
	SAKER_CALLER_HIDDEN, /* by others who probe the function */
};

/* Who has called the function that is entered with `regs`. */
enum saker_caller saker_caller(const struct pt_regs *regs);

/*
 * Whether the current task enters the function for a request of io_uring, and such that amount to `event` are wanted.
 */
bool saker_is_request(u32 event, const struct pt_regs *regs);
void saker_record_request(const struct saker_request *request);

#endif /* SAKER_FILLERS_H */
