#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check for the packages that are needed to run a guest, or with an argument, a guest of
# that kind. Install missing ones as root; otherwise print the command that installs them.
# Xen is fetched, but not installed, so it does not need root.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# cross TRIPLE ARCH: the compiler and the C library for guests of Debian's architecture ARCH.
cross() {
	need "$1-gcc=gcc-$1" "/usr/$1/lib/libc.a=libc6-dev-$2-cross"
}

case ${1:-} in
'' | x86_64)
	need python3=python3 qemu-system-x86_64=qemu-system-x86 fio=fio busybox=busybox-static \
		gnuplot=gnuplot-nox strip=binutils ;;
arm)
	need qemu-system-arm=qemu-system-arm dtc=device-tree-compiler
	cross arm-linux-gnueabihf armhf ;;
arm64)
	need qemu-system-aarch64=qemu-system-arm dtc=device-tree-compiler
	cross aarch64-linux-gnu arm64 ;;
i386)
	need qemu-system-i386=qemu-system-x86
	cross i686-linux-gnu i386 ;;
riscv)
	need qemu-system-riscv64=qemu-system-misc
	cross riscv64-linux-gnu riscv64 ;;
s390)
	need qemu-system-s390x=qemu-system-misc
	cross s390x-linux-gnu s390x ;;
net)
	"$0" x86_64
	need memcached=memcached iperf3=iperf3 ldd=libc-bin gcc=gcc ;;
perf)
	"$0" um
	need perf=linux-perf ;;
pc)
	"$0" x86_64
	need iasl=acpica-tools ;;
um)
	need qemu-storage-daemon=qemu-system-common taskset=util-linux gcc=gcc ;;
xen)
	"$0" x86_64
	need dpkg-deb=dpkg gzip=gzip
	"$TOP/scripts/foreign.sh" xen-4.17 ;;
*)
	die "usage: ${0##*/} [arm|arm64|i386|net|pc|perf|riscv|s390|um|x86_64|xen]" ;;
esac
