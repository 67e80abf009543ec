# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the kselftest as make run_tests does, on the first disk of $DISKS and QEMU's
# pci-testdev.

. /lib/report.sh
. /lib/disk.sh
. /lib/mapbench.sh
. /etc/run.conf

node=$(disk_node "${DISKS%% *}")
disk_wait "${DISKS%% *}" "$node"
SWIOTLB_SCRATCH=/dev/$node SWIOTLB_DEVICE=$(testdev) sh /selftests/swiotlb/swiotlb.sh > /tmp/kselftest 2>&1
status=$?
report_file kselftest /tmp/kselftest
swiotlb_state | report_text swiotlb
exit $status
