#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Have the packages that running a guest takes: root gets them installed,
# anybody else is told what to type.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need python3=python3 qemu-system-x86_64=qemu-system-x86 fio=fio busybox=busybox-static \
	gnuplot=gnuplot-nox strip=binutils
