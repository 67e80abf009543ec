# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# lib/verify.sh on every disk of $DISKS in a confidential guest, one after the other. The
# shared pages are recorded before, meanwhile and afterwards. With POOL, the disks have a
# restricted pool. With LOCKED, debugfs must be closed for what can be written, and the
# statistics in sysfs are reported.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/verify.sh
. /lib/coco.sh
. /etc/run.conf

coco_begin
if [ -n "$LOCKED" ]; then
	! cat "$SWIOTLB/io_tlb_used_hiwater" || fail "debugfs is open"
	echo 0 > "$ALLOCATORS/low/peak_bytes" || fail "the peak cannot be reset"
fi
for disk in $DISKS; do
	coco_watch "$disk" 0.2
	verify "$disk" "$(disk_node "$disk")"
	coco_watch_end
done
sleep 2
coco_round after
[ -z "$LOCKED" ] || allocator_state low | report_text low
coco_report
check_nothing_used
