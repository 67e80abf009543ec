#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch programs for guests from Debian into the cache, foreign/<name>, without installing
# them. ARCH is the kernel's name of an architecture:
#
#	busybox-ARCH	static busybox
#	fio-ARCH	fio and the libraries that it calls in a guest; the C library is that of the
#			cross compiler
#	xen-4.17	the hypervisor, uncompressed; once installed, it would boot on the host

# shellcheck disable=SC2317 # a trap calls it
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$(dirname "$0")/apt.sh"

temp=

cleanup() {
	[[ -z $temp ]] || rm -rf "$temp"
}

# choose_debian ARCH: set $arch and $suite to those of Debian, or fail.
choose_debian() {
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	case $1 in
	arm64 | i386) arch=$1 ;;
	arm) arch=armhf ;;
	# Debian 12 has no riscv64.
	riscv) arch=riscv64 suite=trixie ;;
	s390) arch=s390x ;;
	*) return 1 ;;
	esac
}

# unpack_file MEMBER: print a file of the package that was fetched
unpack_file() {
	dpkg-deb --fsys-tarfile "$temp"/*.deb | tar -xO --wildcards "$1"
}

fetch_busybox() {
	fetch_deb "$arch" "$suite" busybox-static
	# In /bin or, from Debian 13 on, in /usr/bin
	unpack_file './*bin/busybox' >"$temp/new"
	chmod 755 "$temp/new"
}

fetch_fio() {
	local deb

	fetch_deb "$arch" "$suite" fio libaio1 libnuma1 zlib1g
	mkdir "$temp/root" "$temp/new"
	for deb in "$temp"/*.deb; do
		dpkg-deb -x "$deb" "$temp/root"
	done
	cp "$temp/root/usr/bin/fio" "$temp/new/"
	# In /lib or in /usr/lib; cp fails if it is nowhere.
	shopt -s nullglob
	cp -L "$temp"/root/{usr/,}lib/*/lib{aio,numa,z}.so.* "$temp/new/"
}

fetch_xen() {
	fetch_deb amd64 bookworm xen-hypervisor-4.17-amd64
	unpack_file ./boot/xen-4.17-amd64.gz | gzip -dc >"$temp/new"
}

# bash reads all of main() before it runs main(), so this file may be edited meanwhile.
main() {
	local name=${1:-} arch suite fetch target

	fetch=fetch_${name%%-*}
	case $name in
	busybox-* | fio-arm64) choose_debian "${name#*-}" || fetch= ;;
	xen-4.17) ;;
	*) fetch= ;;
	esac
	[[ $fetch ]] || die "usage: ${0##*/} busybox-{arm,arm64,i386,riscv,s390}|fio-arm64|xen-4.17"

	need python3=python3 flock=util-linux
	CACHE=$(cache_dir)
	target=$CACHE/foreign/$name
	[[ ! -e $target ]] || exit 0
	mkdir -p "$CACHE/foreign" "$CACHE/log"
	trap cleanup EXIT
	lock "$CACHE/foreign/.lock" "programs for guests"
	[[ ! -e $target ]] || exit 0

	temp=$(mktemp -d "$CACHE/foreign/.tmp.XXXXXX")
	"$fetch"
	if [[ -d $temp/new ]]; then
		mv -T "$temp/new" "$target"
	else
		publish "$temp/new" "$target"
	fi
	exit
}

main "$@"
