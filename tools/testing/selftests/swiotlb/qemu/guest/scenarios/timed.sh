# shellcheck shell=dash disable=SC1091,SC2154 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# One fio run per line from the runner: NAME DISK BS DEPTH JOBS RW COLD_MS. RAMP is in
# seconds, RUNTIME_MS and RAMP_MS are in milliseconds. BOUNCE says whether bounce buffers
# must (1) or must not (0) be in use while a row runs, so that no result can be taken for that
# of another configuration. If COLD_MS is not 0, the row first runs for that time, without a
# ramp, after the pools have been freed as far as possible.

. /lib/report.sh
. /lib/disk.sh
. /lib/fio.sh
. /lib/memory.sh
. /etc/run.conf

# done_so_far: print the number of requests that the disk has completed.
done_so_far()
{
	read -r reads _ _ _ writes _ < "/sys/block/$node/stat"
	echo $((reads + writes))
}

# begun: wait until the disk has completed a request: on a busy host fio starts slowly.
begun()
{
	before=$(done_so_far)
	for _ in $(seq 400); do
		[ "$(done_so_far)" = "$before" ] || return
		sleep 0.05
	done
}

# sample DISK: print the use of the pool and of the CPUs in the middle of a run. Take few
# samples, because each of them takes CPU time from the measurement.
sample()
{
	begun
	bounces "$1"
	most=$bounced
	sleep "$RAMP"
	ticks=$(cpu_ticks)
	for _ in 1 2 3; do
		bounces_soon "$1"
		[ "$bounced" -gt "$most" ] && most=$bounced
		sleep "$STEP"
	done
	echo "ticks=$ticks $(cpu_ticks)"
	echo "used=$most"
}

# run NAME BS DEPTH JOBS RW RUNTIME_MS RAMP_MS
run()
{
	fio_row "$1" "$2" "$3" "$4" "$5" --time_based --runtime="$6ms" --ramp_time="$7ms"
}

# report NAME SAMPLE: report a row. The frame of fio completes it.
report()
{
	report_text "$1.sample" < "$2"
	report_file "$1.fio" /tmp/fio.json
	rm /tmp/fio.json
}

cold()
{
	give_back "$boot_slots" 40 || :
	echo "slots=$(swiotlb_slots)" > /tmp/cold
	run "$1.cold" "$3" "$4" "$5" "$6" "$7" 0
	echo "slots_after=$(swiotlb_slots)" >> /tmp/cold
	report "$1.cold" /tmp/cold
}

row()
{
	fio_disk "$2"
	[ "$7" = 0 ] || cold "$@"
	# On a busy host no sample may be taken while fio runs, so try again.
	for _ in 1 2 3; do
		sample "$2" > /tmp/sample &
		run "$1" "$3" "$4" "$5" "$6" "$RUNTIME_MS" "$RAMP_MS"
		wait
		used=$(sed -n 's/^used=//p' /tmp/sample)
		[ "$BOUNCE:$used" = 1:0 ] || break
	done
	fio_bounced "$1" "$used"
	report "$1" /tmp/sample
}

boot_slots=$(swiotlb_slots)
# Lines that arrive while the port is not open are lost.
exec 3< "$VERDICT"
report_text ready < /dev/null
while read -r name disk bs depth jobs rw cold <&3 && [ "$name" != end ]; do
	row "$name" "$disk" "$bs" "$depth" "$jobs" "$rw" "$cold" < /dev/null
done
