# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Shared by the repository's own shell scripts: quiet output, a heartbeat around long
# commands, locks, the place of the cache, missing packages. Sourced after
# "set -euo pipefail". All output is written to stderr, so that stdout stays free for
# a result.

# shellcheck disable=SC2034 # used by the scripts that source this file
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
V=${V:-}
HEARTBEAT_SECONDS=${HEARTBEAT_SECONDS:-10}

# msg VERB what: print one quiet line in the format of kbuild.
msg() {
	printf '  %-7s %s\n' "$1" "${*:2}" >&2
}

die() {
	local red='' plain=''

	if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
		red=$'\e[31m' plain=$'\e[0m'
	fi
	printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
	[[ $# -lt 2 ]] || printf '       %s\n' "${@:2}" >&2
	exit 1
}

verbose() {
	[[ $V == 1 ]]
}

# cache_dir: print the directory for files that outlast a checkout.
cache_dir() {
	local dir=${SWIOTLB_CACHE:-}

	if [[ -z $dir ]]; then
		[[ -n ${XDG_CACHE_HOME:-}${HOME:-} ]] ||
			die "HOME is not set: set SWIOTLB_CACHE to a directory for downloads and finished builds"
		dir=${XDG_CACHE_HOME:-$HOME/.cache}/swiotlb
	fi
	mkdir -p "$dir" || die "cannot create the cache directory $dir (SWIOTLB_CACHE sets another)"
	(cd "$dir" && pwd -P)
}

# lock FILE what: lock FILE until this script and its children have ended: they inherit the
# descriptor on purpose, so that a build that outlives the script keeps the lock.
lock() {
	local fd

	mkdir -p "$(dirname "$1")"
	exec {fd}>>"$1"
	if ! flock -n "$fd"; then
		msg WAIT "another run is at work on $2"
		flock "$fd"
	fi
}

# publish TEMP FINAL: rename TEMP to FINAL, so that FINAL is always complete. A file is
# replaced in one step; a directory must not exist yet.
publish() {
	[[ ! -d $2 || -L $2 ]] || die "$2 is in the way of $1"
	sync -f "$1"
	mv -T "$1" "$2"
}

clock() {
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# time_left ELAPSED LOG OLD_SECONDS OLD_LINES: estimate from the lines of output of the
# last such run or, if it printed almost nothing, from its time.
time_left() {
	local elapsed=$1 lines left

	lines=$(wc -l <"$2")
	if (($4 >= 50 && lines >= 5)); then
		left=$((lines < $4 ? elapsed * ($4 - lines) / lines : 0))
	else
		left=$(($3 - elapsed))
	fi
	if ((left > 0)); then
		printf 'about %s left' "$(clock "$left")"
	else
		printf 'nearly done'
	fi
}

stop_job() {
	kill -TERM -- "-$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

# heartbeat PID WHAT LOG OLD_SECONDS OLD_LINES: print a line now and then while PID runs.
heartbeat() {
	local start=$SECONDS next=$((SECONDS + HEARTBEAT_SECONDS))

	while kill -0 "$1" 2>/dev/null; do
		sleep 0.2
		((SECONDS >= next)) || continue
		next=$((SECONDS + HEARTBEAT_SECONDS))
		msg '' "$2: $(clock $((SECONDS - start))) elapsed, $(time_left $((SECONDS - start)) "$3" "$4" "$5")"
	done
}

# interrupted SIGNAL PID: stop the command, then exit by the same signal, so that the
# parent of this script stops, too.
interrupted() {
	stop_job "$2"
	trap - "$1"
	kill -"$1" "$BASHPID"
}

# disk_full LOG: true if the command reported a full disk or, as the log may be cut off,
# if almost no space is left.
disk_full() {
	grep -q 'No space left on device' "$1" ||
		(($(df --output=avail -k "$(dirname "$1")" | tail -n 1) < 1024))
}

failed() {
	local what=$1 log=$2

	if disk_full "$log"; then
		die "$what: the disk is full" "$(df -h --output=source,size,avail,target "$(dirname "$log")" | tail -n 1)" "log: $log"
	fi
	verbose || tail -n 25 "$log" | sed 's/^/    /' >&2
	die "$what failed" "log: $log"
}

# try_logged WHAT LOG SECONDS LINES command...: run a long command with its
# output in LOG. SECONDS and LINES are the first estimate; later runs use the values of
# the last run. On Ctrl-C the whole process group of the command is killed, and the EXIT
# trap of the caller cleans up.
try_logged() {
	local what=$1 log=$2 seconds=$3 lines=$4 start=$SECONDS rc=0 pid known signal

	shift 4
	known=$(cache_dir)/took/${what//[^A-Za-z0-9.-]/_}
	mkdir -p "$(dirname "$log")" "$(dirname "$known")"
	if verbose; then
		"$@" </dev/null 2>&1 | tee "$log" >&2
		return
	fi
	[[ ! -s $known ]] || read -r seconds lines <"$known"
	set -m
	"$@" </dev/null >"$log" 2>&1 &
	pid=$!
	set +m
	for signal in INT TERM HUP; do
		# shellcheck disable=SC2064 # expand the pid now
		trap "interrupted $signal $pid" "$signal"
	done
	heartbeat "$pid" "$what" "$log" "$seconds" "$lines"
	wait "$pid" || rc=$?
	trap - INT TERM HUP
	((rc == 0)) || return "$rc"
	# Only an estimate for the next run: ignore errors.
	if ! { echo "$((SECONDS - start)) $(wc -l <"$log")" >"$known.$$" && mv "$known.$$" "$known"; } 2>/dev/null; then
		rm -f "$known.$$"
	fi
}

# run_logged: as try_logged, but exit on failure.
run_logged() {
	try_logged "$@" || failed "$1" "$2"
}

have() {
	if [[ $1 == */* ]]; then
		[[ -e $1 ]]
	else
		command -v "$1" >/dev/null
	fi
}

apt_lists_fresh() {
	[[ -n $(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -7 -print -quit 2>/dev/null) ]]
}

apt_install() {
	local log apt=(apt-get -o "DPkg::Lock::Timeout=300" -y)

	log=$(cache_dir)/log/apt-get.log
	export DEBIAN_FRONTEND=noninteractive
	msg INSTALL "$*"
	apt_lists_fresh || run_logged "apt-get update" "$log" 10 0 "${apt[@]}" update
	run_logged "apt-get install" "$log" 30 0 "${apt[@]}" install --no-install-recommends "$@"
}

# need TOOL=PACKAGE...: TOOL is a command or, with a slash in it, a file. Install missing
# packages as root; otherwise print the command that installs them.
need() {
	local pair packages=()

	for pair; do
		have "${pair%%=*}" || packages+=("${pair#*=}")
	done
	((${#packages[@]})) || return 0
	mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
	have apt-get || die "missing: what Debian has in the packages ${packages[*]}"
	((EUID == 0)) || die "missing packages; install them with:" \
		"sudo apt-get install --no-install-recommends ${packages[*]}"
	apt_install "${packages[@]}"
	for pair; do
		have "${pair%%=*}" || die "${pair%%=*} is still missing after the installation of ${pair#*=}"
	done
}
