# shellcheck shell=dash # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# fio as the comparison runs it. ENGINE and SIZE are in /etc/run.conf. If BATCH is set
# there, fio submits that many requests with one system call.

# fio_disk DISK: set $node, the disk that fio_row works on.
fio_disk()
{
	node=$(disk_node "$1")
	disk_wait "$1" "$node"
	# Without merges, requests reach the driver with the size of the row.
	echo 2 > "/sys/block/$node/queue/nomerges"
}

# fio_row NAME BS DEPTH JOBS RW OPTION...: run fio; its output is in /tmp/fio.json.
fio_row()
{
	name=$1 bs=$2 depth=$3 jobs=$4 rw=$5
	shift 5
	[ -z "$BATCH" ] || set -- "$@" --iodepth_batch_submit="$BATCH" \
		--iodepth_batch_complete_min=1 --iodepth_batch_complete_max="$BATCH"
	fio --name="$name" --filename="/dev/$node" --direct=1 --ioengine="$ENGINE" \
		--bs="$bs" --iodepth="$depth" --numjobs="$jobs" --rw="$rw" \
		--size="$SIZE" --offset_increment="$SIZE" --group_reporting \
		--scramble_buffers=0 --continue_on_error=io \
		--output-format=json --output=/tmp/fio.json "$@" ||
		echo "fio on row $name ended with status $?"
	[ -s /tmp/fio.json ] || fail "fio said nothing on row $name"
}

# fio_bounced NAME SLOTS: check the number of slots in use during a row against BOUNCE.
fio_bounced()
{
	[ "$BOUNCE" = 1 ] && [ "$2" = 0 ] && fail "row $1 did not bounce"
	[ "$BOUNCE" = 0 ] && [ "$2" != 0 ] && fail "row $1 bounced, $2 slots"
	:
}
