// SPDX-License-Identifier: GPL-2.0
/* Where members of struct sock are that have no address. */
#include <linux/init.h>
#include <linux/string.h>
#include <net/sock.h>

#include "net.h"

#ifndef SAKER_HAVE_SK_PROTOCOL_WORD /* until 5.6 */

struct saker_bytes saker_bytes_of_sk_protocol __read_mostly;
struct saker_bytes saker_bytes_of_sk_type __read_mostly;

/* A socket with nothing but the member in question; too large for the stack. */
static struct sock shape __initdata;

/* The one or two whole bytes that are set in `shape`. */
static void __init look_up(struct saker_bytes *bytes)
{
	const u8 *at = (const u8 *)&shape;
	const u8 *set = memchr_inv(at, 0, sizeof(shape));
	size_t len;

	if (!set)
		return;
	len = set[1] ? 2 : 1;
	if (set[0] != 0xff || (len == 2 && set[1] != 0xff) ||
	    memchr_inv(set + len, 0, at + sizeof(shape) - set - len)) {
		pr_warn("saker: an unknown layout of sockets: protocol or type will be 0\n");
		return;
	}
	bytes->at = set - at;
	bytes->len = len;
}

void __init saker_net_init(void)
{
	shape.sk_protocol--; /* all ones */
	look_up(&saker_bytes_of_sk_protocol);
	memset(&shape, 0, sizeof(shape));
	shape.sk_type--;
	look_up(&saker_bytes_of_sk_type);
}

#endif
