/* What io.c and reads.c share. */
#ifndef SAKER_SCRIPT_IO_H
#define SAKER_SCRIPT_IO_H

#include "sys.h"

#define DATA_BYTES 8192

struct part {
	void *base;
	__u64 length;
};

extern char bytes[DATA_BYTES], into[DATA_BYTES];
extern struct part parts[40];

/* Makes the first parts `count` of `length` bytes each. */
void vector(int count, long length);
void reads_and_writes(void);

#endif /* SAKER_SCRIPT_IO_H */
