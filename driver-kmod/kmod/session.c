// SPDX-License-Identifier: GPL-2.0
/*
 * The session: who owns it, what it has, when the probes see it.
 *
 * One mutex orders everything that changes it. Probes take nothing: they find the session through
 * saker_active, which is set before they are attached and cleared when none of them runs any more.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include "mapping.h"
#include "saker_kmod.h"

struct saker_session __rcu *saker_active;

static DEFINE_MUTEX(session_mutex);

/* Under session_mutex. */
static struct saker_session *session;
static const struct file *session_owner;

/* Read without it. */
static u32 session_owner_tgid;
static u32 session_told;

u32 saker_session_owner_tgid(void)
{
	return READ_ONCE(session_owner_tgid);
}

u32 saker_session_told(void)
{
	return READ_ONCE(session_told);
}

static u32 nr_rings(const struct saker_session *s)
{
	return s->cpus * s->partitions;
}

static void session_free(struct saker_session *s)
{
	u32 i;

	if (s->scratch)
		for (i = 0; i < s->cpus; i++)
			vfree(s->scratch[i]);
	vfree(s->scratch);
	if (s->rings)
		for (i = 0; i < nr_rings(s); i++)
			if (s->rings[i])
				saker_ring_put(s->rings[i]);
	vfree(s->rings);
	if (s->counter_area)
		saker_counters_put(s->counter_area);
	vfree(s->opened);
	vfree(s);
}

static int alloc_scratch(struct saker_session *s)
{
	u32 cpu;

	s->scratch = vzalloc(s->cpus * sizeof(*s->scratch));
	if (!s->scratch)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		s->scratch[cpu] = vzalloc_node(SAKER_SCRATCH_BYTES, saker_cpu_node(cpu));
		if (!s->scratch[cpu])
			return -ENOMEM;
	}
	return 0;
}

static int alloc_opened(struct saker_session *s)
{
	if (!s->reached)
		return 0;
	get_random_bytes(&s->opened_seed, sizeof(s->opened_seed));
	s->opened = vzalloc(sizeof(*s->opened) << SAKER_OPENED_BITS);
	return s->opened ? 0 : -ENOMEM;
}

static struct saker_session *session_new(const struct saker_ioc_create *req)
{
	struct saker_session *s = vzalloc(sizeof(*s));
	u32 i;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->partitions = req->partitions;
	s->cpus = nr_cpu_ids;
	s->own_tgid = req->own_tgid;
	s->ring_bytes = req->ring_bytes;
	s->reached = req->flags & SAKER_SESSION_REACHED;
	s->shed_bytes = req->ring_bytes / 4 * 3;
	s->wakeup_bytes = req->ring_bytes / 4;
	s->snaplen_bytes = req->snaplen_bytes;
	memcpy(s->wanted, req->wanted, sizeof(s->wanted));
	memcpy(s->event_of_64, req->event_of_64, sizeof(s->event_of_64));
	memcpy(s->event_of_32, req->event_of_32, sizeof(s->event_of_32));
	memcpy(s->subcalls, req->subcalls, sizeof(s->subcalls));
	s->flags = req->flags;
	for (i = 0; i < SAKER_MAX_SYSCALLS; i++) {
		u32 event = s->event_of_64[i] - 1;

		if (event < SAKER_NR_EVENTS)
			s->events[event / 64] |= 1ULL << (event % 64);
	}

	s->rings = vzalloc(nr_rings(s) * sizeof(*s->rings));
	s->counter_area = saker_counters_new(nr_rings(s));
	if (!s->rings || !s->counter_area || alloc_scratch(s) || alloc_opened(s)) {
		session_free(s);
		return ERR_PTR(-ENOMEM);
	}
	s->counters = saker_counters_memory(s->counter_area);
	return s;
}

/* Bytes of the tables are events + 1 that exist, 0, or the mark of a call that holds others. */
static bool events_known(const u8 *events, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (events[i] > SAKER_NR_EVENTS && events[i] != SAKER_CALL_MULTIPLEXED)
			return false;
	return true;
}

static int check_request(const struct saker_ioc_create *req)
{
	if (req->abi_version != SAKER_ABI_VERSION || req->schema_hash != SAKER_SCHEMA_HASH)
		return -EPROTO;
	if (!is_power_of_2(req->partitions) || req->partitions > SAKER_MAX_PARTITIONS)
		return -EINVAL;
	if (!is_power_of_2(req->ring_bytes) || req->ring_bytes < PAGE_SIZE ||
	    req->ring_bytes > SAKER_RING_BYTES_MAX)
		return -EINVAL;
	if (req->flags & ~(SAKER_SESSION_SIGNALS | SAKER_SESSION_REACHED | SAKER_SESSION_ACTED |
			   SAKER_SESSION_NAMES | SAKER_SESSION_ADDRESSES | SAKER_SESSION_URING |
			   SAKER_SESSION_FCNTL | SAKER_SESSION_OPENED))
		return -EINVAL;
	if (req->snaplen_bytes > SAKER_SNAPLEN_MAX || req->reserved)
		return -EINVAL;
	if (!events_known(req->event_of_64, SAKER_MAX_SYSCALLS) ||
	    !events_known(req->event_of_32, SAKER_MAX_SYSCALLS) ||
	    !events_known(req->subcalls, SAKER_MAX_SUBCALLS))
		return -EINVAL;
	/* CPU numbers are 16 bits of a record, and the agent's tables have this end. */
	return nr_cpu_ids > SAKER_MAX_CPUS ? -ERANGE : 0;
}

int saker_session_create(const struct file *owner, const struct saker_ioc_create *req)
{
	struct saker_session *s;
	int ret = check_request(req);

	if (ret)
		return ret;
	if (mutex_lock_interruptible(&session_mutex))
		return -ERESTARTSYS;
	if (session) {
		ret = -EBUSY;
		goto out;
	}
	s = session_new(req);
	if (IS_ERR(s)) {
		ret = PTR_ERR(s);
		goto out;
	}
	session = s;
	session_owner = owner;
	WRITE_ONCE(session_owner_tgid, task_tgid_nr(current));
out:
	mutex_unlock(&session_mutex);
	return ret;
}

/* Locks the session of `owner`; ERR_PTR and not locked when it has none. */
static struct saker_session *lock_session(const struct file *owner)
{
	if (mutex_lock_interruptible(&session_mutex))
		return ERR_PTR(-ERESTARTSYS);
	if (session && session_owner == owner)
		return session;
	mutex_unlock(&session_mutex);
	return ERR_PTR(-EBADFD);
}

int saker_session_ring(const struct file *owner, u32 cpu, u32 partition)
{
	struct saker_session *s = lock_session(owner);
	struct saker_kring *r, **slot;
	int ret;

	if (IS_ERR(s))
		return PTR_ERR(s);
	ret = -EINVAL;
	if (cpu >= s->cpus || !cpu_possible(cpu) || partition >= s->partitions)
		goto out;
	ret = -EBUSY;
	if (s->started)
		goto out;
	slot = &s->rings[cpu * s->partitions + partition];
	ret = -EEXIST;
	if (*slot)
		goto out;
	r = saker_ring_new(cpu, partition, s->ring_bytes);
	ret = PTR_ERR(r);
	if (IS_ERR(r))
		goto out;
	ret = saker_ring_fd(r);
	if (ret < 0)
		saker_ring_put(r);
	else
		*slot = r;
out:
	mutex_unlock(&session_mutex);
	return ret;
}

int saker_session_counters(const struct file *owner)
{
	struct saker_session *s = lock_session(owner);
	int ret;

	if (IS_ERR(s))
		return PTR_ERR(s);
	ret = saker_counters_fd(s->counter_area);
	mutex_unlock(&session_mutex);
	return ret;
}

/*
 * After the probes are detached or shut out: waits until none of them runs any more. Only then is the pointer cleared,
 * for a probe reads it again and again.
 */
static void retract(struct saker_session *s)
{
	tracepoint_synchronize_unregister();
	saker_synchronize_probes();
	RCU_INIT_POINTER(saker_active, NULL);
	s->started = false;
}

int saker_session_start(const struct file *owner)
{
	struct saker_session *s = lock_session(owner);
	int ret = -EALREADY;
	u32 told;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (s->started)
		goto out;
	s->started = true;
	rcu_assign_pointer(saker_active, s);
	/* Before the calls themselves: what a call acts on or was given is told before it returns. */
	told = saker_functions_start(s) | saker_returns_start(s);
	ret = saker_trace_start(s);
	if (ret) {
		saker_functions_stop();
		saker_returns_stop();
		retract(s);
	}
	WRITE_ONCE(session_told, ret ? 0 : told);
out:
	mutex_unlock(&session_mutex);
	return ret;
}

static void stop(struct saker_session *s)
{
	if (!s->started)
		return;
	saker_trace_stop();
	saker_functions_stop();
	saker_returns_stop();
	WRITE_ONCE(session_told, 0);
	retract(s);
}

int saker_session_stop(const struct file *owner)
{
	struct saker_session *s = lock_session(owner);

	if (IS_ERR(s))
		return PTR_ERR(s);
	stop(s);
	mutex_unlock(&session_mutex);
	return 0;
}

/* The owner's file is gone, and nobody else can use the session: no signal stops this. */
void saker_session_end(const struct file *owner)
{
	mutex_lock(&session_mutex);
	if (session && session_owner == owner) {
		stop(session);
		session_free(session);
		session = NULL;
		session_owner = NULL;
		WRITE_ONCE(session_owner_tgid, 0);
	}
	mutex_unlock(&session_mutex);
}
