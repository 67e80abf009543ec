# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Disks, and the bounce buffers behind them.

SWIOTLB=/sys/kernel/debug/swiotlb
DMABLK=/sys/module/dmablk/parameters

# disk_node NAME: which device node a disk of the runner's has. There is at
# most one of each kind in a machine.
disk_node()
{
	case $1 in
	virtio-blk)	echo vda ;;
	dmablk*)	echo dmablk0 ;;
	nvme)		echo nvme0n1 ;;
	*)		echo sda ;;
	esac
}

# disk_driver NAME: of its controller.
disk_driver()
{
	case $1 in
	virtio-blk)	[ -d /sys/bus/pci ] && echo virtio-pci || echo virtio-uml ;;
	*)		echo "$1" ;;
	esac
}

# disk_remove NAME: take the driver away from all controllers of its kind.
disk_remove()
{
	driver=/sys/bus/pci/drivers/$(disk_driver "$1")
	for device in "$driver"/*:*; do
		echo "${device##*/}" > "$driver/unbind" || fail "$device stays"
	done
}

# disk_wait DISK NODE: probing is asynchronous. A kernel without the driver
# cannot be tested; one with it that finds no disk has failed. dmablk has no bus.
disk_wait()
{
	driver=$(disk_driver "$1")
	[ -d "/sys/bus/pci/drivers/$driver" ] || [ -d "/sys/bus/platform/drivers/$driver" ] ||
		[ -d "/sys/module/${driver%%-*}" ] || skip "kernel without $driver"
	for _ in $(seq 100); do
		[ -b "/dev/$2" ] && break
		sleep 0.1
	done
	[ -b "/dev/$2" ] || fail "no disk $1 (/dev/$2)"
	case $1 in
	dmablk-*)	dmablk_set "$1" ;;
	esac
}

# dmablk_set dmablk-TRANSFER[-remote]: what the disk does with the data, and
# whether another CPU does it.
dmablk_set()
{
	transfer=${1#dmablk-}
	remote=0
	case $transfer in
	*-remote)	remote=1 ;;
	esac
	echo "${transfer%-remote}" > $DMABLK/transfer || fail "$1 is no dmablk"
	echo "$remote" > $DMABLK/remote
	echo 0 > $DMABLK/bounced
}

# Everything that debugfs says about the pools, as NAME=value; events, a table
# of them, as events.NAME=value.
swiotlb_state()
{
	for file in "$SWIOTLB"/*; do
		case ${file##*/} in
		pools)	;;
		events)	sed 's/ /=/; s/^/events./' "$file" ;;
		*)	[ -f "$file" ] && echo "${file##*/}=$(cat "$file")" ;;
		esac
	done
}

# The table of pools, where there is one.
swiotlb_pools()
{
	[ ! -f "$SWIOTLB/pools" ] || cat "$SWIOTLB/pools"
}

swiotlb_used()
{
	cat $SWIOTLB/io_tlb_used 2>/dev/null || echo 0
}

# bounces DISK: slots in use, or how many requests of dmablk, which may keep none for
# long enough to be seen, have bounced so far.
bounces()
{
	case $1 in
	dmablk*)	cat $DMABLK/bounced ;;
	*)	swiotlb_used ;;
	esac
}

# With every disk idle no slot is in use. A disk may still be answering a request
# of its own: look twice.
check_nothing_used()
{
	left=$(swiotlb_used)
	[ "$left" = 0 ] || { sleep 2; left=$(swiotlb_used); }
	[ "$left" = 0 ] || fail "$left slots still in use with every disk idle"
}

# Busy and total ticks of all CPUs so far.
cpu_ticks()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8, $2 + $3 + $4 + $5 + $6 + $7 + $8 }' /proc/stat
}
