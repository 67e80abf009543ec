# shellcheck shell=dash disable=SC1091,SC2153 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# ROUNDS times: pools are added under dma_map_benchmark, the guest hibernates to the disk SWAP,
# and boots again. Data that lib/verify.sh wrote before is read again. The pools must come back
# with the image, and must be gone in the end.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /lib/verify.sh
. /etc/run.conf

# grow: run loads until there are more slots than after boot.
grow()
{
	for _ in $(seq 50); do
		# shellcheck disable=SC2086 # words
		mapbench_run /tmp/map $options
		[ "$(swiotlb_slots)" -le "$boot" ] || return
	done
	fail "no pool comes; $(swiotlb_state)"
}

swap=/dev/$(disk_node "$SWAP")
disk_wait "$SWAP" "${swap#/dev/}"
mkswap "$swap" > /dev/null || fail "no swap"
swapon "$swap" || fail "no swap"
# Do not limit the size of the image, so that no memory is reclaimed to make it smaller.
echo $((1 << 40)) > /sys/power/image_size
echo reboot > /sys/power/disk || fail "cannot hibernate"
boot=$(swiotlb_slots)
read -r _ options < /etc/maprows
for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
	verify "$disk" "$(disk_node "$disk")"
	verify_sum "$(disk_node "$disk")" > "/tmp/$disk.sum"
done
mapbench_bind

: > /tmp/rounds
for round in $(seq "$ROUNDS"); do
	grow
	before=$(swiotlb_slots)
	echo disk > /sys/power/state || fail "round $round: no image"
	echo "$round $boot $before $(swiotlb_slots)" >> /tmp/rounds
	for disk in $DISKS; do
		node=$(disk_node "$disk")
		verify_sum "$node" | cmp -s - "/tmp/$disk.sum" || fail "round $round: other data on $disk"
		verify "$disk" "$node"
		verify_sum "$node" > "/tmp/$disk.sum"
	done
done
mapbench_unbind
give_back "$boot" 400 || fail "$(swiotlb_slots) slots stay; $(swiotlb_pools)"
report_text rounds < /tmp/rounds
swiotlb_state | report_text swiotlb
check_nothing_used
