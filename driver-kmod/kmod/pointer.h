/* SPDX-License-Identifier: GPL-2.0 */
/* What iterators and hooked functions need of the platform. */
#ifndef SAKER_POINTER_H
#define SAKER_POINTER_H

#define as_number(sc, pointer) ((u64)(pointer))

#endif /* SAKER_POINTER_H */
