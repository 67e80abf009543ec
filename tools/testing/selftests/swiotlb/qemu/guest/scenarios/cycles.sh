# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# CYCLES times, but no longer than CYCLES_SECONDS: add pools by dma_map_benchmark with the
# options in /etc/maprows, and free them by the shrinkers. After each cycle the pools must be
# as before. Leaks that kmemleak finds in the end are reported, too.

. /lib/report.sh
. /lib/disk.sh
. /lib/leaks.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /etc/run.conf

# Cycles before anything is counted, so that objects allocated only once already exist.
FIRST=10

# Objects in per-CPU lists count as in use until the cache is shrunk, and objects that
# wait for RCU until they are freed.
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

# grow: run loads until there are more slots than after boot.
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

# cycle: run one cycle, and record memory_line and the most slots of the cycle in a line.
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

# cycles NUMBER: run that many cycles, and memory_unnamed after each tenth.
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

# In a subshell, so that the leaks are reported even if it fails.
(check_leaks)
status=$?
report_file kmemleak /tmp/leaks
exit $status
