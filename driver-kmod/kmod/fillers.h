/* SPDX-License-Identifier: GPL-2.0 */
/* What the probes call, with preemption off and the session published. */
#ifndef SAKER_FILLERS_H
#define SAKER_FILLERS_H

#include <linux/types.h>

struct linux_binprm;
struct pt_regs;
struct task_struct;

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

#endif /* SAKER_FILLERS_H */
