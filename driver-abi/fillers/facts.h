/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel knows about files, sockets, pids and the current task. */
#ifndef SAKER_FACTS_H
#define SAKER_FACTS_H

struct file_facts {
	u32 facts; /* S_IFMT | SAKER_FILE_* */
	u32 dev;
	u64 ino;
	void *private_data;
};

/* new_encode_dev() of include/linux/kdev_t.h, what stat(2) shows. */
SAKER_INLINE u32 encode_dev(u32 dev)
{
	u32 major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

/*
 * In which layer of its overlay a file lies, 0 on other file systems. From the platform: where overlay keeps the
 * upper dentry of what `file`, with the inode it reads and writes, was opened as; NULL on other file systems.
 */
SAKER_INLINE u32 overlay_layer(struct file *file, struct inode *inode, unsigned long magic)
{
	const void *upper_at = saker_overlay_upper_at(file, inode, magic);
	struct dentry *upper = NULL;
	struct inode *upper_inode = NULL;

	if (!upper_at)
		return 0;
	kread(&upper, sizeof(upper), upper_at);
	if (upper)
		upper_inode = KREAD(upper, d_inode);
	return upper_inode ? SAKER_FILE_UPPER : SAKER_FILE_LOWER;
}

/* Not inline: the verifier looks at it once, not once per filler and window. */
SAKER_SUBPROGRAM int saker_file_facts(u64 file_at, struct file_facts *out)
{
	struct file *file = (void *)file_at;
	struct inode *inode = NULL;
	struct super_block *sb = NULL;
	unsigned long magic = 0;
	u64 ino = 0;
	u32 f_mode = 0, dev = 0;
	u16 i_mode = 0;

	HEAD_BUFFER(head);

	if (!file || !out)
		return 0;
	HEAD_LOAD(head, file);
	HEAD_GET(&inode, head, struct file, file, f_inode);
	HEAD_GET(&f_mode, head, struct file, file, f_mode);
	HEAD_GET(&out->private_data, head, struct file, file, private_data);

	HEAD_LOAD(head, inode);
	HEAD_GET(&i_mode, head, struct inode, inode, i_mode);
	HEAD_GET(&sb, head, struct inode, inode, i_sb);
	HEAD_GET((INO_TYPE *)&ino, head, struct inode, inode, i_ino);

	HEAD_LOAD(head, sb);
	HEAD_GET(&dev, head, struct super_block, sb, s_dev);
	HEAD_GET(&magic, head, struct super_block, sb, s_magic);

	out->facts = i_mode & S_IFMT;
	if (f_mode & SAKER_FMODE_CREATED)
		out->facts |= SAKER_FILE_CREATED;
	out->facts |= overlay_layer(file, inode, magic);
	out->dev = encode_dev(dev);
	out->ino = ino;
	return 0;
}

/* Name of a unix socket's end; returns its length. */
SAKER_INLINE u32 unix_name(struct sock *sk, u8 *to)
{
	struct unix_address *addr = KREAD((struct unix_sock *)sk, addr);
	s32 len;

	if (!addr)
		return 0;
	len = KREAD(addr, len) - 2; /* without sun_family */
	if (len <= 0)
		return 0;
	if (len > 108)
		len = 108;
	kread(to, len & 0x7f, (char *)FIELD_AT(addr, name) + 2);
	return len & 0x7f;
}

/*
 * Both ends of the socket behind `file`. `to` has room for a whole tuple. Returns the bytes used, 0
 * when the file is no socket.
 */
SAKER_INLINE u32 read_tuple(struct file_facts *file, struct saker_tuple *to)
{
	/* Outside BPF_CORE_READ, which would relocate the access to our own structure, too. */
	struct socket *sock = file->private_data;
	struct sock *sk, *peer;
	u16 family;

	if ((file->facts & S_IFMT) != S_IFSOCK)
		return 0;
	sk = KREAD(sock, sk);
	if (!sk)
		return 0;
	__builtin_memset(to, 0, sizeof(*to));
	family = KREAD(sk, __sk_common.skc_family);
	to->family = family;
	to->proto = saker_sk_protocol(sk);
	to->type = saker_sk_type(sk);
	to->sock_id = (u64)sk;
	if (family == AF_INET || family == AF_INET6) {
		to->local_port = KREAD(sk, __sk_common.skc_num);
		to->remote_port = __builtin_bswap16((u16)KREAD(sk, __sk_common.skc_dport));
	}
	if (family == AF_INET) {
		kread(to->local_addr, 4, FIELD_AT(sk, __sk_common.skc_rcv_saddr));
		kread(to->remote_addr, 4, FIELD_AT(sk, __sk_common.skc_daddr));
	} else if (family == AF_INET6) {
		kread(to->local_addr, 16, SK_LOCAL6(sk));
		kread(to->remote_addr, 16, SK_REMOTE6(sk));
	} else if (family == AF_UNIX) {
		peer = KREAD((struct unix_sock *)sk, peer);
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
SAKER_INLINE u32 pid_number(struct pid *pid, u32 level)
{
	int nr = 0;

	kread(&nr, sizeof(nr),
	      (char *)FIELD_AT(pid, numbers) + level * TYPE_SIZE(struct upid) +
		      FIELD_OFFSET(struct upid, nr));
	return nr;
}

SAKER_INLINE struct pid_namespace *pid_ns(struct pid *pid, u32 level)
{
	struct pid_namespace *ns = NULL;

	kread(&ns, sizeof(ns),
	      (char *)FIELD_AT(pid, numbers) + level * TYPE_SIZE(struct upid) +
		      FIELD_OFFSET(struct upid, ns));
	return ns;
}

/* 1 when equal, 0 when not, without a branch for the verifier to follow twice. */
SAKER_INLINE u32 same(u64 a, u64 b)
{
	u64 difference = a ^ b;

	difference |= -difference;
	barrier_var(difference);
	return 1 ^ (u32)(difference >> 63);
}

/*
 * Number of a pid that the namespace of `own`, at `level`, may not know: 0 then, as the namespace sees it. A
 * process group may be older than the namespace, or belong to another one beside it. Without a branch, as above.
 */
SAKER_INLINE u32 pid_number_seen(struct pid *pid, struct pid *own, u32 level)
{
	s64 above = (s64)KREAD(pid, level) - level;
	u32 seen = (u32)((u64)above >> 63) - 1;

	return pid_number(pid, level) & seen & -same((u64)pid_ns(pid, level), (u64)pid_ns(own, level));
}

SAKER_INLINE u64 pidns_start_ns(struct pid *pid, u32 level)
{
	return saker_task_start_ns(KREAD(pid_ns(pid, level), child_reaper));
}

SAKER_INLINE u32 tty_number(struct signal_struct *signal)
{
	struct tty_struct *tty = KREAD(signal, tty);
	u32 minor = KREAD(tty, driver, minor_start) + KREAD(tty, index);

	return encode_dev((u32)KREAD(tty, driver, major) << 20 | (minor & 0xfffff));
}

SAKER_INLINE u64 cap_word(const void *cap)
{
	u64 word = 0;

	/* Two u32 until 6.2, one u64 since: the same eight bytes on little-endian. */
	kread(&word, sizeof(word), cap);
	return word;
}

#define KIB_OF_PAGE 4

/* Of a process's memory; a kernel thread has none. */
SAKER_INLINE u32 vm_size_kib(struct task_struct *task)
{
	return KREAD(task, mm, total_vm) * KIB_OF_PAGE;
}

SAKER_INLINE u32 vm_rss_kib(struct task_struct *task)
{
	return saker_mm_rss_pages(KREAD(task, mm)) * KIB_OF_PAGE;
}

SAKER_INLINE u32 vm_swap_kib(struct task_struct *task)
{
	return saker_mm_swap_pages(KREAD(task, mm)) * KIB_OF_PAGE;
}

#endif /* SAKER_FACTS_H */
