#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check for the packages that are needed to run a guest, or with an argument, a guest of
# that kind. Install missing ones as root; otherwise print the command that does. Xen is
# fetched, but not installed, so this does not need root.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
'' | x86_64)
	need python3=python3 qemu-system-x86_64=qemu-system-x86 fio=fio busybox=busybox-static \
		gnuplot=gnuplot-nox strip=binutils ;;
i386)
	need qemu-system-i386=qemu-system-x86 i686-linux-gnu-gcc=gcc-i686-linux-gnu \
		/usr/i686-linux-gnu/lib/libc.a=libc6-dev-i386-cross ;;
arm64)
	need qemu-system-aarch64=qemu-system-arm dtc=device-tree-compiler \
		aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu \
		/usr/aarch64-linux-gnu/lib/libc.a=libc6-dev-arm64-cross ;;
net)
	"$0" x86_64
	need memcached=memcached iperf3=iperf3 ldd=libc-bin gcc=gcc ;;
pc)
	"$0" x86_64
	need iasl=acpica-tools ;;
um)
	need qemu-storage-daemon=qemu-system-common taskset=util-linux gcc=gcc ;;
xen)
	"$0" x86_64
	need dpkg-deb=dpkg gzip=gzip
	"$TOP/scripts/xen.sh" ;;
s390)
	need s390x-linux-gnu-gcc=gcc-s390x-linux-gnu ;;
*)
	die "usage: ${0##*/} [i386|arm64|net|pc|s390|um|x86_64|xen]" ;;
esac
