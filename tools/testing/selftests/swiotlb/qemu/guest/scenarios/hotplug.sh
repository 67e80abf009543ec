# shellcheck shell=dash disable=SC1091,SC2153 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run lib/verify.sh on all disks of $DISKS at once, while CPUs go offline and online: one at
# a time, then all but the first. The load is repeated until ROUNDS of these are done.
# SIZE as in verify.sh.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /lib/leaks.sh
. /etc/run.conf

CPUS=$(seq 1 $(($(nproc) - 1)))

# cpus 0|1 CPU...
cpus()
{
	state=$1
	shift
	for cpu; do
		echo "$state" > "/sys/devices/system/cpu/cpu$cpu/online" ||
			fail "CPU $cpu cannot be set to $state"
	done
}

# The load ends with this function, even if it fails.
hotplug()
{
	trap 'rm -f /tmp/.loaded' EXIT
	rounds=0
	while [ -e /tmp/.loaded ]; do
		for cpu in $CPUS; do
			cpus 0 "$cpu"
			cpus 1 "$cpu"
		done
		# shellcheck disable=SC2086 # numbers
		cpus 0 $CPUS
		[ "$(cat /sys/devices/system/cpu/online)" = 0 ] ||
			fail "CPUs stay: $(cat /sys/devices/system/cpu/online)"
		# shellcheck disable=SC2086
		cpus 1 $CPUS
		rounds=$((rounds + 1))
		echo "$rounds" > /tmp/rounds
	done
}

load()
{
	while read -r past < /tmp/rounds && [ "$past" -lt "$ROUNDS" ] && [ -e /tmp/.loaded ]; do
		verify "$1" "$2"
	done
}

[ -n "$CPUS" ] || fail "one CPU only"
for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
done

touch /tmp/.loaded
echo 0 > /tmp/rounds
hotplug &
looping=$!
pids=
for disk in $DISKS; do
	load "$disk" "$(disk_node "$disk")" &
	pids="$pids $!"
done
failures=0
for pid in $pids; do
	wait "$pid" || failures=$((failures + 1))
done
rm -f /tmp/.loaded
wait $looping || failures=$((failures + 1))
[ "$failures" = 0 ] || fail "$failures of the loads and the loop of CPUs failed"

echo "rounds=$(cat /tmp/rounds)" | report_text hotplug
swiotlb_state | report_text swiotlb
check_nothing_used
[ -z "$LEAKS" ] || check_leaks
