#!/bin/sh
# Installs the Debian packages that building Saker needs, if one of them is missing; with the argument
# "vm" those of the test bed (tests/vm), too, with "vm-debug" also those that build its debug kernel, with "attacks"
# those of the attack suite (tests/attacks).
#
# gcc, libc6-dev, make   C for build scripts and a static libc
# clang, llvm            the eBPF programs (clang) and stripping them (llvm-strip)
# libclang-dev           bindgen reads the driver's headers through libclang
# libbpf-dev             bpf_helpers.h and bpf_core_read.h
# bpftool                live tests look with it at what is left in the kernel
# iproute2               live tests give addresses to network namespaces of their own
# linux-libc-dev         system call numbers, asm/ and linux/ headers
# cpio                   a test reads with it what tests/vm writes
#
# For the test bed:
# qemu-system-x86        guests
# xz-utils, zstd, lz4    kernel images
# gcc-12, libelf1        modules for 5.10 and 6.1 (objtool of their headers wants libelf)
# sparse                 make C=1
# openssl                a key to sign a module with
# dkms                   a test installs the module by it, in a mount namespace of its own
#
# For its debug kernel:
# bison, flex, bc        configuration, time constants
# libelf-dev             objtool
#
# For the attack suite:
# runc, busybox-static   containers
set -eu

packages="gcc libc6-dev make clang llvm libclang-dev libbpf-dev bpftool iproute2 linux-libc-dev cpio"
vm="qemu-system-x86 xz-utils zstd lz4 gcc-12 libelf1 sparse openssl dkms"
case "${1:-}" in
"") ;;
vm) packages="$packages $vm" ;;
vm-debug) packages="$packages $vm bison flex bc libelf-dev" ;;
attacks) packages="$packages runc busybox-static" ;;
*)
	echo "usage: $0 [vm | vm-debug | attacks]" >&2
	exit 2
	;;
esac
missing=""
for package in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done

if ! command -v cargo >/dev/null 2>&1; then
	echo "Saker needs a Rust toolchain (1.95 or newer) and there is no cargo in PATH." >&2
	echo "Install Rust, then run this again." >&2
	exit 1
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "Missing packages:$missing. This is not a Debian system: install their counterparts." >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "Missing packages:$missing. Install them as root: apt-get install$missing" >&2
	exit 1
fi
echo "Installing$missing"
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
