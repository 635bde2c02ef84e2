#!/bin/sh
# Records the golden captures anew: tests/captures/record.sh [NAME]... (root; CONTRIBUTING.md).
# `attacks` is the attack suite on the host (SAKER_COMPAT; build its example `record`). Each other NAME.sh is done by
# a shell with an empty environment; of the recording only that shell and what it started is kept, and nothing of the
# host's users, names and other programs.
set -eu
cd "$(dirname "$0")/../.."
saker=${SAKER_BIN:-target/x86_64-unknown-linux-gnu/debug/saker}
keep=${SAKER_GOLDEN:-target/x86_64-unknown-linux-gnu/debug/examples/golden}
[ $# -gt 0 ] || set -- $(cd tests/captures && ls *.sh | sed -e 's/\.sh$//' -e '/^record$/d')
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
mkfifo "$dir/go"
for name; do
	if [ "$name" = attacks ]; then
		"${SAKER_RECORD:-target/x86_64-unknown-linux-gnu/debug/examples/record}" "$saker" "$keep"
		continue
	fi
	script=$PWD/tests/captures/$name.sh
	(cd / && exec env -i PATH=/usr/bin:/bin LC_ALL=C setsid -w sh -c "echo \$\$ > $dir/pid; read -r go < $dir/go; . $script") \
		> /dev/null 2>&1 < /dev/null &
	actor=$!
	"$saker" record --all -w "$dir/$name.saker" -o workers=2 2> "$dir/$name.log" &
	recorder=$!
	until grep -qs "^recording " "$dir/$name.log"; do
		kill -0 $recorder || { cat "$dir/$name.log" >&2; exit 1; }
		sleep 0.1
	done
	echo go > "$dir/go"
	wait $actor || true
	kill -INT $recorder
	wait $recorder
	rm -f "tests/captures/$name.saker"
	"$keep" "$dir/$name.saker" "tests/captures/$name.saker" "$(cat "$dir/pid")"
done
