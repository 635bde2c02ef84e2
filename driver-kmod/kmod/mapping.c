// SPDX-License-Identifier: GPL-2.0
/* Mappings of kernel memory: shared, never executable, writable only where it is said. */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "mapping.h"

int saker_map(struct vm_area_struct *vma, void *base, bool writable)
{
	int ret;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC || (vma->vm_flags & VM_WRITE && !writable))
		return -EPERM;
	/* Nor later, by mprotect(2). */
	saker_vm_flags_clear(vma, writable ? VM_MAYEXEC : VM_MAYEXEC | VM_MAYWRITE);

	/* Takes a reference on each page: they stay until they are unmapped. */
	ret = remap_vmalloc_range(vma, base, vma->vm_pgoff);
	if (ret)
		return ret;
	/* All pages are there. Should one be thrown out by madvise(2), its user gets a signal. */
	vma->vm_ops = &saker_no_fault_ops;
	return 0;
}

int saker_cpu_node(u32 cpu)
{
	int node = cpu_to_node(cpu);

	return node >= 0 && node_online(node) ? node : numa_mem_id();
}
