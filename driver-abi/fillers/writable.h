/* SPDX-License-Identifier: GPL-2.0 */
/*
 * May a process write to its own program? By mode bits, groups and capabilities (rules-spec F5), for the kernel's own
 * answer (inode_permission()) may sleep.
 */
#ifndef SAKER_WRITABLE_H
#define SAKER_WRITABLE_H

#define MAP_RANGES 5 /* in the map itself (UID_GID_MAP_MAX_BASE_EXTENTS) */
#define MAX_GROUPS 65536 /* NGROUPS_MAX */
#define GROUP_STEPS 17 /* of a search among them */

/*
 * Does the user namespace with this map have the kernel's `id`? A map of more ranges is elsewhere: no. Then a capability
 * counts for less than it is.
 */
SAKER_SUBPROGRAM int saker_has_id(u64 map_at, u32 id)
{
	struct uid_gid_map *map = (struct uid_gid_map *)map_at;
	struct uid_gid_extent ranges[MAP_RANGES] = {};
	u32 count = KREAD(map, nr_extents), i;

	if (count > MAP_RANGES || kread(ranges, sizeof(ranges), FIELD_AT(map, extent)))
		return 0;
	for (i = 0; i < MAP_RANGES; i++)
		if (i < count && id - ranges[i].lower_first < ranges[i].count)
			return 1;
	return 0;
}

/* Is `gid` among these supplementary groups? They are sorted. */
SAKER_SUBPROGRAM int saker_in_groups(u64 groups_at, u32 gid)
{
	struct group_info *groups = (struct group_info *)groups_at;
	u32 low = 0, high = KREAD(groups, ngroups), step;

	if (high > MAX_GROUPS)
		return 0;
	for (step = 0; step < GROUP_STEPS && low < high; step++) {
		u32 middle = (low + high) / 2, found = 0;

		kread(&found, sizeof(found), saker_group_at(groups, middle));
		if (found == gid)
			return 1;
		if (found < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

SAKER_INLINE bool exe_writable(struct inode *inode, const struct cred *cred)
{
	u64 effective = cap_word(FIELD_AT(cred, cap_effective));
	struct user_namespace *ns = KREAD(cred, user_ns);
	u32 uid = KREAD_ID(inode, i_uid), gid = KREAD_ID(inode, i_gid);
	u16 mode = KREAD(inode, i_mode);

	if (KREAD(inode, i_sb, s_flags) & SB_RDONLY)
		return false;
	if (KREAD(inode, i_flags) & S_IMMUTABLE)
		return false;
	if (uid == KREAD_ID(cred, fsuid))
		return true;
	/* Capabilities hold for files whose owners their user namespace knows (capable_wrt_inode_uidgid()). */
	if (effective & (1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER) &&
	    saker_has_id((u64)FIELD_AT(ns, uid_map), uid) &&
	    (effective & 1ULL << CAP_FOWNER || saker_has_id((u64)FIELD_AT(ns, gid_map), gid)))
		return true;
	if (gid == KREAD_ID(cred, fsgid) || saker_in_groups((u64)KREAD(cred, group_info), gid))
		return mode & 0020;
	return mode & 0002;
}

#endif /* SAKER_WRITABLE_H */
