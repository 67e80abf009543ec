#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build guest kernels: build/kernels/<name>.bzImage and .map, the System.map, links into
# build/<name>/.
#
# <name> is base or ours, then fragments of the configuration: ours-debug is
# ours with debug.config on top of kernel.config. Each tree is built in a
# directory inside its own source, so that the compiler sees the same relative
# names whatever the tree, the checkout or the cache: with ccache, building the
# second kernel then compiles only the files that differ.
#
# A part that names one of arch/*.config selects that architecture, as in ours-arm64;
# the default is the host's. A part may have more options for one architecture, as
# coco/arm64.config on top of coco.config. If there are patches for a part, as patches/um-7.3
# for User Mode Linux, patches/coco-7.3 for coco.config or patches/pc-7.3 for pc.config, they
# are applied before all others.
#
# LINUX=6.12 and LINUX=6.1 build base and base-fixes of these kernels, in build/linux-6.12 and
# so on. Options that such a kernel does not have are left out.

# shellcheck disable=SC2317 # functions are called by name, through run_logged
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=kbuild.sh
. "$(dirname "$0")/kbuild.sh"

# As for base.sh. The kernels of another version have a directory of their own.
VERSION=${LINUX:-7.3}
BUILD=$TOP/build
[[ $VERSION == 7.3 ]] || BUILD+=/linux-$VERSION
CONFIGS=$TOP/tools/testing/selftests/swiotlb/qemu
PATCHES=$TOP/patches/7.3
temp=

usage() {
	cat <<EOF
Usage: ${0##*/} NAME...
Build build/kernels/NAME.bzImage. NAME: base or ours, with any of
$(cd "$CONFIGS" && for f in *.config; do [[ $f == kernel.config ]] || printf ' -%s' "${f%.config}"; done)
and an architecture other than the host's,
$(cd "$CONFIGS/arch" && for f in *.config; do printf ' -%s' "${f%.config}"; done)
after it, as in ours-debug or base-mapbench-um. base-<subset>, with a subset of
$(cd "$PATCHES" && for f in series.*; do printf ' %s' "${f#series.}"; done)
is the base with the entries of patches/7.3/series.<subset>, and base-fixes that
with the patches of patches/fixes-7.3; ours-<number> has the
series up to the entry with that number.
EOF
	exit "${1:-0}"
}

# config_of PART: print the path of its configuration.
config_of() {
	if [[ -f $CONFIGS/arch/$1.config ]]; then
		echo "$CONFIGS/arch/$1.config"
	else
		echo "$CONFIGS/$1.config"
	fi
}

# subsets NAME: print the parts of NAME that select patches, one per line.
subsets() {
	local part parts

	IFS=- read -ra parts <<<"$1"
	for part in "${parts[@]:1}"; do
		if [[ ${parts[0]} == base && -f $PATCHES/series.$part ||
			${parts[0]} == base && -f $TOP/patches/$part-$VERSION/series ||
			${parts[0]} == ours && $part =~ ^[0-9]{4}$ ||
			-f $(config_of "$part") && -f $TOP/patches/$part-$VERSION/series ]]; then
			echo "$part"
		fi
	done
}

# tree_of NAME: print the composed tree that the kernel is built from.
tree_of() {
	local subsets

	mapfile -t subsets < <(subsets "$1")
	printf '%s' "${1%%-*}" "${subsets[@]/#/-}"
}

# arch_of NAME: print the architecture of the kernel.
arch_of() {
	local part parts

	IFS=- read -ra parts <<<"$1"
	for part in "${parts[@]:1}"; do
		if [[ -f $CONFIGS/arch/$part.config ]]; then
			echo "$part"
			return
		fi
	done
	uname -m
}

# fragments NAME: print the files of its configuration, in the order of the merge.
fragments() {
	local arch part parts

	IFS=- read -ra parts <<<"$1"
	arch=$(arch_of "$1")
	echo "$CONFIGS/kernel.config"
	[[ $VERSION == 7.3 ]] || echo "$CONFIGS/older.config"
	echo "$CONFIGS/arch/$arch.config"
	for part in "${parts[@]:1}"; do
		[[ $part != "$arch" ]] || continue
		if [[ -f $CONFIGS/$part.config ]] || ! subsets "$1" | grep -x "$part" >/dev/null; then
			echo "$CONFIGS/$part.config"
		fi
		[[ ! -f $CONFIGS/$part/$arch.config ]] || echo "$CONFIGS/$part/$arch.config"
	done
}

# Print the path at which a finished image of the base is kept for other checkouts, or
# nothing for a tree outside of the cache, since such a tree may change. "System.map" is a
# part of the key because older versions of this script cached images without it.
cached_image() {
	[[ $tree != base || ! -f $base.sha256 ]] ||
		echo "$CACHE/kernels/$(printf '%s\n' "${base##*/}" "$name" "$config" "$TOOLCHAIN" System.map | sha256sum | cut -c 1-24)"
}

# use_cached DIRECTORY: use the image of another checkout, or an older one of this checkout.
use_cached() {
	mkdir -p "$(dirname "$image")"
	cp "$1/config" "$BUILD/$name/.config"
	cp "$1/System.map" "$BUILD/$name/System.map"
	cp "$1/bzImage" "$image.tmp"
	publish "$image.tmp" "$image"
}

# store DIRECTORY: store the image there, completely or not at all.
store() {
	[[ ! -d $1 ]] || return 0
	mkdir -p "$CACHE/kernels"
	temp=$(mktemp -d "$CACHE/kernels/.tmp.XXXXXX")
	cp -L "$image" "$temp/bzImage"
	cp "$out/.config" "$temp/config"
	cp "$out/System.map" "$temp/System.map"
	chmod 755 "$temp"
	mv -T "$temp" "$1" 2>/dev/null || rm -rf "$temp"
}

compile() {
	msg BUILD "$name"
	run_logged "build $name" "$out/build.log" 300 1320 kbuild -j"$(nproc)" "${boot_image##*/}"
	# Warnings about the code under test are always shown.
	grep -A 3 -E '(kernel/dma|include/linux/swiotlb|include/trace/events/swiotlb).*: warning:' "$out/build.log" >&2 || :
}

compose() {
	python3 "$TOP/scripts/compose.py" --base "$base" --build "$BUILD" "$tree"
}

# build: the caller sets name, tree, config and base.
build() {
	local key src=$BUILD/src-$tree out=$BUILD/src-$tree/O-$name image cached

	image=$BUILD/$name/$boot_image
	cached=$(cached_image)
	if [[ $cached && -d $cached ]]; then
		key=${cached##*/}
		up_to_date && return
		[[ ! -L $BUILD/$name ]] || rm "$BUILD/$name"
		mkdir -p "$BUILD/$name"
		msg CACHED "$name"
		use_cached "$cached"
	else
		compose
		key=$(printf '%s\n' "$(cat "$src.sum")" "$name" "$config" "$TOOLCHAIN" | sha256sum)
		up_to_date && return
		[[ $tree != base ]] || "$TOP/scripts/base.sh" --verify >/dev/null
		mkdir -p "$out"
		[[ -L $BUILD/$name ]] || rm -rf "${BUILD:?}/$name"
		ln -sfn "src-$tree/O-$name" "$BUILD/$name"
		if [[ ! -f $out/.config || $(cat "$out/fragments.config" 2>/dev/null) != "$config" ]]; then
			configure
		fi
		compile
		[[ -z $cached ]] || store "$cached"
	fi
	ln -sfn "../$name/$boot_image" "$BUILD/kernels/$name.bzImage"
	ln -sfn "../$name/System.map" "$BUILD/kernels/$name.map"
	echo "$key" >"$BUILD/kernels/.$name.key.tmp"
	publish "$BUILD/kernels/.$name.key.tmp" "$BUILD/kernels/.$name.key"
}

up_to_date() {
	[[ -f $image && -f $BUILD/kernels/$name.bzImage && -f $BUILD/kernels/$name.map && $(cat "$BUILD/kernels/.$name.key" 2>/dev/null) == "$key" ]]
}

cleanup() {
	[[ -z ${temp:-} ]] || rm -rf "$temp"
}

check_name() {
	local file

	[[ $1 =~ ^(base|ours)(-[a-z0-9]+)*$ ]] || die "no such kernel: $1 (base or ours, then -<fragment>...)"
	while read -r file; do
		[[ -f $file ]] || die "no such kernel: $1: there is no ${file#"$TOP"/}"
	done < <(fragments "$1")
}

# bash reads all of main() before it runs main(), so this file may be edited meanwhile.
main() {
	local files

	[[ $# -gt 0 ]] || usage 1 >&2
	[[ $1 != -h && $1 != --help ]] || usage
	for name; do
		check_name "$name"
	done
	need python3=python3 git=git gcc=gcc make=make /usr/include/stdio.h=libc6-dev bison=bison \
		flex=flex bc=bc ccache=ccache perl=perl /usr/include/gelf.h=libelf-dev flock=util-linux
	CACHE=$(cache_dir)
	trap cleanup EXIT
	mkdir -p "$BUILD/kernels"
	base=$("$TOP/scripts/base.sh")
	lock "$BUILD/kernels/.lock" "the kernels of this checkout"
	for name; do
		tree=$(tree_of "$name")
		set_arch "$(arch_of "$name")"
		mapfile -t files < <(fragments "$name")
		config=$(merge "${files[@]}")
		build
	done
	exit
}

main "$@"
