# shellcheck shell=dash disable=SC1091,SC2153 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# All disks of $DISKS are unplugged while fio reads and writes them, one after the other, and
# plugged again. For each word of WAYS, one round:
#
#	remove	the kernel removes the device, then its slot loses power
#	power	a disk of SURPRISED loses power first; all others as above
#	unbind	only the driver is unbound
#
# Meanwhile all files of swiotlb are read, and its shrinkers run. Each disk has an
# allocator of its own, which must be freed with the device, but outlive its driver. Data that
# lib/verify.sh wrote before is read again. BOOT: slots that remain when all others are freed.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/verify.sh
. /lib/load.sh
. /lib/pci.sh
. /etc/run.conf

# is_one_of WORD WORDS
is_one_of()
{
	case " $2 " in
	*" $1 "*)	return 0 ;;
	esac
	return 1
}

# own_of DEVICE: print the name of the allocator of a device, or nothing.
own_of()
{
	for dir in "$ALLOCATORS"/own*:"$1"; do
		[ ! -d "$dir" ] || echo "${dir##*/}"
	done
}

# sum_kib FILE...: print the sum of these files, in KiB. Allocators may be freed meanwhile.
sum_kib()
{
	cat "$@" 2> /dev/null | awk '{ n += $1 } END { printf "%d\n", n / 1024 }'
}

# stir: read all files, and run the shrinkers, while /tmp/.stir exists.
stir()
{
	while [ -e /tmp/.stir ]; do
		cat "$ALLOCATORS"/*/* "$ALLOCATORS"/*/events/* "$SWIOTLB"/*/* > /dev/null 2>&1
		echo 2 > /proc/sys/vm/drop_caches
		sleep 1
	done
}

# busy DISK: wait until requests are in flight, and mapped by the allocator of the device if it
# has one. Set $flying, $used and $used_own.
busy()
{
	for _ in $(seq 200); do
		used_own=0
		used=$(sum_kib "$ALLOCATORS"/*/used_bytes)
		[ -z "$own" ] || used_own=$(sum_kib "$ALLOCATORS/$own/used_bytes")
		flying=$(load_in_flight "$node")
		[ "$flying" -lt 8 ] || [ "$used" = 0 ] || { [ -n "$own" ] && [ "$used_own" = 0 ]; } ||
			return 0
		sleep 0.1
	done
	fail "$1: $flying requests are in flight, $used KiB in use, $used_own of its own"
}

# gone DISK: wait until the allocator of a removed device has been freed.
gone()
{
	for _ in $(seq 300); do
		[ -d "$ALLOCATORS/$own" ] || [ -d "$SWIOTLB/$own" ] || return
		sleep 0.1
	done
	fail "$1 has gone, $own has not: $(sum_kib "$ALLOCATORS/$own/used_bytes") KiB in use"
}

# idle DISK: wait until the allocator of a device that has no driver has no pools.
idle()
{
	[ "$(own_of "$device")" = "$own" ] || fail "$own has ended with the driver of $1"
	for _ in $(seq 300); do
		[ "$(sum_kib "$ALLOCATORS/$own/total_bytes")" != 0 ] || return
		sleep 0.1
	done
	fail "$own keeps pools: $(cat "$SWIOTLB/$own/pools")"
}

# lose_power DISK: all requests stay in flight, since the device no longer answers.
lose_power()
{
	pci_slot_power "$port" off
	[ "$(pci_byte "/sys/bus/pci/devices/$device" 0)" = 255 ] || fail "$1 has power"
	[ "$(load_in_flight "$node")" != 0 ] || fail "$1 had nothing in flight"
}

# unplug DISK
unplug()
{
	read -r device port driver < "/tmp/$1.slot"
	node=$(pci_disk "$device")
	own=$(own_of "$device")
	[ -n "$own" ] || fail "$1 has no allocator: $(ls "$ALLOCATORS")"
	busy "$1"
	echo "unplug: round $round, $way, $1" > /dev/kmsg
	case $way in
	unbind)
		echo "$device" > "$driver/unbind" || fail "$1 cannot be unbound" ;;
	*)
		[ "$way" != power ] || ! is_one_of "$1" "$SURPRISED" || lose_power "$1"
		echo 1 > "/sys/bus/pci/devices/$device/remove" || fail "$1 cannot be removed"
		pci_slot_power "$port" off ;;
	esac
	load_stop "$1"
	[ -z "$(pci_disk "$device")" ] || fail "$1 stays"
	echo "$own" > "/tmp/$1.own"
	echo "$round $way $1 $flying $used $used_own" >> /tmp/rounds
	if [ "$way" = unbind ]; then
		idle "$1"
	else
		gone "$1"
	fi
}

# plug DISK
plug()
{
	read -r device port driver < "/tmp/$1.slot"
	if [ "$way" = unbind ]; then
		echo "$device" > "$driver/bind" || fail "$1 cannot be bound"
	else
		pci_slot_power "$port" on
		echo 1 > /sys/bus/pci/rescan
	fi
	for _ in $(seq 300); do
		node=$(pci_disk "$device")
		[ -z "$node" ] || [ ! -b "/dev/$node" ] || break
		sleep 0.1
	done
	[ -b "/dev/$node" ] || fail "$1 does not come"
	own=$(own_of "$device")
	read -r before < "/tmp/$1.own"
	if [ "$way" = unbind ]; then
		[ "$own" = "$before" ] || fail "$1 had $before, and has $own"
	else
		[ -z "$own" ] || [ "$own" != "$before" ] || fail "$1 has $own again"
	fi
	verify_sum "$node" | cmp -s - "/tmp/$1.sum" || fail "round $round: other data on $1"
	check "$1"
}

# check DISK: verify the disk, and keep the checksum of the data.
check()
{
	verify "$1" "$node"
	verify_sum "$node" > "/tmp/$1.sum"
}

[ -d "$ALLOCATORS" ] || skip "kernel without $ALLOCATORS"
for disk in $DISKS; do
	node=$(disk_node "$disk")
	disk_wait "$disk" "$node"
	device=$(pci_of "$node")
	echo "$device $(pci_port "$device") $(readlink -f "/sys/bus/pci/devices/$device/driver")" \
		> "/tmp/$disk.slot"
	check "$disk"
done
touch /tmp/.stir
stir &
stirring=$!

: > /tmp/rounds
: > /tmp/left
round=0
for way in $WAYS; do
	round=$((round + 1))
	for disk in $DISKS; do
		read -r device _ < "/tmp/$disk.slot"
		load_start "$disk" "$(pci_disk "$device")"
	done
	for disk in $DISKS; do
		unplug "$disk"
	done
	check_nothing_used
	left=$(sum_kib "$ALLOCATORS"/*/used_bytes)
	[ "$left" = 0 ] || fail "round $round: $left KiB are in use without a disk"
	give_back "$BOOT" 400 || fail "round $round: $(swiotlb_slots) slots stay; $(swiotlb_pools)"
	echo "$round $(memory_unnamed)" >> /tmp/left
	for disk in $DISKS; do
		plug "$disk"
	done
done
rm /tmp/.stir
wait "$stirring"

report_text rounds < /tmp/rounds
report_text left < /tmp/left
swiotlb_state | report_text swiotlb
check_nothing_used
