# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Report which bytes around its buffers an untrusted device sees or changes, as counted by
# drivers/iommu/edutest.c. swguest/pc.py evaluates the lines.

. /lib/report.sh
. /lib/disk.sh
. /etc/run.conf

cases=/sys/kernel/debug/edutest/cases
[ -f $cases ] || fail "no device edu, or a kernel without its driver"
cat $cases > /tmp/cases || fail "the device does not answer"
report_text cases < /tmp/cases
swiotlb_state | report_text swiotlb
check_nothing_used
