#!/bin/sh
# Lays out the module's source as packages carry it: DESTDIR/usr/src/saker-VERSION, where DKMS and
# `saker driver build` find it. What driver-abi shares with the module goes into abi/.
#
#   driver-kmod/install-source.sh [DESTDIR]
set -eu

destdir=${1:-}
here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")

# The one version of the workspace.
version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$repository/Cargo.toml")
if [ -z "$version" ]; then
	echo "install-source.sh: no version in [workspace.package] of $repository/Cargo.toml" >&2
	exit 1
fi
target=$destdir/usr/src/saker-$version

if [ -e "$target" ] && [ ! -e "$target/dkms.conf" ]; then
	echo "install-source.sh: $target exists and is not this script's: remove it" >&2
	exit 1
fi
rm -rf "$target"

# Copies the named files of directory $1 into $2, relative names kept.
copy() {
	from=$1
	to=$2
	shift 2
	(cd "$from" && find . "$@" -type f) | while read -r file; do
		mkdir -p "$to/$(dirname "$file")"
		# Scripts stay executable, everything is its owner's to write.
		cp "$from/$file" "$to/$file"
		chmod u=rwX,go=rX "$to/$file"
	done
}

# Sources only: what a build in the tree has left (*.o, *.mod.c, probed.h) belongs to one kernel.
copy "$here/kmod" "$target" ! -name '.*' ! -name '*.mod.c' ! -path './compat/probed.h' \
	\( -name '*.[ch]' -o -name '*.sh' -o -name Kbuild -o -name Makefile \)
copy "$repository/driver-abi/include" "$target/abi/include" -name 'saker_*.h'
copy "$repository/driver-abi/fillers" "$target/abi/fillers" -name '*.h'
sed "s/@VERSION@/$version/" "$here/dkms.conf.in" >"$target/dkms.conf"
cp "$repository/LICENSES/GPL-2.0.txt" "$target/COPYING"
chmod 644 "$target/dkms.conf" "$target/COPYING"
echo "$target"
