/* SPDX-License-Identifier: GPL-2.0 */
/* Calls with several messages. */
#ifndef SAKER_MESSAGES_H
#define SAKER_MESSAGES_H

/* Message io->index of sendmmsg(2) or recvmmsg(2): a struct msghdr and how much of it was moved. */
SAKER_INLINE void io_nth_message(struct call *c, struct io *io, bool out)
{
	const u32 head = c->compat ? 28 : 56, stride = c->compat ? 32 : 64;
	u64 at = c->args[1] + (u64)io->index * stride;
	u32 moved = 0;

	uread(&moved, sizeof(moved), at + head);
	io_message(c, io, at, c->ret < 0 ? c->ret : moved, out);
}

/*
 * Descriptors that came with the message at `at`: their records; returns how many they are. Called where little
 * stack is in use.
 */
SAKER_SUBPROGRAM u32 saker_passed(u64 at, u32 compat)
{
	u64 wide[2] = {}, numbers = 0;
	u32 narrow[2] = {}, passed;

	if (compat) {
		if (uread(narrow, sizeof(narrow), at + 16))
			return 0;
		wide[0] = narrow[0];
		wide[1] = narrow[1];
	} else if (uread(wide, sizeof(wide), at + 32)) {
		return 0;
	}
	if (!wide[0])
		return 0;
	passed = saker_find_passed(wide[0], wide[1], compat, &numbers);
	adopt_all(numbers, passed);
	return passed;
}

/* Calls that receive messages. */
#define RECEIVES(event) ((event) == SAKER_EV_RECVMSG || (event) == SAKER_EV_RECVMMSG)

/*
 * Calls with `most` messages, an array at argument 1: a record each. A function of its own for one of them, so that
 * the verifier looks at it once and the stack is free for what was passed. In `which` are number and descriptors.
 */
#define MESSAGES_CALL(ID, name, most)                                                              \
	SAKER_SUBPROGRAM int saker_nth_##name(u64 messages, s64 ret, s32 fd, u32 which, u32 compat) \
	{                                                                                          \
		struct call c = {};                                                                \
												   \
		c.task = running_task();                                                           \
		c.ret = ret;                                                                       \
		c.compat = compat;                                                                 \
		c.args[0] = fd;                                                                    \
		c.args[1] = messages;                                                              \
		record_nth_##name(&c, which >> 16, which & 0xffff);                                \
		return 0;                                                                          \
	}                                                                                          \
												   \
	SAKER_INLINE void record_##name(struct call *c)                                            \
	{                                                                                          \
		u32 stride = c->compat ? 32 : 64, passed = 0, i;                                   \
												   \
		for (i = 0; i < (most); i++) {                                                     \
			if (i && (s64)i >= c->ret)                                                 \
				break;                                                             \
			if (RECEIVES(SAKER_EV_##ID) && c->ret >= 0)                                \
				passed = saker_passed(c->args[1] + i * stride, c->compat) & 0xffff; \
			saker_nth_##name(c->args[1], c->ret, c->args[0], i << 16 | passed,         \
					 c->compat);                                               \
		}                                                                                  \
	}

#endif /* SAKER_MESSAGES_H */
