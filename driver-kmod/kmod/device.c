// SPDX-License-Identifier: GPL-2.0
/* /dev/saker: who may open it, and what may be asked there (saker_ioctl.h). */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "saker_kmod.h"

/* Of struct saker_ioc_info, what every version has: enough to say that versions differ. */
#define INFO_BYTES_MIN offsetofend(struct saker_ioc_info, schema_hash)

static int device_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN) || !capable(CAP_SYS_PTRACE))
		return -EPERM;
	return nonseekable_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	saker_session_end(file);
	return 0;
}

/* As much as the caller knows of, so that an agent of another version learns who this is. */
static long get_info(void __user *arg, size_t request_bytes)
{
	struct saker_ioc_info info = {
		.size = sizeof(info),
		.abi_version = SAKER_ABI_VERSION,
		.schema_hash = SAKER_SCHEMA_HASH,
		.page_bytes = PAGE_SIZE,
		.possible_cpus = nr_cpu_ids,
		.owner_tgid = saker_session_owner_tgid(),
		.features = saker_features(),
		.version = SAKER_KMOD_VERSION,
		.names_missed = saker_names_missed(),
		.requests_missed = saker_requests_missed(),
	};
	u32 size;

	if (copy_from_user(&size, arg, sizeof(size)))
		return -EFAULT;
	if (size != request_bytes || size < INFO_BYTES_MIN)
		return -EINVAL;
	if (copy_to_user(arg, &info, min_t(size_t, size, sizeof(info))))
		return -EFAULT;
	return 0;
}

static long create(const struct file *file, const void __user *arg)
{
	struct saker_ioc_create *req = memdup_user(arg, sizeof(*req));
	long ret;

	if (IS_ERR(req))
		return PTR_ERR(req);
	if (req->size != sizeof(*req))
		ret = req->size > sizeof(*req) ? -E2BIG : -EINVAL;
	else
		ret = saker_session_create(file, req);
	kfree(req);
	return ret;
}

static long make_ring(const struct file *file, const void __user *arg)
{
	struct saker_ioc_ring req;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	return saker_session_ring(file, req.cpu, req.partition);
}

static long iterate(const void __user *arg)
{
	struct saker_ioc_iterate req;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	return saker_iterate_fd(&req);
}

/* The same request with another size is one of another version, not an unknown one. */
static bool same_but_size(unsigned int cmd, unsigned int known)
{
	return !((cmd ^ known) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT));
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long address)
{
	void __user *arg = (void __user *)address;

	if (same_but_size(cmd, SAKER_IOC_INFO))
		return get_info(arg, _IOC_SIZE(cmd));
	if (same_but_size(cmd, SAKER_IOC_CREATE) && cmd != SAKER_IOC_CREATE)
		return _IOC_SIZE(cmd) > _IOC_SIZE(SAKER_IOC_CREATE) ? -E2BIG : -EINVAL;

	switch (cmd) {
	case SAKER_IOC_CREATE:
		return create(file, arg);
	case SAKER_IOC_RING:
		return make_ring(file, arg);
	case SAKER_IOC_COUNTERS:
		return saker_session_counters(file);
	case SAKER_IOC_START:
		return saker_session_start(file);
	case SAKER_IOC_STOP:
		return saker_session_stop(file);
	case SAKER_IOC_ITERATE:
		return iterate(arg);
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = SAKER_DEVICE_NAME,
	.fops = &device_fops,
	.mode = 0600,
};

int saker_device_register(void)
{
	return misc_register(&device);
}

void saker_device_unregister(void)
{
	misc_deregister(&device);
}
