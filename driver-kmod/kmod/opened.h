/* SPDX-License-Identifier: GPL-2.0 */
/* What an open has made, from the kernel's function to the return of its call (fillers/given.h, fillers/reached.h). */
#ifndef SAKER_KMOD_OPENED_H
#define SAKER_KMOD_OPENED_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/sched.h>

#include "saker_kmod.h"

/* Whoever writes a place has it alone meanwhile. */
#define OPENED_BUSY ((struct task_struct *)1)

/* Two threads may have the same place: the later has it. Which they are changes from session to session. */
static __always_inline struct saker_opened *opened_place(const struct saker_session *s, const struct task_struct *task)
{
	return &s->opened[hash_32(task->pid ^ s->opened_seed, SAKER_OPENED_BITS)];
}

static __always_inline void keep_opened(struct task_struct *task, struct file *file)
{
	struct saker_opened *place = opened_place(probe_session(), task);
	struct task_struct *before = READ_ONCE(place->task);

	if (before == OPENED_BUSY || cmpxchg(&place->task, before, OPENED_BUSY) != before)
		return;
	WRITE_ONCE(place->file, file);
	WRITE_ONCE(place->inode, file_inode(file));
	smp_store_release(&place->task, task);
}

/* What stands there is this thread's as long as the place has its name; nobody else writes that. */
static __always_inline struct file *take_opened(struct task_struct *task, u64 *inode)
{
	struct saker_opened *place = opened_place(probe_session(), task);
	struct file *file;

	if (READ_ONCE(place->task) != task)
		return NULL;
	file = READ_ONCE(place->file);
	*inode = (unsigned long)READ_ONCE(place->inode);
	return cmpxchg(&place->task, task, NULL) == task ? file : NULL;
}

#endif /* SAKER_KMOD_OPENED_H */
