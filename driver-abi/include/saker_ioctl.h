/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * What the kernel module and the agent say to each other through /dev/saker.
 *
 * The device (mode 0600) may be opened by any number of processes that have CAP_SYS_ADMIN and
 * CAP_SYS_PTRACE in the initial user namespace. One of them at a time owns the session: CREATE makes it,
 * closing the device ends it, whatever else is still open or mapped. Every request with a size or version
 * that the module does not know is refused before anything changes.
 *
 * Includes nothing, as saker_abi.h; whoever includes it has _IO*, too (linux/ioctl.h).
 */
#ifndef SAKER_IOCTL_H
#define SAKER_IOCTL_H

#define SAKER_DEVICE_NAME "saker"
#define SAKER_IOC_MAGIC 0xB5

/* Most bytes of data of one ring: the BPF ring buffer's own limit is higher, positions are 64 bit. */
#define SAKER_RING_BYTES_MAX (256u << 20)

/* Answered for every opener, session or not: who is this module and does it fit? */
struct saker_ioc_info {
	__u32 size;	     /* in: bytes of this struct as the caller knows it; out: as the module does */
	__u32 abi_version;   /* SAKER_ABI_VERSION */
	__u64 schema_hash;   /* SAKER_SCHEMA_HASH: event table, record and ring layout, this file */
	__u32 page_bytes;    /* PAGE_SIZE: where the parts of a ring's mapping begin */
	__u32 possible_cpus; /* highest possible CPU number + 1 */
	__u32 owner_tgid;    /* owner of the session, in the initial pid namespace; 0 without one */
	__u32 features;	     /* SAKER_KMF_* */
	char version[32];    /* of the module, NUL-terminated */
	__u32 names_missed;  /* opens whose names SAKER_SESSION_NAMES did not tell: too many were under way at a time */
	__u32 requests_missed; /* the same of other functions that requests of io_uring come to (SAKER_SESSION_URING) */
};

#define SAKER_KMF_MOUNTS 0x1 /* paths cross mounts: the layout of struct mount was verified at load */
#define SAKER_KMF_ACTED 0x2 /* the session was asked for SAKER_SESSION_ACTED, has started and tells it of all calls */
#define SAKER_KMF_NAMES 0x4 /* the same of SAKER_SESSION_NAMES */
#define SAKER_KMF_ADDRESSES 0x8 /* and of SAKER_SESSION_ADDRESSES */
#define SAKER_KMF_URING 0x10 /* and of SAKER_SESSION_URING, as far as the kernel has such requests */
#define SAKER_KMF_NO_URING 0x20 /* the kernel has no io_uring */
#define SAKER_KMF_OPENED 0x40 /* as SAKER_KMF_NAMES, of SAKER_SESSION_OPENED */

/* Makes the session. EBUSY when there is one, EPROTO when version or hash differ. */
struct saker_ioc_create {
	__u32 size;	   /* of this struct; E2BIG or EINVAL when the module has another */
	__u32 abi_version;
	__u64 schema_hash;
	__u32 partitions;  /* power of two, at most SAKER_MAX_PARTITIONS */
	__u32 own_tgid;	   /* its events are not recorded; 0 records everything */
	__u32 ring_bytes;  /* data of one ring: power of two, pages, at most SAKER_RING_BYTES_MAX */
	__u32 flags;	   /* SAKER_SESSION_*; others are refused */
	__u32 snaplen_bytes; /* of data of a call, at most SAKER_SNAPLEN_MAX; 0: none */
	__u32 reserved;	     /* 0 */
	/* As the eBPF driver's variables of the same names. Bytes are enum saker_event + 1. */
	__u64 wanted[SAKER_MAX_SYSCALLS / 64];
	__u8 event_of_64[SAKER_MAX_SYSCALLS];
	__u8 event_of_32[SAKER_MAX_SYSCALLS];
	__u8 subcalls[SAKER_MAX_SUBCALLS];
};

#define SAKER_SESSION_REACHED 0x1 /* records of opens say what they reached (fillers/reached.h) */
#define SAKER_SESSION_SIGNALS 0x2 /* SAKER_EV_SIGNALDELIVER is wanted */
#define SAKER_SESSION_ACTED 0x4 /* SAKER_EV_ACTED is wanted; what cannot be told is left out (SAKER_KMF_ACTED) */
#define SAKER_SESSION_NAMES 0x8 /* the same of SAKER_EV_GIVEN of opens and execs that fail */
#define SAKER_SESSION_ADDRESSES 0x10 /* and of connects */
#define SAKER_SESSION_FCNTL 0x40 /* every fcntl(2), not only those that renumber or mark descriptors */
#define SAKER_SESSION_URING 0x20 /* requests of io_uring are wanted whose events are, but for those that close or move data */
/* Opens of SAKER_SESSION_REACHED have reached what they made, not what has its number when they return */
#define SAKER_SESSION_OPENED 0x80

/*
 * Makes the ring of one possible CPU and partition; returns its descriptor (O_RDWR | O_CLOEXEC). EEXIST
 * when it was handed out already, EINVAL for a CPU that cannot be. Before START only (EBUSY).
 */
struct saker_ioc_ring {
	__u32 cpu;
	__u32 partition;
};

/* A readable descriptor of records about what exists now, one read() gives whole records. */
struct saker_ioc_iterate {
	__u32 what; /* SAKER_ITERATE_* */
	__u32 tgid; /* of one thread group only; 0 for all */
};

#define SAKER_ITERATE_TASKS 1
#define SAKER_ITERATE_FILES 2

#define SAKER_IOC_INFO _IOWR(SAKER_IOC_MAGIC, 1, struct saker_ioc_info)
#define SAKER_IOC_CREATE _IOW(SAKER_IOC_MAGIC, 2, struct saker_ioc_create)
#define SAKER_IOC_RING _IOW(SAKER_IOC_MAGIC, 3, struct saker_ioc_ring)
/* Descriptor of the counters: possible_cpus x partitions struct saker_ring_counters, mapped at 0. */
#define SAKER_IOC_COUNTERS _IO(SAKER_IOC_MAGIC, 4)
/* Attaches the probes. EALREADY when they are. When it returns, records arrive. */
#define SAKER_IOC_START _IO(SAKER_IOC_MAGIC, 5)
/* Detaches the probes; when it returns no probe runs any more. Rings and counters stay mapped. */
#define SAKER_IOC_STOP _IO(SAKER_IOC_MAGIC, 6)
#define SAKER_IOC_ITERATE _IOW(SAKER_IOC_MAGIC, 7, struct saker_ioc_iterate)

#endif /* SAKER_IOCTL_H */
