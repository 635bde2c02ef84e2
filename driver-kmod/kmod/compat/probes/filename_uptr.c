// SPDX-License-Identifier: GPL-2.0
/* Until 6.19: a name says where in user memory it was copied from. */
#include <linux/fs.h>

const void *test_filename_uptr(const struct filename *name)
{
	return (__force const void *)name->uptr;
}
