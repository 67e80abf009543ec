# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# One run of dma_map_benchmark for each line of /etc/maprows: NAME OPTION...

. /lib/report.sh
. /lib/disk.sh
. /lib/mapbench.sh

mapbench_bind
while read -r name options; do
	# shellcheck disable=SC2086 # words
	mapbench_run /tmp/map $options
	report_file "$name.map" /tmp/map
done < /etc/maprows

mapbench_unbind
swiotlb_state | report_text swiotlb
left=$(swiotlb_used)
[ "$left" = 0 ] || fail "$left slots still in use"
