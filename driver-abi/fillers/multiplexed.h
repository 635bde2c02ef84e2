/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of old 32-bit programs that hold many calls: socketcall(2) and ipc(2), and mmap(2) as it was first.
 * Their arguments are put where those of the call itself are.
 */
#ifndef SAKER_MULTIPLEXED_H
#define SAKER_MULTIPLEXED_H

#define NR32_OLD_MMAP 90
#define OLD_MMAP_ARGS 6

/* Comparisons with constants: nothing of this is left in the fillers of other events. */
#define IS_IPC(event)                                                                              \
	((event) == SAKER_EV_SEMOP || (event) == SAKER_EV_SEMGET || (event) == SAKER_EV_SEMCTL)

#define ARGS_IPC(ID, args)
#define ARGS_SOCKETCALL(ID, args)                                                                  \
	if (event == SAKER_EV_##ID)                                                                \
		return args;
#define SUBCALL_ARGS(call, number, ID, args) ARGS_##call(ID, args)

/* Arguments of the call behind socketcall(2), 0 when it is not one of those. */
SAKER_INLINE u32 socketcall_args(const u32 event)
{
	SAKER_SUBCALLS(SUBCALL_ARGS)
	return 0;
}

/* `count` words behind a pointer of a 32-bit program become the arguments. */
SAKER_INLINE void read_args(struct call *c, u64 ptr, const u32 count)
{
	u32 words[6] = {};
	u32 i;

	c->fault = uread(words, 4 * count, ptr) != 0;
	for (i = 0; i < 6; i++)
		c->args[i] = words[i];
}

/* Of a new socket the kernel knows what was asked for, whatever another thread has made of the arguments since. */
SAKER_INLINE void args_of_socket(struct call *c)
{
	struct file *file = file_of(c->task, c->ret, FOLLOW_PROBE);
	struct socket *sock;
	struct sock *sk;

	saker_file_facts((u64)file, &c->facts);
	sock = c->facts.private_data;
	if ((c->facts.facts & S_IFMT) != S_IFSOCK)
		return;
	sk = KREAD(sock, sk);
	c->args[0] = KREAD(sk, __sk_common.skc_family);
	c->args[1] = (c->args[1] & ~SOCK_TYPE_BITS) | (saker_sk_type(sk) & SOCK_TYPE_BITS);
}

/* ipc(call, first, second, third, ptr, fifth) */
SAKER_INLINE void order_ipc_args(struct call *c, const u32 event)
{
	u64 ptr = c->args[4];
	u32 word = 0;

	c->args[0] = c->args[1];
	if (event == SAKER_EV_SEMOP) {
		c->args[1] = ptr;
		return; /* second is the number of operations already */
	}
	c->args[1] = c->args[2];
	c->args[2] = c->args[3];
	if (event == SAKER_EV_SEMCTL)
		c->fault = uread(&word, sizeof(word), ptr) != 0;
	c->args[3] = word;
}

SAKER_INLINE void take_apart(struct call *c, const u32 event)
{
	if (!c->compat)
		return;
	if (event == SAKER_EV_MMAP && c->nr == NR32_OLD_MMAP)
		read_args(c, c->args[0], OLD_MMAP_ARGS);
	if (socketcall_args(event) && c->nr == SAKER_NR32_SOCKETCALL)
		read_args(c, c->args[1], socketcall_args(event));
	if (event == SAKER_EV_SOCKET && c->nr == SAKER_NR32_SOCKETCALL && c->ret >= 0)
		args_of_socket(c);
	if (IS_IPC(event) && c->nr == SAKER_NR32_IPC)
		order_ipc_args(c, event);
}

#endif /* SAKER_MULTIPLEXED_H */
