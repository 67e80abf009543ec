# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Memory is plugged and unplugged, ROUNDS times, while pools are added by dma_map_benchmark and
# freed, and lib/verify.sh runs on all disks of $DISKS. Then memory is plugged for all uses:
# pools must still be added, and must be gone in the end.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /lib/verify.sh
. /etc/run.conf

MEMORY=/sys/devices/system/memory

blocks()
{
	for block in "$MEMORY"/memory*; do
		echo "${block##*/}"
	done
}

# new_blocks: print the blocks of memory that were added since boot
new_blocks()
{
	blocks | grep -vxF -f /tmp/blocks
}

# set_blocks STATE: set all new blocks to STATE; print how many accepted it
set_blocks()
{
	n=0
	for block in $(new_blocks); do
		echo "$1" > "$MEMORY/$block/state" 2> /dev/null && n=$((n + 1))
	done
	echo "$n"
}

# wait_blocks COMMAND...: wait until the command succeeds for the list of new blocks.
wait_blocks()
{
	for _ in $(seq 600); do
		"$@" "$(new_blocks)" && return
		sleep 0.1
	done
	fail "memory does not come or go: $(new_blocks | tr '\n' ' ')"
}

# pools: add pools and free them until the load ends. Record the cycles, and the most slots.
pools()
{
	most=$boot
	while [ -e /tmp/.loaded ]; do
		# shellcheck disable=SC2086 # words
		mapbench_run /tmp/map $options
		slots=$(swiotlb_slots)
		[ "$slots" -le "$most" ] || most=$slots
		echo 2 > /proc/sys/vm/drop_caches
		cycles=$((cycles + 1))
		echo "cycles=$cycles" > /tmp/pools
		echo "most=$most" >> /tmp/pools
	done
}

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

load()
{
	while [ -e /tmp/.loaded ]; do
		verify "$1" "$2"
	done
}

for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
done
[ -f $MEMORY/block_size_bytes ] || skip "kernel without memory hotplug"
blocks > /tmp/blocks
boot=$(swiotlb_slots)
read -r _ options < /etc/maprows
mapbench_bind
cycles=0
touch /tmp/.loaded
pools &
pids=$!
for disk in $DISKS; do
	load "$disk" "$(disk_node "$disk")" &
	pids="$pids $!"
done

: > /tmp/rounds
for round in $(seq "$ROUNDS"); do
	report_text "plug.$round" < /dev/null
	wait_blocks test -n
	sleep 1
	all=$(new_blocks | wc -l)
	on=$(set_blocks online_movable)
	sleep 5
	off=$(set_blocks offline)
	# Pages that could not be migrated keep a block online: try once more.
	[ "$off" = "$on" ] || off=$((off + $(set_blocks offline)))
	report_text "unplug.$round" < /dev/null
	wait_blocks test -z
	echo "$round $all $on $off" >> /tmp/rounds
done
rm /tmp/.loaded
for pid in $pids; do
	wait "$pid" || fail "a load failed"
done

report_text plug.last < /dev/null
wait_blocks test -n
sleep 1
[ "$(set_blocks online_kernel)" != 0 ] || fail "no block is of use to the kernel"
grow
mapbench_unbind
give_back "$boot" 400 || fail "$(swiotlb_slots) slots stay; $(swiotlb_pools)"
report_text rounds < /tmp/rounds
report_text pools < /tmp/pools
swiotlb_state | report_text swiotlb
check_nothing_used
