# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run swio on all disks of $DISKS at once, with OPERATIONS for each of its threads. Needs
# swiotlb=track_hiwater. Check that the default pool was used or, if POOL is set, only the
# pool whose name begins with POOL. Drivers also allocate from such a pool, and must free all
# of that when they are unbound. With HIGHMEM, report how much high memory was bounced.

. /lib/report.sh
. /lib/disk.sh
. /lib/highmem.sh
. /etc/run.conf

# Number of slots of a larger request of swio, 256 KiB
BOUNCED=128

for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
done
pool=$SWIOTLB
[ -z "$POOL" ] || pool_dir "$POOL"
before=$(cat "$pool/io_tlb_used")
echo 0 > "$pool/io_tlb_used_hiwater" || fail "no high-water mark"

[ -z "$HIGHMEM" ] || highmem_watch

pids=
for disk in $DISKS; do
	node=$(disk_node "$disk")
	swio -n "$OPERATIONS" "/dev/$node" > "/tmp/swio.$node" &
	pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || fail "swio: $(cat /tmp/swio.*)"
done

{
	cat /tmp/swio.*
	[ -z "$HIGHMEM" ] || highmem_seen
} | report_text swio
swiotlb_state | report_text swiotlb
most=$(cat "$pool/io_tlb_used_hiwater")
[ "$most" -ge $((before + BOUNCED)) ] ||
	fail "$before slots of $pool were in use, then no more than $most"
if [ -n "$POOL" ]; then
	most=$(cat "$SWIOTLB/io_tlb_used_hiwater")
	[ "$most" = 0 ] || fail "$most slots of the default pool were used"
	for disk in $DISKS; do
		disk_remove "$disk"
	done
fi
SWIOTLB=$pool
check_nothing_used
