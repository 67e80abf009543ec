# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# With swiotlb=own, run lib/verify.sh on all disks of $DISKS, SIZE MiB for each job. Each disk
# must get pools of its own, which are freed when it is idle. Then it must work as before.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /etc/run.conf

# own_sum FILE [NAME]: print the sum of FILE, or of its line NAME, over the allocators of all
# devices.
own_sum()
{
	cat "$SWIOTLB"/*/"$1" | awk -v name="$2" '
		NF == 1 { n += $1 }
		$1 == name { n += $2 }
		END { print n + 0 }'
}

verify_all()
{
	for disk in $DISKS; do
		node=$(disk_node "$disk")
		disk_wait "$disk" "$node"
		verify "$disk" "$node"
	done
}

verify_all
grown=$(own_sum events grown)
most=$(own_sum io_tlb_nslabs)
[ "$grown" -gt 0 ] || fail "no device has pools of its own: $(ls "$SWIOTLB")"
check_nothing_used
left=$(own_sum io_tlb_used)
[ "$left" = 0 ] || fail "$left slots of devices are in use"

for _ in $(seq 20); do
	[ "$(own_sum io_tlb_nslabs)" != 0 ] || break
	sleep 1
done
idle=$(own_sum io_tlb_nslabs)
[ "$idle" = 0 ] || fail "idle devices keep $idle slots"

verify_all
again=$(own_sum events grown)
[ "$again" -gt "$grown" ] || fail "no pool came again"
{
	echo "grown=$grown"
	echo "most=$most"
	echo "again=$again"
} | report_text own
