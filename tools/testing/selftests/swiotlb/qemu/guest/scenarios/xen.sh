# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# In a PV dom0 of Xen: write and read SIZE MiB of each disk of $DISKS with requests of
# each of $SIZES, and continue after an error. swguest/xen.py describes the format of the
# report, and evaluates it.

. /lib/report.sh
. /lib/disk.sh
. /lib/xen.sh
. /etc/run.conf

# run DISK BS
run()
{
	bounced_begin
	fio --name="$2" --filename="/dev/$(disk_node "$1")" --rw=randwrite --bs="$2" \
		--size="${SIZE}m" --direct=1 --ioengine="$ENGINE" --iodepth=64 --iomem=mmap \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --randrepeat=1 > /tmp/fio 2>&1
	status=$?
	[ $status = 0 ] || grep -m 3 -iE 'verify|error' /tmp/fio
	echo "$2 $status $(bounced_end)" >> "/tmp/$1.runs"
}

[ "$(cat /sys/hypervisor/type)" = xen ] || fail "no Xen"
(xen_pool) > /tmp/pool || fail "$(cat /tmp/pool)"
report_text pool < /tmp/pool
for disk in $DISKS; do
	disk_wait "$disk" "$(disk_node "$disk")"
	for bs in $SIZES; do
		run "$disk" "$bs"
	done
	report_text "$disk.runs" < "/tmp/$disk.runs"
done
swiotlb_state | report_text swiotlb
check_nothing_used
