# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Grow under dma_map_benchmark, with the options in /etc/maprows, and shrink by
# the shrinkers, for CYCLES_SECONDS. After each cycle everything must be as it
# was. With KMEMLEAK=1 its findings are reported, too.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /etc/run.conf

KMEMLEAK_FILE=/sys/kernel/debug/kmemleak

# Two scans: an object is suspected only once its content has not changed, and
# not in its first seconds.
leaks()
{
	sleep 6
	for _ in 1 2; do
		echo scan > $KMEMLEAK_FILE
	done
	cat $KMEMLEAK_FILE > /tmp/kmemleak
	report_file kmemleak /tmp/kmemleak
	[ ! -s /tmp/kmemleak ] || fail "kmemleak: $(head -n 20 /tmp/kmemleak)"
}

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

[ "$KMEMLEAK" != 1 ] || [ -f $KMEMLEAK_FILE ] || skip "kernel without kmemleak"
read -r _ options < /etc/maprows
boot=$(swiotlb_slots)
mapbench_bind
: > /tmp/cycles
count=1
while [ "$count" -le 3 ]; do
	cycle
	count=$((count + 1))
done
[ "$KMEMLEAK" != 1 ] || echo clear > $KMEMLEAK_FILE
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
[ "$KMEMLEAK" != 1 ] || leaks
