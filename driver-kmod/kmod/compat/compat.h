/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernels, from 3.10 to the newest, is in this folder; the rest of the module
 * is written against the newest. Included before everything else (-include).
 *
 * SAKER_HAVE_* come from probes/, which compile a few lines against the headers at hand: that is right
 * where distributions back-port. LINUX_VERSION_CODE is asked only where none did.
 */
#ifndef SAKER_COMPAT_H
#define SAKER_COMPAT_H

#include <linux/version.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/types.h>

#include "probed.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 10, 0)
#error "Saker's module needs Linux 3.10 or newer."
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(8, 0, 0)
#error "This Saker knows kernels up to 7.x; this one is newer: take a newer Saker."
#endif
#ifndef CONFIG_X86_64
#error "Saker's module knows the system calls of x86-64 only."
#endif
#ifndef CONFIG_TRACEPOINTS
#error "Saker's module needs a kernel with CONFIG_TRACEPOINTS."
#endif
#ifndef SAKER_HAVE_BASELINE
#error "Not even an empty file compiles against these headers: see compat/probed.log."
#endif

#include "floor.h"
#include "lang.h"
#include "words.h"
#include "memory.h"
#include "mm.h"
#include "attach.h"
#include "task.h"
#include "cgroup.h"
#include "creds.h"
#include "inode.h"
#include "mount.h"
#include "names.h"
/* Not net.h: the network's headers are as many as all others together. Who needs it includes it. */

#endif /* SAKER_COMPAT_H */
