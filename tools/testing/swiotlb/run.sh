#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run test programs of one variant, $JOBS at a time, in the given order; save their KTAP,
# and print the sums at the end.
# usage: run.sh <directory> <basic|oracle|fuzz|stress|count|litmus>...
set -euo pipefail

dir=$1
shift
here=$(dirname "$(readlink -f "$0")")
verbose=()
if [ "${V:-0}" = 1 ]; then
	verbose=(-v)
fi
results=$dir/results
mkdir -p "$results"
passed=0
failed=0
began=$(date +%s%N)
declare -A name_of=() start_of=()

stop() {
	if ((${#name_of[@]})); then
		kill "${!name_of[@]}" 2>/dev/null || true
	fi
	echo "interrupted" >&2
	exit 130
}
trap stop INT TERM

start() {
	local name=$1
	shift

	: > "$results/$name.ktap.tmp"
	setsid "$@" > "$results/$name.ktap.tmp" 2>&1 &
	name_of[$!]=$name
	start_of[$!]=$SECONDS
}

# Jobs of each program, so that the total is $JOBS
jobs_each=$((JOBS / $#))
jobs_each=$((jobs_each > 0 ? jobs_each : 1))

program() {
	case $1 in
	basic)	start basic "$dir/test_basic" -j "$jobs_each" "${verbose[@]}" ;;
	oracle)	start oracle "$dir/oracle" -j "$jobs_each" -n "$OPS" -s "${SEED:-1}" ;;
	fuzz)	start fuzz "$dir/replay" "$here/fuzz/corpus" ;;
	count)	start count "$COUNT" -j "$jobs_each" "${verbose[@]}" ;;
	stress)	start stress "$dir/stress" -j 1 "${verbose[@]}" ;;
	litmus)	start litmus ${LITMUS:?} --ktap ;;
	*)	echo "run.sh: unknown program \"$1\"" >&2; exit 2 ;;
	esac
}

heartbeat() {
	local pid name

	for pid in "${!name_of[@]}"; do
		name=${name_of[$pid]}
		printf '  %-7s %s, %d s, %d results\n' WAIT "$name" \
			$((SECONDS - start_of[$pid])) \
			"$(grep -cE '^(not )?ok ' "$results/$name.ktap.tmp" || true)"
	done
}

# A program that prints fewer results than its plan counts as one more failure
report() {
	local name=$1 out=$2 status=$3 seconds=$4 ok not todo plan

	ok=$(grep -c '^ok ' "$out" || true)
	not=$(grep -c '^not ok ' "$out" || true)
	todo=$(grep -c '^not ok .*# TODO' "$out" || true)
	not=$((not - todo))
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out" | head -n 1)
	if ((${#verbose[@]})); then
		cat "$out"
	else
		grep -E '^(not ok|#)' "$out" | grep -vE '^# [0-9]+ passed|# TODO' |
			awk -v bad="$not" 'bad || /seeds|operations:/' || true
	fi
	if [ "$((ok + not + todo))" != "${plan:-none}" ] ||
	   { [ "$status" != 0 ] && [ "$not" = 0 ]; }; then
		tail -n 20 "$out"
		echo "# $name ended early: $((ok + not + todo)) of ${plan:-?} results, status $status"
		not=$((not + 1))
	fi
	printf '  %-7s %s: %d passed, %d failed, %d known faults, %d expected differences, %d skipped (%d s)\n' \
		TEST "$name" "$ok" "$not" "$todo" "$(grep -c '# XFAIL' "$out" || true)" \
		"$(grep -c '# SKIP' "$out" || true)" "$seconds"
	passed=$((passed + ok))
	failed=$((failed + not))
}

finish() {
	local pid=$1 name=${name_of[$1]} status=0

	wait "$pid" || status=$?
	mv "$results/$name.ktap.tmp" "$results/$name.ktap"
	report "$name" "$results/$name.ktap" "$status" $((SECONDS - start_of[$pid]))
	unset "name_of[$pid]" "start_of[$pid]"
}

# Wait until at least one program has ended
finish_some() {
	local pid before=${#name_of[@]} beat=$((SECONDS + 10))

	while ((${#name_of[@]} == before)); do
		sleep 0.1
		for pid in "${!name_of[@]}"; do
			kill -0 "$pid" 2>/dev/null || finish "$pid"
		done
		if ((SECONDS >= beat)); then
			heartbeat
			beat=$((SECONDS + 10))
		fi
	done
}

# span FROM TO: print the time between two times in nanoseconds, in seconds
span() {
	printf '%d.%d s' $((($2 - $1) / 1000000000)) $((($2 - $1) / 100000000 % 10))
}

for name in "$@"; do
	if ((${#name_of[@]} >= JOBS)); then
		finish_some
	fi
	program "$name"
done
while ((${#name_of[@]})); do
	finish_some
done

printf '  %-7s built in %s, run in %s\n' TIME "$(span "$STARTED" "$began")" \
	"$(span "$began" "$(date +%s%N)")"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
