// SPDX-License-Identifier: GPL-2.0
/* What differs between kernels and takes more than a line: attaching, faults in mappings. */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#ifdef SAKER_HAVE_TRACEPOINT_POINTER

struct wanted_tracepoint {
	const char *name;
	struct tracepoint *found;
};

static void compare_name(struct tracepoint *tp, void *data)
{
	struct wanted_tracepoint *wanted = data;

	if (!strcmp(tp->name, wanted->name))
		wanted->found = tp;
}

/* Those of the kernel itself, which never go away. */
static struct tracepoint *find_tracepoint(const char *name)
{
	struct wanted_tracepoint wanted = { .name = name };

	for_each_kernel_tracepoint(compare_name, &wanted);
	return wanted.found;
}

int saker_tp_attach(const char *name, void *probe, void *data)
{
	struct tracepoint *tp = find_tracepoint(name);

	return tp ? tracepoint_probe_register(tp, probe, data) : -ENOENT;
}

int saker_tp_detach(const char *name, void *probe, void *data)
{
	struct tracepoint *tp = find_tracepoint(name);

	return tp ? tracepoint_probe_unregister(tp, probe, data) : -ENOENT;
}

#else /* until 3.15, and RHEL 7: by name */

static bool tracepoint_exists(const char *name)
{
	struct tracepoint_iter at;
	bool found = false;

	tracepoint_iter_reset(&at);
	for (tracepoint_iter_start(&at); at.tracepoint && !found; tracepoint_iter_next(&at))
		found = !strcmp((*at.tracepoint)->name, name);
	tracepoint_iter_stop(&at);
	return found;
}

/* The kernel would keep the probe for a tracepoint that may come one day. */
int saker_tp_attach(const char *name, void *probe, void *data)
{
	return tracepoint_exists(name) ? tracepoint_probe_register(name, probe, data) : -ENOENT;
}

int saker_tp_detach(const char *name, void *probe, void *data)
{
	return tracepoint_probe_unregister(name, probe, data);
}

#endif

/* 4.11 took away the first parameter, 4.17 gave the result a type. */
#ifdef SAKER_HAVE_VM_FAULT_T
static vm_fault_t no_fault(struct vm_fault *vmf)
#elif defined(SAKER_HAVE_VM_FAULT_VMA)
static int no_fault(struct vm_fault *vmf)
#else
static int no_fault(struct vm_area_struct *vma, struct vm_fault *vmf)
#endif
{
	return VM_FAULT_SIGBUS;
}

const struct vm_operations_struct saker_no_fault_ops = {
	.fault = no_fault,
};
