#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch Debian's static busybox for another architecture into the cache, for guests:
# foreign/busybox-<arch>, where <arch> is the kernel's name of the architecture.

# shellcheck disable=SC2317 # a trap calls it
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$(dirname "$0")/apt.sh"

PACKAGE=busybox-static
temp=

cleanup() {
	[[ -z $temp ]] || rm -rf "$temp"
}

# All code is in a function, which bash reads as a whole.
main() {
	local arch=${1:-} debian suite file

	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	case $arch in
	arm64 | i386) debian=$arch ;;
	arm) debian=armhf ;;
	# Debian 12 was not released for it.
	riscv) debian=riscv64 suite=trixie ;;
	s390) debian=s390x ;;
	*) die "usage: ${0##*/} arm|arm64|i386|riscv|s390" ;;
	esac
	need python3=python3 flock=util-linux
	CACHE=$(cache_dir)
	file=$CACHE/foreign/busybox-$arch
	[[ ! -f $file ]] || exit 0
	mkdir -p "$CACHE/foreign" "$CACHE/log"
	trap cleanup EXIT
	lock "$CACHE/foreign/.lock" "busybox for $arch"
	[[ ! -f $file ]] || exit 0

	temp=$(mktemp -d "$CACHE/foreign/.tmp.XXXXXX")
	fetch_deb "$debian" "$suite" "$PACKAGE"
	# In /bin or, from Debian 13 on, in /usr/bin
	dpkg-deb --fsys-tarfile "$temp"/*.deb | tar -xO --wildcards './*bin/busybox' >"$temp/busybox"
	chmod 755 "$temp/busybox"
	publish "$temp/busybox" "$file"
	exit
}

main "$@"
