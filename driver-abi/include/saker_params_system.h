/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* Parameters of events (saker_events.h): mounts, modules, eBPF. */
#ifndef SAKER_PARAMS_SYSTEM_H
#define SAKER_PARAMS_SYSTEM_H

#define SAKER_PARAMS_MOUNT(P, I)                                                                   \
	P(MOUNT, res, ERRNO, RET, 0) P(MOUNT, dev, STR, USTR, 0) P(MOUNT, dir, PATH, USTR, 1)      \
	P(MOUNT, type, STR, USTR, 2) P(MOUNT, flags, MOUNT_FLAGS, ARG, 3)
#define SAKER_PARAMS_UMOUNT2(P, I)                                                                 \
	P(UMOUNT2, res, ERRNO, RET, 0) P(UMOUNT2, name, PATH, USTR, 0)                             \
	P(UMOUNT2, flags, UMOUNT_FLAGS, ARG, 1)
#define SAKER_PARAMS_INIT_MODULE(P, I)                                                             \
	P(INIT_MODULE, res, ERRNO, RET, 0) P(INIT_MODULE, img, BYTES, UBYTES, 0)                   \
	P(INIT_MODULE, length, U64, ARG, 1) P(INIT_MODULE, uargs, STR, USTR, 2)
#define SAKER_PARAMS_FINIT_MODULE(P, I)                                                            \
	P(FINIT_MODULE, res, ERRNO, RET, 0) P(FINIT_MODULE, fd, FD, ARG, 0)                        \
	P(FINIT_MODULE, uargs, STR, USTR, 1) P(FINIT_MODULE, flags, MODULE_FLAGS, ARG, 2)
#define SAKER_PARAMS_DELETE_MODULE(P, I)                                                           \
	P(DELETE_MODULE, res, ERRNO, RET, 0) P(DELETE_MODULE, name, STR, USTR, 0)                  \
	P(DELETE_MODULE, flags, HEX, UINT, 1)
#define SAKER_PARAMS_BPF(P, I) P(BPF, fd, FD, RET, 0) P(BPF, cmd, BPF_CMD, ARG, 0)

#endif /* SAKER_PARAMS_SYSTEM_H */
