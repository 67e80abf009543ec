# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Writes and reads back with checksums on every disk of $DISKS: sizes from
# 512 B to 1 MiB, in buffers that start as unevenly as the disk's driver
# allows. SIZE is the MiB that each of the jobs covers; BOUNCE as in timed.sh.

. /lib/report.sh
. /lib/disk.sh
. /etc/run.conf

MIX=512/20:1k/10:2k/10:4k/20:8k/5:12k/5:20k/5:64k/10:68k/5:256k/5:512k/3:1m/2

most_used()
{
	most=0
	while [ -e /tmp/.sampling ]; do
		used=$(swiotlb_used)
		[ "$used" -gt "$most" ] && most=$used
		echo "$most" > /tmp/used
		sleep 0.1
	done
}

# verify DISK NODE. fio starts direct I/O buffers at mem_align past a page, and
# a job's next buffer follows after its largest size. So the first three jobs
# keep one uneven offset each, and the last one walks through all of a page's
# sectors.
verify()
{
	unit=$(($(cat "/sys/block/$2/queue/dma_alignment") + 1))
	fio --filename="/dev/$2" --direct=1 --ioengine="$ENGINE" \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --mem=malloc \
		--randrepeat=1 --group_reporting --size="${SIZE}m" \
		--output-format=json --output=/tmp/fio.json \
		--name=uneven --rw=randwrite --bssplit="$MIX" --iodepth=16 \
		--verify_backlog=64 --mem_align=$unit \
		--name=odd --rw=randrw --bssplit="$MIX" --iodepth=16 \
		--offset="${SIZE}m" --mem_align=$((unit * 3)) \
		--name=late --rw=write --bssplit="$MIX" --iodepth=8 \
		--offset=$((2 * SIZE))m --mem_align=$((4096 - unit)) \
		--name=sectors --rw=randwrite --bs=512 --iodepth=64 \
		--offset=$((3 * SIZE))m --size=2m --mem_align=0 ||
		fail "verify on $1: $(cat /tmp/fio.json)"
	report_file "$1.fio" /tmp/fio.json
}

for disk in $DISKS; do
	node=$(disk_node "$disk")
	disk_wait "$disk" "$node"
	echo 0 > /tmp/used
	touch /tmp/.sampling
	most_used &
	verify "$disk" "$node"
	rm /tmp/.sampling
	wait
	read -r used < /tmp/used
	echo "used=$used" | report_text "$disk.sample"
	[ "$BOUNCE" = 1 ] && [ "$used" = 0 ] && fail "$disk did not bounce"
	[ "$BOUNCE" = 0 ] && [ "$used" != 0 ] && fail "$disk bounced, $used slots"
done

swiotlb_state | report_text swiotlb

# A disk may still be answering a request of its own: look twice.
left=$(swiotlb_used)
[ "$left" = 0 ] || { sleep 2; left=$(swiotlb_used); }
[ "$left" = 0 ] || fail "$left slots still in use with every disk idle"
