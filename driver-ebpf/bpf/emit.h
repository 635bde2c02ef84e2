/* SPDX-License-Identifier: GPL-2.0 */
/* Rings, counters and the way a record gets into its ring. */
#ifndef SAKER_EMIT_H
#define SAKER_EMIT_H

/* Set by the loader before the programs are loaded. */
const volatile u32 saker_partitions = 1;
const volatile s32 saker_own_tgid = 0;
const volatile u32 saker_shed_bytes = 0;   /* fill above which file and noise records are shed */
const volatile u32 saker_wakeup_bytes = 0; /* fill at which a sleeping worker is woken */

struct saker_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* template only: real rings are made by the loader */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct saker_ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct saker_ring_counters);
} ring_counters SEC(".maps");

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
 * Two ways to follow the task's pointers. Typed loads cost 3 ns each, but for every pointer loaded from
 * a trusted one the verifier searches the kernel's types by name, linearly (btf_nested_type_is_trusted):
 * that was three quarters of the time of a start. So only programs that run all the time load typed;
 * the others copy by probe reads.
 */
#define FOLLOW_PROBE false /* programs that are not IS_HOT() */

static __always_inline void identify(struct subject *to, struct task_struct *task, bool typed)
{
	if (typed) {
		to->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
		to->start_tag = task->group_leader->start_boottime >> 20;
	} else {
		to->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
		to->start_tag = BPF_CORE_READ(task, group_leader, start_boottime) >> 20;
	}
}

static __always_inline void count_drop(struct saker_ring_counters *c, u32 cause, u32 cls)
{
	__sync_fetch_and_add(&c->dropped[cause][cls], 1);
	__sync_fetch_and_add(&c->seq, 1); /* a gap in the sequence: an attempt that failed */
	__sync_fetch_and_or(&c->lost_mask, 1u << cls);
}

/* Finds the ring; false when the record cannot be written (counted). */
static __always_inline bool find_ring(struct subject *to, u32 tgid, u32 tid, u32 cls)
{
	to->tgid = tgid;
	to->tid = tid;
	to->cpu = bpf_get_smp_processor_id();
	to->idx = to->cpu * saker_partitions + SAKER_PARTITION(tgid, saker_partitions);
	to->counters = bpf_map_lookup_elem(&ring_counters, &to->idx);
	if (!to->counters)
		return false;
	to->ring = bpf_map_lookup_elem(&rings, &to->idx);
	if (!to->ring) {
		count_drop(to->counters, SAKER_DROP_NO_RING, cls);
		return false;
	}
	to->avail = bpf_ringbuf_query(to->ring, BPF_RB_AVAIL_DATA);
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
static __always_inline void begin(struct saker_hdr *hdr, struct subject *to, u16 event,
				  u16 nparams, u16 flags)
{
	hdr->ts_ns = bpf_ktime_get_boot_ns();
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
static __always_inline void commit(struct saker_hdr *hdr, struct subject *to)
{
	u64 flags = BPF_RB_NO_WAKEUP;

	hdr->seq = __sync_fetch_and_add(&to->counters->seq, 1);
	hdr->lost_mask = 0;
	/* Rare, so an exchange only when there is something to fetch. */
	if (to->counters->lost_mask)
		hdr->lost_mask = __sync_lock_test_and_set(&to->counters->lost_mask, 0);
	__sync_fetch_and_add(&to->counters->produced, 1);
	if (to->counters->armed && to->avail >= saker_wakeup_bytes) {
		to->counters->armed = 0;
		__sync_fetch_and_add(&to->counters->wakeups, 1);
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(hdr, flags);
}

/* A slot of a variable parameter. */
static __always_inline u64 var_slot(u32 off, u32 len, u32 flags, u32 full_len)
{
	return (u64)off | (u64)len << 16 | (u64)flags << 32 | (u64)full_len << 48;
}

#endif /* SAKER_EMIT_H */
