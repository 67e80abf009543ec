# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel crashes while lib/verify.sh runs on all disks of $DISKS. The crash kernel, with
# APPEND on its command line, saves a part of the memory of the crashed one.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /lib/kexec.sh
. /etc/run.conf

for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
done
append=$(next_kernel crashed 2)
kexec -p /boot/kernel /tmp/initrd "$append" || fail "no crash kernel"
for disk in $DISKS; do
	verify "$disk" "$(disk_node "$disk")" &
done
used=0
for _ in $(seq 100); do
	used=$(swiotlb_used)
	[ "$used" = 0 ] || break
	sleep 0.05
done
echo "used=$used" | report_text load
swiotlb_state | report_text swiotlb
report_close
echo c > /proc/sysrq-trigger
fail "no crash"
