# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# One fio run per line from the runner, NAME DISK BS DEPTH JOBS RW BYTES: each job
# transfers BYTES. The runner counts instructions meanwhile, so nothing else may run.

. /lib/report.sh
. /lib/disk.sh
. /lib/fio.sh
. /etc/run.conf

# Once per row: check whether any slot is in use before fio ends.
look()
{
	used=0
	while [ "$used" = 0 ] && [ ! -s /tmp/fio.json ]; do
		sleep 0.01
		used=$(swiotlb_used)
	done
	echo "$used"
}

# On a busy host a run may end between two checks, so try up to three runs.
warm_up()
{
	for try in 1 2 3; do
		rm -f /tmp/fio.json
		look > /tmp/used &
		fio_row "$1" "$3" "$4" "$5" "$6" --io_size="$7"
		wait
		[ "$BOUNCE" = 1 ] && [ "$(cat /tmp/used)" = 0 ] || break
		echo "row $1: nothing was seen in use, run $try"
	done
	fio_bounced "$1" "$(cat /tmp/used)"
}

row()
{
	fio_disk "$2"
	case $1 in
	*.warm)	warm_up "$@" ;;
	*)	fio_row "$1" "$3" "$4" "$5" "$6" --io_size="$7" ;;
	esac
	report_file "$1.fio" /tmp/fio.json
	rm /tmp/fio.json
}

exec 3< "$VERDICT"
report_text ready < /dev/null
while read -r name disk bs depth jobs rw bytes <&3 && [ "$name" != end ]; do
	row "$name" "$disk" "$bs" "$depth" "$jobs" "$rw" "$bytes" < /dev/null
done
