# shellcheck shell=dash disable=SC1091,SC2154 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# A load with many requests in flight in a confidential guest, then REST idle seconds; the
# shared pages are recorded all the time. With FILL, free memory is first filled with private
# data. FAIL_DECRYPT, FAIL_ENCRYPT: number of changes of at least FAIL_PAGES pages that fail
# during the load; FAIL_REST: number of encryptions that fail after it. DELAY: milliseconds that
# each change takes. With AGAIN, the load and the idle seconds are repeated.

. /lib/report.sh
. /lib/disk.sh
. /lib/memory.sh
. /lib/coco.sh
. /etc/run.conf

# Each job writes its part of the disk once and reads it back with checksums; it starts RAMP
# seconds after the one before.
load()
{
	coco_watch load 0.1
	load=$1
	set --
	for job in 0 1 2 3; do
		set -- "$@" --name="burst$job" --offset="$((job * SIZE))m" \
			--startdelay="$((job * RAMP))"
	done
	fio --filename="/dev/$(disk_node "$DISKS")" --direct=1 \
		--ioengine="$ENGINE" --rw=write --bs="$BS" --iodepth=256 \
		--size="${SIZE}m" --mem=malloc \
		--verify=crc32c --do_verify=1 --verify_fatal=1 --randrepeat=1 \
		--group_reporting --output=/tmp/fio "$@" > /tmp/fio.err 2>&1
	echo "$load=$?" >> /tmp/status
	coco_watch_end
	coco_line end >> /tmp/lines
	report_file "pools.$load" /tmp/pools.most
	cat /tmp/fio.err
}

coco_begin
[ -z "$FILL" ] || coco_fill
coco_set fail_pages "$FAIL_PAGES"
coco_set fail_decrypt "$FAIL_DECRYPT"
coco_set fail_encrypt "$FAIL_ENCRYPT"
coco_set delay_ms "${DELAY:-0}"
load first
coco_set fail_encrypt "$FAIL_REST"
coco_rest first
if [ -n "$AGAIN" ]; then
	load second
	coco_rest second
fi
report_file status /tmp/status
coco_report
check_nothing_used
