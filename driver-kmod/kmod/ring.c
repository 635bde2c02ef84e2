// SPDX-License-Identifier: GPL-2.0
/* Rings: memory, descriptor, mapping, waiting, and the producer's reservation. */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "mapping.h"
#include "ring.h"

#define CONSUMER_PAGES 1 /* the only one that user space may write */
#define META_PAGES 2	 /* with the producer's */

void *saker_ring_reserve(struct saker_kring *r, u32 len)
{
	u64 total = round_up((u64)len + SAKER_RING_HDR, 8);
	struct saker_ring_hdr *hdr;
	u64 used;

	/* Nested on this CPU, or a consumer that lies: both should not happen, neither may hurt. */
	if (unlikely(r->busy || len >= SAKER_RING_DISCARD || !saker_ring_used(r, &used))) {
		r->refusal = SAKER_DROP_BUG;
		return NULL;
	}
	/* Never to the last byte, as the kernel's own ring: equal positions mean empty. */
	if (used + total > r->mask) {
		r->refusal = SAKER_DROP_RING_FULL;
		return NULL;
	}
	hdr = r->data + (r->prod & r->mask);
	hdr->len = len | SAKER_RING_BUSY;
	hdr->zero = 0;
	r->reserved = len;
	r->busy = true;
	r->prod += total;
	/* Pairs with the consumer's acquire: it sees the header with BUSY. */
	smp_store_release(r->producer, r->prod);
	return hdr + 1;
}

static void wake_waiters(struct irq_work *work)
{
	struct saker_kring *r = container_of(work, struct saker_kring, wake);

	wake_up_all(&r->waiters);
}

static void free_pages_of(struct saker_kring *r)
{
	u32 i;

	for (i = 0; i < r->nr_pages; i++)
		__free_page(r->pages[i]);
	vfree(r->pages);
}

/* One by one, so that a killed caller does not have to wait for all of them. */
static int alloc_pages_of(struct saker_kring *r, u32 data_pages)
{
	int node = saker_cpu_node(r->cpu);
	u32 i;

	r->pages = vmalloc((META_PAGES + 2 * data_pages) * sizeof(*r->pages));
	if (!r->pages)
		return -ENOMEM;
	for (i = 0; i < META_PAGES + data_pages; i++) {
		struct page *page = NULL;

		if (!fatal_signal_pending(current))
			page = alloc_pages_node(node, SAKER_GFP_RING | __GFP_ZERO, 0);
		if (!page)
			return -ENOMEM;
		r->pages[i] = page;
		r->nr_pages = i + 1;
		if (i >= META_PAGES)
			r->pages[i + data_pages] = page;
	}
	return 0;
}

struct saker_kring *saker_ring_new(u32 cpu, u32 partition, u32 data_bytes)
{
	u32 data_pages = data_bytes >> PAGE_SHIFT;
	struct saker_kring *r;
	int ret;

	r = kzalloc_node(sizeof(*r), GFP_KERNEL, saker_cpu_node(cpu));
	if (!r)
		return ERR_PTR(-ENOMEM);
	kref_init(&r->refs);
	init_irq_work(&r->wake, wake_waiters);
	init_waitqueue_head(&r->waiters);
	r->cpu = cpu;
	r->partition = partition;
	r->mask = data_bytes - 1;

	ret = alloc_pages_of(r, data_pages);
	if (ret)
		goto err_pages;
	ret = -ENOMEM;
	r->base = vmap(r->pages, META_PAGES + 2 * data_pages, VM_MAP | VM_USERMAP, PAGE_KERNEL);
	if (!r->base)
		goto err_pages;
	r->consumer = r->base;
	r->producer = r->base + PAGE_SIZE;
	r->data = r->base + META_PAGES * PAGE_SIZE;
	return r;

err_pages:
	free_pages_of(r);
	kfree(r);
	return ERR_PTR(ret);
}

static void ring_free(struct kref *refs)
{
	struct saker_kring *r = container_of(refs, struct saker_kring, refs);

	irq_work_sync(&r->wake);
	vunmap(r->base);
	free_pages_of(r);
	kfree(r);
}

void saker_ring_put(struct saker_kring *r)
{
	kref_put(&r->refs, ring_free);
}

static int ring_release(struct inode *inode, struct file *file)
{
	saker_ring_put(file->private_data);
	return 0;
}

static int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct saker_kring *r = file->private_data;
	unsigned long bytes = vma->vm_end - vma->vm_start;

	if (vma->vm_pgoff == 0 && bytes == CONSUMER_PAGES * PAGE_SIZE)
		return saker_map(vma, r->base, true);
	if (vma->vm_pgoff == CONSUMER_PAGES && bytes == PAGE_SIZE + 2 * (r->mask + 1))
		return saker_map(vma, r->base, false);
	return -EINVAL;
}

static __poll_t ring_poll(struct file *file, struct poll_table_struct *table)
{
	struct saker_kring *r = file->private_data;

	poll_wait(file, &r->waiters, table);
	/* Positions only: what is in between is read by user space, with barriers of its own. */
	if (READ_ONCE(*r->consumer) != READ_ONCE(*r->producer))
		return EPOLLIN | EPOLLRDNORM;
	return 0;
}

static const struct file_operations ring_fops = {
	.owner = THIS_MODULE,
	.release = ring_release,
	.mmap = ring_mmap,
	.poll = ring_poll,
	.llseek = noop_llseek,
};

/* A new descriptor, which holds the ring and this module. */
int saker_ring_fd(struct saker_kring *r)
{
	int fd;

	kref_get(&r->refs);
	fd = anon_inode_getfd("[saker-ring]", &ring_fops, r, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		saker_ring_put(r);
	return fd;
}
