#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make test: run every step, even after a failure, and end with the sum,
# "N passed, N failed". In build/test: <step>.log, <step>.ktap and <step>.xml (JUnit).
# With --full, make test-full: then also run all steps that take hours, or need Xen or other
# compilers, and print a table of the guest tests by caller of swiotlb. With groups of guest
# tests, too, run only these, and keep other results in build/test. With RESUME=1, skip tests
# that have passed in an earlier run.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

OUT=$TOP/build/test
SELFTESTS=$TOP/tools/testing/selftests/swiotlb/qemu
GUESTS="lean debug kcsan rt xen coco pc i386 arm arm64 arm64-16k arm64-64k arm64-coco riscv s390 um"
passed=0
failed=0
# The steps that boot guests
guest_steps=()

# passed_before NAME: with RESUME=1, whether this test has passed in an earlier run.
passed_before() {
	local ok bad

	[[ ${RESUME:-} && -f $OUT/$1.counts ]] && read -r ok bad _ <"$OUT/$1.counts" && ((ok && !bad))
}

# run NAME SECONDS command...: run a test, and write the counts of its results to a file.
run() {
	local name=$1 seconds=$2 rc=0

	shift 2
	! passed_before "$name" || return 0
	rm -f "$OUT/$name.counts"
	msg TEST "$name ..."
	try_logged "test $name" "$OUT/$name.log" "$seconds" 0 "$@" || rc=$?
	python3 -B "$TOP/scripts/testlog.py" "$OUT/$name.log" "$rc" "$OUT/$name" >"$OUT/$name.counts"
}

# outcome STEP: add the results of a test that has run, and print one line about it.
outcome() {
	local ok=0 bad=1 skipped=0 line

	# The file is empty if run() was killed.
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

# shellcheck disable=SC2317 # called through run
# kunit_guest KERNEL OPTION...: boot the KUnit suites in a kernel of the host's architecture.
kunit_guest() {
	python3 -B "$SELFTESTS/kunit_guest.py" --kernel "$TOP/build/kernels/$1.bzImage" "${@:2}"
}

# kunit_in KERNEL STEP SECONDS OPTION...: boot the KUnit suites in that kernel, in QEMU.
kunit_in() {
	if "$TOP/scripts/kernel.sh" "$1"; then
		step "$2" "$3" kunit_guest "$1" "${@:4}"
	else
		step "$2-kernel" 1 false
	fi
}

# skip NAME REASON: report a step that cannot run here.
skip() {
	mkdir -p "$OUT"
	step "$1" 1 printf 'KTAP version 1\n1..1\n# %s\nok 1 %s # SKIP %s\n' "$2" "$1" "$2"
}

# shellcheck disable=SC2317 # a trap calls it
# stop SIGNAL PID...: stop these subshells, which in turn stop their children.
stop() {
	kill -TERM "${@:2}" 2>/dev/null || :
	wait "${@:2}" || :
	trap - "$1"
	kill -"$1" "$BASHPID"
}

# kernel_of GROUP: print the kernel that its tests boot.
kernel_of() {
	case $1 in
	lean) echo ours ;;
	# make native builds this kernel of the base, too.
	base-um) echo base-mapbench-um ;;
	base-*) echo "$1" ;;
	*) echo "ours-$1" ;;
	esac
}

# shellcheck disable=SC2317 # called through run
# boot GROUP: run its tests; with base-GROUP, run those that the base supports on the base.
boot() {
	local options=(--group "${1#base-}")

	[[ $1 != base-* ]] || options+=(--base)
	python3 -B "$SELFTESTS/tests.py" "${options[@]}" \
		--kernel "$TOP/build/kernels/$(kernel_of "$1").bzImage"
}

# guests SECONDS GROUP...: build the kernel of each group, with a separate heartbeat, then
# boot all groups at the same time: an emulated guest waits too often to keep two CPUs
# busy.
guests() {
	local seconds=$1 group signal built=() pids=()

	shift
	for group; do
		if passed_before "guest-$group" || "$TOP/scripts/kernel.sh" "$(kernel_of "$group")"; then
			built+=("$group")
		else
			step "kernel-$group" 1 false
		fi
	done
	((${#built[@]})) || return 0
	for group in "${built[@]}"; do
		run "guest-$group" "$seconds" boot "$group" &
		pids+=($!)
	done
	for signal in INT TERM HUP; do
		# shellcheck disable=SC2064 # expand the pids now
		trap "stop $signal ${pids[*]}" "$signal"
	done
	wait "${pids[@]}" || :
	trap - INT TERM HUP
	for group in "${built[@]}"; do
		outcome "guest-$group"
		guest_steps+=("guest-$group")
	done
}

# can STEP command...: prepare a step by a command; if that fails, skip the step and fail.
can() {
	local step=$1 log

	shift
	log=$OUT/$step.need
	"$@" 2> >(tee "$log" >&2) && return
	skip "$step" "$(sed -n 's/.*error:[^ ]* //p; s/^  *\(sudo .*\)/\1/p' "$log" | paste -sd' ')"
	return 1
}

# foreign ARCH GROUP...: boot guests of that architecture, with Debian's busybox.
foreign() {
	can "guest-$2" "$TOP/scripts/packages.sh" "$1" &&
		can "guest-$2" "$TOP/scripts/foreign.sh" "busybox-$1" || return 0
	guests 120 "${@:2}"
}

# objects ARCH: compile for that architecture in all its configurations.
objects() {
	can "objects-$1" "$TOP/scripts/packages.sh" "$1" || return 0
	step "objects-$1" 300 "$TOP/scripts/objects.sh" "$1"
}

# harness STEP VARIABLE=VALUE: run the checks in user space for another kind of machine.
harness() {
	step "harness-$1" 90 make -C "$TOP/tools/testing/swiotlb" V=1 "$2" check
}

# group NAME: run the guest tests of that group, after preparing all that they need.
group() {
	case $1 in
	debug | lean) guests 300 "$1" ;;
	kcsan) guests 200 kcsan ;;
	rt)
		guests 600 rt
		kunit_in ours-rt kunit-rt 300 --append kunit.enable=1 --timeout 600 ;;
	arm64-coco)
		can guest-arm64-coco "$TOP/scripts/foreign.sh" fio-arm64 || return 0
		foreign arm64 base-arm64-coco arm64-coco ;;
	i386 | arm | arm64* | riscv | s390) foreign "${1%%-*}" "$1" ;;
	pc)
		can guest-pc "$TOP/scripts/packages.sh" pc || return 0
		guests 1200 pc ;;
	xen)
		can guest-xen "$TOP/scripts/packages.sh" xen || return 0
		guests 60 base-xen xen ;;
	coco) guests 300 base-coco coco ;;
	um)
		can guest-um "$TOP/scripts/packages.sh" um || return 0
		guests 60 base-um um ;;
	esac
}

# callers: print a table of the guest tests so far.
callers() {
	((${#guest_steps[@]})) || return 0
	python3 -B "$TOP/scripts/callers.py" "${guest_steps[@]/#/$OUT/}" | tee "$OUT/callers.txt"
}

full() {
	step kunit-smp 60 "$TOP/scripts/kunit.sh" --smp --raw_output=kunit
	step kunit-kasan 600 "$TOP/scripts/kunit.sh" --kasan --raw_output=kunit
	kunit_in ours-kunit kunit-qemu 60
	group kcsan
	group rt
	group xen
	group coco
	group pc
	group i386
	group arm64
	group arm64-16k
	group arm64-64k
	group arm64-coco
	group arm
	group riscv
	group s390
	group um
	objects x86_64
	objects i386
	# Big endian
	objects s390
	harness 16k-pages PAGE_SHIFT=14
	harness 64k-pages PAGE_SHIFT=16
	! can harness-32bit "$TOP/scripts/packages.sh" i386 || harness 32bit BITS=32
	step check-long 7200 make -C "$TOP/tools/testing/swiotlb" V=1 check-long
	step check-ledger 600 make -C "$TOP/tools/testing/swiotlb" V=1 check-ledger
	step check-mutants 3600 make -C "$TOP/tools/testing/swiotlb" V=1 check-mutants
}

# all: make test.
all() {
	local file name base

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
		step kunit 180 "$TOP/scripts/kunit.sh" --raw_output=kunit
		guests 300 debug lean
	fi
}

# bash reads all of main() before it runs main(), so this file may be edited meanwhile.
main() {
	local mode=${1:-} name

	[[ $# == 0 || $mode == --full ]] || die "usage: ${0##*/} [--full [GROUP...]]"
	shift "$(($# > 0))"
	for name; do
		[[ " $GUESTS " == *" $name "* ]] ||
			die "no such group of guest tests: $name" "there are $GUESTS"
	done
	need python3=python3 git=git make=make gcc=gcc /usr/include/stdio.h=libc6-dev
	"$TOP/scripts/packages.sh"
	(($#)) || [[ ${RESUME:-} ]] || rm -rf "$OUT"
	mkdir -p "$OUT"

	if (($#)); then
		for name; do
			group "$name"
		done
	else
		all
		[[ ! $mode ]] || full
	fi
	[[ ! $mode ]] || callers
	echo "$passed passed, $failed failed"
	exit $((failed > 0 || passed == 0))
}

main "$@"
