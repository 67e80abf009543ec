#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check-fixes: see check_fixes.py. BUILD=0 compiles no kernel code, BOOT=0
# boots no kernel. FIXES=6.12 KSRC=/path/to/tree checks patches/fixes-6.12 on a tree
# of that version, in the harness only.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

main() {
	local base options=()

	need python3=python3 git=git gcc=gcc make=make /usr/include/stdio.h=libc6-dev bison=bison flex=flex \
		bc=bc ccache=ccache perl=perl /usr/include/gelf.h=libelf-dev sparse=sparse codespell=codespell
	if [[ ${FIXES:-7.3} == 7.3 ]]; then
		[[ ${BUILD:-1} != 0 ]] || options+=(--no-build)
		[[ ${BOOT:-1} != 0 ]] || options+=(--no-boot)
		base=$("$TOP/scripts/base.sh")
	else
		[[ -f $TOP/patches/fixes-$FIXES/series ]] || die "there is no patches/fixes-$FIXES"
		[[ -f ${KSRC:-}/Kbuild ]] || die "set KSRC to a Linux $FIXES tree"
		options+=(--fixes "$TOP/patches/fixes-$FIXES" --no-build --no-boot)
		base=$KSRC
	fi
	exec python3 -B "$TOP/scripts/check_fixes.py" --base "$base" "${options[@]}"
}

main "$@"
