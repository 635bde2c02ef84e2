/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cgroups of a task. Every step is a read that may fail: groups may be gone.
 *
 * Until 3.15, and in RHEL 7, a group is no directory of kernfs but knows name and parent itself: there a struct cgroup
 * stands for its node, which the fillers only hand back to the functions below.
 */
#ifndef SAKER_COMPAT_CGROUP_H
#define SAKER_COMPAT_CGROUP_H

#include <linux/cgroup.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(3, 14, 0)
#include <linux/kernfs.h>
#else
struct kernfs_node;
#endif

#ifdef CONFIG_CGROUPS

static inline struct kernfs_node *saker_cgroup_kn(const struct cgroup *group)
{
	struct kernfs_node *kn = (struct kernfs_node *)group;

#ifdef SAKER_HAVE_CGROUP_KN
	saker_kread(&kn, sizeof(kn), &group->kn);
#endif
	return kn;
}

/* Its group in the default hierarchy; NULL where the kernel has none (until 3.16, RHEL 7). */
static inline struct cgroup *saker_default_group(const struct css_set *set)
{
	struct cgroup *group = NULL;

#ifdef SAKER_HAVE_DFL_CGRP
	saker_kread(&group, sizeof(group), &set->dfl_cgrp);
#endif
	return group;
}

/* The hierarchy a group is in; only compared. */
static inline const void *saker_group_root(const struct cgroup *group)
{
	const void *root = NULL;

	saker_kread(&root, sizeof(root), &group->root);
	return root;
}

#endif /* CONFIG_CGROUPS */

/* Only compared; the same for all before 4.6. */
static inline u64 saker_cgroup_ns(const struct nsproxy *namespaces)
{
	u64 ns = 0;

#ifdef SAKER_HAVE_CGROUP_NS
	saker_kread(&ns, sizeof(ns), &namespaces->cgroup_ns);
#endif
	return ns;
}

/* A task's groups in all hierarchies. */
static inline struct css_set *saker_task_css_set(const struct task_struct *task)
{
	struct css_set *set = NULL;
#ifdef CONFIG_CGROUPS
	saker_kread(&set, sizeof(set), &task->cgroups);
#endif
	return set;
}

/* The directory of a task's group in the default hierarchy; NULL without one. */
static inline struct kernfs_node *saker_task_cgroup_kn(const struct task_struct *task)
{
#ifdef CONFIG_CGROUPS
	return saker_cgroup_kn(saker_default_group(saker_task_css_set(task)));
#else
	return NULL;
#endif
}

/* The group of controller `i`, NULL where that belongs to the default hierarchy. */
static inline struct kernfs_node *saker_controller_kn(const struct css_set *set, u32 i)
{
#ifdef CONFIG_CGROUPS
	struct cgroup_subsys_state *state = NULL;
	struct cgroup *group = NULL, *dfl;

	if (i >= CGROUP_SUBSYS_COUNT)
		return NULL;
	saker_kread(&state, sizeof(state), &set->subsys[i]);
	saker_kread(&group, sizeof(group), &state->cgroup);
	dfl = saker_default_group(set);
	if (!dfl || saker_group_root(group) != saker_group_root(dfl))
		return saker_cgroup_kn(group);
#endif
	return NULL;
}

/* The group's number, as user space has it; 0 without one. */
static inline u64 saker_kn_id(const struct kernfs_node *kn)
{
	u64 id = 0;

#if !defined(SAKER_HAVE_CGROUP_KN) /* who asks has a default hierarchy, and numbers are its own */
#elif defined(SAKER_HAVE_KERNFS_ID) /* 4.14: 64 bits, until 5.5 in a union */
	saker_kread(&id, sizeof(id), &kn->id);
#else
	saker_kread(&id, sizeof(kn->ino), &kn->ino);
#endif
	return id;
}

/* NULL at the root of a hierarchy. */
static inline struct kernfs_node *saker_kn_parent(const struct kernfs_node *kn)
{
	struct kernfs_node *parent = NULL;

#if defined(SAKER_HAVE_KERNFS_RCU_PARENT) /* 6.15 */
	saker_kread(&parent, sizeof(parent), &kn->__parent);
#elif defined(SAKER_HAVE_CGROUP_KN)
	saker_kread(&parent, sizeof(parent), &kn->parent);
#elif defined(CONFIG_CGROUPS)
	saker_kread(&parent, sizeof(parent), &((const struct cgroup *)kn)->parent);
#endif
	return parent;
}

/* To be read by saker_kread_str(). */
static inline const char *saker_kn_name(const struct kernfs_node *kn)
{
#if defined(SAKER_HAVE_CGROUP_KN)
	const char *name = NULL;

	saker_kread(&name, sizeof(name), &kn->name);
	return name;
#elif defined(CONFIG_CGROUPS)
	struct cgroup_name *name = NULL;

	saker_kread(&name, sizeof(name), &((const struct cgroup *)kn)->name);
	return name ? name->name : NULL;
#else
	return NULL;
#endif
}

#endif /* SAKER_COMPAT_CGROUP_H */
