#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch Debian's fio for another architecture into the cache, for guests:
# foreign/fio-<arch>, a directory with fio and the libraries that it calls there, except for
# the C library, which is that of the compiler.

# shellcheck disable=SC2317 # a trap calls it
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$(dirname "$0")/apt.sh"

PACKAGES=(fio libaio1 libnuma1 zlib1g)
temp=

cleanup() {
	[[ -z $temp ]] || rm -rf "$temp"
}

# All code is in a function, which bash reads as a whole.
main() {
	local arch=${1:-} suite target deb

	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	[[ $arch == arm64 ]] || die "usage: ${0##*/} arm64"
	need python3=python3 flock=util-linux
	CACHE=$(cache_dir)
	target=$CACHE/foreign/fio-$arch
	[[ ! -d $target ]] || exit 0
	mkdir -p "$CACHE/foreign" "$CACHE/log"
	trap cleanup EXIT
	lock "$CACHE/foreign/.lock" "programs for $arch"
	[[ ! -d $target ]] || exit 0

	temp=$(mktemp -d "$CACHE/foreign/.tmp.XXXXXX")
	fetch_deb "$arch" "$suite" "${PACKAGES[@]}"
	mkdir "$temp/root" "$temp/fio"
	for deb in "$temp"/*.deb; do
		dpkg-deb -x "$deb" "$temp/root"
	done
	find "$temp/root" -path '*/bin/fio' -exec cp {} "$temp/fio/" \;
	find "$temp/root" \( -name 'libaio.so.*' -o -name 'libnuma.so.*' -o -name 'libz.so.*' \) \
		-exec cp -L {} "$temp/fio/" \;
	mv -T "$temp/fio" "$target"
	exit
}

main "$@"
