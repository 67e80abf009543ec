#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Compile kernel/dma of our tree for one architecture, in each combination of the
# options that select its files. The output is KTAP; a warning is a failure.
#
# All combinations use the same build directory: code that does not depend on the
# options is compiled once.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=kbuild.sh
. "$(dirname "$0")/kbuild.sh"

CONFIGS=$TOP/tools/testing/selftests/swiotlb/qemu
OPTIONS=(SWIOTLB_DYNAMIC DEBUG_FS DMA_RESTRICTED_POOL HIGHMEM4G)
OURS='(kernel/dma/swiotlb|include/linux/swiotlb|include/trace/events/swiotlb)'

# fixed ARCH: print the options that its Kconfig fixes, as OPTION=y|n.
fixed() {
	case $1 in
	i386) ;;
	s390)
		# No device tree, and protected guests always select SWIOTLB_DYNAMIC.
		echo SWIOTLB_DYNAMIC=y DMA_RESTRICTED_POOL=n HIGHMEM4G=n ;;
	*)
		echo HIGHMEM4G=n ;;
	esac
}

# own ARCH: print the options that enable SWIOTLB. 32-bit x86 has no prompt for it, so a
# driver must select it.
own() {
	case $1 in
	i386)
		printf 'CONFIG_%s=y\n' M686 X86_PAE PCI_MSI ACPI IOMMU_SUPPORT INTEL_IOMMU ;;
	esac
}

# combinations ARCH: print one combination per line, a "y" or "n" for each of OPTIONS.
combinations() {
	local all=('') next option value

	for option in "${OPTIONS[@]}"; do
		next=()
		for value in y n; do
			[[ " $(fixed "$1") " != *" $option="* || " $(fixed "$1") " == *" $option=$value "* ]] || continue
			next+=("${all[@]/%/$value}")
		done
		all=("${next[@]}")
	done
	printf '%s\n' "${all[@]}"
}

# fragment COMBINATION: print its lines of configuration. Restricted pools need a device
# tree.
fragment() {
	local i

	own "$ARCH"
	[[ ${1:2:1} == n ]] || echo CONFIG_OF=y
	for ((i = 0; i < ${#OPTIONS[@]}; i++)); do
		if [[ ${1:i:1} == y ]]; then
			echo "CONFIG_${OPTIONS[i]}=y"
		else
			echo "# CONFIG_${OPTIONS[i]} is not set"
		fi
	done
}

# title COMBINATION: print the architecture and the options.
title() {
	local i line=$ARCH

	for ((i = 0; i < ${#OPTIONS[@]}; i++)); do
		line+=" ${OPTIONS[i]}=${1:i:1}"
	done
	echo "$line"
}

# symbols FILE...: print all swiotlb symbols that these objects define or reference.
symbols() {
	"${CROSS}nm" --format=posix "$@" | awk '{ print $1 }' | grep -E 'swiotlb_' | sort -u
}

# no_dynamic COMBINATION: with SWIOTLB_DYNAMIC, record the symbols and tracepoints of its
# objects; without, return status 1 if any object has one of them.
no_dynamic() {
	local objects

	# shellcheck disable=SC2016 # make's variable
	mapfile -t objects < <(sed -n 's/^obj-$(CONFIG_SWIOTLB_DYNAMIC)[^=]*= *//p' \
		"$src/kernel/dma/swiotlb/Makefile" | tr ' ' '\n')
	cd "$out/kernel/dma" || return 1
	if [[ ${1:0:1} == y ]]; then
		(cd swiotlb && "${CROSS}nm" --format=posix "${objects[@]}") |
			awk '$1 ~ /swiotlb_/ && ($2 != "U" || $1 ~ /trace/) { print $1 }' |
			sort -u >"$out/dynamic"
		[[ -s $out/dynamic ]] || { echo "SWIOTLB_DYNAMIC has no symbols"; return 1; }
	elif [[ -f $out/dynamic ]]; then
		symbols swiotlb.o swiotlb/*.o | comm -12 - "$out/dynamic" >"$out/traces"
		[[ ! -s $out/traces ]] || { echo "of SWIOTLB_DYNAMIC there are"; cat "$out/traces"; return 1; }
	fi
}

# compile COMBINATION: return status 1 if the build fails or has a warning.
compile() {
	fragment "$1" >"$out/combination"
	config=$(merge "$CONFIGS/objects.config" "$out/combination")
	configure
	rm -rf "$out/kernel/dma"
	try_logged "compile $(title "$1")" "$out/objects.log" 60 0 kbuild -j"$(nproc)" W=1 kernel/dma/ || {
		tail -n 20 "$out/objects.log"
		return 1
	}
	! grep -A 3 -E "$OURS.*: (warning|error):" "$out/objects.log" || return 1
	[[ -s $out/kernel/dma/swiotlb.o ]] || { echo "there is no swiotlb.o"; return 1; }
	(no_dynamic "$1")
}

# bash reads all of main() before it runs main(), so this file may be edited meanwhile.
main() {
	local number=0 failures=0 all one base

	[[ $# -eq 1 ]] || die "usage: ${0##*/} ARCH (x86_64, i386, arm64, s390)"
	set_arch "$1"
	CACHE=$(cache_dir)
	base=$("$TOP/scripts/base.sh")
	mkdir -p "$TOP/build/kernels"
	lock "$TOP/build/kernels/.objects.lock" "the objects of this checkout"
	python3 "$TOP/scripts/compose.py" --base "$base" ours
	name=objects-$ARCH
	src=$TOP/build/src-ours
	out=$src/O-$name
	mkdir -p "$out"
	rm -f "$out/dynamic"
	mapfile -t all < <(combinations "$ARCH")
	printf 'KTAP version 1\n1..%d\n' ${#all[@]}
	for one in "${all[@]}"; do
		number=$((number + 1))
		if compile "$one" >"$out/why"; then
			echo "ok $number $(title "$one")"
		else
			sed 's/^/# /' "$out/why"
			echo "not ok $number $(title "$one")"
			failures=$((failures + 1))
		fi
	done
	exit $((failures > 0))
}

main "$@"
