# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# What an untrusted device sees of the pages around its buffers, as drivers/iommu/edutest.c
# tells it. The runner evaluates the lines, in swguest/untrusted.py.

. /lib/report.sh
. /lib/disk.sh
. /etc/run.conf

cases=/sys/kernel/debug/edutest/cases
[ -f $cases ] || fail "no device edu, or a kernel without its driver"
cat $cases > /tmp/cases || fail "the device does not answer"
report_text cases < /tmp/cases
swiotlb_state | report_text swiotlb
check_nothing_used
