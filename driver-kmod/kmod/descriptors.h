/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers that requests of io_uring do not tell where they are seen: of a file they use, and of one they are about to
 * put in their process's table. Its lowest numbers are looked at, without its lock: others may change it meanwhile.
 */
#ifndef SAKER_KMOD_DESCRIPTORS_H
#define SAKER_KMOD_DESCRIPTORS_H

#define DESCRIPTORS_LOOKED_AT 1024

static __always_inline struct fdtable *table_of(struct task_struct *task)
{
	return task->files ? rcu_dereference_raw(task->files->fdt) : NULL;
}

/* Number of an open file, -1 when it is not among those. */
static inline s64 number_of(struct task_struct *task, const struct file *file)
{
	struct fdtable *fdt = table_of(task);
	u32 end, fd;

	if (!fdt)
		return -1;
	end = min_t(u32, fdt->max_fds, DESCRIPTORS_LOOKED_AT);
	for (fd = 0; fd < end; fd++)
		if (rcu_dereference_raw(fdt->fd[fd]) == file)
			return fd;
	return -1;
}

static inline bool is_reserved(const struct fdtable *fdt, u32 fd)
{
	return test_bit(fd, fdt->open_fds) && !rcu_dereference_raw(fdt->fd[fd]);
}

/*
 * The number that is taken and has no file yet: that of the request in which `task` is. URING_FD_UNKNOWN when there is
 * none (the ring keeps the file) or more than one, as others open files, too.
 */
static inline s64 reserved_number(struct task_struct *task, bool *cloexec)
{
	struct fdtable *fdt = table_of(task);
	s64 found = URING_FD_UNKNOWN;
	u32 end, fd, last;

	if (!fdt)
		return found;
	end = min_t(u32, fdt->max_fds, DESCRIPTORS_LOOKED_AT);
	for (fd = 0; fd < end; fd++) {
		if (!is_reserved(fdt, fd))
			continue;
		if (found != URING_FD_UNKNOWN)
			return URING_FD_UNKNOWN;
		found = fd;
	}
	/* The search for the next one begins behind what was taken last. */
	last = READ_ONCE(task->files->next_fd) - 1;
	if (found == URING_FD_UNKNOWN && last >= end && last < fdt->max_fds && is_reserved(fdt, last))
		found = last;
	if (found != URING_FD_UNKNOWN)
		*cloexec = test_bit(found, fdt->close_on_exec);
	return found;
}

#endif /* SAKER_KMOD_DESCRIPTORS_H */
