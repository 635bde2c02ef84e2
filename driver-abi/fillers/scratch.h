/* SPDX-License-Identifier: GPL-2.0 */
/* Memory in which a record of unknown length is gathered before it is reserved, and what is put there. */
#ifndef SAKER_SCRATCH_H
#define SAKER_SCRATCH_H

/*
 * The buffers are larger than what they may hold by the largest single copy: the verifier bounds
 * offset and length separately.
 */
struct saker_scratch {
	u32 busy;
	u32 off; /* next free byte of rec */
	u32 pos; /* start of what is in path */
	u32 mount_pos; /* where in it the first mount crossed begins; 0: see saker_walk_path() */
	u32 head_end;  /* ends of names in path: see saker_shorten() */
	u32 tail_pos;
	u32 short_of;  /* names between head and tail were left out */
	u32 unused;
	u64 at;	       /* where a walk stands: dentry or kernfs node */
	u64 mnt;       /* and in which mount; 0: it keeps to the file system */
	u32 frame_len; /* header of a record that is read, not mapped: as a ring's */
	u32 frame_zero;
	u8 rec[SAKER_RECORD_MAX + SAKER_PATH_MAX];
	u8 path[2 * SAKER_PATH_MAX];
};

/* From the platform: which area is a CPU's, and the area itself, NULL when there is none. */
SAKER_INLINE scratch_area cpu_area(u32 cpu);
SAKER_INLINE struct saker_scratch *scratch_of(scratch_area area);

/* Claims this CPU's scratch: since Linux 7.0 another eBPF program may interleave on the same CPU. */
SAKER_INLINE struct saker_scratch *scratch_claim_at(scratch_area area, struct subject *to, u32 cls)
{
	struct saker_scratch *sc = scratch_of(area);

	if (!sc)
		return NULL;
	if (!try_claim(&sc->busy)) {
		count_drop(to->counters, SAKER_DROP_SCRATCH_BUSY, cls);
		return NULL;
	}
	return sc;
}

SAKER_INLINE struct saker_scratch *scratch_claim(struct subject *to, u32 cls)
{
	return scratch_claim_at(cpu_area(to->cpu), to, cls);
}

SAKER_INLINE void scratch_release(struct saker_scratch *sc)
{
	unclaim(&sc->busy);
}

/* Room for one more piece of at most SAKER_PATH_MAX bytes, or NULL. */
SAKER_INLINE u8 *room(struct saker_scratch *sc)
{
	u32 off = sc->off;

	if (off > SAKER_RECORD_MAX - SAKER_PATH_MAX)
		return NULL;
	return sc->rec + off;
}

SAKER_INLINE u64 took(struct saker_scratch *sc, s64 got, u32 flags, u32 full)
{
	u32 off = sc->off;

	if (got < 0)
		return var_slot(0, 0, SAKER_VF_FAULT, 0);
	sc->off = off + got;
	return var_slot(off, got, flags, full);
}

/* A NUL-terminated string; the NUL stays behind as padding. */
SAKER_INLINE u64 put_kernel_str(struct saker_scratch *sc, const void *from)
{
	u8 *to = room(sc);
	s64 got;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	got = kread_str(to, SAKER_PATH_MAX, from);
	return took(sc, got > 0 ? got - 1 : got, got == SAKER_PATH_MAX ? SAKER_VF_TRUNCATED : 0, 0);
}

/* Of PATH_MAX, less the NUL: more than an argument has (MAX_ARG_STRLEN of include/uapi/linux/binfmts.h). */
#define STR_PIECES 34

SAKER_INLINE u64 put_user_str(struct saker_scratch *sc, u64 from, u32 *with_nul)
{
	u8 *to = room(sc);
	s64 got;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	got = uread_str(to, SAKER_PATH_MAX, from);
	if (with_nul)
		*with_nul = got > 0 ? got : 0;
	return took(sc, got > 0 ? got - 1 : got, got == SAKER_PATH_MAX ? SAKER_VF_TRUNCATED : 0, 0);
}

/* Where a string of the current task goes on that is longer than `from` is away from its beginning: behind its NUL. */
SAKER_INLINE u64 behind_user_str(struct saker_scratch *sc, u64 from)
{
	u8 *to = room(sc);
	s64 got;
	u32 i;

	for (i = 0; to && i < STR_PIECES; i++) {
		got = uread_str(to, SAKER_PATH_MAX, from);
		from += got == SAKER_PATH_MAX ? got - 1 : got > 0 ? got : 0;
		if (got != SAKER_PATH_MAX)
			break;
	}
	return from;
}

/* [from, end) of the current task's memory, at most SAKER_ARGS_MAX bytes. */
SAKER_INLINE u64 put_user_range(struct saker_scratch *sc, u64 from, u64 end)
{
	u8 *to = room(sc);
	u64 full = end > from ? end - from : 0;
	u32 len = full > SAKER_ARGS_MAX ? SAKER_ARGS_MAX : full;
	s64 err;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	if (len == 0)
		return var_slot(sc->off, 0, 0, 0);
	err = uread(to, len, from);
	return took(sc, err ? err : len,
		    full > SAKER_ARGS_MAX ? SAKER_VF_TRUNCATED : 0, full > 0xffff ? 0xffff : full);
}

/* Copies path[pos..SAKER_PATH_MAX) behind the record. */
SAKER_INLINE u64 put_path(struct saker_scratch *sc, u32 pos, u32 flags)
{
	u8 *to = room(sc);
	u32 len;

	if (!to)
		return var_slot(0, 0, SAKER_VF_TRUNCATED, 0);
	/* One register from the test to its use: older verifiers lose the bound of a copy. */
	barrier_var(pos);
	if (pos > SAKER_PATH_MAX)
		pos = SAKER_PATH_MAX;
	barrier_var(pos);
	len = SAKER_PATH_MAX - pos;
	kread(to, len, sc->path + pos);
	return took(sc, len, flags, 0);
}

/*
 * Copies the first `len` bytes that stand in `sc` to a record of `size` bytes; false when that is too small. Callers
 * try one size after the other: what is reserved has to be a constant.
 */
SAKER_INLINE bool emit_sized(struct saker_scratch *sc, struct subject *to, u32 len,
			     const u32 size, u16 event, u16 nparams, u16 flags, u32 cls)
{
	void *rec;

	if (len > size)
		return false;
	rec = ring_reserve(to->ring, size);
	if (!rec) {
		count_drop(to->counters, ring_refusal(to->ring), cls);
		return true;
	}
	kread(rec, size, sc->rec);
	begin(rec, to, event, nparams, flags);
	commit(rec, to);
	return true;
}

#endif /* SAKER_SCRATCH_H */
