# shellcheck shell=dash disable=SC1091,SC2153 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine is suspended and resumed while fio reads and writes all disks of $DISKS, once for
# each word of STATES, such as freeze:devices: a word for /sys/power/state, and one for
# /sys/power/pm_test. Pools are added before. Data that lib/verify.sh wrote before is read
# again. In the end only BOOT slots may be left.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/verify.sh
. /lib/load.sh
. /etc/run.conf

# all_slots: print the slots of all allocators, and of those of single devices.
all_slots()
{
	cat "$SWIOTLB"/io_tlb_nslabs "$SWIOTLB"/own*/io_tlb_nslabs 2> /dev/null |
		awk '{ n += $1 } END { print n, n - first } NR == 1 { first = $1 }'
}

# all_used: print the slots in use in all allocators.
all_used()
{
	cat "$SWIOTLB"/io_tlb_used "$SWIOTLB"/own*/io_tlb_used 2> /dev/null |
		awk '{ n += $1 } END { print n }'
}

# busy DISK: wait until requests are in flight.
busy()
{
	for _ in $(seq 200); do
		flying=$(load_in_flight "$(disk_node "$1")")
		[ "$flying" -lt 8 ] || return
		sleep 0.1
	done
	fail "$1: $flying requests are in flight"
}

[ -w /sys/power/pm_test ] || skip "kernel without CONFIG_PM_DEBUG"
for disk in $DISKS; do
	node=$(disk_node "$disk")
	disk_wait "$disk" "$node"
	verify "$disk" "$node"
	verify_sum "$node" > "/tmp/$disk.sum"
	load_start "$disk" "$node"
done

: > /tmp/rounds
for word in $STATES; do
	state=${word%:*}
	level=${word#*:}
	[ "$state" != mem ] || echo deep > /sys/power/mem_sleep ||
		fail "the machine only has $(cat /sys/power/mem_sleep)"
	echo "$level" > /sys/power/pm_test || fail "no $level"
	for disk in $DISKS; do
		busy "$disk"
	done
	used=$(all_used)
	slots=$(all_slots)
	echo "$state" > /sys/power/state || fail "$word: the machine is not suspended"
	echo "$state $level $flying $used $slots" >> /tmp/rounds
done
for disk in $DISKS; do
	busy "$disk"
done

for disk in $DISKS; do
	node=$(disk_node "$disk")
	load_end "$disk"
	verify_sum "$node" | cmp -s - "/tmp/$disk.sum" || fail "other data on $disk"
	verify "$disk" "$node"
done
report_text rounds < /tmp/rounds
swiotlb_state | report_text swiotlb
check_nothing_used
used=$(all_used)
[ "$used" = 0 ] || fail "$used slots are in use"
give_back "$BOOT" 400 || fail "$(swiotlb_slots) slots stay; $(swiotlb_pools)"
for _ in $(seq 300); do
	slots=$(all_slots)
	[ "${slots#* }" != 0 ] || break
	sleep 0.1
done
[ "${slots#* }" = 0 ] || fail "idle devices keep ${slots#* } slots"
