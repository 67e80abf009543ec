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
coco_line boot > /tmp/lines
coco_round boot > /tmp/rounds
if [ -n "$LOCKED" ]; then
	! cat "$SWIOTLB/io_tlb_used_hiwater" || fail "debugfs is open"
	echo 0 > "$ALLOCATORS/low/peak_bytes" || fail "the peak cannot be reset"
fi
for disk in $DISKS; do
	touch /tmp/.load
	coco_watch "$disk" /tmp/.load 0.2 >> /tmp/lines &
	verify "$disk" "$(disk_node "$disk")"
	rm /tmp/.load
	wait
done
sleep 2
coco_line after >> /tmp/lines
coco_round after >> /tmp/rounds
report_text rounds < /tmp/rounds
[ -z "$LOCKED" ] || allocator_state low | report_text low
coco_report
check_nothing_used
