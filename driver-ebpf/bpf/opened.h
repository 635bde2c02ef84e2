/* SPDX-License-Identifier: GPL-2.0 */
/* What an open has made, from the kernel's function to the return of its call (fillers/given.h, fillers/reached.h). */
#ifndef SAKER_OPENED_H
#define SAKER_OPENED_H

struct opened {
	u64 file;
	u64 inode;
};

/* By thread. One that never returns from its call leaves an entry behind, which goes when there is no room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, u32);
	__type(value, struct opened);
} opened_files SEC(".maps");

static __always_inline void keep_opened(struct task_struct *task, struct file *file)
{
	struct opened opened = { (u64)file, (u64)KREAD(file, f_inode) };
	u32 tid = task->pid;

	bpf_map_update_elem(&opened_files, &tid, &opened, 0);
}

static __always_inline struct file *take_opened(struct task_struct *task, u64 *inode)
{
	u32 tid = task->pid;
	struct opened *kept = bpf_map_lookup_elem(&opened_files, &tid);
	u64 file;

	if (!kept)
		return NULL;
	file = kept->file;
	*inode = kept->inode;
	bpf_map_delete_elem(&opened_files, &tid);
	return (struct file *)file;
}

#endif /* SAKER_OPENED_H */
