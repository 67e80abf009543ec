# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# Run lib/verify.sh on all disks of $DISKS, one after the other. Each of its jobs covers SIZE
# MiB; BOUNCE as in timed.sh. With LEAKS, kmemleak must not find a leak in the end.

. /lib/report.sh
. /lib/disk.sh
. /lib/verify.sh
. /lib/leaks.sh
. /etc/run.conf

most_used()
{
	most=0
	while [ -e /tmp/.sampling ]; do
		bounces_soon "$disk"
		used=$bounced
		[ "$used" -gt "$most" ] && most=$used
		echo "$most" > /tmp/used
		sleep 0.1
	done
}

for disk in $DISKS; do
	node=$(disk_node "$disk")
	disk_wait "$disk" "$node"
	echo 0 > /tmp/used
	touch /tmp/.sampling
	most_used &
	verify "$disk" "$node"
	report_file "$disk.fio" "/tmp/$disk.json"
	rm /tmp/.sampling
	wait
	read -r used < /tmp/used
	echo "used=$used" | report_text "$disk.sample"
	[ "$BOUNCE" = 1 ] && [ "$used" = 0 ] && fail "$disk did not bounce"
	[ "$BOUNCE" = 0 ] && [ "$used" != 0 ] && fail "$disk bounced, $used slots"
done

swiotlb_state | report_text swiotlb

check_nothing_used
[ -z "$LEAKS" ] || check_leaks
