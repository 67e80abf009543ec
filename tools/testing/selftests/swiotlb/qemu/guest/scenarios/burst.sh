# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# A load with many requests in flight, then REST idle seconds, or until only UNTIL slots
# are left; the memory of the pools is recorded all the time. The load is fio with the
# jobs of /etc/jobs, lines of NAME DISK JOBS DEPTH BS SIZE, or dma_map_benchmark with the
# options in /etc/maprows. Each fio job writes its part of the disk once and reads it back
# with checksums, from buffers that begin in the middle of a page.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/mapbench.sh
. /etc/run.conf

load_end()
{
	rm /tmp/.load
	wait
}

# in_flight: count the reads and writes that the disks of /etc/jobs have not completed.
in_flight()
{
	reads=0
	writes=0
	while read -r _ disk _; do
		read -r r w < "/sys/block/$(disk_node "$disk")/inflight"
		reads=$((reads + r))
		writes=$((writes + w))
	done < /etc/jobs
}

# let_go: wait until all jobs read and no more reads are submitted for 4 s, then tell the
# runner to lift the limit of disks that hold their requests.
let_go()
{
	most=0
	since=0
	while [ -e /tmp/.load ] && [ "$since" -lt 8 ]; do
		sleep 0.5
		in_flight
		since=$((since + 1))
		if [ "$writes" -gt 0 ] || [ "$reads" = 0 ] || [ "$reads" -gt "$most" ]; then
			most=$reads
			since=0
		fi
	done
	echo "reads=$most" | report_text held
}

fio_load()
{
	set -- --direct=1 --ioengine="$ENGINE" --rw=write --verify=crc32c \
		--do_verify=1 --verify_fatal=0 --randrepeat=1 --mem=malloc --mem_align=2048 \
		--continue_on_error=all --output-format=json --output=/tmp/fio.json
	while read -r name disk jobs depth bs size; do
		node=$(disk_node "$disk")
		disk_wait "$disk" "$node"
		echo 2 > "/sys/block/$node/queue/nomerges"
		set -- "$@" --name="$name" --filename="/dev/$node" \
			--numjobs="$jobs" --iodepth="$depth" --bs="$bs" \
			--size="$size" --offset_increment="$size"
	done < /etc/jobs
	memory_line > /tmp/memory
	touch /tmp/.load
	memory_watch /tmp/.load 0.1 >> /tmp/memory &
	let_go &
	timeout "$LOAD_SECONDS" fio "$@"
	echo "status=$?"
	load_end
}

map_load()
{
	mapbench_bind
	read -r name options < /etc/maprows
	memory_line > /tmp/memory
	touch /tmp/.load
	memory_watch /tmp/.load 0.1 >> /tmp/memory &
	# shellcheck disable=SC2086 # words
	mapbench_run /tmp/map $options
	mapbench_unbind
	load_end
	report_file "$name.map" /tmp/map
}

swiotlb_state | report_text before
if [ -f /etc/jobs ]; then
	fio_load > /tmp/load
	report_text load < /tmp/load
	[ ! -s /tmp/fio.json ] || report_file fio /tmp/fio.json
else
	map_load
fi
tail -n 1 /tmp/memory | cut -d' ' -f1 > /tmp/end
swiotlb_state | report_text after
swiotlb_pools > /tmp/pools
report_file pools.after /tmp/pools

touch /tmp/.rest
memory_watch /tmp/.rest 1 >> /tmp/memory &
rest=$REST
while [ "$rest" -gt 0 ]; do
	[ -n "$UNTIL" ] && [ "$(swiotlb_slots)" -le "$UNTIL" ] && break
	sleep 1
	rest=$((rest - 1))
done
rm /tmp/.rest
wait
memory_line >> /tmp/memory
echo "end=$(cat /tmp/end)" | report_text times
report_file memory /tmp/memory
swiotlb_state | report_text swiotlb
swiotlb_pools > /tmp/pools
report_file pools /tmp/pools
left=$(swiotlb_used)
[ "$left" = 0 ] || fail "$left slots still in use after $REST s of rest"
