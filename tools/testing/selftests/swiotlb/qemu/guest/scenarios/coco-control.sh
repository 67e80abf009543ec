# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Commit each violation of a confidential guest once: the detectors must find all of them.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/coco.sh
. /etc/run.conf

# read_back WHEN: print the checksum of the data that arrives from the disk, and the faults.
read_back()
{
	dd if="$node" of=/tmp/data bs=64k count=16 iflag=direct 2> /dev/null
	echo "$1.data=$(md5sum < /tmp/data | cut -d' ' -f1)"
	echo "$1.faults=$(coco_faults)"
	rm /tmp/data
}

coco_begin
node=/dev/$(disk_node "$DISKS")
yes swiotlb | dd of="$node" bs=64k count=16 iflag=fullblock oflag=direct 2> /dev/null ||
	fail "cannot write"
{
	read_back before
	echo 1 > $COCO/skip_bounce
	read_back skipped
	echo 0 > $COCO/skip_bounce
	read_back after
	sed 's/^/clean./' $COCO/state
	echo 1 > $COCO/encrypt_twice
	echo 1 > $COCO/free_shared
} > /tmp/control
report_text control < /tmp/control
coco_report
