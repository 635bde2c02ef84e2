#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh SOURCE RESULT SYMVERS COMPILER FLAGS...: does SOURCE compile against these headers?
#
# RESULT becomes a header that defines SAKER_HAVE_<name of SOURCE, upper case>, or says no. A line
# "EXPORT: symbol" in SOURCE also asks that the kernel exports it to modules. Why not: RESULT's .log.
#
# SYMVERS is what the kernel exports, "none" in a tree that is prepared but not built. Then that it is declared has to
# do.
set -u
source=$1
result=$2
symvers=$3
shift 3

name=$(basename "$source" .c)
log=${result%.h}.log
mkdir -p "$(dirname "$result")"

answer=yes
exports=$(sed -n 's/.*EXPORT: *\([A-Za-z0-9_]*\).*/\1/p' "$source")
if [ "$symvers" = none ]; then
	exports=
fi
# Warnings are the kernel's own and none of our business: a probe fails by an error.
"$@" -w -fsyntax-only "$source" >"$log" 2>&1 || answer=no
for symbol in $exports; do
	if ! grep -q "[[:space:]]$symbol[[:space:]]" "$symvers" 2>>"$log"; then
		echo "$symvers does not export $symbol" >>"$log"
		answer=no
	fi
done

if [ $answer = yes ]; then
	echo "#define SAKER_HAVE_$(echo "$name" | tr '[:lower:]' '[:upper:]') 1" >"$result"
else
	echo "/* no $name */" >"$result"
fi
