# shellcheck shell=dash disable=SC1091 # sourced files are in the guest
# SPDX-License-Identifier: GPL-2.0-only
#
# The verdict port: frames of base64 with a sequence number, a length and a checksum, as
# swguest/verdict.py reads them. The sequence number is kept in a file, because a scenario
# runs in another shell than init. If another kernel has started this one, the numbers
# continue after SEQUENCE_BEGIN, and the names of all frames but the last begin with FRAMES.

# This sets VERDICT, the port.
. /etc/run.conf
SEQUENCE=/tmp/.sequence

report_open()
{
	# A virtio console may appear only after init has started.
	while [ ! -c "$VERDICT" ]; do
		sleep 0.1
	done
	stty -F "$VERDICT" raw -echo 115200
	echo "${SEQUENCE_BEGIN:-0}" > "$SEQUENCE"
}

# report_frame NAME FILE ENCODING
report_frame()
{
	read -r seq < "$SEQUENCE"
	seq=$((seq + 1))
	echo "$seq" > "$SEQUENCE"
	digest=$(md5sum < "$2")
	case $1 in
	end)	frame=end ;;
	*)	frame=$FRAMES$1 ;;
	esac
	{
		echo "SWV $seq $frame $3 $(wc -c < "$2") ${digest%% *}"
		if [ "$3" = gzip ]; then
			gzip -c "$2" | base64
		else
			base64 "$2"
		fi
		echo "SWE $seq"
	} > "$VERDICT"
}

# report_text NAME < small text
report_text()
{
	cat > /tmp/.frame
	report_frame "$1" /tmp/.frame plain
}

# report_file NAME FILE
report_file()
{
	report_frame "$1" "$2" gzip
}

# Wait until all data has been sent, since the machine may stop next: stty waits for that.
report_close()
{
	stty -F "$VERDICT" raw
}

# Print an error and end the scenario.
fail()
{
	echo "FAIL: $*"
	exit 1
}

# Skip the test, if this kernel cannot run it.
skip()
{
	echo "$*"
	exit 4
}
