// SPDX-License-Identifier: GPL-2.0
/* Load and unload. Everything else hangs on open files, which keep the module loaded. */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "compat/net.h"
#include "saker_kmod.h"

static int __init saker_init(void)
{
	int ret;

	saker_net_init();
	saker_features_init();
	ret = saker_device_register();
	if (ret)
		return ret;
	pr_info("saker: %s, ABI %u, schema %016llx\n", SAKER_KMOD_VERSION, SAKER_ABI_VERSION,
		SAKER_SCHEMA_HASH);
	return 0;
}

static void __exit saker_exit(void)
{
	saker_device_unregister();
}

module_init(saker_init);
module_exit(saker_exit);

MODULE_LICENSE("GPL v2");
MODULE_DESCRIPTION("Saker's driver: system calls and processes into rings that its agent maps");
MODULE_VERSION(SAKER_KMOD_VERSION);
/* Read from the file before it is loaded: driver-kmod/src/modinfo.rs. */
MODULE_INFO(schema, __stringify(SAKER_SCHEMA_HASH));
