# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# A confidential guest without the hardware: the counters of drivers/virt/coco/cocotest.c, and
# the statistics of swiotlb and of the atomic coherent pools.

COCO=/sys/kernel/debug/coco
ATOMIC=/sys/kernel/debug/dma_pools

# coco_begin: wait for the disks, and record the state before the load. With POOL, the disks have
# the restricted pool whose name begins with it.
# shellcheck disable=SC2153 # not $swiotlb, the number of pages
coco_begin()
{
	[ -d $COCO ] || fail "no confidential guest"
	for disk in $DISKS; do
		disk_wait "$disk" "$(disk_node "$disk")"
	done
	pool=$SWIOTLB
	restricted=0
	if [ -n "$POOL" ]; then
		pool_dir "$POOL"
		read -r restricted < "$pool/io_tlb_nslabs"
	fi
	coco_idle
	coco_line boot > /tmp/lines
	coco_round boot
}

# coco_idle: wait until pools that the probe of the disks needed are freed: until only the pool
# made at boot is left, or encryption has not changed for longer than an unneeded pool stays open.
# The base frees no pool.
coco_idle()
{
	[ -f "$SWIOTLB/pools" ] || return 0
	{ read -r _; read -r _ _ kib _; } < "$SWIOTLB/pools"
	quiet=0
	for _ in $(seq 120); do
		before=$calls
		coco_line idle > /dev/null
		quiet=$((quiet + 1))
		[ "$calls" = "$before" ] || quiet=0
		[ "$swiotlb" -gt $((kib / 4)) ] || return 0
		[ $quiet -lt 14 ] || return 0
		sleep 0.5
	done
	fail "pools come and go without a load: $(cat "$SWIOTLB/pools")"
}

# coco_set FILE VALUE
coco_set()
{
	echo "$2" > "$COCO/$1" || fail "coco/$1 does not take $2"
}

# coco_fill: fill free memory with private data, except for 64 MiB, which the guest needs.
coco_fill()
{
	read -r _ mib _ << END
$(grep MemFree: /proc/meminfo)
END
	coco_set fill $((mib / 1024 - 64))
}

# coco_line WHEN: print seconds since boot, changes of encryption, pages that are shared for
# swiotlb, for the atomic pools, for coherent memory and for anything else, pages of all
# pools, pages of the atomic pools, slots in use, in the restricted pool if there is one, and
# slots of transient pools. swguest/coco.py reads this.
coco_line()
{
	read -r now _ < /proc/uptime
	calls=0
	while IFS='=' read -r name value; do
		case $name in
		swiotlb)	swiotlb=$value ;;
		atomic)		atomic=$value ;;
		coherent)	coherent=$value ;;
		other)		other=$value ;;
		swiotlb_decrypts) decrypts=$value ;;
		swiotlb_encrypts) encrypts=$value ;;
		decrypts|encrypts) calls=$((calls + value)) ;;
		esac
	done < $COCO/state
	pages=0
	for file in "$ATOMIC"/*; do
		read -r bytes < "$file"
		pages=$((pages + bytes / 4096))
	done
	transient=0
	# shellcheck disable=SC2153 # not $swiotlb, the number of pages
	[ ! -f "$SWIOTLB/io_tlb_transient_nslabs" ] ||
		read -r transient < "$SWIOTLB/io_tlb_transient_nslabs"
	read -r used < "$pool/io_tlb_used"
	slots=$(($(swiotlb_slots) + restricted))
	echo "$1 $now $calls $swiotlb $atomic $coherent $other $((slots / 2)) $pages $used $transient"
}

# coco_round WHEN: record how often swiotlb has decrypted and encrypted memory so far, and how many
# pools it has added and freed. The base does not count pools.
coco_round()
{
	coco_line "$1" > /dev/null
	grown=0
	freed=0
	cat "$SWIOTLB/events" > /tmp/events 2> /dev/null
	while read -r name value; do
		case $name in
		grown)	grown=$value ;;
		freed)	freed=$value ;;
		esac
	done < /tmp/events
	echo "$1 $decrypts $encrypts $grown $freed" >> /tmp/rounds
}

# coco_rest ROUND: record until the pools have the size of the first line again: for REST s at most,
# and for at least 20 s, to also see the atomic pools. Lost memory is in no pool, so it does not
# count.
coco_rest()
{
	read -r _ _ _ first _ < /tmp/lines
	left=$REST
	while [ "$left" -gt 0 ]; do
		sleep 1
		coco_line rest >> /tmp/lines
		left=$((left - 1))
		[ $((REST - left)) -lt 20 ] || [ $((slots / 2)) -gt "$first" ] || break
	done
	coco_round "$1"
}

coco_watch_lines()
{
	most=0
	while [ -e /tmp/.load ]; do
		coco_line "$1" >> /tmp/lines
		if [ "$slots" -gt "$most" ]; then
			most=$slots
			swiotlb_pools > /tmp/pools.most
		fi
		sleep "$2"
	done
}

# coco_watch WHEN SECONDS: record a coco_line every SECONDS until coco_watch_end. /tmp/pools.most
# has the pools at the time when they had the most pages.
coco_watch()
{
	touch /tmp/.load
	coco_watch_lines "$1" "$2" &
}

# coco_watch_end: also wait for all other processes in the background
coco_watch_end()
{
	rm /tmp/.load
	wait
}

# coco_faults: print how many refused accesses to private memory are in the log, by either
# IOMMU. If there are many, the kernel does not log all.
coco_faults()
{
	dmesg | grep -cE 'DMAR:.*fault addr|arm-smmu-v3.* event: [CF]_'
}

coco_report()
{
	coco_line after >> /tmp/lines
	report_text rounds < /tmp/rounds
	{
		cat $COCO/state
		echo "faults=$(coco_faults)"
	} | report_text coco
	report_file lines /tmp/lines
	swiotlb_state | report_text swiotlb
	swiotlb_pools > /tmp/pools
	report_file pools /tmp/pools
	dmesg | grep -E 'WARNING: |DMA pool exhausted' > /tmp/warnings
	report_file warnings /tmp/warnings
}
