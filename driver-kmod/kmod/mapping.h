/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel memory in user space. */
#ifndef SAKER_MAPPING_H
#define SAKER_MAPPING_H

#include <linux/mm_types.h>
#include <linux/types.h>

/* Much memory at once, asked for by root: fail rather than let the out-of-memory killer run. */
#define SAKER_GFP_RING (GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Maps memory of vmap() or vmalloc_user(), from the page that vm_pgoff says. */
int saker_map(struct vm_area_struct *vma, void *base, bool writable);

/* Where memory of a CPU should be; a node that is online. */
int saker_cpu_node(u32 cpu);

#endif /* SAKER_MAPPING_H */
