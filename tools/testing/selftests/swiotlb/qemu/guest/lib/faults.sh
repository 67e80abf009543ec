# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fault injection into allocations.

FAULTS=/sys/kernel/debug

# fault_set KIND NAME=value...
fault_set()
{
	dir=$FAULTS/$1
	shift
	for pair; do
		echo "${pair#*=}" > "$dir/${pair%%=*}" ||
			fail "$dir/${pair%%=*} does not take ${pair#*=}"
	done
}

fault_off()
{
	for kind in failslab fail_page_alloc; do
		fault_set $kind probability=0
	done
}

# fault_begin: reset both kinds of faults, and the counter that fault_count reads.
fault_begin()
{
	for kind in failslab fail_page_alloc; do
		[ -d "$FAULTS/$kind" ] || skip "kernel without $kind"
		fault_set $kind probability=0 interval=1 space=0 verbose=0 \
			times=1000000 ignore-gfp-wait=N \
			require-start=0 require-end=0xffffffffffffffff
	done
	fault_set fail_page_alloc min-order=0 ignore-gfp-highmem=N
}

# fault_count KIND: print the number of failures since fault_begin.
fault_count()
{
	echo $((1000000 - $(cat "$FAULTS/$1/times")))
}

# Print START and END of the code under test: the contiguous functions around
# swiotlb_transient_map() whose names begin with swiotlb_.
engine_text()
{
	grep -i ' t ' /proc/kallsyms | sort | awk '
	$3 ~ /^(__)?swiotlb_/ { if (!from) from = $1; if ($3 == "swiotlb_transient_map") it = 1; next }
	it { print "0x" from, "0x" $1; exit }
	{ from = "" }'
}

# fault_engine KIND PERCENT: fail that share of the allocations of the code under test.
fault_engine()
{
	# shellcheck disable=SC2046 # two words
	set -- "$1" "$2" $(engine_text)
	[ -n "$4" ] || fail "swiotlb is not in /proc/kallsyms"
	[ -e "$FAULTS/$1/require-start" ] || skip "kernel that cannot aim $1"
	fault_set "$1" require-start="$3" require-end="$4" stacktrace-depth=32 \
		probability="$2"
}
