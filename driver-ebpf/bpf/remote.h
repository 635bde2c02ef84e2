/* SPDX-License-Identifier: GPL-2.0 */
/* What iterators and hooked functions need of the platform. */
#ifndef SAKER_REMOTE_H
#define SAKER_REMOTE_H

/* A typed pointer is no argument for a global function; what comes back from a map has no type. */
static __always_inline u64 as_number(struct saker_scratch *sc, const void *pointer)
{
	volatile u64 *cell = (volatile u64 *)sc->path;

	*cell = (u64)pointer;
	return *cell;
}

/*
 * Memory of another process is left to user space. bpf_copy_from_user_task() reads mappings of files, too, whatever its
 * flags: a file system in user space that does not answer would hold the reader in the kernel, not to be killed.
 */
static __always_inline u64 put_remote_range(struct saker_scratch *sc, struct task_struct *task, u64 from,
					    u64 end)
{
	return var_slot(0, 0, SAKER_VF_FAULT, 0);
}

#endif /* SAKER_REMOTE_H */
