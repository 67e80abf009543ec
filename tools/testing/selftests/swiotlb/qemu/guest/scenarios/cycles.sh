# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Grow under dma_map_benchmark, with the options in /etc/maprows, and shrink by
# the shrinkers, for CYCLES_SECONDS. After each cycle everything must be as it
# was. With LEAKS=1 what kmemleak finds is reported, too.

. /lib/report.sh
. /lib/disk.sh
. /lib/leaks.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /etc/run.conf

slabs()
{
	[ -f /proc/slabinfo ] || return 0
	cat /proc/slabinfo > /tmp/slabinfo
	report_file "$1" /tmp/slabinfo
}

# cycle: one line, MemFree and slots before, at the most, and after.
cycle()
{
	# shellcheck disable=SC2086 # words
	mapbench_run /tmp/map $options
	grep -q '^status=0$' /tmp/map || fail "$(cat /tmp/map)"
	most=$(swiotlb_slots)
	give_back "$boot" 200 || fail "cycle $count: $(swiotlb_slots) slots do not go; $(swiotlb_state; swiotlb_pools)"
	left=$(swiotlb_used)
	[ "$left" = 0 ] || fail "cycle $count: $left slots are in use"
	echo "$(memory_line) $most" >> /tmp/cycles
}

seconds()
{
	cut -d. -f1 /proc/uptime
}

read -r _ options < /etc/maprows
boot=$(swiotlb_slots)
mapbench_bind
: > /tmp/cycles
count=1
while [ "$count" -le 3 ]; do
	cycle
	count=$((count + 1))
done
[ -z "$LEAKS" ] || echo clear > "$KMEMLEAK" || fail "kmemleak is off"
slabs slab.before
end=$(($(seconds) + CYCLES_SECONDS))
while [ "$(seconds)" -lt "$end" ]; do
	cycle
	count=$((count + 1))
done
slabs slab.after
mapbench_unbind
report_file cycles /tmp/cycles
swiotlb_state | report_text swiotlb
[ -n "$LEAKS" ] || exit 0

# It fails in a shell of its own: what it found is reported all the same.
(check_leaks)
status=$?
report_file kmemleak /tmp/leaks
exit $status
