/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel knows about files, sockets, pids and the current task. */
#ifndef SAKER_FACTS_H
#define SAKER_FACTS_H

#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define FMODE_CREATED 0x100000
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define TS_COMPAT 0x0002

struct file_facts {
	u32 facts; /* S_IFMT | SAKER_FILE_* */
	u32 dev;
	u64 ino;
	void *private_data;
};

/*
 * One copy of the head of a structure instead of one per member: a probe read costs 31 ns whatever
 * its size (driver-study 6.1). The offset is a constant after relocation, so the verifier sees a
 * constant stack access and drops the branch not taken.
 */
#define HEAD_BYTES 128
#define HEAD_GET(dst, head, type, ptr, member)                                                     \
	do {                                                                                       \
		u32 off__ = __builtin_preserve_field_info(((type *)0)->member, 0);                 \
		if (off__ + sizeof(*(dst)) <= HEAD_BYTES)                                          \
			__builtin_memcpy(dst, (char *)(head) + off__, sizeof(*(dst)));             \
		else                                                                               \
			bpf_probe_read_kernel(dst, sizeof(*(dst)), (char *)(ptr) + off__);         \
	} while (0)

/* new_encode_dev() of include/linux/kdev_t.h, what stat(2) shows. */
static __always_inline u32 encode_dev(u32 dev)
{
	u32 major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

static __always_inline struct file *file_of(struct task_struct *task, s64 fd, bool typed)
{
	struct file **array, *file = 0;
	struct fdtable *fdt;
	u32 max_fds;

	if (fd < 0)
		return 0;
	if (typed) {
		fdt = task->files->fdt;
		max_fds = fdt->max_fds;
		array = fdt->fd;
	} else {
		fdt = BPF_CORE_READ(task, files, fdt);
		max_fds = BPF_CORE_READ(fdt, max_fds);
		array = BPF_CORE_READ(fdt, fd);
	}
	if (fd >= max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), array + fd);
	return file;
}

/*
 * Overlay's private inode has the upper dentry right behind the VFS inode since 4.13 (fs/overlayfs
 * ovl_entry.h). Its own type is in the module's BTF, so the position is taken from the size of struct
 * inode.
 */
static __always_inline u32 overlay_layer(struct inode *inode)
{
	struct dentry *upper = 0;
	struct inode *upper_inode = 0;

	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (char *)inode + bpf_core_type_size(struct inode));
	if (upper)
		upper_inode = BPF_CORE_READ(upper, d_inode);
	return upper_inode ? SAKER_FILE_UPPER : SAKER_FILE_LOWER;
}

/* Global: verified once, not once per filler and window. */
__noinline int saker_file_facts(u64 file_at, struct file_facts *out)
{
	struct file *file = (void *)file_at;
	char head[HEAD_BYTES];
	struct inode *inode = 0;
	struct super_block *sb = 0;
	unsigned long ino = 0, magic = 0;
	u32 f_mode = 0, dev = 0;
	u16 i_mode = 0;

	if (!file || !out)
		return 0;
	bpf_probe_read_kernel(head, sizeof(head), file);
	HEAD_GET(&inode, head, struct file, file, f_inode);
	HEAD_GET(&f_mode, head, struct file, file, f_mode);
	HEAD_GET(&out->private_data, head, struct file, file, private_data);

	bpf_probe_read_kernel(head, sizeof(head), inode);
	HEAD_GET(&i_mode, head, struct inode, inode, i_mode);
	HEAD_GET(&sb, head, struct inode, inode, i_sb);
	HEAD_GET(&ino, head, struct inode, inode, i_ino);

	bpf_probe_read_kernel(head, sizeof(head), sb);
	HEAD_GET(&dev, head, struct super_block, sb, s_dev);
	HEAD_GET(&magic, head, struct super_block, sb, s_magic);

	out->facts = i_mode & S_IFMT;
	if (f_mode & FMODE_CREATED)
		out->facts |= SAKER_FILE_CREATED;
	if (magic == OVERLAYFS_SUPER_MAGIC)
		out->facts |= overlay_layer(inode);
	out->dev = encode_dev(dev);
	out->ino = ino;
	return 0;
}

/* Name of a unix socket's end; returns its length. */
static __always_inline u32 unix_name(struct sock *sk, u8 *to)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
	s32 len;

	if (!addr)
		return 0;
	len = BPF_CORE_READ(addr, len) - 2; /* without sun_family */
	if (len <= 0)
		return 0;
	if (len > 108)
		len = 108;
	bpf_probe_read_kernel(to, len & 0x7f,
			      (char *)addr + __builtin_preserve_field_info(addr->name, 0) + 2);
	return len & 0x7f;
}

/*
 * Both ends of the socket behind `file`. `to` has room for a whole tuple. Returns the bytes used, 0
 * when the file is no socket.
 */
static __always_inline u32 read_tuple(struct file_facts *file, struct saker_tuple *to)
{
	/* Outside BPF_CORE_READ, which would relocate the access to our own structure, too. */
	struct socket *sock = file->private_data;
	struct sock *sk, *peer;
	u16 family;

	if ((file->facts & S_IFMT) != S_IFSOCK)
		return 0;
	sk = BPF_CORE_READ(sock, sk);
	if (!sk)
		return 0;
	__builtin_memset(to, 0, sizeof(*to));
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	to->family = family;
	to->proto = BPF_CORE_READ(sk, sk_protocol);
	to->type = BPF_CORE_READ(sk, sk_type);
	to->sock_id = (u64)sk;
	if (family == AF_INET || family == AF_INET6) {
		to->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
		to->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
	if (family == AF_INET) {
		*(u32 *)to->local_addr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(u32 *)to->remote_addr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else if (family == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)to->local_addr, sk,
				   __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)to->remote_addr, sk,
				   __sk_common.skc_v6_daddr);
	} else if (family == AF_UNIX) {
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		to->peer_id = (u64)peer;
		/* One end is usually bound: the server's own, or the client's peer. */
		if (!unix_name(sk, to->path) && peer)
			unix_name(peer, to->path);
		return sizeof(*to);
	}
	return SAKER_TUPLE_INET_LEN;
}

/*
 * Number of `pid` in the namespace at `level`; level 0 is the initial one. No test for NULL here and
 * below: a failed probe read leaves zero, and each branch would be followed twice by the verifier.
 */
static __always_inline u32 pid_number(struct pid *pid, u32 level)
{
	int nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (char *)pid + __builtin_preserve_field_info(pid->numbers, 0) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, nr));
	return nr;
}

static __always_inline u64 pidns_start_ns(struct pid *pid, u32 level)
{
	struct pid_namespace *ns = 0;

	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (char *)pid + __builtin_preserve_field_info(pid->numbers, 0) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(ns, child_reaper, start_boottime);
}

static __always_inline u32 tty_number(struct signal_struct *signal)
{
	struct tty_struct *tty = BPF_CORE_READ(signal, tty);
	u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);

	return encode_dev((u32)BPF_CORE_READ(tty, driver, major) << 20 | (minor & 0xfffff));
}

static __always_inline u64 cap_word(const void *cap)
{
	u64 word = 0;

	/* Two u32 until 6.2, one u64 since: the same eight bytes on little-endian. */
	bpf_probe_read_kernel(&word, sizeof(word), cap);
	return word;
}

#endif /* SAKER_FACTS_H */
