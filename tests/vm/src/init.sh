#!/saker-vm/busybox sh
# /init of a guest: mounts, says over ttyS2 that the job begins, runs /saker-vm/script with its output to ttyS1, sends
# the files listed in /saker-vm/bring and the kernel's log over ttyS2, then the verdict, and ends the machine.
# The protocol is that of src/protocol.rs.

bb=/saker-vm/busybox
for dir in dev proc sys run tmp; do $bb mkdir -p /$dir; done
$bb mount -t devtmpfs none /dev
exec </dev/null >/dev/console 2>&1
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/saker-vm/bin
export PATH

end() {
	# isa-debug-exit: a byte written to port 0x501 ends qemu at once.
	printf '\020' | $bb dd of=/dev/port bs=1 seek=1281 count=1 2>/dev/null
	$bb poweroff -f
	while :; do $bb sleep 60; done
}

fail() {
	echo "saker-vm: init: $*"
	end
}

must_mount() {
	$bb mkdir -p "$3" && $bb mount -t "$1" ${4:+-o "$4"} "$2" "$3" || fail "cannot mount $1 on $3"
}

# What a kernel may lack.
may_mount() {
	[ -d "$3" ] && $bb mount -t "$1" "$2" "$3"
}

must_mount proc proc /proc
must_mount sysfs sysfs /sys
must_mount tmpfs tmpfs /tmp mode=1777
must_mount tmpfs tmpfs /run mode=755
must_mount tmpfs tmpfs /dev/shm mode=1777
must_mount devpts devpts /dev/pts mode=620,ptmxmode=666
$bb ln -sf /proc/self/fd /dev/fd
$bb ln -sf /proc/self/fd/0 /dev/stdin
$bb ln -sf /proc/self/fd/1 /dev/stdout
$bb ln -sf /proc/self/fd/2 /dev/stderr
may_mount debugfs debugfs /sys/kernel/debug
may_mount tracefs tracefs /sys/kernel/tracing
may_mount bpf bpf /sys/fs/bpf
may_mount securityfs securityfs /sys/kernel/security
may_mount cgroup2 cgroup2 /sys/fs/cgroup
$bb ip link set lo up
$bb hostname saker-vm
# An emulated CPU under load is slow, which is no lock-up.
echo 60 >/proc/sys/kernel/watchdog_thresh 2>/dev/null
[ ! -x /saker-vm/setup ] || /saker-vm/setup || fail "/saker-vm/setup failed"

# A lock validator that gave up sees nothing.
lockdep_off() {
	$bb grep -q 'debug_locks: *0' /proc/lockdep_stats 2>/dev/null
}
! lockdep_off || fail "the kernel's lock validator turned itself off before the job"

for line in ttyS1 ttyS2; do
	$bb stty -F /dev/$line raw -echo 115200 || fail "no serial line $line"
done
exec 3>/dev/ttyS2

echo SAKER-VM-BEGUN >&3
echo "saker-vm: the job begins" >/dev/kmsg
cd /
$bb env -i PATH="$PATH" HOME=/root TERM=dumb LC_ALL=C $($bb cat /saker-vm/environment) \
	/bin/sh /saker-vm/script </dev/null >/dev/ttyS1 2>&1
status=$?
# Waits until all of it is sent.
$bb stty -F /dev/ttyS1 raw -echo 115200

send() {
	if [ -f "$1" ]; then
		sum=$($bb sha256sum <"$1")
		echo "SAKER-VM-FILE $($bb wc -c <"$1") ${sum%% *} $1"
		$bb cat "$1"
		echo
	else
		echo "SAKER-VM-MISSING $1"
	fi >&3
}

while read -r path; do
	send "$path"
done </saker-vm/bring
! lockdep_off || echo "WARNING: saker-vm: the lock validator turned itself off" >/dev/kmsg
$bb dmesg >/saker-vm/dmesg
send /saker-vm/dmesg
echo "SAKER-VM-VERDICT status=$status" >&3
exec 3>&-
$bb stty -F /dev/ttyS2 raw -echo 115200
end
