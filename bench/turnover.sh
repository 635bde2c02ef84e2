#!/usr/bin/env bash
# turnover.sh SAKER: what the agent keeps of what has gone. 10,000 short-lived cgroups of containers with 100
# forks each (CGROUPS, FORKS), then its resident memory and tables. Root; bash and perl.
set -euo pipefail
saker=$(realpath "${1:?usage: turnover.sh PATH-OF-SAKER}")
cgroups=${CGROUPS:-10000}
forks=${FORKS:-100}
root=/sys/fs/cgroup/cpu
[ -d "$root" ] || root=/sys/fs/cgroup
parent=$root/saker-turnover
lab=$(mktemp -d)
agent=
cleanup() {
	[ -z "$agent" ] || { kill "$agent" 2>/dev/null || true; wait "$agent" 2>/dev/null || true; }
	rmdir "$parent" 2>/dev/null || true
	rm -rf "$lab"
}
trap cleanup EXIT
mkdir -p "$parent"
cat > "$lab/rules.yaml" <<'RULES'
- rule: never
  desc: Makes the agent follow programs, files and connections.
  condition: evt.type in (execve, openat, connect) and proc.name=no-such-program and container.id!=host
  output: "%proc.pid"
  priority: INFO
RULES
cat > "$lab/saker.yaml" <<CONFIG
rules_files: ["$lab/rules.yaml"]
lock_file: $lab/saker.lock
http: {listen_address: "127.0.0.1:18765"}
CONFIG
"$saker" run -c "$lab/saker.yaml" > "$lab/out" 2> "$lab/err" &
agent=$!
get() { exec 3<>/dev/tcp/127.0.0.1/18765 && printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3 && cat <&3; exec 3>&-; }
for _ in $(seq 300); do
	get /readyz 2>/dev/null | head -1 | grep -q 200 && break
	kill -0 "$agent" || { cat "$lab/err" >&2; exit 1; }
	sleep 0.1
done
rss_kib() { awk '/VmRSS/ {print $2}' "/proc/$agent/status"; }
tables() { get /metrics | grep -E '^saker_state_entries' || true; }
# $1: first cgroup, $2: number of cgroups. Every tenth child executes a program.
turnover() {
	perl -e '
		my ($parent, $first, $count, $forks) = @ARGV;
		my $procs = sub { open(my $f, ">", "$_[0]/cgroup.procs") or die "$_[0]: $!"; print $f $$; close $f };
		for my $n ($first .. $first + $count - 1) {
			my $group = sprintf("%s/%064x", $parent, $n);
			mkdir $group or die "$group: $!";
			my $child = fork // die;
			if (!$child) {
				$procs->($group);
				for my $i (1 .. $forks - 1) {
					my $pid = fork // die;
					if (!$pid) { exec "/bin/true" if $i % 10 == 0; require POSIX; POSIX::_exit(0) }
					waitpid $pid, 0;
				}
				require POSIX; POSIX::_exit(0);
			}
			waitpid $child, 0;
			rmdir $group or die "$group: $!";
		}' "$parent" "$1" "$2" "$forks"
}
# A warm agent is compared with itself: what is used for the first time is not growth.
warm=$((cgroups / 10))
turnover 1 "$warm"
sleep 6 # one round of the background thread
before=$(rss_kib)
echo "before: $before KiB"; tables
turnover $((warm + 1)) "$cgroups"
sleep 6
after=$(rss_kib)
echo "after $cgroups cgroups and $((cgroups * forks)) forks: $after KiB ($((100 * after / before)) % of before)"; tables
[ "$after" -le $((before + before / 10)) ] || { echo "the agent has grown by more than 10 %" >&2; exit 1; }
