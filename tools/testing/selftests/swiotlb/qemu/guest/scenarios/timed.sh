# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# One fio run a line of /etc/rows: NAME DISK BS DEPTH JOBS RW. RAMP is in
# seconds, RUNTIME_MS and RAMP_MS say what they are in. BOUNCE says whether
# bounce buffers must be in use (1) or must not be (0) while a row runs, so that
# no row can be filed under the wrong name.

. /lib/report.sh
. /lib/disk.sh
. /etc/run.conf

# sample: the use of the pool and of the CPUs in the middle of a run. Few
# samples: each takes a CPU from what is measured.
sample()
{
	sleep "$RAMP"
	sleep 0.4
	ticks=$(cpu_ticks)
	most=0
	for _ in 1 2 3; do
		used=$(swiotlb_used)
		[ "$used" -gt "$most" ] && most=$used
		sleep "$STEP"
	done
	echo "ticks=$ticks $(cpu_ticks)"
	echo "used=$most"
}

row()
{
	node=$(disk_node "$2")
	disk_wait "$2" "$node"
	# Requests must reach the driver at the size that the row says.
	echo 2 > "/sys/block/$node/queue/nomerges"
	sample > /tmp/sample &
	fio --name="$1" --filename="/dev/$node" --direct=1 --ioengine="$ENGINE" \
		--bs="$3" --iodepth="$4" --numjobs="$5" --rw="$6" \
		--size="$SIZE" --offset_increment="$SIZE" --group_reporting \
		--time_based --runtime="${RUNTIME_MS}ms" \
		--ramp_time="${RAMP_MS}ms" --scramble_buffers=0 \
		--continue_on_error=io --output-format=json \
		--output=/tmp/fio.json ||
		echo "fio on row $1 ended with status $?"
	wait
	[ -s /tmp/fio.json ] || fail "fio said nothing on row $1"
	used=$(sed -n 's/^used=//p' /tmp/sample)
	[ "$BOUNCE" = 1 ] && [ "$used" = 0 ] && fail "row $1 did not bounce"
	[ "$BOUNCE" = 0 ] && [ "$used" != 0 ] && fail "row $1 bounced, $used slots"
	report_text "$1.sample" < /tmp/sample
	report_file "$1.fio" /tmp/fio.json
	rm /tmp/fio.json
}

while read -r name disk bs depth jobs rw; do
	row "$name" "$disk" "$bs" "$depth" "$jobs" "$rw" < /dev/null
done < /etc/rows
