#include <linux/types.h>
#include "saker_abi.h"
extern const struct saker_event_info saker_event_table[SAKER_NR_EVENTS];
