#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make check-series: prepare all that the check needs, then run check_series.py.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need python3=python3 git=git gcc=gcc make=make /usr/include/stdio.h=libc6-dev bison=bison flex=flex \
	bc=bc ccache=ccache perl=perl /usr/include/gelf.h=libelf-dev sparse=sparse codespell=codespell
"$TOP/scripts/packages.sh" um
base=$("$TOP/scripts/base.sh")
exec python3 -B "$TOP/scripts/check_series.py" --base "$base" "$@"
