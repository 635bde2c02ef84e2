/* SPDX-License-Identifier: GPL-2.0 */
/* open_by_handle_at(2): what it opened has a name only in the kernel. */
#ifndef SAKER_HANDLE_H
#define SAKER_HANDLE_H

SAKER_INLINE void emit_opened(struct saker_scratch *sc, struct subject *to, u16 flags)
{
	const u16 event = SAKER_EV_OPEN_BY_HANDLE_AT, nparams = SAKER_NP_OPEN_BY_HANDLE_AT;
	u32 len = sc->off;

	if (emit_sized(sc, to, len, 256, event, nparams, flags, SAKER_CLASS_FILE) ||
	    emit_sized(sc, to, len, 16384, event, nparams, flags, SAKER_CLASS_FILE))
		return;
	count_drop(to->counters, SAKER_DROP_BUG, SAKER_CLASS_FILE);
}

#define SLOT(name) slots[SAKER_P_OPEN_BY_HANDLE_AT_##name]

SAKER_INLINE void record_open_by_handle_at(struct call *c)
{
	struct reached reached = {};
	struct saker_scratch *sc;
	struct subject to = {};
	struct file *file;
	u64 *slots;

	if (!find_ring(&to, c->task->tgid, c->task->pid, SAKER_CLASS_FILE))
		return;
	identify(&to, c->task, FOLLOW_PROBE);
	sc = scratch_claim(&to, SAKER_CLASS_FILE);
	if (!sc)
		return;
	slots = (u64 *)(sc->rec + sizeof(struct saker_hdr));
	sc->off = sizeof(struct saker_hdr) + 8 * SAKER_NP_OPEN_BY_HANDLE_AT;
	file = file_of(c->task, c->ret, FOLLOW_PROBE);
	saker_file_facts((u64)file, &c->facts);

	SLOT(fd) = c->ret;
	SLOT(mountfd) = (s64)(s32)c->args[0];
	SLOT(flags) = (u32)c->args[2];
	SLOT(path) = 0;
	/* Nobody may have looked the file up by a name for a while: then the kernel has none for it. */
	if (file && !is_alone(file))
		SLOT(path) = put_walk(sc, cpu_area(to.cpu), KREAD(file, f_path.dentry),
				      KREAD(file, f_path.mnt));
	if (file && saker_reached)
		put_reached(sc, cpu_area(to.cpu), file, &reached);
	SLOT(real) = reached.real;
	SLOT(mount_at) = reached.mount_at;
	SLOT(mount_root) = reached.mount_root;
	SLOT(dev) = c->facts.dev;
	SLOT(ino) = c->facts.ino;
	SLOT(facts) = c->facts.facts;
	emit_opened(sc, &to, call_flags(c));
	scratch_release(sc);
}

#undef SLOT

#endif /* SAKER_HANDLE_H */
