#!/bin/sh
# Alerts of the stable stock rules on a Debian that is busy and not attacked: packages are downloaded, installed,
# removed and unpacked, kernel headers unpacked, a repository cloned, a crate built, over and over. Prints how many
# alerts of which rule the load raised, with an example of each; everything goes on in a scratch directory but the
# packages that are installed, which were not there before and are purged.
#
# usage: busy.sh AGENT RULES_FILE; BUSY_SECONDS (600) says how long.
set -eu

agent=$1 rules=$2
seconds=${BUSY_SECONDS:-600}
packages="hello tree sl cowsay"
source=$(CDPATH='' cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d /var/lib/saker-busy-XXXXXX)
pid=

finish() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() {
	echo "busy: $*" >&2
}

# Marks the processes of the load: alerts show it.
export SAKER_BUSY=yes DEBIAN_FRONTEND=noninteractive

cat >"$scratch/saker.yaml" <<END
rules_files: [$rules]
json_output: true
lock_file: $scratch/saker.lock
http: {listen_address: "127.0.0.1:0"}
append_output: [{match: {source: syscall}, extra_fields: ["proc.env[SAKER_BUSY]"]}]
END

installed=
for package in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :)
	[ "$state" = installed ] || installed="$installed $package"
done
headers=$(apt-cache depends --no-suggests --no-recommends linux-headers-amd64 |
	sed -n 's/.*Depends: //p' | head -n 1)
common=$(apt-cache depends "$headers" | sed -n 's/.*Depends: \(linux-headers-.*-common\)$/\1/p')

packages_come_and_go() {
	[ -n "$installed" ] || return 0
	# shellcheck disable=SC2086 # a list of words
	apt-get install -y -qq --no-install-recommends $installed
	# shellcheck disable=SC2086
	apt-get purge -y -qq $installed
}

packages_are_unpacked() {
	mkdir -p "$scratch/download" "$scratch/root"
	(cd "$scratch/download" && apt-get download -qq bash coreutils tzdata "$common")
	for file in "$scratch"/download/*.deb; do
		dpkg -x "$file" "$scratch/root"
	done
	rm -rf "$scratch/root" "$scratch/download"
}

a_repository_is_cloned() {
	git clone -q "file://$source" "$scratch/clone"
	git -C "$scratch/clone" log --stat -n 20 >/dev/null
	rm -rf "$scratch/clone"
}

a_crate_is_built() {
	(cd "$source" && cargo build -q --locked --offline -p saker-engine --target-dir "$scratch/target")
	rm -rf "$scratch/target"
}

env -u SAKER_BUSY "$agent" run -c "$scratch/saker.yaml" >"$scratch/alerts" 2>"$scratch/log" &
pid=$!
for _ in $(seq 300); do
	! grep -q '^ready' "$scratch/log" || break
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.1
done
if ! grep -q '^ready' "$scratch/log"; then
	cat "$scratch/log" >&2
	say "the agent is not ready"
	exit 1
fi

end=$(($(date +%s) + seconds))
rounds=0
while [ "$(date +%s)" -lt "$end" ]; do
	for part in packages_come_and_go packages_are_unpacked a_repository_is_cloned a_crate_is_built; do
		[ "$(date +%s)" -lt "$end" ] || break
		if ! "$part" >"$scratch/part.log" 2>&1; then
			tail -n 20 "$scratch/part.log" >&2
			say "$part failed"
			exit 1
		fi
	done
	rounds=$((rounds + 1))
done

# An agent that looks away is silent, too: it must have seen this, which comes last.
SAKER_BUSY=control cat /etc/shadow >/dev/null
for _ in $(seq 100); do
	! grep -q '"proc.env\[SAKER_BUSY\]":"control"' "$scratch/alerts" || break
	sleep 0.1
done
kill "$pid"
wait "$pid" || :
pid=
if ! grep -q '"proc.env\[SAKER_BUSY\]":"control"' "$scratch/alerts"; then
	cat "$scratch/log" >&2
	say "no alert of cat /etc/shadow: the agent saw nothing"
	exit 1
fi

grep '"proc.env\[SAKER_BUSY\]":"yes"' "$scratch/alerts" >"$scratch/own" || :
echo "$seconds s, $rounds rounds; $(sed -n 's/^Events handled: /events handled: /p' "$scratch/log")"
echo "alerts of the load: $(wc -l <"$scratch/own"), of the rest of the host: $(($(wc -l <"$scratch/alerts") - $(wc -l <"$scratch/own") - 1))"
sed 's/.*"rule":"\([^"]*\)".*/\1/' "$scratch/own" | sort | uniq -c | sort -rn >"$scratch/counts"
while read -r count rule; do
	echo "$count $rule"
	grep -F "\"rule\":\"$rule\"" "$scratch/own" | sed 's/.*"output":"\([^"]*\)".*/    \1/' |
		sed 's/^ *[0-9:.]*: //' | sort | uniq -c | sort -rn | head -n 3
done <"$scratch/counts"
