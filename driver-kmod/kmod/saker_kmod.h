/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the module know of each other.
 *
 * The device makes at most one session. A session has the tables of wanted calls, the rings, their
 * counters and a scratch area for each possible CPU. Everything the probes look at exists before they
 * are attached and is freed after the last of them has returned, so they take no lock and no reference.
 */
#ifndef SAKER_KMOD_H
#define SAKER_KMOD_H

#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "saker_abi.h"
#include "saker_ioctl.h"

#include "ring.h"

#define SAKER_KMOD_VERSION "0.1.0"

/* Of one possible CPU, for what a record is gathered in; belongs to the fillers altogether. */
#define SAKER_SCRATCH_BYTES (64u << 10)

/* Bytes from one ring's counters to the next: what the agent's reader assumes. */
#define SAKER_COUNTERS_STRIDE round_up(sizeof(struct saker_ring_counters), 8)

struct saker_counter_area;

struct saker_session {
	u32 partitions; /* power of two */
	u32 cpus;	/* highest possible CPU number + 1 */
	u32 own_tgid;	/* not recorded; 0: everything is */
	u32 ring_bytes;
	u32 shed_bytes;	  /* fill above which file and noise records are shed */
	u32 wakeup_bytes; /* fill at which a sleeping worker is woken */
	u32 snaplen_bytes; /* of data of a call; 0: no rule uses them */

	u64 wanted[SAKER_MAX_SYSCALLS / 64];
	u8 event_of_64[SAKER_MAX_SYSCALLS];
	u8 event_of_32[SAKER_MAX_SYSCALLS];
	u8 subcalls[SAKER_MAX_SUBCALLS];
	u64 events[(SAKER_NR_EVENTS + 63) / 64]; /* those of event_of_64 */
	u32 flags; /* SAKER_SESSION_* */

	struct saker_kring **rings; /* cpus x partitions, NULL where none was asked for */
	void *counters;		    /* mapped writable: hostile input, see counters.c */
	void **scratch;		    /* cpus areas, NULL for CPUs that are not possible */

	struct saker_counter_area *counter_area;
	bool started;
	bool reached; /* SAKER_SESSION_REACHED */
	struct saker_opened *opened; /* 1 << SAKER_OPENED_BITS places, if `reached` */
	u32 opened_seed;
};

/* opened.h: the file that an open of this thread has made, until the call returns. */
struct saker_opened {
	struct task_struct *task;
	struct file *file;
	struct inode *inode;
};
#define SAKER_OPENED_BITS 12

/* For probes, which run with preemption off: rcu_dereference_sched(). NULL when nothing is recorded. */
extern struct saker_session __rcu *saker_active;

/* Whether calls of an event are wanted. */
static inline bool saker_wants(const struct saker_session *s, u32 event)
{
	return s->events[event / 64] >> (event % 64) & 1;
}

/* Ring of a CPU and partition; NULL when the agent asked for none (SAKER_DROP_NO_RING). */
static inline struct saker_kring *saker_ring_of(const struct saker_session *s, u32 cpu, u32 partition)
{
	return s->rings[cpu * s->partitions + partition];
}

/* Counters of a ring, whether the ring exists or not. Reading garbage from them must be harmless. */
static inline struct saker_ring_counters *saker_counters_of(const struct saker_session *s, u32 cpu,
							    u32 partition)
{
	return s->counters + (size_t)(cpu * s->partitions + partition) * SAKER_COUNTERS_STRIDE;
}

/* Scratch area of a CPU. */
static inline void *saker_scratch_of(const struct saker_session *s, u32 cpu)
{
	return s->scratch[cpu];
}

/* session.c: owner is the device's open file. All return 0 or a negative errno. */
int saker_session_create(const struct file *owner, const struct saker_ioc_create *req);
int saker_session_ring(const struct file *owner, u32 cpu, u32 partition);
int saker_session_counters(const struct file *owner);
int saker_session_start(const struct file *owner);
int saker_session_stop(const struct file *owner);
void saker_session_end(const struct file *owner);
u32 saker_session_owner_tgid(void);
u32 saker_session_told(void); /* SAKER_SESSION_* that were asked for and can be had */

/* counters.c: memory that outlives the session as long as it is open or mapped. */
struct saker_counter_area *saker_counters_new(u32 entries);
void *saker_counters_memory(struct saker_counter_area *area);
int saker_counters_fd(struct saker_counter_area *area);
void saker_counters_put(struct saker_counter_area *area);

/* iterate.c */
int saker_iterate_fd(const struct saker_ioc_iterate *req);

/* features.c: SAKER_KMF_*, found out at load. */
void saker_features_init(void);
u32 saker_features(void);

/* device.c */
int saker_device_register(void);
void saker_device_unregister(void);

/*
 * tracepoints.c: saker_active is set before start and cleared after stop. When start fails, it has
 * detached what it attached. The caller waits for probes that still run; those that cannot be detached
 * do nothing after stop.
 */
int saker_trace_start(struct saker_session *s);
void saker_trace_stop(void);

/*
 * functions.c, returns.c: the same; what cannot be probed is left out. Start returns those SAKER_SESSION_* of the
 * session that are complete.
 */
u32 saker_functions_start(const struct saker_session *s);
void saker_functions_stop(void);
u32 saker_returns_start(const struct saker_session *s);
void saker_returns_stop(void);
u32 saker_names_missed(void);	 /* opens whose names were not told, because too many were under way */
u32 saker_requests_missed(void); /* calls and requests of io_uring that act on names or sockets, for the same reason */
bool saker_has_rings(void);	 /* the kernel has io_uring */

/*
 * fillers.c, for iterate.c: the record of what exists now. The caller holds a reference on the task and
 * has an area of SAKER_SCRATCH_BYTES to itself. Return the record's bytes, 0 when there is nothing to
 * say, -ENOSPC when it takes more than `room`. `buf` is 8-byte aligned. A task may sleep; a file is
 * described under the lock of its table.
 */
int saker_fill_task(void *scratch, struct task_struct *task, void *buf, u32 room);
int saker_fill_file(void *scratch, struct task_struct *task, u32 fd, struct file *file, void *buf,
		    u32 room);

#endif /* SAKER_KMOD_H */
