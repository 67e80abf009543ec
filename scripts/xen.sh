#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch Debian's Xen into the cache, for guests: foreign/xen-4.17, uncompressed. The
# package is not installed, because the host would then boot Xen.

# shellcheck disable=SC2317 # a trap calls it
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$(dirname "$0")/apt.sh"

SUITE=bookworm
PACKAGE=xen-hypervisor-4.17-amd64
IMAGE=./boot/xen-4.17-amd64.gz
temp=

cleanup() {
	[[ -z $temp ]] || rm -rf "$temp"
}

# All code is in a function, which bash reads as a whole.
main() {
	local file

	[[ $# == 0 ]] || die "usage: ${0##*/}"
	need python3=python3 flock=util-linux
	CACHE=$(cache_dir)
	file=$CACHE/foreign/xen-4.17
	[[ ! -f $file ]] || exit 0
	mkdir -p "$CACHE/foreign" "$CACHE/log"
	trap cleanup EXIT
	lock "$CACHE/foreign/.lock" "what comes from Debian for guests"
	[[ ! -f $file ]] || exit 0

	temp=$(mktemp -d "$CACHE/foreign/.tmp.XXXXXX")
	fetch_deb amd64 "$SUITE" "$PACKAGE"
	dpkg-deb --fsys-tarfile "$temp"/*.deb | tar -xO "$IMAGE" | gzip -dc >"$temp/xen"
	publish "$temp/xen" "$file"
	exit
}

main "$@"
