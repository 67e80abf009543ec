#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the KUnit suites with the kernel's own kunit.py, in User Mode Linux. The tree is
# composed, and compilations are cached. Arguments are those of kunit.py run, such as a
# filter of suites or --kconfig_add CONFIG_KASAN=y. Before them, --smp runs the suites on 2
# CPUs, --kasan on 2 CPUs in a kernel with KASAN, which has its own directory.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# bash reads all of main() before it runs main(), so this file may be edited meanwhile.
main() {
	local base build=kunit-native more=()

	for ((; $#; )); do
		case $1 in
		# Only with seccomp=on can UML run more than one CPU.
		--smp)	more+=(--kernel_args=ncpus=2 --kernel_args=seccomp=on) ;;
		# Panic on a report of KASAN, which alone does not fail a test.
		--kasan)
			build=kunit-kasan
			more+=(--kconfig_add=CONFIG_KASAN=y --kernel_args=kasan.fault=panic
				--timeout=900 --kernel_args=ncpus=2 --kernel_args=seccomp=on) ;;
		*)	break ;;
		esac
		shift
	done
	need python3=python3 git=git gcc=gcc make=make /usr/include/stdio.h=libc6-dev bison=bison \
		flex=flex bc=bc ccache=ccache flock=util-linux
	base=$("$TOP/scripts/base.sh")
	python3 -B "$TOP/scripts/compose.py" --base "$base" ours-um
	lock "$TOP/build/.kunit-native.lock" "the KUnit suites of this checkout"
	CCACHE_DIR=$(cache_dir)/ccache
	export CCACHE_DIR CCACHE_BASEDIR=$TOP CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=5G
	cd "$TOP/build/src-ours-um"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PYTHONDONTWRITEBYTECODE=1 \
		./tools/testing/kunit/kunit.py run --build_dir "$TOP/build/$build" \
		--make_options CC="ccache gcc" --kunitconfig kernel/dma/swiotlb/tests "${more[@]}" "$@"
}

main "$@"
