/* SPDX-License-Identifier: GPL-2.0 */
/* Supplementary groups. */
#ifndef SAKER_COMPAT_CREDS_H
#define SAKER_COMPAT_CREDS_H

#include <linux/cred.h>
#include <linux/user_namespace.h>

/* Where group number `i` is, below their number. */
static inline const void *saker_group_at(const struct group_info *groups, u32 i)
{
#ifdef GROUP_AT /* before 4.9: in blocks of a page */
	const char *block = NULL;

	saker_kread(&block, sizeof(block), &groups->blocks[i / NGROUPS_PER_BLOCK]);
	return block + i % NGROUPS_PER_BLOCK * sizeof(kgid_t);
#else /* not as an array, whose length newer kernels check */
	return (const char *)groups + offsetof(struct group_info, gid) + i * sizeof(kgid_t);
#endif
}

#endif /* SAKER_COMPAT_CREDS_H */
