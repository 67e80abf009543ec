#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Plant each fault of mutants.list in a copy of the engine, and see it found.
# usage: mutants.sh <engine tree> <work directory> [name part]
set -euo pipefail

engine=$1
work=$2
only=${3:-}
here=$(dirname "$(readlink -f "$0")")
copy=$work/tree
log=$work/log
killed=0
survived=0
stale=0
start=$SECONDS

fresh_copy() {
	rm -rf "$copy"
	mkdir -p "$copy/kernel/dma" "$copy/include/linux" "$log"
	cp "$engine/kernel/dma/swiotlb.c" "$copy/kernel/dma/"
	cp -r "$engine/kernel/dma/swiotlb" "$copy/kernel/dma/"
	cp "$engine/include/linux/swiotlb.h" "$copy/include/linux/"
}

# Name of the program that finds the fault, "build" if it does not even compile
find_killer() {
	local name=$1 target killer

	for target in build check-mutant-basic check-mutant-oracle check-mutant-stress; do
		if ! make --no-print-directory -C "$here" ENGINE_SRC="$copy" \
		     OUTPUT="$work/out" SUFFIX=-mutant "$target" \
		     >> "$log/$name" 2>&1 < /dev/null; then
			killer=${target##*-}
			name=$(sed -nE 's/^# ([a-z_]+) failed$/\1/p' "$log/$name" | head -n 1)
			echo "$killer${name:+ ($name)}"
			return
		fi
	done
}

try() {
	local name=$1 file=$2 expr=$3 killer

	cp "$copy/$file" "$work/saved"
	sed -E -i "$expr" "$copy/$file"
	if [ "$(diff "$work/saved" "$copy/$file" | grep -c '^>')" != 1 ]; then
		printf '  %-9s %s: the expression does not change one line of %s\n' \
			STALE "$name" "$file"
		stale=$((stale + 1))
	else
		: > "$log/$name"
		killer=$(find_killer "$name")
		if [ -z "$killer" ]; then
			survived=$((survived + 1))
			printf '  %-9s %s\n' SURVIVED "$name"
		elif [ "$killer" = build ]; then
			stale=$((stale + 1))
			printf '  %-9s %s: does not compile\n' STALE "$name"
		else
			killed=$((killed + 1))
			printf '  %-9s %s, by %s\n' KILLED "$name" "$killer"
		fi
	fi
	# Newer than what was built from the fault
	cat "$work/saved" > "$copy/$file"
}

fresh_copy
touch "$log/unchanged"
killer=$(find_killer unchanged)
if [ -n "$killer" ]; then
	tail -n 20 "$log/unchanged"
	echo "the engine fails as it is, by $killer: see $log/unchanged" >&2
	exit 1
fi
total=$(grep -vcE '^(#|$)' "$here/mutants.list")
n=0
while IFS='|' read -r name file expr; do
	case $name in ''|\#*) continue ;; esac
	name=${name// /}
	n=$((n + 1))
	if [[ $name != *$only* ]]; then
		continue
	fi
	try "$name" "${file// /}" "${expr# }"
	if ((n % 10 == 0)); then
		echo "  $n of $total after $((SECONDS - start)) s"
	fi
done < "$here/mutants.list"

if ((stale)); then
	echo "$stale entries of mutants.list do not fit the engine any more"
fi
echo "mutants: $killed killed, $survived survived"
[ "$survived" = 0 ] && [ "$stale" = 0 ]
