# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel after a crash: it saves DUMP MiB of the crashed kernel's memory to each disk of
# $DISKS, and reads them back; then it runs lib/verify.sh.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /etc/run.conf

# /proc/vmcore is an ELF file.
[ "$(dd if=/proc/vmcore bs=3 skip=1 count=1 2> /dev/null | head -c 1)" = F ] ||
	fail "no memory of the kernel before"
for disk in $DISKS; do
	node=$(disk_node "$disk")
	disk_wait "$disk" "$node"
	dd if=/proc/vmcore of="/dev/$node" bs=64k count=$((16 * DUMP)) iflag=fullblock \
		oflag=direct 2> /tmp/dd || fail "$(cat /tmp/dd)"
	dd if=/proc/vmcore bs=64k count=$((16 * DUMP)) iflag=fullblock 2> /dev/null |
		md5sum > /tmp/memory
	dd if="/dev/$node" bs=64k count=$((16 * DUMP)) iflag=direct 2> /dev/null |
		md5sum > /tmp/saved
	cmp -s /tmp/memory /tmp/saved || fail "$disk has other memory"
	verify "$disk" "$node"
done
swiotlb_state | report_text swiotlb
check_nothing_used
