#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Print the path of a pristine tree of the base kernel, Linux 7.3.x; fetch it
# first if the cache has none. KSRC=/path/to/tree-or-tarball overrides it. LINUX=6.12
# and LINUX=6.1 are the long-term kernels of patches/fixes-6.12 and fixes-6.1.
#
# In the cache:
#	base/<name>/		one tree, published by rename when it is complete
#	base/<name>.sha256	the checksum of each of its files
#	base/<name>.from	the archive it was unpacked from, with its checksum
#	base/current		the name of the tree from Debian's package (current-6.12: of 6.12)
#	apt/			a private apt root: own lists, cache and sources

# shellcheck disable=SC2317 # functions are called by name, through run_logged
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt.sh
. "$(dirname "$0")/apt.sh"

SERIES=${LINUX:-7.3}
PACKAGE=linux-source-$SERIES
case $SERIES in
7.3)
	SUITES=(trixie-backports sid)
	CURRENT=current ;;
*)
	SUITES=(bookworm trixie)
	CURRENT=current-$SERIES ;;
esac
temp=

usage() {
	cat <<EOF
Usage: ${0##*/} [--verify]
Print the path of a pristine Linux $SERIES tree, fetching it if needed.
  --verify  check every file of the tree against the recorded checksums
  KSRC=     use this tree or tarball instead
EOF
	exit "${1:-0}"
}

# version_of TREE: "7.3.4", or nothing if TREE is not a kernel tree.
version_of() {
	[[ -f $1/Kbuild && -f $1/Makefile ]] || return 0
	sed -n 's/^VERSION *= *//p;s/^PATCHLEVEL *= *//p;s/^SUBLEVEL *= *//p;6q' "$1/Makefile" |
		paste -sd.
}

check_version() {
	local version

	version=$(version_of "$1")
	[[ -n $version ]] || die "$2 is not a kernel tree (it has no Makefile or no Kbuild)"
	[[ $version.x == "$SERIES".* ]] ||
		die "wrong base: $2 is Linux $version, and the series is for $SERIES"
}

check_unbuilt() {
	local left

	for left in .config include/config arch/x86/include/generated; do
		[[ ! -e $1/$left ]] ||
			die "KSRC=$1 has been built in (it has $left)" "run 'make mrproper' there, or give a clean tree"
	done
}

cleanup() {
	[[ -z ${temp:-} ]] || rm -rf "$temp"
}

# manifest_into TREE FILE: write the checksum of each file of TREE, in a stable order.
manifest_into() {
	(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -n 4096 sha256sum) >"$2"
}

unpack_tar() {
	tar -xf "$1" -C "$2" --strip-components=1
}

unpack_deb() {
	dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$PACKAGE.tar.xz" |
		tar -xJ -C "$2" --strip-components=1
}

new_temp() {
	rm -rf "$BASES"/.tmp.*
	temp=$(mktemp -d "$BASES/.tmp.XXXXXX")
	mkdir "$temp/tree"
}

# unpack HOW ARCHIVE NAME FROM: publish base/NAME, after its checksums.
unpack() {
	msg UNPACK "$4"
	run_logged "unpack base" "$CACHE/log/unpack.log" 60 0 "$1" "$2" "$temp/tree"
	check_version "$temp/tree" "$4"
	run_logged "checksums of base" "$CACHE/log/manifest.log" 15 0 \
		manifest_into "$temp/tree" "$temp/sha256"
	printf '%s\n' "$4" >"$temp/from"
	publish "$temp/sha256" "$BASES/$3.sha256"
	publish "$temp/from" "$BASES/$3.from"
	publish "$temp/tree" "$BASES/$3"
}

apt_download() {
	cd "$1" && apt-get "${apt[@]}" -o "Dir::Etc::sourcelist=$2" download "$PACKAGE"
}

apt_update() {
	apt-get "${apt[@]}" -o "Dir::Etc::sourcelist=$1" update
}

# try_suite SOURCES: download the package into $temp if this suite has it.
try_suite() {
	local suite log=$CACHE/log/fetch.log

	suite=$(sed -n 's/^Suites: //p' "$1")
	msg FETCH "package lists of $suite"
	if ! try_logged "apt-get update" "$log" 15 0 apt_update "$1"; then
		tried+=("$suite: its lists could not be had: $(grep -m 1 '^[EW]:' "$log" || :)")
		return 1
	fi
	if ! apt-cache "${apt[@]}" -o "Dir::Etc::sourcelist=$1" show "$PACKAGE" >/dev/null 2>&1; then
		tried+=("$suite: has no $PACKAGE")
		return 1
	fi
	msg FETCH "$PACKAGE from $suite"
	run_logged "apt-get download" "$log" 60 0 apt_download "$temp" "$1"
}

fetch() {
	local sources mirror tried=() found='' deb sum version

	have apt-get || die "no apt-get here to fetch $PACKAGE with" \
		"set KSRC to a Linux $SERIES tree or tarball"
	private_apt "$CACHE/apt"
	mirror=$(python3 "$TOP/scripts/debian_mirror.py" "$CACHE/apt/sources" "${SUITES[@]}") ||
		die "cannot tell where to fetch $PACKAGE from" "set KSRC to a Linux $SERIES tree or tarball"
	new_temp
	for sources in "$CACHE"/apt/sources/*.sources; do
		if try_suite "$sources"; then
			found=y
			break
		fi
	done
	[[ $found ]] || die "no Linux $SERIES to be had: looked for the package $PACKAGE at $mirror" \
		"${tried[@]}" "set KSRC to a Linux $SERIES tree or tarball"
	deb=$(echo "$temp"/*.deb)
	sum=$(sha256sum "$deb")
	version=$(dpkg-deb -f "$deb" Version)
	unpack unpack_deb "$deb" "debian-$version-${sum:0:12}" "$PACKAGE $version sha256:${sum%% *}"
	echo "debian-$version-${sum:0:12}" >"$BASES/.$CURRENT"
	publish "$BASES/.$CURRENT" "$BASES/$CURRENT"
}

from_debian() {
	local name

	name=$(cat "$BASES/$CURRENT" 2>/dev/null || :)
	if [[ -z $name || ! -d $BASES/$name ]]; then
		lock "$BASES/.lock" "the base in $BASES"
		name=$(cat "$BASES/$CURRENT" 2>/dev/null || :)
		[[ -n $name && -d $BASES/$name ]] || fetch
		name=$(cat "$BASES/$CURRENT")
	fi
	base=$BASES/$name
}

from_tarball() {
	local sum name

	sum=$(sha256sum "$KSRC")
	name=tarball-${sum:0:16}
	if [[ ! -d $BASES/$name ]]; then
		lock "$BASES/.lock" "the base in $BASES"
		if [[ ! -d $BASES/$name ]]; then
			new_temp
			unpack unpack_tar "$KSRC" "$name" "$KSRC sha256:${sum%% *}"
		fi
	fi
	base=$BASES/$name
}

from_tree() {
	base=$(cd "$KSRC" && pwd -P)
	check_version "$base" "KSRC=$KSRC"
	check_unbuilt "$base"
}

sums_ok() {
	cd "$base" && sha256sum --quiet -c "$base.sha256"
}

# bash reads all of main() before it runs main(), so this file may be edited meanwhile.
main() {
	local verify=

	case ${1:-} in
	'') ;;
	--verify) verify=y ;;
	-h | --help) usage ;;
	*) usage 1 >&2 ;;
	esac

	need python3=python3 flock=util-linux tar=tar xz=xz-utils
	CACHE=$(cache_dir)
	BASES=$CACHE/base
	mkdir -p "$BASES" "$CACHE/log"
	trap cleanup EXIT

	if [[ -z ${KSRC:-} ]]; then
		from_debian
	elif [[ -d $KSRC ]]; then
		from_tree
	elif [[ -f $KSRC ]]; then
		from_tarball
	else
		die "KSRC=$KSRC is neither a directory nor a file"
	fi
	if [[ $verify && -f $base.sha256 ]]; then
		msg VERIFY "$base"
		try_logged "verify base" "$CACHE/log/verify.log" 15 0 sums_ok ||
			die "the base in the cache was changed; remove $base to have it fetched again"
	fi
	echo "$base"
	exit
}

main "$@"
