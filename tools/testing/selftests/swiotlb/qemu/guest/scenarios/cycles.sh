# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Grow under dma_map_benchmark, with the options in /etc/maprows, and shrink by
# the shrinkers, CYCLES times, but no longer than CYCLES_SECONDS. After each cycle
# everything must be as it was. What kmemleak finds in the end is reported, too.

. /lib/report.sh
. /lib/disk.sh
. /lib/leaks.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /etc/run.conf

# Cycles before anything is counted: what is made once is there then.
FIRST=10

# What lies in lists of CPUs counts as in use, until a cache is shrunk; what waits for
# RCU as well.
slabs()
{
	[ -f /proc/slabinfo ] || fail "kernel without slabinfo"
	sleep 1
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done
	cat /proc/slabinfo > /tmp/slabinfo
	report_file "$1" /tmp/slabinfo
}

# grow: loads until there are more slots than after boot.
grow()
{
	for _ in $(seq 50); do
		# shellcheck disable=SC2086 # words
		dma_map_benchmark $options > /tmp/map < /dev/null || fail "$(cat /tmp/map)"
		most=$(swiotlb_slots)
		[ "$most" -le "$boot" ] || return
	done
	fail "cycle $count: no pool comes; $(swiotlb_state)"
}

# cycle: one line, memory_line after it and the most slots.
cycle()
{
	grow
	give_back "$boot" 400 || fail "cycle $count: $(swiotlb_slots) slots do not go; $(swiotlb_state; swiotlb_pools)"
	left=$(swiotlb_used)
	[ "$left" = 0 ] || fail "cycle $count: $left slots are in use"
	echo "$(memory_line) $most" >> /tmp/cycles
}

uptime()
{
	read -r now _ < /proc/uptime
	echo "${now%.*}"
}

# cycles NUMBER: so many. Each tenth is followed by a line of what has no name.
cycles()
{
	count=1
	while [ "$count" -le "$1" ] && [ "$(uptime)" -lt "$end" ]; do
		cycle
		[ $((count % 10)) != 0 ] || echo "$count $(memory_unnamed)" >> /tmp/unnamed
		count=$((count + 1))
	done
}

read -r _ options < /etc/maprows
boot=$(swiotlb_slots)
end=$(($(uptime) + CYCLES_SECONDS))
mapbench_bind
cycles $FIRST
echo clear > "$KMEMLEAK" || fail "kmemleak is off"
slabs slab.before
: > /tmp/cycles
: > /tmp/unnamed
cycles "$CYCLES"
slabs slab.after
mapbench_unbind
report_file cycles /tmp/cycles
report_file unnamed /tmp/unnamed
swiotlb_state | report_text swiotlb

# It fails in a shell of its own: what it found is reported all the same.
(check_leaks)
status=$?
report_file kmemleak /tmp/leaks
exit $status
