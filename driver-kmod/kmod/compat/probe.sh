#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh RESULT SYMVERS SOURCES COMPILER FLAGS...: which of SOURCES compile against these headers?
#
# RESULT becomes a header that defines SAKER_HAVE_<name of the source, upper case> for each that does and says no for the
# others. A line "EXPORT: symbol" in a source also asks that the kernel exports it to modules. Why not: RESULT's .log.
#
# SYMVERS is what the kernel exports, "none" in a tree that is prepared but not built. Then that it is declared has to
# do.
#
# Nearly all of the time goes into the kernel's headers: all sources are compiled at once, then all but those with an
# error, until the rest compiles. When no error is in a source itself, or SAKER_PROBE_ALONE is set, each is compiled
# alone.
set -u
# Messages are read below.
export LC_ALL=C
result=$1
symvers=$2
sources=$3
shift 3

mkdir -p "$(dirname "$result")"
log=${result%.h}.log
: >"$log"
failed=

# Compiles $asked by "$@" and prints the messages. Warnings are the kernel's own and none of our business.
compile() {
	for source in $asked; do
		printf '#include "%s"\n' "$source"
	done | "$@" -w -fsyntax-only -x c - 2>&1
}

# Is $1 one of the other words?
among() {
	wanted=$1
	shift
	case " $* " in *" $wanted "*) ;; *) return 1 ;; esac
}

# Splits $sources into $asked and $failed; fails when messages do not tell which.
together() {
	# Errors are to be where the source is, not the macro it uses, and none is to be left out.
	if printf '__clang__\n' | "$@" -E -P -x c - 2>>"$log" | grep -q __clang__; then
		set -- "$@" -ftrack-macro-expansion=0
	else
		set -- "$@" -ferror-limit=0
	fi
	asked=$sources
	until messages=$(compile "$@"); do
		printf '%s\n' "$messages" >>"$log"
		named=$(printf '%s\n' "$messages" | sed -n 's/^\([^ :]*\.c\):.*error: .*/\1/p')
		left=
		for source in $asked; do
			if among "$source" $named; then
				failed="$failed $source"
			else
				left="$left $source"
			fi
		done
		[ "$left" != "$asked" ] || return 1
		asked=$left
	done
}

alone() {
	failed=
	for source in $sources; do
		asked=$source
		compile "$@" >>"$log" || failed="$failed $source"
	done
}

{ [ -z "${SAKER_PROBE_ALONE:-}" ] && together "$@"; } || alone "$@"

for source in $sources; do
	name=$(basename "$source" .c)
	answer=yes
	if among "$source" $failed; then
		answer=no
	fi
	for symbol in $([ "$symvers" = none ] || sed -n 's/.*EXPORT: *\([A-Za-z0-9_]*\).*/\1/p' "$source"); do
		if ! grep -q "[[:space:]]$symbol[[:space:]]" "$symvers" 2>>"$log"; then
			echo "$source: $symvers does not export $symbol" >>"$log"
			answer=no
		fi
	done
	if [ $answer = yes ]; then
		echo "#define SAKER_HAVE_$(echo "$name" | tr '[:lower:]' '[:upper:]') 1"
	else
		echo "/* no $name */"
	fi
done >"$result"
