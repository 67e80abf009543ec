# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The memory of the pools over time. Uses only shell builtins: starting a process takes
# CPU time from the load.

# Print the slots of all pools, including closed ones, which io_tlb_nslabs does not count:
# their memory is not freed yet.
swiotlb_slots()
{
	if [ ! -f "$SWIOTLB/pools" ]; then
		read -r slots < "$SWIOTLB/io_tlb_nslabs"
		echo "$slots"
		return
	fi
	slots=0
	while read -r id _ kib _; do
		[ "$id" = id ] || slots=$((slots + kib / 2))
	done < "$SWIOTLB/pools"
	echo "$slots"
}

# memory_line: print seconds since boot, slots, slots in use, slots of transient pools,
# and free memory in KiB.
memory_line()
{
	transient=0
	read -r now _ < /proc/uptime
	{ read -r _; read -r _ free _; } < /proc/meminfo
	read -r used < "$SWIOTLB/io_tlb_used"
	[ ! -f "$SWIOTLB/io_tlb_transient_nslabs" ] ||
		read -r transient < "$SWIOTLB/io_tlb_transient_nslabs"
	slots=$(swiotlb_slots)
	echo "$now $slots $used $transient $free"
}

# memory_watch FILE SECONDS: print a memory_line every SECONDS while FILE exists.
memory_watch()
{
	while [ -e "$1" ]; do
		memory_line
		sleep "$2"
	done
}

# memory_unnamed: print the KiB that are neither free, per-CPU lists included, nor listed
# in /proc/meminfo. Leaked pages show up here; changes of page cache, slabs and per-CPU
# lists do not matter.
memory_unnamed()
{
	echo 1 > /proc/sys/vm/stat_refresh
	unnamed=0
	while read -r name kib _; do
		case $name in
		MemTotal:)
			unnamed=$((unnamed + kib)) ;;
		MemFree:|Buffers:|Cached:|SwapCached:|AnonPages:|Slab:|KernelStack:|PageTables:|SecPageTables:|VmallocUsed:|Percpu:)
			unnamed=$((unnamed - kib)) ;;
		esac
	done < /proc/meminfo
	while read -r name pages _; do
		[ "$name" != count: ] || unnamed=$((unnamed - 4 * pages))
	done < /proc/zoneinfo
	echo "$unnamed"
}

# give_back SLOTS TRIES: run the shrinkers, 20 times a second, until at most SLOTS slots
# are left.
give_back()
{
	tries=$2
	while [ "$(swiotlb_slots)" -gt "$1" ]; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		echo 2 > /proc/sys/vm/drop_caches
		sleep 0.05
	done
}
