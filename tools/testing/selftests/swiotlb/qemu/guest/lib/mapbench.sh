# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's dma_map_benchmark on a dedicated device.

BENCHMARK=/sys/kernel/debug/dma_map_benchmark

# testdev: print QEMU's pci-testdev, 1b36:0005. Print nothing if there is no PCI: the benchmark
# then uses the device of dmablk.
testdev()
{
	[ -d /sys/bus/pci ] || return 0
	for device in /sys/bus/pci/devices/*; do
		read -r vendor < "$device/vendor"
		read -r id < "$device/device"
		[ "$vendor$id" = 0x1b360x0005 ] && echo "${device##*/}" && return
	done
}

mapbench_bind()
{
	bus=/sys/bus/platform device=dmablk
	[ ! -d /sys/bus/pci ] || { bus=/sys/bus/pci device=$(testdev); }
	driver=$bus/drivers/dma_map_benchmark
	[ -d "$driver" ] || skip "kernel without dma_map_benchmark"
	[ -n "$device" ] || fail "no pci-testdev"
	echo dma_map_benchmark > "$bus/devices/$device/driver_override"
	echo "$device" > "$driver/bind" || fail "dma_map_benchmark does not take $device"
	[ -e $BENCHMARK ] || fail "no $BENCHMARK"
}

# mapbench_run FILE OPTION...: run the tool; write its output and exit status to FILE.
mapbench_run()
{
	file=$1
	shift
	dma_map_benchmark "$@" > "$file" < /dev/null
	echo "status=$?" >> "$file"
}

mapbench_unbind()
{
	echo "$device" > "$driver/unbind"
	[ ! -e $BENCHMARK ] || fail "$BENCHMARK is still there"
}
