// SPDX-License-Identifier: GPL-2.0
/* 4.6: cgroups have namespaces. */
#include <linux/nsproxy.h>

struct cgroup_namespace *test_cgroup_ns(const struct nsproxy *namespaces)
{
	return namespaces->cgroup_ns;
}
