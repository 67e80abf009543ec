# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# An apt that knows other suites or architectures than the system's. Sourced
# after lib.sh.

# private_apt DIRECTORY: set apt to the options that make it use nothing of the
# system's but its keys, and keep everything in DIRECTORY.
private_apt() {
	local root=$1

	mkdir -p "$root"/{lists/partial,archives/partial,sources}
	: >"$root/status"
	apt=(-o "Dir::State=$root" -o "Dir::State::lists=$root/lists" -o "Dir::State::status=$root/status"
		-o "Dir::Cache=$root" -o "Dir::Cache::archives=$root/archives"
		-o "Dir::Etc::sourceparts=-" -o "Dir::Etc::preferences=-" -o "Dir::Etc::preferencesparts=-"
		-o "Acquire::Languages=none" -o "Acquire::Retries=3" -o "APT::Update::Error-Mode=any")
	# The cache may be closed to the user that root's apt drops to.
	((EUID)) || apt+=(-o "APT::Sandbox::User=root")
}
