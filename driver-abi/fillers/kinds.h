/* SPDX-License-Identifier: GPL-2.0 */
/* What each kind of event is made of, after which HOOK(ID, name) is the driver's own way into record_<name>(). */
#ifndef SAKER_KINDS_H
#define SAKER_KINDS_H

#define FILLER_CODE(ID, name, cls, HOOK)
#define FILLER_PLAIN(ID, name, cls, HOOK)                                                          \
	PLAIN_FILLER(ID, name, cls)                                                                \
	PLAIN_RECORD(ID, name, cls)                                                                \
	HOOK(ID, name)
#define FILLER_IO(ID, name, cls, HOOK)                                                             \
	IO_FILLER(ID, name, cls)                                                                   \
	IO_RECORD(ID, name, cls)                                                                   \
	IO_CALL(name)                                                                              \
	HOOK(ID, name)
#define FILLER_MESSAGE(ID, name, cls, HOOK)                                                        \
	IO_FILLER(ID, name, cls)                                                                   \
	IO_RECORD(ID, name, cls)                                                                   \
	MESSAGES_CALL(ID, name, 1)                                                                 \
	HOOK(ID, name)
#define FILLER_MESSAGES(ID, name, cls, HOOK)                                                       \
	IO_FILLER(ID, name, cls)                                                                   \
	IO_RECORD(ID, name, cls)                                                                   \
	MESSAGES_CALL(ID, name, SAKER_MESSAGES_MAX)                                                \
	HOOK(ID, name)

#endif /* SAKER_KINDS_H */
