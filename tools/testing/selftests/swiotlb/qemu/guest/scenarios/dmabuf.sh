# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the program dmabuf with the $CASES; the runner checks which of them pass. All mappings
# must be gone afterwards.

. /lib/report.sh
. /lib/disk.sh
. /etc/run.conf

[ -c /dev/dmabuf_reader ] || skip "kernel without dmabuf_reader"
# shellcheck disable=SC2086 # words
dmabuf -n "$COUNT" $CASES > /tmp/dmabuf
status=$?
report_file dmabuf /tmp/dmabuf
swiotlb_state | report_text swiotlb
swiotlb_pools | report_text pools
[ "$status" -le 1 ] || fail "dmabuf ended with status $status"
check_nothing_used
