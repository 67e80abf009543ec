# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# A confidential guest without the hardware: what arch/x86/coco/cocotest.c says, beside
# what swiotlb and the atomic coherent pools say of themselves.

COCO=/sys/kernel/debug/coco
ATOMIC=/sys/kernel/debug/dma_pools

coco_begin()
{
	[ -d $COCO ] || fail "no confidential guest"
	for disk in $DISKS; do
		disk_wait "$disk" "$(disk_node "$disk")"
	done
}

# coco_set FILE VALUE
coco_set()
{
	echo "$2" > "$COCO/$1" || fail "coco/$1 does not take $2"
}

# coco_fill: private data in all memory that is free, but for what a guest needs to live.
coco_fill()
{
	read -r _ mib _ << END
$(grep MemFree: /proc/meminfo)
END
	coco_set fill $((mib / 1024 - 64))
}

# coco_line WHEN: seconds since boot, changes of encryption, pages that are shared for
# swiotlb, for the atomic pools, for coherent memory and for anything else; then pages of
# all pools, those of the atomic pools, slots in use, and of transient pools. swguest/coco.py
# reads it.
coco_line()
{
	read -r now _ < /proc/uptime
	calls=0
	while IFS='=' read -r name value; do
		case $name in
		swiotlb)	swiotlb=$value ;;
		atomic)		atomic=$value ;;
		coherent)	coherent=$value ;;
		other)		other=$value ;;
		decrypts|encrypts) calls=$((calls + value)) ;;
		esac
	done < $COCO/state
	pages=0
	for file in "$ATOMIC"/*; do
		read -r bytes < "$file"
		pages=$((pages + bytes / 4096))
	done
	transient=0
	# shellcheck disable=SC2153 # not the number of above
	[ ! -f "$SWIOTLB/io_tlb_transient_nslabs" ] ||
		read -r transient < "$SWIOTLB/io_tlb_transient_nslabs"
	read -r used < "$SWIOTLB/io_tlb_used"
	slots=$(swiotlb_slots)
	echo "$1 $now $calls $swiotlb $atomic $coherent $other $((slots / 2)) $pages $used $transient"
}

# coco_watch WHEN FILE SECONDS: a line every SECONDS while FILE exists.
coco_watch()
{
	while [ -e "$2" ]; do
		coco_line "$1"
		sleep "$3"
	done
}

# coco_faults: how many accesses to private memory the IOMMU has refused. The kernel
# does not log all of many.
coco_faults()
{
	dmesg | grep -c 'DMAR:.*fault addr'
}

coco_report()
{
	{
		cat $COCO/state
		echo "faults=$(coco_faults)"
	} | report_text coco
	report_file lines /tmp/lines
	swiotlb_state | report_text swiotlb
	swiotlb_pools > /tmp/pools
	report_file pools /tmp/pools
	dmesg | grep -E 'WARNING: |DMA pool exhausted' > /tmp/warnings
	report_file warnings /tmp/warnings
}
