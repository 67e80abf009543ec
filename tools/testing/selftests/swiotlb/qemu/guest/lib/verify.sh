# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Write and read back with checksums: sizes from 512 B to 1 MiB, in buffers with the
# smallest alignment that the driver of the disk allows.

MIX=512/20:1k/10:2k/10:4k/20:8k/5:12k/5:20k/5:64k/10:68k/5:256k/5:512k/3:1m/2

# verify DISK NODE: fio starts direct I/O buffers at mem_align past a page, and the next
# buffer of a job after its largest size. So the first three jobs keep one unaligned
# offset each, and the last one uses all sector offsets in a page. There each sector is a
# request, so the last job has only a quarter of the size.
verify()
{
	unit=$(($(cat "/sys/block/$2/queue/dma_alignment") + 1))
	fio --filename="/dev/$2" --direct=1 --ioengine="$ENGINE" \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --mem=malloc \
		--randrepeat=1 --group_reporting --size="${SIZE}m" \
		--output-format=json --output="/tmp/$1.json" \
		--name=uneven --rw=randwrite --bssplit="$MIX" --iodepth=16 \
		--verify_backlog=64 --mem_align=$unit \
		--name=odd --rw=randrw --bssplit="$MIX" --iodepth=16 \
		--offset="${SIZE}m" --mem_align=$((unit * 3)) \
		--name=late --rw=write --bssplit="$MIX" --iodepth=8 \
		--offset=$((2 * SIZE))m --mem_align=$((4096 - unit)) \
		--name=sectors --rw=randwrite --bs=512 --iodepth=64 \
		--offset=$((3 * SIZE))m --size=$((SIZE * 256))k --mem_align=0 ||
		fail "verify on $1: $(cat "/tmp/$1.json")"
}

# verify_sum NODE: print the checksum of what verify has written.
verify_sum()
{
	dd if="/dev/$1" bs=1M count=$((4 * SIZE)) iflag=direct 2> /dev/null | md5sum
}
