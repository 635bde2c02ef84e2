/* Every call of the table that has plain arguments, with arguments that make it fail or do nothing. */
#ifndef SAKER_SCRIPT_CALLS_H
#define SAKER_SCRIPT_CALLS_H

/* In place of an argument that is a string. */
#define STR 0x5354520000000000L
#define MAX_ARGS 5

struct plain_call {
	const char *name;
	short nr64, nr32; /* -1: not there */
	long args[MAX_ARGS];
};

extern const struct plain_call plain_calls[];
extern const int plain_call_count;

#endif /* SAKER_SCRIPT_CALLS_H */
