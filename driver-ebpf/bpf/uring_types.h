/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a request of io_uring looks like, since 6.0 (f2ccb5aed7bc): the common part, and at its beginning what
 * is particular to its operation.
 */
#ifndef SAKER_URING_TYPES_H
#define SAKER_URING_TYPES_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename {
	const char *name;
};

struct open_how {
	u64 flags, mode, resolve;
};

struct io_cqe {
	u64 user_data;
	s32 res, fd;
};

struct io_file_table {};

struct io_wq_work_node {
	struct io_wq_work_node *next;
};

struct io_wq_work_list {
	struct io_wq_work_node *first, *last;
};

/* Requests that are done and not told yet. */
struct io_submit_state {
	struct io_wq_work_list compl_reqs;
};

struct io_ring_ctx {
	struct io_file_table file_table;
	struct io_submit_state submit_state;
	/* Room for completions. */
	void *cqe_cached, *cqe_sentinel;
	u32 compat : 1;
};

/* 7.0 made flags of such members. */
struct io_ring_ctx___v70 {
	u32 int_flags;
};

/* What a worker does. */
struct io_wq_work {
	u32 flags;
};

struct io_worker {
	struct io_wq_work *cur_work;
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
	u32 flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
	struct io_wq_work_node comp_list;
	struct io_wq_work work;
};

/* Who submitted a request: until 6.12, and since. */
struct io_kiocb___v60 {
	struct task_struct *task;
};

struct io_uring_task {
	struct task_struct *task;
};

struct io_kiocb___v613 {
	struct io_uring_task *tctx;
};

struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};

struct io_rename {
	int old_dfd, new_dfd, flags;
	struct filename *oldpath, *newpath;
};

struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
};

struct io_link {
	int old_dfd, new_dfd, flags;
	struct filename *oldpath, *newpath;
};

struct io_connect {
	void *addr;
	int addr_len;
};

struct io_accept {
	int flags;
	int iou_flags; /* since 6.10 */
	u32 file_slot;
};

/* Since 6.11, as the next: the address is in the kernel's copy. */
struct io_bind {
	int addr_len;
};

struct io_listen {
	int backlog;
};

struct io_socket {
	int domain, type, protocol, flags;
	u32 file_slot;
};

struct io_close {
	int fd;
	u32 file_slot;
};

/* Since 6.8. */
struct io_fixed_install {
	unsigned int o_flags;
};

struct io_sr_msg {
	void *umsg;
	u32 len;
	u16 flags;
	/* Until 6.12; the kernel's own copy has them since. */
	u16 addr_len;
	void *addr;
};

struct io_rw {
	u64 addr;
	u32 len;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
};

/* Of a message: since 6.10 before the request is submitted, earlier when it has to wait. */
struct __kernel_sockaddr_storage {};

struct io_async_msghdr {
	struct msghdr msg;
	struct __kernel_sockaddr_storage addr;
};

/* 7.0: the name is copied at once and looked up later. */
struct delayed_filename {
	struct filename *__incomplete_filename;
};
struct io_open___v70 {
	struct delayed_filename filename;
};
struct io_unlink___v70 {
	struct delayed_filename filename;
};
struct io_mkdir___v70 {
	struct delayed_filename filename;
};
struct io_rename___v70 {
	struct delayed_filename oldpath, newpath;
};
struct io_link___v70 {
	struct delayed_filename oldpath, newpath;
};

/* 6.13 (7029acd8a950) gave the files of a ring nodes of their own. */
struct io_rsrc_node___v613 {
	unsigned long file_ptr;
};
struct io_rsrc_data___v613 {
	struct io_rsrc_node___v613 **nodes;
};
struct io_file_table___v613 {
	struct io_rsrc_data___v613 data;
};
struct io_file_table___v60 {
	void *files;
};

#pragma clang attribute pop

#define URING_NAME(type, req, member)                                                              \
	({                                                                                         \
		type##___v70 *v70__ = (void *)(req);                                               \
		type *v60__ = (void *)(req);                                                       \
		bpf_core_field_exists(v70__->member.__incomplete_filename)                         \
			? BPF_CORE_READ(v70__, member.__incomplete_filename)                       \
			: BPF_CORE_READ(v60__, member);                                            \
	})

#define SAKER_IO_RING_F_COMPAT (1u << 11)

/* Whether a ring is a program's of 32 bits. */
static __always_inline bool saker_uring_compat(struct io_ring_ctx *ring)
{
	struct io_ring_ctx___v70 *v70 = (void *)ring;

	if (bpf_core_field_exists(v70->int_flags))
		return BPF_CORE_READ(v70, int_flags) & SAKER_IO_RING_F_COMPAT;
	return bpf_core_field_exists(ring->compat) && BPF_CORE_READ_BITFIELD_PROBED(ring, compat);
}

static __always_inline struct task_struct *saker_uring_task(struct io_kiocb *req)
{
	struct io_kiocb___v613 *v613 = (void *)req;
	struct io_kiocb___v60 *v60 = (void *)req;

	return bpf_core_field_exists(v613->tctx) ? BPF_CORE_READ(v613, tctx, task) :
						   BPF_CORE_READ(v60, task);
}

/* File in a ring's own table; the lowest bits are flags. */
static __always_inline struct file *saker_uring_file(struct io_ring_ctx *ring, u32 slot)
{
	void *table = FIELD_AT(ring, file_table);
	struct io_file_table___v613 *v613 = table;
	struct io_file_table___v60 *v60 = table;
	unsigned long file = 0;

	if (bpf_core_field_exists(v613->data)) {
		struct io_rsrc_node___v613 *node = NULL;

		kread(&node, sizeof(node), BPF_CORE_READ(v613, data.nodes) + slot);
		file = BPF_CORE_READ(node, file_ptr);
	} else {
		/* An array of words: there has never been more in struct io_fixed_file. */
		kread(&file, sizeof(file), (unsigned long *)BPF_CORE_READ(v60, files) + slot);
	}
	return (struct file *)(file & ~7UL);
}

#define URING_NAMES 2
#define URING_NAME_BYTES 512
#define URING_ADDR_BYTES 128

/* Of a request between submission and completion. */
struct uring_kept {
	s32 fd;
	u32 addr_len;
	char name[URING_NAMES][URING_NAME_BYTES];
	u8 addr[URING_ADDR_BYTES];
};

#endif /* SAKER_URING_TYPES_H */
