# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run lib/verify.sh on all disks of $DISKS, then start another kernel, with APPEND on its
# command line, that does the same.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /lib/kexec.sh
. /etc/run.conf

for disk in $DISKS; do
	node=$(disk_node "$disk")
	disk_wait "$disk" "$node"
	verify "$disk" "$node"
done
swiotlb_state | report_text swiotlb
check_nothing_used
append=$(next_kernel verify 0)
report_close
kexec /boot/kernel /tmp/initrd "$append"
fail "no next kernel"
