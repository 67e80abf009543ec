#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Have Debian's static busybox for another architecture in the cache, for
# guests: foreign/busybox-<arch>, by the kernel's name of it.

# shellcheck disable=SC2154,SC2317 # $apt is private_apt's; called through run_logged
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

update() {
	apt-get "${apt[@]}" update
}

download() {
	cd "$temp" && apt-get "${apt[@]}" download "$PACKAGE"
}

# All in a function, which bash reads whole.
main() {
	local arch=${1:-} root suite log file

	case $arch in
	i386 | arm64) ;;
	*) die "usage: ${0##*/} i386|arm64" ;;
	esac
	have apt-get || die "no apt-get here to fetch $PACKAGE with"
	need python3=python3 flock=util-linux
	CACHE=$(cache_dir)
	file=$CACHE/foreign/busybox-$arch
	[[ ! -f $file ]] || exit 0
	mkdir -p "$CACHE/foreign" "$CACHE/log"
	trap cleanup EXIT
	lock "$CACHE/foreign/.lock" "busybox for $arch"
	[[ ! -f $file ]] || exit 0

	root=$CACHE/apt-$arch
	log=$CACHE/log/busybox.log
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	private_apt "$root"
	apt+=(-o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
		-o "Dir::Etc::sourcelist=$root/sources/00-$suite.sources")
	python3 "$TOP/scripts/debian_mirror.py" "$root/sources" "$suite" >/dev/null ||
		die "cannot tell where to fetch $PACKAGE for $arch from"
	temp=$(mktemp -d "$CACHE/foreign/.tmp.XXXXXX")
	msg FETCH "$PACKAGE for $arch"
	run_logged "apt-get update" "$log" 15 0 update
	run_logged "apt-get download" "$log" 10 0 download
	dpkg-deb --fsys-tarfile "$temp"/*.deb | tar -xO ./bin/busybox >"$temp/busybox"
	chmod 755 "$temp/busybox"
	publish "$temp/busybox" "$file"
	exit
}

main "$@"
