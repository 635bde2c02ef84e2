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

/* [from, end) of the task's memory behind the record, at most SAKER_ARGS_MAX bytes. */
static __always_inline u64 put_remote_range(struct saker_scratch *sc, struct task_struct *task, u64 from,
					    u64 end)
{
	u64 full = end > from ? end - from : 0;
	u32 len = full > SAKER_ARGS_MAX ? SAKER_ARGS_MAX : full;
	u8 *to = room(sc);
	s64 err;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	if (len == 0)
		return var_slot(sc->off, 0, 0, 0);
	err = bpf_copy_from_user_task(to, len, (void *)from, task, 0);
	return took(sc, err ? err : len, full > SAKER_ARGS_MAX ? SAKER_VF_TRUNCATED : 0,
		    full > 0xffff ? 0xffff : full);
}

#endif /* SAKER_REMOTE_H */
