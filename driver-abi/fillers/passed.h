/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors that come from another process: a record of each, before that of the call that brought them. */
#ifndef SAKER_PASSED_H
#define SAKER_PASSED_H

#define CONTROL_MAX 8 /* messages of control data that are looked at */
#define SOL_SOCKET_NR 1
#define SCM_RIGHTS_NR 1

SAKER_INLINE void emit_file(struct saker_scratch *sc, struct subject *to)
{
	u32 len = sc->frame_len;

	if (emit_sized(sc, to, len, 512, SAKER_EV_FILE, SAKER_NP_FILE, 0, SAKER_CLASS_FILE) ||
	    emit_sized(sc, to, len, 1024, SAKER_EV_FILE, SAKER_NP_FILE, 0, SAKER_CLASS_FILE) ||
	    emit_sized(sc, to, len, 2048, SAKER_EV_FILE, SAKER_NP_FILE, 0, SAKER_CLASS_FILE) ||
	    emit_sized(sc, to, len, 8192, SAKER_EV_FILE, SAKER_NP_FILE, 0, SAKER_CLASS_FILE))
		return;
	count_drop(to->counters, SAKER_DROP_BUG, SAKER_CLASS_FILE);
}

/*
 * A record of descriptor `fd` of the running task: it has come from another process, and nobody could know what it is.
 * A function of its own, and one descriptor at a time: the verifier looks at it once, not once for each. Shed as the
 * message that brought it: any process can make many of them cheaply.
 */
SAKER_SUBPROGRAM int saker_adopt(s32 fd)
{
	struct task_struct *task = running_task();
	struct file *file = file_of(task, fd, FOLLOW_PROBE);
	struct saker_scratch *sc;
	struct subject to = {};

	if (!file || !find_ring(&to, task->tgid, task->pid, SAKER_CLASS_FILE))
		return 0;
	identify(&to, task, FOLLOW_PROBE);
	sc = scratch_claim(&to, SAKER_CLASS_FILE);
	if (!sc)
		return 0;
	fill_file(sc, cpu_area(to.cpu), task, fd, file);
	emit_file(sc, &to);
	scratch_release(sc);
	return 0;
}

/* The same of `count` descriptors whose numbers stand at `at` in the memory of the task. */
SAKER_INLINE void adopt_all(u64 at, u32 count)
{
	u32 i;

	for (i = 0; i < SAKER_PASSED_MAX; i++) {
		s32 fd = -1;

		if (i >= count || uread(&fd, sizeof(fd), at + i * sizeof(fd)))
			break;
		saker_adopt(fd);
	}
}

/* Number of descriptors in the control data of a message; *at is where their numbers are. */
SAKER_SUBPROGRAM u32 saker_find_passed(u64 at, u32 len, u32 compat, u64 *found)
{
	const u32 head = compat ? 12 : 16, align = compat ? 3 : 7;
	int i;

	if (!found)
		return 0;
	for (i = 0; i < CONTROL_MAX; i++) {
		u32 cmsg[4] = {};
		u32 own, level, kind;

		if (len < head || uread(cmsg, head, at))
			break;
		own = cmsg[0];
		level = compat ? cmsg[1] : cmsg[2];
		kind = compat ? cmsg[2] : cmsg[3];
		if (own < head || own > len)
			break;
		if (level == SOL_SOCKET_NR && kind == SCM_RIGHTS_NR) {
			*found = at + head;
			return (own - head) / 4;
		}
		own = (own + align) & ~align;
		if (own > len)
			break;
		at += own;
		len -= own;
	}
	return 0;
}

#endif /* SAKER_PASSED_H */
