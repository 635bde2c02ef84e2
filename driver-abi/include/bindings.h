/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/* What bindgen makes Rust of. */
#include <linux/ioctl.h>
#include <linux/types.h>
#include "saker_abi.h"
#include "saker_ioctl.h"
extern const struct saker_event_info saker_event_table[SAKER_NR_EVENTS];
extern const struct saker_subcall_info saker_subcalls[SAKER_NR_SUBCALLS];
extern const struct saker_uring_info saker_uring_requests[SAKER_NR_URING_REQUESTS];
extern const __u16 saker_uring_moved[SAKER_NR_URING_MOVED];
/* bindgen does not evaluate macros with arguments. */
enum saker_request {
	SAKER_REQUEST_INFO = SAKER_IOC_INFO,
	SAKER_REQUEST_CREATE = SAKER_IOC_CREATE,
	SAKER_REQUEST_RING = SAKER_IOC_RING,
	SAKER_REQUEST_COUNTERS = SAKER_IOC_COUNTERS,
	SAKER_REQUEST_START = SAKER_IOC_START,
	SAKER_REQUEST_STOP = SAKER_IOC_STOP,
	SAKER_REQUEST_ITERATE = SAKER_IOC_ITERATE,
};
