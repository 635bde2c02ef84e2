/* SPDX-License-Identifier: GPL-2.0 */
/* What iterators and hooked functions need of the platform. */
#ifndef SAKER_POINTER_H
#define SAKER_POINTER_H

/* A typed pointer is no argument for a global function; what comes back from a map has no type. */
static __always_inline u64 as_number(struct saker_scratch *sc, const void *pointer)
{
	volatile u64 *cell = (volatile u64 *)sc->path;

	*cell = (u64)pointer;
	return *cell;
}

#endif /* SAKER_POINTER_H */
