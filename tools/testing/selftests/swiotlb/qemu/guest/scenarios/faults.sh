# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run swio on all disks of $DISKS at once while allocations fail: first those of swiotlb, in
# the end some in the whole kernel. I/O may fail for lack of memory, but data that is read
# must be correct, and without faults all I/O must succeed again.
# OPERATIONS: operations of each of the 8 threads on each disk.

. /lib/report.sh
. /lib/disk.sh
. /lib/faults.sh
. /lib/leaks.sh
. /etc/run.conf

# load TITLE OPTION...: run swio on all disks.
load()
{
	title=$1
	shift
	pids=
	for disk in $DISKS; do
		node=$(disk_node "$disk")
		swio -m 1 -n "$OPERATIONS" "$@" "/dev/$node" > "/tmp/swio.$node" &
		pids="$pids $!"
	done
	status=0
	for pid in $pids; do
		wait "$pid" || status=1
	done
	[ $status = 0 ] || fail "$title: $(cat /tmp/swio.*)"
}

# total NAME: print the sum of a value over all disks.
total()
{
	cat /tmp/swio.* | sed -n "s/^$1=//p" | awk '{ n += $1 } END { print n + 0 }'
}

failed_of()
{
	case $1 in
	either)	echo $(($(fault_count failslab) + $(fault_count fail_page_alloc))) ;;
	*)	fault_count "$1" ;;
	esac
}

# round NAME KIND...: run loads with the faults that were set up, until an allocation of
# each KIND has failed ("either": of any kind), but at most ten times. Requests are small
# enough for the areas of the first pool, which have 256 KiB: if no other pool can be
# added, larger ones would be retried forever.
round()
{
	name=$1
	shift
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		load "$name" -e -b 131072 -j 16
		missing=
		for kind; do
			[ "$(failed_of "$kind")" -gt 0 ] || missing=$kind
		done
		[ -n "$missing" ] || break
		# An added pool would serve the next load without allocations, so free it.
		sleep 1
		echo 2 > /proc/sys/vm/drop_caches
		sleep 1
	done
	fault_off
	{
		echo "${name}_slab=$(fault_count failslab)"
		echo "${name}_pages=$(fault_count fail_page_alloc)"
		echo "${name}_failed=$(($(total failed_reads) + $(total failed_writes)))"
	} >> /tmp/faults
	[ -z "$missing" ] || fail "$name: no $missing"
	check_nothing_used
}

for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
done

# No pool can be added, because allocations of one kind or of the other fail.
fault_begin
fault_engine failslab 100
round metadata failslab
fault_begin
fault_engine fail_page_alloc 100
round pages fail_page_alloc
# Some pools can be added
fault_begin
fault_engine failslab 50
fault_engine fail_page_alloc 50
round half either
# Failed allocations of swiotlb must not print a stack.
dmesg | grep -E 'allocation failure|vmalloc error' > /tmp/noise &&
	fail "failed allocations of swiotlb are no news: $(cat /tmp/noise)"
# Fail allocations of all callers that cannot wait and must handle failures.
fault_begin
fault_set failslab ignore-gfp-wait=Y probability=3
fault_set fail_page_alloc ignore-gfp-wait=Y probability=3
round atomic failslab fail_page_alloc
load "with memory again"
report_text faults < /tmp/faults

swiotlb_state | report_text swiotlb
check_nothing_used
[ -z "$LEAKS" ] || check_leaks
