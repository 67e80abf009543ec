# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run lib/verify.sh on COUNT disks at once, with SIZE MiB for each job. Meanwhile the kernel
# counts the bounces of each disk by block of memory.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /lib/numa.sh
. /etc/run.conf

disks=
for letter in a b c d e f g h; do
	[ "$COUNT" -gt 0 ] || break
	COUNT=$((COUNT - 1))
	disks="$disks vd$letter"
	disk_wait virtio-blk "vd$letter"
done

numa_watch
pids=
for disk in $disks; do
	verify "$disk" "$disk" &
	pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || fail "data of a disk is wrong"
done
check_nothing_used

# shellcheck disable=SC2086 # names
numa_report $disks
swiotlb_state | report_text swiotlb
