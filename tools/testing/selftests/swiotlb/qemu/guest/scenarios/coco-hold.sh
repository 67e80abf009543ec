# shellcheck shell=dash disable=SC1091,SC2154 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# In a confidential guest, keep at least LEAST slots in use for HOLD seconds, then wait until the
# pools have their size at boot again, for REST s at most. Each word of JOBS is a disk: a job reads
# it once, with DEPTH requests of BS, and checks the data. It starts RAMP ms after the one before.
# Reads are so slow that no job ends before the frame "held", when the runner lifts their limit.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/coco.sh
. /etc/run.conf

# run_fio OPTION...: run fio on SIZE MiB of disks
run_fio()
{
	fio --direct=1 --ioengine="$ENGINE" --bs="$BS" --size="${SIZE}m" --mem=malloc --thread \
		--verify=pattern --verify_pattern=%o --verify_fatal=1 "$@" 2>&1
}

# Start a job for each word of JOBS. Pin them, so that all queues of a disk are used evenly.
start_jobs()
{
	job=0
	set -- --rw=read --iodepth="$DEPTH"
	for disk in $JOBS; do
		set -- "$@" --name="hold$job" --filename="/dev/$(disk_node "$disk")" \
			--startdelay=$((job * RAMP))ms --cpus_allowed=$((job % $(nproc)))
		job=$((job + 1))
	done
	run_fio "$@" > /tmp/fio &
}

coco_begin
for disk in $DISKS; do
	node=$(disk_node "$disk")
	echo 2 > "/sys/block/$node/queue/nomerges"
	run_fio --rw=write --do_verify=0 --iodepth=4 --name=write --filename="/dev/$node" ||
		fail "cannot write to $disk"
done

start_jobs
coco_watch load 0.5
held=0
for _ in $(seq $((HOLD + 120 + job * RAMP / 1000))); do
	sleep 1
	read -r used < "$SWIOTLB/io_tlb_used"
	[ "$used" -lt "$LEAST" ] || held=$((held + 1))
	[ $held -le "$HOLD" ] || break
done
report_text held < /dev/null
killall -INT fio
coco_watch_end
coco_line end >> /tmp/lines
failed=$((job - $(grep -c 'err= 0' /tmp/fio)))
echo "load=$failed" > /tmp/status
[ $failed = 0 ] || cat /tmp/fio
report_file pools.first /tmp/pools.most

coco_rest first
report_file status /tmp/status
coco_report
check_nothing_used
