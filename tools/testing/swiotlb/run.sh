#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run test programs of one variant, keep their KTAP, end with one line of sums.
# usage: run.sh <directory> <basic|oracle|fuzz|stress|count|litmus|bench>...
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
child=

stop() {
	if [ -n "$child" ]; then
		kill "$child" 2>/dev/null || true
	fi
	echo "interrupted" >&2
	exit 130
}
trap stop INT TERM

run() {
	local name=$1 out=$results/$1.ktap start=$SECONDS status=0
	shift

	: > "$out.tmp"
	setsid "$@" > "$out.tmp" 2>&1 &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - start >= 10 && (SECONDS - start) % 10 == 0)); then
			heartbeat "$name" $((SECONDS - start)) "$out.tmp"
			sleep 0.8
		fi
	done
	wait "$child" || status=$?
	child=
	mv "$out.tmp" "$out"
	report "$name" "$out" "$status" $((SECONDS - start))
}

heartbeat() {
	printf '  %-7s %s, %d s, %d results\n' WAIT "$1" "$2" \
		"$(grep -cE '^(not )?ok ' "$3" || true)"
}

# A program that ends without its plan fulfilled is a failure of its own
report() {
	local name=$1 out=$2 status=$3 seconds=$4 ok not plan

	ok=$(grep -c '^ok ' "$out" || true)
	not=$(grep -c '^not ok ' "$out" || true)
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out" | head -n 1)
	if ((${#verbose[@]})); then
		cat "$out"
	else
		grep -E '^(not ok|#)' "$out" | grep -vE '^# [0-9]+ passed' |
			awk -v bad="$not" 'bad || /seeds|operations:/' || true
	fi
	if [ "$((ok + not))" != "${plan:-none}" ] ||
	   { [ "$status" != 0 ] && [ "$not" = 0 ]; }; then
		tail -n 20 "$out"
		echo "# $name ended early: $((ok + not)) of ${plan:-?} results, status $status"
		not=$((not + 1))
	fi
	printf '  %-7s %s: %d passed, %d failed, %d expected differences, %d skipped (%d s)\n' \
		TEST "$name" "$ok" "$not" "$(grep -c '# XFAIL' "$out" || true)" \
		"$(grep -c '# SKIP' "$out" || true)" "$seconds"
	passed=$((passed + ok))
	failed=$((failed + not))
}

for program in "$@"; do
	case $program in
	basic)	run basic "$dir/test_basic" -j "$JOBS" "${verbose[@]}" ;;
	oracle)	run oracle "$dir/oracle" -j "$JOBS" -n "$OPS" -s "${SEED:-1}" ;;
	fuzz)	run fuzz "$dir/replay" "$here/fuzz/corpus" ;;
	count)	run count "$COUNT" -j "$JOBS" "${verbose[@]}" ;;
	stress)	run stress "$dir/stress" -j 1 "${verbose[@]}" ;;
	litmus)	run litmus ${LITMUS:?} --ktap ;;
	bench)	run bench python3 -B "$BENCH_PY" --programs "${dir%/*}" --check ;;
	*)	echo "run.sh: unknown program \"$program\"" >&2; exit 2 ;;
	esac
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
