#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make test: run every step, also after one failed, and end with the sum,
# "N passed, N failed". In build/test: <step>.log, <step>.ktap and
# <step>.xml (JUnit). With --full, make test-full: all that takes hours, or needs
# the compilers of other architectures, after that.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

OUT=$TOP/build/test
SELFTESTS=$TOP/tools/testing/selftests/swiotlb/qemu
passed=0
failed=0

# run NAME SECONDS command...: run a test. What is counted of it is in a file.
run() {
	local name=$1 seconds=$2 rc=0

	shift 2
	msg TEST "$name ..."
	try_logged "test $name" "$OUT/$name.log" "$seconds" 0 "$@" || rc=$?
	python3 -B "$TOP/scripts/testlog.py" "$OUT/$name.log" "$rc" "$OUT/$name" >"$OUT/$name.counts"
}

# outcome STEP: one line about a test that was run.
outcome() {
	local ok=0 bad=1 skipped=0 line

	# Nothing is in it if run() was killed.
	read -r ok bad skipped <"$OUT/$1.counts" || :
	passed=$((passed + ok))
	failed=$((failed + bad))
	line="$1: $ok passed"
	((skipped == 0)) || line+=", $skipped skipped"
	if ((bad)); then
		line+=", $bad failed: see ${OUT#"$TOP"/}/$1.log"
		grep -B 4 '^not ok' "$OUT/$1.ktap" | sed 's/^/    /' >&2
	fi
	msg TEST "$line"
}

# step NAME SECONDS command...: run a test and count its results.
step() {
	run "$@"
	outcome "$1"
}

# kunit: the suites in the kernel, which are built into one of their own.
kunit() {
	if "$TOP/scripts/kernel.sh" ours-kunit; then
		step kunit 60 python3 -B "$SELFTESTS/kunit_guest.py" --kernel "$TOP/build/kernels/ours-kunit.bzImage"
	else
		step kunit-kernel 1 false
	fi
}

# skip NAME REASON: a step that cannot be made here.
skip() {
	mkdir -p "$OUT"
	step "$1" 1 printf 'KTAP version 1\n1..1\n# %s\nok 1 %s # SKIP %s\n' "$2" "$1" "$2"
}

# shellcheck disable=SC2317 # a trap calls it
# stop SIGNAL PID...: these are subshells, and end what they have started.
stop() {
	kill -TERM "${@:2}" 2>/dev/null || :
	wait "${@:2}" || :
	trap - "$1"
	kill -"$1" "$BASHPID"
}

# kernel_of GROUP: what its tests boot.
kernel_of() {
	[[ $1 == lean ]] && echo ours || echo "ours-$1"
}

# guests SECONDS GROUP...: build the kernel that each group of tests is for, with
# a heartbeat of its own, then boot them all at the same time: an emulated guest
# waits too often to keep two CPUs busy.
guests() {
	local seconds=$1 group signal built=() pids=()

	shift
	for group; do
		if "$TOP/scripts/kernel.sh" "$(kernel_of "$group")"; then
			built+=("$group")
		else
			step "kernel-$group" 1 false
		fi
	done
	((${#built[@]})) || return 0
	for group in "${built[@]}"; do
		run "guest-$group" "$seconds" python3 -B "$SELFTESTS/tests.py" --group "$group" \
			--kernel "$TOP/build/kernels/$(kernel_of "$group").bzImage" &
		pids+=($!)
	done
	for signal in INT TERM HUP; do
		# shellcheck disable=SC2064 # the pids of now
		trap "stop $signal ${pids[*]}" "$signal"
	done
	wait "${pids[@]}" || :
	trap - INT TERM HUP
	for group in "${built[@]}"; do
		outcome "guest-$group"
	done
}

# can STEP command...: run what a step needs, and skip the step if it fails.
can() {
	local step=$1 log

	shift
	log=$OUT/$step.need
	"$@" 2> >(tee "$log" >&2) && return
	skip "$step" "$(sed -n 's/.*error:[^ ]* //p; s/^  *\(sudo .*\)/\1/p' "$log" | paste -sd' ')"
	return 1
}

# foreign ARCH: boot it. Its busybox is Debian's.
foreign() {
	can "guest-$1" "$TOP/scripts/packages.sh" "$1" &&
		can "guest-$1" "$TOP/scripts/busybox.sh" "$1" || return 0
	guests 120 "$1"
}

# objects ARCH: compile it in all its configurations.
objects() {
	can "objects-$1" "$TOP/scripts/packages.sh" "$1" || return 0
	step "objects-$1" 300 "$TOP/scripts/objects.sh" "$1"
}

full() {
	guests 200 kcsan
	foreign i386
	foreign arm64
	objects x86_64
	objects i386
	# Big endian
	objects s390
	step check-long 7200 make -C "$TOP/tools/testing/swiotlb" V=1 check-long
	step check-ledger 600 make -C "$TOP/tools/testing/swiotlb" V=1 check-ledger
	step check-mutants 3600 make -C "$TOP/tools/testing/swiotlb" V=1 check-mutants
}

# All in a function, which bash reads whole: an edit of this file does not reach
# a run that is under way.
main() {
	local file name base

	need python3=python3 git=git make=make gcc=gcc /usr/include/stdio.h=libc6-dev
	"$TOP/scripts/packages.sh"
	rm -rf "$OUT"
	mkdir -p "$OUT"

	for file in "$TOP"/scripts/tests/*_test.py; do
		name=$(basename "$file" .py)
		step "${name//_/-}" 10 python3 -B "$file" -v
	done
	base=$("$TOP/scripts/base.sh")
	step compose 10 python3 -B "$TOP/scripts/compose.py" --base "$base" ours
	if [[ -f $TOP/tools/testing/swiotlb/Makefile ]]; then
		step harness 60 make -C "$TOP/tools/testing/swiotlb" V=1 check
		step bench-rows 60 make -C "$TOP/tools/testing/swiotlb" check-bench
	fi
	if [[ -f $SELFTESTS/tests.py ]]; then
		kunit
		guests 300 debug lean
	fi
	[[ ! $1 ]] || full

	echo "$passed passed, $failed failed"
	exit $((failed > 0 || passed == 0))
}

case ${1:-} in
'' | --full) main "${1:-}" ;;
*) die "usage: ${0##*/} [--full]" ;;
esac
