/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The contract between Saker's drivers and the agent: records, rings, counters.
 *
 * Included by the eBPF programs, by the kernel module and, through bindgen, by the agent. It includes
 * nothing: whoever includes it has defined __u8 ... __s64 (linux/types.h or the driver's own header).
 * Everything is little-endian and 8-byte aligned.
 */
#ifndef SAKER_ABI_H
#define SAKER_ABI_H

#define SAKER_ABI_VERSION 1

/* Limits shared by both sides. */
#define SAKER_PATH_MAX 4096	  /* bytes of one path or string, without NUL */
#define SAKER_ARGS_MAX 4096	  /* bytes of argv after argv[0]; Falco's limit (rules-spec F3) */
#define SAKER_ENV_MAX 4096	  /* bytes of environment */
#define SAKER_MAX_SYSCALLS 512	  /* system call numbers looked at, both ABIs */
#define SAKER_MAX_CPUS 1024	  /* possible CPUs */
#define SAKER_MAX_PARTITIONS 8	  /* power of two */
#define SAKER_RECORD_MAX 32768	  /* bytes of the largest record */
#define SAKER_DATA_MAX 80	  /* bytes kept of what a call reads or writes; Falco's default */
#define SAKER_POLLFDS_MAX 16	  /* descriptors kept of poll(2) and ppoll(2) */
#define SAKER_SNAPLEN_MAX 4080	  /* bytes of data of one call */
#define SAKER_MESSAGES_MAX 8	  /* messages of one call that are recorded */
#define SAKER_PASSED_MAX 16	  /* descriptors of one message that are recorded */

/*
 * Record: this header, then `nparams` slots of 8 bytes in the order of the event table, then bytes.
 * A slot holds the value of a fixed-width parameter or a struct saker_var. So every parameter is found
 * at a known offset and nothing is copied to decode a record.
 */
struct saker_hdr {
	__u64 ts_ns;	 /* CLOCK_BOOTTIME, read after the record was reserved in the ring */
	__u32 tgid;	 /* thread group the record belongs to (initial pid namespace) */
	__u32 tid;	 /* thread the record is about */
	__u64 cgroup_id; /* of that thread, default hierarchy */
	__u16 event;	 /* enum saker_event */
	__u16 flags;	 /* SAKER_HF_* */
	__u16 cpu;	 /* CPU whose ring carries the record */
	__u16 start_tag; /* bits 20..35 of the thread group's start time in ns: tells reused ids apart */
	__u32 seq;	 /* counts attempts in this ring; a gap is loss */
	__u16 lost_mask; /* classes lost in this ring since the previous record, 1 << class */
	__u16 nparams;	 /* slots that follow */
};

#define SAKER_HF_COMPAT32 0x1 /* the system call came through the 32-bit ABI */
#define SAKER_HF_IO_URING 0x4 /* no system call of this name: a request of io_uring */
#define SAKER_HF_FAULT 0x2    /* a fixed-width argument in user memory could not be read: it is 0 */

/* Where the bytes of a variable parameter are, relative to the start of the record. */
struct saker_var {
	__u16 off;
	__u16 len;
	__u16 flags;	/* SAKER_VF_* */
	__u16 full_len; /* length before truncation, 65535 at most; 0 when not known */
};

#define SAKER_VF_TRUNCATED 0x1 /* cut at a limit of this file; a path without bytes: too deep to be followed */
#define SAKER_VF_FAULT 0x2     /* the memory could not be read: page not present or bad pointer */

#define SAKER_VF_SHORTENED 0x8 /* a path longer than SAKER_PATH_MAX: its beginning and its end, "/..." between */
#define SAKER_VF_GIVEN 0x4     /* a tuple whose far end the call was given or returned: of one datagram */

#define SAKER_TUPLE_INET_LEN 56
#define SAKER_TUPLE_PATH_LEN 128 /* sun_path is 108; a power of two for the verifier */

/*
 * A socket's two ends as the kernel has them. Inet records carry the first
 * SAKER_TUPLE_INET_LEN bytes, unix sockets everything up to the end of their path.
 */
struct saker_tuple {
	__u16 family;	   /* AF_*; 0 when the file is not a socket */
	__u8 proto;	   /* IPPROTO_* */
	__u8 type;	   /* SOCK_* */
	__u16 local_port;  /* host order */
	__u16 remote_port; /* host order */
	__u8 local_addr[16];
	__u8 remote_addr[16];
	__u64 sock_id; /* address of the kernel's socket: an identity, not a pointer to follow */
	__u64 peer_id;
	__u8 path[SAKER_TUPLE_PATH_LEN]; /* unix: the bound end, as sun_path has it; zero padded */
};


/* Facts about a file descriptor's file: enum of the S_IFMT bits plus FMODE_CREATED. */
#define SAKER_FILE_CREATED 0x10000u /* this open created the file */
#define SAKER_FILE_UPPER 0x20000u   /* overlayfs: file lives in the upper layer */
#define SAKER_FILE_LOWER 0x40000u   /* overlayfs: file lives in a lower layer */

/* Execution flags, Falco's numbers (rules-spec I). */
#define SAKER_EXE_WRITABLE 0x1
#define SAKER_EXE_UPPER_LAYER 0x2
#define SAKER_EXE_FROM_MEMFD 0x4
#define SAKER_EXE_LOWER_LAYER 0x8

/* Clone flags of what was born, in Falco's numbers, those the driver itself derives (rules-spec I). */
#define SAKER_CL_FILES (1u << 0)
#define SAKER_CL_FS (1u << 1)
#define SAKER_CL_NEWIPC (1u << 3)
#define SAKER_CL_NEWNET (1u << 4)
#define SAKER_CL_NEWNS (1u << 5)
#define SAKER_CL_NEWPID (1u << 6)
#define SAKER_CL_NEWUTS (1u << 7)
#define SAKER_CL_PARENT (1u << 8)
#define SAKER_CL_SIGHAND (1u << 11)
#define SAKER_CL_THREAD (1u << 13)
#define SAKER_CL_VM (1u << 15)
#define SAKER_CL_NEWUSER (1u << 20)
#define SAKER_CL_VFORK (1u << 27)
#define SAKER_CL_NEWCGROUP (1u << 28)
#define SAKER_CL_CHILD_IN_PIDNS (1u << 29)

/* Classes, most precious first: what is shed when a ring fills (DESIGN.md 5). */
enum saker_class {
	SAKER_CLASS_LIFECYCLE, /* fork, exec, exit, credentials, namespaces */
	SAKER_CLASS_SECURITY,  /* connect, ptrace, mount, module load, ... */
	SAKER_CLASS_FILE,      /* opens and the like */
	SAKER_CLASS_NOISE,     /* close, dup and what only state uses */
	SAKER_NR_CLASSES
};

/* Why a record did not reach its ring. */
enum saker_drop {
	SAKER_DROP_RING_FULL,	 /* no room */
	SAKER_DROP_SHED,	 /* the last quarter is kept for lifecycle and security */
	SAKER_DROP_NO_RING,	 /* CPU without a ring (hot-plugged) */
	SAKER_DROP_SCRATCH_BUSY, /* nested use of a per-CPU scratch area */
	SAKER_DROP_TAILCALL,	 /* filler not loaded */
	SAKER_DROP_ABI,		 /* system call of an ABI that is not decoded (x32) */
	SAKER_DROP_BUG,		 /* anything that should not happen */
	SAKER_NR_DROPS
};

/*
 * Mark in the driver's table of calls, in place of an event: many calls of old 32-bit programs in one. Which
 * of them it is, an argument tells; its event is in the table of those, `subcalls`.
 */
#define SAKER_CALL_MULTIPLEXED 255
#define SAKER_NR32_SOCKETCALL 102
#define SAKER_NR32_IPC 117
#define SAKER_MAX_SUBCALLS 64
#define SAKER_SUBCALL(nr32, number) (((nr32) == SAKER_NR32_IPC ? 32 : 0) + (number))

/* One per ring, index cpu * partitions + partition, in a page array that user space maps. */
struct saker_ring_counters {
	__u64 produced;			/* records committed */
	__u64 dropped[SAKER_NR_DROPS][SAKER_NR_CLASSES];
	__u32 seq;			/* next sequence number */
	__u32 lost_mask;		/* classes lost since the last commit */
	__u32 armed;			/* worker sleeps and wants a wake-up at the threshold */
	__u32 pad;
	__u64 wakeups;			/* forced wake-ups sent */
	__u64 high_water_bytes;		/* most bytes ever seen waiting in the ring */
};

/* Partition of a thread group. `partitions` is a power of two. Same arithmetic in every driver. */
#define SAKER_PARTITION(tgid, partitions) \
	((((__u32)(tgid) * 0x9E3779B1u) >> 16) & ((partitions) - 1u))

/* BPF ring buffer record header bits (include/uapi/linux/bpf.h). */
#define SAKER_RING_BUSY 0x80000000u
#define SAKER_RING_DISCARD 0x40000000u
#define SAKER_RING_HDR 8

/* Meaning and print form of a parameter (rules-spec E4). */
enum saker_type {
	SAKER_T_I64,
	SAKER_T_U64,
	SAKER_T_U32,
	SAKER_T_HEX,	/* upper-case hexadecimal without 0x */
	SAKER_T_OCTAL,	/* octal with leading 0 */
	SAKER_T_ERRNO,	/* return value */
	SAKER_T_FD,
	SAKER_T_PID,
	SAKER_T_UID,
	SAKER_T_GID,
	SAKER_T_SIG,
	SAKER_T_ABSTIME, /* ns since the epoch */
	SAKER_T_RESULT,	 /* process exit status and the like: a plain integer */
	SAKER_T_ERRNO_HEX, /* return value that is an address */
	SAKER_T_RELTIME,   /* ns; -1: none was given */
	SAKER_T_SIGSET,	   /* bit n: signal n + 1 */
	SAKER_T_SYSCALL,   /* number of a system call in the caller's ABI */
	/* Flag words; the agent holds the table of names. */
	SAKER_T_OPEN_FLAGS, /* as the kernel has them; converted to Falco's bits by the agent */
	SAKER_T_EXE_FLAGS,
	SAKER_T_CLONE_FLAGS,
	SAKER_T_UNSHARE_FLAGS, /* kernel bits of unshare and setns */
	SAKER_T_MOUNT_FLAGS,
	SAKER_T_UMOUNT_FLAGS,
	SAKER_T_UNLINKAT_FLAGS,
	SAKER_T_LINKAT_FLAGS,
	SAKER_T_FCHOWNAT_FLAGS,
	SAKER_T_RENAME_FLAGS,
	SAKER_T_RESOLVE_FLAGS,
	SAKER_T_MEMFD_FLAGS,
	SAKER_T_MODULE_FLAGS,
	SAKER_T_MODE,	    /* chmod's bits */
	SAKER_T_MKNOD_MODE, /* these and the file's type */
	SAKER_T_FD_FLAGS,   /* O_CLOEXEC and O_NONBLOCK of calls that make descriptors */
	SAKER_T_EPOLL_FLAGS,
	SAKER_T_ACCESS_FLAGS,
	SAKER_T_NEWFSTATAT_FLAGS,
	SAKER_T_FLOCK_FLAGS,
	SAKER_T_SPLICE_FLAGS,
	SAKER_T_PIDFD_FLAGS,
	SAKER_T_PROT_FLAGS,
	SAKER_T_MMAP_FLAGS,
	SAKER_T_MLOCKALL_FLAGS,
	SAKER_T_MLOCK2_FLAGS,
	SAKER_T_FUTEX_OP,
	SAKER_T_SEMGET_FLAGS,
	SAKER_T_SEMOP_FLAGS,
	SAKER_T_QUOTA_FLAGS,
	SAKER_T_URING_SETUP_FLAGS,
	SAKER_T_URING_ENTER_FLAGS,
	SAKER_T_URING_FEATURES,
	SAKER_T_CAPS, /* capability set */
	/* Enumerations. */
	SAKER_T_PTRACE_REQUEST,
	SAKER_T_BPF_CMD,
	SAKER_T_DOMAIN,
	SAKER_T_PRCTL_OPTION,
	SAKER_T_FCNTL_CMD,
	SAKER_T_WHENCE,
	SAKER_T_RLIMIT,
	SAKER_T_SEMCTL_CMD,
	SAKER_T_QUOTA_CMD,
	SAKER_T_QUOTA_TYPE, /* in the low byte of the command */
	SAKER_T_QUOTA_FORMAT,
	SAKER_T_KEYCTL_OP,
	SAKER_T_FSCONFIG_CMD,
	SAKER_T_URING_REGISTER_OP,
	SAKER_T_FILE_FACTS, /* S_IFMT | SAKER_FILE_* */
	SAKER_T_SHUTDOWN_HOW,
	SAKER_T_SOCKOPT_LEVEL,
	SAKER_T_SOCKOPT_NAME, /* of the level before it */
	SAKER_T_CLOSE_RANGE_FLAGS,
	/* Variable length from here on: the slot is a struct saker_var. */
	SAKER_T_VAR,
	SAKER_T_PATH = SAKER_T_VAR, /* relative to the working directory */
	SAKER_T_RELPATH,	    /* relative to the directory descriptor before it */
	SAKER_T_STR,
	SAKER_T_BYTES,
	SAKER_T_STRINGS, /* NUL-separated strings: argv, environment */
	SAKER_T_TUPLE,	 /* struct saker_tuple */
	SAKER_T_ADDR,	 /* struct sockaddr as the caller gave it */
	SAKER_T_FDLIST,	 /* struct pollfd of poll(2) */
	SAKER_NR_TYPES
};

/* Event flags. */
#define SAKER_EF_FD_CREATES 0x1
#define SAKER_EF_FD_USES 0x2
#define SAKER_EF_FD_DESTROYS 0x4
#define SAKER_EF_STATE 0x8  /* state depends on it whatever the rules say */
#define SAKER_EF_SCHED 0x10 /* recorded by a hook of its own, not at a call's return */

#define SAKER_EF_INTERNAL 0x20 /* for the agent itself: no rule can name it */
#define SAKER_EF_ITERATE 0x40  /* comes from an iterator; in a ring only before the record it belongs to */
#define SAKER_EF_ON_DEMAND 0x80 /* so frequent that only rules which name it get it */
#define SAKER_EF_GENERIC 0x100 /* stands for any system call without an event of its own */

/* First argument of the prctl(2) by which the agent provokes a canary; no kernel has such an option. */
#define SAKER_CANARY_OPTION 0x53414b52u
#define SAKER_NR64_PRCTL 157
/* Of both ABIs. */
#define SAKER_NR_IO_URING_ENTER 426
#define SAKER_NR_IO_URING_REGISTER 427

/* Parameter flags. */
#define SAKER_PF_INTERNAL 0x1 /* a kernel fact for the agent: no evt.arg, not in evt.args */

struct saker_param_info {
	const char *name;
	__u16 type;
	__u16 flags;
};

/* One call of a multiplexed one. */
struct saker_subcall_info {
	__u16 event;
	__u8 subcall; /* SAKER_SUBCALL() */
	__u8 nr32;    /* the multiplexed call */
};

/* A request of io_uring. */
struct saker_uring_info {
	__u16 opcode;
	__u16 event;
};

struct saker_event_info {
	const char *name;
	__u16 cls;
	__u16 flags;
	__s16 nr64; /* x86-64 system call, -1 none */
	__s16 nr32; /* i386 system call, -1 none */
	__u16 nparams;
	const struct saker_param_info *params;
};

#include "saker_events.h"
#include "saker_requests.h"

#endif /* SAKER_ABI_H */
