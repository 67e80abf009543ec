# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetch packages of other suites or architectures than those of the system, with a private
# apt. Sourced after lib.sh. The caller sets CACHE and temp.

# private_apt DIRECTORY: set $apt to options for apt-get, which then uses nothing of the
# system but its keys, and keeps everything in DIRECTORY.
private_apt() {
	local root=$1

	mkdir -p "$root"/{lists/partial,archives/partial,sources}
	: >"$root/status"
	apt=(-o "Dir::State=$root" -o "Dir::State::lists=$root/lists" -o "Dir::State::status=$root/status"
		-o "Dir::Cache=$root" -o "Dir::Cache::archives=$root/archives"
		-o "Dir::Etc::sourceparts=-" -o "Dir::Etc::preferences=-" -o "Dir::Etc::preferencesparts=-"
		-o "Acquire::Languages=none" -o "Acquire::Retries=3" -o "APT::Update::Error-Mode=any")
	# As root, apt would download as another user, which may have no access to the cache.
	((EUID)) || apt+=(-o "APT::Sandbox::User=root")
}

# shellcheck disable=SC2154,SC2317 # $temp is the caller's; called through run_logged
deb_download() {
	cd "$temp" && apt-get "${apt[@]}" download "$@"
}

# fetch_deb ARCH SUITE PACKAGE...: download Debian's packages for ARCH into $temp.
fetch_deb() {
	local arch=$1 suite=$2 root=$CACHE/apt-$1 log=$CACHE/log/$3.log

	shift 2
	have apt-get || die "no apt-get here to fetch $1 with"
	private_apt "$root"
	apt+=(-o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
		-o "Dir::Etc::sourcelist=$root/sources/00-$suite.sources")
	python3 "$TOP/scripts/debian_mirror.py" "$root/sources" "$suite" >/dev/null ||
		die "cannot tell where to fetch $1 for $arch from"
	msg FETCH "$* for $arch"
	run_logged "apt-get update" "$log" 15 0 apt-get "${apt[@]}" update
	run_logged "apt-get download" "$log" 10 0 deb_download "$@"
}
