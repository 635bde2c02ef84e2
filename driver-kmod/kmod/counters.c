// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of all rings, in memory that the agent maps.
 *
 * It is mapped writable, because the agent arms wake-ups there. So whatever the drivers read back from
 * it (sequence numbers, classes lost, the wish to be woken) may be garbage: it is passed on, never used
 * as an index, a length or an address.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mapping.h"
#include "saker_kmod.h"

struct saker_counter_area {
	struct kref refs;
	void *memory;
	size_t bytes; /* whole pages */
};

struct saker_counter_area *saker_counters_new(u32 entries)
{
	struct saker_counter_area *area = kzalloc(sizeof(*area), GFP_KERNEL);

	if (!area)
		return NULL;
	kref_init(&area->refs);
	area->bytes = PAGE_ALIGN((size_t)entries * SAKER_COUNTERS_STRIDE);
	area->memory = vmalloc_user(area->bytes);
	if (!area->memory) {
		kfree(area);
		return NULL;
	}
	return area;
}

void *saker_counters_memory(struct saker_counter_area *area)
{
	return area->memory;
}

static void counters_free(struct kref *refs)
{
	struct saker_counter_area *area = container_of(refs, struct saker_counter_area, refs);

	vfree(area->memory);
	kfree(area);
}

void saker_counters_put(struct saker_counter_area *area)
{
	kref_put(&area->refs, counters_free);
}

static int counters_release(struct inode *inode, struct file *file)
{
	saker_counters_put(file->private_data);
	return 0;
}

static int counters_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct saker_counter_area *area = file->private_data;

	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != area->bytes)
		return -EINVAL;
	return saker_map(vma, area->memory, true);
}

static const struct file_operations counters_fops = {
	.owner = THIS_MODULE,
	.release = counters_release,
	.mmap = counters_mmap,
	.llseek = noop_llseek,
};

/* A new descriptor, which holds the memory and this module. */
int saker_counters_fd(struct saker_counter_area *area)
{
	int fd;

	kref_get(&area->refs);
	fd = anon_inode_getfd("[saker-counters]", &counters_fops, area, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		saker_counters_put(area);
	return fd;
}
