#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check-fixes: see check_fixes.py. BUILD=0 compiles no kernel code, BOOT=0
# boots no kernel. FIXES=6.12 and FIXES=6.1 check the patches for these kernels, and boot
# their kernels only with BOOT=1.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	local base options=()

	need python3=python3 git=git gcc=gcc make=make /usr/include/stdio.h=libc6-dev bison=bison flex=flex \
		bc=bc ccache=ccache perl=perl /usr/include/gelf.h=libelf-dev sparse=sparse codespell=codespell
	FIXES=${FIXES:-7.3}
	[[ -f $TOP/patches/fixes-$FIXES/series ]] || die "there is no patches/fixes-$FIXES"
	[[ ${BUILD:-1} != 0 && $FIXES == 7.3 ]] || options+=(--no-build)
	[[ $FIXES == 7.3 ]] || : "${BOOT:=0}"
	if [[ ${BOOT:-1} == 0 ]]; then
		options+=(--no-boot)
	elif [[ $FIXES == 7.3 ]]; then
		"$TOP/scripts/packages.sh" arm64
		"$TOP/scripts/foreign.sh" busybox-arm64
		"$TOP/scripts/foreign.sh" fio-arm64
	fi
	options+=(--fixes "$TOP/patches/fixes-$FIXES")
	base=$(LINUX=$FIXES "$TOP/scripts/base.sh")
	exec python3 -B "$TOP/scripts/check_fixes.py" --base "$base" "${options[@]}"
}

main "$@"
