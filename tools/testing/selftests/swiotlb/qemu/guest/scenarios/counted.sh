# shellcheck shell=dash disable=SC1091 # what is sourced is in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# One fio run a line that the runner sends, NAME DISK BS DEPTH JOBS RW BYTES: each job
# moves so many bytes. The runner counts instructions meanwhile: nothing else runs.

. /lib/report.sh
. /lib/disk.sh
. /lib/fio.sh
. /etc/run.conf

# Once a row: is anything ever in use until fio has ended?
look()
{
	used=0
	while [ "$used" = 0 ] && [ ! -s /tmp/fio.json ]; do
		sleep 0.01
		used=$(swiotlb_used)
	done
	echo "$used"
}

row()
{
	fio_disk "$2"
	case $1 in
	*.warm)	look > /tmp/used & ;;
	esac
	fio_row "$1" "$3" "$4" "$5" "$6" --io_size="$7"
	wait
	[ ! -f /tmp/used ] || fio_bounced "$1" "$(cat /tmp/used)"
	rm -f /tmp/used
	report_file "$1.fio" /tmp/fio.json
	rm /tmp/fio.json
}

exec 3< "$VERDICT"
report_text ready < /dev/null
while read -r name disk bs depth jobs rw bytes <&3 && [ "$name" != end ]; do
	row "$name" "$disk" "$bs" "$depth" "$jobs" "$rw" "$bytes" < /dev/null
done
