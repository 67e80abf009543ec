# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# One run of dma_map_benchmark a line of /etc/maprows: NAME OPTION...

. /lib/report.sh
. /lib/disk.sh

BENCHMARK=/sys/kernel/debug/dma_map_benchmark
DRIVER=/sys/bus/pci/drivers/dma_map_benchmark

# The device is QEMU's pci-testdev, 1b36:0005.
testdev()
{
	for device in /sys/bus/pci/devices/*; do
		read -r vendor < "$device/vendor"
		read -r id < "$device/device"
		[ "$vendor$id" = 0x1b360x0005 ] && echo "${device##*/}" && return
	done
}

[ -d $DRIVER ] || skip "kernel without dma_map_benchmark"
device=$(testdev)
[ -n "$device" ] || fail "no pci-testdev"
echo dma_map_benchmark > "/sys/bus/pci/devices/$device/driver_override"
echo "$device" > $DRIVER/bind || fail "dma_map_benchmark does not take $device"
[ -e $BENCHMARK ] || fail "no $BENCHMARK"

while read -r name options; do
	# shellcheck disable=SC2086 # words
	dma_map_benchmark $options > /tmp/map < /dev/null
	echo "status=$?" >> /tmp/map
	report_file "$name.map" /tmp/map
done < /etc/maprows

echo "$device" > $DRIVER/unbind
[ ! -e $BENCHMARK ] || fail "$BENCHMARK is still there"
swiotlb_state | report_text swiotlb
left=$(swiotlb_used)
[ "$left" = 0 ] || fail "$left slots still in use"
