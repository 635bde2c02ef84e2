/* SPDX-License-Identifier: GPL-2.0 */
/* What iterators and hooked functions need of the platform. */
#ifndef SAKER_REMOTE_H
#define SAKER_REMOTE_H

#define as_number(sc, pointer) ((u64)(pointer))

/* [from, end) of the task's memory behind the record, at most SAKER_ARGS_MAX bytes. Sleeps. */
static u64 put_remote_range(struct saker_scratch *sc, struct task_struct *task, u64 from, u64 end)
{
	u64 full = end > from ? end - from : 0;
	u32 len = min_t(u64, full, SAKER_ARGS_MAX);
	u8 *to = room(sc);
	s64 got; /* as u32, the errno below would be a length */

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	if (len == 0)
		return var_slot(sc->off, 0, 0, 0);
	got = saker_remote_read(task, from, to, len);
	if (got != len)
		got = -EFAULT;
	return took(sc, got, full > SAKER_ARGS_MAX ? SAKER_VF_TRUNCATED : 0, min_t(u64, full, 0xffff));
}

#endif /* SAKER_REMOTE_H */
