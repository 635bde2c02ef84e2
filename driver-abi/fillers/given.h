/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What calls were given, as the kernel took it. On the way out a name or an address is read from user memory, where
 * another thread may have changed it since. What an open or an exec has reached tells the truth; of one that failed
 * only the kernel's copy of its name does, which is there until the look-up has failed. That of an address is there
 * when the kernel asks its security modules about a connect. The record stands before that of the call; user space puts
 * the two together. What an open has made is kept, not told: until its call returns, another thread may have put another
 * file in its place (reached.h).
 */
#ifndef SAKER_GIVEN_H
#define SAKER_GIVEN_H

#define GIVEN_ADDR_BYTES 128 /* struct sockaddr_storage, the most that the kernel takes */
#define GIVEN_ERRNO_MAX 4095 /* IS_ERR() */

_Static_assert(SAKER_EV_CREAT - SAKER_EV_OPEN == 3, "the opens stand together");
_Static_assert(SAKER_EV_EXECVEAT - SAKER_EV_EXECVE == 1, "and the execs");
#define GIVEN_IS_OPEN(event) ((event) - SAKER_EV_OPEN <= SAKER_EV_CREAT - SAKER_EV_OPEN)
#define GIVEN_IS_EXEC(event) ((event) - SAKER_EV_EXECVE <= SAKER_EV_EXECVEAT - SAKER_EV_EXECVE)

/* From the platform: the first or second argument of the call that runs. */
SAKER_INLINE u64 running_arg(bool second);

/* Event + 1 of the wanted call in which the task is, 0 when it is in none. */
SAKER_INLINE u32 giving_event(struct task_struct *task)
{
	/* What requests of io_uring are given is kept with them. */
	if (task->tgid == saker_own_tgid ||
	    task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return 0;
	return running_call();
}

SAKER_INLINE bool gives_name(u32 event)
{
	return GIVEN_IS_OPEN(event) || GIVEN_IS_EXEC(event);
}

SAKER_INLINE bool given_ring(struct subject *to, struct task_struct *task, u32 cls)
{
	if (!find_ring(to, task->tgid, task->pid, cls))
		return false;
	identify(to, task, FOLLOW_PROBE);
	return true;
}

/* Returns false when the name was cut and a bigger window should be tried. */
SAKER_INLINE bool fill_given_name(struct subject *to, u32 event, const char *name, u32 cls,
				  const s64 window)
{
	void *rec = ring_reserve(to->ring, HEAD_LEN(GIVEN) + window);
	u64 *slots;
	s64 got;

	if (!rec) {
		count_drop(to->counters, ring_refusal(to->ring), cls);
		return true;
	}
	slots = rec + sizeof(struct saker_hdr);
	begin(rec, to, SAKER_EV_GIVEN, SAKER_NP_GIVEN, 0);
	got = kread_str(rec + HEAD_LEN(GIVEN), window, name);
	slots[SAKER_P_GIVEN_event] = event;
	slots[SAKER_P_GIVEN_sock_id] = 0;
	slots[SAKER_P_GIVEN_value] = var_slot(HEAD_LEN(GIVEN), got > 0 ? got - 1 : 0,
					      got == window ? SAKER_VF_TRUNCATED : 0, 0);
	/* What cannot be read is not told: the memory of the program is as good. */
	if (got <= 0 || (got == window && window < WINDOW_LARGE)) {
		ring_discard(to->ring, rec);
		return got <= 0;
	}
	commit(rec, to);
	return true;
}

/*
 * do_filp_open(dfd, name, flags) has returned. Others than the call itself open files, too, the interpreter of a
 * program for example: theirs is not the name that was given.
 */
SAKER_INLINE void record_given_name(struct filename *name, u64 result)
{
	struct task_struct *task = running_task();
	struct subject to = {};
	const char *text;
	bool made = result < (u64)-GIVEN_ERRNO_MAX;
	u32 event;

	event = giving_event(task) - 1;
	if (made ? !GIVEN_IS_OPEN(event) || !saker_reached : !gives_name(event) || !saker_names)
		return;
	/* The directory comes before it. */
	if (!saker_is_given(task, name,
			    running_arg(event == SAKER_EV_OPENAT || event == SAKER_EV_OPENAT2 ||
					event == SAKER_EV_EXECVEAT)))
		return;
	/* Its number is not given yet, and will not be its own for long if another thread wants it otherwise. */
	if (made) {
		keep_opened(task, (struct file *)result);
		return;
	}
	if (!given_ring(&to, task, SAKER_CLASS_FAILED))
		return;
	text = KREAD(name, name);
	if (fill_given_name(&to, event, text, SAKER_CLASS_FAILED, WINDOW_SMALL) ||
	    fill_given_name(&to, event, text, SAKER_CLASS_FAILED, WINDOW_MEDIUM))
		return;
	fill_given_name(&to, event, text, SAKER_CLASS_FAILED, WINDOW_LARGE);
}

/*
 * security_socket_connect(sock, address, len) is entered. The number that the call was given may be that of another
 * file when it returns, so the socket is told as well.
 */
SAKER_INLINE void record_given_addr(struct socket *sock, const void *address, u32 len)
{
	struct task_struct *task = running_task();
	struct subject to = {};
	u64 *slots;
	void *rec;
	s64 err;

	if (giving_event(task) != SAKER_EV_CONNECT + 1)
		return;
	if (!given_ring(&to, task, SAKER_CLASS_SECURITY))
		return;
	rec = ring_reserve(to.ring, HEAD_LEN(GIVEN) + GIVEN_ADDR_BYTES);
	if (!rec) {
		count_drop(to.counters, ring_refusal(to.ring), SAKER_CLASS_SECURITY);
		return;
	}
	if (len > GIVEN_ADDR_BYTES)
		len = GIVEN_ADDR_BYTES;
	slots = rec + sizeof(struct saker_hdr);
	begin(rec, &to, SAKER_EV_GIVEN, SAKER_NP_GIVEN, 0);
	err = kread(rec + HEAD_LEN(GIVEN), len, address);
	slots[SAKER_P_GIVEN_event] = SAKER_EV_CONNECT;
	slots[SAKER_P_GIVEN_sock_id] = (u64)KREAD(sock, sk);
	slots[SAKER_P_GIVEN_value] = var_slot(HEAD_LEN(GIVEN), len, 0, 0);
	if (err)
		ring_discard(to.ring, rec);
	else
		commit(rec, &to);
}

#endif /* SAKER_GIVEN_H */
