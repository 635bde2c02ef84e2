/* SPDX-License-Identifier: GPL-2.0 */
/* How a record gets into its ring, and what is counted when it does not. */
#ifndef SAKER_EMIT_H
#define SAKER_EMIT_H

/* Who a record is about and the ring it goes to. */
struct subject {
	u32 tgid, tid, cpu, idx;
	void *ring;
	struct saker_ring_counters *counters;
	u32 avail;
	u16 start_tag;
	u64 cgroup_id;
};

/*
 * `typed`: the task's pointers are followed by plain loads, which only programs of the busiest calls do
 * (platform.h of the eBPF driver says why); otherwise by reads that survive any pointer.
 */
#define FOLLOW_PROBE false /* fillers that are not IS_HOT() */

SAKER_INLINE void identify(struct subject *to, struct task_struct *task, bool typed)
{
	to->cgroup_id = saker_cgroup_id(task, typed);
	to->start_tag = saker_group_start_ns(task, typed) >> 20;
}

SAKER_INLINE void count_drop(struct saker_ring_counters *c, u32 cause, u32 cls)
{
	bump64(&c->dropped[cause][cls]);
	next_seq(&c->seq); /* a gap in the sequence: an attempt that failed */
	mark_lost(&c->lost_mask, 1u << cls);
}

/*
 * Execs and forks that fail: nothing that state depends on, and cheaper to make in numbers than what they would have
 * been. They must not push the lives of others out of a ring.
 */
#define SAKER_CLASS_FAILED SAKER_CLASS_FILE

/* Finds the ring; false when the record cannot be written (counted). */
SAKER_INLINE bool find_ring(struct subject *to, u32 tgid, u32 tid, u32 cls)
{
	to->tgid = tgid;
	to->tid = tid;
	to->cpu = this_cpu();
	to->idx = to->cpu * saker_partitions + SAKER_PARTITION(tgid, saker_partitions);
	to->counters = ring_counters_of(to->idx);
	if (!to->counters)
		return false;
	to->ring = ring_of(to->idx);
	if (!to->ring) {
		count_drop(to->counters, SAKER_DROP_NO_RING, cls);
		return false;
	}
	to->avail = ring_waiting(to->ring);
	if (to->avail > to->counters->high_water_bytes)
		to->counters->high_water_bytes = to->avail;
	if (cls >= SAKER_CLASS_FILE && to->avail > saker_shed_bytes) {
		count_drop(to->counters, SAKER_DROP_SHED, cls);
		return false;
	}
	return true;
}

/*
 * Fills the header of a reserved record. The clock is read here, after the reservation: whatever a
 * worker does not see yet is then younger than the moment it looked (driver-study 5c).
 */
SAKER_INLINE void begin(struct saker_hdr *hdr, struct subject *to, u16 event,
			u16 nparams, u16 flags)
{
	hdr->ts_ns = clock_ns();
	hdr->tgid = to->tgid;
	hdr->tid = to->tid;
	hdr->cgroup_id = to->cgroup_id;
	hdr->event = event;
	hdr->flags = flags;
	hdr->cpu = to->cpu;
	hdr->start_tag = to->start_tag;
	hdr->nparams = nparams;
}

/* Numbers the record (discarded ones have no number, so that only loss makes gaps) and submits it. */
SAKER_INLINE void commit(struct saker_hdr *hdr, struct subject *to)
{
	bool wake = false;

	hdr->seq = next_seq(&to->counters->seq);
	hdr->lost_mask = 0;
	/* Rare, so an exchange only when there is something to fetch. */
	if (to->counters->lost_mask)
		hdr->lost_mask = take_lost(&to->counters->lost_mask);
	bump64(&to->counters->produced);
	if (to->counters->armed && to->avail >= saker_wakeup_bytes) {
		to->counters->armed = 0;
		bump64(&to->counters->wakeups);
		wake = true;
	}
	ring_submit(to->ring, hdr, wake);
}

/* A slot of a variable parameter. */
SAKER_INLINE u64 var_slot(u32 off, u32 len, u32 flags, u32 full_len)
{
	return (u64)off | (u64)len << 16 | (u64)flags << 32 | (u64)full_len << 48;
}

SAKER_INLINE u32 var_len(u64 slot)
{
	return slot >> 16 & 0xffff;
}

#endif /* SAKER_EMIT_H */
