# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Mappings of high memory, from the tracepoint of swiotlb.

TRACING=/sys/kernel/tracing

# highmem_first: print the address where high memory begins, or nothing if there is none.
highmem_first()
{
	awk '/zone +HighMem/ { high = 1 }
	     high && $1 == "spanned" && !$2 { exit }
	     high && $1 == "start_pfn:" { print $2 * 4096; exit }' /proc/zoneinfo
}

# highmem_watch: trace each mapping of high memory from now on.
highmem_watch()
{
	first=$(highmem_first)
	[ -n "$first" ] || fail "no high memory"
	mount -t tracefs trace "$TRACING" || fail "kernel without tracepoints"
	event=$TRACING/events/swiotlb/swiotlb_bounced
	echo "dev_addr >= $first" > "$event/filter" || fail "no filter"
	echo 1 > "$event/enable" || fail "no tracepoint"
}

# highmem_seen: print the number of traced mappings and their bytes. The trace buffer keeps
# only the latest.
highmem_seen()
{
	awk '/swiotlb_bounced: / {
		n++
		for (i = 1; i <= NF; i++)
			if (sub(/^size=/, "", $i))
				bytes += $i
	}
	END { print "highmem_maps=" n + 0; print "highmem_bytes=" bytes + 0 }' \
		"$TRACING/trace"
}
