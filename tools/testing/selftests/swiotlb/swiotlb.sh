#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test the swiotlb of the running kernel. A test is skipped, with a reason, if the kernel
# or the machine lacks something that it needs.
#
# SWIOTLB_SCRATCH=/dev/...     a disk that fio may OVERWRITE: data through bounce buffers
# SWIOTLB_DEVICE=0000:00:05.0  a PCI device without a driver, such as QEMU's
#                              pci-testdev, for dma_map_benchmark

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$HERE/../kselftest/ktap_helpers.sh"

DEBUGFS=${DEBUGFS:-/sys/kernel/debug}
SWIOTLB=$DEBUGFS/swiotlb
SYSFS=${SYSFS:-/sys}
ALLOCATORS=$SYSFS/kernel/mm/swiotlb
BENCHMARK=$DEBUGFS/dma_map_benchmark
DRIVER=/sys/bus/pci/drivers/dma_map_benchmark
# Without a pool, $SWIOTLB has no files.
nothing="no $SWIOTLB/io_tlb_nslabs: no debugfs, or no pool; boot with swiotlb=force"
OUT=$(mktemp -d)
bound=

# shellcheck disable=SC2317 # a trap calls it
cleanup()
{
	[ -z "$bound" ] || echo "$bound" > "$DRIVER/unbind"
	rm -rf "$OUT"
}

# shows FILE: print the lines of a file as diagnostics.
shows()
{
	sed 's/^/# /' "$1"
}

# verdict NAME: report a test, which passes if the function of that name succeeds.
verdict()
{
	if "$1"; then
		ktap_test_pass "$1"
	else
		ktap_test_fail "$1"
	fi
}

# skip NAME REASON
skip()
{
	echo "# $2"
	ktap_test_skip "$1"
}

number()
{
	case $1 in
	'' | *[!0-9]*) return 1 ;;
	esac
}

read_used()
{
	used=$(cat "$SWIOTLB/io_tlb_used") && number "$used"
}

# Check that each file has a number; older kernels have no high-water mark.
files()
{
	for file in io_tlb_nslabs io_tlb_used io_tlb_used_hiwater; do
		[ "$file" != io_tlb_used_hiwater ] || [ -e "$SWIOTLB/$file" ] || continue
		value=$(cat "$SWIOTLB/$file") || return 1
		number "$value" || { echo "# $file: not a number: $value"; return 1; }
	done
}

# Check that the slots in use do not exceed the size plus transient pools, whose slots are
# in use but not part of the size. The files are not read at the same moment, so a kernel
# under load may need several attempts.
within_size()
{
	for attempt in 1 2 3 4 5; do
		read_used || return 1
		transient=$(cat "$SWIOTLB/io_tlb_transient_nslabs" 2> /dev/null || echo 0)
		size=$(cat "$SWIOTLB/io_tlb_nslabs")
		echo "# attempt $attempt: $used of $size slots in use, $transient transient"
		[ "$used" -gt $((size + transient)) ] || return 0
	done
	return 1
}

# Check that no pool has more slots in use than slots, and that open pools do not exceed
# the size, read before and after: pools may be added or freed meanwhile.
pools()
{
	before=$(cat "$SWIOTLB/io_tlb_nslabs")
	cat "$SWIOTLB/pools" > "$OUT/pools" || return 1
	awk -v before="$before" -v after="$(cat "$SWIOTLB/io_tlb_nslabs")" '
		NR == 1 { header = $0 == "id start KiB node state areas used"; next }
		$7 > $3 / 2 { print "# more in use than there is: " $0; bad = 1 }
		$5 !~ /^(open|closed)$/ { print "# unknown state: " $0; bad = 1 }
		$5 == "open" { slots += $3 / 2 }
		END {
			if (slots > before && slots > after) {
				print "# " slots " slots in open pools, but " after " in all"
				bad = 1
			}
			exit bad || !header
		}' "$OUT/pools"
}

# Check that events are counters, and that no memory was lost since boot because it could
# not be encrypted again.
events()
{
	shows "$SWIOTLB/events"
	awk 'NF != 2 || $2 !~ /^[0-9]+$/ { bad = 1 }
		$1 == "leaked_bytes" { leaked = $2 }
		END { exit bad || NR == 0 || leaked }' "$SWIOTLB/events"
}

statistics()
{
	if [ ! -e "$SWIOTLB/io_tlb_nslabs" ]; then
		for name in files within_size pools events; do
			skip "$name" "$nothing"
		done
		return
	fi
	verdict files
	verdict within_size
	for name in pools events; do
		if [ -e "$SWIOTLB/$name" ]; then
			verdict "$name"
		else
			skip "$name" "no $SWIOTLB/$name: a kernel without the layered allocator"
		fi
	done
}

# refuses FILE: check that only 0 can be written.
refuses()
{
	for value in 1 -1 x "" 99999999999999999999; do
		if echo "$value" 2> /dev/null > "$1"; then
			echo "# $1 accepts \"$value\""
			return 1
		fi
	done
}

# has FILE PATTERN: check that a file has one line, which matches.
has()
{
	if [ "$(wc -l < "$1")" -ne 1 ] || ! grep -qE "^($2)\$" "$1"; then
		echo "# $1: not $2: $(cat "$1")"
		return 1
	fi
}

# Check the form of each file of an allocator, and that only root can read files that reveal
# the I/O of others.
allocator()
{
	for file in total_bytes used_bytes bounced_bytes pools; do
		has "$1/$file" '[0-9]+' || return 1
	done
	has "$1/node_bytes" '[0-9]+( [0-9]+)*' && has "$1/cc_shared" '0|1' || return 1
	[ ! -e "$1/last_address" ] || has "$1/last_address" '0x[0-9a-f]+' || return 1
	[ ! -e "$1/transient_bytes" ] || has "$1/transient_bytes" '[0-9]+' || return 1
	if [ -e "$1/peak_bytes" ]; then
		has "$1/peak_bytes" '[0-9]+' && refuses "$1/peak_bytes" || return 1
	fi
	for file in "$1"/events/*; do
		has "$file" '[0-9]+' || return 1
	done
	for file in used_bytes bounced_bytes transient_bytes peak_bytes last_address events/full; do
		case $(ls -l "$1/$file" 2> /dev/null) in
		?r??------* | '') ;;
		*) echo "# other users can read $1/$file"; return 1 ;;
		esac
	done
}

# Check each allocator, and that the default ones together have the size that debugfs shows.
# Pools may be added or freed meanwhile, so this may need several attempts.
sysfs()
{
	for dir in "$ALLOCATORS"/*/; do
		allocator "${dir%/}" || return 1
	done
	[ -e "$SWIOTLB/io_tlb_nslabs" ] || return 0
	for attempt in 1 2 3 4 5; do
		slots=$(cat "$SWIOTLB/io_tlb_nslabs")
		bytes=$(cd "$ALLOCATORS" && cat low/total_bytes any/total_bytes 2> /dev/null |
			awk '{ bytes += $1 } END { printf "%.0f", bytes }')
		echo "# attempt $attempt: $bytes bytes in sysfs, $slots slots in debugfs"
		[ "$bytes" -ne $((slots * 2048)) ] || return 0
	done
	return 1
}

# Check the form of the files of devices, and that some device has used slots if any were used.
devices()
{
	most=0
	for file in $tracked; do
		dir=${file%/used_bytes}
		has "$dir/used_bytes" '[0-9]+' && has "$dir/peak_bytes" '[0-9]+' &&
			has "$dir/failed" '[0-9]+' && refuses "$dir/peak_bytes" || return 1
		peak=$(cat "$dir/peak_bytes")
		[ "$peak" -eq 0 ] || echo "# ${dir#"$SYSFS/devices/"}: at most $peak bytes"
		[ "$peak" -le "$most" ] || most=$peak
	done
	[ "$most" -gt 0 ] || [ "$(cat "$ALLOCATORS/low/peak_bytes")" -eq 0 ]
}

sysfs_files()
{
	if [ ! -d "$ALLOCATORS/low" ]; then
		skip sysfs "no $ALLOCATORS/low: no pool, or a kernel without the layered allocator"
	else
		verdict sysfs
	fi
}

# Run this last, when devices have used the pool.
sysfs_devices()
{
	tracked=$(find "$SYSFS/devices" -path '*/swiotlb/used_bytes' 2> /dev/null)
	if [ -z "$tracked" ]; then
		skip devices "no device has statistics: boot with swiotlb=track_hiwater"
	else
		verdict devices
	fi
}

# bind: bind the benchmark to a device. On failure, $reason has the reason.
bind()
{
	[ ! -e "$BENCHMARK" ] || return 0
	reason="no $BENCHMARK: CONFIG_DMA_MAP_BENCHMARK, and SWIOTLB_DEVICE= for a free PCI device"
	if [ -z "$SWIOTLB_DEVICE" ] || [ ! -d "$DRIVER" ]; then
		return 1
	fi
	if [ -e "/sys/bus/pci/devices/$SWIOTLB_DEVICE/driver" ]; then
		reason="SWIOTLB_DEVICE=$SWIOTLB_DEVICE has a driver"
		return 1
	fi
	reason="dma_map_benchmark does not take $SWIOTLB_DEVICE"
	echo dma_map_benchmark > "/sys/bus/pci/devices/$SWIOTLB_DEVICE/driver_override" &&
		echo "$SWIOTLB_DEVICE" > "$DRIVER/bind" || return 1
	bound=$SWIOTLB_DEVICE
	[ -e "$BENCHMARK" ]
}

# Map 4 KiB from two threads, with 64 mappings in flight: no map may fail.
map_benchmark()
{
	if ! "$TOOL" -k -t 2 -D 64 -S 4096 -T 1000 -d 2 > "$OUT/benchmark"; then
		shows "$OUT/benchmark"
		return 1
	fi
	grep -E '^(failures|(un)?map_(calls|p50_ns|p99_ns))=' "$OUT/benchmark" > "$OUT/figures"
	shows "$OUT/figures"
	grep -qx failures=0 "$OUT/figures" && ! grep -qx map_calls=0 "$OUT/figures"
}

benchmark()
{
	TOOL=$HERE/dma_map_benchmark
	[ -x "$TOOL" ] || TOOL=$(command -v dma_map_benchmark)
	if [ -z "$TOOL" ]; then
		skip map_benchmark "no dma_map_benchmark: build it in tools/dma"
	elif ! bind; then
		skip map_benchmark "$reason"
	else
		verdict map_benchmark
	fi
}

# watch FILE: write the most slots in use to $OUT/most, until FILE exists.
watch()
{
	most=0
	while [ ! -e "$1" ]; do
		read_used && [ "$used" -gt "$most" ] && most=$used
		sleep 0.1
	done
	echo "$most" > "$OUT/most"
}

# Verify data with sizes up to the largest request of a disk, from unaligned buffers.
verified()
{
	engine=psync
	[ ! -e /proc/sys/fs/aio-nr ] || engine=libaio
	fio --name=verify --filename="$SWIOTLB_SCRATCH" --direct=1 --ioengine=$engine \
		--rw=randwrite --bssplit=512/20:4k/30:12k/10:64k/20:68k/10:256k/5:1m/5 \
		--iodepth=16 --mem=malloc --mem_align=512 --size=32m --randrepeat=1 \
		--verify=crc32c --verify_fatal=1 --do_verify=1 > "$OUT/fio" 2>&1
}

# bounced: print the bytes that were bounced so far, 0 without this statistic.
bounced()
{
	cat "$ALLOCATORS"/*/bounced_bytes 2> /dev/null |
		awk '{ n += $1 } END { printf "%.0f\n", n }'
}

# Verify data, and skip the test if nothing was bounced: correct data then proves nothing about
# swiotlb.
fio_verify()
{
	reason=
	if [ -z "$SWIOTLB_SCRATCH" ]; then
		reason="SWIOTLB_SCRATCH= names no disk that may be overwritten"
	elif [ ! -b "$SWIOTLB_SCRATCH" ]; then
		reason="$SWIOTLB_SCRATCH is no block device"
	elif grep -q "^$SWIOTLB_SCRATCH" /proc/mounts /proc/swaps; then
		reason="$SWIOTLB_SCRATCH is in use"
	elif ! command -v fio > /dev/null; then
		reason="no fio"
	elif [ ! -e "$SWIOTLB/io_tlb_nslabs" ]; then
		reason=$nothing
	fi
	[ -z "$reason" ] || { skip fio_verify "$reason"; return; }

	read_used
	before=$used
	bytes=$(bounced)
	watch "$OUT/done" &
	rc=0
	verified || rc=$?
	: > "$OUT/done"
	wait
	bytes=$(($(bounced) - bytes))
	echo "# at most $(cat "$OUT/most") slots in use, $before before; $bytes bytes bounced"
	if [ $rc -ne 0 ]; then
		shows "$OUT/fio"
		ktap_test_fail fio_verify
	elif [ "$bytes" -eq 0 ] && [ "$(cat "$OUT/most")" -le "$before" ]; then
		skip fio_verify "nothing of $SWIOTLB_SCRATCH was bounced: boot with swiotlb=force"
	else
		ktap_test_pass fio_verify
	fi
}

trap cleanup EXIT
ktap_print_header
ktap_set_plan 8
statistics
sysfs_files
benchmark
fio_verify
sysfs_devices
ktap_finished
