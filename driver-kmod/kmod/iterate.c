// SPDX-License-Identifier: GPL-2.0
/*
 * Records about what exists now, read from a descriptor.
 *
 * A read fills the iterator's buffer with whole frames and copies them out. Between frames nothing is
 * held but a number, from which the next read goes on: what dies meanwhile is not missed by what lives.
 * A frame is what a ring's record is in memory: struct saker_ring_hdr, the record, padding to 8 bytes.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "saker_kmod.h"

/* Room for at least one record of any size. */
#define BUFFER_BYTES (64u << 10)
/* Pids looked at in one RCU section. */
#define PIDS_A_SECTION 256
/* Files described under the lock of their table. */
#define FILES_A_LOCK 64

struct saker_iterator {
	struct mutex mutex; /* one read at a time: all below */
	u32 what; /* SAKER_ITERATE_* */
	u32 tgid; /* 0: all */
	u32 next_pid;
	u32 next_fd;
	u32 room; /* of the buffer that the reader can take */
	u32 used;
	void *buffer;
	void *scratch;
};

/* Room for one record, behind its frame's header. */
static u32 record_room(const struct saker_iterator *it)
{
	u32 left = it->room - it->used;

	return left > SAKER_RING_HDR ? (left - SAKER_RING_HDR) & ~7u : 0;
}

static void *record_at(const struct saker_iterator *it)
{
	return it->buffer + it->used + SAKER_RING_HDR;
}

/* Closes the frame of a record of `len` bytes, which is at record_at(). */
static void add_frame(struct saker_iterator *it, u32 len)
{
	struct saker_ring_hdr *hdr = it->buffer + it->used;
	u32 padded = round_up(len, 8);

	hdr->len = len;
	hdr->zero = 0;
	memset(record_at(it) + len, 0, padded - len);
	it->used += SAKER_RING_HDR + padded;
}

static bool wanted(const struct saker_iterator *it, struct task_struct *task)
{
	if (it->tgid && task_tgid_nr(task) != it->tgid)
		return false;
	return it->what == SAKER_ITERATE_TASKS || thread_group_leader(task);
}

/* What was told of a process is of no other. */
static void go_to(struct saker_iterator *it, u32 pid)
{
	if (pid != it->next_pid)
		it->next_fd = 0;
	it->next_pid = pid;
}

/*
 * The next wanted task from next_pid on, referenced; next_pid becomes its number. NULL at the end, an
 * error when a signal came.
 */
static struct task_struct *next_task_from(struct saker_iterator *it)
{
	struct task_struct *task, *found = NULL;
	struct pid *pid;
	int i;

	for (;;) {
		rcu_read_lock();
		for (i = 0; i < PIDS_A_SECTION && !found; i++) {
			pid = saker_pid_from(it->next_pid);
			if (!pid) {
				rcu_read_unlock();
				return NULL;
			}
			go_to(it, pid_nr(pid));
			task = pid_task(pid, PIDTYPE_PID);
			if (task && wanted(it, task)) {
				get_task_struct(task);
				found = task;
			} else {
				go_to(it, it->next_pid + 1);
			}
		}
		rcu_read_unlock();
		if (found)
			return found;
		if (signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
	}
}

/* 0 when the task is done, -ENOSPC when its record does not fit any more. */
static int add_task(struct saker_iterator *it, struct task_struct *task)
{
	int len = saker_fill_task(it->scratch, task, record_at(it), record_room(it));

	if (len < 0)
		return len;
	if (len)
		add_frame(it, len);
	return 0;
}

/* For iterate_fd(): goes on while 0 is returned. */
struct file_batch {
	struct saker_iterator *it;
	struct task_struct *task;
	u32 left;
};

static int add_file(const void *data, struct file *file, unsigned int fd)
{
	/* iterate_fd() wants it const; the batch is the caller's own. */
	struct file_batch *batch = (struct file_batch *)data;
	struct saker_iterator *it = batch->it;
	int len;

	it->next_fd = fd;
	if (!batch->left)
		return -EAGAIN;
	batch->left--;
	len = saker_fill_file(it->scratch, batch->task, fd, file, record_at(it), record_room(it));
	if (len < 0)
		return len;
	if (len)
		add_frame(it, len);
	return 0;
}

/*
 * A leader that has ended has no table any more, while other threads go on with it. Referenced, NULL
 * when none has.
 */
static struct task_struct *thread_with_files(struct task_struct *leader)
{
	struct task_struct *thread, *found = NULL;

	rcu_read_lock();
	for_each_thread(leader, thread) {
		if (!READ_ONCE(thread->files))
			continue;
		get_task_struct(thread);
		found = thread;
		break;
	}
	rcu_read_unlock();
	return found;
}

/* As add_task(). -EAGAIN when there are more. */
static int add_files(struct saker_iterator *it, struct task_struct *leader)
{
	struct file_batch batch = { .it = it, .left = FILES_A_LOCK };
	struct task_struct *thread;
	bool ended;
	int ret = 0;

	do {
		thread = thread_with_files(leader);
		if (!thread)
			return 0;
		batch.task = thread; /* whose table it is, as the other driver says */
		/* Holds the table: exit_files() takes it away under this lock. */
		task_lock(thread);
		ended = !thread->files;
		if (!ended)
			ret = iterate_fd(thread->files, it->next_fd, add_file, &batch);
		task_unlock(thread);
		put_task_struct(thread);
		/* The others go on with the table; with none of them there is none. */
	} while (ended);
	return ret;
}

/* Fills the buffer. 0 when full or at the end, else a negative errno. */
static int fill_buffer(struct saker_iterator *it)
{
	struct task_struct *task;
	int ret;

	for (;;) {
		task = next_task_from(it);
		if (IS_ERR_OR_NULL(task))
			return PTR_ERR(task);
		if (it->what == SAKER_ITERATE_TASKS)
			ret = add_task(it, task);
		else
			ret = add_files(it, task);
		put_task_struct(task);

		if (!ret)
			go_to(it, it->next_pid + 1);
		else if (ret != -EAGAIN)
			return ret == -ENOSPC && it->used ? 0 : ret;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/*
 * Whole frames, 0 at the end. EINVAL when the next one does not fit into `bytes`; EINTR when a signal
 * came before there was one.
 */
static ssize_t iterator_read(struct file *file, char __user *to, size_t bytes, loff_t *pos)
{
	struct saker_iterator *it = file->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&it->mutex))
		return -EINTR;
	it->used = 0;
	it->room = min_t(size_t, bytes, BUFFER_BYTES);
	ret = fill_buffer(it);
	if (it->used)
		ret = copy_to_user(to, it->buffer, it->used) ? -EFAULT : it->used;
	else if (ret == -ENOSPC)
		ret = -EINVAL;
	mutex_unlock(&it->mutex);
	return ret;
}

static void iterator_free(struct saker_iterator *it)
{
	vfree(it->buffer);
	vfree(it->scratch);
	kfree(it);
}

static int iterator_release(struct inode *inode, struct file *file)
{
	iterator_free(file->private_data);
	return 0;
}

static const struct file_operations iterator_fops = {
	.owner = THIS_MODULE,
	.read = iterator_read,
	.release = iterator_release,
	.llseek = noop_llseek,
};

int saker_iterate_fd(const struct saker_ioc_iterate *req)
{
	struct saker_iterator *it;
	int fd = -ENOMEM;

	if (req->what != SAKER_ITERATE_TASKS && req->what != SAKER_ITERATE_FILES)
		return -EINVAL;
	if (req->tgid > INT_MAX)
		return -EINVAL;
	it = kzalloc(sizeof(*it), GFP_KERNEL);
	if (!it)
		return -ENOMEM;
	mutex_init(&it->mutex);
	it->what = req->what;
	it->tgid = req->tgid;
	/* Of one group's files nothing is before its leader; its threads' numbers may have wrapped. */
	it->next_pid = it->what == SAKER_ITERATE_FILES && it->tgid ? it->tgid : 1;
	it->buffer = vmalloc(BUFFER_BYTES);
	it->scratch = vzalloc(SAKER_SCRATCH_BYTES);
	if (it->buffer && it->scratch)
		fd = anon_inode_getfd("[saker-iterator]", &iterator_fops, it, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		iterator_free(it);
	return fd;
}
