/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring: the memory layout of the BPF ring buffer, one producer CPU, one consumer process.
 *
 * The producer functions are called with preemption off on the ring's CPU. A reservation is the only
 * one at a time; between reservation and commit or discard nothing else may be reserved.
 */
#ifndef SAKER_RING_H
#define SAKER_RING_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "saker_abi.h"

struct page;

/* What a record begins with; the record's address is right behind. */
struct saker_ring_hdr {
	u32 len; /* with SAKER_RING_BUSY, SAKER_RING_DISCARD */
	u32 zero;
};

struct saker_kring {
	/* What the producer decides by. Nothing of this is read back from memory others see. */
	u64 prod;
	u64 mask;      /* bytes of data - 1 */
	u32 reserved;  /* payload bytes of the open reservation */
	bool busy;     /* there is one */
	u8 refusal;    /* enum saker_drop of the last refused reservation */
	u64 *consumer; /* written by user space: hostile */
	u64 *producer;
	void *data;

	struct irq_work wake;
	wait_queue_head_t waiters;

	struct kref refs;
	void *base; /* consumer page, producer page, data, data again */
	struct page **pages;
	u32 nr_pages; /* without the data's second appearance */
	u32 cpu, partition;
};

/*
 * Room for a record of `len` bytes, or NULL: then saker_ring_refusal() says why. The record is visible
 * to the consumer as busy when this returns: read the clock afterwards.
 */
void *saker_ring_reserve(struct saker_kring *r, u32 len);

/* Why saker_ring_reserve() returned NULL: SAKER_DROP_RING_FULL or SAKER_DROP_BUG. */
static inline u32 saker_ring_refusal(const struct saker_kring *r)
{
	return r->refusal;
}

/* Bytes between consumer and producer; false when the consumer's position cannot be. */
static inline bool saker_ring_used(const struct saker_kring *r, u64 *used)
{
	u64 consumer;

	/* Pairs with the consumer's release: it has read what is now overwritten. */
	consumer = smp_load_acquire(r->consumer);
	*used = r->prod - consumer;
	return !(consumer & 7) && *used <= r->mask + 1;
}

/* Bytes waiting; 0 when the consumer's position cannot be, for which reservation refuses. */
static inline u32 saker_ring_avail(const struct saker_kring *r)
{
	u64 used;

	return saker_ring_used(r, &used) ? used : 0;
}

static inline void saker_ring_close(struct saker_kring *r, void *rec, u32 flags)
{
	struct saker_ring_hdr *hdr = (struct saker_ring_hdr *)rec - 1;

	r->busy = false;
	/* Pairs with the consumer's acquire: the payload is complete when BUSY is gone. */
	smp_store_release(&hdr->len, r->reserved | flags);
}

/* Hands the record to the consumer; `wake` wakes who polls. */
static inline void saker_ring_commit(struct saker_kring *r, void *rec, bool wake)
{
	saker_ring_close(r, rec, 0);
	if (wake)
		irq_work_queue(&r->wake);
}

/* The consumer skips the record. */
static inline void saker_ring_discard(struct saker_kring *r, void *rec)
{
	saker_ring_close(r, rec, SAKER_RING_DISCARD);
}

/* ring.c: lifetime. Pointers or ERR_PTR. */
struct saker_kring *saker_ring_new(u32 cpu, u32 partition, u32 data_bytes);
int saker_ring_fd(struct saker_kring *r);
void saker_ring_put(struct saker_kring *r);

#endif /* SAKER_RING_H */
