# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine addresses of the pool under Xen, and bounced mappings by size.

KCORE=/proc/kcore
BOUNCED=/sys/kernel/tracing/events/swiotlb/swiotlb_bounced
# Pages of a segment of 128 slots, which Xen makes contiguous in machine memory
SEGMENT_PAGES=64

# kcore_offset ADDRESS: print the offset of a kernel address in /proc/kcore, by its ELF program
# headers, read as words of 64 bits: the first has flags and type.
kcore_offset()
{
	headers=$(od -An -t u2 -j 56 -N 2 $KCORE)
	od -An -v -t x8 -w56 -j 64 -N $((56 * headers)) $KCORE |
		while read -r kind offset address _ _ length _; do
			[ "${kind%00000001}" != "$kind" ] || continue
			distance=$(($1 - 0x$address))
			[ "$distance" -ge 0 ] && [ "$distance" -lt $((0x$length)) ] &&
				echo $((0x$offset + distance)) && break
		done
}

# kcore_words ADDRESS COUNT: print COUNT words from ADDRESS on, one per line.
kcore_words()
{
	offset=$(kcore_offset "$1")
	[ -n "$offset" ] || fail "$1 is not in $KCORE"
	dd if=$KCORE bs=64k iflag=skip_bytes,count_bytes,fullblock skip="$offset" \
		count=$((8 * $2)) status=none | od -An -v -t u8 -w8
}

# xen_frames FIRST COUNT: print the machine frames of these pages of dom0, one per line.
xen_frames()
{
	address=$(awk '$3 == "xen_p2m_addr" { print "0x" $1 }' /proc/kallsyms)
	[ -n "$address" ] || fail "xen_p2m_addr is not in /proc/kallsyms"
	table=$(kcore_words "$address" 1) || fail "$table"
	kcore_words $((table + 8 * $1)) "$2"
}

# xen_pool: print the number of segments of the pool, of those that are not contiguous in the
# machine, and of those that do not follow the previous segment there.
xen_pool()
{
	# shellcheck disable=SC2046 # two words
	set -- $(dmesg | sed -n \
		's/.*software IO TLB: mapped \[mem \(0x[0-9a-f]*\)-\(0x[0-9a-f]*\)\].*/\1 \2/p')
	[ -n "$2" ] || fail "no pool"
	pages=$((($2 - $1) / 4096))
	(xen_frames $(($1 / 4096)) $pages) > /tmp/frames || fail "$(cat /tmp/frames)"
	[ "$(wc -l < /tmp/frames)" = $pages ] || fail "not all of the pool is in $KCORE"
	awk -v size=$SEGMENT_PAGES '
	NR % size == 1 { segments++; broken += bad; bad = 0 }
	NR > 1 && $1 != last + 1 { if (NR % size == 1) apart++; else bad = 1 }
	{ last = $1 }
	END {
		print "segments=" segments
		print "broken=" broken + bad
		print "apart=" apart + 0
	}' /tmp/frames
}

bounced_begin()
{
	[ -d $BOUNCED ] || mount -t tracefs trace /sys/kernel/tracing ||
		fail "kernel without tracepoints"
	echo hist:keys=size > $BOUNCED/trigger || fail "kernel without histograms"
}

# bounced_end: print the number of mappings since bounced_begin, of those longer than a
# page, and the bytes of the longest.
bounced_end()
{
	sed -n 's/^{ size: *\([0-9]*\) *} hitcount: *\([0-9]*\).*/\1 \2/p' $BOUNCED/hist |
		awk '{ n += $2 }
		$1 > 4096 { long += $2 }
		$1 > most { most = $1 }
		END { print n + 0, long + 0, most + 0 }'
	echo '!hist:keys=size' > $BOUNCED/trigger
}
