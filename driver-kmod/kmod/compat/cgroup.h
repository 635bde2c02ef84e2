/* SPDX-License-Identifier: GPL-2.0 */
/* Cgroups of a task. Every step is a read that may fail: groups may be gone. */
#ifndef SAKER_COMPAT_CGROUP_H
#define SAKER_COMPAT_CGROUP_H

#include <linux/cgroup.h>
#include <linux/sched.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 14, 0)
#include <linux/kernfs.h>
#else
struct kernfs_node;
#endif

/* The directory of a task's group; NULL where the kernel has no default hierarchy (until 3.16, RHEL 7). */
static inline struct kernfs_node *saker_task_cgroup_kn(const struct task_struct *task)
{
	struct kernfs_node *kn = NULL;
#if defined(CONFIG_CGROUPS) && defined(SAKER_HAVE_DFL_CGRP)
	struct css_set *set = NULL;
	struct cgroup *group = NULL;

	saker_kread(&set, sizeof(set), &task->cgroups);
	saker_kread(&group, sizeof(group), &set->dfl_cgrp);
	saker_kread(&kn, sizeof(kn), &group->kn);
#endif
	return kn;
}

/* Its groups in all hierarchies. */
static inline struct css_set *saker_task_css_set(const struct task_struct *task)
{
	struct css_set *set = NULL;
#ifdef CONFIG_CGROUPS
	saker_kread(&set, sizeof(set), &task->cgroups);
#endif
	return set;
}

/* The group of controller `i`, NULL where that belongs to the default hierarchy. */
static inline struct kernfs_node *saker_controller_kn(const struct css_set *set, u32 i)
{
	struct kernfs_node *kn = NULL;
#if defined(CONFIG_CGROUPS) && defined(SAKER_HAVE_DFL_CGRP)
	struct cgroup_subsys_state *state = NULL;
	struct cgroup *group = NULL, *dfl = NULL;
	struct cgroup_root *root = NULL, *dfl_root = NULL;

	if (i >= CGROUP_SUBSYS_COUNT)
		return NULL;
	saker_kread(&state, sizeof(state), &set->subsys[i]);
	saker_kread(&group, sizeof(group), &state->cgroup);
	saker_kread(&root, sizeof(root), &group->root);
	saker_kread(&dfl, sizeof(dfl), &set->dfl_cgrp);
	saker_kread(&dfl_root, sizeof(dfl_root), &dfl->root);
	if (root != dfl_root)
		saker_kread(&kn, sizeof(kn), &group->kn);
#endif
	return kn;
}

/* The group's number, as user space has it; 0 without one. */
static inline u64 saker_kn_id(const struct kernfs_node *kn)
{
	u64 id = 0;

#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 14, 0)
#elif defined(SAKER_HAVE_KERNFS_ID) /* 4.14: 64 bits, until 5.5 in a union */
	saker_kread(&id, sizeof(id), &kn->id);
#else
	saker_kread(&id, sizeof(kn->ino), &kn->ino);
#endif
	return id;
}

static inline struct kernfs_node *saker_kn_parent(const struct kernfs_node *kn)
{
	struct kernfs_node *parent = NULL;

#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 14, 0)
#elif defined(SAKER_HAVE_KERNFS_RCU_PARENT) /* 6.15 */
	saker_kread(&parent, sizeof(parent), &kn->__parent);
#else
	saker_kread(&parent, sizeof(parent), &kn->parent);
#endif
	return parent;
}

/* To be read by saker_kread_str(). */
static inline const char *saker_kn_name(const struct kernfs_node *kn)
{
	const char *name = NULL;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 14, 0)
	saker_kread(&name, sizeof(name), &kn->name);
#endif
	return name;
}

#endif /* SAKER_COMPAT_CGROUP_H */
