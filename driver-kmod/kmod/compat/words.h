/* SPDX-License-Identifier: GPL-2.0 */
/* Words of the newest kernel that older ones do not have; floor.h sees to it that #ifndef finds those that are there. */
#ifndef SAKER_COMPAT_WORDS_H
#define SAKER_COMPAT_WORDS_H

#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/namei.h>
#include <linux/sched.h>

#ifndef __GFP_RETRY_MAYFAIL /* 4.13 */
#define __GFP_RETRY_MAYFAIL __GFP_NORETRY
#endif
#ifndef SB_RDONLY /* 4.14 */
#define SB_RDONLY MS_RDONLY
#endif
#ifndef LOOKUP_IN_ROOT /* 5.6 */
#define LOOKUP_NO_XDEV 0
#define LOOKUP_NO_MAGICLINKS 0
#define LOOKUP_NO_SYMLINKS 0
#define LOOKUP_BENEATH 0
#define LOOKUP_IN_ROOT 0
#endif
#ifndef LOOKUP_CACHED /* 5.12: before, no open was tried without a worker */
#define LOOKUP_CACHED 0
#endif
/* Threads of a process that the kernel makes; before they were marked they were the kernel's own. */
#ifndef PF_IO_WORKER /* 5.12 */
#define PF_IO_WORKER 0
#endif
#ifndef PF_USER_WORKER /* 6.4 */
#define PF_USER_WORKER 0
#endif
#ifndef barrier_var /* 5.14 */
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#endif /* SAKER_COMPAT_WORDS_H */
