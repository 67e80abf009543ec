# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Disks, and the bounce buffers behind them.

SWIOTLB=/sys/kernel/debug/swiotlb

# pool_dir NAME: set $pool to the statistics of the restricted pool whose name begins with NAME. If
# a device gets its pool early in the boot, the base adds this directory beside $SWIOTLB.
pool_dir()
{
	for pool in "$SWIOTLB/$1"* "${SWIOTLB%/*}/$1"*; do
		[ ! -d "$pool" ] || return 0
	done
	fail "no pool $1: $(ls "$SWIOTLB")"
}
ALLOCATORS=/sys/kernel/mm/swiotlb
DMABLK=/sys/module/dmablk/parameters

# disk_node NAME: print the name of the block device for a disk of the runner. A machine has
# at most one disk of each kind.
disk_node()
{
	case $1 in
	virtio-blk)	echo vda ;;
	dmablk*)	echo dmablk0 ;;
	nvme)		echo nvme0n1 ;;
	*)		echo sda ;;
	esac
}

# disk_driver NAME: print the driver of the controller of a disk.
disk_driver()
{
	case $1 in
	virtio-blk)
		if [ -d /sys/bus/pci ]; then
			echo virtio-pci
		elif [ -d /sys/bus/ccw ]; then
			echo virtio_ccw
		else
			echo virtio-uml
		fi ;;
	*)	echo "$1" ;;
	esac
}

# disk_remove NAME: unbind the driver from all controllers of its kind.
disk_remove()
{
	driver=/sys/bus/pci/drivers/$(disk_driver "$1")
	for device in "$driver"/*:*; do
		echo "${device##*/}" > "$driver/unbind" || fail "$device stays"
	done
}

# disk_wait DISK NODE: wait for a disk, as probing is asynchronous. Skip the test if the
# kernel lacks the driver; fail if the driver finds no disk. dmablk has no bus;
# without a transfer in its name it stores the data.
disk_wait()
{
	driver=$(disk_driver "$1")
	[ -d "/sys/bus/pci/drivers/$driver" ] || [ -d "/sys/bus/platform/drivers/$driver" ] ||
		[ -d "/sys/bus/ccw/drivers/$driver" ] || [ -d "/sys/module/${driver%%-*}" ] ||
		skip "kernel without $driver"
	for _ in $(seq 100); do
		[ -b "/dev/$2" ] && break
		sleep 0.1
	done
	[ -b "/dev/$2" ] || fail "no disk $1 (/dev/$2)"
	case $1 in
	dmablk)		dmablk_set dmablk-store ;;
	dmablk-*)	dmablk_set "$1" ;;
	esac
}

# dmablk_set dmablk-TRANSFER[-remote]: set how the disk accesses the data, and whether
# another CPU does it.
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

# Print all files of swiotlb in debugfs as NAME=value, and the table of events as
# events.NAME=value.
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

# allocator_state NAME: print all files of an allocator in sysfs in the same form.
allocator_state()
{
	for file in "$ALLOCATORS/$1"/* "$ALLOCATORS/$1"/events/*; do
		[ -d "$file" ] || echo "${file##*/}=$(cat "$file")"
	done
}

swiotlb_pools()
{
	[ ! -f "$SWIOTLB/pools" ] || cat "$SWIOTLB/pools"
}

swiotlb_used()
{
	cat $SWIOTLB/io_tlb_used 2>/dev/null || echo 0
}

# bounces DISK: set $bounced to the slots in use or, for dmablk, to the requests bounced so
# far, since dmablk holds slots too briefly to be seen. Start no process: while one starts, a
# fast disk completes all requests of a guest with one CPU.
bounces()
{
	bounced=0
	case $1 in
	dmablk*)	read -r bounced < $DMABLK/bounced ;;
	*)	[ ! -r $SWIOTLB/io_tlb_used ] || read -r bounced < $SWIOTLB/io_tlb_used ;;
	esac
}

# bounces_soon DISK: as bounces, but poll until something bounces, for some milliseconds at most.
# A guest with one CPU submits nothing while this runs, and a fast disk soon completes all
# requests: so poll until the scheduler has interrupted fio.
bounces_soon()
{
	looks=0
	while bounces "$1"; [ "$bounced" = 0 ] && [ "$looks" -lt 1000 ]; do
		looks=$((looks + 1))
	done
}

# Check that no slot is in use while all disks are idle. Check twice, because a disk may
# still be handling an internal request.
check_nothing_used()
{
	left=$(swiotlb_used)
	[ "$left" = 0 ] || { sleep 2; left=$(swiotlb_used); }
	[ "$left" = 0 ] || fail "$left slots still in use with every disk idle"
}

# Print the busy and the total ticks of all CPUs so far.
cpu_ticks()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8, $2 + $3 + $4 + $5 + $6 + $7 + $8 }' /proc/stat
}
